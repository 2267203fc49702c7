"""A button that a double click presses once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QPushButton

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent


class OnceButton(QPushButton):
    """The second click of a double click does nothing: it would stop what the first one has started."""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Do not press it again (Qt calls it)."""
        event.accept()
