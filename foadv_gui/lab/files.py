"""Reading files that strangers made, and writing files that must not be lost.

Nothing here unpickles, and nothing is allocated before its size is known to be possible: an archive's table of
contents, the header of each array and the bytes on disk must agree, and stay within stated limits.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import stat
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.archive import open_archive, table_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from numpy.typing import NDArray

    Stamp = tuple[int, int, int]

_KINDS = "biufU"
_LONGEST = 2**31
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    TypeError,
    SyntaxError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    MemoryError,
    tokenize.TokenError,
    Warning,
)
"""What zipfile, zlib and NumPy's header parser raise on files that are damaged or forged.

MemoryError and RecursionError come from headers that nest or claim too much, Warning from headers of Python 2 where
warnings are errors.
"""


class FileProblem(ValueError):
    """A file that cannot be used: which (`file`) and why (`problem`), together on one line."""

    def __init__(self, file: str | Path, problem: str) -> None:
        self.file = str(file)
        self.problem = problem
        super().__init__(self.file, problem)

    def __str__(self) -> str:
        return " ".join(f"{self.file}: {self.problem}".split())


@dataclass(frozen=True)
class Limits:
    """How much a file may ask for: bytes of memory in all, arrays, and dimensions of an array."""

    size: int = 2**30
    members: int = 64
    dimensions: int = 4


DEFAULT_LIMITS = Limits()


def read_npz(
    path: str | Path, limits: Limits = DEFAULT_LIMITS, names: Collection[str] | None = None
) -> dict[str, NDArray[Any]]:
    """Read the arrays of an .npz archive (those called `names`, or all); `FileProblem` says what is wrong with it."""
    with (
        open_file(path) as stream,
        damage_told(path, "is not an undamaged .npz archive", DAMAGE),
        open_archive(stream) as archive,
    ):
        members = _members(path, archive, size_of(stream), limits)
        wanted = {name: info for name, info in members.items() if names is None or name in names}
        total = sum(info.file_size for info in wanted.values())
        if total > limits.size:
            raise FileProblem(path, f"would take {mib(total)} of memory, more than the {mib(limits.size)} allowed")
        return {name: _read_member(path, archive, info, limits) for name, info in wanted.items()}


def read_headers(path: str | Path, limits: Limits = DEFAULT_LIMITS) -> dict[str, ArrayHeader]:
    """What the header of each array of an .npz archive says, in the file's order; the arrays are not read."""
    with (
        open_file(path) as stream,
        damage_told(path, "is not an undamaged .npz archive", DAMAGE),
        open_archive(stream) as archive,
    ):
        found = {}
        for name, info in _members(path, archive, size_of(stream), limits).items():
            with archive.open(info) as member:
                found[name] = read_header(path, name, member, limits)
            check_length(path, name, found[name], info.file_size)
        return found


def read_array(path: str | Path, limits: Limits = DEFAULT_LIMITS, name: str | tuple[str, ...] = ()) -> NDArray[Any]:
    """Read one array from an .npy file, or from an .npz archive that has only one or has one called `name`.

    Of several names the first one that is there is meant.
    """
    with open_file(path) as stream:
        magic = stream.read(6)
        if magic == b"\x93NUMPY":
            stream.seek(0)
            with damage_told(path, "is not an undamaged .npy file", DAMAGE):
                return _read_stream(path, "the array", stream, size_of(stream), limits)
    if magic[:2] != b"PK":
        raise FileProblem(path, "is not a NumPy file (.npy or .npz)")
    arrays = read_npz(path, limits)
    names = (name,) if isinstance(name, str) else name
    for wanted in names:
        if wanted in arrays:
            return arrays[wanted]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    wanted = f", or one called {' or '.join(names)}" if names else ""
    raise FileProblem(path, f"must hold one array{wanted}; it holds {', '.join(sorted(arrays)) or 'none'}")


def array_names(path: str | Path) -> list[str]:
    """The names of the arrays of an .npz archive, none of which is read; `FileProblem` if it is none."""
    with (
        open_file(path) as stream,
        damage_told(path, "is not an undamaged .npz archive", DAMAGE),
        open_archive(stream) as archive,
    ):
        return [name.removesuffix(".npy") for name in archive.namelist()]


@contextlib.contextmanager
def damage_told(path: str | Path, what: str, damage: tuple[type[BaseException], ...]) -> Iterator[None]:
    """Raise `FileProblem` for what goes wrong while a file is read: it `what` (a reason) for errors of `damage`."""
    try:
        yield
    except FileProblem:
        raise
    except damage as error:
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise FileProblem(path, f"{what} ({said})") from None
    except OSError as error:
        raise FileProblem(path, f"cannot be read: {error.strerror or error}") from None


