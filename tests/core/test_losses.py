"""Losses of outputs: their values and slopes to the last digits, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import normal, tensor
from torch import nn

from foadv_gui.core.losses import CrossEntropy, Hinge, Logistic, LossError, OwnLoss, Quadratic, margin

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.core.losses import Loss


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_losses_neither_overflow_nor_lose_what_is_small(seed: int, size: float) -> None:
    z = size * normal(seed, 40, 4)
    for loss, truth in (
        (Logistic(1.0, (0,)), np.logaddexp(0, -z[:, 0].numpy())),
        (CrossEntropy(2), np.logaddexp.reduce(z.numpy(), axis=1) - z[:, 2].numpy()),
        (Hinge(2), np.maximum(0, 1 - margin(z, 2).numpy())),
    ):
        np.testing.assert_allclose(loss.loss(z), truth, rtol=1e-13, atol=1e-13 * size)
    wrong = margin(z, 2) < 0
    torch.testing.assert_close(wrong, z.argmax(1) != 2)


@pytest.mark.parametrize(
    ("loss", "outputs", "what"),
    [
        (Quadratic(1.0), 3, "output"),
        (Quadratic(1.0, (3,)), 3, "output"),
        (Quadratic(1.0, (1, 1)), 3, "output"),
        (Quadratic(1.0, (0, 1, 2)), 3, "output"),
        (Logistic(0.5), 1, "label"),
        (CrossEntropy(0), 1, "loss"),
        (CrossEntropy(3), 3, "label"),
        (CrossEntropy(0.5), 3, "label"),
        (Hinge(7), 3, "label"),
        (Hinge(2), 1, "label"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused(loss: Loss, outputs: int, what: str) -> None:
    with pytest.raises(LossError) as refused:
        loss.check(outputs)
    assert refused.value.what == what
    assert str(refused.value)


@pytest.mark.parametrize("f", [-800.0, -30.0, -1e-9, 0.0, 1e-9, 30.0, 600.0])
def test_logistic_loss_has_its_slope_and_bend_everywhere(f: float) -> None:
    outputs = tensor([[f]]).requires_grad_()
    (slope,) = torch.autograd.grad(Logistic(1.0).loss(outputs).sum(), outputs, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), outputs)
    wrong = np.exp(-np.logaddexp(0, f))
    np.testing.assert_allclose(slope.item(), -wrong, rtol=1e-13)
    np.testing.assert_allclose(bend.item(), wrong * np.exp(-np.logaddexp(0, -f)), rtol=1e-13, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ahead", [5.0, 20.0, 60.0])
def test_cross_entropy_has_its_gradient_where_the_right_class_is_far_ahead(dtype: torch.dtype, ahead: float) -> None:
    outputs = torch.tensor([[0.0, ahead, 1.0]], dtype=dtype, requires_grad=True)
    loss = CrossEntropy(1).loss(outputs)
    (gradient,) = torch.autograd.grad(loss.sum(), outputs)
    others = np.exp([-ahead, 1 - ahead])
    truth = np.array([others[0], -others.sum(), others[1]]) / (1 + others.sum())
    np.testing.assert_allclose(loss.item(), np.log1p(others.sum()), rtol=1e-5)
    np.testing.assert_allclose(gradient[0], truth, rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (nn.CrossEntropyLoss(), "failed: RuntimeError"),
        (lambda z: z.mean(), r"one number for each.*gave \(\)"),
        (lambda z: z.detach().sum(-1), "failed: RuntimeError"),
    ],
)
def test_a_loss_of_ones_own_that_is_none_is_refused(function: Callable[..., torch.Tensor], why: str) -> None:
    with pytest.raises(LossError, match=why) as refused:
        OwnLoss(0.0, function=function).check(3)
    assert refused.value.what == "loss"


def test_a_loss_of_ones_own_is_given_the_labels_if_it_asks_for_them() -> None:
    z, y = normal(3, 6, 4), torch.arange(6).double() % 4

    def own(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(outputs, labels.long(), reduction="none")

    loss = OwnLoss(y, function=own)
    loss.check(4)
    torch.testing.assert_close(loss.loss(z), CrossEntropy(y).loss(z))
    torch.testing.assert_close(OwnLoss(2.0, function=own).loss(z), CrossEntropy(2).loss(z))
    with pytest.raises(LossError, match=r"losses \(6,\), but your own failed: IndexError"):
        OwnLoss(y, function=own).check(3)


@pytest.mark.parametrize("shape", [(5,), (1, 5), (40, 5), (6, 7, 5)])
@pytest.mark.parametrize("size", [1.0, 60.0])
def test_f_and_l_together_are_those_apart(shape: tuple[int, ...], size: float) -> None:
    z = size * normal(3, *shape)
    before = z.clone()
    for loss in (Quadratic(0.3, (2,)), Logistic(-1.0, (0, 2)), CrossEntropy(1), CrossEntropy(1, (2,)), Hinge(4)):
        for one, other in zip(loss.both(z), (loss.value(z), loss.loss(z)), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-13, atol=0)
    assert torch.equal(z, before)
