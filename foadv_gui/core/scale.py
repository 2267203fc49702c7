"""The certified scale: up to which input scale a network's ball is proven to be regular.

Derived for this project; smooth activations and the l2 ball only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from .ball import bounds
from .interruption import give_way, never
from .objective import QuadraticAdversary
from .places import to_exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SEARCHED = (1e-6, 1e6)
"""The input scales between which the certified one is looked for."""

RESOLUTION = 1e-3
"""How close, relative to it, a certified scale lies to one at which the proof fails."""

_DENSE = 128
"""Up to this order a matrix is diagonalised in no time."""


@torch.inference_mode()
def certified_scale(
    objective: QuadraticAdversary, epsilon: float, interrupted: Callable[[], bool] = never
) -> float | None:
    """The largest input scale gamma at which q < 1 is proven, for this network, direction x/|x| and ratio epsilon/|x|.

    q < 1 if and only if 2 epsilon M2 < |grad f(x)| (see `BallProof`), so that the root in log gamma of

        log(2 epsilon M2/|grad f(x)|),  x = gamma x_hat,  epsilon = rho gamma,

    is looked for from the scale of x on, with norms by Lanczos; what is returned is then proven with the dense solver.
    The label does not matter. Where q crosses 1 several times, it is the crossing nearest to the scale of x.

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
    least, most = (math.log(end) for end in SEARCHED)

    def norm(W: Tensor, weights: Tensor) -> float:
        return _norm(W, weights, interrupted)

    def excess(power: float) -> float:
        give_way(interrupted)
        scale = math.exp(power)
        found = bounds(QuadraticAdversary(exact.network, unit * scale, exact.y), ratio * scale, interrupted, norm=norm)
        bent = ratio * scale * found.M2
        slope = found.g_min + bent
        if bent == 0 or slope <= 0:
            return -math.inf if slope > 0 else math.inf
        return math.log(2 * bent / slope)

    low = high = min(max(math.log(gamma), least), most)
    height = excess(low)
    # About as far as epsilon alone would have to change.
    while height >= 0:
        if low == least:
            return None
        high, low = low, max(least, low - _stride(height))
        height = excess(low)
    if low == high:
        while height < 0:
            if high == most:
                return math.inf
            low, high = high, min(most, high + _stride(height))
            height = excess(high)
    # Clipped: the solver knows no infinity.
    root = brentq(lambda power: min(max(excess(power), -99.0), 99.0), low, high, xtol=RESOLUTION / 4)
    return _proven_below(exact, unit, ratio, math.exp(root), interrupted)


def _proven_below(
    exact: QuadraticAdversary, unit: Tensor, ratio: float, scale: float, interrupted: Callable[[], bool]
) -> float | None:
    """The first scale below the estimated one at which q < 1 stands with the dense solver."""
    for _ in range(50):
        scale *= 1 - RESOLUTION / 4
        epsilon = ratio * scale
        q = bounds(QuadraticAdversary(exact.network, unit * scale, exact.y), epsilon, interrupted).contraction(epsilon)
        if q is not None and q < 1:
            return scale
    return None


def _stride(height: float) -> float:
    return min(max(abs(height), math.log(1.5)), math.log(16))


def _norm(W: Tensor, weights: Tensor, interrupted: Callable[[], bool]) -> float:
    """|W^T diag(weights) W|_op by Lanczos, to some six digits from below."""
    n = W.shape[1]
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
