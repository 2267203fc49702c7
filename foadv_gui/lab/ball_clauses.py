"""What is proven of the whole ball, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from foadv_gui.lab.findings import Clause

if TYPE_CHECKING:
    from foadv_gui.core.ball import BallProof
    from foadv_gui.lab.ball import BallVerdict
    from foadv_gui.lab.findings import CertifiedScale
    from foadv_gui.lab.restart_verdict import RestartVerdict

_HERE = "derived for this program: see the README, The mathematics"
_BANACH = f"Banach's fixed-point theorem for δ → ±ε ∇f/|∇f|: {_HERE}"
_REGION = f"Taylor's theorem and the trust-region subproblem (Conn, Gould, Toint 2000, chapter 7): {_HERE}"
_WEAK, _LOOSE = 0.9, 0.5
"""Gaps above which the bound says nothing worth saying, or is better told from the other side."""
_SAME = 1e-6
"""The relative difference of losses that counts as none: the last iterate is not the maximum itself."""


def ball_clauses(known: RestartVerdict) -> list[Clause]:
    """How many maxima the ball holds, and how close to the strongest adversary this restart came; once known."""
    ball = known.ball
    if ball is None:
        return []
    if ball.proof is None:
        words = f"nothing is proven on the whole set: {ball.why.partition(':')[0]}"
        return [Clause("note", words, ball.why, "unique", _BANACH)]
    gap = _gap(ball, ball.proof, known.test.loss) if math.isfinite(known.test.loss) else []
    # In one dimension the sphere is two points, each a maximum by itself: the ball's may be the other one.
    alone = known.dimension == 1 and known.ascent.constraint == "l2-sphere"
    return [_unique(ball, ball.proof, known.scale, bool(known.test.local_maximum) and not alone), *gap]


def _unique(ball: BallVerdict, proof: BallProof, scale: CertifiedScale | None, local_maximum: bool) -> Clause:
    detail = _contraction(ball, proof)
    if scale is not None and scale.value is not None and math.isfinite(scale.value):
        detail += f"\ncertified scale at ρ = {scale.ratio:.3g}: q < 1 up to γ = {scale.value:.4g}"
    rest = detail, "unique", _BANACH
    if ball.boxed:
        return Clause("unsure", "a box cuts the ball: how many maxima are left is not proven", *rest)
    if proof.unique and proof.q is not None:
        proven = f"(proven, q = {proof.q:.2g})"
        if proof.maxima_of_loss == 1:
            which = "the only one in the ball" if local_maximum else "the ball has one local maximum"
            return Clause("yes", f"{which} {proven}", *rest)
        if proof.maxima_of_loss == 2:
            which = "one of exactly two in the ball" if local_maximum else "the ball has two local maxima"
            return Clause("yes", f"{which} {proven}", *rest)
        words = f"f has one maximum and one minimum in the ball {proven}, but y is too close to one to count those of L"
        return Clause("unsure", words, *rest)
    why = f"q = {proof.q:.3g} is not below 1" if proof.q is not None else "∇f may vanish in the ball"
    detail += f"\nother maxima are not excluded: {why}"
    rest = detail, "unique", _BANACH
    words = "others are not excluded" if local_maximum else "how many maxima there are is not proven"
    if scale is not None and scale.value is not None:
        words += f": the proof ends at γ = {scale.value:.3g}"
    return Clause("unsure", words, *rest)


def _contraction(ball: BallVerdict, proof: BallProof) -> str:
    lines = [
        f"M₂ = {proof.M2:.4g} bounds |∇²f| and M₃ = {proof.M3:.4g} |∇³f| on the ball of radius ε = {ball.epsilon:.4g}",
        f"g_min = |∇f(x)| − ε M₂ = {proof.g_min:.4g}, so ∇f {'cannot' if proof.g_min > 0 else 'may'} vanish there",
    ]
    if proof.q is not None:
        lines.append(f"q = ε M₂ / g_min = {proof.q:.4g}, to be below 1")
    if proof.maxima_of_loss is not None and not ball.boxed:
        two = proof.maxima_of_loss == 2
        side, poles = ("strictly", "both poles of f are local maxima") if two else ("not", "one pole of f is a maximum")
        lines.append(f"y = {ball.y:.4g} lies {side} between min f and max f: {poles} of L")
    return "\n".join(lines)


def _gap(ball: BallVerdict, proof: BallProof, loss: float) -> list[Clause]:
    gap = proof.gap(loss)
    detail = (
        f"max f ≤ f(x) + max (∇f·s + s·∇²f s/2) + M₃ ε³/6 = {proof.value_max:.5g}, min f ≥ {proof.value_min:.5g}\n"
        f"so L ≤ U = {proof.upper_bound:.6g} everywhere in the ball; here L = {loss:.6g}, gap 1 − L/U = {gap:.3g}"
    )
    share = f"{100 * gap:.2g}%" if gap >= 1e-5 else f"{100 * gap:.0e}%"
    if proof.strongest is not None and not ball.boxed and proof.strongest > 0:
        left = 1 - loss / proof.strongest
        detail += f"\nthe fixed points δ = ±ε ∇f/|∇f| are its only maxima: L ≤ {proof.strongest:.8g}"
        if left < _SAME:
            return [Clause("yes", "no adversary in the ball is stronger (proven)", detail, "gap", _REGION)]
        words = f"{left:.2g}" if left < 0.01 else f"{left:.0%}"
        return [Clause("note", f"weaker than the strongest possible by {words} (proven)", detail, "gap", _REGION)]
    if gap > _WEAK:
        words = "how much stronger one could be is not known: the bound is far above"
        return [Clause("unsure", words, detail, "gap", _REGION)]
    if gap > _LOOSE:
        return [Clause("note", f"at least {1 - gap:.0%} of the strongest possible (proven)", detail, "gap", _REGION)]
    return [Clause("yes", f"within {share} of the strongest possible (proven)", detail, "gap", _REGION)]
