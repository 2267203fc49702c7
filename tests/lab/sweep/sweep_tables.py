"""Tables of sweeps that were never computed: rows with the cells that a test is about, all others empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.sweep.columns import COLUMNS
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.lab.sweep.table import SweepTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.sweep.grid import Point

EMPTY = dict.fromkeys(column.name for column in COLUMNS)


def sweep_over(*over: str, **settings: Any) -> Sweep:
    base = {"network.width": 8, "network.dimension": 3, "ascent.restarts": 32, "ascent.steps": 1000}
    changes = base | {key.replace("__", "."): value for key, value in settings.items()}
    return Sweep.of(Experiment().changed(changes), over)


def table_of(sweep: Sweep, cells: Callable[[Point], dict[str, Any] | None]) -> SweepTable:
    """The table of what `cells` says of each point; None for a point that has not been computed."""
    rows = []
    for point in sweep.points():
        found = cells(point)
        if found is not None:
            settings = dict(zip(sweep.keys, point.values, strict=True))
            rows.append({"point": point.index, "key": f"{point.index:x}", **settings, **EMPTY, **found})
    return SweepTable.of(sweep, rows)
