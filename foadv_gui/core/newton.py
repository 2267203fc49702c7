"""Newton's step to a maximum on a constraint set, and the extreme curvatures that say whether there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, minres

from .spectrum import DENSE_LIMIT, ends_of
from .threads import abandonable

if TYPE_CHECKING:
    from torch import Tensor

    from .spectrum import ReducedHessian

ROUND_OFF = 1e-12
"""The relative distance to the multiplier within which an eigenvalue decides nothing."""
_REGULAR = 1e-6
"""The relative distance of all eigenvalues to the multiplier at which a plain solver is as good as the eigenvectors."""


def newton_step(reduced: ReducedHessian, rhs: Tensor, multiplier: float) -> tuple[float, float, Tensor | None]:
    """The extreme eigenvalues mu_min, mu_max of the restricted Hessian M, and Newton's step (lambda I - M)^+ rhs.

    Parameters
    ----------
    reduced
        M, of order `reduced.size`, and zero on `reduced.zeros` further directions.
    rhs
        P g in its coordinates, shape (reduced.size,).
    multiplier
        lambda.

    Returns
    -------
    tuple
        mu_min and mu_max, zeros included, NaN if they did not converge; the step (reduced.size,), None if it did not.

    Raises
    ------
    Interrupted
        When `reduced.interrupted()` is true.
    """
    if reduced.size == 0:  # M is zero on the whole tangent space: one neuron whose weights are the normal
        return 0.0, 0.0, rhs
    if reduced.size <= DENSE_LIMIT:
        low, high, step = abandonable(lambda: _dense(reduced, rhs, multiplier), reduced.interrupted)
    else:
        low, high = ends_of(reduced)
        step = _iterated(reduced, rhs, multiplier)
    if reduced.zeros:
        low, high = min(low, 0.0), max(high, 0.0)
    return low, high, step if step is not None and bool(torch.isfinite(step).all()) else None


def _dense(reduced: ReducedHessian, rhs: Tensor, multiplier: float) -> tuple[float, float, Tensor | None]:
    """What `newton_step` finds, for a matrix that is diagonalised whole."""
    M = reduced.matrix()
    values = np.linalg.eigvalsh(M.numpy())
    low, high = float(values[0]), float(values[-1])
    gaps = np.abs(multiplier - values)
    # Closer than round-off lambda I - M may be singular: then its pseudo-inverse is taken, at six times the time.
    definite = high < multiplier - ROUND_OFF * max(abs(low), abs(high), abs(multiplier))
    if definite or gaps.min() > _REGULAR * gaps.max():
        shifted = multiplier * torch.eye(reduced.size, dtype=M.dtype) - M
        return low, high, torch.linalg.solve(shifted, rhs)
    values, basis = np.linalg.eigh(M.numpy())
    gap, vectors = multiplier - torch.from_numpy(values), torch.from_numpy(basis)
    return low, high, vectors @ torch.where(gap.abs() > ROUND_OFF * gap.abs().max(), (vectors.T @ rhs) / gap, 0)


def _iterated(reduced: ReducedHessian, rhs: Tensor, multiplier: float) -> Tensor | None:
    """The step for a matrix that is only multiplied with; None if the iteration does not converge."""
    n = reduced.size

    def shifted_product(c: np.ndarray) -> np.ndarray:
        c_tensor = torch.from_numpy(np.ascontiguousarray(c).reshape(n))
        return (multiplier * c_tensor - reduced.apply(c_tensor)).numpy()

    operator = LinearOperator((n, n), matvec=shifted_product, dtype=np.float64)
    solution, failed = minres(operator, rhs.numpy(), rtol=1e-10)
    return None if failed else torch.from_numpy(solution)
