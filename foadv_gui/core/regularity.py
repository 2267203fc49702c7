"""How regular a landscape is: distinct maxima, the way between two of them, linearity, alignment, concave share.

The paper's "more regular landscape", measured (THEORY: regularity of a landscape). Everything is evaluated in float64
on the CPU; random points are seeded, and every estimate says how many it was taken over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import cdist, squareform

from .constraint import L2Sphere
from .interruption import give_way, never
from .landscape import top_tangent_curvature
from .norms import norm
from .places import CPU, to_exact
from .threads import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from .constraint import ConstraintSet
    from .objective import Objective

    Floats = NDArray[np.float64]

SAME_ANGLE = 1e-3
"""Maxima within this distance of each other, in units of epsilon, are one: on the sphere that is an angle in rad.

Ends of a float32 run scatter by some 3e-4 about their maximum."""
SAME_LOSS = 1e-5
"""Provided that their losses differ by no more than this share of the largest."""

_ON_SPHERE = 1e-4
"""The relative difference of two lengths up to which both ends of an arc lie on one sphere."""
_ROWS, _POINTS = 64, 16
"""Endpoints and random points that are looked at between two looks at `interrupted()`."""


# -- endpoints -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Maxima:
    """The distinct maxima among K endpoints, by descending loss.

    Attributes
    ----------
    cluster : int (K,), which maximum each endpoint is; -1 for those that are none.
    representatives : int (n,), of each maximum the endpoint with the largest loss.
    sizes : int (n,), how many endpoints each maximum has.
    """

    cluster: NDArray[np.int64]
    representatives: NDArray[np.int64]
    sizes: NDArray[np.int64]


def distinct_maxima(
    endpoints: Floats,
    losses: Floats,
    is_maximum: NDArray[np.bool_],
    epsilon: float,
    interrupted: Callable[[], bool] = never,
) -> Maxima:
    """Cluster the endpoints (K, d) that are maxima, bool (K,), by place and loss (K,), with single linkage.

    Two are one maximum where |delta_i - delta_j| <= SAME_ANGLE epsilon and |L_i - L_j| <= SAME_LOSS max L, or where a
    chain of such pairs joins them. Between points of the sphere |delta| = epsilon that distance is their angle; inside
    it, where an angle says little, it still tells them apart.

    Raises
    ------
    Interrupted
        When `interrupted()` is true between two blocks of endpoints.
    """
    kept = np.nonzero(is_maximum & np.isfinite(endpoints).all(1) & np.isfinite(losses))[0]
    points, heights = endpoints[kept] / epsilon, losses[kept]
    same_height = SAME_LOSS * float(np.abs(heights).max(initial=0.0))
    labels = np.arange(len(kept))
    for first in range(0, len(kept), _ROWS):
        give_way(interrupted)
        rows = slice(first, first + _ROWS)
        near = cdist(points[rows], points) <= SAME_ANGLE
        near &= np.abs(heights[rows, None] - heights) <= same_height
        for neighbours in near:
            joined = labels[neighbours]
            labels[np.isin(labels, joined)] = joined.min()
    groups = [np.nonzero(labels == label)[0] for label in np.unique(labels)]
    groups.sort(key=lambda group: -float(heights[group].max()))
    cluster = np.full(len(endpoints), -1, np.int64)
    for i, group in enumerate(groups):
        cluster[kept[group]] = i
    representatives = np.array([kept[group[heights[group].argmax()]] for group in groups], np.int64)
    return Maxima(cluster, representatives, np.array([len(group) for group in groups], np.int64))


def pairwise_angles(points: Floats, interrupted: Callable[[], bool] = never) -> Floats:
    """The angles between points (K, d), (K, K) in rad: 2 atan2(|u - v|, |u + v|) with u, v of length 1.

    NaN for a point that has no direction (0, or not finite). Kahan's formula: arccos <u, v> would lose half of the
    digits of small angles and of those near pi.

    Raises
    ------
    Interrupted
        When `interrupted()` is true between two blocks of points.
    """
    largest = np.abs(points).max(1, keepdims=True, initial=0.0)
    pointing = np.isfinite(largest) & (largest > 0)
    units = np.where(pointing, points / np.where(pointing, largest, 1.0), np.nan)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    angles = np.empty((len(points), len(points)))
    for first in range(0, len(points), _ROWS):
        give_way(interrupted)
        rows = slice(first, first + _ROWS)
        angles[rows] = 2 * np.arctan2(cdist(units[rows], units), cdist(units[rows], -units))
    return angles


def similarity_order(angles: Floats, cluster: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order (K,) of points in which each cluster (K,) is contiguous and similar ones are neighbours.

    That of the leaves of an average-linkage tree over the pairwise angles (K, K), in which the members of a cluster
    follow its first one. The best maximum (cluster 0) is in its first half.
    """
    count = len(cluster)
    leaves: NDArray[np.integer] = np.arange(count)
    if count > 2:
        # No direction at all is as far as can be from any other.
        apart = np.where(np.isfinite(angles), angles, math.pi)
        np.fill_diagonal(apart, 0.0)
        leaves = leaves_list(linkage(squareform(apart, checks=False), "average"))
    if count and np.mean(np.nonzero(cluster[leaves] == 0)[0] if (cluster == 0).any() else 0.0) > (count - 1) / 2:
        leaves = leaves[::-1]
    first: dict[int, int] = {}
    for place, k in enumerate(leaves):
        first.setdefault(int(cluster[k]), place)
    places = [first[int(cluster[k])] if cluster[k] >= 0 else place for place, k in enumerate(leaves)]
    return np.asarray(leaves[np.argsort(places, kind="stable")], np.int64)


