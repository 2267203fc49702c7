"""Computing the points of a sweep: batches of them go to a crew, rows come back as they are done.

A batch is as many points as take a process a third of a second, so that handing it over costs next to nothing, a
sweep that is stopped loses little, and the last batches end at about the same time.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Protocol

from foadv_gui.core.interruption import never
from foadv_gui.lab.sweep.batch import rows_of
from foadv_gui.lab.sweep.columns import failure
from foadv_gui.lab.sweep.progress import Pace, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.grid import Point

    Measure = Callable[[Point, Callable[[], bool]], Row]

__all__ = ["Alone", "Crew", "CrewError", "Lost", "Progress", "compute"]

_BATCH_SECONDS = 0.3
_MOST_POINTS = 1000
"""In a batch: so many that the cost of handing it over is nothing, however fast a point is."""
_QUEUED = 2
"""Batches in flight for each one that is being computed: nobody waits for work."""
_LOSSES_TO_SPLIT, _LOSSES_TO_FAIL = 2, 3
_LOOK_SECONDS = 0.05
_TELL_SECONDS = 0.1
_STOP_SECONDS = 0.7
"""How long those who were asked to stop are waited for."""


class CrewError(Exception):
    """The crew cannot go on, or cannot begin; the text is one line that says why."""


class Lost(Exception):
    """The process that computed a batch died `times` times."""

    def __init__(self, times: int = 1) -> None:
        super().__init__("the process that computed it died")
        self.times = times


class Crew(Protocol):
    """Who computes the points of a sweep; of one sweep at a time."""

    @property
    def name(self) -> str:
        """Who that is, in words: "2 processes"."""

    @property
    def capacity(self) -> int:
        """How many batches it computes at once, by now."""

    def submit(self, points: list[Point]) -> Future[list[Row]]:
        """The rows of these points, or of as many of the first as could be done in time.

        The future raises `Lost` if the process died, and `CrewError` if there is nobody left.
        """

    def cancel(self) -> None:
        """Stop all that was submitted, within a second; rows of points that are done still come."""

    def close(self) -> None:
        """Let everybody go."""


class Alone:
    """A plain loop in this process, on a thread of its own.

    Parameters
    ----------
    measure
        What computes a row, if not `foadv_gui.lab.sweep.row.measure`.
    """

    name = "this process"
    capacity = 1

    def __init__(self, measure: Measure | None = None) -> None:
        self._measure = measure
        self._loop = ThreadPoolExecutor(1, "foadv-sweep")
        self._stop = Event()

    def submit(self, points: list[Point]) -> Future[list[Row]]:
        """See `Crew`."""
        return self._loop.submit(rows_of, points, self._stop.is_set, self._measure)

    def cancel(self) -> None:
        """See `Crew`."""
        self._stop.set()
        self._stop = Event()

    def close(self) -> None:
        """See `Crew`."""
        self.cancel()
        self._loop.shutdown(wait=False, cancel_futures=True)


def compute(
    points: Iterable[Point],
    total: int,
    crew: Crew,
    *,
    on_rows: Callable[[list[Row]], object],
    on_progress: Callable[[Progress], object] = lambda _: None,
    interrupted: Callable[[], bool] = never,
) -> Progress:
    """Compute points and hand out their rows as they come; both callbacks are called on the caller's thread.

    A batch that is lost with its process is tried again; after it was lost twice its points are tried one by one, and a
    point lost for the third time becomes a row with an error, as does one whose computation raised something.

    Parameters
    ----------
    points, total
        The points, taken as they are needed, and their number.
    crew
        Who computes them. Whoever made it closes it.
    on_rows
        Gets rows, in any order: those of a batch at a time.
    on_progress
        Is told how far it has come, at most ten times a second and at the end.
    interrupted
        When it becomes true, `compute` returns within a second; what is not done by then is not computed.

    Returns
    -------
    Progress
        How far it came: `done` is `total`, or it was interrupted.

    Raises
    ------
    CrewError
        If the crew cannot go on; all rows that arrived were handed out.
    """
    run = _Run(points, total, crew, on_rows)
    told = -_TELL_SECONDS
    try:
        while run.fill(interrupted) and not interrupted():
            run.collect(_LOOK_SECONDS)
            if time.monotonic() - told >= _TELL_SECONDS:
                told = time.monotonic()
                on_progress(run.pace.progress())
    except (CrewError, KeyboardInterrupt):
        run.stop()
        raise
    except BaseException:
        crew.cancel()
        raise
    run.stop()
    on_progress(run.pace.progress())
    return run.pace.progress()


@dataclass(frozen=True)
class _Batch:
    points: list[Point]
    losses: int = 0


class _Run:
    """What is in flight, what comes next, and what has come back."""

    def __init__(self, points: Iterable[Point], total: int, crew: Crew, on_rows: Callable[[list[Row]], object]) -> None:
        self.pace = Pace(total)
        self._fresh, self._left = iter(points), total
        self._crew, self._on_rows = crew, on_rows
        self._returned: deque[Point] = deque()
        self._again: deque[_Batch] = deque()
        self._flight: dict[Future[list[Row]], _Batch] = {}
        self._seconds: float | None = None  # that a point takes

    def fill(self, interrupted: Callable[[], bool]) -> bool:
        """Hand out batches while the crew has hands for them; whether any is in flight."""
        while len(self._flight) < _QUEUED * self._crew.capacity and not interrupted():
            batch = self._next()
            if batch is None:
                break
            self._flight[self._crew.submit(batch.points)] = batch
        return bool(self._flight)

    def collect(self, timeout: float) -> None:
        """Take what is done, or becomes so in time."""
        trouble: CrewError | None = None
        for future in wait(self._flight, timeout, FIRST_COMPLETED).done:
            batch = self._flight.pop(future)
            try:
                rows = future.result()
            except CrewError as error:
                trouble = error
            except CancelledError:
                self._returned.extend(batch.points)
            except Exception as error:
                self._lost(batch, error)
            else:
                self._arrived(batch, rows)
        if trouble is not None:
            raise trouble

    def stop(self) -> None:
        """Stop what is in flight, and take what was done of it."""
        if not self._flight:
            return
        ends = time.monotonic() + _STOP_SECONDS
        self._crew.cancel()
        for future in [future for future in self._flight if future.cancelled()]:
            del self._flight[future]  # nobody had begun it, and nobody may ever say so
        while self._flight and (left := ends - time.monotonic()) > 0:
            try:
                self.collect(left)
            except CrewError:  # the first one is being told
                continue

    def _next(self) -> _Batch | None:
        if self._again:
            return self._again.popleft()
        left = self._left + len(self._returned)
        size = 1 if self._seconds is None else round(_BATCH_SECONDS / max(self._seconds, 1e-9))
        # Towards the end smaller ones, so that all hands have something to do until the last moment.
        size = max(1, min(size, _MOST_POINTS, -(-left // (_QUEUED * self._crew.capacity))))
        points = [self._returned.popleft() for _ in range(min(size, len(self._returned)))]
        fresh = list(islice(self._fresh, size - len(points)))
        self._left -= len(fresh)
        points += fresh
        return _Batch(points) if points else None

    def _arrived(self, batch: _Batch, rows: list[Row]) -> None:
        rest = batch.points[len(rows) :]
        if rest and batch.losses:
            self._again.append(_Batch(rest, batch.losses))
        else:
            self._returned.extend(rest)
        if not rows:
            return
        seconds = sum(float(row["seconds"] or 0) for row in rows)
        mean = seconds / len(rows)
        self._seconds = mean if self._seconds is None else 0.5 * (self._seconds + mean)
        self.pace.arrived(rows, seconds)
        self._on_rows(rows)

    def _lost(self, batch: _Batch, error: Exception) -> None:
        losses = batch.losses + (error.times if isinstance(error, Lost) else 1)
        if len(batch.points) > 1:
            parts = [[point] for point in batch.points] if losses >= _LOSSES_TO_SPLIT else [batch.points]
            # One of them is to blame: the others are not lost a third time.
            self._again.extend(_Batch(part, min(losses, _LOSSES_TO_FAIL - 1)) for part in parts)
        elif losses < _LOSSES_TO_FAIL:
            self._again.append(_Batch(batch.points, losses))
        else:
            self._fail(batch.points[0], error, losses)

    def _fail(self, point: Point, error: Exception, losses: int) -> None:
        said = f"{type(error).__name__}: {error}"
        reason = f"{error} {losses} times" if isinstance(error, Lost) else " ".join(said.split())
        row = failure(point, reason)
        self.pace.arrived([row], 0.0)
        self._on_rows([row])
