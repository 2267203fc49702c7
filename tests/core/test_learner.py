"""Training by autograd: against the closed form, against a loop of plain PyTorch, and what must be equal to the bit."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from problems import normal, problem

from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.affine import Affine
from foadv_gui.core.attack import InnerAscent, Points, weight_gradient
from foadv_gui.core.constraint import L2Ball, LinfBall
from foadv_gui.core.learner import ModuleLearner, QuadraticLearner, learner_of
from foadv_gui.core.losses import LOSSES, CrossEntropy, Hinge, Logistic, Loss, LossError, Quadratic
from foadv_gui.core.measures import MEASURES
from foadv_gui.core.models import FullyConnectedNetwork
from foadv_gui.core.norms import normalized
from foadv_gui.core.training import GROWTH, AdversarialTraining

EPSILON, RATE = 0.3, 0.4
CLASSES, SIDES = CrossEntropy(0), Logistic(1.0)


def training(**changes: object) -> AdversarialTraining:
    inner = InnerAscent(L2Ball(EPSILON), "gradient", 0.5, True, 6, 0.1)
    return replace(AdversarialTraining(inner, RATE, seed=3), **changes)


def deep(*widths: int, activation: str = "tanh") -> FullyConnectedNetwork:
    layers = [
        Affine(normal(10 + i, m, d) / d**0.5, 0.1 * normal(20 + i, m))
        for i, (d, m) in enumerate(itertools.pairwise(widths))
    ]
    return FullyConnectedNetwork(tuple(layers), ACTIVATIONS[activation])


def points(loss: Loss, outputs: int, n: int = 7, *, d: int = 5, seed: int = 1) -> Points:
    y = torch.sign(normal(seed + 1, n)) if loss.of_sides(outputs) else torch.arange(n).double() % outputs
    return Points(normalized(normal(seed, n, d)), y)


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("batch", [0, 3])
@pytest.mark.parametrize("changes", [{}, {"train_a": True}, {"adversarial": False}])
def test_autograd_trains_as_the_closed_form_does(changes: dict[str, object], batch: int, biased: bool) -> None:
    network = problem(5, 9).network
    if biased:
        network = replace(network, b=0.3 * normal(7, 9), c=torch.tensor(0.2).double())
    train, held_out = points(SIDES, 1), points(SIDES, 1, 4, seed=5)
    course = training(batch=batch, **changes)
    by_autograd = ModuleLearner(FullyConnectedNetwork.of(network), Quadratic(1.0))
    assert isinstance(learner_of(network), QuadraticLearner)
    pairs = zip(
        course.epochs(network, train, held_out, last=6),
        course.epochs(by_autograd, train, held_out, last=6),
        strict=True,
    )
    for one, other in pairs:
        assert set(one.measures) == set(other.measures) == set(MEASURES) and len(MEASURES) == 18
        for name, value in one.measures.items():
            assert other.measures[name] == pytest.approx(value, rel=1e-10, abs=1e-10), (name, one.index)
        np.testing.assert_allclose(one.residual, other.residual, rtol=1e-10, atol=1e-10)
        for mine, theirs in zip(one.learner.arrays, other.learner.arrays, strict=True):
            np.testing.assert_allclose(mine.numpy(), theirs.reshape(mine.shape).numpy(), rtol=1e-10, atol=1e-10)
    moved = [
        torch.dist(now, then) > 0 for now, then in zip(one.learner.arrays, learner_of(network).arrays, strict=True)
    ]
    assert moved == [True] * (1 + biased) + [bool(changes.get("train_a"))] * (1 + biased)


def plain_loss(loss: Loss, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The losses as PyTorch has them."""
    if isinstance(loss, CrossEntropy):
        return torch.nn.functional.cross_entropy(outputs, y.long(), reduction="none")
    if isinstance(loss, Hinge):
        right = torch.nn.functional.one_hot(y.long(), outputs.shape[1]).bool()
        best_other = outputs.masked_fill(right, -math.inf).max(1).values
        return (1 + best_other - outputs[right]).clamp_min(0)
    if isinstance(loss, Logistic):
        return torch.nn.functional.soft_margin_loss(outputs[:, 0], y, reduction="none")
    return 0.5 * torch.nn.functional.mse_loss(outputs[:, 2] - outputs[:, 0], y, reduction="none")


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize(
    ("loss", "outputs"), [(CrossEntropy(0), 4), (Hinge(0), 4), (Logistic(1.0), 1), (Quadratic(1.0, (2, 0)), 3)]
)
def test_two_epochs_of_a_deep_network_are_those_of_plain_pytorch(loss: Loss, outputs: int, every: bool) -> None:
    network, train = deep(5, 8, 6, outputs), points(loss, outputs)
    modules = [torch.nn.Linear(layer.W.shape[1], layer.W.shape[0]).double() for layer in network.layers]
    for module, layer in zip(modules, network.layers, strict=True):
        module.weight.data, module.bias.data = layer.W.clone(), layer.b.clone()
    model = torch.nn.Sequential(modules[0], torch.nn.Tanh(), modules[1], torch.nn.Tanh(), modules[2])
    X, y = train.X, train.y

    def slope(z: torch.Tensor) -> torch.Tensor:
        z = z.clone().requires_grad_()
        return torch.autograd.grad(plain_loss(loss, model(z), y).sum(), z)[0]

    for epoch in training(train_a=every).epochs(learner_of(network, loss), train, last=2):
        first = slope(X)
        eta = 0.5 * EPSILON / first.norm(dim=1).square().mean().sqrt()
        delta = torch.zeros_like(X)
        for _ in range(6):
            delta = delta + eta * slope(X + delta)
            delta = delta * (EPSILON / delta.norm(dim=1, keepdim=True)).clamp_max(1.0)
        found = plain_loss(loss, model(X + delta), y)
        with torch.no_grad():
            z = model(X + delta)
            chosen = z[:, 2] - z[:, 0] if outputs == 3 else z[:, 0]
            wrong = z.argmax(1) != y if outputs == 4 else chosen * y <= 0
        measures = epoch.measures
        assert measures["inner_step"] == pytest.approx(float(eta), rel=1e-10)
        assert measures["adversarial_loss"] == pytest.approx(float(found.detach().mean()), rel=1e-10)
        assert measures["clean_loss"] == pytest.approx(float(plain_loss(loss, model(X), y).detach().mean()), rel=1e-10)
        assert measures["adversarial_error"] == pytest.approx(float(wrong.double().mean()))
        moving = list(model.parameters())[: None if every else 2]
        gradients = torch.autograd.grad(found.mean(), moving)
        assert measures["gradient_norm"] == pytest.approx(
            math.hypot(*(float(part.norm()) for part in gradients)), rel=1e-10
        )
        for mine, theirs in zip(epoch.learner.arrays, model.parameters(), strict=True):
            np.testing.assert_allclose(mine.numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
        with torch.no_grad():
            for part, gradient in zip(moving, gradients, strict=True):
                part -= RATE * gradient
    starts = [torch.dist(part, layer.W) for part, layer in zip(epoch.learner.arrays[::2], network.layers, strict=True)]
    assert starts[0] > 0 and (starts[1] > 0) == every


@pytest.mark.parametrize("batch", [0, 3])
@pytest.mark.parametrize("constraint", [L2Ball, LinfBall])
def test_without_room_for_the_adversary_a_deep_training_is_clean_to_the_bit(constraint: type, batch: int) -> None:
    learner, train = learner_of(deep(5, 8, 6, 3), CLASSES), points(CLASSES, 3)
    inner = replace(training().inner, constraint=constraint(1e-30))
    attacked = list(training(inner=inner, batch=batch).epochs(learner, train, last=3))
    clean = list(training(adversarial=False, batch=batch).epochs(learner, train, last=3))
    for one, other in zip(attacked, clean, strict=True):
        assert all(map(torch.equal, one.learner.arrays, other.learner.arrays))
        assert one.measures["adversarial_loss"] == one.measures["clean_loss"] == other.measures["clean_loss"]


@pytest.mark.parametrize("batch", [0, 3])
def test_a_deep_training_goes_on_to_the_bit(batch: int) -> None:
    learner, train = learner_of(deep(5, 8, 6, 3), CLASSES), points(CLASSES, 3)
    course = training(batch=batch, train_a=True)
    whole = list(course.epochs(learner, train, last=5))
    loss = whole[0].measures["adversarial_loss"]
    again = whole[2].learner.with_arrays([part.clone() for part in whole[2].learner.arrays])
    rest = list(course.epochs(again, train, last=5, first=2, origin=learner, first_loss=loss))
    for one, other in zip(whole[2:], rest, strict=True):
        assert all(map(torch.equal, one.learner.arrays, other.learner.arrays))
        assert torch.equal(one.residual, other.residual)
        np.testing.assert_equal(one.measures, other.measures)


def test_a_deep_training_that_diverges_ends_and_says_why() -> None:
    learner, train = learner_of(deep(5, 8, 6, 3), CLASSES), points(CLASSES, 3)
    *before, last = training(rate=300.0, train_a=True).epochs(learner, train, last=50)
    losses = [epoch.measures["adversarial_loss"] for epoch in (*before, last)]
    assert 0 < last.index < 50 and losses[-1] > GROWTH * losses[0]
    assert last.diverged == f"the adversarial loss has grown to {losses[-1] / losses[0]:.3g} times its first value"


def test_a_path_by_autograd_is_that_of_the_attack_to_the_bit() -> None:
    learner, train = learner_of(deep(5, 8, 6, 3), CLASSES), points(CLASSES, 3, 40)
    inner = training().inner
    found = inner.attack(learner, train)
    for row in (0, 17, 39):
        path = inner.path(learner, train, row, found.eta)
        assert path.shape == (7, 5) and torch.equal(path[-1], found.delta[row])


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("outputs", [1, 4])
def test_a_loss_of_many_labels_is_that_of_each(name: str, outputs: int) -> None:
    kind = LOSSES[name]
    if name == "cross-entropy" and outputs == 1:
        with pytest.raises(LossError, match="logistic"):
            kind(0).check_output(1)
        return
    output = (3, 1) if outputs == 4 and name in ("quadratic", "logistic") else ()
    z = normal(3, 9, outputs)
    y = points(kind(1.0, output), outputs, 9).y
    many = kind(y, output)
    many.check(outputs)
    each = [kind(float(label), output) for label in y]
    rows = list(zip(each, z, strict=True))
    assert torch.equal(many.loss(z), torch.stack([one.loss(row) for one, row in rows]))
    assert torch.equal(many.value(z), torch.stack([one.value(row) for one, row in rows]))
    right = torch.tensor([float(one.decision(row)) == one.label for one, row in rows])
    assert torch.equal(many.wrong(z), many.value(z) * y <= 0 if many.of_sides(outputs) else ~right)
    if name != "quadratic":
        with pytest.raises(LossError, match="must be"):
            kind(torch.tensor([*y.tolist(), 0.5]), output).check(outputs)


def test_what_a_loss_needs_of_a_network_is_refused_before_it_is_trained() -> None:
    with pytest.raises(LossError, match="must name one of the 3 outputs"):
        learner_of(deep(5, 8, 3), Quadratic(1.0))
    with pytest.raises(LossError, match="from 0 to 2"):
        learner_of(deep(5, 8, 3), CrossEntropy(0, (7,)))


def test_the_weight_gradient_of_a_network_without_hidden_layers_is_known() -> None:
    network, train = deep(5, 3), points(CLASSES, 3)
    shares = torch.softmax(network.first(train.X), 1) - torch.nn.functional.one_hot(train.y.long(), 3)
    by_W, by_b = weight_gradient(learner_of(network, CLASSES), train)
    np.testing.assert_allclose(by_W.numpy(), (shares.T @ train.X / 7).numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(by_b.numpy(), shares.mean(0).numpy(), rtol=1e-12, atol=1e-14)
