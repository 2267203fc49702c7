"""Regularity: maxima are counted as they are, ways lie where they should, and measures equal closed forms."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import make_set, normal, numpy_loss, numpy_value_and_gradient, problem, sum_of_sines, tensor
from runs import ascend, ascent_on, starts_for, verdict

from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.constraint import L2Ball, L2Sphere
from foadv_gui.core.interruption import Interrupted
from foadv_gui.core.landscape import top_tangent_curvature
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.core.regularity import (
    SAME_ANGLE,
    ConcaveShare,
    concave_share,
    distinct_maxima,
    great_circle,
    nonlinearity,
    pairwise_angles,
    segment,
    similarity_order,
)


def on_sphere(directions: np.ndarray, epsilon: float = 1.0) -> np.ndarray:
    return epsilon * directions / np.linalg.norm(directions, axis=1, keepdims=True)


# ---- distinct maxima ----------------------------------------


@settings(max_examples=60)
@given(
    st.integers(0, 10_000),
    st.integers(1, 6),
    st.lists(st.integers(0, 5), min_size=1, max_size=24),
    st.sampled_from([1e-3, 1.0, 50.0]),
)
def test_maxima_are_counted_whatever_the_order_of_the_endpoints(
    seed: int, d: int, members: list[int], epsilon: float
) -> None:
    draw = np.random.default_rng(seed)
    # Six summits far from each other, also by their losses; endpoints scatter about them as those of a float32 run.
    summits = on_sphere(draw.standard_normal((6, d + 1)), epsilon)
    if np.sort(pairwise_angles(summits)[np.triu_indices(6, 1)])[0] < 0.05:
        return
    which = np.array(members)
    noise = draw.standard_normal((len(which), d + 1))
    noise *= 0.3 * SAME_ANGLE * epsilon / np.linalg.norm(noise, axis=1, keepdims=True)
    endpoints, losses = summits[which] + noise, 1.0 + 0.1 * which
    found = distinct_maxima(endpoints, losses, np.ones(len(which), bool), epsilon)
    counts = Counter(members)
    assert found.sizes.tolist() == [counts[i] for i in sorted(counts, reverse=True)]
    assert which[found.representatives].tolist() == sorted(counts, reverse=True)
    order = draw.permutation(len(which))
    again = distinct_maxima(endpoints[order], losses[order], np.ones(len(which), bool), epsilon)
    np.testing.assert_array_equal(again.cluster, found.cluster[order])


def test_endpoints_that_are_no_maximum_are_not_counted() -> None:
    points = on_sphere(normal(0, 4, 3).numpy())
    found = distinct_maxima(points, np.array([4.0, 3.0, 2.0, np.inf]), np.array([True, False, True, True]), 1.0)
    assert found.cluster.tolist() == [0, -1, 1, -1]
    none = distinct_maxima(points, np.ones(4), np.zeros(4, bool), 1.0)
    assert none.cluster.tolist() == [-1] * 4 and len(none.sizes) == len(none.representatives) == 0


def test_what_differs_in_loss_or_in_place_inside_the_ball_is_two() -> None:
    both = np.ones(2, bool)
    together = np.array([[1.0, 0.0], [1.0, 1e-5]])
    assert len(distinct_maxima(together, np.array([1.0, 1.1]), both, 1.0).sizes) == 2
    # On one ray no angle tells them apart.
    ray = np.array([[0.2, 0.0], [0.8, 0.0]])
    assert len(distinct_maxima(ray, np.ones(2), both, 1.0).sizes) == 2
    assert len(distinct_maxima(np.zeros((2, 2)), np.ones(2), both, 1.0).sizes) == 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_an_even_landscape_has_two_antipodal_maxima(dtype: torch.dtype) -> None:
    # f is odd about the clean input 0, so L = f^2/2 is even.
    objective = problem(24, 60, seed=3, gamma=0.0, y=0.0)
    constraint = L2Ball(0.4)
    starts = starts_for(constraint, 24, 24).to(dtype)
    run = ascend(ascent_on(objective.to(dtype=dtype), constraint, starts), starts, 600)
    ends = run.delta[-1].double()
    judged = [verdict(objective, constraint, end).local_maximum for end in run.delta[-1]]
    assert all(judged)
    found = distinct_maxima(ends.numpy(), run.measures["loss"][-1].numpy(), np.array(judged), 0.4)
    assert len(found.sizes) == 2 and found.sizes.min() > 0
    one, other = found.representatives
    assert pairwise_angles(ends.numpy())[one, other] == pytest.approx(math.pi, abs=2 * SAME_ANGLE)


def test_clustering_and_angles_can_be_interrupted() -> None:
    points = normal(0, 3, 2).numpy()
    with pytest.raises(Interrupted):
        distinct_maxima(points, np.ones(3), np.ones(3, bool), 1.0, lambda: True)
    with pytest.raises(Interrupted):
        pairwise_angles(points, lambda: True)


# ---- angles and their order ----------------------------------------


@given(st.floats(1e-12, math.pi), st.sampled_from([1e-200, 1e-3, 1.0, 1e200]))
def test_an_angle_is_exact_where_it_is_tiny_and_where_it_is_nearly_pi(theta: float, size: float) -> None:
    for angle in (theta, math.pi - theta):
        points = size * np.array([[1.0, 0.0, 0.0], [math.cos(angle), math.sin(angle), 0.0]])
        assert pairwise_angles(points)[0, 1] == pytest.approx(angle, rel=1e-12, abs=1e-15)


def test_angles_agree_with_the_arc_cosine_and_a_point_at_zero_has_none() -> None:
    points = normal(1, 80, 5).numpy()
    points[7] = 0
    angles = pairwise_angles(points)
    with np.errstate(invalid="ignore"):
        units = points / np.linalg.norm(points, axis=1, keepdims=True)
    expected = np.arccos(np.clip(units @ units.T, -1, 1))
    np.testing.assert_allclose(angles, expected, atol=1e-7)
    assert np.isnan(angles[7]).all() and np.isnan(angles[:, 7]).all() and np.isfinite(np.delete(angles[0], 7)).all()


def test_neighbours_in_the_order_are_similar_and_the_best_come_first() -> None:
    draw = np.random.default_rng(4)
    which = draw.permutation(np.repeat([0, 1, 2, 3], 5))
    # Poles 0 and 2 are near each other, and so are 1 and 3.
    poles = on_sphere(np.array([[1, 0, 0.0], [-1, 0, 0], [1, 0.2, 0], [-1, 0.2, 0]]))
    points = poles[which] + 1e-5 * draw.standard_normal((20, 3))
    order = similarity_order(pairwise_angles(points), which)
    assert sorted(order) == list(range(20))
    blocks = which[order].reshape(4, 5)
    assert (blocks == blocks[:, :1]).all()
    assert set(blocks[:2, 0]) == {0, 2}
    assert set(blocks[2:, 0]) == {1, 3}


def test_members_of_a_cluster_are_together_even_where_angles_say_otherwise() -> None:
    points = np.array([[1, 0], [0, 1], [1, 0.01], [0, 1.01], [0, 0]], float)
    order = similarity_order(pairwise_angles(points), np.array([0, 1, 1, 0, -1]))
    assert [1, 1, 0, 0] in [[[0, 1, 1, 0, -1][k] for k in order if k != 4][::step] for step in (1, -1)]
    assert sorted(order) == [0, 1, 2, 3, 4]


# ---- the way between two ----------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_segment_reads_the_loss_on_the_straight_way(activation: str) -> None:
    objective = problem(7, 20, activation, seed=1)
    start, end = normal(2, 7), normal(3, 7)
    shares, losses = segment(objective, start, end, 11)
    np.testing.assert_allclose(shares, np.linspace(0, 1, 11))
    points = start.numpy() + shares[:, None] * (end - start).numpy()
    np.testing.assert_allclose(losses, numpy_loss(objective, points), rtol=1e-10)


@given(st.integers(0, 1000), st.integers(2, 9), st.sampled_from([0.0, 1e-12, 1e-6, 0.3, 3.0, math.pi - 1e-6, math.pi]))
def test_a_great_circle_stays_on_the_sphere_and_meets_both_ends(seed: int, d: int, angle: float) -> None:
    draw = np.random.default_rng(seed)
    u, v = np.linalg.qr(draw.standard_normal((d, 2)))[0].T
    start, end = 0.3 * u, 0.3 * (math.cos(angle) * u + math.sin(angle) * v)
    objective = problem(d, 12, "sin", seed=seed)
    found, shares, losses = great_circle(objective, tensor(start), tensor(end), 9)
    assert found == pytest.approx(angle, abs=1e-9)
    ends = numpy_loss(objective, np.array([start, end]))
    np.testing.assert_allclose(losses[[0, -1]], ends, rtol=1e-7, atol=1e-12)
    if 1e-3 < angle < math.pi - 1e-3:
        points = 0.3 * (np.cos(shares * angle)[:, None] * u + np.sin(shares * angle)[:, None] * v)
        np.testing.assert_allclose(losses, numpy_loss(objective, points), rtol=1e-8, atol=1e-12)
    # L = delta_i^2/2 for each coordinate in turn tells where the points are.
    one, zero, linear = torch.ones(1, dtype=torch.float64), torch.zeros(d, dtype=torch.float64), ACTIVATIONS["linear"]
    axes = torch.eye(d, dtype=torch.float64)
    readers = [QuadraticAdversary(TwoLayerNetwork(axes[i : i + 1], one, linear), zero, 0.0) for i in range(d)]
    squares = sum(2 * great_circle(reader, tensor(start), tensor(end), 9)[2] for reader in readers)
    np.testing.assert_allclose(squares, 0.09, rtol=1e-9)


@pytest.mark.parametrize(("start", "end"), [([1.0, 0.0], [0.0, 0.9]), ([0.0, 0.0], [0.0, 0.0]), ([1.0], [-1.0])])
def test_no_great_circle_joins_what_is_not_on_one_sphere(start: list[float], end: list[float]) -> None:
    with pytest.raises(ValueError, match="sphere"):
        great_circle(problem(len(start), 3), tensor(start), tensor(end))


def test_a_float32_end_is_on_the_sphere_all_the_same() -> None:
    objective = problem(50, 20)
    ends = torch.from_numpy(on_sphere(normal(1, 2, 50).numpy(), 0.3)).float()
    angle, _, losses = great_circle(objective, ends[0], ends[1])
    np.testing.assert_allclose(losses[[0, -1]], numpy_loss(objective, ends.double().numpy()), rtol=1e-9)
    assert angle == pytest.approx(pairwise_angles(ends.double().numpy())[0, 1])


# ---- linearity and alignment ----------------------------------------


@pytest.mark.parametrize("y", [-1.0, 0.5])
def test_of_a_linear_network_both_are_known_exactly(y: float) -> None:
    # f = w.(x + delta): L - L(0) - <delta, grad L(0)> = (w.delta)^2/2; grad L is w times the residual.
    objective = problem(6, 9, "linear", seed=2, y=y)
    constraint = L2Ball(2.0)
    w = objective.network.a.numpy() @ objective.network.W.numpy()
    extra = on_sphere(np.stack([w, -w]), 2.0)
    found = nonlinearity(objective, constraint, tensor(extra), points=200, seed=3)
    assert found.remainder == pytest.approx(0.5 * (2 * np.linalg.norm(w)) ** 2)
    r = w @ objective.x.numpy() - y
    assert found.gain == pytest.approx(2 * abs(r) * np.linalg.norm(w))
    assert found.relative == pytest.approx(found.remainder / found.gain)
    assert (found.points, found.aligned, found.extra) == (200, 200, 2)
    # By hand over the same points: 0 where the residual keeps its sign, 2 where it does not.
    draw = np.random.default_rng([3, 11])
    normals, uniforms = draw.standard_normal((200, 6)), draw.random(200)
    deltas = on_sphere(normals, 2.0) * uniforms[:, None] ** (1 / 6)
    away = np.where(np.sign(r + deltas @ w) == np.sign(r), 0.0, 2.0)
    assert 0 < away.mean() < 2
    assert found.misalignment == pytest.approx(away.mean(), abs=1e-12)
    assert found.misalignment_error == pytest.approx(away.std(ddof=1) / 200**0.5)


def test_of_one_sine_the_remainder_is_its_maximum_over_the_interval() -> None:
    objective = sum_of_sines([0.4])
    found = nonlinearity(objective, L2Ball(0.8), torch.empty(0, 1, dtype=torch.float64), points=4000)
    delta = np.linspace(-0.8, 0.8, 100_001)
    slope = math.sin(0.4) * math.cos(0.4)
    exact = np.abs(0.5 * np.sin(0.4 + delta) ** 2 - 0.5 * math.sin(0.4) ** 2 - slope * delta).max()
    assert exact * 0.99 < found.remainder <= exact
    assert found.gain == pytest.approx(0.8 * slope)


@pytest.mark.parametrize("name", ["l2-ball", "l2-sphere", "linf-ball"])
@pytest.mark.parametrize("seed", [None, 5])
def test_random_points_lie_in_the_set_and_the_measures_are_theirs(name: str, seed: int | None) -> None:
    objective, constraint = problem(5, 12, "gelu", seed=4), make_set(name, 0.7, 5, seed)
    found = nonlinearity(objective, constraint, torch.empty(0, 5, dtype=torch.float64), points=40, seed=1)
    draw = np.random.default_rng([1, 11])
    normals, uniforms = tensor(draw.standard_normal((40, 5))), tensor(draw.random(40))
    deltas = constraint.project(constraint.sample(normals, uniforms, surface=name == "l2-sphere")).numpy()
    _, g0 = numpy_value_and_gradient(objective, np.zeros(5))
    linear = numpy_loss(objective, np.zeros(5)) + deltas @ g0
    assert found.remainder == pytest.approx(np.abs(numpy_loss(objective, deltas) - linear).max())
    gradients = np.stack([numpy_value_and_gradient(objective, delta)[1] for delta in deltas])
    cosines = gradients @ g0 / (np.linalg.norm(gradients, axis=1) * np.linalg.norm(g0))
    assert found.misalignment == pytest.approx((1 - cosines).mean())
    assert found.gain >= (deltas @ g0).max()


def test_where_the_clean_gradient_vanishes_nothing_can_be_aligned_with_it() -> None:
    objective = problem(4, 8, seed=0, y=0.0, gamma=0.0)
    found = nonlinearity(objective, L2Sphere(0.5), normal(0, 1, 4), points=30)
    assert found.misalignment is None and found.misalignment_error is None and found.relative is None
    assert (found.aligned, found.gain) == (0, 0)
    assert found.remainder > 0


def test_measures_are_seeded_and_can_be_interrupted() -> None:
    objective, constraint, none = problem(), L2Ball(0.5), torch.empty(0, 5, dtype=torch.float64)
    assert nonlinearity(objective, constraint, none, seed=1) == nonlinearity(objective, constraint, none, seed=1)
    assert nonlinearity(objective, constraint, none, seed=1) != nonlinearity(objective, constraint, none, seed=2)
    with pytest.raises(Interrupted):
        nonlinearity(objective, constraint, none, interrupted=lambda: True)
    with pytest.raises(Interrupted):
        concave_share(objective, 0.5, interrupted=lambda: True)


# ---- the concave share ----------------------------------------


@pytest.mark.parametrize(("d", "gamma"), [(6, 0.2), (60, 0.01)])
def test_the_share_is_that_of_a_dense_eigenvalue_at_each_point(d: int, gamma: float) -> None:
    objective, epsilon, steps = problem(d, 90, seed=5, gamma=gamma), 0.5 * gamma, 24
    found = concave_share(objective, epsilon, points=48, seed=7, steps=steps)
    deltas = on_sphere(np.random.default_rng([7, 12]).standard_normal((48, d)), epsilon)
    tops = []
    for delta in tensor(deltas):
        basis = torch.linalg.svd(delta[None])[2][1:]
        multiplier = float(delta @ objective.evaluate(delta).gradient) / epsilon**2
        tops.append(float(torch.linalg.eigvalsh(basis @ objective.hessian(delta) @ basis.T)[-1]) - multiplier)
    truly = int(np.sum(np.array(tops) < 0))
    assert 0 < truly < 48
    # From below: what is refused is not concave.
    found_tops = top_tangent_curvature(objective, epsilon, tensor(deltas), steps).numpy()
    assert (found_tops <= np.array(tops) + 1e-9).all()
    assert truly <= found.concave <= truly + (0 if d <= steps else 2)
    assert found.points == 48


def test_an_almost_linear_loss_is_concave_on_the_half_of_the_sphere_that_faces_uphill() -> None:
    found = concave_share(problem(5, 40, seed=1, gamma=1e-4), 3e-5, points=400)
    assert abs(found.share - 0.5) < 4 * found.error
    assert found.error == pytest.approx(0.5 / 20, rel=0.02)


def test_a_share_of_all_or_none_has_an_error_too() -> None:
    # Of 64 points that agree, the share that they say nothing of is about 1/64.
    assert [ConcaveShare(0, 64).error, ConcaveShare(64, 64).error] == pytest.approx([0.015] * 2, abs=0.001)
    assert ConcaveShare(16, 64).share == 0.25


def test_nothing_curves_on_two_points_or_without_second_derivatives() -> None:
    with pytest.raises(ValueError, match="two points"):
        concave_share(problem(1, 4), 0.5)
    with pytest.raises(NoCurvatureError):
        concave_share(problem(5, 9, "relu"), 0.5)
