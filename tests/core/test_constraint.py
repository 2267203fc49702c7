"""Projections and support functions, against SLSQP, linear programming and their own definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import (
    CONSTRAINT_NAMES,
    bounds_of,
    boxed,
    dimensions,
    draw_set,
    is_l2,
    is_member,
    make_set,
    normal,
    numpy_project,
    outside_points,
    radii,
    reaches,
    seeds,
    slsqp_over_ball,
    tensor,
)
from scipy.optimize import linprog

from foadv_gui.core.constraint import CONSTRAINTS, L2Ball, L2Sphere, LinfBall, boundary_tolerance

BOXES = [None, 3]
CONVEX = ["l2-ball", "linf-ball"]


# ------------------------------------------------------------------------------------------------- projections


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("d", [1, 2, 5, 16])
def test_projection_is_what_slsqp_finds(name: str, box: int | None, d: int) -> None:
    constraint = make_set(name, 0.7, d, box)
    v = torch.cat([outside_points(constraint, 1, 5, d, 3.0), outside_points(constraint, 2, 3, d, 0.7)])
    for point, projected in zip(v.numpy(), constraint.project(v).numpy(), strict=True):
        found = slsqp_over_ball(
            constraint, lambda z, point=point: (0.5 * (z - point) @ (z - point), z - point), np.zeros(d)
        )
        np.testing.assert_allclose(projected, found, atol=2e-6)
        # Never farther than what SLSQP found, which is feasible to about 1e-12 only.
        assert np.linalg.norm(projected - point) <= np.linalg.norm(found - point) + 1e-9


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("d", [2, 7, 40])
def test_projection_is_what_bisection_finds_to_round_off(name: str, box: int | None, d: int) -> None:
    constraint = make_set(name, 1.3, d, box)
    v = outside_points(constraint, 5, 40, d, 2.0)
    if name == "l2-sphere" and box is not None:
        # Only where the sphere can be reached without a change of sign.
        corner = np.where(v.numpy() > 0, *[bound.numpy() for bound in constraint.box[::-1]])
        v = v[tensor(np.linalg.norm(corner, axis=1)) > 1.3]
        assert len(v) > 5
    for point, projected in zip(v.numpy(), constraint.project(v).numpy(), strict=True):
        np.testing.assert_allclose(projected, numpy_project(constraint, point), atol=1e-13)


@settings(max_examples=150)
@given(name=st.sampled_from(CONSTRAINT_NAMES), d=dimensions, seed=seeds, reach=reaches, epsilon=radii, boxed=boxed)
def test_projections_are_feasible_and_change_nothing_the_second_time(
    name: str, d: int, seed: int, reach: float, epsilon: float, boxed: bool
) -> None:
    constraint = draw_set(name, epsilon, d, seed, boxed)
    projected = constraint.project(outside_points(constraint, seed, 6, d, reach))
    assert is_member(constraint, projected.numpy()).all()
    lower, upper = bounds_of(constraint, d)
    assert (projected.numpy() >= lower).all()  # a box is kept to the bit
    assert (projected.numpy() <= upper).all()
    if name == "l2-sphere":
        np.testing.assert_allclose(torch.linalg.vector_norm(projected, dim=-1), epsilon, rtol=1e-12)
    again = constraint.project(projected)
    torch.testing.assert_close(again, projected, rtol=0, atol=1e-13 * epsilon)


@settings(max_examples=100)
@given(name=st.sampled_from(CONVEX), d=dimensions, seed=seeds, reach=reaches, boxed=boxed)
def test_projections_on_convex_sets_bring_no_two_points_apart(
    name: str, d: int, seed: int, reach: float, boxed: bool
) -> None:
    constraint = draw_set(name, 1.0, d, seed, boxed)
    v, w = outside_points(constraint, seed, 6, d, reach), outside_points(constraint, seed + 1, 6, d, reach)
    before = torch.linalg.vector_norm(v - w, dim=-1)
    after = torch.linalg.vector_norm(constraint.project(v) - constraint.project(w), dim=-1)
    assert bool((after <= before * (1 + 1e-12)).all())


@settings(max_examples=100)
@given(name=st.sampled_from(CONVEX), d=dimensions, seed=seeds, reach=reaches, boxed=boxed)
def test_projections_on_convex_sets_satisfy_the_variational_inequality(
    name: str, d: int, seed: int, reach: float, boxed: bool
) -> None:
    # p is the projection of v iff <v - p, z - p> <= 0 for every z of the set.
    constraint = draw_set(name, 1.0, d, seed, boxed)
    v = outside_points(constraint, seed, 4, d, reach)
    p = constraint.project(v).numpy()
    generator = np.random.default_rng(seed)
    lower, upper = (np.clip(bound, -1, 1) for bound in bounds_of(constraint, d))
    z = generator.uniform(lower, upper, (400, d))
    # Feasible by construction: a box around 0 shrunk towards 0.
    z *= np.minimum(1, 1 / np.linalg.norm(z, axis=1, keepdims=True)) if is_l2(constraint) else 1
    assert is_member(constraint, z).all()
    for point, projected in zip(v.numpy(), p, strict=True):
        assert ((z - projected) @ (point - projected)).max() <= 1e-11 * max(1, np.linalg.norm(point - projected))


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("box", BOXES)
def test_points_of_the_set_stay_where_they_are_to_the_bit(name: str, box: int | None) -> None:
    constraint = make_set(name, 1.0, 6, box)
    inside = 0.3 * constraint.project(normal(1, 20, 6))
    assert torch.equal(constraint.project(inside), inside)
    assert not constraint.project(torch.zeros(6, dtype=torch.float64)).any()


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("box", BOXES)
def test_a_batch_is_projected_point_by_point(name: str, box: int | None) -> None:
    constraint = make_set(name, 1.0, 6, box)
    v = 3 * normal(1, 2, 3, 6)
    projected = constraint.project(v)
    assert projected.shape == v.shape
    for i in range(2):
        for k in range(3):
            torch.testing.assert_close(projected[i, k], constraint.project(v[i, k]), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("box", BOXES)
def test_the_centre_has_a_nearest_point_of_the_sphere_too(box: int | None) -> None:
    constraint = make_set("l2-sphere", 2.0, 4, box)
    projected = constraint.project(torch.zeros(3, 4, dtype=torch.float64))
    np.testing.assert_allclose(torch.linalg.vector_norm(projected, dim=-1), 2.0, rtol=1e-14)
    assert is_member(constraint, projected.numpy()).all()


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("box", BOXES)
def test_single_precision_projections_agree_with_double(name: str, box: int | None) -> None:
    constraint = make_set(name, 1.0, 30, box)
    single = constraint.to(dtype=torch.float32)
    v = 3 * normal(1, 20, 30)
    torch.testing.assert_close(single.project(v.float()).double(), constraint.project(v), rtol=0, atol=3e-7)


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("exponent", [-25, -12, 12, 25])
def test_boxed_projections_survive_very_long_and_very_short_points_in_single_precision(
    name: str, exponent: int
) -> None:
    constraint = make_set(name, 1.0, 6, 3)
    single = constraint.to(dtype=torch.float32)
    v = normal(1, 20, 6).float() * 10.0**exponent
    projected = single.project(v).double()
    torch.testing.assert_close(projected, constraint.project(v.double()), rtol=0, atol=1e-6)


# --------------------------------------------------------------------------------------- support function, FOSC


@pytest.mark.parametrize(
    ("name", "box"),
    # Over sphere and box together a linear function is not a convex problem.
    [(name, box) for name in CONSTRAINT_NAMES for box in BOXES if box is None or name != "l2-sphere"],
)
@pytest.mark.parametrize("d", [1, 2, 5, 12])
def test_support_is_the_maximum_of_a_linear_function(name: str, box: int | None, d: int) -> None:
    constraint = make_set(name, 0.7, d, box)
    G = normal(4, 8, d)
    supports = constraint.support(G)
    assert is_member(constraint, supports.numpy()).all()
    lower, upper = bounds_of(constraint, d)
    for g, point in zip(G.numpy(), supports.numpy(), strict=True):
        if is_l2(constraint):
            best = slsqp_over_ball(constraint, lambda z, g=g: (-(g @ z), -g), constraint.project(tensor(g)).numpy())
        else:
            best = linprog(-g, bounds=list(zip(lower, upper, strict=True))).x
        assert g @ point == pytest.approx(g @ best, abs=1e-8)


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("epsilon", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_support_of_no_direction_at_all_is_a_finite_point(
    name: str, box: int | None, epsilon: float, dtype: torch.dtype
) -> None:
    constraint = make_set(name, epsilon, 4, box).to(dtype=dtype)
    assert torch.isfinite(constraint.support(torch.zeros(2, 4, dtype=dtype))).all()


@pytest.mark.parametrize("name", CONVEX)
def test_support_of_a_tiny_direction_in_single_precision_stays_in_the_set(name: str) -> None:
    constraint = make_set(name, 1.0, 6, 3)
    g = normal(2, 10, 6).float() * 1e-28
    support = constraint.to(dtype=torch.float32).support(g)
    assert is_member(constraint, support.double().numpy(), 1e-6).all()
    torch.testing.assert_close(support.double(), constraint.support(g.double()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("size", [1e-162, 1e-300])
def test_support_of_a_direction_whose_squares_vanish_is_that_of_the_direction(name: str, size: float) -> None:
    # The gradient of a network whose neurons are all saturated.
    constraint, g = make_set(name, 1.0, 6), normal(2, 10, 6)
    torch.testing.assert_close(constraint.support(size * g), constraint.support(g), rtol=1e-12, atol=0)


def test_fosc_without_a_box_is_the_published_formula() -> None:
    delta, g = 0.3 * normal(1, 9, 5), normal(2, 9, 5)
    inner = (delta * g).sum(-1)
    torch.testing.assert_close(L2Ball(2.0).fosc(delta, g), 2 * g.norm(dim=-1) - inner)
    torch.testing.assert_close(L2Sphere(2.0).fosc(delta, g), 2 * g.norm(dim=-1) - inner)
    torch.testing.assert_close(LinfBall(2.0).fosc(delta, g), 2 * g.abs().sum(-1) - inner)


@settings(max_examples=100)
@given(name=st.sampled_from(CONVEX), d=dimensions, seed=seeds, reach=reaches, boxed=boxed)
def test_fosc_vanishes_at_stationary_points_and_only_there(
    name: str, d: int, seed: int, reach: float, boxed: bool
) -> None:
    constraint = draw_set(name, 1.0, d, seed, boxed)
    v = outside_points(constraint, seed, 5, d, reach)
    p = constraint.project(v)
    # v - p is in the normal cone at p: p maximises <., v - p>.
    at_maximum = constraint.fosc(p, v - p)
    assert bool((at_maximum <= 1e-12 * (1 + torch.linalg.vector_norm(v, dim=-1))).all())
    # Elsewhere the ascent can gain: some feasible point is better by just the FOSC.
    g = normal(seed + 1, 5, d)
    gap = constraint.fosc(p, g)
    assert bool((gap >= 0).all())
    best = constraint.support(g)
    torch.testing.assert_close(gap, ((best - p) * g).sum(-1).clamp_min(0), rtol=1e-10, atol=1e-12)


# ------------------------------------------------------------------------------------------ drawing and errors


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("d", [1, 3, 50])
def test_random_points_are_uniform(name: str, d: int) -> None:
    generator = np.random.default_rng(0)
    n = 20_000
    normals, uniforms = tensor(generator.standard_normal((n, d))), tensor(generator.uniform(size=n))
    constraint = CONSTRAINTS[name](2.0)
    inside = constraint.sample(normals, uniforms, surface=False)
    surface = constraint.sample(normals, uniforms, surface=True)
    torch.testing.assert_close(constraint.size(surface), torch.full((n,), 2.0, dtype=torch.float64))
    assert is_member(constraint, inside.numpy()).all()
    for points in (inside, surface):
        assert float(points.mean(0).abs().max()) < 5 * 2 / np.sqrt(n)
    # The fraction of the volume within a radius r is (r/epsilon)^d, in the set's own norm.
    fraction = (constraint.size(inside) / 2) ** d
    assert float(fraction.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(fraction.var()) == pytest.approx(1 / 12, abs=0.01)
    if name == "linf-ball" and d > 1:
        faces = (surface.abs() == 2).sum(0).double() / n  # every face is as likely
        np.testing.assert_allclose(faces, 1 / d, atol=0.02)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, float("nan")])
def test_a_radius_that_is_not_positive_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        L2Ball(epsilon)


def test_a_box_without_the_clean_input_is_refused() -> None:
    with pytest.raises(ValueError, match="must contain the clean input"):
        LinfBall(1.0, (tensor([0.1]), tensor([1.0])))


def test_a_box_inside_the_sphere_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the box lies inside the sphere.*1\.414.*epsilon 2"):
        L2Sphere(2.0, (tensor([-1.0, -1.0]), tensor([1.0, 1.0])))


def test_what_counts_as_the_boundary_is_some_units_of_round_off() -> None:
    assert boundary_tolerance(torch.float64) < 1e-13
    ball = L2Ball(1.0)
    assert ball.on_sphere(tensor([[1.0], [1 - 1e-15], [1 - 1e-12]])).tolist() == [True, True, False]


@pytest.mark.gpu
@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("box", BOXES)
def test_the_accelerator_agrees_with_the_cpu(name: str, box: int | None, device: str) -> None:
    constraint = make_set(name, 1.0, 30, box).to(dtype=torch.float32)
    there = constraint.to(device=torch.device(device))
    v, g = 3 * normal(1, 20, 30).float(), normal(2, 20, 30).float()
    projected = constraint.project(v)
    torch.testing.assert_close(there.project(v.to(device)).cpu(), projected, rtol=0, atol=1e-6)
    torch.testing.assert_close(there.fosc(projected.to(device), g.to(device)).cpu(), constraint.fosc(projected, g))
    tangent, boundary = there.tangential_part(projected.to(device), g.to(device))
    expected_tangent, expected_boundary = constraint.tangential_part(projected, g)
    torch.testing.assert_close(tangent.cpu(), expected_tangent, rtol=0, atol=1e-5)
    assert torch.equal(boundary.cpu(), expected_boundary)
