"""What is proven of the whole ball, as rows of the regularity card."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from foadv_gui.lab.restarts import RegularityGroup, RegularityRow

if TYPE_CHECKING:
    from foadv_gui.core.ball import BallProof
    from foadv_gui.lab.ball import BallVerdict
    from foadv_gui.lab.findings import CertifiedScale

_TITLE = "Proven on the whole ball"
_HOVER = "Bounds that hold at every point of the ball |δ| ≤ ε, in float64 and widened for round-off (derived here)."


def ball_group(ball: BallVerdict, scale: CertifiedScale, best_loss: float) -> RegularityGroup:
    """The proofs on the ball, and the gap of the best loss found; one row that says why where there are none."""
    if ball.proof is None:
        return RegularityGroup(_TITLE, _HOVER, (RegularityRow("No proof", "", ball.why.partition(":")[0], ball.why),))
    return RegularityGroup(_TITLE, _HOVER, (*_bounds(ball.proof), _scale(scale), *_losses(ball.proof, best_loss)))


def _bounds(proof: BallProof) -> tuple[RegularityRow, ...]:
    q = "none: g_min is not positive" if proof.q is None else f"{proof.q:.4g}"
    return (
        RegularityRow(
            "Curvature at most",
            "M₂",
            f"{proof.M2:.4g}",
            "No eigenvalue of ∇²f is larger in size anywhere in the ball: the smaller of |diag(√(|a| c₂)) W|² with c₂ "
            "the largest |σ″| on each neuron's interval, and |∇²f(x)| + ε M₃.",
        ),
        RegularityRow(
            "Third derivative at most",
            "M₃",
            f"{proof.M3:.4g}",
            "How fast ∇²f can change anywhere in the ball: |diag(√(|a| c₃ |w|)) W|² with c₃ the largest |σ‴| on each "
            "neuron's interval.",
        ),
        RegularityRow(
            "Gradient at least",
            "g_min",
            f"{proof.g_min:.4g}",
            "|∇f| is nowhere in the ball smaller than |∇f(x)| − ε M₂: above 0, f has no critical point in it.",
        ),
        RegularityRow(
            "Contraction",
            "q",
            q,
            "q = ε M₂ / g_min, by which δ ↦ ±ε ∇f/|∇f| brings any two points closer: below 1, f has one maximum and "
            "one minimum in the ball, and the loss one or two local maxima.",
        ),
    )


def _scale(scale: CertifiedScale) -> RegularityRow:
    if scale.value is None:
        value = scale.why.partition(":")[0]
    else:
        value = "every γ" if math.isinf(scale.value) else f"γ = {scale.value:.4g}"
    return RegularityRow(
        "Certified scale",
        "γ*",
        value,
        "The input scale up to which q < 1 for this network, direction and ratio ρ, so that the number of local maxima "
        "is proven.",
    )


def _losses(proof: BallProof, best_loss: float) -> tuple[RegularityRow, ...]:
    return (
        RegularityRow(
            "Loss at most",
            "U",
            f"{proof.upper_bound:.5g}  ({proof.value_min:.3g} ≤ f ≤ {proof.value_max:.3g})",
            "No adversary in the ball has a larger loss: f ≤ f(x) + max (∇f·s + s·∇²f s/2) + M₃ ε³/6 over |s| ≤ ε, a "
            "trust-region problem that is solved exactly, and f ≥ likewise.",
        ),
        RegularityRow(
            "Gap of the best path",
            "1 − L/U",
            f"{proof.gap(best_loss):.3g}" if math.isfinite(best_loss) else "no path has a finite loss",
            "By no more than this share of U could any adversary in the ball be stronger than the best one found, by "
            "this bound alone: where q < 1 the verdict knows the maxima themselves, and may say more.",
        ),
    )
