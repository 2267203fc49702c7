"""W and a of an experiment whose network has two layers and one output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foadv_gui.lab.models import load_layers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from foadv_gui.lab.config import Experiment


def load_weights(experiment: Experiment, dimension: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = load_layers(experiment, dimension)
    return first.W, second.W[0]
