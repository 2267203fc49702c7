"""The networks of a training: from named arrays (see `lab.stored_network`) to what is trained, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.affine import Affine
from foadv_gui.core.learner import QuadraticLearner, learner_of
from foadv_gui.core.losses import LOSSES, LossError
from foadv_gui.core.models import FullyConnectedNetwork
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.models import load_layers
from foadv_gui.lab.objectives import loss_of
from foadv_gui.lab.stored_network import layers_of, named
from foadv_gui.lab.weights import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from foadv_gui.core.learner import Learner
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.training.plan import Arm
    from foadv_gui.lab.training.record import TrainingData

    Weights = Mapping[str, NDArray[Any]]

_KEYS = {"loss": "network.loss", "label": "training.data", "output": "network.output"}


def untrained(arm: Arm, data: TrainingData) -> dict[str, NDArray[Any]]:
    """The untrained weights of an arm by their names: those of the experiment on its first point.

    Raises
    ------
    ExperimentError
        If they cannot be drawn or read, or do not fit the points.
    """
    on_first = {f"input.{key}": value for key, value in data.inputs[0].items()}
    # One path, since how many an experiment would take says nothing of what fits here.
    experiment = arm.training.base.changed({**on_first, "ascent.restarts": 1, "ascent.steps": 1})
    return named(load_layers(experiment, data.X_hat.shape[1]))


def learner_for(
    experiment: Experiment,
    weights: Weights,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float64,
) -> Learner:
    """What is trained: a network with the activation and the loss of an experiment.

    The arrays are copied, since how memory is aligned may change the last bit of a training that goes on.

    Raises
    ------
    ExperimentError
        For a loss or an output that the network has not.
    """

    def tensor(array: NDArray[Any]) -> torch.Tensor:
        return torch.tensor(array, dtype=dtype, device=device)

    activation = ACTIVATIONS[experiment.network.activation]
    network: TwoLayerNetwork | FullyConnectedNetwork
    if "W" in weights:
        b, c = (tensor(weights[name]) if name in weights else None for name in "bc")
        network = TwoLayerNetwork(tensor(weights["W"]), tensor(weights["a"]), activation, b, c)
    else:
        layers = (Affine(tensor(W), None if b is None else tensor(b)) for W, b in layers_of(weights))
        network = FullyConnectedNetwork(tuple(layers), activation)
    try:
        return learner_of(network, loss_of(experiment))
    except LossError as problem:
        key = _KEYS[problem.what]
        raise ExperimentError(key, problem.reason, experiment.get(key)) from None


def weights_of(learner: Learner) -> dict[str, NDArray[Any]]:
    """The arrays of a learner by their names, in its own precision."""
    network = learner.network
    if isinstance(network, TwoLayerNetwork):
        parts = {"W": network.W, "a": network.a, "b": network.b, "c": network.c}
        return {name: part.cpu().numpy() for name, part in parts.items() if part is not None}
    return named(
        Layer("", layer.W.cpu().numpy(), None if layer.b is None else layer.b.cpu().numpy()) for layer in network.layers
    )


def in_closed_form(learner: Learner) -> bool:
    """Whether it has two layers, one output and the quadratic loss, for which the proofs are."""
    return isinstance(learner, QuadraticLearner)


def classes_of(experiment: Experiment, dimension: int) -> int:
    """How many classes labels are counted from 0 to; 0 where they are sides ±1, or numbers.

    Raises
    ------
    ExperimentError
        If the network cannot be read.
    """
    network = experiment.network
    # Only a file has networks with several outputs, and only some losses decide between these.
    if network.source != "file" or network.loss not in ("cross-entropy", "hinge"):
        return 0
    outputs = len(load_layers(experiment.changed({"ascent.restarts": 1, "ascent.steps": 1}), dimension)[-1].W)
    return 0 if LOSSES[network.loss](0, loss_of(experiment).output).of_sides(outputs) else outputs


def check_labels(experiment: Experiment, learner: Learner, data: TrainingData) -> None:
    """Refuse labels that are none of the experiment's loss; `ExperimentError` says why."""
    outputs = 1 if isinstance(learner.network, TwoLayerNetwork) else learner.network.outputs
    loss = loss_of(experiment)
    for labels in (data.y, data.held_out_y):
        try:
            type(loss)(torch.tensor(labels), loss.output).check(outputs)
        except LossError as problem:
            raise ExperimentError(_KEYS[problem.what], f"has labels that do not fit: each {problem.reason}") from None
