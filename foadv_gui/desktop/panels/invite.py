"""What a page shows before anything has been computed: what it is about, and what is ready, a click away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.theme import hover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.desktop.theme import ThemeKeeper

_WIDEST_PX = 760


class Offer(NamedTuple):
    """Something that is ready: its name and title, what to watch, and how much it is, in words."""

    name: str
    title: str
    watch: str
    size: str


class Invite(QFrame):
    """`chosen` carries the name of what is taken, and whether it is to start at once, as the first one does.

    Parameters
    ----------
    title, what
        The page's subject, and a few sentences about it.
    verb, takes
        What the first button does ("Run"), and how long that takes.
    others
        What stands above those that only fill in the form.
    """

    chosen = Signal(str, bool)

    def __init__(
        self,
        title: str,
        what: str,
        offers: Sequence[Offer],
        *,
        verb: str,
        takes: str,
        others: str,
        theme: ThemeKeeper,
    ) -> None:
        super().__init__()
        self.setObjectName("card")
        self._theme = theme
        self.buttons: dict[str, QPushButton] = {}
        inner = QWidget()
        inner.setMaximumWidth(_WIDEST_PX)
        inner.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        column = QVBoxLayout(inner)
        column.setSpacing(6)
        column.addWidget(_words(title, "title", wrapped=False))
        column.addWidget(_words(what, "lead"))
        for i, offer in enumerate(offers):
            if i == 1:
                column.addSpacing(10)
                column.addWidget(_words(others))
            first = i == 0
            column.addWidget(
                self._button(offer, f"{verb} “{offer.title.split(':')[0]}”" if first else offer.title, first)
            )
            if first:
                column.addWidget(_words(f"{offer.watch} {offer.size}: {takes} on two cores.", "faint"))
        row = QHBoxLayout()  # not an alignment, with which wrapped words get too little height
        row.addStretch(1)
        row.addWidget(inner, 6)
        row.addStretch(1)
        whole = QVBoxLayout(self)
        whole.addStretch(1)
        whole.addLayout(row)
        whole.addStretch(2)
        theme.changed.connect(self._paint)
        self._paint()

    def _button(self, offer: Offer, words: str, at_once: bool) -> QPushButton:
        button = QPushButton(words)
        button.setToolTip(hover(offer.watch, offer.size))
        button.setIconSize(QSize(20, 20))
        if at_once:
            button.setObjectName("main")
        button.setProperty("offer", offer.name)
        button.setProperty("at_once", at_once)
        button.clicked.connect(self._on_clicked)
        self.buttons[offer.name] = button
        return button

    @Slot()
    def _paint(self) -> None:
        for button in self.buttons.values():
            if button.property("at_once"):
                button.setIcon(icon("play", self._theme.theme.accent_text))

    @Slot()
    def _on_clicked(self) -> None:
        button = self.sender()
        self.chosen.emit(button.property("offer"), button.property("at_once"))


def _words(text: str, name: str = "", *, wrapped: bool = True) -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setWordWrap(wrapped)
    return label
