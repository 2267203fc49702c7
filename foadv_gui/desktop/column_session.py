"""The session of one column among others: what it wants to change it asks of the page, which knows how to undo it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from foadv_gui.desktop.session import Session
from foadv_gui.lab.settings import SETTINGS

if TYPE_CHECKING:
    from foadv_gui.desktop.frame_turns import FrameTurns
    from foadv_gui.desktop.undo import Choice
    from foadv_gui.desktop.worker import ComputeThread, Refusal


class ColumnSession(Session):
    """A session without undo of its own: its changes are those of the page it is on."""

    wanted = Signal(object, str, bool)
    """A choice, the setting that leads to it, and whether a control is moving."""
    refusalChanged = Signal()

    def __init__(self, thread: ComputeThread, parent: QObject | None = None, turns: FrameTurns | None = None) -> None:
        super().__init__(thread, parent, turns)
        self.thread_of_its_own = thread
        self.refusal = ""
        """Why what is chosen cannot be computed; nothing if it can."""

    def show_choice(self, choice: Choice, *, live: bool, anew: bool) -> None:
        """Show what the page has chosen; `anew`: it has nothing to do with what was on show."""
        if anew:
            self._fresh = True
            self._fit()
        self.restore(choice, live=live)

    def _push(self, choice: Choice, key: str, live: bool) -> None:
        self.wanted.emit(choice, key, live)

    def _note_possible(self) -> None:
        self._refuse("")

    def _take_back(self, refusal: Refusal) -> None:
        """The column says why it stays as it was; the others go on."""
        title = next((entry.title for entry in SETTINGS if entry.key == refusal.key), "")
        self._refuse(f"{title}: {refusal.reason}" if title else refusal.text or refusal.reason)

    def _refuse(self, reason: str) -> None:
        if reason != self.refusal:
            self.refusal = reason
            self.refusalChanged.emit()
