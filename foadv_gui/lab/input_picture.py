"""A clean input, its perturbation and the adversary, as they are drawn: bars, grey images or images in colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from foadv_gui.lab.ranges import some_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.recording import Recording

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class InputPicture:
    """The clean input and its perturbation (d,), and between which values they are coloured.

    `shape` is (height, width) or, in colour, (height, width, 3) if the input is an image.
    """

    clean: Floats
    delta: Floats
    shape: tuple[int, ...] | None = None

    @classmethod
    def of(cls, recording: Recording, t: int, k: int, shape: tuple[int, ...] | None = None) -> InputPicture:
        """The input of restart k at the last kept iterate not after t."""
        return cls(recording.x, np.asarray(recording.delta[recording.kept_index(t), k], np.float64), shape)

    @property
    def adversary(self) -> Floats:
        """What the network sees: x + delta."""
        return np.asarray(self.clean + self.delta)

    @property
    def in_colour(self) -> bool:
        """Whether the input is an image in colour."""
        return self.shape is not None and len(self.shape) == 3

    @property
    def shift(self) -> Floats:
        """The perturbation as it is drawn: of an image in colour, the signed mean of each pixel's three colours."""
        return self.delta if self.shape is None else pixel_means(self.delta, self.shape).ravel()

    @property
    def limit(self) -> float:
        """The size of the largest entry of the perturbation as it is drawn; 1 for none at all."""
        return float(np.abs(self.shift).max()) or 1.0

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest entry of clean input and adversary, which share one scale.

        In colour it begins at 0 or below, so that black is black.
        """
        both = np.append(self.clean, self.adversary)
        low = float(both.min())
        return some_range(min(low, 0.0) if self.in_colour else low, float(both.max()))


def pixel_means(vector: Floats, shape: tuple[int, ...]) -> Floats:
    """One number for each pixel (height, width) of a vector (d,): in colour, the signed mean of the three."""
    image = vector.reshape(shape)
    return np.asarray(image.mean(axis=2) if image.ndim == 3 else image)


def as_image(values: Floats, shape: tuple[int, ...], levels: tuple[float, float]) -> Floats | NDArray[np.uint8]:
    """A vector as an image: (height, width) as it is, or of three colours (height, width, 3) as bytes.

    Colours go from 0 at the first of the levels to 255 at the second; a vector with one entry for each pixel of an
    image in colour is not in colour itself.
    """
    if len(shape) == 3 and len(values) == shape[0] * shape[1] * shape[2]:
        shares = (values.reshape(shape) - levels[0]) / (levels[1] - levels[0])
        return np.round(255 * np.clip(shares, 0.0, 1.0)).astype(np.uint8)
    return values.reshape(shape[:2])
