"""Closing the window: what is in no file is asked about first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractButton, QMessageBox, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.desktop.workspaces.workspace import Workspace

_ANSWERS = QMessageBox.StandardButton.Save | QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel


class Leaving(QObject):
    """Lets a window close once nothing would be lost, or somebody said that it may be."""

    saveWanted = Signal(int)
    """What is on a page is to be saved first."""

    def __init__(self, window: QWidget, workspaces: Sequence[Workspace]) -> None:
        super().__init__(window)
        self._window, self._workspaces = window, workspaces
        self.discarding = False
        """Whether what is in no file may be lost."""

    def may_close(self) -> bool:
        """Whether the window may close at once; else a question is asked, whose answer closes it."""
        lost = [workspace.unsaved for workspace in self._workspaces if workspace.unsaved]
        if self.discarding or not lost:
            return True
        if self._window.findChild(QMessageBox, "unsaved") is None:
            self._ask(" and ".join(lost))
        return False

    def _ask(self, lost: str) -> None:
        words = f"In no file yet: {lost}. They are lost when the window closes."
        box = QMessageBox(QMessageBox.Icon.Question, "Close without saving?", words, parent=self._window)
        box.setObjectName("unsaved")
        box.setStandardButtons(_ANSWERS)
        box.setDefaultButton(QMessageBox.StandardButton.Save)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.buttonClicked.connect(self._on_answer)
        box.open()

    @Slot(QAbstractButton)
    def _on_answer(self, button: QAbstractButton) -> None:
        box = self.sender()
        assert isinstance(box, QMessageBox)
        answer = box.standardButton(button)
        if answer == QMessageBox.StandardButton.Discard:
            self.discarding = True
            self._window.close()
        elif answer == QMessageBox.StandardButton.Save:
            self.saveWanted.emit(next(i for i, workspace in enumerate(self._workspaces) if workspace.unsaved))
