"""A compute thread's mail, handed over in the window's thread a little at a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

if TYPE_CHECKING:
    from foadv_gui.desktop.frame_turns import FrameTurns
    from foadv_gui.desktop.worker import ComputeThread

_SECONDS = 0.008
"""After so long the rest waits for its turn: to draw all that has come at once would hold up the window."""


class Delivery(QObject):
    """Tells what comes, in order, and when all of it has been told.

    Each turn begins with a timer, its own or one shared with others: Qt handles what is posted meanwhile before any
    timer, so that mail which is drawn as soon as it is announced would hold up timers for as long as more of it comes.
    """

    come = Signal(int, object)
    """A job's id, and a value of it."""
    emptied = Signal()

    def __init__(self, thread: ComputeThread, parent: QObject | None = None, turns: FrameTurns | None = None) -> None:
        super().__init__(parent)
        self._thread, self._turns = thread, turns
        self._closed = False
        self._due = QTimer(self, singleShot=True, interval=0)
        self._due.timeout.connect(self._deliver)
        thread.mailed.connect(self._on_mail, Qt.ConnectionType.QueuedConnection)

    def close(self) -> None:
        """Tell nothing any more."""
        self._closed = True
        self._due.stop()
        if self._turns is not None:
            self._turns.forget(self._deliver)

    @Slot()
    def _on_mail(self) -> None:
        if self._closed:
            return
        if self._turns is None:
            self._due.start()
        else:
            self._turns.ask(self._deliver)

    @Slot()
    def _deliver(self) -> None:
        until = time.monotonic() + _SECONDS
        while mail := self._thread.take(1):
            self.come.emit(*mail[0])
            if time.monotonic() > until:
                self._on_mail()
                return
        self.emptied.emit()
