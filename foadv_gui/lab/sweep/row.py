"""How a row of a sweep is computed."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.constraint import LinfBall
from foadv_gui.core.cores import one_core
from foadv_gui.core.interruption import Interrupted, never
from foadv_gui.core.regularity import concave_share, nonlinearity
from foadv_gui.lab.experiment import climb, prepare
from foadv_gui.lab.judge import Judge
from foadv_gui.lab.survey import maxima_of
from foadv_gui.lab.sweep.columns import COLUMNS, Column, Row, failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.experiment import Problem
    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.sweep.grid import Point

__all__ = ["COLUMNS", "Column", "Row", "measure"]


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
    except Exception as error:  # one point's failure is never the end of the sweep
        row["error"] = " ".join(f"{type(error).__name__}: {error}".split())
    row["seconds"] = round(time.perf_counter() - began, 6)
    return {name: None if isinstance(cell, float) and not math.isfinite(cell) else cell for name, cell in row.items()}


def _findings(point: Point, interrupted: Callable[[], bool]) -> Row:
    problem = prepare(point.experiment)
    recording = climb(problem, interrupted=interrupted)
    if interrupted():
        raise Interrupted
    judge = Judge(problem, recording)
    verdicts = [judge.verdict(k, interrupted) for k in range(recording.restarts)]
    maxima, untold = maxima_of(recording, [verdict.test for verdict in verdicts], interrupted)
    best = verdicts[recording.best].test
    proof = judge.ball(interrupted).proof
    losses = recording.loss[-1].astype(np.float64)
    low, median, high = _steps(recording)
    return {
        "device": problem.device,
        "restarts": recording.restarts,
        "epsilon": recording.epsilon,
        "eta": recording.eta,
        "steps_low": low,
        "steps_median": median,
        "steps_high": high,
        "unconverged": float((recording.converged_at < 0).mean()),
        "local_maxima": None if untold else sum(verdict.test.local_maximum is True for verdict in verdicts),
        "distinct_maxima": None if untold else len(maxima.sizes),
        "loss_clean": _clean_loss(problem),
        "loss_best": float(losses.max()),
        "loss_median": float(np.median(losses)),
        "loss_spread": float(losses.max() - losses.min()),
        "cosine": best.cosine,
        "tangent_eigenvalue_max": best.tangent_eigenvalue_max,
        "multiplier": best.multiplier,
        "rate_observed": verdicts[recording.best].rate_observed,
        "rate_predicted": best.rate_predicted,
        "reach": problem.reach,
        "q": None if proof is None else proof.q,
        "g_min": None if proof is None else proof.g_min,
        "gap": None if proof is None else proof.gap(float(losses.max())),
        "certified": judge.ball().unique,
        "maxima_proven": judge.ball().maxima_of_loss,
        **_regularity(problem, recording, interrupted),
    }


def _clean_loss(problem: Problem) -> float:
    exact = problem.objective.exact
    _, loss, _ = exact.evaluate(torch.zeros_like(exact.x))
    return float(loss)


def _steps(recording: Recording) -> tuple[float, float, float]:
    """The quartiles of the steps to convergence, those that did not converge counted as infinitely many."""
    steps = np.where(recording.converged_at < 0, np.inf, recording.converged_at)
    low, median, high = np.quantile(steps, [0.25, 0.5, 0.75], method="inverted_cdf")
    return float(low), float(median), float(high)


def _regularity(problem: Problem, recording: Recording, interrupted: Callable[[], bool]) -> Row:
    ends = np.asarray(recording.delta[-1], np.float64)
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
