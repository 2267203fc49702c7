"""Where the clean input comes from: a random direction, a digit image, or a file; and starts from a file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.files import FileProblem, Limits, read_array
from foadv_gui.lab.gallery import Gallery, InputProblem, digits_gallery, gallery_at_hand, not_finite, open_gallery

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.config import Experiment

_DIMENSION_MAX = 100_000
_LENGTHS = (1e-9, 1e9)
"""Between which the length |x| must lie, where the file's vector gives it."""


@dataclass(frozen=True, eq=False)
class CleanInput:
    """The clean input and what follows from it: ``x = |x| x_hat``, ``|x_hat| = 1``, ``epsilon = rho |x|``.

    ``|x| = gamma length``: with input.unit = "length" `length` is 1; with "file" it is the length of the vector v as it
    stands in its file, so that ``x = gamma v``. `x_hat` and `x` are read-only float64 arrays of shape (d,); `label`
    says in words what the input is, `image_shape` is (height, width) or (height, width, 3) if it is an image, and
    `true_label` what its file says that it is. `pixel_box` is what the pixels from 0 (black) to 1 (white) are in the
    units of x; None for what is no image, and for one with pixels beyond these.
    """

    x_hat: NDArray[np.float64]
    x: NDArray[np.float64]
    epsilon: float
    y: float
    label: str
    image_shape: tuple[int, ...] | None = None
    pixel_box: tuple[float, float] | None = None
    true_label: int | None = None
    length: float = 1.0

    @property
    def dimension(self) -> int:
        """The number of coordinates d."""
        return len(self.x)


@dataclass(frozen=True, eq=False)
class _Direction:
    """A vector v as it stands in its file: v/|v|, |v| (inf or 0 where no double holds it), and what is known of it."""

    x_hat: NDArray[np.float64]
    length: float
    label: str
    image_shape: tuple[int, ...] | None = None
    span: tuple[float, float] = (-np.inf, np.inf)
    true_label: int | None = None


def load_input(experiment: Experiment) -> CleanInput:
    """Return the clean input of an experiment; `ExperimentError` names the setting that cannot be met."""
    given = experiment.input
    if given.source == "digits":
        direction = _digit(given.index)
    elif given.source == "file":
        direction = _read_direction(experiment)
    else:
        direction = _random_direction(given.seed, experiment.network.dimension)
    length = direction.length if given.unit == "file" else 1.0
    scale = given.scale * length
    if given.unit == "file" and not _LENGTHS[0] <= scale <= _LENGTHS[1]:
        reason = f"makes |x| = {scale:.4g}; it must lie between {_LENGTHS[0]:g} and {_LENGTHS[1]:g}"
        raise ExperimentError("input.scale", reason, given.scale)
    x = scale * direction.x_hat
    x.flags.writeable = False
    return CleanInput(
        x_hat=direction.x_hat,
        x=x,
        epsilon=given.ratio * scale,
        y=given.label,
        label=direction.label,
        image_shape=direction.image_shape,
        pixel_box=_pixel_box(direction, x, scale),
        true_label=direction.true_label,
        length=length,
    )


def _pixel_box(direction: _Direction, x: NDArray[np.float64], scale: float) -> tuple[float, float] | None:
    low, high = direction.span
    if direction.image_shape is None or low < 0 or high > 1:
        return None
    # A white pixel's value may be rounded up where the box's end is not.
    return 0.0, max(scale / direction.length, float(x.max()))


def radius(experiment: Experiment) -> float:
    """The radius epsilon = rho |x| of an experiment; `ExperimentError` if its input's file has to tell and cannot."""
    given = experiment.input
    if given.unit == "length" or given.source == "sphere":
        return given.ratio * given.scale
    return load_input(experiment).epsilon


