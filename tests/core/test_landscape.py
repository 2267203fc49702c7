"""The landscape on a plane by the affine shortcut, against evaluating the network at every point."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from problems import CONSTRAINT_NAMES, SMOOTH, make_set, normal, numpy_loss, problem, tensor
from scipy.linalg import null_space

from foadv_gui.core import landscape
from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.ascent import ProjectedGradientAscent
from foadv_gui.core.constraint import L2Ball
from foadv_gui.core.interruption import Interrupted
from foadv_gui.core.landscape import (
    PlanarPreactivations,
    curvature_on_grid,
    gradient_at,
    heights_at,
    residual_on_grid,
)
from foadv_gui.core.plane import PLANES, PathContext, Plane, make_plane, orthonormal
from foadv_gui.core.threads import in_parallel, use_one_thread

if TYPE_CHECKING:
    from foadv_gui.core.objective import QuadraticAdversary

ALPHAS, BETAS = tensor(np.linspace(-0.5, 0.6, 23)), tensor(np.linspace(-0.7, 0.4, 17))


def run_context(objective: QuadraticAdversary) -> PathContext:
    constraint, d = L2Ball(0.4), objective.dimension
    starts = constraint.project(0.2 * normal(1, 3, d))
    ascent = ProjectedGradientAscent(objective, constraint, "gradient", 0.05, 0.0)
    delta = torch.cat([block.delta for block in ascent.blocks(starts, 30)])
    return PathContext(objective, constraint, delta[:13, 0], delta[-1])


def any_plane(d: int, seed: int = 3) -> Plane:
    (_, u), (_, v) = orthonormal([normal(seed, d), normal(seed + 1, d)])
    return Plane(0.2 * normal(seed + 2, d), u, v, ("", ""))


def points_of(plane: Plane, alphas: torch.Tensor, betas: torch.Tensor) -> torch.Tensor:
    """The grid's points (len(betas), len(alphas), d), one row per beta."""
    return torch.stack(
        [torch.stack([plane.origin + alpha * plane.u + beta * plane.v for alpha in alphas]) for beta in betas]
    )


@pytest.mark.parametrize("name", list(PLANES))
@pytest.mark.parametrize(("d", "m"), [(2, 9), (12, 30)])
def test_on_every_plane_the_slice_is_what_the_network_says(name: str, d: int, m: int) -> None:
    objective = problem(d, m, seed=2)
    plane = make_plane(name, run_context(objective))
    residual = residual_on_grid(PlanarPreactivations.of(objective, plane), ALPHAS, BETAS)
    points = points_of(plane, ALPHAS, BETAS)
    torch.testing.assert_close(residual, objective.value(points) - objective.y, rtol=0, atol=1e-13)
    np.testing.assert_allclose(0.5 * residual.square(), numpy_loss(objective, points.numpy()), atol=1e-12)


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_for_every_activation_the_slice_is_what_the_network_says(activation: str) -> None:
    objective, plane = problem(6, 15, activation), any_plane(6)
    residual = residual_on_grid(PlanarPreactivations.of(objective, plane), ALPHAS, BETAS)
    torch.testing.assert_close(residual, objective.value(points_of(plane, ALPHAS, BETAS)) - objective.y)


@pytest.mark.parametrize("held", [1, 5, 22, 23, 24, 60, 10_000])
@pytest.mark.parametrize("threads", [False, True])
def test_the_slice_does_not_depend_on_how_it_is_cut_into_blocks(
    held: int, threads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, plane = problem(6, 15), any_plane(6)
    planar = PlanarPreactivations.of(objective, plane)
    expected = objective.value(points_of(plane, ALPHAS, BETAS)) - objective.y
    monkeypatch.setitem(landscape.BLOCK_BYTES, "cpu", held * 15 * 8)
    monkeypatch.setattr(landscape, "LARGE_GRID", 0 if threads else np.inf)
    torch.testing.assert_close(residual_on_grid(planar, ALPHAS, BETAS), expected, rtol=0, atol=1e-13)


def test_single_precision_follows_double() -> None:
    objective, plane = problem(30, 60, dtype=torch.float32), any_plane(30)
    single = residual_on_grid(PlanarPreactivations.of(objective, plane), ALPHAS, BETAS)
    double = residual_on_grid(PlanarPreactivations.of(objective.exact, plane), ALPHAS, BETAS)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, rtol=0, atol=5e-6)


