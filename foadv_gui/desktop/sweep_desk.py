"""The one state of the Sweep page: what is to be computed, how far it is, and what is on show; signals and undo.

Views call its methods and listen to its signals; they never call each other.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoStack

from foadv_gui.desktop.sweeper import Ended, Order, Sweeper
from foadv_gui.desktop.undo import Change
from foadv_gui.lab.sweep.draft import Draft, Line
from foadv_gui.lab.sweep.overview import Ground, Look

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.desktop.drawer import Trouble
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.sweep.engine import Crew
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.overview import Overview
    from foadv_gui.lab.sweep.progress import Progress
    from foadv_gui.lab.sweep.table import SweepTable

_STEADY_SECONDS = 2.0
"""Before that a rate says little."""


class State(Enum):
    """Where the page stands."""

    EMPTY = "empty"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    LOADED = "loaded"


@dataclass(frozen=True)
class Plan:
    """All that is chosen on the left: the sweep as it is written, who computes it, and where its rows go.

    `address` is that of a Dask scheduler, used if `cluster`; `processes` is how many of this machine otherwise. Without
    an `output` the rows are kept until the window closes.
    """

    draft: Draft
    processes: int
    cluster: bool = False
    address: str = ""
    output: Path | None = None
    resume: bool = False


def crew_of(plan: Plan) -> Crew:
    """Who computes what a plan says; raises `CrewError` for a scheduler that cannot be reached."""
    if plan.cluster:
        from foadv_gui.lab.sweep.cluster import Cluster

        return Cluster(plan.address)
    from foadv_gui.lab.modules import called_factory
    from foadv_gui.lab.sweep.pool import Pool

    return Pool(plan.processes, factory=called_factory())


class SweepDesk(QObject):
    """What is planned, what is being computed, and what is on show."""

    planChanged = Signal()
    stateChanged = Signal()
    progressChanged = Signal()
    overviewChanged = Signal()
    failed = Signal(str, str)
    """An error that nobody expected, and its details."""

    def __init__(self, plan: Plan, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.plan = plan
        self.undo_stack = QUndoStack(self)
        self.crew_of: Callable[[Plan], Crew] = crew_of
        self.state = State.EMPTY
        self.trouble = ""
        """Why the last sweep failed, or why its pictures cannot be drawn."""
        self.progress: Progress | None = None
        self.crew_name = ""
        self.source = ""
        """The file whose table is on show, or nothing."""
        self.saved = True
        """Whether the rows on show are in a file that somebody chose."""
        self.spent = 0.0
        """For how many seconds were computed the rows that are in no file."""
        self._started = 0.0
        self.sweep: Sweep | None = None
        """What is being computed or on show."""
        self.overview: Overview | None = None
        self.look = Look()
        self._rate: tuple[Experiment, float] | None = None
        self._first: tuple[float, int] | None = None
        self._scratch: Path | None = None
        self._output: Path | None = None
        self._sweeper = Sweeper(self)
        self._sweeper.progressed.connect(self._on_progress)
        self._sweeper.drawn.connect(self._on_drawn)
        self._sweeper.ended.connect(self._on_ended)
        self._sweeper.troubled.connect(self._on_trouble)

    # -- the plan ------------------------------------------------------------------------------------------------

    @property
    def draft(self) -> Draft:
        """The sweep as it is written."""
        return self.plan.draft

    def edit(self, what: str, *, live: str = "", **changes: object) -> None:
        """Change the plan, which can be undone; changes of one `live` thing merge while they follow each other."""
        after = replace(self.plan, **changes)  # type: ignore[arg-type]
        if after != self.plan:
            self.undo_stack.push(Change(self, self.plan, after, live or what, bool(live), what))

    def set_base(self, base: Experiment) -> None:
        """Vary another experiment."""
        self.edit("base experiment", draft=replace(self.draft, base=base))

    @Slot(int, object)
    def set_line(self, i: int, line: Line) -> None:
        """Write axis i in another way, or one more."""
        same = i < len(self.draft.lines) and self.draft.lines[i].key == line.key
        self.edit("axis", live=f"axis {i}" if same else "", draft=self.draft.with_line(i, line))

    @Slot(int)
    def remove_line(self, i: int) -> None:
        """Let one setting less vary."""
        self.edit("remove axis", draft=self.draft.without(i))

    def restore(self, plan: Plan, *, live: bool = False) -> None:
        """Take a plan that undo or redo brings back; nothing is computed of it, so `live` makes no difference."""
        self.plan = plan
        self.planChanged.emit()

    def begin_with(self, base: Experiment) -> None:
        """Begin with an experiment; there is nothing yet to go back to."""
        self.restore(replace(self.plan, draft=Draft.beginning(base)))

    def open(self, sweep: Sweep, table: SweepTable | None = None, source: str = "") -> None:
        """Take another sweep over, and show what has been computed of it."""
        self.edit("open", draft=Draft.of(sweep), output=None, resume=False)
        if self.running:
            return
        self._show(sweep)
        self.state, self.source = (State.EMPTY, "") if table is None else (State.LOADED, source)
        self.saved = True
        if table is not None:
            self._sweeper.look(self.look)
            self._sweeper.show(table)
        self.stateChanged.emit()

    # -- computing -----------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether a sweep is being computed."""
        return self._sweeper.running

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._sweeper.stopping

    @property
    def busy(self) -> bool:
        """Whether anything is on its way."""
        return self._sweeper.busy

    @property
    def resumable(self) -> bool:
        """Whether the next start goes on with what is on show."""
        if self.state not in (State.CANCELLED, State.FAILED) or self._output is None or not self._same_sweep:
            return False
        return self._output == (self.plan.output or self._scratch_file(self.sweep)) and self._output.exists()

    @property
    def outdated(self) -> bool:
        """Whether what is on show is of another sweep than the plan's."""
        return self.sweep is not None and self.state is not State.EMPTY and not self._same_sweep

    @property
    def _same_sweep(self) -> bool:
        planned = self.draft.sweep
        return self.sweep is not None and planned is not None and planned.identity == self.sweep.identity

    @property
    def seconds(self) -> float | None:
        """How long the planned sweep takes at the rate of the last one, if that was of the same experiment."""
        planned = self.draft.sweep
        if planned is None or self._rate is None or not self._rate[1] or not self._rate[0].same_run(planned.base):
            return None
        return planned.size / self._rate[1]

    @Slot()
    def start(self) -> None:
        """Compute the plan, or go on with it where it was stopped."""
        sweep = self.draft.sweep
        if sweep is None or self.running:
            return
        resume = self.resumable or (self.plan.resume and self.plan.output is not None)
        output = self.plan.output or self._scratch_file(sweep)
        if self.plan.output is None and not resume:
            for file in output.parent.glob(f"*{sweep.identity}*"):
                file.unlink(missing_ok=True)
        self._output, plan, make = output, self.plan, self.crew_of
        if not self.resumable or self.saved:
            self.spent = 0.0
        if not self.resumable:
            self._show(sweep)
        self._started = time.monotonic()
        self.saved = self.plan.output is not None
        self.state, self.trouble, self.progress, self.source = State.RUNNING, "", None, ""
        self._first = None
        self.crew_name = "Dask" if plan.cluster else _processes(plan.processes)
        self._sweeper.start(Order(sweep, lambda: make(plan), output, resume))
        self._sweeper.look(self.look)
        self.stateChanged.emit()

    def cancel(self) -> None:
        """Stop what is being computed; what is done is kept."""
        if self.running:
            self._sweeper.cancel()
            self.stateChanged.emit()

    def note_saved(self, path: str, table: SweepTable) -> None:
        """The rows of a table are in a file that somebody chose: perhaps all of those on show."""
        shown = self.overview.table if self.overview is not None else None
        if shown is not None and not self.running and shown.frame.equals(table.frame):
            self.saved, self.source = True, path
            self.stateChanged.emit()

    def close(self) -> None:
        """Stop for good, wait, and forget what nobody wanted to keep."""
        self._sweeper.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _scratch_file(self, sweep: Sweep | None) -> Path:
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="foadv-sweep-"))
        return self._scratch / f"{sweep.identity if sweep is not None else 'none'}.parquet"

    def _show(self, sweep: Sweep) -> None:
        self.sweep, self.overview, self.progress, self.trouble = sweep, None, None, ""
        self.overviewChanged.emit()

    # -- looking -------------------------------------------------------------------------------------------------

    def set_ground(self, ground: Ground | None) -> None:
        """Draw over other axes."""
        self._look(replace(self.look, ground=ground))

    @Slot(int, str)
    def set_metric(self, place: int, name: str) -> None:
        """Draw another metric in one of the places."""
        metrics = self.look.metrics
        self._look(replace(self.look, metrics=(*metrics[:place], name, *metrics[place + 1 :])))

    def _look(self, look: Look) -> None:
        self.look = look
        self._sweeper.look(look)

    # -- answers -------------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_progress(self, progress: Progress) -> None:
        self.progress = progress
        now = time.monotonic()
        if progress.done and self._first is None:
            self._first = (now, progress.done)
        if self._first is not None and self.sweep is not None and now - self._first[0] > _STEADY_SECONDS:
            # Over the whole run: points differ, and the last ones may be the slowest.
            self._rate = (self.sweep.base, (progress.done - self._first[1]) / (now - self._first[0]))
        self.progressChanged.emit()

    @Slot(object)
    def _on_drawn(self, overview: Overview) -> None:
        if self.sweep is not None and overview.table.sweep.identity == self.sweep.identity:
            self.overview = overview
            self.overviewChanged.emit()

    @Slot(object)
    def _on_ended(self, ended: Ended) -> None:
        self.spent += time.monotonic() - self._started
        self.state = State.CANCELLED if ended.cancelled else State.DONE
        if ended.trouble is not None:
            self.state = State.FAILED
            self._on_trouble(ended.trouble)
        self.stateChanged.emit()

    @Slot(object)
    def _on_trouble(self, trouble: Trouble) -> None:
        self.trouble = trouble.problem
        if trouble.details:
            self.failed.emit(trouble.problem, trouble.details)
        self.stateChanged.emit()


def _processes(count: int) -> str:
    return f"{count} process{'' if count == 1 else 'es'}"
