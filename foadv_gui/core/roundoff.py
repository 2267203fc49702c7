"""What float64 can lose in f and its derivatives: the terms by which proofs are widened."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from .norms import norm

if TYPE_CHECKING:
    from .objective import QuadraticAdversary


class RoundOff(NamedTuple):
    """Bounds on the errors of f, of |grad f| and of |hess f|_op, evaluated in float64 anywhere on a ball."""

    value: float
    gradient: float
    hessian: float


@torch.inference_mode()
def round_off(objective: QuadraticAdversary, epsilon: float) -> RoundOff:
    """What is lost at most in evaluating f, grad f and hess f at x + delta, |delta|_2 <= epsilon.

    With u the unit of round-off and z = x + delta, a pre-activation is wrong by at most (d + 2) u (|w_r| |z| + |b_r|),
    a sum of m terms by m u times the sum of their sizes, and sigma and its derivatives, which are bounded by 1.2, 1 and
    2.3 from the first to the third, by a few units of their largest value. Together, and doubled, with the reach
    R_r = |w_r| (|x| + epsilon) + |b_r| of a neuron,

        value:     k (|c| + sum_r |a_r| (|sigma(p_r)| + R_r)),      k = 4 u (m + d + 8),
        gradient:  k sum_r |a_r| |w_r|   (1 + R_r),
        hessian:   k sum_r |a_r| |w_r|^2 (1 + R_r).

    Terms that cancel each other in f do not cancel here.

    Source: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 3.1.
    """
    exact = objective.exact
    network = exact.network
    k = 2 * torch.finfo(torch.float64).eps * (network.width + network.dimension + 8)
    a, rows = network.a.abs(), network.row_norms
    reach = rows * (float(norm(exact.x)) + epsilon)
    if network.b is not None:
        reach = reach + network.b.abs()
    heights = network.activation.value(network.preactivation(exact.x)).abs()
    bent = a * rows * (1 + reach)
    beside = 0.0 if network.c is None else abs(float(network.c))
    return RoundOff(k * (beside + float(a @ (heights + reach))), float(k * bent.sum()), float(k * (rows @ bent)))
