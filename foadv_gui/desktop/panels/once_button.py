"""A button that a double click presses once, and Enter, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QMouseEvent


class OnceButton(QPushButton):
    """The second click of a double click does nothing: it would stop what the first one has started."""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Do not press it again (Qt calls it)."""
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Press it with Enter: where something plays, the space bar is taken (Qt calls it)."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat():
            self.click()
        else:
            super().keyPressEvent(event)
