"""What a window and a figure draw of a sweep: curves over one axis and heat maps over two, as NumPy arrays.

Every mark stands for the points of the sweep that share its values of the drawn axes; quantiles are taken over these
points. Each quantile is the value of one of them (`inverted_cdf`: the smallest value that at least the share of the
points do not exceed), so that half of a step never appears, a censored point counts as infinitely many steps, and a
click on a mark can open the point that it shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import polars

from foadv_gui.lab.fields import chosen_output
from foadv_gui.lab.ranges import drawable, number, some_range
from foadv_gui.lab.sweep.metrics import METRICS, Metric, titled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.sweep.grid import Axis, Sweep
    from foadv_gui.lab.sweep.table import SweepTable

    Floats: TypeAlias = NDArray[np.float64]
    Integers: TypeAlias = NDArray[np.int64]
    Segment: TypeAlias = tuple[tuple[float, float], tuple[float, float]]

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_DECADE = 10.0
"""Values that differ by more than this factor are told apart on a log axis."""


@dataclass(frozen=True, eq=False)
class AxisPicture:
    """An axis as it is drawn: numbers in order, or categories side by side in the order in which they were written.

    x: where the n values lie (n,): numbers, or 0, 1, ... for categories. labels: the values in words. order: which of
    the axis's own values each of them is (n,). unit: of the numbers.
    """

    axis: Axis
    x: Floats
    labels: tuple[str, ...]
    order: Integers
    log: bool
    unit: str = ""

    @classmethod
    def of(cls, axis: Axis, base: Experiment) -> AxisPicture:
        """The picture of an axis of a sweep; its numbers lie evenly on a log axis where they are spaced so."""
        if not axis.numeric:
            labels = tuple(value_words(axis, value) for value in axis.values)
            return cls(axis, np.arange(len(labels), dtype=np.float64), labels, np.arange(len(labels)), False)
        values = np.array(axis.values, np.float64)
        order = np.argsort(values, kind="stable")
        x = values[order]
        unit = axis.setting.unit
        if axis.key == "ascent.step":
            unit = "ε/G" if base.ascent.step_units == "relative" else ""
        if axis.key == "input.scale" and base.input.unit == "file":
            unit = "× v"
        return cls(axis, x, tuple(number(value) for value in x), order, _evenly_log(x, axis.setting.log), unit)

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers; otherwise they are categories."""
        return self.axis.numeric

    @property
    def words(self) -> str:
        """What the axis is, with symbol and unit: "Input scale γ (|x|)"."""
        setting = self.axis.setting
        return titled(setting.title, setting.symbol, self.unit)

    @property
    def limits(self) -> tuple[float, float]:
        """The range to draw, a little more than the values take."""
        if not self.numeric:
            return -0.6, len(self.x) - 0.4
        places = self._even(self.x)
        low, high = some_range(float(places[0]), float(places[-1]))
        pad = 0.03 * (high - low)
        left, right = self._back(np.array([low - pad, high + pad]))
        return float(left), float(right)

    def nearest(self, x: float) -> int:
        """The value that a place is next to, as it is drawn: evenly in the logarithm on a log axis."""
        place = math.log(x) if self.log and x > 0 else -math.inf if self.log else x
        return int(np.abs(self._even(self.x) - max(place, -1e300)).argmin())

    def span(self, first: int, last: int) -> tuple[float, float]:
        """From one value to another; a quarter of the way to its neighbours where they are the same."""
        if not self.numeric:
            return float(first) - 0.4, float(last) + 0.4
        if first < last:
            return float(self.x[first]), float(self.x[last])
        places = self._even(self.x)
        before = (places[first] - places[first - 1] if first else places[1] - places[0]) if len(places) > 1 else 1.0
        after = places[first + 1] - places[first] if first + 1 < len(places) else before
        left, right = self._back(np.array([places[first] - before / 4, places[first] + after / 4]))
        return float(left), float(right)

    def _even(self, x: Floats) -> Floats:
        return np.log(x) if self.log else x

    def _back(self, places: Floats) -> Floats:
        return np.exp(places) if self.log else places


def value_words(axis: Axis, value: Any) -> str:
    """A value of a setting as people read it."""
    if axis.setting.kind == "path" and value is not None:
        return str(value).replace("\\", "/").rpartition("/")[2]
    if axis.setting.kind == "float":
        return number(float(value))
    if axis.key == "network.output":
        return " − ".join(f"z{output}".translate(_SUBSCRIPTS) for output in chosen_output(value) or ()) or "none chosen"
    return axis.setting.labels.get(str(value), str(value))


def _evenly_log(x: Floats, log: bool) -> bool:
    """Whether sorted numbers lie more evenly in their logarithm; `log` decides where neither spacing is better."""
    if len(x) < 2 or x[0] <= 0 or x[-1] < 3 * x[0]:
        return False
    gaps, ratios = np.diff(x), np.diff(np.log(x))
    uneven, uneven_log = gaps.std() / gaps.mean(), ratios.std() / ratios.mean()
    return log if abs(uneven - uneven_log) < 1e-9 else bool(uneven_log < uneven)


