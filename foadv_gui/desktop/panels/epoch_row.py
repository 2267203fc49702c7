"""One epoch of up to four trainings, side by side."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from foadv_gui.desktop.epoch_session import Aim, EpochSession
from foadv_gui.desktop.panels.epoch_bar import QUANTITIES, EpochBar
from foadv_gui.desktop.panels.epoch_column import EpochColumn
from foadv_gui.desktop.plots.colour_bar import SharedColourBar
from foadv_gui.desktop.plots.landscape import LandscapePlot
from foadv_gui.desktop.undo import Choice
from foadv_gui.desktop.worker import ComputeThread, some_at_once
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.ranges import united
from foadv_gui.lab.training.first_look import default_lines, line_looks, plane_epoch
from foadv_gui.lab.training.words import line_label

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent, QShowEvent

    from foadv_gui.desktop.frame_turns import FrameTurns
    from foadv_gui.desktop.player import Player
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.desktop.training_desk import TrainingDesk
    from foadv_gui.lab.training.plan import Training
    from foadv_gui.lab.training.record import TrainingRecord

MOST = 4
_FIRST = 3
"""So many columns there are at first: with one more the landscapes are small."""
_AFTER_PAINT_MS = 60
_WATCH = "The network of one epoch of a training, attacked from random starts in place of δ = 0"
_LOOK_MS = 150
"""How long after the cursor moved it is looked at whether it rests."""
_TURN_MS = 16
"""A landscape takes some 10 ms to be drawn: so long the next one waits."""


class EpochRow(QWidget):
    """The columns of the Train page: what the network of the epoch at the desk's cursor looks like at one point.

    Nothing is computed before it is seen, nor while it is hidden.
    """

    exploreWanted = Signal(object)
    """The `Choice` of an epoch that somebody wants to explore."""
    failed = Signal(str, str)
    told = Signal(str)
    """A sentence for the status line."""

    def __init__(self, desk: TrainingDesk, player: Player, theme: ThemeKeeper, turns: FrameTurns) -> None:
        super().__init__()
        self._desk, self._player, self._theme, self._turns = desk, player, theme, turns
        self._at_once = some_at_once()
        self.columns: list[EpochColumn] = []
        """From left to right."""
        self._spare: list[EpochColumn] = []
        """Columns that are not on show: their threads do not run."""
        self._lines: dict[int, int] = {}
        """The line of each slot."""
        self._training: Training | None = None
        self._names: list[str] = []
        self._quantity = QUANTITIES[0]
        self._parts: tuple[str, ...] = ("landscape",)
        self._seen: dict[tuple[object, ...], tuple[float, float]] = {}
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._awake = self._closed = False
        self.bar = EpochBar(theme)
        self.colours = SharedColourBar(theme)
        self.colours.hide()
        self._row = QHBoxLayout()
        self._row.setSpacing(6)
        self._row.addWidget(self.colours)
        shown = QWidget()
        column = QVBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.bar)
        column.addLayout(self._row, 1)
        self.pages = QStackedWidget()
        self.pages.addWidget(QWidget())  # before there is a record
        self.pages.addWidget(shown)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.pages)
        self._due: list[EpochColumn] = []
        """Columns that have yet to follow a cursor that moves."""
        self._turn = QTimer(self, singleShot=True, interval=_TURN_MS)
        self._turn.timeout.connect(self._next)
        self._looking = QTimer(self, singleShot=True, interval=_LOOK_MS)
        self._looking.timeout.connect(self._follow)
        self.bar.pointWanted.connect(desk.set_point)
        self.bar.partsChosen.connect(self._show_parts)
        self.bar.quantityChosen.connect(self._show_quantity)
        self.bar.sharingChosen.connect(self._on_share)
        self.bar.added.connect(self.add_column)
        desk.recordChanged.connect(self._on_record)
        desk.pointChanged.connect(self._on_point)
        desk.cursorChanged.connect(self._follow)
        desk.stateChanged.connect(self._follow)
        self._on_record()

    # -- what there is -----------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether any picture is on its way, or still to be asked for."""
        return bool(self._due) or any(column.session.busy for column in self.columns)

    @property
    def count(self) -> int:
        """How many training points all arms have."""
        record = self._desk.record
        return min(len(data.y) for data in record.data) if record is not None else 0

    def fit(self) -> None:
        """Show the whole of all landscapes."""
        for column in self.columns:
            column.landscape.fit()

    def close_down(self) -> None:
        """Stop all timers and threads for good, and wait for them."""
        self._closed = True
        self._looking.stop()
        self._turn.stop()
        sessions = [column.session for column in (*self.columns, *self._spare)]
        for session in sessions:
            session.close()
            session.thread_of_its_own.requestInterruption()
            session.cancel()
        for session in sessions:
            session.thread_of_its_own.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    # -- the page comes and goes -------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Once it has been painted its threads may load torch, which stalls the interpreter."""
        super().showEvent(event)
        QTimer.singleShot(_AFTER_PAINT_MS, self._wake)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody sees it: nothing is asked."""
        super().hideEvent(event)
        self._awake = False

    @Slot()
    def _wake(self) -> None:
        """Make the first columns, too, one at a time: the beginning of a training would stop for all of them."""
        if self.isVisible() and not self._closed:
            self._awake = True
            self._follow()
            if len(self.columns) + len(self._spare) < _FIRST:
                self._spare.append(self._made())
                QTimer.singleShot(0, self._wake)

    # -- which columns -----------------------------------------------------------------------------------------------

    @Slot()
    def _on_record(self) -> None:
        record = self._desk.record
        self.pages.setCurrentIndex(0 if record is None else 1)
        if record is None:
            self._training = None
            for column in self.columns:
                column.session.forget()
            return
        if record.training is not self._training:
            self._open(record)
        self._on_point()

    def _open(self, record: TrainingRecord) -> None:
        """Another training, or the same for more epochs: then the columns stay."""
        before, self._training = self._training, record.training
        if before is not None and before.identity == record.training.identity:
            return
        self._names = [line_label(line, short=True) for line in record.training.lines]
        self._seen.clear()
        for column in list(self.columns):
            self._take_away(column)
        images = record.data[0].image_shape is not None
        self._show_parts(("landscape", "input") if images else tuple(p for p in self._parts if p != "input"))
        asked = record.training.base.view.quantity
        self._show_quantity(asked if asked in QUANTITIES else QUANTITIES[0])
        self.bar.show_loss(record.training.base.network.loss)
        for line in default_lines(record.training, _FIRST):
            self._put(line)
        self._show_columns()

    @Slot()
    def add_column(self) -> None:
        """One more column, for the first line that none shows: for another value of the first axis, if there is one."""
        count, shown = len(self._names), {self._lines[column.slot] for column in self.columns}
        first = default_lines(self._training, count) if self._training is not None else []
        free = [line for line in (*first, *range(count)) if line not in shown]
        if free and len(self.columns) < MOST:
            self._put(free[0])
            self._show_columns()
            self._follow()

    def _put(self, line: int) -> None:
        column = self._spare.pop(0) if self._spare else self._made()
        self._lines[column.slot] = line
        self.columns.append(column)
        self._row.addWidget(column, 1)
        column.session.set_view({"view.quantity": self._quantity})
        column.show_parts(self._parts)
        column.show()

    def _made(self) -> EpochColumn:
        session = EpochSession(ComputeThread(self, self._at_once), self, self._turns)
        column = EpochColumn(len(self.columns) + len(self._spare), session, self._player, self._theme)
        column.setParent(self)
        column.lineWanted.connect(self._on_line)
        column.removeWanted.connect(self._on_remove)
        column.exploreWanted.connect(self._on_explore)
        column.landscape.zoomed.connect(self._on_zoomed)
        session.viewWanted.connect(self._on_view)
        session.surfaceChanged.connect(self._share_colours)
        session.failed.connect(self.failed)
        return column

    def _take_away(self, column: EpochColumn) -> None:
        """Keep the widgets for another time, but no thread and no pictures."""
        self.columns.remove(column)
        self._spare.append(column)
        self._row.removeWidget(column)
        column.hide()
        column.session.forget()
        column.session.thread_of_its_own.close()

    def _show_columns(self) -> None:
        assert self._training is not None
        looks, full = line_looks(self._training), [line_label(line) for line in self._training.lines]
        for column in self.columns:
            column.show_lines(self._names, full, looks, self._lines[column.slot], alone=len(self.columns) == 1)
        self.bar.add.setEnabled(len(self.columns) < min(MOST, len(self._names)))
        self._share_colours()

    # -- what they show ----------------------------------------------------------------------------------------------

    @Slot()
    def _on_point(self) -> None:
        record, point = self._desk.record, self._desk.point
        if record is None or point >= self.count:
            return
        data = record.data[0]
        self.bar.show_point(point, self.count, float(data.y[point]), a_class=bool(data.classes))
        self._follow()

    @Slot()
    def _follow(self) -> None:
        """Have all columns show the epoch at the cursor; while it moves in turns, so that no frame draws them all."""
        if not self._following:
            return
        if self._desk.moving or self._live:
            if self._desk.moving:
                self._looking.start()
            self._due += [column for column in self.columns if column not in self._due]
            if not self._turn.isActive():
                self._next()
        else:
            self._due = []
            for column in self.columns:
                self._show_in(column)

    @Slot()
    def _next(self) -> None:
        """The turn of the next column that is behind, once the one before has its picture.

        Threads that all compute at once would leave the window neither a core nor the interpreter.
        """
        if any(column.session.moving and column.session.computing for column in self.columns):
            self._turn.start()
            return
        due, self._due = [column for column in self._due if column in self.columns], []
        if due and self._following:
            self._show_in(due[0])
            self._due = due[1:]
            self._turn.start()

    @property
    def _following(self) -> bool:
        """Whether there is an epoch to be shown, and somebody who sees it."""
        return self._awake and not self._closed and self._desk.point < self.count

    def _show_in(self, column: EpochColumn) -> None:
        """Have a column show the epoch at the cursor."""
        desk, record = self._desk, self._desk.record
        assert record is not None
        arm = self._lines[column.slot] * record.training.section.repeats
        last = plane_epoch(record, arm, growing=desk.running)
        thread = column.session.thread_of_its_own
        if not thread.isRunning():
            thread.start()
        column.session.follow(Aim(record, arm, desk.epoch, desk.point, last), live=desk.moving or self._live)

    @property
    def _live(self) -> bool:
        """Whether what is on show will not be so for long: the last epoch of a training that goes on."""
        return self._desk.running and self._desk.epoch == self._desk.steps

    @Slot(int, int)
    def _on_line(self, slot: int, line: int) -> None:
        self._lines[slot] = line
        self._show_columns()
        self._follow()

    @Slot(int)
    def _on_remove(self, slot: int) -> None:
        column = next((one for one in self.columns if one.slot == slot), None)
        if column is not None and len(self.columns) > 1:
            self._take_away(column)
            self._show_columns()

    @Slot(int)
    def _on_explore(self, slot: int) -> None:
        """Write the network of what is on show to a file that lasts as long as the window, and open it."""
        from foadv_gui.lab.training.epoch import checkpoint

        session = next(column.session for column in self.columns if column.slot == slot)
        picture, aim = session.picture, session.aim
        if picture is None or aim is None:
            return
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="foadv-epochs-", ignore_cleanup_errors=True)
        name = f"{self._names[self._lines[slot]]}, epoch {picture.epoch}, point {picture.point + 1}"
        file = Path(self._scratch.name) / f"arm-{picture.arm}-epoch-{picture.epoch}-point-{picture.point + 1}.npz"
        try:
            experiment = checkpoint(aim.record, picture.arm, picture.epoch, picture.point, file)
        except FileProblem as problem:
            self.told.emit(f"Not opened: {problem}")
            return
        self.exploreWanted.emit(Choice(experiment.changed({"title": name, "watch": _WATCH}), opened=name))

    # -- what columns share ------------------------------------------------------------------------------------------

    @Slot(object)
    def _show_parts(self, shown: tuple[str, ...]) -> None:
        self._parts = shown or ("landscape",)
        self.bar.show_parts(self._parts)
        for column in self.columns:
            column.show_parts(self._parts)
        self.colours.setVisible(self.bar.share.isChecked() and "landscape" in self._parts)

    @Slot(str)
    def _show_quantity(self, quantity: str) -> None:
        self._quantity = quantity
        self.bar.quantity.setCurrentIndex(self.bar.quantity.findData(quantity))
        self._on_view("view.quantity", quantity)

    @Slot(str, object)
    def _on_view(self, key: str, value: object) -> None:
        """A view of one column wants to be seen in another way: all columns are."""
        for column in self.columns:
            column.session.set_view({key: value})

    @Slot(bool)
    def _on_share(self, on: bool) -> None:
        self.colours.setVisible(on and "landscape" in self._parts)
        self._share_colours()

    @Slot()
    def _on_zoomed(self) -> None:
        """One landscape was zoomed or moved: all are, in units of epsilon."""
        plot = self.sender()
        assert isinstance(plot, LandscapePlot)
        for column in self.columns:
            if column.landscape is not plot:
                column.landscape.show_part(plot.visible_part)

    @Slot()
    def _share_colours(self) -> None:
        """Colour all landscapes alike, by all values that were seen on them: so the colours last while they move."""
        on, found, shown = self.bar.share.isChecked(), [], None
        for column in self.columns:
            picture, surface, known = column.session.picture, column.session.surface, column.landscape.colour_range
            if picture is not None and known is not None and surface is not None and surface.quantity == self._quantity:
                key = picture.arm, picture.point, self._quantity
                self._seen[key] = united([known, self._seen.get(key, known)])
                found.append(self._seen[key])
                shown = surface
        levels = united(found) if on and found else None
        for column in self.columns:
            column.landscape.share_colours(levels)
        if levels is not None and shown is not None:
            self.colours.show_range(*levels, shown, self.columns[0].session.experiment.view.colormap)

    def sizeHint(self) -> QSize:
        """As large as the page wants it."""
        return QSize(960, 330)
