"""A run as a short Python script, which makes it again through the public interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui import __version__
from foadv_gui.lab.config import SECTIONS, SETTINGS, ExperimentError
from foadv_gui.lab.documents import save_starts
from foadv_gui.lab.export import EXPORTS
from foadv_gui.lab.files import write_text
from foadv_gui.lab.inputs import load_input
from foadv_gui.lab.models import load_layers
from foadv_gui.lab.stored_network import named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.recording import Recording

    Starts = NDArray[np.floating[Any]]

MOST_LITERAL = 200
"""So many numbers are written out; more starts are read from a file."""
_WIDTH = 100

_REST = """
verdict = recording.verdict()
for clause in verdict["clauses"]:
    print("-", clause["words"])

k = recording.best  # the path that reaches the largest loss; delta has the shape (iterates, paths, d)
delta = recording.delta[-1, k].astype(float)
adversary = recording.x + delta
print(f"path {k} of {recording.restarts}: loss {recording.loss[-1, k]:.6g}, |delta| = {np.linalg.norm(delta):.6g}")
"""


def script(experiment: Experiment, starts: Starts | None = None, starts_file: str = "") -> str:
    """The script that runs an experiment, from starts (K, d) that its settings do not give, if there are any.

    It names the settings that differ from the defaults only; the starts are written out, or read from `starts_file`,
    which lies beside the script.
    """
    lines = [f"# {_plain(experiment.title)}"] if experiment.title else []
    lines += [
        f"# Projected gradient ascent as foadv {__version__} runs it: bit for bit the same on the same machine.",
        "",
    ]
    lines += ["from pathlib import Path", ""] if starts_file else []
    lines += ["import numpy as np", "", "from foadv_gui import Experiment, run", ""]
    factory = factory_of(experiment)
    if factory is not None:
        lines += [f"from {factory[0]} import {factory[1]}", ""]
    lines += ["experiment = Experiment.model_validate(", *_indented(_settings(_whole_names(experiment))), ")"]
    given = ["experiment"]
    if factory is not None:
        lines += [f"made = {factory[1]}()", "model, loss = made if isinstance(made, tuple) else (made, None)"]
        given += ["model=model", "loss=loss"]
    if starts is not None:
        lines += ["# Where each path starts, delta (K, d): set by hand, or taken over from another run."]
        lines += _starts(starts, starts_file)
        given += ["starts=starts"]
    lines += [f"recording = run({', '.join(given)})"]
    return "\n".join(lines) + "\n" + _REST


def factory_of(experiment: Experiment) -> tuple[str, str] | None:
    """The package and the name of what makes the module that is attacked, where a script can import it."""
    package, _, name = experiment.network.model.partition(":")
    known = experiment.network.source == "model" and name.isidentifier()
    return (package, name) if known and all(part.isidentifier() for part in package.split(".")) else None


def is_short(starts: Starts | None) -> bool:
    """Whether a script can hold its starts, so that it needs no file beside it."""
    return starts is None or starts.size <= MOST_LITERAL


def save_script(path: Path, experiment: Experiment, starts: Starts | None = None) -> None:
    """Write the script to a .py file, and beside it the starts, where they are many; `FileProblem` if it cannot be."""
    EXPORTS["script"].check(path)
    beside = "" if is_short(starts) or starts is None else save_starts(path, starts)
    write_text(path, script(experiment, starts, beside))


def check_reproducible(recording: Recording, experiment: Experiment) -> None:
    """Raise `ExperimentError` where the settings of a run do not give the network and the input that it was run on.

    So it is with a trained network, and with files that have changed since.
    """
    clean = load_input(experiment)
    if not np.array_equal(clean.x, recording.x):
        raise ExperimentError("input", "gives another input than that of the run on show; save the recording instead")
    if experiment.network.source == "model":
        if factory_of(experiment) is None:
            reason = "was handed over by a script, which this one cannot know; save the recording instead"
            raise ExperimentError("network.model", reason)
        return
    weights = named(load_layers(experiment, recording.dimension))
    same = weights.keys() == recording.weights.keys()
    if not same or not all(np.array_equal(array, recording.weights[name]) for name, array in weights.items()):
        reason = "gives another network than that of the run on show, such as a trained one; save the recording instead"
        raise ExperimentError("network", reason)


def _settings(experiment: Experiment) -> list[str]:
    """The experiment as a Python literal, line by line: what differs from the defaults."""
    changed: dict[str, dict[str, Any]] = {}
    of_module = ("network.source", "network.model") if factory_of(experiment) is not None else ()
    for entry in SETTINGS:
        value = experiment.get(entry.key)
        if value != entry.default and entry.key not in of_module:
            changed.setdefault(entry.section, {})[entry.name] = value
    lines = [f'    "title": {_literal(experiment.title)},'] if experiment.title else []
    lines += [f'    "watch": {_literal(experiment.watch)},'] if experiment.watch else []
    for section in SECTIONS:
        parts = [f"{_literal(name)}: {_literal(value)}" for name, value in changed.get(section, {}).items()]
        short = f'    "{section}": {{{", ".join(parts)}}},'
        if parts and len(short) <= _WIDTH:
            lines.append(short)
        elif parts:
            lines += [f'    "{section}": {{', *(f"        {part}," for part in parts), "    },"]
    return ["{", *lines, "}"]


def _starts(starts: Starts, starts_file: str) -> list[str]:
    if starts_file:
        return [f"starts = np.load(Path(__file__).with_name({_literal(starts_file)}))"]
    rows = []
    for row in starts.astype(np.float64).tolist():
        rows += [f"        {line}" for line in _wrapped([repr(value) for value in row])]
    return ["starts = np.array(", "    [", *rows, "    ]", ")"]


def _wrapped(numbers: list[str]) -> list[str]:
    """A row of numbers as a list, in lines that are not too long."""
    lines, line = [], "["
    for number in numbers:
        if len(line) + len(number) > _WIDTH:
            lines.append(line.rstrip())
            line = " "
        line += f"{number}, "
    return [*lines, f"{line.removesuffix(', ')}],"]


def _literal(value: Any) -> str:
    """A setting's value as Python writes it; text as JSON does, which Python reads alike."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(list(value)) if isinstance(value, tuple | list) else repr(value)


def _plain(words: str) -> str:
    """Words on one line, without what could end it."""
    return "".join(letter for letter in " ".join(words.split()) if letter.isprintable())


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _whole_names(experiment: Experiment) -> Experiment:
    """The same experiment with the files that it names named in full."""
    named = {entry.key: experiment.get(entry.key) for entry in SETTINGS if entry.kind == "path"}
    return experiment.changed({key: str(Path(file).absolute()) for key, file in named.items() if file})
