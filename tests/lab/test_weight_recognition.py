"""Layers are recognised in the one order in which they follow on each other; what could be two networks is refused."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foadv_gui.lab.chain import find_chain, given_chain
from foadv_gui.lab.rawnumbers import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = st.lists(st.integers(1, 4), min_size=3, max_size=7)
NUMBERED = (
    *(("{k}.weight", "{k}.bias"), ("W{k}", "b{k}"), ("w_{k}", "b_{k}"), ("layer{k}_weights", "layer{k}_biases")),
    *(("coefs_{k}", "intercepts_{k}"), ("params.Dense_{k}.kernel", "params.Dense_{k}.bias"), ("l{k}.W", "l{k}.b")),
)
WORDS = ("alpha", "beta", "gamma", "delta", "eps")


def matrix(name: str, *shape: int, dtype: str = "float32") -> Entry:
    return Entry(name, shape, dtype)


def follows(order: Sequence[Entry], transposed: bool) -> bool:
    into, out = (0, 1) if transposed else (1, 0)
    return all(before.shape[out] == after.shape[into] for before, after in itertools.pairwise(order))


@given(
    sizes=SIZES,
    style=st.sampled_from(NUMBERED),
    prefix=st.sampled_from(["", "module.", "net.0.", "_orig_mod."]),
    first=st.integers(0, 120),
    gap=st.integers(1, 3),
    transposed=st.booleans(),
    data=st.data(),
)
def test_numbered_layers_are_found_in_any_order_of_the_file(
    sizes: list[int], style: tuple[str, str], prefix: str, first: int, gap: int, transposed: bool, data: st.DataObject
) -> None:
    """With biases, of which some may be missing; kept as (in, out) where it can be told."""
    weights, biases = [], []
    for k, (before, after) in enumerate(itertools.pairwise(sizes)):
        shape = (before, after) if transposed else (after, before)
        weight, bias = (prefix + word.format(k=first + gap * k) for word in style)
        weights.append(Entry(weight, shape, "float32"))
        biases.append(Entry(bias, (after,), "float32") if data.draw(st.booleans()) else None)
    held = data.draw(st.permutations([entry for entry in (*weights, *biases) if entry is not None]))
    chain = find_chain(held)
    other_fits = follows(weights, not transposed) and all(
        bias is None or bias.shape[0] == weight.shape[0 if transposed else 1]
        for weight, bias in zip(weights, biases, strict=True)
    )
    assert chain.weights == tuple(entry.name for entry in weights)
    assert chain.biases == tuple(bias and bias.name for bias in biases)
    by_name = "kernel" in style[0] or "coefs" in style[0]
    assert chain.transposed == (by_name if other_fits else transposed)
    assert given_chain(held, chain.weights) == chain


@given(shapes=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=5), data=st.data())
def test_names_without_numbers_need_exactly_one_order(shapes: list[tuple[int, int]], data: st.DataObject) -> None:
    """Every permutation is tried here."""
    names = data.draw(st.permutations(WORDS))
    held = [Entry(name, shape, "float64") for name, shape in zip(names, shapes, strict=False)]
    for transposed in (False, True):
        orders = [order for order in itertools.permutations(held) if follows(order, transposed)]
        if len(orders) == 1:
            chain = find_chain(held)
            assert chain.weights == tuple(entry.name for entry in orders[0]) and chain.transposed == transposed
        if orders:
            break
    if len(orders) != 1:
        words = "in more than one order .* or " if orders else "none takes what another gives"
        with pytest.raises(ValueError, match=f"{words}.*name the weight arrays in order with network.layers"):
            find_chain(held)


def test_a_head_of_another_name_comes_where_it_fits() -> None:
    held = [matrix("classifier.weight", 10, 64), *(matrix(f"fc{k}.weight", 64, 64) for k in (10, 9, 2))]
    assert find_chain(held).weights == ("fc2.weight", "fc9.weight", "fc10.weight", "classifier.weight")
    with pytest.raises(ValueError, match=r"\(in.weight, mid.weight, out.weight or mid.weight, in.weight, out.weight\)"):
        find_chain([matrix("in.weight", 64, 64), matrix("mid.weight", 64, 64), matrix("out.weight", 10, 64)])


def test_a_last_layer_may_be_a_vector_if_it_is_numbered() -> None:
    held = [matrix("W1", 6, 4), matrix("b1", 6), matrix("W2", 6), matrix("b2")]
    chain = find_chain(held)
    assert (chain.weights, chain.biases) == (("W1", "W2"), ("b1", "b2"))
    with pytest.raises(ValueError, match=r"holds norm\.weight of shape \(6,\), which belongs to no linear layer"):
        find_chain([matrix("fc.weight", 6, 4), matrix("norm.weight", 6)])


def test_what_says_something_about_a_network_is_no_part_of_it() -> None:
    about = [matrix("classes", 10, dtype="str160"), matrix("epoch", dtype="int64"), matrix("mask", 3, dtype="bool")]
    assert find_chain([*about, matrix("W1", 6, 4), matrix("W2", 2, 6)]).weights == ("W1", "W2")


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ([matrix("conv1.weight", 8, 1, 3, 3), matrix("fc.weight", 2, 8)], "holds conv1.weight of shape (8, 1, 3, 3)"),
        (
            [matrix("conv1.weight", 8, 1, 3, 3)],
            "which is no linear layer; give such a network from Python with --model",
        ),
        ([matrix("rnn.weight_ih_l0", 4, 3), matrix("rnn.weight_hh_l0", 4, 4)], "holds rnn.weight_ih_l0 of shape"),
        ([matrix("fc.weight_g", 4, 1), matrix("fc.weight_v", 4, 3)], "fc.weight_g of shape (4, 1), which is no linear"),
        ([matrix("fc.weight", 4, 3), matrix("bn.running_mean", 4)], "bn.running_mean of shape (4,), which belongs to"),
        ([matrix("fc.weight", 4, 3), matrix("temperature")], "temperature of shape (), which belongs to no linear"),
        ([matrix("fc.weight", 4, 3), matrix("fc.bias", 5)], "fc.bias of shape (5,), but fc.weight of shape (4, 3)"),
        (
            [matrix("W", 4, 3), matrix("a", 4), matrix("b", 3)],
            "b of shape (3,), but the bias of W must be of shape (4,)",
        ),
        ([matrix("W", 4, 3), matrix("a", 4), matrix("c", 2)], "but the bias of a must be a single number"),
        ([matrix("W", 4, 3), matrix("a", 3)], "must hold W of shape (m, d) and a of shape (m,), not (4, 3) and (3,)"),
        ([matrix("W", 4, 3, dtype="complex64"), matrix("a", 4)], "W holds complex64, not real numbers"),
        ([matrix("fc.weight", dtype="a sparse tensor")], "fc.weight holds a sparse tensor, not real numbers"),
        ([matrix("fc.weight", 0, 3)], "holds fc.weight of shape (0, 3), which is empty"),
        ([matrix("x", 3)], "holds no weights of a linear layer, which are a matrix; it holds x"),
        ([matrix("epoch", dtype="int64")], "holds no weights of a linear layer, which are a matrix; it holds epoch"),
        ([], "it holds none"),
        ([matrix(f"{k}.weight", 3, 3) for k in range(300)], "holds 300 matrices, more than the 256 layers allowed"),
        ([matrix("a.weight", 2, 3), matrix("b.weight", 5, 4)], "(a.weight (2, 3), b.weight (5, 4)); name the weight"),
    ],
)
def test_what_is_no_such_network_is_refused_by_name(held: list[Entry], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        find_chain(held)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_layers_that_fit_in_countless_ways_are_refused_at_once() -> None:
    letters = [f"{first}{second}.weight" for first in "cdefghijklm" for second in "nopqrstuvxyz"]
    with pytest.raises(ValueError, match="in more than one order"):
        find_chain([matrix(name, 3, 3) for name in letters])
    # No order, but a great many beginnings of one.
    with pytest.raises(ValueError, match=r"many ways|none takes"):
        find_chain([matrix(name, 3, 3) for name in letters] + [matrix("x", 7, 5)])
