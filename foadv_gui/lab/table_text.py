"""Tables of numbers as text: one row a line, an optional line of names, and a column of labels if one is called so.

A single column is one row, written downwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foadv_gui.lab.files import FileProblem, damage_told, mib, open_file, size_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = (".csv", ".tsv", ".txt")
MOST_LINES = 1_000_000
_LABELS = ("label", "y", "class")
_SHARE = 4  # the text, its lines and what else it takes are this many times the file, at most
_LONGEST_LINE = 2**22
_SHOWN = 24


@dataclass(frozen=True, eq=False)
class TextTable:
    """A table (count, width) whose lines are read as numbers when asked for, without its column of labels."""

    path: str
    count: int
    width: int
    labels: NDArray[np.int64] | None
    _lines: list[bytes] = field(repr=False)
    _numbers: list[int] = field(repr=False)
    _mark: bytes | None = field(repr=False)
    _label_column: int | None = None
    _downwards: bool = False

    def row(self, index: int) -> NDArray[np.float64]:
        """One row (width,); `FileProblem` names the line and the column of what is no number."""
        if self._downwards:
            return np.concatenate([self._line(i, 1) for i in range(self.width)])
        return self._line(index, self.width)

    def _line(self, index: int, width: int) -> NDArray[np.float64]:
        cells = _cells(self._lines[index], self._mark)
        wanted = width + (self._label_column is not None)
        if len(cells) != wanted:
            reason = f"line {self._numbers[index]} has {len(cells)} columns where the first one has {wanted}"
            raise FileProblem(self.path, reason)
        if self._label_column is not None:
            del cells[self._label_column]
        try:
            return np.array([_number(cell) for cell in cells])
        except ValueError:
            pass
        bad = next(i for i, cell in enumerate(cells) if not _is_number(cell))
        column = bad + 1 + (self._label_column is not None and bad >= self._label_column)
        reason = f"line {self._numbers[index]}, column {column} holds {_shown(cells[bad])}, which is no number"
        raise FileProblem(self.path, reason)


def read_text_table(path: str | Path, limit: int = 2**30) -> TextTable:
    """Open a table as text, with commas, semicolons, tabs or blanks between its columns.

    Lines that are empty or begin with # are left out. A first line that holds other things than numbers names the
    columns; one called label, y or class is no coordinate, and gives the labels, if all of it are whole numbers.
    A column of coordinates without one of labels is a single row: nobody means many inputs of one coordinate.

    Raises
    ------
    FileProblem
        If it is no such table, or reading it would take more than `limit` bytes.
    """
    with open_file(path) as stream, damage_told(path, "cannot be read", ()):
        on_disk = size_of(stream)
        if _SHARE * on_disk > limit:
            raise FileProblem(path, f"would take {mib(_SHARE * on_disk)}, more than the {mib(limit)} allowed")
        data = stream.read(on_disk).removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        raise FileProblem(path, "is not a table of numbers in plain text")
    if data.count(b"\n") + data.count(b"\r") > 2 * MOST_LINES:
        raise FileProblem(path, f"has more than {MOST_LINES:,} lines")
    numbered = [(i, line) for i, line in enumerate(data.splitlines(), 1) if line.strip() and line[:1] != b"#"]
    if not numbered:
        raise FileProblem(path, "holds no row of numbers")
    longest, at = max((len(line), i) for i, line in numbered)
    if longest > _LONGEST_LINE:
        raise FileProblem(path, f"line {at} has {longest:,} characters, more than {_LONGEST_LINE:,}")
    mark = _mark(numbered[0][1])
    first = _cells(numbered[0][1], mark)
    label_column = None
    if not all(map(_is_number, first)):
        label_column = _label_column(path, first)
        del numbered[0]
        if not numbered:
            raise FileProblem(path, f"holds no row of numbers below its first line, {_shown(b' '.join(first))}")
    if len(numbered) > MOST_LINES:
        raise FileProblem(path, f"has {len(numbered):,} rows, more than {MOST_LINES:,}")
    width = len(first) - (label_column is not None)
    if width == 0:
        raise FileProblem(path, "holds labels and no coordinates")
    numbers, lines = [i for i, _ in numbered], [line for _, line in numbered]
    if width == 1 and label_column is None:
        return TextTable(str(path), 1, len(lines), None, lines, numbers, mark, _downwards=True)
    labels = None if label_column is None else _labels(lines, mark, label_column)
    return TextTable(str(path), len(lines), width, labels, lines, numbers, mark, label_column)


def _mark(line: bytes) -> bytes | None:
    """What stands between the columns; None for blanks."""
    return next((mark for mark in (b",", b";", b"\t") if mark in line), None)


def _cells(line: bytes, mark: bytes | None) -> list[bytes]:
    return [_bare(cell) for cell in line.split(mark)]


def _bare(cell: bytes) -> bytes:
    return cell.strip().strip(b"\"'")


def _number(cell: bytes) -> float:
    if b"_" in cell:  # Python's own way of writing numbers, and nobody else's
        raise ValueError
    return float(cell)


def _is_number(cell: bytes) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _label_column(path: str | Path, names: list[bytes]) -> int | None:
    found = [i for i, name in enumerate(names) if name.lower().decode("ascii", "replace") in _LABELS]
    if len(found) > 1:
        raise FileProblem(path, f"has {len(found)} columns of labels, called {' and '.join(_LABELS)}; keep one")
    return found[0] if found else None


def _labels(lines: list[bytes], mark: bytes | None, column: int) -> NDArray[np.int64] | None:
    """The column of labels, if all of it are whole numbers."""
    found = np.empty(len(lines))
    try:
        for i, line in enumerate(lines):
            found[i] = _number(_bare(line.split(mark, column + 1)[column]))
    except (ValueError, IndexError):
        return None
    return whole_numbers(found)


def whole_numbers(values: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Numbers as integers, or None if they are not whole or too large to be told from their neighbours."""
    if not np.isfinite(values).all() or (np.abs(values) > 2.0**53).any() or (values != np.round(values)).any():
        return None
    return values.astype(np.int64)


def _shown(cell: bytes) -> str:
    text = cell.decode("utf-8", "replace")
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def is_text_name(path: str | Path) -> bool:
    """Whether a file is called as tables in plain text are."""
    return Path(path).suffix.lower() in SUFFIXES
