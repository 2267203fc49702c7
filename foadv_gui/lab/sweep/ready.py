"""The sweeps that come with the program, and finding one by its name."""

from __future__ import annotations

from foadv_gui.lab.shelf import Shelf
from foadv_gui.lab.sweep.grid import Sweep

_SWEEPS = Shelf("sweeps", "ready sweep")


def sweep_names() -> list[str]:
    """Return the names of all ready sweeps, in the order in which they should be shown."""
    return list(_SWEEPS.files)


def load_sweep(name: str) -> Sweep:
    """Return a ready sweep; `ExperimentError` names the nearest one if there is none of that name."""
    return Sweep.from_toml(_SWEEPS.file(name))
