"""The playback clock: it moves the cursor over recorded iterates and computes nothing."""

from __future__ import annotations

from typing import Any, Protocol

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal, Slot

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
_TICK_MS = 16
_HOLD_SECONDS = 1.2
_MOVING_SECONDS = 4.0
_SLOWEST_RATE = 4.0
_STILL_FACTOR = 6.0
"""How much faster it plays where no path moves visibly any more."""


class Playhead(Protocol):
    """The cursor that a player moves: that of one session, or of several at once."""

    cursorChanged: Any
    recordingChanged: Any

    @property
    def position(self) -> float:
        """Where it is, between two iterates."""
        ...

    @property
    def steps(self) -> int:
        """The last step that there is."""
        ...

    @property
    def t(self) -> int:
        """The iterate that the cursor is on."""
        ...

    @property
    def moving(self) -> bool:
        """Whether a control was moved a moment ago."""
        ...

    @property
    def finished(self) -> bool:
        """Whether no more iterates will come."""
        ...

    @property
    def still_from(self) -> int:
        """The step from which no path moves visibly any more."""
        ...

    def set_position(self, position: float) -> None:
        """Move the cursor."""
        ...

    def play_to(self, position: float) -> None:
        """Move the cursor on, many times a second."""
        ...


class Player(QObject):
    """Plays what a playhead moves over: at speed 1 what moves takes `seconds`, or less at four steps a second."""

    changed = Signal()

    def __init__(self, playhead: Playhead, parent: QObject | None = None, *, seconds: float = _MOVING_SECONDS) -> None:
        super().__init__(parent)
        self._playhead, self._seconds = playhead, seconds
        self.speed = 1.0
        self.loop = True
        self._once = False
        """Whether it stops at the end even where it would begin again."""
        self._held = 0.0
        self._clock = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    @property
    def playing(self) -> bool:
        """Whether the cursor moves by itself."""
        return self._timer.isActive()

    @property
    def rate(self) -> float:
        """Iterates a second at the present speed and place."""
        moving = self._playhead.still_from
        rate = self.speed * max(_SLOWEST_RATE, moving / self._seconds)
        return rate * _STILL_FACTOR if self._playhead.position >= moving else rate

    @Slot()
    def play(self) -> None:
        """Start, from the beginning if the cursor is at the end."""
        if self._playhead.position >= self._playhead.steps:
            self._playhead.set_position(0.0)
        self._held, self._once = 0.0, False
        self._clock.start()
        self._timer.start()
        self.changed.emit()

    @Slot()
    def pause(self) -> None:
        """Stop on a whole iterate."""
        if self._timer.isActive():
            self._timer.stop()
            self._playhead.set_position(float(self._playhead.t))
            self.changed.emit()

    @Slot()
    def toggle(self) -> None:
        """Play or pause."""
        if self.playing:
            self.pause()
        else:
            self.play()

    def step(self, count: int) -> None:
        """Pause, and move by whole iterates."""
        self.pause()
        self._playhead.set_position(float(self._playhead.t + count))

    def seek(self, t: int) -> None:
        """Pause at an iterate."""
        self.pause()
        self._playhead.set_position(float(t))

    def to_end(self) -> None:
        """Pause at the last iterate."""
        self.seek(self._playhead.steps)

    def replay(self) -> None:
        """Play from the first iterate."""
        self._playhead.set_position(0.0)
        self.play()

    def play_once(self, start: int) -> None:
        """Play from an iterate to the end, and stay there."""
        self._playhead.set_position(float(start))
        self.play()
        self._once = True

    def set_speed(self, speed: float) -> None:
        """Play faster or slower, 0.1 to 10."""
        self.speed = min(max(speed, SPEEDS[0]), SPEEDS[-1])
        self.changed.emit()

    def change_speed(self, direction: int) -> None:
        """Go to the next faster (1) or slower (-1) of the usual speeds."""
        nearest = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - self.speed))
        self.set_speed(SPEEDS[min(max(nearest + direction, 0), len(SPEEDS) - 1)])

    def set_loop(self, loop: bool) -> None:
        """Begin again at the end, or stop there."""
        self.loop = loop
        self.changed.emit()

    @Slot()
    def _tick(self) -> None:
        seconds = self._clock.restart() / 1000
        playhead = self._playhead
        if playhead.moving:
            return  # a moving control has the window's time to itself
        if playhead.position < playhead.steps:
            # A slow frame must not jump ahead.
            playhead.play_to(playhead.position + min(seconds, 0.1) * self.rate)
            return
        if not playhead.finished:
            return
        self._held += seconds
        if self._once or not self.loop:
            self.pause()
        elif self._held >= _HOLD_SECONDS:
            self._held = 0.0
            playhead.set_position(0.0)
