"""The trainings that come with the program, and finding one by its name."""

from __future__ import annotations

from foadv_gui.lab.shelf import Shelf
from foadv_gui.lab.training.plan import Training

_TRAININGS = Shelf("trainings", "ready training")


def training_names() -> list[str]:
    """Return the names of all ready trainings, in the order in which they should be shown."""
    return list(_TRAININGS.files)


def load_training(name: str) -> Training:
    """Return a ready training; `ExperimentError` names the nearest one if there is none of that name."""
    return Training.from_toml(_TRAININGS.file(name))
