"""A flat button with an icon and words, in the bar above a row of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QToolButton

from foadv_gui.desktop.theme import hover

if TYPE_CHECKING:
    from PySide6.QtWidgets import QHBoxLayout


def bar_button(name: str, help: str, row: QHBoxLayout) -> QToolButton:
    """Add such a button at the end of a row."""
    button = QToolButton()
    button.setText(name)
    button.setToolTip(hover(help))
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setIconSize(QSize(16, 16))
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    row.addWidget(button)
    return button
