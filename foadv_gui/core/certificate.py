"""Second-order statements about a point that an ascent ended at (THEORY: local maxima on the sphere).

Everything is evaluated in float64 on the CPU, whatever the run's type.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import torch

from .activations import NoCurvatureError
from .constraint import L2Ball, L2Sphere, LinfBall
from .interruption import never
from .newton import ROUND_OFF, newton_step
from .norms import norm
from .places import CPU, to_exact
from .spectrum import ReducedHessian, on_exact_set, restrict

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .constraint import ConstraintSet, TangentSpace
    from .objective import Objective

STATIONARY = 1e-5
"""The largest tangential ratio at which a point is judged as stationary."""

_SUMMIT = 1e-8
"""The tangential ratio at which the search for a summit ends."""
_LEFT = 0.1
"""The most of the tangential ratio that Newton's step may leave on its way to a maximum."""
_SUMMIT_STEPS, _HALVINGS, _PRODUCTS = 200, 20, 40
"""Its most iterations, the most trials in each, and the most products for a direction."""


class Shortcoming(StrEnum):
    """What a stationary or flat point lacks of a strict maximum, in words."""

    FLAT = "flat: gradient and Hessian vanish here"
    CURVES_UPWARDS = "stationary, but not a strict maximum: the loss still curves upwards"
    FLAT_SOMEWHERE = "degenerate: flat in some direction"
    NO_FORCE = "degenerate: the gradient does not press it against the boundary"


@dataclass(frozen=True)
class LocalMaximum:
    """The local-maximum test at one point.

    With g = grad L, H = hess L, lambda = <delta, g>/epsilon^2 and P the projector on the tangent space:

    - stationary: |P g|/|g| <= STATIONARY and, on the ball, lambda >= 0;
    - strict local maximum: stationary and P(H - lambda I)P negative definite on the tangent space (inside: H), and a
      Newton step leaves less than a tenth of |P g|: it is on its way to a point where that is zero;
    - distance to the true maximum, Newton's estimate: |(P(lambda I - H)P)^+ P g|, widened by what round-off can hide:
      u (8 |g|/(lambda - mu_max) + |delta|) with the unit u = 2.2e-16, for the gradient's and for the point's own;
    - predicted rate of PGA: q = max_i |1 + eta mu_i|/(1 + eta lambda), largest stable step
      eta_max = 2/(-mu_min - lambda) where -mu_min > lambda, else unbounded. A normalised step is eta/|g|;
    - fastest step, at which q is least: 2/(-mu_min - mu_max) where -mu_min > mu_max, since (1 + eta mu_max) falls and
      -(1 + eta mu_min) rises relative to 1 + eta lambda until they meet; else the larger the faster.

    Attributes
    ----------
    boundary : whether a constraint is active at the point.
    tangential, cosine, multiplier : the first-order measures, not finite where the gradient overflows; the multiplier
        is None where no sphere is active.
    tangent_eigenvalue_max, tangent_eigenvalue_min : extreme mu_i of P H P on the tangent space, None if it is empty.
    stationary : the first-order test.
    local_maximum : the second-order test, None where it cannot be made.
    shortcoming : what a stationary or flat point lacks of a strict maximum; None otherwise.
    newton_distance : in the units of the input, None where it cannot be computed.
    rate_predicted : None where the local map is not the smooth one above.
    step_max : absolute, in the units of the run's eta; inf where every step is stable; None as for the rate, and where
        no step is, since some mu_i >= lambda repels. That of the summit nearby where the point is not stationary.
    step_fastest : as step_max, which it is never above; inf where each larger step is faster.
    coordinates_held : on the l-infinity ball, how many coordinates pass the first-order test, one by one: delta_i is on
        a bound and g_i points out of the set, or |g_i| <= STATIONARY |g|. None on other sets.
    loss : L at the point, in float64.
    summit_distance : how far from the point that summit is, in the units of the input: 0 for a stationary point; None
        if none was found, so that step_max is an estimate from the curvature at the point itself.
    why : the reasons for what is None. What comes before a colon says the reason in brief.
    """

    boundary: bool
    tangential: float
    cosine: float
    multiplier: float | None
    tangent_eigenvalue_max: float | None = None
    tangent_eigenvalue_min: float | None = None
    stationary: bool = False
    local_maximum: bool | None = None
    shortcoming: Shortcoming | None = None
    newton_distance: float | None = None
    rate_predicted: float | None = None
    step_max: float | None = None
    step_fastest: float | None = None
    coordinates_held: int | None = None
    loss: float = math.nan
    summit_distance: float | None = None
    why: str | None = None


