"""Two or three metrics of a training over its epochs, side by side; their key, and what the mouse points at."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedWidget,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from foadv_gui.desktop.panels.line_key import LineKey
from foadv_gui.desktop.plots.train_curve import TrainCurve
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.training.metrics import METRICS

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent, QShowEvent

    from foadv_gui.desktop.frame_turns import FrameTurns
    from foadv_gui.desktop.player import Player
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.desktop.training_desk import TrainingDesk
    from foadv_gui.lab.training.curves import CurvesPicture

FIRST_METRICS = ("loss_share", "top_eigenvalue", "held_out_adversarial_error")
_THREE_PX = 1250
"""From this width on there is room for three."""
_LOWEST_PX = 90
_HINT = "Point at a curve to read it; drag the vertical line, or click, to see another epoch."


class TrainTile(QFrame):
    """One metric, chosen above its curves."""

    metricChosen = Signal(int, str)

    def __init__(self, metric: str, place: int, desk: TrainingDesk, theme: ThemeKeeper) -> None:
        super().__init__()
        self.setObjectName("card")
        self.place, self._desk, self._theme = place, desk, theme
        self.shown = metric
        """The metric on show, by name."""
        self._drawn: tuple[str, CurvesPicture | None] | None = None
        self.chooser = QComboBox()
        for name, one in METRICS.items():
            self.chooser.addItem(one.words, name)
            self.chooser.setItemData(self.chooser.count() - 1, hover(one.help), Qt.ItemDataRole.ToolTipRole)
        self.chooser.setAccessibleName(f"Metric of picture {place + 1}")
        self.chooser.setMaxVisibleItems(30)
        self.chooser.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.chooser.activated.connect(self._on_metric)
        self.plot = TrainCurve()
        self.plot.setToolTip(hover(_HINT))
        self.plot.setMinimumHeight(_LOWEST_PX)
        self.reason = QLabel()
        self.reason.setObjectName("faint")
        self.reason.setWordWrap(True)
        self.reason.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.reason)
        self.stack.addWidget(self.plot)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 3, 6, 3)
        column.setSpacing(1)
        column.addWidget(self.chooser)
        column.addWidget(self.stack, 1)
        theme.changed.connect(self._paint)
        self._paint()

    @Slot()
    def _paint(self) -> None:
        self.plot.paint(self._theme.theme)

    @Slot()
    def catch_up(self) -> None:
        """Draw the metric if there is more of it, or say why there is nothing to draw; and the cursor."""
        if not self.isVisible():
            return
        pictures = self._desk.pictures
        picture = None if pictures is None else pictures.curves.get(self.shown)
        if self._drawn is None or self._drawn[0] != self.shown or self._drawn[1] is not picture:
            self._drawn = self.shown, picture
            self._show(picture)
        self.show_cursor()

    def show_cursor(self) -> None:
        """Mark the epoch that is looked at."""
        self.plot.show_epoch(self._desk.epoch)

    def _show(self, picture: CurvesPicture | None) -> None:
        with QSignalBlocker(self.chooser):
            self.chooser.setCurrentIndex(self.chooser.findData(self.shown))
        self.chooser.setToolTip(hover(METRICS[self.shown].help))
        why = "The first epochs are on their way." if picture is None else picture.why_empty
        if picture is not None and not why:
            self.plot.draw(picture)
        self.reason.setText(why)
        self.stack.setCurrentWidget(self.reason if why else self.plot)

    @Slot(int)
    def _on_metric(self, index: int) -> None:
        self.metricChosen.emit(self.place, self.chooser.itemData(index))


class TrainPlots(QWidget):
    """The curves on show."""

    def __init__(self, desk: TrainingDesk, player: Player, theme: ThemeKeeper, turns: FrameTurns) -> None:
        super().__init__()
        self._desk, self._player, self._turns = desk, player, turns
        self.tiles = [TrainTile(metric, i, desk, theme) for i, metric in enumerate(FIRST_METRICS)]
        self.key = LineKey(theme)
        self.key.pointed.connect(self._choose)
        self._read = False
        """Whether a curve is pointed at, and its value told."""
        row = QHBoxLayout()
        row.setSpacing(4)
        for tile in self.tiles:
            row.addWidget(tile, 1)
            tile.metricChosen.connect(self._on_metric)
            tile.plot.moved.connect(self._on_moved)
            tile.plot.pointed.connect(self._on_pointed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row, 1)
        column.addWidget(self.key)
        desk.picturesChanged.connect(self._draw)
        desk.cursorChanged.connect(self._move)
        self._look()

    @property
    def busy(self) -> bool:
        """Whether something is still to be drawn."""
        return self._turns.waiting

    def _look(self) -> None:
        self._desk.look(tuple(tile.shown for tile in self.tiles))
        self._draw()

    @Slot()
    def _draw(self) -> None:
        """Fill in the pictures on show, each in a frame of its own; nothing while they are hidden."""
        if not self.isVisible():
            return
        shown = self._desk.pictures
        first = None if shown is None else next(iter(shown.curves.values()), None)
        self.key.show_lines(() if first is None else first.lines)
        self._ask()

    def _ask(self) -> None:
        for tile in self.tiles:
            if tile.isVisible():
                self._turns.ask(tile.catch_up)

    @Slot()
    def _move(self) -> None:
        if self._desk.running and not self._desk.moving:  # it goes with the curves, which grow
            self._ask()
            return
        for tile in self.tiles:
            if tile.isVisible():
                tile.show_cursor()

    @Slot(int)
    def _on_moved(self, epoch: int) -> None:
        self._player.seek(min(epoch, self._desk.steps))

    @Slot(int, str)
    def _on_metric(self, place: int, name: str) -> None:
        self.tiles[place].shown = name
        self._look()

    @Slot(int, str)
    def _on_pointed(self, line: int, words: str) -> None:
        plot = self.sender()
        assert isinstance(plot, TrainCurve)
        plot.setToolTip(f"<p style='white-space:pre'>{html.escape(words)}</p>" if line >= 0 else hover(_HINT))
        if line >= 0:  # at once, and it goes with the mouse
            QToolTip.showText(QCursor.pos(), plot.toolTip(), plot)
        elif self._read:
            QToolTip.hideText()
        self._read = line >= 0
        self._choose(line)

    @Slot(int)
    def _choose(self, line: int) -> None:
        for tile in self.tiles:
            tile.plot.choose(line)
        self.key.choose(line)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two pictures, or three where there is room (Qt asks)."""
        super().resizeEvent(event)
        third, room = self.tiles[2], self.width() >= _THREE_PX
        if third.isHidden() == room:
            third.setVisible(room)
            self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what has come while the pictures were hidden."""
        super().showEvent(event)
        self._draw()
