"""The two-layer network f(z) = sum_r a_r sigma(w_r . z)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from .norms import norm
from .places import move

if TYPE_CHECKING:
    from torch import Tensor

    from .activations import Activation


@dataclass(frozen=True, eq=False)
class TwoLayerNetwork:
    """f(z) = a . sigma(W z), a scalar network of width m on R^d.

    Everything is in closed form and batched: `z` has shape (..., d).

    Attributes
    ----------
    W : Tensor (m, d)
        First-layer weights, one neuron a row.
    a : Tensor (m,)
        Second-layer weights.
    activation
        sigma and its derivatives.
    """

    W: Tensor
    a: Tensor
    activation: Activation

    def __post_init__(self) -> None:
        if self.W.ndim != 2 or self.a.shape != self.W.shape[:1]:
            raise ValueError(f"W must be (m, d) and a (m,), got {tuple(self.W.shape)} and {tuple(self.a.shape)}")

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
        return TwoLayerNetwork(move(self.W, device, dtype), move(self.a, device, dtype), self.activation)

    def preactivation(self, z: Tensor) -> Tensor:
        """The pre-activations p = z W^T, shape (..., m)."""
        return self.W @ z if z.ndim == 1 else torch.nn.functional.linear(z, self.W)

    def value(self, z: Tensor) -> Tensor:
        """f(z), shape (...,)."""
        return self.activation.value(self.preactivation(z)) @ self.a

    def value_and_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """f(z), shape (...,), and grad f(z) = W^T (a sigma'(W z)), shape (..., d)."""
        h, slope = self.activation.value_and_first(self.preactivation(z))
        return h @ self.a, (slope * self.a) @ self.W

    def gradient(self, z: Tensor) -> Tensor:
        """Grad f(z) = W^T (a sigma'(W z)), shape (..., d)."""
        return (self.activation.first(self.preactivation(z)) * self.a) @ self.W

    def curvature(self, z: Tensor) -> Tensor:
        """The diagonal a sigma''(W z) of hess f(z) = W^T diag(.) W, shape (..., m)."""
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
        """The rows a_r w_r of diag(a) W, shape (m, d): grad f(z) = sigma'(W z) diag(a) W."""
        return self.a.unsqueeze(-1) * self.W

    @cached_property
    def row_norms(self) -> Tensor:
        """The lengths |w_r| of the rows of W, shape (m,)."""
        return norm(self.W)

    @cached_property
    def row_basis(self) -> tuple[Tensor, Tensor]:
        """Q (d, k) orthonormal and R (k, m) with W^T = Q R, k = min(m, d), in float64 on the CPU.

        Every gradient and every Hessian of f lives in range(W^T) = range(Q), so that for m < d each
        spectrum is an m-sized problem. Computed once per network.
        """
        Q, R = torch.linalg.qr(self.exact.W.T)
        return Q, R