@dataclass(frozen=True, eq=False)
class Marks:
    """What the marks of a picture show, of shape (n,) for a curve and (rows, columns) for a heat map.

    quartiles: the lower one, the median and the upper one (3, ...); inf where censored, NaN where no point has a value.
    limits: the same, but where one is censored the steps that it is known to exceed. points: how many have a value,
    with the `censored` ones among them. empty: how many have been computed without one. failed, missing: how many have
    an error, and how many have not been computed yet. certified: the share of the computed points at which uniqueness
    is proven (q < 1), NaN where there is none.
    """

    quartiles: Floats
    limits: Floats
    points: Integers
    censored: Integers
    empty: Integers
    failed: Integers
    missing: Integers
    certified: Floats

    @property
    def median(self) -> Floats:
        """The medians; inf where more than half of the points are censored."""
        return np.asarray(self.quartiles[1])

    @property
    def beyond(self) -> NDArray[np.bool_]:
        """Where the median is only known to exceed its limit."""
        return np.isinf(self.median)


@dataclass(frozen=True, eq=False)
class Dots:
    """The points behind the marks: their index in the sweep, the mark of each, and its value, all (p,).

    value: inf where it is censored, NaN where there is none. limit: the steps that were taken where it is censored,
    else the value.
    """

    index: Integers
    mark: Integers
    value: Floats
    limit: Floats

    def near(self, mark: int, value: float) -> Integers:
        """The indices of the points of a mark, those nearest a value first and those without one last."""
        here = np.flatnonzero(self.mark == mark)
        with np.errstate(invalid="ignore"):
            away = np.abs(self.value[here] - value)
        away[self.value[here] == value] = 0.0  # where both are infinite
        return self.index[here[np.lexsort((self.index[here], away))]]


@dataclass(frozen=True, eq=False)
class CurvePicture:
    """A metric over one axis: `marks` (n,) in the order of `axis.x`, and the points behind them.

    log: whether the metric's own axis is logarithmic.
    """

    metric: Metric
    axis: AxisPicture
    marks: Marks
    dots: Dots
    log: bool

    def points_near(self, mark: int) -> Integers:
        """The points that a mark stands for, by index, the one that it shows first."""
        return self.dots.near(mark, float(self.marks.median[mark]))

    @cached_property
    def certified(self) -> list[tuple[float, float, bool]]:
        """Where uniqueness is proven, as spans of x: from, to, and whether at every point or only at some."""
        spans = []
        for every in (False, True):
            proven = self.marks.certified >= 1 if every else self.marks.certified > 0
            spans += [(*self.axis.span(first, last), every) for first, last in _runs(proven)]
        return spans

    @property
    def why_empty(self) -> str:
        """Why there is nothing to draw, or nothing if there is."""
        return _why_empty(self.marks, self.metric)


@dataclass(frozen=True, eq=False)
class HeatPicture:
    """The medians of a metric over two axes: `marks` (rows, columns), a row for each value of `up`.

    log: whether the colours go by the logarithm.
    """

    metric: Metric
    across: AxisPicture
    up: AxisPicture
    marks: Marks
    dots: Dots
    log: bool

    def points_near(self, row: int, column: int) -> Integers:
        """The points that a cell stands for, by index, the one whose value it shows first."""
        return self.dots.near(row * len(self.across.x) + column, float(self.marks.median[row, column]))

    @cached_property
    def shown(self) -> Floats:
        """What the colours stand for (rows, columns): medians, censored ones at their limit, log10 of them if `log`."""
        values = drawable(self.marks.limits[1])
        return np.log10(values) if self.log else values

    @cached_property
    def outline(self) -> list[Segment]:
        """The edges between cells at whose points uniqueness is proven and all others; cells lie at whole numbers."""
        inside = np.pad(self.marks.certified >= 1, 1)
        up = [((c - 0.5, r - 1.5), (c - 0.5, r - 0.5)) for r, c in np.argwhere(inside[:, 1:] != inside[:, :-1])]
        level = [((c - 1.5, r - 0.5), (c - 0.5, r - 0.5)) for r, c in np.argwhere(inside[1:] != inside[:-1])]
        return up + level

    @property
    def colour_range(self) -> tuple[float, float]:
        """The lowest and the highest of `shown`."""
        known = self.shown[np.isfinite(self.shown)]
        return some_range(float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)

    @property
    def why_empty(self) -> str:
        """Why there is nothing to draw, or nothing if there is."""
        return _why_empty(self.marks, self.metric)


def telling_axes(sweep: Sweep) -> list[Axis]:
    """The axes to draw over, numbers first and then choices; those that only repeat if there is no other."""
    numeric = [axis for axis in sweep.axes if axis.numeric]
    choices = [axis for axis in sweep.axes if not axis.numeric and not axis.repeats]
    return numeric + choices or list(sweep.axes)


def curve_picture(table: SweepTable, metric: str, axis: str | None = None) -> CurvePicture:
    """A metric over one axis (by its key; the most telling one if None), the quartiles over all other axes."""
    return _curve(table, METRICS[metric], _axis(table.sweep, axis) if axis else telling_axes(table.sweep)[0])


