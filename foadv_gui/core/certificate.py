"""Second-order statements about a point that an ascent ended at (THEORY: local maxima on the sphere).

Everything is evaluated in float64 on the CPU, whatever the run's type.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, minres

from .activations import NoCurvatureError
from .constraint import L2Ball, L2Sphere
from .interruption import never
from .places import to_exact
from .spectrum import DENSE_LIMIT, ReducedHessian, lanczos, on_exact_set, restrict, tangent_space_at
from .threads import abandonable

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .constraint import ConstraintSet, TangentSpace
    from .objective import QuadraticAdversary

STATIONARY = 1e-5
"""The largest tangential ratio at which a point is judged as stationary."""

ROUND_OFF = 1e-12
"""The relative distance to the multiplier within which an eigenvalue decides nothing."""


@dataclass(frozen=True)
class LocalMaximum:
    """The local-maximum test at one point.

    With g = grad L, H = hess L, lambda = <delta, g>/epsilon^2 and P the projector on the tangent space:

    - stationary: |P g|/|g| <= STATIONARY and, on the ball, lambda >= 0;
    - strict local maximum: stationary and P(H - lambda I)P negative definite on the tangent space (inside: H);
    - distance to the true maximum, Newton's estimate: |(P(lambda I - H)P)^+ P g|;
    - predicted rate of PGA: q = max_i |1 + eta mu_i|/(1 + eta lambda), largest stable step
      eta_max = 2/(-mu_min - lambda) where -mu_min > lambda, else unbounded. A normalised step is eta/|g|.

    Attributes
    ----------
    boundary : whether a constraint is active at the point.
    tangential, cosine, multiplier : the first-order measures; the multiplier is None where no sphere is active.
    tangent_eigenvalue_max, tangent_eigenvalue_min : extreme mu_i of P H P on the tangent space, None if it is empty.
    stationary : the first-order test.
    local_maximum : the second-order test, None where it cannot be made.
    newton_distance : in the units of the input, None where it cannot be computed.
    rate_predicted : None where the local map is not the smooth one above.
    step_max : absolute, in the units of the run's eta; inf where every step is stable; None as for the rate.
    why : the reason for what is None.
    """

    boundary: bool
    tangential: float
    cosine: float
    multiplier: float | None
    tangent_eigenvalue_max: float | None = None
    tangent_eigenvalue_min: float | None = None
    stationary: bool = False
    local_maximum: bool | None = None
    newton_distance: float | None = None
    rate_predicted: float | None = None
    step_max: float | None = None
    why: str | None = None


@torch.inference_mode()
def local_maximum_at(
    objective: QuadraticAdversary,
    constraint: ConstraintSet,
    delta: Tensor,
    *,
    eta: float,
    rule: str,
    interrupted: Callable[[], bool] = never,
) -> LocalMaximum:
    """Test whether delta (d,) is a strict local maximum of L on the constraint set.

    On faces of a box the tangent space is that of the active face and strict complementarity is required
    (Nocedal & Wright 2006, theorem 12.6).

    Raises
    ------
    Interrupted
        When `interrupted()` is true between two products.
    """
    exact = objective.exact
    exact_set = constraint.to(device=torch.device("cpu"), dtype=torch.float64)
    point = to_exact(delta)
    point = on_exact_set(exact_set, point, delta.dtype)
    g = exact.evaluate(point).gradient
    tangent = tangent_space_at(exact, exact_set, point, torch.float64)
    along, boundary = exact_set.tangential_part(point, g)
    norm = float(torch.linalg.vector_norm(g))
    tangential = float(torch.linalg.vector_norm(along)) / (norm if bool(boundary) and norm > 0 else 1.0)
    length = float(torch.linalg.vector_norm(point)) * norm
    cosine = min(1.0, max(-1.0, float(point @ g) / length)) if length > 0 else 0.0
    multiplier = tangent.multiplier if tangent.normal is not None else None
    stationary = tangential <= STATIONARY and bool(exact_set.points_outward(point, g))
    first_order = LocalMaximum(tangent.boundary, tangential, cosine, multiplier, stationary=stationary)
    try:
        reduced = restrict(exact, point, tangent, interrupted)
        return _second_order(
            first_order, reduced, tangent, along, eta, _gradient_per_step(constraint, tangent, rule, norm)
        )
    except NoCurvatureError as reason:
        return replace(first_order, why=str(reason))


def _gradient_per_step(constraint: ConstraintSet, tangent: TangentSpace, rule: str, norm: float) -> float | None:
    """The multiple of eta g that one step of the rule adds near the point; None where the step is not smooth."""
    smooth_face = isinstance(constraint, L2Ball | L2Sphere) and bool(tangent.free.all())
    if not smooth_face or rule == "sign" or norm == 0:
        return None
    return 1 / norm if rule == "normalized" else 1.0


def _second_order(
    first: LocalMaximum, reduced: ReducedHessian, tangent: TangentSpace, along: Tensor, eta: float, unit: float | None
) -> LocalMaximum:
    multiplier = tangent.multiplier
    if reduced.dimension == 0:
        # A vertex, or the sphere in one dimension: first order decides alone.
        return replace(first, local_maximum=first.stationary and tangent.strict, newton_distance=0.0)
    low, high, newton = _curvature(reduced, reduced.reduce(along), multiplier)
    if math.isnan(high - low):
        return replace(first, why="the Hessian's extreme eigenvalues did not converge")
    margin = ROUND_OFF * max(abs(low), abs(high), abs(multiplier))
    tested = replace(
        first,
        tangent_eigenvalue_max=high,
        tangent_eigenvalue_min=low,
        local_maximum=first.stationary and tangent.strict and high < multiplier - margin,
        newton_distance=None if math.isnan(newton) else newton,
    )
    if unit is None:
        return replace(tested, why="the rate is predicted for the smooth rules on l2 sets, away from a box's faces")
    step = eta * unit
    limited = replace(tested, step_max=2 / (-low - multiplier) / unit if -low > multiplier else math.inf)
    if 1 + step * multiplier <= 0:
        return replace(limited, why="a step overshoots the centre of the sphere: the point is not a fixed point of it")
    return replace(limited, rate_predicted=max(abs(1 + step * low), abs(1 + step * high)) / (1 + step * multiplier))


def _curvature(reduced: ReducedHessian, rhs: Tensor, multiplier: float) -> tuple[float, float, float]:
    """(mu_min, mu_max, |(lambda I - M)^+ rhs|) of the restricted Hessian M; NaN for what did not converge."""
    if reduced.size == 0:  # M is zero on the whole tangent space: one neuron whose weights are the normal
        return 0.0, 0.0, 0.0
    if reduced.size <= DENSE_LIMIT:
        low, high, newton = abandonable(lambda: _dense_curvature(reduced, rhs, multiplier), reduced.interrupted)
    else:
        found, _, _ = lanczos(reduced, 1)
        low, high = (float(found[0]), float(found[-1])) if len(found) == 2 else (math.nan, math.nan)
        n = reduced.size

        def shifted_product(c: np.ndarray) -> np.ndarray:
            c_tensor = torch.from_numpy(np.ascontiguousarray(c).reshape(n))
            return (multiplier * c_tensor - reduced.apply(c_tensor)).numpy()

        operator = LinearOperator((n, n), matvec=shifted_product, dtype=np.float64)
        solution, failed = minres(operator, rhs.numpy(), rtol=1e-10)
        newton = math.nan if failed else float(np.linalg.norm(solution))
    if reduced.zeros:
        low, high = min(low, 0.0), max(high, 0.0)
    return low, high, newton


def _dense_curvature(reduced: ReducedHessian, rhs: Tensor, multiplier: float) -> tuple[float, float, float]:
    """What `_curvature` finds, for a matrix that is diagonalised whole."""
    M = reduced.matrix()
    values = np.linalg.eigvalsh(M.numpy())
    low, high = float(values[0]), float(values[-1])
    # Closer than round-off lambda I - M may be singular: then its pseudo-inverse is taken.
    if high < multiplier - ROUND_OFF * max(abs(low), abs(high), abs(multiplier)):
        shifted = multiplier * torch.eye(reduced.size, dtype=M.dtype) - M
        return low, high, float(torch.linalg.vector_norm(torch.linalg.solve(shifted, rhs)))
    values, vectors = np.linalg.eigh(M.numpy())
    gap = multiplier - torch.from_numpy(values)
    part = torch.where(gap.abs() > ROUND_OFF * gap.abs().max(), (torch.from_numpy(vectors).T @ rhs) / gap, 0)
    return low, high, float(torch.linalg.vector_norm(part))
