"""A 201 x 201 landscape by the affine shortcut, against its activations alone, or a deep network's later layers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from sizes import FULL, Size, experiment
from timing import Row, compare, tell

from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.affine import Affine
from foadv_gui.core.constraint import L2Ball
from foadv_gui.core.cores import cores
from foadv_gui.core.landscape import PlanarPreactivations, heights_on_grid, points_held, residual_on_grid
from foadv_gui.core.losses import CrossEntropy
from foadv_gui.core.models import FullyConnectedNetwork
from foadv_gui.core.module import ModuleAdversary
from foadv_gui.core.plane import PathContext, make_plane
from foadv_gui.core.threads import in_parallel, use_one_thread
from foadv_gui.lab.experiment import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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

    def activations(count: int) -> None:
        block = torch.zeros(held, size.width, dtype=a.dtype)
        for _ in range(count):
            activation.value_over(block) @ a

    name = f"slice (m={size.width}), over its tanh and the product with a"
    yield _over(activations, held, name, lambda: residual_on_grid(planar, along, along), 1.5, size)
    yield _deep(size)


def _deep(size: Size) -> Row:
    """A 64-128-128-10 tanh classifier of digits (or a tiny one), over a bare batched forward of its later layers."""
    d, m, classes = min(size.dimension, 64), min(size.width, 128), 10
    generator = torch.Generator().manual_seed(0)
    widths = (d, m, m, classes)
    layers = tuple(
        Affine(torch.randn(after, before, generator=generator) / before**0.5, torch.randn(after, generator=generator))
        for before, after in pairwise(widths)
    )
    x = torch.randn(d, generator=generator)
    objective = ModuleAdversary(FullyConnectedNetwork(layers, ACTIVATIONS["tanh"]), CrossEntropy(3), x)
    sides = torch.randn(4, d, generator=generator).double()
    plane = make_plane("two-random", PathContext(objective.exact, L2Ball(0.3), sides, sides))
    planar = PlanarPreactivations.of(objective, plane)
    along = torch.linspace(-0.3, 0.3, size.grid, dtype=torch.float64)
    second, third = layers[1:]
    bend = ACTIVATIONS["tanh"].value_over
    held = points_held(objective)

    def forward(count: int) -> None:
        block = torch.zeros(held, m)
        for _ in range(count):
            third(bend(second(bend(block))))

    name = f"slice of a {'-'.join(map(str, widths))} classifier, over its later layers"
    return _over(forward, held, name, lambda: heights_on_grid(planar, along, along), 1.3, size)


def _over(
    bare: Callable[[int], None], held: int, name: str, slice_: Callable[[], object], most: float, size: Size
) -> Row:
    """A slice over its bare blocks of `held` points, so many of which `bare(count)` computes on each core."""
    share, rest = divmod(-(-(size.grid**2) // held), cores())
    counts = [share + (i < rest) for i in range(cores())]
    title = f"{size.grid} x {size.grid} {name}"
    return compare(title, slice_, lambda: in_parallel(bare, counts), most, rounds=size.rounds, scale=1)


if __name__ == "__main__":
    tell(rows())
