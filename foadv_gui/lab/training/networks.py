"""The networks of a training: from named arrays (see `lab.stored_network`) to what is trained, and back."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.affine import Affine
from foadv_gui.core.learner import ForeignLearner, learner_of
from foadv_gui.core.losses import LOSSES, Hinge, LossError, OwnLoss
from foadv_gui.core.models import FullyConnectedNetwork, ModuleModel
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.models import load_layers
from foadv_gui.lab.objectives import loss_of, module_of
from foadv_gui.lab.stored_network import MODULE, layers_of, named
from foadv_gui.lab.weights import Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from foadv_gui.core.learner import Learner
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.training.plan import Arm
    from foadv_gui.lab.training.record import TrainingData

    Weights = Mapping[str, NDArray[Any]]

_KEYS = {"loss": "network.loss", "label": "training.data", "output": "network.output"}


def untrained(arm: Arm, data: TrainingData) -> dict[str, NDArray[Any]]:
    """The untrained weights of an arm by their names: those of the experiment on its first point.

    Of a module from Python those that its factory gives it with the arm's seed, or that it was given with.

    Raises
    ------
    ExperimentError
        If they cannot be drawn or read, or do not fit the points.
    """
    on_first = {f"input.{key}": value for key, value in data.inputs[0].items()}
    if arm.training.base.network.source == "model":
        dtype = getattr(torch, arm.training.base.compute.dtype)
        return weights_of(learner_for(arm.training.base, {}, data, dtype=dtype))
    # One path, since how many an experiment would take says nothing of what fits here.
    experiment = arm.training.base.changed({**on_first, "ascent.restarts": 1, "ascent.steps": 1})
    return named(load_layers(experiment, data.X_hat.shape[1]))


def learner_for(
    experiment: Experiment,
    weights: Weights,
    data: TrainingData,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float64,
) -> Learner:
    """What is trained: a network with the activation and the loss of an experiment, for points of some shape.

    No weights at all stand for those that a module from Python has.
    The arrays are copied, since how memory is aligned may change the last bit of a training that goes on.

    Raises
    ------
    ExperimentError
        For a loss or an output that the network has not, or for a module that cannot be trained.
    """
    if experiment.network.source == "model":
        model, loss = module_of(experiment, data.X_hat.shape[1], data.image_shape, dtype, weights)
        _check_parameters(model.trainable, experiment)
        moved = model if device is None or device.type == "cpu" else model.to(device=device)
        return _refusing(lambda: ForeignLearner(moved, loss, model.trainable), experiment)

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
    return _refusing(lambda: learner_of(network, loss_of(experiment)), experiment)


def _refusing(make: Callable[[], Learner], experiment: Experiment) -> Learner:
    try:
        return make()
    except LossError as problem:
        key = _KEYS[problem.what]
        raise ExperimentError(key, problem.reason, experiment.get(key)) from None


def _check_parameters(names: tuple[str, ...], experiment: Experiment) -> None:
    """Refuse a module in which nothing moves, or whose parameters no file could name."""
    name = experiment.network.model
    if not names:
        raise ExperimentError("network.model", "has no parameter that takes gradients: there is nothing to train", name)
    odd = next((one for one in names if not re.fullmatch(r"[A-Za-z0-9_.-]+", one)), "")
    if odd:
        raise ExperimentError("network.model", f"has a parameter {odd!r}, and no array in a file has such a name", name)


def weights_of(learner: Learner) -> dict[str, NDArray[Any]]:
    """The arrays of a learner by their names, in its own precision."""
    if isinstance(learner, ForeignLearner):
        return {MODULE + name: part.cpu().numpy() for name, part in zip(learner.trained, learner.arrays, strict=True)}
    network = learner.network
    assert not isinstance(network, ModuleModel)
    if isinstance(network, TwoLayerNetwork):
        parts = {"W": network.W, "a": network.a, "b": network.b, "c": network.c}
        return {name: part.cpu().numpy() for name, part in parts.items() if part is not None}
    return named(
        Layer("", layer.W.cpu().numpy(), None if layer.b is None else layer.b.cpu().numpy()) for layer in network.layers
    )


def classes_of(experiment: Experiment, dimension: int, image_shape: tuple[int, ...] | None = None) -> int:
    """How many classes labels are counted from 0 to; 0 where they are sides ±1, or numbers.

    A loss of one's own is one of classes where the module has several outputs, of which none is chosen.

    Raises
    ------
    ExperimentError
        If the network cannot be read.
    """
    network = experiment.network
    if network.source == "model":
        model, loss = module_of(experiment, dimension, image_shape, torch.float32, {})
        of_classes = isinstance(loss, OwnLoss) or network.loss in ("cross-entropy", "hinge")
        return model.outputs if of_classes and not loss.of_sides(model.outputs) else 0
    # Only a file has networks with several outputs, and only some losses decide between these.
    if network.source != "file" or network.loss not in ("cross-entropy", "hinge"):
        return 0
    outputs = len(load_layers(experiment.changed({"ascent.restarts": 1, "ascent.steps": 1}), dimension)[-1].W)
    return 0 if LOSSES[network.loss](0, loss_of(experiment).output).of_sides(outputs) else outputs


def check_labels(experiment: Experiment, learner: Learner, data: TrainingData) -> None:
    """Refuse labels that are none of the experiment's loss; `ExperimentError` says why."""
    outputs = 1 if isinstance(learner.network, TwoLayerNetwork) else learner.network.outputs
    loss = learner.loss if isinstance(learner, ForeignLearner) else loss_of(experiment)
    for labels in (data.y, data.held_out_y):
        try:
            if isinstance(loss, OwnLoss) and not loss.of_sides(outputs):
                Hinge(torch.tensor(labels)).check(outputs)
            if len(labels):
                replace(loss, label=torch.tensor(labels)).check(outputs)
        except LossError as problem:
            raise ExperimentError(_KEYS[problem.what], f"has labels that do not fit: each {problem.reason}") from None