def test_heights_and_slopes_at_single_points_of_the_plane() -> None:
    objective, plane = problem(7, 20), any_plane(7)
    planar = PlanarPreactivations.of(objective, plane)
    where = 0.5 * normal(5, 12, 2)
    points = plane.lift(where)
    torch.testing.assert_close(heights_at(planar, where), objective.value(points), rtol=0, atol=1e-13)
    gradient = objective.evaluate(points).gradient
    in_plane = torch.stack([gradient @ plane.u, gradient @ plane.v], -1)
    torch.testing.assert_close(gradient_at(planar, where), in_plane, rtol=1e-11, atol=1e-12)
    # And by differences of the picture itself.
    h = 1e-6
    for axis in range(2):
        step = h * torch.eye(2, dtype=torch.float64)[axis]
        above, below = ((heights_at(planar, where + sign * step) - objective.y).square() / 2 for sign in (1, -1))
        torch.testing.assert_close(gradient_at(planar, where)[:, axis], (above - below) / (2 * h), rtol=0, atol=1e-8)


@pytest.mark.parametrize("threads", [False, True])
def test_a_slice_can_be_interrupted(threads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    planar = PlanarPreactivations.of(problem(6, 15), any_plane(6))
    monkeypatch.setitem(landscape.BLOCK_BYTES, "cpu", 15 * 8 * 23)
    monkeypatch.setattr(landscape, "LARGE_GRID", 0 if threads else np.inf)
    calls = iter(range(1000))
    with pytest.raises(Interrupted):
        residual_on_grid(planar, ALPHAS, BETAS, interrupted=lambda: next(calls) >= 4)
    assert next(calls) < 4 + 1 + 17  # it stopped early


# ------------------------------------------------------------------------------------------- the curvature map


def dense_top_curvature(objective: QuadraticAdversary, epsilon: float, delta: torch.Tensor) -> float:
    """The largest eigenvalue of H - lambda I on the tangent space, from the full Hessian."""
    H = objective.hessian(delta).numpy()
    multiplier = float(delta @ objective.evaluate(delta).gradient) / epsilon**2
    basis = null_space(delta.numpy()[None]) if float(delta.norm()) > 0 else np.eye(len(delta))
    return float(np.linalg.eigvalsh(basis.T @ H @ basis)[-1]) - multiplier


@pytest.mark.parametrize(("d", "m"), [(2, 9), (3, 1), (8, 20), (20, 4), (24, 60)])
@pytest.mark.parametrize("activation", SMOOTH)
def test_the_curvature_map_is_exact_in_few_dimensions(d: int, m: int, activation: str) -> None:
    objective, plane = problem(d, m, activation, seed=d), any_plane(d)
    alphas, betas = ALPHAS[::5], BETAS[::4]
    found = curvature_on_grid(objective, L2Ball(0.6), plane, alphas, betas)
    points = points_of(plane, alphas, betas).reshape(-1, d)
    expected = [dense_top_curvature(objective, 0.6, point) for point in points]
    np.testing.assert_allclose(found.flatten(), expected, rtol=1e-7, atol=1e-9)


def test_in_many_dimensions_the_curvature_map_comes_from_below() -> None:
    objective, plane = problem(150, 300, seed=1), any_plane(150)
    alphas, betas = ALPHAS[::6], BETAS[::6]
    found = curvature_on_grid(objective, L2Ball(0.6), plane, alphas, betas).flatten().numpy()
    points = points_of(plane, alphas, betas).reshape(-1, 150)
    expected = np.array([dense_top_curvature(objective, 0.6, point) for point in points])
    assert (found <= expected + 1e-9).all()
    np.testing.assert_allclose(found, expected, rtol=0.02)


@pytest.mark.parametrize("d", [1, 2, 3, 10])
def test_the_clean_point_itself_has_the_curvature_of_the_whole_space(d: int) -> None:
    # delta = 0 has no direction: P is the identity there.
    objective = problem(d, 12, seed=4)
    (_, u), (_, v) = orthonormal([normal(1, d), normal(2, d)])
    plane = Plane(torch.zeros(d, dtype=torch.float64), u, v, ("", ""))
    zero = tensor([0.0])
    found = float(curvature_on_grid(objective, L2Ball(0.6), plane, zero, zero))
    top = float(torch.linalg.eigvalsh(objective.hessian(plane.origin))[-1])
    assert found == pytest.approx(top, rel=1e-9)


def test_on_a_line_nothing_is_tangent() -> None:
    # d = 1: the sphere is two points, and no curvature along it can be positive.
    objective = problem(1, 12)
    plane = Plane(tensor([0.3]), tensor([1.0]), tensor([0.0]), ("", ""))
    assert bool((curvature_on_grid(objective, L2Ball(0.6), plane, tensor([0.0, 0.1]), tensor([0.0])) <= 0).all())


def test_the_curvature_map_can_be_interrupted_and_needs_curvature() -> None:
    plane = any_plane(5)
    with pytest.raises(Interrupted):
        curvature_on_grid(problem(), L2Ball(0.6), plane, ALPHAS, BETAS, interrupted=lambda: True)
    with pytest.raises(NoCurvatureError, match="relu"):
        curvature_on_grid(problem(activation="relu"), L2Ball(0.6), plane, ALPHAS, BETAS)


# ------------------------------------------------------------------------------------------ threads and devices


def test_pieces_come_back_in_order_and_the_first_failure_is_raised() -> None:
    use_one_thread()
    assert in_parallel(lambda piece: piece**2, range(20)) == [piece**2 for piece in range(20)]

    def fails(piece: int) -> int:
        if piece >= 3:
            raise ValueError(f"piece {piece}")
        return piece

    with pytest.raises(ValueError, match="piece 3"):
        in_parallel(fails, range(9))
    threads = in_parallel(lambda _: threading.current_thread(), [0, 1])
    assert all(threading.current_thread() is not thread for thread in threads)
    assert in_parallel(lambda _: threading.current_thread(), [0]) == [threading.current_thread()]  # nothing to share
    assert in_parallel(lambda _: torch.is_inference_mode_enabled(), [0, 1]) == [True, True]


@pytest.mark.gpu
@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
def test_the_accelerator_draws_the_same_picture(name: str, device: str) -> None:
    objective, plane = problem(30, 60, dtype=torch.float32), any_plane(30)
    there = objective.to(device=torch.device(device))
    here = PlanarPreactivations.of(objective, plane)
    planar = PlanarPreactivations.of(there, plane)
    assert planar.p0.device.type == device
    picture = residual_on_grid(planar, ALPHAS, BETAS)
    torch.testing.assert_close(picture.cpu(), residual_on_grid(here, ALPHAS, BETAS), rtol=0, atol=1e-5)
    where = 0.5 * normal(5, 12, 2)
    torch.testing.assert_close(heights_at(planar, where).cpu(), heights_at(here, where), rtol=0, atol=1e-5)
    torch.testing.assert_close(gradient_at(planar, where).cpu(), gradient_at(here, where), rtol=0, atol=1e-4)
    constraint = make_set(name, 0.6, 30).to(device=torch.device(device), dtype=torch.float32)
    curvature = curvature_on_grid(there, constraint, plane, ALPHAS[::6], BETAS[::6])
    torch.testing.assert_close(curvature, curvature_on_grid(objective, constraint, plane, ALPHAS[::6], BETAS[::6]))
