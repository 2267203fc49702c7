"""The trainings that come with the program, and what the first of them is there to show."""

from __future__ import annotations

import numpy as np
import pytest

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.training.ready import load_training, training_names
from foadv_gui.lab.training.study import train


def test_every_ready_training_can_be_loaded_and_says_what_to_watch() -> None:
    names = training_names()
    assert names[0] == "training-claim"
    assert len(names) == len({load_training(name).title for name in names}) >= 4
    for name in names:
        training = load_training(name)
        assert training.title and training.watch.endswith((".", "?")), name
        assert len(training.arms) >= 1


def test_a_wrong_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(ExperimentError, match="there is no ready training of that name; did you mean training-claim"):
        load_training("training-clam")


def test_the_claim_is_that_of_the_theory() -> None:
    claim = load_training("training-claim")
    network, section = claim.base.network, claim.section
    assert (network.dimension, network.width, section.points, claim.base.input.ratio) == (64, 512, 100, 0.3)
    assert (section.rate, section.inner_steps, section.epochs, section.repeats) == (1.0, 10, 60, 3)
    scales = [0.1, 0.3, 1.0, 3.0, 10.0]
    assert [line.values for line in claim.lines] == [(s, u) for s in scales for u in ("squared-scale", "absolute")]


def test_small_inputs_learn_sooner_per_squared_scale_and_later_at_one_rate_for_all() -> None:
    claim = load_training("training-claim").changed(
        {"training.epochs": 30, "training.repeats": 1, "training.held_out": 0, "training.probes": 0}
    )
    claim = claim.changed({"compute.dtype": "float32", "network.width": 256})
    scales = "0.1,1,3"
    epochs = {}
    for units in ("squared-scale", "absolute"):
        *_, record = train(claim.replace("training.rate_units", units).over([("input.scale", scales)]))
        losses = [track.measures["adversarial_loss"] for track in record.tracks]
        epochs[units] = [int(np.argmax(loss <= 0.75 * loss[0])) or 31 for loss in losses]
    small, middle, large = epochs["squared-scale"]
    assert small < middle < large
    small, middle, large = epochs["absolute"]
    assert small > middle > large
