"""Small records of trainings for the tests of what they say: really trained, or made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.attack import InnerAscent, Points
from foadv_gui.core.constraint import CONSTRAINTS
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.training import MEASURES, AdversarialTraining
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.inputs import load_input
from foadv_gui.lab.models import load_weights
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.record import Probed, Track, TrainingData, TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from foadv_gui.lab.training.plan import Arm

SMALL: dict[str, Any] = {
    "network": {"width": 24, "dimension": 8},
    "input": {"scale": 1.0, "ratio": 0.3},
    "compute": {"dtype": "float64", "device": "cpu"},
    "ascent": {"restarts": 4, "steps": 30},
}


def training_of(
    over: Sequence[tuple[str, Any]] = (), changes: dict[str, object] | None = None, **section: Any
) -> Training:
    """A small training; `changes` are made to the experiment, `section` to its training."""
    training = Training(Experiment.model_validate(SMALL))
    values = {"points": 10, "held_out": 6, "epochs": 6, "inner_steps": 5, "probes": 2, **section}
    return training.changed({**{f"training.{name}": value for name, value in values.items()}, **(changes or {})}).over(
        over
    )


def data_of(arm: Arm) -> TrainingData:
    """Random directions, each of which is that of a seed."""
    training = arm.training
    section, count = training.section, training.section.points + training.section.held_out
    inputs = [{"source": "sphere", "seed": 1000 * section.seed + i} for i in range(count)]
    rows = [
        load_input(training.base.changed({f"input.{name}": value for name, value in one.items()})).x_hat
        for one in inputs
    ]
    y = np.where(np.random.default_rng(section.seed).random(count) < 0.5, -1.0, 1.0)
    n = section.points
    X = np.array(rows)
    return TrainingData(X[:n], y[:n], X[n:], y[n:], tuple(inputs[:n]), "random points")


def trained(training: Training, keep: Callable[[int], bool] = lambda epoch: True) -> TrainingRecord:
    """The record of a training, all of whose networks are kept that `keep` says, and the last one."""
    tracks, data = zip(*(_track(arm, keep) for arm in training.arms), strict=True)
    return TrainingRecord(training, tracks, data)


def _track(arm: Arm, keep: Callable[[int], bool]) -> tuple[Track, TrainingData]:
    training, data = arm.training, data_of(arm)
    base, section, dtype = training.base, training.section, getattr(torch, training.base.compute.dtype)
    W, a = (torch.tensor(part, dtype=dtype) for part in load_weights(base, base.network.dimension))
    network = TwoLayerNetwork(W, a, ACTIVATIONS[base.network.activation])
    ascent, gamma = base.ascent, base.input.scale
    inner = InnerAscent(
        CONSTRAINTS[ascent.constraint](base.input.ratio * gamma),
        ascent.rule,
        ascent.step,
        ascent.step_units == "relative",
        section.inner_steps,
        ascent.tolerance,
    )
    points, held_out = (
        Points(torch.tensor(gamma * X, dtype=dtype), torch.tensor(y, dtype=dtype))
        for X, y in ((data.X_hat, data.y), (data.held_out_X_hat, data.held_out_y))
    )
    descent = AdversarialTraining(inner, arm.line.rate, adversarial=section.mode == "adversarial")
    epochs = list(descent.epochs(network, points, held_out, last=section.epochs))
    kept = [i for i, epoch in enumerate(epochs) if i == 0 or keep(i) or i == len(epochs) - 1]
    probed = Probed(np.empty(0, np.int64), np.empty((0, 0)), np.empty((0, 0)), np.empty(0))
    track = Track(
        {name: np.array([epoch.measures[name] for epoch in epochs]) for name in MEASURES},
        np.array([epoch.residual.numpy() for epoch in epochs]),
        np.array(kept),
        np.array([epochs[i].network.W.numpy() for i in kept]),
        np.array([epochs[i].network.a.numpy() for i in kept]),
        probed,
        epochs[-1].diverged,
    )
    return track, data


def told(
    training: Training, losses: Sequence[Sequence[float]], diverged: Sequence[str] = (), **measures: Sequence[float]
) -> TrainingRecord:
    """A record with given adversarial losses for each of its arms, and the same other measures for all; no network."""
    tracks = []
    for i, loss in enumerate(losses):
        n = len(loss)
        numbers = {name: np.full(n, np.nan) for name in MEASURES}
        numbers["adversarial_loss"] = np.array(loss, np.float64)
        for name, values in measures.items():
            numbers[name] = np.resize(np.array(values, np.float64), n)
        probed = Probed(np.empty(0, np.int64), np.empty((0, 0)), np.empty((0, 0)), np.empty(0))
        why = diverged[i] if i < len(diverged) else ""
        tracks.append(
            Track(numbers, np.zeros((n, 1)), np.array([0]), np.zeros((1, 2, 2)), np.zeros((1, 2)), probed, why)
        )
    data = TrainingData(np.eye(2), np.ones(2), np.empty((0, 2)), np.empty(0), ({}, {}), "two points")
    return TrainingRecord(training, tuple(tracks), (data,) * len(tracks))
