"""The command ``foadv train``: adversarial training without a window, and one file of all that it leaves."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foadv_gui.cli_shared import (
    INTERRUPTED,
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from foadv_gui.lab.training.plan import Training
    from foadv_gui.lab.training.record import TrainingRecord

_SHARE = 10
"""A checkpoint comes at the earliest after so many times the time that the last one took."""
Target = Annotated[
    str,
    typer.Argument(
        metavar="FILE|PRESET|TRAINING",
        help="A ready training's or a preset's name, a .toml file (an experiment, or a training with a table "
        "[training]), or the .npz file of a training that goes on.",
    ),
]
Over = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUES",
        help="A setting that varies from one line to another, as in --over input.scale=0.1,1,10; repeatable. It "
        "replaces such an axis of a training's file.",
    ),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Save the training as .npz.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="PACKAGE.MODULE:FACTORY",
        help="Train an nn.Module: call this function of yours, which returns one, or one and a loss, for each network "
        "anew, with PyTorch's seed set to its network.seed (a module in its place is copied). Its first layer is "
        "trained, or all of it with --set training.train_a=true. Runs its code; a file that goes on needs it again.",
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with what a training that ended early has left; else begin.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print what came out as one JSON object.")]
Every = Annotated[
    float, typer.Option(metavar="SECONDS", min=0, help="How often the file is written while the training runs.")
]


def train(
    target: Target,
    settings: Settings = None,
    over: Over = None,
    model: Model = None,
    output: Output = None,
    resume: Resume = False,
    as_json: AsJson = False,
    checkpoint_every: Every = 10.0,
) -> int:
    """Train networks on attacked points, side by side for all values of some settings, and say what came of it."""
    if output is not None:
        check_output(output, (".npz",))
    settings = with_model(target, settings, model)
    wanted, so_far, output = _wanted(target, settings, over or [], output, resume=resume)
    from foadv_gui.core.threads import use_one_thread
    from foadv_gui.lab.training.study import train as course

    use_one_thread()
    record, begun = so_far, -1 if so_far is None else so_far.epoch
    checkpoint = _Checkpoint(output, checkpoint_every)
    started = time.perf_counter()
    with interruptible() as interrupted, _progress(wanted, begun) as tell:
        for record in course(wanted, so_far, interrupted=interrupted):
            tell(record.epoch)
            checkpoint.offer(record)
        checkpoint.save(record)
    seconds = time.perf_counter() - started
    if record is None:
        typer.echo("foadv: interrupted before the first epoch", err=True)
        return INTERRUPTED
    if as_json:
        from foadv_gui.lab.training.reading import summary

        typer.echo(json.dumps(summary(record), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        _tell(record, begun, seconds, output)
    return 0 if record.finished else INTERRUPTED


def refuse_training(target: str) -> None:
    """Refuse a training where one run of an experiment is meant."""
    from foadv_gui.lab.presets import preset_names
    from foadv_gui.lab.training.files import holds_training
    from foadv_gui.lab.training.ready import training_names

    named = target in training_names() and target not in preset_names()
    if named or holds_table(target, "training"):
        raise Refused(f"{target}: is a training: foadv train {target} trains it")
    if Path(target).suffix.lower() == ".npz" and holds_training(target):
        raise Refused(f"{target}: is the record of a training, not of one run: look at it with foadv open {target}")


def _wanted(
    target: str, settings: list[str] | None, over: list[str], output: Path | None, *, resume: bool
) -> tuple[Training, TrainingRecord | None, Path | None]:
    """What is to be trained, what there is of it already, and where it is saved."""
    if Path(target).suffix.lower() == ".npz":
        return _continued(target, settings, over, output, resume=resume)
    training = _changed(_found(target), settings, over)
    if output is None:
        if resume:
            raise Refused("--resume goes on with the file that -o names: add -o FILE.npz")
        return training, None, None
    return training, _begun(output, training, resume=resume), output


def _found(target: str) -> Training:
    """The training that a name or a .toml file stands for."""
    from foadv_gui.lab.presets import find, preset_names
    from foadv_gui.lab.training.plan import Training, of_preset
    from foadv_gui.lab.training.ready import load_training, training_names

    known = [*training_names(), *preset_names()]
    if target in training_names():
        return load_training(target)
    if target not in known:
        _refuse_other(target)
    if Path(target).suffix.lower() == ".toml" and target not in known:
        return Training.from_toml(target)
    check_name(target, known, "no ready training and no preset")
    return of_preset(find(target))


def _refuse_other(target: str) -> None:
    """Refuse a sweep or a comparison, which have axes of their own."""
    from foadv_gui.lab.comparison import comparison_names
    from foadv_gui.lab.sweep.ready import sweep_names

    for table, names, what in (("sweep", sweep_names(), "a sweep"), ("compare", comparison_names(), "a comparison")):
        if target in names or holds_table(target, table):
            raise Refused(
                f"{target}: is {what}; give an experiment (.toml), a preset or a ready training, and what varies by "
                "--over, as in --over input.scale=0.1,1,10"
            )


def _changed(training: Training, settings: list[str] | None, over: list[str]) -> Training:
    """The training with the changes of all ``--set`` and ``--over``."""
    axes, added = {axis.key: axis.written for axis in training.axes}, axes_of(over)
    changes = changes_of(settings)
    for key in changes:
        if key in axes or key in added:
            raise Refused(f"--set {key}: varies in this training; give its values with --over {key}=...")
    return replace(training, axes=()).changed(changes).over({**axes, **added}.items())


def _begun(output: Path, training: Training, *, resume: bool) -> TrainingRecord | None:
    """What a file has of the training already; refused if it is not to be taken up, or has another one."""
    from foadv_gui.lab.training.files import holds_training, load_record

    if not output.exists():
        return None
    if not holds_training(output):
        raise Refused(f"{output}: is there already, and holds no training; choose another name")
    if not resume:
        raise Refused(f"{output}: was begun already: --resume goes on with it; or choose another name")
    record = load_record(output)
    if record.training.identity != training.identity:
        raise Refused(f"{output}: is of another training, and cannot go on as this one; choose another name")
    return record


def _continued(
    target: str, settings: list[str] | None, over: list[str], output: Path | None, *, resume: bool
) -> tuple[Training, TrainingRecord, Path]:
    """A training that goes on from its file, into the same one unless another is named."""
    from foadv_gui.lab.training.files import holds_training, load_record

    if Path(target).is_file() and not holds_training(target):
        raise Refused(f"{target}: holds no training; give its experiment (.toml), a preset or a ready training")
    record = load_record(target)
    if over:
        raise Refused(f"--over {over[0]}: what was trained goes on as it was; only training.epochs can be set")
    changes = changes_of(settings)
    for key in changes:
        if key != "training.epochs":
            raise Refused(f"--set {key}: what was trained goes on as it was; only training.epochs can be set")
    training = record.training.changed(changes)
    if not changes and not resume:
        done, last = record.epoch, training.section.epochs
        raise Refused(
            f"{target}: has {done} of {last} epochs: "
            + (f"add --set training.epochs={2 * last} for more" if record.finished else "add --resume to go on")
        )
    same = output is None or Path(target).resolve() == output.resolve()
    if output is not None and not same and output.exists():
        raise Refused(f"{output}: is there already; choose another name")
    return training, record, Path(target) if output is None else output


class _Checkpoint:
    """The file of a training that runs, written now and then."""

    def __init__(self, path: Path | None, every: float) -> None:
        self._path, self._every = path, every
        self._due = time.monotonic() + every

    def offer(self, record: TrainingRecord) -> None:
        """Write the record if the last time was long ago."""
        if self._path is not None and time.monotonic() >= self._due:
            self.save(record)

    def save(self, record: TrainingRecord | None) -> None:
        """Write the record."""
        if self._path is None or record is None:
            return
        from foadv_gui.lab.training.files import save_record

        started = time.monotonic()
        save_record(record, self._path)
        ended = time.monotonic()
        self._due = ended + max(self._every, _SHARE * (ended - started))


@contextlib.contextmanager
def _progress(training: Training, begun: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr with the epoch, the rate and the time left; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console, total = Console(stderr=True), training.section.epochs
    columns = TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}")
    started = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=total, completed=max(begun, 0))

        def tell(epoch: int) -> None:
            bar.update(
                task, completed=epoch, description=_pace(epoch - begun, total - epoch, time.monotonic() - started)
            )

        yield tell


def _pace(done: int, left: int, seconds: float) -> str:
    """How fast epochs come, and how long the others will take."""
    if done < 1 or seconds <= 0:
        return "starting"
    rate = done / seconds
    words = f"{rate:.3g} epochs/s" if rate >= 1 else f"{1 / rate:.3g} s an epoch"
    return f"{words} · {duration(left / rate)} left" if left > 0 else words


def _tell(record: TrainingRecord, begun: int, seconds: float, output: Path | None) -> None:
    """Print what was done, what it says, what diverged with the rate to try, and where it is saved."""
    from foadv_gui.lab.experiment import device_name, place
    from foadv_gui.lab.summary import counted
    from foadv_gui.lab.training.reading import sentence

    training = record.training
    if training.title:
        typer.echo(training.title)
    last, epochs = record.epoch, training.section.epochs
    new = last - max(begun, 0)
    points = list(dict.fromkeys(data.label for data in record.data))
    on = points[0] if len(points) == 1 else f"{points[0]}, and {counted(len(points) - 1, 'other draw')}"
    done = f"{counted(new, 'epoch')} of {counted(len(training.arms), 'network')} on {on} in {duration(seconds)}"
    where = device_name(*place(training.base))
    typer.echo((f"{done} ({where})" if new else "nothing trained") + f"; {last} of {epochs} epochs are done")
    typer.echo(sentence(record))
    for line in _diverged(record):
        typer.echo(line)
    if output is not None:
        typer.echo(f"saved as {output}" + ("" if record.finished else "; --resume does the rest"))


def _diverged(record: TrainingRecord) -> Iterator[str]:
    """Of each line that diverged: where, why, and the rate to try."""
    from foadv_gui.lab.training.remedy import smaller_rate
    from foadv_gui.lab.training.words import line_label

    told = set()
    for arm, track in zip(record.training.arms, record.tracks, strict=True):
        if not track.diverged or arm.line.index in told:
            continue
        told.add(arm.line.index)
        rate = smaller_rate(record, arm.index)
        hint = "" if rate is None else f"; try training.rate = {rate:g}"
        yield f"{line_label(arm.line)}: diverged at epoch {track.last}, {track.diverged}{hint}"
