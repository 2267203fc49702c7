"""What can be said of a finished run: the object that `foadv run --json` prints, and the same in words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from foadv_gui.core.ascent import StopReason
from foadv_gui.core.certificate import STATIONARY, LocalMaximum, Shortcoming, first_order_at, local_maximum_at
from foadv_gui.core.interruption import never
from foadv_gui.lab.experiment import problem_of
from foadv_gui.lab.picture import Clause, VerdictPicture
from foadv_gui.lab.summary import counted
from foadv_gui.lab.survey import maxima_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.experiment import Problem
    from foadv_gui.lab.picture import Tone
    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.sections import Ascent

_BALL = ("M2", "M3", "g_min", "q", "unique", "maxima_of_loss", "upper_bound", "gap", "certified_scale")


@dataclass(frozen=True)
class RestartVerdict:
    """What is known of one restart: the first-order measures of its last iterate, and the local-maximum test there.

    `ascent` is what was asked for; `best_step` and `best_loss` are of the iterate with the highest finite loss.
    """

    restart: int
    ascent: Ascent
    stop_reason: StopReason
    converged_at: int
    steps: int
    dimension: int
    epsilon: float
    eta: float
    loss: float
    best_step: int
    best_loss: float
    round_off: float
    radius: float
    fosc: float
    test: LocalMaximum
    rate_observed: float | None
    reach: float

    @property
    def picture(self) -> VerdictPicture:
        """What a window shows of it."""
        test, words = self.test, tuple(clauses(self))
        return VerdictPicture(self.restart, str(self.stop_reason), test.local_maximum, words, test.step_max)

    def as_dict(self) -> dict[str, Any]:
        """The entry of this restart in the JSON, null where something does not apply, with `why`."""
        test = self.test
        entry = {
            "stop_reason": str(self.stop_reason),
            "converged_at": self.converged_at if self.converged_at >= 0 else None,
            "loss": self.loss,
            "best_step": self.best_step,
            "best_loss": self.best_loss,
            "radius": self.radius,
            "tangential": test.tangential,
            "cosine": test.cosine,
            "fosc": self.fosc,
            "multiplier": test.multiplier,
            "tangent_eigenvalue_max": test.tangent_eigenvalue_max,
            "local_maximum": test.local_maximum,
            "newton_distance": test.newton_distance,
            "rate_predicted": test.rate_predicted,
            "rate_observed": self.rate_observed,
            "step_max": test.step_max,
        }
        infinite = [key for key, value in entry.items() if isinstance(value, float) and not math.isfinite(value)]
        reasons = [test.why] if test.why else []
        if test.multiplier is None:
            reasons.append("multiplier: the point is not on a sphere")
        if "step_max" in infinite:
            reasons.append("step_max: every step is stable here")
        if infinite not in ([], ["step_max"]):
            reasons.append(f"{', '.join(key for key in infinite if key != 'step_max')}: it overflows")
        if self.rate_observed is None:
            reasons.append("rate_observed: too few steps shrank geometrically to measure it")
        if self.converged_at < 0:
            reasons.append(f"converged_at: {_ending(self)}")
        return {**entry, **dict.fromkeys(infinite), "why": "; ".join(reasons) or None}


def restart_verdict(
    problem: Problem,
    recording: Recording,
    k: int,
    interrupted: Callable[[], bool] = never,
    *,
    second_order: bool = True,
) -> RestartVerdict:
    """Judge the last iterate of restart k; `Interrupted` is raised when `interrupted()` becomes true.

    Without `second_order` only by the gradient, which takes no time worth interrupting.
    """
    end = torch.tensor(recording.delta[-1, k])
    ascent = problem.experiment.ascent
    if second_order:
        test = local_maximum_at(
            problem.objective, problem.constraint, end, eta=recording.eta, rule=ascent.rule, interrupted=interrupted
        )
    else:
        first = first_order_at(problem.objective, problem.constraint, end)
        test = replace(first, why=first.why or "the run was cancelled: only first-order measures were taken")
    losses = np.where(np.isfinite(recording.loss[:, k]), recording.loss[:, k], -np.inf)
    best = int(np.argmax(losses))
    return RestartVerdict(
        restart=k,
        ascent=ascent,
        stop_reason=StopReason(str(recording.stop_reason[k])),
        converged_at=int(recording.converged_at[k]),
        steps=recording.steps,
        dimension=recording.dimension,
        epsilon=recording.epsilon,
        eta=recording.eta,
        loss=float(recording.loss[-1, k]),
        best_step=best,
        best_loss=float(recording.loss[best, k]),
        round_off=2**10 * float(np.finfo(recording.delta.dtype).eps),
        radius=float(recording.radius[-1, k]),
        fosc=float(recording.fosc[-1, k]),
        test=test,
        rate_observed=observed_rate(recording, k),
        reach=problem.reach,
    )


def observed_rate(recording: Recording, k: int) -> float | None:
    """The observed local rate of restart k: the slope of log |delta_{t+1} - delta_t| over its geometric tail.

    Successive differences shrink at the same rate as the distance to the limit, and need no guess of the limit. The
    tail is where they lie between 1e-3 epsilon and the round-off of the iterates; None with fewer than five of them, or
    where the fit misses one by a factor of two, as while a path still winds.
    """
    if len(recording.steps_kept) != recording.steps + 1:
        return None
    moves = np.linalg.norm(np.diff(recording.delta[:, k].astype(np.float64), axis=0), axis=-1)
    floor = 1e2 * np.finfo(recording.delta.dtype).eps * recording.epsilon
    below = np.nonzero(moves < 1e-3 * recording.epsilon)[0]
    if not len(below):
        return None
    tail = np.arange(below[0], len(moves))
    tail = tail[moves[tail] > floor]
    # The slowest mode alone is left near the end.
    tail = tail[-max(5, len(tail) // 3) :]
    if len(tail) < 5 or tail[-1] - tail[0] + 1 != len(tail):
        return None
    logs = np.log(moves[tail])
    slope, offset = np.polyfit(tail, logs, 1)
    if np.abs(logs - slope * tail - offset).max() > math.log(2) or slope >= 0:
        return None
    return float(math.exp(slope))


def verdict(recording: Recording, *, device: str | None = None, seconds: float | None = None) -> dict[str, Any]:
    """Everything that is known of a finished run, as plain values; null with a `why` where something does not apply.

    A recording knows neither the device it was computed on nor how long that took: whoever ran it may say so.
    """
    problem = problem_of(recording)
    restarts = [restart_verdict(problem, recording, k) for k in range(recording.restarts)]
    best = recording.best
    maxima, untold = maxima_of(recording, [entry.test for entry in restarts])
    known = {
        "experiment": problem.experiment.model_dump(),
        "device": device,
        "seconds": seconds,
        "best": best if math.isfinite(restarts[best].loss) else None,
        "steps": recording.steps,
        "epsilon": recording.epsilon,
        "eta": recording.eta,
        "reach": problem.reach if math.isfinite(problem.reach) else None,
        "restarts": [entry.as_dict() for entry in restarts],
        "ball": {**dict.fromkeys(_BALL), "why": "this version does not compute proofs that hold on the whole ball"},
        "distinct_maxima": None if untold else len(maxima.sizes),
        "clauses": [[clause.tone, clause.words] for clause in clauses(restarts[best])],
    }
    whys = {
        "device": "a recording does not say where it was computed",
        "seconds": "a recording does not say how long it took",
        "best": "no path has a finite loss",
        "reach": "the network overflows" if math.isnan(problem.reach) else "f(x) = y at the clean input",
        "distinct_maxima": untold,
    }
    return {**known, "why": "; ".join(f"{key}: {why}" for key, why in whys.items() if known[key] is None)}


def clauses(known: RestartVerdict) -> list[Clause]:
    """The verdict on one restart as clauses of one sentence."""
    return [_second_order(known), _convergence(known), *_step(known), *_best(known), *_reach(known)]


def _second_order(known: RestartVerdict) -> Clause:
    test, detail = known.test, _measures(known.test)
    if test.local_maximum:
        return _maximum(known)
    if test.shortcoming:
        undecided = test.shortcoming in (Shortcoming.FLAT_SOMEWHERE, Shortcoming.NO_FORCE)
        return Clause("unsure" if undecided else "no", str(test.shortcoming), detail)
    words = [] if test.stationary or math.isnan(test.tangential) else [_what_is_left(test)]
    tone: Tone = "no" if words else "unsure"
    if test.local_maximum is None and test.why:
        words.append(f"no second-order test: {test.why.partition(':')[0]}")
        detail = f"{detail}\n{test.why}".strip()
    return Clause(tone, "; ".join(words), detail)


def _maximum(known: RestartVerdict) -> Clause:
    test, detail = known.test, _measures(known.test)
    if test.tangent_eigenvalue_max is None:
        # Nothing can move, and there is no distance to state.
        if known.dimension > 1:
            return Clause("yes", "strict local maximum on the boundary, at a corner", f"no direction is left\n{detail}")
        if known.ascent.constraint == "l2-sphere":
            words = "in one dimension all of the sphere is two points, and this is one of them"
            return Clause("note", words, f"no direction is left\n{detail}")
        return Clause("yes", "strict local maximum at an end of the interval", f"no direction is left\n{detail}")
    distance = "" if test.newton_distance is None else f"{test.newton_distance / known.epsilon:.1e} ε"
    within = f", within {distance} of the exact one" if distance else ""
    where = "on the boundary" if test.boundary else "inside the set"
    formula = "Pg = 0 and H ≺ 0 along the set"
    if test.multiplier is not None:
        formula = "g = λδ and P(H − λI)P ≺ 0 on the tangent space"
    newton = f"\nNewton distance |(P(λI − H)P)⁺Pg| = {distance}" if distance else ""
    return Clause("yes", f"strict local maximum {where}{within}", f"{formula}\n{detail}{newton}")


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
    return f"{name} = {test.tangential:.2g}, cos(δ, g) = {test.cosine:.10g}{bend}"


def _ending(known: RestartVerdict) -> str:
    """Why the restart ended, and after how many steps."""
    if known.stop_reason is StopReason.CONVERGED:
        return f"reached in {counted(known.converged_at, 'step')}"
    if known.stop_reason is StopReason.CANCELLED:
        return f"cancelled at step {known.steps} of at most {known.ascent.steps}"
    if known.stop_reason is StopReason.STEP_LIMIT and known.ascent.tolerance == 0:
        return f"{counted(known.steps, 'step')} taken, as asked (tolerance 0)"
    return f"{known.stop_reason.words} ({counted(known.steps, 'step')} taken)"


def _convergence(known: RestartVerdict) -> Clause:
    rates = []
    if known.rate_observed is not None:
        rates.append(f"rate {known.rate_observed:.2f}")
    if known.test.rate_predicted is not None and known.test.local_maximum:
        rates.append(f"predicted {known.test.rate_predicted:.2f}")
    rate = f" ({', '.join(rates)})" if rates else ""
    detail = "q = max |1 + η μᵢ| / (1 + η λ), observed as the slope of log |δₜ₊₁ − δₜ|"
    as_asked = known.stop_reason is StopReason.STEP_LIMIT and known.ascent.tolerance == 0
    if known.stop_reason is StopReason.CONVERGED:
        tone: Tone = "yes"
    else:
        tone = "note" if as_asked or known.stop_reason is StopReason.CANCELLED else "no"
    return Clause(tone, f"{_ending(known)}{rate}", detail)


def _best(known: RestartVerdict) -> list[Clause]:
    """The best iterate, where the last one falls short of it by more than round-off."""
    if not known.best_loss - known.loss > known.round_off * known.best_loss:
        return []
    more = known.best_loss - known.loss
    words = f"the best iterate was at step {known.best_step}: loss {known.best_loss:.5g}, {more:.3g} above the last"
    return [Clause("note", words, f"the last iterate, which is kept, has the loss {known.loss:.5g}")]


def _reach(known: RestartVerdict) -> list[Clause]:
    if not known.reach > 1:
        return []
    formula = "max of ⟨δ, −sign(r) ∇f(x)⟩ over the set / |r|"
    if known.ascent.box is None:
        formula = f"ε |∇f(x)|{'₁' if known.ascent.constraint == 'linf-ball' else '₂'} / |r|"
    level = "above 1 the linearised plane f = y cuts the set"
    if math.isinf(known.reach):
        words = "f(x) = y at the clean input: the residual changes sign there, two poles"
        return [Clause("note", words, f"k = {formula} with r = f(x) − y = 0; {level}")]
    words = f"the residual can change sign: two poles (k = {known.reach:.3g})"
    return [Clause("note", words, f"k = {formula} = {known.reach:.3g} with r = f(x) − y; {level}")]


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
    return [Clause("no", words, detail)]
