"""The Compare scales workspace: two to four runs side by side that differ in one setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from foadv_gui.desktop.comparing import Comparing
from foadv_gui.desktop.panels.column import ColumnPanel
from foadv_gui.desktop.panels.compare_bar import CompareBar
from foadv_gui.desktop.panels.playback import PlaybackBar
from foadv_gui.desktop.player import Player
from foadv_gui.desktop.plots.colour_bar import SharedColourBar
from foadv_gui.desktop.plots.landscape import LandscapePlot
from foadv_gui.desktop.status import Pace, doing, shown_together
from foadv_gui.desktop.undo import Choice
from foadv_gui.desktop.workspaces.workspace import Ready, Workspace
from foadv_gui.lab.comparison import comparison_names, comparison_of, load_comparison
from foadv_gui.lab.files import FileProblem, write_text
from foadv_gui.lab.ranges import united

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtGui import QShowEvent

    from foadv_gui.desktop.actions import Actions
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.comparison import Comparison
    from foadv_gui.lab.documents import Found

_AFTER_PAINT_MS = 50


class CompareWorkspace(Workspace):
    """Arranges the columns, and passes on what they ask for."""

    title = "Compare scales"
    help = "Two to four runs side by side that differ in one setting, with one playback, one plane and one zoom"

    exploreWanted = Signal(object)
    """A choice to open in Explore, with its run if there is one."""

    def __init__(self, explored: Session, theme: ThemeKeeper, actions: Actions) -> None:
        comparing = Comparing()
        super().__init__(Player(comparing.playhead, comparing), comparing.undo_stack)
        assert self.player is not None
        self.comparing, self._explored, self._theme = comparing, explored, theme
        comparing.setParent(self)
        self._paces: dict[int, Pace] = {}
        self.panels: dict[int, ColumnPanel] = {}
        self.bar = CompareBar(theme)
        self.colours = SharedColourBar(theme)
        self.colours.hide()
        self.playback = PlaybackBar(comparing.playhead, self.player, actions, theme)
        self._row = QHBoxLayout()
        self._row.setSpacing(6)
        self._row.addWidget(self.colours)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 0, 6, 0)
        column.setSpacing(4)
        column.addWidget(self.bar)
        column.addLayout(self._row, 1)
        column.addWidget(self.playback)
        self.bar.keyChosen.connect(self._on_key)
        self.bar.commonChosen.connect(self._on_common)
        self.bar.added.connect(self._on_add)
        self.bar.taken.connect(self._on_take)
        self.bar.switched.connect(self._on_switched)
        comparing.sessionMade.connect(self._on_session)
        comparing.boardChanged.connect(self._show)
        comparing.opened.connect(self._on_opened)
        comparing.refused.connect(self._on_refused)
        comparing.planesChanged.connect(self._show_planes)
        comparing.failed.connect(self.failed)

    # -- what the window shows of it -----------------------------------------------------------------------------

    @property
    def comparison(self) -> Comparison | None:
        """What is compared."""
        return self.comparing.board.comparison if self.comparing.board is not None else None

    @property
    def columns(self) -> list[ColumnPanel]:
        """The panels on show, from left to right."""
        board = self.comparing.board
        return [] if board is None else [self.panels[c.slot] for c in board.cells if c.slot in self.panels]

    @property
    def computing(self) -> bool:
        """Whether any picture is being computed."""
        return any(session.computing and session.torch_version for session in self.comparing.columns)

    @property
    def busy(self) -> bool:
        """Whether anything is on its way in any column."""
        return any(session.busy for session in self.comparing.columns)

    @property
    def doing(self) -> str:
        """What the columns do."""
        columns = self.comparing.columns
        busy = [i for i, session in enumerate(columns) if session.computing or not session.torch_version]
        if not busy:
            idle = {doing(session, self._paces.setdefault(i, Pace())) for i, session in enumerate(columns)}
            return idle.pop() if len(idle) == 1 else "Ready"
        words = doing(columns[busy[0]], self._paces.setdefault(busy[0], Pace()))
        return words if not columns[busy[0]].torch_version else f"Column {busy[0] + 1}: {words}"

    @property
    def showing(self) -> str:
        """What all columns have in common."""
        return shown_together(self.comparing.columns)

    @property
    def name(self) -> str:
        """The comparison's title."""
        return self.comparison.title if self.comparison is not None else ""

    @property
    def preset(self) -> str:
        """The ready comparison that it still has the title of."""
        return comparison_of(self.name) if self.name else ""

    @property
    def watch(self) -> str:
        """What to look at, or what it was changed from."""
        found = self.comparison
        if found is None:
            return ""
        return f"Changed from the comparison “{found.changed_from}”" if found.changed_from else found.watch

    def ready(self) -> list[Ready]:
        """The ready comparisons."""
        found = [(name, load_comparison(name)) for name in comparison_names()]
        return [Ready(name, comparison.title, comparison.watch) for name, comparison in found]

    def accepts(self, found: Found) -> bool:
        """Comparisons."""
        return found.comparison is not None

    def open(self, name: str, found: Found) -> None:
        """Show a comparison from its beginning."""
        if found.comparison is not None:
            self.comparing.open(found.comparison)

    # -- the page comes and goes ---------------------------------------------------------------------------------

    def enter(self) -> None:
        """Come to the front; the first time, with the first ready comparison if nothing was opened."""
        self.comparing.awake()
        super().enter()

    def showEvent(self, event: QShowEvent) -> None:
        """Once the page has been painted its threads may load torch, which stalls the interpreter."""
        super().showEvent(event)
        QTimer.singleShot(_AFTER_PAINT_MS, self._start)

    @Slot()
    def _start(self) -> None:
        if self.isVisible():
            self.comparing.start()

    def take_focus(self) -> None:
        """Give the keyboard to the first landscape."""
        columns = self.columns
        (columns[0].landscape if columns else self).setFocus()

    def fit(self) -> None:
        """Show the whole of all landscapes."""
        for panel in self.columns:
            panel.landscape.fit()

    def cancel(self) -> None:
        """Stop the runs of all columns."""
        for session in self.comparing.columns:
            session.cancel()

    def close_down(self) -> None:
        """Stop all timers and threads."""
        self.comparing.close_down()

    # -- files ---------------------------------------------------------------------------------------------------

    def ask_save(self) -> None:
        """Choose a file and save the comparison (.toml)."""
        path = self.ask_where("comparison.toml", "Comparison (*.toml)")
        if path:
            self.save_to(path)

    def save_to(self, path: Path) -> None:
        """Write the comparison's experiments; runs and starts set by hand are no part of the file."""
        if self.comparison is None:
            return
        path = path if path.suffix.lower() == ".toml" else path.with_name(f"{path.name}.toml")
        try:
            write_text(path, self.comparison.to_toml())
        except FileProblem as problem:
            self.warned.emit("This cannot be saved", str(problem))
            return
        by_hand = any(session.starts_by_hand for session in self.comparing.columns)
        self.told.emit(f"Saved {path}" + (", without the starts that were set by hand" if by_hand else ""))

    # -- columns -------------------------------------------------------------------------------------------------

    def pin_run(self, choice: Choice) -> None:
        """Make a run a column, and say where it went."""
        self.told.emit(self.comparing.pin(choice))

    @Slot(int)
    def _on_session(self, slot: int) -> None:
        assert self.player is not None
        session = self.comparing.sessions[slot]
        panel = self.panels[slot] = ColumnPanel(slot, session, self.player, self._theme)
        panel.hide()
        panel.valueWanted.connect(self._on_value)
        panel.leftWanted.connect(self._on_left)
        panel.removeWanted.connect(self._on_remove)
        panel.unpinWanted.connect(self._on_unpin)
        panel.exploreWanted.connect(self._on_explore)
        panel.landscape.zoomed.connect(self._on_zoomed)
        session.surfaceChanged.connect(self._share_colours)
        for told in (session.statusChanged, session.recordingChanged, session.prepared, session.progressChanged):
            told.connect(self.statusChanged)

    @Slot()
    def _show(self) -> None:
        """Show the board: which columns there are, and in which order."""
        board = self.comparing.board
        if board is None:
            return
        self.bar.show_comparison(board.comparison)
        on_show = self.columns
        for panel in self.panels.values():
            if panel not in on_show:
                panel.hide()
        for i, panel in enumerate(on_show):
            if self._row.indexOf(panel) != i:
                self._row.insertWidget(i, panel, 1)
            panel.show_column(i, board.comparison, self.comparing.name_of(i), pinned=board.cells[i].pin > 0)
            panel.show()
        self._share_colours()
        self.titleChanged.emit()
        self.statusChanged.emit()

    @Slot()
    def _show_planes(self) -> None:
        on = self.comparing.same_plane
        self.bar.explain_planes(self.comparing.why_no_common_plane if on else "")

    @Slot()
    def _on_opened(self) -> None:
        if self.player is not None:
            self.comparing.playhead.set_position(0.0)
            self.player.play()

    @Slot(str)
    def _on_refused(self, reason: str) -> None:
        if reason:
            self.told.emit(f"Not possible: {reason}")
            self._show()  # the controls go back to what is

    def _column_of(self, slot: int) -> int | None:
        return self.comparing.board.column_of(slot) if self.comparing.board is not None else None

    @Slot(int, object, bool)
    def _on_value(self, slot: int, value: object, moving: bool) -> None:
        i = self._column_of(slot)
        if i is not None:
            self.comparing.set_value(i, value, live=moving)

    @Slot(int)
    def _on_left(self, slot: int) -> None:
        i = self._column_of(slot)
        if i:
            self.comparing.move(i, i - 1)

    @Slot(int)
    def _on_remove(self, slot: int) -> None:
        i = self._column_of(slot)
        if i is not None:
            self.comparing.remove(i)

    @Slot(int)
    def _on_unpin(self, slot: int) -> None:
        i = self._column_of(slot)
        if i is not None:
            self.comparing.unpin(i)

    @Slot(int)
    def _on_explore(self, slot: int) -> None:
        session = self.comparing.sessions[slot]
        self.exploreWanted.emit(run_of(session))

    @Slot()
    def _on_add(self) -> None:
        self.comparing.add()

    @Slot()
    def _on_take(self) -> None:
        self.comparing.take(self._explored.choice)

    @Slot(str)
    def _on_key(self, key: str) -> None:
        if self.comparison is not None and key != self.comparison.key:
            self.comparing.compare_by(key)

    @Slot(str, object)
    def _on_common(self, key: str, value: object) -> None:
        self.comparing.change_all(key, value)

    # -- what columns share --------------------------------------------------------------------------------------

    @Slot(str, bool)
    def _on_switched(self, key: str, on: bool) -> None:
        if key == "one plane":
            self.comparing.set_same_plane(on)
            self.fit()
        elif key == "ghost":
            self.comparing.set_ghosts(on)
        else:
            self.colours.setVisible(on)
            self._share_colours()

    @Slot()
    def _on_zoomed(self) -> None:
        """One landscape was zoomed or moved: all are, in units of epsilon."""
        plot = self.sender()
        assert isinstance(plot, LandscapePlot)
        for panel in self.columns:
            if panel.landscape is not plot:
                panel.landscape.show_part(plot.visible_part)

    @Slot()
    def _share_colours(self) -> None:
        panels = self.columns
        surfaces = [panel.session.surface for panel in panels if panel.session.surface is not None]
        titles = {surface.title for surface in surfaces}
        ranges = [panel.landscape.colour_range for panel in panels]
        found = [one for one in ranges if one is not None]
        shared = self.bar.switches["one scale"].isChecked() and len(titles) == 1
        levels = united(found) if shared and found else None
        for panel in panels:
            panel.landscape.share_colours(levels)
        if levels is not None:
            self.colours.show_range(*levels, surfaces[0], panels[0].session.experiment.view.colormap)

    def sizeHint(self) -> QSize:
        """As wide as the window wants it."""
        return QSize(1268, 600)


def run_of(session: Session) -> Choice:
    """What a session shows, with the recording of it if that is whole: it need not be computed again."""
    return Choice(session.choice.experiment, session.choice.starts, session.finished_run)
