"""The mail of a compute thread comes a little at a time, and leaves the window's timers their turns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from foadv_gui.desktop.delivery import Delivery
from foadv_gui.desktop.frame_turns import FrameTurns

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

COUNT = 12
DRAWN_SECONDS = 0.005


class Busy(QObject):
    """A thread that has something new again whenever its last value is being drawn."""

    mailed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.waiting = [0]
        self.made = 1

    def take(self, most: int) -> list[tuple[int, object]]:
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return [(1, value) for value in taken]

    def make(self, several: int) -> None:
        first = not self.waiting
        self.waiting += range(self.made, self.made + several)
        self.made += several
        if first:
            self.mailed.emit()


class Window(QObject):
    """It takes a while to draw what comes, and has a timer that should go on meanwhile."""

    def __init__(self, thread: Busy, turns: FrameTurns | None, several: int = 1) -> None:
        super().__init__()
        self.thread, self.several = thread, several
        self.log: list[str] = []
        self.delivery = Delivery(thread, self, turns)  # type: ignore[arg-type]
        self.delivery.come.connect(self.draw)
        self.delivery.emptied.connect(self.rest)
        self.timer = QTimer(self, interval=1)
        self.timer.timeout.connect(self.tick)
        self.timer.start()

    @Slot(int, object)
    def draw(self, _job: int, value: object) -> None:
        self.log.append(f"{value}")
        if self.thread.made < COUNT:
            self.thread.make(self.several)
        time.sleep(DRAWN_SECONDS)

    @Slot()
    def rest(self) -> None:
        self.log.append("all")

    @Slot()
    def tick(self) -> None:
        self.log.append("tick")


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("several", [1, 4])
def test_timers_have_their_turns_between_what_comes(qtbot: QtBot, *, shared: bool, several: int) -> None:
    thread = Busy()
    turns = FrameTurns() if shared else None
    window = Window(thread, turns, several)
    thread.mailed.emit()
    qtbot.waitUntil(lambda: "all" in window.log and not thread.waiting, timeout=10_000)
    told = [entry for entry in window.log if entry not in ("tick", "all")]
    assert told == [str(i) for i in range(thread.made)]
    first, last = window.log.index("0"), window.log.index(str(thread.made - 1))
    runs = " ".join(window.log[first : last + 1]).split("tick")
    assert max(len(run.split()) for run in runs) <= 3, "so many were drawn before the timer had its turn"
    assert window.log.index("all") > last


@pytest.mark.parametrize("shared", [False, True])
def test_nothing_comes_once_it_is_closed(qtbot: QtBot, *, shared: bool) -> None:
    thread = Busy()
    turns = FrameTurns() if shared else None
    window = Window(thread, turns)
    thread.mailed.emit()
    qtbot.waitUntil(lambda: "0" in window.log)
    window.delivery.close()  # the next value has been announced
    thread.mailed.emit()
    before = len(window.log)
    qtbot.waitUntil(lambda: window.log[before:].count("tick") > 30)
    assert set(window.log[before:]) == {"tick"}
