"""What a sweep finds out about one point: the columns of its table, and how a row of it is computed."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.constraint import LinfBall
from foadv_gui.core.interruption import Interrupted, never
from foadv_gui.core.regularity import concave_share, nonlinearity
from foadv_gui.core.threads import one_core
from foadv_gui.lab.experiment import climb, prepare
from foadv_gui.lab.judge import Judge
from foadv_gui.lab.survey import maxima_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.experiment import Problem
    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.sweep.grid import Point

Cell: TypeAlias = "int | float | bool | str | None"
Row: TypeAlias = "dict[str, Cell]"
Kind = Literal["int", "float", "bool", "text"]


@dataclass(frozen=True)
class Column:
    """A column of the table: its `name` in the file, and what people read. A cell is empty where nothing applies."""

    name: str
    title: str
    symbol: str
    unit: str
    kind: Kind
    help: str


COLUMNS: tuple[Column, ...] = (
    Column("restarts", "Restarts", "K", "paths", "int", "How many paths climbed."),
    Column("epsilon", "Radius", "ε", "", "float", "The radius of the set, ε = ρ·γ."),
    Column("eta", "Step", "η", "", "float", "The absolute step."),
    Column(
        "steps_median",
        "Steps to convergence",
        "",
        "steps",
        "float",
        "The median over the restarts of the first step at which a path had converged; empty where half of them had "
        "not, so that it is more than the steps that were taken.",
    ),
    Column("steps_low", "Steps, lower quartile", "", "steps", "float", "As the median, for the fastest quarter."),
    Column(
        "steps_high", "Steps, upper quartile", "", "steps", "float", "As the median, for all but the slowest quarter."
    ),
    Column(
        "unconverged", "Unconverged share", "", "of the paths", "float", "Paths that met the step limit, or diverged."
    ),
    Column(
        "local_maxima", "Ends at a maximum", "", "paths", "int", "Paths whose end is a strict local maximum (tested)."
    ),
    Column(
        "distinct_maxima", "Distinct maxima", "", "maxima", "int", "Different ones among these ends, by angle and loss."
    ),
    Column("loss_clean", "Loss of the clean input", "L(0)", "", "float", "The loss before any step."),
    Column("loss_best", "Best loss", "L", "", "float", "The greatest loss that a path ended with."),
    Column("loss_median", "Median loss", "L", "", "float", "The median over the restarts of the loss at the end."),
    Column("loss_spread", "Spread of the loss", "", "", "float", "The greatest loss at an end less the smallest."),
    Column("cosine", "Alignment", "cos(δ, ∇L)", "", "float", "Between the strongest path's end and its gradient."),
    Column(
        "tangent_eigenvalue_max",
        "Top tangent eigenvalue",
        "λ_max",
        "",
        "float",
        "Of the tangent Hessian at the strongest path's end; a maximum where it is below the multiplier.",
    ),
    Column("multiplier", "Multiplier", "λ", "", "float", "λ = ⟨δ, ∇L⟩/ε² at the strongest path's end."),
    Column(
        "rate_observed", "Observed rate", "", "per step", "float", "At which the strongest path closed in on its end."
    ),
    Column("rate_predicted", "Predicted rate", "", "per step", "float", "Of the ascent there, from its Hessian."),
    Column("reach", "Reach", "k", "", "float", "k = ε|∇f(x)|/|r|: above 1, f can pass y inside the set."),
    Column(
        "q", "Contraction", "q", "", "float", "Below 1, f is proven to have one maximum and one minimum on the ball."
    ),
    Column("g_min", "Least gradient", "g_min", "", "float", "A lower bound of |∇f| on the ball."),
    Column("gap", "Gap", "1 − L/U", "", "float", "How far the best loss is at most below the strongest in the ball."),
    Column("certified", "Certified", "q < 1", "", "bool", "Whether uniqueness of the poles is proven."),
    Column("maxima_proven", "Maxima proven", "", "maxima", "int", "How many local maxima L is proven to have."),
    Column(
        "nonlinearity", "Nonlinearity", "max |L − L_lin|", "", "float", "The most that L strays from its tangent at 0."
    ),
    Column("nonlinearity_relative", "Relative nonlinearity", "", "× the linear gain", "float", "Over ε|∇L(0)|."),
    Column(
        "misalignment", "Gradient misalignment", "E[1 − cos]", "", "float", "Between ∇L(0) and ∇L(δ), δ in the set."
    ),
    Column(
        "concave_share", "Concave share", "", "of the sphere", "float", "Where the loss is concave along the sphere."
    ),
    Column("seconds", "Time", "", "s", "float", "How long the point took, on one process."),
    Column("device", "Device", "", "", "text", "Where it was computed, and how exactly."),
    Column("error", "Error", "", "", "text", "Why the point could not be computed; then all else is empty."),
)
"""What is found out about a point; before them come `point`, `key` and a column for each setting that varies."""


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


def failure(point: Point, error: str | None) -> Row:
    """The row of a point of which nothing is known but why."""
    row: Row = {"point": point.index, "key": point.key, **dict(zip(point.sweep.keys, point.values, strict=True))}
    return row | dict.fromkeys(column.name for column in COLUMNS) | {"error": error}


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
