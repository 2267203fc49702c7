"""The two-layer network against NumPy and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from problems import NUMPY_ACTIVATIONS, SMOOTH, normal, problem, tensor

from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.network import TwoLayerNetwork

NAMES = list(ACTIVATIONS)


@pytest.mark.parametrize("name", NAMES)
def test_value_is_a_sum_over_neurons(name: str) -> None:
    network = problem(4, 7, name).network
    Z, sigma = normal(1, 5, 4).numpy(), NUMPY_ACTIVATIONS[name][0]
    W, a = network.W.numpy(), network.a.numpy()
    expected = [sum(a[r] * sigma(W[r] @ z) for r in range(7)) for z in Z]
    np.testing.assert_allclose(network.value(tensor(Z)), expected, rtol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_agrees_with_autograd(name: str) -> None:
    network = problem(6, 8, name, seed=3).network
    z = normal(2, 5, 6).requires_grad_()
    (expected,) = torch.autograd.grad(network.value(z).sum(), z)
    value, gradient = network.value_and_gradient(z.detach())
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(network.gradient(z.detach()), expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(value, network.value(z).detach(), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", SMOOTH)
def test_curvature_is_the_diagonal_of_the_hessian_between_two_factors_W(name: str) -> None:
    network = problem(5, 8, name).network
    z = normal(2, 5)
    H = torch.autograd.functional.hessian(network.value, z)
    torch.testing.assert_close(network.W.T @ torch.diag(network.curvature(z)) @ network.W, H, rtol=1e-11, atol=1e-12)


def test_relu_refuses_its_curvature() -> None:
    with pytest.raises(NoCurvatureError, match="relu"):
        problem(activation="relu").network.curvature(normal(0, 5))


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3)])
def test_a_batch_is_its_points_one_by_one(shape: tuple[int, ...]) -> None:
    network = problem(5, 9).network
    z = normal(4, *shape, 5)
    value, gradient = network.value_and_gradient(z)
    assert value.shape == shape
    assert gradient.shape == z.shape
    assert network.preactivation(z).shape == network.curvature(z).shape == (*shape, 9)
    for v, g, point in zip(value.reshape(-1), gradient.reshape(-1, 5), z.reshape(-1, 5), strict=True):
        alone, slope = network.value_and_gradient(point)
        torch.testing.assert_close(v, alone, rtol=1e-13, atol=1e-14)
        torch.testing.assert_close(g, slope, rtol=1e-13, atol=1e-14)


def test_width_and_dimension_are_named() -> None:
    network = problem(5, 9).network
    assert (network.width, network.dimension) == (9, 5)


@pytest.mark.parametrize("a_shape", [(4,), (3, 1), ()])
def test_shapes_that_do_not_fit_are_refused(a_shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"W must be \(m, d\) and a \(m,\)"):
        TwoLayerNetwork(torch.zeros(3, 2), torch.zeros(a_shape), ACTIVATIONS["tanh"])


def test_another_type_is_a_rounded_copy_and_the_same_type_is_the_same_object() -> None:
    network = problem().network
    single = network.to(dtype=torch.float32)
    assert torch.equal(single.W, network.W.float())
    assert torch.equal(single.a, network.a.float())
    assert network.to(dtype=torch.float64, device=torch.device("cpu")) is network


@pytest.mark.parametrize(("d", "m"), [(7, 3), (3, 7), (4, 4), (1, 5), (5, 1)])
def test_row_basis_is_an_orthonormal_factor_of_the_weights(d: int, m: int) -> None:
    network = problem(d, m, dtype=torch.float32).network
    Q, R = network.first.row_basis
    k = min(m, d)
    assert Q.dtype == torch.float64
    torch.testing.assert_close(Q.T @ Q, torch.eye(k, dtype=torch.float64), rtol=0, atol=1e-14)
    torch.testing.assert_close(Q @ R, network.W.double().T, rtol=1e-13, atol=1e-14)
    assert network.first.row_basis[0] is Q  # once per network


def test_every_gradient_lies_in_the_range_of_the_rows() -> None:
    network = problem(9, 3).network
    Q, _ = network.first.row_basis
    g = network.gradient(normal(1, 6, 9))
    torch.testing.assert_close(g @ Q @ Q.T, g, rtol=0, atol=1e-13)
