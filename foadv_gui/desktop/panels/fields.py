"""One editor per kind of setting: number (with a slider where it has a range), choice, switch, file, box."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QWidget,
)

from foadv_gui.desktop.file_kinds import kinds_of
from foadv_gui.desktop.panels.number_box import NumberBox
from foadv_gui.desktop.panels.slider import MarkedSlider

if TYPE_CHECKING:
    from foadv_gui.lab.config import Setting

_TICKS = 1000
_PAUSE_MS = 25
"""The least time between two edits of a moving slider."""


class Editor(QWidget):
    """An editor of one setting: `edited` carries the value and whether the control is still moving.

    `entered` says that Enter was pressed in a field, after what was typed has been taken over; `refused`, why it has
    not been, since it is no value of the setting.
    """

    edited = Signal(object, bool)
    entered = Signal()
    refused = Signal(str)

    def __init__(self, setting: Setting, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setting = setting
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(6)

    def show_value(self, value: Any) -> None:
        """Show a value without reporting it as an edit."""
        raise NotImplementedError

    def keep_from_wheel(self) -> None:
        """Let the wheel scroll the form, and turn a control only when it has the focus."""
        for control in self.findChildren(QWidget):
            if isinstance(control, QAbstractSlider | QAbstractSpinBox | QComboBox):
                control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                control.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pass the wheel on to the form."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


class NumberEditor(Editor):
    """A slider (logarithmic where the setting is) beside typed entry."""

    def __init__(self, setting: Setting, parent: QWidget | None = None) -> None:
        super().__init__(setting, parent)
        self._integer = setting.kind == "int"
        self.box: QSpinBox | QDoubleSpinBox
        if self._integer:
            self.box = QSpinBox()
            self.box.setRange(int(setting.low or 0), int(setting.high or 2**31 - 1))
            self.box.setKeyboardTracking(False)
            self.box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
            self.box.setAlignment(Qt.AlignmentFlag.AlignRight)
        else:
            self.box = NumberBox(setting)
            self.box.unfit.connect(self._on_unfit)
        self.box.setFixedWidth(64)
        self.box.valueChanged.connect(self._on_typed)
        self.box.lineEdit().returnPressed.connect(self.entered)
        self.slider: MarkedSlider | None = None
        self._waiting = False
        # A mouse moves more often than a picture is drawn: what it passes in between is not worth an edit each.
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._on_paused)
        if setting.slider is not None:
            self.slider = MarkedSlider(Qt.Orientation.Horizontal)
            self.slider.setRange(0, _TICKS)
            self.slider.setPageStep(_TICKS // 20)
            self.slider.setMinimumWidth(60)
            self.slider.valueChanged.connect(self._on_slid)
            self.slider.sliderReleased.connect(self._on_released)
            self.slider.setAccessibleName(setting.title)
            self.row.addWidget(self.slider, 1)
        else:
            self.row.addStretch(1)
        self.box.setAccessibleName(setting.title)
        self.row.addWidget(self.box)
        self.setFocusProxy(self.box)

    def show_value(self, value: Any) -> None:
        """Move slider and entry to a value."""
        with QSignalBlocker(self.box):
            self.box.setValue(value)
        if self.slider is not None and not self.slider.isSliderDown():
            with QSignalBlocker(self.slider):
                self.slider.setValue(self._tick_of(float(value)))

    def count(self, by: int) -> None:
        """Let only whole numbers be stepped through, by ones or twos, without a slider; 0: all numbers, as before."""
        if not isinstance(self.box, NumberBox):
            return
        self.box.whole = by
        buttons = QAbstractSpinBox.ButtonSymbols
        self.box.setButtonSymbols(buttons.UpDownArrows if by else buttons.NoButtons)
        self.row.setAlignment(self.box, Qt.AlignmentFlag.AlignRight if by else Qt.AlignmentFlag(0))
        if self.slider is not None:
            self.slider.setVisible(not by)

    def mark(self, value: float | None) -> None:
        """Put a mark below the slider at a value, where it has that value; None takes it away."""
        if self.slider is not None and self.setting.slider is not None:
            low, high = self.setting.slider
            self.slider.mark(self._tick_of(value) if value is not None and low <= value <= high else None)

    def _tick_of(self, value: float) -> int:
        assert self.setting.slider is not None
        low, high = self.setting.slider
        if self.setting.log:
            share = math.log(max(value, 1e-300) / low) / math.log(high / low)
        else:
            share = (value - low) / (high - low)
        return round(_TICKS * min(max(share, 0.0), 1.0))

    def _value_of(self, tick: int) -> float | int:
        assert self.setting.slider is not None
        low, high = self.setting.slider
        share = tick / _TICKS
        value = low * (high / low) ** share if self.setting.log else low + share * (high - low)
        # Three digits: a slider promises no more.
        rounded = float(f"{value:.3g}")
        return round(rounded) if self._integer else rounded

    @Slot(int)
    def _on_slid(self, tick: int) -> None:
        value = self._value_of(tick)
        with QSignalBlocker(self.box):
            self.box.setValue(value)  # type: ignore[arg-type]
        if self._pause.isActive():
            self._waiting = True
            return
        self.edited.emit(value, True)
        self._pause.start()

    @Slot()
    def _on_paused(self) -> None:
        if self._waiting and self.slider is not None:
            self._waiting = False
            self.edited.emit(self._value_of(self.slider.value()), True)
            self._pause.start()

    @Slot()
    def _on_released(self) -> None:
        assert self.slider is not None
        self._waiting = False
        self.edited.emit(self._value_of(self.slider.value()), True)

    @Slot()
    def _on_typed(self) -> None:
        self.edited.emit(self.box.value(), False)

    @Slot(str)
    def _on_unfit(self, text: str) -> None:
        self.refused.emit(f"{text.strip() or 'nothing'}: must be {self.setting.valid}")


class ChoiceEditor(Editor):
    """A drop-down list of named choices."""

    def __init__(self, setting: Setting, parent: QWidget | None = None) -> None:
        super().__init__(setting, parent)
        self.box = QComboBox()
        self.box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for choice in setting.choices:
            self.box.addItem(setting.labels.get(choice, choice), choice)
        self.box.activated.connect(self._on_chosen)
        self.box.setAccessibleName(setting.title)
        self.row.addWidget(self.box, 1)
        self.setFocusProxy(self.box)

    def show_value(self, value: Any) -> None:
        """Select a choice."""
        with QSignalBlocker(self.box):
            self.box.setCurrentIndex(self.box.findData(value))

    @Slot(int)
    def _on_chosen(self, index: int) -> None:
        self.edited.emit(self.box.itemData(index), False)


class SwitchEditor(Editor):
    """A check box."""

    def __init__(self, setting: Setting, parent: QWidget | None = None) -> None:
        super().__init__(setting, parent)
        self.box = QCheckBox()
        self.box.toggled.connect(self._on_toggled)
        self.box.setAccessibleName(setting.title)
        self.row.addWidget(self.box)
        self.row.addStretch(1)
        self.setFocusProxy(self.box)

    def show_value(self, value: Any) -> None:
        """Set or clear the mark."""
        with QSignalBlocker(self.box):
            self.box.setChecked(bool(value))

    @Slot(bool)
    def _on_toggled(self, on: bool) -> None:
        self.edited.emit(on, False)


class SeedEditor(Editor):
    """A visible seed with a button that draws anew: nothing random moves without being asked."""

    def __init__(self, setting: Setting, button: str, parent: QWidget | None = None) -> None:
        super().__init__(setting, parent)
        self.box = QSpinBox()
        self.box.setRange(0, int(setting.high or 2**31 - 1))
        self.box.setKeyboardTracking(False)
        self.box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.box.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.box.setFixedWidth(64)
        self.box.setAccessibleName(setting.title)
        self.box.valueChanged.connect(self._on_typed)
        self.box.lineEdit().returnPressed.connect(self.entered)
        self.button = QToolButton()
        self.button.setText(button)
        self.button.setToolTip(f"Use the next seed: {setting.help}")
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button.clicked.connect(self._on_next)
        self.row.addWidget(self.button, 1)
        self.row.addWidget(self.box)
        self.setFocusProxy(self.box)

    def show_value(self, value: Any) -> None:
        """Show a seed."""
        with QSignalBlocker(self.box):
            self.box.setValue(value)

    @Slot()
    def _on_next(self) -> None:
        self.edited.emit((self.box.value() + 1) % (self.box.maximum() + 1), False)

    @Slot()
    def _on_typed(self) -> None:
        self.edited.emit(self.box.value(), False)


class TextEditor(Editor):
    """A line of text, taken over with Enter or when the focus leaves; files also by a dialog."""

    def __init__(self, setting: Setting, parent: QWidget | None = None) -> None:
        super().__init__(setting, parent)
        self.box = QLineEdit()
        self.box.setAccessibleName(setting.title)
        self.box.editingFinished.connect(self._on_finished)
        self.box.returnPressed.connect(self._on_return)
        self.row.addWidget(self.box, 1)
        self._shown = ""
        if setting.kind == "path":
            self.button = QToolButton()
            self.button.setText("…")
            self.button.setToolTip(f"Choose a file: {setting.help}")
            self.button.clicked.connect(self._on_browse)
            self.row.addWidget(self.button)
        else:
            self.box.setPlaceholderText(_PLACEHOLDERS.get(setting.kind, ""))
        self.setFocusProxy(self.box)

    def show_value(self, value: Any) -> None:
        """Show a text; None is empty."""
        self._shown = "" if value is None else str(value)
        if isinstance(value, tuple):
            self._shown = ", ".join(part if isinstance(part, str) else f"{part:g}" for part in value)
        with QSignalBlocker(self.box):
            self.box.setText(self._shown)

    @Slot()
    def _on_finished(self) -> None:
        text = self.box.text().strip()
        if text and self.setting.kind == "path":
            # In full: what is saved of it may be read from another folder.
            text = str(Path(text).expanduser().absolute())
        if text != self._shown:
            self._shown = text
            self.edited.emit(text or None, False)

    @Slot()
    def _on_return(self) -> None:
        self._on_finished()  # Qt tells of Enter first, and only then that the editing is finished
        self.entered.emit()

    @Slot()
    def _on_browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, self.setting.title, self._shown, kinds_of(self.setting.key))
        if path:
            self.box.setText(path)
            self._on_finished()


_PLACEHOLDERS = {"box": "none, pixels, or lo, hi", "size": "as it is, or height, width"}
_PLACEHOLDERS |= {"names": "recognised", "text": "automatic"}

_SEED_BUTTONS = {
    "network.seed": "New weights",
    "input.seed": "New input",
    "ascent.seed": "New starts",
    "view.plane_seed": "New directions",
    "training.seed": "New points",
}


def editor_for(setting: Setting) -> Editor:
    """The editor that a setting's kind asks for."""
    editor = _plain_editor(setting)
    editor.keep_from_wheel()
    return editor


def _plain_editor(setting: Setting) -> Editor:
    if setting.key in _SEED_BUTTONS:
        return SeedEditor(setting, _SEED_BUTTONS[setting.key])
    if setting.kind in ("int", "float"):
        return NumberEditor(setting)
    if setting.kind == "choice":
        return ChoiceEditor(setting)
    if setting.kind == "bool":
        return SwitchEditor(setting)
    return TextEditor(setting)
