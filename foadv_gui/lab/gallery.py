"""A file of inputs, opened: how many there are, of which shape, with which labels; each is read when asked for."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

from foadv_gui.lab import idx as idx_files
from foadv_gui.lab import images as image_files
from foadv_gui.lab.files import (
    DAMAGE,
    ArrayHeader,
    FileProblem,
    Limits,
    array_names,
    check_length,
    damage_told,
    mib,
    open_file,
    read_array,
    read_header,
    read_npz,
    size_of,
    stamp_of,
    unchanged,
)
from foadv_gui.lab.table_text import is_text_name, read_text_table, whole_numbers
from foadv_gui.resources import resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from foadv_gui.lab.files import Stamp

    Size = tuple[int, int]

SUFFIXES = (".npy", ".npz", ".csv", ".png", ".jpg", ".jpeg", "-ubyte", ".gz")
"""How the names of input files end."""
_DIGITS = ("data", "digits.npz")
_INPUTS, _LABELS = ("x", "X", "images"), ("label", "labels", "y")


class InputProblem(FileProblem):
    """A file that cannot be used with what is asked of it: `setting` of [input] is what asks."""

    def __init__(self, file: str | Path, problem: str, setting: str) -> None:
        super().__init__(file, problem)
        self.setting = setting


@dataclass(frozen=True, eq=False)
class Gallery:
    """An opened file of inputs: `count` rows of shape (d,), images (height, width) or in colour (height, width, 3).

    `labels` (count,) are there where the file or the one beside it has some.
    """

    path: str
    count: int
    shape: tuple[int, ...]
    labels: NDArray[np.int64] | None
    _stored: Callable[[int], NDArray[Any]] = field(repr=False)
    _size: Size | None = None
    _grey: bool = False
    _stamp: Stamp | None = None

    @property
    def is_images(self) -> bool:
        """Whether its rows are images."""
        return len(self.shape) > 1

    @property
    def dimension(self) -> int:
        """The number d of coordinates of a row."""
        return math.prod(self.shape)

    @property
    def name(self) -> str:
        """What the file is called."""
        return Path(self.path).name

    def values(self, index: int) -> NDArray[np.float64]:
        """One row, as `row`, but whatever numbers it holds."""
        if not 0 <= index < self.count:
            raise IndexError(f"row {index} of {self.count}")
        stored = self._read(index)
        if not self.is_images:
            with np.errstate(over="ignore"):
                return stored.astype(np.float64)
        return image_files.pixels_of(stored, self._size, self._grey)

    def _read(self, index: int) -> NDArray[Any]:
        """One row as it is stored; `FileProblem` if the file is not what it was when it was opened."""
        if self._stamp is None:
            return self._stored(index)
        with unchanged(self.path, self._stamp):
            return self._stored(index)

    def row(self, index: int) -> NDArray[np.float64]:
        """One row, of shape `shape`: pixels of bytes, 16 bits and image files from 0 to 1, other numbers as they are.

        Raises
        ------
        FileProblem
            If the row cannot be read or holds a number that is not finite.
        """
        values = self.values(index)
        if not np.isfinite(values).all():
            raise FileProblem(self.path, f"row {index} holds {not_finite(values)}")
        return values

    def thumbnails(self, first: int, count: int, side: int) -> list[NDArray[np.uint8]]:
        """Small pictures of `count` rows from `first` on, each (h, w) or (h, w, 3) with no side longer than `side`.

        Their contrast is stretched. There are as many as there are rows, none of rows that are no images.
        """
        rows = range(max(first, 0), min(first + count, self.count)) if self.is_images else ()
        return [image_files.thumbnail(self._read(index), side) for index in rows]


def not_finite(values: NDArray[np.float64], where: str = "") -> str:
    """Which number is not finite: "a value that is not finite: nan at coordinate 5"."""
    flat = values.ravel()
    at = int(np.argmin(np.isfinite(flat)))
    return f"a value {where}that is not finite: {flat[at]} at coordinate {at}"


def open_gallery(
    path: str | Path,
    *,
    array: str | None = None,
    size: Size | None = None,
    grey: bool = False,
    limit: int = 2**30,
) -> Gallery:
    """Open a file of inputs: .npy, .npz, a table as text, PNG, JPEG, or IDX.

    What it is, its first bytes say. The same file is opened once, until it changes.

    Parameters
    ----------
    path
        The file.
    array
        Which array of an .npz archive holds the inputs; by itself the one called x, X or images, or the only one.
    size, grey
        The height and width to which images are resized, and whether colours are made grey.
    limit
        How many bytes of memory it may take.

    Raises
    ------
    FileProblem
        If it is none of these, damaged, too large, or holds no inputs; an `InputProblem` names the setting to change.
    """
    name = os.fspath(path)
    beside = None if name.lower().endswith(image_files.SUFFIXES) else _labels_beside(name)
    gallery = _opened(name, array, limit, stamp_of(name), None if beside is None else (str(beside), stamp_of(beside)))
    _open[name, array] = gallery
    return _adapted(gallery, size, grey)


_open: WeakValueDictionary[tuple[str, str | None], Gallery] = WeakValueDictionary()


def gallery_at_hand(path: str | Path, array: str | None = None) -> Gallery | None:
    """The file as it was opened last, if it still is: nothing is read. Its images have their own size and colours."""
    return _open.get((os.fspath(path), array))


@lru_cache(maxsize=1)
def digit_images() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """All digits that come with the program: images (1797, 64) from 0 to 16, and which digit each shows, (1797,)."""
    arrays = read_npz(resource(*_DIGITS))
    return arrays["images"], arrays["labels"]


@lru_cache(maxsize=1)
def digits_gallery() -> Gallery:
    """The 1797 handwritten digits that come with the program: images (8, 8) from 0 to 1, and which digits they show."""
    images, labels = digit_images()
    pixels = images.reshape(-1, 8, 8) / 16
    pixels.flags.writeable = False
    return Gallery(str(resource(*_DIGITS)), len(pixels), (8, 8), labels.astype(np.int64), pixels.__getitem__)


def _labels_beside(name: str) -> Path | None:
    try:
        return idx_files.labels_beside(name)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=4)
def _adapted(gallery: Gallery, size: Size | None, grey: bool) -> Gallery:
    """The same with images of another size, or in grey."""
    if size is not None and not gallery.is_images:
        raise InputProblem(gallery.path, "can only be asked of images: this file holds vectors", "size")
    if not gallery.is_images or (size is None and not grey):
        return gallery
    shape = (*(size or gallery.shape[:2]), *(() if grey else gallery.shape[2:]))
    return replace(gallery, shape=shape, _size=size, _grey=grey)


@lru_cache(maxsize=2)
def _opened(name: str, array: str | None, limit: int, stamp: Stamp, beside: tuple[str, Stamp] | None) -> Gallery:
    """Open a file; the stamps make one that has changed, or whose labels have, be opened again."""
    with unchanged(name, stamp):
        return replace(_of_file(name, array, limit, None if beside is None else beside[0]), _stamp=stamp)


def _of_file(name: str, array: str | None, limit: int, beside: str | None) -> Gallery:
    with open_file(name) as stream, damage_told(name, "cannot be read", ()):
        magic = stream.read(8)
    if array is not None and magic[:2] != b"PK":
        raise InputProblem(name, "can only be named for an .npz archive: this file holds one array", "array")
    if magic[:6] == b"\x93NUMPY":
        return _of_npy(name, limit)
    if magic[:2] == b"PK":
        return _of_npz(name, array, limit)
    if image_files.is_image(magic):
        return _of_image(name, limit)
    if name.lower().endswith(image_files.SUFFIXES):
        raise FileProblem(name, f"is not a PNG or JPEG image: it begins with {magic.hex(' ') or 'nothing'}")
    if idx_files.is_idx(magic):
        return _of_idx(name, beside, limit)
    if is_text_name(name):
        table = read_text_table(name, limit)
        return Gallery(name, table.count, (table.width,), table.labels, table.row)
    what = "empty" if not magic else "in none of the formats of inputs"
    raise FileProblem(name, f"is {what}: .npy, .npz, .csv, .png, .jpg, or IDX (as MNIST's, also .gz)")


def _of_npy(name: str, limit: int) -> Gallery:
    """An .npy file, of which one row is read at a time; a single vector, and columns that lie apart, at once."""
    with open_file(name) as stream, damage_told(name, "is not an undamaged .npy file", DAMAGE):
        header = read_header(name, "the array", stream)
        check_length(name, "the array", header, size_of(stream))
    shape = _row_shape(name, header.shape, header.dtype)
    if len(header.shape) == 1 or header.fortran:
        return _of_array(name, read_array(name, Limits(size=limit)), None)
    _check_row(name, shape, limit)
    return Gallery(name, header.shape[0], shape, None, partial(_npy_row, name, header))


def _npy_row(name: str, header: ArrayHeader, index: int) -> NDArray[Any]:
    length = header.nbytes // header.shape[0]
    with open_file(name) as stream, damage_told(name, "cannot be read", ()):
        stream.seek(header.offset + index * length)
        data = stream.read(length)
    if len(data) != length:
        raise FileProblem(name, f"ends within row {index}")
    return np.frombuffer(data, header.dtype).reshape(header.shape[1:])


def _of_npz(name: str, array: str | None, limit: int) -> Gallery:
    names = array_names(name)
    if array is not None and array not in names:
        raise InputProblem(name, f"must be one of its arrays: {', '.join(sorted(names)) or 'none'}", "array")
    own = [one for one in names if one not in _LABELS] if len(names) > 1 else names
    wanted = array or next((one for one in _INPUTS if one in names), own[0] if len(own) == 1 else None)
    if wanted is None:
        # What is wrong with the archive itself is said first.
        read_npz(name, Limits(size=limit), ())
        held = ", ".join(sorted(names)) or "none"
        known = " or ".join(_INPUTS)
        raise InputProblem(name, f"must name one of its arrays, since none is called {known}: {held}", "array")
    of_labels = next((one for one in _LABELS if one in names and one != wanted), None)
    arrays = read_npz(name, Limits(size=limit), (wanted, of_labels or wanted))
    return _of_array(name, arrays[wanted], None if of_labels is None else arrays[of_labels], of_labels or "")


def _of_array(name: str, array: NDArray[Any], labels: NDArray[Any] | None, called: str = "") -> Gallery:
    shape = _row_shape(name, array.shape, array.dtype)
    table = array[None] if array.ndim == 1 else array
    table.flags.writeable = False
    return Gallery(name, len(table), shape, _own_labels(name, called, labels, array), table.__getitem__)


def _own_labels(name: str, called: str, labels: NDArray[Any] | None, array: NDArray[Any]) -> NDArray[np.int64] | None:
    """The labels of an archive, if they are whole numbers; the values of a regression are none."""
    if labels is None or array.ndim == 1 or labels.ndim == 0 or labels.dtype.kind not in "biuf":
        return None
    if labels.shape != array.shape[:1]:
        raise FileProblem(
            name, f"{called} must have the shape ({len(array)},), as there are inputs, not {labels.shape}"
        )
    return whole_numbers(labels.astype(np.float64))


def _of_image(name: str, limit: int) -> Gallery:
    def read(_index: int) -> NDArray[Any]:
        return image_files.read_image(name, limit)

    return Gallery(name, 1, image_files.image_shape(name, limit), None, read)


def _of_idx(name: str, beside: str | None, limit: int) -> Gallery:
    found = idx_files.open_idx(name, limit)
    if len(found.shape) == 1:
        reason = "has one dimension, as labels have; inputs have the shape (n, d), (n, height, width) or with 3 colours"
        raise FileProblem(name, reason)
    shape = _row_shape(name, found.shape, found.dtype)
    _check_row(name, shape, limit)
    labels = None if beside is None or beside == name else idx_files.read_labels(beside, found.shape[0])
    return Gallery(name, found.shape[0], shape, labels, found.row)


def _row_shape(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """The shape of one row of an array of inputs."""
    possible = 1 <= len(shape) <= 3 or (len(shape) == 4 and shape[3] == 3)
    if dtype.kind == "U" or not possible or 0 in shape:
        sizes = "x".join(map(str, shape)) or "a single value"
        kinds = "(d,), (n, d), (n, height, width) or (n, height, width, 3)"
        raise FileProblem(name, f"must hold numbers of shape {kinds}, not {dtype} of shape {sizes}")
    return shape if len(shape) == 1 else shape[1:]


def _check_row(name: str, shape: tuple[int, ...], limit: int) -> None:
    need = 8 * math.prod(shape)
    if need > limit:
        raise FileProblem(name, f"has rows that would take {mib(need)} each, more than the {mib(limit)} allowed")
