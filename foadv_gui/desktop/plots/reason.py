"""A plot, or in its place the reason why there is none."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QStackedWidget, QWidget


class PlotOrReason(QStackedWidget):
    """A plot, or in its place the reason why there is nothing to draw."""

    def __init__(self, plot: QWidget) -> None:
        super().__init__()
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        self.reason.setObjectName("faint")
        self.reason.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.addWidget(plot)
        self.addWidget(self.reason)

    def say(self, reason: str) -> None:
        """Show the reason, or (empty) the plot."""
        self.reason.setText(reason)
        self.setCurrentIndex(1 if reason else 0)
