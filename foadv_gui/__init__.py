"""foadv: see first-order adversaries climb the loss of a two-layer network.

In a notebook, without a window: ``from foadv_gui import Experiment, run, load``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.experiment import run
    from foadv_gui.lab.recording import Recording, load

__all__ = ["Experiment", "Recording", "__version__", "load", "run"]

__version__ = "0.1.0"

_HOMES = {"Experiment": "config", "run": "experiment", "Recording": "recording", "load": "recording"}


def __getattr__(name: str) -> Any:
    # Imported when asked for: the window appears before torch is loaded.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"foadv_gui.lab.{_HOMES[name]}"), name)
