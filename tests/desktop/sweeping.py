"""What tests of the Sweep page share: tiny sweeps, a page to work at, and who computes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hands import Hands, small
from PySide6.QtCore import Qt

from foadv_gui.desktop.sweep_desk import State
from foadv_gui.lab.sweep.engine import Alone
from foadv_gui.lab.sweep.grid import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QComboBox
    from pytestqt.qtbot import QtBot

    from foadv_gui.desktop.main_window import MainWindow
    from foadv_gui.desktop.workspaces.sweep import SweepWorkspace
    from foadv_gui.lab.config import Experiment

OVER = ("input.scale=0.1,1,10", "network.seed=0:2")


def tiny(**changes: Any) -> Experiment:
    """An experiment of some milliseconds."""
    parts: dict[str, Any] = {
        "network": {"width": 16, "dimension": 4},
        "ascent": {"steps": 20, "restarts": 3},
    }
    for section, values in changes.items():
        parts[section] = {**parts.get(section, {}), **values}
    return small(**parts)


def tiny_sweep(*over: str) -> Sweep:
    return Sweep.of(tiny(), over or OVER)


def slowly(seconds: float) -> Any:
    """What measures a point and takes its time, but not once somebody stops it."""

    def measure(point: Any, interrupted: Callable[[], bool]) -> Any:
        from foadv_gui.core.interruption import Interrupted
        from foadv_gui.lab.sweep.row import measure as plain

        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if interrupted():
                raise Interrupted
            time.sleep(0.005)
        return plain(point, interrupted)

    return measure


class SweepHands(Hands):
    """A person at the Sweep page: by itself, since a whole window takes a second, or in its window."""

    def __init__(self, qtbot: QtBot, page: SweepWorkspace, window: MainWindow | None = None) -> None:
        self.qtbot, self.page, self.desk = qtbot, page, page.desk
        self.window: Any = window or page
        self.failures: list[str] = []
        self.slowed(0.0)
        page.failed.connect(self._note_failure)

    def slowed(self, seconds: float) -> None:
        """Let one process compute, this one, and take its time for each point."""
        self.desk.crew_of = lambda _plan: Alone(slowly(seconds) if seconds else None)

    def settle(self, timeout: int = 60_000) -> None:
        """Wait until nothing is computed or drawn any more."""
        self.until(lambda: not self.desk.busy, timeout)
        assert not self.failures, self.failures

    def press_start(self) -> None:
        self.click(self.page.setup.run.button)

    def done(self) -> None:
        self.settle()
        assert self.desk.state is State.DONE, (self.desk.state, self.desk.trouble)

    def compute(self, *over: str) -> None:
        """Set a tiny sweep up, and compute all of it."""
        self.desk.open(tiny_sweep(*over))
        self.press_start()
        self.done()

    def rows(self) -> int:
        shown = self.desk.overview
        return 0 if shown is None else len(shown.table.frame)

    def plot(self, place: int) -> Any:
        """The picture in one of the four places."""
        plot = self.page.plots.tiles[place].plot
        assert plot is not None
        return plot

    def pick(self, box: QComboBox, data: object) -> None:
        """Go to an entry of a list with the arrow keys: headings are passed over."""
        self.focus(box)
        self.key(Qt.Key.Key_Home)
        for _ in range(box.count()):
            if box.currentData() == data:
                return
            self.key(Qt.Key.Key_Down)
        assert box.currentData() == data

    def words(self) -> str:
        return str(self.page.setup.run.words.text())

    def undo(self, times: int) -> None:
        for _ in range(times):
            self.page.undo_stack.undo()
