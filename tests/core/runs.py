"""Runs of an ascent put together, and what is asked of their ends."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import torch
from problems import SMOOTH, normal, problem, tensor

from foadv_gui.core.ascent import MEASURES, ProjectedGradientAscent, StopReason, relative_step
from foadv_gui.core.certificate import LocalMaximum, local_maximum_at
from foadv_gui.core.constraint import ConstraintSet, L2Ball

if TYPE_CHECKING:
    from problems import Array

    from foadv_gui.core.objective import QuadraticAdversary

CURVED = [name for name in SMOOTH if name != "linear"]


@dataclasses.dataclass
class Run:
    """All blocks of an ascent put together."""

    delta: torch.Tensor
    measures: dict[str, torch.Tensor]
    stop_reason: list[StopReason]
    converged_at: list[int]
    firsts: list[int]


def ascend(ascent: ProjectedGradientAscent, starts: torch.Tensor, steps: int, **options: object) -> Run:
    blocks = list(ascent.blocks(starts, steps, **options))
    assert [block.done for block in blocks] == [False] * (len(blocks) - 1) + [True]
    return Run(
        torch.cat([block.delta for block in blocks]),
        {name: torch.cat([block.measures[name] for block in blocks]) for name in MEASURES},
        blocks[-1].stop_reason,
        blocks[-1].converged_at,
        [block.first for block in blocks],
    )


def starts_for(constraint: ConstraintSet, K: int, d: int, seed: int = 5) -> torch.Tensor:
    return constraint.project(0.5 * constraint.epsilon * normal(seed, K, d))


def ascent_on(
    objective: QuadraticAdversary,
    constraint: ConstraintSet,
    starts: torch.Tensor,
    *,
    rule: str = "gradient",
    step: float = 0.3,
    tolerance: float = 0.0,
) -> ProjectedGradientAscent:
    eta = relative_step(step, rule, objective, constraint, starts)
    return ProjectedGradientAscent(objective, constraint, rule, eta, tolerance)


def identical(one: Run, other: Run) -> bool:
    same = torch.equal(one.delta, other.delta)
    same &= all(torch.equal(one.measures[name], other.measures[name]) for name in MEASURES)
    return same and one.stop_reason == other.stop_reason and one.converged_at == other.converged_at


def verdict(
    objective: QuadraticAdversary,
    constraint: ConstraintSet,
    delta: torch.Tensor | Array,
    *,
    eta: float = 0.1,
    rule: str = "gradient",
) -> LocalMaximum:
    point = delta if isinstance(delta, torch.Tensor) else tensor(delta)
    return local_maximum_at(objective, constraint, point, eta=eta, rule=rule)


def path(
    objective: QuadraticAdversary,
    constraint: ConstraintSet,
    start: torch.Tensor,
    eta: float,
    steps: int,
    rule: str = "gradient",
) -> torch.Tensor:
    ascent = ProjectedGradientAscent(objective, constraint, rule, eta, 0.0)
    return torch.cat([block.delta[:, 0] for block in ascent.blocks(constraint.project(start)[None], steps)])


def polished(seed: int, activation: str, *, d: int = 12, gamma: float = 0.5, rule: str = "gradient", step: float = 0.3):
    """A run that converges to round-off: objective, constraint, eta and its path, ending at the maximum."""
    objective, constraint = problem(d, 30, activation, seed=seed, gamma=gamma), L2Ball(0.4 * gamma)
    start = constraint.project(constraint.epsilon * normal(seed, d))
    eta = relative_step(step, rule, objective, constraint, start[None])
    return objective, constraint, eta, path(objective, constraint, start, eta, 1500, rule)


def observed_rate(run: torch.Tensor, maximum: torch.Tensor, epsilon: float) -> float:
    """The slope of log |delta_t - delta_*| over the last decades before round-off."""
    log_distance = torch.log10(torch.linalg.vector_norm(run - maximum, dim=-1) / epsilon).numpy()
    t = np.flatnonzero((log_distance < -4) & (log_distance > -11))
    assert len(t) >= 4, "too fast to measure"
    return float(10 ** np.polyfit(t, log_distance[t], 1)[0])
