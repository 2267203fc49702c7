"""The vector norm along the last axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

if TYPE_CHECKING:
    from torch import Tensor


def norm(v: Tensor, order: float = 2) -> Tensor:
    """|v|_order along the last axis, shape (...,) from (..., d)."""
    return cast("Tensor", torch.linalg.vector_norm(v, ord=order, dim=-1))
