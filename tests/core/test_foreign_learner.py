"""Training of modules from elsewhere: against a loop of plain PyTorch, and what must be equal to the bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from problems import normal
from torch import nn

from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.affine import Affine
from foadv_gui.core.attack import InnerAscent, Points, weight_gradient
from foadv_gui.core.constraint import L2Ball
from foadv_gui.core.learner import ForeignLearner, learner_of
from foadv_gui.core.losses import CrossEntropy, Loss, OwnLoss
from foadv_gui.core.models import FullyConnectedNetwork, ModuleModel
from foadv_gui.core.norms import normalized
from foadv_gui.core.training import AdversarialTraining

EPSILON, RATE = 0.3, 0.4
TRAIN = Points(normalized(normal(1, 9, 6)), torch.arange(9).double() % 3)
COURSE = AdversarialTraining(InnerAscent(L2Ball(EPSILON), "gradient", 0.5, True, 5, 0.1), RATE, seed=3, train_a=True)


class Own(nn.Module):
    """Linear-GELU-LayerNorm-Linear behind a rectifier that works in place, with a parameter of its own and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.bend = nn.ELU(inplace=True)
        self.one, self.norm, self.two = nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 3)
        self.stretch = nn.Parameter(torch.tensor(1.5))
        self.register_buffer("shift", torch.linspace(-1, 1, 6))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        z = self.bend(z) + self.shift
        outputs: torch.Tensor = self.stretch * self.two(self.norm(nn.functional.gelu(self.one(z))))
        return outputs


def own_loss(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return nn.functional.multi_margin_loss(outputs, y.long(), p=2, reduction="none")


def sequence() -> nn.Sequential:
    torch.manual_seed(6)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3))


def learner(module: nn.Module, loss: Loss | None = None, trained: tuple[str, ...] = ()) -> ForeignLearner:
    names = trained or tuple(name for name, _ in module.named_parameters())
    return ForeignLearner(ModuleModel(module.double(), (6,)), loss or CrossEntropy(0), names)


@pytest.mark.parametrize("module", [Own, sequence])
@pytest.mark.parametrize("loss", [CrossEntropy(0), OwnLoss(0.0, function=own_loss)])
@pytest.mark.parametrize("batch", [0, 4])
def test_a_module_is_trained_as_plain_pytorch_does(module: type[nn.Module], loss: Loss, batch: int) -> None:
    mine, model = learner(module(), loss), module().double()
    X, y = TRAIN.X, TRAIN.y

    def losses(z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        outputs = model(z.clone())
        if isinstance(loss, OwnLoss):
            return own_loss(outputs, labels)
        return nn.functional.cross_entropy(outputs, labels.long(), reduction="none")

    def attacked(z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        def slope(delta: torch.Tensor) -> torch.Tensor:
            delta = delta.clone().requires_grad_()
            return torch.autograd.grad(losses(z + delta, labels).sum(), delta)[0]

        delta = torch.zeros_like(z)
        eta = 0.5 * EPSILON / slope(delta).norm(dim=1).square().mean().sqrt()
        for _ in range(5):
            delta = delta + eta * slope(delta)
            delta = delta * (EPSILON / delta.norm(dim=1, keepdim=True)).clamp_max(1.0)
        return z + delta

    for epoch in replace(COURSE, batch=batch).epochs(mine, TRAIN, last=2):
        found = losses(attacked(X, y), y)
        assert epoch.measures["adversarial_loss"] == pytest.approx(float(found.detach().mean()), rel=1e-9)
        gradients = torch.autograd.grad(found.mean(), list(model.parameters()))
        length = math.hypot(*(float(part.norm()) for part in gradients))
        assert epoch.measures["gradient_norm"] == pytest.approx(length, rel=1e-9)
        wrong = (model(X.clone()).argmax(1) != y).double().mean()
        assert epoch.measures["clean_error"] == pytest.approx(float(wrong))
        for one, other in zip(epoch.learner.arrays, model.parameters(), strict=True):
            np.testing.assert_allclose(one.numpy(), other.detach().numpy(), rtol=1e-8, atol=1e-11)
        order = (
            torch.from_numpy(np.random.default_rng([3, 8, epoch.index]).permutation(9)) if batch else torch.arange(9)
        )
        for rows in order.split(batch or 9):
            steps = torch.autograd.grad(losses(attacked(X[rows], y[rows]), y[rows]).mean(), list(model.parameters()))
            with torch.no_grad():
                for part, step in zip(model.parameters(), steps, strict=True):
                    part -= RATE * step
    assert torch.equal(X, normalized(normal(1, 9, 6))), "what works in place leaves the points alone"


def test_only_what_is_to_be_trained_moves_and_the_given_module_stays() -> None:
    module = Own()
    names = ("one.weight", "one.bias", "two.weight")
    mine = learner(module, trained=names)
    before = {name: part.clone() for name, part in module.state_dict().items()}
    assert mine.firsts == 2 and learner(sequence()).firsts == 2
    for every, moving in ((True, names), (False, names[:2])):
        *_, last = replace(COURSE, train_a=every).epochs(mine, TRAIN, last=1)
        now = last.learner.network.parameters
        assert tuple(name for name, part in now.items() if not torch.equal(part, before[name])) == moving
        assert last.measures["movement"] > 0 and (last.measures["movement_a"] > 0) == every
        assert torch.equal(last.learner.network.module.shift, before["shift"])
    assert all(torch.equal(part, before[name]) for name, part in module.state_dict().items())


def test_a_sequence_of_linear_layers_has_the_gradients_of_the_network_it_is() -> None:
    module = nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 3)).double()
    layers = tuple(Affine(module[i].weight.detach(), module[i].bias.detach()) for i in (0, 2))
    known = learner_of(FullyConnectedNetwork(layers, ACTIVATIONS["tanh"]), CrossEntropy(0))
    for one, other in zip(weight_gradient(learner(module), TRAIN), weight_gradient(known, TRAIN), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-10, atol=1e-14)
    inner = COURSE.inner
    np.testing.assert_allclose(inner.attack(learner(module), TRAIN).delta, inner.attack(known, TRAIN).delta, rtol=1e-9)


def test_parameters_that_are_shared_stay_shared() -> None:
    module = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
    module[2].weight = module[0].weight
    mine = learner(module)
    *_, last = COURSE.epochs(mine, Points(TRAIN.X, TRAIN.y), last=1)
    after = last.learner.network.module
    assert after[0].weight is after[2].weight and not torch.equal(after[0].weight, module[0].weight)


def test_a_training_goes_on_to_the_bit() -> None:
    mine = learner(Own())
    whole = list(replace(COURSE, batch=4).epochs(mine, TRAIN, last=4))
    loss = whole[0].measures["adversarial_loss"]
    again = mine.with_arrays([part.clone() for part in whole[2].learner.arrays])
    rest = list(replace(COURSE, batch=4).epochs(again, TRAIN, last=4, first=2, origin=mine, first_loss=loss))
    for one, other in zip(whole[2:], rest, strict=True):
        assert all(map(torch.equal, one.learner.arrays, other.learner.arrays))
        np.testing.assert_equal(one.measures, other.measures)
