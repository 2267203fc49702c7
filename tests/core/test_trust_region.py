"""The trust-region maximum, against SciPy, against a secular equation in its simplest form, and in its hard cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from foadv_gui.core.ball import trust_region_maximum

if TYPE_CHECKING:
    from problems import Array

KINDS = ["any", "concave", "hard", "multiple", "near-hard", "inside hard", "flat", "no curvature", "one scale each"]
RADII = st.floats(-4, 3).map(lambda power: 10**power)


def subproblem(seed: int, n: int, epsilon: float, kind: str) -> tuple[Array, Array]:
    """g and h of one kind: maximum inside, gradient without a part along the top eigenspace, and so on."""
    draw = np.random.default_rng(seed)
    g, h = draw.standard_normal(n), draw.standard_normal(n)
    if kind == "concave":
        h = -np.abs(h) - 3 * np.linalg.norm(g) / epsilon
    if kind in ("hard", "multiple", "near-hard"):
        h[h.argmax()] += 1
        if kind == "multiple":
            h[: n // 2 + 1] = h.max()
        g[h == h.max()] = 0.0 if kind != "near-hard" else 1e-12 * draw.standard_normal()
        g *= 0.1 * epsilon  # short of the sphere without the top eigenspace
    if kind == "inside hard":  # the top curvature is 0, and there is no slope along it
        h = -np.abs(h)
        h[0], g[0] = 0.0, 0.0
        g *= 0.1 * epsilon
    if kind == "flat":
        g[:] = 0.0
    if kind == "no curvature":
        h[:] = 0.0
    if kind == "one scale each":
        g, h = g * 10 ** draw.uniform(-12, 3, n), h * 10 ** draw.uniform(-12, 3, n)
    return g, h


def by_bisection(g: Array, h: Array, epsilon: float) -> float:
    """The height of the point that solves the secular equation, completed along the top eigenvector where it is short.

    A feasible point of the problem, whatever round-off did: no more than the maximum.
    """
    low, high = max(h.max(), 0.0), max(h.max(), 0.0) + 2 * np.linalg.norm(g) / epsilon + 1e-300

    def point(nu: float) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(g == 0, 0.0, g / (nu - h))

    for _ in range(2000):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if np.linalg.norm(point(middle)) > epsilon:
            low = middle
        else:
            high = middle
    s = np.nan_to_num(point(high))
    if h.max() > 0:
        rest = s @ s - s[h.argmax()] ** 2
        s[h.argmax()] = np.copysign(np.sqrt(max(epsilon**2 - rest, 0.0)), s[h.argmax()])
    s *= min(1.0, epsilon / max(np.linalg.norm(s), 1e-300))
    return max(float(g @ s + 0.5 * (h * s) @ s), 0.0)


@settings(max_examples=300)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 8), epsilon=RADII, kind=st.sampled_from(KINDS))
def test_it_is_never_less_than_the_maximum_and_no_more_than_round_off_above(
    seed: int, n: int, epsilon: float, kind: str
) -> None:
    g, h = subproblem(seed, n, epsilon, kind)
    said, reached = trust_region_maximum(g, h, epsilon), by_bisection(g, h, epsilon)
    assert reached <= said
    assert said <= reached + 1e-13 * (epsilon * np.linalg.norm(g) + epsilon**2 * np.abs(h).max())
    # Nor do points of the ball rise above it.
    around = np.random.default_rng(seed).standard_normal((200, n))
    around *= epsilon / np.linalg.norm(around, axis=1, keepdims=True)
    assert (around @ g + 0.5 * around**2 @ h).max() <= said


@settings(max_examples=40)
@given(seed=st.integers(0, 2**31), n=st.integers(2, 5), epsilon=RADII, kind=st.sampled_from(KINDS))
def test_it_is_that_of_a_general_solver(seed: int, n: int, epsilon: float, kind: str) -> None:
    g, h = subproblem(seed, n, epsilon, kind)
    size = epsilon * np.linalg.norm(g) + epsilon**2 * np.abs(h).max()
    b, c = epsilon * g / size, epsilon**2 * h / size  # on the unit ball

    def minus(t: Array) -> tuple[float, Array]:
        return -float(b @ t + 0.5 * (c * t) @ t), -(b + c * t)

    inside = {"type": "ineq", "fun": lambda t: 1 - t @ t, "jac": lambda t: -2 * t}
    best = 0.0
    for start in [*np.eye(n), *-np.eye(n), b / max(np.linalg.norm(b), 1e-300)]:
        found = minimize(
            minus, start, jac=True, constraints=[inside], method="SLSQP", options={"ftol": 1e-14, "maxiter": 300}
        )
        best = max(best, -minus(found.x / max(1.0, np.linalg.norm(found.x)))[0])
    assert trust_region_maximum(g, h, epsilon) / size == pytest.approx(best, abs=1e-5)


def test_cases_whose_maximum_is_known() -> None:
    zero, h = np.zeros(3), np.array([2.0, 2.0, -1.0])
    assert trust_region_maximum(zero, h, 0.5) == pytest.approx(0.25, rel=1e-12)  # hard, of multiplicity two
    assert trust_region_maximum(zero[2:], -h[2:], 0.5) == pytest.approx(0.125, rel=1e-12)
    assert trust_region_maximum(np.array([3.0, 4.0]), np.zeros(2), 2.0) == pytest.approx(10, rel=1e-12)
    inside = trust_region_maximum(np.array([1.0, -2.0]), np.array([-10.0, -20.0]), 1.0)
    assert inside == pytest.approx(1 / 20 + 4 / 40, rel=1e-12)
    # Hard: s = g/(h_max - h) = (0, 0.1), and the rest of the radius goes along the first axis.
    hard = trust_region_maximum(np.array([0.0, 0.3]), np.array([2.0, -1.0]), 1.0)
    assert hard == pytest.approx(0.03 - 0.005 + 0.99, rel=1e-12)
    assert trust_region_maximum(zero, zero, 1.0) == 0


@pytest.mark.parametrize("size", [1e-310, 1e-200, 1e-160, 1e150])
def test_what_is_so_small_or_large_that_squares_vanish_or_overflow(size: float) -> None:
    g, h = np.array([0.3, -0.2, 0.1]), np.array([0.5, -1.0, 0.2])
    said, known = trust_region_maximum(size * g, size * h, 0.7), trust_region_maximum(g, h, 0.7)
    assert known * size <= said * (1 + 1e-12)
    assert said <= (known * (1 + 1e-12) if size > 1e-280 else 10) * size
