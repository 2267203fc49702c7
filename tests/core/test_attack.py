"""The ascent on many points at once against the ascent on each, and weight gradients against autograd."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import make_set, normal, problem
from runs import ascend

from foadv_gui.core import attack
from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.ascent import RULES, ProjectedGradientAscent
from foadv_gui.core.attack import InnerAscent, Points, weight_gradient
from foadv_gui.core.constraint import L2Ball
from foadv_gui.core.cores import one_core
from foadv_gui.core.interruption import Interrupted
from foadv_gui.core.norms import normalized
from foadv_gui.core.objective import QuadraticAdversary

if TYPE_CHECKING:
    from foadv_gui.core.network import TwoLayerNetwork

EPSILON = 0.4


def drawn(d: int, m: int, n: int, activation: str = "tanh", *, seed: int = 0) -> tuple[TwoLayerNetwork, Points]:
    network = problem(d, m, activation, seed=seed).network
    return network, Points(normalized(normal(seed + 1, n, d)), normal(seed + 2, n))


def by_autograd(network: TwoLayerNetwork, points: Points) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient of the mean loss by W and a."""
    W, a = network.W.clone().requires_grad_(), network.a.clone().requires_grad_()
    f = network.activation.value(points.X @ W.T) @ a
    found = torch.autograd.grad((0.5 * (f - points.y) ** 2).mean(), (W, a))
    return found[0], found[1]


def close(one: torch.Tensor, other: torch.Tensor, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=tolerance, atol=tolerance)


@settings(max_examples=60)
@given(
    name=st.sampled_from(list(ACTIVATIONS)),
    d=st.integers(1, 9),
    m=st.integers(1, 12),
    n=st.integers(1, 8),
    seed=st.integers(0, 10_000),
)
def test_the_weight_gradient_is_that_of_autograd(name: str, d: int, m: int, n: int, seed: int) -> None:
    network, points = drawn(d, m, n, name, seed=seed)
    found = weight_gradient(network, points)
    for one, other in zip(found, by_autograd(network, points), strict=True):
        close(one, other, 1e-11)


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("name", ["l2-ball", "linf-ball"])
@pytest.mark.parametrize(("step", "relative"), [(0.4, True), (0.02, False)])
def test_each_path_is_that_of_the_ascent_on_its_point(name: str, rule: str, step: float, relative: bool) -> None:
    d, n, T, tolerance = 7, 6, 20, 1e-3
    network, points = drawn(d, 11, n)
    f = network.value(points.X)
    # Flat at the start alone, which is no end, and (where the rule does not blow up round-off) flat for long.
    points.y[:3] = f[:3] + torch.tensor([1e-4, 1e-4, 0.0 if rule == "gradient" else 1e-4])
    constraint = make_set(name, EPSILON, d)
    found = InnerAscent(constraint, rule, step, relative, T, tolerance).attack(network, points)
    if relative:
        value, gradient = network.value_and_gradient(points.X)
        raw = float(((value - points.y) ** 2 * gradient.square().sum(1)).mean()) ** 0.5
        length = {"gradient": raw, "normalized": 1.0, "sign": 1.0 if name == "linf-ball" else d**0.5}[rule]
        assert found.eta == pytest.approx(step * EPSILON / length, rel=1e-13)
    else:
        assert found.eta == step
    for i in range(n):
        objective = QuadraticAdversary(network, points.X[i], float(points.y[i]))
        run = ascend(
            ProjectedGradientAscent(objective, constraint, rule, found.eta, 0.0), torch.zeros(1, d).double(), T
        )
        close(found.delta[i], run.delta[-1, 0])
        measured = {key: values[:, 0] for key, values in run.measures.items()}
        close(found.residual[i], measured["value"][-1] - objective.y)
        close(found.clean_residual[i], measured["value"][0] - objective.y)
        close(found.fosc[i], measured["fosc"][-1])
        close(found.tangential[i], measured["tangential"][-1])
        outward = constraint.points_outward(run.delta[:, 0], objective.evaluate(run.delta[:, 0]).gradient)
        settled = ((measured["tangential"] <= tolerance) & outward).numpy()
        unsettled = np.flatnonzero(~settled)
        since = unsettled[-1] + 1 if len(unsettled) else 0
        assert int(found.converged_at[i]) == (since if since <= T else -1)


def test_some_paths_converge_and_some_do_not() -> None:
    network, points = drawn(7, 11, 6)
    found = InnerAscent(L2Ball(EPSILON), "gradient", 0.4, True, 20, 1e-3).attack(network, points).converged_at
    assert (found >= 0).any() and (found < 0).any()


