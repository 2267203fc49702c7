"""The points that a training learns from: random ones, two kinds of digits, or those of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.core.interruption import give_way, never
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.fields import SEED_MAX
from foadv_gui.lab.files import FileProblem, Limits, read_npz
from foadv_gui.lab.gallery import digit_images
from foadv_gui.lab.images import pixels_of
from foadv_gui.lab.inputs import double, random_direction, unit
from foadv_gui.lab.training.networks import classes_of
from foadv_gui.lab.training.record import TrainingData

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from foadv_gui.lab.training.plan import Arm, Training

    Floats = NDArray[np.float64]

_SEEDS_APART = 1_000_003
"""Point i has the seed that is i above this many times the training's: repetitions share no point."""
_MIB = 2**20
_TWO = "handwritten {plus} (+1) and {minus} (−1)"


def load_data(arm: Arm, interrupted: Callable[[], bool] = never) -> TrainingData:
    """Draw or read the points of an arm, and those held out, which follow them.

    Random point i has the direction of an experiment with the seed (training.seed 1,000,003 + i) mod 2^31, and a label
    ±1 by a fair coin. Digits and the rows of a file are shuffled by training.seed. Where the loss decides between
    classes (see `networks.classes_of`), random labels are classes, each as likely, and digits have their own: those
    below the number of classes, or of two classes the two digits that are chosen, the one with the label +1 as 1.

    Raises
    ------
    ExperimentError
        If there are too few points, they do not fit the memory, or the file cannot be used.
    Interrupted
        When `interrupted()` is true before a random point is drawn: 100,000 of them take seconds.
    """
    training = arm.training
    source = training.section.data
    if source == "random":
        return _random(training, interrupted)
    return _digits(training) if source == "digits" else _read(training)


def load_all(training: Training, interrupted: Callable[[], bool] = never) -> tuple[TrainingData, ...]:
    """The points of each arm; arms whose points are the same share them."""
    known: dict[tuple[Any, ...], TrainingData] = {}
    keys = [_key(arm) for arm in training.arms]
    for key, arm in zip(keys, training.arms, strict=True):
        if key not in known:
            known[key] = load_data(arm, interrupted)
    return tuple(known[key] for key in keys)


def _key(arm: Arm) -> tuple[Any, ...]:
    """What the points of an arm depend on."""
    section = arm.training.section
    of_section = ("data", "points", "held_out", "digit_plus", "digit_minus", "file", "seed")
    return *(getattr(section, name) for name in of_section), arm.training.base.network.dimension


def _random(training: Training, interrupted: Callable[[], bool]) -> TrainingData:
    section, d = training.section, training.base.network.dimension
    count = section.points + section.held_out
    _check_size(training, count, d)
    seeds = [(section.seed * _SEEDS_APART + i) % (SEED_MAX + 1) for i in range(count)]
    X_hat = np.empty((count, d))
    for i, seed in enumerate(seeds):
        give_way(interrupted)
        X_hat[i] = random_direction(seed, d)
    classes, drawn = classes_of(training.base, d), np.random.default_rng([section.seed, 7]).random(count)
    y = np.floor(classes * drawn) if classes else np.where(drawn < 0.5, -1.0, 1.0)
    inputs: list[dict[str, Any]] = [{"source": "sphere", "seed": seed} for seed in seeds]
    return _data(training, X_hat, y, inputs, f"random points, seed {section.seed}", classes=classes)


def _digits(training: Training) -> TrainingData:
    section = training.section
    images, digits = digit_images()
    classes = classes_of(training.base, images.shape[1], (8, 8))
    if classes > 2:
        return _digit_classes(training, classes)
    plus, minus = section.digit_plus, section.digit_minus
    order = _shuffled(training, np.flatnonzero((digits == plus) | (digits == minus)), f"images of {plus} and {minus}")
    y = np.where(digits[order] == plus, 1.0, 0.0 if classes else -1.0)
    inputs: list[dict[str, Any]] = [{"source": "digits", "index": int(index)} for index in order]
    label = f"handwritten {plus} (class 1) and {minus} (class 0)" if classes else _TWO.format(plus=plus, minus=minus)
    return _data(training, _units(images[order]), y, inputs, label, (8, 8), classes)


def _digit_classes(training: Training, classes: int) -> TrainingData:
    """All digits that are classes, each with itself as its label."""
    images, digits = digit_images()
    what = f"handwritten digits 0 to {min(classes, 10) - 1}"
    order = _shuffled(training, np.flatnonzero(digits < classes), f"images of {what}")
    inputs: list[dict[str, Any]] = [{"source": "digits", "index": int(index)} for index in order]
    return _data(training, _units(images[order]), digits[order].astype(np.float64), inputs, what, (8, 8), classes)