class _Look(NamedTuple):
    """A point of a float64 set, the loss and its gradient there, the gradient's part along the set, and the test."""

    delta: Tensor
    loss: float
    gradient: Tensor
    along: Tensor
    tangent: TangentSpace
    test: LocalMaximum


@torch.inference_mode()
def first_order_at(objective: Objective, constraint: ConstraintSet, delta: Tensor) -> LocalMaximum:
    """The part of `local_maximum_at` that needs no second derivative."""
    return _look(objective.exact, _exact(constraint), delta).test


@torch.inference_mode()
def local_maximum_at(
    objective: Objective,
    constraint: ConstraintSet,
    delta: Tensor,
    *,
    eta: float,
    rule: str,
    interrupted: Callable[[], bool] = never,
    climbing: bool = True,
) -> LocalMaximum:
    """Test whether delta (d,) is a strict local maximum of L on the constraint set.

    On faces of a box the tangent space is that of the active face and strict complementarity is required
    (Nocedal & Wright 2006, theorem 12.6). Unless `climbing`, no summit is looked for near a point that is not
    stationary, which takes most of the time: step_max and step_fastest are then estimates, summit_distance None.

    Raises
    ------
    Interrupted
        When `interrupted()` is true between two products.
    """
    exact, exact_set = objective.exact, _exact(constraint)
    look = _look(exact, exact_set, delta)
    if look.test.why:
        return look.test
    unit = _gradient_per_step(constraint, look.tangent, rule, float(norm(look.gradient)))
    try:
        reduced = restrict(exact, look.delta, look.tangent, interrupted)
        tested = _second_order(look, exact_set, reduced, eta, unit)
        if unit is None or tested.stationary or tested.local_maximum is None or not climbing:
            return tested
        summit = summit_near(exact, exact_set, look.delta, interrupted)
    except NoCurvatureError as reason:
        return replace(look.test, why=str(reason))
    if summit is None:
        return tested
    there = local_maximum_at(exact, exact_set, summit, eta=eta, rule=rule, interrupted=interrupted)
    if not there.local_maximum:
        return tested
    distance = float(norm(summit - look.delta))
    return replace(
        tested, step_max=there.step_max, step_fastest=there.step_fastest, summit_distance=distance, why=there.why
    )


@torch.inference_mode()
def summit_near(
    objective: Objective, constraint: ConstraintSet, delta: Tensor, interrupted: Callable[[], bool] = never
) -> Tensor | None:
    """The stationary point (d,) that an ascent with safe steps climbs to from delta (d,), both in float64.

    Each iteration goes to Proj(delta + t s), t = 1, 1/2, 1/4, ..., with Newton's direction on the tangent space,

        P(lambda I - H)P s = P g,

    by conjugate gradients that stop where P(lambda I - H)P is not positive (Steihaug 1983), or with s = g where the
    multiplier has the wrong sign. It is cut to epsilon, and to twice the move before. A move is accepted where the loss
    rises as its second-order expansion says, to a factor of two, so that it hardly leaps to another hill.

    Returns
    -------
    Tensor | None
        None if no stationary point is reached.

    Raises
    ------
    Interrupted
        When `interrupted()` is true between two products.
    """
    look, longest = _look(objective, constraint, delta), constraint.epsilon
    for _ in range(_SUMMIT_STEPS):
        if look.test.tangential <= _SUMMIT and look.test.stationary:
            break
        try:
            s = _uphill(look, constraint, restrict(objective, look.delta, look.tangent, interrupted))
        except NoCurvatureError:
            break
        higher = _higher(objective, constraint, look, s * (longest / max(longest, float(norm(s)))))
        if higher is None:
            break
        longest = min(constraint.epsilon, 2 * float(norm(higher.delta - look.delta)))
        look = higher
    return look.delta if look.test.stationary else None


def _uphill(look: _Look, constraint: ConstraintSet, reduced: ReducedHessian) -> Tensor:
    """The direction s (d,) of `summit_near`."""
    if not bool(constraint.points_outward(look.delta, look.gradient)) or not reduced.size:
        return look.gradient
    b = reduced.reduce(look.along)
    size = norm(b).clamp_min(torch.finfo(b.dtype).tiny)
    # The first iterations need no exact direction, the last ones converge as fast as theirs is exact.
    return reduced.lift(
        size * _truncated_newton(reduced, b / size, look.tangent.multiplier, min(0.1, look.test.tangential))
    )


