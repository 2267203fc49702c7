"""From a network's layers, or a module, to the objective that an experiment names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.affine import Affine
from foadv_gui.core.losses import LOSSES, Loss, LossError, OwnLoss
from foadv_gui.core.models import FullyConnectedNetwork, ModuleError
from foadv_gui.core.module import ModuleAdversary
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.fields import chosen_output
from foadv_gui.lab.models import load_layers
from foadv_gui.lab.modules import FactoryError, fresh, given, model_of
from foadv_gui.lab.stored_network import MODULE, layers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from foadv_gui.core.models import Model, ModuleModel
    from foadv_gui.core.objective import Objective
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.inputs import CleanInput

    Weights = Mapping[str, NDArray[Any]]
    Layers = Sequence[tuple[NDArray[np.float64], NDArray[np.float64] | None]]


def objective_for(
    experiment: Experiment,
    clean: CleanInput,
    x: Tensor,
    previous: Objective | None = None,
    weights: Weights | None = None,
) -> Objective:
    """The objective of an experiment at x (d,), the clean input where it is computed.

    Parameters
    ----------
    previous
        An objective with the same network section, whose random network is taken over where it fits.
    weights
        The arrays of the network (see `lab.stored_network`), in place of those that the experiment names.

    Raises
    ------
    ExperimentError
        Names the setting that cannot be met and says why.
    """
    if experiment.network.source == "model":
        return _of_module(experiment, clean.image_shape, x, weights or None)
    network: TwoLayerNetwork | Model | None = None
    if weights is None and previous is not None and experiment.network.source == "random":
        alike = (previous.dimension, previous.device, previous.dtype) == (clean.dimension, x.device, x.dtype)
        if alike and isinstance(previous, QuadraticAdversary):
            network = previous.network
        elif alike and isinstance(previous, ModuleAdversary):
            network = previous.model
    if network is None:
        layers = (
            [(layer.W, layer.b) for layer in load_layers(experiment, clean.dimension)]
            if weights is None
            else layers_of(weights)
        )
        network = network_of(layers, experiment, x.device, x.dtype)
    return objective_of(network, loss_of(experiment), x, experiment)


def _of_module(
    experiment: Experiment, image_shape: tuple[int, ...] | None, x: Tensor, weights: Weights | None
) -> Objective:
    """The objective of a module from Python that was handed over."""
    model, loss = module_of(experiment, len(x), image_shape, x.dtype, weights)
    moved = model if x.device.type == "cpu" else model.to(device=x.device)
    return objective_of(moved, loss, x, experiment)


def module_of(
    experiment: Experiment,
    dimension: int,
    image_shape: tuple[int, ...] | None,
    dtype: torch.dtype,
    weights: Weights | None = None,
) -> tuple[ModuleModel, Loss]:
    """The module from Python that an experiment names, for inputs of some shape, on the CPU; and its loss.

    Parameters
    ----------
    weights
        For a module that is trained (see `lab.modules.fresh`), with the experiment's seed of the network: parameters in
        place of its own, by their names in a record (see `lab.stored_network`); none of them, or all that are trained.

    Raises
    ------
    ExperimentError
        If there is no such module here, or it does not take the inputs or the weights.
    """
    name = experiment.network.model
    known = given(name)
    if known is None:
        what = f"is a module from Python ({name}), which no file holds" if name else "must name a module from Python"
        reason = f"{what}: give it by --model package.module:factory, or by run(..., model=...)"
        raise ExperimentError("network.model", reason)
    try:
        module = known.module if weights is None else fresh(known, experiment.network.seed)
        model = model_of(module, dimension, image_shape, dtype)
    except (ModuleError, FactoryError) as problem:
        raise ExperimentError("network.model", str(problem), name) from None
    if weights:
        wanted = {MODULE + part: tuple(model.parameters[part].shape) for part in model.trainable}
        shapes = {part: array.shape for part, array in weights.items()}
        if wanted != shapes:
            odd = min(part for part, shape in {*wanted.items()} ^ {*shapes.items()})
            reason = f"has other parameters than the one that was trained: {odd.removeprefix(MODULE)} does not fit"
            raise ExperimentError("network.model", reason, name)
        model = model.with_parameters(
            {part: torch.tensor(weights[MODULE + part], dtype=dtype) for part in model.trainable}
        )
    return model, loss_of(experiment, known.loss)


def later_widths(objective: Objective) -> tuple[int, ...]:
    """The widths after the first layer, where these are more than one number; (0,) for a module."""
    if not isinstance(objective, ModuleAdversary):
        return ()
    if not isinstance(objective.model, FullyConnectedNetwork):
        return (0,)
    widths = tuple(layer.W.shape[0] for layer in objective.model.layers[1:])
    return () if widths == (1,) else widths


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


def loss_of(experiment: Experiment, own: Callable[..., Tensor] | None = None) -> Loss:
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
            return QuadraticAdversary(network, x, float(loss.label))
        network = FullyConnectedNetwork.of(network)
    try:
        return ModuleAdversary(network, loss, x)
    except LossError as problem:
        raise _refusal(problem, experiment) from None


def _refusal(problem: LossError, experiment: Experiment) -> ExperimentError:
    key = {"loss": "network.loss", "label": "input.label", "output": "network.output"}[problem.what]
    return ExperimentError(key, problem.reason, experiment.get(key))
