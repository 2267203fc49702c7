"""The bar above the columns: what they vary in, what they have in common, and more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.panels.bar_button import bar_button
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.comparison import COMPARED, MOST, told
from foadv_gui.lab.quantity import residual_name
from foadv_gui.lab.settings import setting

if TYPE_CHECKING:
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.comparison import Comparison

_COMMON = ("view.plane", "view.quantity")
_SWITCHES = (
    (
        "one plane",
        "Same plane",
        "Draw all columns on the plane of the first: the same two directions and the same origin, in units of each "
        "column's own ε. Off, each lies on the plane of that name of its own.",
    ),
    (
        "one scale",
        "Same colours",
        "One colour means one value in all columns. Off, each column's colours span its own values, which shows the "
        "shape of a small landscape beside a large one.",
    ),
    (
        "ghost",
        "Ghosts",
        "Draw the focused path of each column in the others too, dashed, in units of its own ε. Pinned runs are ghosts "
        "in Explore as well.",
    ),
)


class CompareBar(QWidget):
    """Asks for another comparison; knows nothing of the columns."""

    keyChosen = Signal(str)
    commonChosen = Signal(str, object)
    """A setting of all columns, and its value."""
    added = Signal()
    taken = Signal()
    switched = Signal(str, bool)

    def __init__(self, theme: ThemeKeeper) -> None:
        super().__init__()
        self._theme = theme
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        row.setSpacing(6)
        self.key = QComboBox()
        for key in COMPARED:
            self.key.addItem(_name(key), key)
        self.key.activated.connect(self._on_key)
        self.key.setToolTip(
            hover("The one setting in which the columns differ on purpose. Another one starts from the middle column.")
        )
        self.key.setAccessibleName("Compare by")
        label = QLabel("Compare by")
        label.setBuddy(self.key)
        row.addWidget(label)
        row.addWidget(self.key)
        self.common: dict[str, QComboBox] = {}
        for key in _COMMON:
            described = setting(key)
            box = self.common[key] = QComboBox()
            for choice in described.choices:
                box.addItem(described.labels[choice], choice)
            box.setToolTip(hover(f"{described.title}, of all columns. {described.help}"))
            box.setAccessibleName(described.title)
            box.setProperty("setting", key)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(10)
            box.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            box.setMaximumWidth(300)
            box.activated.connect(self._on_common)
            row.addWidget(box, 2 if key == "view.plane" else 0)
        row.addStretch(1)
        self.switches: dict[str, QToolButton] = {}
        for key, name, help in _SWITCHES:
            button = self.switches[key] = bar_button(name, help, row)
            button.setCheckable(True)
            button.setProperty("key", key)
            button.toggled.connect(self._on_switched)
        self.add = bar_button("Column", "Add a column, at another value of what varies", row)
        self.add.clicked.connect(self.added)
        self.take = bar_button(
            "Take from Explore",
            "Compare the experiment that Explore shows, at the values that the columns have",
            row,
        )
        self.take.clicked.connect(self.taken)
        theme.changed.connect(self._paint)
        self._paint()

    def show_comparison(self, comparison: Comparison) -> None:
        """Show what varies, and what all columns have in common."""
        self.key.setCurrentIndex(self.key.findData(comparison.key))
        for key, box in self.common.items():
            box.setCurrentIndex(box.findData(comparison.columns[0].get(key)))
        quantity, losses = self.common["view.quantity"], [column.network.loss for column in comparison.columns]
        quantity.setItemText(quantity.findData("residual"), residual_name(losses))
        room = len(comparison.columns) < MOST
        self.add.setEnabled(room)

    def explain_planes(self, why_not: str) -> None:
        """Say why not all columns can be drawn on one plane; nothing if they can."""
        _, _, help = _SWITCHES[0]
        more = f"Not all columns follow: {why_not}." if why_not else ""
        self.switches["one plane"].setToolTip(hover(help, more))
        self.switches["one plane"].setText("Same plane ⚠" if why_not else "Same plane")

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        for key, button in self.switches.items():
            button.setIcon(icon(key, theme.accent_text if button.isChecked() else theme.text))
        self.add.setIcon(icon("add", theme.text))
        self.take.setIcon(icon("take", theme.text))

    @Slot(int)
    def _on_key(self, index: int) -> None:
        self.keyChosen.emit(self.key.itemData(index))

    @Slot(int)
    def _on_common(self, index: int) -> None:
        box = self.sender()
        assert isinstance(box, QComboBox)
        self.commonChosen.emit(box.property("setting"), box.itemData(index))

    @Slot(bool)
    def _on_switched(self, on: bool) -> None:
        self._paint()
        self.switched.emit(self.sender().property("key"), on)


def _name(key: str) -> str:
    chosen = setting(key)
    return f"{chosen.symbol}  {chosen.title}" if chosen.symbol else told(chosen, "").strip().capitalize()
