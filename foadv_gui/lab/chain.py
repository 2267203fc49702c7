"""Which arrays of a file are the layers of a fully connected network, and in which order they follow on each other.

A layer k with weights of shape (out, in) takes what the one before gives: in_k = out_{k-1}. Its bias has the same name
but for the word ("fc1.weight" and "fc1.bias", "W1" and "b1"). Some libraries keep the weights as (in, out).
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foadv_gui.lab.rawnumbers import Entry, is_real
from foadv_gui.lab.stored_network import MOST_LAYERS

if TYPE_CHECKING:
    from collections.abc import Sequence

_TRIES = 20_000
_END = r"([._:/-]*[0-9]*(?::[0-9]+)?)"
_WEIGHT = re.compile(rf"(.*?)(weights?|kernels?|coefs?|w){_END}", re.IGNORECASE | re.DOTALL)
_BIAS = re.compile(rf"(.*?)(bias(?:es)?|intercepts?|b){_END}", re.IGNORECASE | re.DOTALL)
_NUMBERED = re.compile(r"(.*[^a-z])?w[._-]?[0-9]+", re.IGNORECASE | re.DOTALL)
_TRANSPOSED = re.compile(r".*(kernels?|coefs?)[^a-z]*", re.IGNORECASE | re.DOTALL)
_ELSE = re.compile(r"weight_(ih|hh|g|v|u|orig)|in_proj_|original[01]|lora_|embed", re.IGNORECASE)
"""Names of arrays that are part of something else than a linear layer, whatever their shape."""
FROM_PYTHON = "give such a network from Python with --model"
BY_HAND = "name the weight arrays in order with network.layers"


@dataclass(frozen=True)
class Chain:
    """The layers of a network, first one first: the names of their weights and biases (None: it has none).

    `transposed` says that the weights are kept as (in, out).
    """

    weights: tuple[str, ...]
    biases: tuple[str | None, ...]
    transposed: bool = False


def find_chain(entries: Sequence[Entry]) -> Chain:
    """The layers that a file holds; ValueError says why they cannot be told, and what to do.

    W (m, d) and a (m,) are a two-layer network, with b (m,) and c () as its biases if they are there. Else all
    matrices must follow on each other in exactly one order that keeps equally named ones by their numbers, and
    nothing may be left over.
    """
    known = {entry.name: entry for entry in entries}
    two = _two_layers(known)
    if two is not None:
        return two
    try:
        return _only_chain(known)
    except ValueError:
        if "W" in known and "a" in known:
            shapes = f"{str(known['W'].shape)[:60]} and {str(known['a'].shape)[:60]}"
            raise ValueError(f"must hold W of shape (m, d) and a of shape (m,), not {shapes}") from None
        raise


def given_chain(entries: Sequence[Entry], keys: Sequence[str]) -> Chain:
    """The layers whose weights are called `keys`, in this order; ValueError says why they are no network."""
    known = {entry.name: entry for entry in entries}
    if len(keys) > MOST_LAYERS:
        raise ValueError(f"would be a network of {len(keys)} layers, more than the {MOST_LAYERS} allowed")
    for key in keys:
        if key not in known:
            raise ValueError(f"holds no array called {key[:60]}; it holds {listed(known)}")
        if len(known[key].shape) != 2 and not (len(known[key].shape) == 1 and key == keys[-1]):
            raise ValueError(f"holds {known[key]}, which is no linear layer; {FROM_PYTHON}")
        _check_numbers(known[key])
    if tuple(keys) == ("W", "a") and (two := _two_layers(known)) is not None:
        return two
    matrices = [known[key] for key in keys]
    biases = _biases(known, matrices)
    for bias in biases:
        if bias is not None:
            _check_numbers(bias)
    for transposed in _conventions(matrices):
        if _follow(matrices, transposed) and _misfit(matrices, biases, transposed) is None:
            return _chain(matrices, biases, transposed)
    raise ValueError(_why_not(matrices, biases))


def listed(names: Sequence[str] | dict[str, Entry]) -> str:
    """Some names of arrays, for a message."""
    shown = [name[:60] for name in names][:8]
    return ", ".join(shown) + (f" and {len(names) - 8} more" if len(names) > 8 else "") or "none"


def _two_layers(known: dict[str, Entry]) -> Chain | None:
    W, a = known.get("W"), known.get("a")
    if W is None or a is None or len(W.shape) != 2 or a.shape != W.shape[:1] or 0 in W.shape:
        return None
    for entry in (W, a):
        _check_numbers(entry)
    b, c = known.get("b"), known.get("c")
    if b is not None and b.shape != a.shape:
        raise ValueError(f"holds {b}, but the bias of W must be of shape {a.shape}")
    if c is not None and c.shape not in ((), (1,)):
        raise ValueError(f"holds {c}, but the bias of a must be a single number")
    for bias in (b, c):
        if bias is not None:
            _check_numbers(bias)
    return _chain((W, a), (b, c), False)


def _only_chain(known: dict[str, Entry]) -> Chain:
    # Text, truth values and counts say something about a network and are no part of it.
    arrays = [e for e in known.values() if e.dtype[:3] not in ("str", "boo") and (e.shape or "int" not in e.dtype)]
    for entry in arrays:
        if len(entry.shape) > 2 or _ELSE.search(entry.name):
            raise ValueError(f"holds {entry}, which is no linear layer; {FROM_PYTHON}")
        _check_numbers(entry)
    matrices = [entry for entry in arrays if _is_layer(entry)]
    stems = {stem for entry in matrices if (stem := _stem(_WEIGHT, entry.name)) is not None}
    matrices = sorted((e for e in matrices if _stem(_BIAS, e.name) not in stems), key=lambda e: _natural(e.name))
    if not matrices:
        raise ValueError(f"holds no weights of a linear layer, which are a matrix; it holds {listed(known)}")
    if len(matrices) > MOST_LAYERS:
        raise ValueError(f"holds {len(matrices)} matrices, more than the {MOST_LAYERS} layers allowed; {BY_HAND}")
    biases = _biases(known, matrices)
    for entry in arrays:
        if entry not in matrices and entry not in biases:
            raise ValueError(f"holds {entry}, which belongs to no linear layer; {BY_HAND}, or {FROM_PYTHON}")
    for transposed in _conventions(matrices):
        orders = [order for order in _orders(matrices, transposed) if _fits(order, known, transposed)]
        if len(orders) > 1:
            ways = " or ".join(listed([entry.name for entry in order]) for order in orders[:2])
            raise ValueError(f"holds layers that follow on each other in more than one order ({ways}); {BY_HAND}")
        if orders:
            return _chain(orders[0], _biases(known, orders[0]), transposed)
    raise ValueError(_why_not(matrices, biases))


def _is_layer(entry: Entry) -> bool:
    """Whether an array can be the weights of a layer; a vector can (of the last) where it is called as W2."""
    return len(entry.shape) == 2 or (len(entry.shape) == 1 and _NUMBERED.fullmatch(entry.name) is not None)


def _fits(order: Sequence[Entry], known: dict[str, Entry], transposed: bool) -> bool:
    return _misfit(order, _biases(known, order), transposed) is None


def _chain(matrices: Sequence[Entry], biases: Sequence[Entry | None], transposed: bool) -> Chain:
    return Chain(
        tuple(entry.name for entry in matrices), tuple(bias.name if bias else None for bias in biases), transposed
    )


def _check_numbers(entry: Entry) -> None:
    if not is_real(entry.dtype):
        raise ValueError(f"{entry.name[:60]} holds {entry.dtype}, not real numbers")
    if any(length < 1 for length in entry.shape):
        raise ValueError(f"holds {entry}, which is empty")


def _stem(kind: re.Pattern[str], name: str) -> tuple[str, str] | None:
    """What a name says beside the word for weights or for a bias."""
    found = kind.fullmatch(name)
    return (found[1], found[3]) if found else None


def _natural(name: str) -> list[int | str]:
    """A key that sorts fc2 before fc10."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split("([0-9]+)", name))]


