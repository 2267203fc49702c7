"""What is proven on the ball, against exhaustive search in two and three dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import SMOOTH, problem
from scipy.optimize import minimize

from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.ball import prove, trust_region_maximum

if TYPE_CHECKING:
    from foadv_gui.core.objective import QuadraticAdversary

DECADES = st.floats(-3, 1).map(lambda power: 10**power)
NETWORKS = {
    "activation": st.sampled_from(SMOOTH),
    "seed": st.integers(0, 2**31),
    "gamma": DECADES,
    "rho": st.floats(0.05, 1.5),
    "y": st.floats(-2, 2),
    "m": st.integers(1, 30),
}


def sphere(d: int, count: int = 2000) -> torch.Tensor:
    """Points that cover the unit circle, or the unit sphere (Fibonacci's spiral)."""
    i = torch.arange(count, dtype=torch.float64)
    if d == 2:
        angle = 2 * torch.pi * i / count
        return torch.stack([angle.cos(), angle.sin()], 1)
    height = 1 - (2 * i + 1) / count
    angle = i * torch.pi * (3 - 5**0.5)
    ring = (1 - height.square()).sqrt()
    return torch.stack([ring * angle.cos(), ring * angle.sin(), height], 1)


def ball(d: int, count: int = 4000, seed: int = 0) -> torch.Tensor:
    draw = torch.randn(count, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    radius = torch.rand(count, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed + 1)) ** (1 / d)
    return radius * draw / draw.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=40)
@given(low=st.floats(-12, 12), length=st.floats(0, 10))
def test_suprema_on_an_interval_are_those_of_a_fine_grid(name: str, low: float, length: float) -> None:
    bent = ACTIVATIONS[name].bent
    ends = torch.tensor([low], dtype=torch.float64), torch.tensor([low + length], dtype=torch.float64)
    grid = torch.linspace(low, low + length, 4001, dtype=torch.float64)
    for derivative, largest in (
        (bent.second, bent.largest_second),
        (bent.third, bent.largest_third),
    ):
        seen, said = float(derivative(grid).abs().max()), float(largest(*ends))
        assert seen <= said * (1 + 1e-13)
        # Between two points of the grid a peak can rise by no more than its curvature allows.
        assert said <= seen + 20 * (length / 4000) ** 2 + 1e-15


@settings(max_examples=80)
@given(d=st.integers(2, 3), **NETWORKS)
def test_bounds_and_uniqueness_are_never_contradicted(
    d: int, activation: str, seed: int, gamma: float, rho: float, y: float, m: int
) -> None:
    objective, epsilon = problem(d, m, activation, seed=seed, gamma=gamma, y=y), rho * gamma
    proof = prove(objective, epsilon)
    points = epsilon * torch.cat([ball(d), sphere(d)])
    value, loss, _ = objective.evaluate(points)
    gradient = objective.network.gradient(objective.x + points)
    assert proof.value_min <= float(value.min()) and float(value.max()) <= proof.value_max
    assert float(loss.max()) <= proof.upper_bound
    assert float(gradient.norm(dim=1).min()) >= proof.g_min * (1 - 1e-12) - 1e-15
    H = torch.stack(
        [
            objective.network.W.T @ (c.unsqueeze(1) * objective.network.W)
            for c in objective.network.curvature(objective.x + points[:500])
        ]
    )
    assert float(torch.linalg.eigvalsh(H).abs().max()) <= proof.M2 * (1 + 1e-12)
    if proof.maxima_of_loss is not None:
        assert local_maxima_on_the_sphere(objective, epsilon, d) <= proof.maxima_of_loss
        assert proof.poles is not None
        best = float(objective.evaluate(proof.poles).loss.max())
        assert best >= float(loss.max()) * (1 - 1e-9)


def local_maxima_on_the_sphere(objective: QuadraticAdversary, epsilon: float, d: int) -> int:
    """How many ascents from all over the sphere end at different places (merged generously)."""
    points = epsilon * sphere(d, 60)
    for _ in range(4000):
        _, _, gradient = objective.evaluate(points)
        length = gradient.norm(dim=1, keepdim=True)
        moved = points + 0.3 * epsilon * gradient / length.clamp_min(1e-300)
        points = torch.where(length > 0, epsilon * moved / moved.norm(dim=1, keepdim=True), points)
    _, loss, gradient = objective.evaluate(points)
    cosine = (points * gradient).sum(1) / (epsilon * gradient.norm(dim=1)).clamp_min(1e-300)
    ends = points[(cosine > 1 - 1e-6) & (loss > 1e-12 * loss.max())]
    found: list[torch.Tensor] = []
    for end in ends:
        if all(float((end - known).norm()) > 0.05 * epsilon for known in found):
            found.append(end)
    return len(found)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 6),
    epsilon=DECADES,
    kind=st.sampled_from(["any", "concave", "hard", "flat"]),
)
def test_the_trust_region_maximum_is_that_of_a_solver(seed: int, n: int, epsilon: float, kind: str) -> None:
    draw = np.random.default_rng(seed)
    g, h = draw.standard_normal(n), draw.standard_normal(n)
    if kind == "concave":
        h = -np.abs(h) - 3 * np.linalg.norm(g) / epsilon  # the maximum lies inside
    if kind == "hard":
        g[h.argmax()] = 0.0
        g *= 1e-3
    if kind == "flat":
        g[:] = 0.0
    said = trust_region_maximum(g, h, epsilon)

    def minus(s: np.ndarray) -> float:
        return -float(g @ s + 0.5 * (h * s) @ s)

    def minus_slope(s: np.ndarray) -> np.ndarray:
        return -(g + h * s)

    inside = {"type": "ineq", "fun": lambda s: epsilon**2 - s @ s, "jac": lambda s: -2 * s}
    best = 0.0
    for start in [
        *(epsilon * v for v in np.eye(n)),
        *(-epsilon * v for v in np.eye(n)),
        epsilon * g / max(np.linalg.norm(g), 1e-300),
    ]:
        found = minimize(
            minus, start, jac=minus_slope, constraints=[inside], method="SLSQP", options={"ftol": 1e-14, "maxiter": 300}
        )
        s = found.x * min(1.0, epsilon / max(np.linalg.norm(found.x), 1e-300))
        best = max(best, -minus(s))
    size = epsilon * np.linalg.norm(g) + epsilon**2 * np.abs(h).max()
    assert said >= best - 1e-12 * size
    assert said <= best + 1e-5 * size


def test_the_figures_of_the_theory() -> None:
    for gamma, q, gap in ((0.03, 0.018, 0.0013), (0.1, 0.10, 0.035)):
        objective = problem(784, 1000, gamma=gamma)
        proof = prove(objective, 0.3 * gamma)
        assert proof.q == pytest.approx(q, rel=0.3)
        best = float(objective.evaluate(proof.poles).loss.max())
        assert proof.gap(best) == pytest.approx(gap, rel=0.3)
    assert not prove(problem(784, 1000, gamma=0.6), 0.18).unique


def test_relu_has_no_proof() -> None:
    with pytest.raises(NoCurvatureError):
        prove(problem(activation="relu"), 0.1)
