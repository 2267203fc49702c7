"""The sentence says what the data say: forwards, backwards, shuffled, constant, failed or not yet there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sweep_tables import sweep_over, table_of

from foadv_gui.lab.sweep.figure import fixed
from foadv_gui.lab.sweep.reading import read

if TYPE_CHECKING:
    from foadv_gui.lab.sweep.table import SweepTable

SCALES = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
MAXIMA = (1, 1, 1, 1, 2, 5, 20, 27)
STEPS: tuple[float | None, ...] = (21, 22, 25, 34, 50, 80, 300, None)
UNCONVERGED = (0, 0, 0, 0, 0, 0, 0.1, 0.38)
OVER = ("input.scale=0.01,0.03,0.1,0.3,1,3,10,30", "network.seed=0:9")


def claim(order: Any = slice(None), **more: Any) -> SweepTable:
    maxima, steps, left = (np.array(values, object)[order] for values in (MAXIMA, STEPS, UNCONVERGED))

    def cells(point: Any) -> dict[str, Any]:
        i = point.index // 10
        return {"distinct_maxima": maxima[i], "steps_median": steps[i], "unconverged": left[i], **more}

    return table_of(sweep_over(*OVER), cells)


def test_the_correlation_below_is_scipys() -> None:
    assert spearmanr(SCALES, MAXIMA)[0] == pytest.approx(0.94, abs=0.005)


def test_the_papers_claim_is_read_off_where_the_data_say_it() -> None:
    assert read(claim()) == (
        "From γ = 0.01 to 0.3 the 32 paths of each of the 10 networks find one maximum, in 21 to 34 steps (medians); "
        "at γ = 30 they find 27 maxima in more than 1000 steps (medians), and 38% of the paths do not converge within "
        "their 1000 steps. The maxima rise with γ (rank correlation +0.94); the steps rise with γ (rank correlation "
        "+1.00)."
    )


def test_data_that_say_the_opposite_are_read_as_the_opposite() -> None:
    assert read(claim(slice(None, None, -1))) == (
        "From γ = 1 to 30 the 32 paths of each of the 10 networks find one maximum, in 21 to 34 steps (medians); at "
        "γ = 0.01 they find 27 maxima in more than 1000 steps (medians), and 38% of the paths do not converge within "
        "their 1000 steps. The maxima fall with γ (rank correlation −0.94); the steps fall with γ (rank correlation "
        "−1.00)."
    )


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_shuffled_data_have_no_trend(seed: int) -> None:
    random = np.random.default_rng(seed)
    maxima, steps = random.integers(2, 30, (8, 10)), random.integers(20, 900, (8, 10))
    table = table_of(
        sweep_over(*OVER),
        lambda point: {
            "distinct_maxima": maxima[divmod(point.index, 10)],
            "steps_median": float(steps[divmod(point.index, 10)]),
            "unconverged": 0.0,
        },
    )
    told = read(table)
    assert told.count("show no steady trend with γ") == 2 and "rise" not in told and "fall" not in told
    for noun, values in (("maxima", maxima), ("steps", steps)):
        medians = np.sort(values, axis=1)[:, 4]
        ends = f"fewest, {medians.min()}, at .*? and most, {medians.max()}, at"
        assert re.search(f"the {noun} show .*?: {ends}", told, re.IGNORECASE)


def test_a_median_that_never_changes_is_neither_least_nor_greatest() -> None:
    table = table_of(
        sweep_over(*OVER),
        lambda point: {"distinct_maxima": 1 + (point.index in (5, 40)), "steps_median": 7.0, "unconverged": 0.0},
    )
    assert "The maxima show no steady trend with γ (rank correlation " in read(table)
    assert "): 1 (median) throughout; the steps do not depend on γ." in read(table)


def test_between_two_runs_of_one_maximum_the_exception_is_told() -> None:
    table = table_of(
        sweep_over("input.scale=0.1,1,10"),
        lambda point: {"distinct_maxima": int(point.index != 1), "steps_median": 7.0, "unconverged": 0.5},
    )
    assert "; at γ = 1 they take 7 steps (median), and 50%" in read(table)


def test_constant_data_depend_on_nothing() -> None:
    told = read(table_of(sweep_over(*OVER), lambda _: {"distinct_maxima": 3, "steps_median": 40.0, "unconverged": 0.0}))
    assert told.endswith("The maxima do not depend on γ; the steps do not depend on γ.")
    told = read(table_of(sweep_over(*OVER), lambda _: {"distinct_maxima": 1, "steps_median": 40.0, "unconverged": 0.0}))
    assert told == (
        "From γ = 0.01 to 30 the 32 paths of each of the 10 networks find one maximum, in 40 steps (median). "
        "The steps do not depend on γ."
    )


def test_one_network_with_two_maxima_ends_the_run_of_one() -> None:
    table = claim()
    frame = table.frame.clone()
    frame[13, "distinct_maxima"] = 2  # one of the ten at γ = 0.03
    told = read(type(table)(table.sweep, frame))
    assert told.startswith("At γ = 0.01 the 32 paths of each of the 10 networks find one maximum, in 21 steps (median)")
    frame[20, "distinct_maxima"] = None  # not tested: not known to be one
    frame[3, "distinct_maxima"] = 0
    assert "find one maximum, in" not in read(type(table)(table.sweep, frame))


def test_many_maxima_everywhere_are_told_at_both_ends() -> None:
    table = table_of(
        sweep_over("input.scale=0.1,1,10"),
        lambda point: {"distinct_maxima": 30 - point.index, "steps_median": 7.0, "unconverged": 0.001},
    )
    assert read(table) == (
        "At γ = 0.1 the 32 paths find 30 maxima in 7 steps (medians), and under 1% of the paths do not converge within "
        "their 1000 steps; at γ = 10 they find 28 maxima in 7 steps (medians), and under 1% of the paths do not "
        "converge within their 1000 steps. There are too few points to tell a trend of the maxima with γ; the steps do "
        "not depend on γ."
    )


def test_paths_that_got_nowhere_do_not_count_as_few_maxima() -> None:
    table = table_of(
        sweep_over("input.scale=log:0.1:10:8", "network.seed=0:2"),
        lambda point: {
            "distinct_maxima": 1 + point.index // 3 if point.index < 21 else 0,
            "steps_median": 7.0 if point.index < 21 else None,
            "unconverged": float(point.index >= 21),
        },
    )
    told = read(table)
    assert "no maximum" not in told and "The maxima rise with γ (rank correlation +1.00)" in told
    assert "at γ = 10 they take more than 1000 steps (median), and 100% of the paths do not converge" in told


def test_a_run_of_one_maximum_owns_up_to_paths_that_did_not_converge() -> None:
    table = table_of(
        sweep_over("input.scale=0.1,1"),
        lambda point: {
            "distinct_maxima": 1,
            "steps_median": [9.0, None][point.index],
            "unconverged": point.index * 0.6,
        },
    )
    assert "find one maximum, in 9 to more than 1000 steps (medians) (60% of the paths at most" in read(table)


def test_ends_that_could_not_be_tested_are_not_called_maxima() -> None:
    table = table_of(
        sweep_over("input.scale=0.1,1", network__activation="relu"),
        lambda point: {"steps_median": 5.0 + point.index, "unconverged": 0.0},
    )
    assert "maxim" not in read(table)
    assert read(table).startswith("At γ = 0.1 the 32 paths take 5 steps (median); at γ = 1 they take 6 steps (median).")


def test_failed_and_missing_points_are_counted_and_never_hidden() -> None:
    sweep = sweep_over(*OVER)
    good = {"distinct_maxima": 1, "steps_median": 5.0, "unconverged": 0.0}

    def cells(point: Any) -> dict[str, Any] | None:
        return {"error": "ValueError: y is f(x)"} if point.index < 12 else None if point.index > 59 else good

    told = read(table_of(sweep, cells))
    # Nothing is known of 0.01, 10 and 30, and not of all networks at 0.03.
    assert told.startswith("From γ = 0.03 to 3 the 32 paths of each computed network find one maximum")
    assert told.endswith("; 12 of 80 points failed; 20 of 80 points are not computed.")
    assert read(table_of(sweep, lambda _: None)) == "Nothing has been computed yet: 0 of 80 points."
    told = read(table_of(sweep, lambda point: {"error": "ValueError: y is f(x)."} if point.index < 3 else None))
    assert told == "All 3 of 80 points so far failed; the first one: ValueError: y is f(x)."


def test_choices_are_named_with_the_best_and_the_worst() -> None:
    sweep = sweep_over("network.activation=tanh,sin,erf", "network.seed=0:4")
    steps = {"tanh": 30.0, "sin": None, "erf": 20.0}
    maxima = {"tanh": 1, "sin": 9, "erf": 1}

    def cells(point: Any) -> dict[str, Any]:
        name, seed = point.values
        return {"steps_median": steps[name] and steps[name] + seed, "distinct_maxima": maxima[name], "unconverged": 0.0}

    assert read(table_of(sweep, cells)) == (
        "The steps (medians) are fewest, 22, for erf and most, more than 1000, for sin; the maxima (medians) are "
        "fewest, 1, for tanh and erf and most, 9, for sin."
    )
    steps |= {"tanh": 31.0, "erf": 30.0, "sin": 32.0}
    assert "fewest, 32, for erf and most, 34, for sin; their quartiles overlap" in read(table_of(sweep, cells))
    same = {"steps_median": 3.0, "distinct_maxima": 2, "unconverged": 0.0}
    assert "The steps do not depend on the activation: 3 (median) for each" in read(table_of(sweep, lambda _: same))
    without = {**same, "distinct_maxima": None}  # as for an activation of whose ends no test can tell what they are
    said = read(table_of(sweep, lambda point: without if point.values[0] == "sin" else same))
    assert "the maxima do not depend on the activation: 2 (median) wherever there are any to tell" in said


def test_two_axes_are_both_told() -> None:
    sweep = sweep_over("input.scale=log:0.1:10:6", "input.ratio=log:0.1:1:5")

    def cells(point: Any) -> dict[str, Any]:
        i, j = divmod(point.index, 5)
        return {"distinct_maxima": 1 + i, "steps_median": 100.0 - j - i % 2, "unconverged": 0.0, "certified": i == 0}

    told = read(table_of(sweep, cells))
    assert told == (
        "The paths find one maximum at γ = 0.1 and ρ = 0.1, 6 maxima at γ = 10 and ρ = 1 (medians); uniqueness is "
        "proven (q < 1) at 5 of 30 points. By their rank correlations the maxima rise with γ (+1.00) and do not depend "
        "on ρ; the steps show no steady trend with γ (−0.29) and fall with ρ (−1.00)."
    )


def test_that_there_are_too_few_points_is_said_once() -> None:
    def cells(point: Any) -> dict[str, Any]:
        return {"distinct_maxima": 1 + point.index, "steps_median": 10.0 - point.index, "unconverged": 0.0}

    told = read(table_of(sweep_over("input.scale=0.1,1", "input.ratio=0.1,0.2"), cells))
    assert told.endswith("4 maxima at γ = 1 and ρ = 0.2 (medians). There are too few points to tell a trend.")
    told = read(table_of(sweep_over("input.scale=0.1,1"), cells))
    assert told.endswith(" in 9 steps (medians). There are too few points to tell a trend with γ.")
    told = read(table_of(sweep_over("input.scale=0.1,1", "network.activation=tanh,erf"), cells))
    assert told.endswith(
        "(medians). The maxima are fewest, 1, for tanh and most, 2, for erf; the steps are fewest, 7, for erf and "
        "most, 8, for tanh; there are too few points to tell another trend."
    )


def test_a_number_and_a_choice_are_both_told() -> None:
    sweep = sweep_over("network.activation=tanh,erf", "input.scale=log:0.1:10:8")
    told = read(
        table_of(
            sweep,
            lambda point: {
                "distinct_maxima": 1 + point.index,
                "steps_median": 9.0 if point.index < 8 else None,
                "unconverged": 0.0,
            },
        )
    )
    assert told == (
        "The paths find one maximum at γ = 0.1 and tanh, 16 maxima at γ = 10 and erf (medians). By their rank "
        "correlations the maxima rise with γ (+1.00) and are fewest, 4, for tanh and most, 12, for erf; the steps do "
        "not depend on γ and are fewest, 9, for tanh and most, more than 1000, for erf."
    )


def test_mere_repetitions_are_told_by_their_spread() -> None:
    table = table_of(
        sweep_over("network.seed=0:3"),
        lambda point: {"distinct_maxima": 1 + point.index, "steps_median": 8.0, "unconverged": 0.0},
    )
    assert read(table) == "Over 4 repetitions the paths find 1 to 4 maxima in 8 steps (medians of the paths)."


def test_repetitions_that_got_nowhere_are_counted_and_a_limit_is_no_median() -> None:
    table = table_of(
        sweep_over("network.seed=0:2", "input.seed=0:1"),
        lambda point: (
            {"error": "no"}
            if point.index == 5
            else {
                "distinct_maxima": int(point.index < 3),
                "steps_median": [50.0, 7.0, 8.0, None, None][point.index],
                "unconverged": 0.1,
            }
        ),
    )
    assert read(table) == (
        "Over 5 repetitions the paths find one maximum in 7 to more than 1000 steps (medians of the paths); in 2 of "
        "them no path ends at a maximum. 1 of 6 points failed."
    )
    table = table_of(sweep_over("network.seed=0:2"), lambda _: {"steps_median": None, "unconverged": 1.0})
    assert read(table) == "Over 3 repetitions the paths take more than 1000 steps (median)."


@pytest.mark.parametrize("over", ["network.file=a.npz,b.npz", "ascent.start=ball,sphere", "compute.memory_mib=64,128"])
def test_every_kind_of_axis_can_be_read(over: str) -> None:
    cells = {"distinct_maxima": 2, "steps_median": None, "unconverged": 1.0}
    told = read(table_of(sweep_over(over), lambda _: cells))
    assert told.endswith(".") and ("more than 1000" in told or "do not depend" in told)


# ---- a classifier --------------------------------------------------------------------------------------------------

DEEP = {"network__source": "file", "network__file": "deep.pt", "network__loss": "logistic", "input__source": "digits"}


def test_outputs_are_called_what_they_are_and_medians_that_agree_are_not_told_as_if_of_one_value() -> None:
    sweep = sweep_over("network.output=3,3 - 15", "input.scale=1,2,4", **DEEP)
    table = table_of(sweep, lambda p: {"distinct_maxima": 1, "steps_median": 10.0 + p.index, "unconverged": 0.0})
    assert read(table) == (
        "The paths find one maximum everywhere (medians). The maxima do not depend on γ and do not depend on the "
        "output; the steps are fewest, 11, for z₃ and most, 14, for z₃ − z₁₅; there are too few points to tell another "
        "trend."
    )


def test_what_is_known_for_one_choice_alone_is_not_told_of_all() -> None:
    sweep = sweep_over("network.loss=logistic,hinge", network__output="3", **{**DEEP, "network__loss": "quadratic"})

    def cells(point: Any) -> dict[str, Any]:
        return {"error": "flat"} if point.index else {"distinct_maxima": 2, "steps_median": 15.0, "unconverged": 0.0}

    assert read(table_of(sweep, cells)) == (
        "There are steps to tell for Logistic only: 15 (median); there are maxima to tell for Logistic only: 2 "
        "(median). 1 of 2 points failed."
    )


def test_what_was_held_fixed_is_what_acts() -> None:
    words = fixed(sweep_over("input.scale=1,2", network__output="3 - 5", input__index=7, **DEEP))
    assert words.startswith("deep.pt, tanh, κ = 1, Logistic, output = z₃ − z₅, index = 7, ρ = 0.3, y = 1, ℓ₂ ball")
    assert words.endswith("seed of the starts = 0")
    assert "m =" not in words and "seed of the network" not in words
