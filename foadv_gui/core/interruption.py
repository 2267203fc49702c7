"""Stopping a long computation from outside, between two of its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Interrupted(Exception):
    """Raised inside a long computation when it was asked to stop."""


def give_way(interrupted: Callable[[], bool]) -> None:
    """Raise `Interrupted` if somebody asks to stop."""
    if interrupted():
        raise Interrupted


def never() -> bool:
    """The interruption test of somebody who never interrupts."""
    return False
