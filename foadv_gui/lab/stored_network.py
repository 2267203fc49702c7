"""The network of a run as named arrays: W and a (with b and c, its biases) for two layers, else W1, b1, W2, ...

W (m, d), a (m,), b (m,), c (): f(z) = a . sigma(W z + b) + c. W1 (m1, d), b1 (m1,), W2 (m2, m1), b2, ...: any depth,
the last one with C rows. A module from Python has none, since no file can hold it, but for the parameters that a
training moves: "module." and each one's own name, as in module.0.weight.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from foadv_gui.lab.weights import Layer

    Floats = NDArray[np.float64]
    Arrays = Mapping[str, Floats]

_NAME = re.compile(r"[Wabc]|[Wb]([1-9][0-9]{0,2})")
MODULE = "module."
"""What the name of an array of a module begins with."""
MOST_LAYERS = 256
"""A network of more is not read: a recording could not name its arrays."""


def is_weights(name: str) -> bool:
    """Whether an array of this name belongs to a network."""
    return _NAME.fullmatch(name) is not None


def of_first_layer(name: str, names: Iterable[str]) -> bool:
    """Whether an array belongs to the first layer of a network with arrays of these names; to a module's first part."""
    if name.startswith(MODULE):
        return name.rpartition(".")[0] == next(iter(names)).rpartition(".")[0]
    return name in ("W", "b", "W1", "b1")


def named(layers: Iterable[Layer]) -> dict[str, Floats]:
    """The arrays of layers by their names."""
    layers = list(layers)
    if len(layers) == 2 and len(layers[1].W) == 1:
        first, second = layers
        found = {"W": first.W, "a": second.W[0], "b": first.b}
        biased = {**found, "c": None if second.b is None else second.b.reshape(())}
        return {name: array for name, array in biased.items() if array is not None}
    numbered = [{f"W{i}": layer.W, f"b{i}": layer.b} for i, layer in enumerate(layers, 1)]
    return {name: array for one in numbered for name, array in one.items() if array is not None}


def layers_of(weights: Arrays) -> list[tuple[Floats, Floats | None]]:
    """The layers of named arrays, first layer first: each its W (out, in) and b (out,) or None."""
    if "W" in weights:
        c = weights.get("c")
        return [(weights["W"], weights.get("b")), (weights["a"][None], None if c is None else c.reshape(1))]
    count = sum(name.startswith("W") for name in weights)
    return [(weights[f"W{i}"], weights.get(f"b{i}")) for i in range(1, count + 1)]


def problem_with(weights: Mapping[str, NDArray[Any]], dimension: int) -> str:
    """What is wrong with named arrays as the network of an input with d coordinates; nothing if nothing is."""
    for name, array in weights.items():
        if array.dtype != np.float64:
            return f"{name} must be float64, not {array.dtype}"
        if not np.isfinite(array).all():
            return f"{name} holds a value that is not finite"
    if "W" in weights:
        return _two_layers(weights, dimension)
    depth = sum(name.startswith("W") for name in weights)
    expected = {f"W{i}" for i in range(1, depth + 1)}
    strange = set(weights) - expected - {f"b{i}" for i in range(1, depth + 1)}
    if strange or not expected <= set(weights):
        return f"holds {', '.join(sorted(weights))}, which are not the layers W1, b1, W2, b2, ... of one network"
    before = dimension
    for i in range(1, depth + 1):
        W, b = weights[f"W{i}"], weights.get(f"b{i}")
        if W.ndim != 2 or 0 in W.shape or W.shape[1] != before:
            return f"W{i} has the shape {W.shape} where (n, {before}) fits the other arrays"
        if b is not None and b.shape != W.shape[:1]:
            return f"b{i} has the shape {b.shape} where {W.shape[:1]} fits the other arrays"
        before = len(W)
    return ""


def _two_layers(weights: Mapping[str, NDArray[Any]], dimension: int) -> str:
    strange = sorted(set(weights) - set("Wabc"))
    if strange or "a" not in weights:
        return f"holds {', '.join(sorted(weights))}, which are not the arrays W, a, b and c of one network"
    m = len(weights["W"]) if weights["W"].ndim else 0
    for name, shape in {"W": (m, dimension), "a": (m,), "b": (m,), "c": ()}.items():
        if name in weights and weights[name].shape != shape:
            return f"{name} has the shape {weights[name].shape} where {shape} fits the other arrays"
    return "" if m else "holds no neuron"
