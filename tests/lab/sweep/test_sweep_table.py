"""The files of a sweep's table: what is written is read back exactly, and what is no sweep is refused in one line."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foadv_gui import __version__
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.sweep import table as table_module
from foadv_gui.lab.sweep.columns import COLUMNS
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.lab.sweep.table import Header, SweepTable, read_header, read_table, schema, write_table

if TYPE_CHECKING:
    from foadv_gui.lab.sweep.columns import Row

BASE = Experiment.model_validate({"title": 'Tïtle, "#1"', "network": {"width": 16, "dimension": 4}})
FILES = [str(Path(name).absolute()) for name in ("one, #1.npz", '"two".npz')]
SWEEP = Sweep.of_table(
    BASE,
    {"input.scale": "log:0.01:30:5", "network.activation": "tanh,erf", "network.seed": "0:2", "network.file": FILES},
)
ENDINGS = (".parquet", ".csv")


def rows_of(sweep: Sweep, seed: int = 0, empty: float = 0.3) -> list[Row]:
    """Rows of all kinds of cells, some of them empty."""
    draw = np.random.default_rng(seed)
    cells: dict[str, Any] = {
        "int": lambda: int(draw.integers(-(2**62), 2**62)),
        "float": lambda: float(draw.standard_normal() * 10.0 ** draw.uniform(-300, 300)),
        "bool": lambda: bool(draw.random() < 0.5),
        "text": lambda: str(draw.choice(['a "b", # c', "é, λ", "# comment?", "1.0", " blank "])),
    }
    found = []
    for point in sweep.points():
        values = {c.name: None if draw.random() < empty else cells[c.kind]() for c in COLUMNS}
        found.append(
            {"point": point.index, "key": point.key, **dict(zip(sweep.keys, point.values, strict=True))} | values
        )
    return found


@pytest.fixture(params=ENDINGS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A table's file."""
    path = tmp_path / f"table{request.param}"
    write_table(SweepTable.of(SWEEP, rows_of(SWEEP)), path)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(FileProblem) as caught:
        read_table(path)
    line = str(caught.value)
    assert len(line.splitlines()) == 1 and line.startswith(f"{path}: ")
    return line


# ---- round trip ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("empty", [0.0, 0.3, 1.0])
def test_what_is_written_is_read_back_exactly(ending: str, empty: float, tmp_path: Path) -> None:
    path = tmp_path / f"table{ending}"
    rows = rows_of(SWEEP, empty=empty)
    write_table(SweepTable.of(SWEEP, rows), path)
    again = read_table(path)
    assert again.sweep == SWEEP
    assert again.frame.schema == schema(SWEEP.axes)
    assert again.frame.to_dicts() == rows


