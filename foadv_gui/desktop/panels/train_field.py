"""One setting of a training in the form: its symbol and title, its editor, and why a value was refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QSizePolicy, QWidget

from foadv_gui.desktop.panels.fields import ChoiceEditor, Editor, editor_for
from foadv_gui.desktop.panels.setup import hover_of
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.settings import setting
from foadv_gui.lab.training.draft import BOTH, SCALE
from foadv_gui.lab.training.thumbnail import digit_image

if TYPE_CHECKING:
    from foadv_gui.desktop.training_desk import TrainingDesk
    from foadv_gui.lab.palette import Theme
    from foadv_gui.lab.training.draft import TrainingDraft

_LABEL_PX = 122
_THUMB_PX = 24
_TITLES = {
    "training.mode": "Trained on",
    "training.digit_plus": "Digit, y = +1",
    "training.digit_minus": "Digit, y = −1",
    "ascent.step": "Inner step size",
    "ascent.rule": "Inner step rule",
    "ascent.step_units": "Inner step units",
    "training.rate_units": "Rate convention",
}
"""Shorter than, or other than, those of the settings: of two steps and two units one says whose they are."""
_BOTH_WORDS = {"training.rate_units": "Both, side by side", "training.mode": "Both, side by side"}


class TrainRow(QWidget):
    """A row of the form: a label, an editor beside it, and below them what is wrong."""

    entered = Signal()

    def __init__(self, key: str, editor: QWidget, title: str, symbol: str, help: str) -> None:
        super().__init__()
        self.key = key
        self.label = QLabel(f"{symbol}  {title}" if symbol else title)
        self.label.setFixedWidth(_LABEL_PX)
        self.label.setBuddy(editor)
        self.refusal = QLabel()
        self.refusal.setObjectName("refusal")
        self.refusal.setWordWrap(True)
        self.refusal.hide()
        self.grid = QGridLayout(self)
        self.grid.setContentsMargins(0, 0, 0, 0)
        self.grid.setHorizontalSpacing(4)
        self.grid.setVerticalSpacing(1)
        self.grid.addWidget(self.label, 0, 0)
        self.grid.addWidget(editor, 0, 1)
        self.grid.addWidget(self.refusal, 1, 0, 1, 2)
        self.grid.setColumnStretch(1, 1)
        self.setToolTip(help)

    @Slot(str)
    def refuse(self, reason: str) -> None:
        """Say why a value cannot be; an empty reason clears it."""
        self.refusal.setText(reason and f"⚠ {reason}")
        self.refusal.setVisible(bool(reason))

    def show_plan(self, plan: TrainingDraft) -> None:
        """Show what is planned."""
        raise NotImplementedError


class TrainField(TrainRow):
    """A setting with one value; of some, `both` choices can be taken side by side."""

    def __init__(self, key: str, desk: TrainingDesk) -> None:
        chosen = setting(key)
        self._desk, self._both = desk, key in _BOTH_WORDS
        if self._both:
            labels = {**chosen.labels, BOTH: _BOTH_WORDS[key]}
            self.editor: Editor = ChoiceEditor(replace(chosen, choices=(*chosen.choices, BOTH), labels=labels))
            self.editor.keep_from_wheel()
        else:
            self.editor = editor_for(chosen)
        super().__init__(key, self.editor, _TITLES.get(key, chosen.title), chosen.symbol, hover_of(chosen))
        self.editor.edited.connect(self._on_edited)
        self.editor.entered.connect(self._on_entered)
        self.editor.refused.connect(self.refuse)

    def show_plan(self, plan: TrainingDraft) -> None:
        """Show the value, which an axis over the setting takes no notice of."""
        self.editor.show_value(plan.choice(self.key) if self._both else plan.get(self.key))

    @Slot(object, bool)
    def _on_edited(self, value: object, moving: bool) -> None:
        desk = self._desk
        if self._both:
            desk.edit(self.key, desk.plan.choosing(self.key, str(value)))
            return
        also = {"training.data": "file"} if self.key == "training.file" and value else None
        if not desk.change(self.key, value, live=moving, also=also):
            self.show_plan(desk.plan)

    @Slot()
    def _on_entered(self) -> None:
        if self.refusal.isHidden():
            self.entered.emit()


class DigitField(TrainField):
    """A digit, and what it looks like."""

    def __init__(self, key: str, desk: TrainingDesk) -> None:
        super().__init__(key, desk)
        self.image = QLabel()
        self.image.setFixedSize(_THUMB_PX, _THUMB_PX)
        self.image.setToolTip(hover("One of the images of this digit"))
        self.editor.row.insertWidget(0, self.image)
        self._shown: tuple[int, str] | None = None

    def show_digit(self, digit: int, theme: Theme) -> None:
        """Draw an image of a digit in the theme's ink."""
        if (digit, theme.name) == self._shown:
            return
        self._shown = digit, theme.name
        ink = digit_image(digit)
        grey = np.ascontiguousarray(ink if theme.name == "dark" else 255 - ink)
        picture = QImage(grey.data, 8, 8, 8, QImage.Format.Format_Grayscale8)
        scaled = picture.scaled(_THUMB_PX, _THUMB_PX, mode=Qt.TransformationMode.FastTransformation)
        self.image.setPixmap(QPixmap.fromImage(scaled))


class ScalesField(TrainRow):
    """The input scales as they are typed, how many they are, and what is wrong with them."""

    def __init__(self, desk: TrainingDesk) -> None:
        self._desk = desk
        self.box = QLineEdit()
        self.box.setAccessibleName("Input scales")
        chosen = setting(SCALE)
        help = hover(
            "The input scales γ whose trainings run side by side: small inputs give one smooth hill, large ones a "
            "mountain range.",
            "A list: 0.1, 0.3, 1, 3; or log:0.1:10:5 for 5 values from 0.1 to 10, each the same factor above the last.",
        )
        super().__init__(SCALE, self.box, "Input scales", chosen.symbol, help)
        self.count = QLabel()
        self.count.setObjectName("faint")
        self.count.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.grid.addWidget(self.count, 2, 0, 1, 2)
        self.box.textEdited.connect(self._on_typed)
        self.box.returnPressed.connect(self._on_return)

    def show_plan(self, plan: TrainingDraft) -> None:
        """Show the scales, and how many networks they make with all else that varies."""
        if self.box.text().strip() != plan.scales:
            with QSignalBlocker(self.box):
                self.box.setText(plan.scales)
        self.count.setText(plan.words)
        self.count.setVisible(bool(plan.words))

    @Slot(str)
    def _on_typed(self, text: str) -> None:
        self._desk.edit(SCALE, self._desk.plan.varying(SCALE, text.strip()), live=True)

    @Slot()
    def _on_return(self) -> None:
        if self.refusal.isHidden():
            self.entered.emit()
