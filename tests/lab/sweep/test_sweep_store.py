"""The journal of a sweep and what is taken up from it, and a whole sweep from its beginning to its table."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from foadv_gui.core.interruption import Interrupted, never
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.sweep import store as store_module
from foadv_gui.lab.sweep import table as table_module
from foadv_gui.lab.sweep.columns import failure
from foadv_gui.lab.sweep.engine import Alone, CrewError
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.lab.sweep.store import Store
from foadv_gui.lab.sweep.study import run_sweep
from foadv_gui.lab.sweep.table import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.grid import Point
    from foadv_gui.lab.sweep.progress import Progress

BASE = Experiment.model_validate({"network": {"width": 8, "dimension": 3}, "ascent": {"restarts": 2, "steps": 5}})
SWEEP = Sweep.of(BASE, ["input.scale=0.1,1,10", "network.seed=0:3"])


def row_of(point: Point, error: str | None = None) -> Row:
    """A row that costs nothing."""
    return failure(point, error) | {"seconds": 0.25, "loss_best": 0.1 * point.index if error is None else None}


class Count:
    """Measures points at no cost, and knows which; some of them fail."""

    def __init__(self, *failing: int) -> None:
        self.points: list[int] = []
        self.failing = failing

    def __call__(self, point: Point, _interrupted: Callable[[], bool] = never) -> Row:
        self.points.append(point.index)
        return row_of(point, "it failed" if point.index in self.failing else None)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.parquet"


@pytest.fixture
def crew_of() -> Iterator[Callable[[Any], Alone]]:
    crews: list[Alone] = []

    def make(measure: Any) -> Alone:
        crews.append(Alone(measure))
        return crews[-1]

    yield make
    for crew in crews:
        crew.close()


def names(output: Path) -> list[str]:
    return sorted(path.name for path in output.parent.iterdir())


def killed(output: Path, indices: range, sweep: Sweep = SWEEP, torn: bytes = b"") -> None:
    """What a process leaves that computed some points and was killed."""
    store = Store(sweep, output)
    store.append([row_of(sweep.point(i)) for i in indices])
    assert store.journal is not None
    data = store.journal.read_bytes()
    store._leave(remove=False)
    store.journal.write_bytes(data + torn)


def refusal(output: Path, sweep: Sweep = SWEEP, *, resume: bool = False) -> str:
    before = {path: path.read_bytes() for path in output.parent.iterdir() if path.is_file()}
    with pytest.raises(FileProblem) as caught:
        Store(sweep, output, resume=resume)
    assert {path: path.read_bytes() for path in output.parent.iterdir() if path.is_file()} == before
    return str(caught.value)


# ---- the journal ---------------------------------------------------------------------------------------------------


def test_rows_are_on_the_disk_as_soon_as_they_come(output: Path) -> None:
    store = Store(SWEEP, output)
    for i in range(3):
        store.append([row_of(SWEEP.point(i))])
        lines = (output.parent / "out.parquet.rows").read_text().splitlines()
        assert [json.loads(line)["point"] for line in lines[1:]] == list(range(i + 1))
    assert names(output) == ["out.parquet.rows"]
    table = store.finish()
    assert names(output) == ["out.parquet"]
    assert read_table(output).frame.equals(table.frame) and table.frame.height == 3


def test_the_table_is_there_before_the_journal_goes(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(SWEEP, output)
    store.append([row_of(SWEEP.point(0))])

    def full(*_: object) -> None:
        raise FileProblem(output, "cannot be written: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "write_table", full)
        with pytest.raises(FileProblem, match=r"No space left on device; the rows are kept in .*out\.parquet\.rows"):
            store.finish()
    assert names(output) == ["out.parquet.rows"]
    resumed = Store(SWEEP, output, resume=True)
    assert resumed.done == 1 and resumed.finish().frame["point"].to_list() == [0]


def test_nothing_is_left_of_a_sweep_that_computed_nothing(output: Path) -> None:
    assert Store(SWEEP, output).finish().frame.height == 0
    assert names(output) == []


def test_a_sweep_that_is_not_saved_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = Store(SWEEP, None)
    store.append([row_of(SWEEP.point(i)) for i in (2, 1)])
    assert store.finish().frame["point"].to_list() == [1, 2]
    assert list(tmp_path.iterdir()) == []


def test_a_journal_is_read_in_blocks(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_BLOCK", 1500)  # neither a line nor a multiple of one
    killed(output, range(7))
    store = Store(SWEEP, output, resume=True)
    assert store.done == 7
    store.append([row_of(SWEEP.point(i)) for i in range(7, 12)])
    assert store.finish().frame["point"].to_list() == list(range(12))


def test_rows_are_forced_to_the_disk_but_not_one_by_one(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, synced = [100.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(os, "fsync", synced.append)
    store = Store(SWEEP, output)
    for _ in range(10):
        store.append([])
        clock[0] += 0.3
    assert len(synced) == 3
    store.finish()


@contextmanager
def little_space(size: int) -> Iterator[None]:
    """No file may become larger, which is what a full disk is like."""
    resource = pytest.importorskip("resource", reason="no limits on this system")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_is_told_with_where_the_rows_are(output: Path) -> None:
    store = Store(SWEEP, output)
    for i in range(3):
        store.append([row_of(SWEEP.point(i))])
    with little_space(output.with_name("out.parquet.rows").stat().st_size + 100):
        with pytest.raises(FileProblem, match=r"out\.parquet\.rows: cannot be written: "):
            store.append([row_of(SWEEP.point(3))])
        with pytest.raises(FileProblem, match=r"cannot be written: .* kept in .*out\.parquet\.rows, and --resume"):
            store.finish()
    resumed = Store(SWEEP, output, resume=True)
    assert resumed.finish().frame["point"].to_list() == [0, 1, 2]


# ---- taking it up --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", [b"", b'{"point": 5, "ke', b'{"point": 5}\n[]\nnothing\n\xff\xfe\n'])
@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_what_a_killed_process_left_is_taken_up(torn: bytes, ending: str, output: Path) -> None:
    output = output.with_suffix(ending)
    killed(output, range(1, 5), torn=torn)
    store = Store(SWEEP, output, resume=True)
    assert store.done == 4
    assert read_table(output).frame["point"].to_list() == [1, 2, 3, 4]  # in the table by now
    assert [point.index for point in store.missing()] == [0, *range(5, 12)]
    store.append([row_of(point) for point in store.missing()])
    assert store.finish().frame["point"].to_list() == list(range(12))
    assert names(output) == [output.name]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_process_that_is_killed_as_it_begins_leaves_nothing(share: float, output: Path) -> None:
    store = Store(SWEEP, output)
    assert store.journal is not None
    header = store.journal.read_bytes()
    store._leave(remove=True)
    store.journal.write_bytes(header[: int(share * len(header))])
    again = Store(SWEEP, output)
    assert again.done == 0
    again.append([row_of(SWEEP.point(3))])
    assert again.finish().frame["point"].to_list() == [3]


def test_what_failed_is_computed_again_and_what_did_not_is_not(output: Path, crew_of: Callable[[Any], Alone]) -> None:
    first, second = Count(3, 7), Count(7)
    assert run_sweep(SWEEP, output, crew=crew_of(first)).failed == 2
    table = run_sweep(SWEEP, output, crew=crew_of(second), resume=True)
    assert sorted(first.points) == list(range(12)) and sorted(second.points) == [3, 7]
    assert table.failed == 1 and table.frame["error"][7] == "it failed" and table.frame["error"][3] is None
    assert read_table(output).frame.equals(table.frame)


def test_a_row_of_a_run_that_has_changed_is_computed_again(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(output, range(4))
    monkeypatch.setattr(store_module, "_check", lambda *_: None)
    other = Sweep.of(BASE.replace("ascent.steps", 6), ["input.scale=0.1,1,10", "network.seed=0:3"])
    store = Store(other, output, resume=True)
    assert store.done == 0 and len(list(store.missing())) == 12
    store.finish()


def test_to_take_up_what_is_not_there_is_to_begin(output: Path, crew_of: Callable[[Any], Alone]) -> None:
    count = Count()
    assert run_sweep(SWEEP, output, crew=crew_of(count), resume=True).frame.height == 12
    assert sorted(count.points) == list(range(12))
    again = run_sweep(SWEEP, output, crew=crew_of(count), resume=True)
    assert len(count.points) == 12 and again.frame.height == 12


# ---- refusals ------------------------------------------------------------------------------------------------------


def test_what_is_there_is_not_written_over(output: Path, crew_of: Callable[[Any], Alone]) -> None:
    run_sweep(SWEEP, output, crew=crew_of(Count()))
    other = Sweep.of(BASE, ["input.scale=0.1,1", "network.seed=0:3"])
    assert "was begun already: --resume goes on with it" in refusal(output)
    for resume in (False, True):
        assert "holds another sweep" in refusal(output, other, resume=resume)


def test_the_journal_of_an_interrupted_sweep_is_not_written_over(output: Path) -> None:
    killed(output, range(3))
    assert "was begun already: --resume" in refusal(output)
    other = Sweep.of(BASE, ["network.seed=0:3"])
    for resume in (False, True):
        assert "out.parquet.rows: holds another sweep" in refusal(output, other, resume=resume)


def test_another_version_of_the_program_does_not_go_on(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(table_module, "__version__", "0.0.1")
        killed(output, range(3))
    assert "was computed by foadv 0.0.1 and this is" in refusal(output, resume=True)
    with monkeypatch.context() as patch:
        patch.setattr(table_module, "__version__", "0.0.1")
        Store(SWEEP, output, resume=True).finish()
    assert names(output) == ["out.parquet"]
    assert "was computed by foadv 0.0.1 and this is" in refusal(output, resume=True)


def test_something_else_of_that_name_is_left_alone(output: Path) -> None:
    output.write_bytes(b"precious")
    assert "choose another name for this sweep" in refusal(output, resume=True)
    output.unlink()
    journal = output.with_name("out.parquet.rows")
    for content in (b"precious\n", b"precious"):
        journal.write_bytes(content)
        assert "is no journal of a sweep" in refusal(output, resume=True)
    assert "must end in .parquet or .csv" in refusal(output.with_suffix(".txt"))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="cannot be written: No such file"):
        Store(SWEEP, tmp_path / "gone" / "out.csv")


def test_no_two_at_once(output: Path) -> None:
    first = Store(SWEEP, output)
    first.append([row_of(SWEEP.point(0))])
    for resume in (False, True):
        assert "another process computes this sweep right now" in refusal(output, resume=resume)
    first.append([row_of(SWEEP.point(1))])
    assert first.finish().frame.height == 2
    third = Store(SWEEP, output, resume=True)
    assert third.done == 2
    third.finish()


def test_a_journal_that_goes_while_it_is_opened_is_not_written(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, lock = Store(SWEEP, output), store_module._lock

    def late(stream: Any) -> bool:
        # The other process ends between our opening the file and our locking it.
        first.finish()
        monkeypatch.setattr(store_module, "_lock", lock)
        return lock(stream)

    monkeypatch.setattr(store_module, "_lock", late)
    second = Store(SWEEP, output)
    second.append([row_of(SWEEP.point(0))])
    assert names(output) == ["out.parquet.rows"]
    second.finish()
    assert names(output) == ["out.parquet"]


# ---- a whole sweep -------------------------------------------------------------------------------------------------


def test_a_sweep_is_computed_written_and_told(output: Path, crew_of: Callable[[Any], Alone]) -> None:
    told: list[Progress] = []
    seen: list[Row] = []
    table = run_sweep(SWEEP, output, crew=crew_of(Count(5)), on_rows=seen.extend, on_progress=told.append)
    assert sorted(str(row["point"]) for row in seen) == sorted(map(str, range(12)))
    assert (told[-1].done, told[-1].total, told[-1].failed) == (12, 12, 1)
    assert table.frame["loss_best"][4] == 0.4 and table.sweep == SWEEP


def test_progress_counts_what_was_there(output: Path, crew_of: Callable[[Any], Alone]) -> None:
    killed(output, range(5))
    told: list[Progress] = []
    run_sweep(SWEEP, output, crew=crew_of(Count()), resume=True, on_progress=told.append)
    assert {progress.total for progress in told} == {12}
    assert told[0].done >= 5 and told[-1].done == 12


def test_what_was_done_when_somebody_stops_it_is_kept(output: Path, crew_of: Callable[[Any], Alone]) -> None:
    count = Count()

    def measure(point: Point, interrupted: Callable[[], bool]) -> Row:
        while len(count.points) == 5:
            time.sleep(0.001)
            if interrupted():
                raise Interrupted
        return count(point)

    began = time.monotonic()
    table = run_sweep(SWEEP, output, crew=crew_of(measure), interrupted=lambda: len(count.points) == 5)
    assert time.monotonic() - began < 5
    assert 0 < table.frame.height <= 5 and names(output) == ["out.parquet"]
    again = Count()
    assert run_sweep(SWEEP, output, crew=crew_of(again), resume=True).frame.height == 12
    assert not set(again.points) & set(table.frame["point"].to_list())


class Leaving(Alone):
    """A crew that is gone after some batches."""

    def submit(self, points: list[Point]) -> Any:
        if points[0].index > 3:
            raise CrewError("the scheduler does not answer any more")
        return super().submit(points)


def test_what_was_done_when_the_crew_leaves_is_kept(output: Path) -> None:
    crew = Leaving(Count())
    with pytest.raises(CrewError):
        run_sweep(SWEEP, output, crew=crew)
    crew.close()
    done = read_table(output).frame["point"].to_list()
    assert done and set(done) < set(range(12)) and names(output) == ["out.parquet"]


def test_a_listener_that_fails_costs_no_row(output: Path, crew_of: Callable[[Any], Alone]) -> None:
    def broken(_rows: list[Row]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_sweep(SWEEP, output, crew=crew_of(Count()), on_rows=broken)
    assert read_table(output).frame.height > 0


def test_points_that_can_be_measured_give_the_rows_of_a_plain_loop(output: Path) -> None:
    from foadv_gui.lab.sweep.row import measure

    crew = Alone()
    table = run_sweep(SWEEP, output, crew=crew)
    crew.close()
    expected = [{**measure(point), "seconds": None} for point in SWEEP.points()]
    assert [{**row, "seconds": None} for row in read_table(output).frame.to_dicts()] == expected
    assert table.frame["seconds"].min() > 0  # type: ignore[operator]
