"""A 201 x 201 landscape by the affine shortcut, against its activations alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from sizes import FULL, Size, experiment
from timing import Row, compare, tell

from foadv_gui.core.cores import cores
from foadv_gui.core.landscape import PlanarPreactivations, residual_on_grid
from foadv_gui.core.plane import PathContext, make_plane
from foadv_gui.core.threads import in_parallel, use_one_thread
from foadv_gui.lab.experiment import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 2**19


def rows(size: Size = FULL) -> Iterator[Row]:
    """The ratio that the design bounds; both sides on the same threads, with the same tanh."""
    use_one_thread()
    problem = prepare(experiment(size))
    starts = problem.starts.double()
    plane = make_plane(
        "clean-gradient-random", PathContext(problem.objective.exact, problem.constraint, starts, starts)
    )
    planar = PlanarPreactivations.of(problem.objective, plane)
    along = torch.linspace(-1, 1, size.grid, dtype=torch.float64) * problem.constraint.epsilon
    a, activation = problem.objective.network.a, problem.objective.network.activation
    held = max(1, BLOCK_BYTES // (size.width * a.element_size()))
    blocks = -(-(size.grid**2) // held)

    def activations(count: int) -> None:
        block = torch.zeros(held, size.width, dtype=a.dtype)
        for _ in range(count):
            activation.value_over(block) @ a

    def bare() -> None:
        share, rest = divmod(blocks, cores())
        in_parallel(activations, [share + (i < rest) for i in range(cores())])

    yield compare(
        f"{size.grid} x {size.grid} slice (m={size.width}), over its tanh and the product with a",
        lambda: residual_on_grid(planar, along, along),
        bare,
        1.5,
        rounds=size.rounds,
        scale=1,
    )


if __name__ == "__main__":
    tell(rows())
