"""The verdict's numbers are those of the run, its rates agree with what is observed, and it says why it is silent."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.experiment import problem_of, run
from foadv_gui.lab.presets import load_preset, preset_names
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.verdict import RestartVerdict, clauses, observed_rate, restart_verdict, verdict

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
        assert f"{known.eta / limit:.2g} times" in clause.words and f"{limit:.4g}" in clause.detail
    # It oscillates: each step goes back on the last one.
    moves = np.diff(recording.delta[-10:, 0], axis=0)
    assert ((moves[1:] * moves[:-1]).sum(1) < 0).all()


def test_a_smaller_step_than_the_stated_limit_does_converge() -> None:
    experiment = load_preset("step-too-large").replace("ascent.steps", 2000)
    limit = min(known.test.step_max or np.inf for known in verdicts_of("step-too-large"))
    settled = run(experiment.replace("ascent.step_units", "absolute", **{"ascent.step": 0.5 * limit}))
    assert set(settled.stop_reason) == {"converged"}


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
    assert known["clauses"][0] == ["unsure", "no second-order test: relu has no curvature"]


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
        W=np.ones((1, 2)),
        a=np.ones(1),
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
