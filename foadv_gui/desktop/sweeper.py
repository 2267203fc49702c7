"""Computing a sweep beside the window: one thread hands out points, another one makes pictures of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from foadv_gui.desktop.drawer import STACK_BYTES, Mailbox, Trouble, explained
from foadv_gui.desktop.sweep_drawer import SweepDrawer
from foadv_gui.desktop.worker import load_torch, stand_back

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from foadv_gui.lab.sweep.engine import Crew
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.overview import Look
    from foadv_gui.lab.sweep.table import SweepTable


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


class SweepThread(QThread):
    """Computes one sweep, and is not used again."""

    def __init__(self, order: Order, mail: Mailbox, drawer: SweepDrawer) -> None:
        super().__init__()
        self.setStackSize(STACK_BYTES)
        self._order, self._mail, self._drawer = order, mail, drawer

    def run(self) -> None:
        """The thread's body (Qt calls it)."""
        stand_back()
        try:
            ended = self._compute()
        except Exception as error:
            ended = Ended(trouble=explained(error))
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
        self._drawer = SweepDrawer(self._mail, self)
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
