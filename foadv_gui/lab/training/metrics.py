"""What of a training can be drawn over its epochs, and what a hover says of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from foadv_gui.lab.stored_network import of_first_layer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from foadv_gui.lab.training.record import Probed, Track

    Floats: TypeAlias = NDArray[np.float64]
    Values: TypeAlias = "tuple[NDArray[np.int64], Floats]"
    Reading: TypeAlias = "Callable[[Track, float], Values]"


@dataclass(frozen=True)
class Metric:
    """One number of each epoch, as a curve.

    Attributes
    ----------
    read
        From the track of an arm and its absolute learning rate: the epochs (e,) and the values there (e,).
    log
        Whether it may have a log axis.
    share
        Whether it is a share, from 0 to 1, written in percent.
    levels
        Values of the metric that mean something, each with what it means in a word or two.
    why_none
        Why there may be no value at all.
    """

    name: str
    title: str
    symbol: str
    unit: str
    help: str
    read: Reading
    log: bool = True
    share: bool = False
    levels: tuple[tuple[float, str], ...] = ()
    why_none: str = ""

    @property
    def words(self) -> str:
        """The title with its symbol and unit: "Loss under attack L", "Errors (of the points)"."""
        unit = f"({self.unit})" if self.unit else ""
        return " ".join(part for part in (self.title, self.symbol, unit) if part)


def _measure(name: str) -> Reading:
    def read(track: Track, rate: float) -> Values:
        values = track.measures[name]
        return np.arange(len(values)), values

    return read


def _loss_share(track: Track, rate: float) -> Values:
    loss = track.measures["adversarial_loss"]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.arange(len(loss)), loss / loss[0]


def _movement(name: str, *, first: bool) -> Reading:
    def read(track: Track, rate: float) -> Values:
        values = track.measures[name]
        parts = [arrays[0] for name, arrays in track.weights.items() if of_first_layer(name, track.weights) == first]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            length = math.hypot(*(float(np.linalg.norm(np.asarray(part, np.float64))) for part in parts))
            return np.arange(len(values)), values / np.float64(length)

    return read


def _probed(of: Callable[[Probed], Floats]) -> Reading:
    def read(track: Track, rate: float) -> Values:
        return track.probed.epochs, of(track.probed)

    return read


def _median(values: Floats) -> Floats:
    """The median of each row (p, P), infinite where half of it is not known: no q, however large, holds there."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    return np.asarray(np.median(np.where(np.isnan(values), np.inf, values), axis=1))


def _stability(track: Track, rate: float) -> Values:
    with np.errstate(over="ignore"):
        return track.probed.epochs, track.probed.sharpness * rate / 2


