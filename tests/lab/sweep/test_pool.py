"""The processes of this machine as a crew: the rows of a plain loop, whoever is killed, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from crews import BEGUN, alike, deaf, harsh, many, patient, plain, simple, slow, small

from foadv_gui.lab.sweep.engine import CrewError, compute
from foadv_gui.lab.sweep.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.engine import Measure

HERE = Path(__file__).parent
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
posix = pytest.mark.skipif(os.name != "posix", reason="signals of a terminal")


def workers(of: int | None = None) -> list[psutil.Process]:
    """The processes of a pool, without multiprocessing's own."""
    return [child for child in psutil.Process(of).children() if "spawn_main" in command(child)]


def command(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):  # it may be dying
        return " ".join(process.cmdline())
    return ""


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with closing(Pool(2)) as crew:
        yield crew


def test_a_worker_is_killed_and_the_rows_are_those_of_a_plain_loop(pool: Pool) -> None:
    got: list[Row] = []
    killed: list[int] = []

    def on_rows(some: list[Row]) -> None:
        got.extend(some)
        if len(got) >= 4 and not killed:
            victim = workers()[0]
            killed.append(victim.pid)
            victim.send_signal(KILL)

    final = compute(small().points(), 24, pool, on_rows=on_rows)
    assert killed
    assert killed[0] not in [worker.pid for worker in workers()]
    assert alike(got) == plain()
    assert final.done == 24


def test_slow_points_stop_within_a_second_and_their_processes_with_them(pool: Pool) -> None:
    pool.submit([small().point(0)]).result()  # torch is there
    began = time.monotonic()
    final = compute(
        slow().points(), 10, pool, on_rows=lambda _: None, interrupted=lambda: time.monotonic() - began > 0.7
    )
    assert time.monotonic() - began < 1.7
    assert final.done == 0
    got: list[Row] = []
    compute([small().point(1)], 1, pool, on_rows=got.extend)
    assert alike(got) == [plain()[1]]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not tell what a process has mapped")
def test_a_worker_loads_torch_but_no_qt_and_leaves_the_window_its_turn(pool: Pool) -> None:
    pool.submit([small().point(0)]).result()
    mapped = [{Path(region.path).name for region in worker.memory_maps()} for worker in workers()]
    assert any("torch" in name for names in mapped for name in names)
    assert not [name for names in mapped for name in names if "Qt6" in name or "shiboken" in name]
    if os.name == "posix":
        assert min(worker.nice() for worker in workers()) > psutil.Process().nice()


# ------------------------------------------------------------------------------------------- without torch


def test_no_more_processes_are_started_than_there_is_work_for() -> None:
    others = workers()
    with closing(Pool(4, simple)) as crew:
        assert (crew.name, Pool(1).name) == ("4 processes", "1 process")
        assert workers() == others
        got: list[Row] = []
        compute(many(1).points(), 1, crew, on_rows=got.extend)
        assert len(workers()) == len(others) + 1
    assert workers() == others


def test_a_point_that_kills_its_process_is_a_row_and_so_is_one_that_raises() -> None:
    got: list[Row] = []
    with closing(Pool(1, harsh)) as crew:
        compute(many(40).points(), 40, crew, on_rows=got.extend)
    assert [row["point"] for row in alike(got)] == list(range(40))
    assert {row["point"]: row["error"] for row in got if row["error"]} == {
        5: "the process that computed it died 3 times",
        7: "RuntimeError: ValueError: seven is too many",
    }


@pytest.mark.parametrize(("measure", "lives"), [(patient, True), (deaf, False)])
def test_a_worker_that_does_not_stop_is_killed(
    measure: Measure, lives: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(BEGUN, str(tmp_path / "begun"))
    asked: list[float] = []

    def interrupted() -> bool:
        if not asked and (tmp_path / "begun").exists():
            asked.append(time.monotonic())
        return bool(asked)

    with closing(Pool(1, measure)) as crew:
        compute(many(5).points(), 5, crew, on_rows=lambda _: None, interrupted=interrupted)
        # Of 0.7 s; the rest is for whoever else uses the machine. The point takes a minute.
        assert time.monotonic() - asked[0] < 3
        begun = int((tmp_path / "begun").read_text())
        wait_for(lambda: psutil.pid_exists(begun) is lives)


def test_processes_that_cannot_start_are_an_error_of_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    monkeypatch.setattr("multiprocessing.spawn._python_exe", os.fsencode(tmp_path / "no-python"))
    with closing(Pool(1, simple)) as crew, pytest.raises(CrewError) as raised:
        compute(many(2).points(), 2, crew, on_rows=lambda _: None)
    assert "\n" not in str(raised.value)


# ------------------------------------------------------------------------------------------- its own parent

SCRIPT = """
import signal, sys, time
sys.path.insert(0, {here!r})
from crews import many, tiring
from foadv_gui.lab.sweep.engine import compute
from foadv_gui.lab.sweep.pool import Pool

signal.signal(signal.SIGINT, lambda *_: None)
if __name__ == "__main__":
    crew, got = Pool(2, tiring), []
    crew.submit([many(9).point(0)])
    print("begun", flush=True)
    compute(many(60).points(), 60, crew, on_rows=got.extend)
    print(len(got), flush=True)
    compute([many(99).point(i) for i in range(60, 99)], 39, crew, on_rows=print)
"""


@contextmanager
def script() -> Iterator[subprocess.Popen[str]]:
    """A program of its own that has begun to compute."""
    text = SCRIPT.format(here=str(HERE))
    with subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            yield process
        finally:
            process.kill()


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def wait_for(truth: Callable[[], object], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < ends
        time.sleep(0.02)


@posix
def test_ctrl_c_in_a_terminal_reaches_no_worker_even_as_it_starts_and_the_death_of_the_parent_all() -> None:
    with script() as process:
        wait_for(lambda: workers(process.pid))
        for _ in range(15):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.02)
        assert process.stdout is not None
        assert process.stdout.readline() == "60\n"
        left = workers(process.pid)
        assert len(left) == 2  # which compute for ever now
        process.kill()
        wait_for(lambda: not any(alive(worker) for worker in left), 3)
        assert process.communicate(timeout=30) == ("", "")
