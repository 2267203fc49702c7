"""Networks of any depth, and modules from elsewhere, as an adversary sees them: p = W z + b, and the rest of p.

The first layer of a fully connected network is affine, so that pre-activations are affine on a plane, and a Hessian by
the input is W^T (Hessian by p) W, whatever comes after.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn

from .affine import Affine
from .kinks import KinkWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from .activations import Activation
    from .network import TwoLayerNetwork


def plain(tensor: Tensor) -> Tensor:
    """The tensor, or a copy of one made under inference mode, which autograd does not take."""
    if not tensor.is_inference():
        return tensor
    with torch.inference_mode(False):
        return tensor.clone()


class Model(Protocol):
    """A differentiable function of the input, split where its first layer ends."""

    @property
    def first(self) -> Affine | None:
        """The affine first layer; None where there is none, and p is the input itself."""

    @property
    def dimension(self) -> int:
        """The input dimension d."""

    @property
    def outputs(self) -> int:
        """How many outputs C there are."""

    @property
    def work(self) -> int:
        """How many numbers are computed, about, for one input beyond p."""

    @property
    def widest(self) -> int:
        """The most numbers that are held at a time for one input."""

    @property
    def why_no_curvature(self) -> str:
        """Why second derivatives say nothing here; empty if they do."""

    def rest(self, p: Tensor) -> Tensor:
        """The outputs (n, C) at p (n, m), each row on its own; differentiable."""

    def rest_over(self, p: Tensor) -> Tensor:
        """As `rest`, without derivatives; p may be overwritten."""

    def to(self, *, device: torch.device | None = None, dtype: torch.dtype | None = None) -> Model:
        """The same model on another device or in another floating-point type."""


@dataclass(frozen=True, eq=False)
class FullyConnectedNetwork:
    """z -> W_L sigma(... sigma(W_1 z + b_1) ...) + b_L, of any depth L >= 1.

    Attributes
    ----------
    layers
        The affine maps, first layer first.
    activation
        sigma, between all of them.
    """

    layers: tuple[Affine, ...]
    activation: Activation

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("a network has at least one layer")
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            if after.W.shape[1] != before.W.shape[0]:
                raise ValueError(f"a layer with {before.W.shape[0]} outputs meets one with {after.W.shape[1]} inputs")
        object.__setattr__(
            self,
            "layers",
            tuple(Affine(plain(layer.W), None if layer.b is None else plain(layer.b)) for layer in self.layers),
        )

    @classmethod
    def of(cls, network: TwoLayerNetwork) -> FullyConnectedNetwork:
        """A two-layer network as one of several layers."""
        c = None if network.c is None else network.c.reshape(1)
        return cls((Affine(network.W, network.b), Affine(network.a.unsqueeze(0), c)), network.activation)

    @property
    def first(self) -> Affine:
        """The first layer."""
        return self.layers[0]

    @property
    def dimension(self) -> int:
        """The input dimension d."""
        return self.layers[0].W.shape[1]

    @property
    def outputs(self) -> int:
        """How many outputs C there are."""
        return self.layers[-1].W.shape[0]

    @cached_property
    def work(self) -> int:
        """Activations, and the multiplications of the later layers as so many thirty-seconds."""
        widths = sum(layer.W.shape[0] for layer in self.layers[:-1])
        return widths + sum(layer.W.numel() for layer in self.layers[1:]) // 32

    @property
    def widest(self) -> int:
        """The widest layer."""
        return max(layer.W.shape[0] for layer in self.layers)

    @property
    def why_no_curvature(self) -> str:
        """Why nothing of second order can be said, for relu."""
        return self.activation.why_no_curvature if len(self.layers) > 1 else ""

    def rest(self, p: Tensor) -> Tensor:
        """The outputs (..., C) at pre-activations p (..., m) of the first layer."""
        for layer in self.layers[1:]:
            p = layer(self.activation.value(p))
        return p

    def rest_over(self, p: Tensor) -> Tensor:
        """As `rest`, without derivatives; p is overwritten."""
        for layer in self.layers[1:]:
            p = layer(self.activation.value_over(p))
        return p

    def to(self, *, device: torch.device | None = None, dtype: torch.dtype | None = None) -> FullyConnectedNetwork:
        """The same network on another device or in another floating-point type."""
        return FullyConnectedNetwork(tuple(layer.to(device, dtype) for layer in self.layers), self.activation)


class ModuleError(ValueError):
    """A module that cannot be attacked; the text says why."""


class ModuleModel:
    """Any `nn.Module` that maps a batch (1, *shape) of inputs to outputs (1,) or (1, C), in evaluation mode.

    A copy is made, without gradients for its parameters. Each input goes through it on its own (`torch.func.vmap`), so
    that nothing in a batch depends on its neighbours. Where it is an `nn.Sequential` that begins with a linear layer,
    perhaps after flattening, that layer is taken out as the affine `first`.

    Parameters
    ----------
    module
        The module, or a function that is differentiable twice.
    shape
        What one input looks like to it.
    order
        Which coordinate z[order[i]] of the input its i-th number is, (d,), where it has them in another order: colours
        first, say.

    Raises
    ------
    ModuleError
        For a module that does not take such a batch, or that cannot be differentiated.
    """

    def __init__(
        self,
        module: Callable[[Tensor], Tensor],
        shape: tuple[int, ...],
        order: Tensor | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._shape, self._order, self._dtype = tuple(shape), order, dtype
        named = module.named_parameters() if isinstance(module, nn.Module) else ()
        self.trainable = tuple(name for name, part in named if part.requires_grad)
        """The names of the parameters that took gradients in the module that was given."""
        with torch.inference_mode(False):
            try:
                self._module = _copied(module)
            except Exception as error:
                raise ModuleError(f"no copy can be made of the module: {_told(error)}") from error
            self._take_apart()
            self.outputs = self._try()

    def _take_apart(self) -> None:
        """Split the module into its affine first layer, if it has one, and the rest."""
        first, after = _split(self._module)
        if first is not None and first.W.shape[1] != self.dimension:
            first = None
        if first is not None and self._order is not None:
            W = torch.empty_like(first.W)
            W[:, self._order] = first.W
            first = Affine(W, first.b)
        self.first = first
        self._after = self._module if first is None else after

    def _try(self) -> int:
        """The number of outputs at the input 0; a module that cannot be used is refused."""
        kept: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.numel()
            return tensor

        try:
            zero = torch.zeros(1, self.dimension, **_place(self._module, self._dtype))
            p = (zero if self.first is None else self.first(zero)).detach().requires_grad_()
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), KinkWatch(p) as kinks:
                outputs = self.rest(p)
            if not outputs.is_floating_point():
                raise ModuleError(f"the module's outputs are {outputs.dtype}, not real numbers")
            if not outputs.shape[-1]:
                raise ModuleError("the module has no outputs")
            torch.autograd.grad(outputs.sum(), p)
        except ModuleError:
            raise
        except Exception as error:
            shape = (1, *self._shape)
            raise ModuleError(
                f"a batch of shape {shape} cannot be sent through the module and back: {_told(error)}"
            ) from error
        own = {part.untyped_storage().data_ptr() for part in _parameters(self._module)}
        self._kept = sum(size for place, size in kept.items() if place not in own)
        self.why_no_curvature = kinks.reason
        return int(outputs.shape[-1])

    @property
    def dimension(self) -> int:
        """The input dimension d."""
        return math.prod(self._shape)

    @cached_property
    def work(self) -> int:
        """The numbers kept, and the parameters, with which most multiply at least once, as so many thirty-seconds."""
        multiplied = sum(parameter.numel() for parameter in _parameters(self._module)) // 32
        return max(multiplied + self._kept, self.dimension)

    @property
    def widest(self) -> int:
        """What is kept for one input's derivative: more than any one layer."""
        return max(self._kept, self.dimension)

    @property
    def module(self) -> Callable[[Tensor], Tensor]:
        """The module itself, which is not to be changed."""
        return self._module

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The module's parameters by their names."""
        return dict(self._module.named_parameters()) if isinstance(self._module, nn.Module) else {}

    @torch.inference_mode(False)
    def with_parameters(self, parameters: Mapping[str, Tensor]) -> ModuleModel:
        """The same with other values of some parameters, and all else shared.

        It has a module of its own: several threads use models at once, and one module can hold but one set of values
        (`torch.func.functional_call` puts them in by turns).
        """
        assert isinstance(self._module, nn.Module)
        own = self.parameters
        memo: dict[int, Any] = {id(part): part for part in (*own.values(), *self._module.buffers())}
        for name, part in parameters.items():
            memo[id(own[name])] = nn.Parameter(plain(part).detach(), part.requires_grad)
        other = copy.copy(self)
        other._module = copy.deepcopy(self._module, memo)
        other._take_apart()
        return other

    def rest(self, p: Tensor) -> Tensor:
        """The outputs (n, C) at p (n, m), or at inputs (n, d) where there is no affine first layer."""
        if self.first is None and self._order is not None:
            p = p[:, self._order.to(p.device)]
        elif p.requires_grad:  # what follows may work in place, as rectifiers often do
            p = p.clone()
        row_shape = self._shape if self.first is None else (p.shape[-1],)
        return torch.func.vmap(lambda row: self._after(row.reshape(1, *row_shape)).reshape(-1))(p)

    def rest_over(self, p: Tensor) -> Tensor:
        """As `rest`."""
        return self.rest(p)

    @torch.inference_mode(False)
    def to(self, *, device: torch.device | None = None, dtype: torch.dtype | None = None) -> ModuleModel:
        """The same module on another device or in another floating-point type."""
        moved = _copied(self._module)
        moved = moved.to(device=device, dtype=dtype) if isinstance(moved, nn.Module) else moved
        return ModuleModel(moved, self._shape, self._order, dtype or self._dtype)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _parameters(module: Callable[[Tensor], Tensor]) -> list[Tensor]:
    return list(module.parameters()) if isinstance(module, nn.Module) else []


