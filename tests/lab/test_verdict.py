"""The verdict's numbers are those of the run, its rates agree with what is observed, and it says why it is silent."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from foadv_gui.lab.clauses import clauses
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.experiment import prepare, problem_of, run
from foadv_gui.lab.judge import Judge
from foadv_gui.lab.presets import load_preset, preset_names
from foadv_gui.lab.recording import Recording, load
from foadv_gui.lab.restart_verdict import RestartVerdict, observed_rate, restart_verdict
from foadv_gui.lab.summary import summary
from foadv_gui.lab.verdict import verdict

if TYPE_CHECKING:
    from pathlib import Path

CONVERGING = ["one-hill", "two-poles", "many-summits", "whole-landscape", "digits", "l-infinity", "mnist-size"]


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    torch.set_num_threads(1)


@cache
def recording_of(name: str) -> Recording:
    torch.set_num_threads(1)
    return run(load_preset(name))


@cache
def verdicts_of(name: str) -> list[RestartVerdict]:
    recording = recording_of(name)
    problem = problem_of(recording)
    # One in four of the largest, whose Hessians take longest.
    return [restart_verdict(problem, recording, k) for k in range(0, recording.restarts, 4 if "mnist" in name else 1)]


def words(known: RestartVerdict) -> str:
    return " · ".join(clause.words for clause in clauses(known))


def test_every_preset_is_accounted_for() -> None:
    assert set(CONVERGING) | {"step-too-large"} == set(preset_names())


@pytest.mark.parametrize("name", CONVERGING)
def test_a_preset_that_should_converge_does_and_at_strict_maxima(name: str) -> None:
    recording = recording_of(name)
    assert set(recording.stop_reason) == {"converged"}
    for known in verdicts_of(name):
        assert known.test.stationary and known.test.local_maximum
        assert clauses(known)[0].tone == "yes" and "strict local maximum" in words(known)
        assert f"reached in {known.converged_at} steps" in words(known)


@pytest.mark.parametrize("name", [name for name in CONVERGING if name != "l-infinity"])
def test_the_observed_rate_is_the_predicted_one_within_five_percent(name: str) -> None:
    for known in verdicts_of(name):
        assert known.rate_observed is not None and known.test.rate_predicted is not None
        assert known.rate_observed == pytest.approx(known.test.rate_predicted, rel=0.05)
        assert known.test.rate_predicted < 1


def test_what_presets_promise_to_show() -> None:
    summits = {round(float(loss), 6) for loss in recording_of("many-summits").loss[-1]}
    assert len(summits) >= 5
    assert len({round(float(loss), 6) for loss in recording_of("whole-landscape").loss[-1]}) >= 4
    assert len({round(float(loss), 6) for loss in recording_of("one-hill").loss[-1]}) == 1
    ends = recording_of("two-poles").value[-1] - recording_of("two-poles").y
    assert (ends < 0).sum() >= 4 and (ends > 0).sum() >= 4
    assert verdicts_of("two-poles")[0].reach > 1
    assert "two poles" in words(verdicts_of("two-poles")[0])


def test_a_step_that_is_too_large_is_said_to_be_and_by_how_much() -> None:
    recording = recording_of("step-too-large")
    assert set(recording.stop_reason) == {"step limit"}
    for known in verdicts_of("step-too-large"):
        limit = known.test.step_max
        assert limit is not None and known.eta > limit
        assert known.test.local_maximum is False
        (clause,) = [clause for clause in clauses(known) if "step too large" in clause.words]
        assert f"{known.eta / limit:.2g} times the largest stable one, η_max = {limit:.3g}" in clause.words
        # Beside what it explains, where a small window still shows it.
        assert "step too large" in clauses(known)[2].words
        # The last iterate is no stationary point: the limit is that of the summit across which it leaps.
        assert known.test.summit_distance is not None and known.test.summit_distance > 0
        assert "at the summit" in clause.detail and "ε/G" in clause.detail
    # It oscillates: each step goes back on the last one.
    moves = np.diff(recording.delta[-10:, 0], axis=0)
    assert ((moves[1:] * moves[:-1]).sum(1) < 0).all()


def test_the_stated_limit_parts_convergence_from_oscillation() -> None:
    experiment = load_preset("step-too-large").replace("ascent.steps", 2000)
    limit = min(known.test.step_max or np.inf for known in verdicts_of("step-too-large"))
    settled = run(experiment.replace("ascent.step_units", "absolute", **{"ascent.step": 0.9 * limit}))
    assert set(settled.stop_reason) == {"converged"}
    assert restart_verdict(problem_of(settled), settled, 0).test.step_max == pytest.approx(limit, rel=1e-3)
    restless = run(experiment.replace("ascent.step_units", "absolute", **{"ascent.step": 1.1 * limit}))
    assert set(restless.stop_reason) == {"step limit"}


def test_where_no_summit_is_found_the_limit_is_called_an_estimate() -> None:
    known = verdicts_of("step-too-large")[0]
    rough = replace(known, test=replace(known.test, summit_distance=None))
    (clause,) = [clause for clause in clauses(rough) if "step too large" in clause.words]
    assert "about" in clause.words and "an estimate at the last iterate" in clause.detail


def test_the_best_iterate_is_named_where_the_last_one_falls_short_of_it() -> None:
    recording = recording_of("step-too-large")
    for k, known in enumerate(verdicts_of("step-too-large")):
        entry = known.as_dict()
        assert entry["best_loss"] == recording.loss[:, k].max() > entry["loss"]
        assert recording.loss[entry["best_step"], k] == entry["best_loss"]
        assert f"the best iterate was at step {entry['best_step']}" in words(known)
    assert not any("best iterate" in words(known) for known in verdicts_of("digits"))


@pytest.mark.parametrize("steps", [80, 1])
def test_tolerance_zero_asks_for_all_steps_and_gets_no_reproach(steps: int) -> None:
    experiment = load_preset("one-hill").replace("ascent.tolerance", 0, **{"ascent.steps": steps, "ascent.restarts": 2})
    recording = run(experiment)
    known = restart_verdict(problem_of(recording), recording, 0)
    taken = "80 steps" if steps == 80 else "1 step"
    assert f"{taken} taken, as asked (tolerance 0)" in words(known)
    assert clauses(known)[1].tone == "note"
    assert known.test.local_maximum is (steps == 80)
    assert summary(recording, []).startswith(f"2 of 2 paths took {taken}, as asked (tolerance 0). ")
    assert "converged" not in words(known) + summary(recording, [True, None])


def cancelled_run() -> Recording:
    calls = iter(range(10**9))
    long = load_preset("one-hill").replace("ascent.tolerance", 0, **{"ascent.steps": 5000, "ascent.step": 0.001})
    return run(long, interrupted=lambda: next(calls) > 20)


@pytest.mark.parametrize("second_order", [True, False])
def test_a_cancelled_run_is_called_so_and_judged_by_its_gradient(second_order: bool) -> None:
    recording = cancelled_run()
    known = restart_verdict(problem_of(recording), recording, 0, second_order=second_order)
    assert f"cancelled at step {recording.steps} of at most 5000" in words(known)
    assert clauses(known)[1].tone == "note"
    assert "not stationary yet" in words(known)
    assert ("no second-order test: the run was cancelled" in words(known)) is not second_order
    assert f"Cancelled at step {recording.steps} of at most 5000, 0 of 16 paths had converged" in summary(recording, [])


def test_one_step_is_one_step() -> None:
    recording = run(load_preset("one-hill").replace("ascent.steps", 1))
    assert "(1 step taken)" in words(restart_verdict(problem_of(recording), recording, 0))


def test_the_summary_counts_what_has_been_judged() -> None:
    recording = recording_of("step-too-large")
    assert summary(None, []) == "Nothing has been computed yet."
    assert summary(recording, []) == f"0 of 4 paths converged. Best loss {recording.loss[-1].max():.5g}."
    assert "0 of 4 paths converged, 1 of 2 judged so far ended at a strict local maximum." in summary(
        recording, [True, False]
    )
    assert ", 3 ended at a strict local maximum." in summary(recording, [True, True, False, True])
    assert "maxim" not in summary(recording, [None] * 4)
    one = run(load_preset("one-hill").replace("ascent.restarts", 1))
    assert summary(one, [True]).startswith("1 of 1 path converged, 1 ended at a strict local maximum. ")
    last = recording.loss.copy()
    last[-1] = [np.inf, 2.0, np.nan, 1.0]
    assert summary(replace(recording, loss=last), []).endswith("Best loss 2.")
    last[-1] = np.nan
    assert summary(replace(recording, loss=last), []).endswith("No path has a finite loss.")


# ---- what overflows, what is flat, one dimension --------------------------------------------------------------------


def with_weights(tmp_path: Path, W: float, a: float, **changes: Any) -> Experiment:
    """A run whose weights, from a file, are as large as given."""
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "w.npz", W=W * generator.standard_normal((8, 4)), a=a * generator.choice([-0.4, 0.4], 8))
    given = {"network.file": str(tmp_path / "w.npz"), "network.dimension": 4, "ascent.restarts": 2}
    return (
        load_preset("one-hill")
        .replace("network.source", "file", **given)
        .replace("network.activation", changes.pop("activation", "softplus"), **changes)
    )


@pytest.mark.parametrize(("W", "a"), [(1e150, 1.0), (1e155, 1.0), (1.0, 1e155), (1.0, 1e300), (1e150, 1e150)])
def test_weights_that_overflow_end_in_a_divergence_that_says_why(W: float, a: float, tmp_path: Path) -> None:
    recording = run(with_weights(tmp_path, W, a))
    assert set(recording.stop_reason) == {"diverged"}
    assert recording.eta > 0
    known = recording.verdict()
    said = [clause["words"] for clause in known["clauses"]]
    assert "diverged" in said[2] and "nothing is proven" in said[1]
    assert known["clauses"][0]["tone"] == "unsure" and "no second-order test" in said[0] and "overflows" in said[0]
    assert "overflow" in known["ball"]["why"] and known["ball"]["upper_bound"] is None
    for entry in known["restarts"]:
        assert entry["local_maximum"] is None and entry["tangential"] is None and "overflows" in entry["why"]
    printed = json.dumps(known, allow_nan=False) + summary(recording, [None, None])
    assert "e+308" not in printed
    assert (known["best"] is None) == bool(np.isnan(recording.loss).all())
    assert known["best"] is not None or "best: no path has a finite loss" in known["why"]
    recording.save(tmp_path / "r.npz")
    assert load(tmp_path / "r.npz").verdict() == known


def test_a_hessian_that_overflows_is_told_beside_what_the_gradient_says() -> None:
    known = verdicts_of("step-too-large")[0]
    why = "the Hessian overflows here: smaller weights would keep it finite"
    clause = clauses(replace(known, test=replace(known.test, local_maximum=None, step_max=None, why=why)))[0]
    assert clause.tone == "no" and why in clause.detail
    assert clause.words.startswith("not stationary yet")
    assert clause.words.endswith("; no second-order test: the Hessian overflows here")
    assert f"cos(δ, g) = {known.test.cosine:.4g}\n" in f"{clause.detail}\n"  # more digits only next to one


def test_a_saturated_network_is_flat(tmp_path: Path) -> None:
    units = {"ascent.step_units": "absolute"}
    recording = run(with_weights(tmp_path, 1e70, 1.0, activation="tanh", **units))
    assert clauses(restart_verdict(problem_of(recording), recording, 0))[0].words == (
        "flat: gradient and Hessian vanish here"
    )


def test_one_dimension_has_words_of_its_own() -> None:
    line = load_preset("one-hill").replace("network.dimension", 1)
    interval, points = run(line), run(line.replace("ascent.constraint", "l2-sphere", **{"ascent.start": "sphere"}))
    assert "at an end of the interval" in words(restart_verdict(problem_of(interval), interval, 0))
    known = restart_verdict(problem_of(points), points, 0)
    assert "all of the sphere is two points" in words(known)
    assert known.as_dict()["tangent_eigenvalue_max"] is None and "no direction is left" in known.as_dict()["why"]
    judge = Judge(problem_of(points), points)
    assert judge.ball().maxima_of_loss == 1 and judge.restarts().distinct_maxima == 2
    assert all("the ball has one local maximum (proven" in words(judge.verdict(k)) for k in range(points.restarts))


def test_a_point_that_the_gradient_pulls_inwards_is_told_so() -> None:
    line = load_preset("one-hill").replace("network.dimension", 1, **{"ascent.restarts": 1, "ascent.steps": 1})
    recording = run(line.replace("ascent.step", 1e-6), starts=np.array([[-1.0]]))
    other = run(line.replace("ascent.step", 1e-6), starts=np.array([[1.0]]))
    said = [words(restart_verdict(problem_of(one), one, 0)) for one in (recording, other)]
    assert sum("the gradient points into the set" in each or "not stationary" in each for each in said) == 1


# ---- the reach ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "formula"),
    [
        ({}, "ε |∇f(x)|₂ / |r|"),
        ({"ascent.constraint": "l2-sphere", "ascent.start": "sphere"}, "ε |∇f(x)|₂ / |r|"),
        ({"ascent.constraint": "linf-ball"}, "ε |∇f(x)|₁ / |r|"),
        ({"ascent.box": (-2.0, 2.0)}, "over the set / |r|"),
    ],
)
def test_the_reach_is_told_with_the_formula_of_its_set(change: dict[str, Any], formula: str) -> None:
    experiment = load_preset("two-poles").replace("ascent.restarts", 1)
    if change:
        (key, value), *more = change.items()
        experiment = experiment.replace(key, value, **dict(more))
    recording = run(experiment)
    (clause,) = [c for c in clauses(restart_verdict(problem_of(recording), recording, 0)) if "two poles" in c.words]
    assert formula in clause.detail


def test_on_the_level_f_equals_y_there_is_no_figure_for_the_reach() -> None:
    experiment = load_preset("one-hill").replace("ascent.restarts", 1)
    problem = prepare(experiment)
    value = float(problem.objective.evaluate(torch.zeros(64, dtype=torch.float64)).value)
    known = run(experiment.replace("input.label", value)).verdict()
    assert known["reach"] is None and "reach: f(x) = y at the clean input" in known["why"]
    said = [clause["words"] for clause in known["clauses"]]
    assert any("f(x) = y at the clean input" in words for words in said)
    assert not any("inf" in words.split() for words in said)


def test_a_recording_says_that_it_knows_no_clock_and_no_device() -> None:
    known = recording_of("digits").verdict()
    assert known["seconds"] is None and known["device"] is None
    assert "seconds: a recording does not say" in known["why"] and "device: a recording does not say" in known["why"]
    told = verdict(recording_of("digits"), device="GPU float32", seconds=0.5)
    assert (told["device"], told["seconds"]) == ("GPU float32", 0.5)
    assert told["why"] is None


@pytest.mark.parametrize("name", ["digits", "step-too-large", "l-infinity"])
def test_the_verdict_has_one_entry_for_each_restart_and_is_plain(name: str) -> None:
    recording = recording_of(name)
    known = recording.verdict()
    assert len(known["restarts"]) == recording.restarts
    assert known["best"] == int(np.argmax(recording.loss[-1]))
    assert json.loads(json.dumps(known, allow_nan=False))["experiment"]["title"] == recording.experiment.title
    for k, entry in enumerate(known["restarts"]):
        assert entry["loss"] == recording.loss[-1, k]
        assert entry["stop_reason"] == recording.stop_reason[k]
        silent = [key for key, value in entry.items() if value is None and key != "why"]
        assert not silent or entry["why"], f"{silent} without a why"
        assert entry["cosine"] <= 1
    for part in (known["ball"], known):
        assert part["why"]


def test_relu_says_why_it_is_silent() -> None:
    experiment = load_preset("one-hill").replace("network.activation", "relu")
    known = verdict(run(experiment))
    for entry in known["restarts"]:
        assert entry["local_maximum"] is None and entry["tangent_eigenvalue_max"] is None
        assert "piecewise linear" in entry["why"]
    assert "no second-order test: relu is piecewise linear" in known["clauses"][0]["words"]
    assert "piecewise linear" in known["ball"]["why"] and known["ball"]["M2"] is None


def test_a_path_that_has_not_arrived_is_told_what_is_missing() -> None:
    recording = run(load_preset("one-hill").replace("ascent.steps", 3))
    known = restart_verdict(problem_of(recording), recording, 0)
    assert known.test.local_maximum is False
    assert "not stationary yet" in words(known) and "% of the gradient" in words(known)
    assert "step limit" in words(known) and "3 steps taken" in words(known)


def test_a_corner_has_no_direction_left() -> None:
    known = verdicts_of("l-infinity")[0]
    assert "at a corner" in words(known)
    assert known.test.tangent_eigenvalue_max is None and known.test.newton_distance == 0


def made_up(moves: Any, kept: Any = None) -> Recording:
    """A recording whose one path moves by given lengths along one axis."""
    delta = np.concatenate([[0.0], np.cumsum(moves)])[:, None, None] * np.array([1.0, 0.0])
    n = len(delta)
    column = np.zeros((n, 1))
    return Recording(
        delta=delta if kept is None else delta[kept],
        steps_kept=np.arange(n) if kept is None else np.asarray(kept),
        **dict.fromkeys(("loss", "value", "grad_norm", "tangential", "cosine", "radius", "fosc"), column),
        stop_reason=np.array(["converged"]),
        converged_at=np.array([n - 1]),
        weights={"W": np.ones((1, 2)), "a": np.ones(1)},
        x=np.ones(2),
        y=0.0,
        epsilon=1.0,
        eta=1.0,
        config=Experiment().model_dump_json(),
    )


@pytest.mark.parametrize("rate", [0.3, 0.7, 0.95])
def test_a_geometric_path_has_the_rate_of_its_steps(rate: float) -> None:
    moves = 0.1 * rate ** np.arange(int(np.log(1e-10) / np.log(rate)))
    assert observed_rate(made_up(moves), 0) == pytest.approx(rate, rel=1e-4)
    signs = (-1.0) ** np.arange(len(moves))
    assert observed_rate(made_up(moves * signs), 0) == pytest.approx(rate, rel=1e-4)


def test_the_slowest_of_two_modes_is_the_rate() -> None:
    t = np.arange(60)
    assert observed_rate(made_up(0.1 * 0.7**t + 0.5 * 0.6**t), 0) == pytest.approx(0.7, rel=0.02)


@pytest.mark.parametrize(
    "moves",
    [
        np.full(40, 0.1),  # never slows down
        0.1 * 0.5 ** np.arange(9),  # too short a tail
        1e-4 * np.where(np.arange(40) % 2, 1, 30),  # winds
        np.zeros(20),  # stands still
    ],
)
def test_a_path_without_a_geometric_tail_has_no_rate(moves: np.ndarray) -> None:
    assert observed_rate(made_up(moves), 0) is None


def test_a_thinned_path_has_no_rate() -> None:
    moves = 0.1 * 0.7 ** np.arange(40)
    assert observed_rate(made_up(moves, kept=np.arange(0, 41, 2)), 0) is None
