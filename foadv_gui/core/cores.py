"""How many cores there are for a computation."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def on_one_core() -> bool:
    """Whether the caller was told to use one core."""
    return _on_one_core.get()
