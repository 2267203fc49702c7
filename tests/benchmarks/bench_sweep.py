"""A sweep: what two processes gain over one, what handing points over costs, the ready sweep, and its memory."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
from sizes import FULL, TINY, Size, experiment
from timing import Row, at_most, tell

from foadv_gui.core.cores import cores
from foadv_gui.lab.sweep.engine import Alone, compute
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.lab.sweep.pool import Pool
from foadv_gui.lab.sweep.ready import load_sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from foadv_gui.lab.sweep.columns import Row as SweepRow
    from foadv_gui.lab.sweep.engine import Crew
    from foadv_gui.lab.sweep.grid import Point

PROCESSES = 2
MANY = 100_000
SMALLEST = replace(TINY, width=4, dimension=2, restarts=1, steps=5)


def rows(size: Size = FULL) -> Iterator[Row]:
    """The rows of the table; a tiny size leaves out the ready sweep and shortens the others."""
    full = size is FULL
    began = time.perf_counter()
    with closing(Pool(PROCESSES)) as pool:
        _compute(_seeds(size, PROCESSES), pool)
        yield Row("start of the processes, to the first point of each", time.perf_counter() - began, "s")
        yield _gain(size, pool, 8 * PROCESSES if full else PROCESSES)
        yield _overhead(pool, 1000 if full else 20)
        yield _memory("growth over tiny points", _seeds(SMALLEST, 4000 if full else 40), pool)
    count = MANY if full else 400
    with closing(Pool(PROCESSES, instant)) as pool:
        yield _memory("growth over points that take no time", _seeds(SMALLEST, count), pool)
    if full:
        yield _ready("paper-claim", 60)


def instant(point: Point, interrupted: Callable[[], bool]) -> SweepRow:
    """A row of the usual size for nothing."""
    return {"point": point.index, "key": point.key, "seconds": 0.0003, "error": None, **dict.fromkeys("abcdefgh", 0.5)}


def _seeds(size: Size, count: int) -> Sweep:
    """A sweep of as many points of one size."""
    return Sweep.of(experiment(size), [f"network.seed=0:{count - 1}"])


def _compute(sweep: Sweep, crew: Crew, on_rows: Callable[[list[SweepRow]], object] = len) -> float:
    began = time.perf_counter()
    compute(sweep.points(), sweep.size, crew, on_rows=on_rows)
    return time.perf_counter() - began


def _gain(size: Size, pool: Pool, count: int) -> Row:
    """The time of one single-threaded process over that of the pool, which runs already."""
    sweep = _seeds(size, count)
    with closing(Alone()) as alone:
        _compute(_seeds(size, 1), alone)
        pairs = [(_compute(sweep, pool), _compute(sweep, alone)) for _ in range(2)]
    value, baseline = min(pairs, key=lambda pair: pair[0] / pair[1])
    gain = baseline / value
    name = f"{count} points (d={size.dimension}, m={size.width}), one process over {PROCESSES}"
    enough = gain >= 1.7 if cores() >= PROCESSES else None
    return Row(name, value, "s", baseline, gain, None if enough is None else ">= 1.7 x", enough)


def _overhead(pool: Pool, count: int) -> Row:
    """The share of the processes' time in which they compute no point, for tiny ones."""
    inside: list[float] = []
    wall = _compute(
        _seeds(SMALLEST, count), pool, lambda some: inside.extend(float(row["seconds"] or 0) for row in some)
    )
    share = 100 * (1 - sum(inside) / (PROCESSES * wall))
    each = 1e3 * sum(inside) / count
    return at_most(f"time lost between tiny points ({each:.1f} ms each)", share, 10, "%")


def _memory(name: str, sweep: Sweep, pool: Pool) -> Row:
    """By how much the memory of all processes grows over the last four fifths of a sweep."""
    seen: list[tuple[int, int]] = []
    done = 0

    def on_rows(some: list[SweepRow]) -> None:
        nonlocal done
        done += len(some)
        if done >= sweep.size // 5 and (len(seen) < 2 or done >= sweep.size):
            here = psutil.Process()
            seen.append((done, sum(process.memory_info().rss for process in (here, *here.children()))))

    _compute(sweep, pool, on_rows)
    (first, before), (last, after) = seen[0], seen[-1]
    growth = (after - before) / 2**20
    return Row(f"{name} ({last - first:,} measured)", max(growth, 0.01), "MiB", None, None, "<= 20 MiB", growth <= 20)


def _ready(name: str, limit: float) -> Row:
    """A ready sweep from nothing, the start of the processes counted."""
    with closing(Pool(PROCESSES)) as pool:
        sweep = load_sweep(name)
        return at_most(
            f"{name} ({sweep.size} points), with the start of the processes", _compute(sweep, pool), limit, "s"
        )


if __name__ == "__main__":
    tell(rows())
