"""The loss on a plane, by the affine shortcut: pre-activations are affine in the plane's coordinates.

W(x + origin + alpha u + beta v) + b = p_0 + alpha (W u) + beta (W v), so an N x N grid costs three products with W
and then what comes after the first layer, N^2 times, with no factor d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from .cores import cores
from .interruption import give_way, never
from .norms import norm
from .places import like, to_exact
from .threads import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .constraint import ConstraintSet
    from .objective import Objective
    from .plane import Plane

BLOCK_BYTES = {"cpu": 2**21, "cuda": 2**28, "mps": 2**27}
"""Pre-activations held at a time: they stay in a core's caches but outlast the calls for them, or fill a GPU."""


LARGE_GRID = 2e6
"""Activations from which on a grid is shared out among the cores."""


@dataclass(frozen=True, eq=False)
class PlanarPreactivations:
    """p_0 = W(x + origin) + b, W u and W v, each (m,), in the objective's type and place."""

    objective: Objective
    p0: Tensor
    Wu: Tensor
    Wv: Tensor

    @classmethod
    @torch.inference_mode()
    def of(cls, objective: Objective, plane: Plane) -> PlanarPreactivations:
        """The three products with W that a plane costs."""
        origin, u, v = (like(part, objective.x) for part in (plane.origin, plane.u, plane.v))
        p0, Wu, Wv = objective.along(torch.stack([objective.x + origin, u, v]))
        return cls(objective, objective.with_bias(p0), Wu, Wv)


