"""Constraint sets of the adversary: projection, support function, tangent cone.

All sets are centred at the clean input (delta = 0) and may be intersected with a box
lower <= delta <= upper that contains it. Batched: points have shape (..., d).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch
from typing_extensions import override

from .boxed import clip_along_ray, clip_tangent
from .norms import norm, normalized
from .places import move

if TYPE_CHECKING:
    from torch import Tensor

Box: TypeAlias = "tuple[Tensor, Tensor]"


def boundary_tolerance(dtype: torch.dtype) -> float:
    """The relative distance to a boundary that counts as on it: 64 units of round-off."""
    return 64 * torch.finfo(dtype).eps


class TangentSpace(NamedTuple):
    """The directions in which one may move both ways from a point without leaving the set to first order.

    free : bool Tensor (d,), coordinates that no active face of a box holds.
    normal : Tensor (d,), unit normal of the sphere restricted to the free coordinates, or None off the sphere.
    multiplier : lambda with P grad L = lambda P delta; 0 off the sphere.
    strict : whether every active face has a strictly positive multiplier (strict complementarity).
    """

    free: Tensor
    normal: Tensor | None
    multiplier: float
    strict: bool

    @property
    def boundary(self) -> bool:
        """Whether any part of the constraint is active."""
        return self.normal is not None or not bool(self.free.all())


@dataclass(frozen=True, eq=False)
class ConstraintSet(ABC):
    """A closed set around the clean input, of radius epsilon, optionally intersected with a box.

    Attributes
    ----------
    epsilon
        The radius, in the units of the input.
    box
        (lower, upper) on delta, each (d,), with lower <= 0 <= upper; None for no box.
    """

    epsilon: float
    box: Box | None = None

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise ValueError(f"the radius epsilon must be positive, got {self.epsilon}")
        if self.box is not None and not bool((self.box[0] <= 0).all() and (self.box[1] >= 0).all()):
            raise ValueError("the box must contain the clean input (lower <= 0 <= upper)")

    def to(self, *, device: torch.device | None = None, dtype: torch.dtype | None = None) -> ConstraintSet:
        """The same set with its box on another device or in another floating-point type."""
        if self.box is None:
            return self
        return type(self)(self.epsilon, (move(self.box[0], device, dtype), move(self.box[1], device, dtype)))

    @abstractmethod
    def project(self, v: Tensor) -> Tensor:
        """The Euclidean projection argmin |delta - v|_2 over the set, shape (..., d)."""

    @abstractmethod
    def support(self, g: Tensor) -> Tensor:
        """A maximiser of <delta, g> over the set, shape (..., d)."""

    @abstractmethod
    def size(self, delta: Tensor) -> Tensor:
        """The norm that epsilon bounds, shape (...,)."""

    @abstractmethod
    def tangential_part(self, delta: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """The part of g along the set and where delta is on its boundary.

        On a sphere that is P g, P = I - delta delta^T / |delta|^2; on active faces of a box the projection of g
        on the tangent cone. Returns ((..., d), bool (...,)).
        """

    @abstractmethod
    def tangent_space(self, delta: Tensor, g: Tensor) -> TangentSpace:
        """The tangent space at a single stationary point, with its multiplier."""

    @abstractmethod
    def points_outward(self, delta: Tensor, g: Tensor) -> Tensor:
        """Whether the sign of the multiplier is that of a maximum: lambda >= 0 on a ball, any sign on a sphere."""

    @abstractmethod
    def sample(self, normals: Tensor, uniforms: Tensor, *, surface: bool) -> Tensor:
        """Uniform points of the set (or of its surface) without its box, from N(0,1) (K, d) and U(0,1) (K,)."""

    def fosc(self, delta: Tensor, g: Tensor) -> Tensor:
        """First-order stationary condition max_{delta' in set} <delta' - delta, g> >= 0, 0 iff stationary; (...,).

        Without a box epsilon |g|_2 - <delta, g> on l2 sets and epsilon |g|_1 - <delta, g> on the l-infinity ball. On
        the l2 sphere the maximum is that over the ball: where a box's corner in the direction of g lies inside the
        sphere, it is an upper bound, which need not be 0 at a stationary point.
        Source: Wang et al. 2019, measured from the clean input.
        """
        return ((self.support(g) - delta) * g).sum(-1).clamp_min(0)


@dataclass(frozen=True, eq=False)
class _L2Set(ConstraintSet):
    """What the l2 ball and the l2 sphere share."""

    @override
    def size(self, delta: Tensor) -> Tensor:
        return norm(delta)

    @override
    def support(self, g: Tensor) -> Tensor:
        if self.box is not None:
            return clip_along_ray(g, *self.box, self.epsilon, fill=False)
        return self.epsilon * normalized(g)

    @override
    def fosc(self, delta: Tensor, g: Tensor) -> Tensor:
        if self.box is not None:
            return super().fosc(delta, g)
        return (self.epsilon * norm(g) - (delta * g).sum(-1)).clamp_min(0)

    def on_sphere(self, delta: Tensor) -> Tensor:
        """Where |delta| = epsilon up to round-off, bool (...,)."""
        return self.size(delta) >= self.epsilon * (1 - boundary_tolerance(delta.dtype))

    @override
    def tangential_part(self, delta: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        on_sphere = self.on_sphere(delta)
        if self.box is not None:
            tangent, active, _ = clip_tangent(delta, g, *self.box, on_sphere, self.epsilon, signed=self._signed)
            return tangent, on_sphere | active.any(-1)
        length_sq = delta.square().sum(-1).clamp_min(torch.finfo(g.dtype).tiny)
        along = ((delta * g).sum(-1) / length_sq).unsqueeze(-1)
        return g - torch.where(on_sphere.unsqueeze(-1), along, 0) * delta, on_sphere

    @override
    def tangent_space(self, delta: Tensor, g: Tensor) -> TangentSpace:
        on_sphere = bool(self.on_sphere(delta))
        free = torch.ones_like(delta, dtype=torch.bool)
        strict = True
        multiplier = float((delta @ g) / self.epsilon**2) if on_sphere else 0.0
        if self.box is not None:
            _, active, lagrange = clip_tangent(
                delta, g, *self.box, torch.tensor(on_sphere), self.epsilon, signed=self._signed
            )
            free, multiplier = ~active, float(lagrange)
            held = (g - multiplier * delta)[active].abs()
            strict = not len(held) or bool(held.min() > 1e-9 * norm(g))
        if not on_sphere:
            return TangentSpace(free, None, 0.0, strict)
        # Without a multiplier the ball does not hold the point: nothing is then said about going inwards.
        strict = strict and (self._signed or multiplier * self.epsilon > 1e-9 * float(norm(g)))
        normal = torch.where(free, delta, 0)
        length = norm(normal)
        # When every coordinate sits on a face of the box, the faces alone hold the point.
        return TangentSpace(free, normal / length if length > 0 else None, multiplier, strict)

    @property
    def _signed(self) -> bool:
        """Whether the multiplier of the sphere may be negative."""
        return False

    @override
    def points_outward(self, delta: Tensor, g: Tensor) -> Tensor:
        return ((delta * g).sum(-1) >= 0) | ~self.on_sphere(delta)

    @override
    def sample(self, normals: Tensor, uniforms: Tensor, *, surface: bool) -> Tensor:
        directions = normals / norm(normals).unsqueeze(-1)
        if surface:
            return self.epsilon * directions
        return self.epsilon * uniforms.unsqueeze(-1) ** (1 / normals.shape[-1]) * directions


@dataclass(frozen=True, eq=False)
class L2Ball(_L2Set):
    """{|delta|_2 <= epsilon}, optionally within a box."""

    @override
    def project(self, v: Tensor) -> Tensor:
        """V min(1, epsilon/|v|); with a box clip(v/(1 + mu)) for the mu >= 0 with |delta| = epsilon."""
        if self.box is None:
            length = norm(v).unsqueeze(-1)
            # A length that overflows leaves no direction: 0 length makes it NaN, where epsilon/inf would say zero.
            shrunk = length.reciprocal().mul_(self.epsilon).clamp_max_(1).add_(length, alpha=0)
            return v * shrunk
        clipped = torch.clamp(v, *self.box)
        outside = norm(clipped).unsqueeze(-1) > self.epsilon
        if not bool(outside.any()):
            return clipped
        return torch.where(outside, clip_along_ray(v, *self.box, self.epsilon, fill=False), clipped)


@dataclass(frozen=True, eq=False)
class L2Sphere(_L2Set):
    """{|delta|_2 = epsilon}, optionally within a box that reaches the sphere."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.box is not None:
            reach = float(torch.maximum(*(bound.abs() for bound in self.box)).norm())
            if reach < self.epsilon:
                raise ValueError(
                    f"the box lies inside the sphere: its farthest corner is at {reach:.4g}, epsilon {self.epsilon:.4g}"
                )

    @property
    def _signed(self) -> bool:
        return True

    @override
    def project(self, v: Tensor) -> Tensor:
        """Epsilon v/|v| (the first axis for v = 0, where every point is nearest); with a box see clip_along_ray."""
        if self.box is not None:
            return clip_along_ray(v, *self.box, self.epsilon, fill=True)
        length = norm(v).unsqueeze(-1)
        projected = v * torch.add(self.epsilon / length, length, alpha=0)  # NaN where the length overflows
        if bool((length == 0).any()):
            first_axis = torch.zeros_like(v)
            first_axis[..., 0] = self.epsilon
            projected = torch.where(length == 0, first_axis, projected)
        return projected

    @override
    def points_outward(self, delta: Tensor, g: Tensor) -> Tensor:
        return torch.ones(delta.shape[:-1], dtype=torch.bool, device=delta.device)


@dataclass(frozen=True, eq=False)
class LinfBall(ConstraintSet):
    """{|delta|_inf <= epsilon}, optionally within a box: itself a box."""

    def bounds(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Lower and upper bound of each coordinate, (d,)."""
        radius = torch.full(like.shape[-1:], self.epsilon, dtype=like.dtype, device=like.device)
        if self.box is None:
            return -radius, radius
        return torch.maximum(self.box[0], -radius), torch.minimum(self.box[1], radius)

    @override
    def project(self, v: Tensor) -> Tensor:
        """Clip, coordinate by coordinate."""
        if self.box is None:
            return v.clamp(-self.epsilon, self.epsilon)
        return torch.clamp(v, *self.bounds(v))

    @override
    def support(self, g: Tensor) -> Tensor:
        lower, upper = self.bounds(g)
        return torch.where(g > 0, upper, torch.where(g < 0, lower, 0))

    @override
    def size(self, delta: Tensor) -> Tensor:
        return norm(delta, torch.inf)

    @override
    def tangential_part(self, delta: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        tangent, active, _ = clip_tangent(
            delta, g, *self.bounds(delta), torch.zeros(delta.shape[:-1], dtype=torch.bool), self.epsilon, signed=False
        )
        return tangent, active.any(-1)

    @override
    def tangent_space(self, delta: Tensor, g: Tensor) -> TangentSpace:
        _, active, _ = clip_tangent(delta, g, *self.bounds(delta), torch.tensor(False), self.epsilon, signed=False)
        held = g[active].abs()
        strict = not len(held) or bool(held.min() > 1e-9 * norm(g))
        return TangentSpace(~active, None, 0.0, strict)

    @override
    def points_outward(self, delta: Tensor, g: Tensor) -> Tensor:
        return torch.ones(delta.shape[:-1], dtype=torch.bool, device=delta.device)

    @override
    def sample(self, normals: Tensor, uniforms: Tensor, *, surface: bool) -> Tensor:
        """Uniform coordinates erf(n/sqrt 2) on (-1, 1); on the surface one of them is pushed to a face."""
        cube = torch.erf(normals / 2**0.5)
        if surface:
            index = (uniforms * normals.shape[-1]).long().clamp_max(normals.shape[-1] - 1).unsqueeze(-1)
            face = torch.where(cube.gather(-1, index) < 0, -1.0, 1.0).to(cube.dtype)
            cube = cube.scatter(-1, index, face)
        return self.epsilon * cube


CONSTRAINTS: dict[str, type[ConstraintSet]] = {"l2-ball": L2Ball, "l2-sphere": L2Sphere, "linf-ball": LinfBall}
