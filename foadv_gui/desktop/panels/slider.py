"""A slider that can mark one of its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QSlider, QStyle, QStyleOptionSlider, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent


class MarkedSlider(QSlider):
    """A slider with a small triangle below its groove at one of its values."""

    def __init__(self, orientation: Qt.Orientation, parent: QWidget | None = None) -> None:
        super().__init__(orientation, parent)
        self.marked: int | None = None

    def mark(self, tick: int | None) -> None:
        """Mark a value, or none."""
        if tick != self.marked:
            self.marked = tick
            self.update()

    def mark_x(self) -> float:
        """Where the mark's tip is across the slider, in pixels: under the middle of the handle at that value."""
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        option.sliderPosition = option.sliderValue = self.marked or 0
        part = QStyle.SubControl.SC_SliderHandle
        handle = self.style().subControlRect(QStyle.ComplexControl.CC_Slider, option, part, self)
        return handle.center().x() + 0.5

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the slider, and its mark over it."""
        super().paintEvent(event)
        if self.marked is None:
            return
        x, bottom, size = self.mark_x(), float(self.height()), 5.0
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().text())
        painter.drawPolygon([QPointF(x, bottom - 1.6 * size), QPointF(x - size, bottom), QPointF(x + size, bottom)])
        painter.end()
