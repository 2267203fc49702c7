"""What is proven of the whole ball, or why nothing is; and the certified scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.ball import BallProof, prove
from foadv_gui.core.constraint import LinfBall
from foadv_gui.core.interruption import never
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.core.scale import SEARCHED, certified_scale
from foadv_gui.lab.findings import CertifiedScale

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.experiment import Problem

_CUBE = "the proofs are for ℓ₂ balls: on the ℓ∞ ball only first-order statements are made"
_NOT_CLOSED = (
    "the proofs are for two layers and the quadratic loss: of this network and loss it is tested at the ends of the "
    "paths what is a local maximum, and no more"
)
_BOX = "a box cuts the ball: its bounds hold, but the number of maxima on what is left is not proven"


@dataclass(frozen=True)
class BallVerdict:
    """The proof on the ball of radius epsilon around an input with label y; None and `why` where there is none.

    A box only takes points away, so the bounds and the gap still hold on what it leaves (`boxed`); uniqueness does not.
    """

    proof: BallProof | None
    epsilon: float
    y: float
    boxed: bool = False
    why: str = ""

    @property
    def unique(self) -> bool | None:
        """Whether f is proven to have one maximiser and one minimiser on the set; None where nothing can be said."""
        return None if self.proof is None or self.boxed else self.proof.unique

    @property
    def maxima_of_loss(self) -> int | None:
        """How many local maxima L is proven to have on the set."""
        return None if self.proof is None or self.boxed else self.proof.maxima_of_loss

    def as_dict(self, loss: float | None, scale: CertifiedScale) -> dict[str, Any]:
        """The object `ball` of the JSON, with the gap of the best loss found."""
        proof = self.proof
        known: dict[str, Any] = dict.fromkeys(("M2", "M3", "g_min", "q"))
        upper = gap = strongest = None
        if proof is not None:
            known = {"M2": proof.M2, "M3": proof.M3, "g_min": proof.g_min, "q": proof.q}
            upper = proof.upper_bound
            gap = None if loss is None else proof.gap(loss)
            strongest = None if self.boxed else proof.strongest
        certified = scale.value if scale.value is not None and math.isfinite(scale.value) else None
        entry = {
            **known,
            "unique": self.unique,
            "maxima_of_loss": self.maxima_of_loss,
            "upper_bound": upper,
            "gap": gap,
            "strongest_loss": strongest,
            "certified_scale": certified,
        }
        return {**entry, "why": "; ".join(self._reasons(entry, scale)) or None}

    def _reasons(self, entry: dict[str, Any], scale: CertifiedScale) -> list[str]:
        if self.proof is None:
            return [self.why]
        reasons = [_BOX] if self.boxed else []
        if entry["q"] is None:
            reasons.append("q: g_min is not positive, so that f may have critical points in the ball")
        if entry["maxima_of_loss"] is None and not self.boxed:
            why = "y lies too close to an extreme of f" if self.unique else "uniqueness is not proven"
            reasons.append(f"maxima_of_loss, strongest_loss: {why}")
        if entry["gap"] is None:
            reasons.append("gap: no path has a finite loss")
        if entry["certified_scale"] is None:
            reasons.append(f"certified_scale: {scale.reason}")
        return reasons


def ball_verdict(problem: Problem, interrupted: Callable[[], bool] = never) -> BallVerdict:
    """Prove what can be proven; `Interrupted` is raised when `interrupted()` becomes true."""
    objective = problem.objective
    epsilon, y = problem.constraint.epsilon, objective.level
    boxed = problem.constraint.box is not None
    if not isinstance(objective, QuadraticAdversary):
        return BallVerdict(None, epsilon, y, boxed, _NOT_CLOSED)
    if isinstance(problem.constraint, LinfBall):
        return BallVerdict(None, epsilon, y, boxed, _CUBE)
    try:
        return BallVerdict(prove(objective, epsilon, interrupted), epsilon, y, boxed)
    except NoCurvatureError as reason:
        return BallVerdict(None, epsilon, y, boxed, str(reason))


def find_certified_scale(
    problem: Problem, ball: BallVerdict, interrupted: Callable[[], bool] = never
) -> CertifiedScale:
    """Look for the certified scale, where `ball` says that anything can be proven; `Interrupted` may be raised.

    It is a gamma, that is |x| in the unit of the input.
    """
    ratio, length = problem.experiment.input.ratio, problem.clean.length
    if ball.proof is None or ball.boxed or not isinstance(problem.objective, QuadraticAdversary):
        return CertifiedScale(None, ratio, ball.why or _BOX)
    found = certified_scale(problem.objective, problem.constraint.epsilon, interrupted)
    if found is None:
        return CertifiedScale(None, ratio, f"no γ down to {SEARCHED[0] / length:.0e} is certified")
    return CertifiedScale(found / length, ratio)
