"""The certified scale: up to which input scale a network's ball is proven to be regular.

Derived for this project; smooth activations and the l2 ball only.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from .ball import ROUND_OFF, preactivation_ranges, spanning_rows
from .interruption import give_way, never
from .norms import norm as vector_norm
from .objective import QuadraticAdversary, weighted_gram
from .places import to_exact
from .roundoff import round_off
from .threads import abandonable

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SEARCHED = (1e-6, 1e6)
"""The input scales between which the certified one is looked for."""

RESOLUTION = 1e-3
"""How close, relative to it, a certified scale lies to one at which the proof fails, or hardly stands."""

_DENSE = 128
"""Up to this order a matrix is diagonalised in no time."""
_NARROWEST = 1e-6
"""The least width of an interval, relative to where it begins, that is tried."""
_SLACK = 1e-4
"""By how much a norm that Lanczos' iteration estimates, to some six digits from below, is raised to be a bound."""


class _Claim(NamedTuple):
    """That |W^T diag(weights) W|_op <= bound, which is still to be proven."""

    weights: Tensor
    bound: float


@torch.inference_mode()
def certified_scale(
    objective: QuadraticAdversary, epsilon: float, interrupted: Callable[[], bool] = never
) -> float | None:
    """The input scale gamma up to which q < 1 is proven, for this network, direction x/|x| and ratio epsilon/|x|.

    At every scale below it, without a gap: one interval [low, high] after the other, from 0 on, is proven as a whole.
    q < 1 if and only if 2 epsilon M2 < |grad f(x)| (see `BallProof`), with x = gamma x_hat and epsilon = rho gamma. Let
    c be the middle and h half the width of an interval, and M2 and M3 be as there, but with the largest |sigma''| and
    third derivative on all that the neurons' intervals sweep from low to high; and M3x as M3, with |w_r . x_hat| for
    |w_r|, a bound of the third derivative along x_hat. Then by Taylor's theorem

        |grad f(gamma x_hat)| >= min_{|t| <= h} |grad f(c x_hat) + t hess f(c x_hat) x_hat| - h^2 M3x/2,
        M2(gamma) <= min(M2, |hess f(c x_hat)|_op + h M3x + rho high M3),

    and the interval is proven if the first is above 2 rho high times the second. What fails is cut, until the proof is
    seen to fail at a scale within the resolution, or the interval is as narrow as a millionth: where the gradient
    vanishes nearly enough, no interval can be proven, though each scale in it may be. Norms of more than 128 dimensions
    are estimated by Lanczos' iteration while intervals are looked for; of those that are found each is then proven by
    Cholesky's decomposition of bound I - (the matrix). The label does not matter. With biases x and epsilon grow and b
    stays as it is.

    Returns
    -------
    float | None
        inf where the proof holds up to the largest scale looked at (as for linear networks, which have no curvature);
        None where it fails down to the least one.

    Raises
    ------
    NoCurvatureError
        For relu.
    Interrupted
        When `interrupted()` is true.
    """
    exact = objective.exact
    gamma = float(torch.linalg.vector_norm(exact.x))
    unit, ratio = exact.x / gamma, epsilon / gamma
    W, _ = spanning_rows(exact.network)
    least, most = SEARCHED
    proven: list[tuple[float, list[_Claim]]] = []

    def lacking_between(low: float, high: float) -> tuple[float, list[_Claim]]:
        give_way(interrupted)
        return _lacking(exact, unit, ratio, W, low, high, interrupted)

    low, step, beyond = 0.0, most, 0.0
    while low < most and step >= (_NARROWEST * low or least):
        if step < RESOLUTION / 4 * low and beyond <= low:
            beyond = low * (1 + RESOLUTION)
            if lacking_between(beyond, beyond)[0] >= 0:
                break
        high = min(low + step, most)
        lacking, claims = lacking_between(low, high)
        if lacking < 0:
            proven.append((low, claims))
            low, step = high, high * min(max(math.expm1(-lacking / 2), RESOLUTION / 2), 16.0)
        else:
            step = gamma if step == most > gamma else step * min(max(math.exp(-lacking), 1 / 16), 1 / 2)
    for begin, claims in proven:
        if not all(_holds(W, claim, interrupted) for claim in claims):
            low = begin
            break
    return math.inf if low >= most else low or None


