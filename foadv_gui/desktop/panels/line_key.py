"""The key of the curves: a sample of each line with its label, in as many rows as the width asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from foadv_gui.desktop.plots.train_curve import dash_of
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.training.looks import line_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QMouseEvent, QPaintEvent

    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.training.curves import LineCurve

_SAMPLE_PX, _GAP_PX, _BETWEEN_PX = 24, 4, 10


class LineKey(QWidget):
    """`pointed` carries the line under the mouse, or -1."""

    pointed = Signal(int)

    def __init__(self, theme: ThemeKeeper) -> None:
        super().__init__()
        self._theme = theme
        self._lines: tuple[LineCurve, ...] = ()
        self._chosen = -1
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMouseTracking(True)
        self.setToolTip(
            hover(
                "The networks that are trained: γ is the input scale, η the learning rate by which the weights step.",
                "The line is the median over the seeds, the band reaches from the least to the most. "
                "◆ 75% and 50% of the first loss reached; × diverged.",
            )
        )
        theme.changed.connect(self.update)

    def show_lines(self, lines: Sequence[LineCurve]) -> None:
        """Show these lines."""
        same = [line.label for line in lines] == [line.label for line in self._lines]
        self._lines = tuple(lines)
        self.setAccessibleName("Key: " + "; ".join(line.label for line in lines))
        if not same:
            self.updateGeometry()
            self.update()

    def choose(self, line: int) -> None:
        """Let one line stand out, or (-1) none."""
        if line != self._chosen:
            self._chosen = line
            self.update()

    def hasHeightForWidth(self) -> bool:
        """More rows where it is narrow (Qt asks)."""
        return True

    def heightForWidth(self, width: int) -> int:
        """How high it is then (Qt asks)."""
        places = self._places(width)
        return max((place.bottom() + 1 for place in places), default=0)

    def sizeHint(self) -> QSize:
        """As it would be in the width that it has."""
        return QSize(200, self.heightForWidth(max(self.width(), 200)))

    def place_of(self, index: int) -> QRect:
        """Where an entry is."""
        return self._places(self.width())[index]

    def _places(self, width: int) -> list[QRect]:
        """The place of each entry: columns of one width, filled one after the other, so that colours stay together."""
        letters = self.fontMetrics()
        if not self._lines:
            return []
        widest = max(letters.horizontalAdvance(line.label) for line in self._lines)
        entry, height = _SAMPLE_PX + _GAP_PX + widest + _BETWEEN_PX, letters.height() + 2
        columns = min(max(width // entry, 1), len(self._lines))
        rows = -(-len(self._lines) // columns)
        return [
            QRect((i // rows) * entry, (i % rows) * height, entry - _BETWEEN_PX, height)
            for i in range(len(self._lines))
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the samples and the labels (Qt asks)."""
        if not self._lines:
            return
        theme = self._theme.theme
        colours = line_colours(theme, 1 + max(line.colour for line in self._lines))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for line, place in zip(self._lines, self._places(self.width()), strict=True):
            chosen = self._chosen == line.line
            middle = place.top() + place.height() / 2
            painter.setPen(QPen(QColor(colours[line.colour]), 4 if chosen else 2.5, dash_of(line.dash)))
            painter.drawLine(QPointF(place.left(), middle), QPointF(place.left() + _SAMPLE_PX, middle))
            painter.setPen(QColor(theme.text))
            font = self.font()
            font.setBold(chosen)
            painter.setFont(font)
            room = QRectF(place).adjusted(_SAMPLE_PX + _GAP_PX, 0, _BETWEEN_PX, 0)
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, line.label)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell which line is pointed at (Qt calls it)."""
        at = event.position().toPoint()
        places = self._places(self.width())
        found = next((line.line for line, place in zip(self._lines, places, strict=True) if place.contains(at)), -1)
        self.pointed.emit(found)

    def leaveEvent(self, event: QEvent) -> None:
        """What was pointed at goes with the mouse."""
        self.pointed.emit(-1)
        super().leaveEvent(event)
