"""The two-layer network f(z) = sum_r a_r sigma(w_r . z + b_r) + c."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from .affine import Affine
from .norms import norm
from .places import move

if TYPE_CHECKING:
    from torch import Tensor

    from .activations import Activation


@dataclass(frozen=True, eq=False)
class TwoLayerNetwork:
    """f(z) = a . sigma(W z + b) + c, a scalar network of width m on R^d.

    Everything is in closed form and batched: `z` has shape (..., d).

    Attributes
    ----------
    W : Tensor (m, d)
        First-layer weights, one neuron a row.
    a : Tensor (m,)
        Second-layer weights.
    activation
        sigma and its derivatives.
    b : Tensor (m,) or None
        First-layer biases; the paper's network has none.
    c : Tensor () or None
        The output's bias.
    """

    W: Tensor
    a: Tensor
    activation: Activation
    b: Tensor | None = None
    c: Tensor | None = None

    def __post_init__(self) -> None:
        if self.W.ndim != 2 or self.a.shape != self.W.shape[:1]:
            raise ValueError(f"W must be (m, d) and a (m,), got {tuple(self.W.shape)} and {tuple(self.a.shape)}")
        if self.b is not None and self.b.shape != self.a.shape:
            raise ValueError(f"b must be (m,) = {tuple(self.a.shape)}, got {tuple(self.b.shape)}")
        if self.c is not None and self.c.ndim:
            raise ValueError(f"c must be a single number, got shape {tuple(self.c.shape)}")

    @property
    def width(self) -> int:
        """The number of neurons m."""
        return self.W.shape[0]

    @property
    def dimension(self) -> int:
        """The input dimension d."""
        return self.W.shape[1]

    def to(self, *, device: torch.device | None = None, dtype: torch.dtype | None = None) -> TwoLayerNetwork:
        """The same network on another device or in another floating-point type."""
        if device in (None, self.W.device) and dtype in (None, self.W.dtype):
            return self
        b, c = (None if part is None else move(part, device, dtype) for part in (self.b, self.c))
        return TwoLayerNetwork(move(self.W, device, dtype), move(self.a, device, dtype), self.activation, b, c)

    def preactivation(self, z: Tensor) -> Tensor:
        """The pre-activations p = W z + b, shape (..., m)."""
        if z.ndim == 1:
            return self.W @ z if self.b is None else torch.addmv(self.b, self.W, z)
        return torch.nn.functional.linear(z, self.W, self.b)

    def along(self, v: Tensor) -> Tensor:
        """What a direction v (..., d) adds to the pre-activations: W v, shape (..., m)."""
        return self.W @ v if v.ndim == 1 else torch.nn.functional.linear(v, self.W)

    def output(self, h: Tensor) -> Tensor:
        """F = a . h + c of hidden values h (..., m), shape (...,)."""
        return h @ self.a if self.c is None else h @ self.a + self.c

    def value(self, z: Tensor) -> Tensor:
        """f(z), shape (...,)."""
        return self.output(self.activation.value(self.preactivation(z)))

    def value_and_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """f(z), shape (...,), and grad f(z) = W^T (a sigma'(p)), shape (..., d)."""
        h, slope = self.activation.value_and_first(self.preactivation(z))
        return self.output(h), (slope * self.a) @ self.W

    def gradient(self, z: Tensor) -> Tensor:
        """Grad f(z) = W^T (a sigma'(p)), shape (..., d)."""
        return (self.activation.first(self.preactivation(z)) * self.a) @ self.W

    def curvature(self, z: Tensor) -> Tensor:
        """The diagonal a sigma''(p) of hess f(z) = W^T diag(.) W, shape (..., m)."""
        return self.a * self.activation.second(self.preactivation(z))

    @cached_property
    def exact(self) -> TwoLayerNetwork:
        """The network in float64 on the CPU."""
        return self.to(device=torch.device("cpu"), dtype=torch.float64)

    @cached_property
    def single(self) -> TwoLayerNetwork:
        """The network in float32 where it is."""
        return self.to(dtype=torch.float32)

    @cached_property
    def weighted_rows(self) -> Tensor:
        """The rows a_r w_r of diag(a) W, shape (m, d): grad f(z) = sigma'(p) diag(a) W."""
        return self.a.unsqueeze(-1) * self.W

    @cached_property
    def row_norms(self) -> Tensor:
        """The lengths |w_r| of the rows of W, shape (m,)."""
        return norm(self.W)

    @cached_property
    def first(self) -> Affine:
        """The first layer, z -> W z + b."""
        return Affine(self.W, self.b)
