"""A track as it grows: what was handed out of it never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from foadv_gui.core.measures import MEASURES
from foadv_gui.lab.training.record import Probed, Track

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import DTypeLike, NDArray

    Floats = NDArray[np.floating[Any]]

FEWEST = 3
"""So many places for networks there must be: epoch 0, the last one, and the one that comes."""
_DENSE = 4
"""The epochs up to this one are all probed, later ones ever more rarely."""


def probed_epochs(last: int) -> list[int]:
    """The epochs up to the last one at which the probe points are looked at: 0 to 4, then each a third later, and it.

    Those before the last one are the same for every last one.
    """
    found = [0]
    while found[-1] < last:
        found.append(min(last, max(found[-1] + 1, round(1.3 * found[-1]))) if found[-1] >= _DENSE else found[-1] + 1)
    return found


class Probe(NamedTuple):
    """What was measured at the probe points of one epoch: see `Probed`."""

    contraction: NDArray[np.float64]
    top_eigenvalue: NDArray[np.float64]
    sharpness: float
    problem: str


class TrackBuilder:
    """Collects the epochs of one training as they come, and hands out the track so far at any time.

    Networks are kept until their places are full; then of the older ones those of every 2nd, 4th, 8th, ... epoch stay,
    so that half of the places are free again, and the last one. Thinning copies into new memory. Which are kept depends
    on the number of places and on the last epoch only, not on where a training was interrupted.

    Parameters
    ----------
    epochs
        The last epoch that may come.
    points
        The number n.
    shapes
        Those of the network's arrays, by their names.
    probes
        The number P of probe points.
    capacity
        How many networks may be kept.
    dtype
        The type of residuals and weights; measures are kept in float64.
    """

    def __init__(
        self,
        epochs: int,
        points: int,
        shapes: Mapping[str, tuple[int, ...]],
        probes: int,
        capacity: int,
        dtype: DTypeLike,
    ) -> None:
        if capacity < FEWEST:
            raise ValueError(f"there must be room for {FEWEST} networks at least, not {capacity}")
        self._epochs, self._capacity = epochs, capacity
        places, looks = min(capacity, epochs + 1), len(probed_epochs(epochs))
        self._measures = {name: np.empty(epochs + 1) for name in MEASURES}
        self._residual = np.empty((epochs + 1, points), dtype)
        self._kept = np.empty(places, np.int64)
        self._weights = {name: np.empty((places, *shape), dtype) for name, shape in shapes.items()}
        self._looked = np.empty(looks, np.int64)
        self._contraction, self._top = np.empty((looks, probes)), np.empty((looks, probes))
        self._sharpness = np.empty(looks)
        self._rows = self._networks = self._looks = 0
        self._problem = self._diverged = ""

    @property
    def last(self) -> int:
        """The last epoch that has come; -1 before the first."""
        return self._rows - 1

    @property
    def diverged(self) -> bool:
        """Whether no more epochs will come, since the training has diverged."""
        return bool(self._diverged)

    def take_up(self, track: Track) -> None:
        """Begin with all that a track holds, but for probes that are there only since it ended."""
        rows, c = track.last + 1, len(track.kept)
        for name, values in self._measures.items():
            values[:rows] = track.measures[name]
        self._residual[:rows] = track.residual
        self._kept[:c] = track.kept
        for name, arrays in self._weights.items():
            arrays[:c] = track.weights[name]
        self._rows, self._networks, self._diverged = rows, c, track.diverged
        probed = track.probed
        due = probed_epochs(self._epochs)
        own = [i for i, epoch in enumerate(probed.epochs.tolist()) if epoch in due]
        p = self._looks = len(own)
        self._looked[:p], self._sharpness[:p] = probed.epochs[own], probed.sharpness[own]
        self._contraction[:p], self._top[:p] = probed.contraction[own], probed.top_eigenvalue[own]
        self._problem = probed.problem

    def append(
        self,
        measures: dict[str, float],
        residual: Floats,
        weights: Mapping[str, Floats],
        diverged: str = "",
        probe: Probe | None = None,
    ) -> None:
        """Add the next epoch: its measures, the residual (n,), the network's arrays, and what was probed."""
        epoch = self._rows
        if self._networks == len(self._kept):
            self._thin(epoch - 1)
        for name, values in self._measures.items():
            values[epoch] = measures[name]
        self._residual[epoch] = residual
        self._kept[self._networks] = epoch
        for name, arrays in self._weights.items():
            arrays[self._networks] = weights[name]
        self._networks, self._rows, self._diverged = self._networks + 1, epoch + 1, diverged
        if probe is not None:
            self._looked[self._looks], self._sharpness[self._looks] = epoch, probe.sharpness
            self._contraction[self._looks], self._top[self._looks] = probe.contraction, probe.top_eigenvalue
            self._looks, self._problem = self._looks + 1, probe.problem

    def _thin(self, last: int) -> None:
        stride = 1
        while last // stride + 1 > self._capacity // 2:
            stride *= 2
        chosen = np.flatnonzero((self._kept % stride == 0) | (self._kept == last))
        self._kept = _thinned(self._kept, chosen)
        self._weights = {name: _thinned(arrays, chosen) for name, arrays in self._weights.items()}
        self._networks = len(chosen)

    def track(self) -> Track:
        """The track so far, without copying its arrays; it never changes afterwards."""
        rows, c, p = self._rows, self._networks, self._looks
        probed = Probed(
            epochs=_view(self._looked[:p]),
            contraction=_view(self._contraction[:p]),
            top_eigenvalue=_view(self._top[:p]),
            sharpness=_view(self._sharpness[:p]),
            problem=self._problem,
        )
        return Track(
            measures={name: _view(values[:rows]) for name, values in self._measures.items()},
            residual=_view(self._residual[:rows]),
            kept=_view(self._kept[:c]),
            weights={name: _view(arrays[:c]) for name, arrays in self._weights.items()},
            probed=probed,
            diverged=self._diverged,
        )


def _thinned(old: NDArray[Any], chosen: NDArray[np.int64]) -> NDArray[Any]:
    """The chosen rows before empty ones, in new memory, since the old is on show."""
    new = np.empty_like(old)
    new[: len(chosen)] = old[chosen]
    return new


def _view(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view of an array."""
    view = array.view()
    view.flags.writeable = False
    return view
