"""How the pictures of all restarts, and of the landscape's regularity, are computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.constraint import LinfBall
from foadv_gui.core.interruption import give_way, never
from foadv_gui.core.regularity import (
    concave_share,
    distinct_maxima,
    great_circle,
    nonlinearity,
    pairwise_angles,
    segment,
    similarity_order,
)
from foadv_gui.lab.ranges import drawable
from foadv_gui.lab.restarts import BetweenPicture, RegularityGroup, RegularityPicture, RegularityRow, RestartsPicture
from foadv_gui.lab.summary import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from foadv_gui.core.certificate import LocalMaximum
    from foadv_gui.core.regularity import Maxima, Nonlinearity
    from foadv_gui.lab.experiment import Problem
    from foadv_gui.lab.recording import Recording

_MOST_ROWS = 512
"""Endpoints whose pairwise angles are shown: more would be lines finer than a pixel."""
_OVERFLOWS = "overflows"


def maxima_of(
    recording: Recording, tests: Sequence[LocalMaximum], interrupted: Callable[[], bool] = never
) -> tuple[Maxima, str]:
    """The distinct maxima among the endpoints, by the test of each, and why there are none where none can be told."""
    judged = np.array([test.local_maximum is True for test in tests])
    ends = np.asarray(recording.delta[-1], np.float64)
    maxima = distinct_maxima(ends, recording.loss[-1], judged, recording.epsilon, interrupted)
    if any(test.local_maximum is not None for test in tests):
        return maxima, ""
    return maxima, next((test.why for test in tests if test.why), "no second-order test can be made")


def restarts_picture(
    recording: Recording, tests: Sequence[LocalMaximum], interrupted: Callable[[], bool] = never
) -> RestartsPicture:
    """What the ends of all restarts have in common.

    Raises
    ------
    Interrupted
        When `interrupted()` becomes true.
    """
    maxima, why = maxima_of(recording, tests, interrupted)
    # Of too many, each maximum once, and then as many others as there is room for.
    first = np.concatenate([maxima.representatives, np.arange(recording.restarts)])
    rows = np.sort(first[np.sort(np.unique(first, return_index=True)[1])][:_MOST_ROWS])
    angles = pairwise_angles(np.asarray(recording.delta[-1, rows], np.float64), interrupted)
    order = similarity_order(angles, maxima.cluster[rows])
    return RestartsPicture(
        losses=recording.loss[-1],
        converged_at=recording.converged_at,
        steps=recording.steps,
        cluster=maxima.cluster,
        representatives=maxima.representatives,
        sizes=maxima.sizes,
        order=rows[order],
        angles=angles[np.ix_(order, order)],
        tolerance=recording.experiment.ascent.tolerance,
        why=why.partition(":")[0],
    )


def first_pair(picture: RestartsPicture, recording: Recording, focus: int) -> tuple[int, int] | None:
    """The two best distinct maxima; else the focused end and the one farthest from it; None for a single path."""
    if len(picture.representatives) > 1:
        return int(picture.representatives[0]), int(picture.representatives[1])
    ends = drawable(recording.delta[-1])
    away = np.linalg.norm(ends - ends[focus], axis=1)
    away[focus] = -1.0
    farthest = int(np.argmax(np.where(np.isfinite(away), away, -1.0)))
    return (focus, farthest) if away[farthest] >= 0 else None


def between(problem: Problem, recording: Recording, i: int, j: int) -> BetweenPicture:
    """The loss on the straight way and along the sphere from the end of restart i to that of j, in float64."""
    one, other = (torch.tensor(recording.delta[-1, k]) for k in (i, j))
    shares, losses = segment(problem.objective, one, other)
    why = ""
    if isinstance(problem.constraint, LinfBall):
        why = "no great circle: the set is a cube"
    elif problem.constraint.box is not None:
        why = "no great circle: the box cuts it"
    elif not np.isfinite(losses).all():
        why = "the loss overflows on the way"
    if not why:
        try:
            angle, _, arc = great_circle(problem.objective, one, other)
            return BetweenPicture(i, j, shares, losses, arc, angle)
        except ValueError:
            why = "no great circle: the ends are not both on the sphere"
    return BetweenPicture(i, j, shares, losses, why=why)


def regularity_picture(
    problem: Problem, recording: Recording, interrupted: Callable[[], bool] = never
) -> RegularityPicture:
    """How regular the landscape of a finished run is.

    Raises
    ------
    Interrupted
        When `interrupted()` becomes true.
    """
    give_way(interrupted)
    ends = drawable(recording.delta[-1])
    ends = ends[np.isfinite(ends).all(1)]
    measured = nonlinearity(problem.objective, problem.constraint, torch.from_numpy(ends), interrupted=interrupted)
    rows = (_linearity(problem, measured), _alignment(measured), _concavity(problem, interrupted), _reach(problem))
    hover = "Measured at random points of the set: estimates, and no proof."
    return RegularityPicture((RegularityGroup("Measured", hover, rows),))


def _linearity(problem: Problem, measured: Nonlinearity) -> RegularityRow:
    l2 = not isinstance(problem.constraint, LinfBall) and problem.constraint.box is None
    gain = "ε|∇L(0)|" if l2 else "the linear gain"
    value = _OVERFLOWS
    if math.isfinite(measured.remainder):
        share = "∇L(0) = 0" if measured.relative is None else f"{_times(measured.relative)} {gain}"
        value = f"≥ {measured.remainder:.3g}  ({share})"
    ends = counted(measured.extra, "endpoint")
    hover = (
        "How far the loss strays from its tangent at the clean input: max |L(δ) − L(0) − ⟨δ, ∇L(0)⟩| over "
        f"{measured.points} random points of the set and {ends}, so at least this much, beside the most that the "
        f"tangent gains, {'ε|∇L(0)|' if l2 else 'max ⟨δ, ∇L(0)⟩ over the set'} (local linearity: Qin et al. 2019)."
    )
    return RegularityRow("Local linearity", "max |L − L_lin|", value, hover)


def _alignment(measured: Nonlinearity) -> RegularityRow:
    value = "the gradient has no direction to compare"
    if measured.misalignment is not None:
        error = "" if measured.misalignment_error is None else f" ± {measured.misalignment_error:.1g}"
        value = f"{measured.misalignment:.3g}{error}"
    left_out = "" if measured.aligned == measured.points else f" ({measured.aligned} of which have a gradient)"
    hover = (
        "How much the gradient turns: the mean of 1 − cos(∇L(0), ∇L(δ)) over "
        f"{measured.points} random points of the set{left_out} ± its standard error; 0 where all gradients point one "
        "way, 1 where they are square, 2 where they oppose (gradient alignment: Andriushchenko and Flammarion 2020)."
    )
    return RegularityRow("Gradient misalignment", "E[1 − cos]", value, hover)


def _concavity(problem: Problem, interrupted: Callable[[], bool]) -> RegularityRow:
    points = 0
    if isinstance(problem.constraint, LinfBall):
        value = "the set is a cube, no sphere"
    else:
        try:
            found = concave_share(problem.objective, problem.constraint.epsilon, interrupted=interrupted)
            value = f"{found.share:.0%} ± {found.error:.0%}  ({found.concave} of {found.points})"
            points = found.points
        except (NoCurvatureError, ValueError) as reason:
            value = str(reason).partition(":")[0]
    hover = (
        "On how much of the sphere |δ| = ε the loss is concave along it, P(H − λI)P ≺ 0 with λ = ⟨δ, ∇L⟩/ε²: the share "
        f"of {f'{points} ' if points else ''}uniform points at which 24 Lanczos steps find no direction that curves up "
        "(a little too large, if anything) ± its standard error; about a half where the loss is almost linear (derived "
        "here)."
    )
    return RegularityRow("Concave share of the sphere", "P(H − λI)P ≺ 0", value, hover)


def _reach(problem: Problem) -> RegularityRow:
    k = problem.reach
    quadratic = problem.objective.loss_name == "quadratic"
    residual = "r = f(x) − y" if quadratic else "r = f(x)"
    means = "the linearised f can pass 0, where the decision changes"
    if quadratic:
        means = "the linearised f can pass y, so that r may change its sign and the loss have two poles"
    value = f"{k:.3g}"
    if math.isinf(k):
        value = f"∞: f(x) = {'y' if quadratic else '0'} at the clean input"
    elif math.isnan(k):
        value = _OVERFLOWS
    hover = (
        f"How far the set reaches beside the residual, k = max ⟨δ, −sign(r) ∇f(x)⟩/|r| with {residual}, which is "
        f"ε|∇f(x)|/|r| on an ℓ₂ set: above 1 {means} (derived here)."
    )
    return RegularityRow("Reach", "k", value, hover)


def _times(share: float) -> str:
    return f"{share:.2g} times" if share >= 9.995 else f"{share:.0%} of" if share >= 0.1 else f"{100 * share:.2g}% of"
