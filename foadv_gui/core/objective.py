"""The adversary's objective: the loss as a function of the perturbation delta."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch

from .cores import cores
from .places import move, to_exact
from .roundoff import RoundOff, round_off
from .threads import in_parallel

if TYPE_CHECKING:
    from torch import Tensor

    from .affine import Affine
    from .network import TwoLayerNetwork


class Evaluation(NamedTuple):
    """What one look at the objective gives, for a batch of perturbations of shape (..., d).

    value: f(x + delta), shape (...,); loss: L, shape (...,); gradient: grad L, shape (..., d).
    """

    value: Tensor
    loss: Tensor
    gradient: Tensor


class Bend(Protocol):
    """The Hessian of L by p at one point, where p = W(x + delta) + b; hess L = W^T (it) W."""

    def times(self, q: Tensor) -> Tensor:
        """It times q (..., m)."""

    def between(self, WB: Tensor) -> Tensor:
        """(WB)^T (it) (WB) for WB (m, k), symmetric to the last bit; shape (k, k)."""


class Objective(Protocol):
    """L(delta) and its derivatives, for perturbations (..., d) of an input x (d,).

    Everything is split where the first, affine layer p = W(x + delta) + b ends (p = x + delta where there is none),
    since p is affine in the coordinates of a plane. What is kept of a point are its *heights*: a tensor (...,) or
    (..., 2) from which `value_and_loss` tells f and L.
    """

    @property
    def x(self) -> Tensor:
        """The clean input (d,)."""

    @property
    def dimension(self) -> int:
        """The input dimension d."""

    @property
    def width(self) -> int:
        """The number m of coordinates of p."""

    @property
    def work(self) -> int:
        """How many numbers it takes to get from p to L."""

    @property
    def widest(self) -> int:
        """The most numbers that are held at a time on the way from p to L."""

    @property
    def heights_shape(self) -> tuple[int, ...]:
        """What a height has beyond the shape of the points."""

    @property
    def loss_name(self) -> str:
        """The loss's name in experiment files."""

    @property
    def level(self) -> float:
        """The value of f that the residual f - level is counted from: y for the quadratic loss."""

    @property
    def first(self) -> Affine | None:
        """The first layer."""

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type everything is computed in."""

    @property
    def device(self) -> torch.device:
        """Where everything is computed."""

    @property
    def exact(self) -> Objective:
        """The same objective in float64 on the CPU, for statements that have to survive round-off."""

    @property
    def single(self) -> Objective:
        """The same objective in float32, for pictures that the next one replaces."""

    @property
    def why_no_curvature(self) -> str:
        """Why nothing of second order can be said; empty for smooth ones."""

    def value(self, delta: Tensor) -> Tensor:
        """f(x + delta), shape (...,)."""

    def value_and_slope(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        """f(x + delta), shape (...,), and grad f, shape (..., d)."""

    def evaluate(self, delta: Tensor) -> Evaluation:
        """f, L and grad L."""

    def heights_and_gradient(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        """The heights and grad L (..., d) for a step of an ascent, under the inference mode of the caller."""

    def value_and_loss(self, heights: Tensor) -> tuple[Tensor, Tensor]:
        """The values f and the losses L, (...,) each, that heights stand for."""

    def is_round_off(self, value: Tensor) -> Tensor:
        """Where grad L is made of round-off, at values f (...,): the residual that it is a multiple of is."""

    def hessian_vector_product(self, delta: Tensor, v: Tensor) -> Tensor:
        """H v, shape (..., d)."""

    def bend(self, delta: Tensor) -> Bend:
        """The Hessian by p at delta (d,)."""

    def along(self, v: Tensor) -> Tensor:
        """What a direction v (..., d) adds to p: W v, shape (..., m)."""

    def with_bias(self, p: Tensor) -> Tensor:
        """The pre-activations p + b, shape (..., m)."""

    def heights_over(self, p: Tensor) -> Tensor:
        """The heights at p (..., m), which may be overwritten."""

    def slope_at(self, p: Tensor) -> Tensor:
        """The gradient of L by p, shape (..., m); p may be overwritten."""

    def round_off(self, radius: float) -> RoundOff:
        """What float64 can lose of f and its derivatives at |delta|_2 <= radius."""


@dataclass(frozen=True, eq=False)
class QuadraticAdversary:
    """L(delta) = (f(x + delta) - y)^2 / 2 for a two-layer network f, in closed form.

    With the residual r = f(x + delta) - y,

        grad L = r grad f,        hess L = r hess f + grad f grad f^T,
        hess f = W^T diag(a sigma''(W(x + delta) + b)) W,

    so that a Hessian-vector product costs two thin matrix products, O(m d). All methods run under
    torch.inference_mode and take delta of shape (..., d). Its heights are f.

    Source of the problem: Deng, He, Huang, Su (ICML 2020); the closed forms are elementary.
    """

    network: TwoLayerNetwork
    x: Tensor
    y: float

    def __post_init__(self) -> None:
        if self.x.shape != (self.network.dimension,):
            raise ValueError(f"x must have shape ({self.network.dimension},), got {tuple(self.x.shape)}")

    @property
    def dimension(self) -> int:
        """The input dimension d."""
        return self.network.dimension

    @property
    def width(self) -> int:
        """The number of neurons m."""
        return self.network.width

    @property
    def work(self) -> int:
        """The m activations."""
        return self.network.width

    @property
    def widest(self) -> int:
        """The m activations."""
        return self.network.width

    @property
    def heights_shape(self) -> tuple[int, ...]:
        """A height is one number, f."""
        return ()

    @property
    def loss_name(self) -> str:
        """That the loss is quadratic."""
        return "quadratic"

    @property
    def level(self) -> float:
        """The label y."""
        return self.y

    @property
    def first(self) -> Affine:
        """The first layer."""
        return self.network.first

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type everything is computed in."""
        return self.x.dtype

    @property
    def device(self) -> torch.device:
        """Where everything is computed."""
        return self.x.device

    @property
    def why_no_curvature(self) -> str:
        """Why nothing of second order can be said, for relu."""
        return self.network.activation.why_no_curvature

    @cached_property
    def exact(self) -> QuadraticAdversary:
        """The same objective in float64 on the CPU, for statements that have to survive round-off."""
        return QuadraticAdversary(self.network.exact, to_exact(self.x), self.y)

    @cached_property
    def single(self) -> QuadraticAdversary:
        """The same objective in float32, for pictures that the next one replaces."""
        return QuadraticAdversary(self.network.single, self.x.to(torch.float32), self.y)

    def to(self, *, device: torch.device | None = None, dtype: torch.dtype | None = None) -> QuadraticAdversary:
        """The same objective on another device or in another floating-point type."""
        return QuadraticAdversary(self.network.to(device=device, dtype=dtype), move(self.x, device, dtype), self.y)

    @torch.inference_mode()
    def value(self, delta: Tensor) -> Tensor:
        """f(x + delta), shape (...,)."""
        return self.network.value(self.x + delta)

    @torch.inference_mode()
    def value_and_slope(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        """f(x + delta), shape (...,), and grad f, shape (..., d)."""
        return self.network.value_and_gradient(self.x + delta)

    @torch.inference_mode()
    def evaluate(self, delta: Tensor) -> Evaluation:
        """f, L and grad L = r grad f."""
        value, gradient = self.heights_and_gradient(delta)
        return Evaluation(value, 0.5 * (value - self.y).square(), gradient)

    def heights_and_gradient(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        """The value f (...,) and grad L (..., d) for a step of an ascent, under the inference mode of the caller."""
        value, gradient = self.network.value_and_gradient(self.x + delta)
        return value, (value - self.y).unsqueeze(-1) * gradient

    def value_and_loss(self, heights: Tensor) -> tuple[Tensor, Tensor]:
        """The values f themselves, and L = (f - y)^2/2."""
        return heights, 0.5 * (heights - self.y).square()

    def is_round_off(self, value: Tensor) -> Tensor:
        """Where |f - y| is some units of round-off of f and y."""
        return cancels(value, self.y)

    @torch.inference_mode()
    def hessian_vector_product(self, delta: Tensor, v: Tensor) -> Tensor:
        """H v = r W^T (a sigma''(p) * (W v)) + grad f (grad f . v), shape (..., d)."""
        z = self.x + delta
        value, gradient = self.network.value_and_gradient(z)
        residual = (value - self.y).unsqueeze(-1)
        bent = (residual * self.network.curvature(z) * self.network.along(v)) @ self.network.W
        return bent + gradient * (gradient * v).sum(-1, keepdim=True)

    @torch.inference_mode()
    def hessian(self, delta: Tensor) -> Tensor:
        """H = r W^T diag(a sigma''(p)) W + grad f grad f^T, shape (..., d, d)."""
        return self.bend(delta).between(self.network.W)

    @torch.inference_mode()
    def bend(self, delta: Tensor) -> ClosedBend:
        """The Hessian by p at delta (..., d): diag(r a sigma''(p)) + s s^T with s = a sigma'(p)."""
        p = self.network.preactivation(self.x + delta)
        activation, a = self.network.activation, self.network.a
        residual = self.network.output(activation.value(p)) - self.y
        return ClosedBend(residual.unsqueeze(-1) * a * activation.second(p), activation.first(p) * a)

    def along(self, v: Tensor) -> Tensor:
        """W v, shape (..., m)."""
        return self.network.along(v)

    def with_bias(self, p: Tensor) -> Tensor:
        """The pre-activations p + b, shape (..., m)."""
        return p if self.network.b is None else p + self.network.b

    def heights_over(self, p: Tensor) -> Tensor:
        """The values f at pre-activations p (..., m), which are overwritten."""
        return self.network.output(self.network.activation.value_over(p))

    def slope_at(self, p: Tensor) -> Tensor:
        """The gradient of L by p, r a sigma'(p), shape (..., m)."""
        h, slope = self.network.activation.value_and_first(p)
        return (self.network.output(h) - self.y).unsqueeze(-1) * (slope * self.network.a)

    def round_off(self, radius: float) -> RoundOff:
        """What is lost at most at |delta|_2 <= radius, see `core.roundoff.round_off`."""
        return round_off(self, radius)


class ClosedBend(NamedTuple):
    """diag(diagonal) + slope slope^T, (..., m) each."""

    diagonal: Tensor
    slope: Tensor

    def times(self, q: Tensor) -> Tensor:
        """It times q (..., m)."""
        return self.diagonal * q + (q * self.slope).sum(-1, keepdim=True) * self.slope

    def between(self, WB: Tensor) -> Tensor:
        """(WB)^T (it) (WB) for WB (m, k), symmetric to the last bit; shape (..., k, k)."""
        gradient = self.slope @ WB
        return weighted_gram(WB, self.diagonal) + gradient.unsqueeze(-1) * gradient.unsqueeze(-2)


def cancels(value: Tensor, level: float) -> Tensor:
    """Where values f (...,) differ from a level by no more than some units of round-off of both."""
    return (value - level).abs() <= 16 * torch.finfo(value.dtype).eps * (value.abs() + abs(level))


_LARGE_GRAM = 1e8
"""Multiplications from which on a Gram matrix is shared out among the cores."""


def weighted_gram(B: Tensor, weights: Tensor) -> Tensor:
    """B^T diag(weights) B for B (m, k) and weights (..., m), symmetric to the last bit; shape (..., k, k)."""
    m, k = B.shape
    weighted = weights.unsqueeze(-1) * B
    if weights.ndim > 1 or B.device.type != "cpu" or m * k * k < _LARGE_GRAM:
        full = B.T @ weighted
        return 0.5 * (full + full.mT)
    lower = B.new_empty((k, k))
    strip = -(-k // (4 * cores()))

    def fill(first: int) -> None:
        lower[first : first + strip, : first + strip] = B[:, first : first + strip].T @ weighted[:, : first + strip]

    in_parallel(fill, range(0, k, strip))
    return lower.tril() + lower.tril(-1).T
