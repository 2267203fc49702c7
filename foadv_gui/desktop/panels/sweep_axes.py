"""The axes of a sweep: a row for each setting that varies, with its values and how many they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.settings import setting
from foadv_gui.lab.sweep.draft import MOST_AXES, SWEEPABLE, Line, suggested

if TYPE_CHECKING:
    from foadv_gui.desktop.sweep_desk import SweepDesk
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.sweep.draft import Draft, Remark

_SECTIONS = {"network": "Network", "input": "Input", "ascent": "Ascent", "compute": "Compute"}
_SYNTAX = (
    "A list: 0.1, 1, 10 or tanh, erf. ",
    "log:0.01:30:13 for 13 values from 0.01 to 30, each the same factor above the last.",
    "lin:0:1:11 for 11 values from 0 to 1, each the same step above the last.",
    "0:9 for all whole numbers from 0 to 9. Both ends always belong to it.",
)


class AxisRow(QWidget):
    """One axis: which setting, which values, how many, and a button that removes it."""

    edited = Signal(int, object)
    removed = Signal(int)
    entered = Signal()

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place
        self.choice = QComboBox()
        self._menu = _menu(self.choice)
        self.choice.setModel(self._menu)
        self.choice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.choice.setAccessibleName(f"Setting of axis {place + 1}")
        self.choice.setMaxVisibleItems(24)
        self.choice.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.choice.activated.connect(self._on_chosen)
        self.remove = QToolButton()
        self.remove.setAutoRaise(True)
        self.remove.setToolTip(hover("Let this setting vary no more"))
        self.remove.setAccessibleName(f"Remove axis {place + 1}")
        self.remove.clicked.connect(self._on_removed)
        self.values = QLineEdit()
        self.values.setToolTip(hover(*_SYNTAX))
        self.values.setAccessibleName(f"Values of axis {place + 1}")
        self.values.textEdited.connect(self._on_typed)
        self.values.returnPressed.connect(self.entered)
        self.count = QLabel()
        self.count.setObjectName("faint")
        self.refusal = QLabel()
        self.refusal.setObjectName("refusal")
        self.refusal.setWordWrap(True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 4)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(2)
        grid.addWidget(self.choice, 0, 0)
        grid.addWidget(self.remove, 0, 1, Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self.values, 1, 0)
        grid.addWidget(self.count, 1, 1)
        grid.addWidget(self.refusal, 2, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnMinimumWidth(1, 70)

    def show_line(self, line: Line, remark: Remark) -> None:
        """Show an axis, and what is said of it."""
        with QSignalBlocker(self.choice):
            self.choice.setCurrentIndex(self.choice.findData(line.key))
        self.choice.setToolTip(hover(setting(line.key).title, setting(line.key).help))
        if self.values.text().strip() != line.text:
            self.values.setText(line.text)
        self.count.setText("" if remark.wrong else remark.words)
        self.refusal.setText(f"⚠ {remark.words}" if remark.wrong else "")
        self.refusal.setVisible(remark.wrong)

    def offer(self, draft: Draft) -> None:
        """Offer the settings that act in a draft; of the others say why they do not."""
        for i in range(self._menu.rowCount()):
            item = self._menu.item(i)
            key = item.data(Qt.ItemDataRole.UserRole)
            if key is not None:
                idle = draft.why_idle(key)
                item.setEnabled(not idle)
                item.setToolTip(hover(setting(key).help, f"This {idle}." if idle else ""))

    @property
    def line(self) -> Line:
        """The axis as it is written."""
        return Line(self.choice.currentData(), self.values.text().strip())

    @Slot()
    def _on_typed(self) -> None:
        self.edited.emit(self.place, self.line)

    @Slot(int)
    def _on_chosen(self, index: int) -> None:
        key = self.choice.itemData(index)
        if key is not None:
            self.edited.emit(self.place, Line(key, suggested(setting(key))))

    @Slot()
    def _on_removed(self) -> None:
        self.removed.emit(self.place)


class AxesEditor(QWidget):
    """All axes, and a button that adds one."""

    entered = Signal()

    def __init__(self, desk: SweepDesk, theme: ThemeKeeper) -> None:
        super().__init__()
        self._desk, self._theme = desk, theme
        self.rows = [AxisRow(i) for i in range(MOST_AXES)]
        self.add = QPushButton("Add an axis")
        self.add.setToolTip(
            hover("One more setting that varies: every one of its values is combined with every one of the others'")
        )
        self.add.clicked.connect(self._on_add)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for row in self.rows:
            row.edited.connect(desk.set_line)
            row.removed.connect(desk.remove_line)
            row.entered.connect(self.entered)
            column.addWidget(row)
        column.addWidget(self.add)
        desk.planChanged.connect(self._show)
        theme.changed.connect(self._paint)
        self._paint()
        self._show()

    @Slot()
    def _paint(self) -> None:
        colour = self._theme.theme.text
        self.add.setIcon(icon("plus", colour))
        for row in self.rows:
            row.remove.setIcon(icon("remove", colour))

    @Slot()
    def _show(self) -> None:
        draft = self._desk.draft
        for i, row in enumerate(self.rows):
            row.setVisible(i < len(draft.lines))
            if i < len(draft.lines):
                row.show_line(draft.lines[i], draft.remarks[i])
                row.offer(draft)
        self.add.setVisible(len(draft.lines) < MOST_AXES)

    @Slot()
    def _on_add(self) -> None:
        place = len(self._desk.draft.lines)
        self._desk.set_line(place, self._desk.draft.next_line())
        self.rows[place].values.setFocus(Qt.FocusReason.OtherFocusReason)
        self.rows[place].values.selectAll()


def _menu(parent: QWidget) -> QStandardItemModel:
    """All settings that can vary, below the names of their sections, which cannot be chosen."""
    model = QStandardItemModel(parent)
    section = ""
    for entry in SWEEPABLE:
        if entry.section != section:
            section = entry.section
            heading = QStandardItem(_SECTIONS[section])
            heading.setFlags(Qt.ItemFlag.NoItemFlags)
            font = heading.font()
            font.setBold(True)
            heading.setFont(font)
            model.appendRow(heading)
        item = QStandardItem(f"  {entry.symbol}  {entry.title}" if entry.symbol else f"  {_named(entry.key)}")
        item.setData(entry.key, Qt.ItemDataRole.UserRole)
        model.appendRow(item)
    return model


def _named(key: str) -> str:
    """A setting without a symbol: of the three seeds one says whose it is."""
    entry = setting(key)
    return f"{entry.title} of the {_SECTIONS[entry.section].lower()}" if entry.name == "seed" else entry.title
