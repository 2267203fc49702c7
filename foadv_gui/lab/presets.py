"""The experiments that come with the program, and finding one by its name or its file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.shelf import Shelf

_PRESETS = Shelf("presets", "preset")


def preset_names() -> list[str]:
    """Return the names of all presets, in the order in which they should be shown."""
    return list(_PRESETS.files)


def load_preset(name: str) -> Experiment:
    """Return a preset; `ExperimentError` names the nearest one if there is none of that name."""
    return Experiment.from_toml(_PRESETS.file(name))


@cache
def _by_title() -> dict[str, tuple[str, Experiment]]:
    """The presets and their names by title, read once: a window asks at each move of a control."""
    presets = {name: load_preset(name) for name in preset_names()}
    return {experiment.title: (name, experiment) for name, experiment in presets.items()}


def preset_of(experiment: Experiment) -> str:
    """Return the name of the preset that an experiment still has the title of, or nothing."""
    return _by_title().get(experiment.title, ("", experiment))[0]


def what_to_watch(experiment: Experiment) -> str:
    """Return what to look at when an experiment runs; a preset whose run was changed may no longer show that."""
    _, plain = _by_title().get(experiment.title, ("", experiment))
    if not experiment.same_run(plain):
        return f"Changed from the preset “{experiment.title}”"
    return experiment.watch


def find(name_or_path: str | Path) -> Experiment:
    """Return the experiment of a preset or of a .toml file.

    Raises
    ------
    ExperimentError, FileProblem
        Saying what is wrong with the name or the file.
    """
    name, path = str(name_or_path), Path(name_or_path)
    if name in _PRESETS.files:
        return load_preset(name)
    if path.suffix.lower() == ".toml" or path.is_file():
        return Experiment.from_toml(path)
    if path.is_dir():
        raise FileProblem(path, "is a folder; give the name of a preset, a .toml file or an .npz recording")
    if path.parent != Path():
        raise FileProblem(path, "there is no such file; give the name of a preset, a .toml file or an .npz recording")
    return load_preset(name)
