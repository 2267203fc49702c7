"""The status line: what the page in front does, and shows; and the animation that is being written, on any page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QStatusBar, QToolButton, QWidget
from superqt import QElidingLabel

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.theme import hover

if TYPE_CHECKING:
    from PySide6.QtGui import QAction

    from foadv_gui.desktop.rendering import Rendering
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.desktop.workspaces.workspace import Workspace

_BAR_PX = (90, 6)


class StatusLine(QStatusBar):
    """A message takes the place of what it says otherwise, but not of the animation that is being written."""

    def __init__(self, cancel: QAction, rendering: Rendering, theme: ThemeKeeper) -> None:
        super().__init__()
        self.setSizeGripEnabled(False)
        self.doing = QLabel()
        self.device = QElidingLabel()
        self.device.setObjectName("faint")
        self.device.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.stop = QToolButton()
        self.stop.setDefaultAction(cancel)
        self.stop.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.stop.setAutoRaise(True)
        self.rendering = RenderBar(rendering, theme)
        self.addWidget(self.doing)
        self.addWidget(self.stop)
        self.addPermanentWidget(self.rendering)
        self.addPermanentWidget(self.device, 1)

    def show_page(self, workspace: Workspace) -> None:
        """Say what a page does and shows."""
        # A message takes the place of what the line says otherwise: Qt draws it left of the first permanent widget.
        told = bool(self.currentMessage())
        self.stop.setVisible(workspace.computing and not told)
        self.device.setHidden(told)
        self.doing.setText(workspace.doing)
        self.device.setText(workspace.showing)
        self.device.setToolTip(workspace.showing)


class RenderBar(QWidget):
    """How far the animation is that is being written, and a button that stops it; not there while none is."""

    def __init__(self, rendering: Rendering, theme: ThemeKeeper) -> None:
        super().__init__()
        self._rendering, self._theme = rendering, theme
        self.words = QLabel()
        self.words.setToolTip(hover("The animation that is being written; all pages can be used meanwhile"))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(*_BAR_PX)
        self.bar.setAccessibleName("How much of the animation is written")
        self.stop = QToolButton()
        self.stop.setText("Cancel")
        self.stop.setAccessibleName("Cancel the animation")
        self.stop.setToolTip(hover("Stop writing the animation: no file is left (Esc, where nothing else is computed)"))
        self.stop.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.stop.setAutoRaise(True)
        self.stop.clicked.connect(rendering.cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(6)
        for part in (self.words, self.bar, self.stop):
            row.addWidget(part)
        rendering.changed.connect(self._show)
        theme.changed.connect(self._paint)
        self._paint()
        self._show()

    @Slot()
    def _paint(self) -> None:
        self.stop.setIcon(icon("cancel", self._theme.theme.text))

    @Slot()
    def _show(self) -> None:
        rendering = self._rendering
        self.setVisible(rendering.busy)
        self.words.setText(rendering.words)
        self.bar.setValue(rendering.percent)
        self.stop.setEnabled(not rendering.stopping)