def _biases(known: dict[str, Entry], matrices: Sequence[Entry]) -> list[Entry | None]:
    """The bias of each layer, by name."""
    taken = {entry.name for entry in matrices}
    by_stem = {stem: known[name] for name in reversed(known) if name not in taken and (stem := _stem(_BIAS, name))}
    return [by_stem.get(stem) if (stem := _stem(_WEIGHT, entry.name)) else None for entry in matrices]


def _sides(entry: Entry, transposed: bool) -> tuple[int, int]:
    """How many numbers a layer takes and gives; a vector of weights gives one."""
    if len(entry.shape) == 1:
        return entry.shape[0], 1
    first, second = entry.shape
    return (first, second) if transposed else (second, first)


def _conventions(matrices: Sequence[Entry]) -> tuple[bool, bool]:
    """Which convention to try first: what is called kernel or coefs is rather kept as (in, out)."""
    transposed = all(_TRANSPOSED.fullmatch(entry.name) for entry in matrices)
    return transposed, not transposed


def _follow(matrices: Sequence[Entry], transposed: bool) -> bool:
    """Whether each layer takes what the one before gives; only the last one may be a vector."""
    sides = [_sides(entry, transposed) for entry in matrices]
    return all(len(entry.shape) == 2 for entry in matrices[:-1]) and all(
        before[1] == after[0] for before, after in itertools.pairwise(sides)
    )


