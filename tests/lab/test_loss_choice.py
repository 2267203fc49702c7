"""A loss brings what it cannot do without: whatever loss follows whichever, the run can be prepared."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from foadv_gui.core.losses import LOSSES
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.decision import rival
from foadv_gui.lab.experiment import prepare
from foadv_gui.lab.loss_choice import also_chosen, needed_for

if TYPE_CHECKING:
    from pathlib import Path

RIGHT = 2


@pytest.fixture
def attacked(tmp_path: Path) -> Experiment:
    """The cross-entropy of a classifier of 16 coordinates into five classes, away from class 2."""
    rng = np.random.default_rng(5)
    shapes = ((9, 16), (7, 9), (5, 7))
    np.savez(tmp_path / "net.npz", **{f"W{i}": rng.standard_normal(shape) for i, shape in enumerate(shapes, 1)})
    settings = {
        "network": {"source": "file", "file": str(tmp_path / "net.npz"), "loss": "cross-entropy"},
        "input": {"label": float(RIGHT)},
        "ascent": {"steps": 2, "restarts": 1},
        "compute": {"device": "cpu"},
    }
    return Experiment.model_validate(settings | {"network": settings["network"] | {"dimension": 16}})


def chosen(experiment: Experiment, loss: str) -> Experiment:
    """The experiment with another loss, and what goes with it."""
    needed = needed_for(loss, experiment, rival(prepare(experiment).objective))
    return experiment.replace("network.loss", loss, **needed)


def outputs_of(experiment: Experiment, x: np.ndarray) -> np.ndarray:
    layers = np.load(str(experiment.network.file))
    for name in ("W1", "W2"):
        x = np.tanh(layers[name] @ x)
    return np.asarray(layers["W3"] @ x)


def test_any_loss_can_follow_any_other(attacked: Experiment) -> None:
    for first, second, third in product(LOSSES, repeat=3):
        experiment = chosen(chosen(chosen(attacked, first), second), third)
        prepare(experiment)
        back = chosen(experiment, "cross-entropy")
        assert (back.input.label, back.network.output) == (RIGHT, ""), (first, second, third)


def test_a_loss_of_one_number_follows_the_right_class_against_the_nearest_other(attacked: Experiment) -> None:
    clean = prepare(attacked).clean.x
    z = outputs_of(attacked, clean)
    nearest = int(np.argsort(np.delete(z, RIGHT))[-1])
    nearest += nearest >= RIGHT
    for loss in ("quadratic", "logistic"):
        experiment = chosen(attacked, loss)
        objective = prepare(experiment).objective
        assert float(objective.value(objective.x * 0)) == pytest.approx(z[RIGHT] - z[nearest])
        assert experiment.input.label == 1
    words = also_chosen(needed_for("logistic", attacked, nearest))
    assert words == f"f = z₂ − z{'₀₁₂₃₄'[nearest]}, y = 1"


def test_before_anything_is_computed_the_right_output_alone_is_followed(attacked: Experiment) -> None:
    assert needed_for("logistic", attacked, -1) == {"network.output": "2", "input.label": 1.0}


def test_the_side_that_was_right_says_which_class_is(attacked: Experiment) -> None:
    sided = attacked.replace("network.loss", "logistic", **{"network.output": "3 - 1", "input.label": -1.0})
    assert chosen(sided, "cross-entropy").input.label == 1
    assert needed_for("cross-entropy", sided.changed({"network.output": "3"}), -1) == {}, "any class but 3 may be right"


def test_an_output_that_was_chosen_stays(attacked: Experiment) -> None:
    other = chosen(attacked.replace("network.output", f"4 - {RIGHT}"), "hinge")
    assert (other.network.output, other.input.label) == (f"4 - {RIGHT}", -1.0)
    prepare(other)


def test_a_network_of_one_output_needs_a_side_at_most() -> None:
    numbers = Experiment.model_validate({"input": {"label": -0.3}})
    assert needed_for("logistic", numbers, -1) == {"input.label": -1.0}
    assert needed_for("hinge", numbers.replace("input.label", 1.0), -1) == {}
    assert needed_for("cross-entropy", numbers, -1) == {}, "which is refused, and says why"
