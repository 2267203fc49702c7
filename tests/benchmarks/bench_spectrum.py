"""The exact spectrum at the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from sizes import FULL, Size, experiment
from timing import Row, compare, tell

from foadv_gui.core.spectrum import hessian_spectrum
from foadv_gui.core.threads import use_one_thread
from foadv_gui.lab.experiment import climb, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(size: Size = FULL) -> Iterator[Row]:
    """All eigenvalues of the tangent Hessian, beside `eigvalsh` of a matrix of that size alone."""
    use_one_thread()
    problem = prepare(experiment(size))
    end = torch.tensor(climb(problem).delta[-1, 0])
    n = size.dimension
    noise = torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    plain = noise + noise.T
    row = compare(
        f"exact spectrum (d={n}), over eigvalsh alone",
        lambda: hessian_spectrum(problem.objective, problem.constraint, end, "tangent"),
        lambda: np.linalg.eigvalsh(plain.numpy()),
        None,
        rounds=max(2, size.rounds // 3),
        scale=1,
    )
    yield Row(row.name, row.value, row.unit, row.baseline, row.ratio, "<= 60 ms", row.value <= 60)


if __name__ == "__main__":
    tell(rows())
