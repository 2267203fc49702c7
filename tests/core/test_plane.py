"""Named planes, principal components against NumPy, and the cut of a set against membership point by point."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import CONSTRAINT_NAMES, is_member, make_set, normal, problem, tensor

from foadv_gui.core.ascent import ProjectedGradientAscent
from foadv_gui.core.constraint import ConstraintSet, L2Ball, LinfBall
from foadv_gui.core.plane import PLANES, PathContext, Plane, constraint_cut, inside_cut, make_plane, orthonormal
from foadv_gui.core.poles import poles
from foadv_gui.core.spectrum import hessian_spectrum

NAMES = list(PLANES)


def context_of(d: int = 7, *, seed: int = 1, start: torch.Tensor | None = None, **changes: object) -> PathContext:
    """A short run of three restarts, the first one focused."""
    objective, constraint = problem(d, 20, seed=seed), L2Ball(0.4)
    starts = constraint.project(0.2 * normal(seed, 3, d))
    if start is not None:
        starts[0] = start
    ascent = ProjectedGradientAscent(objective, constraint, "gradient", 0.05, 0.0)
    delta = torch.cat([block.delta for block in ascent.blocks(starts, 40)])
    parts = {"objective": objective, "constraint": constraint, "path": delta[:, 0], "endpoints": delta[-1]}
    return PathContext(**{**parts, **changes})


def assert_orthonormal(plane: Plane) -> None:
    frame = torch.stack([plane.u, plane.v])
    np.testing.assert_allclose(frame @ frame.T, np.eye(2), atol=1e-13)


# ---------------------------------------------------------------------------------------------- coordinates


def test_coordinates_are_those_of_the_nearest_point() -> None:
    plane = make_plane("two-random", context_of())
    delta = normal(4, 6, 7)
    coordinates, distance = plane.coordinates(delta)
    frame = np.stack([plane.u, plane.v])
    for point, where, away in zip(delta.numpy(), coordinates, distance, strict=True):
        best, (squared,), *_ = np.linalg.lstsq(frame.T, point - plane.origin.numpy(), rcond=None)
        np.testing.assert_allclose(where, best, atol=1e-13)
        assert float(away) == pytest.approx(np.sqrt(squared), rel=1e-12)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), d=st.integers(2, 20))
def test_lifting_and_projecting_undo_each_other(seed: int, d: int) -> None:
    (_, u), (_, v) = orthonormal([normal(seed, d), normal(seed + 1, d)])
    plane = Plane(normal(seed + 2, d), u, v, ("", ""))
    where = normal(seed, 2, 5, 2)
    coordinates, distance = plane.coordinates(plane.lift(where))
    torch.testing.assert_close(coordinates, where, rtol=0, atol=1e-12)
    assert float(distance.max()) < 1e-12
    assert float(plane.off_plane_share(plane.lift(where)).max()) < 1e-11


def test_the_off_plane_share_is_a_sine() -> None:
    plane = Plane(torch.zeros(3, dtype=torch.float64), tensor([1.0, 0, 0]), tensor([0, 1.0, 0]), ("", ""))
    delta = tensor([[1.0, 0, 0], [0, 0, 2.0], [3.0, 0, 4.0], [0, 0, 0]])
    np.testing.assert_allclose(plane.off_plane_share(delta), [0, 1, 0.8, 0])


def test_single_precision_points_are_taken_as_they_are() -> None:
    plane = make_plane("two-random", context_of())
    delta = normal(4, 7).float()
    assert torch.equal(plane.coordinates(delta)[0], plane.coordinates(delta.double())[0])


# ---------------------------------------------------------------------------------------------- named planes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("d", [2, 3, 7, 40])
def test_every_plane_has_two_orthonormal_directions_and_two_labels(name: str, d: int) -> None:
    plane = make_plane(name, context_of(d))
    assert_orthonormal(plane)
    assert all(part.shape == (d,) and part.dtype == torch.float64 for part in (plane.origin, plane.u, plane.v))
    assert all(plane.axes)
    assert plane.explained is None or 0 < plane.explained <= 1 + 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_plane(name: str) -> None:
    one, other = make_plane(name, context_of(seed=3)), make_plane(name, context_of(seed=3))
    assert all(torch.equal(getattr(one, part), getattr(other, part)) for part in ("origin", "u", "v"))


def test_what_passes_through_the_planes() -> None:
    context = context_of()

    def distance(name: str, point: torch.Tensor) -> float:
        return float(make_plane(name, context).coordinates(point)[1])

    clean, start, end = context.clean, context.path[0], context.path[-1]
    gradient = context.objective.evaluate(clean).gradient
    assert distance("clean-gradient-random", clean) < 1e-13
    assert distance("clean-gradient-random", gradient) < 1e-12
    assert all(distance("clean-start-end", point) < 1e-13 for point in (clean, start, end))
    assert distance("path-components", end) == 0
    assert distance("endpoint-components", clean) == 0
    assert distance("hessian-eigenvectors", end) == 0
    assert distance("two-random", clean) == 0
    along = make_plane("clean-start-end", context).coordinates(end)[0]
    np.testing.assert_allclose(along, [float(end.norm()), 0], atol=1e-13)  # the endpoint is to the right


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("box", [None, 8])
def test_both_poles_lie_on_their_plane(name: str, box: int | None) -> None:
    constraint = make_set(name, 0.4, 7, box)
    context = context_of(constraint=constraint, path=torch.zeros(1, 7, dtype=torch.float64))
    plane, (highest, lowest) = make_plane("two-poles", context), poles(context.objective, constraint)
    assert not plane.origin.any()
    (right, up), distance = plane.coordinates(torch.stack([highest, lowest]))
    assert float(distance.max()) < 1e-5
    np.testing.assert_allclose(right, [float(highest.norm()), 0], atol=1e-5)  # the maximiser is to the right
    assert float(up[1]) >= 0  # and the minimiser up
    assert plane.axes == ("towards a maximum of f", "towards a minimum of f, orthogonal")


def test_poles_that_are_antipodal_leave_the_second_axis_to_chance() -> None:
    plane = make_plane("two-poles", context_of(objective=problem(7, 20, "linear")))
    assert plane.axes == ("towards a maximum of f", "a random direction")


def test_random_directions_follow_the_seed() -> None:
    context = context_of()
    changed = PathContext(**{**vars(context), "seed": 5})
    for name in ("two-random", "clean-gradient-random"):
        one, other = make_plane(name, context), make_plane(name, changed)
        assert abs(float(one.v @ other.v)) < 0.999


def test_two_pixels_span_their_plane() -> None:
    plane = make_plane("two-pixels", context_of(pixels=(5, 2)))
    assert plane.u.nonzero().flatten().tolist() == [5]
    assert plane.v.nonzero().flatten().tolist() == [2]
    assert plane.axes == ("coordinate 5", "coordinate 2")


@pytest.mark.parametrize(("name", "about"), [("path-components", "path"), ("endpoint-components", "endpoints")])
def test_components_are_the_leading_eigenvectors_of_the_covariance(name: str, about: str) -> None:
    context = context_of()
    plane = make_plane(name, context)
    points = getattr(context, about).numpy() - plane.origin.numpy()
    values, vectors = np.linalg.eigh(points.T @ points)
    for direction, expected in ((plane.u, vectors[:, -1]), (plane.v, vectors[:, -2])):
        assert abs(float(direction @ tensor(expected))) == pytest.approx(1, abs=1e-9)
        assert float(direction[direction.abs().argmax()]) > 0  # pictures do not flip
    assert plane.explained == pytest.approx(values[-2:].sum() / values.sum())
    assert plane.explains.startswith(f"the squared distances of the {about} from ")
    # The share explained is what lies in the plane.
    _, off = plane.coordinates(getattr(context, about))
    assert 1 - float(off.square().sum()) / (points**2).sum() == pytest.approx(plane.explained)


def test_hessian_eigenvectors_are_the_steepest_bends_along_the_sphere() -> None:
    context = context_of()
    plane = make_plane("hessian-eigenvectors", context)
    end = context.path[-1]
    expected = hessian_spectrum(context.objective, context.constraint, end, "tangent").eigenvalues
    H = context.objective.hessian(end)
    for direction, eigenvalue in ((plane.u, expected[-1]), (plane.v, expected[-2])):
        assert float(direction @ H @ direction) == pytest.approx(eigenvalue)
    assert all("at the path's end" in axis for axis in plane.axes)


@pytest.mark.parametrize("name", NAMES)
def test_degenerate_paths_still_give_a_plane(name: str) -> None:
    zero = torch.zeros(7, dtype=torch.float64)
    whole = context_of(start=zero)
    one_iterate = PathContext(**{**vars(whole), "path": whole.path[:1], "endpoints": whole.path[:1]})
    nowhere = PathContext(**{**vars(whole), "path": zero[None], "endpoints": zero[None]})
    same_pixel = PathContext(**{**vars(whole), "pixels": (3, 3)})
    beyond = PathContext(**{**vars(whole), "pixels": (-5, 900)})
    straight = PathContext(**{**vars(whole), "path": torch.linspace(0, 1, 9)[:, None].double() * whole.path[-1]})
    for context in (whole, one_iterate, nowhere, same_pixel, beyond, straight):
        plane = make_plane(name, context)
        assert_orthonormal(plane)
        assert torch.isfinite(plane.origin).all()


def test_axes_are_named_after_the_directions_that_were_taken() -> None:
    whole = context_of()
    ascending = make_plane("clean-start-end", whole)
    assert ascending.axes == ("towards the endpoint", "towards the start, orthogonal")
    nowhere = PathContext(**{**vars(whole), "path": torch.zeros_like(whole.path)})
    assert make_plane("clean-start-end", nowhere).axes == ("a random direction", "a random direction")
    same_pixel = PathContext(**{**vars(whole), "pixels": (3, 3)})
    assert make_plane("two-pixels", same_pixel).axes == ("coordinate 3", "a random direction")


@pytest.mark.parametrize("name", NAMES)
def test_one_dimension_has_one_axis(name: str) -> None:
    plane = make_plane(name, context_of(1))
    assert abs(float(plane.u)) == 1
    assert float(plane.v) == 0
    assert "one coordinate" in plane.axes[1]
    cut, centre = constraint_cut(plane, L2Ball(0.4)), float(plane.coordinates(tensor([0.0]))[0][0])
    np.testing.assert_array_equal(
        inside_cut(cut, centre + np.array([-0.41, -0.39, 0.39, 0.41]), np.array([-40.0, 0.0, 40.0])),
        [[False, True, True, False]] * 3,
    )


def test_nearly_parallel_candidates_give_way_to_the_fallback() -> None:
    first = normal(1, 9)
    (i, u), (j, v) = orthonormal([first, first * (1 + 1e-12), normal(2, 9)])
    assert (i, j) == (0, 2)
    assert float((u @ first).abs()) == pytest.approx(float(first.norm()))
    assert abs(float(u @ v)) < 1e-14
    assert float(v @ normal(2, 9)) > 0


# ------------------------------------------------------------------------------------------------- the cut


def random_plane(d: int, seed: int, epsilon: float) -> Plane:
    (_, u), (_, v) = orthonormal([normal(seed, d), normal(seed + 1, d)])
    away = np.random.default_rng(seed).choice([0.0, 0.3, 0.8, 1.5])
    return Plane(away * epsilon * normal(seed + 2, d) / np.sqrt(d), u, v, ("", ""))


@settings(max_examples=80)
@given(
    name=st.sampled_from(CONSTRAINT_NAMES),
    d=st.integers(2, 15),
    seed=st.integers(0, 10_000),
    box=st.sampled_from([None, 3, 5, 8]),
)
def test_the_cut_holds_just_the_points_of_the_set(name: str, d: int, seed: int, box: int | None) -> None:
    epsilon = 0.7
    try:
        constraint = make_set(name, epsilon, d, box)
    except ValueError:  # a box inside the sphere
        return
    plane = random_plane(d, seed, epsilon)
    polygon = constraint_cut(plane, constraint)
    reach = 1.6 * epsilon * (np.sqrt(d) if name == "linf-ball" else 1)
    alpha, beta = np.linspace(-reach, reach, 61), np.linspace(-reach, reach, 59)
    grid = tensor(np.stack(np.meshgrid(alpha, beta), -1))
    points = plane.lift(grid).numpy()
    # A polygon of 360 corners misses the circle by 4e-5 of its radius.
    clear = is_member(constraint, points, 2e-4) == is_member(constraint, points, -2e-4)
    np.testing.assert_array_equal(inside_cut(polygon, alpha, beta)[clear], is_member(constraint, points)[clear])
    if len(polygon):
        assert (polygon[0] == polygon[-1]).all()
        corners = plane.lift(tensor(polygon)).numpy()
        assert is_member(constraint, corners, 1e-9).all()
        on_edge = is_member(constraint, corners, -1e-6)
        assert not on_edge.any()  # corners are boundary points


def test_the_cut_of_a_ball_off_its_centre_is_a_smaller_disc() -> None:
    plane = Plane(tensor([0.0, 0, 0.6]), tensor([1.0, 0, 0]), tensor([0, 1.0, 0]), ("", ""))
    polygon = constraint_cut(plane, L2Ball(1.0))
    np.testing.assert_allclose(np.linalg.norm(polygon, axis=1), 0.8)
    assert len(constraint_cut(Plane(tensor([0, 0, 1.2]), plane.u, plane.v, ("", "")), L2Ball(1.0))) == 0


def test_the_cut_of_the_cube_along_two_coordinates_is_a_square() -> None:
    context = context_of(pixels=(1, 4))
    polygon = constraint_cut(make_plane("two-pixels", context), LinfBall(0.3))
    np.testing.assert_allclose(np.abs(polygon), 0.3, atol=1e-15)
    assert len(polygon) == 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_plane_along_a_face_of_the_cube_still_cuts_it(dtype: torch.dtype) -> None:
    # A run in float32 rounds the radius: its points on the face lie 1e-8 beyond that of float64.
    origin = tensor([0.3, 0.1, -0.3], dtype).double()
    plane = Plane(origin, tensor([0, 1.0, 0]), tensor([0, 0, 1.0]), ("", ""))
    polygon = constraint_cut(plane, LinfBall(0.3))
    assert len(polygon) == 5
    np.testing.assert_allclose(sorted(set(np.round(polygon[:, 0], 6))), [-0.4, 0.2], atol=1e-6)


def test_which_points_of_a_grid_lie_in_a_polygon() -> None:
    triangle = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    alpha, beta = np.array([-0.5, 0.0, 0.5, 1.0, 1.9]), np.array([-0.1, 0.0, 0.5, 1.5, 2.5])
    A, B = np.meshgrid(alpha, beta)
    np.testing.assert_array_equal(inside_cut(triangle, alpha, beta), (A >= 0) & (B >= 0) & (A + B <= 2))
    assert not inside_cut(np.empty((0, 2)), alpha, beta).any()


@pytest.mark.gpu
@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("box", [None, 5])
def test_the_cut_of_a_set_on_the_accelerator(name: str, box: int | None, device: str) -> None:
    constraint: ConstraintSet = make_set(name, 0.7, 6, box)
    there = constraint.to(device=torch.device(device), dtype=torch.float32)
    plane = random_plane(6, 4, 0.1)
    polygon = constraint_cut(plane, there)
    np.testing.assert_allclose(polygon, constraint_cut(plane, constraint.to(dtype=torch.float32)), atol=1e-6)
    delta = normal(1, 5, 6).float()
    torch.testing.assert_close(plane.coordinates(delta.to(device))[0], plane.coordinates(delta)[0])
