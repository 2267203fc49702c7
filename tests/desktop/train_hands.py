"""What tests of the Train page share: tiny trainings, a page to work at, and who trains."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hands import Hands, small

from foadv_gui.desktop.trainer import train_for_real
from foadv_gui.desktop.training_desk import State
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.section import TrainingSection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

    from foadv_gui.desktop.main_window import MainWindow
    from foadv_gui.desktop.workspaces.train import TrainWorkspace
    from foadv_gui.lab.training.record import TrainingRecord


def tiny_training(over: str = "0.3,1", **section: Any) -> Training:
    """Two networks of 16 neurons that are trained on 8 points in 4 dimensions for 6 epochs."""
    base = small(network={"width": 16, "dimension": 4}, view={"grid": 21})
    settings = {"points": 8, "held_out": 4, "epochs": 6, "inner_steps": 3, "probes": 2, **section}
    return Training(base, TrainingSection(**settings)).over([("input.scale", over)])


def slowly(seconds: float) -> Any:
    """What trains, and takes its time over each epoch; it stops as soon as it is asked to."""

    def train(training: Any, so_far: Any, interrupted: Callable[[], bool]) -> Iterator[TrainingRecord]:
        for record in train_for_real(training, so_far, interrupted):
            yield record
            ends = time.monotonic() + seconds
            while time.monotonic() < ends and not interrupted():
                time.sleep(0.005)

    return train


class TrainHands(Hands):
    """A person at the Train page: by itself, since a whole window takes a second, or in its window."""

    def __init__(self, qtbot: QtBot, page: TrainWorkspace, window: MainWindow | None = None) -> None:
        self.qtbot, self.page, self.desk = qtbot, page, page.desk
        self.window: Any = window or page
        self.failures: list[str] = []
        page.failed.connect(self._note_failure)

    @property
    def run(self) -> Any:
        return self.page.setup.run

    def slowed(self, seconds: float) -> None:
        self.desk.trainer.train = slowly(seconds)

    def settle(self, timeout: int = 60_000) -> None:
        """Wait until nothing is trained or drawn any more."""
        self.until(lambda: not (self.desk.busy or self.page.plots.busy), timeout)
        assert not self.failures, self.failures

    def press_start(self) -> None:
        self.click(self.run.button)

    def train(self, training: Training | None = None) -> None:
        """Set a tiny training up, and train all of it."""
        self.desk.open(training or tiny_training())
        self.press_start_at_once()
        self.settle()
        assert self.desk.state in (State.DONE, State.DIVERGED), (self.desk.state, self.desk.trouble)

    def press_start_at_once(self) -> None:
        self.press_start()
        assert self.desk.running

    def plot(self, place: int = 0) -> Any:
        return self.page.plots.tiles[place].plot

    def words(self) -> str:
        return str(self.run.words.text())

    def undo(self, times: int = 1) -> None:
        for _ in range(times):
            self.page.undo_stack.undo()
