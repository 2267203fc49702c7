"""Before something takes the place of what is in no file and took long to compute, that is asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QAbstractButton, QMessageBox

from foadv_gui.desktop.leaving import unsaved_question
from foadv_gui.desktop.status import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.desktop.workspaces.workspace import Workspace

_DEAR_SECONDS = 20.0
"""What took less is computed again sooner than a question is answered."""


class Costly(Protocol):
    """Something whose results took a while."""

    @property
    def spent(self) -> float:
        """For how many seconds was computed what is in no file."""
        ...


class Replacing(QObject):
    """Lets a page begin something else, at once or after a question."""

    def __init__(self, page: Workspace, desk: Costly) -> None:
        super().__init__(page)
        self._page, self._desk = page, desk
        self._then: Callable[[], object] | None = None

    def ask(self, then: Callable[[], object]) -> None:
        """Do this at once if nothing dear would be lost, or else when somebody says so."""
        lost = self._page.unsaved
        if not lost or self._desk.spent < _DEAR_SECONDS:
            then()
            return
        self._then = then
        took = duration(self._desk.spent)
        words = f"In no file yet: {lost}, which took {took}. They are lost when something else takes their place."
        box = unsaved_question(self._page, "Replace without saving?", words)
        box.setObjectName("replace")
        box.buttonClicked.connect(self._on_answer)
        box.open()

    @Slot(QAbstractButton)
    def _on_answer(self, button: QAbstractButton) -> None:
        box, then, self._then = self.sender(), self._then, None
        assert isinstance(box, QMessageBox)
        answer = box.standardButton(button)
        if answer == QMessageBox.StandardButton.Discard and then is not None:
            then()
        elif answer == QMessageBox.StandardButton.Save:
            self._page.ask_save()
