"""The verdict on one restart of a finished run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from foadv_gui.core.ascent import StopReason
from foadv_gui.core.certificate import LocalMaximum, first_order_at, local_maximum_at
from foadv_gui.core.interruption import never
from foadv_gui.lab.clauses import clauses, ending
from foadv_gui.lab.config import setting
from foadv_gui.lab.decision import Decision, decision
from foadv_gui.lab.findings import VerdictPicture

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.ball import BallVerdict
    from foadv_gui.lab.experiment import Problem
    from foadv_gui.lab.findings import CertifiedScale
    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.sections import Ascent

_LIMITS = setting("ascent.step")


@dataclass(frozen=True)
class RestartVerdict:
    """What is known of one restart: the first-order measures of its last iterate, and the local-maximum test there.

    `ascent` is what was asked for; `best_step` and `best_loss` are of the iterate with the highest finite loss. `ball`
    and `scale` are what is known by now of the whole ball and of the certified scale.
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
    loss_name: str = "quadratic"
    decision: Decision | None = None
    ball: BallVerdict | None = None
    scale: CertifiedScale | None = None

    @property
    def picture(self) -> VerdictPicture:
        """What a window shows of it."""
        test = self.test
        largest, fastest = self.as_setting(test.step_max), self.as_setting(test.step_fastest)
        whys = []
        if test.step_max is None:
            whys.append(test.why or "no summit was found")
        else:
            whys += ["every step is stable here"] * math.isinf(test.step_max)
            whys += ["each larger step is faster"] * math.isinf(test.step_fastest or 0.0)
        return VerdictPicture(
            self.restart,
            str(self.stop_reason),
            test.local_maximum,
            tuple(clauses(self)),
            test.rate_predicted if test.local_maximum else None,
            largest,
            fastest,
            "; ".join(whys),
        )

    def as_setting(self, eta: float | None) -> float | None:
        """An absolute step as a value of the setting `ascent.step`, rounded down to three digits; None if it cannot be.

        Rounded down, since a step above the largest stable one would not be stable.
        """
        if eta is None or not math.isfinite(eta):
            return None
        value = eta * self.ascent.step / self.eta if self.ascent.step_units == "relative" else eta
        assert _LIMITS.low is not None and _LIMITS.high is not None
        if not _LIMITS.low <= value <= _LIMITS.high:
            return None
        unit = 10.0 ** (math.floor(math.log10(value)) - 2)
        return max(float(f"{math.floor(value / unit) * unit:.3g}"), _LIMITS.low)

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
            "step_fastest": test.step_fastest,
        }
        if self.decision is not None:  # of a classifier
            entry["decision"], entry["margin"] = self.decision.attacked, self.decision.margin
        if test.coordinates_held is not None:  # on the l-infinity ball
            entry["coordinates_held"] = test.coordinates_held
        infinite = [key for key, value in entry.items() if isinstance(value, float) and not math.isfinite(value)]
        reasons = [test.why] if test.why else []
        if test.multiplier is None:
            reasons.append("multiplier: the point is not on a sphere")
        for key, why in (("step_max", "every step is stable here"), ("step_fastest", "each larger step is faster")):
            if key in infinite:
                reasons.append(f"{key}: {why}")
        overflowing = [key for key in infinite if key not in ("step_max", "step_fastest")]
        if overflowing:
            reasons.append(f"{', '.join(overflowing)}: it overflows")
        if self.rate_observed is None:
            reasons.append("rate_observed: too few steps shrank geometrically to measure it")
        if self.converged_at < 0:
            reasons.append(f"converged_at: {ending(self)}")
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
        loss_name=problem.objective.loss_name,
        decision=decision(problem.objective, end),
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
