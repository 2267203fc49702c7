"""Files of inputs in every format, written by NumPy, Pillow, gzip and by hand."""

from __future__ import annotations

import gzip
import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

IDX_TYPES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def npy(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npz(packed: bool = False, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(stream, **arrays)
    return stream.getvalue()


def idx(array: NDArray[Any]) -> bytes:
    """An IDX file, as LeCun describes it."""
    kind = array.dtype.str[1:]
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes((0, 0, IDX_TYPES[kind], array.ndim)) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def image(pixels: NDArray[Any], kind: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    made = Image.fromarray(pixels)
    (made if mode is None else made.convert(mode)).save(stream, kind, **options)
    return stream.getvalue()


def table(rows: NDArray[Any], header: str = "", mark: str = ",") -> bytes:
    lines = [header] if header else []
    return "\n".join([*lines, *(mark.join(repr(float(value)) for value in row) for row in rows)]).encode()


def photograph(height: int = 12, width: int = 16) -> NDArray[np.uint8]:
    """A smooth image in colour, which JPEG keeps."""
    down, across = np.mgrid[:height, :width] / max(height, width)
    return np.round(255 * np.stack([across, down, 0.5 + 0.5 * np.sin(6 * across)], 2)).astype(np.uint8)
