"""The rows of a sweep as a table of typed columns, and its files: Parquet or CSV, which carry the sweep with them."""

from __future__ import annotations

import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import polars

from foadv_gui import __version__
from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.files import FileProblem, atomic_write, damage_told, open_file
from foadv_gui.lab.sweep.columns import COLUMNS, Row
from foadv_gui.lab.sweep.grid import Sweep

if TYPE_CHECKING:
    from collections.abc import Iterable

    from foadv_gui.lab.sweep.grid import Axis

ENDINGS = (".parquet", ".csv")
FORMAT = 1
_TYPES: dict[str, Any] = {
    "int": polars.Int64,
    "float": polars.Float64,
    "bool": polars.Boolean,
    "text": polars.String,
    "choice": polars.String,
    "path": polars.String,
}
_MOST_BYTES = 2**32
"""What a table may take in memory: ten million points, the most that a sweep has, take less."""
_LONGEST_HEADER = 2**24
_MARK = "# sweep: "
# PanicException, a BaseException, is what a damaged file makes of an assertion in polars.
_DAMAGE = (polars.exceptions.PolarsError, polars.exceptions.PanicException, ValueError, TypeError, LookupError)


@dataclass(frozen=True, eq=False)
class SweepTable:
    """A sweep and what has been computed of it: `point`, `key`, a column for each setting that varies, and `COLUMNS`.

    The rows are in the order of their points; a point that has not been computed has none.
    """

    sweep: Sweep
    frame: polars.DataFrame

    @classmethod
    def of(cls, sweep: Sweep, rows: Iterable[Row] | polars.DataFrame) -> SweepTable:
        """The table of some rows in any order; of two rows of a point the last one holds."""
        found = rows if isinstance(rows, polars.DataFrame) else polars.DataFrame(list(rows), schema=schema(sweep.axes))
        return cls(sweep, found.unique("point", keep="last", maintain_order=True).sort("point"))

    @property
    def failed(self) -> int:
        """How many of the rows say only why there is nothing to say."""
        return self.frame.height - int(self.frame["error"].null_count())


@dataclass(frozen=True)
class Header:
    """What a file says of the sweep that it holds: which one, by its identity when it began, and of which version."""

    sweep: Sweep
    identity: str
    version: str

    @classmethod
    def of(cls, sweep: Sweep) -> Header:
        """The header of a sweep that this program computes."""
        return cls(sweep, sweep.identity, __version__)

    def to_json(self) -> str:
        """One line of JSON: `from_json` reads it back."""
        experiment = self.sweep.base.model_dump(mode="json")
        known = {"format": FORMAT, "version": self.version, "identity": self.identity}
        return json.dumps({**known, "experiment": experiment, "axes": self.sweep.table}, ensure_ascii=False)

    @classmethod
    def from_json(cls, path: str | Path, text: str | bytes) -> Header:
        """Read what `to_json` wrote to a file; `FileProblem` says what is wrong with it."""
        try:
            known = json.loads(text)
            if not isinstance(known, dict) or known.get("format") != FORMAT:
                raise FileProblem(path, f"holds no sweep of format {FORMAT}, the one that this program reads")
            texts = known["identity"], known["version"]
            if not all(isinstance(part, str) and len(part) <= 64 for part in texts):
                raise FileProblem(path, "holds no sweep: it does not say of which version it is")
            return cls(Sweep.of_table(Experiment.model_validate(known["experiment"]), known["axes"]), *texts)
        except FileProblem:
            raise
        except ExperimentError as error:
            raise FileProblem(path, f"holds a sweep that cannot be: {error}") from None
        except (ValueError, LookupError, TypeError, RecursionError):
            raise FileProblem(path, "holds no sweep: what it says of one is damaged") from None


def schema(axes: Iterable[Axis]) -> dict[str, Any]:
    """The name and the type of each column, in order."""
    varied = {axis.key: _TYPES[axis.setting.kind] for axis in axes}
    found = {column.name: _TYPES[column.kind] for column in COLUMNS}
    return {"point": polars.Int64, "key": polars.String, **varied, **found}


def check_ending(path: str | Path) -> str:
    """The ending of a table's file name; `FileProblem` if it is that of another kind."""
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise FileProblem(path, f"the name must end in {' or '.join(ENDINGS)}")
    return ending


def write_table(table: SweepTable, path: str | Path) -> None:
    """Write a table to a .parquet or a .csv file, whole or not at all; `FileProblem` if it cannot be.

    Both hold the sweep, and what each column is: Parquet in its metadata (`foadv_sweep`, `foadv_columns`), CSV in the
    lines before the names of the columns, which begin with "#".
    """
    ending, header = check_ending(path), Header.of(table.sweep).to_json()
    columns = _columns(table.sweep)

    def write(stream: IO[bytes]) -> None:
        if ending == ".parquet":
            table.frame.write_parquet(stream, metadata={"foadv_sweep": header, "foadv_columns": json.dumps(columns)})
            return
        lines = [f"# A sweep of foadv {__version__}. An empty cell: nothing applies, or is known.", _MARK + header]
        lines += [f"# {name}: {_explained(entry)}" for name, entry in columns.items()]
        stream.write("".join(f"{line}\n" for line in lines).encode())
        # Quoted, so that nobody takes a "#" in a text for a comment.
        table.frame.write_csv(stream, quote_style="non_numeric")

    atomic_write(path, write)


