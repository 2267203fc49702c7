"""A metric over two axes of a sweep as coloured cells, with what is certified outlined and what is missing hatched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Slot
from PySide6.QtGui import QBrush, QColor, QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem, QGraphicsRectItem

from foadv_gui.desktop.plots.axis import decade_ticks, end_ticks, label_ticks
from foadv_gui.desktop.plots.marks import MarksPlot, Target
from foadv_gui.desktop.plots.surface import colour_bar, paint_bar
from foadv_gui.desktop.theme import brush, pen
from foadv_gui.lab.sweep.picture import HeatPicture

if TYPE_CHECKING:
    from foadv_gui.lab.palette import Theme
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.picture import Segment

_LETTER_PX = 7.0
_LINE_PX = 8.0
"""Half the height of a line of labels."""


class HeatPlot(MarksPlot):
    """Draws a `HeatPicture`; its items are made once and refilled."""

    def __init__(self) -> None:
        super().__init__("Heat map over two axes of the sweep")
        self.ring.setSymbol("s")
        self.missing = QGraphicsRectItem()
        self.missing.setZValue(-30)
        colours = pg.colormap.get("viridis")
        self.image = pg.ImageItem(axisOrder="row-major", colorMap=colours)
        self.image.setZValue(-20)
        self._shadow, self.certified = QGraphicsPathItem(), QGraphicsPathItem()
        self.beyond = pg.ScatterPlotItem(size=9, symbol="t1", brush=None)
        self.failures = pg.ScatterPlotItem(size=10, symbol="x")
        for item in (self.missing, self.image, self._shadow, self.certified, self.beyond, self.failures):
            self.addItem(item, ignoreBounds=True)
        self.bar = colour_bar(width=10)
        self.bar.getAxis("right").setStyle(hideOverlappingLabels=False)
        self.bar.setImageItem(self.image, insert_in=self.plotItem)
        self.plotItem.vb.sigResized.connect(self._tick)

    def paint(self, theme: Theme) -> None:
        """Take the theme's colours."""
        super().paint(theme)
        self.missing.setPen(pen(theme.border, 1))
        self.missing.setBrush(QBrush(QColor(theme.border), Qt.BrushStyle.BDiagPattern))
        self._shadow.setPen(pen("#000000", 4, alpha=0.6))
        self.certified.setPen(pen("#ffffff", 2))
        self.beyond.setPen(pen("#ffffff", 1.5))
        self.failures.setPen(pen(theme.plot, 1))
        self.failures.setBrush(brush(theme.no))
        paint_bar(self.bar, theme, width=46)

    def draw(self, picture: HeatPicture, sweep: Sweep) -> None:
        """Fill in a picture."""
        self.picture, self.sweep = picture, sweep
        rows, columns = picture.marks.points.shape
        whole = QRectF(-0.5, -0.5, columns, rows)
        self.missing.setRect(whole)
        low, high = picture.colour_range
        self.image.setImage(picture.shown, autoLevels=False)
        self.image.setRect(whole)
        self.bar.setLevels((low, high))
        self.bar.getAxis("right").setTicks([_bar_ticks(picture)])
        outline = _strokes(picture.outline)
        self._shadow.setPath(outline)
        self.certified.setPath(outline)
        for item, which in ((self.beyond, picture.marks.beyond), (self.failures, picture.marks.failed > 0)):
            up, across = np.nonzero(which)
            item.setData(across.astype(float), up.astype(float))
        self.setRange(xRange=(-0.5, columns - 0.5), yRange=(-0.5, rows - 0.5), padding=0.01)
        self.setLabel("bottom", picture.across.words)
        self.setLabel("left", picture.up.words)
        self._tick()
        self.renew()

    @Slot()
    def _tick(self) -> None:
        """As many labels as there is room for."""
        picture = self.picture
        if not isinstance(picture, HeatPicture):
            return
        self.getAxis("bottom").setTicks([label_ticks(picture.across.labels, self.width() - 150, _LETTER_PX)])
        upright = ["" for _ in picture.up.labels]
        rows = label_ticks(upright, self.height() - 50, _LINE_PX)
        self.getAxis("left").setTicks([[(at, picture.up.labels[int(at)]) for at, _ in rows]])

    # -- pointing ------------------------------------------------------------------------------------------------

    def target_at(self, position: QPointF) -> Target | None:
        """The cell under a place."""
        assert self.picture is not None
        rows, columns = self.picture.marks.points.shape
        at = self.plotItem.vb.mapSceneToView(position)
        row, column = round(at.y()), round(at.x())
        return Target(row * columns + column) if 0 <= row < rows and 0 <= column < columns else None

    def neighbour(self, mark: int | None, across: int, up: int) -> int | None:
        """The cell beside another one."""
        assert self.picture is not None
        if mark is None:
            return 0
        rows, columns = map(int, self.picture.marks.points.shape)
        row, column = divmod(mark, columns)
        return min(max(row + up, 0), rows - 1) * columns + min(max(column + across, 0), columns - 1)

    def place_of(self, target: Target) -> tuple[float, float] | None:
        """The middle of a cell."""
        assert self.picture is not None
        row, column = divmod(target.mark, self.picture.marks.points.shape[1])
        return float(column), float(row)

    def points(self, mark: int) -> Any:
        """The points of a cell."""
        assert isinstance(self.picture, HeatPicture)
        return self.picture.points_near(*divmod(mark, len(self.picture.across.x)))


def _bar_ticks(picture: HeatPicture) -> list[tuple[float, str]]:
    low, high = picture.colour_range
    return (
        decade_ticks(low, high, 5) if picture.log else end_ticks(low, high, whole=picture.metric.column.kind == "int")
    )


def _strokes(segments: list[Segment]) -> QPainterPath:
    path = QPainterPath()
    for start, end in segments:
        path.moveTo(*start)
        path.lineTo(*end)
    return path
