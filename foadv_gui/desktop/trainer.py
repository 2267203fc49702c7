"""Training beside the window: one thread trains, another one makes pictures of how far it has come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from foadv_gui.desktop.drawer import PAUSE_SECONDS, STACK_BYTES, Drawer, Mailbox, Trouble, explained
from foadv_gui.desktop.worker import load_torch, stand_back
from foadv_gui.lab.training.record import TrainingRecord

if TYPE_CHECKING:
    from foadv_gui.lab.training.curves import CurvesPicture
    from foadv_gui.lab.training.plan import Training

Train: TypeAlias = Callable[["Training", TrainingRecord | None, Callable[[], bool]], Iterator[TrainingRecord]]
"""What trains: the plan, what there is of it already, and the test of whether somebody stops it."""
Key: TypeAlias = tuple[str, int]
"""One network: the identity of its training, and its arm."""


def train_for_real(
    training: Training, so_far: TrainingRecord | None, interrupted: Callable[[], bool]
) -> Iterator[TrainingRecord]:
    """Train, once torch is there."""
    load_torch()  # which takes seconds
    from foadv_gui.lab.training.study import train

    return train(training, so_far, interrupted=interrupted)


@dataclass(frozen=True, eq=False)
class TrainingPictures:
    """What is drawn and said of a record.

    `sentence` is what the data show; `remedy` the learning rate, in the training's own units, that is offered where an
    arm has diverged; `why` says which ones did.
    """

    record: TrainingRecord
    curves: dict[str, CurvesPicture]
    sentence: str
    why: str = ""
    remedy: float | None = None


@dataclass(frozen=True, eq=False)
class Ended:
    """How a training ended: with its last record, and perhaps stopped by somebody or by trouble."""

    record: TrainingRecord | None = None
    trouble: Trouble | None = None


class TrainThread(QThread):
    """Trains once, and is not used again."""

    def __init__(self, train: Train, training: Training, so_far: TrainingRecord | None, mail: Mailbox) -> None:
        super().__init__()
        self.setStackSize(STACK_BYTES)
        self._train, self._training, self._so_far, self._mail = train, training, so_far, mail

    def run(self) -> None:
        """The thread's body (Qt calls it)."""
        stand_back()
        record, shown = self._so_far, 0.0
        try:
            for record in self._train(self._training, self._so_far, self.isInterruptionRequested):
                now = time.monotonic()
                if now - shown >= PAUSE_SECONDS:
                    shown = now
                    self._mail.post(record)
                if self.isInterruptionRequested():
                    break
            ended = Ended(record)
        except Exception as error:
            ended = Ended(record, explained(error))
        self._mail.post(ended)


class TrainDrawer(Drawer):
    """Makes pictures of the latest record, in the metrics that somebody chose."""

    def __init__(self, mail: Mailbox, parent: QObject | None = None) -> None:
        super().__init__(mail, parent)
        self._record: TrainingRecord | None = None
        self._metrics: tuple[str, ...] = ()
        self._offers: dict[Key, float | None] = {}

    def show(self, record: TrainingRecord | None) -> None:
        """Draw this record, in place of an older one; None forgets it."""
        with self._condition:
            self._record = record
            self._wake()

    def look(self, metrics: tuple[str, ...]) -> None:
        """Draw these metrics, at once."""
        with self._condition:
            self._metrics = metrics
            self._wake(at_once=True)

    def _draw(self) -> None:
        with self._condition:
            record, metrics = self._record, self._metrics
        if record is not None:
            self._mail.post(pictures(record, metrics, self._offers))
            if self._offer(record):
                self._mail.post(pictures(record, metrics, self._offers))

    def _offer(self, record: TrainingRecord) -> bool:
        """Find a rate for each network that has diverged since the last time; returns whether there was one."""
        wanted = [key for key in _diverged(record) if key not in self._offers]
        if not wanted:
            return False
        load_torch()
        from foadv_gui.lab.training.remedy import smaller_rate

        for key in wanted:
            if self.isInterruptionRequested():
                return False
            self._offers[key] = smaller_rate(record, key[1])
        return True


def pictures(record: TrainingRecord, metrics: tuple[str, ...], offers: dict[Key, float | None]) -> TrainingPictures:
    """All that the window shows of a record beside its epochs; `offers` are the rates found so far."""
    from foadv_gui.lab.training.curves import curves
    from foadv_gui.lab.training.reading import sentence

    drawn = {metric: curves(record, metric) for metric in dict.fromkeys(metrics)}
    diverged = _diverged(record)
    if not diverged:
        return TrainingPictures(record, drawn, sentence(record))
    rates = [rate for key in diverged if (rate := offers.get(key)) is not None]
    why = _why(record, [arm for _, arm in diverged])
    return TrainingPictures(record, drawn, sentence(record), why, min(rates, default=None))


def _diverged(record: TrainingRecord) -> list[Key]:
    """The networks that have diverged."""
    return [(record.training.identity, i) for i, track in enumerate(record.tracks) if track.diverged]


def _why(record: TrainingRecord, diverged: list[int]) -> str:
    """Which networks diverged, and why: that of the first one, and how many more."""
    arm, track = record.arm(diverged[0]), record.tracks[diverged[0]]
    which = f"γ = {arm.line.scale:.4g}, η = {arm.line.rate:.4g}"
    more = len(diverged) - 1
    others = f"; so did {more} other network{'' if more == 1 else 's'}" if more else ""
    return f"The training at {which} was stopped after epoch {track.last}: {track.diverged}{others}."


class Trainer(QObject):
    """What the page asks for, and what comes back in the window's own thread."""

    grown = Signal(object)
    drawn = Signal(object)
    ended = Signal(object)
    troubled = Signal(object)
    """The pictures cannot be drawn."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.train: Train = train_for_real
        self._mail = Mailbox(self)
        self._mail.mailed.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._drawer = TrainDrawer(self._mail, self)
        self._thread: TrainThread | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """Whether something is being trained, or its end has not been told yet."""
        return self._thread is not None

    @property
    def stopping(self) -> bool:
        """Whether the training was asked to stop."""
        return self._thread is not None and self._thread.isInterruptionRequested()

    @property
    def busy(self) -> bool:
        """Whether anything is on its way."""
        return self.running or self._drawer.busy or self._mail.waiting

    def start(self, training: Training, so_far: TrainingRecord | None = None) -> None:
        """Train, or go on with a record; of another training there must be none."""
        assert self._thread is None
        self._thread = TrainThread(self.train, training, so_far, self._mail)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the present epoch."""
        if self._thread is not None:
            self._thread.requestInterruption()

    def show(self, record: TrainingRecord | None) -> None:
        """Draw a record."""
        self._drawer.show(record)
        if record is not None and not self._drawer.isRunning():
            self._drawer.start()

    def look(self, metrics: tuple[str, ...]) -> None:
        """Draw other metrics of the record on show."""
        self._drawer.look(metrics)

    def close(self) -> None:
        """Stop everything, and wait for it; what comes too late is not delivered, lest it be drawn."""
        self._closed = True
        if self._thread is not None:
            self._thread.requestInterruption()
        self._drawer.close()
        if self._thread is not None:
            self._thread.wait()
            self._thread = None

    @Slot()
    def _deliver(self) -> None:
        for value in [] if self._closed else self._mail.take():
            if isinstance(value, Ended):
                if self._thread is not None:
                    self._thread.wait()
                    self._thread = None
                self.ended.emit(value)
            elif isinstance(value, Trouble):
                self.troubled.emit(value)
            elif isinstance(value, TrainingRecord):
                self.grown.emit(value)
            else:
                self.drawn.emit(value)
