"""The workers of a Dask cluster as a crew: one task for a batch, the same code, the same rows.

A task is a call as bytes, so that nobody but the worker needs to import what it names, and one that cannot says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import socket
import time
import uuid
from concurrent.futures import Future
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from foadv_gui.lab.sweep.batch import rows_of
from foadv_gui.lab.sweep.engine import CrewError, Lost
from foadv_gui.lab.sweep.versions import difference, versions
from foadv_gui.lab.sweep.worker import pack

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.grid import Point

_CONNECT_SECONDS = 3.0
_WORKERS_SECONDS = 1.5
_LOOK_SECONDS = 1.0
_ALONE_SECONDS = 15.0
"""How long a scheduler may be without workers: some may be about to come back."""
_CANNOT_IMPORT = (ImportError, AttributeError)


class Cluster:
    """The workers of a Dask scheduler, a batch for each of their threads; those that join later help too.

    A worker's torch and BLAS use one thread a task from the first batch on: start it with as many threads as it has
    cores, or better as many workers with one thread each (``dask worker ADDRESS --nworkers auto --nthreads 1``).

    Parameters
    ----------
    address
        Where the scheduler listens, as tcp://host:8786.

    Raises
    ------
    CrewError
        Within 5 s, if Dask is not installed, no scheduler answers, it has no workers, or one of these has other
        versions of what decides a row's digits (see `versions`).
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = _connect(address)
        try:
            self._threads = self._look_around()
        except BaseException:
            self._client.close(timeout=1)
            raise
        self._token, self._numbers = uuid.uuid4().hex[:8], count()
        self._open: dict[Future[list[Row]], Any] = {}
        self._closed = Event()
        Thread(target=self._watch, name="foadv-cluster", daemon=True).start()

    @property
    def name(self) -> str:
        """Who computes, in words."""
        n = len(self._threads)
        return f"{n} worker{'' if n == 1 else 's'} of {self.address}"

    @property
    def capacity(self) -> int:
        """The threads of all workers, by now."""
        return max(1, sum(self._threads.values()))

    def submit(self, points: list[Point]) -> Future[list[Row]]:
        """See `Crew`."""
        answer: Future[list[Row]] = Future()
        key = f"foadv-{self._token}-{next(self._numbers)}"
        call = _call(compute_batch, key, versions(), pack(points))
        try:
            task = self._client.submit(pickle.loads, call, key=key, pure=False)
        except Exception as error:
            answer.set_exception(CrewError(f"the Dask scheduler at {self.address} takes no work: {error}"))
            return answer
        self._open[answer] = task
        task.add_done_callback(partial(self._done, answer))
        return answer

    def cancel(self) -> None:
        """See `Crew`. A worker sees that its task has been dropped; the rows of that batch do not come."""
        for answer, task in list(self._open.items()):
            if answer.cancel():
                task.release()

    def close(self) -> None:
        """See `Crew`."""
        self._closed.set()
        self.cancel()
        self._client.close(timeout=1)

    def _look_around(self) -> dict[str, int]:
        """The threads of each worker, if there are any and all are like this machine."""
        with contextlib.suppress(TimeoutError):
            self._client.wait_for_workers(1, timeout=_WORKERS_SECONDS)
        threads: dict[str, int] = self._client.nthreads()
        if not threads:
            how = f"start some with: dask worker {self.address}"
            raise CrewError(f"the Dask scheduler at {self.address} has no workers; {how}")
        answers = self._client.run(pickle.loads, _call(versions), on_error="return")
        for worker, answer in answers.items():
            if isinstance(answer, dict):
                other = difference(versions(), answer)
            elif isinstance(answer, _CANNOT_IMPORT):
                other = f"no such foadv_gui as this machine ({answer})"
            else:
                other = f"a problem ({type(answer).__name__}: {answer})"
            if other:
                raise CrewError(f"the worker {worker} has {other}; all must have the same for all rows to be alike")
        return threads

    def _done(self, answer: Future[list[Row]], task: Any) -> None:
        """Hand on how a task ended; called on a thread of Dask's."""
        self._open.pop(answer, None)
        if not answer.set_running_or_notify_cancel():
            return
        try:
            if task.status == "cancelled":
                raise CrewError(f"the Dask scheduler at {self.address} has gone")
            answer.set_result(task.result())
        except Exception as error:
            answer.set_exception(self._said(error))

    def _said(self, error: Exception) -> Exception:
        from distributed.scheduler import KilledWorker

        if isinstance(error, KilledWorker):
            return Lost(getattr(error, "allowed_failures", 2) + 1)
        if isinstance(error, _CANNOT_IMPORT):
            return CrewError(f"a worker of {self.address} has no such foadv_gui as this machine ({error})")
        return error

    def _watch(self) -> None:
        """Count the workers, and give up when there have been none for a while."""
        seen = time.monotonic()
        while not self._closed.wait(_LOOK_SECONDS):
            try:
                self._threads = self._client.nthreads()
            except Exception:
                continue  # it is closing, or the tasks say that the scheduler has gone
            if self._threads:
                seen = time.monotonic()
            elif time.monotonic() - seen > _ALONE_SECONDS:
                self._give_up(f"the Dask scheduler at {self.address} has had no workers for {_ALONE_SECONDS:g} s")

    def _give_up(self, reason: str) -> None:
        for answer, task in list(self._open.items()):
            if answer.set_running_or_notify_cancel():
                self._open.pop(answer, None)
                answer.set_exception(CrewError(reason))
                task.release()


