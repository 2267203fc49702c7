"""Writing an animation beside the window: a thread of its own, how far it is, and its end.

It takes many seconds, and must keep neither the window nor the saving of other files waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from foadv_gui.core.interruption import Interrupted
from foadv_gui.desktop.drawer import STACK_BYTES, Mailbox, Trouble, explained
from foadv_gui.desktop.status import Pace
from foadv_gui.desktop.worker import load_torch, stand_back

if TYPE_CHECKING:
    from pathlib import Path

Render: TypeAlias = Callable[[Callable[[float], object], Callable[[], bool]], object]
"""What writes a file, whole or not at all: whom it tells which share is done, and the test of whether it is to stop."""
_FINE = 1000
"""Parts in which a share is counted."""


@dataclass(frozen=True)
class _Ended:
    """How it ended: with a file, unless it was cancelled or something was wrong."""

    cancelled: bool = False
    trouble: Trouble | None = None


class RenderThread(QThread):
    """Writes one animation, and is not used again."""

    def __init__(self, render: Render, mail: Mailbox) -> None:
        super().__init__()
        self.setStackSize(STACK_BYTES)
        self._render, self._mail = render, mail

    def run(self) -> None:
        """The thread's body (Qt calls it)."""
        stand_back()
        try:
            load_torch()  # which takes seconds where a file was opened a moment ago
            self._render(self._mail.post, self.isInterruptionRequested)
            ended = _Ended()
        except Interrupted:
            ended = _Ended(cancelled=True)
        except Exception as error:
            ended = _Ended(trouble=explained(error))
        self._mail.post(ended)


class Rendering(QObject):
    """Writes one animation at a time, and says in the window's thread what becomes of it."""

    changed = Signal()
    """It has begun, come further, or ended."""
    saved = Signal(str)
    told = Signal(str)
    """A sentence for the status line."""
    refused = Signal(str, str)
    """What cannot be done, and why."""
    failed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mail = Mailbox(self)
        self._mail.mailed.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._thread: RenderThread | None = None
        self._path: Path | None = None
        self._share = 0.0
        self._pace = Pace()
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether an animation is being written, or its end has not been told yet."""
        return self._thread is not None

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._thread is not None and self._thread.isInterruptionRequested()

    @property
    def percent(self) -> int:
        """How much of it is done."""
        return int(100 * self._share)

    @property
    def words(self) -> str:
        """What is being written, and how far it is: "Saving training.mp4: 40%, about 8 s left"."""
        if self._path is None or self._thread is None:
            return ""
        if self.stopping:
            return f"Stopping: {self._path.name} is not written"
        left = self._pace.words(self._thread, int(_FINE * self._share), _FINE)
        return f"Saving {self._path.name}: {self.percent}%{left}"

    def save(self, path: Path, render: Render) -> None:
        """Begin to write a file; while one is being written already, refuse."""
        if self._path is not None and self._thread is not None:
            why = f"{path}: {self._path.name} is being written; wait for it, or cancel it first"
            self.refused.emit("This cannot be saved", why)
            return
        self._path, self._share = path, 0.0
        self._thread = RenderThread(render, self._mail)
        self._thread.start()
        self.changed.emit()

    @Slot()
    def cancel(self) -> None:
        """Stop within a moment; no file is left."""
        if self._thread is not None:
            self._thread.requestInterruption()
            self.changed.emit()

    def close(self) -> None:
        """Stop, and wait for it; what comes too late is not delivered."""
        self._closed = True
        if self._thread is not None:
            self._thread.requestInterruption()
            self._thread.wait()
            self._thread = None

    @Slot()
    def _deliver(self) -> None:
        for value in [] if self._closed else self._mail.take():
            if isinstance(value, _Ended):
                self._end(value)
            elif isinstance(value, float):
                self._share = value
        self.changed.emit()

    def _end(self, ended: _Ended) -> None:
        assert self._thread is not None
        self._thread.wait()
        self._thread = None
        if ended.cancelled:
            self.told.emit(f"Cancelled: {self._path} was not written")
        elif ended.trouble is None:
            self.saved.emit(str(self._path))
        elif ended.trouble.details:
            self.failed.emit(ended.trouble.problem, ended.trouble.details)
        else:
            self.refused.emit("This cannot be saved", ended.trouble.problem)