def read_header(path: str | Path) -> Header:
    """What a file says of its sweep; `FileProblem` says what is wrong with it, if it holds none."""
    ending = check_ending(path)
    with open_file(path) as stream:
        return _parquet_header(path, stream) if ending == ".parquet" else _csv_header(path, stream)


def read_table(path: str | Path) -> SweepTable:
    """Read what `write_table` wrote; `FileProblem` says what is wrong with a file that is something else."""
    ending = check_ending(path)
    with open_file(path) as stream:
        header = _parquet_header(path, stream) if ending == ".parquet" else _csv_header(path, stream)
        wanted = schema(header.sweep.axes)
        most = min(header.sweep.size, _MOST_BYTES // (8 * len(wanted)))
        with damage_told(path, "is damaged", _DAMAGE):
            frame = _parquet(path, stream, most) if ending == ".parquet" else _csv(stream, wanted)
    if frame.schema != wanted:
        reason = f"has other columns than the tables of foadv {__version__}; it is of {header.version}"
        raise FileProblem(path, reason)
    return SweepTable(header.sweep, checked(path, header.sweep, frame))


def checked(path: str | Path, sweep: Sweep, frame: polars.DataFrame) -> polars.DataFrame:
    """The rows of a file by their points; `FileProblem` if they are not those of the sweep."""
    points = frame["point"]
    if points.null_count() or points.n_unique() < len(points) or not points.is_between(0, sweep.size - 1).all():
        raise FileProblem(path, f"is damaged: its points are not some of 0 to {sweep.size - 1}, each once")
    for axis, indices in zip(sweep.axes, sweep.places(points.to_numpy()), strict=True):
        values = polars.Series(axis.values, dtype=_TYPES[axis.setting.kind])
        if not (values.gather(indices).eq_missing(frame[axis.key])).all():
            raise FileProblem(path, f"is damaged: {axis.key} is not what the sweep says that it is")
    if frame["key"].null_count():
        raise FileProblem(path, "is damaged: a row has no key")
    for name, kind in frame.schema.items():
        if kind == polars.Float64 and not frame[name].is_finite().all():
            raise FileProblem(path, f"is damaged: {name} holds a number that is not finite")
    return frame.sort("point")


def _columns(sweep: Sweep) -> dict[str, dict[str, str]]:
    """What each column is: title, symbol, unit and a sentence."""
    about = {
        "point": {"title": "Point", "symbol": "", "unit": "", "help": "Its place in the grid, counted from 0."},
        "key": {"title": "Key", "symbol": "", "unit": "", "help": "A hash of all that determines its run."},
    }
    for axis in sweep.axes:
        entry = axis.setting
        about[axis.key] = {"title": entry.title, "symbol": entry.symbol, "unit": entry.unit, "help": entry.help}
    for column in COLUMNS:
        known = asdict(column)
        about[column.name] = {name: known[name] for name in ("title", "symbol", "unit", "help")}
    return about


def _explained(entry: dict[str, str]) -> str:
    symbol = f" {entry['symbol']}" if entry["symbol"] else ""
    unit = f" [{entry['unit']}]" if entry["unit"] else ""
    return f"{entry['title']}{symbol}{unit}. {entry['help']}"


def _parquet_header(path: str | Path, stream: IO[bytes]) -> Header:
    size = os.fstat(stream.fileno()).st_size
    stream.seek(max(0, size - 8))
    end = stream.read(8)
    if size < 12 or end[4:] != b"PAR1":
        raise FileProblem(path, "is no undamaged Parquet file")
    if not 0 < int.from_bytes(end[:4], "little") <= min(size - 12, 4 * _LONGEST_HEADER):
        raise FileProblem(path, "claims metadata of an impossible size")
    stream.seek(0)
    with damage_told(path, "is no undamaged Parquet file", _DAMAGE):
        known = polars.read_parquet_metadata(stream)
    if "foadv_sweep" not in known:
        raise FileProblem(path, "is no sweep of foadv")
    return Header.from_json(path, known["foadv_sweep"])


def _parquet(path: str | Path, stream: IO[bytes], most: int) -> polars.DataFrame:
    stream.seek(0)
    rows = int(polars.scan_parquet(stream).select(polars.len()).collect().item())
    if rows > most:
        raise FileProblem(path, f"claims {rows:,} rows, more than there can be")
    stream.seek(0)
    return polars.read_parquet(stream)


def _csv_header(path: str | Path, stream: IO[bytes]) -> Header:
    """The header of a CSV file; the stream is left at the names of the columns."""
    if os.fstat(stream.fileno()).st_size > _MOST_BYTES:
        raise FileProblem(path, f"is larger than {_MOST_BYTES / 2**30:.0f} GiB")
    found: Header | None = None
    left, begin = _LONGEST_HEADER, 0
    while (line := stream.readline(left)).startswith(b"#"):
        left, begin = left - len(line), stream.tell()
        if line.startswith(_MARK.encode()) and found is None:
            found = Header.from_json(path, line[len(_MARK) :])
    stream.seek(begin)
    if found is None:
        raise FileProblem(path, "is no sweep of foadv: no line that begins with # says which one")
    return found


def _csv(stream: IO[bytes], wanted: dict[str, Any]) -> polars.DataFrame:
    rest = stream.read()
    names = polars.read_csv(io.BytesIO(rest), n_rows=0).columns
    if names != list(wanted):
        return polars.DataFrame(schema=names)
    return polars.read_csv(io.BytesIO(rest), schema=wanted)
