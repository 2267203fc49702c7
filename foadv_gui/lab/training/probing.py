"""What is measured of second order at the probe points of an epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.constraint import L2Ball
from foadv_gui.core.cores import one_core
from foadv_gui.core.interruption import give_way
from foadv_gui.core.probe import contractions, sharpness, top_eigenvalues
from foadv_gui.core.threads import in_parallel
from foadv_gui.lab.training.builder import Probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from foadv_gui.core.attack import InnerAscent, Points
    from foadv_gui.core.network import TwoLayerNetwork

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


def probe(
    network: TwoLayerNetwork,
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
    z = train.X + inner.attack(network, train, None, interrupted).delta if adversarial else train.X
    sharp = sharpness(network, z, train_a, interrupted)
    m, d = network.width, network.dimension
    cost = m * d * min(m, d)
    if cost > LARGEST:
        return Probe(q, top, sharp, _TOO_LARGE)
    _ = network.exact  # once for all points

    def each(look: Callable[[Points], NDArray[np.float64]]) -> NDArray[np.float64]:
        def on_one_core(some: Points) -> NDArray[np.float64]:
            with one_core():
                return look(some)

        if cost <= _WORTH_A_CORE:
            return on_one_core(points)
        return np.concatenate(in_parallel(on_one_core, [points[i : i + 1] for i in range(count)]))

    try:
        top = each(lambda some: top_eigenvalues(network, some, interrupted))
        if not isinstance(inner.constraint, L2Ball):
            return Probe(q, top, sharp, _CUBE)
        q = each(lambda some: contractions(network, some.X, inner.constraint.epsilon, interrupted))
        return Probe(q, top, sharp, "")
    except NoCurvatureError as reason:
        return Probe(q, top, sharp, str(reason))
