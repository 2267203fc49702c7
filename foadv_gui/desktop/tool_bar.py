"""The bar at the top: the pages, the presets, what to watch, and buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QTabBar,
    QToolBar,
    QToolButton,
)
from superqt import QElidingLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QPaintEvent

    from foadv_gui.desktop.actions import Actions
    from foadv_gui.desktop.workspaces.workspace import Workspace

_BUTTONS = ("undo", "redo", "open", "save", "export", "theme", "help")
_WIDEST_PX = 300
_INSET_PX = 4
"""The style keeps the text this far from the ends of its field."""


class ElidingComboBox(QComboBox):
    """A list whose current entry ends in an ellipsis where it is too long: a style sheet would cut a letter in two."""

    def drawn(self) -> QStyleOptionComboBox:
        """What is painted."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        part = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self).width() - _INSET_PX
        option.currentText = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, room)
        return option

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it (Qt asks)."""
        painter, option = QStylePainter(self), self.drawn()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


class ToolBar(QToolBar):
    """Shows what is in front, and asks for another page or preset."""

    pageChosen = Signal(int)
    presetChosen = Signal(str)

    def __init__(self, workspaces: Sequence[Workspace], actions: Actions) -> None:
        super().__init__("Main")
        self.setMovable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.pages = QTabBar()
        self.pages.setObjectName("pages")
        self.pages.setDrawBase(False)
        self.pages.setExpanding(False)
        self.pages.setUsesScrollButtons(False)
        self.pages.setAccessibleName("Workspace")
        for i, workspace in enumerate(workspaces):
            self.pages.addTab(workspace.title)
            self.pages.setTabToolTip(i, f"{workspace.help} (Ctrl+{i + 1})")
        self.pages.currentChanged.connect(self.pageChosen)
        self.addWidget(self.pages)
        self.preset = ElidingComboBox()
        self.preset.setAccessibleName("Preset")
        self.preset.setToolTip(
            "Ready-made experiments, comparisons, sweeps and trainings: each shows one thing clearly"
        )
        self.preset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.preset.setMaximumWidth(_WIDEST_PX)
        self.preset.addItem("Choose a preset…", "")
        for i, workspace in enumerate(workspaces):
            ready = workspace.ready()
            if i and ready:
                self.preset.insertSeparator(self.preset.count())
            for name, title, watch in ready:
                self._add(name, title, watch)
        self.preset.activated.connect(self._on_preset)
        self.addWidget(self.preset)
        self.watch = QElidingLabel()
        self.watch.setObjectName("watch")
        self.watch.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.watch.setMinimumWidth(100)
        self.watch.setContentsMargins(10, 0, 10, 0)
        self.watch.setEllipsesWidth(22)  # it takes the whole width for its own, margins and all
        self.addWidget(self.watch)
        self.buttons: dict[str, QToolButton] = {}
        for key in _BUTTONS:
            button = self.buttons[key] = QToolButton()
            button.setDefaultAction(actions[key])
            self.addWidget(button)

    def _add(self, name: str, title: str, watch: str) -> None:
        self.preset.addItem(title, name)
        self.preset.setItemData(self.preset.count() - 1, watch, Qt.ItemDataRole.ToolTipRole)

    def show_page(self, index: int, preset: str, watch: str) -> None:
        """Show which page is in front, the preset that is open in it, and what to look at."""
        with QSignalBlocker(self.pages):
            self.pages.setCurrentIndex(index)
        self.preset.setCurrentIndex(max(self.preset.findData(preset), 0) if preset else 0)
        self.watch.setText(watch)
        self.watch.setToolTip(watch)

    @Slot(int)
    def _on_preset(self, index: int) -> None:
        name = self.preset.itemData(index)
        if name:
            self.presetChosen.emit(name)
