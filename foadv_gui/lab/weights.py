"""The layers of a fully connected network from files that strangers made: .npz, safetensors, PyTorch state dicts.

Which format a file is in, its first bytes say. In none of them can code run, and nothing is allocated before its size
is known to be possible and within a stated limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from foadv_gui.lab import safetensor, statedict
from foadv_gui.lab.archive import open_archive
from foadv_gui.lab.chain import find_chain, given_chain
from foadv_gui.lab.files import (
    DAMAGE,
    FileProblem,
    Limits,
    damage_told,
    mib,
    open_file,
    read_headers,
    read_npz,
    unchanged,
)
from foadv_gui.lab.inputs import double
from foadv_gui.lab.rawnumbers import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from foadv_gui.lab.chain import Chain

__all__ = ["Entry", "Layer", "WrongLayers", "entries", "read_layers"]

_MEMBERS = 10_000
_NAME = 200
_OLD_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


class WrongLayers(FileProblem):
    """The arrays that were named as its layers are no network, though others in the file may be."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A linear layer z -> W z + b: W of shape (out, in), b (out,) or None, both float64 and read-only.

    `name` is what the file calls the weights.
    """

    name: str
    W: NDArray[np.float64]
    b: NDArray[np.float64] | None


def entries(path: str | Path, limit: int) -> tuple[Entry, ...]:
    """What a file of weights holds, in its order and unread; of a PyTorch file, its tensors.

    Raises
    ------
    FileProblem
        If it is none, or is damaged or forged.
    """
    found = _READERS[_format(path)](path, (), limit)[0]
    for entry in found:
        if len(entry.name) > _NAME or not entry.name.isprintable():
            raise FileProblem(path, f"holds {entry.name[:60]!a}, which is no name of an array")
    return found


def read_layers(path: str | Path, keys: tuple[str, ...] | None, limit: int) -> tuple[Layer, ...]:
    """Read the linear layers of a network, first layer first.

    Parameters
    ----------
    path
        A .npz archive (W (m, d), a (m,), b (m,), c (), or matrices that follow on each other), a safetensors file, or
        a PyTorch state dict, by itself or in a dict under "state_dict", "model_state_dict" or "model".
    keys
        The names of the weights in order; None where they are to be recognised. Biases are found by name.
    limit
        The most bytes of memory that the layers may take in float64, and those of a PyTorch file as they are stored.

    Raises
    ------
    FileProblem
        If the file cannot be used (`WrongLayers`: with these keys); the text is one line.
    """
    with unchanged(path):
        return _read_layers(path, keys, limit)


def _read_layers(path: str | Path, keys: tuple[str, ...] | None, limit: int) -> tuple[Layer, ...]:
    held = entries(path, limit)
    try:
        chain = given_chain(held, keys) if keys else find_chain(held)
    except ValueError as error:
        raise (WrongLayers if keys else FileProblem)(path, str(error)) from None
    names = [*chain.weights, *(name for name in chain.biases if name is not None)]
    shapes = {entry.name: entry.shape for entry in held}
    need = 8 * sum(math.prod(shapes[name]) for name in names)
    if need > limit:
        raise FileProblem(path, f"its layers take {mib(need)}, more than the {mib(limit)} allowed")
    arrays = _READERS[_format(path)](path, names, limit)[1]
    for name in names:
        if not np.isfinite(arrays[name]).all():
            raise FileProblem(path, f"{name} holds a value that is not finite in float64")
    return _layers(chain, arrays)


def _layers(chain: Chain, arrays: Mapping[str, NDArray[np.float64]]) -> tuple[Layer, ...]:
    found = []
    for name, bias in zip(chain.weights, chain.biases, strict=True):
        W = arrays[name]
        W = np.ascontiguousarray(W[None] if W.ndim == 1 else W.T if chain.transposed else W)
        b = None if bias is None else np.ascontiguousarray(arrays[bias].reshape(-1))
        for array in (W, b):
            if array is not None:
                array.flags.writeable = False
        found.append(Layer(name, W, b))
    return tuple(found)


def _format(path: str | Path) -> str:
    """Which format a file is in, by its first bytes and, of an archive, by the names of its members."""
    with open_file(path) as stream, damage_told(path, "is not an undamaged archive", DAMAGE):
        start = stream.read(16)
        if start[:2] == b"PK":
            with open_archive(stream) as archive:
                # By the names, not by the ending, which is as often .bin or none.
                foreign = any(not name.endswith(".npy") for name in archive.namelist())
                return "torch" if foreign and any("/" in name for name in archive.namelist()) else "npz"
    if start[4:9] == b"\0\0\0\0{":  # the length of a header in JSON, and its beginning
        return "safetensors"
    if start.startswith(_OLD_TORCH):
        raise FileProblem(path, "was saved in PyTorch's format from before 1.6: save it again with torch.save")
    if start.startswith(b"\x93NUMPY"):
        raise FileProblem(path, "holds a single array; the layers of a network are several, in an .npz archive")
    if start[:1] == b"\x80":
        raise FileProblem(path, f"is a bare pickle, which could run code when it is loaded; {statedict.INSTEAD}")
    raise FileProblem(path, "is no .npz archive, safetensors file or PyTorch state dict")


def _read_npz(
    path: str | Path, names: Iterable[str], limit: int
) -> tuple[tuple[Entry, ...], dict[str, NDArray[np.float64]]]:
    # That the numbers fit in float64 has been checked; here they have headers, and may be of 16 bytes.
    limits, wanted = Limits(2 * limit + 2**20, _MEMBERS), list(names)
    headers = read_headers(path, limits)
    held = tuple(Entry(name, header.shape, header.dtype.name) for name, header in headers.items())
    read = read_npz(path, limits, wanted) if wanted else {}
    return held, {name: double(array) for name, array in read.items()}


_READERS = {"npz": _read_npz, "safetensors": safetensor.read_tensors, "torch": statedict.read_tensors}
