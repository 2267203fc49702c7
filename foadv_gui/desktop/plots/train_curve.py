"""A metric of a training over its epochs: a line and a band for each combination of what varies, and the cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal, Slot
from PySide6.QtWidgets import QGraphicsPathItem

from foadv_gui.desktop.plots.axis import decade_ticks, few_ticks, number_axes
from foadv_gui.desktop.plots.cursor_flag import CursorFlag
from foadv_gui.desktop.plots.sweep_curve import band_path
from foadv_gui.desktop.plots.traces import step_ticks
from foadv_gui.desktop.theme import brush, pen, plot_font, style_axes
from foadv_gui.lab.ranges import number, round_levels
from foadv_gui.lab.training.looks import line_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QResizeEvent

    from foadv_gui.lab.palette import Theme
    from foadv_gui.lab.training.curves import CurvesPicture, LineCurve

_NEAR_PX = 30.0
_FADED = 0.22
_MOST_LEVELS = 2
DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)


@dataclass(frozen=True)
class _Items:
    """What draws one line."""

    band: QGraphicsPathItem
    curve: Any
    beyond: Any
    ends: Any

    @property
    def all(self) -> tuple[Any, ...]:
        return self.band, self.curve, self.beyond, self.ends


class TrainCurve(pg.PlotWidget):  # type: ignore[misc]
    """Draws a `CurvesPicture`; its items are made once and refilled."""

    moved = Signal(int)
    """The epoch that somebody wants to see."""
    pointed = Signal(int, str)
    """The line under the mouse (-1: none), and what it is there, in words."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False, axisItems=number_axes())
        self.setAccessibleName("Curves over the epochs")
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.plotItem.layout.setContentsMargins(1, 4, 10, 1)
        for side in ("left", "bottom"):  # the first and the last label are half outside
            self.getAxis(side).setStyle(hideOverlappingLabels=False)
        self.getAxis("left").setWidth(48)
        self.lines: list[_Items] = []
        self.levels = [self._level() for _ in range(_MOST_LEVELS)]
        self.reached = pg.ScatterPlotItem(size=8, symbol="d")
        self.here = pg.ScatterPlotItem(size=7)
        self.cursor_line = pg.InfiniteLine(angle=90, movable=True)
        self.flag = CursorFlag(self.plotItem)
        self.cursor_line.sigDragged.connect(self._on_cursor)
        for z, item in ((30, self.reached), (31, self.here), (40, self.cursor_line)):
            item.setZValue(z)
            self.addItem(item, ignoreBounds=True)
        self.picture: CurvesPicture | None = None
        self.chosen = -1
        """The line that stands out, or -1."""
        self._theme: Theme | None = None
        self._epoch = 0
        self._colours: dict[int, str] = {}
        self._styled: object = None
        self._steps: Sequence[tuple[float, str]] = ()
        self._clear: tuple[tuple[float, str], ...] | None = None
        self._up_ticks: list[tuple[float, str]] = []
        self._reached_lines: NDArray[np.int64] = np.zeros(0, np.int64)
        self.scene().sigMouseMoved.connect(self._on_mouse)
        self.scene().sigMouseClicked.connect(self._on_click)

    def _level(self) -> Any:
        line = pg.InfiniteLine(angle=0, label="", labelOpts={"position": 0.98, "anchors": [(1, 0), (1, 1)]})
        line.setZValue(-5)
        line.hide()
        self.addItem(line, ignoreBounds=True)
        return line

    def _line(self) -> _Items:
        items = _Items(
            QGraphicsPathItem(),
            pg.PlotCurveItem(connect="finite"),
            pg.ScatterPlotItem(size=9, symbol="t1"),
            pg.ScatterPlotItem(size=10, symbol="x"),
        )
        for z, item in enumerate(items.all, 1):
            item.setZValue(z)
            self.addItem(item, ignoreBounds=True)
        return items

    # -- drawing -------------------------------------------------------------------------------------------------

    def paint(self, theme: Theme) -> None:
        """Take the theme's colours."""
        self._theme = theme
        self.setBackground(theme.plot)
        style_axes(self, theme, 9)
        self.cursor_line.setPen(pen(theme.cursor, 1, alpha=0.7))
        self.cursor_line.setHoverPen(pen(theme.accent, 3))
        self.flag.paint_in(theme)
        for level in self.levels:
            level.setPen(pen(theme.faint_text, 1, alpha=0.5, dash=True))
            level.label.setColor(theme.faint_text)
            level.label.setFont(plot_font(8))
        self._style()

    def draw(self, picture: CurvesPicture) -> None:
        """Fill in a picture."""
        self.picture = picture
        while len(self.lines) < len(picture.lines):
            self.lines.append(self._line())
        for items in self.lines[len(picture.lines) :]:
            for item in items.all:
                item.hide()
        for items, line in zip(self.lines, picture.lines, strict=False):
            self._fill(items, line)
        reached = np.concatenate([line.reached for line in picture.lines]) if picture.lines else np.empty((0, 2))
        self._reached_lines = np.repeat([line.line for line in picture.lines], 2)[np.isfinite(reached[:, 0])]
        reached = reached[np.isfinite(reached[:, 0])]
        self.reached.setData(reached[:, 0], self._up(reached[:, 1]))
        self._show_levels(picture)
        bottom, top = self._up(np.array(picture.limits)).tolist()
        self.setYRange(bottom, top, padding=0)
        self.setXRange(0, max(picture.epochs, 1), padding=0.015)
        self._tick()
        self._style()
        self.reached.setBrush([brush(self._colours[i]) for i in self._reached_lines.tolist()])
        self._mark()

    def _fill(self, items: _Items, line: LineCurve) -> None:
        x = line.epochs.astype(float)
        low, median, high = map(self._up, (line.low, line.median, line.high))
        spread = np.isfinite(line.low) & (line.low < line.high)
        items.band.setPath(band_path(x, low, high) if spread.any() else band_path(x[:0], low[:0], high[:0]))
        items.curve.setData(x, median)
        items.band.show()
        items.curve.show()
        ends = line.ends[:, 0], self._up(line.ends[:, 1])
        for item, (across, up) in ((items.beyond, (x[line.beyond], median[line.beyond])), (items.ends, ends)):
            item.setVisible(len(across) > 0)  # most lines have none, and an empty one is painted all the same
            if len(across):
                item.setData(across, up)

    def _show_levels(self, picture: CurvesPicture) -> None:
        low, high = picture.limits
        levels = [pair for pair in picture.metric.levels if low < pair[0] < high][:_MOST_LEVELS]
        for item in self.levels[len(levels) :]:
            item.hide()
        for item, (value, words) in zip(self.levels, levels, strict=False):
            item.setValue(float(self._up(np.array(value))))
            item.label.setFormat("" if picture.metric.share else words)  # percents are beside the axis already
            item.show()

    def _up(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where values lie on the vertical axis."""
        if self.picture is None or not self.picture.log:
            return y
        found: NDArray[np.float64] = np.log10(np.where(y > 0, y, np.nan))
        return found

    def _style(self) -> None:
        """Colours by the first axis and dashes by the others; one line stands out while it is pointed at."""
        theme, picture = self._theme, self.picture
        if theme is None or picture is None:
            return
        looks = [(line.line, line.colour, line.dash) for line in picture.lines]
        if (theme.name, self.chosen, looks) == self._styled:
            return
        self._styled = theme.name, self.chosen, looks
        colours = line_colours(theme, 1 + max(line.colour for line in picture.lines))
        self._colours = {line.line: colours[line.colour] for line in picture.lines}
        for items, line in zip(self.lines, picture.lines, strict=False):
            colour, faint = colours[line.colour], self.chosen not in (-1, line.line)
            tone = pg.mkColor(colour)
            items.curve.setPen(pg.mkPen(tone, width=3 if self.chosen == line.line else 2, style=dash_of(line.dash)))
            items.band.setPen(pen(colour, 1, alpha=0.0))
            items.band.setBrush(brush(colour, 0.16))
            items.beyond.setPen(pen(colour, 1))
            items.beyond.setBrush(brush(theme.plot))
            items.ends.setPen(pen(colour, 2))
            items.ends.setBrush(brush(colour))
            for item in items.all:
                item.setOpacity(_FADED if faint else 1.0)
        self.reached.setPen(pen(theme.plot, 1))
        self.reached.setBrush([brush(self._colours[i]) for i in self._reached_lines.tolist()])

    def choose(self, line: int) -> None:
        """Let one line stand out, or (-1) none."""
        if line != self.chosen:
            self.chosen = line
            self._style()

    @Slot()
    def _tick(self) -> None:
        """As many labels as there is room for."""
        picture = self.picture
        if picture is None:
            return
        low, high = picture.limits
        self._steps = step_ticks(picture.epochs, max(int(self.width() / 70), 3))
        self._clear_ticks()
        if picture.metric.share:
            levels = round_levels(0.0, high, 5)
            left = [(level, f"{100 * level:.3g}%") for level in levels]
        elif picture.log:
            left = decade_ticks(*np.log10([low, high]).tolist())
        else:
            left = few_ticks(low, high)
        if left != self._up_ticks:  # an axis whose ticks are set draws its labels anew
            self._up_ticks = left
            self.getAxis("left").setTicks([left])

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As many labels as there is room for now (Qt asks)."""
        super().resizeEvent(event)
        if getattr(self, "picture", None) is not None:  # Qt asks before it is made
            self._tick()

    # -- the cursor ----------------------------------------------------------------------------------------------

    def show_epoch(self, epoch: int) -> None:
        """Put the cursor on an epoch."""
        self._epoch = epoch
        self._mark()

    def _mark(self) -> None:
        if self.cursor_line.value() != self._epoch:
            self.cursor_line.setValue(self._epoch)
        self.flag.show_at(self._epoch, f"epoch {self._epoch}")
        self._clear_ticks()
        picture, theme = self.picture, self._theme
        if picture is None or theme is None:
            return
        # A curve is marked where it was last measured: it may have ended, or hold few epochs.
        across, heights = np.array([line.point(self._epoch) for line in picture.lines]).T
        values = self._up(heights)
        seen = np.flatnonzero(np.isfinite(values))
        brushes = [brush(self._colours[picture.lines[i].line]) for i in seen.tolist()]
        self.here.setData(across[seen], values[seen], brush=brushes, pen=pen(theme.plot, 1))

    def _clear_ticks(self) -> None:
        """No label on which the cursor's lies: half of a number is another number."""
        clear = tuple(tick for tick in self._steps if not self.flag.hides(*tick))
        if clear != self._clear:
            self._clear = clear
            self.getAxis("bottom").setTicks([clear])

    @Slot(object)
    def _on_cursor(self, cursor: Any) -> None:
        self.moved.emit(max(round(cursor.value()), 0))
        self.cursor_line.setValue(self._epoch)  # the line itself stays on an epoch that there is

    @Slot(object)
    def _on_click(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.plotItem.vb.sceneBoundingRect().contains(
            event.scenePos()
        ):
            self.moved.emit(max(round(self.plotItem.vb.mapSceneToView(event.scenePos()).x()), 0))

    # -- pointing ------------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_mouse(self, position: QPointF) -> None:
        picture, box = self.picture, self.plotItem.vb
        if picture is None or not box.sceneBoundingRect().contains(position):
            self.pointed.emit(-1, "")
            return
        at = box.mapSceneToView(position)
        epoch = min(max(round(at.x()), 0), picture.epochs)
        values = self._up(np.array([line.at(epoch) if epoch <= line.epochs[-1] else np.nan for line in picture.lines]))
        away = np.abs(values - at.y()) / box.viewPixelSize()[1]
        if not np.isfinite(away).any() or np.nanmin(away) > _NEAR_PX:
            self.pointed.emit(-1, f"epoch {epoch}")
            return
        line = picture.lines[int(np.nanargmin(away))]
        self.pointed.emit(line.line, f"epoch {epoch}: {value_words(picture, line, epoch)}")

    def leaveEvent(self, event: QEvent) -> None:
        """What was pointed at goes with the mouse."""
        self.pointed.emit(-1, "")
        super().leaveEvent(event)


def dash_of(index: int) -> Qt.PenStyle:
    """The dashes of a line; after the fourth they come again."""
    return DASHES[index % len(DASHES)]


def value_words(picture: CurvesPicture, line: LineCurve, epoch: int) -> str:
    """What a line is at an epoch: "γ = 0.1, η = 100: 0.53 (0.5 to 0.56 over 3 seeds)"."""
    index = int(np.searchsorted(line.epochs, epoch, side="right")) - 1
    low, middle, high = (_words(picture, float(part[index])) for part in (line.low, line.median, line.high))
    spread = f" ({low} to {high} over {picture.repeats} seeds)" if low != high else ""
    more = "more than " if line.beyond[index] else ""
    return f"{line.label}: {more}{middle}{spread}"


def _words(picture: CurvesPicture, value: float) -> str:
    return f"{100 * value:.3g}%" if picture.metric.share else number(value)