def _misfit(matrices: Sequence[Entry], biases: Sequence[Entry | None], transposed: bool) -> str | None:
    """What is wrong with the shape of a bias: it must have a number for each output, as a vector, row or column."""
    for entry, bias in zip(matrices, biases, strict=True):
        outputs = _sides(entry, transposed)[1]
        if bias is not None and (math.prod(bias.shape) != outputs or max(bias.shape, default=1) != outputs):
            return f"holds {bias}, but {entry} has {outputs} outputs"
    return None


def _orders(matrices: Sequence[Entry], transposed: bool) -> list[list[Entry]]:
    """At most two orders in which all matrices follow on each other, those that differ by a number in its order.

    `matrices` is in the natural order of the names.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in matrices:
        groups.setdefault(re.sub("[0-9]+", "#", entry.name), []).append(entry)
    queues, tries = list(groups.values()), 0
    path: list[Entry] = []
    found: list[list[Entry]] = []
    places = [0] * len(queues)
    after = [0]  # for each place on the path, the queue that is tried next
    while after and len(found) < 2:
        tries += 1
        if tries > _TRIES:
            raise ValueError(f"holds {len(matrices)} matrices that can follow on each other in many ways; {BY_HAND}")
        i = after[-1]
        if len(path) == len(matrices):
            found.append(list(path))
        elif i < len(queues):
            after[-1] += 1
            if places[i] < len(queues[i]) and _follow([*path[-1:], queues[i][places[i]]], transposed):
                path.append(queues[i][places[i]])
                places[i] += 1
                after.append(0)
            continue
        after.pop()
        if after:
            places[after[-1] - 1] -= 1
            path.pop()
    return found


def _why_not(matrices: Sequence[Entry], biases: Sequence[Entry | None]) -> str:
    """Why matrices in the order of their names are no network."""
    for transposed in _conventions(matrices):
        if _follow(matrices, transposed) and (misfit := _misfit(matrices, biases, transposed)) is not None:
            return misfit
    shapes = ", ".join(f"{entry.name[:40]} {str(entry.shape)[:40]}" for entry in matrices[:8])
    more = f" and {len(matrices) - 8} more" if len(matrices) > 8 else ""
    return f"holds layers of which none takes what another gives ({shapes}{more}); {BY_HAND}"
