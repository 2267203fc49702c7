"""What a plot's cursor stands at, in words below its line: on the axis, where it hides no curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QRectF, Qt, Slot
from PySide6.QtGui import QColor, QFontMetricsF, QPainter
from PySide6.QtWidgets import QGraphicsItem, QGraphicsObject

from foadv_gui.desktop.theme import plot_font

if TYPE_CHECKING:
    from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

    from foadv_gui.lab.palette import Theme

_POINTS = 9
_MARGIN_PX = 3.0
_BEYOND_PX = 9.0
"""So far over the axis's end, as its last label."""


class CursorFlag(QGraphicsObject):
    """Lies over the labels of the bottom axis of a plot item, at a place of its x axis."""

    def __init__(self, plot: Any) -> None:
        super().__init__(plot)
        self._plot, self._at, self.words = plot, 0.0, ""
        self._ground, self._text = QColor(), QColor()
        self._font = plot_font(_POINTS)
        letters = QFontMetricsF(self._font)
        self._letters, self._height = letters, letters.height()
        self.setZValue(100)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        box = plot.getViewBox()
        box.sigXRangeChanged.connect(self._place)
        box.sigResized.connect(self._place)

    def paint_in(self, theme: Theme) -> None:
        """Take the theme's colours."""
        self._ground, self._text = QColor(theme.plot), QColor(theme.text)
        self.update()

    def show_at(self, at: float, words: str) -> None:
        """Say something at a place."""
        if words != self.words:
            self.prepareGeometryChange()
            self.words = words
            self.update()
        self._at = at
        self._place()

    def hides(self, at: float, words: str) -> bool:
        """Whether it lies on a label of the axis."""
        half = (self._letters.horizontalAdvance(words) + self.boundingRect().width()) / 2
        return abs(self._across(at) - self.pos().x()) < half

    def _across(self, at: float) -> float:
        """Where a place of the x axis is."""
        box = self._plot.getViewBox()
        area, (low, high) = box.mapRectToItem(self._plot, box.rect()), box.viewRange()[0]
        return float(area.left() + (at - low) / (high - low) * area.width())

    @Slot()
    def _place(self) -> None:
        box = self._plot.getViewBox()
        area = box.mapRectToItem(self._plot, box.rect())
        half, across = self.boundingRect().width() / 2, self._across(self._at)
        self.setPos(min(max(across, area.left() + half), area.right() + _BEYOND_PX - half), area.bottom() + 2)

    def boundingRect(self) -> QRectF:
        """Its place around the words (Qt asks)."""
        width = self._letters.horizontalAdvance(self.words) + 2 * _MARGIN_PX
        return QRectF(-width / 2, 0, width, self._height)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the words on a ground that hides what they lie on (Qt asks)."""
        place = self.boundingRect()
        painter.fillRect(place, self._ground)
        painter.setPen(self._text)
        painter.setFont(self._font)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, self.words)
