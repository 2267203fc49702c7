"""The bar above the columns of a training: which training point, what of it, in which colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QSpinBox, QToolButton, QWidget

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.panels.bar_button import bar_button
from foadv_gui.desktop.panels.epoch_column import PARTS
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.quantity import residual_name
from foadv_gui.lab.settings import setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.desktop.theme import ThemeKeeper

QUANTITIES = ("loss", "log-loss", "residual")
_NAMES = {
    "landscape": ("Landscape", "The loss about the training point, on one plane for all epochs: that of the clean "
              "point, the adversary of the first epoch and that of the last; and the path of the epoch's own ascent"),
    "spectrum": ("Spectrum", "The eigenvalues of the Hessian of the loss by the input, at the epoch's adversary"),
    "profile": ("Profile", "The eigenvalues of that Hessian at the clean point, in order, before training and now"),
    "input": ("Input", "The clean input, the perturbation and the adversary"),
}  # fmt: skip


class EpochBar(QWidget):
    """Asks for another look; knows nothing of the columns."""

    pointWanted = Signal(int)
    partsChosen = Signal(object)
    """A tuple of the parts that are shown."""
    quantityChosen = Signal(str)
    sharingChosen = Signal(bool)
    added = Signal()

    def __init__(self, theme: ThemeKeeper) -> None:
        super().__init__()
        self._theme = theme
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        row.setSpacing(6)
        self.point = QSpinBox()
        self.point.setPrefix("Point ")
        self.point.setKeyboardTracking(False)
        self.point.setAccessibleName("Training point")
        self.point.setToolTip(hover("Which of the points that the networks are trained on is looked at"))
        self.point.valueChanged.connect(self._on_point)
        row.addWidget(self.point)
        self.label = QLabel()
        self.label.setToolTip(hover("The label y of this point: what f should be there, or the class that is right"))
        row.addWidget(self.label)
        row.addStretch(1)
        self.parts: dict[str, QToolButton] = {}
        for name in PARTS:
            title, help = _NAMES[name]
            button = self.parts[name] = bar_button(title, f"{help}. Click to show or hide it in all columns.", row)
            button.setCheckable(True)
            button.setProperty("part", name)
            button.clicked.connect(self._on_part)
        self.quantity = QComboBox()
        described = setting("view.quantity")
        for quantity in QUANTITIES:
            self.quantity.addItem(described.labels[quantity], quantity)
        self.quantity.setAccessibleName(described.title)
        self.quantity.setToolTip(
            hover(
                "What the colours show, in all columns: the loss, its logarithm, or the signed residual f − y (of a "
                "classifier f itself, which decides at 0)"
            )
        )
        self.quantity.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.quantity.activated.connect(self._on_quantity)
        row.addWidget(self.quantity)
        self.share = bar_button(
            "Same colours",
            "One colour means one value in all columns and at all epochs seen so far. Off, the colours of each "
            "landscape span its own values, which shows the shape of a small one.",
            row,
        )
        self.share.setCheckable(True)
        self.share.toggled.connect(self._on_share)
        self.add = bar_button("Column", "Add a column, for another of the trainings", row)
        self.add.clicked.connect(self.added)
        theme.changed.connect(self._paint)
        self._paint()

    # -- what the row says -------------------------------------------------------------------------------------------

    def show_point(self, point: int, count: int, label: float, *, a_class: bool = False) -> None:
        """Show which training point is looked at, counted from 1, and its label, which may be a class."""
        self.point.blockSignals(True)
        self.point.setRange(1, max(count, 1))
        self.point.setSuffix(f" of {count}")
        self.point.setValue(point + 1)
        self.point.blockSignals(False)
        self.label.setText(f"class {label:g}" if a_class else f"y = {label:+.4g}".replace("-", "−"))

    def show_loss(self, loss: str) -> None:
        """Call the residual what it is for a loss of this name."""
        self.quantity.setItemText(self.quantity.findData("residual"), residual_name([loss]))

    def show_parts(self, shown: Sequence[str]) -> None:
        """Show which parts are on show; the last one stays."""
        for name, button in self.parts.items():
            button.setChecked(name in shown)

    # -- what a person does ------------------------------------------------------------------------------------------

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        self.share.setIcon(icon("one scale", theme.accent_text if self.share.isChecked() else theme.text))
        self.add.setIcon(icon("add", theme.text))

    @Slot(int)
    def _on_point(self, value: int) -> None:
        self.pointWanted.emit(value - 1)

    @Slot()
    def _on_part(self) -> None:
        shown = tuple(name for name, button in self.parts.items() if button.isChecked())
        if not shown:
            shown = (self.sender().property("part"),)
            self.show_parts(shown)
        self.partsChosen.emit(shown)

    @Slot(int)
    def _on_quantity(self, index: int) -> None:
        self.quantityChosen.emit(self.quantity.itemData(index))

    @Slot(bool)
    def _on_share(self, on: bool) -> None:
        self._paint()
        self.sharingChosen.emit(on)
