"""A plot of marks that can be pointed at, chosen with the arrow keys, and opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal, Slot

from foadv_gui.desktop.plots.axis import number_axes
from foadv_gui.desktop.theme import pen, style_axes
from foadv_gui.lab.sweep.marks import dot_words, mark_words, point_words
from foadv_gui.lab.sweep.picture import CurvePicture

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QFocusEvent, QKeyEvent

    from foadv_gui.lab.palette import Theme
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.overview import Picture

_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}


@dataclass(frozen=True)
class Target:
    """A mark, or the single point of it that is under the mouse, by its place among the picture's dots."""

    mark: int
    dot: int | None = None


class MarksPlot(pg.PlotWidget):  # type: ignore[misc]
    """What curves and heat maps of a sweep have in common."""

    pointed = Signal(str)
    """What is under the mouse or chosen with the keys, in words; nothing when there is none."""
    opened = Signal(int)
    """The index of the point whose experiment somebody wants to see."""

    def __init__(self, name: str) -> None:
        super().__init__(enableMenu=False, axisItems=number_axes())
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.plotItem.layout.setContentsMargins(1, 4, 10, 1)
        for side in ("left", "bottom"):  # the first and the last label are half outside
            self.getAxis(side).setStyle(hideOverlappingLabels=False)
        self.ring = pg.ScatterPlotItem(size=16, symbol="o", brush=None)
        self.ring.setZValue(50)
        self.addItem(self.ring, ignoreBounds=True)
        self.picture: Picture | None = None
        self.sweep: Sweep | None = None
        self.target: Target | None = None
        self.scene().sigMouseMoved.connect(self._on_mouse)
        self.scene().sigMouseClicked.connect(self._on_click)

    def paint(self, theme: Theme) -> None:
        """Take the theme's colours."""
        self.setBackground(theme.plot)
        style_axes(self, theme, 9)
        self.ring.setPen(pen(theme.focus, 2.5))

    def draw(self, picture: Any, sweep: Sweep) -> None:
        """Fill in a picture of the plot's kind."""
        raise NotImplementedError

    # -- what the kinds of plots know ----------------------------------------------------------------------------

    def target_at(self, position: QPointF) -> Target | None:
        """What is under a place of the scene."""
        raise NotImplementedError

    def neighbour(self, mark: int | None, across: int, up: int) -> int | None:
        """The mark beside another one; from None the first."""
        raise NotImplementedError

    def place_of(self, target: Target) -> tuple[float, float] | None:
        """Where a target is drawn."""
        raise NotImplementedError

    # -- pointing ------------------------------------------------------------------------------------------------

    def points(self, mark: int) -> Any:
        """The points that a mark stands for, the one that it shows first."""
        raise NotImplementedError

    def point_of(self, target: Target) -> int | None:
        """The point that a target opens."""
        assert self.picture is not None
        if target.dot is not None:
            return int(self.picture.dots.index[target.dot])
        found = self.points(target.mark)
        return int(found[0]) if len(found) else None

    def point_at(self, target: Target | None) -> None:
        """Ring a target, and say what it is."""
        self.target = target if self.picture is not None else None
        at = None if self.target is None else self.place_of(self.target)
        self.ring.setData(*([[], []] if at is None else [[at[0]], [at[1]]]))
        self.pointed.emit("" if self.target is None else self._words(self.target))
        self.setCursor(Qt.CursorShape.ArrowCursor if at is None else Qt.CursorShape.PointingHandCursor)

    def renew(self) -> None:
        """Ring the same target in a new picture, if it is there still."""
        target, picture = self.target, self.picture
        if target is not None and picture is not None:
            there = target.mark < picture.marks.points.size
            self.point_at(Target(target.mark) if there else None)

    def _words(self, target: Target) -> str:
        assert self.picture is not None
        point = self.point_of(target)
        if point is None or self.sweep is None:
            return mark_words(self.picture, target.mark)
        if target.dot is not None and isinstance(self.picture, CurvePicture):
            return f"{dot_words(self.picture, self.sweep.point(point), target.dot)}.  Click: open it in Explore"
        opens = point_words(self.sweep.point(point))
        return f"{mark_words(self.picture, target.mark)}.  Click: open {opens} in Explore"

    @Slot(object)
    def _on_mouse(self, position: QPointF) -> None:
        inside = self.picture is not None and self.plotItem.vb.sceneBoundingRect().contains(position)
        target = self.target_at(position) if inside else None
        if target != self.target:
            self.point_at(target)

    @Slot(object)
    def _on_click(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._on_mouse(event.scenePos())
        self._open()

    def _open(self) -> None:
        point = None if self.target is None else self.point_of(self.target)
        if point is not None:
            self.opened.emit(point)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows go from mark to mark; Enter opens the one that is ringed."""
        key = Qt.Key(event.key())
        if key in _ARROWS and self.picture is not None:
            mark = self.neighbour(self.target.mark if self.target is not None else None, *_ARROWS[key])
            if mark is not None:
                self.point_at(Target(mark))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """What was chosen with the keys goes with the focus."""
        self.point_at(None)
        super().focusOutEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """What was pointed at goes with the mouse."""
        self.point_at(None)
        super().leaveEvent(event)
