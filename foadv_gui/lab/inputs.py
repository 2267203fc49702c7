"""Where the clean input comes from: a random direction, a digit image, or a file; and starts from a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.files import FileProblem, Limits, read_array, read_npz
from foadv_gui.resources import resource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.config import Experiment

_DIMENSION_MAX = 100_000


@dataclass(frozen=True, eq=False)
class CleanInput:
    """The clean input and what follows from it: ``x = gamma x_hat``, ``|x_hat| = 1``, ``epsilon = rho gamma``.

    `x_hat` and `x` are read-only float64 arrays of shape (d,); `label` says in words what the input is, and
    `image_shape` is (height, width) if it is an image.
    """

    x_hat: NDArray[np.float64]
    x: NDArray[np.float64]
    epsilon: float
    y: float
    label: str
    image_shape: tuple[int, int] | None = None

    @property
    def dimension(self) -> int:
        """The number of coordinates d."""
        return len(self.x)


@dataclass(frozen=True, eq=False)
class _Direction:
    x_hat: NDArray[np.float64]
    label: str
    image_shape: tuple[int, int] | None = None


def load_input(experiment: Experiment) -> CleanInput:
    """Return the clean input of an experiment; `ExperimentError` names the setting that cannot be met."""
    given = experiment.input
    if given.source == "digits":
        direction = _digit(given.index)
    elif given.source == "file":
        direction = _read_direction(given.file or "", given.index, experiment.compute.memory_mib)
    else:
        direction = _random_direction(given.seed, experiment.network.dimension)
    x = given.scale * direction.x_hat
    x.flags.writeable = False
    return CleanInput(
        x_hat=direction.x_hat,
        x=x,
        epsilon=given.ratio * given.scale,
        y=given.label,
        label=direction.label,
        image_shape=direction.image_shape,
    )


def check_box(experiment: Experiment, x: NDArray[np.float64]) -> None:
    """Raise `ExperimentError` if the clean input x (d,) lies outside the box, where no projection starts from it."""
    box = experiment.ascent.box
    if box is None:
        return
    low, high = float(x.min()), float(x.max())
    if low < box[0] or high > box[1]:
        reason = f"must contain the clean input, whose coordinates range from {low:.6g} to {high:.6g}"
        raise ExperimentError("ascent.box", reason, list(box))


def load_starts(experiment: Experiment, dimension: int) -> NDArray[np.float64]:
    """Return the starting perturbations (K, d) of a file, which may hold a single one of shape (d,)."""
    file, limit = experiment.ascent.start_file or "", experiment.compute.memory_mib * 2**18
    try:
        array = read_array(file, Limits(size=limit), "starts")
    except FileProblem as error:
        raise ExperimentError("ascent.start_file", error.problem, file) from None
    rows = np.atleast_2d(array)
    if array.dtype.kind not in "iuf" or rows.ndim != 2 or rows.shape[1] != dimension or len(rows) == 0:
        reason = f"must hold numbers of shape (K, {dimension}), one start a row, not {_kind(array)}"
        raise ExperimentError("ascent.start_file", reason, file)
    starts = double(rows)
    if not np.isfinite(starts).all():
        raise ExperimentError("ascent.start_file", "holds a value that is not finite", file)
    return starts


@lru_cache(maxsize=8)
def _random_direction(seed: int, dimension: int) -> _Direction:
    return _Direction(random_direction(seed, dimension), f"random direction, seed {seed}")


def random_direction(seed: int, dimension: int) -> NDArray[np.float64]:
    """The direction (d,) of length 1 that a seed draws, uniformly on the sphere."""
    return unit(np.random.default_rng([seed, 1]).standard_normal(dimension))


@lru_cache(maxsize=1)
def digit_images() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """All digits that come with the program: images (1797, 64), and which digit each shows, (1797,)."""
    arrays = read_npz(resource("data", "digits.npz"))
    return arrays["images"], arrays["labels"]


@lru_cache(maxsize=64)
def _digit(index: int) -> _Direction:
    images, labels = digit_images()
    digit = int(labels[index])
    return _Direction(unit(images[index]), f"a handwritten {digit} (image {index})", (8, 8))


def _read_direction(file: str, index: int, memory_mib: int) -> _Direction:
    try:
        state = os.stat(file)
        return _direction_from(file, index, memory_mib, (state.st_mtime_ns, state.st_size))
    except (OSError, ValueError) as error:
        if isinstance(error, ExperimentError):
            raise
        problem = error.problem if isinstance(error, FileProblem) else f"cannot be read: {_words(error)}"
        raise ExperimentError("input.file", problem, file) from None


@lru_cache(maxsize=8)
def _direction_from(file: str, index: int, memory_mib: int, stamp: tuple[int, int]) -> _Direction:
    """Read one row of a file; `stamp` makes a file that has changed be read again."""
    array = read_array(file, Limits(size=memory_mib * 2**19), ("x", "X"))
    name = Path(file).name
    if array.dtype.kind == "U" or not 1 <= array.ndim <= 3 or array.size == 0:
        reason = f"must hold numbers of shape (d,), (n, d) or (n, height, width), not {_kind(array)}"
        raise ExperimentError("input.file", reason, file)
    image_shape = (array.shape[1], array.shape[2]) if array.ndim == 3 else None
    table = array.reshape(1 if array.ndim == 1 else len(array), -1)
    rows, dimension = table.shape
    if dimension > _DIMENSION_MAX:
        raise ExperimentError("input.file", f"has {dimension} coordinates, more than {_DIMENSION_MAX}", file)
    if index >= rows:
        reason = (
            f"must be 0, since {name} holds one vector" if rows == 1 else f"must be below {rows}, the rows of {name}"
        )
        raise ExperimentError("input.index", reason, index)
    vector = double(table[index])
    key, value = ("input.file", file) if rows == 1 else ("input.index", index)
    if not np.isfinite(vector).all():
        raise ExperimentError(key, f"{name} holds a value there that is not finite", value)
    if not vector.any():
        raise ExperimentError(key, f"{name} holds only zeros there, so the input has no direction", value)
    label = name if rows == 1 else f"row {index} of {name}"
    return _Direction(unit(vector), label, image_shape)


def _kind(array: NDArray[Any]) -> str:
    """What an array holds, in words."""
    return f"{array.dtype} of shape {'x'.join(map(str, array.shape)) or 'a single value'}"


def double(array: NDArray[Any]) -> NDArray[np.float64]:
    """The numbers in this machine's own float64; those of a longer type that are too large become infinite."""
    with np.errstate(over="ignore"):
        return array.astype(np.float64)


def unit(vector: NDArray[Any]) -> NDArray[np.float64]:
    """The vector (d,), not all zeros, scaled to length 1; read-only."""
    # The largest entry goes first, so that squares neither overflow nor vanish.
    scaled = np.asarray(vector, dtype=np.float64)
    scaled = scaled / np.abs(scaled).max()
    unit: NDArray[np.float64] = scaled / np.linalg.norm(scaled)
    unit.flags.writeable = False
    return unit


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
