"""Damaged and forged copies of files, drawn from a seed; and what a reader of files makes of thousands of them."""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
import sys
import time
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.files import FileProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

FUZZ = int(os.environ.get("FOADV_FUZZ", "0"))
"""How many mutated files of each format the tests marked `fuzz` open; 0 skips them."""

_HEADER = 192  # where the sizes of most formats stand
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**64 - 1)
_TEXTS = (
    *(b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"99999999999999999999", b"1099511627776"),
    *(b"|O", b"<c16", b"(", b")", b",", b"'", b'"', b"\n", b"\r", b"\0", b"\xff\xfe", b"../", b"{", b"[" * 200),
)


@dataclass(frozen=True)
class Wrap:
    """A layer with a checksum: what it holds is mutated and put back, so that the damage is not noticed at once."""

    open: Callable[[bytes], bytes]
    close: Callable[[bytes], bytes]


def mutate(content: bytes, draw: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """A copy with one to four kinds of damage: bits, numbers, text, cuts, doubled, moved or foreign pieces."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 4))):
        draw.choice(_DAMAGES)(data, draw, others)
    return bytes(data)


def mutations(seeds: Sequence[bytes], count: int, seed: int = 0, wraps: Sequence[Wrap] = ()) -> Iterator[bytes]:
    """So many mutated copies of the seeds; about half of them are damaged inside one of the `wraps`, if any."""
    draw = random.Random(seed)
    for _ in range(count):
        content = draw.choice(seeds)
        if wraps and draw.random() < 0.5:
            wrap = draw.choice(wraps)
            try:
                yield wrap.close(mutate(wrap.open(content), draw, seeds))
                continue
            except (ValueError, zipfile.BadZipFile, OSError, struct.error, zlib.error):
                pass  # this seed has no such layer
        yield mutate(content, draw, seeds)


@dataclass
class Outcome:
    """What became of the files: how many were opened and refused, the slowest (s), by how much memory grew (MiB)."""

    opened: int = 0
    refused: int = 0
    slowest: float = 0.0
    grown: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.opened + self.refused} files: {self.opened} opened, {self.refused} refused, "
            f"slowest {self.slowest:.2f} s, memory grew by {self.grown:.0f} MiB"
        )


def feed(use: Callable[[Path], object], path: Path, contents: Iterator[bytes]) -> Outcome:
    """Write each of the contents to `path` and `use` it: anything but success or a refusal in one line is an error.

    A file on which it fails stays at `path`, and its number is in the error.
    """
    outcome, before = Outcome(), _most_memory()
    for number, content in enumerate(contents):
        path.write_bytes(content)
        # Another time for each, so that no cache takes it for the last one.
        os.utime(path, ns=(number, number))
        start = time.perf_counter()
        try:
            use(path)
        except (FileProblem, ExperimentError) as refusal:
            outcome.refused += 1
            assert str(refusal) and "\n" not in str(refusal), f"file {number}: no reason in one line: {refusal!r}"
        except BaseException as error:
            raise AssertionError(f"file {number} raised {type(error).__name__}: {error}") from error
        else:
            outcome.opened += 1
        outcome.slowest = max(outcome.slowest, time.perf_counter() - start)
        outcome.grown = max(outcome.grown, (_most_memory() - before) / 2**20)
    return outcome


def _most_memory() -> int:
    """The most bytes that this process has held at once; where the system does not say, those that it holds now."""
    try:
        import resource
    except ImportError:
        return int(psutil.Process().memory_info().rss)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# -- layers with checksums -------------------------------------------------------------------------------------------


def member(name: str) -> Wrap:
    """The content of one member of a zip archive; the others are left as they are."""
    rest: dict[str, bytes] = {}

    def open_(content: bytes) -> bytes:
        rest.clear()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            rest.update({info.filename: archive.read(info) for info in archive.infolist()})
        if name not in rest:
            raise ValueError(name)
        return rest[name]

    def close(content: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for other, kept in {**rest, name: content}.items():
                archive.writestr(other, kept)
        return stream.getvalue()

    return Wrap(open_, close)


GZIP = Wrap(gzip.decompress, lambda content: gzip.compress(content, 1, mtime=0))


def _with_checksums(content: bytes) -> bytes:
    """A PNG whose chunks have their right checksums, as far as their lengths make sense."""
    data, at = bytearray(content), 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(data)


PNG = Wrap(lambda content: content, _with_checksums)


# -- kinds of damage -------------------------------------------------------------------------------------------------


def _place(data: bytearray, draw: random.Random) -> int:
    """Anywhere, and as often near the beginning or the end, where formats say how large they are."""
    if not data:
        return 0
    kind, last = draw.random(), len(data) - 1
    if kind < 0.5:
        return draw.randint(0, min(last, _HEADER))
    return draw.randint(max(0, last - _HEADER), last) if kind < 0.65 else draw.randint(0, last)


def _piece(data: bytes | bytearray, draw: random.Random) -> tuple[int, int]:
    first = draw.randint(0, len(data))
    return first, min(len(data), first + draw.choice((1, 2, 4, 16, 64, 1024)))


def _flip(data: bytearray, draw: random.Random, others: Sequence[bytes]) -> None:
    for _ in range(draw.choice((1, 1, 2, 8))):
        if data:
            data[_place(data, draw)] ^= 1 << draw.randrange(8)


def _number(data: bytearray, draw: random.Random, others: Sequence[bytes]) -> None:
    """A number of 1, 2, 4 or 8 bytes becomes an extreme one, of either byte order."""
    width, at = draw.choice((1, 2, 4, 8)), _place(data, draw)
    value = draw.choice(_NUMBERS) % 2 ** (8 * width)
    data[at : at + width] = value.to_bytes(width, draw.choice(("little", "big")))


def _text(data: bytearray, draw: random.Random, others: Sequence[bytes]) -> None:
    at, new = _place(data, draw), draw.choice(_TEXTS)
    data[at : at + draw.choice((0, 1, len(new)))] = new


def _digits(data: bytearray, draw: random.Random, others: Sequence[bytes]) -> None:
    """A number written in digits becomes an extreme one."""
    found = [i for i, byte in enumerate(data[:4096]) if 48 <= byte <= 57]
    if not found:
        return
    first = draw.choice(found)
    last = first
    while last < len(data) and 48 <= data[last] <= 57:
        last += 1
    data[first:last] = str(draw.choice(_NUMBERS)).encode()


def _cut(data: bytearray, draw: random.Random, others: Sequence[bytes]) -> None:
    del data[draw.randint(0, len(data)) :]


def _remove(data: bytearray, draw: random.Random, others: Sequence[bytes]) -> None:
    first, last = _piece(data, draw)
    del data[first:last]


def _double(data: bytearray, draw: random.Random, others: Sequence[bytes]) -> None:
    first, last = _piece(data, draw)
    data[last:last] = data[first:last] * draw.choice((1, 2, 50))


def _move(data: bytearray, draw: random.Random, others: Sequence[bytes]) -> None:
    first, last = _piece(data, draw)
    piece = data[first:last]
    at = _place(data, draw)
    data[at : at + len(piece)] = piece


def _splice(data: bytearray, draw: random.Random, others: Sequence[bytes]) -> None:
    """The rest of another file follows."""
    other = draw.choice(others) if others else bytes(data)
    data[draw.randint(0, len(data)) :] = other[draw.randint(0, len(other)) :]


def _noise(data: bytearray, draw: random.Random, others: Sequence[bytes]) -> None:
    first, last = _piece(data, draw)
    data[first:last] = draw.randbytes(last - first)


_DAMAGES = (_flip, _number, _number, _text, _digits, _cut, _remove, _double, _move, _splice, _noise)
