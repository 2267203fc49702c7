"""Which lines of a training are looked at first, how they look in the curves, and on which plane their epochs lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from foadv_gui.lab.training.plan import Training
    from foadv_gui.lab.training.record import TrainingRecord


def default_lines(training: Training, most: int) -> list[int]:
    """The first line of each value of the first axis; of more than `most` values, as many evenly, with both ends."""
    if not training.axes:
        return [0]
    count = len(training.axes[0].values)
    each = len(training.lines) // count
    chosen = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    return [int(i) * each for i in chosen]


def line_looks(training: Training) -> list[tuple[int, int]]:
    """The colour and the dashes of each line in the curves: by its place on the first axis, and by all the others."""
    first = len(training.axes[0].values) if training.axes else 1
    return [divmod(i, len(training.lines) // first) for i in range(len(training.lines))]


def plane_epoch(record: TrainingRecord, arm: int, *, growing: bool) -> int:
    """The epoch whose adversary spans the plane on which all are seen: the last one.

    While the training goes on, the last power of two: a plane that turned with each epoch would hide what changes.
    """
    last = record.tracks[arm].last
    return 1 << (last.bit_length() - 1) if growing and last else last
