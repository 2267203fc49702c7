"""Opening and saving: recordings may be large, so files are read and written beside the window's thread."""

from __future__ import annotations

import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.documents import look_up, names_recording, names_table, save_experiment
from foadv_gui.lab.files import FileProblem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from foadv_gui.desktop.undo import Choice
    from foadv_gui.lab.recording import Recording


class Filing(QObject):
    """Reads and writes one file after the other on a thread of its own, and says in the window's what came of it."""

    found = Signal(str, object)
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
        if names_recording(name) or names_table(name):
            self._wanted = self._do("opened", name, partial(look_up, name))
            return
        try:
            self.found.emit(name, look_up(name))
        except (ExperimentError, FileProblem) as problem:
            self.refused.emit("This cannot be opened", str(problem))

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
        if error is None and what == "opened":
            self.found.emit(name, future.result())
        elif error is None and what == "made":
            self.made.emit(name, future.result())
        elif error is None:
            self.saved.emit(name)
        elif isinstance(error, ExperimentError | FileProblem):
            self.refused.emit(f"This cannot be {what}", str(error))
        elif isinstance(error, MemoryError):
            self.refused.emit(f"This cannot be {what}", f"{name}: there is not enough memory")
        else:
            details = "".join(traceback.format_exception(error))
            self.failed.emit(f"{type(error).__name__}: {error}", details)