def atomic_write(path: str | Path, writer: Callable[[IO[bytes]], object]) -> None:
    """Replace a file by what `writer` writes to a stream, whole or not at all.

    The bytes go to a new file in the same folder, are forced to the disk, and take the old file's place in one step; if
    anything fails, the old file stays as it was and the error is raised (`FileProblem` for one of the file system).
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        # os.open, not tempfile: a new file gets the permissions that the user's umask asks for.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise FileProblem(path, f"cannot be written: {error.strerror or error}") from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            writer(stream)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileNotFoundError):
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise FileProblem(path, f"cannot be written: {error.strerror or error}") from error
        raise
    _sync_folder(target.parent)


def write_text(path: str | Path, text: str) -> None:
    """Replace a file by a text in UTF-8, whole or not at all."""
    atomic_write(path, lambda stream: stream.write(text.encode()))


def _sync_folder(folder: Path) -> None:
    """Force the new name to the disk, where the system lets a folder be opened (not on Windows)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def open_file(path: str | Path) -> IO[bytes]:
    """Open a file to read it; `FileProblem` says why it cannot be."""
    try:
        # A pipe or a device has no size to check, and opening one can wait for ever, or do something.
        if stat.S_ISREG(os.stat(path).st_mode):
            stream = open(path, "rb", opener=_without_waiting)  # noqa: SIM115
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):  # nothing else has taken its place
                return stream
            stream.close()
        raise FileProblem(path, "is not a file")
    except OSError as error:
        raise FileProblem(path, f"cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        if isinstance(error, FileProblem):
            raise
        raise FileProblem(path, "is not a possible file name") from None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def size_of(stream: IO[bytes]) -> int:
    """The number of bytes of an open file."""
    return os.fstat(stream.fileno()).st_size


def stamp_of(path: str | Path) -> Stamp:
    """What changes when a file does: when it was written, its size, and which it is; `FileProblem` if there is none."""
    try:
        state = os.stat(path)
    except OSError as error:
        raise FileProblem(path, f"cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise FileProblem(path, "is not a possible file name") from None
    return state.st_mtime_ns, state.st_size, state.st_ino


@contextlib.contextmanager
def unchanged(path: str | Path, stamp: Stamp | None = None) -> Iterator[None]:
    """Refuse a file that is written to, replaced or removed while it is read in several goes, or since its `stamp`."""
    before = stamp_of(path) if stamp is None else stamp
    reason = "changed while it was read, or has gone"
    try:
        yield
    except (ValueError, LookupError):
        if _has_changed(path, before):
            raise FileProblem(path, reason) from None
        raise
    if _has_changed(path, before):
        raise FileProblem(path, reason)


def _has_changed(path: str | Path, stamp: Stamp) -> bool:
    try:
        return stamp_of(path) != stamp
    except FileProblem:
        return True


def _members(path: str | Path, archive: zipfile.ZipFile, on_disk: int, limits: Limits) -> dict[str, zipfile.ZipInfo]:
    """Return the members by array name, having checked the whole table of contents."""
    problem = table_problem(archive, on_disk, limits.members, "NumPy", _no_array)
    if problem:
        raise FileProblem(path, problem)
    return {info.filename.removesuffix(".npy"): info for info in archive.infolist()}


def _no_array(name: str) -> str:
    strange = not name.endswith(".npy") or any(part in name for part in ("/", "\\", "..", ":", "\0"))
    return "which is not the name of an array" if strange else ""


def _read_member(path: str | Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> NDArray[Any]:
    with archive.open(info) as stream:
        return _read_stream(path, info.filename[:-4], stream, info.file_size, limits)


@dataclass(frozen=True)
class ArrayHeader:
    """What the header of an array in NumPy's format says; its numbers begin at the byte `offset`."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def nbytes(self) -> int:
        """How many bytes the numbers take."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(path: str | Path, name: str, stream: IO[bytes], limits: Limits = DEFAULT_LIMITS) -> ArrayHeader:
    """Read the header of an array; `FileProblem` if it holds neither numbers nor text, or has no possible shape.

    What NumPy raises on a damaged header is left to `damage_told`.
    """
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise FileProblem(path, f"{name} is in version {version[0]}.{version[1]} of NumPy's format")
    if dtype.hasobject:
        raise FileProblem(path, f"{name} holds Python objects, which could run code; only numbers and text are read")
    if dtype.kind not in _KINDS or dtype.shape:
        raise FileProblem(path, f"{name} holds {dtype}, not real numbers, truth values or text")
    if len(shape) > limits.dimensions or any(not 0 <= length < _LONGEST for length in shape):
        raise FileProblem(path, f"{name} has the impossible shape {str(shape)[:60]}")
    return ArrayHeader(shape, fortran, dtype, stream.tell())


def check_length(path: str | Path, name: str, header: ArrayHeader, size: int) -> None:
    """Refuse an array whose header claims other than the rest of the `size` bytes in which it stands."""
    if header.offset + header.nbytes != size:
        raise FileProblem(
            path,
            f"{name} should have {header.nbytes} bytes by its header but has {size - header.offset}; is it cut off?",
        )


def _read_stream(path: str | Path, name: str, stream: IO[bytes], size: int, limits: Limits) -> NDArray[Any]:
    """Read one array in NumPy's format from a stream of `size` bytes."""
    header = read_header(path, name, stream, limits)
    shape, fortran, dtype, need = header.shape, header.fortran, header.dtype, header.nbytes
    if need > limits.size:
        raise FileProblem(path, f"{name} would take {mib(need)}, more than the {mib(limits.size)} allowed")
    check_length(path, name, header, size)
    flat = np.empty(math.prod(shape), dtype)
    buffer = flat.view(np.uint8).data if need else memoryview(b"")
    done = 0
    while done < need:
        block = stream.read(min(need - done, 2**20))
        if not block:
            raise FileProblem(path, f"{name} ends after {done} of {need} bytes")
        buffer[done : done + len(block)] = block
        done += len(block)
    stream.read(1)  # at its end a zip member's checksum is compared
    if dtype.kind == "U" and need and not _is_text(flat.view(np.dtype(np.uint32).newbyteorder(dtype.byteorder))):
        raise FileProblem(path, f"{name} holds text with impossible characters")
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _is_text(codes: NDArray[np.uint32]) -> bool:
    """Whether all code points are characters; Python crashes or fails much later on others."""
    return bool(((codes < 0xD800) | ((codes > 0xDFFF) & (codes <= 0x10FFFF))).all())


def mib(size: int) -> str:
    """A number of bytes in words."""
    return f"{size / 2**20:,.1f} MiB"
