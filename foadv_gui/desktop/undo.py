"""Undo and redo: one command a change, a drag of one control merged into one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtGui import QUndoCommand

from foadv_gui.lab.config import setting

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QUndoStack

    from foadv_gui.desktop.session import Session
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.recording import Recording

_MERGE_SECONDS = 1.5
_HELD_BYTES = 2**30
"""How much memory saved runs may take that perhaps undo alone still needs."""


@dataclass(frozen=True, eq=False)
class Choice:
    """What undo and redo go through.

    The experiment; starts (K, d) over epsilon set by hand, or the recording whose own starts hold; a saved run to show
    in place of running the experiment; and the name of what was opened, if this is it, unchanged.
    """

    experiment: Experiment
    starts: NDArray[np.float64] | Recording | None = None
    recording: Recording | None = None
    opened: str | None = None

    @property
    def recordings(self) -> list[Recording]:
        """The saved runs that it keeps in memory."""
        held = (self.starts, self.recording)
        return [one for one in held if one is not None and not isinstance(one, np.ndarray)]

    def on_other_plane(self, before: Choice) -> bool:
        """Whether a part of the old plane that was zoomed to means nothing on the new one."""
        keys = ("view.plane", "view.extent", "view.pixel_u", "view.pixel_v", "input.source", "network.dimension")
        return any(before.experiment.get(key) != self.experiment.get(key) for key in keys)


class Change(QUndoCommand):
    """A change from one state to another; consecutive live changes of one key merge while they follow each other."""

    def __init__(self, target: Any, before: Any, after: Any, key: str, live: bool, words: str = "") -> None:
        super().__init__(words or _words(key))
        self._target, self._before, self._after = target, before, after
        self._key, self._live = key, live
        self._time = time.monotonic()

    @property
    def recordings(self) -> list[Recording]:
        """The saved runs that this command keeps in memory."""
        return [*self._before.recordings, *self._after.recordings]

    def id(self) -> int:
        """Commands with one id may merge (Qt asks)."""
        return hash(self._key) & 0x7FFFFFFF if self._live else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take a later step of the same drag over."""
        if not isinstance(other, Change) or other._key != self._key:
            return False
        if other._time - self._time > _MERGE_SECONDS:
            return False
        self._after, self._time = other._after, other._time
        return True

    def redo(self) -> None:
        """Show the later state."""
        self._target.restore(self._after, live=self._live)

    def undo(self) -> None:
        """Show the earlier state."""
        self._target.restore(self._before, live=False)


class EditCommand(Change):
    """A change of a session from one choice to another, which may turn out to be impossible."""

    def __init__(self, session: Session, before: Choice, after: Choice, key: str, live: bool) -> None:
        super().__init__(session, before, after, key, live)
        self._possible: Choice | None = None

    def accept(self, choice: Choice) -> None:
        """Note that a choice which this command leads to could be computed."""
        if choice is self._after:
            self._possible = choice

    def retreat(self) -> None:
        """Lead only to the last choice on the way that could be computed; without one, vanish from the stack."""
        if self._possible is None:
            self._target.restore(self._before, live=False)
            self.setObsolete(True)
            self._target.undo_stack.undo()  # which only removes what is obsolete
        elif self._possible is not self._after:
            self._after = self._possible
            self._target.restore(self._after, live=False)


def forget_if_large(stack: QUndoStack) -> None:
    """Forget all changes where the saved runs that were opened among them take too much memory."""
    commands = [stack.command(i) for i in range(stack.count())]
    held = {id(one): one for command in commands if isinstance(command, Change) for one in command.recordings}
    if sum(one.delta.nbytes for one in held.values()) > _HELD_BYTES:
        stack.clear()


def _words(key: str) -> str:
    if key == "open":
        return "open"
    if key.startswith("start "):
        return "move start"
    return setting(key).title.lower()
