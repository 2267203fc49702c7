"""The 2-sphere that a 3-D subspace cuts out of the constraint sphere |delta| = epsilon, and the loss on it.

A new subspace is one new function and one entry in `SUBSPACES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch

from .activations import NoCurvatureError
from .constraint import LinfBall
from .interruption import give_way, never
from .landscape import in_strips, points_held
from .norms import norm
from .places import like
from .plane import orthonormal, principal_components, signed
from .spectrum import top_eigenvectors

if TYPE_CHECKING:
    from torch import Tensor

    from .constraint import ConstraintSet
    from .objective import Objective
    from .plane import PathContext


class NoSphereError(ValueError):
    """There is no 2-sphere to look at; the text says why."""


@dataclass(frozen=True, eq=False)
class Subspace:
    """The span of three orthonormal directions of delta-space, through the clean input; float64 on the CPU.

    Attributes
    ----------
    E : Tensor (3, d)
        The directions, a row each: c (3,) stands for delta = c E. The first is the centre of a chart.
    axes
        What they are, for labels.
    note
        Why some of them are not what was asked for; else empty.
    explained
        The share of the squared lengths of some points that lies in the subspace, where it was chosen to hold the most
        of them; else None.
    explains
        What that is a share of, in words.
    """

    E: Tensor
    axes: tuple[str, str, str]
    note: str = ""
    explained: float | None = None
    explains: str = ""

    def coordinates(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates c = delta E^T (..., 3), and the off-subspace share |delta - c E|/|delta| (...,), 0 at delta = 0.

        The nearest point of the 2-sphere of radius epsilon is epsilon c/|c|.
        """
        delta = like(delta, self.E)
        c = delta @ self.E.T
        off, length = norm(delta - c @ self.E), norm(delta)
        return c, torch.where(length > 0, off / length.clamp_min(torch.finfo(length.dtype).tiny), 0)

    def lift(self, c: Tensor) -> Tensor:
        """Delta = c E, shape (..., d) from (..., 3)."""
        return like(c, self.E) @ self.E


def no_sphere(constraint: ConstraintSet, dimension: int) -> str:
    """Why a constraint set in R^d has no 2-sphere to look at; empty if it has one."""
    if isinstance(constraint, LinfBall):
        return "The ℓ∞ ball has flat faces and no sphere: choose the ℓ₂ ball or the ℓ₂ sphere, or look at the plane."
    if dimension < 3:
        count = "one coordinate" if dimension == 1 else f"{dimension} coordinates"
        return f"A globe needs at least three coordinates. This input has {count}: the plane shows all there is."
    return ""


def _span(
    context: PathContext,
    named: list[tuple[str, Tensor]],
    note: str = "",
    explained: float | None = None,
    explains: str = "",
) -> Subspace:
    """The span of the first three independent directions; random ones stand in for what is missing."""
    axes = torch.eye(3, context.dimension, dtype=torch.float64)
    spare = [("a random direction", direction) for direction in context.random(3)]
    spare += [(f"coordinate {i}", axis) for i, axis in enumerate(axes)]
    candidates = [*named, *spare]
    chosen = orthonormal([direction for _, direction in candidates], 3)
    first, second, third = (candidates[i][0] for i, _ in chosen)
    return Subspace(torch.stack([e for _, e in chosen]), (first, second, third), note, explained, explains)


def _maximum_and_eigenvectors(context: PathContext) -> Subspace:
    end = context.path[-1]
    named, note = [("the path's endpoint", end)], ""
    try:
        vectors = top_eigenvectors(context.objective, context.constraint, end, count=2)
    except NoCurvatureError as reason:
        # The endpoint is still worth a globe of its own.
        vectors, note = [], f"random directions in place of eigenvectors: {str(reason).partition(':')[0]}"
    names = ("1st tangent eigenvector there", "2nd tangent eigenvector there")
    named += [(name, signed(vector)) for name, vector in zip(names, vectors, strict=False)]
    return _span(context, named, note)


