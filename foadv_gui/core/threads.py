"""How many threads torch uses: one, but for large blocks.

Small operations run several times faster with one thread than with two, which wait for each other, and far
faster than that when another process is busy.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


def use_one_thread() -> None:
    """Let torch use one thread a call from here on."""
    torch.set_num_threads(1)


@contextmanager
def many_threads(large: bool = True) -> Iterator[None]:
    """Use every core inside, if the block is large."""
    before = torch.get_num_threads()
    wanted = max(1, os.cpu_count() or 1) if large else before
    if wanted == before:
        yield
        return
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)
