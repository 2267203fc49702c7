"""How far a sweep has come, how fast it goes, and how long it will still take."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.sweep.columns import Row

_WINDOW_SECONDS = 15.0
_FEWEST_MARKS = 9
"""Arrivals over which a rate is taken at least: of slow points there are few in a window."""
_SOONEST_SECONDS = 1.0


@dataclass(frozen=True)
class Progress:
    """How many of `total` points are done and how many of them failed.

    `rate` is in points per second over the last while and `left` in seconds at that rate; None while nobody can say.
    """

    done: int
    failed: int
    total: int
    rate: float | None
    left: float | None


class Pace:
    """Counts rows as they arrive and measures their rate: the points of the last 15 s over the time that they took.

    Where points are slow the last nine arrivals count, and the time that has gone by without one counts too. It begins
    with the first point's own computation, so that the start of processes is not taken for slow points.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.done, self.failed = total, 0, 0
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()

    def arrived(self, rows: list[Row], seconds: float) -> None:
        """Count rows that took so many seconds of a process."""
        now = self._clock()
        if not self._marks:
            self._marks.append((now - seconds, 0))
        self.done += len(rows)
        self.failed += sum(row["error"] is not None for row in rows)
        self._marks.append((now, self.done))

    def progress(self) -> Progress:
        """How far it has come by now."""
        rate = self._rate()
        left = 0.0 if self.done >= self.total else (self.total - self.done) / rate if rate else None
        return Progress(self.done, self.failed, self.total, rate, left)

    def _rate(self) -> float | None:
        now = self._clock()
        while len(self._marks) > _FEWEST_MARKS and now - self._marks[1][0] > _WINDOW_SECONDS:
            self._marks.popleft()
        if len(self._marks) < 3 or now - self._marks[0][0] < _SOONEST_SECONDS:
            return None
        began, before = self._marks[0]
        return (self.done - before) / (now - began)