_POINTS = "of the points"
_PROBES = "of the probe points"
_SHARE_LEVELS = ((0.75, "75%"), (0.5, "50%"))
_ALL = (
    Metric(
        "loss_share",
        "Loss under attack, share of its first value",
        "",
        "",
        "How much of the first adversarial loss is left, that of the untrained network being 1; the paper's claim is "
        "about how soon it falls.",
        _loss_share,
        log=False,
        share=True,
        levels=_SHARE_LEVELS,
    ),
    Metric(
        "adversarial_loss",
        "Loss under attack",
        "L(δ)",
        "",
        "The mean loss, (f(x + δ) − y)²/2 or another one, over the training points, each attacked by T steps of the "
        "ascent: what adversarial training makes small.",
        _measure("adversarial_loss"),
    ),
    Metric(
        "clean_loss",
        "Loss without attack",
        "L(0)",
        "",
        "The mean loss, (f(x) − y)²/2 or another one, at the training points themselves.",
        _measure("clean_loss"),
    ),
    Metric(
        "held_out_adversarial_loss",
        "Held-out loss under attack",
        "L(δ)",
        "",
        "The mean loss at attacked points that are never trained on: it tells learning from learning by heart.",
        _measure("held_out_adversarial_loss"),
    ),
    Metric(
        "held_out_clean_loss",
        "Held-out loss without attack",
        "L(0)",
        "",
        "The mean loss at points that are never trained on.",
        _measure("held_out_clean_loss"),
    ),
    Metric(
        "adversarial_error",
        "Errors under attack",
        "",
        _POINTS,
        "The share of attacked training points at which f has not the sign of the label, or another class wins.",
        _measure("adversarial_error"),
        log=False,
        share=True,
    ),
    Metric(
        "clean_error",
        "Errors without attack",
        "",
        _POINTS,
        "The share of training points at which f has not the sign of the label, or another class wins.",
        _measure("clean_error"),
        log=False,
        share=True,
    ),
    Metric(
        "held_out_adversarial_error",
        "Held-out errors under attack",
        "",
        _POINTS,
        "The share of attacked points, never trained on, at which f has not the sign of the label, or another class "
        "wins: what robust training is for.",
        _measure("held_out_adversarial_error"),
        log=False,
        share=True,
    ),
    Metric(
        "held_out_clean_error",
        "Held-out errors without attack",
        "",
        _POINTS,
        "The share of points, never trained on, at which f has not the sign of the label, or another class wins.",
        _measure("held_out_clean_error"),
        log=False,
        share=True,
    ),
    Metric(
        "residual",
        "Residual under attack",
        "|f − y|",
        "mean",
        "How far the network's value at an attacked point is from the label, on average; of other losses than the "
        "quadratic one, from f = 0.",
        _measure("residual"),
    ),
    Metric(
        "gradient_norm",
        "Weight gradient",
        "|∂L/∂W|",
        "",
        "The length of the gradient by the weights that the next step follows.",
        _measure("gradient_norm"),
    ),
    Metric(
        "movement",
        "Weight movement",
        "|W − W₀|/|W₀|",
        "",
        "How far the first layer has moved from where it was drawn, beside its own length: small in the lazy (kernel) "
        "regime.",
        _movement("movement", first=True),
    ),
    Metric(
        "movement_a",
        "Movement of a",
        "|a − a₀|/|a₀|",
        "",
        "How far the second layer has moved from where it was drawn; 0 where it is not trained.",
        _movement("movement_a", first=False),
    ),
    Metric(
        "inner_steps",
        "Inner steps to convergence",
        "",
        "median",
        "After how many of the T steps of the inner ascent half of the points are attacked as well as they can be; an "
        "open triangle at T: not within T.",
        _measure("inner_steps"),
        log=False,
    ),
    Metric(
        "inner_unconverged",
        "Inner ascents not converged",
        "",
        _POINTS,
        "The share of points whose inner ascent did not converge within its T steps.",
        _measure("inner_unconverged"),
        log=False,
        share=True,
    ),
    Metric(
        "inner_step",
        "Inner step",
        "η",
        "",
        "The step of the inner ascent; a relative one is set anew in each epoch from the gradients there.",
        _measure("inner_step"),
    ),
    Metric(
        "tangential",
        "Inner tangential ratio",
        "τ",
        "median",
        "The part of the gradient along the constraint set at the attacked points: 0 at a maximum on its boundary.",
        _measure("tangential"),
    ),
    Metric(
        "fosc",
        "First-order condition",
        "FOSC",
        "median",
        "How much more loss the gradient promises within the set at the attacked points: 0 at a stationary point "
        "(Wang et al. 2019).",
        _measure("fosc"),
    ),
    Metric(
        "reach",
        "Reach",
        "k",
        "median",
        "k = ε|∇f(x)|/|f(x) − y|: above 1 the adversary can reach f = y to first order, and two maxima may face "
        "each other.",
        _measure("reach"),
        levels=((1.0, "k = 1"),),
    ),
    Metric(
        "contraction",
        "Contraction on the ball",
        "q",
        "median",
        "q < 1 proves that the ball around a point holds one maximum of f and one minimum; the smaller, the more "
        "regular.",
        _probed(lambda probed: _median(probed.contraction)),
        levels=((1.0, "q = 1"),),
        why_none="At most of the probe points there is no q: f may have a critical point in the ball.",
    ),
    Metric(
        "certified",
        "Certified share",
        "q < 1",
        _PROBES,
        "The share of probe points whose ball is proven to hold one maximum of f and one minimum.",
        _probed(lambda probed: probed.certified),
        log=False,
        share=True,
    ),
    Metric(
        "top_eigenvalue",
        "Largest curvature",
        "λ₁(∇²L)",
        "median",
        "The largest eigenvalue of the Hessian of the loss by the input at clean probe points: training that makes "
        "robust flattens it (Moosavi-Dezfooli et al. 2019).",
        _probed(lambda probed: _median(probed.top_eigenvalue)),
    ),
    Metric(
        "sharpness",
        "Sharpness",
        "s",
        "",
        "The largest eigenvalue of the Gauss-Newton matrix of the mean loss by the weights.",
        _probed(lambda probed: probed.sharpness),
    ),
    Metric(
        "stability",
        "Rate beside the largest stable one",
        "η s/2",
        "",
        "The learning rate as a share of 2/s, s the sharpness: above 1 steps overshoot and the loss may grow.",
        _stability,
        levels=((1.0, "η = 2/s"),),
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""Everything that can be drawn, by name, in the order in which it is offered."""

OVERVIEW = (
    "loss_share",
    "adversarial_loss",
    "held_out_adversarial_error",
    "certified",
    "movement",
    "top_eigenvalue",
    "tangential",
)
"""What a figure shows of a training, the most telling first."""
