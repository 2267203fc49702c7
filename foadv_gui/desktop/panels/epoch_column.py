"""One column of a training: which arm it follows, and its landscape, spectrum, profile and input at an epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QSizePolicy, QSplitter, QToolButton, QVBoxLayout
from superqt import QElidingLabel

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.plots.epoch_landscape import WIDEST, EpochLandscape
from foadv_gui.desktop.plots.input import InputPlot
from foadv_gui.desktop.plots.profile import ProfilePlot
from foadv_gui.desktop.plots.reason import PlotOrReason
from foadv_gui.desktop.plots.spectrum import SpectrumPlot
from foadv_gui.desktop.plots.train_curve import dash_of
from foadv_gui.desktop.theme import hover, pen
from foadv_gui.lab.training.looks import line_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QResizeEvent
    from PySide6.QtWidgets import QWidget

    from foadv_gui.desktop.epoch_session import EpochSession
    from foadv_gui.desktop.player import Player
    from foadv_gui.desktop.theme import ThemeKeeper

PARTS = ("landscape", "spectrum", "profile", "input")
_SHARES = {"landscape": 5, "spectrum": 4, "profile": 4, "input": 3}
_BUTTONS = (
    ("explore", "Open in Explore", "Open the network of this epoch at this point in Explore, with restarts"),
    ("remove", "Remove", "Take this column away; one has to stay"),
)
_SAMPLE = QSize(18, 12)
_WIDE = 1.9
"""From so many times its height on a column has its parts side by side: a landscape is best seen as a square."""
_ANY_PX = 16_777_215
"""Qt's QWIDGETSIZE_MAX."""
_BETWEEN, _SLACK_PX = ",  ", 8
_ROOM_PX = 280
"""From this width on there is room in the head for the epoch."""
_VALUES = (
    "L: the loss at the adversary that this epoch's inner ascent finds. k: the reach; above 1 the linearised plane "
    "f = y (of a classifier f = 0) cuts the ball.",
    "Certified: it is proven that f has one maximum and one minimum on the whole ball (q < 1). No q: f may have "
    "critical points in the ball.",
    "Off plane: the share of the perturbation that is not in the plane, which is that of other epochs' adversaries.",
    "|δ|: the length of the perturbation. Inner η: the absolute step of the ascent in this epoch.",
)


