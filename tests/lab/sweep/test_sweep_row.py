"""What a sweep finds out about a point: the cells of a row are what ``foadv run --json`` prints, or empty."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from foadv_gui.core.interruption import Interrupted
from foadv_gui.core.regularity import concave_share, nonlinearity
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.experiment import prepare, run
from foadv_gui.lab.sweep import row as row_module
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.lab.sweep.row import COLUMNS, measure
from foadv_gui.lab.verdict import verdict

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.sweep.grid import Point
    from foadv_gui.lab.sweep.row import Row

BASE = {"network": {"width": 32, "dimension": 6}, "ascent": {"restarts": 5, "steps": 120}}
NAMES = [column.name for column in COLUMNS]


def point_of(changes: dict[str, Any]) -> Point:
    return Sweep.of(Experiment.model_validate(BASE).changed(changes), ["input.seed=0"]).point(0)


def row_of(**changes: Any) -> Row:
    row = measure(point_of({key.replace("__", "."): value for key, value in changes.items()}))
    assert list(row) == ["point", "key", "input.seed", *NAMES]
    assert all(cell is None or type(cell) in (int, float, bool, str) for cell in row.values())
    assert not [cell for cell in row.values() if isinstance(cell, float) and not math.isfinite(cell)]
    return row


def told(experiment: Experiment) -> dict[str, Any]:
    """The cells of a row as the object of ``foadv run --json`` tells them."""
    recording = run(experiment)
    problem = prepare(experiment)
    known = verdict(recording, device=problem.device)
    restarts, ball = known["restarts"], known["ball"]
    best = restarts[known["best"]] if known["best"] is not None else restarts[0]
    losses = [entry["loss"] for entry in restarts if entry["loss"] is not None]
    steps = sorted(math.inf if entry["converged_at"] is None else entry["converged_at"] for entry in restarts)

    def by_then(share: float) -> float | None:
        """The first step by which this share of the paths had converged."""
        for t in steps:
            if sum(other <= t for other in steps) >= share * len(steps):
                return float(t) if math.isfinite(t) else None
        raise AssertionError

    judged = [entry["local_maximum"] for entry in restarts]
    count = len(restarts)
    cells = {
        "device": known["device"],
        "restarts": count,
        "epsilon": known["epsilon"],
        "eta": known["eta"],
        "steps_median": by_then(0.5),
        "steps_low": by_then(0.25),
        "steps_high": by_then(0.75),
        "unconverged": steps.count(math.inf) / count,
        "diverged": sum(entry["stop_reason"] == "diverged" for entry in restarts) / count,
        "local_maxima": None if known["distinct_maxima"] is None else judged.count(True),
        "distinct_maxima": known["distinct_maxima"],
        "loss_best": max(losses, default=None),
        "loss_median": np.median(losses) if losses else None,
        "loss_spread": max(losses) - min(losses) if losses else None,
        "reach": known["reach"],
        "q": ball["q"],
        "g_min": ball["g_min"],
        "gap": ball["gap"],
        "certified": ball["unique"],
        "maxima_proven": ball["maxima_of_loss"],
    }
    for name in ("cosine", "tangent_eigenvalue_max", "multiplier", "rate_observed", "rate_predicted"):
        cells[name] = best[name]
    return cells


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"input.scale": 0.05},
        {"input.scale": 30.0},
        {"input.scale": 6.0, "ascent.steps": 60, "ascent.step": 0.1},
        {"input.scale": 3.0, "compute.dtype": "float32", "network.dimension": 12},
        {"ascent.restarts": 1, "ascent.tolerance": 0.0},
        {"ascent.start": "zero", "ascent.steps": 1},
        {"ascent.constraint": "linf-ball", "ascent.rule": "sign"},
        {"ascent.constraint": "l2-sphere", "ascent.rule": "normalized"},
        {"ascent.box": [-0.4, 0.8]},
        {"network.activation": "relu"},
        {"network.activation": "linear"},
        {"network.dimension": 1},
        {"network.width": 3, "network.dimension": 20, "input.scale": 10.0},
        {"input.label": -1e6},
        {"ascent.step": 1e6},
    ],
)
def test_a_row_says_what_a_run_prints(changes: dict[str, Any]) -> None:
    point = point_of(changes)
    row, expected = measure(point), told(point.experiment)
    assert row["error"] is None
    assert {key: row[key] for key in expected} == expected
    assert row["key"] == point.key and row["point"] == 0 and row["input.seed"] == 0


def test_measures_of_regularity_are_those_of_the_whole_set() -> None:
    point = point_of({"input.scale": 2.0})
    row, problem, recording = measure(point), prepare(point.experiment), run(point.experiment)
    measured = nonlinearity(problem.objective, problem.constraint, torch.tensor(recording.delta[-1]))
    found = row["nonlinearity"], row["nonlinearity_relative"], row["misalignment"]
    assert found == pytest.approx((measured.remainder, measured.relative, measured.misalignment), rel=1e-12)
    assert row["concave_share"] == concave_share(problem.objective, problem.constraint.epsilon).share
    value = problem.objective.network.value(problem.objective.x)
    assert row["loss_clean"] == pytest.approx(float(value - 1.0) ** 2 / 2, rel=1e-13)


def test_no_end_that_moves_on_is_tested_to_the_second_order(monkeypatch: pytest.MonkeyPatch) -> None:
    tested: list[object] = []
    whole = row_module.local_maximum_at
    monkeypatch.setattr(row_module, "local_maximum_at", lambda *a, **k: tested.append(a) or whole(*a, **k))
    assert row_of(input__scale=30.0)["unconverged"] == 1
    assert len(tested) == 1  # the strongest one, whose curvature is a column
    assert row_of(input__scale=0.1)["unconverged"] == 0
    assert len(tested) == 6
    assert row_of(network__activation="relu")["distinct_maxima"] is None


def test_what_does_not_converge_has_no_quartile_beyond_it() -> None:
    row = row_of(input__scale=2.0, ascent__restarts=16, ascent__steps=50)
    share = row["unconverged"]
    assert isinstance(share, float) and 0.25 < share <= 0.5
    assert row["steps_low"] is not None and row["steps_median"] is not None and row["steps_high"] is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_path_that_overflows_is_diverged_and_its_loss_left_out(dtype: str, tmp_path: Path) -> None:
    weights = tmp_path / "w.npz"
    W, signs = np.random.default_rng(0).standard_normal((8, 6)), np.array([1.0, -1.0] * 4)
    for size, diverged in ((1.0, 0.0), ({"float32": 1e25, "float64": 1e300}[dtype], 1.0)):
        np.savez(weights, W=W, a=size * signs)
        row = row_of(network__source="file", network__file=str(weights), compute__dtype=dtype)
        assert (row["error"], row["diverged"]) == (None, diverged)
        finite = {row[name] is None for name in ("loss_best", "loss_median", "loss_spread", "gap")}
        assert finite == {bool(diverged)}
    assert row["unconverged"] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"input.scale": 1e4}, "ascent.start = 'ball': the gradient is zero at every start"),
        ({"network.source": "file", "network.file": "/gone.npz"}, "network.file = '/gone.npz': cannot be read"),
        ({"ascent.box": [5.0, 6.0]}, "must contain the clean input"),
    ],
)
def test_an_experiment_that_cannot_be_run_is_a_row_that_says_why(changes: dict[str, Any], words: str) -> None:
    row = measure(point_of(changes))
    assert isinstance(row["error"], str) and words in row["error"] and len(row["error"].splitlines()) == 1
    assert isinstance(row["seconds"], float) and row["key"]
    assert {cell for name, cell in row.items() if name in NAMES and name not in ("seconds", "error")} == {None}


def test_an_impossible_point_is_a_row_too() -> None:
    base = Experiment.model_validate(BASE)
    sweep = Sweep.of(base, ["ascent.constraint=l2-sphere", "ascent.start=ball,zero"])
    good, bad = (measure(point) for point in sweep.points())
    assert good["error"] is None and "must be ball, sphere or file" in str(bad["error"])
    assert bad["ascent.start"] == "zero" and bad["key"] == sweep.point(1).key


def test_an_unexpected_error_is_a_row_of_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the first line\nand the second")

    monkeypatch.setattr(row_module, "prepare", broken)
    assert row_of()["error"] == "RuntimeError: the first line and the second"


@pytest.mark.parametrize("looks", [0, 1, 5, 20])
def test_a_point_can_be_interrupted_at_any_time(looks: int) -> None:
    count = iter(range(10**6))
    with pytest.raises(Interrupted):
        measure(point_of({"ascent.tolerance": 0.0}), lambda: next(count) >= looks)


def test_every_column_explains_itself() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for column in COLUMNS:
        assert column.title[0].isupper() and column.help.endswith(".")
        assert not any(unicodedata.category(letter) == "Cc" for letter in column.help + column.unit)
