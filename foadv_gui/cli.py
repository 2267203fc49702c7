"""The command line: without a command it opens the desktop.

Everything that takes time to import is imported inside the commands, so that the help and the window come at once.
"""

from __future__ import annotations

import json
import math
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from foadv_gui.cli_export import export
from foadv_gui.cli_render import ANIMATIONS, default_size, draw, record_of
from foadv_gui.cli_shared import (
    INTERRUPTED,
    Model,
    Refused,
    Settings,
    check_output,
    found_of,
    interruptible,
    progress,
    with_model,
)
from foadv_gui.cli_sweep import sweep, table_of
from foadv_gui.cli_train import refuse_training, train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.recording import Recording


class OneLineErrors(TyperGroup):
    """A command line whose errors are one line on stderr and exit status 2; a traceback only with ``--debug``."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run the command line and exit."""
        arguments = list(sys.argv[1:] if args is None else args)
        # Taken from anywhere on the line, since nobody remembers where it belongs.
        plain = [argument for argument in arguments if argument != "--debug"]
        try:
            status = super().main(plain, *rest, **{**extra, "standalone_mode": False})
        except (Exception, KeyboardInterrupt) as error:
            if len(plain) < len(arguments):
                raise
            status, line = _explain(error)
            typer.echo(f"foadv: {line}", err=True)
        sys.exit(status if isinstance(status, int) else 0)


def _explain(error: BaseException) -> tuple[int, str]:
    """The exit status for an error, and the one line that says what is wrong."""
    from foadv_gui.lab.config import ExperimentError
    from foadv_gui.lab.files import FileProblem

    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED, "interrupted"
    if hasattr(error, "format_message"):  # a mistake on the command line, in whichever click typer is built on
        context = getattr(error, "ctx", None)
        path = getattr(context, "command_path", "foadv")
        line = f"{error.format_message().rstrip('.')}; see {path} --help"
    elif isinstance(error, Refused | ExperimentError | FileProblem):
        line = str(error)
    elif isinstance(error, ImportError):
        line = f"a part is missing ({error}); foadv doctor says what is there"
    elif isinstance(error, MemoryError):
        line = "not enough memory: make network.width, ascent.restarts or compute.memory_mib smaller"
    elif isinstance(error, OSError):
        line = f"{error.filename or 'file'}: {error.strerror or error}"
    else:
        line = f"unexpected {type(error).__name__}: {error}; run it again with --debug for the details"
    return 2, " ".join(line.split())


app = typer.Typer(
    name="foadv",
    cls=OneLineErrors,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="See first-order adversaries climb the loss of a two-layer network. Without a command, open the desktop.",
)


class Theme(StrEnum):
    """Light or dark."""

    light = "light"
    dark = "dark"


Target = Annotated[
    str, typer.Argument(metavar="FILE|PRESET", help="A preset's name, a .toml experiment, or an .npz recording.")
]
Shown = Annotated[
    str,
    typer.Argument(
        metavar="FILE|PRESET",
        help="What foadv presets lists, a .toml file, a recording or a training (.npz), or a sweep's table (.parquet, "
        ".csv).",
    ),
]
Drawn = Annotated[
    str,
    typer.Argument(
        metavar="FILE|PRESET",
        help="A preset's name, a .toml experiment, a recording or a training (.npz), or a sweep's table (.parquet, "
        ".csv).",
    ),
]
Picture = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", help="The picture: .png or .svg; of a training also .gif or .mp4."),
]
ThemeOption = Annotated[Theme | None, typer.Option(help="Light or dark colours.")]
Size = Annotated[
    str | None,
    typer.Option(
        metavar="WxH", help="The size in pixels: 1920x1080, or 1280x720 for an animation, unless it is given."
    ),
]


