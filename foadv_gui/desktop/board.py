"""What the compare page shows, as a value: the comparison, and for each column its run's choice and its session."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from foadv_gui.desktop.undo import Choice
from foadv_gui.lab.comparison import MOST, Comparison, comparison_of
from foadv_gui.lab.config import SETTINGS
from foadv_gui.lab.documents import keeps_starts

if TYPE_CHECKING:
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.recording import Recording


@dataclass(frozen=True, eq=False)
class Cell:
    """A column: which session shows it, what it shows, and which pin it was, counted from 1 (0: none).

    A `filler` is only there so that a single pinned run has something beside it.
    """

    slot: int
    choice: Choice
    pin: int = 0
    filler: bool = False


@dataclass(frozen=True, eq=False)
class Board:
    """A comparison and its cells, a cell for each column.

    `opened` is the same for all boards that were made from one that was opened.
    """

    comparison: Comparison
    cells: tuple[Cell, ...]
    opened: object = field(default_factory=object)

    @classmethod
    def of(cls, comparison: Comparison) -> Board:
        """A comparison as it was opened."""
        return cls(comparison, tuple(Cell(i, Choice(one)) for i, one in enumerate(comparison.columns)))

    @classmethod
    def around(cls, choice: Choice) -> Board:
        """A run that is pinned, and beside it the same experiment at another input scale."""
        comparison = Comparison.beside(choice.experiment)
        first, second = comparison.columns
        return cls(comparison, (Cell(0, replace(choice, experiment=first), 1), Cell(1, Choice(second), filler=True)))

    @property
    def as_shipped(self) -> bool:
        """Whether it is a ready comparison that nobody has changed."""
        shipped = bool(comparison_of(self.comparison.title)) and not self.comparison.changed_from
        return shipped and not any(cell.pin for cell in self.cells)

    @property
    def recordings(self) -> list[Recording]:
        """The saved runs that it keeps in memory."""
        return [one for cell in self.cells for one in cell.choice.recordings]

    def same(self, other: Board) -> bool:
        """Whether another board shows the very same."""
        alike = self.comparison == other.comparison and self.opened is other.opened
        return alike and all(
            one is two or (one.slot, one.choice, one.pin, one.filler) == (two.slot, two.choice, two.pin, two.filler)
            for one, two in zip(self.cells, other.cells, strict=True)
        )

    def column_of(self, slot: int) -> int | None:
        """The column that a session shows."""
        return next((i for i, cell in enumerate(self.cells) if cell.slot == slot), None)

    def at(self, comparison: Comparison) -> Board:
        """Other experiments in the same columns; what was set by hand stays where that means something."""
        cells = zip(self.cells, comparison.columns, strict=True)
        return replace(
            self,
            comparison=comparison,
            cells=tuple(_with(cell, _led(cell.choice, one)) for cell, one in cells),
        )

    def with_choice(self, i: int, choice: Choice) -> Board:
        """Another choice in one column."""
        comparison = self.comparison.with_column(i, choice.experiment)
        cell = _with(self.cells[i], replace(choice, experiment=comparison.columns[i]))
        return replace(self, comparison=comparison, cells=(*self.cells[:i], cell, *self.cells[i + 1 :]))

    def pin_of(self, choice: Choice) -> int | None:
        """The column of a pinned run, if this is it with the same path in focus, and its column is still as it was."""
        run = choice.experiment

        def alike(cell: Cell) -> bool:
            other = cell.choice.experiment
            same = other.same_run(run) and other.view.focus == run.view.focus
            return bool(cell.pin) and same and cell.choice.starts is choice.starts

        return next((i for i, cell in enumerate(self.cells) if alike(cell)), None)

    def extended(self) -> Board:
        """One more column, at another value."""
        comparison = self.comparison.extended()
        cell = Cell(self._free, _led(self.cells[-1].choice, comparison.columns[-1]))
        return replace(self, comparison=comparison, cells=(*self.cells, cell))

    def without(self, i: int) -> Board:
        """The others without column i."""
        return replace(self, comparison=self.comparison.removed(i), cells=(*self.cells[:i], *self.cells[i + 1 :]))

    def moved(self, i: int, to: int) -> Board:
        """Column i at the place `to`."""
        rest = [*self.cells[:i], *self.cells[i + 1 :]]
        cells = (*rest[:to], self.cells[i], *rest[to:])
        return replace(self, comparison=self.comparison.moved(i, to), cells=cells)

    def pinned(self, choice: Choice) -> tuple[Board, int]:
        """A run that is pinned, and its column: that of a filler, one more, or where there is no room another's.

        That of the last one that was not pinned, and once all have been, of the one that was pinned first.
        """
        pin = max(cell.pin for cell in self.cells) + 1
        filled = any(cell.filler for cell in self.cells)
        if len(self.cells) < MOST and not filled:
            comparison, i = self.comparison.added(choice.experiment), len(self.cells)
            cells = (*self.cells, Cell(self._free, choice, pin))
        else:
            i = self._giving_way
            comparison = self.comparison.with_column(i, choice.experiment)
            cells = (*self.cells[:i], Cell(self.cells[i].slot, choice, pin), *self.cells[i + 1 :])
        cell = replace(cells[i], choice=replace(choice, experiment=comparison.columns[i]))
        return replace(self, comparison=comparison, cells=(*cells[:i], cell, *cells[i + 1 :])), i

    def unpinned(self, i: int) -> Board:
        """Column i as if it had never been pinned."""
        return replace(self, cells=(*self.cells[:i], replace(self.cells[i], pin=0), *self.cells[i + 1 :]))

    @property
    def _giving_way(self) -> int:
        unpinned = [i for i, cell in enumerate(self.cells) if not cell.pin]
        fillers = [i for i in unpinned if self.cells[i].filler]
        if fillers:
            return fillers[-1]
        return unpinned[-1] if unpinned else min(range(len(self.cells)), key=lambda i: self.cells[i].pin)

    @property
    def _free(self) -> int:
        """A session that shows nothing."""
        return next(slot for slot in range(MOST) if self.column_of(slot) is None)


def _with(cell: Cell, choice: Choice) -> Cell:
    """A column that shows something else: what somebody changed is no filler any more."""
    return cell if choice is cell.choice else replace(cell, choice=choice, filler=False)


def _led(choice: Choice, experiment: Experiment) -> Choice:
    """A choice with another experiment: the same one if it is equal."""
    before = choice.experiment
    if experiment == before:
        return choice
    keys = [entry.key for entry in SETTINGS if before.get(entry.key) != experiment.get(entry.key)]
    starts = choice.starts if all(map(keeps_starts, keys)) else None
    return Choice(experiment, starts, choice.recording if experiment.same_run(before) else None)
