"""The window's message boxes: none of them stops it, and each goes when it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

_WIDE_PX = 700


def warn(window: QWidget, what: str, why: str) -> None:
    """Say what cannot be done, and why."""
    box = QMessageBox(QMessageBox.Icon.Warning, what, why, parent=window)
    box.setTextFormat(Qt.TextFormat.PlainText)  # a file's name is no markup
    _open(box)


def report(window: QWidget, message: str, details: str) -> None:
    """Say what nobody expected, with details that can be copied."""
    if window.findChild(QMessageBox, "failure") is not None:
        return  # the mouse asks at every move: one report of what is wrong is enough
    box = QMessageBox(QMessageBox.Icon.Critical, "Something went wrong", message, parent=window)
    box.setObjectName("failure")
    box.setInformativeText("The window goes on; the details below can be copied into a report.")
    box.setDetailedText(details)
    _open(box)


def tell(window: QWidget, title: str, text: str) -> None:
    """Show a wide text in HTML."""
    box = QMessageBox(QMessageBox.Icon.NoIcon, title, text, parent=window)
    box.setTextFormat(Qt.TextFormat.RichText)
    label = box.findChild(QLabel, "qt_msgbox_label")
    if label is not None:
        label.setMinimumWidth(_WIDE_PX)  # by itself it would wrap, and be higher than a small screen
    _open(box)


def _open(box: QMessageBox) -> None:
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
