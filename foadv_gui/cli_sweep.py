"""The command ``foadv sweep``: many experiments without a window, and one table of what they find."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foadv_gui.cli_shared import (
    INTERRUPTED,
    Model,
    Refused,
    Settings,
    axes_of,
    changes_of,
    check_name,
    check_output,
    duration,
    holds_table,
    interruptible,
    with_model,
)
from foadv_gui.cli_train import refuse_training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from foadv_gui.lab.sweep.engine import Crew
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.progress import Progress
    from foadv_gui.lab.sweep.table import SweepTable

Target = Annotated[
    str,
    typer.Argument(
        metavar="FILE|PRESET|SWEEP",
        help="A ready sweep's or a preset's name, or a .toml file: an experiment, or a sweep with a table [sweep].",
    ),
]
Over = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUES",
        help="A setting that varies and its values: a list (0.1,1,10), lin:FROM:TO:COUNT, log:FROM:TO:COUNT or whole "
        "numbers FROM:TO, both ends included; repeatable. It replaces such an axis of a sweep's file.",
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The table: .parquet or .csv.")]
Processes = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="How many processes compute; as many as cores if not given.")
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="tcp://HOST:8786", help="A Dask scheduler whose workers compute.")
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with what a sweep that ended early has left, and compute what failed in it again; else begin.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Compute more than a million points without being asked.")]


def sweep(
    target: Target,
    output: Output,
    settings: Settings = None,
    over: Over = None,
    processes: Processes = None,
    scheduler: Scheduler = None,
    resume: Resume = False,
    yes: Yes = False,
    model: Model = None,
) -> int:
    """Run an experiment for all values of some settings, and write one table of what is found."""
    from foadv_gui.lab.sweep.table import ENDINGS

    check_output(output, ENDINGS)
    if scheduler is not None and processes is not None:
        raise Refused("--processes is for this machine: a scheduler's workers are as many as were started")
    if scheduler is not None and model is not None:
        raise Refused("--model is for this machine: a scheduler's workers have no code of yours")
    wanted = _sweep(target, with_model(target, settings, model), over or [])
    _check_size(wanted, yes)
    from foadv_gui.lab.sweep.engine import CrewError
    from foadv_gui.lab.sweep.study import run_sweep

    computed: list[int] = []
    started = time.perf_counter()
    with interruptible() as interrupted, _crew(processes, scheduler, model) as crew, _progress(wanted.size) as tell:
        try:
            table = run_sweep(
                wanted,
                output,
                crew=crew,
                resume=resume,
                on_rows=lambda rows: computed.append(len(rows)),
                on_progress=tell,
                interrupted=interrupted,
            )
        except CrewError as problem:
            kept = f"; what was done by then is in {output}, and --resume goes on" if output.exists() else ""
            raise Refused(f"{problem}{kept}") from None
        name = crew.name
    stopped = interrupted() and table.frame.height < wanted.size
    if table.failed == table.frame.height > 0 and not stopped:
        raise Refused(f"{_failures(table)}; the rows are in {output}")
    _tell(table, output, sum(computed), f"{duration(time.perf_counter() - started)} on {name}", hurried=stopped)
    return INTERRUPTED if stopped else 0


def _sweep(target: str, settings: list[str] | None, over: list[str]) -> Sweep:
    """The sweep that is meant, with the changes of all ``--set`` and ``--over``."""
    from foadv_gui.lab.config import SETTINGS, Experiment
    from foadv_gui.lab.documents import names_recording
    from foadv_gui.lab.presets import find, preset_names
    from foadv_gui.lab.settings import CHOOSERS
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.ready import load_sweep, sweep_names

    refuse_training(target)
    if names_recording(target):
        raise Refused(f"{target}: is a recording of one run; give an experiment (.toml), a preset or a ready sweep")
    if target in sweep_names():
        found = load_sweep(target)
        base, axes = found.base, dict(found.table)
    elif Path(target).suffix.lower() == ".toml" and target not in preset_names():
        base, tables = Experiment.with_tables(target, ("sweep",))
        axes = dict(Sweep.from_toml(target).table) if "sweep" in tables else {}
    else:
        check_name(target, [*sweep_names(), *preset_names()], "no ready sweep and no preset")
        base, axes = find(target), {}
    added = axes_of(over)
    changes = changes_of(settings)
    for key in changes:
        if key in axes or key in added:
            raise Refused(f"--set {key}: varies in this sweep; give its values with --over {key}=...")
    if not axes and not added:
        raise Refused(f"{target}: nothing varies; add --over, as in --over input.scale=log:0.01:30:13")
    varied = {**axes, **added}
    for entry in SETTINGS:  # a source "file" asks for one, which may be the first of those that vary
        if entry.kind == "path" and entry.key in varied:
            files = varied[entry.key]
            first = files.partition(",")[0] if isinstance(files, str) else files[0]
            changes[entry.key] = str(Path(first.strip()).absolute())
            if CHOOSERS[entry.key] not in varied:  # who names files wants them
                changes.setdefault(CHOOSERS[entry.key], "file")
    meant = Sweep.of_table(base.changed(changes), varied)
    meant.check_effects()
    return meant


def table_of(target: str, settings: list[str] | None) -> SweepTable | None:
    """The table that is to be drawn, or nothing where something else is meant; a sweep without one is refused."""
    from foadv_gui.lab.sweep.ready import sweep_names
    from foadv_gui.lab.sweep.table import ENDINGS, read_table

    if Path(target).suffix.lower() in ENDINGS:
        if settings:
            raise Refused(
                f"--set {settings[0]}: a table is drawn as it was computed; compute another: foadv sweep --help"
            )
        return read_table(target)
    if target in sweep_names() or holds_table(target, "sweep"):
        name = Path(target).stem
        raise Refused(
            f"{target}: is a sweep, and has to be computed first: foadv sweep {target} -o {name}.parquet, and then "
            f"foadv render {name}.parquet"
        )
    return None


def _check_size(wanted: Sweep, yes: bool) -> None:
    from foadv_gui.lab.sweep.grid import MOST_POINTS

    if wanted.size > MOST_POINTS and not yes:
        raise Refused(f"{wanted.size:,} points are more than {MOST_POINTS:,}: add --yes if you mean it")


@contextlib.contextmanager
def _crew(processes: int | None, scheduler: str | None, model: str | None) -> Iterator[Crew]:
    """Who computes: the workers of a scheduler, or processes of this machine."""
    crew: Crew
    if scheduler is None:
        from foadv_gui.lab.sweep.pool import Pool

        crew = Pool(processes, factory=model)
    else:
        from foadv_gui.lab.sweep.cluster import Cluster
        from foadv_gui.lab.sweep.engine import CrewError

        try:
            crew = Cluster(scheduler)
        except CrewError as problem:
            raise Refused(str(problem)) from None
    try:
        yield crew
    finally:
        crew.close()


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on stderr with the rate and the time left; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = TextColumn("sweeping"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}")
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=total)

        def tell(progress: Progress) -> None:
            bar.update(task, completed=progress.done, description=_pace(progress))

        yield tell


def _pace(progress: Progress) -> str:
    """How fast it goes, how long it will take and what failed, in words; nothing that is not known."""
    words = []
    if progress.rate:
        words.append(f"{progress.rate:.3g} points/s" if progress.rate >= 1 else f"{1 / progress.rate:.3g} s a point")
    if progress.left is not None and progress.done < progress.total:
        words.append(f"{duration(progress.left)} left")
    if progress.failed:
        words.append(f"{progress.failed:,} failed")
    return " · ".join(words) or "starting"


def _tell(table: SweepTable, output: Path, computed: int, effort: str, *, hurried: bool) -> None:
    """Print what was done, how far it came, what failed, unless `hurried` what the table says, and where it is."""
    from foadv_gui.lab.summary import counted

    done, size = table.frame.height, table.sweep.size
    if table.sweep.base.title:
        typer.echo(table.sweep.base.title)
    had = f"; the table has {f'all {size}' if done == size else f'{done} of {size}'}" if computed < size else ""
    typer.echo((f"{counted(computed, 'point')} computed in {effort}" if computed else "nothing computed") + had)
    if table.failed:
        typer.echo(f"foadv: {_failures(table)}", err=True)
    if done and not hurried:
        from foadv_gui.lab.sweep.reading import read  # with scipy's statistics, which take a second

        typer.echo(read(table))
    if done:
        typer.echo(f"saved as {output}" if done == size else f"saved as {output}; --resume computes the rest")


def _failures(table: SweepTable) -> str:
    """How many points failed, for which reason most often, and where it was so."""
    from foadv_gui.lab.summary import counted

    failed = table.frame.filter(table.frame["error"].is_not_null())
    errors = failed["error"].to_list()
    ((reason, count),) = Counter(errors).most_common(1)
    first = failed.row(errors.index(reason), named=True)
    where = ", ".join(f"{key} = {first[key]}" for key in table.sweep.keys)
    where += f", and at {count - 1} more" if count > 1 else ""
    often = "" if count == len(errors) else ", most often"
    return f"{len(errors)} of {counted(table.frame.height, 'point')} failed{often}: {reason} (at {where})"
