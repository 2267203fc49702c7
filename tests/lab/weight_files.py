"""Files of weights as people make them, and as nobody should."""

from __future__ import annotations

import io
import itertools
import pickle
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.numpy import save_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMATS = ("npz", "safetensors", "pt")


def network(sizes: Sequence[int], biases: bool = True, seed: int = 0) -> list[tuple[NDArray[Any], NDArray[Any] | None]]:
    """W (out, in) and b (out,) of layers between so many numbers, first layer first."""
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(after, before)), rng.normal(size=after) if biases else None)
        for before, after in itertools.pairwise(sizes)
    ]


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> Path:
    """A file of named arrays, in the format of its ending."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".safetensors":
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    else:
        torch.save({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}, path)
    return path


@dataclass
class Storage:
    """Where a forged tensor would have its numbers."""

    key: str
    length: int
    kind: type = torch.FloatStorage


@dataclass
class Tensor:
    """A tensor that claims anything."""

    storage: Storage
    offset: int
    shape: Any
    stride: Any

    def __reduce__(self) -> Any:
        given = (self.storage, self.offset, self.shape, self.stride, False, {})
        return torch._utils._rebuild_tensor_v2, given


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        return ("storage", value.kind, value.key, "cpu", value.length) if isinstance(value, Storage) else None


def pickled(value: Any) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream, 2).dump(value)
    return stream.getvalue()


def archive(
    path: Path, members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED, root: str = "archive/"
) -> Path:
    """A zip archive in the way of PyTorch, of any content."""
    with zipfile.ZipFile(path, "w", compression) as stream:
        for name, content in members.items():
            stream.writestr(root + name, content)
    return path


def forged(path: Path, value: Any, order: bytes = b"little", **storages: bytes) -> Path:
    """A PyTorch file of a value with `Tensor`s; storages are called _0, _1, ..."""
    data = {f"data/{key[1:]}": content for key, content in storages.items()}
    return archive(path, {"data.pkl": pickled(value), "byteorder": order, **data})
