"""What was found at the values of one axis, in words: the phrases that a sweep's reading is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from foadv_gui.lab.ranges import number
from foadv_gui.lab.sweep.picture import curve_picture, places, steps_taken
from foadv_gui.lab.sweep.trend import Trend, trend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from foadv_gui.lab.sweep.grid import Axis
    from foadv_gui.lab.sweep.picture import AxisPicture, CurvePicture
    from foadv_gui.lab.sweep.table import SweepTable

    Floats: TypeAlias = NDArray[np.float64]

_REPEATED = {"network.seed": "network", "input.seed": "input", "input.index": "input", "ascent.seed": "set"}
_MOVES = {"rises": "rise", "falls": "fall", "none": "show no steady trend"}


@dataclass(frozen=True, eq=False)
class Findings:
    """A table over one of its axes."""

    table: SweepTable
    axis: Axis

    @cached_property
    def maxima(self) -> CurvePicture:
        """How many distinct maxima the paths ended at."""
        return curve_picture(self.table, "distinct_maxima", self.axis.key)

    @cached_property
    def steps(self) -> CurvePicture:
        """How many steps they took."""
        return curve_picture(self.table, "steps_median", self.axis.key)

    @cached_property
    def told(self) -> list[tuple[str, CurvePicture]]:
        """What there is something to say about: maxima where the ends could be tested, and steps."""
        both = [("maxima", self.maxima), ("steps", self.steps)]
        return [(noun, curve) for noun, curve in both if curve.marks.points.any()]

    @cached_property
    def have(self) -> list[int]:
        """The values of the axis of which a point has been computed."""
        return [int(i) for i in np.flatnonzero(self.steps.marks.points)]

    @cached_property
    def unconverged(self) -> Floats:
        """The share of all paths that did not converge, at each value (n,)."""
        dots, n = curve_picture(self.table, "unconverged", self.axis.key).dots, len(self.axis.values)
        known = ~np.isnan(dots.value)
        total, points = np.bincount(dots.mark[known], dots.value[known], n), np.bincount(dots.mark[known], minlength=n)
        return total / np.maximum(points, 1)

    @cached_property
    def always_one(self) -> NDArray[np.bool_]:
        """At which values every point that has been computed ended at one maximum (n,)."""
        dots, marks = self.maxima.dots, self.maxima.marks
        one: NDArray[np.bool_] = (marks.points > 0) & (marks.empty == 0)
        one[dots.mark[np.nan_to_num(dots.value, nan=1.0) != 1]] = False
        return one

    @property
    def name(self) -> str:
        """What the axis is called in a sentence: "γ", or "the activation"."""
        symbol = self.axis.setting.symbol
        return symbol if self.axis.numeric and symbol else f"the {self.axis.setting.title.lower()}"

    @property
    def whose(self) -> str:
        """Whose paths there are at each value: "the 32 paths of each of the 10 networks"."""
        sweep, paths = self.table.sweep, "the paths"
        if "ascent.restarts" not in sweep.keys and sweep.base.ascent.start != "file":
            count = sweep.base.ascent.restarts
            paths = "the path" if count == 1 else f"the {count} paths"
        others = [other for other in sweep.axes if other is not self.axis and len(other.values) > 1]
        if not others:
            return paths
        noun = _REPEATED.get(others[0].key, "repetition") if len(others) == 1 else "repetition"
        marks = self.steps.marks
        if marks.failed.any() or marks.missing.any():
            return f"{paths} of each computed {noun}"
        return f"{paths} of each of the {math.prod(len(other.values) for other in others)} {noun}s"

    def at(self, i: int) -> str:
        """One value, as part of a sentence: "at γ = 0.1", "for tanh"."""
        return f"{'at' if self.axis.numeric else 'for'} {place(self.steps.axis, i)}"

    def along(self, run: Sequence[int]) -> str:
        """Neighbouring values: "from γ = 0.01 to 0.56"."""
        if run[0] == run[-1]:
            return self.at(run[0])
        return f"from {place(self.steps.axis, run[0])} to {self.steps.axis.labels[run[-1]]}"

    def does(self, i: int) -> str:
        """What the paths do at one value: "find 25 maxima in 1460 steps (medians)"."""
        steps = f"{self._exceeds(i)}{counted_steps(self.steps.marks.limits[1, i])}"
        told = f"take {steps} (median)"
        if self.maxima.marks.points[i]:
            told = f"find {maxima_words(self.maxima.marks.median[i])} in {steps} (medians)"
        share = self.unconverged[i]
        if not share:
            return told
        taken = steps_taken(self.table.sweep, self.steps.points_near(i))
        within = f"their {number(taken[0])}" if (taken == taken[0]).all() else "all of their"
        return f"{told}, and {percent(share)} of the paths do not converge within {within} steps"

    def in_steps(self, run: Sequence[int]) -> str:
        """The medians of the steps at several values: "in 331 to 575 steps (medians)"."""
        medians = self.steps.marks.limits[1]
        least = min(run, key=lambda i: medians[i])
        most = max(run, key=lambda i: (medians[i], bool(self._exceeds(i))))
        told = f"{self._exceeds(most)}{counted_steps(medians[most])}"
        if medians[least] == medians[most] and self._exceeds(least) == self._exceeds(most):
            return f"in {told} (median)"
        return f"in {self._exceeds(least)}{number(medians[least])} to {told} (medians)"

    def _exceeds(self, i: int) -> str:
        return "more than " if self.steps.marks.beyond[i] else ""

    def goes(self, noun: str, curve: CurvePicture) -> str:
        """How something goes along the axis: whether it rises or falls, or between which choices it differs."""
        return self._trend(noun, curve) if self.axis.numeric else self._difference(noun, curve)

    def trend(self, curve: CurvePicture) -> Trend:
        """Whether something rises or falls along the axis, an axis of numbers."""
        return trend(self.repetitions(curve))

    def _trend(self, noun: str, curve: CurvePicture) -> str:
        found = self.trend(curve)
        if found.direction == "constant":
            return f"the {noun} do not depend on {self.name}"
        if found.direction == "untold":
            return f"there are too few points to tell a trend of the {noun} with {self.name}"
        told = f"the {noun} {_MOVES[found.direction]} with {self.name} (rank correlation {correlation(found.mean)})"
        return f"{told}: {self._extremes(curve)}" if found.direction == "none" else told

    def briefly(self, curve: CurvePicture) -> str:
        """The same in a few words, after what it is said of: "rise with γ (+0.75)"; none where no trend can be told."""
        if not self.axis.numeric:
            same = np.nanmin(curve.marks.median) == np.nanmax(curve.marks.median)
            return f"do not depend on {self.name}" if same else f"are {self._extremes(curve)}"
        found = self.trend(curve)
        if found.direction == "untold":
            return ""
        if found.direction == "constant":
            return f"do not depend on {self.name}"
        return f"{_MOVES[found.direction]} with {self.name} ({correlation(found.mean)})"

    def _difference(self, noun: str, curve: CurvePicture) -> str:
        """For which choice something is least and for which greatest, and whether the quartiles tell these apart."""
        marks = curve.marks
        least, greatest = np.nanmin(marks.median), np.nanmax(marks.median)
        known = np.flatnonzero(~np.isnan(marks.median))
        if len(known) == 1 < len(marks.median):
            return f"there are {noun} to tell {self.at(known[0])} only: {self._median(curve, least)} (median)"
        if least == greatest:
            where = "for each" if np.isfinite(marks.median).all() else "wherever there are any to tell"
            return f"the {noun} do not depend on {self.name}: {self._median(curve, least)} (median) {where}"
        apart = marks.quartiles[2, marks.median == least].max() < marks.quartiles[0, marks.median == greatest].min()
        overlap = "" if apart or marks.points.max() == 1 else "; their quartiles overlap"
        return f"the {noun} (medians) are {self._extremes(curve)}{overlap}"

    def repetitions(self, curve: CurvePicture) -> Floats:
        """The values of a curve's points (B, n), a row for each combination of all other axes' values."""
        sweep, dots, n = self.table.sweep, curve.dots, len(self.axis.values)
        rest = np.zeros(len(dots.index), np.int64)
        for other in sweep.axes:
            if other is not self.axis:
                rest = rest * len(other.values) + places(sweep, other, dots.index)
        values = np.full((sweep.size // n, n), math.nan)
        values[rest, dots.mark] = dots.value
        return values

    def _extremes(self, curve: CurvePicture) -> str:
        """Where the medians are least and greatest: "fewest, 331, at γ = 0.548 and most, 1460, at γ = 30"."""
        least, greatest = np.nanmin(curve.marks.median), np.nanmax(curve.marks.median)
        if least == greatest:
            return f"{self._median(curve, least)} (median) throughout"
        ends = ("fewest", least), ("most", greatest)
        return " and ".join(f"{word}, {self._median(curve, end)}, {self._where(curve, end)}" for word, end in ends)

    def _median(self, curve: CurvePicture, median: float) -> str:
        beyond = curve.marks.limits[1][curve.marks.median == median].min()
        return f"more than {number(beyond)}" if math.isinf(median) else number(median)

    def _where(self, curve: CurvePicture, median: float) -> str:
        """At which values of the axis a median is found."""
        found = [int(i) for i in np.flatnonzero(curve.marks.median == median)]
        if len(found) > 3:
            which = f"at {len(found)} of {len(self.axis.values)}"
            return f"{which} values of {self.name}" if self.axis.numeric else which.replace("at", "for")
        return listed([self.at(found[0]), *(curve.axis.labels[i] for i in found[1:])])


def place(axis: AxisPicture, i: int) -> str:
    """One value of an axis: "γ = 0.1", "tanh"."""
    name = axis.axis.setting.symbol or axis.axis.setting.title.lower()
    return f"{name} = {axis.labels[i]}" if axis.numeric else axis.labels[i]


def maxima_words(count: float) -> str:
    """A number of maxima in words."""
    return "no maximum" if count == 0 else "one maximum" if count == 1 else f"{number(count)} maxima"


def counted_steps(count: float) -> str:
    """A number of steps in words."""
    return "1 step" if count == 1 else f"{number(count)} steps"


def percent(share: float) -> str:
    """A share in words; never 0% or 100% of what is not none or all."""
    return "under 1%" if 0 < share < 0.005 else "over 99%" if 0.995 <= share < 1 else f"{share:.0%}"


def listed(names: Sequence[str]) -> str:
    """Several names: "tanh, erf and sin"."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def correlation(value: float) -> str:
    """A rank correlation with its sign: "+0.75"."""
    return f"{value:+.2f}".replace("-", "−")
