"""The record of a training as a file: one .npz that plain NumPy opens, and that is checked before it is believed.

`training` is the training as JSON and `version` that of the format. The arrays of arm i start with i, as in
"000.adversarial_loss", "000.residual", "000.kept", "000.W" and "000.a" (see
`lab.stored_network`), "000.probed_epochs" and "000.diverged"; `data_of` says which of the data an arm is trained on,
whose arrays are "data.0.X_hat", "data.0.y" and so on.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from foadv_gui.core.measures import MEASURES
from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.fields import SEED_MAX
from foadv_gui.lab.files import FileProblem, array_names, atomic_write, read_npz
from foadv_gui.lab.recording_file import load_limits
from foadv_gui.lab.stored_network import MODULE, is_weights, problem_with
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.record import Probed, Track, TrainingData, TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

VERSION = 1
_MEMBERS = 2**17
"""Enough for the most arms that a training can have."""
_DIMENSIONS = 8
"""A convolution has five, and there is one more for the epochs."""
_LONGEST = 0.9
"""Rows of X_hat are longer than this, and shorter than its inverse: they have length 1 but for their round-off."""
_OF_INPUT = {"sphere": "seed", "digits": "index", "file": "index"}
"""Which setting of an input tells a point from the others, by the source."""


def save_record(record: TrainingRecord, path: str | Path) -> None:
    """Write a record to an .npz file, whole or not at all; `FileProblem` if it cannot be written."""
    distinct = list({id(data): data for data in record.data}.values())
    places = {id(data): i for i, data in enumerate(distinct)}
    arrays: dict[str, NDArray[Any]] = {
        "training": np.array(_as_json(record.training)),
        "version": np.array(VERSION),
        "data_of": np.array([places[id(data)] for data in record.data]),
    }
    for i, data in enumerate(distinct):
        arrays |= {f"data.{i}.{name}": array for name, array in _of_data(data).items()}
    for i, track in enumerate(record.tracks):
        arrays |= {f"{i:03d}.{name}": array for name, array in _of_track(track).items()}

    def write(stream: IO[bytes]) -> None:
        np.savez(stream, allow_pickle=False, **arrays)

    atomic_write(path, write)


def holds_training(path: str | Path) -> bool:
    """Whether a file is the record of a training; what is wrong with it is said by `load_record`."""
    try:
        names = array_names(path)
    except FileProblem:
        return False
    return "training" in names and "data_of" in names


def load_record(path: str | Path) -> TrainingRecord:
    """Read a record from an .npz file; `FileProblem` says what is wrong with it."""
    arrays = read_npz(path, replace(load_limits(path), members=_MEMBERS, dimensions=_DIMENSIONS))
    file = _File(path, arrays)
    if "training" not in arrays or "data_of" not in arrays:
        raise FileProblem(path, "is not the record of a training")
    version = int(file.array("version", "iu", ()))
    if version != VERSION:
        raise FileProblem(path, f"is a record of version {version}; this program reads version {VERSION}")
    training = _training(path, str(file.array("training", "U", ())))
    arms = training.arms
    data_of = file.array("data_of", "iu", (len(arms),)).tolist()
    if set(data_of) != set(range(len(set(data_of)))):
        raise FileProblem(path, "data_of must count the data from 0")
    counts = [(arm.training.section.points, arm.training.section.held_out) for arm in arms]
    known: dict[int, TrainingData] = {}
    for place, count in zip(data_of, counts, strict=True):
        if place not in known:
            known[place] = _read_data(file.under(f"data.{place}."), *count)
        if (len(known[place].y), len(known[place].held_out_y)) != count:
            raise FileProblem(path, f"data.{place} has {len(known[place].y)} points where {count[0]} are trained on")
    data = tuple(known[place] for place in data_of)
    tracks = tuple(
        _read_track(file.under(f"{arm.index:03d}."), arm.training, own) for arm, own in zip(arms, data, strict=True)
    )
    return TrainingRecord(training, tracks, data)


class _File:
    """The arrays of a file, some of them under a prefix."""

    def __init__(self, path: str | Path, arrays: Arrays, prefix: str = "") -> None:
        self.path, self.prefix, self._arrays = path, prefix, arrays

    def under(self, prefix: str) -> _File:
        return _File(self.path, self._arrays, prefix)

    def array(self, name: str, kinds: str, shape: tuple[int | None, ...], dtype: Any = None) -> NDArray[Any]:
        """An array whose kind, type and shape (None: any length) are as they must be; read-only."""
        full = f"{self.prefix}{name}"
        if full not in self._arrays:
            raise self.wrong(name, "is missing")
        found = self._arrays[full]
        if found.dtype.kind not in kinds or (dtype is not None and found.dtype != dtype):
            raise self.wrong(name, f"holds {found.dtype} where {dtype or 'another type'} is needed")
        fits = len(shape) == found.ndim and all(
            want in (None, have) for want, have in zip(shape, found.shape, strict=True)
        )
        if not fits:
            wanted = str(tuple("any" if want is None else want for want in shape)).replace("'", "")
            raise self.wrong(name, f"has the shape {found.shape} where {wanted} fits the other arrays")
        if kinds == "iu":
            found = found.astype(np.int64)
        found.flags.writeable = False
        return found

    def weights(self) -> list[str]:
        """The names of the arrays that belong to a network."""
        names = [name.removeprefix(self.prefix) for name in self._arrays if name.startswith(self.prefix)]
        return [name for name in names if is_weights(name) or name.startswith(MODULE)]

    def floats(self, name: str, kept: int, dtype: Any) -> NDArray[Any]:
        """An array of any shape for each of so many networks."""
        return self.array(name, "f", (kept, *self._arrays[f"{self.prefix}{name}"].shape[1:]), dtype)

    def wrong(self, name: str, what: str) -> FileProblem:
        return FileProblem(self.path, f"{self.prefix}{name} {what}")


# -- the training -----------------------------------------------------------------------------------------------------


def _as_json(training: Training) -> str:
    return json.dumps(
        {
            "base": training.base.model_dump(),
            "section": training.section.model_dump(),
            "over": {axis.key: axis.written for axis in training.axes},
        }
    )


def _training(path: str | Path, text: str) -> Training:
    try:
        parts = json.loads(text)
        tables = {"training": parts["section"], "over": parts["over"]}
        return Training.of_tables(Experiment.model_validate(parts["base"]), tables)
    except ExperimentError as error:
        raise FileProblem(path, f"holds a training that cannot be: {error}") from None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise FileProblem(path, "training is not the text of a training") from None


# -- the points -------------------------------------------------------------------------------------------------------


def _of_data(data: TrainingData) -> dict[str, NDArray[Any]]:
    key = _OF_INPUT[data.inputs[0]["source"]]
    common = {name: value for name, value in data.inputs[0].items() if name != key}
    about: dict[str, Any] = {"label": data.label, "image_shape": data.image_shape, "input": common}
    if data.classes:
        about["classes"] = data.classes
    return {
        "X_hat": data.X_hat,
        "y": data.y,
        "held_out_X_hat": data.held_out_X_hat,
        "held_out_y": data.held_out_y,
        "inputs": np.array([one[key] for one in data.inputs], np.int64),
        "about": np.array(json.dumps(about)),
    }


def _read_data(file: _File, n: int, held_out: int) -> TrainingData:
    X_hat = file.array("X_hat", "f", (n, None), np.float64)
    d = X_hat.shape[1]
    arrays = {
        "X_hat": X_hat,
        "y": file.array("y", "f", (n,), np.float64),
        "held_out_X_hat": file.array("held_out_X_hat", "f", (held_out, d), np.float64),
        "held_out_y": file.array("held_out_y", "f", (held_out,), np.float64),
    }
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise file.wrong(name, "holds a value that is not finite")
    for name in ("X_hat", "held_out_X_hat"):
        with np.errstate(over="ignore"):
            lengths = np.linalg.norm(arrays[name], axis=1)
        if not ((lengths > _LONGEST) & (lengths < 1 / _LONGEST)).all():
            raise file.wrong(name, "holds a row that has not the length 1")
    numbers = file.array("inputs", "iu", (n,))
    if (numbers < 0).any() or (numbers > SEED_MAX).any():
        raise file.wrong("inputs", f"must lie between 0 and {SEED_MAX}")
    label, image_shape, common, classes = _about(file, str(file.array("about", "U", ())), d)
    key = _OF_INPUT[common["source"]]
    inputs = tuple({**common, key: number} for number in numbers.tolist())
    return TrainingData(**arrays, inputs=inputs, label=label, image_shape=image_shape, classes=classes)


def _about(file: _File, text: str, dimension: int) -> tuple[str, tuple[int, ...] | None, dict[str, Any], int]:
    try:
        parts = json.loads(text)
        label, shape, common = parts["label"], parts["image_shape"], parts["input"]
        source, name = common["source"], common.get("file")
        classes = parts.get("classes", 0)  # which older records have not
        fits = shape is None or (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3))
        fits = fits and (shape is None or all(type(side) is int and side > 0 for side in shape))
        fits = fits and (shape is None or math.prod(shape) == dimension)
        fits = fits and type(classes) is int and classes >= 0
        named = isinstance(name, str) if source == "file" else name is None
        if not (
            fits and named and isinstance(label, str) and source in _OF_INPUT and set(common) <= {"source", "file"}
        ):
            raise ValueError
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise file.wrong("about", "does not say what the points are") from None
    return label, None if shape is None else tuple(shape), common, classes


# -- the tracks -------------------------------------------------------------------------------------------------------


def _of_track(track: Track) -> dict[str, NDArray[Any]]:
    probed = track.probed
    return {
        **track.measures,
        "residual_of_points": track.residual,
        "kept": track.kept,
        **track.weights,
        "probed_epochs": probed.epochs,
        "probed_contraction": probed.contraction,
        "probed_top_eigenvalue": probed.top_eigenvalue,
        "probed_sharpness": probed.sharpness,
        "probed_problem": np.array(probed.problem),
        "diverged": np.array(track.diverged),
    }


def _read_track(file: _File, training: Training, data: TrainingData) -> Track:
    section, dtype = training.section, np.dtype(training.base.compute.dtype)
    n, d = data.X_hat.shape
    residual = file.array("residual_of_points", "f", (None, n), dtype)
    rows = len(residual)
    if not 1 <= rows <= section.epochs + 1:
        raise file.wrong("residual_of_points", f"has {rows} rows where the epochs 0 to {section.epochs} have one each")
    measures = {name: file.array(name, "f", (rows,), np.float64) for name in MEASURES}
    diverged = str(file.array("diverged", "U", ()))
    if not diverged and not np.isfinite(measures["adversarial_loss"]).all():
        raise file.wrong("adversarial_loss", "is not finite, although the training did not diverge")
    kept = file.array("kept", "iu", (None,))
    if not len(kept) or kept[0] != 0 or kept[-1] != rows - 1 or (kept[1:] <= kept[:-1]).any():
        raise file.wrong("kept", f"must rise from 0 to {rows - 1}, the last epoch")
    weights = _read_weights(file, training, len(kept), d)
    for name, array in weights.items():
        if not np.isfinite(array if not diverged else array[:1]).all():
            raise file.wrong(name, "holds a value that is not finite")
    return Track(measures, residual, kept, weights, _read_probed(file, rows, min(section.probes, n)), diverged)


def _read_weights(file: _File, training: Training, kept: int, d: int) -> dict[str, NDArray[Any]]:
    """The networks that were kept, in as many layers as there are."""
    names, dtype = file.weights(), np.dtype(training.base.compute.dtype)
    if training.base.network.source == "model":
        own = [name for name in names if name.startswith(MODULE)]
        if not own:
            raise file.wrong(f"{MODULE}*", "is missing: there are no parameters of the module")
        return {name: file.floats(name, kept, dtype) for name in own}
    random = training.base.network.source == "random"
    if random or "W1" not in names:
        W = file.array("W", "f", (kept, training.base.network.width if random else None, d), dtype)
        found = {"W": W, "a": file.array("a", "f", W.shape[:2], dtype)}
        biases: dict[str, tuple[int, ...]] = {"b": W.shape[:2], "c": (kept,)}
        return found | {name: file.array(name, "f", shape, dtype) for name, shape in biases.items() if name in names}
    arrays = {name: file.array(name, "f", (kept, *((None,) * (1 + (name[0] == "W")))), dtype) for name in names}
    with np.errstate(over="ignore"):
        problem = problem_with({name: np.asarray(array[0], np.float64) for name, array in arrays.items()}, d)
    if problem:
        raise FileProblem(file.path, f"{file.prefix}*: {problem}")
    return arrays


def _read_probed(file: _File, rows: int, probes: int) -> Probed:
    epochs = file.array("probed_epochs", "iu", (None,))
    if len(epochs) and (epochs[0] < 0 or epochs[-1] >= rows or (epochs[1:] <= epochs[:-1]).any()):
        raise file.wrong("probed_epochs", f"must rise, up to at most {rows - 1}, the last epoch")
    p = len(epochs)
    return Probed(
        epochs,
        file.array("probed_contraction", "f", (p, probes), np.float64),
        file.array("probed_top_eigenvalue", "f", (p, probes), np.float64),
        file.array("probed_sharpness", "f", (p,), np.float64),
        str(file.array("probed_problem", "U", ())),
    )
