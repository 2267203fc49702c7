"""From a network's layers, or a module, to the objective that an experiment names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch

from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.affine import Affine
from foadv_gui.core.losses import LOSSES, Loss, LossError, OwnLoss
from foadv_gui.core.models import FullyConnectedNetwork
from foadv_gui.core.module import ModuleAdversary
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.lab.config import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from foadv_gui.core.models import Model
    from foadv_gui.core.objective import Objective
    from foadv_gui.lab.config import Experiment

    Layers = Sequence[tuple[NDArray, NDArray | None]]

_OUTPUT = re.compile(r"\s*(\d{1,9})\s*(?:[-−]\s*(\d{1,9})\s*)?")


def chosen_output(text: str) -> tuple[int, ...] | None:
    """The outputs that "3" or "3 - 5" names; () for nothing, None for something else."""
    if not text.strip():
        return ()
    found = _OUTPUT.fullmatch(text)
    return None if found is None else tuple(int(part) for part in found.groups() if part is not None)


def network_of(
    layers: Layers, experiment: Experiment, device: torch.device, dtype: torch.dtype
) -> TwoLayerNetwork | Model:
    """The network of some layers, first layer first, each its W (out, in) and b (out,) or None.

    Two layers, of which the quadratic loss follows one number, are a `TwoLayerNetwork`, of which more is known: for an
    output i its second layer is that row of weights, for the difference of i and j that of their rows.

    Raises
    ------
    ExperimentError
        For an output that there is not.
    """
    activation = ACTIVATIONS[experiment.network.activation]
    tensors = [
        Affine(
            torch.tensor(W, dtype=dtype, device=device),
            None if b is None else torch.tensor(b, dtype=dtype, device=device),
        )
        for W, b in layers
    ]
    network = FullyConnectedNetwork(tuple(tensors), activation)
    loss = loss_of(experiment)
    try:
        loss.check(network.outputs)
    except LossError as problem:
        raise _refusal(problem, experiment) from None
    if len(tensors) != 2 or experiment.network.loss != "quadratic":
        return network
    (first, second), output = tensors, loss.output or (0,)

    def chosen(part: Tensor) -> Tensor:
        return part[output[0]] - part[output[1]] if len(output) == 2 else part[output[0]]

    a, c = chosen(second.W), None if second.b is None else chosen(second.b)
    return TwoLayerNetwork(first.W, a, activation, first.b, c)


def loss_of(experiment: Experiment, own: Callable[[Tensor], Tensor] | None = None) -> Loss:
    """The loss that an experiment names, or one's own, with its label and output."""
    label, output = experiment.input.label, chosen_output(experiment.network.output) or ()
    return OwnLoss(label, output, own) if own is not None else LOSSES[experiment.network.loss](label, output)


def objective_of(network: TwoLayerNetwork | Model, loss: Loss, x: Tensor, experiment: Experiment) -> Objective:
    """The adversary of a network and a loss, in closed form where there is one.

    Raises
    ------
    ExperimentError
        For a label or an output that does not fit.
    """
    if isinstance(network, TwoLayerNetwork):
        if loss.name == "quadratic":
            return QuadraticAdversary(network, x, loss.label)
        network = FullyConnectedNetwork.of(network)
    try:
        return ModuleAdversary(network, loss, x)
    except LossError as problem:
        raise _refusal(problem, experiment) from None


def _refusal(problem: LossError, experiment: Experiment) -> ExperimentError:
    key = {"loss": "network.loss", "label": "input.label", "output": "network.output"}[problem.what]
    return ExperimentError(key, problem.reason, experiment.get(key))