@pytest.mark.parametrize(("name", "order"), [("l2-ball", 2), ("linf-ball", 1)])
def test_the_slope_of_f_is_measured_in_the_dual_norm(name: str, order: int) -> None:
    network, points = drawn(5, 8, 4)
    X = points.X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network.value(X).sum(), X)
    found = InnerAscent(make_set(name, EPSILON, 5), "gradient", 0.5, True, 1).attack(network, points)
    close(found.clean_slope, gradient.norm(p=order, dim=1))


@pytest.mark.parametrize("train_on", ["attacked", "clean"])
def test_weights_are_differentiated_where_it_was_asked_for(train_on: attack.Where) -> None:
    network, points = drawn(5, 8, 4)
    inner = InnerAscent(L2Ball(EPSILON), "gradient", 0.5, True, 5)
    found = inner.attack(network, points, train_on)
    z = points.X + found.delta if train_on == "attacked" else points.X
    assert found.weights is not None
    for one, other in zip(found.weights, by_autograd(network, Points(z, points.y)), strict=True):
        close(one, other)
    plain = inner.attack(network, points)
    assert plain.weights is None
    assert torch.equal(plain.delta, found.delta)


def test_a_linear_network_is_attacked_along_its_only_slope() -> None:
    network, points = drawn(6, 4, 5, "linear")
    w = network.a @ network.W
    found = InnerAscent(L2Ball(EPSILON), "normalized", 1.0, True, 1, 1e-6).attack(network, points)
    r = points.X @ w - points.y
    close(found.delta, torch.sign(r).unsqueeze(1) * EPSILON * w / w.norm())
    close(found.residual, r + torch.sign(r) * EPSILON * w.norm())
    close(found.fosc, torch.zeros(5).double())
    assert (found.converged_at == 1).all()


@pytest.mark.parametrize("train_on", ["attacked", "clean"])
def test_many_points_are_attacked_in_pieces_that_no_core_changes(
    train_on: attack.Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, points = drawn(5, 8, 50)
    inner = InnerAscent(L2Ball(EPSILON), "gradient", 0.5, True, 8, 1e-3)
    whole = inner.attack(network, points, train_on)
    monkeypatch.setattr(attack, "_PIECE_BYTES", 1)  # pieces of 16, 16, 16 and 2
    pieces = inner.attack(network, points, train_on)
    with one_core():
        alone = inner.attack(network, points, train_on)
    for name in ("delta", "residual", "clean_residual", "clean_slope", "tangential", "fosc", "converged_at"):
        assert torch.equal(getattr(pieces, name), getattr(alone, name))
        close(getattr(pieces, name), getattr(whole, name), 1e-9)
    assert pieces.weights is not None and alone.weights is not None and whole.weights is not None
    for one, other, third in zip(pieces.weights, alone.weights, whole.weights, strict=True):
        assert torch.equal(one, other)
        close(one, third)


def test_where_every_label_is_met_no_step_is_taken() -> None:
    network, points = drawn(5, 8, 4)
    met = InnerAscent(L2Ball(EPSILON), "gradient", 0.5, True, 5)
    found = met.attack(network, replace(points, y=network.value(points.X)))
    assert found.eta == 0
    assert not found.delta.any()


def test_what_cannot_be_attacked_is_refused() -> None:
    _, points = drawn(5, 8, 4)
    for X, y in ((points.X[0], points.y), (points.X, points.y[:2]), (points.X[:0], points.y[:0])):
        with pytest.raises(ValueError, match=r"X must be \(n, d\) and y \(n,\)"):
            Points(X, y)
    with pytest.raises(ValueError, match="at least one step, got 0"):
        InnerAscent(L2Ball(EPSILON), "gradient", 0.5, True, 0)
    with pytest.raises(ValueError, match="box"):
        InnerAscent(make_set("l2-ball", EPSILON, 5, seed=1), "gradient", 0.5, True, 5)
    with pytest.raises(ValueError, match="delta = 0"):
        InnerAscent(make_set("l2-sphere", EPSILON, 5), "gradient", 0.5, True, 5)
    with pytest.raises(ValueError, match="rule"):
        InnerAscent(L2Ball(EPSILON), "steepest", 0.5, True, 5)


def test_an_attack_can_be_stopped_before_every_step() -> None:
    """Of many points in a large network it takes seconds."""
    network, points = drawn(5, 9, 40)
    inner = InnerAscent(L2Ball(EPSILON), "gradient", 0.5, True, 6)
    asked: list[int] = []
    for most in range(1 + inner.steps):
        asked.clear()

        def interrupted(most: int = most) -> bool:
            asked.append(0)
            return len(asked) > most

        with pytest.raises(Interrupted):
            inner.attack(network, points, "attacked", interrupted)
