"""Images as numbers: PNG and JPEG files that strangers made, grey levels, sizes, and small pictures to choose by."""

from __future__ import annotations

import contextlib
import threading
import warnings
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from foadv_gui.lab.files import FileProblem, damage_told, mib, open_file, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

MOST_PIXELS = 50_000_000
"""A larger image is not decoded."""
SUFFIXES = (".png", ".jpg", ".jpeg")

_FORMATS = ("PNG", "JPEG")
_MOST_WORK = 20 * MOST_PIXELS
"""Pixels times scans of a JPEG: a progressive one can ask for thousands of passes over all of its pixels."""
_MOST_SEGMENTS = 2**15
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow's
_GREY, _DEEP = ("1", "L", "LA", "La"), ("I", "I;16", "I;16B", "I;16L", "I;16N")
_TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
_STRIP = 2**20
"""Pixels that are converted at once: a whole photograph in single precision is several times what is stored."""
_warnings = threading.Lock()


def is_image(magic: bytes) -> bool:
    """Whether a file that begins so is a PNG or a JPEG."""
    return magic.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


def image_shape(path: str | Path, limit: int = 2**30) -> tuple[int, ...]:
    """The shape of an image as it stands upright: (height, width), or (height, width, 3); from its header alone.

    Raises
    ------
    FileProblem
        If it is no PNG or JPEG, damaged, or larger than `MOST_PIXELS`, or decoding it would take more than `limit`
        bytes.
    """
    with open_file(path) as stream, _read_quietly(path), _opened(path, stream, limit) as image:
        return _shape(image)


