"""What a training needs of a network and its loss, for many points at once, each with a label of its own.

In closed form for two layers and one output with the quadratic loss; by autograd for all other fully connected networks
and losses, and for modules from elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, Self, TypeAlias, TypeVar

import torch

from .affine import Affine
from .losses import Quadratic
from .models import FullyConnectedNetwork, ModuleModel, plain
from .module import ModuleAdversary
from .network import TwoLayerNetwork
from .objective import QuadraticAdversary
from .places import CPU

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from .losses import Loss
    from .objective import Objective

Gradient: TypeAlias = "tuple[Tensor, ...]"
"""A gradient by the arrays of a learner, in their order."""
Network: TypeAlias = "TwoLayerNetwork | FullyConnectedNetwork | ModuleModel"
"""What can be trained."""
_N = TypeVar("_N", FullyConnectedNetwork, ModuleModel)


class Seen(Protocol):
    """One pass over points z (n, d) with labels y (n,), and what can be told of it.

    residual: f - level, of the quadratic loss f - y, of others f itself. loss: L. wrong: whether f has not the sign of
    y, or, where the loss decides between classes, another class has the largest output. All (n,).
    """

    @property
    def residual(self) -> Tensor:
        """F - level."""

    @property
    def loss(self) -> Tensor:
        """L."""

    @property
    def wrong(self) -> Tensor:
        """Whether it is decided wrongly."""

    def slope_and_gradient(self) -> tuple[Tensor, Tensor]:
        """Grad f and grad L by the input, (n, d) each; after it nothing else is asked for but `weight_gradient`."""

    def gradient(self) -> Tensor:
        """Grad L by the input, (n, d); asked for once."""

    def weight_gradient(self, n: int) -> Gradient:
        """The share of these points in the gradient of the mean loss of n points by the weights."""


class Learner(Protocol):
    """A network with its loss, as training sees them; a value, of which a step makes another one."""

    @property
    def widest(self) -> int:
        """The most numbers that are held at a time for one point."""

    @property
    def arrays(self) -> tuple[Tensor, ...]:
        """All weights and biases, those of the first layer first."""

    @property
    def firsts(self) -> int:
        """How many of the arrays are the first layer's."""

    @property
    def network(self) -> Network:
        """The network."""

    @property
    def exact(self) -> Learner:
        """The same in float64 on the CPU."""

    def with_arrays(self, arrays: Sequence[Tensor]) -> Learner:
        """The same with other weights and biases."""

    def objective(self, x: Tensor, y: float) -> Objective:
        """The adversary of one point x (d,) with its label."""

    def look(self, z: Tensor, y: Tensor) -> Seen:
        """One pass over points z (n, d) with labels y (n,)."""


def learner_of(network: TwoLayerNetwork | FullyConnectedNetwork, loss: Loss | None = None) -> Learner:
    """A network with a loss, whose own label does not count; the quadratic one if none is given.

    In closed form where there is one.

    Raises
    ------
    LossError
        For an output that the network has not, or if one has to be chosen.
    """
    if isinstance(network, TwoLayerNetwork):
        if loss is None or (isinstance(loss, Quadratic) and loss.output in ((), (0,))):
            return QuadraticLearner(network)
        network = FullyConnectedNetwork.of(network)
    return ModuleLearner(network, loss or Quadratic(1.0))


