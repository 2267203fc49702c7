"""The left side of the Train page: data, network, adversary, training, and the buttons that start it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QToolButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.panels.card import card
from foadv_gui.desktop.panels.train_field import DigitField, ScalesField, TrainField, TrainRow
from foadv_gui.desktop.panels.train_run import TrainRun
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.settings import setting
from foadv_gui.lab.training.draft import BOTH, SCALE

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.desktop.training_desk import TrainingDesk
    from foadv_gui.lab.training.draft import TrainingDraft

_CARDS: dict[str, tuple[str, ...]] = {
    "Training": (
        *(SCALE, "training.rate", "training.rate_units", "training.mode"),
        *("training.epochs", "training.repeats", "training.batch", "training.train_a"),
    ),
    "Data": (
        *("training.data", "training.points", "training.held_out"),
        *("training.digit_plus", "training.digit_minus", "training.file", "network.dimension", "training.seed"),
    ),
    "Network": ("network.width", "network.activation", "network.weight_scale", "network.seed"),
    "Adversary": (
        *("input.ratio", "training.inner_steps", "ascent.step", "ascent.step_units"),
        *("ascent.rule", "ascent.constraint"),
    ),
}
"""What most people change comes first: at 720 pixels of height the rest is scrolled to."""
_SHOWN_WHEN: dict[str, Callable[[TrainingDraft], bool]] = {
    "training.digit_plus": lambda plan: plan.section.data == "digits",
    "training.digit_minus": lambda plan: plan.section.data == "digits",
    "training.file": lambda plan: plan.section.data == "file",
    "network.dimension": lambda plan: plan.section.data == "random",
    "network.width": lambda plan: plan.base.network.source == "random",
    "network.seed": lambda plan: plan.base.network.source != "file",
    "network.activation": lambda plan: plan.base.network.source != "model",
    "network.weight_scale": lambda plan: plan.base.network.source != "model",
}


class TrainSetup(QWidget):
    """All that is chosen before a training starts; `exploreWanted` asks for the experiment of the Explore page."""

    exploreWanted = Signal()
    entered = Signal()
    """Enter was pressed in a field."""

    def __init__(self, desk: TrainingDesk, theme: ThemeKeeper) -> None:
        super().__init__()
        self._desk, self._theme = desk, theme
        self.fields: dict[str, TrainRow] = {}
        self.form = QWidget()
        self.form.setObjectName("form")
        cards = QVBoxLayout(self.form)
        cards.setContentsMargins(2, 2, 8, 2)
        cards.setSpacing(4)
        cards.addWidget(self._base_card())
        for title, keys in _CARDS.items():
            cards.addWidget(self._card(title, keys))
        cards.addStretch(1)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(self.form)
        self.setMinimumWidth(self.form.minimumSizeHint().width() + self.area.verticalScrollBar().sizeHint().width())
        self.run = TrainRun(desk, theme)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.area, 1)
        low = QVBoxLayout()
        low.setContentsMargins(2, 0, 8, 2)
        low.addWidget(self.run)
        column.addLayout(low)
        desk.planChanged.connect(self._show)
        desk.stateChanged.connect(self._show)
        desk.refused.connect(self._refuse)
        theme.changed.connect(self._show)
        self._show()

    def sizeHint(self) -> QSize:
        """As wide as Explore's settings."""
        return QSize(310, 600)

    # -- building ------------------------------------------------------------------------------------------------

    def _base_card(self) -> QFrame:
        self.title = QElidingLabel()
        self.from_explore = QPushButton("Take from Explore")
        self.from_explore.setToolTip(
            hover("Train the network of the experiment that the Explore page shows, against its adversary")
        )
        self.from_explore.clicked.connect(self.exploreWanted)
        self.also = QLabel()
        self.also.setObjectName("faint")
        self.also.setWordWrap(True)
        self.also.setToolTip(hover("Settings that vary from line to line beside those of the form, one line for each"))
        self.forget = QToolButton()
        self.forget.setAutoRaise(True)
        self.forget.setToolTip(hover("Let none of these vary any more: each is as the form says"))
        self.forget.setAccessibleName("Let them vary no more")
        self.forget.clicked.connect(self._on_forget)
        self.more = QWidget()
        row = QHBoxLayout(self.more)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.also, 1)
        row.addWidget(self.forget)
        self.problem = QLabel()
        self.problem.setObjectName("refusal")
        self.problem.setWordWrap(True)
        return card(self.title, self.from_explore, self.more, self.problem, margins=(8, 6, 8, 6))

    def _card(self, title: str, keys: tuple[str, ...]) -> QFrame:
        rows = [self._field(key) for key in keys]
        return card(*rows, title=title, margins=(8, 4, 8, 8))

    def _field(self, key: str) -> TrainRow:
        desk = self._desk
        kind = DigitField if "digit_" in key else TrainField
        field: TrainRow = ScalesField(desk) if key == SCALE else kind(key, desk)
        field.entered.connect(self.entered)
        self.fields[key] = field
        return field

    # -- showing -------------------------------------------------------------------------------------------------

    @Slot()
    def _show(self) -> None:
        desk = self._desk
        plan, theme = desk.plan, self._theme.theme
        self.title.setText(plan.base.title)
        self.title.setToolTip(hover(plan.base.title, plan.base.watch))
        self.title.setVisible(bool(plan.base.title))
        self.forget.setIcon(icon("remove", theme.text))
        error = plan.error
        for key, field in self.fields.items():
            field.refuse(error.reason if error is not None and error.key == key else "")
            field.show_plan(plan)
            field.setVisible(_SHOWN_WHEN.get(key, _always)(plan))
            if isinstance(field, DigitField):
                field.show_digit(plan.get(key), theme)
        self._say(plan.problem if error is not None and not self._tells(error.key) else "")
        others = self._others
        self.also.setText("Also varies: " + "; ".join(f"{setting(key).title}: {text}" for key, text in others))
        self.more.setVisible(bool(others))
        self.form.setEnabled(not desk.running)

    def _tells(self, key: str) -> bool:
        return key in self.fields and self.fields[key].isVisibleTo(self)

    def _say(self, problem: str) -> None:
        self.problem.setText(problem and f"⚠ {problem}")
        self.problem.setVisible(bool(problem))

    @property
    def _others(self) -> list[tuple[str, str]]:
        """The axes that no field of the form shows."""
        plan = self._desk.plan
        shown = {SCALE} | {key for key in ("training.mode", "training.rate_units") if plan.choice(key) == BOTH}
        return [pair for pair in plan.axes if pair[0] not in shown]

    # -- choosing ------------------------------------------------------------------------------------------------

    @Slot(str, str)
    def _refuse(self, key: str, reason: str) -> None:
        if self._tells(key):
            field = self.fields[key]
            field.refuse(reason)
            QTimer.singleShot(0, field, lambda: self.area.ensureWidgetVisible(field))
        else:
            self._say(f"{setting(key).title}: {reason}" if key else reason)

    @Slot()
    def _on_forget(self) -> None:
        plan = self._desk.plan
        for key, _ in self._others:
            plan = plan.fixed(key)
        self._desk.edit("vary no more", plan)


def _always(_plan: TrainingDraft) -> bool:
    return True