@app.callback(invoke_without_command=True)
def desktop(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> int:
    """Open the desktop if no command is given."""
    if version:
        from foadv_gui import __version__

        typer.echo(f"foadv {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is not None:
        return 0
    from foadv_gui.desktop.app import main

    return main()


@app.command("open")
def open_(
    target: Shown,
    settings: Settings = None,
    model: Model = None,
    screenshot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a picture of the window to a .png file, and quit.")
    ] = None,
    at: Annotated[
        int | None,
        typer.Option(metavar="T", min=0, help="The step or epoch that the screenshot shows, at most the last."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="The size of the window in the screenshot, 1280x720.")
    ] = None,
    theme: ThemeOption = None,
) -> int:
    """Open the desktop with an experiment, a comparison, a sweep or a training."""
    if screenshot is None and (at is not None or size is not None):
        raise Refused("--at and --size belong to a screenshot: add --screenshot FILE")
    found = found_of(target, with_model(target, settings, model), compared=True)
    if screenshot is None:
        from foadv_gui.desktop.app import main

        return main(found, name=target, theme=theme)
    check_output(screenshot, (".png",))
    pixels = _size(size or "1280x720")
    from foadv_gui.desktop.app import screenshot as take

    take(found, screenshot, name=target, at=at, size=pixels, theme=theme)
    return 0


@app.command()
def presets() -> None:
    """List the experiments that come with the program, the comparisons, the sweeps and the trainings."""
    from foadv_gui.lab.comparison import comparison_names, load_comparison
    from foadv_gui.lab.presets import load_preset, preset_names
    from foadv_gui.lab.sweep.ready import load_sweep, sweep_names
    from foadv_gui.lab.training.ready import load_training, training_names

    titles = {name: load_preset(name).title for name in preset_names()}
    titles |= {name: f"comparison: {load_comparison(name).title}" for name in comparison_names()}
    titles |= {name: f"sweep: {load_sweep(name).base.title}" for name in sweep_names()}
    titles |= {name: f"training: {load_training(name).title}" for name in training_names()}
    width = max(map(len, titles), default=0)
    for name, title in titles.items():
        typer.echo(f"{name:<{width}}  {title}")


@app.command()
def run(
    target: Target,
    settings: Settings = None,
    model: Model = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Save the recording as .npz.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that is known as one JSON object.")] = False,
) -> int:
    """Run an experiment without a window, and print the verdict."""
    refuse_training(target)
    found = found_of(target, with_model(target, settings, model))
    experiment = found.experiment
    if output is not None:
        check_output(output, (".npz",))
    from foadv_gui.core.threads import use_one_thread
    from foadv_gui.lab.experiment import climb, given_starts, prepare
    from foadv_gui.lab.verdict import verdict

    use_one_thread()
    problem = prepare(experiment, given_starts(found.starts, experiment))
    with interruptible() as interrupted, progress("climbing", experiment.ascent.steps) as advance:
        started = time.perf_counter()
        recording = climb(problem, lambda growing: advance(growing.steps), interrupted=interrupted)
        seconds = time.perf_counter() - started
    if output is not None:
        recording.save(output)
    with progress("judging", recording.restarts) as advance:
        known = verdict(recording, device=problem.device, seconds=round(seconds, 6), judged=advance)
    if as_json:
        first = {key: known[key] for key in ("experiment", "device", "seconds", "best")}
        typer.echo(json.dumps(_strict({**first, **known}), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        _tell(experiment, recording, known)
        if recording.thinning:
            typer.echo(recording.thinning)
        if output is not None:
            typer.echo(f"saved as {output}")
    return INTERRUPTED if "cancelled" in recording.stop_reason else 0


app.command()(export)
app.command()(sweep)
app.command()(train)


@app.command()
def render(
    target: Drawn,
    output: Picture,
    settings: Settings = None,
    model: Model = None,
    size: Size = None,
    theme: ThemeOption = Theme.light,
    point: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The training point that an animation looks at, from 1.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(metavar="F", min=0.1, max=60, help="The pictures a second of an animation.")
    ] = None,
) -> None:
    """Draw an experiment, a sweep's table (.parquet, .csv) or a training (.npz) as one figure, without a window.

    Of a training also the landscape as it changes, as an animation (.gif, .mp4).
    """
    check_output(output, (".png", ".svg", *ANIMATIONS))
    pixels, colours = _size(size) if size else default_size(output), _colours(theme)
    settings = with_model(target, settings, model)
    record = record_of(target, settings)
    table = table_of(target, settings) if record is None else None
    if record is not None:
        draw(record, output, size=pixels, theme=colours, point=point, fps=fps)
    elif output.suffix.lower() in ANIMATIONS or point is not None or fps is not None:
        raise Refused(f"{output}: the name must end in .png or .svg: only of a training there is an animation")
    elif table is not None:
        from foadv_gui.lab.sweep import figure

        figure.save(table, output, size=pixels, theme=colours)
    else:
        found = found_of(target, settings)
        from foadv_gui.core.threads import use_one_thread
        from foadv_gui.lab.figures import save
        from foadv_gui.lab.observation import observe

        use_one_thread()
        save(observe(found.experiment, found.recording, found.starts), output, size=pixels, theme=colours)
    typer.echo(f"saved as {output}")


def _colours(theme: Theme | None) -> Literal["light", "dark"]:
    return "dark" if theme is Theme.dark else "light"


@app.command()
def doctor() -> int:
    """Say which parts, devices and screens this installation finds."""
    from foadv_gui.doctor import examine

    return examine()


@app.command()
def bench(
    only: Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="One topic; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as one JSON object.")] = False,
) -> int:
    """Measure the speeds that the design promises, each beside a baseline of the same run."""
    from foadv_gui.bench import measure, topics

    known = topics()
    if not known:
        raise Refused("the benchmarks come with the source: run it in a checkout, as uv run foadv bench")
    unknown = [name for name in only or () if name not in known]
    if unknown:
        raise Refused(f"--only {unknown[0]}: there is {', '.join(known)}")
    rows = []
    for name in only or known:
        typer.echo(f"measuring {name}", err=True)
        try:
            rows += list(measure(known[name]))
        except RuntimeError as problem:
            raise Refused(str(problem)) from None
    if as_json:
        typer.echo(json.dumps({"rows": rows}, indent=1))
    else:
        _print_rows(rows)
    return 0 if all(row["ok"] is not False for row in rows) else 1


