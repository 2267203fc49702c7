"""Tangent cones and spaces of ball and box against NNLS; projections on an arc, where every point can be seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import (
    CONSTRAINT_NAMES,
    Array,
    bounds_of,
    boxed,
    dimensions,
    draw_set,
    is_l2,
    is_member,
    make_set,
    normal,
    normal_cone_part,
    numpy_project,
    outside_points,
    reaches,
    seeds,
    slsqp_over_ball,
    tensor,
)

from foadv_gui.core.constraint import ConstraintSet, L2Ball, L2Sphere, LinfBall

BOXES = [None, 3]
CONVEX = ["l2-ball", "linf-ball"]


def circle_points(constraint: ConstraintSet, n: int = 200_001) -> Array:
    angles = np.linspace(0, 2 * np.pi, n)
    points = constraint.epsilon * np.column_stack([np.cos(angles), np.sin(angles)])
    return points[is_member(constraint, points)]


@pytest.mark.parametrize("seed", range(12))
def test_projection_on_an_arc_is_the_nearest_point_of_the_arc(seed: int) -> None:
    # Two dimensions, where everything can be looked at. The set is not convex: from a quadrant whose corner lies inside
    # the circle a feasible point is promised, but not the nearest.
    constraint = draw_arc(seed)
    lower, upper = bounds_of(constraint, 2)
    arc = circle_points(constraint)
    for point in 1.5 * normal(seed, 30, 2):
        projected = constraint.project(point).numpy()
        assert is_member(constraint, projected)
        assert np.linalg.norm(projected) == pytest.approx(1, abs=1e-12)
        if np.linalg.norm(np.where(point > 0, upper, lower)) > 1:
            nearest = np.linalg.norm(arc - point.numpy(), axis=1).min()
            assert np.linalg.norm(projected - point.numpy()) <= nearest + 1e-9


def test_a_corner_on_the_sphere_up_to_round_off_is_not_left_for_the_other_side() -> None:
    box = (tensor([-1.0, -1.0, -1.0]), tensor([0.6, 0.8, 1.0]))
    for epsilon in (1 - 1e-16, 1.0, 1 + 2e-16):
        for kind in (L2Ball, L2Sphere):
            for v in (tensor([3.0, 4.0, 0.0]), tensor([30.0, 4.0, 0.0]), tensor([0.6, 0.8, 0.0])):
                np.testing.assert_allclose(kind(epsilon, box).project(v), [0.6, 0.8, 0.0], atol=1e-14)


@pytest.mark.parametrize("epsilon", [0.05, 0.4, 0.9])
def test_an_image_of_thousands_of_pixels_is_projected_by_a_few_passes(
    epsilon: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Between black and white: a quarter of the pixels are at one of them. Bisection on the multiplier is the truth.
    d, passes = 4032, []
    pixels = np.random.default_rng(3).uniform(-0.3, 1.2, d).clip(0, 1)
    length = np.linalg.norm(pixels)
    constraint = L2Ball(epsilon, (tensor(-pixels / length), tensor((1 - pixels) / length)))
    v = tensor(np.random.default_rng(4).laplace(size=(3, d)) * [[0.02], [0.1], [30.0]])
    compare = torch.lt
    monkeypatch.setattr(torch, "lt", lambda *both, out: passes.append(1) or compare(*both, out=out))
    found = constraint.project(v).numpy()
    assert 2 < len(passes) < 20
    for point, projected in zip(v.numpy(), found, strict=True):
        np.testing.assert_allclose(projected, numpy_project(constraint, point), rtol=0, atol=1e-12)


@settings(max_examples=40)
@given(d=st.integers(2, 8), seed=seeds, reach=reaches)
def test_the_projection_on_ball_and_box_is_the_nearest_point(d: int, seed: int, reach: float) -> None:
    constraint = draw_set("l2-ball", 1.0, d, seed, True)
    v = outside_points(constraint, seed, 1, d, reach)[0].numpy()
    projected = constraint.project(tensor(v)).numpy()
    nearest = slsqp_over_ball(constraint, lambda z: (0.5 * float((z - v) @ (z - v)), z - v), projected)
    assert is_member(constraint, projected)
    # Variationally: no member lies beyond the plane through the projection that v looks at.
    assert (nearest - projected) @ (v - projected) <= 1e-10 * (1 + np.abs(v).max())
    np.testing.assert_allclose(projected, numpy_project(constraint, v), rtol=0, atol=1e-10)


def test_an_image_whose_corner_is_too_near_crosses_to_the_sphere_cheapest_first() -> None:
    # By hand: the free side of each coordinate, the loss of <delta, v> per gain in length, one after the other.
    d, epsilon = 600, 1.0
    generator = np.random.default_rng(5)
    near, far = generator.uniform(0.001, 0.03, d), generator.uniform(0.05, 0.08, d)
    v = generator.uniform(0.1, 1, d)
    found = L2Sphere(epsilon, (tensor(-far), tensor(near))).project(tensor(v)).numpy()
    price = v * (near + far) / (far**2 - near**2)
    expected, missing = near.copy(), epsilon**2 - float(near @ near)
    for i in np.argsort(price):
        taken = min(missing, far[i] ** 2 - near[i] ** 2)
        if taken > 0:
            expected[i] = -np.sqrt(near[i] ** 2 + taken)
        missing -= taken
    np.testing.assert_allclose(found, expected, atol=1e-12)


def draw_arc(seed: int) -> L2Sphere:
    generator = np.random.default_rng(seed)
    while True:
        lower, upper = -generator.uniform(0, 1.2, 2), generator.uniform(0, 1.2, 2)
        if np.hypot(*np.maximum(-lower, upper)) > 1:
            return L2Sphere(1.0, (tensor(lower), tensor(upper)))


# -------------------------------------------------------------------------------------------- tangent cones


def outward_normals(constraint: ConstraintSet, delta: Array) -> Array:
    """The normals of the active constraints at a point, a row each; both ways for the sphere, an equality."""
    lower, upper = bounds_of(constraint, len(delta))
    slack = 1e-10 * constraint.epsilon
    rows = [row for row, at in zip(np.eye(len(delta)), delta >= upper - slack, strict=True) if at]
    rows += [-row for row, at in zip(np.eye(len(delta)), delta <= lower + slack, strict=True) if at]
    if is_l2(constraint) and np.linalg.norm(delta) >= constraint.epsilon - slack:
        rows.append(delta)
        if type(constraint).__name__ == "L2Sphere":
            rows.append(-delta)
    return np.array(rows).reshape(-1, len(delta))


@settings(max_examples=150)
@given(name=st.sampled_from(CONSTRAINT_NAMES), d=st.integers(2, 12), seed=seeds, reach=reaches)
def test_the_tangential_part_in_a_box_is_the_projection_on_the_tangent_cone(
    name: str, d: int, seed: int, reach: float
) -> None:
    constraint = draw_set(name, 1.0, d, seed, True)
    delta = constraint.project(outside_points(constraint, seed, 4, d, reach))
    G = normal(seed + 7, 4, d)
    tangents, boundary = constraint.tangential_part(delta, G)
    for point, g, tangent, on_boundary in zip(delta.numpy(), G.numpy(), tangents.numpy(), boundary, strict=True):
        rows = outward_normals(constraint, point)
        np.testing.assert_allclose(tangent, g - normal_cone_part(rows, g), atol=1e-9)
        if not on_boundary:
            np.testing.assert_array_equal(tangent, g)


@pytest.mark.parametrize("constraint", [L2Ball(1.5), L2Sphere(1.5)])
def test_the_tangential_part_on_a_sphere_is_orthogonal_to_it(constraint: ConstraintSet) -> None:
    delta, g = constraint.project(9 * normal(1, 7, 5)), normal(2, 7, 5)
    tangent, boundary = constraint.tangential_part(delta, g)
    assert bool(boundary.all())
    for point, slope, part in zip(delta, g, tangent, strict=True):
        P = torch.eye(5, dtype=torch.float64) - torch.outer(point, point) / (point @ point)
        torch.testing.assert_close(part, P @ slope, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("box", BOXES)
def test_inside_a_set_every_direction_is_tangential(name: str, box: int | None) -> None:
    constraint = make_set(name, 1.0, 5, box)
    delta, g = 0.05 * normal(1, 6, 5).clamp(-1, 1), normal(2, 6, 5)
    tangent, boundary = constraint.tangential_part(delta, g)
    assert torch.equal(tangent, g)
    assert not boundary.any()


@settings(max_examples=100)
@given(name=st.sampled_from(CONSTRAINT_NAMES), d=dimensions, seed=seeds, reach=reaches, boxed=boxed)
def test_the_tangential_part_vanishes_where_the_projection_does_not_move(
    name: str, d: int, seed: int, reach: float, boxed: bool
) -> None:
    constraint = draw_set(name, 1.0, d, seed, boxed)
    v = outside_points(constraint, seed, 4, d, reach)
    p = constraint.project(v)
    tangent, _ = constraint.tangential_part(p, v - p)
    if name == "l2-sphere" and boxed:
        lower, upper = constraint.box
        corner = torch.linalg.vector_norm(torch.where(v > 0, upper, lower), dim=-1)
        tangent = tangent[corner > 1]  # beyond, the nearest point is not known to be stationary
    assert float(tangent.abs().max() if tangent.numel() else 0) <= 1e-10 * float(1 + v.abs().max())


def test_the_multiplier_of_a_ball_has_the_sign_of_the_outward_gradient() -> None:
    delta = tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 0.2]])
    g = tensor([[0.1, 1.0], [0.1, -1.0], [0.1, -1.0]])
    assert L2Ball(1.0).points_outward(delta, g).tolist() == [True, False, True]  # the last is inside
    assert L2Sphere(1.0).points_outward(delta, g).all()
    assert LinfBall(1.0).points_outward(delta, g).all()


# ------------------------------------------------------------------------------------------- tangent spaces


def test_the_tangent_space_of_a_sphere_is_everything_but_its_normal() -> None:
    delta = L2Ball(2.0).project(9 * normal(1, 5))
    space = L2Ball(2.0).tangent_space(delta, 3 * delta)
    assert space.boundary
    assert space.strict
    assert space.free.all()
    torch.testing.assert_close(space.normal, delta / 2)
    assert space.multiplier == pytest.approx(3)


def test_inside_the_ball_the_tangent_space_is_everything() -> None:
    space = L2Ball(2.0).tangent_space(tensor([0.1, 0.2]), tensor([1.0, 0.0]))
    assert not space.boundary
    assert space.normal is None
    assert space.multiplier == 0


def test_a_vertex_and_an_edge_of_the_cube() -> None:
    g = tensor([1.0, -2.0, 0.0])
    vertex = LinfBall(0.5).tangent_space(tensor([0.5, -0.5, 0.5]), tensor([1.0, -2.0, 3.0]))
    assert not vertex.free.any()
    assert vertex.strict
    edge = LinfBall(0.5).tangent_space(tensor([0.5, -0.5, 0.1]), g)
    assert edge.free.tolist() == [False, False, True]
    pulled_off = LinfBall(0.5).tangent_space(tensor([0.5, -0.5, 0.1]), -g)
    assert pulled_off.free.all()


def test_faces_of_a_box_hold_coordinates_of_the_sphere() -> None:
    # delta = (0.6, 0.8) with the first coordinate on the box's face: g = lambda delta + nu e_1.
    box = (tensor([-1.0, -1.0, -1.0]), tensor([0.6, 1.0, 1.0]))
    delta = tensor([0.6, 0.8, 0.0])
    for kind in (L2Ball, L2Sphere):
        space = kind(1.0, box).tangent_space(delta, 2 * delta + tensor([0.5, 0.0, 0.0]))
        assert space.free.tolist() == [False, True, True]
        torch.testing.assert_close(space.normal, tensor([0.0, 1.0, 0.0]))
        assert space.multiplier == pytest.approx(2)
        assert space.strict


def test_a_face_that_hardly_holds_is_not_strict() -> None:
    box = (tensor([-1.0, -1.0]), tensor([0.6, 1.0]))
    delta = tensor([0.6, 0.8])
    assert not L2Ball(1.0, box).tangent_space(delta, 2 * delta + tensor([1e-12, 0.0])).strict
    assert not LinfBall(0.5).tangent_space(tensor([0.5, 0.5]), tensor([1.0, 1e-12])).strict


def test_a_ball_that_does_not_hold_the_point_is_not_strict() -> None:
    # A zero gradient on the boundary: the multiplier vanishes and first order says nothing about going inwards.
    delta = tensor([0.0, 1.0])
    assert not L2Ball(1.0).tangent_space(delta, torch.zeros(2, dtype=torch.float64)).strict
