"""The rows of a sweep on the disk: a journal while they come, the table when it ends.

Each batch of rows goes to the journal, lines of JSON beside the output, as it arrives, so that a sweep that is killed
loses what was in flight. Rows are not kept in memory. The table replaces the journal in that order, each step whole or
not at all, so that there is no moment at which a row is in neither.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import polars

from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.sweep.table import (
    Header,
    SweepTable,
    check_ending,
    checked,
    read_header,
    read_table,
    schema,
    write_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.grid import Point, Sweep

_BLOCK = 2**24
"""Bytes of the journal that are read at once."""
_LONGEST_HEADER = 2**24
_SYNC_SECONDS = 1.0
_TRIES = 10
_LOCK_AT = 2**40
"""Which byte is locked on Windows: one beyond all rows, which stay readable."""


class Store:
    """Takes the rows of a sweep as they come, and makes them a table at the end.

    The journal is locked while the store is open; the lock of a process that is killed ends with it.

    Parameters
    ----------
    sweep
        The sweep.
    output
        The table's file, ".parquet" or ".csv"; the journal is beside it, with ".rows" after its name. None for a sweep
        that is not saved: its journal has no name and goes with the process.
    resume
        Whether to go on with what is there. Points that failed are computed again: the cause may be gone.

    Raises
    ------
    FileProblem
        If the output cannot be written, or holds something else: no sweep, another one, one of another version of this
        program, or this one without `resume`; or if another process is computing it.
    """

    def __init__(self, sweep: Sweep, output: Path | None, *, resume: bool = False) -> None:
        self.sweep, self.output = sweep, output
        self.journal = None if output is None else output.with_name(f"{output.name}.rows")
        self._header = f"{Header.of(sweep).to_json()}\n".encode()
        self._finished = np.zeros(sweep.size, np.bool_)
        self._synced = 0.0
        if output is None or self.journal is None:
            self._stream: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by finish
            self._begin()
            return
        check_ending(output)
        new = not self.journal.exists()
        self._stream = _open_locked(self.journal)
        try:
            self._take_up(output, self.journal, resume)
        except BaseException:
            self._leave(remove=new)
            raise

    @property
    def done(self) -> int:
        """How many points were there already when the store was opened."""
        return int(self._finished.sum())

    def missing(self) -> Iterator[Point]:
        """The points that are still to be computed, in order; made one at a time."""
        return (self.sweep.point(int(index)) for index in np.nonzero(~self._finished)[0])

    def append(self, rows: list[Row]) -> None:
        """Write rows to the journal; `FileProblem` if they cannot be."""
        lines = "".join(f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n" for row in rows)
        try:
            self._stream.write(lines.encode())
            self._stream.flush()
            if self.journal is not None and time.monotonic() - self._synced > _SYNC_SECONDS:
                os.fsync(self._stream.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            raise self._unwritable(error) from None

    def finish(self) -> SweepTable:
        """Write the table of all rows, remove the journal, and return the table; `FileProblem` if it cannot be.

        The rows then stay in the journal.
        """
        try:
            new = self._journalled()
            old = [read_table(self.output).frame] if self.output is not None and self.output.exists() else []
            table = SweepTable.of(self.sweep, polars.concat([*old, new]))
            if self.output is not None and new.height:
                write_table(table, self.output)
        except FileProblem as problem:
            self._leave(remove=False)
            if self.journal is None:
                raise
            kept = f"{problem.problem}; the rows are kept in {self.journal}, and --resume goes on with them"
            raise FileProblem(problem.file, kept) from None
        except BaseException:
            self._leave(remove=False)
            raise
        self._leave(remove=True)
        return table

    def _unwritable(self, error: OSError) -> FileProblem:
        return FileProblem(self.journal or "the journal of the sweep", f"cannot be written: {error.strerror or error}")

    def _begin(self) -> None:
        """An empty journal."""
        try:
            self._stream.truncate(0)
            self._stream.seek(0)
            self._stream.write(self._header)
            self._stream.flush()
        except OSError as error:
            raise self._unwritable(error) from None

    def _take_up(self, output: Path, journal: Path, resume: bool) -> None:
        """Go on with what is there, or refuse to."""
        written = _is_journal(self._stream, self._header, journal)
        if written:
            _check(_journal_header(self._stream, journal), self.sweep, journal)
        there = output.exists()
        if there:
            if output.is_dir():
                raise FileProblem(output, "is a folder; give the name of a file")
            _check(_header_of(output), self.sweep, output)
        if (there or written) and not resume:
            raise FileProblem(output, "was begun already: --resume goes on with it; or choose another name")
        frames = [read_table(output).frame] if there else []
        new = self._salvaged(journal) if written else None
        if new is not None and new.height:
            frames.append(new)
        if frames:
            table = self._of_these_runs(SweepTable.of(self.sweep, polars.concat(frames)))
            if table.frame.height and not (there and table.frame.equals(frames[0])):
                write_table(table, output)
            self._finished[table.frame.filter(polars.col("error").is_null())["point"].to_numpy()] = True
        self._begin()

    def _of_these_runs(self, table: SweepTable) -> SweepTable:
        """The rows whose key is that of their point: a file that a run reads may have changed."""
        keys = zip(table.frame["point"], table.frame["key"], strict=True)
        same = polars.Series([self.sweep.point(point).key == key for point, key in keys], dtype=polars.Boolean)
        return SweepTable(self.sweep, table.frame.filter(same))

    def _blocks(self) -> Iterator[bytes]:
        """The whole lines of the journal after its header, many at a time."""
        try:
            self._stream.flush()  # where a row could not be written before, it still waits
        except OSError as error:
            raise self._unwritable(error) from None
        self._stream.seek(0)
        self._stream.readline()
        rest = b""
        while block := self._stream.read(_BLOCK):
            whole, newline, rest = (rest + block).rpartition(b"\n")
            yield whole + newline

    def _journalled(self) -> polars.DataFrame:
        """The rows that were appended."""
        wanted = schema(self.sweep.axes)
        frames = [polars.read_ndjson(io.BytesIO(block), schema=wanted) for block in self._blocks() if block]
        return polars.concat([polars.DataFrame(schema=wanted), *frames])

    def _salvaged(self, journal: Path) -> polars.DataFrame:
        """The rows that a process which was killed has left, but for the line that it was writing."""
        wanted = schema(self.sweep.axes)
        frames = []
        for block in self._blocks():
            lines = block.splitlines()
            rows = [row for row in map(_parsed, lines) if row is not None and row.keys() == wanted.keys()]
            try:
                frames.append(polars.DataFrame(rows, schema=wanted))
            except (polars.exceptions.PolarsError, TypeError, ValueError, OverflowError):
                raise FileProblem(journal, "is damaged: remove it to compute its rows again") from None
        found = polars.concat([polars.DataFrame(schema=wanted), *frames])
        return checked(journal, self.sweep, found.unique("point", keep="last", maintain_order=True))

    def _leave(self, *, remove: bool) -> None:
        """Let the journal go."""
        journal = self.journal
        if journal is not None and remove and sys.platform != "win32":
            # While it is locked, so that nobody else's is removed.
            with contextlib.suppress(OSError):
                journal.unlink()
        with contextlib.suppress(OSError):
            self._stream.close()
        if journal is not None and remove and sys.platform == "win32":
            with contextlib.suppress(OSError):
                journal.unlink()


def _check(header: Header, sweep: Sweep, path: Path) -> None:
    """Refuse a file of another sweep, or of another version of this program."""
    mine = Header.of(sweep)
    if header.version != mine.version:
        reason = f"was computed by foadv {header.version} and this is {mine.version}: choose another name"
        raise FileProblem(path, reason)
    if header.identity != mine.identity:
        raise FileProblem(path, "holds another sweep, or its files have changed since: choose another name")


def _header_of(output: Path) -> Header:
    try:
        return read_header(output)
    except FileProblem as problem:
        raise FileProblem(output, f"{problem.problem}; choose another name for this sweep") from None


def _is_journal(stream: IO[bytes], header: bytes, journal: Path) -> bool:
    """Whether a file holds a journal, and not the first bytes of one at most; `FileProblem` if something else."""
    stream.seek(0)
    first = stream.readline(_LONGEST_HEADER)
    if header.startswith(first) and first != header:
        return False
    if not first.startswith(b'{"format": '):
        raise FileProblem(journal, "is no journal of a sweep, which would be of this name: choose another name")
    return True


def _journal_header(stream: IO[bytes], journal: Path) -> Header:
    stream.seek(0)
    return Header.from_json(journal, stream.readline(_LONGEST_HEADER))


def _parsed(line: bytes) -> dict[str, Any] | None:
    """The row of a line; None if it was written only in part."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _open_locked(path: Path) -> IO[bytes]:
    """Open a journal that nobody else writes, or make it; `FileProblem` if somebody does, or it cannot be."""
    for _ in range(_TRIES):
        try:
            stream = path.open("a+b")
        except OSError as error:
            raise FileProblem(path, f"cannot be written: {error.strerror or error}") from None
        if not _lock(stream):
            stream.close()
            raise FileProblem(path, "is being written: another process computes this sweep right now")
        # Whoever had it before may have removed it after we opened it: then it has no name any more.
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(stream.fileno()), os.stat(path)):
                return stream
        stream.close()
    raise FileProblem(path, "cannot be written: it is removed again and again")


def _lock(stream: IO[bytes]) -> bool:
    """Whether nobody else has locked a file; it is then locked until it is closed, or its process ends."""
    if sys.platform == "win32":
        import msvcrt

        stream.seek(_LOCK_AT)
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: better unguarded than not at all
        return True
    return True
