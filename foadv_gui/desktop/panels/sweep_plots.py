"""Four pictures of a sweep, or one of them alone; what they are drawn over, and what the mouse points at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from foadv_gui.desktop.plots.sweep_tile import SweepTile
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.sweep.overview import ground_words, grounds

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from foadv_gui.desktop.sweep_desk import SweepDesk
    from foadv_gui.desktop.theme import ThemeKeeper

_CURVE_KEY = "●— median   ▒ quartiles   · single points   △ more than T steps   × failed   shaded green: certified"
_HEAT_KEY = "colour: median   △ more than T steps   × failed   white frame: certified   hatched: no value"
_HINT = "Point at a mark to read it; click it to open its experiment in Explore."
_KEY_HOVER = (
    "Each mark stands for all points that share its value on the axis; half of them lie between the quartiles.",
    "Certified: it is proven, for every point of the mark (dashed edge: for some of them), that f has one maximum and "
    "one minimum on the whole ball (q < 1).",
    "Click a mark to open the experiment of its median in Explore, or use the arrow keys and Enter.",
)


class SweepPlots(QWidget):
    """The pictures on show."""

    opened = Signal(int)

    def __init__(self, desk: SweepDesk, theme: ThemeKeeper) -> None:
        super().__init__()
        self._desk = desk
        self.tiles = [SweepTile(i, theme) for i in range(len(desk.look.metrics))]
        self.ground = QComboBox()
        """Beside the tabs, where there is room for it."""
        self.ground.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.ground.setAccessibleName("What the pictures are drawn over")
        self.ground.setToolTip(
            hover("Draw over one axis, with quartiles over all the others, or as a map over two of them")
        )
        self.ground.activated.connect(self._on_ground)
        self.values = QElidingLabel(_HINT)
        self.values.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.key = QLabel()
        self.key.setObjectName("faint")
        self.key.setToolTip(hover(*_KEY_HOVER))
        self.key.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.grid = QGridLayout()
        self.grid.setSpacing(4)
        for i, tile in enumerate(self.tiles):
            self.grid.addWidget(tile, i // 2, i % 2)
            self.grid.setRowStretch(i // 2, 1)
            self.grid.setColumnStretch(i % 2, 1)
            tile.metricChosen.connect(desk.set_metric)
            tile.resized.connect(self._on_resized)
            tile.pointed.connect(self._on_pointed)
            tile.opened.connect(self.opened)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(2)
        column.addLayout(self.grid, 1)
        column.addWidget(self.values)
        column.addWidget(self.key)
        desk.overviewChanged.connect(self._draw)
        self._draw()

    @Slot()
    def _draw(self) -> None:
        """Fill in the pictures on show; nothing while they are hidden."""
        shown = self._desk.overview
        if not self.isVisible():
            return
        for i, tile in enumerate(self.tiles):
            tile.show_metric(self._desk.look.metrics[i])
            if tile.isVisible():
                tile.show_picture(shown.pictures[i] if shown else None, shown.table.sweep if shown else None)
        if shown is None:
            return
        choices = grounds(shown.table.sweep)
        words = [ground_words(shown.table.sweep, ground) for ground in choices]
        with QSignalBlocker(self.ground):
            if [self.ground.itemText(i) for i in range(self.ground.count())] != words:
                self.ground.clear()
                for text, ground in zip(words, choices, strict=True):
                    self.ground.addItem(text, ground)
            self.ground.setCurrentIndex(choices.index(shown.ground))
        self.ground.setEnabled(len(choices) > 1)
        self.key.setText(_CURVE_KEY if shown.ground.up is None else _HEAT_KEY)

    @Slot(int)
    def _on_ground(self, index: int) -> None:
        self._desk.set_ground(self.ground.itemData(index))

    @Slot(int)
    def _on_resized(self, place: int) -> None:
        alone = self.tiles[place].size_button.isChecked()
        for tile in self.tiles:
            tile.setVisible(not alone or tile.place == place)
        for i in (0, 1):
            self.grid.setRowStretch(i, int(not alone or place // 2 == i))
            self.grid.setColumnStretch(i, int(not alone or place % 2 == i))
        self._draw()

    @Slot(str)
    def _on_pointed(self, words: str) -> None:
        self.values.setText(words or _HINT)
        self.values.setToolTip(hover(words))

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what has come while the pictures were hidden."""
        super().showEvent(event)
        self._draw()
