"""Small trainings, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.training.files import save_record
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.study import train

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.training.record import TrainingRecord


def small(over: str = "", **changes: Any) -> Training:
    """16 neurons, 6 coordinates, 7 points, 9 epochs; changes by keys with __ for the dot; `over` the input scale."""
    base = Experiment.model_validate(
        {"network": {"width": 16, "dimension": 6}, "ascent": {"restarts": 1}, "compute": {"device": "cpu"}}
    )
    settings = {"points": 7, "held_out": 3, "epochs": 9, "inner_steps": 3, "probes": 2}
    plain = {f"training.{name}": value for name, value in settings.items()}
    training = Training(base).changed(plain | {key.replace("__", "."): value for key, value in changes.items()})
    return training.over([("input.scale", over)]) if over else training


def whole(training: Training, so_far: TrainingRecord | None = None) -> TrainingRecord:
    """The finished record."""
    *_, record = train(training, so_far)
    assert record.finished
    return record


def arrays_of(record: TrainingRecord) -> dict[str, Any]:
    """All that a record holds, by name."""
    found: dict[str, Any] = {}
    for i, track in enumerate(record.tracks):
        parts = {name: getattr(track, name) for name in ("residual", "kept", "diverged")}
        parts |= {f"weights {name}": arrays for name, arrays in track.weights.items()}
        parts |= {f"probed {name}": value for name, value in vars(track.probed).items()}
        parts |= {f"measure {name}": values for name, values in track.measures.items()}
        found |= {f"{i} {name}": value for name, value in parts.items()}
    for i, data in enumerate(record.data):
        found |= {f"{i} data {name}": value for name, value in vars(data).items()}
    return found


def assert_same(one: TrainingRecord, other: TrainingRecord) -> None:
    """Both records hold the same, bit for bit and type for type."""
    mine, theirs = arrays_of(one), arrays_of(other)
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        if isinstance(value, np.ndarray):
            assert value.dtype == theirs[name].dtype, name
            np.testing.assert_array_equal(value, theirs[name], name)
        else:
            assert value == theirs[name], name


def damaged(record: TrainingRecord, folder: Path, change: dict[str, Any]) -> Path:
    """The file of a record, some of whose arrays are others."""
    path = folder / "r.npz"
    save_record(record, path)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | change))
    return path
