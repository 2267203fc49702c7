"""What a drop would do, in large letters over the window while something is dragged across it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from foadv_gui.desktop.icons import icon

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from foadv_gui.desktop.theme import ThemeKeeper

_ICON_PX = 56
_VEIL = 0.82


class DropOverlay(QWidget):
    """Covers the window, and lets the mouse through."""

    def __init__(self, theme: ThemeKeeper, window: QWidget) -> None:
        super().__init__(window)
        self._theme, self._window = theme, window
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("What dropping would do")
        card = QFrame()
        card.setObjectName("card")
        self._sign = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._title = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._title.setObjectName("title")
        self._words = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._words.setObjectName("lead")
        self._words.setWordWrap(True)
        self._words.setMinimumWidth(560)
        for label in (self._title, self._words):
            label.setTextFormat(Qt.TextFormat.PlainText)  # a file's name is no markup
        inside = QVBoxLayout(card)
        inside.setContentsMargins(32, 24, 32, 24)
        inside.setSpacing(12)
        inside.addWidget(self._sign)
        inside.addWidget(self._title)
        inside.addWidget(self._words)
        column = QVBoxLayout(self)
        column.addWidget(card, 0, Qt.AlignmentFlag.AlignCenter)
        self.hide()

    @property
    def words(self) -> str:
        """What it says, while it can be seen."""
        return self.accessibleDescription() if self.isVisible() else ""

    def say(self, title: str, words: str, possible: bool) -> None:
        """Say what a drop would do, or why it would do nothing."""
        theme = self._theme.theme
        sign = icon("take", theme.yes) if possible else icon("no", theme.no)
        self._sign.setPixmap(sign.pixmap(_ICON_PX, _ICON_PX))
        self._title.setText(title)
        self._words.setText(words)
        self.setAccessibleDescription(f"{title}: {words}")
        self.setGeometry(self._window.rect())
        self.raise_()
        self.show()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Dim the window (Qt asks)."""
        veil = QColor(self._theme.theme.window)
        veil.setAlphaF(_VEIL)
        QPainter(self).fillRect(self.rect(), veil)
