"""A real Dask scheduler and two worker processes: the rows of a plain loop, or one line that says why not."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from crews import alike, many, plain, slow, small

from foadv_gui.lab.sweep import cluster as module
from foadv_gui.lab.sweep.engine import CrewError, compute
from foadv_gui.lab.sweep.versions import difference, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from foadv_gui.lab.sweep.columns import Row

pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
Cluster = module.Cluster
WORKER = "from distributed.cli.dask_worker import main; main()"
STRANGER = f"import sys; sys.modules['foadv_gui'] = None; {WORKER}"
"""A worker on which this package is not installed."""


class House:
    """A scheduler and its workers, each a process."""

    def __init__(self, folder: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.folder, self.address = folder, f"tcp://127.0.0.1:{port}"
        self.scheduler = self._start(
            "from distributed.cli.dask_scheduler import main; main()",
            *("--host", self.address, "--no-dashboard", "--no-jupyter"),
        )
        self.workers: list[subprocess.Popen[bytes]] = []
        self.wait_for(self.listens)

    def add_worker(self, code: str = WORKER, threads: int = 1) -> subprocess.Popen[bytes]:
        more = ("--no-nanny", "--no-dashboard", "--death-timeout", "30", "--nthreads", str(threads))
        self.workers.append(self._start(code, self.address, *more))
        return self.workers[-1]

    def _start(self, code: str, *arguments: str) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        command, found = [sys.executable, "-c", code, *arguments], os.pathsep.join(filter(None, sys.path))
        environment = os.environ | {"PYTHONPATH": found}
        return subprocess.Popen(command, cwd=self.folder, stdout=quiet, stderr=quiet, env=environment)

    def listens(self) -> bool:
        host, port = self.address.removeprefix("tcp://").split(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return True
        return False

    def wait_for(self, truth: Callable[[], bool], seconds: float = 30) -> None:
        ends = time.monotonic() + seconds
        while not truth():
            assert time.monotonic() < ends
            time.sleep(0.05)

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with closing(House(str(tmp_path_factory.mktemp("dask")))) as made:
        yield made


@pytest.fixture(scope="module")
def crew(house: House) -> Iterator[module.Cluster]:
    """Two workers, which stay for the rest of the tests."""
    house.add_worker()
    house.add_worker(threads=2)
    house.wait_for(lambda: workers_of(house.address) == 2)
    with closing(Cluster(house.address)) as made:
        yield made


def workers_of(address: str) -> int:
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return len(client.nthreads())


def refused(address: str, within: float = 5.0) -> str:
    """The one line with which a cluster is refused."""
    began = time.monotonic()
    with pytest.raises(CrewError) as raised:
        Cluster(address).close()
    assert time.monotonic() - began < within
    line = str(raised.value)
    assert "\n" not in line
    return line


def executing(crew: module.Cluster) -> int:
    """How many tasks the workers have in their hands."""
    found = crew._client.run(lambda dask_worker: dask_worker.state.executing_count)
    return sum(found.values())


# ------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "localhost:9", "nonsense", "http://localhost:8786"])
def test_where_no_scheduler_is_nobody_waits(address: str) -> None:
    line = refused(address, 2)
    assert address in line
    assert "dask scheduler" in line


def test_a_port_that_does_not_answer_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        assert address in refused(address, 2)


def test_a_port_of_something_else_is_told_from_one_where_nobody_is() -> None:
    guests = contextlib.ExitStack()  # they stay: one that is closed too soon has not heard what it was told

    def greet() -> None:
        with contextlib.suppress(OSError):
            while True:
                guests.enter_context(server.accept()[0]).sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with guests, socket.create_server(("127.0.0.1", 0)) as server:
        host = Thread(target=greet)
        host.start()
        line = refused(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        server.shutdown(socket.SHUT_RDWR)
        host.join()
    assert "what listens there is something else" in line


def test_a_scheduler_without_workers_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WORKERS_SECONDS", 0.2)
    assert f"dask worker {house.address}" in refused(house.address)


def test_versions_differ_in_words() -> None:
    ours = versions()
    assert list(ours) == ["foadv_gui", "torch", "numpy", "scipy", "python"]
    assert difference(ours, dict(ours)) is None
    assert difference({"torch": "2.9.0"}, {"torch": "2.8.0"}) == "torch 2.8.0, but this machine has 2.9.0"
    assert difference({"torch": "2.9.0"}, {}) == "torch none, but this machine has 2.9.0"


@pytest.fixture
def other_numpy(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """This machine has another NumPy than the workers, whose version it is."""
    theirs = versions()["numpy"]
    found = "foadv_gui.lab.sweep.versions.version"
    monkeypatch.setattr(found, lambda name: "1.0" if name == "numpy" else version(name))
    versions.cache_clear()
    yield theirs
    versions.cache_clear()


def test_a_worker_of_other_versions_is_refused_by_name(crew: module.Cluster, other_numpy: str) -> None:
    line = refused(crew.address)
    assert any(worker in line for worker in crew._client.nthreads())
    assert f"numpy {other_numpy}, but this machine has 1.0" in line


def test_no_row_comes_from_a_worker_that_joined_with_other_versions(crew: module.Cluster, other_numpy: str) -> None:
    with pytest.raises(CrewError, match=r"numpy .*, but this machine has 1\.0"):
        compute(small().points(), 24, crew, on_rows=lambda rows: pytest.fail(f"{rows}"))


# ------------------------------------------------------------------------------------------- rows


def test_slow_points_stop_within_a_second_and_leave_the_workers_idle(crew: module.Cluster) -> None:
    for ready in [crew.submit([small().point(i)]) for i in range(6)]:
        ready.result()  # both have torch now
    asked: list[float] = []

    def interrupted() -> bool:
        if not asked and executing(crew) == 3:
            asked.append(time.monotonic())
        return bool(asked)

    final = compute(slow().points(), 10, crew, on_rows=lambda _: None, interrupted=interrupted)
    assert final.done == 0
    assert time.monotonic() - asked[0] < 1
    while executing(crew):
        assert time.monotonic() - asked[0] < 1.5


def test_a_worker_without_this_package_is_refused_and_computes_nothing(crew: module.Cluster, house: House) -> None:
    stranger = house.add_worker(STRANGER)
    house.wait_for(lambda: len(crew._client.nthreads()) == 3)
    assert "no such foadv_gui" in refused(house.address)
    with pytest.raises(CrewError, match="no such foadv_gui"):
        compute(many(2000).points(), 2000, crew, on_rows=lambda _: None)
    stranger.kill()
    stranger.wait()
    house.wait_for(lambda: len(crew._client.nthreads()) == 2)


def test_a_worker_is_killed_and_the_rows_are_those_of_a_plain_loop(crew: module.Cluster, house: House) -> None:
    house.wait_for(lambda: (crew.name, crew.capacity) == (f"2 workers of {house.address}", 3))
    got: list[Row] = []

    def on_rows(some: list[Row]) -> None:
        got.extend(some)
        if len(got) >= 4 and house.workers[0].poll() is None:
            house.workers[0].kill()

    final = compute(small().points(), 24, crew, on_rows=on_rows)
    assert alike(got) == plain()
    assert final.done == 24
    house.wait_for(lambda: crew.name == f"1 worker of {house.address}")


def test_a_scheduler_that_dies_is_an_error_of_one_line_and_costs_no_row(crew: module.Cluster, house: House) -> None:
    got: list[Row] = []

    def on_rows(some: list[Row]) -> None:
        got.extend(some)
        if len(got) >= 4:
            house.scheduler.kill()

    with pytest.raises(CrewError) as raised:
        compute(many(2000).points(), 2000, crew, on_rows=on_rows)
    assert str(raised.value) == f"the Dask scheduler at {house.address} has gone"
    assert len(got) >= 4
