"""What every process of a crew does with the points that it is given."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

from foadv_gui.core.interruption import Interrupted, never

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.engine import Measure
    from foadv_gui.lab.sweep.grid import Point

LONGEST_SECONDS = 0.6
"""After this long a batch ends with the point that is being computed: slower ones than were expected came up."""


@cache
def load() -> Measure:
    """What computes the row of a point: torch is imported, which takes seconds, and uses one thread from here on."""
    from foadv_gui.core.threads import use_one_thread
    from foadv_gui.lab.sweep.row import measure

    use_one_thread()
    return measure


def rows_of(
    points: Sequence[Point], interrupted: Callable[[], bool] = never, measure: Measure | None = None
) -> list[Row]:
    """The rows of these points, or of as many of the first as were done when time was up or somebody interrupted."""
    measure = measure or load()
    ends = time.monotonic() + LONGEST_SECONDS
    rows: list[Row] = []
    for point in points:
        if interrupted() or (rows and time.monotonic() > ends):
            break
        try:
            rows.append(measure(point, interrupted))
        except Interrupted:
            break
    return rows
