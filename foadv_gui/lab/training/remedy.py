"""What to try when a training has diverged."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from foadv_gui.core.learner import QuadraticLearner
from foadv_gui.core.probe import sharpness
from foadv_gui.lab.settings import setting
from foadv_gui.lab.training.networks import learner_for

if TYPE_CHECKING:
    from foadv_gui.lab.training.record import TrainingRecord


def smaller_rate(record: TrainingRecord, arm: int) -> float | None:
    """The learning rate c, in the units of the training, at which an arm that diverged may be tried again.

    Steps follow the loss stably while eta_W < 2/sharpness (see `core.probe.sharpness`). Offered is half of that for the
    untrained network, to two digits rounded down, and never more than half of what diverged. A batch of b of n points
    may be n/b times as sharp as all of them: its kernel is a principal submatrix, divided by b instead of n.

    Returns
    -------
    float | None
        Nothing where the arm has not diverged, or where no rate that is low enough may be set.
    """
    track, one = record.tracks[arm], record.arm(arm)
    if not track.diverged:
        return None
    section, scale = one.training.section, one.line.scale
    offered = section.rate / 2
    sharp = _sharpness(record, arm)
    if math.isfinite(sharp) and sharp > 0:
        n = len(record.data[arm].y)
        share = section.batch / n if 0 < section.batch < n else 1.0
        stable = share / sharp
        offered = min(offered, stable * scale**2 if section.rate_units == "squared-scale" else stable)
    offered = _rounded_down(offered)
    least = setting("training.rate").low or 0.0
    return offered if offered >= least else None


def _sharpness(record: TrainingRecord, arm: int) -> float:
    """That of the untrained network: at the attacked points if it was probed, else at the clean ones.

    NaN where it has no closed form.
    """
    track, one = record.tracks[arm], record.arm(arm)
    known = track.probed.sharpness[track.probed.epochs == 0]
    if np.isfinite(known).any():
        return float(known[0])
    learner = learner_for(one.training.base, track.network(0), record.data[arm])
    points = torch.from_numpy(one.line.scale * record.data[arm].X_hat)
    if not isinstance(learner, QuadraticLearner):
        return math.nan
    return sharpness(learner.network, points, one.training.section.train_a)


def _rounded_down(number: float) -> float:
    """A positive number to two significant digits, rounded down."""
    power = math.floor(math.log10(number)) - 1
    return float(f"{math.floor(number / 10.0**power * (1 + 1e-12))}e{power}")
