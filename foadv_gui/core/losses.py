"""Losses of a network's outputs, which an adversary maximises.

A new loss is one new class and one entry in `LOSSES`.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from .kinks import KinkWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class LossError(ValueError):
    """A loss that a network, or a label, does not fit: which setting (`what`: "loss", "label" or "output"), and why."""

    def __init__(self, what: str, reason: str) -> None:
        self.what, self.reason = what, reason
        super().__init__(reason)


@dataclass(frozen=True)
class Loss(ABC):
    """L of outputs z (..., C), with a scalar f of them to follow and the level of f that divides right from wrong.

    Attributes
    ----------
    label
        y: a number, a side (-1 or 1) or a class (0 to C - 1), as the loss has it; or one for each of n rows of outputs,
        as a tensor (n,).
    output
        Which of several outputs f is: (i,) is z_i, (i, j) is z_i - z_j. Empty: the only one; or, for a loss of classes,
        the margin z_y - max_{c != y} z_c, which is negative where another class is chosen.
    """

    label: float | Tensor
    output: tuple[int, ...] = ()
    name: ClassVar[str]

    @property
    def level(self) -> float | Tensor:
        """The value of f that the residual f - level is counted from."""
        return 0.0

    @abstractmethod
    def loss(self, outputs: Tensor) -> Tensor:
        """L, shape (...,), of outputs (..., C)."""

    def value(self, outputs: Tensor) -> Tensor:
        """The scalar f, shape (...,), of outputs (..., C)."""
        if self.output:
            chosen = outputs[..., self.output[0]]
            return chosen if len(self.output) == 1 else chosen - outputs[..., self.output[1]]
        return outputs[..., 0] if outputs.shape[-1] == 1 else margin(outputs, self.label)

    def both(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """The scalar f and L, (...,) each, of outputs (..., C), for a picture: without derivatives."""
        return self.value(outputs), self.loss(outputs)

    def of_sides(self, outputs: int) -> bool:
        """Whether f decides between the sides -1 and 1, with so many outputs, and not between classes."""
        return bool(self.output) or outputs == 1

    def decision(self, outputs: Tensor) -> Tensor:
        """The side -1 or 1 that f has, or the class with the largest output, shape (...,)."""
        if self.of_sides(outputs.shape[-1]):
            return torch.where(self.value(outputs) < 0, -1, 1)
        return outputs.argmax(-1)

    def why_no_curvature(self, outputs: int) -> str:
        """Why nothing of second order can be said, of so many outputs; empty for losses that are smooth at maxima."""
        return ""

    def wrong(self, outputs: Tensor) -> Tensor:
        """Whether f has not the sign of y, or another class has the largest output, shape (...,)."""
        if self.of_sides(outputs.shape[-1]):
            return self.value(outputs) * self.label <= 0
        return outputs.argmax(-1) != self.label

    def check(self, outputs: int) -> None:
        """Raise `LossError` for a network with so many outputs that this is no loss of it, or of its label."""
        self.check_output(outputs)

    def check_output(self, outputs: int) -> None:
        """Raise `LossError` for a network with so many outputs that this is no loss of it, whatever the label."""
        bad = [i for i in self.output if not 0 <= i < outputs]
        if bad:
            raise LossError("output", f"must be from 0 to {outputs - 1}, the outputs that there are, not {bad[0]}")
        if len(self.output) > 2 or len(set(self.output)) != len(self.output):
            raise LossError("output", "names one output, or two different ones whose difference is meant")


@dataclass(frozen=True)
class _OfOneNumber(Loss):
    """A loss of a scalar f."""

    def check_output(self, outputs: int) -> None:
        """As every loss does; and one number must be chosen."""
        super().check_output(outputs)
        if outputs > 1 and not self.output:
            raise LossError(
                "output", f"must name one of the {outputs} outputs, or two whose difference is meant, for this loss"
            )


def _each(label: float | Tensor) -> list[float]:
    """All labels that there are."""
    found: list[float] = label.tolist() if isinstance(label, torch.Tensor) else [label]
    return found


def _side(label: float | Tensor) -> None:
    if any(one not in (-1.0, 1.0) for one in _each(label)):
        raise LossError("label", "must be -1 or 1 for this loss, the side of f = 0 that is right")


def _class(label: float | Tensor, outputs: int) -> None:
    if not all(one == int(one) and 0 <= one < outputs for one in _each(label)):
        raise LossError("label", f"must be a whole number from 0 to {outputs - 1}, the right class, for this loss")


def _of_class(outputs: Tensor, label: float | Tensor) -> Tensor:
    """z_y, shape (...,), of outputs z (..., C)."""
    if isinstance(label, torch.Tensor):
        return outputs.gather(-1, label.long().unsqueeze(-1)).squeeze(-1)
    return outputs[..., int(label)]


def margin(outputs: Tensor, label: float | Tensor) -> Tensor:
    """z_y - max_{c != y} z_c, shape (...,), of outputs z (..., C), C > 1."""
    return _of_class(outputs, label) - _others(outputs, label).amax(-1)


def _others(outputs: Tensor, label: float | Tensor) -> Tensor:
    """Outputs (..., C) with that of a class put below all others."""
    if isinstance(label, torch.Tensor):
        return outputs.scatter(-1, label.long().unsqueeze(-1), -torch.inf)
    others = outputs.clone()
    others[..., int(label)] = -torch.inf
    return others


def _softplus(t: Tensor) -> Tensor:
    """log(1 + exp(t)), whose first two derivatives are right everywhere; from 40 on it is t to the last digit."""
    return torch.nn.functional.softplus(t, threshold=40)


@dataclass(frozen=True)
class Quadratic(_OfOneNumber):
    """L = (f - y)^2/2."""

    name = "quadratic"

    @property
    def level(self) -> float | Tensor:
        """The label y itself."""
        return self.label

    def loss(self, outputs: Tensor) -> Tensor:
        """L, shape (...,)."""
        return 0.5 * (self.value(outputs) - self.label).square()


@dataclass(frozen=True)
class Logistic(_OfOneNumber):
    """L = log(1 + exp(-y f)), y = ±1."""

    name = "logistic"

    def loss(self, outputs: Tensor) -> Tensor:
        """L, shape (...,)."""
        return _softplus(-self.label * self.value(outputs))

    def check(self, outputs: int) -> None:
        """As every loss does; and the label must be one of this loss."""
        super().check(outputs)
        _side(self.label)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """L = log sum_c exp(z_c) - z_y over all classes, y the right one."""

    name = "cross-entropy"

    def of_sides(self, outputs: int) -> bool:
        """Never: it knows classes."""
        return False

    def loss(self, outputs: Tensor) -> Tensor:
        """L, shape (...,)."""
        # By what the others have more than the right class: nothing cancels where that is far ahead, in L or grad L.
        more = torch.logsumexp(_others(outputs, self.label), -1) - _of_class(outputs, self.label)
        return _softplus(more)

    def both(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """The margin and L, (...,) each: classes first, since sums over neighbours in memory are slow."""
        if self.output or isinstance(self.label, torch.Tensor):
            return super().both(outputs)
        z = outputs.movedim(-1, 0).clone(memory_format=torch.contiguous_format)
        right = z[int(self.label)].clone()
        z[int(self.label)] = -torch.inf
        best = z.amax(0)
        return right - best, _softplus(z.sub_(best).exp_().sum(0).log_().add_(best).sub_(right))

    def check(self, outputs: int) -> None:
        """As every loss does; and the label must be one of this loss."""
        super().check(outputs)
        _class(self.label, outputs)

    def check_output(self, outputs: int) -> None:
        """As every loss does; and there must be classes."""
        super().check_output(outputs)
        if outputs < 2:
            raise LossError("loss", "cannot be cross-entropy for a network with one output: logistic is that of one")


@dataclass(frozen=True)
class Hinge(Loss):
    """L = max(0, 1 - y f), y = ±1, of one number; max(0, 1 - margin) of classes (Crammer and Singer 2001).

    The largest of smooth functions: where two of them meet with different slopes, one rises on either side, so that no
    maximum with L > 0 lies on a kink, and each is one of the piece that it lies on.
    """

    name = "hinge"

    def loss(self, outputs: Tensor) -> Tensor:
        """L, shape (...,)."""
        f = self.value(outputs)
        return torch.relu(1 - (self.label * f if self.of_sides(outputs.shape[-1]) else f))

    def check(self, outputs: int) -> None:
        """As every loss does; and the label must be one of this loss."""
        super().check(outputs)
        if self.of_sides(outputs):
            _side(self.label)
        else:
            _class(self.label, outputs)


LOSSES: dict[str, type[Loss]] = {loss.name: loss for loss in (Quadratic, Logistic, CrossEntropy, Hinge)}


@dataclass(frozen=True)
class OwnLoss(Loss):
    """A loss that somebody else wrote: `function` maps outputs (..., C) to L (...,). f is the only output, or L.

    Where it takes a second argument that has no default, it is given the labels (...,), too, as numbers.
    """

    function: Callable[..., Tensor] | None = None
    name = "own"

    def check(self, outputs: int) -> None:
        """As every loss does; and the function must give a number that can be differentiated for each of a batch."""
        super().check(outputs)
        n = len(self.label) if isinstance(self.label, torch.Tensor) else 2
        shape = (n, outputs)
        with torch.inference_mode(False), torch.enable_grad():
            some = torch.zeros(shape, requires_grad=True)
            try:
                found = self.loss(some)
                if found.shape != shape[:1]:
                    reason = (
                        f"must be one number for each of a batch: of outputs {shape} your own gave {tuple(found.shape)}"
                    )
                    raise LossError("loss", reason)
                torch.autograd.grad(found.sum(), some)
            except LossError:
                raise
            except Exception as error:
                said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                raise LossError(
                    "loss", f"must map outputs {shape} to losses ({n},), but your own failed: {said}"
                ) from error

    def why_no_curvature(self, outputs: int) -> str:
        """That the function has kinks, where an operation in it says so."""
        some = torch.zeros(2, outputs)
        with KinkWatch(some) as kinks, torch.inference_mode(False):
            self.loss(some)
        found: str = kinks.reason
        return found

    def loss(self, outputs: Tensor) -> Tensor:
        """L, shape (...,)."""
        assert self.function is not None
        if not _takes_two(self.function):
            return self.function(outputs)
        y = torch.as_tensor(self.label, dtype=outputs.dtype, device=outputs.device)
        return self.function(outputs, y.expand(outputs.shape[:-1]))

    def value(self, outputs: Tensor) -> Tensor:
        """The output that is asked for, the only one, or L."""
        return super().value(outputs) if self.output or outputs.shape[-1] == 1 else self.loss(outputs)


def _takes_two(function: Callable[..., Tensor]) -> bool:
    """Whether a function has to be given a second argument."""
    try:
        wanted = inspect.signature(getattr(function, "forward", function)).parameters.values()
    except (TypeError, ValueError):  # one that is not written in Python
        return False
    placed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in placed and one.default is one.empty for one in wanted) > 1
