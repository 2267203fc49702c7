"""A process of a pool: it computes the batches that come through its pipe, and ends with its parent.

It does not import torch before it has learnt what Ctrl+C and the death of its parent mean to it.
"""

from __future__ import annotations

import os
import pickle
import signal
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from foadv_gui.lab.sweep.batch import load, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from foadv_gui.lab.sweep.engine import Measure
    from foadv_gui.lab.sweep.grid import Point, Sweep

_NICENESS = 5
"""A window beside the pool stays smooth."""


def pack(points: list[Point]) -> bytes:
    """Points as bytes, with the names of their sweep's settings but not with all the values that these take."""
    bare: dict[int, Sweep] = {}
    for sweep in (point.sweep for point in points):
        if id(sweep) not in bare:
            bare[id(sweep)] = replace(sweep, axes=tuple(replace(axis, values=(), text="") for axis in sweep.axes))
    return pickle.dumps([replace(point, sweep=bare[id(point.sweep)]) for point in points])


def serve(connection: Connection, measure: Measure | None, factory: str | None = None) -> None:
    """Answer each batch (number, points) with its rows, or with the text of what was raised, until the parent ends.

    A message (number, None) stops the batches up to this number. `factory` makes the module that is attacked, see
    `lab.modules.load_factory`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all of a terminal's processes: the parent decides
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    inbox = _Inbox(connection)
    inbox.start()
    measure = measure or load()
    if factory is not None:
        from foadv_gui.lab.modules import FactoryError, load_factory

        with suppress(FactoryError):  # a point whose module is not there says so
            load_factory(factory)
    connection.send(None)  # ready
    while True:
        number, packed = inbox.batches.get()
        answer: Any
        try:
            answer = rows_of(pickle.loads(packed), inbox.interruption(number), measure)
        except Exception as error:
            answer = " ".join(f"{type(error).__name__}: {error}".split())
        connection.send(answer)


class _Inbox(Thread):
    """Listens while the process computes; the end of the pipe is the end of the parent, and so of the process."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(name="foadv-inbox", daemon=True)
        self.batches: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
        self.stopped = -1
        self._connection = connection

    def interruption(self, number: int) -> Callable[[], bool]:
        """Whether a batch is to stop."""
        return lambda: self.stopped >= number

    def run(self) -> None:
        try:
            while True:
                number, packed = self._connection.recv()
                if packed is None:
                    self.stopped = number
                else:
                    self.batches.put((number, packed))
        except (EOFError, OSError):
            os._exit(0)
