"""The adversary's objective: the loss as a function of the perturbation delta."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import torch

from .cores import cores
from .places import move, to_exact
from .threads import in_parallel

if TYPE_CHECKING:
    from torch import Tensor

    from .network import TwoLayerNetwork


class Evaluation(NamedTuple):
    """What one look at the objective gives, for a batch of perturbations of shape (..., d).

    value: f(x + delta), shape (...,); loss: L, shape (...,); gradient: grad L, shape (..., d).
    """

    value: Tensor
    loss: Tensor
    gradient: Tensor


@dataclass(frozen=True, eq=False)
class QuadraticAdversary:
    """L(delta) = (f(x + delta) - y)^2 / 2 for a two-layer network f, in closed form.

    With the residual r = f(x + delta) - y,

        grad L = r grad f,        hess L = r hess f + grad f grad f^T,
        hess f = W^T diag(a sigma''(W(x + delta))) W,

    so that a Hessian-vector product costs two thin matrix products, O(m d). All methods run under
    torch.inference_mode and take delta of shape (..., d).

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
    def dtype(self) -> torch.dtype:
        """The floating-point type everything is computed in."""
        return self.x.dtype

    @property
    def device(self) -> torch.device:
        """Where everything is computed."""
        return self.x.device

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
    def evaluate(self, delta: Tensor) -> Evaluation:
        """f, L and grad L = r grad f."""
        value, gradient = self.value_and_gradient(delta)
        return Evaluation(value, 0.5 * (value - self.y).square(), gradient)

    def value_and_gradient(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        """The value f (...,) and grad L (..., d) for a step of an ascent, under the inference mode of the caller."""
        value, gradient = self.network.value_and_gradient(self.x + delta)
        return value, (value - self.y).unsqueeze(-1) * gradient

    @torch.inference_mode()
    def hessian_vector_product(self, delta: Tensor, v: Tensor) -> Tensor:
        """H v = r W^T (a sigma''(p) * (W v)) + grad f (grad f . v), shape (..., d)."""
        z = self.x + delta
        value, gradient = self.network.value_and_gradient(z)
        residual = (value - self.y).unsqueeze(-1)
        bent = (residual * self.network.curvature(z) * self.network.preactivation(v)) @ self.network.W
        return bent + gradient * (gradient * v).sum(-1, keepdim=True)

    @torch.inference_mode()
    def hessian(self, delta: Tensor) -> Tensor:
        """H = r W^T diag(a sigma''(p)) W + grad f grad f^T, shape (..., d, d)."""
        return self.hessian_in(delta, self.network.W)

    @torch.inference_mode()
    def hessian_in(self, delta: Tensor, WB: Tensor) -> Tensor:
        """B^T H B for a basis B (d, k) given as the product W B (m, k), without forming H; shape (..., k, k).

        B^T H B = (W B)^T diag(r a sigma'') (W B) + (B^T grad f)(B^T grad f)^T.
        """
        p = self.network.preactivation(self.x + delta)
        activation, a = self.network.activation, self.network.a
        residual = activation.value(p) @ a - self.y
        diagonal = residual.unsqueeze(-1) * a * activation.second(p)
        gradient = (activation.first(p) * a) @ WB
        return weighted_gram(WB, diagonal) + gradient.unsqueeze(-1) * gradient.unsqueeze(-2)


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
