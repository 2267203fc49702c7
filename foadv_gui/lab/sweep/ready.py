"""The sweeps that come with the program, and finding one by its name."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.resources import resource

if TYPE_CHECKING:
    from pathlib import Path


def _files() -> dict[str, Path]:
    """The files of sweeps by name; a number in front of a file's name only sets the order, as for presets."""
    return {re.sub(r"^\d+-", "", file.stem): file for file in sorted(resource("sweeps").glob("*.toml"))}


def sweep_names() -> list[str]:
    """Return the names of all ready sweeps, in the order in which they should be shown."""
    return list(_files())


def load_sweep(name: str) -> Sweep:
    """Return a ready sweep; `ExperimentError` names the nearest one if there is none of that name."""
    files = _files()
    if name in files:
        return Sweep.from_toml(files[name])
    close = difflib.get_close_matches(name, files, n=1, cutoff=0.0)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise ExperimentError("", f"there is no ready sweep of that name{hint}", source=name)
