"""One column of the compare page: what it varies in, its landscape, spectrum, traces and verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QSplitter, QToolButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.panels.brief import BriefVerdict
from foadv_gui.desktop.panels.fields import Editor, NumberEditor, editor_for
from foadv_gui.desktop.plots.landscape import LandscapePlot
from foadv_gui.desktop.plots.reason import PlotOrReason
from foadv_gui.desktop.plots.spectrum import SpectrumPlot
from foadv_gui.desktop.plots.traces import TracesPlot
from foadv_gui.desktop.status import at_cursor, at_mouse
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.comparison import told

if TYPE_CHECKING:
    from foadv_gui.desktop.column_session import ColumnSession
    from foadv_gui.desktop.player import Player
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.comparison import Comparison
    from foadv_gui.lab.config import Setting

_TRACES = ("loss", "tangential")
_BUTTONS = (
    ("left", "Move left", "Put this column one place to the left"),
    ("explore", "Open in Explore", "Open this column's run in Explore, with every panel and setting"),
    ("remove", "Remove", "Take this column away; two have to stay"),
)


class ColumnPanel(QFrame):
    """One run among others. What it asks for names its session's slot, whichever column that is."""

    valueWanted = Signal(int, object, bool)
    """Another value of the varying setting, and whether its control is still moving."""
    leftWanted = Signal(int)
    exploreWanted = Signal(int)
    removeWanted = Signal(int)
    unpinWanted = Signal(int)

    def __init__(self, slot: int, session: ColumnSession, player: Player, theme: ThemeKeeper) -> None:
        super().__init__()
        self.setObjectName("card")
        self.slot, self.session, self._theme = slot, session, theme
        self._setting: Setting | None = None
        self._words = ""
        self._mine = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(2)
        column.addLayout(self._header())
        self.note = QElidingLabel()
        self.note.setObjectName("faint")
        column.addWidget(self.note)
        self.landscape = LandscapePlot(session, theme)
        self.pages = PlotOrReason(self.landscape)
        self.pages.say("The first picture follows")
        self.values = QElidingLabel()
        self.values.setObjectName("faint")
        self.values.setToolTip(
            "At the cursor: the true loss L of the focused path's iterate, and in brackets the loss at its shadow, the "
            "nearest point of the plane; the off-plane share is |δ⊥|/|δ|."
        )
        top = QWidget()
        above = QVBoxLayout(top)
        above.setContentsMargins(0, 0, 0, 0)
        above.setSpacing(0)
        above.addWidget(self.pages, 1)
        above.addWidget(self.values)
        self.spectrum = SpectrumPlot(session, player, theme, compact=True)
        self.spectrum.setObjectName("")
        self.traces = TracesPlot(session, player, theme, _TRACES)
        self.trace_pages = PlotOrReason(self.traces)
        self.trace_pages.say("No path yet")
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        for part, share in ((top, 4), (self.spectrum, 2), (self.trace_pages, 2)):
            self.splitter.addWidget(part)
            self.splitter.setStretchFactor(self.splitter.count() - 1, share)
        self.splitter.setSizes([330, 105, 100])
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(4)
        column.addWidget(self.splitter, 1)
        self.verdict = BriefVerdict(session, theme)
        column.addWidget(self.verdict)
        session.surfaceChanged.connect(self._on_surface)
        session.recordingChanged.connect(self._on_recording)
        session.refusalChanged.connect(self._show_note)
        session.refused.connect(self._on_refused)
        session.prepared.connect(self._show_note)
        session.certifiedChanged.connect(self._show_certified)
        for signal in (session.cursorChanged, session.pathChanged, session.probeChanged, session.recordingChanged):
            signal.connect(self._show_values)
        theme.changed.connect(self._paint)
        self._paint()

    def _header(self) -> QHBoxLayout:
        row = self._row = QHBoxLayout()
        row.setSpacing(4)
        self.mark = QToolButton()
        self.mark.setAccessibleName("Unpin")
        self.mark.setToolTip(
            "Pinned: its focused path is a ghost in the other landscapes. Click to take the ghost away"
        )
        self.mark.setAutoRaise(True)
        self.mark.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.mark.clicked.connect(self._on_unpin)
        self.mark.hide()
        self.symbol = QLabel()
        self.symbol.setObjectName("heading")
        self.editor: Editor | None = None
        row.addWidget(self.mark)
        row.addWidget(self.symbol)
        self.buttons: dict[str, QToolButton] = {}
        for key, name, help in _BUTTONS:
            button = self.buttons[key] = QToolButton()
            button.setAccessibleName(name)
            button.setToolTip(help)
            button.setAutoRaise(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(button)
        self.buttons["left"].clicked.connect(self._on_left)
        self.buttons["explore"].clicked.connect(self._on_explore)
        self.buttons["remove"].clicked.connect(self._on_remove)
        return row

    # -- what the page says ----------------------------------------------------------------------------------------

    def show_column(self, i: int, comparison: Comparison, name: str, *, pinned: bool) -> None:
        """Show which column this is, the value of what varies, and what else tells it from the others."""
        if comparison.setting != self._setting:
            self._edit(comparison.setting)
        assert self.editor is not None
        self.editor.show_value(comparison.values[i])
        self._mine = ""  # a change clears what an earlier one was refused for
        besides = comparison.besides(i)
        self._words = ("pinned   " if pinned else "") + besides
        self.mark.setVisible(pinned)
        self.buttons["left"].setEnabled(i > 0)
        self.buttons["remove"].setEnabled(len(comparison.columns) > 2)
        self.landscape.setAccessibleName(f"Loss landscape, {name}")
        self.spectrum.plot.setAccessibleName(f"Eigenvalues at the cursor, {name}")
        self.traces.setAccessibleName(f"Loss and stationarity by step, {name}")
        self._show_note()
        self._show_certified()

    @Slot(str)
    def refuse(self, reason: str) -> None:
        """Say why a value cannot be."""
        self._mine = reason
        self._show_note()

    def _edit(self, chosen: Setting) -> None:
        """Another setting varies: another editor."""
        if self.editor is not None:
            self._row.removeWidget(self.editor)
            self.editor.edited.disconnect(self._on_edited)
            self.editor.entered.disconnect(self.landscape.setFocus)
            self.editor.refused.disconnect(self.refuse)
            self.editor.hide()
            self.editor.deleteLater()
        self._setting = chosen
        self.editor = editor_for(chosen)
        self.editor.edited.connect(self._on_edited)
        self.editor.entered.connect(self.landscape.setFocus)
        self.editor.refused.connect(self.refuse)
        self.editor.setToolTip(hover(f"{chosen.title} {chosen.symbol} of this column. {chosen.help}"))
        self._row.insertWidget(2, self.editor, 1)
        self.symbol.setText(f"{chosen.symbol} =" if chosen.symbol else told(chosen, "").strip())

    # -- what the session says -------------------------------------------------------------------------------------

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        for key, button in self.buttons.items():
            button.setIcon(icon(key, theme.text))
        self.mark.setIcon(icon("pinned", theme.accent))

    @Slot()
    def _on_surface(self) -> None:
        self.pages.say("")

    @Slot()
    def _on_recording(self) -> None:
        self.trace_pages.say("")

    @Slot(str, str)
    def _on_refused(self, _key: str, reason: str) -> None:
        self.refuse(reason)

    @Slot()
    def _show_note(self) -> None:
        """What else tells the column apart, and its radius and reach; or why it is not what was asked for."""
        session, info = self.session, self.session.info
        reason = self._mine or session.refusal
        known = "" if info is None else f"ε = {info.epsilon:.3g}   η = {info.eta:.3g}   k = {info.reach:.3g}"
        words = "   ".join(part for part in (self._words, known) if part)
        self.note.setText(f"⚠ {reason}" if reason else words)
        self.note.setObjectName("refusal" if reason else "faint")
        self.note.style().polish(self.note)
        explained = (
            "ε: the radius. η: the absolute step. k: the reach; above 1 the residual can change sign in the ball."
        )
        self.note.setToolTip(hover(reason or self._words, "" if reason else explained))
        if session.refusal and session.surface is None:
            self.pages.say(f"⚠ {session.refusal}")

    @Slot()
    def _show_certified(self) -> None:
        certified = self.session.certified
        if isinstance(self.editor, NumberEditor) and self._setting is not None:
            scale = certified.value if certified is not None and self._setting.key == "input.scale" else None
            self.editor.mark(scale)

    @Slot()
    def _show_values(self) -> None:
        mouse = self.session.probe
        if mouse is not None:
            self.values.setText(at_mouse(mouse))
        elif words := at_cursor(self.session):
            self.values.setText(words)

    # -- what a person does ----------------------------------------------------------------------------------------

    @Slot(object, bool)
    def _on_edited(self, value: object, moving: bool) -> None:
        self.valueWanted.emit(self.slot, value, moving)

    @Slot()
    def _on_left(self) -> None:
        self.leftWanted.emit(self.slot)

    @Slot()
    def _on_explore(self) -> None:
        self.exploreWanted.emit(self.slot)

    @Slot()
    def _on_unpin(self) -> None:
        self.unpinWanted.emit(self.slot)

    @Slot()
    def _on_remove(self) -> None:
        self.removeWanted.emit(self.slot)
