"""The affine map that a fully connected network begins with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from .places import move, to_exact

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Affine:
    """The map z -> W z + b: W (m, d), b (m,) or None."""

    W: Tensor
    b: Tensor | None = None

    def __call__(self, z: Tensor) -> Tensor:
        """W z + b, shape (..., m)."""
        return torch.nn.functional.linear(z, self.W, self.b)

    def to(self, device: torch.device | None, dtype: torch.dtype | None) -> Affine:
        """The same map elsewhere."""
        return Affine(move(self.W, device, dtype), None if self.b is None else move(self.b, device, dtype))

    @cached_property
    def row_basis(self) -> tuple[Tensor, Tensor]:
        """Q (d, k) orthonormal and R (k, m) with W^T = Q R, k = min(m, d), in float64 on the CPU.

        Every gradient and every Hessian by z of a function of W z + b lives in range(W^T) = range(Q), so that for
        m < d each spectrum is an m-sized problem. Computed once per layer.
        """
        Q, R = torch.linalg.qr(to_exact(self.W).T)
        return Q, R