def _truncated_newton(reduced: ReducedHessian, b: Tensor, multiplier: float, tolerance: float) -> Tensor:
    """The solution s of (lambda I - M) s = b by conjugate gradients, cut short where the matrix is indefinite."""
    s, residual, p = torch.zeros_like(b), b, b
    square = b @ b
    for _ in range(_PRODUCTS):
        Ap = multiplier * p - reduced.apply(p)
        curved = p @ Ap
        if curved <= 0:
            return s if bool(s.any()) else b
        alpha = square / curved
        s, residual = s + alpha * p, residual - alpha * Ap
        square, before = residual @ residual, square
        if square <= tolerance**2 * (b @ b):
            break
        p = residual + (square / before) * p
    return s


def _higher(objective: Objective, constraint: ConstraintSet, look: _Look, s: Tensor) -> _Look | None:
    """The first of Proj(delta + t s), t = 1, 1/2, ..., at which the loss has risen as its expansion says."""
    for _ in range(_HALVINGS):
        point = constraint.project(look.delta + s)
        move = point - look.delta
        expected = float(look.gradient @ move + move @ objective.hessian_vector_product(look.delta, move) / 2)
        risen = float(objective.evaluate(point).loss) - look.loss
        if 0 < 0.5 * expected <= risen <= 2 * expected:
            return _look(objective, constraint, point)
        s = s / 2
    return None


def _exact(constraint: ConstraintSet) -> ConstraintSet:
    return constraint.to(device=CPU, dtype=torch.float64)


def _look(objective: Objective, constraint: ConstraintSet, delta: Tensor) -> _Look:
    """The first-order measures at delta (d,), with a float64 objective and set."""
    point = on_exact_set(constraint, to_exact(delta), delta.dtype)
    _, loss, g = objective.evaluate(point)
    tangent = constraint.tangent_space(point, g)
    along, boundary = constraint.tangential_part(point, g)
    size = float(norm(g))
    tangential = float(norm(along)) / (size if bool(boundary) and size > 0 else 1.0)
    length = float(norm(point)) * size
    cosine = min(1.0, max(-1.0, float(point @ g) / length)) if length > 0 else 0.0
    multiplier = tangent.multiplier if tangent.normal is not None else None
    stationary = tangential <= STATIONARY and bool(constraint.points_outward(point, g))
    held = None
    if isinstance(constraint, LinfBall):
        held = int((along.abs() <= STATIONARY * size).sum())
    test = LocalMaximum(
        tangent.boundary,
        tangential,
        cosine,
        multiplier,
        stationary=stationary,
        coordinates_held=held,
        loss=float(loss),
    )
    if not math.isfinite(float(loss) + size):
        why = "the loss or its gradient overflows here: smaller weights, inputs or labels would keep it finite"
        test = replace(test, tangential=math.nan, cosine=math.nan, stationary=False, why=why)
    return _Look(point, float(loss), g, along, tangent, test)


def _gradient_per_step(constraint: ConstraintSet, tangent: TangentSpace, rule: str, norm: float) -> float | None:
    """The multiple of eta g that one step of the rule adds near the point; None where the step is not smooth."""
    smooth_face = isinstance(constraint, L2Ball | L2Sphere) and bool(tangent.free.all())
    if not smooth_face or rule == "sign" or (rule == "normalized" and norm == 0):
        return None
    return 1 / norm if rule == "normalized" else 1.0


