"""What is measured of second order at the probe points of an epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.constraint import L2Ball
from foadv_gui.core.cores import one_core
from foadv_gui.core.interruption import give_way
from foadv_gui.core.learner import QuadraticLearner
from foadv_gui.core.places import to_exact
from foadv_gui.core.probe import contractions, sharpness, top_eigenvalues
from foadv_gui.core.threads import in_parallel
from foadv_gui.lab.training.builder import Probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from foadv_gui.core.attack import InnerAscent, Points
    from foadv_gui.core.learner import Learner

LARGEST = 1e9
"""So many multiplications, m d min(m, d), may a point take: about a second."""
_WORTH_A_CORE = 1e8
"""Points that take more multiplications than this are looked at on all cores; smaller ones wait for Python's lock."""
NO_PROBES = "Curvature and proofs are not followed: there are no probe points (training.probes is 0)."
_CUBE = "Nothing is proven on the ℓ∞ ball: the proofs are for ℓ₂ balls."
_TOO_LARGE = (
    f"Curvature and proofs are not followed in so large a network: m·d·min(m, d) is above {LARGEST:.0e}, and a point "
    "would take more than a second."
)
_NO_PROOFS = (
    "No q, certified share or sharpness here: they are known for two layers, one output and the quadratic loss alone."
)


def probe(
    learner: Learner,
    inner: InnerAscent,
    train: Points,
    count: int,
    *,
    adversarial: bool,
    train_a: bool,
    interrupted: Callable[[], bool],
) -> Probe:
    """Look at the first `count` training points, and at the sharpness of the loss that is followed.

    Raises
    ------
    Interrupted
        When `interrupted()` becomes true.
    """
    q = top = np.full(count, np.nan)
    if not count:
        return Probe(q, top, math.nan, NO_PROBES)
    points = train[:count]
    give_way(interrupted)
    network = learner.network if isinstance(learner, QuadraticLearner) else None
    if network is None:
        return _by_autograd(learner, points, interrupted)
    z = train.X + inner.attack(learner, train, None, interrupted).delta if adversarial else train.X
    sharp = sharpness(network, z, train_a, interrupted)
    m, d = network.width, network.dimension
    cost = m * d * min(m, d)
    if cost > LARGEST:
        return Probe(q, top, sharp, _TOO_LARGE)
    _ = network.exact  # once for all points
    large = cost > _WORTH_A_CORE
    try:
        top = _each(points, lambda some: top_eigenvalues(network, some, interrupted), large)
        if not isinstance(inner.constraint, L2Ball):
            return Probe(q, top, sharp, _CUBE)
        radius = inner.constraint.epsilon
        q = _each(points, lambda some: contractions(network, some.X, radius, interrupted), large)
        return Probe(q, top, sharp, "")
    except NoCurvatureError as reason:
        return Probe(q, top, sharp, str(reason))


def _each(points: Points, look: Callable[[Points], NDArray[np.float64]], large: bool) -> NDArray[np.float64]:
    """What a look at points gives for each of them, on all cores where that pays."""

    def on_one_core(some: Points) -> NDArray[np.float64]:
        with one_core():
            return look(some)

    if not large:
        return on_one_core(points)
    return np.concatenate(in_parallel(on_one_core, [points[i : i + 1] for i in range(len(points))]))


def _by_autograd(learner: Learner, points: Points, interrupted: Callable[[], bool]) -> Probe:
    """What is known of other networks and losses: the curvature by the input."""
    q = np.full(len(points), np.nan)
    network, d = learner.network, points.X.shape[1]
    # Each column of the Hessian, of which there are as many as the smaller side of W, is a pass forward and back.
    columns = d if network.first is None else min(network.first.W.shape)
    # In a convolution each weight multiplies many times, and each time what it gives is kept.
    cost = columns * max(sum(part.numel() for part in learner.arrays), 32 * learner.widest)
    if cost > LARGEST:
        return Probe(q, q, math.nan, _TOO_LARGE)
    x = to_exact(points.X[0])
    objective = learner.exact.objective(x, float(points.y[0]))
    try:
        objective.hessian_vector_product(torch.zeros_like(x), x)  # which says why, if there is none
        top = _each(points, lambda some: top_eigenvalues(learner, some, interrupted), cost > _WORTH_A_CORE)
    except NoCurvatureError as reason:
        return Probe(q, q, math.nan, str(reason))
    return Probe(q, top, math.nan, _NO_PROOFS)
