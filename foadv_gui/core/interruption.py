"""Stopping a long computation from outside, between two of its steps."""

from __future__ import annotations


class Interrupted(Exception):
    """Raised inside a long computation when it was asked to stop."""


def never() -> bool:
    """The interruption test of somebody who never interrupts."""
    return False
