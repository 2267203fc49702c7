"""The form: every setting of the experiment, live, with its symbol, unit and help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from foadv_gui.desktop.panels.fields import Editor, NumberEditor, editor_for
from foadv_gui.lab.adoption import at_random
from foadv_gui.lab.config import SECTIONS, SETTINGS
from foadv_gui.lab.effects import acts
from foadv_gui.lab.loss_choice import also_chosen, needed_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.desktop.session import Session
    from foadv_gui.lab.config import Experiment, Setting

_TITLES = {"network": "Network", "input": "Input", "ascent": "Ascent", "compute": "Compute", "view": "Landscape"}
_FOLDED = ("compute", "view")
_ELSEWHERE = ("view.focus", "view.plane", "view.chart", "view.subspace", "view.quantity", "view.spectrum")
"""Settings that the plots themselves offer, where they belong."""

_CERTIFIED = (
    "The certified scale: up to this γ it is proven, for this network, direction and ratio, that the ball holds "
    "exactly one local maximum of the loss, or two where y lies between min f and max f. Beyond it there may still be "
    "no more; only the proof ends (q = ε M₂ / g_min reaches 1)."
)

_SHOWN_WHEN: dict[str, Callable[[Experiment], bool]] = {
    "input.array": lambda e: e.input.array is not None or (e.input.file or "").lower().endswith(".npz"),
    "view.plane_seed": lambda e: (
        (e.view.plane if e.view.chart == "plane" else e.view.subspace)
        in ("clean-gradient-random", "two-random", "three-random")
    ),
    "view.pixel_u": lambda e: e.view.plane == "two-pixels",
    "view.pixel_v": lambda e: e.view.plane == "two-pixels",
}


_CHOSEN_BY: dict[str, dict[str, object]] = {
    "network.file": {"network.source": "file", "network.layers": None},
    "input.file": {"input.source": "file", "input.index": 0, "input.array": None},
    "ascent.start_file": {"ascent.start": "file"},
}
"""What naming a file says as well: its source, which could not be chosen before; its first row, or its own layers."""


class Field(QWidget):
    """A setting's row: symbol and title, editor, and the reason why a value was refused.

    `entered` says that a value was confirmed with Enter, and not refused; `told`, what was chosen with it.
    """

    entered = Signal()
    told = Signal(str)

    def __init__(self, setting: Setting, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setting, self._session = setting, session
        self.editor: Editor = editor_for(setting)
        self.editor.edited.connect(self._on_edited)
        self.editor.entered.connect(self._on_entered)
        self.editor.refused.connect(self.refuse)
        label = QLabel(f"{setting.symbol}  {setting.title}" if setting.symbol else setting.title)
        label.setBuddy(self.editor)
        label.setFixedWidth(124)
        self.refusal = QLabel()
        self.refusal.setObjectName("refusal")
        self.refusal.setWordWrap(True)
        self.refusal.hide()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(1)
        grid.addWidget(label, 0, 0)
        grid.addWidget(self.editor, 0, 1)
        self.note = QLabel()
        self.note.setObjectName("faint")
        self.note.setWordWrap(True)
        self.note.hide()
        grid.addWidget(self.refusal, 1, 0, 1, 2)
        self.note.setAlignment(Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self.note, 2, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        self.setToolTip(hover_of(setting))

    def show_value(self, experiment: Experiment) -> None:
        """Show the experiment's value of this setting."""
        self.editor.show_value(experiment.get(self.setting.key))

    def remark(self, words: str, hover: str, at: float | None) -> None:
        """Say something about the setting below its editor, and mark one of its values."""
        self.note.setText(words)
        self.note.setToolTip(hover)
        self.note.setVisible(bool(words))
        if isinstance(self.editor, NumberEditor):
            self.editor.mark(at)

    @Slot(str)
    def refuse(self, reason: str) -> None:
        """Say why a value was refused; an empty reason clears it."""
        self.refusal.setText(reason and f"⚠ {reason}")
        self.refusal.setVisible(bool(reason))

    @Slot(object, bool)
    def _on_edited(self, value: object, moving: bool) -> None:
        key, session = self.setting.key, self._session
        also = _CHOSEN_BY.get(key) if value else None
        if key == "network.source" and value == "random":
            also = at_random(session.experiment)
        elif key == "network.loss":
            also = needed_for(str(value), session.experiment, -1 if session.info is None else session.info.rival)
        if not session.edit(key, value, live=moving, also=also):
            self.show_value(session.experiment)
        elif words := also_chosen(also or {}):
            shown = self.setting.labels[str(value)]
            self.told.emit(f"{self.setting.title}: {shown.lower()}; with it {words}. Ctrl+Z takes both back")

    @Slot()
    def _on_entered(self) -> None:
        if self.refusal.isHidden():
            self.entered.emit()


