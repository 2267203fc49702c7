"""Turns at the window's thread: one drawing a frame."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QEventLoop, QObject, QTimer

from foadv_gui.desktop.frame_turns import FrameTurns

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class Drawn(QObject):
    """A view that counts the frames in which it was drawn."""

    def __init__(self, log: list[str], name: str) -> None:
        super().__init__()
        self._log, self._name = log, name

    def draw(self) -> None:
        self._log.append(self._name)


def test_who_asks_first_is_drawn_at_once_and_the_others_one_a_frame(qtbot: QtBot) -> None:
    log: list[str] = []
    turns, views = FrameTurns(), [Drawn(log, name) for name in "abc"]
    for view in (*views, *views):  # who asks twice before its turn is drawn once
        turns.ask(view.draw)
    assert log == ["a"]
    assert turns.waiting
    frames = [list(log)]
    looking = QTimer(interval=0)
    looking.timeout.connect(lambda: frames.append(list(log)))
    looking.start()
    qtbot.waitUntil(lambda: not turns.waiting)
    looking.stop()
    assert log == ["a", "b", "c", "a"]
    assert all(len(now) - len(before) <= 1 for before, now in pairwise(frames))


def test_nobody_is_drawn_after_the_end(qtbot: QtBot) -> None:
    log: list[str] = []
    turns, views = FrameTurns(), [Drawn(log, name) for name in "ab"]
    for view in views:
        turns.ask(view.draw)
    turns.close()
    loop = QEventLoop()
    QTimer.singleShot(40, loop.quit)
    loop.exec()
    assert log == ["a"]
