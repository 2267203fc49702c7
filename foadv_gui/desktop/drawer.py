"""Making pictures beside the window: a thread that draws what was asked for last, and the mailbox they come in.

The mailbox holds the latest of each kind, and one signal says that there is something: so a hundred thousand rows, or
epochs, reach the window as a few pictures a second, however slowly it draws.
"""

from __future__ import annotations

import threading
import time
import traceback
from abc import abstractmethod
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, QThread, Signal

from foadv_gui.desktop.worker import stand_back

PAUSE_SECONDS = 0.13
"""Between two pictures: some eight a second at most."""
_LONGEST_SECONDS = 1.0
"""One a second at least, if they can be made."""
_SHARE = 3.0
"""Pictures that take long come more rarely: of the time at most a quarter goes into them."""
STACK_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Trouble:
    """What was wrong, in one line; in detail where nobody expected it."""

    problem: str
    details: str = field(default="", repr=False)


def explained(error: Exception) -> Trouble:
    """What is wrong, in one line; in detail where nobody expected it."""
    from foadv_gui.lab.config import ExperimentError
    from foadv_gui.lab.files import FileProblem
    from foadv_gui.lab.sweep.engine import CrewError

    if isinstance(error, FileProblem | ExperimentError | CrewError):
        return Trouble(str(error).replace("--resume", "Resume"))  # the switch of the page
    if isinstance(error, OSError):
        return Trouble(f"{error.filename or 'a file'}: {error.strerror or error}")
    if isinstance(error, MemoryError):
        return Trouble("there is not enough memory")
    return Trouble(f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))


class Mailbox(QObject):
    """The latest value of each kind; `mailed` when there is something new."""

    mailed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._mail: dict[type, object] = {}

    def post(self, value: object) -> None:
        """Put a value in, in place of an older one of its kind; from any thread."""
        with self._lock:
            first = not self._mail
            self._mail.pop(type(value), None)
            self._mail[type(value)] = value
        if first:
            self.mailed.emit()

    def take(self) -> list[object]:
        """Everything new, in order."""
        with self._lock:
            mail = list(self._mail.values())
            self._mail.clear()
            return mail

    @property
    def waiting(self) -> bool:
        """Whether something has not been taken yet."""
        with self._lock:
            return bool(self._mail)


class Drawer(QThread):
    """Draws, in turn with pauses, whenever something is new; of several wishes only the latest is drawn.

    A subclass changes what is to be drawn with `_condition` held, and says so by `_wake`.
    """

    def __init__(self, mail: Mailbox, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setStackSize(STACK_BYTES)
        self._mail = mail
        self._condition = threading.Condition()
        self._dirty = self._drawing = self._hurried = False
        self._next = 0.0

    @abstractmethod
    def _draw(self) -> None:
        """Draw what is there now, and put it into the mailbox; on the thread, without the lock."""

    def _prepare(self) -> None:
        """Load what the first picture needs."""

    def _wake(self, *, at_once: bool = False) -> None:
        """There is something new to draw: after the pause, or at once where somebody waits for it."""
        self._dirty = True
        if at_once:
            self._next, self._hurried = 0.0, True
        self._condition.notify()

    @property
    def busy(self) -> bool:
        """Whether something is drawn, or is to be."""
        with self._condition:
            return self.isRunning() and (self._dirty or self._drawing)

    def close(self) -> None:
        """Stop for good, and wait."""
        self.requestInterruption()
        with self._condition:
            self._condition.notify()
        self.wait()

    def run(self) -> None:
        """The thread's body (Qt calls it)."""
        stand_back()
        self._prepare()
        while True:
            with self._condition:
                while not (self.isInterruptionRequested() or (self._dirty and time.monotonic() >= self._next)):
                    self._condition.wait(max(self._next - time.monotonic(), 0.0) if self._dirty else None)
                if self.isInterruptionRequested():
                    return
                self._dirty, self._drawing, self._hurried = False, True, False
            began = time.monotonic()
            try:
                self._draw()
            except Exception as error:
                self._mail.post(explained(error))
            finally:
                ended = time.monotonic()
                with self._condition:
                    self._drawing = False
                    if not self._hurried:  # what somebody asked for meanwhile comes at once
                        self._next = ended + min(max(PAUSE_SECONDS, _SHARE * (ended - began)), _LONGEST_SECONDS)
