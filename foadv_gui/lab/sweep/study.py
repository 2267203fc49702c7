"""A whole sweep: what is there is kept, the rest is computed, and the table is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from foadv_gui.core.interruption import never
from foadv_gui.lab.sweep.engine import compute
from foadv_gui.lab.sweep.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.engine import Crew
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.progress import Progress
    from foadv_gui.lab.sweep.table import SweepTable


def run_sweep(
    sweep: Sweep,
    output: Path | None,
    *,
    crew: Crew,
    resume: bool = False,
    on_rows: Callable[[list[Row]], object] = lambda _: None,
    on_progress: Callable[[Progress], object] = lambda _: None,
    interrupted: Callable[[], bool] = never,
) -> SweepTable:
    """Compute a sweep and return its table, which `output` then holds, if it is given.

    Parameters
    ----------
    sweep
        What to compute.
    output
        A .parquet or .csv file, or None for a sweep that is not saved.
    crew
        Who computes it. Whoever made it closes it.
    resume
        Whether to compute only what a table and a journal of this sweep lack, and what failed in them.
    on_rows
        Gets the rows that are computed, a batch at a time, after they were written.
    on_progress
        Is told how far the whole sweep has come, with what was there before.
    interrupted
        When it becomes true, the table of what is done by then is written and returned, within a second or so.

    Raises
    ------
    FileProblem
        Before anything is computed if the output cannot be written or holds something else, or another process is
        computing it; or when it cannot be written any more.
    CrewError
        If the crew cannot go on; the table of what is done by then was written.
    """
    store = Store(sweep, output, resume=resume)
    before = store.done

    def take(rows: list[Row]) -> None:
        store.append(rows)
        on_rows(rows)

    def tell(progress: Progress) -> None:
        on_progress(replace(progress, done=progress.done + before, total=sweep.size))

    try:
        if before < sweep.size:
            missing = sweep.size - before
            compute(store.missing(), missing, crew, on_rows=take, on_progress=tell, interrupted=interrupted)
    finally:
        table = store.finish()
    return table
