"""Small records of trainings for the tests of what they say: really trained, or made up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.core.measures import MEASURES
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.record import Probed, Track, TrainingData, TrainingRecord
from foadv_gui.lab.training.study import train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def trained(training: Training, keep: Callable[[int], bool] = lambda epoch: True) -> TrainingRecord:
    """The record of a training, with those networks that `keep` says, the first and the last one."""
    *_, record = train(training)

    def thinned(track: Track) -> Track:
        some = [i for i, epoch in enumerate(track.kept) if keep(int(epoch)) or epoch in (0, track.last)]
        return replace(
            track, kept=track.kept[some], weights={name: array[some] for name, array in track.weights.items()}
        )

    return replace(record, tracks=tuple(map(thinned, record.tracks)))


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
            Track(
                numbers, np.zeros((n, 1)), np.array([0]), {"W": np.zeros((1, 2, 2)), "a": np.zeros((1, 2))}, probed, why
            )
        )
    data = TrainingData(np.eye(2), np.ones(2), np.empty((0, 2)), np.empty(0), ({}, {}), "two points")
    return TrainingRecord(training, tuple(tracks), (data,) * len(tracks))