# -- in closed form ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class QuadraticLearner:
    """L = (f(z) - y)^2/2 of a two-layer network, under the inference mode of the caller."""

    network: TwoLayerNetwork

    @property
    def widest(self) -> int:
        """The number of neurons m."""
        return self.network.width

    @property
    def arrays(self) -> tuple[Tensor, ...]:
        """W, b, a, c, the biases only where there are any."""
        network = self.network
        return tuple(part for part in (network.W, network.b, network.a, network.c) if part is not None)

    @property
    def firsts(self) -> int:
        """W, or W and b."""
        return 1 if self.network.b is None else 2

    @cached_property
    def exact(self) -> QuadraticLearner:
        """The same in float64 on the CPU."""
        return QuadraticLearner(self.network.exact)

    def objective(self, x: Tensor, y: float) -> QuadraticAdversary:
        """The adversary of one point x (d,) with its label."""
        return QuadraticAdversary(self.network, x, y)

    def with_arrays(self, arrays: Sequence[Tensor]) -> QuadraticLearner:
        """The same with other W, b, a, c."""
        left, network = iter(arrays), self.network
        W, b = next(left), None if network.b is None else next(left)
        a, c = next(left), None if network.c is None else next(left)
        return QuadraticLearner(TwoLayerNetwork(W, a, network.activation, b, c))

    def look(self, z: Tensor, y: Tensor) -> Seen:
        """One pass over points z (n, d) with labels y (n,)."""
        h, slope = self.network.activation.value_and_first(self.network.preactivation(z))
        return _ClosedForm(self.network, z, y, h, slope, self.network.output(h) - y)


class _ClosedForm(NamedTuple):
    """One pass over inputs z (n, d): h = sigma(p) and slope = sigma'(p), both (n, m), and residual f - y (n,)."""

    network: TwoLayerNetwork
    z: Tensor
    y: Tensor
    h: Tensor
    slope: Tensor
    residual: Tensor

    @property
    def loss(self) -> Tensor:
        return 0.5 * self.residual.square()

    @property
    def wrong(self) -> Tensor:
        return (self.residual + self.y) * self.y <= 0

    def slope_and_gradient(self) -> tuple[Tensor, Tensor]:
        slope = self.slope @ self.network.weighted_rows
        return slope, self.residual.unsqueeze(-1) * slope

    def gradient(self) -> Tensor:
        return self.slope_and_gradient()[1]

    def weight_gradient(self, n: int) -> Gradient:
        """The derivatives of the mean of r^2/2, r = f - y.

        dL/dW = (1/n) sum_i r_i (a sigma'(p_i)) z_i^T,  dL/db = (1/n) sum_i r_i a sigma'(p_i),
        dL/da = (1/n) sum_i r_i sigma(p_i),  dL/dc = (1/n) sum_i r_i,  with p_i = W z_i + b.
        """
        share, network = self.residual / n, self.network
        bent = self.slope * share.unsqueeze(-1)
        by_W = (bent.T @ self.z) * network.a.unsqueeze(-1)
        by_b = () if network.b is None else (bent.sum(0) * network.a,)
        by_c = () if network.c is None else (share.sum(),)
        return by_W, *by_b, share @ self.h, *by_c


# -- by autograd -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Differentiated(ABC, Generic[_N]):
    """Any loss of a network, by autograd; `loss` says which, and gets each point's own label."""

    network: _N
    loss: Loss

    def __post_init__(self) -> None:
        self.loss.check_output(self.network.outputs)

    @cached_property
    def exact(self) -> Self:
        """The same in float64 on the CPU."""
        return replace(self, network=self.network.to(device=CPU, dtype=torch.float64))

    def objective(self, x: Tensor, y: float) -> ModuleAdversary:
        """The adversary of one point x (d,) with its label."""
        return ModuleAdversary(self.network, replace(self.loss, label=y), x)

    @property
    @abstractmethod
    def arrays(self) -> tuple[Tensor, ...]:
        """All that is trained."""

    @abstractmethod
    def with_arrays(self, arrays: Sequence[Tensor]) -> Self:
        """The same with other values of it."""

    @torch.inference_mode(False)
    def look(self, z: Tensor, y: Tensor) -> Seen:
        """One pass over points z (n, d) with labels y (n,)."""
        z, loss = plain(z), replace(self.loss, label=plain(y))
        p = _entry(self.network, z).detach().requires_grad_()
        outputs = self.network.rest(p)
        return _ByAutograd(self, loss, z, p, outputs, loss.loss(outputs))


