"""Zip archives that strangers made: opened in little memory, and their table of contents checked before a member is."""

from __future__ import annotations

import contextlib
import io
import zipfile
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_DEFLATE_BEST = 1040  # deflate shrinks by at most 1032 to 1; more is a forged table of contents
_DEFLATE_SLACK = 1024
_CONTENTS = 2**20  # the largest table of contents of an archive, some ten thousand members


class _Sparing(io.BufferedReader):
    """A file that is never read in large pieces, so that a table of contents without measure takes no memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes, or to the end."""
        if size is not None and size > _CONTENTS:
            raise zipfile.BadZipFile("its table of contents is too large")
        return super().read(size)


@contextlib.contextmanager
def open_archive(stream: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The zip archive of an opened file; `BadZipFile` if it lists more members than anything that is read here."""
    sparing = _Sparing(stream.raw)  # type: ignore[attr-defined]
    try:
        with zipfile.ZipFile(sparing) as archive:
            yield archive
    finally:
        sparing.detach()  # the file is closed by who opened it


def table_problem(
    archive: zipfile.ZipFile,
    on_disk: int,
    most: int,
    program: str,
    fault: Callable[[str], str],
    packings: Collection[int] = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
) -> str:
    """What is wrong with the table of contents of an archive; nothing if nothing is.

    No name comes twice, no member is encrypted, and no size is impossible.

    Parameters
    ----------
    archive, on_disk
        The archive, and how many bytes its file has.
    most
        The largest number of members.
    program
        Who writes such archives, in words.
    fault
        What is wrong with the name of a member, in words; nothing if nothing is.
    packings
        How members may be packed.
    """
    table = archive.infolist()
    if len(table) > most:
        return f"holds {len(table)} members, more than the {most} allowed"
    if sum(info.compress_size for info in table) > on_disk:
        return "claims more bytes than it has"
    found: set[str] = set()
    for info in table:
        name = f"{info.filename[:60]!r}"
        wrong = fault(info.filename)
        if wrong:
            return f"holds {name}, {wrong}"
        if info.filename in found:
            return f"holds {name} twice"
        if info.flag_bits & 1 or info.compress_type not in packings:
            return f"stores {name} in a way that {program} does not"
        best = _DEFLATE_BEST * info.compress_size + _DEFLATE_SLACK
        if info.file_size > (info.compress_size if info.compress_type == zipfile.ZIP_STORED else best):
            return f"claims an impossible size for {name}"
        found.add(info.filename)
    return ""