def _place(module: Callable[[Tensor], Tensor], dtype: torch.dtype | None) -> dict[str, Any]:
    """The device and type of the first floating-point parameter, or the type that is asked for."""
    real = next((parameter for parameter in _parameters(module) if parameter.is_floating_point()), None)
    return {"dtype": dtype} if real is None else {"device": real.device, "dtype": real.dtype}


def _copied(module: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A copy in evaluation mode, whose parameters take no gradients; a plain function stays itself."""
    if not isinstance(module, nn.Module):
        return module
    return copy.deepcopy(module).eval().requires_grad_(False)


def _split(module: Callable[[Tensor], Tensor]) -> tuple[Affine | None, Callable[[Tensor], Tensor]]:
    """The affine first layer of a sequence, and what comes after it; None and the module itself for others."""
    if not _is_plain(module, nn.Sequential):
        return None, module
    parts = list(module)  # type: ignore[call-overload]
    while parts and (_is_plain(parts[0], nn.Flatten) or _is_plain(parts[0], nn.Identity)):
        parts = parts[1:]
    if not parts or not _is_plain(parts[0], nn.Linear):
        return None, module
    return Affine(parts[0].weight, parts[0].bias), nn.Sequential(*parts[1:])


def _is_plain(module: object, kind: type[nn.Module]) -> bool:
    """Whether a module does what its kind does: no `forward` of its own, and no hooks beside it."""
    if not isinstance(module, kind):
        return False
    return type(module).forward is kind.forward and not (module._forward_hooks or module._forward_pre_hooks)
