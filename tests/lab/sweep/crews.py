"""What the tests of the engine and its crews share: a small sweep, and measures that need no torch."""

from __future__ import annotations

import os
import signal
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foadv_gui.core.interruption import Interrupted
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.sweep.grid import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.grid import Point

SMALL = {"network": {"dimension": 5}, "ascent": {"steps": 12, "restarts": 2, "start": "sphere"}}
OVER = ["network.width=3,40", "compute.dtype=float32,float64", "input.scale=0.1,3,1000", "network.seed=0:1"]
BEGUN = "FOADV_TEST_BEGUN"
"""The environment variable that names the file in which a worker says that it computes."""
SLOW = {
    "network": {"width": 1000, "dimension": 784},
    "ascent": {"steps": 10**5, "restarts": 4, "tolerance": 0.0},
}


def small() -> Sweep:
    """24 points of four shapes and types; some have no gradient and fail."""
    return Sweep.of(Experiment.model_validate(SMALL), OVER)


def slow() -> Sweep:
    """Points that take minutes each."""
    return Sweep.of(Experiment.model_validate(SLOW), ["network.seed=0:9"])


def many(count: int) -> Sweep:
    """As many points as wanted, for measures that do not look at them."""
    return Sweep.of(Experiment.model_validate(SMALL), [f"input.seed=0:{count - 1}"])


@cache
def plain() -> list[Row]:
    """The rows of the small sweep from a plain loop in this process."""
    from foadv_gui.lab.sweep.batch import load

    measure = load()
    return alike([measure(point, lambda: False) for point in small().points()])


def alike(rows: Iterable[Row]) -> list[Row]:
    """Rows in the order of their points, without the time that they took."""
    return sorted(({**row, "seconds": None} for row in rows), key=lambda row: int(row["point"] or 0))


# ------------------------------------------------------------------------------------------- measures


def simple(point: Point, interrupted: Callable[[], bool]) -> Row:
    """A row at once: who made it and which it is."""
    return {"point": point.index, "seconds": 0.001, "error": None, "pid": os.getpid()}


def napping(point: Point, interrupted: Callable[[], bool]) -> Row:
    """A row after a while."""
    time.sleep(0.02)
    return {**simple(point, interrupted), "seconds": 0.02}


def harsh(point: Point, interrupted: Callable[[], bool]) -> Row:
    """As simple, but point 5 kills its process, and point 7 raises what no row tells."""
    if point.index == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    if point.index == 7:
        raise ValueError("seven\nis too many")
    return simple(point, interrupted)


def begin() -> None:
    """Tell the test, if it listens, who computes."""
    if BEGUN in os.environ:
        path = Path(os.environ[BEGUN])
        path.with_suffix(".new").write_text(str(os.getpid()))
        path.with_suffix(".new").replace(path)


def patient(point: Point, interrupted: Callable[[], bool]) -> Row:
    """Never a row, but somebody who listens."""
    begin()
    while not interrupted():
        time.sleep(0.01)
    raise Interrupted


def tiring(point: Point, interrupted: Callable[[], bool]) -> Row:
    """Rows of the first 60 points, and never another."""
    return napping(point, interrupted) if point.index < 60 else patient(point, interrupted)


def deaf(point: Point, interrupted: Callable[[], bool]) -> Row:
    """Neither a row nor somebody who listens."""
    begin()
    time.sleep(60)
    return {}


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def rows(count: int, **more: Any) -> list[Row]:
    """Rows that only count."""
    return [{"point": i, "seconds": 0.0, "error": None, **more} for i in range(count)]
