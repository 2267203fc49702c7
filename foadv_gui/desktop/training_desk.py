"""The one state of the Train page: what is to be trained, how far it is, and which epoch is looked at.

Views call its methods and listen to its signals; they never call each other.
"""

from __future__ import annotations

import time
from enum import Enum
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QUndoStack

from foadv_gui.desktop.trainer import Ended, Trainer, TrainingPictures
from foadv_gui.desktop.undo import Change
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.training.draft import TrainingDraft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from foadv_gui.desktop.drawer import Trouble
    from foadv_gui.lab.training.plan import Training
    from foadv_gui.lab.training.record import TrainingRecord

MORE_EPOCHS = 60
"""For how many more epochs a training goes on at a press of a button."""
_REST_MS = 200
"""So long after the cursor was moved it rests, and pictures are refined."""
_STEADY_SECONDS = 1.0
"""Before that a rate says little."""


class State(Enum):
    """Where the page stands."""

    EMPTY = "empty"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"
    DIVERGED = "diverged"
    FAILED = "failed"
    LOADED = "loaded"


class TrainingDesk(QObject):
    """What is planned, what is being trained, and what is on show.

    Attributes
    ----------
    plan
        The training as it is written on the left.
    record
        What is being trained or on show, as far as it has come.
    position
        The epoch that the cursor is on, between two of them while it plays.
    point
        Which of the points that are trained on is looked at.
    pictures
        The curves and the words of a record, that on show or one of some moments ago.
    """

    planChanged = Signal()
    stateChanged = Signal()
    recordChanged = Signal()
    """There is another record, or more of it."""
    cursorChanged = Signal()
    """Another epoch is on show, or the cursor has come to rest."""
    pointChanged = Signal()
    picturesChanged = Signal()
    refused = Signal(str, str)
    """A setting that cannot be, and why."""
    finished = Signal(int)
    """A training has come to its end; from which epoch on it is new."""
    failed = Signal(str, str)
    """An error that nobody expected, and its details."""

    def __init__(self, plan: TrainingDraft, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.plan = plan
        self.undo_stack = QUndoStack(self)
        self.state = State.EMPTY
        self.trouble = ""
        """Why the last training failed, or why its pictures cannot be drawn."""
        self.record: TrainingRecord | None = None
        self.pictures: TrainingPictures | None = None
        self.metrics: tuple[str, ...] = ()
        self.source = ""
        """The file whose record is on show, or nothing."""
        self.saved = True
        """Whether the record on show is in a file that somebody chose."""
        self.spent = 0.0
        """For how many seconds was trained what is in no file."""
        self._started = 0.0
        self.position = 0.0
        self.point = 0
        self._cancelled = False
        self._began: tuple[float, int] | None = None
        self._asked = self._first = 0
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.cursorChanged)
        self.trainer = Trainer(self)
        self.trainer.grown.connect(self._on_grown)
        self.trainer.drawn.connect(self._on_drawn)
        self.trainer.ended.connect(self._on_ended)
        self.trainer.troubled.connect(self._on_trouble)

    # -- the plan ------------------------------------------------------------------------------------------------

    def edit(self, what: str, plan: TrainingDraft, *, live: bool = False) -> None:
        """Plan something else, which can be undone; `live` changes of one thing merge while they follow each other."""
        if plan != self.plan:
            words = "" if "." in what else what  # a setting has words of its own
            self.undo_stack.push(Change(self, self.plan, plan, what, live, words))

    def change(self, key: str, value: object, *, live: bool = False, also: Mapping[str, object] | None = None) -> bool:
        """Change one setting, and others without which it means nothing; `refused` says why it cannot be."""
        try:
            plan = self.plan.changed({key: value, **(also or {})})
        except ExperimentError as error:
            self.refused.emit(error.key or key, error.reason)
            return False
        self.edit(key, plan, live=live)
        return True

    def restore(self, plan: TrainingDraft, *, live: bool = False) -> None:
        """Take a plan that undo or redo brings back; nothing is computed of it, so `live` makes no difference."""
        self.plan = plan
        self.planChanged.emit()

    def open(self, training: Training, record: TrainingRecord | None = None, source: str = "") -> None:
        """Take another training over, and show what there is of it."""
        self.edit("open", TrainingDraft.of(training))
        if self.running:
            return
        self.state, self.trouble, self.source = (State.EMPTY if record is None else State.LOADED), "", source
        self.saved = True
        self._show(record)
        self.stateChanged.emit()

    # -- training ------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether something is being trained."""
        return self.trainer.running

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self.trainer.stopping

    @property
    def busy(self) -> bool:
        """Whether anything is on its way."""
        return self.trainer.busy

    @property
    def outdated(self) -> bool:
        """Whether what is on show is of another training than the plan's."""
        planned = self.plan.training
        return self.record is not None and (planned is None or planned.identity != self.record.training.identity)

    @property
    def resumable(self) -> bool:
        """Whether the next start goes on with what is on show: it was paused, or more epochs are asked for."""
        if self.record is None or self.outdated or self.running or self.state is State.CANCELLED:
            return False
        return self.can_go_on and self.record.epoch < self.plan.section.epochs

    @property
    def can_go_on(self) -> bool:
        """Whether the record on show can be trained further: some network has not diverged."""
        return self.record is not None and not all(track.diverged for track in self.record.tracks)

    @property
    def epochs(self) -> int:
        """How many epochs are asked for: of what is being trained, or else of the plan."""
        return self._asked if self.running else self.plan.section.epochs

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the rate so far."""
        if self.record is None or self._began is None:
            return None
        elapsed, done = time.monotonic() - self._began[0], self.record.epoch - self._began[1]
        return (self.epochs - self.record.epoch) * elapsed / done if done > 0 and elapsed > _STEADY_SECONDS else None

    @Slot()
    def start(self) -> None:
        """Train what is planned, or go on with it where it was paused."""
        training = self.plan.training
        if training is None or self.running:
            return
        so_far = self.record if self.resumable else None
        if so_far is None:
            self._show(None)
        self._train(training, so_far)

    @Slot()
    def go_on(self, more: int = MORE_EPOCHS) -> None:
        """Train the record on show for more epochs."""
        record = self.record
        if record is None or self.running:
            return
        plan = TrainingDraft.of(record.training) if self.outdated else self.plan
        self.edit("more epochs", plan.changed({"training.epochs": record.epoch + more}))
        training = self.plan.training
        assert training is not None
        self._train(training, record)

    @Slot()
    def train_again(self) -> None:
        """Train what has diverged once more, with the smaller learning rate that is offered."""
        shown = self.pictures
        if shown is None or shown.remedy is None or self.running:
            return
        plan = TrainingDraft.of(shown.record.training).fixed("training.rate")
        self.edit("smaller rate", plan.changed({"training.rate": shown.remedy}))
        self._show(None)
        training = self.plan.training
        assert training is not None
        self._train(training, None)

    @Slot()
    def pause(self) -> None:
        """Stop after the present epoch, to go on later."""
        self._stop(cancelled=False)

    @Slot()
    def cancel(self) -> None:
        """Stop for good; the epochs that are done stay on show."""
        if self.running:
            self._stop(cancelled=True)
        elif self.state is State.PAUSED:
            self.state = State.CANCELLED
            self.stateChanged.emit()

    def close(self) -> None:
        """Stop for good, and wait."""
        self._rest.stop()
        self.trainer.close()

    def note_saved(self, path: str, record: TrainingRecord) -> None:
        """A record is in a file that somebody chose: perhaps the one on show."""
        if record is self.record and not self.running:
            self.saved, self.source = True, path
            self.stateChanged.emit()

    def _train(self, training: Training, so_far: TrainingRecord | None) -> None:
        if so_far is None or self.saved:
            self.spent = 0.0
        self._started = time.monotonic()
        self.state, self.trouble, self.source, self.saved = State.RUNNING, "", "", False
        self._first = so_far.epoch if so_far is not None else 0
        self._asked, self._began, self._cancelled = training.section.epochs, None, False
        self.trainer.start(training, so_far)
        self.stateChanged.emit()

    def _stop(self, *, cancelled: bool) -> None:
        if self.running:
            self._cancelled = self._cancelled or cancelled
            self.trainer.stop()
            self.stateChanged.emit()

    def _show(self, record: TrainingRecord | None) -> None:
        """Show another record, or none, from its first epoch on."""
        self.record, self.pictures = record, None
        self._rest.stop()
        self.position = 0.0
        if self.point >= self.points:
            self.set_point(0)
        self.trainer.show(record)
        self.recordChanged.emit()
        self.picturesChanged.emit()
        self.cursorChanged.emit()

    # -- looking -------------------------------------------------------------------------------------------------

    @property
    def steps(self) -> int:
        """The last epoch that there is."""
        return self.record.epoch if self.record is not None else 0

    @property
    def epoch(self) -> int:
        """The epoch on show."""
        return min(int(self.position), self.steps)

    @property
    def points(self) -> int:
        """How many points each network is trained on."""
        return min((len(data.y) for data in self.record.data), default=0) if self.record is not None else 0

    @property
    def moving(self) -> bool:
        """Whether the cursor was moved a moment ago, by a hand or by the player."""
        return self._rest.isActive()

    def set_position(self, position: float) -> None:
        """Move the cursor."""
        position = min(max(position, 0.0), float(self.steps))
        if position != self.position:
            self.position = position
            self._rest.start()
            self.cursorChanged.emit()

    def set_point(self, point: int) -> None:
        """Look at another of the points that are trained on."""
        point = min(max(point, 0), max(self.points - 1, 0))
        if point != self.point:
            self.point = point
            self.pointChanged.emit()

    def look(self, metrics: tuple[str, ...]) -> None:
        """Draw these metrics."""
        if metrics != self.metrics:
            self.metrics = metrics
            self.trainer.look(metrics)

    # -- answers -------------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_grown(self, record: TrainingRecord) -> None:
        at_end = self.position >= self.steps
        self.record = record
        if self._began is None:
            self._began = time.monotonic(), record.epoch
        self.trainer.show(record)
        self.recordChanged.emit()
        if at_end and self.position != self.steps:  # who looks at the last epoch goes on looking at the last one
            self.position = float(self.steps)
            self.cursorChanged.emit()

    @Slot(object)
    def _on_drawn(self, pictures: TrainingPictures) -> None:
        if self.record is not None and pictures.record.training.identity == self.record.training.identity:
            self.pictures = pictures
            self.picturesChanged.emit()

    @Slot(object)
    def _on_ended(self, ended: Ended) -> None:
        if ended.record is not None and ended.record is not self.record:
            self._on_grown(ended.record)
        self.saved = self.record is None
        self.spent += time.monotonic() - self._started
        if ended.trouble is not None:
            self.state = State.FAILED
            self._on_trouble(ended.trouble)
        elif ended.record is None or not ended.record.finished:
            self.state = State.CANCELLED if self._cancelled or ended.record is None else State.PAUSED
        else:
            diverged = any(track.diverged for track in ended.record.tracks)
            self.state = State.DIVERGED if diverged else State.DONE
        self.stateChanged.emit()
        if self.state in (State.DIVERGED, State.DONE):
            self.finished.emit(self._first)

    @Slot(object)
    def _on_trouble(self, trouble: Trouble) -> None:
        self.trouble = trouble.problem
        if trouble.details:
            self.failed.emit(trouble.problem, trouble.details)
        self.stateChanged.emit()
