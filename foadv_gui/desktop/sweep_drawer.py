"""Drawing the pictures of a sweep beside the window, on a thread of their own; and the mailbox they come in.

The mailbox holds the latest of each kind, and one signal says that there is something: so a hundred thousand rows reach
the window as a few pictures a second, however slowly it draws.
"""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QThread, Signal

from foadv_gui.desktop.worker import stand_back

if TYPE_CHECKING:
    import polars

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.overview import Look
    from foadv_gui.lab.sweep.table import SweepTable

_PAUSE_SECONDS, _LONGEST_SECONDS = 0.13, 1.0
"""Between two pictures: some eight a second at most, and one a second at least if they can be made."""
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


class DrawThread(QThread):
    """Makes pictures of a table that grows; of several looks only the latest is drawn."""

    def __init__(self, mail: Mailbox, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setStackSize(STACK_BYTES)
        self._mail = mail
        self._condition = threading.Condition()
        self._sweep: Sweep | None = None
        self._table: SweepTable | None = None
        self._fresh: list[polars.DataFrame] = []
        self._look: Look | None = None
        self._dirty = self._drawing = False
        self._next = 0.0

    def begin(self, sweep: Sweep) -> None:
        """Forget what there was: rows of another sweep follow."""
        with self._condition:
            self._sweep, self._table, self._fresh = sweep, None, []

    def add(self, rows: list[Row]) -> None:
        """Some more rows have been computed; called on the sweep's thread, which makes columns of them."""
        from polars import DataFrame

        from foadv_gui.lab.sweep.table import schema

        assert self._sweep is not None
        frame = DataFrame(rows, schema=schema(self._sweep.axes))
        with self._condition:
            self._fresh.append(frame)
            self._wake()

    def show(self, table: SweepTable) -> None:
        """Draw this table, in place of what was added before."""
        with self._condition:
            self._sweep, self._table, self._fresh = table.sweep, table, []
            self._wake()

    def look(self, look: Look) -> None:
        """Draw what somebody wants to see."""
        with self._condition:
            self._look, self._next = look, 0.0
            self._wake()

    def _wake(self) -> None:
        self._dirty = True
        self._condition.notify()

    @property
    def busy(self) -> bool:
        """Whether something is drawn, or is to be."""
        with self._condition:
            return self._dirty or self._drawing

    def close(self) -> None:
        """Stop for good, and wait."""
        self.requestInterruption()
        with self._condition:
            self._condition.notify()
        self.wait()

    def run(self) -> None:
        """The thread's body (Qt calls it)."""
        stand_back()
        import foadv_gui.lab.sweep.overview  # noqa: F401 - with polars, before the first picture is timed

        while True:
            with self._condition:
                while not (self.isInterruptionRequested() or (self._dirty and time.monotonic() >= self._next)):
                    self._condition.wait(max(self._next - time.monotonic(), 0.0) if self._dirty else None)
                if self.isInterruptionRequested():
                    return
            self._draw()

    def _draw(self) -> None:
        began = time.monotonic()
        with self._condition:
            sweep, before, fresh, look = self._sweep, self._table, self._fresh, self._look
            self._fresh, self._dirty, self._drawing = [], False, True
        try:
            if sweep is None or look is None:
                return
            from polars import DataFrame, concat

            from foadv_gui.lab.sweep.overview import overview
            from foadv_gui.lab.sweep.table import SweepTable, schema

            table = before
            if fresh or table is None:  # of a point that was computed again the latest row holds
                known = [] if before is None else [before.frame]
                table = SweepTable.of(sweep, concat([DataFrame(schema=schema(sweep.axes)), *known, *fresh]))
            with self._condition:
                if self._table is not before or self._sweep is not sweep:
                    return  # something else is shown by now
                self._table = table
            self._mail.post(overview(table, look))
        except Exception as error:
            self._mail.post(explained(error))
        finally:
            ended = time.monotonic()
            with self._condition:
                self._drawing = False
                if self._look is look:  # what somebody asked for meanwhile comes at once
                    self._next = ended + min(max(_PAUSE_SECONDS, _SHARE * (ended - began)), _LONGEST_SECONDS)
