"""The window stays alive while it computes: how late a timer of 16 ms comes in its thread."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import TYPE_CHECKING

from sizes import FULL, Size, experiment
from timing import Row, at_most, percentile, tell
from windows import settle, spend, window

if TYPE_CHECKING:
    from collections.abc import Iterator

TICK_MS = 16
TURNS = 3


def rows(size: Size = FULL) -> Iterator[Row]:
    """Median and longest tick while 16 paths climb and the player plays, beside those of the idle window."""
    busy: list[float] = []
    idle: list[float] = []
    endless = experiment(size, tolerance=0, steps=2000)
    with window(experiment(size, steps=1)) as shown:
        for turn in range(TURNS):
            # A new seed each turn, so that the ascent runs anew.
            shown.session.open(endless.replace("ascent.seed", turn))
            shown.player.play()
            busy += ticks(size.seconds / TURNS)
            shown.player.pause()
            shown.session.cancel()
            settle(shown)
            idle += ticks(size.seconds / TURNS)
    what = f"tick of 16 ms while {size.restarts} paths climb (d={size.dimension}, m={size.width})"
    yield at_most(f"{what}: median", statistics.median(busy), 17, "ms", statistics.median(idle))
    yield at_most(f"{what}: longest", max(busy), 50, "ms", max(idle))
    yield Row(f"{what}: 99 of 100", percentile(busy, 0.99), "ms", percentile(idle, 0.99))


def ticks(seconds: float) -> list[float]:
    """The times between the ticks of a 16 ms timer in the window's thread, in ms."""
    from PySide6.QtCore import Qt, QTimer

    times: list[float] = []
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(TICK_MS)
    timer.timeout.connect(lambda: times.append(time.perf_counter()))
    timer.start()
    spend(seconds)
    timer.stop()
    return [1e3 * (after - before) for before, after in itertools.pairwise(times)] or [0.0]


if __name__ == "__main__":
    tell(rows())
