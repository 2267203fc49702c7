"""Where the weights of a network come from: W (m, d) and a (m,) from a seed, or the layers in a file."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foadv_gui.lab.config import ExperimentError, memory_problem
from foadv_gui.lab.files import FileProblem, stamp_of
from foadv_gui.lab.weights import Layer, WrongLayers, read_layers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.config import Experiment, Network
    from foadv_gui.lab.files import Stamp

    Weights = tuple[NDArray[np.float64], NDArray[np.float64]]

_WIDTH_MAX = 65_536
_KEEP_BYTES = 64 * 2**20
_lock = threading.Lock()
_draws: dict[tuple[int, int], NDArray[np.float64]] = {}


def load_layers(experiment: Experiment, dimension: int) -> tuple[Layer, ...]:
    """Return the linear layers of an experiment's network, first one first; their arrays are read-only.

    Random weights are ``W = kappa Z`` with Z standard normal, drawn row by row, and ``a = ±1/sqrt(m)`` with a fair sign
    per neuron, as layers "W" (m, d) and "a" (1, m) without biases: a wider network keeps the rows and signs that it
    had. From a file come the layers that `network.layers` names, or all that it holds (see `read_layers`); the first W
    is multiplied by kappa.

    Parameters
    ----------
    experiment
        Its network section is used, and its memory budget (see `memory_problem`).
    dimension
        The number d of coordinates of the input.

    Raises
    ------
    ExperimentError
        If the run does not fit the memory budget, or the file cannot be read or does not fit the input.
    """
    network = experiment.network
    problem = memory_problem(experiment, dimension)
    if problem is not None:
        raise problem
    if network.source == "random":
        W, a = _random(network.seed, network.width, dimension, network.weight_scale)
        return Layer("W", W, None), Layer("a", a[None], None)
    try:
        layers = _from_file(network, experiment.compute.file_limit, stamp_of(network.file or ""))
    except WrongLayers as error:
        raise ExperimentError("network.layers", error.problem, list(network.layers or ())) from None
    except FileProblem as error:
        raise ExperimentError("network.file", error.problem, network.file) from None
    inputs = layers[0].W.shape[1]
    if inputs != dimension:
        if experiment.input.source == "sphere":
            reason = f"must be {inputs}, the columns of {layers[0].name} in {Path(network.file or '').name}"
            raise ExperimentError("network.dimension", reason, dimension)
        reason = f"holds {layers[0].name} for inputs of {inputs} coordinates, but this input has {dimension}"
        raise ExperimentError("network.file", reason, network.file)
    return layers


# One entry, since W may take half of the memory budget; the current network is the one that is asked for again.
@lru_cache(maxsize=1)
def _random(seed: int, width: int, dimension: int, scale: float) -> Weights:
    signs = np.where(np.random.default_rng([seed, 3]).random(width) < 0.5, -1.0, 1.0)
    return _frozen(scale * _standard(seed, width, dimension), signs / np.sqrt(width))


def _standard(seed: int, width: int, dimension: int) -> NDArray[np.float64]:
    """Return standard normal rows; the widest recent draw is kept, so that kappa and m follow a slider."""
    with _lock:
        rows = _draws.get((seed, dimension))
        if rows is None or len(rows) < width:
            rows = np.random.default_rng([seed, 2]).standard_normal((width, dimension))
            _draws.clear()
            if rows.nbytes <= _KEEP_BYTES:
                _draws[seed, dimension] = rows
        return rows[:width]


@lru_cache(maxsize=1)
def _from_file(network: Network, limit: int, stamp: Stamp) -> tuple[Layer, ...]:
    """Read the layers; `stamp` makes a file that has changed be read again."""
    path = Path(network.file or "")
    first, *rest = read_layers(path, network.layers, limit)
    for layer in (first, *rest):
        if len(layer.W) > _WIDTH_MAX:
            raise FileProblem(path, f"holds {len(layer.W)} neurons, more than {_WIDTH_MAX}")
    with np.errstate(over="ignore"):
        scaled = network.weight_scale * first.W
    if not np.isfinite(scaled).all():
        scale = f"network.weight_scale = {network.weight_scale:g}"
        raise FileProblem(path, f"{first.name} overflows when multiplied by {scale}")
    scaled.flags.writeable = False
    return replace(first, W=scaled), *rest


def _frozen(W: NDArray[np.float64], a: NDArray[np.float64]) -> Weights:
    W.flags.writeable = False
    a.flags.writeable = False
    return W, a
