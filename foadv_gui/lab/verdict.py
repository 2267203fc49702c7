"""What can be said of a finished run: the object that `foadv run --json` prints, and the same in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from foadv_gui.core.ascent import StopReason
from foadv_gui.core.certificate import LocalMaximum, local_maximum_at
from foadv_gui.core.interruption import never
from foadv_gui.lab.experiment import problem_of
from foadv_gui.lab.picture import Clause, VerdictPicture

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.experiment import Problem
    from foadv_gui.lab.recording import Recording

_BALL = ("M2", "M3", "g_min", "q", "unique", "maxima_of_loss", "upper_bound", "gap", "certified_scale")


@dataclass(frozen=True)
class RestartVerdict:
    """What is known of one restart: the first-order measures of its last iterate, and the local-maximum test there."""

    restart: int
    stop_reason: StopReason
    converged_at: int
    steps: int
    epsilon: float
    eta: float
    loss: float
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
        step_max = test.step_max
        entry = {
            "stop_reason": str(self.stop_reason),
            "converged_at": self.converged_at if self.converged_at >= 0 else None,
            "loss": self.loss,
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
            "step_max": None if step_max is None or math.isinf(step_max) else step_max,
        }
        reasons = [test.why] if test.why else []
        if test.multiplier is None:
            reasons.append("multiplier: the point is not on a sphere")
        if step_max is not None and math.isinf(step_max):
            reasons.append("step_max: every step is stable here")
        if self.rate_observed is None:
            reasons.append("rate_observed: too few steps shrank geometrically to measure it")
        if self.converged_at < 0:
            reasons.append(f"converged_at: {self.stop_reason.words}")
        return {**entry, "why": "; ".join(reasons) or None}


def restart_verdict(
    problem: Problem, recording: Recording, k: int, interrupted: Callable[[], bool] = never
) -> RestartVerdict:
    """Judge the last iterate of restart k; `Interrupted` is raised when `interrupted()` becomes true."""
    end = torch.tensor(recording.delta[-1, k])
    test = local_maximum_at(
        problem.objective,
        problem.constraint,
        end,
        eta=recording.eta,
        rule=problem.experiment.ascent.rule,
        interrupted=interrupted,
    )
    return RestartVerdict(
        restart=k,
        stop_reason=StopReason(str(recording.stop_reason[k])),
        converged_at=int(recording.converged_at[k]),
        steps=recording.steps,
        epsilon=recording.epsilon,
        eta=recording.eta,
        loss=float(recording.loss[-1, k]),
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


def verdict(recording: Recording) -> dict[str, Any]:
    """Everything that is known of a finished run, as plain values; null with a `why` where something does not apply."""
    problem = problem_of(recording)
    restarts = [restart_verdict(problem, recording, k) for k in range(recording.restarts)]
    return {
        "experiment": problem.experiment.model_dump(),
        "device": problem.device,
        "best": recording.best,
        "steps": recording.steps,
        "epsilon": recording.epsilon,
        "eta": recording.eta,
        "reach": problem.reach if math.isfinite(problem.reach) else None,
        "restarts": [entry.as_dict() for entry in restarts],
        "ball": {**dict.fromkeys(_BALL), "why": "this version does not compute proofs that hold on the whole ball"},
        "distinct_maxima": None,
        "why": "distinct_maxima: this version does not cluster the endpoints"
        + ("" if math.isfinite(problem.reach) else "; reach: f(x) = y at the clean input"),
        "clauses": [[clause.tone, clause.words] for clause in clauses(restarts[recording.best])],
    }


def clauses(known: RestartVerdict) -> list[Clause]:
    """The verdict on one restart as clauses of one sentence."""
    return [_second_order(known), _convergence(known), *_reach(known), *_step(known)]


def _second_order(known: RestartVerdict) -> Clause:
    test = known.test
    lam, mu = test.multiplier, test.tangent_eigenvalue_max
    first = f"|Pg|/|g| = {test.tangential:.2g}, cos(δ, g) = {test.cosine:.10g}"
    if test.local_maximum is None and test.why:
        return Clause("unsure", "no second-order test: relu has no curvature", f"{first}\n{test.why}")
    # Off the sphere (inside, or on the faces of a box alone) the multiplier is zero.
    limit = "0" if lam is None else f"λ = {lam:.5g}"
    bend = "" if mu is None else f"\nlargest tangent eigenvalue of the Hessian μ = {mu:.5g}, to be below {limit}"
    where = "on the boundary" if test.boundary else "inside the set"
    distance = "" if test.newton_distance is None else f"{test.newton_distance / known.epsilon:.1e} ε"
    if test.local_maximum:
        # At a corner nothing can move, and there is no distance to state.
        words = f"strict local maximum {where}" + (f", within {distance} of the exact one" if bend else ", at a corner")
        formula = (
            "g = λδ and P(H − λI)P ≺ 0 on the tangent space" if lam is not None else "Pg = 0 and H ≺ 0 along the set"
        )
        return Clause("yes", words, f"{formula}\n{first}{bend}\nNewton distance |(P(λI − H)P)⁺Pg| = {distance}")
    if not test.stationary:
        # Inside the set the measure is the gradient's length itself, no share of it.
        share = f"{test.tangential:.0%}" if test.tangential >= 0.01 else f"{test.tangential:.1e}"
        left = f"{share} of the gradient is left along the set"
        if not test.boundary:
            left = f"inside the set the gradient is {test.tangential:.2g}"
        return Clause("no", f"not stationary yet: {left}", f"{first}{bend}")
    return Clause(
        "no", f"stationary {where}, but not a strict maximum: the loss still curves upwards", f"{first}{bend}"
    )


def _convergence(known: RestartVerdict) -> Clause:
    rates = []
    if known.rate_observed is not None:
        rates.append(f"rate {known.rate_observed:.2f}")
    if known.test.rate_predicted is not None and known.test.local_maximum:
        rates.append(f"predicted {known.test.rate_predicted:.2f}")
    rate = f" ({', '.join(rates)})" if rates else ""
    detail = "q = max |1 + η μᵢ| / (1 + η λ), observed as the slope of log |δₜ₊₁ − δₜ|"
    if known.stop_reason is StopReason.CONVERGED:
        return Clause("yes", f"reached in {known.converged_at} steps{rate}", detail)
    return Clause("no", f"{known.stop_reason.words} ({known.steps} steps taken){rate}", detail)


def _reach(known: RestartVerdict) -> list[Clause]:
    detail = f"k = ε |∇f(x)| / |f(x) − y| = {known.reach:.3g}; above 1 the linearised plane f = y cuts the ball"
    if known.reach > 1:
        return [Clause("note", f"the residual can change sign: two poles (k = {known.reach:.3g})", detail)]
    return []


def _step(known: RestartVerdict) -> list[Clause]:
    limit = known.test.step_max
    if limit is None or not math.isfinite(limit) or known.eta <= limit:
        return []
    detail = f"η_max = 2/(−μ_min − λ) = {limit:.4g} at this point; η = {known.eta:.4g}"
    return [Clause("no", f"step too large: {known.eta / limit:.2g} times the largest stable one", detail)]
