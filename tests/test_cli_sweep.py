"""``foadv sweep``: what it computes and prints, what it refuses before any work, and what a killed one leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command_line import call, refused

from foadv_gui.cli_shared import duration
from foadv_gui.cli_sweep import _pace
from foadv_gui.lab.sweep import pool
from foadv_gui.lab.sweep.engine import Alone, CrewError
from foadv_gui.lab.sweep.progress import Progress
from foadv_gui.lab.sweep.table import read_table

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ("network.width=8", "network.dimension=3", "ascent.restarts=2", "ascent.steps=40")
OVER = ("--over", "input.scale=0.1,1,10", "--over", "network.seed=0:1")


def settings(*changes: str) -> tuple[str, ...]:
    return tuple(part for change in changes for part in ("--set", change))


def sweep(output: Path, *more: str) -> Any:
    return call("sweep", "one-hill", *settings(*QUICK), *OVER, "-o", str(output), *more)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in this process: others take seconds to start, and have tests of their own."""

    class Here(Alone):
        name = "1 process"

        def __init__(self, processes: int | None, factory: str | None = None) -> None:
            super().__init__()

    monkeypatch.setattr(pool, "Pool", Here)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.parquet"


# ---- what it does --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_a_sweep_is_computed_told_and_saved(ending: str, output: Path) -> None:
    output = output.with_suffix(ending)
    done = sweep(output)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "Small inputs: one hill"
    assert lines[1].startswith("6 points computed in ") and lines[1].endswith(" on 1 process")
    assert "γ" in lines[2] and lines[-1] == f"saved as {output}"
    assert done.stderr == ""
    table = read_table(output)
    assert [axis.values for axis in table.sweep.axes] == [(0.1, 1.0, 10.0), (0, 1)]
    assert table.frame.height == 6 and table.failed == 0
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_what_failed_is_counted_and_told_beside_the_rest(output: Path) -> None:
    over = ("--over", "input.scale=1,10000", "--over", "network.seed=0:1")
    done = call("sweep", "one-hill", *settings(*QUICK), *over, "-o", str(output))
    assert done.exit_code == 0, done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("foadv: 2 of 4 points failed: ascent.start = 'ball':")
    assert line.endswith(" (at input.scale = 10000.0, network.seed = 0, and at 1 more)")
    assert "2 of 4 points failed" in done.stdout
    assert read_table(output).failed == 2


def test_a_sweep_of_which_all_points_fail_has_failed_for_the_most_frequent_reason(output: Path) -> None:
    gone, flat, other = (output.with_name(f"{name}.npz") for name in ("gone", "flat", "other"))
    for file in (flat, other):
        np.savez(file, W=np.zeros((2, 3)), a=np.ones(2))
    over = ("--over", f"network.file={gone},{flat},{other}")
    line = refused("sweep", "one-hill", *settings(*QUICK[1:]), *over, "-o", str(output))
    rows = read_table(output)
    assert rows.failed == 3 and "gone.npz" in rows.frame["error"][0]
    assert line.startswith("foadv: 3 of 3 points failed, most often: ascent.start = 'ball':")
    assert line.endswith(f"(at network.file = {flat}, and at 1 more); the rows are in {output}")


def test_an_axis_on_the_line_takes_the_place_of_the_files_or_joins_them(tmp_path: Path, output: Path) -> None:
    file = tmp_path / "study.toml"
    over = '[sweep]\n"input.scale" = "1,2,3"\n"network.file" = ["w.npz"]\n'
    file.write_text(f"title = 'Study'\n[network]\nwidth = 8\ndimension = 3\n[ascent]\nrestarts = 1\n{over}")
    np.savez(tmp_path / "w.npz", W=np.eye(2, 3), a=np.ones(2))
    done = call("sweep", str(file), "--over", "ascent.seed=0:1", "--over", "input.scale=0.5", "-o", str(output))
    assert done.exit_code == 0, done.output
    table = read_table(output)
    assert table.sweep.keys == ("input.scale", "network.file", "ascent.seed")
    assert table.sweep.base.network.source == "file"  # who names files wants them
    assert [axis.values for axis in table.sweep.axes] == [(0.5,), (str(tmp_path / "w.npz"),), (0, 1)]
    assert table.sweep.base.title == "Study" and table.frame.height == 2


def test_a_ready_sweep_is_found_by_its_name_and_changed(output: Path) -> None:
    small = ("--over", "input.scale=0.1,1", "--over", "network.seed=0")
    done = call("sweep", "paper-claim", *settings(*QUICK), *small, "-o", str(output))
    assert done.exit_code == 0, done.output
    assert read_table(output).sweep.base.network.width == 8


