"""A card: what belongs together, on a ground of its own."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget


def card(
    *parts: QWidget, title: str = "", margins: tuple[int, int, int, int] = (4, 2, 4, 2), spacing: int = 4
) -> QFrame:
    """Some widgets below each other, with a title above them if they have one."""
    frame = QFrame()
    frame.setObjectName("card")
    column = QVBoxLayout(frame)
    column.setContentsMargins(*margins)
    column.setSpacing(spacing)
    if title:
        heading = QLabel(title)
        heading.setObjectName("heading")
        column.addWidget(heading)
    for part in parts:
        column.addWidget(part)
    return frame
