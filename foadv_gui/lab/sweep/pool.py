"""The processes of this machine as a crew: one for each core, each with a pipe of its own.

`concurrent.futures.ProcessPoolExecutor` and loky lose all batches when one process dies, and can't tell which one it
had; pebble's processes share locks, which a killed one may hold. Here nothing is shared: a pipe that ends is a death.
"""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from itertools import count
from multiprocessing import resource_tracker
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING

from foadv_gui.core.cores import cores
from foadv_gui.lab.sweep.engine import CrewError, Lost
from foadv_gui.lab.sweep.worker import pack, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.engine import Measure
    from foadv_gui.lab.sweep.grid import Point

    Task = tuple[Future[list[Row]], list[Point]]

_STOP_SECONDS = 0.4
_MOST_STARTS = 3
_SPAWN = multiprocessing.get_context("spawn")
"""Neither torch nor threads survive a fork."""


class Pool:
    """Processes of this machine, each computing on one core; started when there is work for one more.

    Parameters
    ----------
    processes
        How many at most; all cores that this process may use if not given.
    measure
        What computes a row, if not `foadv_gui.lab.sweep.row.measure`; a function of a module.
    factory
        The factory "package.module:factory" that the user named by --model, which each process calls.
    """

    def __init__(
        self, processes: int | None = None, measure: Measure | None = None, factory: str | None = None
    ) -> None:
        self.capacity = processes or cores()
        self._given = measure, factory
        self._lock = Lock()
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._open: set[Future[list[Row]]] = set()
        self._members: list[_Member] = []

    @property
    def name(self) -> str:
        """Who computes, in words."""
        return "1 process" if self.capacity == 1 else f"{self.capacity} processes"

    def submit(self, points: list[Point]) -> Future[list[Row]]:
        """See `Crew`."""
        future: Future[list[Row]] = Future()
        with self._lock:
            self._open.add(future)
            if len(self._open) > len(self._members) < self.capacity:
                self._members.append(_Member(self._tasks, *self._given))
                self._members[-1].start()
        future.add_done_callback(self._forget)
        self._tasks.put((future, points))
        return future

    def cancel(self) -> None:
        """See `Crew`. A process that does not stop in time is killed."""
        running = [future for future in self._pending() if not future.cancel()]
        for member in self._members:
            member.stop()
        if wait(running, _STOP_SECONDS).not_done:
            for member in self._members:
                member.kill()

    def close(self) -> None:
        """See `Crew`."""
        for future in self._pending():
            future.cancel()
        for member in self._members:
            self._tasks.put(None)
            member.end()
        for member in self._members:
            member.join()
        self._members.clear()

    def _pending(self) -> list[Future[list[Row]]]:
        with self._lock:
            return list(self._open)

    def _forget(self, future: Future[list[Row]]) -> None:
        with self._lock:
            self._open.discard(future)


class _Member(Thread):
    """A process and the thread that talks to it; when the process dies, another one is started for the next batch."""

    def __init__(self, tasks: SimpleQueue[Task | None], measure: Measure | None, factory: str | None) -> None:
        super().__init__(name="foadv-pool", daemon=True)
        self._tasks, self._given = tasks, (measure, factory)
        self._lock = Lock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._numbers = count()
        self._number: int | None = None  # of the batch that is being computed
        self._ended = False

    def run(self) -> None:
        while True:
            trouble: CrewError | None = None
            try:
                self._begin()  # before it takes a batch: others are ready for it
            except CrewError as error:
                trouble = error
            task = self._tasks.get()
            if task is None:
                break
            future, points = task
            if future.set_running_or_notify_cancel():
                try:
                    if trouble is not None:
                        raise trouble
                    future.set_result(self._ask(points))
                except Exception as error:
                    future.set_exception(error)
        self._bury()

    def stop(self) -> None:
        """Ask the process to stop its batch."""
        with self._lock, suppress(OSError):
            if self._number is not None and self._connection is not None:
                self._connection.send((self._number, None))

    def kill(self) -> None:
        """Kill the process if it has a batch."""
        with self._lock:
            if self._number is not None and self._process is not None:
                self._process.kill()

    def end(self) -> None:
        """Kill the process, whatever it does; it has nothing to lose."""
        self._ended = True
        if self._process is not None:
            self._process.kill()

    def _begin(self) -> None:
        """Have a process that is ready; `CrewError` if it dies again and again before it is."""
        exits = None
        for _ in range(_MOST_STARTS):
            if self._connection is not None or self._ended:
                return
            try:
                exits = self._start()
            except OSError as error:
                raise CrewError(f"no process can be started: {error.strerror or error}") from None
        if self._connection is None:
            how = "a script must keep what it runs under if __name__ == '__main__'"
            raise CrewError(f"the processes of the pool end as they start (exit status {exits}); {how}")

    def _start(self) -> int | None:
        """Start the process, and wait until it is ready, or has ended with the exit status that is returned."""
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=serve, args=(theirs, *self._given), name="foadv-worker", daemon=True)
        with _deaf():
            process.start()
        theirs.close()
        self._process = process
        if self._ended:
            process.kill()
        try:
            ours.recv()
        except (EOFError, OSError):
            ours.close()
            process.join()
            return process.exitcode
        self._connection = ours
        return None

    def _ask(self, points: list[Point]) -> list[Row]:
        if self._connection is None:
            raise Lost
        packed = pack(points)
        try:
            with self._lock:
                self._number = next(self._numbers)
                self._connection.send((self._number, packed))
            answer: list[Row] | str = self._connection.recv()
        except (EOFError, OSError):
            self._bury()
            raise Lost from None
        finally:
            with self._lock:
                self._number = None
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer

    def _bury(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            if self._process is not None:
                self._process.kill()
                self._process.join()
            self._connection = self._process = None


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that Ctrl+C does not reach even before they have said so."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which would unblock the signal as it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
