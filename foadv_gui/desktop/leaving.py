"""Closing the window: what is in no file, or is still being written, is asked about first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractButton, QMessageBox, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.desktop.rendering import Rendering
    from foadv_gui.desktop.workspaces.workspace import Workspace

_SAVE, _DISCARD, _CANCEL = (
    QMessageBox.StandardButton.Save,
    QMessageBox.StandardButton.Discard,
    QMessageBox.StandardButton.Cancel,
)


class Leaving(QObject):
    """Lets a window close once nothing would be lost, or somebody said that it may be."""

    saveWanted = Signal(int)
    """What is on a page is to be saved first."""

    def __init__(self, window: QWidget, workspaces: Sequence[Workspace], rendering: Rendering) -> None:
        super().__init__(window)
        self._window, self._workspaces, self._rendering = window, workspaces, rendering
        self.discarding = False
        """Whether what is in no file may be lost."""

    def may_close(self) -> bool:
        """Whether the window may close at once; else a question is asked, whose answer closes it."""
        lost = [workspace.unsaved for workspace in self._workspaces if workspace.unsaved]
        if self.discarding or not (lost or self._rendering.busy):
            return True
        if self._window.findChild(QMessageBox, "unsaved") is None:
            self._ask(" and ".join(lost))
        return False

    def _ask(self, lost: str) -> None:
        words = [f"In no file yet: {lost}. They are lost when the window closes."] if lost else []
        if self._rendering.busy:
            words.append(f"{self._rendering.words}. It is given up when the window closes, and no file is left.")
        title = "Close without saving?" if lost else "Close while an animation is being saved?"
        box = unsaved_question(self._window, title, " ".join(words), saving=bool(lost))
        box.buttonClicked.connect(self._on_answer)
        box.open()

    @Slot(QAbstractButton)
    def _on_answer(self, button: QAbstractButton) -> None:
        box = self.sender()
        assert isinstance(box, QMessageBox)
        answer = box.standardButton(button)
        if answer == _DISCARD:
            self.discarding = True
            self._window.close()
        elif answer == _SAVE:
            self.saveWanted.emit(next(i for i, workspace in enumerate(self._workspaces) if workspace.unsaved))


def unsaved_question(parent: QWidget, title: str, words: str, *, saving: bool = True) -> QMessageBox:
    """What becomes of what is in no file: save it first (where that is offered), discard it, or leave all as it is."""
    box = QMessageBox(QMessageBox.Icon.Question, title, words, parent=parent)
    box.setObjectName("unsaved")
    box.setTextFormat(Qt.TextFormat.PlainText)  # a file's name is no markup
    box.setStandardButtons((_SAVE if saving else _CANCEL) | _DISCARD | _CANCEL)
    box.setDefaultButton(_SAVE if saving else _CANCEL)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return box
