"""Opening and saving: recordings may be large, so files are read and written beside the window's thread."""

from __future__ import annotations

import os
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot

from foadv_gui.lab.arrival import readings
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.documents import Found, look_up, save_experiment
from foadv_gui.lab.files import FileProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.desktop.undo import Choice
    from foadv_gui.lab.adoption import Adopted, Unclear
    from foadv_gui.lab.arrival import Reading
    from foadv_gui.lab.recording import Recording


class Filing(QObject):
    """Reads and writes one file after the other on a thread of its own, and says in the window's what came of it."""

    found = Signal(str, object)
    read = Signal(str, object)
    """A file that is no document, and the ways to take it."""
    adopted = Signal(str, object)
    """What makes a file part of the experiment on show, or what is to be asked first."""
    saved = Signal(str)
    made = Signal(str, object)
    """What `make` was asked for under a name."""
    refused = Signal(str, str)
    """What cannot be done, and why."""
    failed = Signal(str, str)
    _ended = Signal(str, str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="files")
        self._under_way: dict[Future[object], str] = {}
        self._wanted: Future[object] | None = None
        self._ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether a file is being read or written, or what came of it has not been said yet."""
        return bool(self._under_way)

    @property
    def saving(self) -> bool:
        """Whether something is being saved."""
        return "saved" in self._under_way.values()

    def saves_well(self) -> bool:
        """Wait until everything is on the disk; returns whether it is."""
        return all(future.exception() is None for future, what in self._under_way.items() if what == "saved")

    def open(self, name: str) -> None:
        """Look up what a preset's name or a file stands for; of several the latest is wanted."""
        self._wanted = None
        if is_read_beside(name):
            self._wanted = self._do("opened", name, partial(_read, name))
            return
        try:
            self.found.emit(name, look_up(name))
        except (ExperimentError, FileProblem) as problem:
            self.refused.emit("This cannot be opened", str(problem))

    def adopt(self, name: str, work: Callable[[], Adopted | Unclear]) -> None:
        """Find out what makes a file part of an experiment; of several the latest is wanted."""
        self._wanted = self._do("opened", name, work)

    def save_recording(self, path: Path, recording: Recording) -> None:
        """Write a finished recording."""
        self.save(path, partial(recording.save, path))

    def save(self, path: Path, write: Callable[[], object]) -> None:
        """Do what writes a file."""
        self._do("saved", str(path), write)

    def make(self, name: str, work: Callable[[], object]) -> None:
        """Do what takes too long for the window's thread; `made` delivers what it returns."""
        self._do("made", name, work)

    def save_experiment(self, path: Path, choice: Choice) -> None:
        """Write the experiment, and the starts that it does not give."""

        def write() -> None:
            from foadv_gui.lab.experiment import given_starts  # imports torch

            starts = None if choice.starts is None else given_starts(choice.starts, choice.experiment)
            save_experiment(path, choice.experiment, starts)

        self.save(path, write)

    def close(self) -> None:
        """Wait for what is under way."""
        self._executor.shutdown()

    def _do(self, what: str, name: str, work: Callable[[], object]) -> Future[object]:
        future = self._executor.submit(work)
        self._under_way[future] = what
        future.add_done_callback(lambda done: self._ended.emit(what, name, done))
        return future

    @Slot(str, str, object)
    def _deliver(self, what: str, name: str, future: Future[object]) -> None:
        del self._under_way[future]
        error = future.exception()
        if what == "opened" and future is not self._wanted:
            return  # something else has been asked for since
        if error is None and what == "made":
            self.made.emit(name, future.result())
        elif error is None and what == "opened":
            result = future.result()
            said = self.found if isinstance(result, Found) else self.read if isinstance(result, tuple) else self.adopted
            said.emit(name, result)
        elif error is None:
            self.saved.emit(name)
        elif isinstance(error, ExperimentError | FileProblem):
            self.refused.emit(f"This cannot be {what}", str(error))
        elif isinstance(error, MemoryError):
            self.refused.emit(f"This cannot be {what}", f"{name}: there is not enough memory")
        else:
            details = "".join(traceback.format_exception(error))
            self.failed.emit(f"{type(error).__name__}: {error}", details)


def is_read_beside(name: str) -> bool:
    """Whether a name is that of a file which may be large: not that of a preset, nor of an experiment's file."""
    ending = Path(name).suffix.lower()
    return ending != ".toml" and (bool(ending) or os.path.isfile(name))


def _read(name: str) -> Found | tuple[Reading, ...]:
    """What a document holds, or the ways to take another file."""
    ways = readings(name)
    return look_up(name) if ways[0].role == "document" else ways