class EpochColumn(QFrame):
    """One arm among others. What it asks for names its slot, whichever arm that shows."""

    lineWanted = Signal(int, int)
    """Another line in this column."""
    exploreWanted = Signal(int)
    removeWanted = Signal(int)

    def __init__(self, slot: int, session: EpochSession, player: Player, theme: ThemeKeeper) -> None:
        super().__init__()
        self.setObjectName("card")
        self.slot, self.session, self._player, self._theme = slot, session, player, theme
        self._name = ""
        self._apart = False
        """Whether its epoch is another one than that of the cursor."""
        self._looks: list[tuple[int, int]] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 3, 6, 3)
        column.setSpacing(1)
        column.addLayout(self._header())
        self.landscape = EpochLandscape(session, theme)
        self.pages = PlotOrReason(self.landscape)
        self.pages.say("The first picture follows")
        self.spectrum: SpectrumPlot | None = None
        self.profile: ProfilePlot | None = None
        self.input: InputPlot | None = None
        self.parts: dict[str, QWidget] = {}
        """Those that were looked at: each takes a while to be made."""
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(3)
        self._make("landscape")
        column.addWidget(self.splitter, 1)
        self.values = QElidingLabel()
        self._told: tuple[str, ...] = ()
        """What it says, as far as there is room."""
        self.values.setObjectName("faint")
        self.values.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        column.addWidget(self.values)
        session.surfaceChanged.connect(self._on_surface)
        session.pictureChanged.connect(self._show_words)
        session.probeChanged.connect(self._show_words)
        session.refusalChanged.connect(self._show_words)
        theme.changed.connect(self._paint)
        self._paint()

    def _header(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        self.lines = QComboBox()
        self.lines.setAccessibleName("Which training this column shows")
        self.lines.setToolTip(hover("Which of the trainings this column shows: one of the curves, drawn like this"))
        self.lines.setIconSize(_SAMPLE)
        self.lines.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.lines.activated.connect(self._on_line)
        row.addWidget(self.lines, 1)
        self.epoch = QLabel()
        self.epoch.setObjectName("heading")
        row.addWidget(self.epoch)
        self.buttons: dict[str, QToolButton] = {}
        for key, name, help in _BUTTONS:
            button = self.buttons[key] = QToolButton()
            button.setAccessibleName(name)
            button.setToolTip(help)
            button.setAutoRaise(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(button)
        self.buttons["explore"].clicked.connect(self._on_explore)
        self.buttons["remove"].clicked.connect(self._on_remove)
        return row

    # -- what the row says -------------------------------------------------------------------------------------------

    def show_lines(
        self, names: Sequence[str], full: Sequence[str], looks: list[tuple[int, int]], chosen: int, *, alone: bool
    ) -> None:
        """Show the lines there are, their colours and dashes in the curves, and which one this column has.

        `names` are short, `full` ones are those of the curves' key, which the list's hovers tell.
        """
        if [self.lines.itemText(i) for i in range(self.lines.count())] != list(names):
            self.lines.clear()
            self.lines.addItems(list(names))
            for i, name in enumerate(full):
                self.lines.setItemData(i, hover(name), Qt.ItemDataRole.ToolTipRole)
        if looks != self._looks:
            self._looks = looks
            self._paint()
        self.lines.setCurrentIndex(chosen)
        self.buttons["remove"].setEnabled(not alone)
        self._name = names[chosen]
        self._describe()

    def show_parts(self, shown: Sequence[str]) -> None:
        """Show some of the parts, one below the other."""
        for name in PARTS:
            if name in shown and name not in self.parts:
                self._make(name)
            if name in self.parts:
                self.parts[name].setVisible(name in shown)
        self._limit()
        self.splitter.setSizes([100 * _SHARES[name] for name in PARTS if name in self.parts])
        self.session.set_parts(frozenset(shown) & {"spectrum", "profile"})

    def _make(self, name: str) -> None:
        """Make a part when somebody first looks at it."""
        session, theme = self.session, self._theme
        part: QWidget
        if name == "spectrum":
            part = self.spectrum = SpectrumPlot(session, self._player, theme, compact=True)
            part.setObjectName("")
        elif name == "profile":
            part = self.profile = ProfilePlot(session, theme)
        elif name == "input":
            part = self.input = InputPlot(session, theme, across=True)
        else:
            part = self.pages
        part.setMinimumSize(80, 40)
        part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        place = sum(known in self.parts for known in PARTS[: PARTS.index(name)])
        self.splitter.insertWidget(place, part)
        self.splitter.setStretchFactor(place, _SHARES[name])
        self.parts[name] = part
        self._describe()

    def _describe(self) -> None:
        """Tell the plots of this column from those of the others."""
        self.landscape.setAccessibleName(f"Loss landscape, {self._name}")
        if self.spectrum is not None:
            self.spectrum.plot.setAccessibleName(f"Eigenvalues at the adversary, {self._name}")
        if self.profile is not None:
            self.profile.plot.setAccessibleName(f"Eigenvalues in order, before training and now, {self._name}")

    # -- what the session says ---------------------------------------------------------------------------------------

    @Slot()
    def _paint(self) -> None:
        for key, button in self.buttons.items():
            button.setIcon(icon(key, self._theme.theme.text))
        colours = line_colours(self._theme.theme, 1 + max((colour for colour, _ in self._looks), default=0))
        for i, (colour, dash) in enumerate(self._looks):
            self.lines.setItemIcon(i, _sample(colours[colour], dash, self.devicePixelRatioF()))

    @Slot()
    def _on_surface(self) -> None:
        self.pages.say("")

    @Slot()
    def _show_words(self) -> None:
        session, picture, mouse = self.session, self.session.picture, self.session.probe
        self.buttons["explore"].setEnabled(picture is not None)
        self._show_epoch()
        if session.refusal:
            if picture is None:
                self.pages.say(session.refusal)
            self.values.setText(f"⚠ {session.refusal}")
            self.values.setToolTip(hover(session.refusal))
            return
        self.values.setToolTip(hover(picture.words if picture is not None else "", *_VALUES))
        if mouse is not None:
            place = ", ".join(f"{part:.2f}" for part in mouse.point)
            self._say(f"({place}) ε:  L = {mouse.loss:.4g}", f"f = {mouse.value:.4g}", mouse.decided)
        else:
            self._say(*(picture.parts if picture is not None else ()))

    def _say(self, *parts: str) -> None:
        """Say as many of some parts as there is room for: half of one says nothing."""
        parts = self._told = tuple(part for part in parts if part)
        letters, room = self.values.fontMetrics(), self.values.width() - _SLACK_PX
        words = [_BETWEEN.join(parts[:count]) for count in range(1, len(parts) + 1)]
        fitting = [some for some in words if letters.horizontalAdvance(some) <= room]
        self.values.setText((fitting or words or [""])[-1 if fitting else 0])

    def _show_epoch(self) -> None:
        """Which epoch is on show, and why it is not the one at the cursor."""
        picture, aim = self.session.picture, self.session.aim
        if picture is None or aim is None:
            self.epoch.setText("")
            self._apart = False
            return
        words, why = f"epoch {picture.epoch}", ""
        track = aim.record.tracks[aim.arm]
        if track.diverged and aim.epoch > track.last:
            words, why = f"⚠ {words}", f"This training ended at epoch {track.last}: {track.diverged}."
        elif aim.where[1] == picture.epoch != aim.epoch:
            words = f"≈ {words}"
            why = f"The network of epoch {aim.epoch} was not kept; this is the last one before it that was."
        self._apart = bool(why)
        self.epoch.setText(words)
        self._make_room()
        self.epoch.setToolTip(hover(why or "The epoch whose network is on show: 0 is the untrained one"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow column keeps its head for the training's name: the epoch is that of the playback bar."""
        super().resizeEvent(event)
        self._make_room()
        wide = self.width() > _WIDE * self.height()
        self.splitter.setOrientation(Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical)
        self._limit()
        if self._told:
            self._say(*self._told)

    def _limit(self) -> None:
        """Leave the parts beside a landscape what it does not use; by itself it is in the middle."""
        beside = any(not part.isHidden() for part in self.parts.values() if part is not self.pages)
        if beside and self.splitter.orientation() is Qt.Orientation.Horizontal:
            self.pages.setMaximumWidth(max(int(WIDEST * self.splitter.height()), self.pages.minimumWidth()))
        else:
            self.pages.setMaximumWidth(_ANY_PX)

    def _make_room(self) -> None:
        self.epoch.setVisible(self._apart or self.width() >= _ROOM_PX)

    # -- what a person does ------------------------------------------------------------------------------------------

    @Slot(int)
    def _on_line(self, index: int) -> None:
        self.lineWanted.emit(self.slot, index)

    @Slot()
    def _on_explore(self) -> None:
        self.exploreWanted.emit(self.slot)

    @Slot()
    def _on_remove(self) -> None:
        self.removeWanted.emit(self.slot)


def _sample(colour: str, dash: int, ratio: float) -> QIcon:
    """A piece of a curve."""
    picture = QPixmap(_SAMPLE * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    line = QPen(pen(colour, 3))
    line.setStyle(dash_of(dash))
    line.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(line)
    painter.drawLine(0, _SAMPLE.height() // 2, _SAMPLE.width(), _SAMPLE.height() // 2)
    painter.end()
    return QIcon(picture)
