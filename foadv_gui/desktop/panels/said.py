"""A few sentences on a card that is as high as they are: whole lines, and beyond some of these it is scrolled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

_MARGINS = 10, 3, 4, 3


class Said(QFrame):
    """Words that may be selected; the card grows with them up to `most` lines."""

    def __init__(self, help: str, most: int = 4) -> None:
        super().__init__()
        self.setObjectName("card")
        self._most = most
        self.label = QLabel()
        self.label.setObjectName("form")  # as clear as what it lies on
        self.label.setWordWrap(True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setToolTip(help)
        self.label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(self.label)
        column = QVBoxLayout(self)
        column.setContentsMargins(*_MARGINS)
        column.addWidget(self.area)
        self._fit()

    def say(self, words: str) -> None:
        """Say something else."""
        if words != self.label.text():
            self.label.setText(words)
            self._fit()

    @property
    def lines(self) -> int:
        """How many lines the words take."""
        height = self.label.heightForWidth(max(self.width() - _MARGINS[0] - _MARGINS[2], 1))
        return max(round(height / self.label.fontMetrics().lineSpacing()), 1)

    def _fit(self) -> None:
        lines = min(self.lines, self._most)
        height = lines * self.label.fontMetrics().lineSpacing()
        if height != self.area.height():
            self.area.setFixedHeight(height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Other lines where it is narrow (Qt asks)."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Higher lines in another font (Qt tells)."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "area"):
            self._fit()
