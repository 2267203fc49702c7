"""What a training's curves look like, as NumPy arrays: a median over the repetitions of each line, and their band.

NumPy only, as in `lab.picture`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from foadv_gui.lab.ranges import drawable, some_range
from foadv_gui.lab.training.first_look import line_looks
from foadv_gui.lab.training.metrics import METRICS, Metric
from foadv_gui.lab.training.words import line_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.training.plan import Line
    from foadv_gui.lab.training.record import Track, TrainingRecord

    Floats: TypeAlias = NDArray[np.float64]

SHARES = (0.75, 0.5)
"""Shares of the first adversarial loss, of which is told how soon they are reached."""
MOST_SHARE = 2.0
"""More of a share is not drawn: a loss that diverges leaves the picture, or all others would lie on its floor."""
_DECADE = 10.0


@dataclass(frozen=True, eq=False)
class LineCurve:
    """One line of a picture.

    Attributes
    ----------
    line
        The index of the line in its training.
    label
        What it is called, with its learning rate.
    colour, dash
        Which colour and which dashes of a list it has: by the value of the first axis, and by those of all others.
    epochs : (e,)
        The epochs at which there is a value.
    median, low, high : (e,)
        Over the repetitions that have come so far and have a finite value; NaN where none has.
    beyond : (e,)
        Where the median is known only to exceed the inner steps taken, which then stand for it.
    ends : (k, 2)
        Last epoch with a finite value, and that value (a share at most `MOST_SHARE`, to be seen), of each repetition
        that ended since it diverged.
    reached : (2, 2)
        Epoch and value at which the median of the repetitions has come to 75% and to 50% of the first adversarial
        loss; NaN where it has not, and in all other pictures than those of that loss.
    """

    line: int
    label: str
    colour: int
    dash: int
    epochs: NDArray[np.int64]
    median: Floats
    low: Floats
    high: Floats
    beyond: NDArray[np.bool_]
    ends: Floats
    reached: Floats

    def at(self, epoch: float) -> float:
        """The median at the last epoch with a value at or before one; NaN where there is none."""
        return self.point(epoch)[1]

    def point(self, epoch: float) -> tuple[float, float]:
        """The last epoch with a value at or before one, and the median there; NaN where there is none."""
        index = int(np.searchsorted(self.epochs, epoch, side="right")) - 1
        return (float(self.epochs[index]), float(self.median[index])) if index >= 0 else (np.nan, np.nan)


@dataclass(frozen=True, eq=False)
class CurvesPicture:
    """A metric over the epochs, a curve for each line.

    epochs: how many there will be. log: whether the metric's own axis is logarithmic. repeats: how many repetitions
    make a band.
    """

    metric: Metric
    lines: tuple[LineCurve, ...]
    epochs: int
    log: bool
    repeats: int
    problem: str = ""

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value to draw, with room about them."""
        values = self._values
        low, high = some_range(float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        if self.log:
            return low / (high / low) ** 0.06, high * (high / low) ** 0.08
        if self.metric.share:
            return -0.03, 1.04 * min(max(1.0, float(values.max(initial=0.0))), MOST_SHARE)
        low = min(0.0, low) if low < 0.5 * high else low
        return low - 0.03 * (high - low), high + 0.06 * (high - low)

    @cached_property
    def _values(self) -> Floats:
        """Everything that is drawn."""
        parts = [part for line in self.lines for part in (line.median, line.low, line.high, line.ends[:, 1])]
        together = np.concatenate(parts) if parts else np.empty(0)
        return np.asarray(together[np.isfinite(together)])

    @property
    def flat(self) -> bool:
        """Whether all that is drawn is one and the same value."""
        return bool(len(self._values) and (self._values == self._values[0]).all())

    @property
    def why_empty(self) -> str:
        """Why there is nothing to draw, or nothing if there is."""
        if len(self._values):
            return ""
        reason = self.metric.why_none or f"{self.metric.title}: nothing of the kind is known of this training."
        return self.problem or reason


def curves(record: TrainingRecord, metric: str) -> CurvesPicture:
    """A metric (a key of `METRICS`) of all lines of a record."""
    chosen, training = METRICS[metric], record.training
    looks = line_looks(training)
    lines = tuple(
        _curve(chosen, line, _tracks(record, line), looks[line.index], training.section.inner_steps)
        for line in training.lines
    )
    values = np.concatenate([part for line in lines for part in (line.median, line.low, line.high)])
    known = values[np.isfinite(values)]
    log = chosen.log and len(known) > 0 and bool(known.min() > 0) and bool(known.max() > _DECADE * known.min())
    problem = next((track.probed.problem for track in record.tracks if track.probed.problem), "")
    return CurvesPicture(chosen, lines, training.section.epochs, log, training.section.repeats, problem)


def epochs_to(losses: Floats, share: float) -> float:
    """The first epoch at which a loss (e,) is at most a share of its first value; infinite where there is none."""
    with np.errstate(invalid="ignore"):
        there = np.flatnonzero(losses <= share * losses[0])
    return float(there[0]) if len(there) else np.inf


def _tracks(record: TrainingRecord, line: Line) -> list[tuple[Track, float]]:
    repeats = record.training.section.repeats
    return [(track, line.rate) for track in record.tracks[line.index * repeats : (line.index + 1) * repeats]]


def _curve(
    metric: Metric, line: Line, tracks: list[tuple[Track, float]], look: tuple[int, int], most: int
) -> LineCurve:
    read = [metric.read(track, rate) for track, rate in tracks]
    epochs = np.unique(np.concatenate([found for found, _ in read])).astype(np.int64)
    table = np.full((len(read), len(epochs)), np.nan)
    for row, (found, values) in zip(table, read, strict=True):
        row[np.searchsorted(epochs, found)] = values
    censored = np.isposinf(table) if metric.name == "inner_steps" else np.zeros(table.shape, bool)
    table = np.where(censored, np.inf, drawable(table))
    low, median, high = (_over(table, share) for share in (0.0, 0.5, 1.0))
    beyond = np.isposinf(median)
    low, median, high = (np.where(np.isposinf(one), float(most), one) for one in (low, median, high))
    ends = [
        (epochs[known[-1]], min(row[known[-1]], MOST_SHARE if metric.share else np.inf))
        for row, (track, _) in zip(table, tracks, strict=True)
        if track.diverged and len(known := np.flatnonzero(np.isfinite(row)))
    ]
    reached = np.full((2, 2), np.nan)
    if metric.name in ("loss_share", "adversarial_loss"):
        for place, share in zip(reached, SHARES, strict=True):
            each = [epochs_to(track.measures["adversarial_loss"], share) for track, _ in tracks]
            middle = float(np.median(each))
            if np.isfinite(middle):
                place[:] = middle, np.interp(middle, epochs, median)
    return LineCurve(
        line.index, line_label(line), *look, epochs, median, low, high, beyond, np.array(ends).reshape(-1, 2), reached
    )


def _over(table: Floats, share: float) -> Floats:
    """The least, median or greatest (share 0, 0.5, 1) of each column's known values, NaN where none is known."""
    ordered = np.sort(table, axis=0)  # NaN last
    count = (~np.isnan(table)).sum(axis=0)
    place, columns = share * np.maximum(count - 1, 0), np.arange(table.shape[1])
    below, above = (ordered[np.asarray(side(place), int), columns] for side in (np.floor, np.ceil))
    return np.asarray(np.where(count > 0, (below + above) / 2, np.nan))
