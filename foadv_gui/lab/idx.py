"""IDX files, in which MNIST and its kin come: one array of numbers behind a header of its sizes, often in gzip.

Bytes 0, 0, a type, the number of dimensions, then each size as four bytes, the highest first (LeCun's description of
MNIST). Labels stand in a file of their own beside the images: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.files import FileProblem, damage_told, mib, open_file, size_of, unchanged

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_DAMAGE = (gzip.BadGzipFile, zlib.error, EOFError, struct.error)
_MOST_DIMENSIONS = 4
_BLOCK = 2**20


@dataclass(frozen=True, eq=False)
class Idx:
    """An IDX file whose rows are read when asked for; one that was packed is held in memory, in `unpacked`."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    unpacked: NDArray[Any] | None = None

    def row(self, index: int) -> NDArray[Any]:
        """One entry along the first dimension, of shape `shape[1:]`."""
        if self.unpacked is not None:
            row: NDArray[Any] = self.unpacked[index]
            return row
        length = math.prod(self.shape[1:]) * self.dtype.itemsize
        with open_file(self.path) as stream, damage_told(self.path, "cannot be read", ()):
            stream.seek(_header_length(len(self.shape)) + index * length)
            data = stream.read(length)
        if len(data) != length:
            raise FileProblem(self.path, f"ends within row {index}")
        return np.frombuffer(data, self.dtype).reshape(self.shape[1:])


def is_idx(magic: bytes) -> bool:
    """Whether a file that begins so may be an IDX file, or one that is packed."""
    return magic[:2] == b"\x1f\x8b" or (magic[:2] == b"\0\0" and len(magic) > 3 and magic[2] in _TYPES)


def open_idx(path: str | Path, limit: int = 2**30) -> Idx:
    """Open an IDX file, packed by gzip or not.

    Raises
    ------
    FileProblem
        If its header says nothing possible, its length is another one, or what is read at once takes more than `limit`
        bytes.
    """
    with open_file(path) as stream, damage_told(path, "is not an undamaged gzip file", _DAMAGE):
        packed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        on_disk = size_of(stream)
        if not packed:
            dtype, shape = _header(path, stream)
            _check_length(path, shape, dtype, on_disk)
            return Idx(str(path), shape, dtype)
        if on_disk > limit:
            raise FileProblem(path, f"has {mib(on_disk)}, more than the {mib(limit)} allowed")
        with gzip.GzipFile(fileobj=stream, mode="rb") as unpacking:
            dtype, shape = _header(path, unpacking)
            return Idx(str(path), shape, dtype, _unpack(path, unpacking, shape, dtype, limit))


def labels_beside(path: str | Path) -> Path | None:
    """The file of labels that belongs to a file of images by its name, if it is there, packed or not."""
    images = Path(path)
    plain = images.name.removesuffix(".gz")
    if "images" not in plain:
        return None
    name = plain.replace("images", "labels").replace("idx3", "idx1")
    found = (images.with_name(one) for one in (name, f"{name}.gz"))
    return next((one for one in found if one.is_file()), None)


def read_labels(path: str | Path, count: int) -> NDArray[np.int64]:
    """The labels (count,) of a file of labels; `FileProblem` if it holds others."""
    with unchanged(path):
        return _read_labels(path, count)


def _read_labels(path: str | Path, count: int) -> NDArray[np.int64]:
    labels = open_idx(path, limit=64 + 8 * max(count, _BLOCK))
    if len(labels.shape) != 1 or labels.dtype.kind not in "iu":
        raise FileProblem(path, f"must hold whole numbers of shape (n,), not {labels.dtype} of shape {labels.shape}")
    if labels.shape[0] != count:
        raise FileProblem(path, f"holds {labels.shape[0]} labels, but there are {count} images beside it")
    return _all_of(labels).astype(np.int64)


def _all_of(idx: Idx) -> NDArray[Any]:
    if idx.unpacked is not None:
        return idx.unpacked
    with open_file(idx.path) as stream, damage_told(idx.path, "cannot be read", ()):
        stream.seek(_header_length(len(idx.shape)))
        data = stream.read(math.prod(idx.shape) * idx.dtype.itemsize)
    if len(data) != math.prod(idx.shape) * idx.dtype.itemsize:
        raise FileProblem(idx.path, "ends early")
    return np.frombuffer(data, idx.dtype).reshape(idx.shape)


def _header_length(dimensions: int) -> int:
    return 4 + 4 * dimensions


def _header(path: str | Path, stream: IO[bytes] | gzip.GzipFile) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise FileProblem(path, f"is not an IDX file: it begins with {magic.hex(' ') or 'nothing'}")
    dimensions = magic[3]
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise FileProblem(path, f"has {dimensions} dimensions by its header; there must be 1 to {_MOST_DIMENSIONS}")
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise FileProblem(path, "ends within its header")
    return np.dtype(_TYPES[magic[2]]), struct.unpack(f">{dimensions}I", sizes)


def _check_length(path: str | Path, shape: tuple[int, ...], dtype: np.dtype[Any], on_disk: int) -> None:
    claimed = _header_length(len(shape)) + math.prod(shape) * dtype.itemsize
    if claimed != on_disk:
        raise FileProblem(path, f"should have {claimed} bytes by its header but has {on_disk}; is it cut off?")


def _unpack(
    path: str | Path, stream: gzip.GzipFile, shape: tuple[int, ...], dtype: np.dtype[Any], limit: int
) -> NDArray[Any]:
    """All numbers behind the header, and no byte more than it claims."""
    need = math.prod(shape) * dtype.itemsize
    if need > limit:
        raise FileProblem(path, f"would take {mib(need)}, more than the {mib(limit)} allowed")
    # As much as there is, not as much as is claimed: a header alone takes no memory.
    data = bytearray()
    while len(data) < need:
        block = stream.read(min(need - len(data), _BLOCK))
        if not block:
            raise FileProblem(path, f"ends after {len(data)} of {need} bytes; is it cut off?")
        data += block
    if stream.read(1):
        raise FileProblem(path, f"holds more than the {need} bytes that its header claims")
    array = np.frombuffer(data, dtype).reshape(shape)
    array.flags.writeable = False
    return array
