"""The landscape's ground: colours, contour lines, colour bar, gradient arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem

from foadv_gui.desktop.plots.axis import NumberAxis, short
from foadv_gui.desktop.theme import pen, plot_font
from foadv_gui.lab.ranges import round_offset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.palette import Theme
    from foadv_gui.lab.picture import Surface, Window

_SIGNED = "CET-D1A"
_OF_BOTH_SIGNS = ("residual", "curvature")
_BAR_WIDTH = 64
"""Pixels for the labels and the title of a colour bar."""
_ARROW = 0.8
"""Length of the longest arrow, in widths of its cell."""


class Ground:
    """Draws a `Surface` into a plot; its items are made once and refilled."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self._plot = plot
        self.image = pg.ImageItem(axisOrder="row-major")
        self.image.setZValue(-20)
        self._contours = _path_item(-10)
        self._zero_shadow, self._zero = _path_item(-9), _path_item(-8)
        self._arrows = _path_item(-7)
        self._look: tuple[str, str] | None = None
        self._titled, self._bar_width = True, _BAR_WIDTH
        self._offset = 0.0
        self.bar = colour_bar()
        for item in (self.image, self._contours, self._zero_shadow, self._zero, self._arrows):
            plot.addItem(item, ignoreBounds=True)
        self.bar.setImageItem(self.image, insert_in=plot)

    def paint(self, theme: Theme) -> None:
        """Take the theme's colours."""
        self._contours.setPen(pen("#ffffff", 1, alpha=0.35))
        self._zero_shadow.setPen(pen("#000000", 3, alpha=0.45))
        self._zero.setPen(pen("#ffffff", 1.5, dash=True))
        self._arrows.setPen(pen("#ffffff", 1.2, alpha=0.85))
        paint_bar(self.bar, theme, self._bar_width)

    def title_bar(self, width: int, *, titled: bool) -> None:
        """Give the colour bar's labels so much room, and it a title or none; an offset it tells anyway."""
        if (width, titled) != (self._bar_width, self._titled):
            self._bar_width, self._titled = width, titled
            self._name_bar()

    def _name_bar(self) -> None:
        axis = self.bar.getAxis("right")
        less = f"less {short(self._offset)}" if self._offset else ""
        title = self._look[0] if self._titled and self._look is not None else less
        axis.setLabel(title)
        axis.showLabel(bool(title))
        axis.setWidth(max(self._bar_width, _BAR_WIDTH) if title else self._bar_width)

    def set_opacity(self, opacity: float) -> None:
        """How opaque the map and its lines are; 0 hides them."""
        for item in (self.image, self._contours, self._zero_shadow, self._zero):
            item.setOpacity(opacity)

    def draw(
        self,
        surface: Surface,
        visible: Window,
        colormap: str,
        *,
        clip: bool,
        contours: bool,
        levels: tuple[float, float] | None = None,
    ) -> None:
        """Fill in a surface; `levels` are the lowest and highest value for the colours, where they are not its own."""
        signed = surface.quantity in _OF_BOTH_SIGNS
        low, high = levels or surface.colour_range(clip, visible)
        # Values that differ by little have labels that differ by less than there is room for.
        offset = round_offset(low, high)
        self.image.setImage(surface.shown() - offset, autoLevels=False)
        left, right, bottom, top = surface.window
        # Values belong to grid points: a pixel reaches half a cell around its own.
        across = (right - left) / (surface.values.shape[1] - 1)
        up = (top - bottom) / (surface.values.shape[0] - 1)
        self.image.setRect(QRectF(left - across / 2, bottom - up / 2, right - left + across, top - bottom + up))
        look = look_of(surface, colormap, offset)
        if look != self._look:
            self._look, self._offset = look, offset
            self.bar.setColorMap(pg.colormap.get(look[1]))
            self._name_bar()
        self.bar.setLevels((low - offset, high - offset))
        lines = [line for _, level in surface.contours(low, high) for line in level] if contours else []
        self._contours.setPen(pen("#000000" if signed else "#ffffff", 1, alpha=0.22 if signed else 0.35))
        self._contours.setPath(polylines(lines))
        zero = polylines(surface.zero_residual())
        self._zero_shadow.setPath(zero)
        self._zero.setPath(zero)
        self._arrows.setPath(_arrow_path(surface.arrows, surface.window))


def colour_bar(width: int = 14) -> Any:
    """A bar whose labels are short, and differ from tick to tick."""
    bar = pg.ColorBarItem(interactive=False, width=width, colorMap=pg.colormap.get("viridis"))
    axis = NumberAxis("right")
    axis.setRange(*bar.levels())
    bar.setAxisItems({"right": axis})
    axis.unlinkFromView()
    bar.axis = axis
    return bar


def paint_bar(bar: Any, theme: Theme, width: int = _BAR_WIDTH) -> None:
    """Give a colour bar the theme's colours, and its labels so much room."""
    axis = bar.getAxis("right")
    axis.enableAutoSIPrefix(False)
    axis.setWidth(width)
    axis.setPen(pen(theme.border))
    axis.setTextPen(pen(theme.faint_text))
    axis.setTickFont(plot_font(9))
    axis.label.setFont(plot_font(9))


def look_of(surface: Surface, colormap: str, offset: float = 0.0) -> tuple[str, str]:
    """The title of a colour bar, of values less an offset, and the name of its colours."""
    title = surface.title + (f",  less {short(offset)}" if offset else "")
    return title, _SIGNED if surface.quantity in _OF_BOTH_SIGNS else colormap


def _path_item(z: float) -> QGraphicsPathItem:
    item = QGraphicsPathItem()
    item.setZValue(z)
    return item


def polylines(lines: list[NDArray[np.float64]]) -> QPainterPath:
    """One path of many polylines (n, 2)."""
    path = QPainterPath()
    lines = [line for line in lines if len(line) > 1]
    if not lines:
        return path
    points = np.concatenate(lines)
    connected = np.ones(len(points), dtype=bool)
    connected[np.cumsum([len(line) for line in lines]) - 1] = False
    drawn: QPainterPath = pg.arrayToQPath(
        np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1]), connect=connected
    )
    return drawn


def _arrow_path(arrows: NDArray[np.float64], window: tuple[float, float, float, float]) -> QPainterPath:
    if not len(arrows):
        return QPainterPath()
    across = len(np.unique(arrows[:, 0]))
    cell = (window[1] - window[0]) / max(across, 1)
    tail = arrows[:, :2]
    # A square root keeps weak gradients visible.
    strength = np.linalg.norm(arrows[:, 2:], axis=1, keepdims=True)
    direction = np.divide(arrows[:, 2:], strength, out=np.zeros_like(tail), where=strength > 0)
    length = _ARROW * cell * np.sqrt(strength)
    head = tail + length * direction
    side = np.column_stack([-direction[:, 1], direction[:, 0]])
    back = head - 0.35 * length * direction
    lines: list[Any] = []
    for a, b, left, right in zip(tail, head, back + 0.18 * length * side, back - 0.18 * length * side, strict=True):
        lines += [np.array([a, b]), np.array([left, b, right])]
    return polylines(lines)