class SetupPanel(QScrollArea):
    """All settings in foldable sections.

    `entered` says that one was confirmed with Enter; `told`, what had to be chosen with another.
    """

    entered = Signal()
    told = Signal(str)
    browseWanted = Signal()
    """The input is to be chosen by its picture."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.fields: dict[str, Field] = {}
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        form = QWidget()
        form.setObjectName("form")
        column = QVBoxLayout(form)
        column.setContentsMargins(2, 2, 8, 2)
        column.setSpacing(4)
        self.general = QLabel()
        self.general.setObjectName("refusal")
        self.general.setWordWrap(True)
        self.general.hide()
        column.addWidget(self.general)
        for name in SECTIONS:
            column.addWidget(self._section(name))
        column.addStretch(1)
        self.browse = QToolButton()
        self.browse.setText("Browse…")
        self.browse.setToolTip("Choose among pictures of all digits, or of the rows of the file (Ctrl+B)")
        self.browse.clicked.connect(self.browseWanted)
        self.fields["input.index"].editor.row.insertWidget(0, self.browse)
        self.setWidget(form)
        self.setMinimumWidth(form.minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width())
        session.experimentChanged.connect(self._show)
        session.refused.connect(self._refuse)
        session.certifiedChanged.connect(self._show_certified)
        self._show()

    def sizeHint(self) -> QSize:
        """Wide enough for the fields without scrolling sideways."""
        return QSize(300, 600)

    def _section(self, name: str) -> QFrame:
        card = QFrame()
        card.setObjectName("card")
        column = QVBoxLayout(card)
        column.setContentsMargins(8, 4, 8, 6)
        column.setSpacing(4)
        header = QToolButton()
        header.setObjectName("section")
        header.setText(_TITLES[name])
        header.setCheckable(True)
        header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        header.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        for setting in SETTINGS:
            if setting.section == name and setting.key not in _ELSEWHERE:
                self.fields[setting.key] = field = Field(setting, self._session)
                field.entered.connect(self.entered)
                field.told.connect(self.told)
                rows.addWidget(field)

        def fold(unfolded: bool) -> None:
            body.setVisible(unfolded)
            header.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)

        header.toggled.connect(fold)
        header.setChecked(name not in _FOLDED)
        fold(name not in _FOLDED)
        column.addWidget(header)
        column.addWidget(body)
        return card

    @Slot()
    def _show(self) -> None:
        experiment = self._session.experiment
        self._clear()  # a change clears what an earlier one was refused for
        label = self.fields["input.label"].editor
        if isinstance(label, NumberEditor):
            label.count(_label_step(experiment))
        for key, field in self.fields.items():
            field.show_value(experiment)
            field.setVisible(acts(experiment, key) and _SHOWN_WHEN.get(key, _always)(experiment))

    @Slot()
    def _show_certified(self) -> None:
        certified = self._session.certified
        if certified is not None:
            self.fields["input.scale"].remark(certified.words, _CERTIFIED, certified.value)

    @Slot(str, str)
    def _refuse(self, key: str, reason: str) -> None:
        field = self.fields.get(key)
        if reason:
            self._clear()
        if field is not None and key in _CHOSEN_BY and reason:
            field.show()  # a file that is missing must be named somewhere
        if field is not None and field.isVisibleTo(self):
            field.refuse(reason)
            if reason:
                QTimer.singleShot(0, field, lambda: self.ensureWidgetVisible(field))
        elif reason:
            name = next((setting.title for setting in SETTINGS if setting.key == key), key)
            self.general.setText(f"⚠ {name}: {reason}" if name else f"⚠ {reason}")
            self.general.show()
            QTimer.singleShot(0, self.general, lambda: self.ensureWidgetVisible(self.general))

    @Slot()
    def _clear(self) -> None:
        self.general.hide()
        for field in self.fields.values():
            field.refuse("")


def _label_step(experiment: Experiment) -> int:
    """How far one label is from the next: 1 for classes, 2 for the sides -1 and 1, 0 where any number is one."""
    network = experiment.network
    if network.loss == "hinge":
        return 2 if network.output or network.source == "random" else 1
    return {"quadratic": 0, "cross-entropy": 1, "logistic": 2}[network.loss]


def _always(_experiment: Experiment) -> bool:
    return True


def hover_of(setting: Setting) -> str:
    """What a setting is: help, unit, and the range that can be typed."""
    lines = [f"<b>{setting.title}</b> {setting.symbol}", setting.help]
    if setting.kind in ("int", "float") and setting.low is not None and setting.high is not None:
        unit = f" {setting.unit}" if setting.unit else ""
        lines.append(f"<i>{setting.low:g} to {setting.high:g}{unit}</i>")
    elif setting.unit:
        lines.append(f"<i>{setting.unit}</i>")
    return "<p style='white-space:normal'>" + "<br>".join(lines) + "</p>"
