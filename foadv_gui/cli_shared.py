"""What the commands of the command line share: settings, output files, progress, Ctrl+C."""

from __future__ import annotations

import contextlib
import difflib
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from foadv_gui.lab.documents import Found

INTERRUPTED = 130  # what shells report for Ctrl+C

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, as in --set input.scale=0.1; repeatable."),
]


Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="PACKAGE.MODULE:FACTORY",
        help="Attack an nn.Module: call this function of yours, which returns one, or one and a loss. Runs its code.",
    ),
]


class Refused(Exception):
    """A request that cannot be met; the text is one line that says why and what would be right."""


def changes_of(settings: list[str] | None) -> dict[str, object]:
    """The changes of all ``--set``, by key."""
    import tomllib

    from foadv_gui.lab.settings import CHOOSERS, SETTINGS, TRAINING_SETTINGS

    every = (*SETTINGS, *TRAINING_SETTINGS)
    words = {entry.key for entry in every if entry.kind in ("text", "choice")} | {"title", "watch"}
    files = {entry.key for entry in every if entry.kind == "path"}
    changes: dict[str, object] = {}
    for written in settings or []:
        key, equals, text = (part.strip() for part in written.partition("="))
        if not equals or not key:
            raise Refused(f"--set {written}: must be KEY=VALUE, as in --set input.scale=0.1")
        changes[key] = text
        if key in files:
            # In full, since the recording outlives the folder that we are in.
            changes[key] = str(Path(text).absolute()) if text else None
        elif key not in words:
            # Written as in an experiment file; what cannot be read so is refused by the setting, in its own words.
            with contextlib.suppress(tomllib.TOMLDecodeError):
                changes[key] = tomllib.loads(f"value = {text}")["value"]
    for key, chooser in CHOOSERS.items():
        if changes.get(key):  # who names a file wants it
            changes.setdefault(chooser, "file")
    return changes


def with_model(target: str, settings: list[str] | None, model: str | None) -> list[str] | None:
    """The settings by which an experiment is that of a module, which is made here; a recording knows its name."""
    if model is None:
        return settings
    import sys

    from foadv_gui.lab.modules import FactoryError, load_factory

    if str(Path.cwd()) not in sys.path:  # a console script does not look where it is called
        sys.path.insert(0, str(Path.cwd()))
    try:
        load_factory(model)
    except FactoryError as error:
        raise Refused(f"--model {error}") from error
    if Path(target).suffix.lower() == ".npz":
        return settings
    return [*(settings or []), "network.source=model", f"network.model={model}"]


def found_of(target: str, settings: list[str] | None, *, compared: bool = False) -> Found:
    """What is meant, with the changes of all ``--set``; a comparison only where one is."""
    from foadv_gui.lab.documents import look_up

    changes = changes_of(settings)
    found = _brought(target, changes) or look_up(target, changes)
    if found.comparison is not None and not compared:
        raise Refused(f"{target}: is a comparison, which has several runs: look at it with foadv open {target}")
    return found


def _brought(target: str, changes: dict[str, object]) -> Found | None:
    """A file that is an input or a network, as a part of an experiment that is otherwise as usual."""
    from foadv_gui.lab.adoption import with_input, with_weights
    from foadv_gui.lab.arrival import readings
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.documents import Found
    from foadv_gui.lab.files import FileProblem

    if not Path(target).is_file():
        return None
    try:
        way = readings(target)[0]
    except FileProblem:  # who opens it says why
        return None
    if way.role == "document":
        return None
    usual, path = Experiment(), Path(target).absolute()
    taken = with_weights(usual, path) if way.role == "weights" else with_input(usual, path, way.array)
    typer.echo(f"{taken.words}", err=True)
    return Found(usual.changed(taken.changes).changed(changes))


def axes_of(over: list[str]) -> dict[str, str]:
    """The values of all ``--over`` as they are written, by key."""
    from foadv_gui.lab.sweep.axis import key_and_values

    axes: dict[str, str] = {}
    for key, values in map(key_and_values, over):
        if key in axes:
            raise Refused(f"--over {key}: varies twice; name all of its values once")
        axes[key] = values
    return axes


def check_name(target: str, known: list[str], kinds: str) -> None:
    """Refuse the name of nothing with the nearest one."""
    if target not in known and Path(target).parent == Path() and not Path(target).exists():
        nearest = difflib.get_close_matches(target, known, n=1, cutoff=0.0)[0]
        raise Refused(f"{target}: there is {kinds} of that name; did you mean {nearest}?")


def holds_table(name: str, table: str) -> bool:
    """Whether a .toml file has a table of that name; what is wrong with the file is said by who reads it."""
    import tomllib

    from foadv_gui.lab.files import open_file

    path = Path(name)
    if path.suffix.lower() != ".toml":
        return False
    with contextlib.suppress(OSError, ValueError, RecursionError), open_file(path) as stream:
        return table in tomllib.load(stream)
    return False


def check_output(path: Path, endings: tuple[str, ...]) -> None:
    """Refuse what could not be written, before anything is computed."""
    if path.suffix.lower() not in endings:
        raise Refused(f"{path}: the name must end in {' or '.join(endings)}")
    if not path.parent.is_dir():
        raise Refused(f"{path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise Refused(f"{path}: is a folder; give the name of a file")


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """The first Ctrl+C inside asks the work to end in good order, the second one ends it."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(_signal: int, _frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def progress(words: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr with the time left; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(words, total=total)
        yield lambda done: bar.update(task, completed=done)


def duration(seconds: float) -> str:
    """A duration in one or two units: 4.2 s, 42 s, 3 min 5 s, 2 h 10 min, 3 d 4 h."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    left = round(seconds)
    if left < 60:
        return f"{left} s"
    if left < 3600:
        return f"{left // 60} min {left % 60} s"
    if left < 86_400:
        return f"{left // 3600} h {left % 3600 // 60} min"
    return f"{left // 86_400} d {left % 86_400 // 3600} h"
