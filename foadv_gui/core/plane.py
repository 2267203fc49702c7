"""Planes in delta-space: an origin and two orthonormal directions, with named constructions.

A new plane is one new function and one entry in `PLANES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from .constraint import ConstraintSet, LinfBall
from .norms import norm
from .places import like, to_exact
from .poles import poles
from .spectrum import top_eigenvectors

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from .objective import Objective


@dataclass(frozen=True, eq=False)
class Plane:
    """{origin + alpha u + beta v}, with u, v orthonormal; float64 on the CPU.

    Attributes
    ----------
    origin, u, v : Tensor (d,)
    axes
        What the two axes are, for labels.
    explained
        The share of the squared distances of some points from the origin that lies in the plane, where it was chosen
        to hold the most of them; else None. About the mean it would be a share of their variance: here it is not.
    explains
        What that is a share of, in words.
    """

    origin: Tensor
    u: Tensor
    v: Tensor
    axes: tuple[str, str]
    explained: float | None = None
    explains: str = ""

    def coordinates(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        """(alpha, beta) (..., 2) of the nearest points of the plane, and the distance to it (...,)."""
        away = like(delta, self.origin) - self.origin
        alpha, beta = away @ self.u, away @ self.v
        off = away - alpha.unsqueeze(-1) * self.u - beta.unsqueeze(-1) * self.v
        return torch.stack([alpha, beta], -1), torch.linalg.vector_norm(off, dim=-1)

    def off_plane_share(self, delta: Tensor) -> Tensor:
        """The distance to the plane over |delta| (0 at delta = 0), shape (...,); above 1 where 0 is nearer."""
        _, off = self.coordinates(delta)
        length = norm(like(delta, self.origin))
        return torch.where(length > 0, off / length.clamp_min(torch.finfo(length.dtype).tiny), 0)

    def lift(self, coordinates: Tensor) -> Tensor:
        """Origin + alpha u + beta v, shape (..., d) from (..., 2)."""
        return self.origin + coordinates[..., :1] * self.u + coordinates[..., 1:] * self.v


@dataclass(frozen=True, eq=False)
class PathContext:
    """What a plane may be built from: the objective, iterates (T, d) of the focused restart, all endpoints (K, d).

    `seed` and `pixels` serve the planes that need them. Float64 on the CPU.
    """

    objective: Objective
    constraint: ConstraintSet
    path: Tensor
    endpoints: Tensor
    seed: int = 0
    pixels: tuple[int, int] = field(default=(0, 1))

    @property
    def dimension(self) -> int:
        """The input dimension d."""
        return int(self.path.shape[-1])

    @property
    def clean(self) -> Tensor:
        """The clean point delta = 0."""
        return torch.zeros(self.dimension, dtype=torch.float64)

    def random(self, count: int = 2) -> list[Tensor]:
        """The first `count` seeded Gaussian directions (d,)."""
        draws = np.random.default_rng([self.seed, 7]).standard_normal((count, self.dimension))
        return list(torch.from_numpy(draws))


def orthonormal(candidates: list[Tensor], count: int = 2) -> list[tuple[int, Tensor]]:
    """`count` orthonormal directions by Gram-Schmidt (twice), each with the index of the candidate that it came from.

    Candidates that depend on those before give way to the next. In one dimension the second direction is zero.
    """
    basis: list[tuple[int, Tensor]] = []
    for i, vector in enumerate(candidates):
        length = torch.linalg.vector_norm(vector)
        if not length > 0 or len(basis) == count:
            continue
        rest = vector / length
        for _ in range(2):
            for _, known in basis:
                rest = rest - (rest @ known) * known
        size = torch.linalg.vector_norm(rest)
        if size > 1e-8:
            basis.append((i, rest / size))
    if len(basis) == 1:
        basis.append((len(candidates) - 1, torch.zeros_like(basis[0][1])))
    return basis


def lay(
    context: PathContext,
    origin: Tensor,
    named: list[tuple[str, Tensor]],
    explained: float | None = None,
    explains: str = "",
) -> Plane:
    """The plane through `origin` of the first two independent directions; random ones stand in for what is missing."""
    d = context.dimension
    axes = torch.eye(min(d, 3), d, dtype=torch.float64)
    spare = [("a random direction", direction) for direction in context.random()]
    spare += [(f"coordinate {i}", axis) for i, axis in enumerate(axes)]
    (first, u), (second, v) = orthonormal([direction for _, direction in named + spare])
    names = [name for name, _ in named + spare]
    across = names[second] if bool(v.any()) else "nothing: there is one coordinate only"
    return Plane(origin, u, v, (names[first], across), explained, explains)


def _clean_gradient_random(context: PathContext) -> Plane:
    gradient = context.objective.evaluate(context.clean).gradient
    return lay(context, context.clean, [("along ∇L at the clean input", gradient)])


def _components(context: PathContext, points: Tensor, origin: Tensor, what: str, about: str) -> Plane:
    """The two leading right singular vectors of points - origin, and the share of the squared distances they hold."""
    named, explained = principal_components(points - origin, what, 2)
    return lay(context, origin, named, explained, f"the squared distances of {what} from {about}")


def principal_components(away: Tensor, what: str, count: int) -> tuple[list[tuple[str, Tensor]], float | None]:
    """The `count` leading right singular vectors of `away` (n, d), named after `what`, and the share that they hold.

    Those of no length are left out; the share is of the sum of the squares, None where that is 0.
    """
    _, sizes, directions = torch.linalg.svd(away, full_matrices=False)
    total = sizes.square().sum()
    keep = int((sizes > 1e-10 * sizes.max().clamp_min(1e-300)).sum()) if len(sizes) else 0
    explained = float(sizes[:count].square().sum() / total) if total > 0 else None
    names = [f"{rank} component of {what}" for rank in ("1st", "2nd", "3rd")[:count]]
    return [(name, signed(direction)) for name, direction in zip(names, directions[:keep], strict=False)], explained


def signed(direction: Tensor) -> Tensor:
    """The one of ±direction whose largest entry is positive, so that pictures do not flip."""
    return direction * torch.sign(direction[direction.abs().argmax()])


def _path_components(context: PathContext) -> Plane:
    # As Li et al. 2018: about the endpoint, so that the summit lies on the plane.
    return _components(context, context.path, context.path[-1], "the path", "its end")


def _endpoint_components(context: PathContext) -> Plane:
    return _components(context, context.endpoints, context.clean, "the endpoints", "the clean input")


def _clean_start_end(context: PathContext) -> Plane:
    start, end = context.path[0], context.path[-1]
    return lay(context, context.clean, [("towards the endpoint", end), ("towards the start, orthogonal", start)])


def _two_poles(context: PathContext) -> Plane:
    # Live, in a few milliseconds: where the iteration contracts that is far more than enough.
    objective = context.objective
    iterations = min(100, max(12, 2**22 // (objective.width * objective.dimension + 32 * objective.work)))
    highest, lowest = poles(objective, context.constraint, tolerance=1e-7, iterations=iterations)
    named = [("towards a maximum of f", highest), ("towards a minimum of f, orthogonal", lowest)]
    return lay(context, context.clean, named)


def _hessian_eigenvectors(context: PathContext) -> Plane:
    # At the end of the focused path, wherever the cursor is: along with it the whole landscape would change.
    end = context.path[-1]
    vectors = top_eigenvectors(context.objective, context.constraint, end, count=2)
    names = ("1st tangent Hessian eigenvector at the path's end", "2nd tangent Hessian eigenvector at the path's end")
    named = [(name, signed(vector)) for name, vector in zip(names, vectors, strict=False)]
    return lay(context, end, named)


def _two_random(context: PathContext) -> Plane:
    return lay(context, context.clean, [])


def _two_pixels(context: PathContext) -> Plane:
    chosen = [min(max(pixel, 0), context.dimension - 1) for pixel in context.pixels]
    axes = torch.zeros(2, context.dimension, dtype=torch.float64)
    axes[range(2), chosen] = 1
    named = [(f"coordinate {pixel}", axis) for pixel, axis in zip(chosen, axes, strict=True)]
    return lay(context, context.clean, named)


Construction: TypeAlias = Callable[[PathContext], Plane]
PLANES: dict[str, Construction] = {
    "clean-gradient-random": _clean_gradient_random,
    "path-components": _path_components,
    "endpoint-components": _endpoint_components,
    "clean-start-end": _clean_start_end,
    "two-poles": _two_poles,
    "hessian-eigenvectors": _hessian_eigenvectors,
    "two-random": _two_random,
    "two-pixels": _two_pixels,
}


@torch.inference_mode()
def make_plane(name: str, context: PathContext) -> Plane:
    """The plane called `name` (a key of `PLANES`)."""
    return PLANES[name](context)


def constraint_cut(plane: Plane, constraint: ConstraintSet, *, corners: int = 360) -> NDArray[np.float64]:
    """The boundary of the constraint set's cut with the plane, a closed polygon (n + 1, 2), empty if they do not meet.

    An l2 set cuts the plane in the disc of radius sqrt(epsilon^2 - dist^2) about the projected clean point, drawn
    with `corners` corners; faces of a box (and of the l-infinity ball) then cut it exactly, one half-plane each.
    """
    constraint = constraint.to(device=torch.device("cpu"), dtype=torch.float64)
    centre_tensor, distance = plane.coordinates(torch.zeros_like(plane.origin))
    centre = centre_tensor.numpy()
    if isinstance(constraint, LinfBall):
        lower, upper = constraint.bounds(plane.origin)
        # Any square that contains the cut will do: its corners are cut off below.
        reach = 2 * float(torch.maximum(lower.abs(), upper.abs()).norm())
        polygon = centre + reach * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    else:
        radius_sq = constraint.epsilon**2 - float(distance) ** 2
        if radius_sq <= 0:
            return np.empty((0, 2))
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        circle = np.column_stack([np.cos(angles), np.sin(angles)])
        if not bool(plane.v.any()):
            # One coordinate: whatever the other, which means nothing. A thousand radii are out of any view.
            circle = np.array([[-1.0, -1e3], [1.0, -1e3], [1.0, 1e3], [-1.0, 1e3]])
        polygon = centre + np.sqrt(radius_sq) * circle
        if constraint.box is None:
            return np.concatenate([polygon, polygon[:1]])
        lower, upper = constraint.box
    normals = to_exact(torch.stack([plane.u, plane.v], -1)).numpy()
    origin = plane.origin.numpy()
    for sign, bound in ((1.0, upper), (-1.0, lower)):
        limits = sign * (bound.numpy() - origin)
        # A point of a float32 run may lie beyond the face that holds it, by round-off: it is on it.
        limits[(limits < 0) & (limits > -1e-6 * constraint.epsilon)] = 0
        for normal, limit in zip(sign * normals, limits, strict=True):
            polygon = _cut(polygon, normal, limit)
            if not len(polygon):
                return np.empty((0, 2))
    return np.concatenate([polygon, polygon[:1]])


def inside_cut(
    polygon: NDArray[np.float64], alpha: NDArray[np.float64], beta: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which points of a grid lie in a closed convex polygon (n + 1, 2): bool (len(beta), len(alpha)).

    Each row of the grid meets the polygon in one interval.
    """
    if len(polygon) < 4:
        return np.zeros((len(beta), len(alpha)), dtype=bool)
    (x0, y0), (x1, y1) = polygon[:-1].T, polygon[1:].T
    rise = np.where(y1 != y0, y1 - y0, 1.0)
    share = (beta[:, None] - y0) / rise
    meets = (share >= 0) & (share <= 1) & (y1 != y0)
    crossing = x0 + share * (x1 - x0)
    left = np.where(meets, crossing, np.inf).min(1)
    right = np.where(meets, crossing, -np.inf).max(1)
    return np.asarray((alpha >= left[:, None]) & (alpha <= right[:, None]))


def _cut(polygon: NDArray[np.float64], normal: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """The part of a convex polygon with normal . p <= limit (Sutherland-Hodgman)."""
    excess = polygon @ normal - limit
    if (excess <= 0).all():
        return polygon
    kept = []
    for i in range(len(polygon)):
        here, there = excess[i - 1], excess[i]
        if (here <= 0) != (there <= 0):
            kept.append(polygon[i - 1] + (here / (here - there)) * (polygon[i] - polygon[i - 1]))
        if there <= 0:
            kept.append(polygon[i])
    return np.array(kept).reshape(-1, 2)
