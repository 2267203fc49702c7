"""The compute thread: lanes of jobs over one `Scene`, a mailbox of latest values, cancel, and errors as values.

The scene's stages are a generator, so that a short job (the spectrum at the cursor) runs between two stages of a
long one. A newer job of a lane supersedes the older. The mailbox holds the latest value of each kind, and one signal
announces all that came since it was last emptied: a signal per iterate would fill the event queue without bound.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from PySide6.QtCore import QObject, QThread, Signal

from foadv_gui.core.cores import cores

if TYPE_CHECKING:
    from foadv_gui.lab.scene import Scene

Work: TypeAlias = Callable[["Scene", Callable[[], bool], Callable[[], bool]], Iterator[object]]
"""What a job does with the scene, and two tests: whether something newer waits, and whether somebody cancelled it."""
SCENE = "scene"
_STACK_BYTES = 8 * 2**20
_LOADING = threading.Lock()
"""One thread loads torch; the others wait for it, since two that import in circles may see half of a module."""
_LOADED = threading.Event()


def load_torch() -> str:
    """Load torch, unless another thread does it already: that is waited for; returns its version."""
    with _LOADING:
        import torch

        from foadv_gui.core.threads import use_one_thread

        use_one_thread()
    _LOADED.set()
    return str(torch.__version__)


def torch_is_loaded() -> bool:
    """Whether the thread of any page has loaded torch."""
    return _LOADED.is_set()


@dataclass(frozen=True)
class Refusal:
    """An experiment that cannot be: which setting, why, and both in one line."""

    key: str
    reason: str
    text: str = field(default="", compare=False)


@dataclass(frozen=True)
class Failure:
    """An unexpected error in a job, with its traceback for a bug report."""

    message: str
    details: str


@dataclass(frozen=True)
class Ready:
    """torch is loaded, in this version."""

    version: str


@dataclass(frozen=True)
class Done:
    """A job ended; `cancelled` if somebody asked for it."""

    lane: str
    cancelled: bool = False

    @property
    def mail_key(self) -> str:
        """The ends of jobs in different lanes do not replace each other."""
        return self.lane


@dataclass
class _Job:
    id: int
    lane: str
    work: Work
    superseded: bool = False
    cancelled: bool = False

    @property
    def replaced(self) -> bool:
        """Whether a newer one shows something in its place: not where that was cancelled, too."""
        return self.superseded and not self.cancelled


class ComputeThread(QThread):
    """Runs jobs over a scene of its own; everything public may be called from the window's thread."""

    mailed = Signal()
    """There is something to `take`; said again only when all of that has been taken."""

    def __init__(self, parent: QObject | None = None, at_once: threading.Semaphore | None = None) -> None:
        super().__init__(parent)
        self.setStackSize(_STACK_BYTES)
        self._at_once = at_once
        """Of the threads that share it, so many compute a stage of their scenes at a time."""
        self._condition = threading.Condition()
        self._pending: dict[str, _Job] = {}
        self._running: list[_Job] = []
        self._mail: dict[object, tuple[int, object]] = {}
        self._last_id = 0

    def submit(self, lane: str, work: Work) -> int:
        """Queue a job, in place of an older one of its lane; returns its id."""
        with self._condition:
            self._last_id += 1
            for job in self._running:
                if job.lane == lane:
                    job.superseded = True
            self._pending[lane] = _Job(self._last_id, lane, work)
            self._condition.notify()
            return self._last_id

    def cancel(self) -> None:
        """Stop the running job at its next step, and forget what is queued."""
        with self._condition:
            forgotten = list(self._pending.values())
            self._pending.clear()
            for job in self._running:
                job.cancelled = True
        for job in forgotten:
            self._post(job.id, Done(job.lane, cancelled=True))

    def busy(self) -> bool:
        """Whether anything is queued, running, or undelivered."""
        with self._condition:
            return bool(self._pending or self._running or self._mail)

    def occupied(self, job_id: int) -> bool:
        """Whether a job is queued or running."""
        with self._condition:
            return any(job.id == job_id for job in (*self._pending.values(), *self._running))

    def take(self, most: int | None = None) -> list[tuple[int, object]]:
        """What is new, (job id, value) in order: of each kind the latest only, and no more than `most`."""
        with self._condition:
            return [self._mail.pop(kind) for kind in list(self._mail)[:most]]

    def close(self) -> None:
        """Stop for good: interrupt, wake, and wait."""
        self.requestInterruption()
        self.cancel()
        with self._condition:
            self._condition.notify()
        self.wait()

    def run(self) -> None:
        """The thread's body (Qt calls it)."""
        stand_back()
        scene = self._load()
        if scene is None:
            return
        while True:
            with self._condition:
                while not self._pending and not self.isInterruptionRequested():
                    self._condition.wait()
                if self.isInterruptionRequested():
                    return
                job = self._next()
            self._perform(scene, job)

    def _load(self) -> Scene | None:
        try:
            version = load_torch()
            with _LOADING:
                from foadv_gui.lab.scene import Scene
            self._post(0, Ready(version))
            return Scene()
        except Exception as error:
            self._post(0, Failure(f"torch could not be loaded: {error}", traceback.format_exc()))
            return None

    def _next(self) -> _Job:
        """The scene first: the others look at what it made. Called with the lock held."""
        lane = SCENE if SCENE in self._pending else next(iter(self._pending))
        job = self._pending.pop(lane)
        self._running.append(job)
        return job

    def _perform(self, scene: Scene, job: _Job) -> None:
        from foadv_gui.core.interruption import Interrupted
        from foadv_gui.core.threads import abandonable, in_turn
        from foadv_gui.lab.config import ExperimentError

        def cancelled() -> bool:
            return job.cancelled or self.isInterruptionRequested()

        given_way = False

        def interrupted() -> bool:
            # For good: what is abandoned looks again when the scene that it made way for no longer waits but runs.
            nonlocal given_way
            given_way = given_way or job.superseded or cancelled() or (job.lane != SCENE and SCENE in self._pending)
            return given_way

        try:
            values: Iterable[object] = job.work(scene, interrupted, cancelled)
            if job.lane != SCENE:
                answers = values
                values = abandonable(lambda: list(answers), interrupted)
            elif self._at_once is not None:
                values = in_turn(values, self._at_once, interrupted)
            for value in values:
                if job.replaced and self._replaceable(value):
                    continue
                self._post(job.id, value)
                if job.lane == SCENE:
                    self._serve_short_jobs(scene)
                if self.isInterruptionRequested():
                    break
        except Interrupted:
            if job.lane != SCENE and not (job.superseded or cancelled()):
                # It gives way to the scene, and is asked again of what the scene then shows.
                with self._condition:
                    self._pending.setdefault(job.lane, job)
        except ExperimentError as error:
            self._post(job.id, Refusal(error.key, error.reason, str(error)))
        except MemoryError:
            self._post(job.id, Failure("there is not enough memory for this", traceback.format_exc()))
        except Exception as error:
            self._post(job.id, Failure(f"{type(error).__name__}: {error}", traceback.format_exc()))
        finally:
            # Both at once: idle without mail, the window would stop looking for it.
            with self._condition:
                self._running.remove(job)
                if not job.replaced:
                    self._post(job.id, Done(job.lane, job.cancelled))

    def _replaceable(self, value: object) -> bool:
        """Whether a superseded job may drop a value: an unfinished or cancelled recording would only flicker."""
        from foadv_gui.lab.recording import Recording

        return isinstance(value, Recording) and (not value.finished or "cancelled" in value.stop_reason)

    def _serve_short_jobs(self, scene: Scene) -> None:
        """Run what is queued in the other lanes, between two stages of the scene."""
        while True:
            with self._condition:
                lane = next((name for name in self._pending if name != SCENE), None)
                if lane is None or scene.recording is None or SCENE in self._pending:
                    return
                job = self._pending.pop(lane)
                self._running.append(job)
            self._perform(scene, job)

    def _post(self, job_id: int, value: object) -> None:
        kind: Any = (type(value), getattr(value, "mail_key", None))
        with self._condition:
            first = not self._mail
            self._mail.pop(kind, None)
            self._mail[kind] = (job_id, value)
            if first:
                self.mailed.emit()


def some_at_once() -> threading.Semaphore:
    """For threads that compute side by side: half of the cores at a time, so that the window has one, and the lock."""
    return threading.BoundedSemaphore(max(cores() // 2, 1))


def stand_back() -> None:
    """Let the window's thread go first where both want a core: Linux knows a priority of single threads."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
