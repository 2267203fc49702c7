"""The quadratic adversary's loss, gradient and Hessian against autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import SMOOTH, normal, numpy_loss, numpy_value_and_gradient, problem, tensor

from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.objective import QuadraticAdversary

NAMES = list(ACTIVATIONS)
SHAPES = [(5, 9), (9, 4), (1, 3), (3, 1)]  # (d, m)


def plain_loss(objective: QuadraticAdversary, delta: torch.Tensor) -> torch.Tensor:
    """L as torch's own functions build it, for autograd to differentiate."""
    sigma = {
        "softplus": torch.nn.functional.softplus,
        "gelu": torch.nn.functional.gelu,
        "silu": torch.nn.functional.silu,
        "linear": lambda p: p,
    }
    name = objective.network.activation.name
    p = torch.einsum("rd,...d->...r", objective.network.W, objective.x + delta)
    f = (objective.network.a * sigma.get(name, getattr(torch, name, None))(p)).sum(-1)
    return 0.5 * (f - objective.y) ** 2


@pytest.mark.parametrize("name", NAMES)
def test_loss_and_gradient_agree_with_numpy(name: str) -> None:
    objective = problem(6, 8, name, y=-0.7)
    delta = normal(1, 4, 6)
    value, loss, gradient = objective.evaluate(delta)
    np.testing.assert_allclose(loss, numpy_loss(objective, delta.numpy()), rtol=1e-13)
    for k in range(4):
        expected_value, expected_gradient = numpy_value_and_gradient(objective, delta[k].numpy())
        assert float(value[k]) == pytest.approx(expected_value, rel=1e-13)
        np.testing.assert_allclose(gradient[k], expected_gradient, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(objective.value(delta), value, rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("d", "m"), SHAPES)
def test_gradient_agrees_with_autograd_in_batches(name: str, d: int, m: int) -> None:
    objective = problem(d, m, name, seed=d)
    delta = normal(2, 2, 3, d).requires_grad_()
    (expected,) = torch.autograd.grad(plain_loss(objective, delta).sum(), delta)
    torch.testing.assert_close(objective.evaluate(delta.detach()).gradient, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize(("d", "m"), SHAPES)
def test_hessian_agrees_with_autograd(name: str, d: int, m: int) -> None:
    objective = problem(d, m, name, seed=d, y=0.3)
    delta = normal(3, 2, 2, d)
    H = objective.hessian(delta)
    assert H.shape == (2, 2, d, d)
    points = delta.reshape(-1, d)
    expected = [torch.autograd.functional.hessian(lambda z: plain_loss(objective, z), point) for point in points]
    torch.testing.assert_close(H.clone(), torch.stack(expected).reshape(2, 2, d, d), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize(("d", "m"), SHAPES)
def test_hessian_vector_product_is_the_hessian_times_the_vector(name: str, d: int, m: int) -> None:
    objective = problem(d, m, name, seed=d)
    delta, v = normal(3, 3, d), normal(4, 3, d)
    expected = (objective.hessian(delta) @ v.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(objective.hessian_vector_product(delta, v), expected, rtol=1e-11, atol=1e-12)


def test_one_point_and_many_directions_broadcast() -> None:
    objective = problem()
    delta, V = normal(1, 5), normal(2, 6, 5)
    torch.testing.assert_close(
        objective.hessian_vector_product(delta, V), V @ objective.hessian(delta), rtol=1e-12, atol=1e-13
    )


@pytest.mark.parametrize("k", [1, 2, 5])
def test_hessian_in_a_basis_is_the_congruence(k: int) -> None:
    objective = problem(5, 9)
    B, _ = torch.linalg.qr(normal(3, 5, k))
    delta = normal(4, 3, 5)
    expected = B.T @ objective.hessian(delta) @ B
    torch.testing.assert_close(objective.bend(delta).between(objective.network.W @ B), expected, rtol=1e-12, atol=1e-13)


def test_hessian_is_symmetric_to_the_bit() -> None:
    H = problem(6, 11).hessian(normal(1, 6))
    assert torch.equal(H, H.T)


def test_a_narrow_network_bends_in_at_most_m_plus_one_directions() -> None:
    objective = problem(10, 3)
    assert int(torch.linalg.matrix_rank(objective.hessian(normal(1, 10)), hermitian=True)) <= 4


def test_relu_refuses_second_order_but_gives_its_gradient() -> None:
    objective = problem(activation="relu")
    delta = normal(1, 5)
    for second_order in (objective.hessian, lambda delta: objective.hessian_vector_product(delta, delta)):
        with pytest.raises(NoCurvatureError, match="relu"):
            second_order(delta)
    assert objective.evaluate(delta).gradient.shape == (5,)


@settings(max_examples=40)
@given(
    name=st.sampled_from(SMOOTH),
    seed=st.integers(0, 1000),
    c=st.floats(1e-2, 1e2),
)
def test_only_the_product_of_weight_scale_and_input_scale_matters(name: str, seed: int, c: float) -> None:
    # THEORY 1: (kappa, gamma) -> (kappa/c, c gamma) stretches delta by c and changes nothing else.
    here, there = problem(activation=name, seed=seed), problem(activation=name, seed=seed, kappa=1 / c, gamma=c)
    delta = 0.3 * normal(seed, 3, 5)
    one, other = here.evaluate(delta), there.evaluate(c * delta)
    torch.testing.assert_close(other.value, one.value, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(other.loss, one.loss, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(c * other.gradient, one.gradient, rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(c**2 * there.hessian(c * delta), here.hessian(delta), rtol=1e-10, atol=1e-11)


def test_results_carry_no_graph() -> None:
    objective = problem()
    delta = normal(1, 5).requires_grad_()
    results = [*objective.evaluate(delta), objective.hessian(delta), objective.hessian_vector_product(delta, delta)]
    assert not any(result.requires_grad for result in results)


def test_x_must_fit_the_network() -> None:
    network = problem().network
    with pytest.raises(ValueError, match=r"x must have shape \(5,\), got \(4,\)"):
        QuadraticAdversary(network, torch.zeros(4, dtype=torch.float64), 0.0)
    assert QuadraticAdversary(network, torch.zeros(5, dtype=torch.float64), 0.0).dimension == 5


def test_exact_is_the_same_rounded_problem_in_double_precision() -> None:
    single = problem(dtype=torch.float32)
    exact = single.exact
    assert (single.dtype, exact.dtype, exact.device.type) == (torch.float32, torch.float64, "cpu")
    assert torch.equal(exact.network.W, single.network.W.double())
    assert torch.equal(exact.x, single.x.double())
    assert single.exact is exact
    assert exact.exact.network is exact.network  # no second copy of the weights


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_agrees_with_double(name: str) -> None:
    objective = problem(20, 40, name, dtype=torch.float32)
    delta = (0.3 * normal(1, 8, 20)).float()
    for got, expected in zip(objective.evaluate(delta), objective.exact.evaluate(delta.double()), strict=True):
        torch.testing.assert_close(got.double(), expected, rtol=2e-5, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_the_accelerator_agrees_with_the_cpu(name: str, device: str) -> None:
    objective = problem(20, 40, name, dtype=torch.float32)
    there = objective.to(device=torch.device(device))
    delta, v = (0.3 * normal(1, 8, 20)).float(), normal(2, 8, 20).float()
    for got, expected in zip(there.evaluate(delta.to(device)), objective.evaluate(delta), strict=True):
        torch.testing.assert_close(got.cpu(), expected, rtol=2e-5, atol=1e-5)
    if objective.network.activation.smooth:
        product = there.hessian_vector_product(delta.to(device), v.to(device)).cpu()
        torch.testing.assert_close(product, objective.hessian_vector_product(delta, v), rtol=2e-4, atol=5e-5)
        torch.testing.assert_close(
            there.hessian(delta.to(device)).cpu(), objective.hessian(delta), rtol=2e-4, atol=5e-5
        )
    assert torch.equal(there.exact.network.W, objective.exact.network.W)


def test_a_label_equal_to_the_value_is_a_zero_of_loss_and_gradient() -> None:
    objective = problem()
    value = float(objective.value(tensor(np.zeros(5))))
    settled = QuadraticAdversary(objective.network, objective.x, value)
    evaluation = settled.evaluate(tensor(np.zeros(5)))
    assert float(evaluation.loss) == 0
    assert not evaluation.gradient.any()
