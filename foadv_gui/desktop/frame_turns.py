"""Turns at the window's thread: of several views that have something new to draw, one a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot

if TYPE_CHECKING:
    from collections.abc import Callable

_FRAME_MS = 16


class FrameTurns(QObject):
    """Calls what asks for a turn at once if the last one is a frame ago, else in the order in which they asked."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: dict[Callable[[], None], None] = {}
        self._frame = QTimer(self, singleShot=True, interval=_FRAME_MS)
        self._frame.timeout.connect(self._next)

    @property
    def waiting(self) -> bool:
        """Whether anybody waits for a turn."""
        return bool(self._waiting)

    def ask(self, turn: Callable[[], None]) -> None:
        """Call `turn`, a bound method, once when it is its turn."""
        self._waiting[turn] = None
        if not self._frame.isActive():
            self._next()

    def forget(self, turn: Callable[[], None]) -> None:
        """Do not call `turn` any more, though it has asked."""
        self._waiting.pop(turn, None)

    def close(self) -> None:
        """Call nobody any more."""
        self._frame.stop()
        self._waiting.clear()

    @Slot()
    def _next(self) -> None:
        if self._waiting:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            self._frame.start()  # the frame that follows is counted from here, the time to draw included
            turn()
