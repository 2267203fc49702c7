"""What all restarts say together of a landscape, as NumPy arrays and words: no torch here, and no screen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from foadv_gui.lab.ranges import drawable
from foadv_gui.lab.summary import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

_SAME = 1e-5
"""Losses that differ by less than this share of the largest fill one bar: below it they may be one maximum's."""
_ABOUT = 0.1
"""How far about a single loss, relative to it, an axis reaches."""
_ROUND_OFF = 1e-10
"""The share of its height by which a loss may fall on the way without a dip."""
_NAMED = 4
"""Of so many maxima the sizes are told one by one."""


@dataclass(frozen=True, eq=False)
class RestartsPicture:
    """The ends of K restarts, and the maxima among them.

    losses (K,): the final ones. converged_at (K,): the step of convergence, -1 for none. steps: those taken at most.
    cluster (K,): which maximum each end is, by descending loss; -1 for none. representatives, sizes (n,): of each
    maximum the restart with the largest loss, and how many restarts it has. order (r,): the restarts on the rows of the
    matrix, similar ones side by side; all of them, or some of very many. angles (r, r): those between their ends in
    rad, NaN for an end at the clean input. tolerance: what convergence asks for, 0 for nothing. why: why no maximum can
    be told, or nothing.
    """

    losses: Floats
    converged_at: NDArray[np.int64]
    steps: int
    cluster: NDArray[np.int64]
    representatives: NDArray[np.int64]
    sizes: NDArray[np.int64]
    order: NDArray[np.int64]
    angles: Floats
    tolerance: float
    why: str = ""

    @property
    def restarts(self) -> int:
        """The number K of restarts."""
        return len(self.losses)

    @property
    def distinct_maxima(self) -> int | None:
        """How many maxima there are; None where none can be told."""
        return None if self.why else len(self.sizes)

    @property
    def unconverged(self) -> int:
        """How many restarts have not converged."""
        return int((self.converged_at < 0).sum())

    def place(self, k: int) -> int | None:
        """On which row of the matrix restart k is, if it is on any."""
        found = np.nonzero(self.order == k)[0]
        return int(found[0]) if len(found) else None

    def loss_histogram(self, bins: int = 24) -> tuple[NDArray[np.int64], Floats]:
        """Counts (bins,) of the finite losses, and edges (bins + 1,); what differs by round-off fills one bar."""
        found = drawable(self.losses)
        found = found[~np.isnan(found)]
        low, high = (float(found.min()), float(found.max())) if len(found) else (0.0, 1.0)
        if high - low < _SAME * max(abs(low), abs(high)) or high == low:
            # Few, so that the one of them is seen beside the focused path's line; odd, so that it is the middle one.
            bins = 5
            low, high = _about((low + high) / 2)
        counts, edges = np.histogram(found, bins=bins, range=(low, high))
        return counts.astype(np.int64), edges

    def steps_histogram(self, bins: int = 20) -> tuple[NDArray[np.int64], Floats]:
        """Counts of the steps to convergence in at most so many bars of whole steps, and their edges.

        No bar, and one edge, where no path has converged.
        """
        found = self.converged_at[self.converged_at >= 0]
        if not len(found):
            return np.empty(0, np.int64), np.zeros(1)
        low, high = int(found.min()), int(found.max())
        width = -(-(high - low + 1) // bins)
        edges = np.arange(low, high + width + 1, width) - 0.5
        counts, edges = np.histogram(found, bins=edges)
        return counts.astype(np.int64), edges.astype(np.float64)

    @property
    def maxima_words(self) -> str:
        """How many maxima there are, and how many paths each has."""
        ends = counted(self.restarts, "endpoint")
        if self.why:
            return f"Distinct maxima of {ends} are not counted: {self.why}"
        if not len(self.sizes):
            return f"No strict local maximum among {ends}"
        n, none = len(self.sizes), self.restarts - int(self.sizes.sum())
        rest = f", {none} at none" if none else ""
        return f"{n} distinct {'maximum' if n == 1 else 'maxima'} among {ends}: {paths_words(self.sizes)}{rest}"

    @property
    def median_steps(self) -> int | None:
        """The median step of convergence, of those that converged; None if none did."""
        found = self.converged_at[self.converged_at >= 0]
        return int(np.percentile(found, 50, method="inverted_cdf")) if len(found) else None

    @property
    def convergence_words(self) -> str:
        """How many paths have converged, and in how many steps: median and quartiles."""
        found = self.converged_at[self.converged_at >= 0]
        words = f"{len(found)} of {self.restarts} converged"
        if not len(found):
            return f"{words} (tolerance 0: nothing was asked of them)" if self.tolerance == 0 else words
        first, middle, third = np.percentile(found, [25, 50, 75], method="inverted_cdf")
        quartiles = f", quartiles {first}–{third}" if first < third else ""
        return f"{words}; median {counted(int(middle), 'step')}{quartiles}"

    @property
    def words(self) -> str:
        """Both."""
        return f"{self.maxima_words}. {self.convergence_words}."

    def pair_words(self, row: int, column: int) -> str:
        """What the matrix says in one place."""
        i, j = int(self.order[row]), int(self.order[column])
        if i == j:
            return f"Path {i + 1} itself: loss {self.losses[i]:.5g}, {self._which(i)}."
        angle = self.angles[row, column]
        apart = f"{math.degrees(angle):.4g}° apart" if math.isfinite(angle) else "no angle: one end has no direction"
        same = f"both {self._which(i)}" if self.cluster[i] == self.cluster[j] >= 0 else ""
        kinds = same or f"{self._which(i)} and {self._which(j)}"
        return f"Paths {i + 1} and {j + 1}: {apart}; losses {self.losses[i]:.5g} and {self.losses[j]:.5g}; {kinds}."

    def _which(self, k: int) -> str:
        return f"maximum {self.cluster[k] + 1}" if self.cluster[k] >= 0 else "no maximum"


def _about(loss: float) -> tuple[float, float]:
    """A range about a single loss that is wide enough to be told in a few digits."""
    half = _ABOUT * abs(loss) or 1.0
    return loss - half, loss + half


def paths_words(sizes: NDArray[np.int64]) -> str:
    """Some numbers of paths: "9 and 7 paths"."""
    named = [str(size) for size in sizes[:_NAMED]]
    if len(sizes) > _NAMED:
        return f"{', '.join(named)}, … paths"
    if len(sizes) == 1:
        return counted(int(sizes[0]), "path")
    return f"{', '.join(named[:-1])} and {named[-1]} paths"


@dataclass(frozen=True, eq=False)
class BetweenPicture:
    """The loss between the ends of restarts i and j.

    shares (n,): of the way, 0 at the end of i and 1 at that of j. segment (n,): losses on the straight way. arc (n,):
    those on the shorter great circle, and its angle in rad; None where there is none, and `why`.
    """

    i: int
    j: int
    shares: Floats
    segment: Floats
    arc: Floats | None = None
    angle: float | None = None
    why: str = ""

    @staticmethod
    def dip(losses: Floats) -> float:
        """How far the loss falls below that of the lower end on the way; 0 where it does not, but for round-off."""
        end = float(min(losses[0], losses[-1]))
        fall = end - float(losses.min())
        return fall if fall > _ROUND_OFF * abs(end) else 0.0

    def span(self) -> tuple[float, float]:
        """The range to draw: all losses, or some about them where they differ by no more than one maximum's may."""
        found = drawable(self.segment if self.arc is None else [*self.segment, *self.arc])
        found = found[~np.isnan(found)]
        low, high = (float(found.min()), float(found.max())) if len(found) else (0.0, 1.0)
        if high - low < _SAME * max(abs(low), abs(high)) or high == low:
            return _about((low + high) / 2)
        pad = 0.06 * (high - low)
        return low - pad, high + pad

    @property
    def words(self) -> str:
        """What lies between the two."""
        ways = {"straight": self.segment, "along the sphere": self.arc}
        dips = {way: self.dip(losses) for way, losses in ways.items() if losses is not None}
        parts = [f"by {dip:.3g} {way}" if dip else f"not at all {way}" for way, dip in dips.items()]
        why = f" ({self.why})" if self.why else ""
        return f"From path {self.i + 1} to {self.j + 1} the loss dips {', '.join(parts)}{why}."


@dataclass(frozen=True)
class RegularityRow:
    """One measure: its name, its symbol, its value in words, and one sentence with the formula and its source."""

    name: str
    symbol: str
    value: str
    hover: str


@dataclass(frozen=True)
class RegularityGroup:
    """Measures that belong together."""

    title: str
    hover: str
    rows: tuple[RegularityRow, ...]


@dataclass(frozen=True)
class RegularityPicture:
    """How regular the landscape is, in groups of measures."""

    groups: tuple[RegularityGroup, ...]
