"""The distance to the true maximum, the local rate and the largest stable step, against what runs really do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from problems import (
    Array,
    normal,
    problem,
    sum_of_sines,
    tensor,
)
from runs import CURVED, observed_rate, path, polished, verdict

from foadv_gui.core.constraint import ConstraintSet, L2Ball, L2Sphere

if TYPE_CHECKING:
    from foadv_gui.core.objective import QuadraticAdversary


@pytest.mark.parametrize("activation", CURVED)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_newton_distance_is_the_distance_to_the_true_maximum(activation: str, seed: int) -> None:
    objective, constraint, eta, run = polished(seed, activation)
    maximum = run[-1]
    end = verdict(objective, constraint, maximum, eta=eta)
    assert end.local_maximum
    assert end.newton_distance <= 1e-12
    distances = torch.linalg.vector_norm(run - maximum, dim=-1) / constraint.epsilon
    near = [t for t, distance in enumerate(distances.tolist()) if 1e-7 < distance < 1e-3]
    assert near
    for t in near[:: max(1, len(near) // 8)]:
        estimate = verdict(objective, constraint, run[t], eta=eta).newton_distance / constraint.epsilon
        assert estimate == pytest.approx(float(distances[t]), rel=0.01)


@pytest.mark.parametrize("activation", CURVED)
@pytest.mark.parametrize("rule", ["gradient", "normalized"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_observed_rate_is_the_predicted_one(activation: str, rule: str, seed: int) -> None:
    objective, constraint, eta, run = polished(seed, activation, rule=rule, gamma=1.0)
    end = verdict(objective, constraint, run[-1], eta=eta, rule=rule)
    assert end.local_maximum
    assert end.rate_predicted < 1
    assert observed_rate(run, run[-1], constraint.epsilon) == pytest.approx(end.rate_predicted, rel=0.05)


def with_a_stable_limit(seed: int, rule: str) -> tuple[QuadraticAdversary, ConstraintSet, torch.Tensor, float]:
    """A problem whose maximum becomes unstable for large steps, that maximum, and the largest stable step."""
    for attempt in range(seed * 100, seed * 100 + 40):
        objective, constraint, eta, run = polished(attempt, "tanh", d=4, gamma=3.0, rule=rule, step=0.05)
        end = verdict(objective, constraint, run[-1], eta=eta, rule=rule)
        if end.local_maximum and end.newton_distance < 1e-12 and math.isfinite(end.step_max):
            return objective, constraint, run[-1], end.step_max
    raise AssertionError("no such problem found")


@pytest.mark.parametrize("rule", ["gradient", "normalized"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_largest_stable_step_parts_convergence_from_oscillation(rule: str, seed: int) -> None:
    objective, constraint, maximum, step_max = with_a_stable_limit(seed, rule)
    start = maximum + 1e-4 * constraint.epsilon * normal(seed, 4)

    def distances(eta: float, steps: int) -> Array:
        run = path(objective, constraint, start, eta, steps, rule)
        return (torch.linalg.vector_norm(run - maximum, dim=-1) / constraint.epsilon).numpy()

    below, above = distances(0.97 * step_max, 1500), distances(1.03 * step_max, 1500)
    assert below[-1] < 1e-9
    assert above[-20:].min() > 1e-3  # it never comes back
    just_above = verdict(objective, constraint, maximum, eta=1.03 * step_max, rule=rule)
    just_below = verdict(objective, constraint, maximum, eta=0.97 * step_max, rule=rule)
    assert just_below.rate_predicted < 1 < just_above.rate_predicted
    assert just_above.step_max == pytest.approx(step_max)


def test_a_maximum_that_every_step_reaches_has_no_limit() -> None:
    # Linear: mu = 0 on the tangent space and lambda > 0, so q = 1/(1 + eta lambda) for every eta.
    objective, constraint = problem(5, 7, "linear", y=3.0), L2Ball(0.2)
    c = objective.network.W.T @ objective.network.a
    residual = float(c @ objective.x) - 3.0
    maximum = constraint.project(np.sign(residual) * 9 * c)
    multiplier = (abs(residual) + 0.2 * float(c.norm())) * float(c.norm()) / 0.2
    for eta in (1e-3, 1.0, 1e3):
        end = verdict(objective, constraint, maximum, eta=eta)
        assert end.local_maximum
        assert end.step_max == math.inf
        assert end.multiplier == pytest.approx(multiplier, rel=1e-12)
        assert end.rate_predicted == pytest.approx(1 / (1 + eta * multiplier), rel=1e-9)


def test_on_the_sphere_a_maximum_may_pull_inwards() -> None:
    # The clean point is near the top: on the sphere around it the multiplier is negative.
    objective, sphere = sum_of_sines([np.pi / 2, np.pi / 2, np.pi / 2 - 0.2]), L2Sphere(0.7)
    start = sphere.project(tensor([0.1, -0.2, 1.0]))
    run = path(objective, sphere, start, 0.02, 4000)
    end = verdict(objective, sphere, run[-1], eta=0.02)
    assert end.multiplier < 0
    assert end.local_maximum
    assert verdict(objective, L2Ball(0.7), run[-1]).local_maximum is False
    assert observed_rate(run, run[-1], 0.7) == pytest.approx(end.rate_predicted, rel=0.05)
    # Beyond eta = -1/lambda the step overshoots the centre: the point is not a fixed point any more.
    beyond = verdict(objective, sphere, run[-1], eta=1.5 / -end.multiplier)
    assert beyond.local_maximum
    assert beyond.rate_predicted is None
    assert "overshoots" in beyond.why
    assert beyond.step_max < -1 / end.multiplier


@pytest.mark.parametrize("rule", ["gradient", "normalized"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_step_is_faster_than_the_fastest(rule: str, seed: int) -> None:
    objective, constraint, maximum, step_max = with_a_stable_limit(seed, rule)
    fastest = verdict(objective, constraint, maximum, eta=0.1 * step_max, rule=rule).step_fastest
    assert 0 < fastest < step_max

    def predicted(eta: float) -> float:
        return float(verdict(objective, constraint, maximum, eta=eta, rule=rule).rate_predicted)

    assert predicted(fastest) <= min(predicted(share * step_max) for share in np.linspace(0.01, 1, 40)) + 1e-12
    start = maximum + 1e-4 * constraint.epsilon * normal(seed, 4)
    left = [
        float(torch.linalg.vector_norm(path(objective, constraint, start, eta, 60, rule)[-1] - maximum))
        for eta in (0.5 * fastest, fastest, 0.5 * (fastest + step_max))
    ]
    assert left[1] == min(left)


def test_where_nothing_curves_downwards_more_than_upwards_each_larger_step_is_faster() -> None:
    # A linear network: H = grad f grad f^T has no negative eigenvalue.
    objective, constraint, eta, run = polished(0, "linear")
    end = verdict(objective, constraint, run[-1], eta=eta)
    assert end.local_maximum and end.step_fastest == math.inf
