"""The rows of a sweep as a table of typed columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars

from foadv_gui.lab.sweep.columns import COLUMNS, Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from foadv_gui.lab.sweep.grid import Axis, Sweep

_TYPES: dict[str, Any] = {
    "int": polars.Int64,
    "float": polars.Float64,
    "bool": polars.Boolean,
    "text": polars.String,
    "choice": polars.String,
    "path": polars.String,
}


@dataclass(frozen=True, eq=False)
class SweepTable:
    """A sweep and what has been computed of it: `point`, `key`, a column for each setting that varies, and `COLUMNS`.

    The rows are in the order of their points; a point that has not been computed has none.
    """

    sweep: Sweep
    frame: polars.DataFrame

    @classmethod
    def of(cls, sweep: Sweep, rows: Iterable[Row]) -> SweepTable:
        """The table of some rows."""
        return cls(sweep, polars.DataFrame(list(rows), schema=schema(sweep.axes)).sort("point"))


def schema(axes: Iterable[Axis]) -> dict[str, Any]:
    """The name and the type of each column, in order."""
    varied = {axis.key: _TYPES[axis.setting.kind] for axis in axes}
    found = {column.name: _TYPES[column.kind] for column in COLUMNS}
    return {"point": polars.Int64, "key": polars.String, **varied, **found}