@torch.inference_mode()
def heights_on_grid(
    planar: PlanarPreactivations,
    alphas: Tensor,
    betas: Tensor,
    interrupted: Callable[[], bool] = never,
) -> Tensor:
    """The objective's heights on a grid, shape (len(betas), len(alphas), ...): one row per beta.

    Every quantity of a picture follows from them: the loss, its logarithm, the signed residual.

    Raises
    ------
    Interrupted
        When `interrupted()` is true between two blocks.
    """
    objective, p0 = planar.objective, planar.p0
    alphas, betas = like(alphas, p0), like(betas, p0)
    heights = p0.new_empty((len(betas), len(alphas), *objective.heights_shape))
    held = points_held(objective)
    rows, columns = max(1, held // len(alphas)), min(held, len(alphas))

    def fill(first: int, end: int) -> None:
        # One block of memory for the whole strip: asking for it anew each time costs as much as the activations.
        memory = p0.new_empty((rows, columns, p0.shape[0]))
        for row in range(first, end, rows):
            give_way(interrupted)
            some = betas[row : min(row + rows, end)]
            base = torch.addr(p0, some, planar.Wv).unsqueeze(1)
            for start in range(0, len(alphas), columns):
                part = alphas[start : start + columns].unsqueeze(1)
                p = torch.addcmul(base, part, planar.Wu, out=memory[: len(some), : len(part)])
                heights[row : row + len(some), start : start + columns] = objective.heights_over(p)

    in_strips(fill, len(betas), rows, objective, len(betas) * len(alphas))
    return heights


def residual_on_grid(
    planar: PlanarPreactivations, alphas: Tensor, betas: Tensor, interrupted: Callable[[], bool] = never
) -> Tensor:
    """The residual f - level on a grid, shape (len(betas), len(alphas)), as `heights_on_grid` finds it."""
    value, _ = planar.objective.value_and_loss(heights_on_grid(planar, alphas, betas, interrupted))
    return value - planar.objective.level


def points_held(objective: Objective) -> int:
    """The number of points that make a block: with their pre-activations, or what comes after where that is wider."""
    each = max(objective.width, objective.widest) * torch.finfo(objective.dtype).bits // 8
    return max(1, BLOCK_BYTES[objective.device.type] // each)


def in_strips(fill: Callable[[int, int], None], count: int, block: int, objective: Objective, points: int) -> None:
    """Call fill(first, end) over strips of range(count), of whole blocks each; large work is shared among the cores.

    `points` evaluations of the objective are the work.
    """
    if objective.device.type != "cpu" or points * objective.work < LARGE_GRID:
        fill(0, count)
        return
    # A few strips a core: one that is busy with something else gets fewer.
    strip = block * max(1, count // (block * 4 * cores()))
    in_parallel(lambda first: fill(first, min(first + strip, count)), range(0, count, strip))


@torch.inference_mode()
def heights_at(planar: PlanarPreactivations, coordinates: Tensor) -> Tensor:
    """The objective's heights at points (n, 2) of the plane, shape (n, ...)."""
    return planar.objective.heights_over(_entry(planar, coordinates))


@torch.inference_mode()
def gradient_at(planar: PlanarPreactivations, coordinates: Tensor) -> Tensor:
    """The in-plane gradient (dL/dalpha, dL/dbeta) at points (n, 2), shape (n, 2)."""
    slope = planar.objective.slope_at(_entry(planar, coordinates))
    return slope @ torch.stack([planar.Wu, planar.Wv]).T


def _entry(planar: PlanarPreactivations, coordinates: Tensor) -> Tensor:
    """The pre-activations (n, m) at points (n, 2)."""
    return planar.p0 + like(coordinates, planar.p0) @ torch.stack([planar.Wu, planar.Wv])


@torch.inference_mode()
def curvature_on_grid(
    objective: Objective,
    constraint: ConstraintSet,
    plane: Plane,
    alphas: Tensor,
    betas: Tensor,
    interrupted: Callable[[], bool] = never,
    *,
    steps: int = 24,
) -> Tensor:
    """The largest eigenvalue of P(H - lambda I)P over a grid, shape (len(betas), len(alphas)).

    P = I - delta delta^T/|delta|^2 and lambda = <delta, g>/epsilon^2 at each point: negative where the loss is
    concave along the l2 sphere, whatever faces a box cuts into it; on the l-infinity ball it means nothing. One
    batched Lanczos run of `steps` steps with full orthogonalisation from a fixed start; its values approach the true
    ones from below (exact for d <= steps). At the clean point P is the identity.

    Raises
    ------
    NoCurvatureError
        For relu.
    """
    exact = objective.exact
    grid = torch.stack(torch.meshgrid(to_exact(betas), to_exact(alphas), indexing="ij"), -1)
    points = plane.lift(grid.reshape(-1, 2).flip(-1))
    found = curvature_at(exact, constraint.epsilon, points, interrupted, steps=steps)
    return found.reshape(len(betas), len(alphas))


def curvature_at(
    exact: Objective,
    epsilon: float,
    points: Tensor,
    interrupted: Callable[[], bool] = never,
    *,
    steps: int = 24,
) -> Tensor:
    """The largest eigenvalue of P(H - lambda I)P at points (n, d), shape (n,), as `curvature_on_grid` says.

    Raises
    ------
    NoCurvatureError
        For relu.
    Interrupted
        When `interrupted()` is true between two Lanczos steps.
    """
    batch = max(1, min(64, 2**24 // (8 * steps * exact.dimension)))

    def piece(first: int) -> Tensor:
        return top_tangent_curvature(exact, epsilon, points[first : first + batch], steps, interrupted)

    return torch.cat(in_parallel(piece, range(0, len(points), batch)))


def top_tangent_curvature(
    objective: Objective,
    epsilon: float,
    delta: Tensor,
    steps: int = 24,
    interrupted: Callable[[], bool] = never,
) -> Tensor:
    """Max eig P(H - lambda I)P at delta (n, d), shape (n,), with lambda = <delta, g>/epsilon^2.

    By `steps` Lanczos steps in the tangent space, all points at once: never above the true value (but for round-off),
    and equal to it for d <= steps. 0 for d = 1, where nothing is tangent.

    Raises
    ------
    NoCurvatureError
        For relu.
    Interrupted
        When `interrupted()` is true between two steps.
    """
    n, d = delta.shape
    normal = delta / norm(delta).unsqueeze(-1).clamp_min(torch.finfo(delta.dtype).tiny)
    multiplier = (delta * objective.evaluate(delta).gradient).sum(-1, keepdim=True) / epsilon**2

    def tangent(v: Tensor) -> Tensor:
        return v - normal * (normal * v).sum(-1, keepdim=True)

    start = torch.randn(d, generator=torch.Generator().manual_seed(0), dtype=delta.dtype)
    q = tangent(tangent(start.expand(n, d)))
    length = norm(q).unsqueeze(-1)
    # d = 1: nothing is tangent, and what is left of the start is round-off.
    q = torch.where(length > 1e-12 * norm(start), q / length, 0)
    steps = min(steps, d)
    basis = [q]
    T = delta.new_zeros((n, steps, steps))
    for j in range(steps):
        give_way(interrupted)
        w = tangent(objective.hessian_vector_product(delta, q)) - multiplier * q
        T[:, j, j] = (w * q).sum(-1)
        if j == steps - 1:
            break
        known = torch.stack(basis, 1)
        for _ in range(2):
            w = tangent(w - (known.mT @ (known @ w.unsqueeze(-1))).squeeze(-1))
        beta = norm(w)
        # An exhausted Krylov space leaves round-off only: its block decouples and adds no eigenvalue.
        alive = beta > 1e-10 * T.abs().amax((-2, -1))
        q = torch.where(alive.unsqueeze(-1), w / beta.clamp_min(torch.finfo(w.dtype).tiny).unsqueeze(-1), 0)
        T[:, j, j + 1] = T[:, j + 1, j] = torch.where(alive, beta, 0)
        basis.append(q)
    values, vectors = torch.linalg.eigh(T)
    # A decoupled block contributes zeros of its own: only what the first vector sees belongs to H.
    seen: Tensor = torch.where(vectors[:, 0].square() > 1e-20, values, -torch.inf)
    return seen.amax(-1)