def read_image(path: str | Path, limit: int = 2**30) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Decode an image upright, transparent parts on white: (height, width) or (height, width, 3), as it is stored.

    Grey images of 16 bits keep them; all others have bytes. `FileProblem` as for `image_shape`.
    """
    with open_file(path) as stream, _read_quietly(path), _opened(path, stream, limit) as image:
        shape, deep = _shape(image), image.mode in _DEEP
        ImageOps.exif_transpose(image, in_place=True)
        pixels = np.empty(shape, np.uint16 if deep else np.uint8)
        for rows in _strips(*shape[:2]):
            strip = image.crop((0, rows.start, shape[1], rows.stop))
            if deep:
                pixels[rows] = np.clip(np.asarray(strip), 0, 65535)
                continue
            if "A" in strip.getbands() or "a" in strip.getbands() or "transparency" in strip.info:
                strip = strip.convert("RGBA")
                strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip)
            pixels[rows] = np.asarray(strip.convert("RGB" if len(shape) == 3 else "L"))
        return pixels


def _strips(height: int, width: int) -> Iterator[slice]:
    """The rows of an image, some at a time."""
    step = max(_STRIP // width, 1)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


_DAMAGED = "is not an undamaged PNG or JPEG image"


@contextlib.contextmanager
def _read_quietly(path: str | Path) -> Iterator[None]:
    """Tell what is wrong with an image; what Pillow warns of (odd EXIF data, many pixels) and still reads is no error.

    One image at a time, since Python's filters of warnings belong to all threads.
    """
    with _warnings, warnings.catch_warnings(), damage_told(path, _DAMAGED, (Exception,)):
        for category in (UserWarning, Image.DecompressionBombWarning):
            warnings.simplefilter("ignore", category)
        yield


def _opened(path: str | Path, stream: IO[bytes], limit: int) -> Image.Image:
    """The image with its header read and its sizes checked; nothing is decoded yet."""
    on_disk = size_of(stream)
    if on_disk > limit:
        raise FileProblem(path, f"has {mib(on_disk)}, more than the {mib(limit)} allowed")
    magic = stream.read(8)
    if not is_image(magic):
        raise FileProblem(path, "is not a PNG or JPEG image")
    stream.seek(0)
    if magic.startswith(b"\xff\xd8"):
        _check_header(path, stream)
    try:
        image = Image.open(stream, formats=_FORMATS)
    except Image.DecompressionBombError:
        raise FileProblem(path, f"has more than the {MOST_PIXELS:,} pixels that an image may have") from None
    pixels = image.width * image.height
    if pixels > MOST_PIXELS:
        reason = f"has {image.height} x {image.width} pixels, more than the {MOST_PIXELS:,} that an image may have"
        raise FileProblem(path, reason)
    if 16 * pixels > limit:
        raise FileProblem(path, f"would take {mib(16 * pixels)} to decode, more than the {mib(limit)} allowed")
    if image.format == "JPEG":
        at = stream.tell()
        stream.seek(0)
        scans = stream.read().count(b"\xff\xda")
        stream.seek(at)
        if scans * pixels > _MOST_WORK:
            raise FileProblem(path, f"asks for {scans} passes over {image.height} x {image.width} pixels")
    return image


def _check_header(path: str | Path, stream: IO[bytes]) -> None:
    """Refuse a JPEG with more segments, or more bytes between them, than Pillow, which goes one by one, has time for.

    A segment is 0xff, its kind and its length in two bytes; that of the kind 0xda begins the pixels.
    """
    loose = 0
    for _ in range(_MOST_SEGMENTS):
        byte = stream.read(1)
        while byte and byte != b"\xff" and loose < _MOST_SEGMENTS:
            loose, byte = loose + 1, stream.read(1)
        kind = stream.read(1)
        if loose >= _MOST_SEGMENTS:
            break
        if kind in (b"", b"\xda"):
            stream.seek(0)
            return
        if kind in (b"\0", b"\xff"):  # padding
            stream.seek(-(kind == b"\xff"), 1)
        elif kind != b"\x01" and not 0xD0 <= kind[0] <= 0xD9:
            stream.seek(max(int.from_bytes(stream.read(2), "big") - 2, 0), 1)
    raise FileProblem(path, "is not an undamaged PNG or JPEG image (its pixels do not begin)")


def _shape(image: Image.Image) -> tuple[int, ...]:
    height, width = image.height, image.width
    if image.getexif().get(ExifTags.Base.Orientation) in _TURNED:
        height, width = width, height
    return (height, width) if image.mode in (*_GREY, *_DEEP) else (height, width, 3)


# -- arrays ----------------------------------------------------------------------------------------------------------


def pixels_of(stored: NDArray[Any], size: tuple[int, int] | None = None, grey: bool = False) -> NDArray[np.float64]:
    """An image (h, w) or (h, w, 3) as float64, with another height and width, or in grey, if asked.

    Bytes and 16-bit numbers are divided by the largest there is, others are taken as they are. Grey is the luma 0.299 R
    + 0.587 G + 0.114 B.
    """
    with np.errstate(over="ignore"):  # numbers of a longer type that are too large become infinite
        image = stored.astype(np.float64) if size in (None, stored.shape[:2]) else _resized(stored, size)
    if stored.dtype == np.uint8 or stored.dtype.newbyteorder("=") == np.uint16:
        image /= float(np.iinfo(stored.dtype).max)
    return image @ _LUMA if grey and image.ndim == 3 else image


def _resized(image: NDArray[Any], size: tuple[int, int] | None) -> NDArray[np.float64]:
    """An image with another height and width, in Pillow's bilinear way (single precision).

    Shrinking takes weighted means over all pixels, so that no value is beyond those of the image.
    """
    assert size is not None
    bands = [_resized_band(band, size) for band in ([image] if image.ndim == 2 else np.moveaxis(image, 2, 0))]
    return bands[0] if image.ndim == 2 else np.stack(bands, axis=2)


def _resized_band(band: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float64]:
    low, high = float(band.min()), float(band.max())
    if not np.isfinite([low, high]).all():
        return np.full(size, np.nan)
    # Values up to 1 in between: single precision holds neither 1e300 nor 1e-300.
    largest = max(abs(low), abs(high)) or 1.0
    height, width = size
    # First the widths, some rows at a time, then the heights: as Pillow itself does with a whole image.
    narrow = np.empty((len(band), width), np.float32)
    for rows in _strips(*band.shape):
        shares = np.divide(band[rows], largest, dtype=np.float32 if band.dtype.itemsize < 4 else np.float64)
        narrow[rows] = _bilinear(shares, len(shares), width)
    return np.clip(_bilinear(narrow, height, width).astype(np.float64) * largest, low, high)


def _bilinear(band: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    image = Image.fromarray(band.astype(np.float32, copy=False))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32)


def thumbnail(stored: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """A small picture of an image, neither side longer than `side`, with its contrast stretched from 0 to 255.

    What is not finite is drawn as the lowest value.
    """
    height, width = stored.shape[:2]
    longest = max(height, width)
    size = (max(1, height * side // longest), max(1, width * side // longest)) if longest > side else None
    image = pixels_of(stored, size)
    finite = np.isfinite(image)
    low, high = (float(image[finite].min()), float(image[finite].max())) if finite.any() else (0.0, 0.0)
    # Half of each first: the difference of two numbers that can be may not be one.
    spread = 0.5 * high - 0.5 * low
    shares = (0.5 * np.where(finite, image, low) - 0.5 * low) / (spread or 1.0)
    return np.round(255 * shares).astype(np.uint8)
