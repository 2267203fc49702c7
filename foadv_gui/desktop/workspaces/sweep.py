"""The Sweep workspace: one experiment at many settings, its live pictures, its rows, and what they say."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from foadv_gui.core.cores import cores
from foadv_gui.desktop.panels.card import card
from foadv_gui.desktop.panels.invite import Invite, Offer
from foadv_gui.desktop.panels.sweep_plots import SweepPlots
from foadv_gui.desktop.panels.sweep_run import progress_words
from foadv_gui.desktop.panels.sweep_setup import SweepSetup
from foadv_gui.desktop.panels.sweep_table import SweepTableView
from foadv_gui.desktop.replacing import Replacing
from foadv_gui.desktop.sweep_desk import Plan, State, SweepDesk
from foadv_gui.desktop.theme import hover
from foadv_gui.desktop.workspaces.workspace import Ready, Workspace
from foadv_gui.lab.documents import Found
from foadv_gui.lab.files import write_text
from foadv_gui.lab.palette import DARK
from foadv_gui.lab.sweep.draft import Draft
from foadv_gui.lab.sweep.marks import point_words, short_name
from foadv_gui.lab.sweep.ready import load_sweep, sweep_names

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.desktop.filing import Filing
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.table import SweepTable

_KINDS = (
    "Table (*.parquet);;Table as text (*.csv);;Figure for a paper (*.svg);;Figure for a slide (*.png);;Sweep (*.toml)"
)
_ENDINGS = (".parquet", ".csv", ".svg", ".png", ".toml")


class SweepWorkspace(Workspace):
    """Arranges the panels, and passes on what concerns the window."""

    title = "Sweep"
    help = "One experiment at many settings: curves, maps and a table that grow while it is computed"

    openWanted = Signal(str, object)
    """A point's experiment is to be shown: its name, and what is found under it."""

    def __init__(self, session: Session, theme: ThemeKeeper, filing: Filing) -> None:
        self.desk = SweepDesk(Plan(Draft.beginning(session.experiment), cores()))
        super().__init__(undo_stack=self.desk.undo_stack)
        self.desk.setParent(self)
        self._session, self.theme, self._filing = session, theme, filing
        self._entered = self._built = False
        self._saving: tuple[str, SweepTable] | None = None
        """The table that is being written, and where."""
        for told in (self.desk.planChanged, self.desk.stateChanged):
            told.connect(self.titleChanged)
        self._replacing = Replacing(self, self.desk)
        self.desk.failed.connect(self.failed)
        filing.saved.connect(self._on_saved)

    def _build(self) -> None:
        """Make the panels when somebody first looks: half a second that a launch does without."""
        if self._built:
            return
        self._built = True
        theme = self.theme
        self.setup = SweepSetup(self.desk, theme)
        self.invite = _invite(theme)
        self.plots = SweepPlots(self.desk, theme)
        self.table = SweepTableView(self.desk, theme)
        self.sentence = QLabel()
        self.sentence.setObjectName("said")
        self.sentence.setWordWrap(True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.sentence.setToolTip(hover("What the rows so far say, read off the table"))
        self.sentence.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.details = QLabel()
        self.details.setObjectName("faint")
        self.details.setWordWrap(True)
        self.details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.details.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.plots, "Plots")
        self.tabs.addTab(self.table, "Table")
        self.tabs.setCornerWidget(self.plots.ground)
        self.tabs.currentChanged.connect(self._on_tab)
        self.tabs.setTabToolTip(0, "Curves with quartiles, or maps over two settings")
        self.tabs.setTabToolTip(1, "All rows: sort them, copy them, open one with a double click")
        results = QWidget()
        column = QVBoxLayout(results)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(card(self.sentence, self.details, margins=(12, 6, 12, 6), spacing=2))
        column.addWidget(self.tabs, 1)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.invite)
        self.pages.addWidget(results)
        self.columns = QSplitter(Qt.Orientation.Horizontal)
        self.columns.addWidget(self.setup)
        self.columns.addWidget(self.pages)
        self.columns.setSizes([310, 950])
        self.columns.setStretchFactor(0, 0)
        self.columns.setStretchFactor(1, 1)
        self.columns.setChildrenCollapsible(False)
        self.columns.setHandleWidth(6)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 4)
        row.addWidget(self.columns)
        desk = self.desk
        self.setup.exploreWanted.connect(self._take_from_explore)
        self.setup.entered.connect(self._on_entered)
        self.setup.run.startWanted.connect(self.start)
        self.invite.chosen.connect(self._on_ready)
        self.plots.opened.connect(self.open_point)
        self.table.opened.connect(self.open_point)
        for told in (desk.stateChanged, desk.progressChanged, desk.overviewChanged):
            told.connect(self._show)
            told.connect(self.statusChanged)
        self._show()

    # -- what the window asks ------------------------------------------------------------------------------------

    @property
    def computing(self) -> bool:
        """Whether a sweep is being computed."""
        return self.desk.running and not self.desk.stopping

    @property
    def doing(self) -> str:
        """How far the sweep is."""
        if self.desk.stopping:
            return "Stopping: the rows are being written"
        return f"Sweep: {progress_words(self.desk)}" if self.desk.running else "Ready"

    @property
    def showing(self) -> str:
        """How many rows are on show, and of which sweep."""
        shown = self.desk.overview
        if shown is None:
            return ""
        sweep = shown.table.sweep
        over = " × ".join(map(short_name, sweep.axes))
        unsaved = len(shown.table.frame) and not self.desk.saved
        where = self.desk.source or ("not saved" if unsaved else "")
        parts = (over, f"{len(shown.table.frame):,} of {sweep.size:,} points", where)
        return "   ".join(part for part in parts if part) + " "

    @property
    def name(self) -> str:
        """The base experiment's title."""
        return self.desk.draft.base.title

    @property
    def preset(self) -> str:
        """The ready sweep that is set up, unchanged."""
        planned = self.desk.draft.sweep
        name = next((name for name, sweep in _ready_sweeps().items() if sweep.base.title == self.name), "")
        return name if name and planned is not None and planned.identity == _ready_sweeps()[name].identity else ""

    @property
    def watch(self) -> str:
        """What to look at in a ready sweep, or what the page is for."""
        return self.desk.draft.base.watch if self.preset else self.help

    @property
    def busy(self) -> bool:
        """Whether rows or pictures are on their way."""
        return self.desk.busy

    @property
    def unsaved(self) -> str:
        """The rows that are in no file that somebody chose."""
        shown = self.desk.overview
        rows = 0 if shown is None or self.desk.saved else len(shown.table.frame)
        return f"{rows:,} rows of the sweep" if rows > 1 else "a row of the sweep" if rows else ""

    def ready(self) -> list[Ready]:
        """The ready sweeps."""
        bases = {name: sweep.base for name, sweep in _ready_sweeps().items()}
        return [Ready(name, f"Sweep: {base.title or name}", base.watch) for name, base in bases.items()]

    def accepts(self, found: Found) -> bool:
        """Sweeps and their tables."""
        return found.sweep is not None

    def open(self, name: str, found: Found) -> None:
        """Set a sweep up, and show what was computed of it."""
        assert found.sweep is not None
        self._entered = True
        if self.desk.running:
            self.warned.emit("This cannot be opened", f"{name}: a sweep is being computed; cancel it first (Esc)")
            return
        source = name if found.table is not None else ""
        self._replacing.ask(partial(self.desk.open, found.sweep, found.table, source))

    def enter(self) -> None:
        """Come to the front; at first with Explore's experiment."""
        self._build()
        if not self._entered:
            self._entered = True
            self.desk.begin_with(self._session.experiment)
        super().enter()

    def take_focus(self) -> None:
        """Give the keyboard to the button that starts."""
        self.setup.run.button.setFocus(Qt.FocusReason.OtherFocusReason)

    def cancel(self) -> None:
        """Stop the sweep."""
        self.desk.cancel()

    def close_down(self) -> None:
        """Stop the sweep and its threads, and wait for them."""
        self.desk.close()

    # -- starting ------------------------------------------------------------------------------------------------

    @Slot()
    def start(self) -> None:
        """Start the sweep, or ask first where it is huge."""
        if not self.desk.draft.huge:
            self._begin()
            return
        words = f"{self.desk.draft.words}: that may take days, and the table gigabytes. Compute them all?"
        box = QMessageBox(QMessageBox.Icon.Question, "A very large sweep", words, parent=self)
        box.setObjectName("huge")
        box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.accepted.connect(self._begin)
        box.open()

    @Slot()
    def _begin(self) -> None:
        if self.desk.resumable:
            self.desk.start()
        else:
            self._replacing.ask(self.desk.start)

    @Slot()
    def _on_entered(self) -> None:
        if self.desk.draft.sweep is not None:
            self.take_focus()

    @Slot()
    def _take_from_explore(self) -> None:
        self.desk.set_base(self._session.experiment)

    @Slot(str, bool)
    def _on_ready(self, name: str, at_once: bool) -> None:
        self.desk.open(load_sweep(name))
        if at_once:
            self.desk.start()
        self.take_focus()

    # -- what comes back -----------------------------------------------------------------------------------------

    @Slot()
    def _show(self) -> None:
        desk = self.desk
        self.pages.setCurrentIndex(0 if desk.state is State.EMPTY else 1)
        shown = desk.overview
        if shown is not None and shown.sentence:
            self.sentence.setText(shown.headline)
        elif desk.state is State.FAILED:
            self.sentence.setText(f"The sweep did not start: {desk.trouble}")
        else:
            self.sentence.setText("The first rows are on their way." if desk.running else "Nothing has been computed.")
        self.details.setText("" if shown is None else shown.details)
        self.details.setVisible(bool(self.details.text()))

    @Slot()
    def _on_tab(self) -> None:
        self.plots.ground.setVisible(self.tabs.currentWidget() is self.plots)

    @Slot(int)
    def open_point(self, index: int) -> None:
        """Show the experiment of a point in Explore."""
        if self.desk.sweep is None:
            return
        point = self.desk.sweep.point(index)
        which = point_words(point)
        base = self.desk.sweep.base.title.split(":")[0]
        title = f"{base} at {which}" if base else which
        try:
            experiment = point.experiment.changed({"title": title, "watch": f"A point of the sweep: {which}"})
        except ValueError as error:
            self.warned.emit("This cannot be opened", str(error))
            return
        self.openWanted.emit(which, Found(experiment))

    # -- saving --------------------------------------------------------------------------------------------------

    def ask_save(self) -> None:
        """Choose a file for the table, the figure or the sweep itself."""
        path = self.ask_where("sweep.parquet", _KINDS)
        if path:
            self.save_to(path)

    def save_to(self, path: Path) -> None:
        """Save by the file's ending: the table, a figure of it, or the sweep without its rows."""
        ending = path.suffix.lower()
        planned, shown = self.desk.draft.sweep, self.desk.overview
        if ending not in _ENDINGS:
            why = f"{path}: the name must end in {', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}"
        elif ending == ".toml":
            why = "" if planned is not None else f"{path}: {self.desk.draft.problem}"
        else:
            why = "" if shown is not None else f"{path}: nothing has been computed yet"
        if why:
            self.warned.emit("This cannot be saved", why)
        elif ending == ".toml" and planned is not None:
            self._filing.save(path, partial(write_text, path, planned.to_toml()))
        elif shown is not None and ending in (".parquet", ".csv"):
            from foadv_gui.lab.sweep.table import write_table

            self._saving = str(path), shown.table
            self._filing.save(path, partial(write_table, shown.table, path))
        elif shown is not None:
            self._filing.save(path, partial(_draw, shown.table, path, "dark" if self.theme.theme is DARK else "light"))

    @Slot(str)
    def _on_saved(self, path: str) -> None:
        """Now the rows are in the file, unless others are on show by now."""
        if self._saving is not None and self._saving[0] == path:
            self.desk.note_saved(*self._saving)
            self._saving = None


def _invite(theme: ThemeKeeper) -> Invite:
    return Invite(
        "One experiment, many settings",
        "A sweep runs one experiment at every combination of the settings that you let vary, and shows what changes: "
        "how many maxima there are, how soon they are reached, and where uniqueness is proven.",
        [
            Offer(name, sweep.base.title, sweep.base.watch, Draft.of(sweep).words)
            for name, sweep in _ready_sweeps().items()
        ],
        verb="Run",
        takes="about a minute",
        others="Or take one of these, look at what varies on the left, and press Start:",
        theme=theme,
    )


@cache
def _ready_sweeps() -> dict[str, Sweep]:
    """The sweeps that come with the program by name, read once."""
    return {name: load_sweep(name) for name in sweep_names()}


def _draw(table: SweepTable, path: Path, theme: Literal["light", "dark"]) -> None:
    from foadv_gui.lab.sweep.figure import save  # with matplotlib

    save(table, path, size=(1920, 1080), theme=theme)
