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
_BELOW, _APART = 16, math.log(1.14)
"""So many scales below a crossing, this far apart in log gamma, are looked at for an earlier one."""
_ALL = 128
"""So many parts of the whole range are looked at where no crossing was found."""


@torch.inference_mode()
def certified_scale(
    objective: QuadraticAdversary, epsilon: float, interrupted: Callable[[], bool] = never
) -> float | None:
    """The input scale gamma up to which q < 1 is proven, for this network, direction x/|x| and ratio epsilon/|x|.

    q < 1 if and only if 2 epsilon M2 < |grad f(x)| (see `BallProof`), so that the root in log gamma of

        log(2 epsilon M2/|grad f(x)|),  x = gamma x_hat,  epsilon = rho gamma,

    is looked for from the scale of x on, with norms by Lanczos; what is returned is then proven with the dense solver.
    The label does not matter. Where grad f(x) nearly vanishes at some gamma, q crosses 1 several times: up to the order
    128, where a look costs little, an earlier crossing is looked for at 16 scales over the factor of eight below one
    that was found, and taken in its place. In more dimensions a random network's gradient does not vanish so. Where the
    proof holds at the largest scale, as where no neuron is near its bend any more, 127 scales between both ends are
    looked at. With biases x and epsilon grow and b stays as it is.

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

    def crossing(low: float, high: float) -> float:
        # Clipped: the solver knows no infinity.
        return float(brentq(lambda power: min(max(excess(power), -99.0), 99.0), low, high, xtol=RESOLUTION / 4))

    def first_below(high: float) -> float | None:
        """The first power below `high`, where the proof fails, at which it begins to; None if that is nowhere."""
        low, height = high, excess(high)
        # About as far as epsilon alone would have to change.
        while height >= 0:
            if low == least:
                return None
            high, low = low, max(least, low - _stride(height))
            height = excess(low)
        return crossing(low, high)

    low = min(max(math.log(gamma), least), most)
    height = excess(low)
    root: float | None
    if height >= 0:
        root = first_below(low)
    else:
        high = low
        while height < 0 and high < most:
            low, high = high, min(most, high + _stride(height))
            height = excess(high)
        root = crossing(low, high) if height >= 0 else math.inf
    looks = _BELOW if min(exact.network.width, exact.dimension) <= _DENSE else 0
    while root is not None:
        below = (root - k * _APART for k in range(looks, 0, -1))
        if root == math.inf:
            below = (least + k * (most - least) / _ALL for k in range(1, _ALL))
        failing = next((power for power in below if power > least and excess(power) >= 0), None)
        if failing is None:
            break
        root = first_below(failing)
    if root is None or root == math.inf:
        return root
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
