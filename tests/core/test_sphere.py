"""The 2-sphere of a subspace, against NumPy and against evaluating the network at every point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import normal, numpy_loss, problem, tensor

from foadv_gui.core import landscape
from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.ascent import ProjectedGradientAscent
from foadv_gui.core.chart import CHARTS, FRONT, Chart, pixel_directions
from foadv_gui.core.constraint import L2Ball, L2Sphere, LinfBall
from foadv_gui.core.interruption import Interrupted, never
from foadv_gui.core.plane import PathContext, orthonormal
from foadv_gui.core.spectrum import hessian_spectrum
from foadv_gui.core.sphere import SUBSPACES, NoSphereError, SpherePreactivations, Subspace, inside_box, make_subspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.core.objective import QuadraticAdversary

NAMES = list(SUBSPACES)
EPSILON = 0.4


def context_of(d: int = 7, activation: str = "tanh", *, seed: int = 1, **changes: object) -> PathContext:
    """A run of four restarts, the first one focused."""
    objective, constraint = problem(d, 20, activation, seed=seed), L2Ball(EPSILON)
    starts = constraint.project(0.2 * normal(seed, 4, d))
    ascent = ProjectedGradientAscent(objective, constraint, "gradient", 0.05, 0.0)
    delta = torch.cat([block.delta for block in ascent.blocks(starts, 60)])
    parts = {"objective": objective, "constraint": constraint, "path": delta[:, 0], "endpoints": delta[-1]}
    return PathContext(**{**parts, **changes})


def any_directions(d: int, seed: int = 3) -> torch.Tensor:
    return torch.stack([e for _, e in orthonormal(list(normal(seed, 3, d)), 3)])


def unit(seed: int, n: int) -> torch.Tensor:
    c = normal(seed, n, 3)
    return c / c.norm(dim=-1, keepdim=True)


# ---------------------------------------------------------------------------------------------- subspaces


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("d", [3, 4, 7, 40])
def test_every_subspace_has_three_orthonormal_directions_and_three_labels(name: str, d: int) -> None:
    subspace = make_subspace(name, context_of(d))
    np.testing.assert_allclose(subspace.E @ subspace.E.T, np.eye(3), atol=1e-13)
    assert subspace.E.shape == (3, d) and subspace.E.dtype == torch.float64
    assert all(subspace.axes) and not subspace.note
    assert torch.equal(subspace.E, make_subspace(name, context_of(d)).E)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), d=st.integers(3, 20))
def test_coordinates_and_the_share_off_the_subspace_are_those_of_least_squares(seed: int, d: int) -> None:
    subspace = Subspace(any_directions(d, seed), ("", "", ""))
    delta = normal(seed, 2, 4, d)
    c, share = subspace.coordinates(delta)
    for point, where, off in zip(delta.reshape(-1, d).numpy(), c.reshape(-1, 3), share.flatten(), strict=True):
        best, *_ = np.linalg.lstsq(subspace.E.numpy().T, point, rcond=None)
        np.testing.assert_allclose(where, best, atol=1e-12)
        rest = point - best @ subspace.E.numpy()
        assert float(off) == pytest.approx(np.linalg.norm(rest) / np.linalg.norm(point), abs=1e-12)
    again, none = subspace.coordinates(subspace.lift(c))
    torch.testing.assert_close(again, c, rtol=0, atol=1e-12)
    assert float(none.max()) < 1e-11
    assert float(subspace.coordinates(torch.zeros(d, dtype=torch.float64))[1]) == 0


def test_the_share_is_a_sine() -> None:
    subspace = make_subspace("three-random", context_of(4))
    normal_to_it = torch.linalg.svd(subspace.E).Vh[3]
    delta = 3 * subspace.E[1] + 4 * normal_to_it
    c, share = subspace.coordinates(delta)
    np.testing.assert_allclose(c, [0, 3, 0], atol=1e-12)
    assert float(share) == pytest.approx(0.8)


@pytest.mark.parametrize("name", NAMES)
def test_in_three_dimensions_every_subspace_is_the_whole_sphere(name: str) -> None:
    context = context_of(3)
    subspace = make_subspace(name, context)
    c, share = subspace.coordinates(context.constraint.project(10 * normal(2, 50, 3)))
    assert float(share.max()) < 1e-12
    np.testing.assert_allclose(c.norm(dim=-1), EPSILON, rtol=1e-12)


@pytest.mark.parametrize("d", [3, 7, 40])
def test_the_default_is_the_maximum_with_its_two_top_tangent_eigenvectors(d: int) -> None:
    context = context_of(d)
    end, subspace = context.path[-1], make_subspace("maximum-and-eigenvectors", context)
    np.testing.assert_allclose(subspace.E[0], end / end.norm(), atol=1e-12)
    spectrum = hessian_spectrum(context.objective, context.constraint, end, "tangent")
    H, P = context.objective.hessian(end), torch.eye(d) - torch.outer(subspace.E[0], subspace.E[0])
    for e, eigenvalue in zip(subspace.E[1:], spectrum.eigenvalues[::-1], strict=False):
        np.testing.assert_allclose(P @ H @ P @ e, eigenvalue * e, atol=1e-9)
        assert float(e[e.abs().argmax()]) > 0  # pictures do not flip


def test_what_lies_on_the_other_spheres() -> None:
    context = context_of()
    gradient = context.objective.evaluate(context.clean).gradient
    first = make_subspace("clean-gradient-random", context).E[0]
    np.testing.assert_allclose(first, gradient / gradient.norm(), atol=1e-12)
    components = make_subspace("endpoint-components", context)
    _, sizes, directions = np.linalg.svd(context.endpoints.numpy())
    assert components.explained == pytest.approx((sizes[:3] ** 2).sum() / (sizes**2).sum())
    np.testing.assert_allclose(np.abs(np.diag(components.E.numpy() @ directions[:3].T)), 1, atol=1e-9)


def test_random_directions_follow_the_seed() -> None:
    context = context_of()
    changed = PathContext(**{**vars(context), "seed": 5})
    for name in ("three-random", "clean-gradient-random"):
        one, other = make_subspace(name, context), make_subspace(name, changed)
        assert abs(float(one.E[2] @ other.E[2])) < 0.999
        assert torch.equal(one.E, make_subspace(name, context).E)


def test_what_is_missing_gives_way_to_random_directions_and_is_said() -> None:
    bent = make_subspace("maximum-and-eigenvectors", context_of(activation="relu"))
    assert "eigenvectors" in bent.note and "relu" in bent.note
    assert bent.axes == ("the path's endpoint", "a random direction", "a random direction")
    still = context_of(path=torch.zeros(1, 7, dtype=torch.float64))
    assert "endpoint" not in make_subspace("maximum-and-eigenvectors", still).axes[0]
    alike = context_of(endpoints=normal(1, 7).expand(3, 7))
    assert make_subspace("endpoint-components", alike).axes[1:] == ("a random direction", "a random direction")


@pytest.mark.parametrize("name", NAMES)
def test_where_there_is_no_sphere_the_reason_is_given(name: str) -> None:
    with pytest.raises(NoSphereError, match="2 coordinates"):
        make_subspace(name, context_of(2))
    with pytest.raises(NoSphereError, match="one coordinate"):
        make_subspace(name, context_of(1))
    with pytest.raises(NoSphereError, match="flat faces"):
        make_subspace(name, context_of(constraint=LinfBall(0.3)))
    assert make_subspace(name, context_of(constraint=L2Sphere(EPSILON))).E.shape == (3, 7)


# ---------------------------------------------------------------------------------------------- the loss


def residual_on(
    objective: QuadraticAdversary, E: torch.Tensor, c: torch.Tensor, interrupted: Callable[[], bool] = never
) -> torch.Tensor:
    """The residual at epsilon c E, for c (n, 3)."""
    return SpherePreactivations.of(objective, E).heights(EPSILON * c, interrupted) - objective.y


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_at_every_pixel_the_loss_is_what_the_network_says(activation: str, chart: Chart) -> None:
    objective, E = problem(6, 15, activation), any_directions(6)
    side = np.linspace(-1, 1, 15) * chart.radius
    seen = pixel_directions(chart, side)
    c = seen[np.isfinite(seen[..., 0])] @ FRONT
    residual = residual_on(objective, E, tensor(c))
    points = EPSILON * c @ E.numpy()
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1), EPSILON, rtol=1e-12)
    np.testing.assert_allclose(0.5 * residual.square(), numpy_loss(objective, points), rtol=1e-10, atol=1e-13)
    assert len(c) > 140


@pytest.mark.parametrize("held", [1, 7, 60, 10_000])
@pytest.mark.parametrize("threads", [False, True])
def test_the_sphere_does_not_depend_on_how_it_is_cut_into_blocks(
    held: int, threads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, E, c = problem(6, 15), any_directions(6), unit(4, 101)
    expected = objective.value(EPSILON * c @ E) - objective.y
    monkeypatch.setitem(landscape.BLOCK_BYTES, "cpu", held * 15 * 8)
    monkeypatch.setattr(landscape, "LARGE_GRID", 0 if threads else np.inf)
    torch.testing.assert_close(residual_on(objective, E, c), expected, rtol=0, atol=1e-13)
    calls = iter(range(1000))
    if held < 60:
        with pytest.raises(Interrupted):
            residual_on(objective, E, c, interrupted=lambda: next(calls) >= 3)


def test_single_precision_follows_double() -> None:
    objective, E, c = problem(30, 60, dtype=torch.float32), any_directions(30), unit(4, 200)
    single = residual_on(objective, E, c)
    assert single.dtype == torch.float32
    double = residual_on(objective.exact, E, c)
    torch.testing.assert_close(single.double(), double, rtol=0, atol=5e-6)


def test_the_curvature_at_points_of_the_sphere_is_that_of_the_tangent_spectrum() -> None:
    objective, E = problem(6, 15), any_directions(6)
    points = EPSILON * unit(2, 3) @ E
    found = landscape.curvature_at(objective, EPSILON, points)
    for delta, value in zip(points, found, strict=True):
        spectrum = hessian_spectrum(objective, L2Ball(EPSILON), delta, "tangent")
        assert float(value) == pytest.approx(spectrum.largest - spectrum.multiplier, rel=1e-8)


def test_points_of_the_sphere_outside_the_box_are_known() -> None:
    E, c = any_directions(8), unit(9, 3000)
    lower, upper = torch.full((8,), -0.2, dtype=torch.float64), torch.full((8,), 0.25, dtype=torch.float64)
    inside = inside_box(L2Ball(EPSILON, (lower, upper)), E, c)
    points = EPSILON * c.numpy() @ E.numpy()
    np.testing.assert_array_equal(inside, ((points >= -0.2) & (points <= 0.25)).all(-1))
    assert 0 < int(inside.sum()) < 3000
    assert bool(inside_box(L2Ball(EPSILON), E, c).all())
