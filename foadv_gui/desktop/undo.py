"""Undo and redo: one command a change, a drag of one control merged into one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QUndoCommand

from foadv_gui.lab.config import setting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from foadv_gui.desktop.session import Session
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.recording import Recording

_MERGE_SECONDS = 1.5


@dataclass(frozen=True, eq=False)
class Choice:
    """What undo and redo go through: the experiment, and starts (K, d) over epsilon set by hand."""

    experiment: Experiment
    starts: NDArray[np.float64] | None = None
    recording: Recording | None = None


class EditCommand(QUndoCommand):
    """A change from one choice to another; consecutive live changes of one key merge while they follow each other."""

    def __init__(self, session: Session, before: Choice, after: Choice, key: str, live: bool) -> None:
        super().__init__(_words(key))
        self._session, self._before, self._after = session, before, after
        self._key, self._live = key, live
        self._time = time.monotonic()
        self._possible: Choice | None = None

    def accept(self, choice: Choice) -> None:
        """Note that a choice which this command leads to could be computed."""
        if choice is self._after:
            self._possible = choice

    def retreat(self) -> None:
        """Lead only to the last choice on the way that could be computed; without one, vanish from the stack."""
        if self._possible is None:
            self._session.restore(self._before, live=False)
            self.setObsolete(True)
            self._session.undo_stack.undo()  # which only removes what is obsolete
        elif self._possible is not self._after:
            self._after = self._possible
            self._session.restore(self._after, live=False)

    def id(self) -> int:
        """Commands with one id may merge (Qt asks)."""
        return hash(self._key) & 0x7FFFFFFF if self._live else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take a later step of the same drag over."""
        if not isinstance(other, EditCommand) or other._key != self._key:
            return False
        if other._time - self._time > _MERGE_SECONDS:
            return False
        self._after, self._time = other._after, other._time
        return True

    def redo(self) -> None:
        """Show the later choice."""
        self._session.restore(self._after, live=self._live)

    def undo(self) -> None:
        """Show the earlier choice."""
        self._session.restore(self._before, live=False)


def _words(key: str) -> str:
    if key.startswith("start "):
        return "move start"
    return setting(key).title.lower()
