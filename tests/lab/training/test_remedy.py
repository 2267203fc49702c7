"""The learning rate that is offered where one was too large."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.ready import load_training
from foadv_gui.lab.training.remedy import smaller_rate
from foadv_gui.lab.training.study import train

if TYPE_CHECKING:
    from foadv_gui.lab.training.record import TrainingRecord

SMALL = {
    "network.width": 256,
    "network.dimension": 8,
    "input.ratio": 0.2,
    "ascent.step": 0.5,
    "training.points": 20,
    "training.held_out": 0,
    "training.epochs": 20,
    "training.inner_steps": 4,
    "training.probes": 1,
}


def small(**changes: Any) -> Training:
    """A small training; the names of settings are written with two underscores for the point."""
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return Training(Experiment()).changed({**SMALL, **named})


def trained(training: Training) -> TrainingRecord:
    *_, record = train(training)
    return record


@pytest.mark.parametrize(
    "changes",
    [
        {"training__rate": 20.0},
        {"training__rate": 3000.0, "input__scale": 0.1, "training__rate_units": "absolute"},
        {"training__rate": 200.0, "training__mode": "clean", "network__activation": "gelu"},
        {"training__rate": 20.0, "network__activation": "relu", "ascent__constraint": "linf-ball"},
        {"training__rate": 20.0, "training__train_a": True},
        {"training__rate": 20.0, "training__batch": 3},
        {"training__rate": 1e6, "network__activation": "softplus", "training__probes": 0},
    ],
)
def test_what_diverged_does_not_at_the_rate_that_is_offered(changes: dict[str, Any]) -> None:
    training = small(**changes)
    record = trained(training)
    assert record.tracks[0].diverged
    offered = smaller_rate(record, 0)
    assert offered is not None
    assert offered <= training.section.rate / 2
    assert float(f"{offered:.1e}") == offered
    track = trained(training.replace("training.rate", offered)).tracks[0]
    assert not track.diverged
    assert track.measures["adversarial_loss"][-1] < track.measures["adversarial_loss"][0]


def test_the_rate_is_offered_in_the_units_of_the_training() -> None:
    per_square, absolute = small(input__scale=0.5, training__rate=40.0), small(input__scale=0.5, training__rate=160.0)
    one = smaller_rate(trained(per_square), 0)
    other = smaller_rate(trained(absolute.replace("training.rate_units", "absolute")), 0)
    assert one is not None and other is not None
    assert other == pytest.approx(4 * one, rel=0.1)  # both to two digits


def test_a_batch_may_be_as_much_sharper_as_it_is_smaller() -> None:
    all_points, batches = small(training__rate=200.0), small(training__rate=200.0, training__batch=5)
    one, other = (smaller_rate(trained(training), 0) for training in (all_points, batches))
    assert one is not None and other is not None
    assert other == pytest.approx(one * 5 / 20, rel=0.1)  # both to two digits


def test_an_unknown_sharpness_is_computed() -> None:
    record = trained(small(training__rate=20.0, training__mode="clean"))
    (track,) = record.tracks
    unknown = replace(track.probed, sharpness=np.full_like(track.probed.sharpness, np.nan))
    blind = replace(record, tracks=(replace(track, probed=unknown),))
    assert smaller_rate(blind, 0) == smaller_rate(record, 0)


def test_at_most_half_of_what_diverged_is_offered() -> None:
    record = trained(small(training__rate=20.0))
    (track,) = record.tracks
    probed = replace(track.probed, sharpness=1e-9 * track.probed.sharpness)
    flat = replace(record, tracks=(replace(track, probed=probed),))
    assert smaller_rate(flat, 0) == 10.0


def test_nothing_is_offered_where_nothing_diverged_or_no_rate_is_low_enough() -> None:
    assert smaller_rate(trained(small(training__epochs=1)), 0) is None
    steep = small(input__scale=1e4, network__activation="relu", training__train_a=True, training__rate_units="absolute")
    record = trained(steep.replace("training.rate", 1e-8))
    assert record.tracks[0].diverged
    assert smaller_rate(record, 0) is None


def test_the_ready_training_with_too_large_a_rate_is_mended() -> None:
    training = load_training("rate-too-large")
    training = training.changed({"training.held_out": 0, "training.probes": 1, "training.epochs": 10})
    record = trained(training)
    assert 3 <= record.tracks[0].last < 10, "it should first look as if it learnt"
    offered = smaller_rate(record, 0)
    assert offered is not None
    assert not trained(training.replace("training.rate", offered)).tracks[0].diverged
