"""The buttons that start, pause, resume, cancel and prolong a training, how far it is, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.panels.once_button import OnceButton
from foadv_gui.desktop.status import duration
from foadv_gui.desktop.theme import hover
from foadv_gui.desktop.training_desk import MORE_EPOCHS, State
from foadv_gui.lab.summary import counted

if TYPE_CHECKING:
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.desktop.training_desk import TrainingDesk

_ICON_PX = 18


class TrainRun(QFrame):
    """One large button, two small ones, a bar, and the words below it; `startWanted`: it was pressed to start."""

    startWanted = Signal()

    def __init__(self, desk: TrainingDesk, theme: ThemeKeeper) -> None:
        super().__init__()
        self.setObjectName("card")
        self._desk, self._theme = desk, theme
        self.button = OnceButton()
        self.button.setObjectName("main")
        self.button.setIconSize(QSize(_ICON_PX, _ICON_PX))
        self.button.clicked.connect(self._on_button)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip(hover("Stop for good within a moment; the epochs that are done stay on show"))
        self.cancel.clicked.connect(desk.cancel)
        self.more = QPushButton(f"+{MORE_EPOCHS} epochs")
        self.more.setToolTip(hover(f"Go on with the networks on show for {MORE_EPOCHS} more epochs"))
        self.more.clicked.connect(self._on_more)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.bar.setAccessibleName("Epochs done")
        self.sign = QLabel()
        self.sign.setFixedWidth(_ICON_PX + 2)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        small = QHBoxLayout()
        small.setSpacing(4)
        small.addWidget(self.cancel, 1)
        small.addWidget(self.more, 1)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.sign)
        row.addWidget(self.words, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addWidget(self.button)
        column.addLayout(small)
        column.addWidget(self.bar)
        column.addLayout(row)
        self._growing = False
        """Whether nothing but the epoch changes with the next record."""
        for changed in (desk.planChanged, desk.stateChanged):
            changed.connect(self._show)
        desk.recordChanged.connect(self._grow)
        theme.changed.connect(self._show)
        self._show()

    @Slot()
    def _on_button(self) -> None:
        if self._desk.running:
            self._desk.pause()
        else:
            self.startWanted.emit()

    @Slot()
    def _on_more(self) -> None:
        self.button.setFocus(Qt.FocusReason.OtherFocusReason)  # this one goes, and would leave the keys to a field
        self._desk.go_on()

    @Slot()
    def _grow(self) -> None:
        """Say how far it is: six times a second, so no more than that."""
        if self._growing and self._desk.running:
            self.bar.setValue(self._desk.steps)
            self.words.setText(progress_words(self._desk))
        else:
            self._show()

    @Slot()
    def _show(self) -> None:
        desk, theme = self._desk, self._theme.theme
        running, stopping = desk.running, desk.stopping
        self.button.setText("Stopping…" if stopping else "Pause" if running else self._start_words)
        name = "pause" if running else "again" if self._start_words == "Start again" else "play"
        self.button.setIcon(icon(name, theme.accent_text))
        self.button.setEnabled(not stopping if running else desk.plan.training is not None)
        self.button.setToolTip(hover(self._what_happens()))
        self.cancel.setVisible(running or desk.state is State.PAUSED)
        self.cancel.setEnabled(not stopping)
        self.cancel.setIcon(icon("cancel", theme.text))
        self.more.setVisible(not running and desk.steps > 0)
        self.more.setEnabled(desk.can_go_on)
        self.more.setIcon(icon("more", theme.text))
        self.bar.setVisible(running or desk.resumable)
        started = desk.record is not None
        self._growing = running and started
        self.bar.setRange(0, desk.epochs if started or not running else 0)
        self.bar.setValue(desk.steps)
        sign, colour, words = self._told()
        self.sign.setPixmap(icon(sign, colour).pixmap(_ICON_PX, _ICON_PX))
        self.words.setText(words)
        for part in (self.sign, self.words):
            part.setVisible(bool(words))

    @property
    def _start_words(self) -> str:
        desk = self._desk
        if desk.resumable:
            return "Resume" if desk.state is State.PAUSED else "Go on"
        return "Start again" if desk.record is not None and not desk.outdated else "Start"

    def _what_happens(self) -> str:
        desk = self._desk
        if desk.running:
            return "Stop after the present epoch, and go on from there later (Esc)"
        if desk.plan.training is None:
            return f"Cannot start: {desk.plan.problem}"
        if desk.resumable:
            return f"Go on from epoch {desk.steps} to epoch {desk.plan.section.epochs}, as if it had never stopped"
        again = ", in place of what is on show" if desk.record is not None else ""
        return f"Train {desk.plan.words} for {counted(desk.plan.section.epochs, 'epoch')}{again}"

    def _told(self) -> tuple[str, str, str]:
        """Icon, its colour, and the words."""
        desk, theme = self._desk, self._theme.theme
        state, at = desk.state, f"epoch {desk.steps} of {desk.epochs}"
        if desk.running:
            return "note", theme.note, progress_words(desk)
        if state is State.FAILED:
            return "no", theme.no, f"Failed: {desk.trouble}"
        if desk.trouble:
            return "no", theme.no, f"The pictures cannot be drawn: {desk.trouble}"
        if desk.outdated:
            return "unsure", theme.unsure, "On show is the last training, not the one that is set up here."
        if state is State.PAUSED:
            return "unsure", theme.unsure, f"Paused at {at}."
        if state is State.CANCELLED:
            kept = "; these are kept." if desk.record is not None else "."
            return "unsure", theme.unsure, f"Cancelled after {counted(desk.steps, 'epoch')}{kept}"
        if state is State.DIVERGED:
            tracks = desk.record.tracks if desk.record is not None else ()
            diverged = sum(bool(track.diverged) for track in tracks)
            return "unsure", theme.unsure, f"Done: {diverged} of {counted(len(tracks), 'network')} diverged."
        if state is State.DONE:
            return "yes", theme.yes, f"Done: {counted(desk.steps, 'epoch')}."
        if state is State.LOADED:
            return "note", theme.note, f"The training of {Path(desk.source).name}" if desk.source else ""
        return "note", theme.note, ""


def progress_words(desk: TrainingDesk) -> str:
    """How far a training is: "Epoch 31 of 60, about 35 s left"."""
    if desk.record is None:
        return "Starting: torch takes some seconds"
    left = desk.seconds_left
    return f"Epoch {desk.steps} of {desk.epochs}" + (f", about {duration(left)} left" if left else "")
