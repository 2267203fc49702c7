"""The nine activations and their derivatives, against SciPy, autograd and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from problems import NUMPY_ACTIVATIONS, SMOOTH, tensor

from foadv_gui.core.activations import ACTIVATIONS, Activation, Function, NoCurvatureError

NAMES = list(ACTIVATIONS)
POINTS = torch.linspace(-9, 9, 361, dtype=torch.float64) + 0.0125  # no kink of relu among them


def derivative(function, p: torch.Tensor) -> torch.Tensor:
    p = p.clone().requires_grad_()
    (slope,) = torch.autograd.grad(function(p).sum(), p)
    return slope


def test_the_nine_activations_of_the_design_are_there() -> None:
    assert set(NAMES) == {"tanh", "sigmoid", "softplus", "erf", "gelu", "silu", "sin", "relu", "linear"}
    assert all(name == activation.name for name, activation in ACTIVATIONS.items())
    assert [name for name in NAMES if name not in SMOOTH] == ["relu"]


@pytest.mark.parametrize("name", NAMES)
def test_value_and_slope_are_the_textbook_functions(name: str) -> None:
    value, slope = NUMPY_ACTIVATIONS[name]
    activation = ACTIVATIONS[name]
    np.testing.assert_allclose(activation.value(POINTS), value(POINTS.numpy()), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(activation.first(POINTS), slope(POINTS.numpy()), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_first_derivative_agrees_with_autograd(name: str) -> None:
    activation = ACTIVATIONS[name]
    torch.testing.assert_close(activation.first(POINTS), derivative(activation.value, POINTS), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", [name for name in SMOOTH if name != "linear"])
def test_second_and_third_derivative_agree_with_autograd(name: str) -> None:
    activation = ACTIVATIONS[name]
    torch.testing.assert_close(activation.second(POINTS), derivative(activation.first, POINTS), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(activation.third(POINTS), derivative(activation.second, POINTS), rtol=1e-12, atol=1e-14)


def test_a_linear_activation_has_no_curvature_but_knows_it() -> None:
    linear = ACTIVATIONS["linear"]
    assert not linear.second(POINTS).any()
    assert not linear.third(POINTS).any()


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_agree_with_differences_of_the_textbook_value(name: str) -> None:
    # Five-point stencils of the SciPy value alone; round-off over h, h^2, h^3 sets the tolerances.
    value, p = NUMPY_ACTIVATIONS[name][0], POINTS.numpy()[::9]

    def around(h: float) -> list[np.ndarray]:
        return [value(p + k * h) for k in (-3, -2, -1, 0, 1, 2, 3)]

    f = around(1e-3)
    np.testing.assert_allclose(
        ACTIVATIONS[name].first(tensor(p)), (f[1] - 8 * f[2] + 8 * f[4] - f[5]) / 12e-3, atol=1e-10
    )
    f = around(1e-2)
    np.testing.assert_allclose(
        ACTIVATIONS[name].second(tensor(p)), (-f[1] + 16 * f[2] - 30 * f[3] + 16 * f[4] - f[5]) / 12e-4, atol=3e-8
    )
    third = (f[0] - 8 * f[1] + 13 * f[2] - 13 * f[4] + 8 * f[5] - f[6]) / 8e-6
    np.testing.assert_allclose(ACTIVATIONS[name].third(tensor(p)), third, atol=2e-6)


def higher(activation: Activation) -> tuple[Function, ...]:
    """The second and the third derivative, if there are any."""
    return (activation.second, activation.third) if activation.smooth else ()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (2, 3), (2, 1, 4, 3)])
def test_any_shape_comes_back_elementwise(name: str, shape: tuple[int, ...]) -> None:
    activation = ACTIVATIONS[name]
    p = tensor(np.random.default_rng(0).standard_normal(shape))
    functions = [activation.value, activation.first, *higher(activation)]
    functions += [lambda p: activation.value_and_first(p)[0], lambda p: activation.value_and_first(p)[1]]
    for function in functions:
        result = function(p)
        assert result.shape == p.shape
        one_by_one = [float(function(entry)) for entry in p.flatten()]
        np.testing.assert_allclose(result.flatten(), one_by_one, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("name", NAMES)
def test_a_transposed_tensor_is_as_good_as_any(name: str) -> None:
    p = torch.stack([POINTS, POINTS - 1], -1)
    assert torch.equal(ACTIVATIONS[name].value(p.T), ACTIVATIONS[name].value(p).T)


@pytest.mark.parametrize("name", NAMES)
def test_value_and_first_are_what_each_gives_alone(name: str) -> None:
    activation = ACTIVATIONS[name]
    value, first = activation.value_and_first(POINTS)
    torch.testing.assert_close(value, activation.value(POINTS), rtol=1e-15, atol=1e-16)
    torch.testing.assert_close(first, activation.first(POINTS), rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_tails_stay_finite_and_keep_the_type(name: str, dtype: torch.dtype) -> None:
    activation = ACTIVATIONS[name]
    p = torch.tensor([-1e8, -1e3, -50.0, 0.0, 50.0, 1e3, 1e8], dtype=dtype)
    for function in (activation.value, activation.first, *higher(activation)):
        result = function(p)
        assert result.dtype == dtype
        assert torch.isfinite(result).all()


@pytest.mark.parametrize("name", NAMES)
def test_float32_agrees_with_float64_to_single_precision(name: str) -> None:
    activation = ACTIVATIONS[name]
    p = POINTS.float()
    for function in (activation.value, activation.first, *higher(activation)):
        torch.testing.assert_close(function(p).double(), function(p.double()), rtol=1e-5, atol=2e-6)


def test_the_tails_of_the_sigmoid_keep_their_relative_accuracy() -> None:
    p = tensor([-700.0, -100.0, -40.0])
    torch.testing.assert_close(ACTIVATIONS["sigmoid"].first(p), torch.exp(p), rtol=1e-14, atol=0)
    torch.testing.assert_close(ACTIVATIONS["sigmoid"].first(-p), torch.exp(p), rtol=1e-14, atol=0)
    torch.testing.assert_close(ACTIVATIONS["softplus"].value(p), torch.exp(p), rtol=1e-14, atol=0)


def test_relu_says_that_it_has_no_curvature() -> None:
    relu = ACTIVATIONS["relu"]
    assert not relu.smooth
    for derivative_of_higher_order in (relu.second, relu.third):
        with pytest.raises(NoCurvatureError, match=r"relu is piecewise linear.*choose a smooth activation"):
            derivative_of_higher_order(POINTS)


def test_the_slope_of_relu_at_its_kink_is_the_one_of_autograd() -> None:
    kink = torch.zeros(1, dtype=torch.float64)
    assert torch.equal(ACTIVATIONS["relu"].first(kink), derivative(torch.relu, kink))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_a_large_block_gives_what_its_numbers_give_one_by_one(name: str, dtype: torch.dtype) -> None:
    activation = ACTIVATIONS[name]
    p = torch.linspace(-30, 30, 6000, dtype=dtype)
    small = torch.cat([activation.value(part) for part in p.split(100)])
    with torch.inference_mode():
        large = p.clone()
        torch.testing.assert_close(activation.value(large), small, rtol=4 * torch.finfo(dtype).eps, atol=0)
        assert torch.equal(large, p)
        torch.testing.assert_close(activation.value_over(large), small, rtol=4 * torch.finfo(dtype).eps, atol=0)


def test_derivatives_of_tanh_keep_their_digits_in_the_tails() -> None:
    p = torch.linspace(5, 300, 500, dtype=torch.float64)
    p = torch.cat([p, -p])
    sech2, tanh = np.cosh(p.numpy()) ** -2, np.tanh(p.numpy())
    np.testing.assert_allclose(ACTIVATIONS["tanh"].second(p), -2 * tanh * sech2, rtol=1e-12)
    np.testing.assert_allclose(ACTIVATIONS["tanh"].third(p), (4 - 6 * sech2) * sech2, rtol=1e-12)