def _clean_gradient_random(context: PathContext) -> Subspace:
    return _span(context, [("∇L at the clean input", context.objective.evaluate(context.clean).gradient)])


def _endpoint_components(context: PathContext) -> Subspace:
    named, explained = principal_components(context.endpoints, "the endpoints", 3)
    return _span(context, named, "", explained, "the squared lengths of the endpoints")


def _three_random(context: PathContext) -> Subspace:
    return _span(context, [])


Construction: TypeAlias = Callable[["PathContext"], Subspace]
SUBSPACES: dict[str, Construction] = {
    "maximum-and-eigenvectors": _maximum_and_eigenvectors,
    "clean-gradient-random": _clean_gradient_random,
    "endpoint-components": _endpoint_components,
    "three-random": _three_random,
}


@torch.inference_mode()
def make_subspace(name: str, context: PathContext) -> Subspace:
    """The subspace called `name` (a key of `SUBSPACES`); for d = 3 each is the whole space.

    Raises
    ------
    NoSphereError
        In fewer than three dimensions, and for the l-infinity ball.
    """
    reason = no_sphere(context.constraint, context.dimension)
    if reason:
        raise NoSphereError(reason)
    return SUBSPACES[name](context)


@dataclass(frozen=True, eq=False)
class SpherePreactivations:
    """p_0 = W x + b (m,) and W E^T, transposed (3, m), in the objective's type and place; E (3, d) as it was given."""

    objective: Objective
    E: Tensor
    p0: Tensor
    EW: Tensor

    @classmethod
    @torch.inference_mode()
    def of(cls, objective: Objective, E: Tensor) -> SpherePreactivations:
        """The four products with W that a subspace E (3, d) costs."""
        both = objective.along(torch.cat([objective.x.unsqueeze(0), like(E, objective.x)]))
        return cls(objective, E, objective.with_bias(both[0]), both[1:].contiguous())

    @torch.inference_mode()
    def heights(self, c: Tensor, interrupted: Callable[[], bool] = never) -> Tensor:
        """The objective's heights at delta = c E for coordinates c (n, 3), shape (n, ...): no factor d.

        The pre-activations W x + b + (W E^T) c are affine in c, as they are on a plane.

        Raises
        ------
        Interrupted
            When `interrupted()` is true between two blocks.
        """
        objective, p0 = self.objective, self.p0
        c = like(c, p0)
        heights = p0.new_empty((len(c), *objective.heights_shape))
        block = min(points_held(objective), max(len(c), 1))

        def fill(first: int, end: int) -> None:
            memory = p0.new_empty((block, p0.shape[0]))
            for start in range(first, end, block):
                give_way(interrupted)
                some = c[start : min(start + block, end)]
                p = torch.addmm(p0, some, self.EW, out=memory[: len(some)])
                heights[start : start + len(some)] = objective.heights_over(p)

        in_strips(fill, len(c), block, objective, len(c))
        return heights


_BOX_BLOCK = 2**17
"""Coordinates of points that are held against a box at a time: they stay in a core's caches."""


@torch.inference_mode()
def inside_box(constraint: ConstraintSet, E: Tensor, directions: Tensor) -> Tensor:
    """Which points epsilon c E lie in the constraint's box, for directions c (n, 3): bool (n,); all without a box."""
    inside = torch.ones(len(directions), dtype=torch.bool)
    if constraint.box is None:
        return inside
    lower, upper = (like(bound, E) for bound in constraint.box)
    # What touches a face only by round-off is on it.
    slack = 1e-9 * constraint.epsilon
    block = max(1, _BOX_BLOCK // E.shape[1])
    for first in range(0, len(directions), block):
        points = constraint.epsilon * directions[first : first + block] @ E
        inside[first : first + block] = ((points >= lower - slack) & (points <= upper + slack)).all(-1)
    return inside
