"""What is proven on the ball, against exhaustive search in two and three dimensions and attacks in more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from problems import SMOOTH, Array, normal, problem, tensor
from scipy.optimize import minimize

from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.ascent import ProjectedGradientAscent
from foadv_gui.core.ball import preactivation_ranges, prove
from foadv_gui.core.constraint import L2Ball
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.norms import normalized
from foadv_gui.core.objective import QuadraticAdversary, weighted_gram
from foadv_gui.core.roundoff import round_off

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.core.ball import BallProof

NETWORKS = {
    "d": st.sampled_from([2, 3]),
    "activation": st.sampled_from(SMOOTH),
    "seed": st.integers(0, 2**31),
    "gamma": st.floats(-3, 1).map(lambda power: 10**power),
    "rho": st.floats(0.05, 1.5),
    "m": st.integers(1, 30),
}


def sphere(d: int, count: int) -> torch.Tensor:
    """Points that cover the unit circle, or the unit sphere (Fibonacci's spiral)."""
    i = torch.arange(count, dtype=torch.float64)
    if d == 2:
        angle = 2 * torch.pi * i / count
        return torch.stack([angle.cos(), angle.sin()], 1)
    height = 1 - (2 * i + 1) / count
    angle = i * torch.pi * (3 - 5**0.5)
    ring = (1 - height.square()).sqrt()
    return torch.stack([ring * angle.cos(), ring * angle.sin(), height], 1)


def ball(d: int, count: int) -> torch.Tensor:
    """Shells of such points, uniform in volume."""
    turns = torch.rand(count, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return turns ** (1 / d) * sphere(d, count)[torch.randperm(count, generator=torch.Generator().manual_seed(1))]


COVER = {d: torch.cat([ball(d, 1500), sphere(d, 1000)]) for d in (2, 3)}
STARTS = {d: sphere(d, 40) for d in (2, 3)}


@settings(max_examples=250)
@example(d=2, activation="sigmoid", seed=0, gamma=0.001, rho=0.0625, y=0.0, m=1, between=0.5)  # L of 4e-12
@given(y=st.floats(-2, 2), between=st.sampled_from([None, None, 0.5, 0.999, 1.0, 1 + 1e-9, 1.001]), **NETWORKS)
def test_nothing_proven_is_contradicted_by_exhaustive_search(
    d: int, activation: str, seed: int, gamma: float, rho: float, y: float, m: int, between: float | None
) -> None:
    objective, epsilon = problem(d, m, activation, seed=seed, gamma=gamma, y=y), rho * gamma
    points = epsilon * COVER[d]
    value, gradient = objective.network.value_and_gradient(objective.x + points)
    if between is not None:  # labels around the largest value, where the second maximum of L comes and goes
        y = float(value.min()) + between * float(value.max() - value.min())
        objective = QuadraticAdversary(objective.network, objective.x, y)
    proof = prove(objective, epsilon)
    loss = 0.5 * (value - y).square()
    assert proof.value_min <= float(value.min()) <= float(value.max()) <= proof.value_max
    assert float(loss.max()) <= proof.upper_bound
    assert 0 <= proof.gap(float(loss.max())) <= 1
    if proof.strongest is not None:
        assert float(loss.max()) <= proof.strongest <= proof.upper_bound
    assert float(gradient.norm(dim=1).min()) >= proof.g_min
    W = objective.network.W
    H = weighted_gram(W, objective.network.curvature(objective.x + points[::20]))
    assert float(np.abs(np.linalg.eigvalsh(H.numpy())).max()) <= proof.M2
    # The third derivative, as the change of the Hessian along lines through the clean point.
    change = H - weighted_gram(W, objective.network.curvature(objective.x))
    lengths = points[::20].norm(dim=1)[:, None]
    lost = round_off(objective, epsilon)
    assert (np.abs(np.linalg.eigvalsh(change.numpy())) <= (proof.M3 * lengths + 2 * lost.hessian).numpy()).all()
    assert proof.unique is (proof.poles is not None)
    if proof.poles is not None:
        highest, lowest = objective.value(proof.poles)
        assert float(highest) >= float(value.max()) - lost.value and float(lowest) <= float(value.min()) + lost.value
        assert_unique(objective, epsilon, proof)


def assert_unique(objective: QuadraticAdversary, epsilon: float, proof: BallProof) -> None:
    """f has one local maximum and one local minimum, and L as many local maxima as was said."""
    if objective.dimension == 2:
        residual, slope = along_the_circle(objective, epsilon, proof)
        assert falls(slope) == falls(-slope) == 1
        if proof.maxima_of_loss is not None:
            assert falls(residual * slope) == proof.maxima_of_loss
        return
    gradient = objective.network.gradient
    for uphill in (gradient, lambda z: -gradient(z)):
        assert different(climb(objective, epsilon, uphill, STARTS[3]), epsilon) == 1
    if proof.maxima_of_loss is not None:
        assert proof.poles is not None
        # The poles are starts too: near a label that is almost the largest value the second hill is tiny.
        starts = torch.cat([STARTS[3], proof.poles / epsilon])
        ends = climb(objective, epsilon, lambda z: objective.evaluate(z - objective.x).gradient, starts)
        assert different(ends, epsilon) == proof.maxima_of_loss


def along_the_circle(objective: QuadraticAdversary, epsilon: float, proof: BallProof) -> tuple[torch.Tensor, ...]:
    """f - y and df/dangle where both are more than round-off, on a grid that is dense without limit at the poles."""
    assert proof.poles is not None
    near = torch.logspace(-7, 0, 60, dtype=torch.float64)
    angles = [torch.linspace(-torch.pi, torch.pi, 1500, dtype=torch.float64)]
    angles += [torch.atan2(pole[1], pole[0]) + sign * near for pole in proof.poles for sign in (1, -1)]
    angle = torch.remainder(torch.cat(angles), 2 * torch.pi).sort().values
    direction = torch.stack([angle.cos(), angle.sin()], 1)
    value, gradient = objective.network.value_and_gradient(objective.x + epsilon * direction)
    residual, slope = value - objective.y, (gradient * torch.stack([-angle.sin(), angle.cos()], 1)).sum(1)
    lost = round_off(objective, epsilon)
    told = (residual.abs() > lost.value) & (slope.abs() > lost.gradient)
    return residual[told], slope[told]


def falls(slope: torch.Tensor) -> int:
    """How many times a slope around the circle goes from positive to negative: maxima."""
    rising = slope > 0
    return int((rising & ~rising.roll(-1)).sum())


def climb(
    objective: QuadraticAdversary, epsilon: float, uphill: Callable[[torch.Tensor], torch.Tensor], starts: torch.Tensor
) -> torch.Tensor:
    """Where short steps on the sphere of one length end, as far as they settle at points that the ball holds."""
    points = epsilon * starts
    for _ in range(120):
        points = points + 0.5 * epsilon * normalized(uphill(objective.x + points))
        points = epsilon * normalized(points)
    return points[(normalized(points) * normalized(uphill(objective.x + points))).sum(1) > 1 - 1e-6]


def different(points: torch.Tensor, epsilon: float) -> int:
    """How many points differ by more than a twentieth of the radius."""
    found: list[torch.Tensor] = []
    for point in points:
        if all(float((point - known).norm()) > 0.05 * epsilon for known in found):
            found.append(point)
    return len(found)


# ------------------------------------------------------------------------------------------- attacks in more dimensions

LARGER = [
    (10, 50, "tanh", 0.1, 0.3),
    (10, 80, "sin", 1.0, 0.5),
    (16, 60, "gelu", 0.03, 0.5),
    (16, 60, "erf", 3.0, 0.3),
    (20, 100, "sigmoid", 0.3, 1.0),
    (20, 50, "linear", 1.0, 0.5),
    (30, 70, "silu", 0.1, 0.3),
    (30, 20, "tanh", 0.3, 0.3),
    (40, 60, "softplus", 1.0, 0.2),
    (40, 200, "tanh", 10.0, 0.1),
    (50, 80, "erf", 0.01, 0.5),
    (50, 100, "sin", 0.1, 0.1),
]


@pytest.mark.parametrize(("d", "m", "activation", "gamma", "rho"), LARGER)
def test_no_attack_exceeds_what_is_proven_possible(d: int, m: int, activation: str, gamma: float, rho: float) -> None:
    objective, epsilon = problem(d, m, activation, seed=d + m, gamma=gamma), rho * gamma
    proof, constraint = prove(objective, epsilon), L2Ball(epsilon)
    uniforms = torch.rand(100_000, dtype=torch.float64, generator=torch.Generator().manual_seed(m))
    random = objective.value(constraint.sample(normal(d, 100_000, d), uniforms, surface=False))
    assert proof.value_min <= float(random.min()) and float(random.max()) <= proof.value_max
    starts = constraint.project(epsilon * normal(m, 200, d) / d**0.5)
    *_, last = ProjectedGradientAscent(objective, constraint, "normalized", 0.3 * epsilon, 1e-9).blocks(starts, 100)
    loss = objective.evaluate(last.delta[-1]).loss
    best = max(by_scipy(objective, epsilon, last.delta[-1, k]) for k in loss.argsort(descending=True)[:2])
    best = max(best, float(loss.max()))
    assert 0.5 * float((random - objective.y).abs().max()) ** 2 < best <= proof.upper_bound
    assert 0 <= proof.gap(best) < 1
    if gamma * rho <= 0.03:  # the bound is close where the ball is small
        assert proof.unique and proof.gap(best) < 0.02


def by_scipy(objective: QuadraticAdversary, epsilon: float, start: torch.Tensor) -> float:
    """The loss that L-BFGS climbs to from a point, with delta = epsilon v/|v|."""

    def minus(v: Array) -> tuple[float, Array]:
        length = np.linalg.norm(v)
        _, loss, gradient = objective.evaluate(tensor(epsilon * v / length))
        along = epsilon / length * (gradient.numpy() - v * (gradient.numpy() @ v) / length**2)
        return -float(loss), -along

    return -float(minimize(minus, start.numpy() / epsilon, jac=True, method="L-BFGS-B").fun)


# ------------------------------------------------------------------------------------------------------- round-off


def made_of(W: object, a: object, activation: str, x: object, y: float = 1.0) -> QuadraticAdversary:
    return QuadraticAdversary(TwoLayerNetwork(tensor(W), tensor(a), ACTIVATIONS[activation]), tensor(x), y)


@settings(max_examples=60)
@given(
    d=st.integers(1, 30),
    m=st.integers(1, 60),
    activation=st.sampled_from(["tanh", "sin", "linear"]),
    seed=st.integers(0, 2**31),
    gamma=st.floats(-4, 3).map(lambda power: 10**power),
)
def test_no_more_is_lost_to_round_off_than_is_said(d: int, m: int, activation: str, seed: int, gamma: float) -> None:
    objective, epsilon = problem(d, m, activation, seed=seed, gamma=gamma), 0.3 * gamma
    delta = epsilon * sphere(2, 20)[:, :1] * normal(seed, d) / float(normal(seed, d).norm())
    value, gradient = objective.network.value_and_gradient(objective.x + delta)
    W, a, z = (part.numpy().astype(np.longdouble) for part in (objective.network.W, objective.network.a, objective.x))
    p = (z + delta.numpy().astype(np.longdouble)) @ W.T
    sigma, slope = {
        "tanh": (np.tanh, lambda p: np.cosh(np.clip(p, -5000, 5000)) ** -2),
        "sin": (np.sin, np.cos),
        "linear": (lambda p: p, np.ones_like),
    }[activation]
    lost = round_off(objective, epsilon)
    assert np.abs(sigma(p) @ a - value.numpy()).max() <= lost.value
    assert np.linalg.norm(((slope(p) * a) @ W - gradient.numpy()).astype(float), axis=1).max() <= lost.gradient


def test_in_the_tails_of_tanh_no_proof_rests_on_round_off() -> None:
    # 1 - tanh^2 is made of round-off there, and so was a gradient that seemed to exclude critical points.
    objective = problem(7, 5, "tanh", seed=1014070887, gamma=88.37744831159291)
    proof = prove(objective, 0.0006767774871024399 * 88.37744831159291)
    assert not proof.unique
    # One neuron at p = 15 and one direction: |f''| = 2 tanh sech^2, largest at the near end.
    proof = prove(made_of([[1.0]], [1.0], "tanh", [15.0]), 1.0)
    np.testing.assert_allclose(proof.M2, 2 * np.tanh(14.0) / np.cosh(14.0) ** 2, rtol=1e-9)


def test_a_bias_that_dwarfs_the_input_is_rounded_too() -> None:
    # W x + b is wrong by some units of round-off of b, which are far more than the ball's radius here.
    network = TwoLayerNetwork(tensor([[1.0]]), tensor([1.0]), ACTIVATIONS["sin"], tensor([1e9]))
    objective = QuadraticAdversary(network, tensor([1e-12]), 0.0)
    low, high = preactivation_ranges(objective, 1e-13)
    assert float(low) <= 1e9 - 1e-7 and float(high) >= 1e9 + 1e-7


def test_values_that_cancel_are_bounded_all_the_same() -> None:
    # Two sigmoids of opposite signs: f = 0 but for the round-off of terms of size 1.
    objective = made_of([[0.3, 0.1], [0.3, 0.1]], [0.7, -0.7], "sigmoid", [1e-3, 2e-3])
    proof = prove(objective, 1e-8)
    assert proof.value_min <= 0 <= proof.value_max <= 1e-12
    assert not proof.unique and proof.q is None
    for seed, gamma, rho in ((465093048, 153.6207139202169, 0.0024113062029564947), (7, 1e-4, 1e-4)):
        objective = problem(2, 2, "sigmoid", seed=seed, gamma=gamma)
        value = objective.value(rho * gamma * sphere(2, 4000))
        proof = prove(objective, rho * gamma)
        assert proof.value_min <= float(value.min()) and float(value.max()) <= proof.value_max


def test_labels_within_round_off_of_an_extreme_decide_nothing() -> None:
    objective, epsilon = problem(5, 30, gamma=0.1), 0.02
    proof = prove(objective, epsilon)
    assert proof.poles is not None
    highest, lowest = (float(value) for value in objective.value(proof.poles))

    def maxima(y: float) -> int | None:
        return prove(QuadraticAdversary(objective.network, objective.x, y), epsilon).maxima_of_loss

    for extreme, inwards in ((highest, -1), (lowest, 1)):
        assert maxima(extreme) is None
        assert maxima(extreme + inwards * 1e-9) == 2
        assert maxima(extreme - inwards * 1e-9) == 1
    assert maxima(1e6) == maxima(-1e6) == 1


@pytest.mark.parametrize("d", [1, 3, 40])
def test_a_linear_network_is_proven_to_have_no_gap(d: int) -> None:
    objective = problem(d, 7, "linear", y=2.0)
    proof = prove(objective, 0.5)
    c = objective.network.W.T @ objective.network.a
    assert proof.M2 == proof.M3 == proof.q == 0
    assert proof.unique and proof.poles is not None
    torch.testing.assert_close(proof.poles[0], 0.5 * c / c.norm())
    assert proof.value_max == pytest.approx(float(c @ objective.x + 0.5 * c.norm()), rel=1e-9)
    assert 0 <= proof.gap(float(objective.evaluate(proof.poles).loss.max())) < 1e-9


def test_a_label_that_dwarfs_the_network_leaves_no_gap_below_zero() -> None:
    objective = problem(4, 20, gamma=1e-3, y=1e6)
    proof = prove(objective, 1e-4)
    best = float(objective.evaluate(proof.poles).loss.max())
    assert best <= proof.upper_bound
    assert 0 <= proof.gap(best) < 1e-12


def test_saturated_and_overflowing_networks_are_not_proven_anything() -> None:
    dead = prove(problem(7, 1, "erf", seed=218625425, gamma=13.735780160644287), 0.032)
    assert not dead.unique and np.isfinite([dead.value_min, dead.value_max, dead.upper_bound]).all()
    for activation, kappa, epsilon in (("softplus", 1e200, 1e-300), ("linear", 1e60, 0.3), ("tanh", 1e60, 0.3)):
        with pytest.raises(NoCurvatureError, match="overflows"):
            prove(problem(3, 4, activation, kappa=kappa), epsilon)
    with pytest.raises(NoCurvatureError, match="overflows"):  # f does not, but the square of its bound does
        prove(problem(16, 24, "linear", kappa=1e60), 0.1)


# ------------------------------------------------------------------------------------------------ what the theory says


@pytest.mark.parametrize(
    ("d", "m", "gamma", "q", "gap"),
    [(784, 1000, 0.03, 0.018, 0.0013), (784, 1000, 0.1, 0.10, 0.035), (64, 512, 0.1, 0.09, 0.004)],
)
def test_the_figures_of_the_theory(d: int, m: int, gamma: float, q: float, gap: float) -> None:
    objective = problem(d, m, gamma=gamma)
    proof = prove(objective, 0.3 * gamma)
    assert proof.q == pytest.approx(q, rel=0.35)
    assert proof.gap(float(objective.evaluate(proof.poles).loss.max())) == pytest.approx(gap, rel=0.35)


@pytest.mark.parametrize(("d", "m"), [(784, 1000), (64, 512)])
def test_the_proof_ends_at_a_scale_of_about_a_half(d: int, m: int) -> None:
    assert prove(problem(d, m, gamma=0.3), 0.09).unique
    assert not prove(problem(d, m, gamma=0.6), 0.18).unique


def test_relu_has_no_proof() -> None:
    with pytest.raises(NoCurvatureError):
        prove(problem(activation="relu"), 0.1)
