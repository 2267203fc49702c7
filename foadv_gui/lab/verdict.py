"""Everything that can be said of a finished run: the object that `foadv run --json` prints."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from foadv_gui.lab.clauses import clauses
from foadv_gui.lab.experiment import problem_of
from foadv_gui.lab.judge import Judge
from foadv_gui.lab.survey import maxima_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.recording import Recording


def verdict(
    recording: Recording,
    *,
    device: str | None = None,
    seconds: float | None = None,
    judged: Callable[[int], object] = lambda _count: None,
) -> dict[str, Any]:
    """Everything that is known of a finished run, as plain values; null with a `why` where something does not apply.

    A recording knows neither the device it was computed on nor how long that took: whoever ran it may say so. `judged`
    hears how many restarts have been judged so far.
    """
    problem = problem_of(recording)
    judge = Judge(problem, recording)
    ball, scale = judge.ball(), judge.scale()
    restarts = []
    for k in range(recording.restarts):
        restarts.append(judge.verdict(k))
        judged(k + 1)
    best = restarts[recording.best]
    finite = math.isfinite(best.loss)
    maxima, untold = maxima_of(recording, [entry.test for entry in restarts])
    known = {
        "experiment": problem.experiment.model_dump(),
        "device": device,
        "seconds": seconds,
        "best": recording.best if finite else None,
        "steps": recording.steps,
        "epsilon": recording.epsilon,
        "eta": recording.eta,
        "reach": problem.reach if math.isfinite(problem.reach) else None,
        "restarts": [entry.as_dict() for entry in restarts],
        "ball": ball.as_dict(best.test.loss if finite else None, scale),
        "distinct_maxima": None if untold else len(maxima.sizes),
        "clauses": [
            {"tone": clause.tone, "words": clause.words, "formula": clause.detail, "source": clause.source}
            for clause in clauses(best)
        ],
    }
    whys = {
        "device": "a recording does not say where it was computed",
        "seconds": "a recording does not say how long it took",
        "best": "no path has a finite loss",
        "reach": "the network overflows" if math.isnan(problem.reach) else "f(x) = y at the clean input",
        "distinct_maxima": untold,
    }
    return {**known, "why": "; ".join(f"{key}: {why}" for key, why in whys.items() if known[key] is None) or None}