def _read(training: Training) -> TrainingData:
    """The rows of X (n, d), or images (n, height, width) also in colour, and labels y (n,) of a file."""
    section, file = training.section, training.section.file or ""
    try:
        arrays = read_npz(file, Limits(size=training.base.compute.memory_mib * _MIB // 4), ("X", "y"))
        X, y = _checked(file, arrays)
    except FileProblem as error:
        raise ExperimentError("training.file", error.problem, file) from None
    order = _shuffled(training, np.arange(len(y)), f"rows of {Path(file).name}")
    image_shape = X.shape[1:] if X.ndim > 2 else None
    rows = X.reshape(len(X), -1)
    inputs: list[dict[str, Any]] = [{"source": "file", "file": file, "index": int(index)} for index in order]
    _check_size(training, len(order), rows.shape[1])
    chosen = f"{Path(file).name}, shuffled by the seed {section.seed}"
    classes = classes_of(training.base, rows.shape[1], image_shape)
    return _data(training, _units(rows[order]), y[order], inputs, chosen, image_shape, classes)


def _checked(file: str, arrays: dict[str, NDArray[Any]]) -> tuple[NDArray[Any], Floats]:
    """X and y as they are in a file, if they can be points and their labels; `FileProblem` if not."""
    for name in ("X", "y"):
        if name not in arrays:
            raise FileProblem(file, f"holds no array called {name}: it must hold X of shape (n, d) and y of shape (n,)")
        if arrays[name].dtype.kind not in "iuf":
            raise FileProblem(file, f"{name} holds {arrays[name].dtype}, not real numbers")
    X, y = arrays["X"], double(arrays["y"])
    if not (X.ndim in (2, 3) or (X.ndim == 4 and X.shape[3] == 3)) or y.shape != X.shape[:1] or X.size == 0:
        shapes = " and ".join(f"{name} of shape {arrays[name].shape}" for name in ("X", "y"))
        kinds = "(n, d), (n, height, width) or (n, height, width, 3)"
        raise FileProblem(file, f"must hold X of shape {kinds} and y of shape (n,), not {shapes}")
    rows = double(X.reshape(len(X), -1))
    for bad, why in ((~np.isfinite(rows).all(1), "a value that is not finite"), (~rows.any(1), "only zeros")):
        if bad.any():
            raise FileProblem(file, f"row {int(np.argmax(bad))} of X holds {why}, so it has no direction")
    if not np.isfinite(y).all():
        raise FileProblem(file, f"y holds a value that is not finite, at {int(np.argmax(~np.isfinite(y)))}")
    # Images as an experiment reads them: bytes from 0 to 1.
    return (pixels_of(X) if X.ndim > 2 else X), y


def _shuffled(training: Training, indices: NDArray[np.int64], what: str) -> NDArray[np.int64]:
    """As many of the indices as are trained on and held out, in the order of the seed."""
    section, there = training.section, len(indices)
    if section.points > there:
        raise ExperimentError("training.points", f"must be at most {there}: there are {there} {what}", section.points)
    if section.points + section.held_out > there:
        left = there - section.points
        reason = f"must be at most {left}: of {there} {what}, {section.points} are trained on"
        raise ExperimentError("training.held_out", reason, section.held_out)
    order = np.random.default_rng([section.seed, 6]).permutation(there)
    return indices[order[: section.points + section.held_out]]


def _check_size(training: Training, count: int, dimension: int) -> None:
    """Refuse points that take more than a quarter of the memory, before they are made."""
    have = training.base.compute.memory_mib * _MIB // 4
    if 8 * count * dimension > have:
        reason = (
            f"{count:,} points of {dimension:,} coordinates, held-out ones among them, take "
            f"{8 * count * dimension / _MIB:,.0f} MiB, more than the {have / _MIB:,.0f} MiB that they may of the "
            f"{training.base.compute.memory_mib:,} MiB of compute.memory_mib"
        )
        raise ExperimentError("training.points", reason, training.section.points)


def _units(rows: NDArray[Any]) -> Floats:
    """The rows as an experiment scales them, one by one: bit for bit the same."""
    found = np.empty(rows.shape)
    for i, row in enumerate(double(rows)):
        found[i] = unit(row)
    return found


def _data(
    training: Training,
    X_hat: Floats,
    y: Floats,
    inputs: list[dict[str, Any]],
    label: str,
    image_shape: tuple[int, ...] | None = None,
    classes: int = 0,
) -> TrainingData:
    n = training.section.points
    for array in (X_hat, y):
        array.flags.writeable = False
    return TrainingData(X_hat[:n], y[:n], X_hat[n:], y[n:], tuple(inputs[:n]), label, image_shape, classes)
