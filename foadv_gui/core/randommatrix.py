"""The random-matrix prediction of a spectrum: the distribution of its bulk, and the outlier above it (derived here).

It takes W to be independent of the diagonal D, which is exact as m and d grow at a fixed ratio, and holds for random,
untrained networks only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.optimize import brentq

from .activations import NoCurvatureError
from .interruption import give_way, never
from .places import to_exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from .objective import QuadraticAdversary

    Floats = NDArray[np.float64]

_NOTHING = 1e-12
"""What is this small beside the largest of its kind is 0 but for round-off."""
_GROUPS = 4096
"""More neurons are taken together in so many groups of neighbours: the distribution moves by less than 1/_GROUPS."""
_BLOCK = 200_000
"""Numbers that stay in a core's cache."""
_STEP = 0.004
"""The largest part of the distribution between two places at which it is computed."""


@dataclass(frozen=True, eq=False)
class Bulk:
    """The predicted distribution of eigenvalues, and the outlier.

    Attributes
    ----------
    energies : (n,) ascending, from the lower to the upper edge of the bulk.
    cumulative : (n,) the share of eigenvalues below each energy, those that are exactly zero left out: 0 to 1 - atom.
    atom : the share of eigenvalues that are exactly zero, 1 - m/d for m < d.
    outlier : the eigenvalue above the bulk, or None.
    """

    energies: Floats
    cumulative: Floats
    atom: float
    outlier: float | None

    def distance(self, eigenvalues: Floats) -> float:
        """The Kolmogorov distance max |F - F_n| to the distribution F_n of eigenvalues (k,): all, with their zeros."""
        size = np.abs(eigenvalues)
        zero = size <= _NOTHING * size.max(initial=0.0)
        ranked, counts = np.unique(np.where(zero, 0.0, eigenvalues), return_counts=True)
        counted = np.concatenate([[0], np.cumsum(counts)]) / counts.sum()
        predicted = np.interp(ranked, self.energies, self.cumulative)
        before = predicted + np.where(ranked > 0, self.atom, 0.0)
        after = predicted + np.where(ranked >= 0, self.atom, 0.0)
        return float(max(np.abs(before - counted[:-1]).max(), np.abs(after - counted[1:]).max()))


@torch.inference_mode()
def predicted_bulk(
    objective: QuadraticAdversary,
    delta: Tensor,
    kappa: float,
    *,
    tangent: bool,
    interrupted: Callable[[], bool] = never,
) -> Bulk:
    """The spectrum of hess L at delta (d,) that weights of standard deviation kappa let expect.

    With b = a sigma'(p) and D = r diag(a sigma''(p)), hess L = W^T (D + b b^T) W. For t_r = kappa^2 d D_rr the
    Stieltjes transform s of W^T D W solves, with w = -1/s,

        z = w + (1/d) sum_r t_r w/(w - t_r)                    (Marchenko-Pastur 1967, Silverstein-Bai 1995),

    and b b^T adds to the t_r the largest root w of sum_r beta_r/(w - t_r) = 1, with beta_r = |grad f|^2 b_r^2/|b|^2:
    z(w) is an outlier if w lies above the bulk. For t_r small beside w that is 1 + |grad f|^2 s(z) = 0.

    `tangent` leaves the direction delta out: d - 1 dimensions, and of grad f the tangent part P grad f, which is 0 at a
    maximum on the sphere.

    Raises
    ------
    Interrupted
        When `interrupted()` is true.
    NoCurvatureError
        For relu, and where the Hessian overflows.
    """
    exact, point = objective.exact, to_exact(delta)
    network, z = exact.network, exact.x + point
    value, gradient = network.value_and_gradient(z)
    d = exact.dimension - tangent
    t = (kappa**2 * d * (value - exact.y) * network.curvature(z)).numpy()
    if tangent:
        normal = torch.nn.functional.normalize(point, dim=0)
        gradient = gradient - (normal @ gradient) * normal
    b = network.a * network.activation.first(network.preactivation(z))
    beta = (gradient.square().sum() * torch.nn.functional.normalize(b, dim=0, eps=1e-300).square()).numpy()
    scale = float(np.abs(t).max())
    if not np.isfinite([scale, *beta]).all():
        raise NoCurvatureError("the Hessian overflows here: smaller weights, inputs or labels would keep it finite")
    strength = float(beta.sum())
    if scale <= _NOTHING * strength:  # a linear network, or f = y: all of the curvature is grad f grad f^T
        return Bulk(np.zeros(1), np.zeros(1), 1.0, strength if strength > 0 else None)
    t = np.where(np.abs(t) > _NOTHING * scale, t / scale, 0.0)
    population = Population.of(t, d)
    energies, cumulative, atom = population.distribution(interrupted)
    outlier = population.outlier(t, beta / scale)
    return Bulk(scale * energies, cumulative, atom, None if outlier is None else scale * outlier)


