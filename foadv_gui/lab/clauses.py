"""The verdict on one restart in words: clauses of one sentence, each with its formula and where that comes from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from foadv_gui.core.ascent import HINGE_IS_FLAT, StopReason
from foadv_gui.core.certificate import STATIONARY, Shortcoming
from foadv_gui.lab.ball_clauses import ball_clauses
from foadv_gui.lab.findings import Clause
from foadv_gui.lab.summary import counted

if TYPE_CHECKING:
    from foadv_gui.core.certificate import LocalMaximum
    from foadv_gui.lab.findings import Tone
    from foadv_gui.lab.restart_verdict import RestartVerdict

_HERE = "derived for this program: see the README, The mathematics"
_SECOND_ORDER = f"second-order conditions: Nocedal and Wright 2006, theorem 12.6; Newton's estimate: {_HERE}"
_FOSC = "first-order stationary condition: Wang et al. 2019, measured from the clean input"

_SMOOTH = {
    "hinge": "\nthe hinge is smooth here (L > 0): where its pieces meet one of them rises, so no maximum lies there",
    "own": "\nthe loss was looked through for operations with kinks (relu, max, a choice by its input): there is none",
}
"""What was made sure of before second derivatives were believed, where a loss may have kinks."""


def clauses(known: RestartVerdict) -> list[Clause]:
    """The verdict on one restart as clauses of one sentence."""
    return [
        *([] if known.decision is None else [known.decision.clause]),
        _second_order(known),
        *_coordinates(known),
        *ball_clauses(known),
        _convergence(known),
        *_step(known),
        *_best(known),
        *_reach(known),
    ]


def _second_order(known: RestartVerdict) -> Clause:
    test, detail = known.test, _measures(known.test)
    if test.local_maximum:
        return _maximum(known)
    if _unmet(known):
        return _about_maximum("no", HINGE_IS_FLAT.replace("there:", "here:"), detail)
    if test.shortcoming:
        undecided = test.shortcoming in (Shortcoming.FLAT_SOMEWHERE, Shortcoming.NO_FORCE)
        return _about_maximum("unsure" if undecided else "no", str(test.shortcoming), detail)
    words = [] if test.stationary or math.isnan(test.tangential) else [_what_is_left(test)]
    tone: Tone = "no" if words else "unsure"
    if test.local_maximum is None and test.why:
        words.append(f"no second-order test: {test.why.partition(':')[0]}")
        detail = f"{detail}\n{test.why}".strip()
    return _about_maximum(tone, "; ".join(words), detail)


def _about_maximum(tone: Tone, words: str, detail: str) -> Clause:
    return Clause(tone, words, detail, "maximum", _SECOND_ORDER)


def _maximum(known: RestartVerdict) -> Clause:
    test, detail = known.test, _measures(known.test)
    if test.tangent_eigenvalue_max is None:
        # Nothing can move, and there is no distance to state.
        if known.dimension > 1:
            return _about_maximum(
                "yes", "strict local maximum on the boundary, at a corner", f"no direction is left\n{detail}"
            )
        if known.ascent.constraint == "l2-sphere":
            words = "in one dimension all of the sphere is two points, and this is one of them"
            return _about_maximum("note", words, f"no direction is left\n{detail}")
        return _about_maximum(
            "yes", "strict local maximum at an end of the interval", f"no direction is left\n{detail}"
        )
    distance = "" if test.newton_distance is None else f"{test.newton_distance / known.epsilon:.1e} ε"
    within = f", within {distance} of the exact one" if distance else ""
    where = "on the boundary" if test.boundary else "inside the set"
    formula = "Pg = 0 and H ≺ 0 along the set"
    if test.multiplier is not None:
        formula = "g = λδ and P(H − λI)P ≺ 0 on the tangent space"
    newton = f"\nNewton distance |(P(λI − H)P)⁺Pg| = {distance}" if distance else ""
    smooth = _SMOOTH.get(known.loss_name, "")
    return _about_maximum("yes", f"strict local maximum {where}{within}", f"{formula}\n{detail}{newton}{smooth}")


def _coordinates(known: RestartVerdict) -> list[Clause]:
    """The test that each coordinate of the l-infinity ball takes by itself, beside FOSC."""
    test, d = known.test, known.dimension
    held = test.coordinates_held
    if held is None or math.isnan(test.tangential):
        return []
    fosc = f"FOSC = {known.fosc:.2g}"
    if held == d:
        words = f"first order: all {d} coordinates sit where the gradient pushes them ({fosc})"
    else:
        words = f"first order: {d - held} of {d} coordinates could still move uphill ({fosc})"
    detail = f"per coordinate: δᵢ = ε sign gᵢ (or on a face of the box), or gᵢ = 0 inside: {held} of {d}\n"
    detail += f"FOSC = max ⟨δ′ − δ, g⟩ over the set = ε|g|₁ − ⟨δ, g⟩ without a box = {known.fosc:.4g}; 0 iff stationary"
    return [Clause("yes" if held == d else "no", words, detail, "coordinates", _FOSC)]


def _what_is_left(test: LocalMaximum) -> str:
    if test.tangential <= STATIONARY:
        return "not a maximum: the gradient points into the set"
    if not test.boundary:
        # Inside the set the measure is the gradient's length itself, no share of it.
        return f"not stationary yet: inside the set the gradient is {test.tangential:.2g}"
    share = f"{test.tangential:.0%}" if test.tangential >= 0.01 else f"{test.tangential:.1e}"
    return f"not stationary yet: {share} of the gradient is left along the set"


def _measures(test: LocalMaximum) -> str:
    """The measured figures behind the test, a line each; nothing where they overflow."""
    if math.isnan(test.tangential):
        return ""
    # Off the sphere (inside, or on the faces of a box alone) the multiplier is zero.
    limit = "0" if test.multiplier is None else f"λ = {test.multiplier:.5g}"
    mu = test.tangent_eigenvalue_max
    bend = "" if mu is None else f"\nlargest tangent eigenvalue of the Hessian μ = {mu:.5g}, to be below {limit}"
    name = "|Pg|/|g|" if test.boundary else "|g|"
    return f"{name} = {test.tangential:.2g}, cos(δ, g) = {_near_one(test.cosine)}{bend}"


def _near_one(cosine: float) -> str:
    """A cosine, with more digits where only these tell it from one."""
    return f"{cosine:.10g}" if cosine > 0.999 else f"{cosine:.4g}"


def ending(known: RestartVerdict) -> str:
    """Why the restart ended, and after how many steps."""
    if known.stop_reason is StopReason.CONVERGED:
        return f"reached in {counted(known.converged_at, 'step')}"
    if known.stop_reason is StopReason.CANCELLED:
        return f"cancelled at step {known.steps} of at most {known.ascent.steps}"
    if known.stop_reason is StopReason.STEP_LIMIT and known.ascent.tolerance == 0:
        return f"{counted(known.steps, 'step')} taken, as asked (tolerance 0)"
    return f"{known.stop_reason.words} ({counted(known.steps, 'step')} taken)"


def _unmet(known: RestartVerdict) -> bool:
    """Whether a hinge is 0 at the end, and flat."""
    return known.loss_name == "hinge" and known.test.loss == 0


def _convergence(known: RestartVerdict) -> Clause:
    if _unmet(known) and known.converged_at == 0:
        words = "no step is taken: from its start no direction leads uphill"
        return Clause("note", words, "g = ∇L = 0 at the start", "convergence", _FOSC)
    rates = []
    if known.rate_observed is not None:
        rates.append(f"rate {known.rate_observed:.2f}")
    if known.test.rate_predicted is not None and known.test.local_maximum:
        rates.append(f"predicted {known.test.rate_predicted:.2f}")
    rate = f" ({', '.join(rates)})" if rates else ""
    detail = _rates(known)
    as_asked = known.stop_reason is StopReason.STEP_LIMIT and known.ascent.tolerance == 0
    if known.stop_reason is StopReason.CONVERGED:
        tone: Tone = "yes"
    else:
        tone = "note" if as_asked or known.stop_reason is StopReason.CANCELLED else "no"
    source = f"the Jacobian of one step at the maximum: {_HERE}"
    return Clause(tone, f"{ending(known)}{rate}", detail, "convergence", source)


def _rates(known: RestartVerdict) -> str:
    """The formula of the rate with the numbers of this run."""
    test, words = known.test, "rate = max |1 + η μᵢ| / (1 + η λ)"
    low, high, limit = test.tangent_eigenvalue_min, test.tangent_eigenvalue_max, test.multiplier or 0.0
    if test.local_maximum and test.rate_predicted is not None and low is not None and high is not None:
        eta = known.eta
        if known.ascent.rule == "normalized":
            words = "rate = max |1 + η μᵢ/|g|| / (1 + η λ/|g|)"
        words += f" = {test.rate_predicted:.4g}\nη = {eta:.4g}, μ from {low:.4g} to {high:.4g}, λ = {limit:.4g}"
    observed = "" if known.rate_observed is None else f" = {known.rate_observed:.4g}"
    return f"{words}\nobserved: the slope of log |δₜ₊₁ − δₜ|{observed}"


def _best(known: RestartVerdict) -> list[Clause]:
    """The best iterate, where the last one falls short of it by more than round-off."""
    if not known.best_loss - known.loss > known.round_off * known.best_loss:
        return []
    more = known.best_loss - known.loss
    words = f"the best iterate was at step {known.best_step}: loss {known.best_loss:.5g}, {more:.3g} above the last"
    detail = f"the last iterate, which is kept, has the loss {known.loss:.5g}"
    return [Clause("note", words, detail, "best", "the recorded losses")]


def _reach(known: RestartVerdict) -> list[Clause]:
    if not known.reach > 1 or known.loss_name == "own":  # which has no level that f could cross
        return []
    formula = "max of ⟨δ, −sign(r) ∇f(x)⟩ over the set / |r|"
    if known.ascent.box is None:
        formula = f"ε |∇f(x)|{'₁' if known.ascent.constraint == 'linf-ball' else '₂'} / |r|"
    if known.loss_name != "quadratic":
        words = f"the linearised decision boundary f = 0 cuts the set (k = {known.reach:.3g})"
        return [Clause("note", words, f"k = {formula} = {known.reach:.3g} with r = f(x)", "reach", _HERE)]
    level = "above 1 the linearised plane f = y cuts the set"
    if math.isinf(known.reach):
        words = "f(x) = y at the clean input: the residual changes sign there, two poles"
        return [Clause("note", words, f"k = {formula} with r = f(x) − y = 0; {level}", "reach", _HERE)]
    words = f"the residual can change sign: two poles (k = {known.reach:.3g})"
    detail = f"k = {formula} = {known.reach:.3g} with r = f(x) − y; {level}"
    return [Clause("note", words, detail, "reach", _HERE)]


def _step(known: RestartVerdict) -> list[Clause]:
    limit, away = known.test.step_max, known.test.summit_distance
    if limit is None or not math.isfinite(limit) or known.eta <= limit:
        return []
    place = "an estimate at the last iterate, which is not stationary and from which no summit was reached"
    if away is not None:
        place = "at this point"
        if away > 0:
            place = f"at the summit that small steps climb to from the last iterate, {away / known.epsilon:.2g} ε away"
    formula = "2|g|/(−μ_min − λ)" if known.ascent.rule == "normalized" else "2/(−μ_min − λ)"
    relative = ""
    if known.ascent.step_units == "relative":
        relative = f"; as a relative step {known.ascent.step * limit / known.eta:.3g} ε/G"
    detail = f"η_max = {formula} = {limit:.4g}{relative}; η = {known.eta:.4g}\n{place}"
    about = "about " if away is None else ""
    words = f"step too large: {about}{known.eta / limit:.2g} times the largest stable one, η_max = {limit:.3g}"
    return [Clause("no", words, detail, "step", f"where an eigenvalue of the step's Jacobian passes −1: {_HERE}")]