def _lacking(
    exact: QuadraticAdversary,
    unit: Tensor,
    ratio: float,
    W: Tensor,
    low: float,
    high: float,
    interrupted: Callable[[], bool],
) -> tuple[float, list[_Claim]]:
    """The logarithm, negative if they are proven, of what the scales from low to high lack; and what that rests on."""
    network, claims = exact.network, []

    def at(scale: float) -> QuadraticAdversary:
        return QuadraticAdversary(network, unit * scale, exact.y)

    def norm(weights: Tensor) -> float:
        size = _norm(W, weights, interrupted)
        if W.shape[1] > _DENSE:
            size *= 1 + _SLACK
            claims.append(_Claim(weights, size))
        return size * (1 + ROUND_OFF)

    half, centre = (high - low) / 2, at((low + high) / 2)
    ends = [preactivation_ranges(at(scale), ratio * high) for scale in (low, high)]
    swept = torch.minimum(ends[0][0], ends[1][0]), torch.maximum(ends[0][1], ends[1][1])
    bent, sizes, curvature = network.activation.bent, network.a.abs(), network.curvature(centre.x)
    lost = round_off(centre, half + ratio * high)
    third, along = sizes * bent.largest_third(*swept), network.along(unit)
    M3, M3x = norm(third * network.row_norms), norm(third * along.abs()) if half else 0.0
    bending = norm(curvature) + lost.hessian + half * M3x + ratio * high * M3
    M2 = min(norm(sizes * bent.largest_second(*swept)), bending)
    slope, change = network.gradient(centre.x), (curvature * along) @ network.W
    square = float(change @ change)
    t = min(max(-float(slope @ change) / square, -half), half) if square > 0 else 0.0
    summed = float(vector_norm(slope)) + half * math.sqrt(square)
    least = float(vector_norm(slope + t * change)) - ROUND_OFF * summed
    least -= lost.gradient + half * lost.hessian + half**2 * M3x / 2
    if not least > 0:
        return math.inf, claims
    return math.log(2 * ratio * high * M2 / least) if M2 > 0 else -math.inf, claims


def _holds(W: Tensor, claim: _Claim, interrupted: Callable[[], bool]) -> bool:
    """Whether bound I - W^T diag(weights) W is positive definite, and the sum of both too where weights are negative.

    Cholesky's decomposition is backward stable, to some units of round-off of the order: far less than `ROUND_OFF`.
    """
    give_way(interrupted)
    gram = (weighted_gram(W, claim.weights) / claim.bound).numpy()
    signs = (1, -1) if bool((claim.weights < 0).any()) else (1,)
    try:
        for left in [np.eye(len(gram)) - sign * gram for sign in signs]:
            abandonable(partial(np.linalg.cholesky, left), interrupted)
    except np.linalg.LinAlgError:
        return False
    return True


def _norm(W: Tensor, weights: Tensor, interrupted: Callable[[], bool]) -> float:
    """|W^T diag(weights) W|_op; beyond the order 128 by Lanczos, to some six digits from below."""
    n = W.shape[1]
    if not bool(torch.isfinite(weights).all()):
        return math.inf
    if not bool(weights.any()):
        return 0.0
    if n <= _DENSE:
        return float(np.abs(np.linalg.eigvalsh((W.T @ (weights.unsqueeze(-1) * W)).numpy())).max())

    def product(v: np.ndarray) -> np.ndarray:
        give_way(interrupted)
        with torch.inference_mode():
            return (((W @ to_exact(torch.from_numpy(v.reshape(n)))) * weights) @ W).numpy()

    start = np.random.default_rng(0).standard_normal(n)
    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
    try:
        return float(abs(eigsh(operator, k=1, which="LM", tol=1e-6, v0=start, return_eigenvectors=False)[0]))
    except ArpackNoConvergence:
        return float(np.abs(np.linalg.eigvalsh((W.T @ (weights.unsqueeze(-1) * W)).numpy())).max())
