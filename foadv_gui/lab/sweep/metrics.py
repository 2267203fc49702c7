"""Which columns of a sweep's table make a curve, and what a hover says of each."""

from __future__ import annotations

from dataclasses import dataclass

from foadv_gui.lab.sweep.columns import COLUMNS, Column

_CENSORED = ("steps_low", "steps_median", "steps_high")
_LINEAR = ("unconverged", "diverged", "cosine", "concave_share")
_FOUND = ("distinct_maxima", "local_maxima")
_SAME_FOR_ALL = ("restarts",)
_HOVERS = {
    "steps_median": "The first step at which half of a point's paths had converged; an open triangle at T means that "
    "it took more than the T steps that were taken.",
    "distinct_maxima": "How many different strict local maxima the paths of a point ended at: there may be others that "
    "none of them found, and where no path ended at one there is nothing to show.",
    "unconverged": "The share of a point's paths that met the step limit T, or diverged.",
    "loss_best": "The greatest loss L that a path of a point ended with.",
}


@dataclass(frozen=True)
class Metric:
    """A column as a curve: whether it may have a log axis, and what some of its cells mean.

    censored: where fewer paths than a quantile needs have converged, its steps are known only to be more than the T
    that were taken: the cell is empty, but the point is not without a value, it is censored. found: a count of maxima.
    There always is one, so none at all means that no path got as far: the point tells nothing of them.
    """

    column: Column
    hover: str
    log: bool
    censored: bool
    found: bool

    @property
    def name(self) -> str:
        """What the column is called in the table."""
        return self.column.name

    @property
    def words(self) -> str:
        """The title with its symbol and unit: "Reach k", "Time (s)"."""
        return titled(self.column.title, self.column.symbol, self.column.unit)


def titled(title: str, symbol: str, unit: str) -> str:
    """A title with its symbol, and its unit unless the title says it."""
    told = not unit or unit in title.lower()
    return " ".join(part for part in (title, symbol, "" if told else f"({unit})") if part)


METRICS: dict[str, Metric] = {
    column.name: Metric(
        column,
        _HOVERS.get(column.name, column.help),
        log=column.name not in _LINEAR,
        censored=column.name in _CENSORED,
        found=column.name in _FOUND,
    )
    for column in COLUMNS
    if column.kind in ("int", "float") and column.name not in _SAME_FOR_ALL
}
"""Every column of numbers, by name, in the order of the table."""

OVERVIEW = ("distinct_maxima", "steps_median", "unconverged", "loss_best")
"""What is shown of a sweep at first: how many summits, how fast, how surely and how high."""
