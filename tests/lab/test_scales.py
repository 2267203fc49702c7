"""What the theory says of runs at different input scales: how many maxima, how many steps, and at which rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from foadv_gui.core.poles import poles
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.experiment import prepare, problem_of, run
from foadv_gui.lab.restart_verdict import restart_verdict

if TYPE_CHECKING:
    from foadv_gui.lab.recording import Recording

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def experiment_of(gamma: float, *, seed: int = 0, **ascent: object) -> Experiment:
    """Random tanh weights, d = 64 and m = 512, rho = 0.5 and y = 1, with a relative step of 0.5."""
    return Experiment.model_validate(
        {
            "network": {"width": 512, "dimension": 64, "seed": seed},
            "input": {"scale": gamma, "ratio": 0.5, "seed": seed},
            "ascent": {"restarts": 24, "seed": seed, **ascent},
        }
    )


# ------------------------------------------------------------------------------------------------------------ rates


@pytest.mark.parametrize("rule", ["gradient", "normalized"])
def test_the_observed_rate_is_within_five_percent_of_the_predicted_one(rule: str) -> None:
    compared = 0
    for d, m, activation in ((16, 64, "tanh"), (32, 128, "gelu"), (64, 128, "erf"), (48, 30, "softplus")):
        for gamma in (0.1, 0.3, 1.0, 3.0):
            experiment = Experiment.model_validate(
                {
                    "network": {"width": m, "dimension": d, "activation": activation, "seed": d},
                    "input": {"scale": gamma, "ratio": 0.4, "seed": d},
                    "ascent": {"rule": rule, "step": 0.2, "steps": 600, "restarts": 3, "tolerance": 1e-10},
                }
            )
            recording = run(experiment)
            problem = problem_of(recording)
            for k in range(recording.restarts):
                known = restart_verdict(problem, recording, k)
                if known.converged_at < 0 or not known.test.local_maximum or known.rate_observed is None:
                    continue
                compared += 1
                assert known.rate_observed == pytest.approx(known.test.rate_predicted, rel=0.05), experiment.network
    assert compared >= 30


# ------------------------------------------------------------------------------------------------ maxima and steps


def maxima(recording: Recording) -> list[np.ndarray]:
    """The ends of converged paths that differ by more than a hundredth of the radius."""
    found: list[np.ndarray] = []
    for k in np.flatnonzero(recording.converged_at >= 0):
        end = recording.delta[-1, k] / recording.epsilon
        if all(np.linalg.norm(end - known) > 0.01 for known in found):
            found.append(end)
    return found


@pytest.mark.parametrize("gamma", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("seed", [0, 1])
def test_small_inputs_have_one_maximum_which_every_path_reaches_in_some_tens_of_steps(gamma: float, seed: int) -> None:
    recording = run(experiment_of(gamma, seed=seed))
    assert (recording.converged_at >= 15).all() and (recording.converged_at <= 45).all()
    assert len(maxima(recording)) == 1


@pytest.mark.parametrize("seed", [2, 5, 11])
def test_around_scale_one_there_are_two_maxima_on_opposite_sides(seed: int) -> None:
    recording = run(experiment_of(1.0, seed=seed, restarts=64, steps=400))
    assert problem_of(recording).reach > 1  # the residual changes sign within reach
    assert (recording.converged_at >= 0).all()
    one, other = maxima(recording)
    assert one @ other < -0.7
    assert set(np.sign(recording.value[-1] - recording.y)) == {-1, 1}


@pytest.mark.parametrize("seed", [0, 3])
def test_where_hardly_a_start_leads_to_the_second_pole_it_is_a_maximum_all_the_same(seed: int) -> None:
    experiment = experiment_of(1.0, seed=seed)
    assert len(maxima(run(experiment))) == 1
    problem = prepare(experiment)
    assert problem.reach > 1
    ends = maxima(run(experiment, starts=poles(problem.objective, problem.constraint).numpy()))
    assert len(ends) == 2
    assert ends[0] @ ends[1] < -0.7


def test_large_inputs_have_tens_of_maxima_and_paths_that_leap_over_them() -> None:
    restless = run(experiment_of(5.0))
    assert (restless.converged_at < 0).all()
    patient = run(experiment_of(5.0, step=0.03, steps=2000))
    assert (patient.converged_at >= 0).all() and np.median(patient.converged_at) > 200
    assert len(maxima(patient)) > 10
