"""The tensors of a safetensors file: a header in JSON, then the numbers one tensor after another, without code.

Read here and not with the library, since that reads no bfloat16 into NumPy and any header up to 100 MB.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.files import DAMAGE, FileProblem, damage_told, mib, open_file, size_of
from foadv_gui.lab.rawnumbers import Entry, item_size, real_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

_HEADER = 2**20
_DIMENSIONS = 8
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "BOOL": "bool",
    **{
        f"{letter}{bits}": f"{word}{bits}" for letter, word in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)
    },
}


@dataclass(frozen=True)
class Placed:
    """A tensor: its type by NumPy's name, or by the format's own if NumPy has none, and the bytes that hold it."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_tensors(
    path: str | Path, names: Iterable[str], limit: int
) -> tuple[tuple[Entry, ...], dict[str, NDArray[np.float64]]]:
    """Return what a safetensors file holds, in its order, and the numbers of the tensors called `names`.

    Raises
    ------
    FileProblem
        If it is no such file, is damaged or forged, or a tensor that is needed takes more than `limit` bytes.
    """
    with open_file(path) as stream, damage_told(path, "is not an undamaged safetensors file", DAMAGE):
        table = _table(path, stream)
        held = tuple(Entry(name, placed.shape, placed.dtype) for name, placed in table.items())
        return held, {name: _numbers(path, stream, name, table[name], limit) for name in names}


def _table(path: str | Path, stream: IO[bytes]) -> dict[str, Placed]:
    """What the header says, checked against the size of the file."""
    size = size_of(stream)
    first = stream.read(8)
    length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
    if not 2 <= length <= size - 8:
        raise FileProblem(path, f"is not an undamaged safetensors file (its header would have {length} bytes)")
    if length > _HEADER:
        raise FileProblem(path, f"has a header of {length} bytes, more than the {_HEADER} allowed")
    header = json.loads(stream.read(length).decode(), object_pairs_hook=_once, parse_constant=_refuse)
    if type(header) is not dict:
        raise ValueError("its header is no table")
    table = {name: _placed(value, 8 + length) for name, value in header.items() if name != "__metadata__"}
    end = 8 + length
    for name, placed in sorted(table.items(), key=lambda item: (item[1].start, item[1].end)):
        if placed.start != end:
            raise FileProblem(path, f"{name[:60]!r} does not begin where the tensor before it ends")
        end = placed.end
    if end != size:
        raise FileProblem(path, f"should have {end} bytes by its header but has {size}; is it cut off?")
    return table


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("its header names something twice")
    return table


def _refuse(constant: str) -> None:
    raise ValueError(f"its header holds {constant}")


def _placed(value: Any, data: int) -> Placed:
    if type(value) is not dict:
        raise ValueError("its header holds what is no tensor")
    dtype, shape, (start, end) = str(value["dtype"])[:20], value["shape"], value["data_offsets"]
    if type(shape) is not list or len(shape) > _DIMENSIONS:
        raise ValueError("a tensor has no shape")
    if any(type(number) is not int or number < 0 for number in (*shape, start, end)):
        raise ValueError("a tensor has no place")
    name = _DTYPES.get(dtype, f"the type {dtype!a}")
    each = item_size(name)
    if each is not None and end - start != math.prod(shape) * each:
        raise ValueError(f"a tensor of shape {str(tuple(shape))[:60]} has {str(end - start)[:30]} bytes")
    return Placed(name, tuple(shape), data + start, data + end)


def _numbers(path: str | Path, stream: IO[bytes], name: str, placed: Placed, limit: int) -> NDArray[np.float64]:
    each, count = item_size(placed.dtype), math.prod(placed.shape)
    if each is None:
        raise FileProblem(path, f"{name} holds {placed.dtype}, not real numbers")
    if 8 * count > limit:
        raise FileProblem(path, f"{name} would take {mib(8 * count)}, more than the {mib(limit)} allowed")
    raw = np.empty(count * each, np.uint8)
    stream.seek(placed.start)
    if stream.readinto(raw.data) != len(raw):  # type: ignore[attr-defined]
        raise EOFError("it is cut off")
    return real_numbers(raw, placed.dtype).reshape(placed.shape)