# -- the way between two of them -------------------------------------------------------------------------------------


@torch.inference_mode()
def segment(objective: Objective, start: Tensor, end: Tensor, count: int = 201) -> tuple[Floats, Floats]:
    """The loss at delta = (1 - s) start + s end: shares s of the way (count,), and losses (count,).

    Pre-activations are affine in s: two products with W, whatever the count. Source: Madry et al. 2018, appendix A.
    """
    one, other = to_exact(start), to_exact(end)
    shares = torch.linspace(0, 1, count, dtype=torch.float64)
    return shares.numpy(), _losses(objective, torch.stack([1 - shares, shares], -1), torch.stack([one, other]))


@torch.inference_mode()
def great_circle(objective: Objective, start: Tensor, end: Tensor, count: int = 201) -> tuple[float, Floats, Floats]:
    """The loss along the shorter great circle between two points of a sphere about the clean input.

    delta(s) = |delta| (cos(s theta) u + sin(s theta) w) at the share s of the angle theta between the ends, with u the
    direction of the start and w that of the end's part square to it. Between antipodes every great circle is as short:
    the one towards the coordinate axis most square to u is taken.

    Returns
    -------
    tuple
        The angle theta in rad, shares s of it (count,), and losses (count,).

    Raises
    ------
    ValueError
        Where the ends do not lie on one sphere, or d = 1.
    """
    one, other = to_exact(start), to_exact(end)
    if len(one) < 2:
        raise ValueError("in one dimension no way leads along the sphere")
    lengths = [float(norm(one)), float(norm(other))]
    if not (min(lengths) > 0 and abs(lengths[0] - lengths[1]) <= _ON_SPHERE * max(lengths)):
        raise ValueError(f"the ends of a great circle lie on one sphere, not at {lengths[0]:.4g} and {lengths[1]:.4g}")
    u, v = one / lengths[0], other / lengths[1]
    angle = float(2 * torch.atan2(norm(u - v), norm(u + v)))
    side = v - (u @ v) * u
    if norm(side) < 1e-9:
        side = torch.zeros_like(u)
        side[u.abs().argmin()] = 1
    side = side - (u @ side) * u
    side = side / norm(side)
    shares = torch.linspace(0, 1, count, dtype=torch.float64)
    # Lengths that differ by round-off meet both ends.
    radii = (1 - shares) * lengths[0] + shares * lengths[1]
    weights = radii.unsqueeze(-1) * torch.stack([torch.cos(shares * angle), torch.sin(shares * angle)], -1)
    return angle, shares.numpy(), _losses(objective, weights, torch.stack([u, side]))


def _losses(objective: Objective, weights: Tensor, directions: Tensor) -> Floats:
    """L at delta = weights (n, k) times directions (k, d), shape (n,), by k + 1 products with W."""
    exact = objective.exact
    p = exact.with_bias(exact.along(exact.x)) + weights @ exact.along(directions)
    _, loss = exact.value_and_loss(exact.heights_over(p))
    return loss.numpy()


# -- over the set ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Nonlinearity:
    """How far the loss is from its linear model at the clean input, and its gradient from that there.

    Attributes
    ----------
    remainder : max |L(delta) - L(0) - <delta, grad L(0)>| over the points seen, a lower bound of that over the set
        (local linearity: Qin et al. 2019).
    gain : max <delta, grad L(0)> over the set, epsilon |grad L(0)| on an l2 set: the most that the linear model gains.
    misalignment : the mean of 1 - cos(grad L(0), grad L(delta)) over random points where both have a direction
        (gradient alignment: Andriushchenko and Flammarion 2020); None where there is no such point.
    misalignment_error : its standard error, None for fewer than two points.
    points, aligned : how many random points were looked at, and how many of them have a gradient to compare.
    extra : how many points besides the remainder was taken over.
    """

    remainder: float
    gain: float
    misalignment: float | None
    misalignment_error: float | None
    points: int
    aligned: int
    extra: int

    @property
    def relative(self) -> float | None:
        """The remainder over the gain; None where the linear model gains nothing."""
        return self.remainder / self.gain if self.gain > 0 else None


