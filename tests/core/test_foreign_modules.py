"""Modules from elsewhere as an adversary's model: where they are split, what they keep, and which are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from problems import normal
from torch import nn

from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.affine import Affine
from foadv_gui.core.constraint import L2Ball
from foadv_gui.core.landscape import PlanarPreactivations, heights_on_grid
from foadv_gui.core.losses import CrossEntropy, Hinge
from foadv_gui.core.models import FullyConnectedNetwork, ModuleError, ModuleModel
from foadv_gui.core.module import ModuleAdversary
from foadv_gui.core.plane import PathContext, make_plane
from foadv_gui.core.spectrum import hessian_spectrum

if TYPE_CHECKING:
    from collections.abc import Callable

SPAN = torch.linspace(-0.6, 0.6, 9, dtype=torch.float64)


def close(one: Any, other: Any, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=tolerance, atol=tolerance)


def sequence() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 9), nn.Tanh(), nn.Linear(9, 3)).double()


def test_a_sequence_begins_with_its_linear_layer() -> None:
    module = sequence()
    model = ModuleModel(module, (3, 4))
    assert model.first is not None
    torch.testing.assert_close(model.first.W, module[1].weight.detach())
    layers = tuple(Affine(part.weight.detach(), part.bias.detach()) for part in (module[1], module[3]))
    network = FullyConnectedNetwork(layers, ACTIVATIONS["tanh"])
    one, other = (ModuleAdversary(m, CrossEntropy(1), normal(4, 12)) for m in (model, network))
    delta, v = 0.2 * normal(5, 3, 12), normal(6, 3, 12)
    close(one.evaluate(delta).gradient, other.evaluate(delta).gradient)
    close(one.hessian_vector_product(delta, v), other.hessian_vector_product(delta, v))
    assert all(parameter.requires_grad for parameter in module.parameters()), "the user's own module stays as it was"


class Doubling(nn.Sequential):
    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(z)  # type: ignore[no-any-return]


class Bent(nn.Linear):
    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.sin(super().forward(z))


def hooked() -> nn.Module:
    module = sequence()
    module[1].register_forward_hook(lambda _module, _inputs, outputs: outputs + 1)
    return module


@pytest.mark.parametrize(
    "module", [Doubling(nn.Linear(4, 3), nn.Tanh()), nn.Sequential(Bent(4, 3), nn.Tanh()), hooked()], ids=str
)
def test_a_sequence_that_does_more_than_its_parts_is_not_split(module: nn.Sequential) -> None:
    module = module.double()
    d = 12 if isinstance(module[0], nn.Flatten) else 4
    model = ModuleModel(module, (d,))
    z = normal(1, 5, d)
    assert model.first is None
    close(model.rest(z), module(z).detach())


@pytest.mark.parametrize(
    ("step", "kinked"),
    [
        (nn.functional.relu, True),
        (lambda z: nn.functional.max_pool1d(z.unsqueeze(1), 2).squeeze(1), True),
        (lambda z: z.abs(), True),
        *(
            (part, True)
            for part in (nn.ELU(), nn.ELU(2.0), nn.CELU(), nn.SELU(), nn.PReLU(), nn.ReLU6(), nn.LeakyReLU())
        ),
        *((part, True) for part in (nn.Hardtanh(), nn.Hardswish(), nn.Hardsigmoid(), nn.Softshrink(), nn.Hardshrink())),
        *((part, True) for part in (nn.Threshold(0.1, 0.0), nn.Softsign())),
        (lambda z: torch.where(z > 0, z, 0.1 * z), True),
        (lambda z: torch.where(z.detach() > 0, z, 0.1 * z), True),
        (lambda z: z * (z > 0), True),
        (lambda z: z * z.argmax(-1), True),
        (lambda z: z.unflatten(-1, (2, 2)).roll(1, -1).flatten(1).mul_(2).relu_(), True),
        (lambda z: z.norm(1, dim=-1), True),
        (lambda z: torch.div(z, 0.3, rounding_mode="floor") + z, True),
        (lambda z: z % 1.0, True),
        (lambda z: z.norm(dim=-1), False),
        (lambda z: torch.where(torch.arange(4) > 1, z, z.square()), False),  # a choice by the place, not by the input
        (lambda z: torch.fft.fft(z).real, False),
        *((part, False) for part in (nn.Mish(), nn.SiLU(), nn.Softplus(), nn.LogSigmoid(), nn.Tanhshrink(), nn.GLU())),
        (nn.functional.gelu, False),
        (lambda z: nn.functional.softmax(nn.functional.layer_norm(z, (4,)), -1), False),
    ],
)
def test_kinks_are_found_on_the_way_to_the_outputs(step: Callable[..., torch.Tensor], kinked: bool) -> None:
    assert bool(ModuleModel(step, (4,), dtype=torch.float64).why_no_curvature) is kinked


def test_a_rectifier_that_works_in_place_is_one() -> None:
    inner, x = nn.Linear(4, 6).double(), normal(1, 4)
    places = [
        ModuleAdversary(ModuleModel(nn.Sequential(inner, nn.ReLU(inplace=here)), (4,)), Hinge(2.0), x)
        for here in (True, False)
    ]
    seen, truth = (place.evaluate(0.1 * normal(2, 5, 4)) for place in places)
    close(seen.gradient, truth.gradient)
    close(seen.loss, truth.loss)


def test_memory_is_reckoned_by_what_a_module_keeps() -> None:
    model = ModuleModel(nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.Tanh(), nn.Flatten()), (1, 8, 8))
    assert 32 * 64 <= model.widest <= model.work <= 3 * 32 * 64


class Odd(nn.Module):
    """No linear layer first, something to switch off in evaluation, and a look at the whole batch."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 2, 2).double()
        self.norm = nn.BatchNorm2d(2).double()
        self.head = nn.Linear(12, 3).double()
        self.drop = nn.Dropout(0.5)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        h = torch.sin(self.norm(self.convolution(z)))
        out: torch.Tensor = self.head(self.drop(h.flatten(1)))
        return out - out.mean(0, keepdim=True) * (len(z) > 1)


