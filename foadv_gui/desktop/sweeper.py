"""Computing a sweep and drawing its pictures beside the window: one thread hands out points, another makes pictures.

Both put what they have into a mailbox that holds the latest of each kind; one signal says that there is something. So
a hundred thousand rows reach the window as a few pictures a second, however slowly it draws.
"""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from foadv_gui.desktop.worker import load_torch, stand_back

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.engine import Crew
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.overview import Look
    from foadv_gui.lab.sweep.table import SweepTable

_PAUSE_SECONDS, _LONGEST_SECONDS = 0.13, 1.0
"""Between two pictures: some eight a second at most, and one a second at least if they can be made."""
_SHARE = 3.0
"""Pictures that take long come more rarely: of the time at most a quarter goes into them."""
_STACK_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Order:
    """What is to be computed, by whom (made on the sweep's own thread), and where the rows go."""

    sweep: Sweep
    crew: Callable[[], Crew]
    output: Path | None = None
    resume: bool = False


@dataclass(frozen=True, eq=False)
class Ended:
    """How a sweep ended: with its table, stopped by somebody, or by trouble."""

    table: SweepTable | None = None
    cancelled: bool = False
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Trouble:
    """What was wrong, in one line; in detail where nobody expected it."""

    problem: str
    details: str = field(default="", repr=False)


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


class SweepThread(QThread):
    """Computes one sweep, and is not used again."""

    def __init__(self, order: Order, mail: Mailbox, drawer: DrawThread) -> None:
        super().__init__()
        self.setStackSize(_STACK_BYTES)
        self._order, self._mail, self._drawer = order, mail, drawer

    def run(self) -> None:
        """The thread's body (Qt calls it)."""
        stand_back()
        try:
            ended = self._compute()
        except Exception as error:
            ended = Ended(trouble=_explained(error))
        if ended.table is not None:
            self._drawer.show(ended.table)
        self._mail.post(ended)

    def _compute(self) -> Ended:
        load_torch()  # which takes seconds
        from foadv_gui.lab.sweep.study import run_sweep

        order, stopped = self._order, self.isInterruptionRequested
        if stopped():
            return Ended(cancelled=True)
        if order.resume:
            self._show_before()
        crew = order.crew()
        try:
            table = run_sweep(
                order.sweep,
                order.output,
                crew=crew,
                resume=order.resume,
                on_rows=self._drawer.add,
                on_progress=self._mail.post,
                interrupted=stopped,
            )
        finally:
            crew.close()
        return Ended(table, cancelled=stopped() and len(table.frame) < order.sweep.size)

    def _show_before(self) -> None:
        """Draw the rows that a sweep which goes on has already."""
        from foadv_gui.lab.sweep.table import read_table

        order = self._order
        table = read_table(order.output) if order.output is not None and order.output.is_file() else None
        if table is not None and table.sweep.identity == order.sweep.identity:
            self._drawer.show(table)
        else:
            self._drawer.begin(order.sweep)


class DrawThread(QThread):
    """Makes pictures of a table that grows; of several looks only the latest is drawn."""

    def __init__(self, mail: Mailbox, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setStackSize(_STACK_BYTES)
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
            self._mail.post(_explained(error))
        finally:
            ended = time.monotonic()
            with self._condition:
                self._drawing = False
                if self._look is look:  # what somebody asked for meanwhile comes at once
                    self._next = ended + min(max(_PAUSE_SECONDS, _SHARE * (ended - began)), _LONGEST_SECONDS)


class Sweeper(QObject):
    """What the page asks for, and what comes back in the window's own thread."""

    progressed = Signal(object)
    drawn = Signal(object)
    ended = Signal(object)
    troubled = Signal(object)
    """The pictures cannot be drawn."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mail = Mailbox(self)
        self._mail.mailed.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._drawer = DrawThread(self._mail, self)
        self._thread: SweepThread | None = None

    @property
    def running(self) -> bool:
        """Whether a sweep is being computed, or its end has not been told yet."""
        return self._thread is not None

    @property
    def busy(self) -> bool:
        """Whether anything is on its way."""
        return self.running or self._drawer.busy or self._mail.waiting

    @property
    def stopping(self) -> bool:
        """Whether the sweep was asked to stop."""
        return self._thread is not None and self._thread.isInterruptionRequested()

    def start(self, order: Order) -> None:
        """Compute a sweep; of another one there must be none."""
        assert self._thread is None
        self._draw_on()
        if not order.resume:
            self._drawer.begin(order.sweep)
        self._thread = SweepThread(order, self._mail, self._drawer)
        self._thread.start()

    def cancel(self) -> None:
        """Stop the sweep within a second."""
        if self._thread is not None:
            self._thread.requestInterruption()

    def show(self, table: SweepTable) -> None:
        """Draw a table."""
        self._draw_on()
        self._drawer.show(table)

    def look(self, look: Look) -> None:
        """Draw something else of the table on show."""
        self._drawer.look(look)

    def close(self) -> None:
        """Stop everything, and wait for it."""
        if self._thread is not None:
            self._thread.requestInterruption()
        self._drawer.close()
        if self._thread is not None:
            self._thread.wait()
            self._thread = None

    def _draw_on(self) -> None:
        if not self._drawer.isRunning():
            self._drawer.start()

    @Slot()
    def _deliver(self) -> None:
        from foadv_gui.lab.sweep.progress import Progress

        for value in self._mail.take():
            if isinstance(value, Ended):
                if self._thread is not None:
                    self._thread.wait()
                    self._thread = None
                self.ended.emit(value)
            elif isinstance(value, Trouble):
                self.troubled.emit(value)
            elif isinstance(value, Progress):
                self.progressed.emit(value)
            else:
                self.drawn.emit(value)


def _explained(error: Exception) -> Trouble:
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
