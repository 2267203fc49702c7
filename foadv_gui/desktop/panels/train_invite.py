"""What the Train page shows before anything has been trained: what it is about, and ready trainings a click away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.training.draft import TrainingDraft
from foadv_gui.lab.training.ready import load_training, training_names

if TYPE_CHECKING:
    from foadv_gui.desktop.theme import ThemeKeeper

_WHAT = (
    "Adversarial training takes turns: an adversary moves every point to where the loss is highest nearby, then the "
    "weights step to lower the loss there. See how the first epochs go at several input scales at once, and how the "
    "landscape around each point changes with them."
)
_WIDEST_PX = 760


class TrainInvite(QFrame):
    """`chosen` carries the name of a ready training, and whether it is to start at once."""

    chosen = Signal(str, bool)

    def __init__(self, theme: ThemeKeeper) -> None:
        super().__init__()
        self.setObjectName("card")
        self._theme = theme
        self.buttons: dict[str, QPushButton] = {}
        inner = QWidget()
        inner.setMaximumWidth(_WIDEST_PX)
        inner.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        column = QVBoxLayout(inner)
        column.setSpacing(6)
        title = QLabel("Watch training begin")
        title.setObjectName("title")
        column.addWidget(title)
        what = QLabel(_WHAT)
        what.setObjectName("lead")
        what.setWordWrap(True)
        column.addWidget(what)
        for i, name in enumerate(training_names()):
            if i == 1:
                column.addSpacing(10)
                others = QLabel("Or take one of these, look at its settings on the left, and press Start:")
                others.setWordWrap(True)
                column.addWidget(others)
            column.addWidget(self._offer(name, at_once=i == 0))
            if i == 0:
                column.addWidget(self._watch(name))
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

    def _offer(self, name: str, *, at_once: bool) -> QPushButton:
        training = load_training(name)
        button = QPushButton(f"Train “{training.title.split(':')[0]}”" if at_once else training.title)
        button.setToolTip(hover(training.watch, TrainingDraft.of(training).words))
        button.setIconSize(QSize(20, 20))
        if at_once:
            button.setObjectName("main")
        button.setProperty("training", name)
        button.setProperty("at_once", at_once)
        button.clicked.connect(self._on_clicked)
        self.buttons[name] = button
        return button

    def _watch(self, name: str) -> QLabel:
        training = load_training(name)
        watch = QLabel(f"{training.watch} {TrainingDraft.of(training).words}: less than a minute on two cores.")
        watch.setObjectName("faint")
        watch.setWordWrap(True)
        return watch

    @Slot()
    def _paint(self) -> None:
        for button in self.buttons.values():
            if button.property("at_once"):
                button.setIcon(icon("play", self._theme.theme.accent_text))

    @Slot()
    def _on_clicked(self) -> None:
        button = self.sender()
        self.chosen.emit(button.property("training"), button.property("at_once"))
