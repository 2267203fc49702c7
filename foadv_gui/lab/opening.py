"""The shipped recording of the first preset: what the window shows in the seconds until torch is loaded.

It holds the very results that the scene computes for that preset, and says so; a test regenerates it.
"""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.files import Limits, atomic_write, read_npz
from foadv_gui.lab.findings import CertifiedScale, Clause, VerdictPicture
from foadv_gui.lab.picture import (
    ExtremesPicture,
    PathPicture,
    PlanePicture,
    Prepared,
    SpectrumPicture,
    Surface,
)
from foadv_gui.lab.presets import load_preset, preset_names
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.stored_network import is_weights
from foadv_gui.resources import resource

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

_FILE = ("data", "opening.npz")
_WINDOW = (-2.6, 2.6, -1.3, 1.3)
_KINDS = (
    Prepared,
    PlanePicture,
    Surface,
    Recording,
    PathPicture,
    ExtremesPicture,
    SpectrumPicture,
    VerdictPicture,
    CertifiedScale,
)
_MAY_BE_NONE = (
    "box",
    "explained",
    "image_shape",
    "local_maximum",
    "losses",
    "rate_predicted",
    "step_largest",
    "step_fastest",
    "value",
)


def compute_opening() -> list[Any]:
    """Every stage of the first preset that is shipped, as the scene computes it, with the verdicts on all restarts."""
    from foadv_gui.lab.picture import Request
    from foadv_gui.lab.scene import Scene

    scene = Scene()
    latest: dict[Any, Any] = {}
    for value in scene.stages(Request(load_preset(preset_names()[0]), window=_WINDOW)):
        if isinstance(value, _KINDS):
            latest[type(value), getattr(value, "mail_key", None)] = value
    recording = scene.recording
    assert recording is not None
    spectrum = scene.spectrum(recording.steps, 0, recording.experiment.view.spectrum)
    return [*latest.values(), spectrum]


def save_opening(path: Path) -> None:
    """Compute the opening and write it, as plain arrays."""
    arrays: dict[str, Any] = {}
    for i, value in enumerate(compute_opening()):
        for name, content in _plain(value).items():
            arrays[f"{i}.{type(value).__name__}.{name}"] = content

    def write(stream: IO[bytes]) -> None:
        np.savez_compressed(stream, allow_pickle=False, **arrays)

    atomic_write(path, write)


def load_opening() -> list[Any]:
    """The shipped opening as the values that the window shows."""
    arrays = read_npz(resource(*_FILE), Limits(size=2**26, members=2000))
    kinds = {kind.__name__: kind for kind in _KINDS}
    grouped: dict[tuple[int, str], dict[str, Any]] = {}
    for key, content in arrays.items():
        i, kind, name = key.split(".", 2)
        grouped.setdefault((int(i), kind), {})[name] = content
    return [_rich(kinds[kind], content) for (_, kind), content in sorted(grouped.items())]


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass as arrays: clauses as a table of texts, None as an empty array; a recording as it is saved."""
    if isinstance(value, Recording):
        return value.arrays
    plain: dict[str, Any] = {}
    for entry in fields(value):
        content = getattr(value, entry.name)
        if entry.name == "clauses":
            content = [astuple(clause) for clause in content]
        plain[entry.name] = np.empty(0) if content is None else np.asarray(content)
    return plain


def _rich(kind: type[Any], arrays: dict[str, Any]) -> Any:
    """The dataclass back from its arrays."""
    values: dict[str, Any] = {}
    if kind is Recording:
        values["weights"] = {name: array for name, array in arrays.items() if is_weights(name)}
    for entry in fields(kind):
        if entry.name not in arrays:  # the weights of a recording, and what it does without
            continue
        array = arrays[entry.name]
        if entry.name == "clauses":
            values[entry.name] = tuple(Clause(*row) for row in array.tolist())
        elif array.ndim == 0:
            values[entry.name] = array.item()
        elif entry.name == "later" or (entry.name in ("axes", "image_shape") and len(array)):
            values[entry.name] = tuple(array.tolist())
        elif not len(array) and entry.name in _MAY_BE_NONE:
            values[entry.name] = None
        else:
            values[entry.name] = array
    return kind(**values)
