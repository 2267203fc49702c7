"""Activations sigma and their first three derivatives, exact on tensors of any shape.

A new activation is one new entry in `ACTIVATIONS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

Function: TypeAlias = Callable[[Tensor], Tensor]


class NoCurvatureError(ValueError):
    """Raised where there is no second derivative to look at: for relu, or where the Hessian overflows.

    What comes before the colon of its text says the reason in brief.
    """


@dataclass(frozen=True)
class Curvature:
    """sigma'' and sigma''', and where they are largest.

    Attributes
    ----------
    second, third
        The derivatives.
    second_peaks, third_peaks
        The p >= 0 at which |sigma''| and |sigma'''| have their local maxima: both are even functions of p.
    period
        With what period they repeat, or 0.
    """

    second: Function
    third: Function
    second_peaks: tuple[float, ...]
    third_peaks: tuple[float, ...]
    period: float = 0.0

    def largest_second(self, low: Tensor, high: Tensor) -> Tensor:
        """The maximum of |sigma''| over the intervals [low, high], exact up to round-off."""
        return self._largest(self.second, self.second_peaks, low, high)

    def largest_third(self, low: Tensor, high: Tensor) -> Tensor:
        """The maximum of |sigma'''| over the intervals [low, high], exact up to round-off."""
        return self._largest(self.third, self.third_peaks, low, high)

    def _largest(self, derivative: Function, peaks: tuple[float, ...], low: Tensor, high: Tensor) -> Tensor:
        most = torch.maximum(derivative(low).abs(), derivative(high).abs())
        for peak in {sign * peak for peak in peaks for sign in (1, -1)}:
            first = low.new_tensor(peak)
            if self.period:
                first = peak + self.period * torch.ceil((low - peak) / self.period)
            height = derivative(low.new_tensor(peak)).abs()
            most = torch.where((low <= first) & (first <= high), torch.maximum(most, height), most)
        return most


@dataclass(frozen=True)
class Activation:
    """An activation sigma: R -> R, applied elementwise.

    Attributes
    ----------
    name
        The name used in experiment files.
    formula
        sigma(p) as a reader would write it.
    value, first
        sigma and sigma'.
    value_and_first
        Both at once, sharing the work, and perhaps the memory of p: the ascent calls this once a step.
    curvature
        sigma'' and sigma''', or None where sigma is only piecewise linear.
    over
        sigma, written over its argument: a large block of new memory for each result would cost as much as sigma.
    """

    name: str
    formula: str
    value: Function
    first: Function
    value_and_first: Callable[[Tensor], tuple[Tensor, Tensor]]
    curvature: Curvature | None
    over: Function | None = None

    def value_over(self, p: Tensor) -> Tensor:
        """sigma(p), for a p that nobody needs afterwards."""
        return (self.over or self.value)(p)

    @property
    def smooth(self) -> bool:
        """Whether sigma has a second derivative everywhere."""
        return self.curvature is not None

    def second(self, p: Tensor) -> Tensor:
        """sigma''(p); raises NoCurvatureError for relu."""
        return self.bent.second(p)

    def third(self, p: Tensor) -> Tensor:
        """sigma'''(p); raises NoCurvatureError for relu."""
        return self.bent.third(p)

    @property
    def why_no_curvature(self) -> str:
        """Why nothing of second order can be said; empty for smooth activations."""
        if self.smooth:
            return ""
        return (
            f"{self.name} is piecewise linear: its second derivative is zero almost everywhere and undefined at "
            "the kinks, so nothing of second order can be said; choose a smooth activation such as softplus or gelu"
        )

    @property
    def bent(self) -> Curvature:
        """The curvature; raises NoCurvatureError for relu."""
        if self.curvature is None:
            raise NoCurvatureError(self.why_no_curvature)
        return self.curvature


_ONE = torch.ones(())
"""A Python number would be made a tensor at each step of an ascent, which takes longer than the subtraction."""

_LARGE = 4096
"""Numbers from which on NumPy's functions pay; below, the way there costs as much."""


def _by_numpy(p: Tensor) -> bool:
    # torch leaves tanh and log1p to MKL, which is slow on processors that are not Intel's: NumPy's tanh takes a fifth
    # of the time in float64 and a tenth in float32. Both are right to 1.5 units in the last place.
    return p.numel() >= _LARGE and p.is_inference() and p.device.type == "cpu"


def _tanh(p: Tensor) -> Tensor:
    return torch.from_numpy(np.tanh(p.numpy())) if _by_numpy(p) else torch.tanh(p)


def _tanh_over(p: Tensor) -> Tensor:
    if not _by_numpy(p):
        return torch.tanh_(p)
    np.tanh(p.numpy(), out=p.numpy())
    return p


def _tanh_both(p: Tensor) -> tuple[Tensor, Tensor]:
    t = _tanh_over(p) if _by_numpy(p) else torch.tanh(p)
    return t, (t * t).neg_().add_(1)


def _sech2(p: Tensor) -> Tensor:
    # 1 - tanh^2 has no correct digit left from |p| = 18 on, where proofs still rely on its size.
    e = torch.exp(-2 * p.abs())
    return 4 * e / (1 + e).square()


def _tanh_second(p: Tensor) -> Tensor:
    return -2 * _tanh(p) * _sech2(p)


def _tanh_third(p: Tensor) -> Tensor:
    s = _sech2(p)
    return s * (4 - 6 * s)


def _sigmoid_first(p: Tensor) -> Tensor:
    # s(p) s(-p) keeps its relative accuracy in both tails, where s (1 - s) cancels.
    return torch.sigmoid(p) * torch.sigmoid(-p)


def _sigmoid_both(p: Tensor) -> tuple[Tensor, Tensor]:
    s = torch.sigmoid(p)
    return s, s * torch.sigmoid(-p)


def _sigmoid_second(p: Tensor) -> Tensor:
    return -_sigmoid_first(p) * torch.tanh(p / 2)


def _sigmoid_third(p: Tensor) -> Tensor:
    s1 = _sigmoid_first(p)
    return s1 * (1 - 6 * s1)


def _softplus(p: Tensor) -> Tensor:
    if _by_numpy(p):
        q = p.numpy()
        return torch.from_numpy(np.maximum(q, 0) + np.log1p(np.exp(-np.abs(q))))
    return torch.logaddexp(p, torch.zeros((), dtype=p.dtype, device=p.device))


def _softplus_both(p: Tensor) -> tuple[Tensor, Tensor]:
    return _softplus(p), torch.sigmoid(p)


_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


def _erf_first(p: Tensor) -> Tensor:
    return _TWO_OVER_SQRT_PI * torch.exp(-p * p)


def _erf_both(p: Tensor) -> tuple[Tensor, Tensor]:
    return torch.erf(p), _erf_first(p)


def _erf_second(p: Tensor) -> Tensor:
    return -2 * p * _erf_first(p)


def _erf_third(p: Tensor) -> Tensor:
    return (4 * p * p - 2) * _erf_first(p)


def _normal_cdf(p: Tensor) -> Tensor:
    return 0.5 * torch.erfc(-p / math.sqrt(2))


def _normal_pdf(p: Tensor) -> Tensor:
    return torch.exp(-0.5 * p * p) / math.sqrt(2 * math.pi)


def _gelu(p: Tensor) -> Tensor:
    return p * _normal_cdf(p)


def _gelu_first(p: Tensor) -> Tensor:
    return _normal_cdf(p) + p * _normal_pdf(p)


def _gelu_both(p: Tensor) -> tuple[Tensor, Tensor]:
    cdf = _normal_cdf(p)
    return p * cdf, cdf + p * _normal_pdf(p)


def _gelu_second(p: Tensor) -> Tensor:
    return (2 - p * p) * _normal_pdf(p)


def _gelu_third(p: Tensor) -> Tensor:
    return (p * p - 4) * p * _normal_pdf(p)


def _silu(p: Tensor) -> Tensor:
    return p * torch.sigmoid(p)


def _silu_both(p: Tensor) -> tuple[Tensor, Tensor]:
    s, s1 = _sigmoid_both(p)
    return p * s, s + p * s1


def _silu_first(p: Tensor) -> Tensor:
    return _silu_both(p)[1]


def _silu_second(p: Tensor) -> Tensor:
    return 2 * _sigmoid_first(p) + p * _sigmoid_second(p)


def _silu_third(p: Tensor) -> Tensor:
    return 3 * _sigmoid_second(p) + p * _sigmoid_third(p)


def _minus_sin(p: Tensor) -> Tensor:
    return -torch.sin(p)


def _minus_cos(p: Tensor) -> Tensor:
    return -torch.cos(p)


def _sin_both(p: Tensor) -> tuple[Tensor, Tensor]:
    return torch.sin(p), torch.cos(p)


def _step(p: Tensor) -> Tensor:
    # At the kink the right derivative 0 is taken, as torch.relu's own gradient does.
    return (p > 0).to(p.dtype)


def _relu_both(p: Tensor) -> tuple[Tensor, Tensor]:
    return torch.relu(p), _step(p)


def _linear_both(p: Tensor) -> tuple[Tensor, Tensor]:
    return p, torch.ones_like(p)


def _tanh_first(p: Tensor) -> Tensor:
    return _tanh_both(p)[1]


_TANH_SECOND, _TANH_THIRD = 0.6584789484624085, 1.1462158347805889  # where tanh^2 is 1/3 and 2/3
_TANH = Curvature(_tanh_second, _tanh_third, (_TANH_SECOND,), (0.0, _TANH_THIRD))
# The sigmoid is (1 + tanh(p / 2)) / 2, and softplus has it for its first derivative.
_SIGMOID = Curvature(_sigmoid_second, _sigmoid_third, (2 * _TANH_SECOND,), (0.0, 2 * _TANH_THIRD))
_SOFTPLUS = Curvature(_sigmoid_first, _sigmoid_second, (0.0,), _SIGMOID.second_peaks)
_ERF = Curvature(_erf_second, _erf_third, (math.sqrt(0.5),), (0.0, math.sqrt(1.5)))
_GELU_THIRD = math.sqrt((7 - math.sqrt(33)) / 2), math.sqrt((7 + math.sqrt(33)) / 2)
_GELU = Curvature(_gelu_second, _gelu_third, (0.0, 2.0), _GELU_THIRD)
# Roots of the next derivative, found numerically.
_SILU = Curvature(_silu_second, _silu_third, (0.0, 3.4358409935351113), (1.031958241780749, 4.42923510055723))
_SIN = Curvature(_minus_sin, _minus_cos, (math.pi / 2,), (0.0,), period=math.pi)
_FLAT = Curvature(torch.zeros_like, torch.zeros_like, (), ())

ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation("tanh", "tanh p", _tanh, _tanh_first, _tanh_both, _TANH, over=_tanh_over),
        Activation(
            "sigmoid", "1 / (1 + e^-p)", torch.sigmoid, _sigmoid_first, _sigmoid_both, _SIGMOID, over=torch.sigmoid_
        ),
        Activation("softplus", "log(1 + e^p)", _softplus, torch.sigmoid, _softplus_both, _SOFTPLUS),
        Activation("erf", "erf p", torch.erf, _erf_first, _erf_both, _ERF, over=torch.erf_),
        Activation("gelu", "p Φ(p)", _gelu, _gelu_first, _gelu_both, _GELU),
        Activation("silu", "p / (1 + e^-p)", _silu, _silu_first, _silu_both, _SILU),
        Activation("sin", "sin p", torch.sin, torch.cos, _sin_both, _SIN, over=torch.sin_),
        Activation("relu", "max(p, 0)", torch.relu, _step, _relu_both, None, over=torch.relu_),
        Activation("linear", "p", torch.clone, torch.ones_like, _linear_both, _FLAT),
    )
}
