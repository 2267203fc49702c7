"""What is measured of second order at the probe points of an epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.constraint import L2Ball
from foadv_gui.core.places import to_exact
from foadv_gui.lab.training.builder import Probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.core.attack import InnerAscent, Points
    from foadv_gui.core.network import TwoLayerNetwork

NO_PROBES = "Curvature and proofs are not followed: there are no probe points (training.probes is 0)."
_CUBE = "Nothing is proven on the ℓ∞ ball: the proofs are for ℓ₂ balls."


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
    unknown = np.full(count, np.nan)
    if not count:
        return Probe(unknown, unknown, math.nan, NO_PROBES)
    try:
        from foadv_gui.core.probe import contractions, sharpness, top_eigenvalues
    except ImportError:
        return Probe(unknown, unknown, math.nan, "Curvature and proofs are not followed yet.")

    points = train[:count]
    z = train.X + inner.attack(network, train).delta if adversarial else train.X
    sharp = sharpness(network, z, train_a)
    if not isinstance(inner.constraint, L2Ball):
        try:
            return Probe(unknown, top_eigenvalues(network, points), sharp, _CUBE)
        except NoCurvatureError as reason:
            return Probe(unknown, unknown, sharp, str(reason))
    try:
        q = contractions(network, to_exact(points.X), inner.constraint.epsilon, interrupted)
        return Probe(q, top_eigenvalues(network, points), sharp, "")
    except NoCurvatureError as reason:
        return Probe(unknown, unknown, sharp, str(reason))