def box_of(experiment: Experiment, clean: CleanInput) -> tuple[float, float] | None:
    """The box of an experiment in the units of x; `ExperimentError` if the clean input does not lie in it, or has none.

    From a point outside no projection starts.
    """
    box = experiment.ascent.box
    if box is None:
        return None
    low, high = float(clean.x.min()), float(clean.x.max())
    if box == "pixels":
        if clean.pixel_box is None:
            why = "is no image" if clean.image_shape is None else "has pixels that are not between 0 and 1"
            raise ExperimentError("ascent.box", f"must be [lo, hi] or none: the input, {clean.label}, {why}", box)
        return clean.pixel_box
    if low < box[0] or high > box[1]:
        reason = f"must contain the clean input, whose coordinates range from {low:.6g} to {high:.6g}"
        raise ExperimentError("ascent.box", reason, list(box))
    return box


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
    return _Direction(random_direction(seed, dimension), 1.0, f"random direction, seed {seed}")


def random_direction(seed: int, dimension: int) -> NDArray[np.float64]:
    """The direction (d,) of length 1 that a seed draws, uniformly on the sphere."""
    return unit(np.random.default_rng([seed, 1]).standard_normal(dimension))


@lru_cache(maxsize=64)
def _digit(index: int) -> _Direction:
    digits = digits_gallery()
    assert digits.labels is not None
    digit = int(digits.labels[index])
    return _of_vector(digits.row(index), f"a handwritten {digit} (image {index})", digits.shape, digit)


def gallery_of(experiment: Experiment) -> Gallery:
    """The gallery that an experiment's input is a row of: the digits, or its file (`FileProblem` as `open_gallery`)."""
    given = experiment.input
    if given.source == "digits":
        return digits_gallery()
    limit = experiment.compute.file_limit
    return open_gallery(given.file or "", array=given.array, size=given.size, grey=given.grey, limit=limit)


def known_gallery(experiment: Experiment) -> Gallery | None:
    """The gallery that an experiment's input is a row of, if it is open; without a look at the disk."""
    given = experiment.input
    return digits_gallery() if given.source == "digits" else gallery_at_hand(given.file or "", given.array)


def _read_direction(experiment: Experiment) -> _Direction:
    given = experiment.input
    file = given.file or ""
    try:
        return _direction_from(gallery_of(experiment), given.index)
    except FileProblem as error:
        name = error.setting if isinstance(error, InputProblem) else "file"
        value = getattr(given, name)
        reason = error.problem if name == "file" else f"{error.problem} ({Path(file).name})"
        raise ExperimentError(f"input.{name}", reason, list(value) if name == "size" else value) from None


@lru_cache(maxsize=8)
def _direction_from(gallery: Gallery, index: int) -> _Direction:
    """One row of an opened file."""
    name, rows, image = gallery.name, gallery.count, gallery.is_images
    if gallery.dimension > _DIMENSION_MAX:
        much = f"has {gallery.dimension} coordinates, more than {_DIMENSION_MAX}"
        raise InputProblem(gallery.path, f"{much}; resize its images by input.size" if image else much, "file")
    if index >= rows:
        one = f"must be 0, since {name} holds one {'image' if image else 'vector'}"
        reason = one if rows == 1 else f"must be below {rows}, the {'images' if image else 'rows'} of {name}"
        raise ExperimentError("input.index", reason, index)
    vector = gallery.values(index).ravel()
    key, value = ("input.file", gallery.path) if rows == 1 else ("input.index", index)
    if not np.isfinite(vector).all():
        raise ExperimentError(key, f"{name} holds {not_finite(vector, 'there ')}", value)
    if not vector.any():
        raise ExperimentError(key, f"{name} holds only zeros there, so the input has no direction", value)
    true = None if gallery.labels is None else int(gallery.labels[index])
    label = name if rows == 1 else f"{'image' if image else 'row'} {index} of {name}"
    told = label if true is None else f"{label}, labelled {true}"
    return _of_vector(vector, told, gallery.shape if image else None, true)


def _of_vector(
    vector: NDArray[np.float64], label: str, image_shape: tuple[int, ...] | None, true_label: int | None
) -> _Direction:
    flat = vector.ravel()
    largest = float(np.abs(flat).max())
    with np.errstate(over="ignore", under="ignore"):
        length = float(largest * np.linalg.norm(flat / largest))
    return _Direction(unit(flat), length, label, image_shape, (float(flat.min()), float(flat.max())), true_label)


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