@dataclass(frozen=True, eq=False)
class Population:
    """The t_r (n,) but for zeros, of a size about 1, with weights (n,): how many neurons each stands for, over d.

    The bulk is where z(x + i y) is real: y = 0, or (1/d) sum_r t_r^2/((x - t_r)^2 + y^2) = 1, which has one solution
    y > 0 where it has any, for each x. Along that curve z grows with x (Biane 1997), and the distribution there is

        F(z) = 1 - arg(w)/pi + (1/(pi d)) sum_r [arg(w) - arg(w - t_r) + t_r y/|w - t_r|^2],    w = x + i y,

    the integral of Im s/pi: neither an equation in the complex plane nor a smoothed density is needed.
    """

    t: Floats
    weights: Floats

    @classmethod
    def of(cls, t: Floats, d: int) -> Population:
        """The parts of t (m,) that are not 0, ascending, in at most _GROUPS equal groups."""
        t = t[t != 0]
        first = np.unique(np.linspace(0, len(t), min(len(t), _GROUPS), endpoint=False).astype(int))
        counts = np.diff(np.append(first, len(t)))
        return cls(np.add.reduceat(np.sort(t), first) / counts, counts / d)

    def bend(self, w: float) -> float:
        """1 - dz/dw at a real w: above 1 within the bulk."""
        return float((self.weights * (self.t / (w - self.t)) ** 2).sum())

    def edges(self) -> tuple[float, float]:
        """The real w of the two outer edges of the bulk."""
        reach = 2 * float(np.sqrt((self.weights * self.t**2).sum()))
        low, high = float(self.t[0]), float(self.t[-1])
        # Beside a t the bend grows without bound, but a tiny t is beside 0 as far as numbers tell.
        near = _NOTHING
        above = near if self.bend(high + near) <= 1 else _root(lambda v: self.bend(high + v) - 1, near, reach)
        below = near if self.bend(low - near) <= 1 else _root(lambda v: self.bend(low - v) - 1, near, reach)
        return low - below, high + above

    def outlier(self, t: Floats, beta: Floats) -> float | None:
        """The z at the largest root w of sum_r beta_r/(w - t_r) = 1, for t and beta (m,); None within the bulk."""
        edge = max(self.edges()[1], float(t.max()) + _NOTHING)

        def excess(w: float) -> float:
            return float((beta / (w - t)).sum()) - 1

        if not excess(edge) > 0:
            return None
        w = _root(excess, edge, edge + 2 * float(beta.sum()))
        return float(w + (self.weights * self.t * w / (w - self.t)).sum())

    def distribution(self, interrupted: Callable[[], bool]) -> tuple[Floats, Floats, float]:
        """Energies (n,), the distribution there without its atom at 0 (n,), and the atom."""
        low, high = self.edges()
        atom = max(0.0, 1 - float(self.weights.sum()))
        # Close together at the edges, beside 0, and where the t are.
        chebyshev = (low + high) / 2 - (high - low) / 2 * np.cos(np.linspace(0, np.pi, 200))
        small = np.geomspace(_NOTHING, 0.1, 25)
        some = self.t[np.linspace(0, len(self.t) - 1, min(len(self.t), 200)).astype(int)]
        x = np.unique(np.concatenate([[low, high], chebyshev, -small, small, some]))
        x = x[(low <= x) & (x <= high)]
        energies, cumulative = self._at(x, atom, interrupted)
        for _ in range(8):
            wide = np.diff(cumulative) > _STEP
            if not wide.any():
                break
            between = ((x[1:] + x[:-1]) / 2)[wide]
            more = self._at(between, atom, interrupted)
            x = np.concatenate([x, between])
            order = np.argsort(x)
            x = x[order]
            energies, cumulative = (np.append(*pair)[order] for pair in zip((energies, cumulative), more, strict=True))
        return np.maximum.accumulate(energies), np.maximum.accumulate(cumulative), atom

    def _at(self, x: Floats, atom: float, interrupted: Callable[[], bool]) -> tuple[Floats, Floats]:
        block = max(1, _BLOCK // len(self.t))
        found = []
        for first in range(0, len(x), block):
            give_way(interrupted)
            found.append(self._on_curve(x[first : first + block]))
        energies, cumulative = np.concatenate(found, axis=1)
        return energies, cumulative - atom * (x >= 0)

    def _on_curve(self, x: Floats) -> tuple[Floats, Floats]:
        """The energy and the distribution over each x (n,)."""
        away = x[:, None] - self.t
        apart, pull = away**2, self.weights * self.t**2
        # With S(q) = sum pull/(apart + q), 1/S is concave in q = y^2: Newton's steps to 1/S = 1 come from below.
        q = np.maximum((pull - apart).max(axis=1), 0.0)
        for _ in range(60):
            inverse = 1 / (apart + q[:, None])
            S = inverse @ pull
            newer = np.maximum(q + S * (S - 1) / ((inverse * inverse) @ pull), q)
            done = newer - q <= _NOTHING * newer
            q = newer
            if done.all():
                break
        y = np.sqrt(q)
        inverse = 1 / (apart + q[:, None])
        energies = x + self.weights @ self.t + (away * inverse) @ pull
        angle = np.arctan2(y, x)
        turned = angle[:, None] - np.arctan2(y[:, None], away) + self.t * y[:, None] * inverse
        return energies, 1 - (angle - turned @ self.weights) / np.pi


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function changes its sign between low and high."""
    return float(brentq(function, low, high, xtol=1e-18, rtol=1e-14))
