"""Cursors that are not of one session: over several at once, where shorter runs wait at their own ends; over epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.training_desk import TrainingDesk


class CommonPlayhead(QObject):
    """The cursor of several sessions, for one player and one playback bar."""

    cursorChanged = Signal()
    recordingChanged = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.position = 0.0
        self._sessions: tuple[Session, ...] = ()
        self._at_end = False
        self._turn = 0

    def follow(self, sessions: Sequence[Session]) -> None:
        """Move the cursors of these sessions from now on."""
        for session in self._sessions:
            session.recordingChanged.disconnect(self._on_recording)
        self._sessions = tuple(sessions)
        for session in self._sessions:
            session.recordingChanged.connect(self._on_recording)
        self._on_recording()

    @property
    def steps(self) -> int:
        """The last step of the longest run."""
        return max((session.steps for session in self._sessions), default=0)

    @property
    def t(self) -> int:
        """The iterate that the cursor is on."""
        return min(int(self.position), self.steps)

    @property
    def moving(self) -> bool:
        """Whether a control of any column was moved a moment ago."""
        return any(session.moving for session in self._sessions)

    @property
    def finished(self) -> bool:
        """Whether no more iterates will come in any."""
        return bool(self._sessions) and all(session.finished for session in self._sessions)

    @property
    def still_from(self) -> int:
        """The step from which no path of any column moves visibly any more."""
        return max((session.still_from for session in self._sessions), default=0)

    def set_position(self, position: float) -> None:
        """Move the cursor of each column, as far as its own run goes."""
        position = min(max(position, 0.0), float(self.steps))
        self._at_end = position >= self.steps > 0
        for session in self._sessions:
            session.set_position(position)
        if position != self.position:
            self.position = position
            self.cursorChanged.emit()

    def play_to(self, position: float) -> None:
        """Move the cursor on while it plays: each time one column follows, so that no frame draws all of them."""
        if position >= self.steps or len(self._sessions) < 2:
            self.set_position(position)
            return
        self.position = position
        self._turn = (self._turn + 1) % len(self._sessions)
        self._sessions[self._turn].set_position(position)
        self.cursorChanged.emit()

    @Slot()
    def _on_recording(self) -> None:
        """Another run, or more of one: at the end the cursor stays there, else where it is."""
        if self.finished:
            position = float(self.steps) if self._at_end else min(self.position, float(self.steps))
            if position != self.position:
                self.position = position
                self.cursorChanged.emit()
        for session in self._sessions:
            session.set_position(self.position)
        self.recordingChanged.emit()


class EpochPlayhead(QObject):
    """The cursor of a training, for a player and a playback bar: it moves over epochs."""

    cursorChanged = Signal()
    recordingChanged = Signal()

    moving = False
    """Nothing in the form makes pictures move: the player never has to wait."""

    def __init__(self, desk: TrainingDesk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        desk.cursorChanged.connect(self.cursorChanged)
        desk.recordChanged.connect(self.recordingChanged)

    @property
    def position(self) -> float:
        """Where it is, between two epochs."""
        return self._desk.position

    @property
    def steps(self) -> int:
        """The last epoch that there is."""
        return self._desk.steps

    @property
    def t(self) -> int:
        """The epoch that the cursor is on."""
        return self._desk.epoch

    @property
    def finished(self) -> bool:
        """Whether no more epochs will come."""
        return not self._desk.running

    @property
    def still_from(self) -> int:
        """All epochs are worth the same time."""
        return self._desk.steps

    def set_position(self, position: float) -> None:
        """Move the cursor."""
        self._desk.set_position(position)

    def play_to(self, position: float) -> None:
        """Move the cursor on while it plays."""
        self._desk.set_position(position)
