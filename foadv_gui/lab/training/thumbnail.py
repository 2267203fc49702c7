"""What a handwritten digit looks like, to choose it by."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from foadv_gui.lab.gallery import digit_images

if TYPE_CHECKING:
    from numpy.typing import NDArray


@lru_cache(maxsize=10)
def digit_image(digit: int) -> NDArray[np.uint8]:
    """The first image of a digit (8, 8), from 0 (paper) to 255 (ink)."""
    images, labels = digit_images()
    image = images[int(np.flatnonzero(labels == digit)[0])].reshape(8, 8).astype(np.float64)
    scaled: NDArray[np.uint8] = np.round(255 * image / image.max()).astype(np.uint8)
    return scaled
