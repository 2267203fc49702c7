"""A box in which a number is typed: few digits are shown, and none is lost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QDoubleSpinBox, QWidget

if TYPE_CHECKING:
    from foadv_gui.lab.config import Setting

_SMALLEST = 1e-16
"""The smallest value above 0 that steps lead to: about the round-off of 1."""


class NumberBox(QDoubleSpinBox):
    """Typed entry of a number: four digits are shown, and what is out of range is told and not taken over."""

    unfit = Signal(str)
    """What was typed is no number in range: its text, before the value comes back."""

    def __init__(self, setting: Setting, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # What cannot be negative spreads over decades.
        self._decades = setting.low is not None and setting.low >= 0
        self.whole = 0
        self.setLocale(QLocale.c())
        self.setDecimals(30)  # Qt rounds to them: a tolerance of 1e-14 must not become 0
        self.setRange(float(setting.low if setting.low is not None else -1e12), float(setting.high or 1e12))
        self.setKeyboardTracking(False)
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)

    def textFromValue(self, value: float) -> str:
        """Four digits, without trailing zeros."""
        return f"{value:.4g}"

    def valueFromText(self, text: str) -> float:
        """Read what was typed; the rounded number that is shown stands for the value itself."""
        return self.value() if text == self.textFromValue(self.value()) else float(text)

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Accept a number in range; let unfinished ones be typed on."""
        try:
            value = float(text)
        except ValueError:
            typing = all(letter in "+-0123456789.eE" for letter in text)
            state = QValidator.State.Intermediate if typing else QValidator.State.Invalid
            return state, text, position
        inside = math.isfinite(value) and self.minimum() <= value <= self.maximum()
        return (QValidator.State.Acceptable if inside else QValidator.State.Intermediate), text, position

    def fixup(self, text: str) -> str:
        """Give up what was typed (Qt asks when it has been left there)."""
        self.unfit.emit(text)
        return text

    def stepBy(self, steps: int) -> None:
        """Go up or down by a tenth of the value, and from the smallest one on to 0; a signed one by 0.1 or `whole`."""
        if self.whole:
            self.setValue(self.value() + self.whole * steps)
        elif not self._decades:
            self.setValue(round(self.value() + 0.1 * steps, 12))
        elif self.value() < _SMALLEST:
            self.setValue(_SMALLEST * 1.1 ** (steps - 1) if steps > 0 else 0.0)
        else:
            value = self.value() * 1.1**steps
            self.setValue(float(f"{value:.3g}") if value > 0.99 * _SMALLEST else 0.0)
