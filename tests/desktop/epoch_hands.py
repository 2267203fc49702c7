"""A person at the columns of the Train page, over a record that takes some milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtTest import QTest

from foadv_gui.desktop.app import make_application
from foadv_gui.desktop.frame_turns import FrameTurns
from foadv_gui.desktop.panels.epoch_row import EpochRow
from foadv_gui.desktop.player import Player
from foadv_gui.desktop.theme import ThemeKeeper
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.study import train

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from foadv_gui.desktop.panels.epoch_column import EpochColumn
    from foadv_gui.lab.training.record import TrainingRecord


class Desk(QObject):
    """What the columns ask of the page's state: a record and a cursor over its epochs."""

    recordChanged = Signal()
    cursorChanged = Signal()
    recordingChanged = Signal()
    pointChanged = Signal()
    stateChanged = Signal()

    finished, still_from = True, 1000

    def __init__(self) -> None:
        super().__init__()
        self.record: TrainingRecord | None = None
        self.position, self.point = 0.0, 0
        self.running = self.moving = False

    @property
    def steps(self) -> int:
        return self.record.epoch if self.record is not None else 0

    @property
    def epoch(self) -> int:
        return min(int(self.position), self.steps)

    t = epoch

    def set_position(self, position: float) -> None:
        self.position = position
        self.cursorChanged.emit()

    play_to = set_position

    def set_point(self, point: int) -> None:
        self.point = point
        self.pointChanged.emit()

    def show(self, record: TrainingRecord | None) -> None:
        self.record = record
        self.recordChanged.emit()


def run(over: dict[str, Any], changes: dict[str, Any] | None = None, **section: Any) -> TrainingRecord:
    """The record of a training that takes some milliseconds: d = 8, m = 24, 6 epochs of 5 steps on 10 points.

    `changes` are made to the experiment, `section` to its training.
    """
    base = Experiment.model_validate(
        {"network": {"width": 24, "dimension": 8}, "input": {"ratio": 0.3}, "view": {"grid": 31}}
    )
    wanted = {"points": 10, "held_out": 0, "epochs": 6, "inner_steps": 5, "probes": 0, **section}
    training = Training(base.changed(changes or {})).changed(
        {f"training.{name}": value for name, value in wanted.items()}
    )
    *_, record = train(training.over(over.items()))
    return record


class Page:
    """A person at a row of columns."""

    def __init__(self, qtbot: QtBot) -> None:
        make_application()
        self.qtbot, self.desk, self.theme = qtbot, Desk(), ThemeKeeper()
        self.theme.choose("light", remember=False)
        self.player, self.turns = Player(self.desk), FrameTurns()
        self.row = EpochRow(self.desk, self.player, self.theme, self.turns)  # type: ignore[arg-type]
        self.choices: list[Any] = []
        self.failures: list[str] = []
        self.row.exploreWanted.connect(self.choices.append)
        self.row.failed.connect(lambda message, details: self.failures.append(message + details))
        self.row.resize(960, 330)
        self.row.show()

    @property
    def columns(self) -> list[EpochColumn]:
        return self.row.columns

    def rest(self) -> None:
        """Wait until all columns show the epoch at the cursor, and all that is known of it."""
        aims = {(self.desk.epoch, self.desk.point)}

        def shown() -> bool:
            found = [(column.session.picture, column.session.aim) for column in self.columns]
            return (
                bool(found)
                and {(aim.epoch, aim.point) for _, aim in found if aim is not None} == aims
                and all(picture is not None and picture.ball is not None for picture, _ in found)
                and not (self.row.busy or self.row._looking.isActive() or self.row._turn.isActive())
                and all(not column.landscape._rest.isActive() for column in self.columns)
                and not any(column.session.surface.coarse for column in self.columns)
            )

        self.qtbot.waitUntil(shown, timeout=60_000)
        assert not self.failures, self.failures

    def open(self, record: TrainingRecord, epoch: int = 0) -> None:
        self.desk.show(record)
        self.desk.set_position(float(epoch))
        self.rest()

    def click(self, widget: Any) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=QPoint(widget.width() // 2, widget.height() // 2))

    def choose(self, box: Any, index: int) -> None:
        """Choose an entry of a drop-down list with the keyboard."""
        QTest.keyClick(box, Qt.Key.Key_Home)
        for _ in range(index):
            QTest.keyClick(box, Qt.Key.Key_Down)
        assert box.currentIndex() == index
