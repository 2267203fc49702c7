"""How many cores torch and BLAS use: one a call, with large work split into pieces that need not wait for each other.

torch's own threads meet after every operation, so that two of them are far slower than one on small operations, and
slower still when another process is busy. Pieces on a pool of single-threaded workers meet once, at the end.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import torch
from threadpoolctl import threadpool_limits

from .interruption import Interrupted, never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Piece = TypeVar("Piece")
Result = TypeVar("Result")
_LOOK_SECONDS = 0.004
_on_one_core: ContextVar[bool] = ContextVar("_on_one_core", default=False)


@contextmanager
def one_core() -> Iterator[None]:
    """Let what is computed within use one core: the others have work of their own.

    Work is then cut into pieces that do not depend on the machine, so that numbers are the same on any number of cores.
    """
    token = _on_one_core.set(True)
    try:
        yield
    finally:
        _on_one_core.reset(token)


def cores() -> int:
    """The number of cores that the caller may use."""
    if _on_one_core.get():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def use_one_thread() -> None:
    """Let torch, and the BLAS under NumPy and SciPy, use one thread a call from here on.

    BLAS's threads wait for each other as torch's do: with the other core busy, two of them diagonalise a matrix of
    order 784 in 0.2 to 2 s where one takes 0.06 s.
    """
    torch.set_num_threads(1)
    threadpool_limits(limits=1, user_api="blas")


def _begin_worker() -> None:
    torch.set_num_threads(1)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), "foadv-core", initializer=_begin_worker)


def in_parallel(function: Callable[[Piece], Result], pieces: Iterable[Piece]) -> list[Result]:
    """[function(piece) for piece in pieces], a core each, under torch.inference_mode; the first exception is raised."""

    def piecewise(piece: Piece) -> Result:
        with torch.inference_mode():
            return function(piece)

    if _on_one_core.get():
        return [piecewise(piece) for piece in pieces]
    return list(_pool().map(piecewise, pieces))


@cache
def _spare() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "foadv-spare", initializer=_begin_worker)


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
