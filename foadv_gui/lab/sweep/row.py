"""How what a sweep finds out about one point, a row of its table, is computed."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.ascent import StopReason
from foadv_gui.core.certificate import first_order_at, local_maximum_at
from foadv_gui.core.constraint import LinfBall
from foadv_gui.core.cores import one_core
from foadv_gui.core.interruption import Interrupted, give_way, never
from foadv_gui.core.regularity import concave_share, nonlinearity
from foadv_gui.lab.ball import ball_verdict
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.experiment import climb, prepare
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.ranges import drawable
from foadv_gui.lab.restart_verdict import observed_rate
from foadv_gui.lab.survey import maxima_of
from foadv_gui.lab.sweep.columns import COLUMNS, Cell, Column, Kind, Row, failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.core.certificate import LocalMaximum
    from foadv_gui.lab.experiment import Problem
    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.sweep.grid import Point

__all__ = ["COLUMNS", "Cell", "Column", "Kind", "Row", "failure", "measure"]


def measure(point: Point, interrupted: Callable[[], bool] = never) -> Row:
    """The row of a point, computed on one core; an experiment that cannot be run gives one that says why.

    Raises
    ------
    Interrupted
        When `interrupted()` becomes true.
    """
    began = time.perf_counter()
    row = failure(point, None)
    try:
        with one_core():
            row |= _findings(point, interrupted)
    except Interrupted:
        raise
    except (ExperimentError, FileProblem) as problem:
        row["error"] = str(problem)
    except Exception as error:  # one point's failure is never the end of the sweep
        row["error"] = " ".join(f"{type(error).__name__}: {error}".split())
    row["seconds"] = round(time.perf_counter() - began, 6)
    return {name: None if isinstance(cell, float) and not math.isfinite(cell) else cell for name, cell in row.items()}


def _findings(point: Point, interrupted: Callable[[], bool]) -> Row:
    problem = prepare(point.experiment)
    recording = climb(problem, interrupted=interrupted)
    if StopReason.CANCELLED in recording.stop_reason:
        raise Interrupted
    tests = _tests(problem, recording, interrupted)
    maxima, untold = maxima_of(recording, tests, interrupted)
    best = tests[recording.best]
    ball = ball_verdict(problem, interrupted)
    proof = ball.proof
    low, median, high = _steps(recording)
    # A path whose start overflows has no loss.
    losses = recording.loss[-1][np.isfinite(recording.loss[-1])]
    return {
        "device": problem.device,
        "restarts": recording.restarts,
        "epsilon": recording.epsilon,
        "eta": recording.eta,
        "steps_low": low,
        "steps_median": median,
        "steps_high": high,
        "unconverged": float((recording.converged_at < 0).mean()),
        "diverged": float((recording.stop_reason == StopReason.DIVERGED).mean()),
        "local_maxima": None if untold else sum(test.local_maximum is True for test in tests),
        "distinct_maxima": None if untold else len(maxima.sizes),
        "loss_clean": _clean_loss(problem),
        "loss_best": float(losses.max()) if len(losses) else None,
        "loss_median": float(np.median(losses)) if len(losses) else None,
        "loss_spread": float(losses.max() - losses.min()) if len(losses) else None,
        "cosine": best.cosine,
        "tangent_eigenvalue_max": best.tangent_eigenvalue_max,
        "multiplier": best.multiplier,
        "rate_observed": observed_rate(recording, recording.best),
        "rate_predicted": best.rate_predicted,
        "reach": problem.reach,
        "q": None if proof is None else proof.q,
        "g_min": None if proof is None else proof.g_min,
        "gap": None if proof is None or not len(losses) else proof.gap(best.loss),
        "certified": ball.unique,
        "maxima_proven": ball.maxima_of_loss,
        **_regularity(problem, recording, interrupted),
    }


def _tests(problem: Problem, recording: Recording, interrupted: Callable[[], bool]) -> list[LocalMaximum]:
    """The local-maximum test of each path's end, of the first order alone where that tells a row all that it needs.

    Where the gradient still leads along the set nothing but the strongest end needs a second derivative: such a point
    is no maximum. Which reason there is for none to be told (as for relu) depends on all of them.
    """

    def tested(k: int, second_order: bool) -> LocalMaximum:
        end = torch.tensor(recording.delta[-1, k])
        if not second_order:
            return first_order_at(problem.objective, problem.constraint, end)
        return local_maximum_at(
            problem.objective,
            problem.constraint,
            end,
            eta=recording.eta,
            rule=problem.experiment.ascent.rule,
            interrupted=interrupted,
            climbing=False,
        )

    best = tested(recording.best, True)
    tests = []
    for k in range(recording.restarts):
        give_way(interrupted)
        first = best if k == recording.best else tested(k, False)
        needed = first is not best and (first.stationary or best.local_maximum is None)
        tests.append(tested(k, True) if needed else first)
    return tests


def _clean_loss(problem: Problem) -> float:
    exact = problem.objective.exact
    _, loss, _ = exact.evaluate(torch.zeros_like(exact.x))
    return float(loss)


def _steps(recording: Recording) -> list[float]:
    """By which steps a quarter, half and three quarters of the paths had converged; inf where fewer ever did."""
    steps = np.sort(np.where(recording.converged_at < 0, np.inf, recording.converged_at))
    return [float(steps[math.ceil(share * len(steps)) - 1]) for share in (0.25, 0.5, 0.75)]


def _regularity(problem: Problem, recording: Recording, interrupted: Callable[[], bool]) -> Row:
    give_way(interrupted)
    ends = drawable(recording.delta[-1])
    ends = ends[np.isfinite(ends).all(1)]
    measured = nonlinearity(problem.objective, problem.constraint, torch.from_numpy(ends), interrupted=interrupted)
    share = None
    if not isinstance(problem.constraint, LinfBall):
        try:
            share = concave_share(problem.objective, problem.constraint.epsilon, interrupted=interrupted).share
        except (NoCurvatureError, ValueError):
            share = None  # no second derivative, or no sphere in one dimension
    return {
        "nonlinearity": measured.remainder,
        "nonlinearity_relative": measured.relative,
        "misalignment": measured.misalignment,
        "concave_share": share,
    }