def _print_rows(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "measured", "baseline", "ratio", "target", "")
    words = {True: "ok", False: "MISSED", None: ""}
    for row in rows:
        numbers = [f"{row['value']:.3g} {row['unit']}"]
        numbers += ["" if row[key] is None else f"{row[key]:.3g}" for key in ("baseline", "ratio")]
        table.add_row(row["name"], *numbers, row["target"] or "", words[row["ok"]])
    Console().print(table)


def _size(text: str) -> tuple[int, int]:
    least, most = 320, 8192
    width, times, height = text.lower().partition("x")
    if times and width.isdecimal() and height.isdecimal():
        pixels = int(width), int(height)
        if all(least <= side <= most for side in pixels):
            return pixels
    raise Refused(f"--size {text}: must be WIDTHxHEIGHT in pixels, each from {least} to {most}, as in 1920x1080")


def _strict(value: Any) -> Any:
    """The same value with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _strict(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _tell(experiment: Experiment, recording: Recording, known: dict[str, Any]) -> None:
    """Print the verdict in words, which count paths from 1 as the window does."""
    from foadv_gui.lab.findings import TONE_ICONS
    from foadv_gui.lab.summary import counted, summary

    restarts, best = known["restarts"], known["best"]
    if experiment.title:
        typer.echo(experiment.title)
    done = f"{counted(len(restarts), 'path')}, {counted(known['steps'], 'step')}"
    typer.echo(f"{done} in {known['seconds']:.2g} s on {known['device']}")
    if best is None:
        typer.echo("path 1, like all others without a finite loss:")
    else:
        typer.echo(f"path {best + 1}, the strongest, reaches the loss {restarts[best]['loss']:.6g}:")
    for clause in known["clauses"]:
        typer.echo(f"  {TONE_ICONS[clause['tone']]} {clause['words']}")
    distinct = known["distinct_maxima"]
    maxima = "" if distinct is None else f" {distinct} distinct {'maximum' if distinct == 1 else 'maxima'}."
    typer.echo(summary(recording, [entry["local_maximum"] for entry in restarts]) + maxima)