@dataclass(frozen=True, eq=False)
class ModuleLearner(_Differentiated[FullyConnectedNetwork]):
    """Any loss of a fully connected network."""

    @property
    def widest(self) -> int:
        """As many numbers as all layers have together: they are kept for the way back."""
        return sum(layer.W.shape[0] for layer in self.network.layers)

    @cached_property
    def arrays(self) -> tuple[Tensor, ...]:
        """W1, b1, W2, b2, ..., the biases only where there are any."""
        return tuple(part for layer in self.network.layers for part in (layer.W, layer.b) if part is not None)

    @property
    def firsts(self) -> int:
        """W1, or W1 and b1."""
        return 1 if self.network.first.b is None else 2

    def with_arrays(self, arrays: Sequence[Tensor]) -> Self:
        """The same with other weights and biases."""
        left = iter(arrays)
        layers = [Affine(next(left), None if layer.b is None else next(left)) for layer in self.network.layers]
        return replace(self, network=FullyConnectedNetwork(tuple(layers), self.network.activation))


@dataclass(frozen=True, eq=False)
class ForeignLearner(_Differentiated[ModuleModel]):
    """Any loss of a module from elsewhere, in evaluation mode.

    Attributes
    ----------
    trained
        The names of the parameters that are weights here, in the module's order; others, and buffers, stay.
    """

    trained: tuple[str, ...]

    @property
    def widest(self) -> int:
        """What the module keeps for the way back."""
        return self.network.widest

    @cached_property
    def arrays(self) -> tuple[Tensor, ...]:
        """The parameters that are trained."""
        own = self.network.parameters
        return tuple(own[name] for name in self.trained)

    @property
    def firsts(self) -> int:
        """Those of the first part of the module that has any of its own, as 0.weight and 0.bias."""
        parts = [name.rpartition(".")[0] for name in self.trained]
        return parts.count(parts[0])

    def with_arrays(self, arrays: Sequence[Tensor]) -> Self:
        """The same with other values of what is trained."""
        return replace(self, network=self.network.with_parameters(dict(zip(self.trained, arrays, strict=True))))


def _entry(network: FullyConnectedNetwork | ModuleModel, z: Tensor) -> Tensor:
    """Where z (n, d) enters the later layers: p (n, m)."""
    return z if network.first is None else network.first(z)


@dataclass(frozen=True, eq=False)
class _ByAutograd:
    """One pass over inputs z (n, d): p of the first layer (n, m), outputs (n, C) and losses (n,), with their graph."""

    learner: _Differentiated[Any]
    own: Loss
    z: Tensor
    p: Tensor
    outputs: Tensor
    losses: Tensor

    @property
    def residual(self) -> Tensor:
        return self.own.value(self.outputs.detach()) - self.own.level

    @property
    def loss(self) -> Tensor:
        return self.losses.detach()

    @property
    def wrong(self) -> Tensor:
        return self.own.wrong(self.outputs.detach())

    @torch.inference_mode(False)
    def slope_and_gradient(self) -> tuple[Tensor, Tensor]:
        (slope,) = torch.autograd.grad(self.own.value(self.outputs).sum(), self.p, retain_graph=True)
        return self._back(slope), self.gradient()

    @torch.inference_mode(False)
    def gradient(self) -> Tensor:
        # The sum, since no point's loss depends on another's.
        (slope,) = torch.autograd.grad(self.losses.sum(), self.p)
        return self._back(slope)

    def _back(self, slope: Tensor) -> Tensor:
        """W^T times slopes (n, m)."""
        first: Affine | None = self.learner.network.first
        return slope if first is None else slope @ first.W

    @torch.inference_mode(False)
    def weight_gradient(self, n: int) -> Gradient:
        # A pass of its own: while the input moves, derivatives by weights would only cost time.
        free = self.learner.with_arrays([part.detach().requires_grad_() for part in self.learner.arrays])
        # A copy of z, since what follows may work in place.
        total = self.own.loss(free.network.rest(_entry(free.network, self.z.clone()))).sum() / n
        return tuple(torch.autograd.grad(total, free.arrays, materialize_grads=True))
