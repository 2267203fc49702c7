"""A metric over one axis of a sweep: medians, quartiles, the points behind them, and where uniqueness is proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Slot
from PySide6.QtGui import QPainterPath, QPolygonF
from PySide6.QtWidgets import QGraphicsPathItem

from foadv_gui.desktop.plots.axis import decade_ticks, end_ticks, label_ticks
from foadv_gui.desktop.plots.marks import MarksPlot, Target
from foadv_gui.desktop.theme import brush, pen, plot_font
from foadv_gui.lab.ranges import drawable, some_range
from foadv_gui.lab.sweep.overview import drawn_dots
from foadv_gui.lab.sweep.picture import CurvePicture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.palette import Theme
    from foadv_gui.lab.sweep.grid import Sweep

_DOT_PX, _NEAR_PX = 7.0, 40.0
_LETTER_PX = 7.0
_BAR = 0.22
"""Half the width of a category's quartiles."""


class CurvePlot(MarksPlot):
    """Draws a `CurvePicture`; its items are made once and refilled."""

    def __init__(self) -> None:
        super().__init__("Curve over one axis of the sweep")
        self.regions: list[pg.LinearRegionItem] = []
        self.certified = pg.TextItem("certified: q < 1", anchor=(0, 0))
        self.band = QGraphicsPathItem()
        self.dots = pg.ScatterPlotItem(size=4, pen=None)
        self.line = pg.PlotCurveItem(connect="finite")
        self.medians = pg.ScatterPlotItem(size=8)
        self.beyond = pg.ScatterPlotItem(size=11, symbol="t1")
        self.failures = pg.ScatterPlotItem(size=9, symbol="x")
        for z, item in enumerate((self.band, self.dots, self.line, self.medians, self.beyond, self.failures), 1):
            item.setZValue(z)
            self.addItem(item, ignoreBounds=True)
        self.certified.setZValue(40)
        self.addItem(self.certified, ignoreBounds=True)
        self._drawn: NDArray[np.int64] = np.zeros(0, np.int64)
        self._theme: Theme | None = None
        self.plotItem.vb.sigResized.connect(self._tick)

    def paint(self, theme: Theme) -> None:
        """Take the theme's colours."""
        super().paint(theme)
        self._theme = theme
        self.band.setPen(pen(theme.accent, 1, alpha=0.35))
        self.band.setBrush(brush(theme.accent, 0.22))
        self.dots.setBrush(brush(theme.others, 0.55))
        self.line.setPen(pen(theme.accent, 2))
        self.medians.setBrush(brush(theme.accent))
        self.medians.setPen(pen(theme.plot, 1))
        self.beyond.setPen(pen(theme.accent, 2))
        self.beyond.setBrush(brush(theme.plot))
        self.failures.setPen(pen(theme.no, 1))
        self.failures.setBrush(brush(theme.no))
        self.certified.setColor(theme.yes)
        self.certified.setFont(plot_font(9))
        self._shade()

    def draw(self, picture: CurvePicture, sweep: Sweep) -> None:
        """Fill in a picture."""
        self.picture, self.sweep = picture, sweep
        axis, marks = picture.axis, picture.marks
        x = self._across(axis.x)
        low, middle, high = (self._up(drawable(limits)) for limits in marks.limits)
        self._drawn = drawn_dots(picture)
        dots_y = self._up(picture.dots.limit[self._drawn])
        bottom, top = self._fit(np.concatenate([low, middle, high, dots_y]))
        self.band.setPath(band_path(x, low, high) if axis.numeric else _bars(x, low, high))
        self.dots.setData(x[picture.dots.mark[self._drawn]], dots_y)
        self.line.setData(x, middle if axis.numeric else np.full(len(x), np.nan))
        known, beyond = np.isfinite(middle) & ~marks.beyond, np.isfinite(middle) & marks.beyond
        self.medians.setData(x[known], middle[known])
        self.beyond.setData(x[beyond], middle[beyond])
        failed = np.flatnonzero(marks.failed)
        self.failures.setData(x[failed], np.full(len(failed), bottom + 0.03 * (top - bottom)))
        left, right = self._across(np.array(axis.limits))
        self.setXRange(float(left), float(right), padding=0)
        self.setLabel("bottom", axis.words)
        self._tick()
        self._shade()
        self.renew()

    # -- drawing -------------------------------------------------------------------------------------------------

    def _across(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        assert isinstance(self.picture, CurvePicture)
        return np.log10(x) if self.picture.axis.log else x

    def _up(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        assert isinstance(self.picture, CurvePicture)
        return np.log10(np.where(y > 0, y, np.nan)) if self.picture.log else y

    def _fit(self, y: NDArray[np.float64]) -> tuple[float, float]:
        known = y[np.isfinite(y)]
        low, high = some_range(float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        assert isinstance(self.picture, CurvePicture)
        if not self.picture.log and len(known) and known.min() >= 0:
            low = max(low, 0.0)  # nothing below 0 is meant
        pad = 0.08 * (high - low)
        self.setYRange(low - pad, high + pad, padding=0)
        return low - pad, high + pad

    @Slot()
    def _tick(self) -> None:
        """As many labels as there is room for."""
        picture = self.picture
        if not isinstance(picture, CurvePicture):
            return
        (left, right), (bottom, top) = self.plotItem.vb.viewRange()
        most = max(int(self.width() / 70), 3)
        ticks: Any = None
        if picture.axis.log:
            ticks = [decade_ticks(left, right, most)]
        elif not picture.axis.numeric:
            ticks = [label_ticks(picture.axis.labels, self.width() - 70, _LETTER_PX)]
        self.getAxis("bottom").setTicks(ticks)
        whole = picture.metric.column.kind == "int"
        upright: Any = [end_ticks(bottom, top, whole=True)] if whole else None
        self.getAxis("left").setTicks([decade_ticks(bottom, top)] if picture.log else upright)
        self.getAxis("left").setWidth(56)

    def _shade(self) -> None:
        """The certified spans: strong where all points are, faint where only some are."""
        picture, theme = self.picture, self._theme
        if theme is None or not isinstance(picture, CurvePicture):
            return
        spans = picture.certified
        while len(self.regions) < len(spans):
            region = pg.LinearRegionItem(movable=False)
            region.setZValue(-10)
            self.addItem(region, ignoreBounds=True)
            self.regions.append(region)
        for region in self.regions[len(spans) :]:
            region.hide()
        for region, (first, last, every) in zip(self.regions, spans, strict=False):
            first, last = self._across(np.array([first, last])).tolist()
            region.setRegion((first, last))
            region.setBrush(brush(theme.yes, 0.16 if every else 0.07))
            for line in region.lines:
                line.setPen(pen(theme.yes, 1, alpha=0.6, dash=not every))
            region.show()
        self.certified.setVisible(bool(spans))
        if spans:
            first, last = self._across(np.array(spans[-1][:2])).tolist()
            (left, right), (_, top) = self.plotItem.vb.viewRange()
            late = first > 0.5 * (left + right)  # so that the words stay inside
            self.certified.setAnchor((1, 0) if late else (0, 0))
            self.certified.setPos(last if late else max(first, left), top)

    # -- pointing ------------------------------------------------------------------------------------------------

    def target_at(self, position: QPointF) -> Target | None:
        """A single point within some pixels, or else the mark whose place on the axis is next."""
        picture = self.picture
        assert isinstance(picture, CurvePicture)
        box = self.plotItem.vb
        across, up = box.viewPixelSize()
        at = box.mapSceneToView(position)
        x = self._across(picture.axis.x)
        away = np.abs(x - at.x()) / across
        mark = int(away.argmin())
        if away[mark] > max(_NEAR_PX, 0.5 * self.width() / max(len(x), 1)):
            return None
        middle = self.place_of(Target(mark))
        if middle is not None and np.hypot(away[mark], (middle[1] - at.y()) / up) < _DOT_PX:
            return Target(mark)
        here = self._drawn[picture.dots.mark[self._drawn] == mark]
        if len(here) and away[mark] < _DOT_PX:
            off = np.abs(self._up(picture.dots.limit[here]) - at.y()) / up
            nearest = int(np.nanargmin(off)) if np.isfinite(off).any() else 0
            if off[nearest] < _DOT_PX:
                return Target(mark, int(here[nearest]))
        return Target(mark)

    def neighbour(self, mark: int | None, across: int, up: int) -> int | None:
        """To the left or to the right."""
        assert self.picture is not None
        if up:
            return mark
        return 0 if mark is None else min(max(mark + across, 0), self.picture.marks.points.size - 1)

    def place_of(self, target: Target) -> tuple[float, float] | None:
        """The median, the single point, or the bottom where a mark has no value."""
        picture = self.picture
        assert isinstance(picture, CurvePicture)
        if target.dot is not None and target.dot >= len(picture.dots.limit):
            return None
        y = picture.marks.limits[1, target.mark] if target.dot is None else picture.dots.limit[target.dot]
        up = float(self._up(drawable(np.array([y])))[0])
        bottom, top = self.plotItem.vb.viewRange()[1]
        return float(self._across(picture.axis.x)[target.mark]), up if np.isfinite(up) else bottom + 0.03 * (
            top - bottom
        )

    def points(self, mark: int) -> Any:
        """The points of a mark."""
        assert isinstance(self.picture, CurvePicture)
        return self.picture.points_near(mark)


def band_path(x: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> QPainterPath:
    """The area between two curves, in pieces where either has a gap."""
    path = QPainterPath()
    there = np.isfinite(low) & np.isfinite(high)
    ends = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(np.int8), [0]])))
    for first, last in zip(ends[::2], ends[1::2], strict=True):
        xs, lower, upper = x[first:last], low[first:last], high[first:last]
        corners = [QPointF(*at) for at in zip(xs, upper, strict=True)]
        corners += [QPointF(*at) for at in zip(xs[::-1], lower[::-1], strict=True)]
        path.addPolygon(QPolygonF(corners))
        path.closeSubpath()
    return path


def _bars(x: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> QPainterPath:
    """A bar from one quartile to the other for each category."""
    path = QPainterPath()
    for at, lower, upper in zip(x.tolist(), low.tolist(), high.tolist(), strict=True):
        if np.isfinite(lower) and np.isfinite(upper):
            path.addRect(QRectF(at - _BAR, lower, 2 * _BAR, upper - lower))
    return path
