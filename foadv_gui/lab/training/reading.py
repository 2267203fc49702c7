"""What a training says, read off its record: numbers for each line, and a few sentences, whichever way it comes out."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.training.curves import SHARES, epochs_to
from foadv_gui.lab.training.sentences import told
from foadv_gui.lab.training.words import convention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.lab.training.plan import Line
    from foadv_gui.lab.training.record import Track, TrainingRecord

_OF_CLASSES = ("adversarial_error", "clean_error")
_LAST = (
    *("clean_loss", *_OF_CLASSES),
    *("held_out_adversarial_loss", "held_out_clean_loss"),
    *(f"held_out_{name}" for name in _OF_CLASSES),
)


@dataclass(frozen=True)
class Spread:
    """A median over the repetitions, with the least and the greatest: infinite where something was not reached."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of some values: what overflowed (NaN) is infinite."""
        known = [math.inf if math.isnan(value) else float(value) for value in values]
        return cls(statistics.median(known), min(known), max(known))

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest."""
        return self.least, self.most


@dataclass(frozen=True)
class LineResult:
    """What one line of a training came to, over its repetitions.

    first, last: the adversarial loss at epoch 0 and at the last one. to_75, to_50: the first epoch at which it is at
    most that share of its first value. epoch: the last epoch of those that go on. diverged: how many ended early; why,
    diverged_at: for what reason the first of them did, and at which epoch (-1 if none). quality: other measures at the
    last epoch, by name; those of errors only where labels are ±1.
    """

    line: Line
    first: Spread
    last: Spread
    to_75: Spread
    to_50: Spread
    repeats: int
    epoch: int
    diverged: int
    why: str
    diverged_at: int
    quality: dict[str, Spread]

    @property
    def rate(self) -> float:
        """The absolute learning rate, to 12 digits: 100, not 99.99999999999999."""
        return float(f"{self.line.rate:.12g}")

    def entry(self) -> dict[str, Any]:
        """The result as JSON has it, without numbers that JSON has not."""
        training = self.line.training
        return {
            "scale": self.line.scale,
            "first": _number(self.first.median),
            "last": _number(self.last.median),
            "epochs_to_75": _epochs(self.to_75.median),
            "epochs_to_50": _epochs(self.to_50.median),
            "learning_rate": self.rate,
            "convention": convention(training),
            "mode": training.section.mode,
            "varies": dict(zip((axis.key for axis in self.line.of.axes), self.line.values, strict=True)),
            "repeats": self.repeats,
            "epoch": self.epoch,
            "first_range": [_number(end) for end in self.first.ends],
            "last_range": [_number(end) for end in self.last.ends],
            "epochs_to_75_range": [_epochs(end) for end in self.to_75.ends],
            "epochs_to_50_range": [_epochs(end) for end in self.to_50.ends],
            **{name: _number(self.quality[name].median) if name in self.quality else None for name in _LAST},
            "diverged": self.diverged,
            "why_diverged": self.why or None,
        }


def results(record: TrainingRecord) -> tuple[LineResult, ...]:
    """What each line came to: medians over its repetitions, and how far these spread."""
    repeats = record.training.section.repeats
    return tuple(
        _result(record, line, range(line.index * repeats, (line.index + 1) * repeats)) for line in record.training.lines
    )


def sentence(record: TrainingRecord) -> str:
    """What the data show, in plain words: how soon the loss falls, and whether that goes with the scale.

    A trend is stated only where medians rise (or fall) all the way; what was not reached counts as infinitely late.
    """
    return f"{told(record.training, results(record), record.epoch)}{_unmoved(record)}"


def _unmoved(record: TrainingRecord) -> str:
    """That the attacks of some networks take no step, as where a hinge is met by a margin everywhere."""
    still = [track.measures["inner_step"][-1] == 0 for track in record.tracks]
    if not any(still):
        return ""
    where = "all clean points" if all(still) else "all clean points of some networks"
    return f" The loss is flat at {where}: no attack from δ = 0 moves there, so errors under attack mean nothing."


def summary(record: TrainingRecord) -> dict[str, Any]:
    """The results as one JSON object, null for what is not: `scales`, with an entry for each line."""
    return {"scales": [result.entry() for result in results(record)]}


def _result(record: TrainingRecord, line: Line, arms: Sequence[int]) -> LineResult:
    tracks = [record.tracks[i] for i in arms]
    losses = [track.measures["adversarial_loss"] for track in tracks]
    to_75, to_50 = (Spread.of([epochs_to(loss, share) for loss in losses]) for share in SHARES)
    ended = [track for track in tracks if track.diverged]
    classes = all(record.data[i].of_classes for i in arms)
    return LineResult(
        line,
        Spread.of([loss[0] for loss in losses]),
        Spread.of([loss[-1] for loss in losses]),
        to_75,
        to_50,
        repeats=len(tracks),
        epoch=max((track.last for track in tracks if not track.diverged), default=max(one.last for one in tracks)),
        diverged=len(ended),
        why=ended[0].diverged if ended else "",
        diverged_at=ended[0].last if ended else -1,
        quality=_quality(tracks, classes),
    )


def _quality(tracks: Sequence[Track], classes: bool) -> dict[str, Spread]:
    """The other measures at the last epoch, as far as there are any (there may be no held-out points)."""
    found = {}
    for name in _LAST:
        values = [float(track.measures[name][-1]) for track in tracks]
        if not np.isnan(values).all() and (classes or not name.endswith("error")):
            found[name] = Spread.of(values)
    return found


def _number(value: float) -> float | int | None:
    """A number that JSON has, or null."""
    return value if math.isfinite(value) else None


def _epochs(value: float) -> float | int | None:
    """A number of epochs: whole, but for a median between two of them."""
    return int(value) if value.is_integer() else _number(value)
