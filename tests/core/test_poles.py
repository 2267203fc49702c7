"""The two poles of a network: climbing never falls, ends where nothing is left to climb, and contracts where proven."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import CONSTRAINT_NAMES, SMOOTH, draw_set, is_member, normal, problem, sum_of_sines, tensor

from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.ball import prove
from foadv_gui.core.constraint import L2Ball, L2Sphere, LinfBall
from foadv_gui.core.interruption import Interrupted
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.core.poles import poles

PROBLEMS = {
    "name": st.sampled_from(CONSTRAINT_NAMES),
    "d": st.integers(2, 8),
    "m": st.integers(1, 20),
    "seed": st.integers(0, 10_000),
    "gamma": st.floats(-3, 1.5).map(lambda power: 10**power),
    "boxed": st.booleans(),
}


@settings(max_examples=40)
@given(activation=st.sampled_from([*SMOOTH, "relu"]), **PROBLEMS)
def test_f_never_falls_on_the_way_to_its_maximum_nor_rises_on_that_to_its_minimum(
    activation: str, name: str, d: int, m: int, seed: int, gamma: float, boxed: bool
) -> None:
    objective = problem(d, m, activation, seed=seed, gamma=gamma)
    constraint = draw_set(name, 0.6 * gamma, d, seed, boxed)
    way = torch.stack([poles(objective, constraint, iterations=count) for count in range(1, 12)])
    assert is_member(constraint, way.numpy(), 1e-9).all()
    up, down = objective.value(way).T
    if name == "l2-sphere":
        np.testing.assert_allclose(constraint.size(way), constraint.epsilon, rtol=1e-9)
    else:
        clean = objective.value(torch.zeros(1, d, dtype=torch.float64))
        up, down = torch.cat([clean, up]), torch.cat([clean, down])
    slack = 1e-11 * float(objective.network.a.abs() @ (1 + objective.network.row_norms * gamma))
    assert float(up.diff().min()) >= -slack
    assert float(down.diff().max()) <= slack


@settings(max_examples=40)
@given(activation=st.sampled_from(SMOOTH), **PROBLEMS)
def test_at_the_poles_nothing_is_left_to_climb(
    activation: str, name: str, d: int, m: int, seed: int, gamma: float, boxed: bool
) -> None:
    objective = problem(d, m, activation, seed=seed, gamma=gamma)
    # What is left of a sphere within a box may fall into pieces, from one of which the climb need not find out.
    constraint = draw_set(name, 0.6 * gamma, d, seed, boxed and name != "l2-sphere")
    found = poles(objective, constraint, iterations=3000)
    uphill = tensor([[1.0], [-1.0]]) * objective.network.gradient(objective.x + found)
    along, _ = constraint.tangential_part(found, uphill)
    rows = objective.network.row_norms
    assert float(along.norm(dim=1).max()) <= 1e-5 * float(objective.network.a.abs() @ (rows * (1 + rows * gamma)))


@pytest.mark.parametrize("activation", SMOOTH)
def test_with_a_proof_each_step_is_closer_by_the_factor_q(activation: str) -> None:
    objective, epsilon = problem(6, 40, activation, gamma=0.1), 0.03
    proof = prove(objective, epsilon)
    assert proof.unique and proof.q is not None and proof.poles is not None
    away = [
        float((poles(objective, L2Ball(epsilon), iterations=count) - proof.poles).norm(dim=1).max()) / epsilon
        for count in range(6)
    ]
    assert away[0] == pytest.approx(1)
    assert all(later <= proof.q * before + 1e-12 for before, later in itertools.pairwise(away))


@pytest.mark.parametrize(
    ("x", "epsilon", "most"), [([1.2, 1.9], 1.0, 200), ([0.1, 0.2], 0.1, 40), ([1e-4, 0], 1e-5, 20)]
)
def test_the_climb_ends_when_only_round_off_is_left_to_gain(x: list[float], epsilon: float, most: int) -> None:
    calls = itertools.count()
    poles(sum_of_sines(x), L2Ball(epsilon), interrupted=lambda: next(calls) < 0)
    assert next(calls) <= most


def test_the_climb_ends_where_gradients_that_cancel_are_not_known_better() -> None:
    # Neurons that almost cancel in pairs: f' is a difference, and its direction is known to some ten digits.
    W = normal(1, 20, 5)
    W, a = torch.cat([W, W + 1e-4 * normal(2, 20, 5)]), torch.cat([torch.ones(20), -torch.ones(20)]).double()
    objective = QuadraticAdversary(TwoLayerNetwork(W, a, ACTIVATIONS["sigmoid"]), 0.3 * normal(3, 5), 1.0)
    calls = itertools.count()
    poles(objective, L2Ball(0.05), interrupted=lambda: next(calls) < 0)
    assert next(calls) <= 100


def test_the_poles_of_a_linear_network_are_known() -> None:
    objective = problem(5, 7, "linear")
    c = objective.network.W.T @ objective.network.a
    for constraint, highest in (
        (L2Ball(0.3), 0.3 * c / c.norm()),
        (L2Sphere(0.3), 0.3 * c / c.norm()),
        (LinfBall(0.3), 0.3 * c.sign()),
    ):
        torch.testing.assert_close(poles(objective, constraint), torch.stack([highest, -highest]))
    box = (torch.full_like(c, -0.1), torch.full_like(c, 0.2))
    highest, lowest = poles(objective, LinfBall(0.3, box))
    torch.testing.assert_close(highest, torch.where(c > 0, 0.2, -0.1).double())
    torch.testing.assert_close(lowest, torch.where(c > 0, -0.1, 0.2).double())


def test_a_pole_inside_the_set_is_found_where_full_steps_would_leap_over_it() -> None:
    # sin x_0 + sin x_1 has its maximum at pi/2, half-way to the boundary.
    objective = sum_of_sines([1.2, 1.9])
    highest, lowest = poles(objective, L2Ball(1.0))
    torch.testing.assert_close(highest, tensor([np.pi / 2 - 1.2, np.pi / 2 - 1.9]), rtol=0, atol=1e-5)
    assert float(objective.value(lowest)) < float(objective.value(tensor([-0.99, 0.0])))
    assert float(lowest.norm()) == pytest.approx(1)


def test_where_the_gradient_vanishes_or_nothing_is_finite_the_clean_input_stays() -> None:
    saturated, overflowing = problem(4, 1, "erf", gamma=1.0, kappa=1e3), problem(4, 3, "linear", kappa=1e308, gamma=1e3)
    for objective in (saturated, overflowing):
        assert not poles(objective, L2Ball(0.1)).any()
        assert torch.isfinite(poles(objective, L2Sphere(0.1))).all()


def test_weights_of_any_size_that_does_not_overflow_have_the_poles_of_small_ones() -> None:
    small, large = problem(4, 3, "linear"), problem(4, 3, "linear", kappa=1e60)
    np.testing.assert_allclose(poles(large, L2Ball(0.1)), poles(small, L2Ball(0.1)), rtol=1e-9)


def test_in_single_precision_the_poles_are_those_of_double() -> None:
    objective = problem(6, 12)
    single = poles(objective.to(dtype=torch.float32), L2Ball(0.3))
    assert single.dtype == torch.float64
    torch.testing.assert_close(single, poles(objective, L2Ball(0.3)), rtol=0, atol=1e-5)


def test_the_climb_gives_way() -> None:
    calls = iter(range(10**6))
    with pytest.raises(Interrupted):
        poles(problem(64, 100, gamma=30.0), L2Ball(10.0), interrupted=lambda: next(calls) > 5)
    assert next(calls) == 7
