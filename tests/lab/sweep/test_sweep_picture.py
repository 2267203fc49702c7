"""A mark of a sweep's picture is the quartiles of exactly its points, however many are censored, failed or missing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_tables import sweep_over, table_of

from foadv_gui.lab.sweep.metrics import METRICS, OVERVIEW
from foadv_gui.lab.sweep.picture import AxisPicture, curve_picture, heat_picture, places, telling_axes
from foadv_gui.lab.sweep.table import SweepTable, schema

STEPS = 1000
OVER = ("ascent.seed=0:1", "input.scale=3,0.1,30", "network.activation=tanh,erf", "network.seed=0:2")
FAILED, MISSING, CENSORED = "failed", "missing", "censored"
cell = st.one_of(st.integers(0, 99).map(float), st.sampled_from([FAILED, MISSING, CENSORED]))


def table_with(values: list[Any], certified: list[bool] | None = None) -> SweepTable:
    def cells(point: Any) -> dict[str, Any] | None:
        value = values[point.index]
        if value == MISSING:
            return None
        if value == FAILED:
            return {"error": "ValueError: no"}
        return {
            "steps_median": None if value == CENSORED else value,
            "certified": bool(certified and certified[point.index]),
        }

    return table_of(sweep_over(*OVER), cells)


def smallest_not_exceeded_by(share: float, values: list[float]) -> float:
    return min((v for v in values if sum(w <= v for w in values) >= share * len(values) - 1e-12), default=math.nan)


@settings(max_examples=25)
@given(st.lists(cell, min_size=36, max_size=36), st.lists(st.booleans(), min_size=36, max_size=36))
def test_marks_are_counted_and_ranked_as_by_hand(values: list[Any], certified: list[bool]) -> None:
    table = table_with(values, certified)
    sweep = table.sweep
    curve = curve_picture(table, "steps_median", "input.scale")
    assert curve.axis.x.tolist() == [0.1, 3.0, 30.0]
    for i, x in enumerate(curve.axis.x):
        here = [point.index for point in sweep.points() if point.values[1] == x]
        assert len(here) == 12
        known = [math.inf if values[k] == CENSORED else values[k] for k in here if values[k] not in (FAILED, MISSING)]
        for quartile, share in zip(curve.marks.quartiles, (0.25, 0.5, 0.75), strict=True):
            np.testing.assert_equal(quartile[i], smallest_not_exceeded_by(share, known))
        shown = np.where(np.isinf(curve.marks.quartiles[:, i]), STEPS, curve.marks.quartiles[:, i])
        np.testing.assert_equal(curve.marks.limits[:, i], shown)
        counts = [[values[k] for k in here].count(word) for word in (CENSORED, FAILED, MISSING)]
        marks = curve.marks
        assert [marks.censored[i], marks.failed[i], marks.missing[i]] == counts
        assert marks.points[i] == len(known) and marks.empty[i] == 0
        proven = [certified[k] for k in here if values[k] not in (FAILED, MISSING)]
        np.testing.assert_allclose(marks.certified[i], np.mean(proven) if proven else math.nan)
        computed = sorted(k for k in here if values[k] != MISSING)
        near = curve.points_near(i)
        assert sorted(near) == computed
        if known:  # the point that a click opens is one that has the value shown
            opened = values[near[0]]
            assert (math.inf if opened == CENSORED else opened) == marks.median[i]


def test_a_heat_map_has_a_cell_for_each_pair_and_knows_its_points() -> None:
    values = [float(k) for k in range(36)]
    values[7] = FAILED
    table = table_with(values)
    heat = heat_picture(table, "steps_median", across="input.scale", up="network.activation")
    assert heat.marks.median.shape == (2, 3)
    for row, activation in enumerate(("tanh", "erf")):
        for column, scale in enumerate((0.1, 3.0, 30.0)):
            here = [p.index for p in table.sweep.points() if p.values[1:3] == (scale, activation)]
            known = [k for k in here if k != 7]
            assert heat.marks.median[row, column] == smallest_not_exceeded_by(0.5, known)
            near = heat.points_near(row, column)
            assert sorted(near) == here and near[0] == heat.marks.median[row, column]
            assert (near[-1] == 7) == (7 in here)  # what failed can be opened too, but last


@pytest.mark.parametrize("kind", [float, int])
def test_places_are_those_of_the_values(kind: type) -> None:
    sweep = sweep_over("network.width=4,2,16", "network.seed=5:9", "network.activation=tanh,relu,erf")
    points = np.arange(sweep.size)
    for at, axis in enumerate(sweep.axes):
        found = [axis.values[place] for place in places(sweep, axis, points)]
        assert found == [point.values[at] for point in sweep.points()]


def test_where_the_steps_vary_a_censored_point_exceeds_its_own() -> None:
    sweep = sweep_over("ascent.steps=10,100", "network.seed=0:2")
    table = table_of(sweep, lambda point: {"steps_median": None if point.index != 1 else 7.0})
    steps = curve_picture(table, "steps_median")
    assert steps.marks.median.tolist() == [math.inf, math.inf]
    assert steps.marks.limits[1].tolist() == [10, 100]
    seeds = curve_picture(table, "steps_median", "network.seed")
    assert seeds.marks.limits[1].tolist() == [10, 7, 10]  # seed 0: more than 10 and more than 100, so more than 10


def test_an_empty_cell_of_another_metric_is_no_censored_one() -> None:
    table = table_of(sweep_over("input.scale=0.1,1"), lambda point: {"q": 0.5 if point.index == 0 else None})
    marks = curve_picture(table, "q").marks
    assert marks.points.tolist() == [1, 0] and marks.empty.tolist() == [0, 1] and not marks.censored.any()
    assert math.isnan(marks.limits[1, 1])


def test_no_maximum_found_is_not_none_there() -> None:
    found = [0, 3, 0]
    table = table_of(
        sweep_over("input.scale=0.1,1", "network.seed=0:2"),
        lambda point: {"distinct_maxima": 0 if point.index > 2 else found[point.index], "unconverged": 0.0},
    )
    picture = curve_picture(table, "distinct_maxima")
    assert picture.marks.points.tolist() == [1, 0] and picture.marks.empty.tolist() == [2, 3]
    np.testing.assert_array_equal(picture.marks.median, [3, math.nan])
    assert not curve_picture(table, "unconverged").marks.empty.any()  # of anything else zero is a number


@pytest.mark.parametrize(
    ("written", "log"),
    [
        ("input.scale=log:0.01:30:13", True),
        ("input.scale=lin:0.1:3:13", False),
        ("input.scale=0.1,1,10", True),
        ("network.width=16,32,64,128", True),
        ("network.width=1:40", False),
        ("input.scale=0.1,1", True),
        ("input.label=0.1,1", False),
        ("input.label=lin:-1:1:5", False),
        ("input.scale=1", False),
        ("ascent.tolerance=0,1e-6,1e-3", False),
    ],
)
def test_an_axis_is_as_even_as_its_values(written: str, log: bool) -> None:
    sweep = sweep_over(written)
    axis = AxisPicture.of(sweep.axes[0], sweep.base)
    assert axis.log is log
    left, right = axis.limits
    assert left < axis.x[0] <= axis.x[-1] < right and (left > 0 or not log)
    for i, x in enumerate(axis.x):
        assert axis.nearest(float(x)) == i
        one, other = axis.span(i, i)
        assert one < x < other and axis.nearest(one) == axis.nearest(other) == i
    assert axis.nearest(left) == 0 and axis.nearest(right) == len(axis.x) - 1
    assert axis.nearest(-5.0) == (0 if log else int(np.abs(axis.x + 5.0).argmin()))


def test_categories_and_seeds_are_named_and_stand_side_by_side() -> None:
    sweep = sweep_over("network.activation=relu,silu", "network.seed=7,3", "input.scale=2,1")
    drawn = [AxisPicture.of(axis, sweep.base) for axis in sweep.axes]
    assert [axis.labels for axis in drawn] == [("ReLU", "SiLU (swish)"), ("7", "3"), ("1", "2")]
    assert [axis.x.tolist() for axis in drawn] == [[0, 1], [0, 1], [1, 2]]
    assert drawn[2].words == "Input scale γ (|x|)" and drawn[0].words == "Activation σ"
    assert [axis.key for axis in telling_axes(sweep)] == ["input.scale", "network.activation"]
    assert [axis.key for axis in telling_axes(sweep_over("network.seed=0:2"))] == ["network.seed"]


@pytest.mark.parametrize(("units", "words"), [("relative", "Step size η (ε/G)"), ("absolute", "Step size η")])
def test_a_step_is_in_the_units_that_are_chosen(units: str, words: str) -> None:
    sweep = sweep_over("ascent.step=0.1,1", ascent__step_units=units)
    assert AxisPicture.of(sweep.axes[0], sweep.base).words == words


def test_the_certified_region_is_from_value_to_value() -> None:
    shares = {0.1: 1, 0.2: 1, 0.4: 0.5, 0.8: 0, 1.6: 1}
    sweep = sweep_over("input.scale=0.1,0.2,0.4,0.8,1.6", "network.seed=0:1")
    table = table_of(sweep, lambda point: {"certified": point.values[1] < 2 * shares[point.values[0]]})
    some, alone, every, alone_too = curve_picture(table, "q").certified
    assert some == pytest.approx((0.1, 0.4, False)) and every == pytest.approx((0.1, 0.2, True))
    assert alone == (*alone_too[:2], False) and alone_too == pytest.approx((1.6 / 2**0.25, 1.6 * 2**0.25, True))


def test_decades_are_drawn_by_their_logarithm() -> None:
    def picture(*losses: float) -> Any:
        sweep = sweep_over("input.scale=0.1,1,10", "input.ratio=0.1,0.2")
        return table_of(sweep, lambda point: {"loss_best": losses[point.index // 2], "unconverged": losses[0]})

    table = picture(0.01, 1.0, 10.0)
    curve, heat = curve_picture(table, "loss_best"), heat_picture(table, "loss_best", "input.scale", "input.ratio")
    assert curve.log and heat.log
    np.testing.assert_allclose(heat.shown, [[-2, 0, 1]] * 2)
    assert heat.colour_range == (-2, 1)
    assert not curve_picture(table, "unconverged").log
    assert not curve_picture(picture(0.0, 1.0, 10.0), "loss_best").log
    assert not curve_picture(picture(1.0, 2.0, 10.0), "loss_best").log


def test_nothing_to_draw_says_why() -> None:
    sweep = sweep_over("input.scale=0.1,1")
    empty = SweepTable.of(sweep, [])
    assert empty.frame.schema == schema(sweep.axes)
    assert curve_picture(empty, "q").why_empty == "No point has been computed yet."
    assert curve_picture(empty, "q").marks.missing.tolist() == [1, 1]
    failed = table_of(sweep, lambda point: {"error": "no"})
    assert curve_picture(failed, "q").why_empty == "All points so far have failed."
    assert "applies" in curve_picture(table_of(sweep, lambda point: {}), "q").why_empty
    assert curve_picture(table_of(sweep, lambda point: {}), "steps_median").why_empty == ""


def test_every_metric_explains_itself_in_a_sentence() -> None:
    assert set(OVERVIEW) <= set(METRICS) and len(OVERVIEW) == 4
    assert all(metric.hover.endswith(".") and metric.words for metric in METRICS.values())
    assert "certified" not in METRICS and "device" not in METRICS
    assert METRICS["reach"].words == "Reach k" and METRICS["seconds"].words == "Time (s)"


def test_the_outline_runs_between_cells_where_uniqueness_is_proven_and_all_others() -> None:
    proven = np.array([[True, True, False], [True, False, False]])
    sweep = sweep_over("ascent.step=0.1,1", "input.scale=0.1,1,10")
    table = table_of(sweep, lambda point: {"loss_best": 1.0, "certified": bool(proven.flat[point.index])})
    outline = heat_picture(table, "loss_best", "input.scale", "ascent.step").outline
    found = {tuple(sorted(segment)) for segment in outline}
    expected = set()
    for row, column in np.argwhere(proven):
        sides = {
            (0, 1): ((column + 0.5, row - 0.5), (column + 0.5, row + 0.5)),
            (0, -1): ((column - 0.5, row - 0.5), (column - 0.5, row + 0.5)),
            (1, 0): ((column - 0.5, row + 0.5), (column + 0.5, row + 0.5)),
            (-1, 0): ((column - 0.5, row - 0.5), (column + 0.5, row - 0.5)),
        }
        for (up, across), side in sides.items():
            r, c = row + up, column + across
            if not (0 <= r < 2 and 0 <= c < 3 and proven[r, c]):
                expected.add(side)
    assert len(found) == len(outline)
    assert found == expected
