"""How long after a run its verdict stands, the whole ball is proven, and everything is said."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from sizes import FULL, Size, experiment
from timing import Row, at_most, tell

from foadv_gui.core.threads import use_one_thread
from foadv_gui.lab.findings import VerdictPicture
from foadv_gui.lab.picture import Request
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(size: Size = FULL) -> Iterator[Row]:
    """Seconds from the end of the run on, as a scene hands its findings out; beside `eigvalsh` of a d x d matrix."""
    use_one_thread()
    noise = np.random.default_rng(0).standard_normal((size.dimension, size.dimension))
    np.linalg.eigvalsh(noise + noise.T)
    started = time.perf_counter()
    np.linalg.eigvalsh(noise + noise.T)
    baseline = time.perf_counter() - started
    times: dict[str, float] = {}
    ended = 0.0
    for stage in Scene().stages(Request(experiment(size).replace("input.scale", 0.1))):
        now = time.perf_counter()
        if isinstance(stage, Recording) and stage.finished:
            ended = ended or now
        elif isinstance(stage, VerdictPicture):
            topics = {clause.topic for clause in stage.clauses}
            times.setdefault("the focused restart is judged", now - ended)
            if "unique" in topics:
                times.setdefault("the whole ball is proven", now - ended)
    times["everything is said"] = time.perf_counter() - ended
    limits = {"the focused restart is judged": 1.0, "the whole ball is proven": 1.0, "everything is said": 8.0}
    for what, limit in limits.items():
        name = f"after a run (d={size.dimension}, m={size.width}, K={size.restarts}): {what}"
        yield at_most(name, times[what], limit, "s", baseline)


if __name__ == "__main__":
    tell(rows())
