"""The local-maximum test never contradicts an exhaustive search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from problems import (
    NUMPY_ACTIVATIONS,
    Array,
    is_member,
    make_set,
    normal,
    numpy_loss,
    numpy_value_and_gradient,
    problem,
    seeds,
    tensor,
)
from runs import CURVED, verdict
from scipy.linalg import null_space
from scipy.optimize import brentq, root

from foadv_gui.core.ascent import ProjectedGradientAscent, ZeroGradientError, relative_step
from foadv_gui.core.constraint import L2Ball, L2Sphere

if TYPE_CHECKING:
    from foadv_gui.core.objective import QuadraticAdversary

networks = st.fixed_dictionaries(
    {
        "activation": st.sampled_from(CURVED),
        "seed": st.integers(0, 10_000),
        "gamma": st.floats(-3, 1).map(lambda power: 10**power),
        "m": st.sampled_from([1, 4, 12, 30]),
        "y": st.sampled_from([-2.0, 0.0, 1.0]),
    }
)


def slope_along_circle(objective: QuadraticAdversary, epsilon: float, angle: Array) -> Array:
    """The derivative dL/dangle at delta = epsilon (cos angle, sin angle), for all angles at once."""
    sigma, first = NUMPY_ACTIVATIONS[objective.network.activation.name]
    W, a = objective.network.W.numpy(), objective.network.a.numpy()
    direction = np.stack([np.cos(angle), np.sin(angle)], -1)
    p = (objective.x.numpy() + epsilon * direction) @ W.T
    tangent = np.stack([-np.sin(angle), np.cos(angle)], -1)
    return epsilon * (sigma(p) @ a - objective.y) * (((first(p) * a) @ W) * tangent).sum(-1)


def critical_angles(objective: QuadraticAdversary, epsilon: float) -> list[tuple[float, float]]:
    """Every angle at which L is stationary on the circle (found by its changes of sign), with L'' there."""

    def slope(angle: float) -> float:
        return float(slope_along_circle(objective, epsilon, np.array(angle)))

    angles = np.linspace(0, 2 * np.pi, 1441)
    slopes = slope_along_circle(objective, epsilon, angles)
    found = []
    for i in np.flatnonzero(slopes[:-1] * slopes[1:] < 0):
        angle = brentq(slope, angles[i], angles[i + 1], xtol=1e-15, rtol=1e-15)
        found.append((angle, (slope(angle + 1e-5) - slope(angle - 1e-5)) / 2e-5))
    return found


@settings(max_examples=120)
@given(network=networks)
def test_on_the_circle_it_finds_every_maximum_and_no_other_point(network: dict) -> None:
    objective, epsilon = problem(2, **network), 0.4 * network["gamma"]
    for angle, curvature in critical_angles(objective, epsilon):
        delta = epsilon * np.array([np.cos(angle), np.sin(angle)])
        _, g = numpy_value_and_gradient(objective, delta)
        scale = epsilon * np.linalg.norm(g)
        if scale < 1e-6 or abs(curvature) < 1e-5 * scale:
            continue  # too flat for differences to tell
        on_sphere = verdict(objective, L2Sphere(epsilon), delta)
        assert on_sphere.stationary
        assert on_sphere.boundary
        assert on_sphere.local_maximum is (curvature < 0)
        outwards = float(g @ delta)
        in_ball = verdict(objective, L2Ball(epsilon), delta)
        assert in_ball.stationary is (outwards > 0)
        assert in_ball.local_maximum is (curvature < 0 and outwards > 0)
        # d^2 L/d angle^2 = epsilon^2 (mu - lambda), with lambda = <delta, g>/epsilon^2.
        assert on_sphere.multiplier == pytest.approx(outwards / epsilon**2, rel=1e-9)
        measured = epsilon**2 * (on_sphere.tangent_eigenvalue_max - on_sphere.multiplier)
        assert measured == pytest.approx(curvature, rel=1e-4, abs=1e-5 * scale)


@settings(max_examples=120)
@given(network=networks, rho=st.floats(0.05, 1.5), name=st.sampled_from(["l2-ball", "l2-sphere"]), seed=seeds)
def test_where_an_ascent_ends_on_the_circle_a_claimed_maximum_is_one_of_those_that_there_are(
    network: dict, rho: float, name: str, seed: int
) -> None:
    objective = problem(2, **network)
    constraint = make_set(name, rho * network["gamma"], 2)
    tolerance = [1e-5, 1e-6, 1e-8][seed % 3]
    ascent = ProjectedGradientAscent(objective, constraint, "normalized", 0.3 * constraint.epsilon, tolerance)
    *_, last = ascent.blocks(constraint.project(constraint.epsilon * normal(seed, 4, 2)), 60)
    maxima = np.array([angle for angle, bend in critical_angles(objective, constraint.epsilon) if bend < 0])
    for delta in last.delta[-1]:
        found = verdict(objective, constraint, delta)
        if not found.local_maximum or not found.boundary:
            continue
        off = np.abs(np.exp(1j * (maxima - np.arctan2(*delta.numpy()[::-1]))) - 1).min()
        assert constraint.epsilon * off <= 2 * found.newton_distance + 1e-9 * constraint.epsilon


@pytest.mark.parametrize(
    ("seed", "epsilon", "near"),
    [(1, 2.554235580, 4.3383), (9, 2.568030610, 1.3770), (11, 2.374472593, 1.9638), (30, 0.489447032, 1.2600)],
)
def test_where_a_maximum_is_only_about_to_appear_none_is_claimed(seed: int, epsilon: float, near: float) -> None:
    # A little larger, and the circle would have a maximum and a minimum more: here L only almost stops to rise.
    objective = problem(2, 12, seed=seed, gamma=4.0, y=0.3)
    angles = near + np.linspace(-1e-3, 1e-3, 81)
    slopes = slope_along_circle(objective, epsilon, angles)
    assert (slopes > 0).all() or (slopes < 0).all()
    ends = [verdict(objective, L2Ball(epsilon), epsilon * np.array([np.cos(angle), np.sin(angle)])) for angle in angles]
    assert not any(end.local_maximum for end in ends)
    # By gradient and curvature alone half of them would be strict maxima.
    assert sum(end.stationary and end.tangent_eigenvalue_max < end.multiplier for end in ends) > 20


def critical_points(objective: QuadraticAdversary, epsilon: float, seed: int) -> list[Array]:
    """Points of the sphere with g = lambda delta: maxima, minima and saddles, by root finding from random starts."""
    d = objective.dimension

    def residual(unknown: Array) -> Array:
        delta, multiplier = epsilon * unknown[:d], unknown[d]
        _, g = numpy_value_and_gradient(objective, delta)
        return np.append(epsilon * g - multiplier * unknown[:d], unknown[:d] @ unknown[:d] - 1)

    found: list[Array] = []
    for start in np.random.default_rng(seed).standard_normal((6, d)):
        start /= np.linalg.norm(start)
        _, g = numpy_value_and_gradient(objective, epsilon * start)
        solution = root(residual, np.append(start, epsilon * g @ start), tol=1e-14)
        delta = epsilon * solution.x[:d] / np.linalg.norm(solution.x[:d])
        if np.abs(residual(solution.x)).max() > 1e-11:
            continue
        if all(np.linalg.norm(delta - other) > 1e-5 * epsilon for other in found):
            found.append(delta)
    return found


def curvatures_on_sphere(objective: QuadraticAdversary, delta: Array) -> Array:
    """Eigenvalues of the Hessian of L along the sphere, by differences along great circles: epsilon^2 (mu - lambda)."""
    epsilon = np.linalg.norm(delta)
    basis, h = null_space(delta[None]), 1e-3

    def loss(s: Array) -> Array:
        moved = delta / epsilon + s @ basis.T
        return numpy_loss(objective, epsilon * moved / np.linalg.norm(moved, axis=-1, keepdims=True))

    n = basis.shape[1]
    H = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            s = h * np.array([np.eye(n)[i] + np.eye(n)[j], np.eye(n)[i] - np.eye(n)[j]])
            pp, pm, mp, mm = loss(np.array([s[0], s[1], -s[1], -s[0]]))
            H[i, j] = (pp - pm - mp + mm) / (4 * h * h)
    return np.linalg.eigvalsh(H)


@settings(max_examples=60)
@given(network=networks)
def test_on_the_sphere_it_agrees_with_differences_and_with_every_neighbour(network: dict) -> None:
    objective, epsilon = problem(3, **network), 0.4 * network["gamma"]
    generator = np.random.default_rng(network["seed"])
    for delta in critical_points(objective, epsilon, network["seed"]):
        _, g = numpy_value_and_gradient(objective, delta)
        scale = epsilon * np.linalg.norm(g)
        curvatures = curvatures_on_sphere(objective, delta)
        if scale < 1e-4 or np.abs(curvatures).min() < 1e-3 * scale:
            continue  # too flat for differences to tell
        outwards = float(g @ delta) > 0
        on_sphere, in_ball = verdict(objective, L2Sphere(epsilon), delta), verdict(objective, L2Ball(epsilon), delta)
        assert on_sphere.local_maximum is bool(curvatures[-1] < 0)
        assert in_ball.local_maximum is bool(curvatures[-1] < 0 and outwards)
        around = delta + 3e-3 * epsilon * generator.standard_normal((400, 3))
        lengths = np.linalg.norm(around, axis=1, keepdims=True)
        here = numpy_loss(objective, delta) + 1e-9 * scale  # round-off; the neighbours differ by 1e-7 and more
        higher_on_sphere = numpy_loss(objective, epsilon * around / lengths) > here
        higher_in_ball = numpy_loss(objective, around * np.minimum(1, epsilon / lengths)) > here
        along_radius = numpy_loss(objective, delta * np.array([[0.99], [1.0], [1.01]]))
        bend = max(np.abs(curvatures).max(), abs(np.diff(along_radius, 2).item()) / 1e-4)
        # Elsewhere the neighbourhood that first and second order speak of is smaller than the one looked at.
        if np.abs(curvatures).min() > 0.05 * scale and bend < 20 * scale:
            assert on_sphere.local_maximum is not bool(higher_on_sphere.any())
            assert in_ball.local_maximum is not bool(higher_in_ball.any())


@settings(max_examples=30)
@given(network=networks, name=st.sampled_from(["l2-ball", "linf-ball"]), seed=st.integers(0, 1000))
def test_on_faces_of_a_box_no_neighbour_is_higher_than_what_it_calls_a_maximum(
    network: dict, name: str, seed: int
) -> None:
    objective, epsilon = problem(3, **network), 0.3 * network["gamma"]
    constraint = make_set(name, epsilon, 3, seed)
    starts = constraint.project(normal(seed, 2, 3) * epsilon)
    try:
        eta = relative_step(0.3, "gradient", objective, constraint, starts)
    except ZeroGradientError:  # erf of a large argument is 1 to the last bit
        assume(False)
    ascent = ProjectedGradientAscent(objective, constraint, "gradient", eta, 1e-12)
    blocks = list(ascent.blocks(starts, 2000))
    iterates = torch.cat([block.delta for block in blocks])
    generator = np.random.default_rng(seed)
    for k, t in enumerate(blocks[-1].converged_at):
        delta = iterates[t, k]
        _, g = numpy_value_and_gradient(objective, delta.numpy())
        if t < 0 or np.linalg.norm(g) < 1e-10:  # a ratio of round-off says nothing
            continue
        found = verdict(objective, constraint, delta)
        assert found.stationary
        around = constraint.project(delta + 1e-3 * epsilon * tensor(generator.standard_normal((500, 3)))).numpy()
        assert is_member(constraint, around).all()
        margin = 1e-13 * (1 + numpy_loss(objective, delta.numpy()))
        if found.local_maximum:
            assert (numpy_loss(objective, around) <= numpy_loss(objective, delta.numpy()) + margin).all()
