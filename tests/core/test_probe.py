"""Second-order measures of a training's network against autograd and the proofs on the whole ball."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import SMOOTH, normal, problem

from foadv_gui.core import probe
from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.attack import Points
from foadv_gui.core.ball import prove
from foadv_gui.core.interruption import Interrupted
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.norms import normalized
from foadv_gui.core.objective import QuadraticAdversary

NAMES = list(ACTIVATIONS)
NETWORKS = {"d": st.integers(1, 9), "m": st.integers(1, 12), "seed": st.integers(0, 10_000)}


def drawn(d: int, m: int, name: str, seed: int, n: int, gamma: float = 1.0) -> tuple[TwoLayerNetwork, Points]:
    return problem(d, m, name, seed=seed).network, Points(
        gamma * normalized(normal(seed + 1, n, d)), normal(seed + 2, n)
    )


def jacobian(network: TwoLayerNetwork, z: torch.Tensor, train_a: bool) -> torch.Tensor:
    """The derivatives of f at points (n, d) by all weights that are trained, (n, p), by autograd."""
    W, a = network.W.clone().requires_grad_(), network.a.clone().requires_grad_()
    rows = []
    for one in z:
        f = network.activation.value(W @ one) @ a
        parts = torch.autograd.grad(f, (W, a) if train_a else (W,))
        rows.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(rows)


@settings(max_examples=40)
@given(name=st.sampled_from(SMOOTH), power=st.floats(-2.5, 1), **NETWORKS)
def test_contractions_are_those_that_are_proven(d: int, m: int, name: str, seed: int, power: float) -> None:
    gamma = 10**power
    network, points = drawn(d, m, name, seed, 4, gamma)
    found = probe.contractions(network, points.X, 0.3 * gamma)
    for x, q in zip(points.X, found, strict=True):
        proven = prove(QuadraticAdversary(network, x, 0.0), 0.3 * gamma).q
        if proven is None:
            assert math.isnan(q)
        else:
            assert q == pytest.approx(proven, rel=1e-12)


def test_both_outcomes_of_a_proof_are_met_in_the_dimension_of_the_theory() -> None:
    network, points = drawn(64, 512, "tanh", 3, 3)
    assert (probe.contractions(network, 0.1 * points.X, 0.03) < 0.3).all()
    assert np.isnan(probe.contractions(network, points.X, 0.3)).all()


def test_a_hopeless_proof_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    network, points = drawn(20, 60, "tanh", 3, 3, gamma=10.0)
    with monkeypatch.context() as patched:
        patched.setattr(np.linalg, "eigvalsh", None)
        assert np.isnan(probe.contractions(network, points.X, 3.0)).all()


def test_what_overflows_has_no_proof_and_no_curvature() -> None:
    network, points = drawn(4, 6, "softplus", 0, 2)
    vast = TwoLayerNetwork(network.W * 1e200, network.a, network.activation)
    assert np.isnan(probe.contractions(vast, points.X, 0.1)).all()
    assert np.isnan(probe.top_eigenvalues(vast, Points(points.X, points.y * 1e300))).all()
    assert math.isnan(
        probe.sharpness(TwoLayerNetwork(network.W, network.a * 1e200, network.activation), points.X, False)
    )


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize(("d", "m"), [(5, 9), (9, 4), (1, 3), (3, 1)])
def test_eigenvalues_by_the_input_are_those_of_the_hessian(name: str, d: int, m: int) -> None:
    network, points = drawn(d, m, name, d, 3)

    def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return 0.5 * (network.activation.value(network.W @ x) @ network.a - y) ** 2

    for i, top in enumerate(probe.top_eigenvalues(network, points)):
        hessian = torch.autograd.functional.hessian(lambda x, y=points.y[i]: loss(x, y), points.X[i])
        expected = torch.linalg.eigvalsh(hessian).flip(0)
        found = probe.profile(network, points.X[i], float(points.y[i]))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
        assert top == pytest.approx(float(expected[0]), rel=1e-9, abs=1e-11)


def test_lanczos_finds_the_largest_eigenvalue_of_a_large_hessian() -> None:
    network, points = drawn(300, 320, "tanh", 1, 1)
    (top,) = probe.top_eigenvalues(network, points)
    assert top == pytest.approx(probe.profile(network, points.X[0], float(points.y[0]))[0], rel=1e-9)


@settings(max_examples=40)
@given(name=st.sampled_from(NAMES), n=st.integers(1, 8), train_a=st.booleans(), **NETWORKS)
def test_sharpness_is_the_largest_singular_value_of_the_jacobian(
    d: int, m: int, name: str, seed: int, n: int, train_a: bool
) -> None:
    network, points = drawn(d, m, name, seed, n)
    J = jacobian(network, points.X, train_a)
    expected = float(torch.linalg.matrix_norm(J, 2)) ** 2 / n
    assert probe.sharpness(network, points.X, train_a) == pytest.approx(expected, rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("train_a", [False, True])
def test_all_ways_to_the_sharpness_agree(train_a: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    network, points = drawn(8, 30, "gelu", 2, 40)
    dense = probe.sharpness(network, points.X, train_a)
    monkeypatch.setattr(probe, "_DENSE", 10)
    assert probe.sharpness(network, points.X, train_a) == pytest.approx(dense, rel=1e-8)
    monkeypatch.setattr(probe, "_GRAM_LIMIT", 10)
    assert probe.sharpness(network, points.X, train_a) == pytest.approx(dense, rel=1e-8)


def test_relu_has_a_sharpness_and_no_curvature() -> None:
    network, points = drawn(4, 6, "relu", 0, 3)
    assert probe.sharpness(network, points.X, True) > 0
    for second_order in (
        lambda: probe.contractions(network, points.X, 0.1),
        lambda: probe.top_eigenvalues(network, points),
        lambda: probe.profile(network, points.X[0], 1.0),
    ):
        with pytest.raises(NoCurvatureError, match="relu"):
            second_order()


def test_a_single_precision_network_is_probed_in_double() -> None:
    network, points = drawn(6, 9, "tanh", 4, 3, gamma=0.1)
    coarse = network.to(dtype=torch.float32)
    again = coarse.to(dtype=torch.float64)
    single = Points(points.X.to(torch.float32), points.y.to(torch.float32))
    double = Points(single.X.double(), single.y.double())
    assert np.array_equal(probe.contractions(coarse, single.X, 0.03), probe.contractions(again, double.X, 0.03))
    assert np.array_equal(probe.top_eigenvalues(coarse, single), probe.top_eigenvalues(again, double))
    assert probe.sharpness(coarse, single.X, True) == probe.sharpness(again, double.X, True)


def test_probing_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    network, points = drawn(4, 6, "tanh", 0, 3)
    monkeypatch.setattr(probe, "_DENSE", 1)
    for probed in (
        lambda: probe.contractions(network, points.X, 0.1, lambda: True),
        lambda: probe.top_eigenvalues(network, points, lambda: True),
        lambda: probe.sharpness(network, points.X, False, lambda: True),
    ):
        with pytest.raises(Interrupted):
            probed()


def test_a_large_tangent_kernel_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    network, points = drawn(4, 600, "tanh", 0, 1500)
    monkeypatch.setattr(probe, "_top", lambda *_: pytest.fail("the kernel was waited for"))
    with pytest.raises(Interrupted):
        probe.sharpness(network, points.X, True, lambda: True)