@settings(max_examples=25)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_no_digit_of_a_number_is_lost(tmp_path_factory: pytest.TempPathFactory, numbers: list[float]) -> None:
    sweep = Sweep.of(BASE, [f"network.seed=1:{len(numbers)}"])
    rows = [{**row, "loss_best": number} for row, number in zip(rows_of(sweep), numbers, strict=True)]
    for ending in ENDINGS:
        path = tmp_path_factory.getbasetemp() / f"digits{ending}"
        write_table(SweepTable.of(sweep, rows), path)
        again = read_table(path).frame["loss_best"].to_numpy()
        assert again.tobytes() == np.array(numbers).tobytes()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_of_some_points_or_none_is_one_too(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"table{ending}"
    some = rows_of(SWEEP)[7:3:-1]
    for rows in (some, []):
        write_table(SweepTable.of(SWEEP, rows), path)
        assert read_table(path).frame["point"].to_list() == sorted(row["point"] for row in rows)


def test_of_two_rows_of_a_point_the_last_one_holds() -> None:
    first, second = rows_of(SWEEP)[:2]
    table = SweepTable.of(SWEEP, [{**first, "error": "lost"}, second, {**first, "error": None}])
    assert table.frame["error"].to_list()[0] is None and table.frame.height == 2
    assert SweepTable.of(SWEEP, [{**first, "error": "lost"}, {**second, "error": None}]).failed == 1


# ---- read by others ------------------------------------------------------------------------------------------------


def test_the_csv_explains_itself_and_is_read_by_anybody(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    rows = rows_of(SWEEP)
    write_table(SweepTable.of(SWEEP, rows), path)
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    names = list(schema(SWEEP.axes))
    assert [line[2:].partition(":")[0] for line in comments[2:]] == names
    assert any("γ [|x|]. The length of the clean input" in line for line in comments)
    found = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert list(found[0]) == names
    assert [float(row["input.scale"]) for row in found] == [row["input.scale"] for row in rows]
    assert [row["network.file"] for row in found] == [row["network.file"] for row in rows]
    assert [row["loss_best"] for row in found] == ["" if row["loss_best"] is None else repr_of(row) for row in rows]
    assert polars.read_csv(path, comment_prefix="#").shape == (len(rows), len(names))
    # pandas takes what follows a "#" for a comment unless the text is quoted.
    assert all(line.count('"') % 2 == 0 for line in lines if not line.startswith("#"))


def repr_of(row: Row) -> str:
    """The shortest number that is a row's best loss, in the exponent's style of polars."""
    return polars.DataFrame({"x": [row["loss_best"]]}).write_csv(include_header=False).strip()


def test_the_parquet_carries_the_sweep_and_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_table(SweepTable.of(SWEEP, rows_of(SWEEP)), path)
    known = polars.read_parquet_metadata(path)
    columns = json.loads(known["foadv_columns"])
    assert list(columns) == polars.read_parquet(path).columns
    assert columns["seconds"] == {"title": "Time", "symbol": "", "unit": "s", "help": COLUMNS[-3].help}
    header = json.loads(known["foadv_sweep"])
    assert header["version"] == __version__ and header["identity"] == SWEEP.identity
    assert header["experiment"] == json.loads(BASE.model_dump_json())
    assert header["axes"]["input.scale"] == "log:0.01:30:5" and header["axes"]["network.file"] == FILES


def test_the_header_says_which_sweep_it_was_when_it_began(file: Path) -> None:
    header = read_header(file)
    assert header == Header.of(SWEEP) and header.identity == SWEEP.identity


def test_a_table_is_replaced_whole_or_not_at_all(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(polars.DataFrame, "write_parquet", full)
    monkeypatch.setattr(polars.DataFrame, "write_csv", full)
    with pytest.raises(FileProblem, match="cannot be written: No space left"):
        write_table(SweepTable.of(SWEEP, []), file)
    assert file.read_bytes() == before and [path.name for path in file.parent.iterdir()] == [file.name]


# ---- what is no table ----------------------------------------------------------------------------------------------


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    for name, data in (("a.parquet", b"junk"), ("a.parquet", b""), ("a.csv", b"x,y\n1,2\n"), ("a.csv", b"\xff\xfe#\n")):
        (tmp_path / name).write_bytes(data)
        refusal(tmp_path / name)
    polars.DataFrame({"x": [1]}).write_parquet(tmp_path / "b.parquet")
    assert "is no sweep of foadv" in refusal(tmp_path / "b.parquet")
    assert "must end in .parquet or .csv" in refusal(tmp_path / "a.txt")
    assert "cannot be read: No such file" in refusal(tmp_path / "gone.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "is not a file" in refusal(tmp_path / "folder.csv")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names")
    os.mkfifo(tmp_path / "pipe.csv")
    assert "is not a file" in refusal(tmp_path / "pipe.csv")


def test_a_file_of_which_a_part_is_missing_or_no_text_is_refused(file: Path) -> None:
    data, draw = file.read_bytes(), np.random.default_rng(1)
    header = Header.of(SWEEP).to_json().encode()
    first = data.index(header)
    # A table of text without its last rows is one of a sweep that is not done; without some of its header it is none.
    ends = draw.integers(first + len(header) if file.suffix == ".csv" else len(data), size=25)
    # No byte of a text in UTF-8 is 255.
    holes = first + draw.integers(len(header), size=25)
    for damaged in [data[:end] for end in ends] + [data[:at] + b"\xff" + data[at + 1 :] for at in holes]:
        file.write_bytes(damaged)
        refusal(file)


def test_a_damaged_file_is_refused_or_read_and_nothing_else(file: Path) -> None:
    data = file.read_bytes()
    draw = np.random.default_rng(1)
    for _ in range(60):
        # In what says how the rest is to be read: its beginning or its end.
        first, last = (0, 3000) if file.suffix == ".csv" else (len(data) - 9000, len(data))
        at = draw.integers(first, last)
        damaged = data[:at] + bytes([data[at] ^ draw.integers(1, 256)]) + data[at + 1 :]
        file.write_bytes(damaged)
        try:
            assert read_table(file).frame.height <= SWEEP.size
        except FileProblem as problem:
            assert len(str(problem).splitlines()) == 1


def frame_and_header(**changes: Any) -> tuple[polars.DataFrame, dict[str, Any]]:
    frame = SweepTable.of(SWEEP, rows_of(SWEEP)).frame
    return frame.with_columns(**changes), json.loads(Header.of(SWEEP).to_json())


def written(path: Path, frame: polars.DataFrame, header: Any) -> Path:
    text = header if isinstance(header, str) else json.dumps(header)
    frame.write_parquet(path, metadata={"foadv_sweep": text})
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"point": polars.lit(0, polars.Int64)}, "its points are not some of 0 to 59, each once"),
        ({"point": polars.col("point") + 1}, "its points are not some of"),
        ({"point": polars.lit(None, polars.Int64)}, "its points are not some of"),
        ({"point": polars.col("point").reverse()}, "input.scale is not what the sweep says"),
        ({"network.seed": polars.lit(7, polars.Int64)}, "network.seed is not what the sweep says"),
        ({"key": polars.lit(None, polars.String)}, "a row has no key"),
        ({"loss_best": polars.lit(float("nan"))}, "loss_best holds a number that is not finite"),
        ({"q": polars.lit(float("inf"))}, "q holds a number that is not finite"),
        ({"q": polars.lit("high")}, "has other columns"),
        ({"more": polars.lit(1)}, "has other columns"),
    ],
)
def test_rows_that_are_not_the_sweeps_are_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    frame, header = frame_and_header(**changes)
    assert words in refusal(written(tmp_path / "a.parquet", frame, header))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("format", 2, "holds no sweep of format 1"),
        ("version", None, "of which version"),
        ("identity", "x" * 100, "of which version"),
        ("experiment", {"input": {"scale": -1}}, "a sweep that cannot be: input.scale = -1"),
        ("experiment", [], "a sweep that cannot be"),
        ("axes", {}, "nothing varies"),
        ("axes", {"input.scale": "log:0.1:1:99999999"}, "in 2 to 1,000,000"),
        ("axes", {f"{section}.seed": "0:999999" for section in ("network", "input", "ascent")}, "makes"),
        ("axes", {"input.scale": {"a": 1}}, "must be"),
        ("axes", 3, "must be a table"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(key: str, value: object, words: str, tmp_path: Path) -> None:
    frame, header = frame_and_header()
    assert words in refusal(written(tmp_path / "a.parquet", frame, {**header, key: value}))


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 10_000, "3", '{"format": 1}', '{"format": 1' + "0" * 5000 + "}"])
def test_metadata_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    frame, _ = frame_and_header()
    refusal(written(tmp_path / "a.parquet", frame, text))


def test_a_few_bytes_that_claim_many_rows_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = polars.DataFrame({"point": polars.zeros(10**7, polars.Int64, eager=True)})
    path = written(tmp_path / "a.parquet", many, json.loads(Header.of(SWEEP).to_json()))
    assert path.stat().st_size < 10**5
    read: list[object] = []
    monkeypatch.setattr(polars, "read_parquet", lambda *a, **k: read.append(a))
    assert "claims 10,000,000 rows" in refusal(path)
    assert read == []


def test_metadata_of_an_impossible_size_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + b"\xff\xff\xff\x7fPAR1")
    assert "impossible size" in refusal(tmp_path / "a.parquet")


def test_a_csv_that_is_too_large_is_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "_MOST_BYTES", 1000)
    refusal(file)