def test_files_on_the_line_are_those_of_the_folder_we_are_in(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    over = ("--over", "network.file=a.npz,b.npz")
    refused("sweep", "one-hill", *settings(*QUICK), *over, "-o", "o.csv")  # for both are missing
    table = read_table(tmp_path / "o.csv")
    assert table.frame["network.file"].to_list() == [str(tmp_path / name) for name in ("a.npz", "b.npz")]
    assert table.failed == 2 and "cannot be read" in table.frame["error"][0]


def test_a_sweep_is_taken_up_only_when_asked(output: Path) -> None:
    assert sweep(output, "--resume").exit_code == 0
    line = refused("sweep", "one-hill", *settings(*QUICK), *OVER, "-o", str(output))
    assert line == f"foadv: {output}: was begun already: --resume goes on with it; or choose another name"
    before = output.read_bytes()
    again = sweep(output, "--resume")
    assert again.exit_code == 0 and "nothing computed; the table has all 6" in again.stdout
    assert output.read_bytes() == before


# ---- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "one-hill: nothing varies; add --over, as in --over input.scale=log:0.01:30:13"),
        (("--over", "input.scal=1"), "input.scal: there is no such setting; did you mean input.scale?"),
        (("--over", "input.scale"), "must be KEY=VALUES"),
        (("--over", "input.scale=-1,1"), "input.scale = -1: must be a number between 0.0001 and 10000"),
        (("--over", "network.seed=3:1"), "holds no number"),
        (("--over", "input.scale=1", "--over", "input.scale=2"), "--over input.scale: varies twice"),
        (("--over", "input.scale=1", "--set", "input.scale=2"), "--set input.scale: varies in this sweep"),
        (("--over", "input.scale=1", "--set", "input.ratio=-2"), "input.ratio = -2"),
        (("--over", "network.seed=0:999999", "--over", "input.scale=1,2"), "2,000,000 points are more than 1,000,000"),
        (("--over", "network.seed=0:999999", "--over", "ascent.seed=0:99", "--yes"), "makes 100,000,000 points"),
        (
            ("--over", "input.index=0:9"),
            "input.index: has no effect, since the input is a random direction (input.source = sphere)",
        ),
        (
            ("--over", "network.seed=0:9", "--set", "network.file=w.npz"),
            "network.seed: has no effect, since the weights come from a file (network.source = file)",
        ),
        (("--over", "input.scale=1", "--processes", "0"), "'--processes'"),
        (
            ("--over", "input.scale=1", "--processes", "2", "--scheduler", "tcp://a:1"),
            "--processes is for this machine",
        ),
    ],
)
def test_what_cannot_be_swept_is_refused_before_any_work(
    arguments: tuple[str, ...], words: str, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foadv_gui.lab.sweep.study.run_sweep", None)
    assert words in refused("sweep", "one-hill", *arguments, "-o", str(output))
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("paper-clam", "there is no ready sweep and no preset of that name; did you mean paper-claim?"),
        ("two-pole", "did you mean two-poles?"),
        ("run.npz", "is a recording of one run"),
        ("gone.toml", "gone.toml: cannot be read: No such file"),
        ("/none/at/all", "there is no such file"),
    ],
)
def test_what_is_not_there_is_named(target: str, words: str, output: Path) -> None:
    assert words in refused("sweep", target, "--over", "input.scale=1", "-o", str(output))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("out.txt", "the name must end in .parquet or .csv"),
        ("out", "the name must end in .parquet or .csv"),
        ("gone/out.csv", "there is no folder"),
        ("taken.csv", "is no sweep of foadv"),
        ("folder.csv", "is a folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "taken.csv").write_text("x,y\n1,2\n")
    (tmp_path / "folder.csv").mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    assert words in refused("sweep", "one-hill", *OVER, "-o", str(tmp_path / name))
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "cannot be written: Permission denied" in refused("sweep", "one-hill", *OVER, "-o", str(tmp_path / "o.csv"))


def test_a_scheduler_that_does_not_answer_is_told_by_its_name(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(address: str) -> None:
        raise CrewError(f"{address}: no scheduler answers there")

    monkeypatch.setattr("foadv_gui.lab.sweep.cluster.Cluster", nobody)
    line = refused("sweep", "one-hill", *OVER, "-o", str(output), "--scheduler", "tcp://nowhere:8786")
    assert line == "foadv: tcp://nowhere:8786: no scheduler answers there"


# ---- how it ends early ---------------------------------------------------------------------------------------------


def measuring(monkeypatch: pytest.MonkeyPatch, before: Any) -> None:
    """Let something happen before each point is measured."""
    from foadv_gui.lab.sweep import row

    def measure(point: Any, interrupted: Any) -> Any:
        before(point.index)
        return row.measure(point, interrupted)

    monkeypatch.setattr(
        pool,
        "Pool",
        type("Here", (Alone,), {"name": "1 process", "__init__": lambda s, _, **_kw: Alone.__init__(s, measure)}),
    )


def test_ctrl_c_ends_a_sweep_in_good_order_and_keeps_its_rows(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)

    def press(index: int) -> None:
        if index == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)  # until the main thread has heard of it

    measuring(monkeypatch, press)
    done = sweep(output)
    assert done.exit_code == 130, done.output
    assert signal.getsignal(signal.SIGINT) is before
    kept = read_table(output).frame.height
    assert 0 < kept < 6
    assert f"{kept} points computed in " in done.stdout.replace("1 point computed", "1 points computed")
    assert f"the table has {kept} of 6" in done.stdout
    assert done.stdout.splitlines()[-1] == f"saved as {output}; --resume computes the rest"
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_a_crew_that_leaves_is_told_with_what_is_kept(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Leaving(Alone):
        def __init__(self, _: int | None, factory: str | None = None) -> None:
            super().__init__()

        def submit(self, points: list[Any]) -> Any:
            if points[0].index > 1:
                raise CrewError("the scheduler does not answer any more")
            return super().submit(points)

    monkeypatch.setattr(pool, "Pool", Leaving)
    line = refused("sweep", "one-hill", *settings(*QUICK), *OVER, "-o", str(output))
    kept = f"; what was done by then is in {output}, and --resume goes on"
    assert line == f"foadv: the scheduler does not answer any more{kept}"
    assert 0 < read_table(output).frame.height < 6


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups")
def test_a_sweep_that_is_killed_is_completed_with_no_point_computed_twice(output: Path) -> None:
    slow = settings("network.width=512", "ascent.restarts=2", "ascent.steps=400", "ascent.tolerance=0")
    arguments = ("sweep", "one-hill", *slow, "--over", "network.seed=0:14", "-o", str(output))
    started = subprocess.Popen(
        [sys.executable, "-m", "foadv_gui", *arguments, "--processes", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    journal = output.with_name(f"{output.name}.rows")
    ends = time.monotonic() + 60
    while not journal.exists() or journal.read_bytes().count(b"\n") < 3:
        assert started.poll() is None and time.monotonic() < ends, started.stderr
        time.sleep(0.01)
    os.killpg(started.pid, signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    assert started.stderr is not None
    started.stderr.close()
    assert not output.exists()
    lines = journal.read_bytes().rpartition(b"\n")[0].split(b"\n")[1:]
    stored = {row["point"]: row for row in map(json.loads, lines)}
    assert 2 <= len(stored) < 15
    assert "was begun already" in refused(*arguments)
    done = call(*arguments, "--resume")
    assert done.exit_code == 0, done.output
    assert f"{15 - len(stored)} points computed in " in done.stdout and "the table has all 15" in done.stdout
    assert not journal.exists()
    table = read_table(output)
    # Times tell one computation from another.
    assert [table.frame.row(point, named=True) for point in sorted(stored)] == [stored[p] for p in sorted(stored)]
    whole = output.with_name("whole.csv")
    assert call(*arguments[:-1], str(whole)).exit_code == 0
    assert table.frame.drop("seconds").equals(read_table(whole).frame.drop("seconds"))


# ---- in words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(0, 0, 10, None, None), "starting"),
        (Progress(5, 0, 10, 2.0, 2.5), "2 points/s · 2.5 s left"),
        (Progress(5, 2, 10, 0.1, 50.0), "10 s a point · 50 s left · 2 failed"),
        (Progress(10, 1, 10, 12.34, 0.0), "12.3 points/s · 1 failed"),
    ],
)
def test_the_pace_is_told_as_far_as_it_is_known(progress: Progress, words: str) -> None:
    assert _pace(progress) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.123, "0.12 s"),
        (9.99, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations_are_told_in_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_every_word_of_the_help_is_there() -> None:
    done = call("sweep", "--help")
    assert done.exit_code == 0
    for option in ("--over", "--set", "--output", "--processes", "--scheduler", "--resume", "--yes"):
        assert option in done.stdout
