"""Adversaries as pictures: PNG files of 8 bits a channel, which round."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.export import EXPORTS
from foadv_gui.lab.files import FileProblem, atomic_write
from foadv_gui.lab.input_picture import InputPicture
from foadv_gui.lab.inputs import load_input

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from foadv_gui.lab.export import Adversary

    Pixels = NDArray[np.uint8]

_TALL = 256
"""Pixels that the images of a triptych are high, at least."""
_GAP = 16
"""Pixels of paper between them."""


def save_adversary_image(path: Path, adversary: Adversary) -> None:
    """Write x + delta as a PNG of the image's own size: what lies beyond its `pixel_range` is clipped."""
    EXPORTS["adversary"].check(path)
    _save(path, _as_image(path, adversary.adversary, adversary, pixel_range(adversary)))


def save_perturbation_image(path: Path, adversary: Adversary) -> None:
    """Write delta as a PNG of the image's own size: 0 is mid-grey, its largest entry black or white."""
    EXPORTS["perturbation"].check(path)
    _save(path, _as_image(path, adversary.delta, adversary, _sides(adversary)))


def save_triptych(path: Path, adversary: Adversary) -> None:
    """Write x, delta and x + delta side by side, each pixel as a square that can be seen."""
    EXPORTS["triptych"].check(path)
    seen = pixel_range(adversary)
    parts = [
        _as_image(path, adversary.x, adversary, seen),
        _as_image(path, adversary.delta, adversary, _sides(adversary)),
        _as_image(path, adversary.adversary, adversary, seen),
    ]
    larger = -(-_TALL // parts[0].shape[0])
    large = [part.repeat(larger, 0).repeat(larger, 1) for part in parts]
    paper = np.full((large[0].shape[0], _GAP, *large[0].shape[2:]), 255, np.uint8)
    _save(path, np.concatenate([large[0], paper, large[1], paper, large[2]], axis=1))


def pixel_range(adversary: Adversary) -> tuple[float, float]:
    """Which values are black and white: the range of the image's pixels, else the box, else all that there is."""
    experiment = adversary.recording.experiment
    try:
        known = load_input(experiment).pixel_box
    except ExperimentError:  # the input's file has gone
        known = None
    return known or adversary.recording.bounds or InputPicture(adversary.x, adversary.delta).span


def _sides(adversary: Adversary) -> tuple[float, float]:
    limit = InputPicture(adversary.x, adversary.delta).limit
    return -limit, limit


def _as_image(path: Path, values: NDArray[np.float64], adversary: Adversary, ends: tuple[float, float]) -> Pixels:
    """The pixels of a vector (d,), from 0 for the lower end to 255 for the upper one."""
    shape = adversary.image_shape
    if shape is None or int(np.prod(shape)) != len(values):
        raise FileProblem(path, "there is no picture to write: this input is no image")
    low, high = ends
    shares = np.nan_to_num(np.clip((values - low) / (high - low), 0.0, 1.0))
    return np.asarray(np.round(255 * shares).astype(np.uint8).reshape(shape))


def _save(path: Path, pixels: Pixels) -> None:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    atomic_write(path, lambda stream: stream.write(buffer.getvalue()))
