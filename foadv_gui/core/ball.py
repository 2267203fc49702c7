"""Proofs that hold on the whole ball |delta|_2 <= epsilon: bounds on derivatives, uniqueness, and the global gap.

Derived for this project; smooth activations and the l2 ball only. Everything is evaluated in float64 on the CPU. What
is a sum of positive terms is widened by `ROUND_OFF`, far more than the sums and the dense eigenvalue solver (backward
stable to some n units of round-off, n the order of the matrix) can lose; f, grad f and hess f, whose terms may cancel
each other, by `core.roundoff.round_off`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy.optimize import brentq

from .activations import NoCurvatureError
from .constraint import L2Ball
from .interruption import give_way, never
from .norms import norm
from .objective import weighted_gram
from .poles import poles
from .roundoff import round_off
from .threads import abandonable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from .network import TwoLayerNetwork
    from .objective import QuadraticAdversary

ROUND_OFF = 1e-10
"""By how much sums of terms of one sign and the eigenvalues of their matrices are widened, relative to them."""

_EPS = float(np.finfo(np.float64).eps)

_LARGEST = 1e75
"""The cubes of numbers up to here do not overflow, nor do the squares of their products with a radius."""


class Bounds(NamedTuple):
    """M2 and M3 bound the second and third derivatives of f on a ball, g_min its gradient below; see `BallProof`."""

    M2: float
    M3: float
    g_min: float

    def contraction(self, epsilon: float) -> float | None:
        """The Lipschitz constant q = epsilon M2/g_min of delta -> epsilon grad f/|grad f|, None without a g_min > 0."""
        return epsilon * self.M2 / self.g_min if self.g_min > 0 else None


@dataclass(frozen=True)
class BallProof:
    """What is proven of f and L on the ball.

    With I_r = [p_r - epsilon |w_r|, p_r + epsilon |w_r|], c2_r and c3_r the largest |sigma''| and third derivative on
    it, p = W x, f0 = f(x), g0 = grad f(x), H0 = hess f(x):

    - M3 = |diag(sqrt(|a| c3 |w|)) W|_op^2 bounds the third derivative of f;
      M2 = min(|diag(sqrt(|a| c2)) W|_op^2, |H0|_op + epsilon M3) its Hessian;
    - g_min = |g0| - epsilon M2 bounds |grad f| below: above 0, f has no critical point;
    - q = epsilon M2/g_min: below 1, delta -> ±epsilon grad f/|grad f| contracts, so f has exactly one maximiser and one
      minimiser, both on the sphere; L then has two local maxima if y lies strictly between min f and max f, else one;
    - max f <= f0 + max_{|s| <= epsilon}(g0.s + s.H0 s/2) + M3 epsilon^3/6, and min f likewise, so that
      L <= upper_bound = max((max f - y)^2, (min f - y)^2)/2.

    Attributes
    ----------
    M2, M3, g_min : as above.
    q : None where g_min is not positive.
    unique : whether q < 1.
    maxima_of_loss : 1 or 2 where unique, None where that is not proven, or y is within round-off of an extreme.
    value_min, value_max : proven bounds of f on the ball.
    upper_bound : of L.
    poles : (2, d) the maximiser and the minimiser of f where unique, else None.
    strongest : where maxima_of_loss is known, a bound of L as close as round-off allows: its larger value at the poles.
    """

    M2: float
    M3: float
    g_min: float
    q: float | None
    unique: bool
    maxima_of_loss: int | None
    value_min: float
    value_max: float
    upper_bound: float
    poles: Tensor | None
    strongest: float | None

    def gap(self, loss: float) -> float:
        """1 - loss/upper_bound: no adversary in the ball is stronger by more than this share of what is possible."""
        return max(0.0, 1 - loss / self.upper_bound) if self.upper_bound > 0 else 0.0


@torch.inference_mode()
def prove(objective: QuadraticAdversary, epsilon: float, interrupted: Callable[[], bool] = never) -> BallProof:
    """What can be proven of f and L on the ball of radius epsilon.

    Raises
    ------
    NoCurvatureError
        For relu, and where the network overflows.
    Interrupted
        When `interrupted()` is true between two diagonalisations.
    """
    exact = objective.exact
    network = exact.network
    value, gradient = network.value_and_gradient(exact.x)
    f0, length = float(value), float(norm(gradient))
    W, basis = spanning_rows(network)
    lost = round_off(exact, epsilon)
    _check(value, gradient, torch.tensor(lost))
    H0 = _gram(W, network.curvature(exact.x))
    curvatures, vectors = abandonable(lambda: np.linalg.eigh(H0), interrupted)
    M2, M3, g_min = found = bounds(exact, epsilon, interrupted, curvature=float(np.abs(curvatures).max()))
    slopes = vectors.T @ (gradient if basis is None else basis.T @ gradient).numpy()
    if basis is not None:  # H0 vanishes on what the rows of W do not span, and so does the gradient
        curvatures, slopes = np.append(curvatures, 0.0), np.append(slopes, 0.0)

    def highest(sign: float) -> float:
        risen = trust_region_maximum(sign * slopes, sign * curvatures, epsilon) + M3 * epsilon**3 / 6
        doubt = lost.value + epsilon * lost.gradient + epsilon**2 * lost.hessian / 2
        return sign * f0 + risen * (1 + ROUND_OFF) + doubt

    value_min, value_max = -highest(-1.0), highest(1.0)
    _check(torch.tensor([value_min, value_max], dtype=torch.float64))
    upper = (1 + 4 * _EPS) * max((value_max - exact.y) ** 2, (value_min - exact.y) ** 2) / 2
    q = found.contraction(epsilon)
    unique = q is not None and q < 1
    extremes = poles(exact, L2Ball(epsilon), interrupted=interrupted) if unique else None
    maxima = strongest = None
    if extremes is not None and q is not None:
        away = 2 * epsilon * lost.gradient / g_min
        most, least, slack = _extremes(exact, extremes, epsilon, q, length + epsilon * M2 + lost.gradient, away)
        slack += 2 * lost.value + 4 * _EPS * abs(exact.y)
        maxima = _count(exact.y, most, least, slack)
        if maxima is not None:
            # Both are bounds; where L is tiny, the round-off of the values at the poles may be the wider one.
            strongest = min(upper, (1 + 4 * _EPS) * (max(most - exact.y, exact.y - least) + slack) ** 2 / 2)
    return BallProof(M2, M3, g_min, q, unique, maxima, value_min, value_max, upper, extremes, strongest)


@torch.inference_mode()
def bounds(
    objective: QuadraticAdversary,
    epsilon: float,
    interrupted: Callable[[], bool] = never,
    *,
    curvature: float | None = None,
    norm: Callable[[Tensor, Tensor], float] | None = None,
) -> Bounds:
    """M2, M3 and g_min on the ball of radius epsilon; `curvature` is |H0|_op where that is known already.

    `norm(W, weights)` may estimate |W^T diag(weights) W|_op in place of the dense solver: nothing is then proven.

    Raises
    ------
    NoCurvatureError
        For relu, and where the network overflows.
    Interrupted
        When `interrupted()` is true.
    """
    exact = objective.exact
    network = exact.network
    W, _ = spanning_rows(network)
    size = norm or (lambda W, weights: _norm(W, weights, interrupted))
    low, high = preactivation_ranges(exact, epsilon)
    bent = network.activation.bent
    M3 = (1 + ROUND_OFF) * size(W, network.a.abs() * bent.largest_third(low, high) * network.row_norms)
    give_way(interrupted)
    M2 = size(W, network.a.abs() * bent.largest_second(low, high))
    if curvature is None:
        give_way(interrupted)
        curvature = size(W, network.curvature(exact.x))
    lost = round_off(exact, epsilon)
    M2 = min((1 + ROUND_OFF) * M2, curvature + lost.hessian + epsilon * M3)
    length = float(torch.linalg.vector_norm(network.gradient(exact.x)))
    return Bounds(M2, M3, length * (1 - ROUND_OFF) - lost.gradient - epsilon * M2)


def trust_region_maximum(g: NDArray[np.float64], h: NDArray[np.float64], epsilon: float) -> float:
    """max_{|s| <= epsilon} g.s + sum_i h_i s_i^2/2, in the eigenbasis of the quadratic form; never less than it.

    The dual D(nu) = sum_i g_i^2/(nu - h_i)/2 + nu epsilon^2/2 is an upper bound for each nu above all h_i and 0, and
    equals the maximum at its own minimum: where |s(nu)| = epsilon, s_i = g_i/(nu - h_i) (the secular equation), or at
    the least nu if |s| is below epsilon there, which is the interior (nu = 0) or the hard case (nu = h_max). As D is
    a bound wherever the search for nu ends, only its own round-off is left, by which it is raised.

    Source: Conn, Gould, Toint, Trust-Region Methods (2000), chapter 7.
    """
    size = max(float(np.abs(g).max()), epsilon * float(np.abs(h).max()))
    if size < 1e-280:  # saturated neurons: their underflow is no reason to be exact
        return 2 * len(g) * epsilon * size
    # On the unit ball, with entries of size 1: their squares then neither overflow nor vanish.
    g, h = g / size, epsilon / size * h
    least, slope = max(float(h.max()), 0.0), float(np.linalg.norm(g))
    moved = g != 0

    def length(nu: float) -> float:
        return float(np.linalg.norm(g[moved] / (nu - h[moved])))

    # The gradient's own part of the top eigenspace decides whether |s| is unbounded as nu falls to `least`.
    nu = least + 1e-14
    if length(nu) > 1:
        nu = brentq(lambda nu: 1 / length(nu) - 1, nu, least + 2 * slope, xtol=1e-15)
    highest = float((g[moved] ** 2 / (nu - h[moved])).sum() + nu) / 2
    return epsilon * size * (highest * (1 + 4 * (len(g) + 8) * _EPS) + 4 * _EPS)


def spanning_rows(network: TwoLayerNetwork) -> tuple[Tensor, Tensor | None]:
    """W (m, k) in an orthonormal basis (d, k) of what its rows span where that is smaller than R^d, else (W, None)."""
    if network.width >= network.dimension:
        return network.W, None
    basis, R = network.first.row_basis
    return R.T, basis


def _norm(W: Tensor, weights: Tensor, interrupted: Callable[[], bool]) -> float:
    """|W^T diag(weights) W|_op, which is |diag(sqrt(weights)) W|_op^2 for weights >= 0."""
    gram = _gram(W, weights)
    size = float(np.abs(gram).max())
    if size == 0:
        return 0.0
    gram /= size  # the dense solver squares the entries, and what saturates is small
    return size * float(np.abs(abandonable(lambda: np.linalg.eigvalsh(gram), interrupted)).max())


def _gram(W: Tensor, weights: Tensor) -> NDArray[np.float64]:
    gram = weighted_gram(W, weights)
    _check(gram)
    return gram.numpy()


def _check(*parts: Tensor) -> None:
    """Raise NoCurvatureError for numbers whose powers overflow."""
    if not all(bool(part.abs().max() < _LARGEST) for part in parts):
        raise NoCurvatureError("the network overflows: smaller weights, inputs or labels would keep its bounds finite")


def preactivation_ranges(objective: QuadraticAdversary, epsilon: float) -> tuple[Tensor, Tensor]:
    """The ends p_r ± epsilon |w_r| of the pre-activations on the ball of radius epsilon, widened for round-off."""
    network = objective.network
    p = network.preactivation(objective.x)
    lost = 2 * _EPS * (network.dimension + 2) * float(norm(objective.x))
    reach = (epsilon * (1 + 4 * _EPS) + lost) * network.row_norms
    if network.b is not None:
        reach = reach + 2 * _EPS * (network.dimension + 2) * network.b.abs()
    return p - reach, p + reach


def _extremes(
    objective: QuadraticAdversary, poles: Tensor, epsilon: float, q: float, slope: float, away: float
) -> tuple[float, float, float]:
    """The values of f at the poles, and by how much max f and min f may exceed them since the poles are not exact.

    `slope` bounds |grad f| on the ball, `away` the error of a step of the fixed-point iteration, which contracts by q.
    """
    step = L2Ball(epsilon).support(objective.network.gradient(objective.x + poles))
    step[1] = -step[1]
    # Banach: a point is no farther from the fixed point than its next step is long, over 1 - q.
    away = (away + float(norm(step - poles).max())) / (1 - q)
    highest, lowest = (float(value) for value in objective.network.value(objective.x + poles))
    return highest, lowest, slope * away


def _count(y: float, highest: float, lowest: float, slack: float) -> int | None:
    """How many local maxima L has on the ball: two where y lies strictly between min f and max f, else one."""
    if lowest + slack < y < highest - slack:
        return 2
    if y < lowest - slack or y > highest + slack:
        return 1
    return None
