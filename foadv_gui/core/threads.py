"""How many cores torch and BLAS use: one a call, with large work split into pieces that need not wait for each other.

torch's own threads meet after every operation, so that two of them are far slower than one on small operations, and
slower still when another process is busy. Pieces on a pool of single-threaded workers meet once, at the end.
"""

from __future__ import annotations

import ctypes
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import cache
from threading import local
from typing import TYPE_CHECKING, TypeVar

import torch
from threadpoolctl import threadpool_limits

from .cores import cores, on_one_core
from .interruption import Interrupted, give_way, never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from threading import Semaphore

Piece = TypeVar("Piece")
Result = TypeVar("Result")
_LOOK_SECONDS = 0.004
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's malloc.h."""
_own = local()


@cache
def use_one_thread() -> None:
    """Let torch, and the BLAS under NumPy and SciPy, use one thread a call from here on; and keep what they free.

    BLAS's threads wait for each other as torch's do: with the other core busy, two of them diagonalise a matrix of
    order 784 in 0.2 to 2 s where one takes 0.06 s.
    """
    torch.set_num_threads(1)
    threadpool_limits(limits=1, user_api="blas")
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let glibc keep up to 64 MiB of what is freed, as it does by itself once an array of 32 MiB was.

    Before that it may give the arrays of each step back to the system and ask for them anew: a loop of small steps then
    takes up to a quarter longer, in one run and not in the next.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 2**25)
        mallopt(_M_TRIM_THRESHOLD, 2**26)


def _begin_worker() -> None:
    torch.set_num_threads(1)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), "foadv-core", initializer=_begin_worker)


def in_parallel(function: Callable[[Piece], Result], pieces: Iterable[Piece]) -> list[Result]:
    """[function(piece) for piece in pieces], a core each, under torch.inference_mode; the first exception is raised."""
    pieces = list(pieces)

    def piecewise(piece: Piece) -> Result:
        with torch.inference_mode():
            return function(piece)

    if len(pieces) < 2 or on_one_core():
        return [piecewise(piece) for piece in pieces]
    return list(_pool().map(piecewise, pieces))


def _spare() -> ThreadPoolExecutor:
    """The spare thread of the caller's thread: of several that compute, none waits for the others."""
    if not hasattr(_own, "spare"):
        _own.spare = ThreadPoolExecutor(1, "foadv-spare", initializer=_begin_worker)
    spare: ThreadPoolExecutor = _own.spare
    return spare


def abandonable(work: Callable[[], Result], interrupted: Callable[[], bool]) -> Result:
    """work(), which nothing can stop half-way, such as a dense diagonalisation, on a thread of its own.

    Raises
    ------
    Interrupted
        As soon as `interrupted()` is true; the work then ends unheard.
    """
    if interrupted is never:
        return work()

    def inferring() -> Result:
        with torch.inference_mode():
            return work()

    future = _spare().submit(copy_context().run, inferring)
    while not wait([future], timeout=_LOOK_SECONDS).done:
        if interrupted():
            future.cancel()
            raise Interrupted
    return future.result()


def in_turn(values: Iterable[Result], turns: Semaphore, interrupted: Callable[[], bool]) -> Iterator[Result]:
    """The values, each made while one of the turns is held: as many threads make one at a time as there are turns.

    Raises
    ------
    Interrupted
        When `interrupted()` becomes true before it is the caller's turn.
    """
    making = iter(values)
    while True:
        while not turns.acquire(timeout=_LOOK_SECONDS):
            give_way(interrupted)
        try:
            value = next(making)
        except StopIteration:
            return
        finally:
            turns.release()
        yield value
