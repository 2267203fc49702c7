"""The vector norm along the last axis, and unit vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

if TYPE_CHECKING:
    from torch import Tensor


def norm(v: Tensor, order: float = 2) -> Tensor:
    """|v|_order along the last axis, shape (...,) from (..., d)."""
    return cast("Tensor", torch.linalg.vector_norm(v, ord=order, dim=-1))


def normalized(g: Tensor) -> Tensor:
    """g/|g|_2 along the last axis, 0 where g = 0."""
    # Scaled first: in float32 the squares of a saturated network's gradient vanish long before the gradient does.
    g = g / g.abs().amax(-1, keepdim=True).clamp_min(torch.finfo(g.dtype).tiny)
    return g / norm(g).clamp_min(torch.finfo(g.dtype).tiny).unsqueeze(-1)
