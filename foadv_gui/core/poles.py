"""The two poles of a network on a constraint set: where f is highest and where it is lowest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .constraint import L2Sphere
from .interruption import give_way, never
from .norms import norm
from .places import CPU

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .constraint import ConstraintSet
    from .objective import Objective

_FLOOR = 1e-10
"""Steps of this share of epsilon sqrt(d) that do not shrink any more are made of round-off."""

_PROMISED = 0.25
"""The share of the rise promised by the slope that a shorter step has to make (Armijo)."""

_IDLE = 40
"""As many steps in a row that gain no more than the round-off of f are enough."""


@torch.inference_mode()
def poles(
    objective: Objective,
    constraint: ConstraintSet,
    *,
    tolerance: float = 1e-15,
    iterations: int = 10_000,
    interrupted: Callable[[], bool] = never,
) -> Tensor:
    """The maximiser and the minimiser of f that climbing from the clean input finds on the set, shape (2, d), float64.

    Each iteration goes all the way to where the linear part of f is largest on the set,

        delta <- argmax_{delta' in set} <delta', ±grad f(x + delta)>:  ±epsilon grad f/|grad f|_2 on l2 sets,
                                                                       ±epsilon sign(grad f) on the l-infinity ball.

    Where q < 1 is proven on the l2 ball (see `core.ball.BallProof`) that contracts, to the only maximiser and the only
    minimiser, and each step gains at least (|grad f| - M2 epsilon)(epsilon - u) >= 0, u the component of delta along
    ±grad f. Elsewhere f might fall: a step that loses more than round-off is not taken, and the climb goes on with
    Proj(delta ± t grad f), t halved where f would not rise enough and doubled after any other step. Without q < 1 the
    poles are therefore local extremes, never worse than the clean input where that is in the set; others may be
    stronger. (On a sphere within a box, which may fall into pieces, the climb may stop short of one.)

    Parameters
    ----------
    objective, constraint
        f, and where delta may go.
    tolerance
        A pole has arrived when its step is at most tolerance epsilon sqrt(d) long, or of round-off size and no longer
        shrinks, or when shorter steps than the full one have gained no more than round-off for a while.
    iterations
        The most steps.
    interrupted
        Asked before each of them.

    Raises
    ------
    Interrupted
        When `interrupted()` is true between two steps.
    """
    exact, within = objective.exact, constraint.to(device=CPU, dtype=torch.float64)
    reach = constraint.epsilon * exact.dimension**0.5
    # As a tensor: a number beside a mask is taken for single precision, where it may overflow.
    noise = torch.tensor(2 * exact.round_off(reach).value, dtype=torch.float64)
    sign = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    point = torch.zeros(2, exact.dimension, dtype=torch.float64)
    if isinstance(constraint, L2Sphere):  # the clean input is not on it
        point = within.project(torch.nan_to_num(within.support(sign * exact.value_and_slope(point)[1])))
    value, gradient = exact.value_and_slope(point)
    t = torch.full((2, 1), torch.inf, dtype=torch.float64)
    moved, idle = t[:, 0].clone(), torch.zeros(2, dtype=torch.int64)
    for _ in range(iterations):
        give_way(interrupted)
        uphill, full = sign * gradient, t.isinf()
        there = within.project(torch.where(full, within.support(uphill), point + torch.where(full, 0, t) * uphill))
        value_there, gradient_there = exact.value_and_slope(there)
        length, gain = norm(there - point) / reach, sign[:, 0] * (value_there - value)
        # A shorter step has to rise by a good part of what its slope promises, lest it leap to and fro over the top.
        taken = gain >= torch.where(full[:, 0], -noise, _PROMISED * (uphill * (there - point)).sum(-1).clamp_min(0))
        idle = torch.where(full[:, 0] | (gain > noise), 0, idle + 1)
        arrived = (length <= tolerance) | (idle >= _IDLE) | taken & (length >= moved) & (length <= _FLOOR)
        shorter = torch.where(full, reach * (length / norm(gradient)).unsqueeze(-1), t) / 2
        t = torch.where(taken.unsqueeze(-1), 2 * t, shorter)
        value, moved = torch.where(taken, value_there, value), torch.where(taken, length, moved)
        point = torch.where(taken.unsqueeze(-1), there, point)
        gradient = torch.where(taken.unsqueeze(-1), gradient_there, gradient)
        if bool(arrived.all()):
            break
    return point