def _second_order(
    look: _Look, constraint: ConstraintSet, reduced: ReducedHessian, eta: float, unit: float | None
) -> LocalMaximum:
    first, tangent = look.test, look.tangent
    multiplier = tangent.multiplier
    if reduced.dimension == 0:
        # A vertex, or the sphere in one dimension: first order decides alone.
        held = first.stationary and tangent.strict
        slack = Shortcoming.NO_FORCE if first.stationary and not held else None
        why = "no direction is left to move in: there is no curvature, no rate and no limit to the step"
        return replace(first, local_maximum=held, shortcoming=slack, newton_distance=0.0, summit_distance=0.0, why=why)
    low, high, newton = newton_step(reduced, reduced.reduce(look.along), multiplier)
    if math.isnan(low) or math.isnan(high):
        return replace(first, why="the Hessian's extreme eigenvalues did not converge")
    scale = max(abs(low), abs(high), abs(multiplier))
    margin = ROUND_OFF * scale
    flat = _is_flat(look, constraint.epsilon, reduced, max(abs(low), abs(high)))
    strict = not flat and first.stationary and tangent.strict and high < multiplier - margin
    settled = strict and newton is not None and _settles(look, constraint, reduced, newton)
    tested = replace(
        first,
        tangent_eigenvalue_max=high,
        tangent_eigenvalue_min=low,
        local_maximum=settled,
        shortcoming=None if settled else _shortcoming(first, flat, strict, high - multiplier, scale),
        newton_distance=None if newton is None else float(norm(newton)) + _hidden(look, multiplier - high),
        summit_distance=0.0 if first.stationary else None,
    )
    if unit is None:
        if not bool(look.gradient.any()):
            return replace(tested, why="no step is taken where the gradient is zero: there is no rate")
        return replace(tested, why="the rate is predicted for the smooth rules on l2 sets, away from a box's faces")
    if high >= multiplier - margin:
        tested = replace(tested, why="no step is stable here: an eigenvalue that is not below the multiplier repels")
    else:
        tested = replace(tested, step_max=_limit(low, multiplier) / unit, step_fastest=_limit(low, high) / unit)
    step = eta * unit
    if 1 + step * multiplier <= 0:
        beyond = "a step overshoots the centre of the sphere: the point is not a fixed point of it"
        return replace(tested, why="; ".join(filter(None, (tested.why, beyond))))
    return replace(tested, rate_predicted=max(abs(1 + step * low), abs(1 + step * high)) / (1 + step * multiplier))


def _hidden(look: _Look, gap: float) -> float:
    """How far from a maximum, whose tangent eigenvalues lie `gap` below the multiplier, round-off lets a point be."""
    moved = 8 * float(norm(look.gradient)) / gap if gap > 0 else 0.0
    return torch.finfo(torch.float64).eps * (moved + float(norm(look.delta)))


def _limit(low: float, other: float) -> float:
    """2/(-low - other), inf where that is not positive."""
    return 2 / (-low - other) if -low > other else math.inf


def _is_flat(look: _Look, epsilon: float, reduced: ReducedHessian, curvature: float) -> bool:
    """Whether to second order the loss changes by less than its round-off all over the set, with max |mu_i|.

    Its gradient, as of saturated neurons, may then be made of round-off alone.
    """
    variation = epsilon * float(norm(look.gradient)) + 0.5 * epsilon**2 * curvature
    error = reduced.objective.round_off(float(norm(look.delta))).value
    return variation <= math.sqrt(2 * look.loss) * error + torch.finfo(torch.float64).eps * look.loss


def _settles(look: _Look, constraint: ConstraintSet, reduced: ReducedHessian, step: Tensor) -> bool:
    """Whether Newton's step goes to the maximum that the curvature promises, or there is hardly a gradient to follow.

    Where a maximum and a saddle are about to appear, or have just vanished, the gradient along the set falls to almost
    nothing, c (s^2 + k^2), without becoming zero, and beside that place it curves downwards. There a step leaves at
    least a quarter of the gradient; where neurons saturate inside the set, and it decays without end, a third.
    """
    before = look.test.tangential
    # Inside the set the measure is the gradient itself, and says nothing without a scale: the step has one.
    nothing = _SUMMIT if look.test.boundary else 0.0
    if before <= nothing or (not look.test.boundary and float(norm(step)) <= _SUMMIT * constraint.epsilon):
        return True
    there = _look(reduced.objective, constraint, constraint.project(look.delta + reduced.lift(step))).test
    left_the_inside = there.boundary and not look.test.boundary
    return not left_the_inside and there.tangential <= max(nothing, _LEFT * before)


def _shortcoming(test: LocalMaximum, flat: bool, concave: bool, excess: float, scale: float) -> Shortcoming | None:
    """What a point that is no strict maximum lacks, with mu_max - lambda and the size of both."""
    if flat:
        return Shortcoming.FLAT
    if not test.stationary:
        return None
    if concave:
        return Shortcoming.FLAT_SOMEWHERE
    # Eigenvalues are as exact as the point is stationary.
    noise = max(ROUND_OFF, test.tangential) * scale
    if excess > noise:
        return Shortcoming.CURVES_UPWARDS
    return Shortcoming.FLAT_SOMEWHERE if excess >= -noise else Shortcoming.NO_FORCE
