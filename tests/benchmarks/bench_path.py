"""One path of the ascent against the bare loop that it stands for, and 64 against the machine's matrix products."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import torch
from sizes import FULL, Size, experiment
from timing import Row, compare, tell

from foadv_gui.core.threads import use_one_thread
from foadv_gui.lab.experiment import climb, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from foadv_gui.lab.experiment import Problem

RESTARTS = 64


def rows(size: Size = FULL) -> Iterator[Row]:
    """The ratio that the design bounds, and what share of the GEMM rate many restarts reach."""
    use_one_thread()
    alone = prepare(experiment(size, restarts=1, tolerance=0))
    steps = alone.experiment.ascent.steps + 1
    yield compare(
        f"one path, a step (d={size.dimension}, m={size.width}), over W@z, tanh, c@W",
        lambda: climb(alone),
        lambda: bare_loop(alone, steps),
        1.3,
        rounds=size.rounds,
        scale=steps,
    )
    yield _many(size)


def bare_loop(problem: Problem, steps: int) -> torch.Tensor:
    """The closed form written out, without projection, measures, or a recording."""
    W, a = problem.objective.network.W, problem.objective.network.a
    y, eta = problem.objective.y, problem.eta
    with torch.inference_mode():
        z = problem.objective.x + problem.starts[0]
        for _ in range(steps):
            h = torch.tanh(W @ z)
            residual = h @ a - y
            z = z + (eta * residual) * ((a * (1 - h * h)) @ W)
    return z


def _many(size: Size) -> Row:
    """Operations a second of 64 restarts, 4 m d K a step, beside those of the two products alone."""
    problem = prepare(experiment(size, restarts=RESTARTS, tolerance=0, steps=max(1, size.steps // 8)))
    steps = problem.experiment.ascent.steps + 1
    W, z = problem.objective.network.W, problem.starts

    def products() -> None:
        with torch.inference_mode():
            for _ in range(steps):
                (z @ W.T) @ W

    operations = 4e-9 * size.width * size.dimension * RESTARTS * steps
    rates: list[tuple[float, float]] = []
    for _ in range(max(2, size.rounds // 3)):
        pair = []
        for work in (lambda: climb(problem), products):
            started = time.perf_counter()
            work()
            pair.append(operations / (time.perf_counter() - started))
        rates.append((pair[0], pair[1]))
    value, baseline = (statistics.median(column) for column in zip(*rates, strict=True))
    share = statistics.median(one / other for one, other in rates)
    return Row(f"{RESTARTS} restarts, over the rate of their matrix products", value, "Gflop/s", baseline, share)


if __name__ == "__main__":
    tell(rows())
