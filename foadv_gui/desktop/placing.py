"""Where the window was left, kept from one start to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMainWindow, QSplitter

_PLACE, _COLUMNS = "window/geometry", "window/columns"


def restore(window: QMainWindow, columns: QSplitter) -> None:
    """Place the window and its columns as they were left."""
    settings = QSettings()
    for key, put in ((_PLACE, window.restoreGeometry), (_COLUMNS, columns.restoreState)):
        saved = settings.value(key)
        if saved is not None:
            put(saved)


def remember(window: QMainWindow, columns: QSplitter) -> None:
    """Note how they are left."""
    settings = QSettings()
    settings.setValue(_PLACE, window.saveGeometry())
    settings.setValue(_COLUMNS, columns.saveState())
