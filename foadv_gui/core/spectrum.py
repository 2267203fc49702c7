"""Spectra of the loss's Hessian: Euclidean, and tangent to the constraint set.

Everything here is float64 on the CPU, whatever the run's type.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from .activations import NoCurvatureError
from .interruption import give_way, never
from .places import to_exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from .constraint import ConstraintSet, TangentSpace
    from .objective import Bend, Objective

Kind: TypeAlias = Literal["euclidean", "tangent"]
DENSE_LIMIT = 2000
"""The largest matrix that is diagonalised exactly (about 2 s on two cores); beyond it Lanczos finds the ends."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of H (Euclidean) or of P H P on the tangent space (tangent), ascending.

    Attributes
    ----------
    kind
        Which of the two.
    eigenvalues : (n,)
        All of them if `exact`, else those at both ends that converged.
    zeros
        Further eigenvalues that are exactly zero, since H has rank at most m + 1.
    dimension
        The dimension of the space, len(eigenvalues) + zeros if `exact`.
    multiplier
        lambda = <delta, g>/epsilon^2 on the sphere, 0 elsewhere: a strict maximum has all tangent eigenvalues below it.
    residual
        max |H v - mu v| over the eigenpairs shown: 0 for the dense solver, whose errors are of round-off size.
    """

    kind: Kind
    eigenvalues: NDArray[np.float64]
    zeros: int
    dimension: int
    multiplier: float
    exact: bool
    residual: float

    @property
    def largest(self) -> float:
        """The largest eigenvalue, zeros included; NaN where there is none, or none converged."""
        return self._outermost(-1, max)

    @property
    def smallest(self) -> float:
        """The smallest eigenvalue, zeros included; NaN where there is none, or none converged."""
        return self._outermost(0, min)

    def _outermost(self, index: int, choose: Callable[..., float]) -> float:
        if not len(self.eigenvalues):
            return 0.0 if self.exact and self.zeros else math.nan
        found = float(self.eigenvalues[index])
        return choose(found, 0.0) if self.zeros else found


@dataclass(frozen=True, eq=False)
class ReducedHessian:
    """H restricted to the free directions at a point, written in a small orthonormal basis.

    With B (n, k) an orthonormal basis (None for the identity) of a space that contains range(H) and the normal, WB its
    product with the first layer's W (None where there is no such layer: then B is the identity), and the Householder
    reflection that maps the normal (in that basis) to the first axis, the restricted operator is `matrix()` on k - 1
    (or k, without a normal) coordinates and zero on the `zeros` directions left over.
    """

    objective: Objective
    delta: Tensor
    free: Tensor
    WB: Tensor | None
    basis: Tensor | None
    reflector: Tensor | None
    interrupted: Callable[[], bool] = never

    @property
    def size(self) -> int:
        """The order of the reduced matrix."""
        columns = int(self.free.sum()) if self.WB is None else self.WB.shape[1]
        return columns - (self.reflector is not None)

    @property
    def dimension(self) -> int:
        """The dimension of the space that H is restricted to."""
        return int(self.free.sum()) - (self.reflector is not None)

    @property
    def zeros(self) -> int:
        """The multiplicity of the eigenvalue 0 outside the reduced basis."""
        return self.dimension - self.size

    def matrix(self) -> Tensor:
        """The restricted Hessian, (size, size).

        Raises
        ------
        NoCurvatureError
            For relu, and where an entry overflows.
        """
        WB = torch.eye(len(self.free), dtype=torch.float64)[:, self.free] if self.WB is None else self.WB
        M = _finite(self._bend.between(WB))
        if self.reflector is None:
            return M
        w = self.reflector
        # (I - 2 w w^T) M (I - 2 w w^T) = M - 2 w b^T - 2 b w^T with b = M w - (w.M w) w: no matrix product.
        Mw = M @ w
        b = Mw - (w @ Mw) * w
        return torch.addr(torch.addr(M, w, b, alpha=-2), b, w, alpha=-2)[1:, 1:]

    def reduce(self, v: Tensor) -> Tensor:
        """The coordinates (size,) of the free tangent part of v (d,)."""
        v = v[self.free]
        c = v if self.basis is None else self.basis.T @ v
        if self.reflector is None:
            return c
        return (c - 2 * self.reflector * (self.reflector @ c))[1:]

    def lift(self, c: Tensor) -> Tensor:
        """The vector (d,) with coordinates c (size,): the adjoint of `reduce`."""
        if self.reflector is not None:
            c = torch.cat([c.new_zeros(1), c])
            c = c - 2 * self.reflector * (self.reflector @ c)
        v = self.delta.new_zeros(self.free.shape[0])
        v[self.free] = c if self.basis is None else self.basis @ c
        return v

    @cached_property
    def _bend(self) -> Bend:
        """The Hessian by the pre-activations."""
        return self.objective.bend(self.delta)

    def apply(self, c: Tensor) -> Tensor:
        """The restricted Hessian times c (..., size), by two thin matrix products around that of the later layers.

        Raises
        ------
        Interrupted
            When `interrupted()` is true: an iterative solver takes hundreds of these.
        NoCurvatureError
            For relu, and where the product overflows.
        """
        give_way(self.interrupted)
        w = self.reflector
        if w is not None:
            c = torch.nn.functional.pad(c, (1, 0))
            c = c - 2 * (c @ w).unsqueeze(-1) * w
        if self.WB is not None:
            bent = self._bend.times(c @ self.WB.T) @ self.WB
        else:
            v = c.new_zeros((*c.shape[:-1], len(self.free)))
            v[..., self.free] = c
            bent = self._bend.times(v)[..., self.free]
        if w is not None:
            bent = (bent - 2 * (bent @ w).unsqueeze(-1) * w)[..., 1:]
        return _finite(bent)


def _finite(part: Tensor) -> Tensor:
    """A part of the Hessian; raises NoCurvatureError where it overflows."""
    if not bool(torch.isfinite(part).all()):
        raise NoCurvatureError("the Hessian overflows here: smaller weights, inputs or labels would keep it finite")
    return part


@torch.inference_mode()
def restrict(
    objective: Objective,
    delta: Tensor,
    tangent: TangentSpace | None,
    interrupted: Callable[[], bool] = never,
) -> ReducedHessian:
    """H at delta (d,) restricted to a tangent space (None: to all of R^d)."""
    objective, delta = objective.exact, to_exact(delta)
    first, d = objective.first, objective.dimension
    free = torch.ones(d, dtype=torch.bool) if tangent is None else tangent.free.cpu()
    normal = None if tangent is None or tangent.normal is None else tangent.normal.to(delta)[free]
    n = int(free.sum())
    basis: Tensor | None = None
    W = WB = None if first is None else first.W if n == d else first.W[:, free]
    if first is not None and W is not None and objective.width + 1 < n:
        if n == d:
            basis, R = first.row_basis
        else:
            basis, R = torch.linalg.qr(W.T)
        WB = R.T
        if normal is not None:
            outside = normal - basis @ (basis.T @ normal)
            outside = outside - basis @ (basis.T @ outside)
            length = torch.linalg.vector_norm(outside)
            if length > 1e-12:
                outside = outside / length
                basis = torch.cat([basis, outside.unsqueeze(1)], 1)
                WB = torch.cat([WB, (W @ outside).unsqueeze(1)], 1)
    reflector = None
    if normal is not None:
        reflector = (normal if basis is None else basis.T @ normal).clone()
        reflector = reflector / torch.linalg.vector_norm(reflector)
        # The sign that does not cancel.
        reflector[0] += torch.where(reflector[0] < 0, -1.0, 1.0)
        reflector = reflector / torch.linalg.vector_norm(reflector)
    return ReducedHessian(objective, delta, free, WB, basis, reflector, interrupted)


@torch.inference_mode()
def hessian_spectrum(
    objective: Objective, constraint: ConstraintSet, delta: Tensor, kind: Kind, *, ends: int = 10
) -> Spectrum:
    """The Hessian's spectrum at delta (d,): exact up to DENSE_LIMIT, else `ends` eigenvalues at both ends.

    Raises
    ------
    NoCurvatureError
        For relu, where the Hessian overflows, and where no eigenvalue converged.
    """
    multiplier, reduced = restricted(objective, constraint, delta, kind)
    if reduced.size <= DENSE_LIMIT:
        eigenvalues = np.linalg.eigvalsh(reduced.matrix().numpy()) if reduced.size else np.empty(0)
        return Spectrum(kind, eigenvalues, reduced.zeros, reduced.dimension, multiplier, True, 0.0)
    values, _, residual = lanczos(reduced, ends)
    if not len(values):
        raise NoCurvatureError("the Hessian's extreme eigenvalues did not converge")
    return Spectrum(kind, values, reduced.zeros, reduced.dimension, multiplier, False, residual)


@torch.inference_mode()
def extreme_eigenvalues(
    objective: Objective,
    constraint: ConstraintSet,
    delta: Tensor,
    kind: Kind,
    interrupted: Callable[[], bool] = never,
) -> tuple[float, float, float]:
    """(smallest, largest, multiplier) at delta (d,): dense where that is quicker than Lanczos.

    NaN for an end where no direction is left, or that did not converge.

    Raises
    ------
    Interrupted
        When `interrupted()` is true between two products.
    NoCurvatureError
        For relu, and where the Hessian overflows.
    """
    multiplier, reduced = restricted(objective, constraint, delta, kind, interrupted)
    exact = reduced.size <= 256
    if exact:
        values = np.linalg.eigvalsh(reduced.matrix().numpy()) if reduced.size else np.empty(0)
    else:
        values = np.array(ends_of(reduced, tolerance=1e-8))
    spectrum = Spectrum(kind, values, reduced.zeros, reduced.dimension, multiplier, exact, 0.0)
    return spectrum.smallest, spectrum.largest, multiplier


@torch.inference_mode()
def top_eigenvectors(objective: Objective, constraint: ConstraintSet, delta: Tensor, *, count: int) -> list[Tensor]:
    """Unit eigenvectors (d,) of the `count` largest tangent eigenvalues at delta (d,), largest first."""
    _, reduced = restricted(objective, constraint, delta, "tangent")
    count = min(count, reduced.size)
    if reduced.size <= DENSE_LIMIT:
        columns = _eigenvectors(reduced).T.flip(0)[:count]
    else:
        _, found, _ = lanczos(reduced, count)
        columns = torch.from_numpy(found.T[::-1][:count].copy())
    return [reduced.lift(column) for column in columns]


@torch.inference_mode()
def eigenvector(objective: Objective, constraint: ConstraintSet, delta: Tensor, kind: Kind, index: int) -> Tensor:
    """The unit eigenvector (d,) of the index-th eigenvalue of `hessian_spectrum` at delta (d,)."""
    _, reduced = restricted(objective, constraint, delta, kind)
    if reduced.size <= DENSE_LIMIT:
        return reduced.lift(_eigenvectors(reduced)[:, index])
    _, found, _ = lanczos(reduced, 10)
    return reduced.lift(torch.from_numpy(found[:, index].copy()))


def _eigenvectors(reduced: ReducedHessian) -> Tensor:
    """All eigenvectors, (size, size), a column each, by ascending eigenvalue."""
    # NumPy's solver lets the other threads of Python run, and is quicker than torch's.
    return torch.from_numpy(np.linalg.eigh(reduced.matrix().numpy())[1])


def restricted(
    objective: Objective,
    constraint: ConstraintSet,
    delta: Tensor,
    kind: Kind,
    interrupted: Callable[[], bool] = never,
) -> tuple[float, ReducedHessian]:
    """The multiplier at delta (d,), and the Hessian restricted to what `kind` says; its `apply` gives way."""
    exact, point = objective.exact, to_exact(delta)
    tangent = tangent_space_at(exact, constraint, point, delta.dtype)
    return tangent.multiplier, restrict(exact, point, tangent if kind == "tangent" else None, interrupted)


def tangent_space_at(
    objective: Objective, constraint: ConstraintSet, delta: Tensor, dtype: torch.dtype
) -> TangentSpace:
    """The tangent space at delta (d,) in float64, where delta may come from a run in the coarser `dtype`."""
    exact_set = constraint.to(device=torch.device("cpu"), dtype=torch.float64)
    delta = on_exact_set(exact_set, delta, dtype)
    return exact_set.tangent_space(delta, objective.evaluate(delta).gradient)


def on_exact_set(constraint: ConstraintSet, delta: Tensor, dtype: torch.dtype) -> Tensor:
    """The point of a float64 set that delta (d,), computed in the coarser `dtype`, stands for.

    A float32 iterate misses the boundary by its own round-off: it is put on it. Coordinates that no constraint holds
    stay as they are.
    """
    if dtype == torch.float64 or bool(constraint.size(delta) < constraint.epsilon * (1 - 1e-5)):
        return delta
    stretched = delta * (1 + 1e-5)
    projected = constraint.project(stretched)
    return torch.where(projected == stretched, delta, projected)


def ends_of(reduced: ReducedHessian, *, tolerance: float = 1e-10) -> tuple[float, float]:
    """(mu_min, mu_max) of a restricted Hessian by Lanczos.

    NaN unless both converged: one alone does not say which end it is of.
    """
    values, _, _ = lanczos(reduced, 1, tolerance=tolerance)
    return (float(values[0]), float(values[-1])) if len(values) == 2 else (math.nan, math.nan)


def lanczos(
    reduced: ReducedHessian, ends: int, *, tolerance: float = 1e-10
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The `ends` smallest and largest eigenpairs of a restricted Hessian by implicitly restarted Lanczos (ARPACK).

    Returns
    -------
    values : (k,) ascending, vectors : (size, k), residual : max |H v - mu v|
        Only pairs that converged; k < 2 ends if some did not.
    """
    n = reduced.size

    def product(c: NDArray[np.float64]) -> NDArray[np.float64]:
        with torch.inference_mode():
            return reduced.apply(torch.from_numpy(np.ascontiguousarray(c).reshape(n))).numpy()

    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
    v0 = np.random.default_rng(0).standard_normal(n)
    k = min(2 * ends, n - 2)
    try:
        values, vectors = eigsh(operator, k=k, which="BE", tol=tolerance, v0=v0, ncv=min(n, max(2 * k + 1, 24)))
    except ArpackNoConvergence as problem:
        values, vectors = problem.eigenvalues, problem.eigenvectors  # type: ignore[assignment]
    order = np.argsort(values)
    mu, V = np.asarray(values, np.float64)[order], np.asarray(vectors, np.float64)[:, order]
    residual = max((float(np.linalg.norm(product(v) - e * v)) for e, v in zip(mu, V.T, strict=True)), default=0.0)
    return mu, V, residual