def test_any_module_is_attacked_input_by_input() -> None:
    torch.manual_seed(1)
    module = Odd()
    assert module.training
    objective = ModuleAdversary(ModuleModel(module, (1, 3, 4)), CrossEntropy(2), normal(4, 12))
    assert objective.first is None and objective.width == 12
    still = Odd().eval()
    still.load_state_dict(module.state_dict())
    still.requires_grad_(False)

    def plain(z: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(still(z.reshape(1, 1, 3, 4)), torch.tensor([2]))

    deltas = 0.3 * normal(5, 4, 12)
    seen = objective.evaluate(deltas)
    for i, delta in enumerate(deltas):
        close(seen.loss[i], plain(objective.x + delta).detach())
        close(seen.gradient[i], torch.autograd.functional.jacobian(plain, objective.x + delta))
        close(objective.hessian(delta), torch.autograd.functional.hessian(plain, objective.x + delta), 1e-9)
    constraint = L2Ball(0.3)
    H = torch.autograd.functional.hessian(plain, objective.x + deltas[0]).numpy()
    close(hessian_spectrum(objective, constraint, deltas[0], "euclidean").eigenvalues, np.linalg.eigvalsh(H), 1e-9)
    plane = make_plane("two-random", PathContext(objective, constraint, deltas, deltas))
    grid = heights_on_grid(PlanarPreactivations.of(objective, plane), SPAN, SPAN)
    for row, column in ((0, 3), (5, 8)):
        z = objective.x + plane.lift(torch.stack([SPAN[column], SPAN[row]]))
        close(grid[row, column, 1], plain(z).detach())
    assert module.training, "the user's own module stays as it was"


def test_a_module_that_cannot_be_used_says_so() -> None:
    class Branching(nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return z if z.sum().item() > 0 else -z

    with pytest.raises(ModuleError, match=r"batch of shape \(1, 5\)"):
        ModuleModel(sequence(), (5,))
    with pytest.raises(ModuleError, match="cannot be sent"):
        ModuleModel(Branching(), (5,))
    with pytest.raises(ModuleError, match="not real numbers"):
        ModuleModel(lambda z: (z > 0).all(-1), (5,))
    kinked = ModuleAdversary(
        ModuleModel(nn.Sequential(nn.Linear(4, 3), nn.ReLU()).double(), (4,)), CrossEntropy(0), normal(1, 4)
    )
    with pytest.raises(NoCurvatureError, match="relu has kinks"):
        kinked.hessian_vector_product(torch.zeros(4, dtype=torch.float64), normal(2, 4))