def _curve(table: SweepTable, metric: Metric, axis: Axis) -> CurvePicture:
    drawn = AxisPicture.of(axis, table.sweep.base)
    marks, dots = _gather(table, metric, [drawn])
    return CurvePicture(metric, drawn, marks, dots, metric.log and _spans_a_decade(dots.limit))


def heat_picture(table: SweepTable, metric: str, across: str, up: str) -> HeatPicture:
    """A metric over two axes, by their keys: medians over all others."""
    columns, rows = (AxisPicture.of(_axis(table.sweep, key), table.sweep.base) for key in (across, up))
    marks, dots = _gather(table, METRICS[metric], [rows, columns])
    return HeatPicture(
        METRICS[metric], columns, rows, marks, dots, METRICS[metric].log and _spans_a_decade(marks.limits[1])
    )


def _axis(sweep: Sweep, key: str) -> Axis:
    return next(axis for axis in sweep.axes if axis.key == key)


def places(sweep: Sweep, axis: Axis, points: Integers) -> Integers:
    """Which value of an axis each of some points (p,) has, by their indices."""
    at = sweep.axes.index(axis)
    stride = math.prod(len(other.values) for other in sweep.axes[at + 1 :])
    return np.asarray(points // stride % len(axis.values))


def steps_taken(sweep: Sweep, points: Integers) -> Floats:
    """The step limit T of each of some points (p,), by their indices."""
    axis = next((axis for axis in sweep.axes if axis.key == "ascent.steps"), None)
    if axis is None:
        return np.full(len(points), float(sweep.base.ascent.steps))
    return np.array(axis.values, np.float64)[places(sweep, axis, points)]


def _gather(table: SweepTable, metric: Metric, axes: list[AxisPicture]) -> tuple[Marks, Dots]:
    """The marks of a picture over some axes, the last of which varies fastest, and the points behind them."""
    frame, shape = table.frame, tuple(len(axis.x) for axis in axes)
    index = frame["point"].to_numpy()
    mark = np.zeros(len(index), np.int64)
    for axis in axes:
        rank = np.empty_like(axis.order)
        rank[axis.order] = np.arange(len(axis.order))
        mark = mark * len(axis.x) + rank[places(table.sweep, axis.axis, index)]
    failed = frame["error"].is_not_null().to_numpy()
    value = drawable(frame[metric.name].cast(polars.Float64).fill_null(math.nan).to_numpy())
    if metric.found:
        value[value == 0] = math.nan
    limit = value.copy()
    if metric.censored:
        beyond = np.isnan(value) & ~failed
        value[beyond], limit[beyond] = math.inf, steps_taken(table.sweep, index)[beyond]
    certified = frame["certified"].fill_null(False).to_numpy()
    return _marks(mark, value, limit, failed, certified, table.sweep.size, shape), Dots(index, mark, value, limit)


def _marks(
    mark: Integers, value: Floats, limit: Floats, failed: Any, certified: Any, total: int, shape: tuple[int, ...]
) -> Marks:
    size = math.prod(shape)
    rows = polars.DataFrame({"mark": mark, "value": value, "limit": limit, "certified": certified & ~failed})
    known = rows.filter(polars.col("value").is_not_nan()).group_by("mark")
    columns = [(name, share) for name in ("value", "limit") for share in (0.25, 0.5, 0.75)]
    found = known.agg(
        polars.col(name).quantile(share, "equiprobable").alias(f"{name}{share}") for name, share in columns
    )
    table = np.full((6, size), math.nan)
    table[:, found["mark"].to_numpy()] = found.drop("mark").to_numpy().T
    quartiles, limits = table.reshape(2, 3, *shape)

    def count(which: Any) -> Integers:
        return np.bincount(mark[which], minlength=size).reshape(shape)

    valued, computed = ~np.isnan(value), count(~failed)
    with np.errstate(invalid="ignore"):
        share = count(certified & ~failed) / np.where(computed, computed, math.nan)
    return Marks(
        quartiles=quartiles,
        limits=np.where(np.isinf(quartiles), limits, quartiles),
        points=count(valued),
        censored=count(np.isinf(value)),
        empty=count(~valued & ~failed),
        failed=count(failed),
        missing=total // size - count(slice(None)),
        certified=share,
    )


def _spans_a_decade(values: Floats) -> bool:
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0 and known.max() > _DECADE * known.min())


def _runs(true: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours that are true."""
    steps = np.diff(np.concatenate([[0], true.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(steps == 1).tolist(), (np.flatnonzero(steps == -1) - 1).tolist(), strict=True))


def _why_empty(marks: Marks, metric: Metric) -> str:
    if marks.points.any():
        return ""
    if marks.missing.all() and not (marks.failed.any() or marks.empty.any()):
        return "No point has been computed yet."
    if marks.empty.any():
        return f"{metric.column.title}: nothing of the kind applies to these points."
    return "All points so far have failed."