def compute_batch(key: str, expected: dict[str, str], packed: bytes) -> list[Row]:
    """The rows of a batch, on a worker; as soon as the task is dropped, or its client dies, it stops.

    Raises
    ------
    CrewError
        If this worker has other versions than whoever asks: it may have joined after the others were looked at.
    """
    from distributed import get_worker

    worker = get_worker()
    other = difference(expected, versions())
    if other:
        raise CrewError(f"the worker {worker.address} has {other}; all must have the same for all rows to be alike")

    def dropped() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state != "executing"

    return rows_of(pickle.loads(packed), dropped)


def _connect(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise CrewError("a Dask cluster needs the package distributed: pip install 'foadv[cluster]'") from None
    # Its own words are many lines; what matters of them is said by a CrewError.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        left = _CONNECT_SECONDS - _knock(address)
        return Client(address, timeout=max(1.0, left), set_as_default=False, name="foadv")
    except Exception as error:
        short = " ".join(str(error).split())[:120] or type(error).__name__
        if isinstance(error, MemoryError | OverflowError):  # it answered with text, of which Dask made a huge length
            short = "what listens there is something else"
        how = "check the address, or start one with: dask scheduler"
        raise CrewError(f"no Dask scheduler answers at {address} ({short}); {how}") from None


def _knock(address: str) -> float:
    """Shake hands with the scheduler: the seconds that it took.

    A client that finds nobody tries for long, and leaves its threads behind. On a thread, since nothing else limits how
    long the look-up of a name may take.
    """
    from distributed import Security
    from distributed.comm import connect
    from distributed.comm.addressing import get_address_host_port

    began = time.monotonic()
    host, port = get_address_host_port(address)
    answers: SimpleQueue[Exception | None] = SimpleQueue()

    async def shake_hands() -> None:
        comm = await connect(address, timeout=_CONNECT_SECONDS, **Security().get_connection_args("client"))
        await comm.close()

    def knock() -> None:
        try:
            socket.create_connection((host, port), _CONNECT_SECONDS).close()  # where nobody listens, Dask would retry
            asyncio.run(shake_hands())
        except Exception as error:
            answers.put(error)
        else:
            answers.put(None)

    Thread(target=knock, name="foadv-knock", daemon=True).start()
    try:
        trouble = answers.get(timeout=_CONNECT_SECONDS)
    except Empty:
        trouble = TimeoutError(f"nothing heard within {_CONNECT_SECONDS:g} s")
    if trouble is not None:
        raise trouble
    return time.monotonic() - began


class _Call:
    """A call that is made by whoever unpickles it."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._made = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._made


def _call(function: Callable[..., object], *arguments: object) -> bytes:
    return pickle.dumps(_Call(function, *arguments))
