"""Numbers as they lie in files of weights, by the names that NumPy and PyTorch give their types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REAL = re.compile(r"float(16|32|64|80|96|128)|bfloat16|longdouble|u?int(8|16|32|64)")
_BYTES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "bool": 1,
    **{f"{sign}int{8 * size}": size for sign in ("", "u") for size in (1, 2, 4, 8)},
}


@dataclass(frozen=True)
class Entry:
    """An array that a file holds, unread: its name, its shape, and the name of its type."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.name[:60]} of shape {str(self.shape)[:60]}"


def is_real(dtype: str) -> bool:
    """Whether a type of that name holds real numbers (truth values are none)."""
    return _REAL.fullmatch(dtype) is not None


def item_size(dtype: str) -> int | None:
    """How many bytes a number of a type takes; None for a type that is not read from safetensors or PyTorch files."""
    return _BYTES.get(dtype)


def real_numbers(raw: NDArray[Any], dtype: str, order: str = "little") -> NDArray[np.float64]:
    """The numbers of contiguous bytes as float64; bfloat16 is the upper half of a float32."""
    sign: Literal["<", ">"] = "<" if order == "little" else ">"
    if dtype == "bfloat16":
        return (raw.view(f"{sign}u2").astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return raw.view(np.dtype(dtype).newbyteorder(sign)).astype(np.float64)
