"""Moving tensors between devices and floating-point types.

An Apple GPU has no float64, so a tensor changes its type on the side that has both types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

CPU = torch.device("cpu")


def move(tensor: Tensor, device: torch.device | None = None, dtype: torch.dtype | None = None) -> Tensor:
    """The tensor on `device` and in `dtype`; None leaves either as it is."""
    device, dtype = device or tensor.device, dtype or tensor.dtype
    if tensor.device.type == "mps":
        return tensor.to(device).to(dtype)
    return tensor.to(dtype).to(device)


def like(tensor: Tensor, other: Tensor) -> Tensor:
    """The tensor where `other` is, and in its type."""
    return move(tensor, other.device, other.dtype)


def to_exact(tensor: Tensor) -> Tensor:
    """The tensor in float64 on the CPU."""
    return move(tensor, CPU, torch.float64)