@torch.inference_mode()
def nonlinearity(
    objective: Objective,
    constraint: ConstraintSet,
    extra: Tensor,
    *,
    points: int = 512,
    seed: int = 0,
    interrupted: Callable[[], bool] = never,
) -> Nonlinearity:
    """Local linearity and gradient alignment over uniform points of the set, and over `extra` points (n, d) of it.

    The random points are uniform in the ball, or on the sphere, without its box; then projected on the box. The extra
    ones (the ends of an ascent, where the remainder is large) count for the local linearity only: they are no sample.

    Raises
    ------
    Interrupted
        When `interrupted()` is true between two blocks of points.
    """
    exact, exact_set = objective.exact, constraint.to(device=CPU, dtype=torch.float64)
    draw = np.random.default_rng([seed, 11])
    normals = torch.from_numpy(draw.standard_normal((points, exact.dimension)))
    uniforms = torch.from_numpy(draw.random(points))
    drawn = exact_set.project(exact_set.sample(normals, uniforms, surface=isinstance(constraint, L2Sphere)))
    _, loss0, gradient0 = exact.evaluate(drawn.new_zeros(exact.dimension))
    length0 = norm(gradient0)

    def piece(deltas: Tensor) -> tuple[Tensor, Tensor]:
        give_way(interrupted)
        _, loss, gradient = exact.evaluate(deltas)
        lengths = length0 * norm(gradient)
        away = torch.where(lengths > 0, 1 - (gradient @ gradient0) / lengths, torch.nan)
        return (loss - loss0 - deltas @ gradient0).abs(), away

    found = in_parallel(piece, _pieces(torch.cat([drawn, to_exact(extra)])))
    remainder, away = (torch.cat(column) for column in zip(*found, strict=True))
    away = away[:points]
    away = away[~away.isnan()].clamp(0, 2)
    n = len(away)
    return Nonlinearity(
        remainder=float(remainder.max()),
        gain=float(exact_set.support(gradient0) @ gradient0),
        misalignment=float(away.mean()) if n else None,
        misalignment_error=float(away.std()) / n**0.5 if n > 1 else None,
        points=points,
        aligned=n,
        extra=len(extra),
    )


def _pieces(points: Tensor) -> list[Tensor]:
    """The points (n, d), some at a time."""
    return [points[first : first + _POINTS] for first in range(0, len(points), _POINTS)]


@dataclass(frozen=True)
class ConcaveShare:
    """On how many of so many random points of the sphere the loss is concave along it.

    share : their part of all, an estimate that errs upwards (see `concave_share`); error : its standard error, that of
    a share with one point more on either side (Laplace's rule), so that it is not 0 where all points agree.
    """

    concave: int
    points: int

    @property
    def share(self) -> float:
        """The share of the sphere."""
        return self.concave / self.points

    @property
    def error(self) -> float:
        """Its standard error."""
        wider = (self.concave + 1) / (self.points + 2)
        return math.sqrt(wider * (1 - wider) / (self.points + 2))


@torch.inference_mode()
def concave_share(
    objective: Objective,
    epsilon: float,
    *,
    points: int = 64,
    seed: int = 0,
    steps: int = 24,
    interrupted: Callable[[], bool] = never,
) -> ConcaveShare:
    """The share of the sphere |delta| = epsilon on which P(H - lambda I)P is negative definite on the tangent space.

    Over uniform points, by the sign of its top eigenvalue. `steps` Lanczos steps find that from below, so a point that
    is refused is not concave, while one that is barely not may be taken for it: the share errs upwards (and not at all
    for d <= steps).

    Raises
    ------
    NoCurvatureError
        For relu.
    ValueError
        For d = 1, where nothing is tangent.
    Interrupted
        When `interrupted()` is true between two steps.
    """
    exact = objective.exact
    if exact.dimension < 2:
        raise ValueError("the sphere in one dimension is two points: there is nothing to curve along")
    normals = torch.from_numpy(np.random.default_rng([seed, 12]).standard_normal((points, exact.dimension)))
    deltas = epsilon * normals / norm(normals).unsqueeze(-1)
    tops = in_parallel(lambda some: top_tangent_curvature(exact, epsilon, some, steps, interrupted), _pieces(deltas))
    return ConcaveShare(int((torch.cat(tops) < 0).sum()), points)
