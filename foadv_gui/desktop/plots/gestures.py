"""The landscape's view box: what a click, a drag or the wheel means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal

if TYPE_CHECKING:
    from PySide6.QtCore import QPointF

Point = tuple[float, float]


class Grips(Protocol):
    """What can be taken hold of on the landscape."""

    def start_at(self, point: Point) -> int | None:
        """The restart whose start lies under a point."""
        ...

    def trail_at(self, point: Point) -> int | None:
        """The restart whose trail lies under a point."""
        ...

    def cutting(self) -> bool:
        """Whether a drag draws a line."""
        ...


class PlaneViewBox(pg.ViewBox):  # type: ignore[misc]
    """Tells apart: dragging a start, drawing a cut, moving the view; clicking a trail, clicking a new start."""

    startDragged = Signal(int, float, float)
    cutDragged = Signal(float, float, float, float)
    trailClicked = Signal(int)
    pointClicked = Signal(float, float)

    def __init__(self) -> None:
        super().__init__(lockAspect=True, enableMenu=False)
        self.grips: Grips | None = None
        self._held: int | None = None
        self._cut_from: Point | None = None

    def _point(self, position: QPointF) -> Point:
        mapped = self.mapToView(position)
        return float(mapped.x()), float(mapped.y())

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """A drag of the left button."""
        if self.grips is None or event.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis)
            return
        here = self._point(event.pos())
        if event.isStart():
            began = self._point(event.buttonDownPos())
            wants_cut = self.grips.cutting() or bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._cut_from = began if wants_cut else None
            self._held = None if wants_cut else self.grips.start_at(began)
        if self._cut_from is not None:
            event.accept()
            self.cutDragged.emit(*self._cut_from, *here)
        elif self._held is not None:
            event.accept()
            self.startDragged.emit(self._held, *here)
        else:
            super().mouseDragEvent(event, axis)
        if event.isFinish():
            self._held = self._cut_from = None

    def mouseClickEvent(self, event: Any) -> None:
        """A click of the left button: a trail, else a place."""
        if self.grips is None or event.button() != Qt.MouseButton.LeftButton:
            return
        event.accept()
        here = self._point(event.pos())
        trail = self.grips.trail_at(here)
        if trail is not None:
            self.trailClicked.emit(trail)
        else:
            self.pointClicked.emit(*here)
