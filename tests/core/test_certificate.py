"""The local-maximum test in closed-form cases, in what it refuses, and in every type and place."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import (
    normal,
    problem,
    sum_of_sines,
    tensor,
)
from runs import CURVED, path, polished, verdict
from scipy.sparse.linalg import ArpackNoConvergence

from foadv_gui.core import certificate, newton
from foadv_gui.core import spectrum as spectrum_module
from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.ascent import relative_step
from foadv_gui.core.certificate import STATIONARY, LocalMaximum, Shortcoming, summit_near
from foadv_gui.core.constraint import ConstraintSet, L2Ball, L2Sphere, LinfBall
from foadv_gui.core.interruption import Interrupted
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary

# --------------------------------------------------------------------------------------- closed-form cases


@pytest.mark.parametrize("constraint", [L2Ball(2.0), LinfBall(1.0)])
def test_a_maximum_inside_the_set(constraint: ConstraintSet) -> None:
    objective, maximum = sum_of_sines([1.0, 1.0]), tensor([np.pi / 2 - 1, np.pi / 2 - 1])
    end = verdict(objective, constraint, maximum, eta=0.3)
    assert (end.boundary, end.stationary, end.local_maximum, end.multiplier) == (False, True, True, None)
    assert end.tangent_eigenvalue_max == pytest.approx(-2)
    assert end.tangent_eigenvalue_min == pytest.approx(-2)
    if isinstance(constraint, L2Ball):
        assert end.rate_predicted == pytest.approx(0.4)  # |1 - 2 eta|
        assert end.step_max == pytest.approx(1)
    off = maximum + tensor([3e-6, -1e-6])
    near = verdict(objective, constraint, off)
    assert near.newton_distance == pytest.approx(float((off - maximum).norm()), rel=1e-6)
    assert not verdict(objective, constraint, maximum + 1e-3).stationary


def test_a_minimum_and_a_saddle_inside_are_no_maxima() -> None:
    # f = sin z_1 + sin z_2 with y = 0: at f = 0 with grad f != 0 the loss has its floor.
    floor = verdict(sum_of_sines([0.0, 0.0]), L2Ball(1.0), tensor([0.0, 0.0]))
    assert floor.stationary
    assert floor.local_maximum is False
    saddle = verdict(sum_of_sines([np.pi / 2, -np.pi / 2]), L2Ball(1.0), tensor([0.0, 0.0]))
    assert saddle.stationary
    assert saddle.local_maximum is False
    flat = verdict(sum_of_sines([np.pi / 2, np.pi / 2]), L2Ball(1.0), tensor([0.0, 0.0]))
    assert flat.local_maximum is True


def test_the_zero_of_the_loss_on_the_boundary_is_no_maximum_in_one_dimension() -> None:
    # d = 1: no tangent directions; the gradient vanishes, so nothing holds the point on the boundary.
    network = TwoLayerNetwork(tensor([[1.0]]), tensor([1.0]), ACTIVATIONS["linear"])
    objective = QuadraticAdversary(network, tensor([1.0]), 1.5)
    assert verdict(objective, L2Ball(0.5), tensor([0.5])).local_maximum is False
    assert verdict(objective, L2Ball(0.5), tensor([-0.5])).local_maximum is True


def test_a_vertex_of_the_cube_is_decided_by_first_order() -> None:
    objective = problem(4, 7, "linear", y=5.0)
    c = objective.network.W.T @ objective.network.a
    residual = float(c @ objective.x) - 5.0
    vertex = 0.3 * torch.sign(residual * c)
    end = verdict(objective, LinfBall(0.3), vertex)
    assert (end.boundary, end.stationary, end.local_maximum, end.newton_distance) == (True, True, True, 0.0)
    assert end.tangent_eigenvalue_max is None
    assert verdict(objective, LinfBall(0.3), -vertex).local_maximum is False


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_an_edge_of_the_cube_curves_downwards_along_itself(dtype: torch.dtype) -> None:
    # Coordinate 1 has its maximum inside, coordinate 2 would go on: it sits on its face.
    objective, constraint = sum_of_sines([-1.2, -2.6], dtype), LinfBall(3.1)  # float32 rounds the radius
    point = tensor([np.pi / 2 + 1.2, 3.1], dtype)
    end = verdict(objective, constraint, point)
    value = 1 + math.sin(0.5)
    assert end.boundary
    assert end.stationary
    assert end.local_maximum
    assert end.multiplier is None
    assert end.tangent_eigenvalue_max == pytest.approx(-value, rel=1e-5)
    assert end.rate_predicted is None
    assert "smooth rules on l2 sets" in end.why
    assert not verdict(objective, constraint, tensor([np.pi / 2 + 1.2, -3.1], dtype)).local_maximum


def test_on_the_cube_each_coordinate_is_tested_by_itself() -> None:
    objective, constraint = problem(6, 20, gamma=1.0), LinfBall(0.3)
    gradient = objective.evaluate(torch.zeros(6, dtype=torch.float64)).gradient
    corner = 0.3 * gradient.sign()
    for _ in range(50):
        corner = 0.3 * objective.evaluate(corner).gradient.sign()
    assert verdict(objective, constraint, corner).coordinates_held == 6
    wrong = corner.clone()
    wrong[2], wrong[4] = -wrong[2], 0.1
    found = verdict(objective, constraint, wrong)
    slopes = objective.evaluate(wrong).gradient
    outward = (wrong.abs() == 0.3) & (wrong.sign() == slopes.sign())
    assert found.coordinates_held == int(outward.sum()) < 6
    assert verdict(objective, L2Ball(0.3), 0.3 * normal(0, 6)).coordinates_held is None


def test_one_neuron_leaves_no_direction_for_its_basis() -> None:
    # m = 1 < d: at the maximum the normal spans the range of W, and the tangent Hessian is zero.
    objective, constraint = problem(6, 1, "tanh", y=3.0), L2Ball(0.5)
    w = objective.network.W[0]
    poles = [constraint.project(sign * 9 * w) for sign in (1, -1)]
    maximum = max(poles, key=lambda pole: float(objective.evaluate(pole).loss))
    end = verdict(objective, constraint, maximum)
    assert end.local_maximum
    assert end.tangent_eigenvalue_max == pytest.approx(0, abs=1e-12)
    assert end.newton_distance == pytest.approx(0, abs=1e-12)
    assert end.step_max == math.inf


def test_an_eigenvalue_next_to_the_multiplier_is_not_divided_by() -> None:
    # A ridge of maxima: one neuron whose hyperplane w.z = pi/2 of maxima lies in the ball. The gradient is round-off.
    objective = problem(3, 1, "sin", seed=1, gamma=0.5, kappa=3.0, y=0.0)
    w = objective.network.W[0]
    for extra in np.linspace(-1e-15, 1e-15, 41):
        ridge = (np.pi / 2 + extra - float(w @ objective.x)) / float(w @ w) * w
        assert verdict(objective, L2Ball(2.0), ridge).local_maximum is False
        sphere = L2Sphere(float(ridge.norm()))
        assert verdict(objective, sphere, ridge).newton_distance < 1e-6


# ------------------------------------------------------------------------------------------- what it refuses


def test_relu_gets_a_first_order_verdict_and_the_reason() -> None:
    objective, constraint = problem(8, 30, "relu", y=5.0, gamma=3.0), L2Ball(0.3)
    start = constraint.project(0.1 * normal(1, 8))
    run = path(objective, constraint, start, 0.05, 3000)
    end = verdict(objective, constraint, run[-1])
    assert end.stationary
    assert end.local_maximum is None
    assert end.newton_distance is None
    assert "relu is piecewise linear" in end.why


def test_what_is_not_stationary_is_no_maximum() -> None:
    objective, constraint = problem(8, 30), L2Ball(0.3)
    end = verdict(objective, constraint, constraint.project(9 * normal(1, 8)))
    assert end.tangential > STATIONARY
    assert (end.stationary, end.local_maximum) == (False, False)


def test_the_sign_rule_has_no_smooth_rate() -> None:
    objective, constraint, eta, run = polished(0, "tanh")
    end = verdict(objective, constraint, run[-1], eta=eta, rule="sign")
    assert end.local_maximum
    assert (end.rate_predicted, end.step_max) == (None, None)
    assert "smooth rules" in end.why


def test_eigenvalues_that_did_not_converge_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, constraint, eta, run = polished(0, "tanh")

    def gives_up(*_: object, **__: object) -> None:
        raise ArpackNoConvergence("no convergence", np.array([-5.0]), np.eye(11)[:, :1])

    monkeypatch.setattr(newton, "DENSE_LIMIT", 2)
    monkeypatch.setattr(spectrum_module, "eigsh", gives_up)
    end = verdict(objective, constraint, run[-1], eta=eta)
    assert end.stationary
    assert end.local_maximum is None
    assert "did not converge" in end.why


def test_a_gradient_or_a_hessian_that_overflows_is_a_reason() -> None:
    constraint, point = L2Ball(0.3), L2Ball(0.3).project(9 * normal(1, 4))
    waves = problem(4, 6, "sin")

    def end_with(W: float, a: float, y: float) -> LocalMaximum:
        network = TwoLayerNetwork(W * waves.network.W, a * waves.network.a, waves.network.activation)
        return verdict(QuadraticAdversary(network, waves.x, y), constraint, point, rule="normalized")

    steep = TwoLayerNetwork(1e160 * waves.network.W, waves.network.a, waves.network.activation)
    almost_zero = float(steep.value(waves.x + point)) * (1 + 1e-15)
    for found, why in (
        (end_with(1.0, 1e160, 1.0), "gradient overflows"),
        (end_with(1.0, 1e308, 1.0), "loss or its gradient overflows"),
        (end_with(1e160, 1.0, almost_zero), "Hessian overflows"),
    ):
        assert why in found.why
        assert (found.local_maximum, found.step_max) == (None, None)
    # Where the Hessian is finite it is judged, however large its products with a long vector are.
    assert end_with(1e150, 1.0, 1.0).tangent_eigenvalue_max > 1e290


# ----------------------------------------------------------------------------------------- what a maximum lacks


def test_a_saturated_network_is_flat() -> None:
    objective = problem(4, 6, "tanh", kappa=1e4, gamma=10.0)
    for constraint, point in ((L2Ball(1.0), normal(1, 4) / 9), (L2Sphere(1.0), L2Sphere(1.0).project(normal(1, 4)))):
        end = verdict(objective, constraint, point)
        assert end.local_maximum is False
        assert end.shortcoming is Shortcoming.FLAT
        assert end.step_max is None
        assert "no step is stable" in end.why


def test_where_the_gradient_is_zero_a_normalised_step_has_no_rate() -> None:
    objective = problem(4, 6, "tanh", kappa=1e4, gamma=10.0)
    end = verdict(objective, L2Ball(1.0), normal(1, 4) / 9, rule="normalized")
    assert end.rate_predicted is None and end.step_max is None
    assert end.why is not None and "the gradient is zero" in end.why


def test_where_the_squares_of_the_gradient_vanish_no_point_is_called_a_maximum() -> None:
    # erf'(19.5) is 1e-165: as |g| is then 0 in float64, any point seems to be stationary.
    network = TwoLayerNetwork(tensor([[19.5, 0.0]]), tensor([1.0]), ACTIVATIONS["erf"])
    end = verdict(QuadraticAdversary(network, tensor([1.0, 0.0]), 0.0), L2Ball(1e-3), tensor([6e-4, 8e-4]))
    assert end.local_maximum is False
    assert end.shortcoming is Shortcoming.FLAT


@pytest.mark.parametrize("epsilon", [50.0, 10.2])  # Newton's step ends inside the set, and beyond its boundary
def test_inside_the_set_a_gradient_that_decays_without_end_is_no_maximum(epsilon: float) -> None:
    # f = tanh(z) rises for ever, by as little as the saturated neuron lets it.
    network = TwoLayerNetwork(tensor([[1.0]]), tensor([1.0]), ACTIVATIONS["tanh"])
    end = verdict(QuadraticAdversary(network, tensor([1.0]), -1.0), L2Ball(epsilon), tensor([10.0]))
    assert end.stationary and end.multiplier is None
    assert end.tangent_eigenvalue_max is not None and end.tangent_eigenvalue_max < 0
    assert end.local_maximum is False and end.shortcoming is Shortcoming.FLAT_SOMEWHERE


def test_what_a_stationary_point_lacks_is_said() -> None:
    ridge = problem(3, 1, "sin", seed=1, gamma=0.5, kappa=3.0, y=0.0)
    w = ridge.network.W[0]
    on_the_ridge = (np.pi / 2 - float(w @ ridge.x)) / float(w @ w) * w
    assert verdict(ridge, L2Ball(2.0), on_the_ridge).shortcoming is Shortcoming.FLAT_SOMEWHERE
    floor = verdict(sum_of_sines([0.0, 0.0]), L2Ball(1.0), tensor([0.0, 0.0]))
    assert floor.shortcoming is Shortcoming.CURVES_UPWARDS
    # The zero of the loss lies on the boundary: nothing holds the point there.
    objective = QuadraticAdversary(
        TwoLayerNetwork(tensor([[1.0]]), tensor([1.0]), ACTIVATIONS["linear"]), tensor([1.0]), 1.5
    )
    touching = verdict(objective, L2Ball(0.5), tensor([0.5]))
    assert touching.shortcoming is Shortcoming.NO_FORCE
    assert verdict(objective, L2Ball(0.5), tensor([-0.5])).shortcoming is None


def test_no_step_is_stable_at_a_point_that_repels() -> None:
    floor = verdict(sum_of_sines([0.0, 0.0]), L2Ball(1.0), tensor([0.0, 0.0]))
    linear, sphere = problem(5, 7, "linear", y=30.0), L2Sphere(0.2)
    c = linear.network.W.T @ linear.network.a
    minimum = verdict(linear, sphere, sphere.project(9 * c))
    for end in (floor, minimum):
        assert end.stationary and not end.local_maximum
        assert end.step_max is None
        assert "no step is stable" in end.why


# ------------------------------------------------------------------------------------------ the summit nearby


@pytest.mark.parametrize("rule", ["gradient", "normalized"])
@pytest.mark.parametrize(("seed", "d", "m"), [(1, 4, 30), (2, 40, 30), (1, 12, 60)])
def test_from_an_oscillating_end_the_limit_is_that_of_the_summit(seed: int, d: int, m: int, rule: str) -> None:
    objective, constraint = problem(d, m, seed=seed, gamma=3.0), L2Ball(1.5)
    start = constraint.project(constraint.epsilon * normal(seed, d))
    eta = relative_step(3.0, rule, objective, constraint, start[None])
    end = path(objective, constraint, start, eta, 60, rule)[-1]
    small = relative_step(0.002, rule, objective, constraint, start[None])
    summit = path(objective, constraint, end, small, 15_000, rule)[-1]
    expected = verdict(objective, constraint, summit, eta=eta, rule=rule)
    assert expected.local_maximum
    assert expected.summit_distance == 0
    here = verdict(objective, constraint, end, eta=eta, rule=rule)
    assert not here.stationary
    assert here.step_max == pytest.approx(expected.step_max, rel=1e-3)
    assert here.summit_distance == pytest.approx(float((summit - end).norm()), rel=1e-4)


@pytest.mark.parametrize("constraint", [L2Ball(2.0), L2Sphere(0.7)])
def test_the_summit_nearby_is_found_from_anywhere(constraint: ConstraintSet) -> None:
    # Inside the ball, from its boundary, or across the sphere.
    objective = sum_of_sines([1.0, 1.0, 0.9])
    for seed in range(5):
        summit = summit_near(objective, constraint, constraint.project(9 * normal(seed, 3)))
        assert summit is not None
        end = verdict(objective, constraint, summit)
        assert end.local_maximum
        assert end.tangential < 1e-6


def test_without_a_summit_the_limit_is_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, constraint, eta, run = polished(0, "tanh", gamma=2.0)
    monkeypatch.setattr(certificate, "summit_near", lambda *_: None)
    estimates = [verdict(objective, constraint, run[t], eta=eta) for t in (3, 5, 8)]
    assert all(end.summit_distance is None and not end.stationary for end in estimates)
    assert all((end.step_max is None) == ("no step is stable" in (end.why or "")) for end in estimates)


def test_the_search_for_a_summit_can_be_interrupted() -> None:
    objective, constraint = problem(30, 60, gamma=3.0), L2Ball(1.5)
    with pytest.raises(Interrupted):
        summit_near(objective, constraint, constraint.project(9 * normal(1, 30)), lambda: True)


# --------------------------------------------------------------------------------------- large, single, elsewhere


def test_beyond_the_dense_limit_the_verdict_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    objective, constraint, eta, run = polished(3, "tanh", d=40)
    points = [run[-1], run[60], run[20]]
    dense = [verdict(objective, constraint, point, eta=eta) for point in points]
    monkeypatch.setattr(newton, "DENSE_LIMIT", 10)
    for point, expected in zip(points, dense, strict=True):
        large = verdict(objective, constraint, point, eta=eta)
        assert large.local_maximum is expected.local_maximum
        assert large.tangent_eigenvalue_max == pytest.approx(expected.tangent_eigenvalue_max, abs=1e-9)
        assert large.tangent_eigenvalue_min == pytest.approx(expected.tangent_eigenvalue_min, abs=1e-9)
        assert large.newton_distance == pytest.approx(expected.newton_distance, rel=1e-5, abs=1e-12)
        assert large.rate_predicted == pytest.approx(expected.rate_predicted, rel=1e-7)


@pytest.mark.parametrize("activation", CURVED)
def test_a_single_precision_run_gets_the_verdict_of_the_double_one(activation: str) -> None:
    objective, constraint, eta, run = polished(1, activation)
    end = verdict(objective, constraint, run[-1], eta=eta)
    single = objective.to(dtype=torch.float32)
    short = path(single, constraint, run[0].float(), eta, 600)
    rounded = verdict(single, constraint, short[-1], eta=eta)
    assert rounded.local_maximum is end.local_maximum is True
    assert rounded.multiplier == pytest.approx(end.multiplier, rel=1e-4)
    assert rounded.tangent_eigenvalue_max == pytest.approx(end.tangent_eigenvalue_max, rel=1e-3, abs=1e-5)
    assert rounded.rate_predicted == pytest.approx(end.rate_predicted, rel=1e-3)
    assert rounded.newton_distance < 1e-4 * constraint.epsilon


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), c=st.sampled_from([1e-2, 0.3, 7.0, 100.0]))
def test_only_the_product_of_weight_scale_and_input_scale_matters(seed: int, c: float) -> None:
    here, there = problem(4, 10, seed=seed), problem(4, 10, seed=seed, kappa=1 / c, gamma=c)
    delta = L2Ball(0.5).project(9 * normal(seed, 4))
    one = verdict(here, L2Ball(0.5), delta, eta=0.2)
    other = verdict(there, L2Ball(0.5 * c), c * delta, eta=0.2 * c**2)
    assert other.multiplier == pytest.approx(one.multiplier / c**2, rel=1e-9)
    assert other.tangent_eigenvalue_max == pytest.approx(one.tangent_eigenvalue_max / c**2, rel=1e-7, abs=1e-10 / c**2)
    assert other.newton_distance == pytest.approx(c * one.newton_distance, rel=1e-6)
    assert (other.stationary, other.local_maximum) == (one.stationary, one.local_maximum)


@pytest.mark.gpu
def test_a_run_on_the_accelerator_gets_the_verdict_of_the_cpu(device: str) -> None:
    objective, constraint, eta, run = polished(1, "tanh")
    place = torch.device(device)
    there = objective.to(dtype=torch.float32).to(device=place)
    short = path(there, constraint, run[0].float().to(place), eta, 600)
    end, expected = verdict(there, constraint, short[-1], eta=eta), verdict(objective, constraint, run[-1], eta=eta)
    assert end.local_maximum is expected.local_maximum
    assert end.rate_predicted == pytest.approx(expected.rate_predicted, rel=1e-3)
