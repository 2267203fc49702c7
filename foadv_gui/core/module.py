"""The adversary of a network of any depth, or of any module, and of any loss: derivatives by autograd."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from .activations import NoCurvatureError
from .losses import Quadratic
from .models import Model, plain
from .objective import Evaluation, cancels
from .places import CPU, move
from .roundoff import RoundOff

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .affine import Affine
    from .losses import Loss

_R = TypeVar("_R")
_AT_A_TIME = 2**24
"""Numbers that a batch of Hessian-vector products holds, about."""


def _differentiable(method: Callable[..., _R]) -> Callable[..., _R]:
    """A method that differentiates: outside of inference mode, on tensors that autograd takes."""

    @functools.wraps(method)
    def outside(self: ModuleAdversary, *tensors: Tensor) -> _R:
        with torch.inference_mode(False):
            return method(self, *map(plain, tensors))

    return outside


@dataclass(frozen=True, eq=False)
class ModuleAdversary:
    """L(delta) = l(outputs(x + delta)) for any model and loss, by automatic differentiation.

    With p = W(x + delta) + b the pre-activations of an affine first layer (p = x + delta and W = I where there is none)
    and Lambda(p) = L,

        grad L = W^T grad Lambda,        hess L v = W^T (hess Lambda (W v)),

    where hess Lambda times q is the gradient of <grad Lambda, q>: reverse over reverse. Forward over reverse would take
    two to five times as long here, and torch's forward mode keeps its state for the whole process, so that several
    threads cannot use it. The sum of L over a batch is differentiated, since no point's loss depends on another's.
    Heights are (f, L).

    Attributes
    ----------
    model
        The network; each row of a batch goes through it on its own.
    loss
        The loss, and the scalar f that is followed.
    x : Tensor (d,)
        The clean input.
    """

    model: Model
    loss: Loss
    x: Tensor

    def __post_init__(self) -> None:
        if self.x.shape != (self.model.dimension,):
            raise ValueError(f"x must have shape ({self.model.dimension},), got {tuple(self.x.shape)}")
        self.loss.check(self.model.outputs)
        object.__setattr__(self, "x", plain(self.x))

    # -- what it is ----------------------------------------------------------------------------------------------------

    @property
    def dimension(self) -> int:
        """The input dimension d."""
        return self.model.dimension

    @property
    def width(self) -> int:
        """The number m of coordinates of p."""
        return self.model.dimension if self.model.first is None else self.model.first.W.shape[0]

    @property
    def work(self) -> int:
        """How many numbers it takes, about, to get from p to L."""
        return self.model.work

    @property
    def widest(self) -> int:
        """The most numbers that are held at a time on the way from p to L."""
        return self.model.widest

    @property
    def heights_shape(self) -> tuple[int, ...]:
        """A height is a pair, (f, L)."""
        return (2,)

    @property
    def loss_name(self) -> str:
        """The loss's name in experiment files, or "own"."""
        return self.loss.name

    @property
    def level(self) -> float:
        """The value of f that the residual is counted from."""
        return float(self.loss.level)

    @property
    def first(self) -> Affine | None:
        """The first layer."""
        return self.model.first

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type everything is computed in."""
        return self.x.dtype

    @property
    def device(self) -> torch.device:
        """Where everything is computed."""
        return self.x.device

    @cached_property
    def why_no_curvature(self) -> str:
        """Why nothing of second order can be said; empty for smooth ones."""
        return self.model.why_no_curvature or self.loss.why_no_curvature(self.model.outputs)

    @cached_property
    def exact(self) -> ModuleAdversary:
        """The same objective in float64 on the CPU, for statements that have to survive round-off."""
        return self.to(device=CPU, dtype=torch.float64)

    @cached_property
    def single(self) -> ModuleAdversary:
        """The same objective in float32, for pictures that the next one replaces."""
        return self.to(dtype=torch.float32)

    def to(self, *, device: torch.device | None = None, dtype: torch.dtype | None = None) -> ModuleAdversary:
        """The same objective on another device or in another floating-point type."""
        if device in (None, self.device) and dtype in (None, self.dtype):
            return self
        return ModuleAdversary(self.model.to(device=device, dtype=dtype), self.loss, move(self.x, device, dtype))

    # -- from delta to L and back --------------------------------------------------------------------------------------

    def _total(self, p: Tensor) -> Tensor:
        """The sum of L over p (n, m)."""
        return self.loss.loss(self.model.rest(p)).sum()

    def _entry(self, delta: Tensor) -> Tensor:
        """Where delta (..., d) enters the later layers: p, shape (n, m)."""
        z = (self.x + delta).reshape(-1, self.dimension)
        return z if self.first is None else self.first(z)

    def _back(self, slope: Tensor, like: Tensor) -> Tensor:
        """W^T times slopes (n, m), in the shape of delta."""
        return (slope if self.first is None else slope @ self.first.W).reshape(like.shape)

    @torch.inference_mode()
    def value(self, delta: Tensor) -> Tensor:
        """f(x + delta), shape (...,)."""
        return self.heights_over(self._entry(delta))[..., 0].reshape(delta.shape[:-1])

    @torch.inference_mode()
    def outputs(self, delta: Tensor) -> Tensor:
        """The network's outputs z(x + delta), shape (..., C)."""
        return self.model.rest_over(self._entry(delta)).reshape(*delta.shape[:-1], -1)

    def decision(self, delta: Tensor) -> Tensor:
        """The class, or the side of f = 0, that is decided for at x + delta, shape (...,)."""
        return self.loss.decision(self.outputs(delta))

    @_differentiable
    def value_and_slope(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        """f(x + delta), shape (...,), and grad f, shape (..., d)."""
        p = self._entry(delta).requires_grad_()
        value = self.loss.value(self.model.rest(p))
        (slope,) = torch.autograd.grad(value.sum(), p)
        return value.detach().reshape(delta.shape[:-1]), self._back(slope, delta)

    def evaluate(self, delta: Tensor) -> Evaluation:
        """f, L and grad L."""
        heights, gradient = self.heights_and_gradient(delta)
        return Evaluation(*self.value_and_loss(heights), gradient)

    @_differentiable
    def heights_and_gradient(self, delta: Tensor) -> tuple[Tensor, Tensor]:
        """The heights (..., 2) and grad L (..., d)."""
        p = self._entry(delta).requires_grad_()
        outputs = self.model.rest(p)
        loss = self.loss.loss(outputs)
        (slope,) = torch.autograd.grad(loss.sum(), p)
        heights = torch.stack([self.loss.value(outputs.detach()), loss.detach()], -1)
        return heights.reshape(*delta.shape[:-1], 2), self._back(slope, delta)

    def value_and_loss(self, heights: Tensor) -> tuple[Tensor, Tensor]:
        """The values f and the losses L, (...,) each."""
        return heights[..., 0], heights[..., 1]

    def is_round_off(self, value: Tensor) -> Tensor:
        """Where a quadratic loss's residual is made of round-off; nowhere for other losses."""
        if isinstance(self.loss, Quadratic):
            return cancels(value, float(self.loss.label))
        return torch.zeros_like(value, dtype=torch.bool)

    # -- second order --------------------------------------------------------------------------------------------------

    @_differentiable
    def hessian_vector_product(self, delta: Tensor, v: Tensor) -> Tensor:
        """H v = W^T (hess Lambda (W v)), shape (..., d); delta and v broadcast."""
        shape = np.broadcast_shapes(delta.shape, v.shape)
        delta, v = delta.expand(shape), v.expand(shape)
        return self._back(self._bent(self._entry(delta), self.along(v).reshape(-1, self.width)), v)

    def _bent(self, p: Tensor, q: Tensor) -> Tensor:
        """Hess Lambda at p times q, both (n, m)."""
        if self.why_no_curvature:
            raise NoCurvatureError(self.why_no_curvature)
        step = max(1, _AT_A_TIME // (8 * max(self.widest, self.work)))
        return torch.cat([self._product(p[i : i + step], q[i : i + step]) for i in range(0, max(len(p), 1), step)])

    def _product(self, p: Tensor, q: Tensor) -> Tensor:
        p = p.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self._total(p), p, create_graph=True)
        if not slope.requires_grad:  # L is linear in p
            return torch.zeros_like(p)
        try:
            (product,) = torch.autograd.grad((slope * q).sum(), p, materialize_grads=True)
        except RuntimeError as error:
            if "is not implemented" not in str(error):
                raise
            raise NoCurvatureError(f"no second derivative is known here: {error}") from error
        return product

    @torch.inference_mode()
    def hessian(self, delta: Tensor) -> Tensor:
        """H, shape (d, d), at delta (d,)."""
        W = torch.eye(self.dimension).to(self.x) if self.first is None else self.first.W
        return self.bend(delta).between(W)

    def bend(self, delta: Tensor) -> ModuleBend:
        """The Hessian by p at delta (d,)."""
        return ModuleBend(self, self._entry(delta))

    # -- on planes and spheres -----------------------------------------------------------------------------------------

    def along(self, v: Tensor) -> Tensor:
        """What a direction v (..., d) adds to p: W v, shape (..., m)."""
        return v if self.first is None else torch.nn.functional.linear(v, self.first.W)

    def with_bias(self, p: Tensor) -> Tensor:
        """The pre-activations p + b, shape (..., m)."""
        return p if self.first is None or self.first.b is None else p + self.first.b

    @torch.inference_mode()
    def heights_over(self, p: Tensor) -> Tensor:
        """The heights at p (..., m), which is overwritten."""
        outputs = self.model.rest_over(p.reshape(-1, p.shape[-1]))
        heights = torch.stack(self.loss.both(outputs), -1)
        return heights.reshape(*p.shape[:-1], 2)

    @_differentiable
    def slope_at(self, p: Tensor) -> Tensor:
        """The gradient of L by p, shape (..., m)."""
        rows = p.reshape(-1, p.shape[-1]).detach().requires_grad_()
        (slope,) = torch.autograd.grad(self._total(rows), rows)
        return slope.reshape(p.shape)

    def round_off(self, radius: float) -> RoundOff:
        """An estimate, no bound, of what float64 loses of f and its derivatives at |delta|_2 <= radius.

        As many units of round-off as sums have terms, of f as it is at the clean input and as it may change with the
        input's length by its slope there.
        """
        exact = self.exact
        value, slope = exact.value_and_slope(torch.zeros_like(exact.x))
        k = 4 * torch.finfo(torch.float64).eps * (self.widest + self.dimension + 8)
        steep, length = float(torch.linalg.vector_norm(slope)), float(torch.linalg.vector_norm(exact.x)) + radius
        error = k * (abs(float(value)) + abs(self.level) + steep * length)
        return RoundOff(error, k * steep, k * steep / length)


@dataclass(frozen=True, eq=False)
class ModuleBend:
    """Hess Lambda at one p (1, m)."""

    objective: ModuleAdversary
    p: Tensor

    @torch.inference_mode()
    def times(self, q: Tensor) -> Tensor:
        """It times q (..., m)."""
        rows = q.reshape(-1, q.shape[-1])
        with torch.inference_mode(False):
            p = plain(self.p).expand(len(rows), -1)
            return self.objective._bent(p, plain(rows)).reshape(q.shape)

    @torch.inference_mode()
    def between(self, WB: Tensor) -> Tensor:
        """(WB)^T (it) (WB) for WB (m, k), symmetric to the last bit; shape (k, k).

        By as many products as there are columns, or rows where these are fewer.
        """
        m, k = WB.shape
        if k <= m:
            full = WB.T @ self.times(WB.T.contiguous()).T
        else:
            full = WB.T @ (self.times(torch.eye(m, dtype=WB.dtype, device=WB.device)) @ WB)
        return 0.5 * (full + full.T)
