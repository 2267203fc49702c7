"""Second-order measures of a network that is being trained: by its inputs at some points, and by its weights.

Everything is evaluated in float64 on the CPU, whatever the type of the training.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from .activations import NoCurvatureError
from .attack import as_learner
from .ball import bounds
from .interruption import give_way, never
from .norms import norm
from .objective import QuadraticAdversary
from .places import to_exact
from .spectrum import DENSE_LIMIT, ends_of, restrict
from .threads import abandonable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from .attack import Points, Trainee
    from .learner import Learner
    from .network import TwoLayerNetwork
    from .spectrum import ReducedHessian

_DENSE = 256
"""Up to this order a symmetric matrix is diagonalised, beyond it Lanczos finds its largest eigenvalue sooner."""
_GRAM_LIMIT = 4000
"""Up to so many points their n x n tangent kernel is built (128 MiB), beyond it only multiplied by, which is slower."""
_POWER_STEPS = 6
"""So many products show where a proof has no chance; a hopeless one fails by far."""


@torch.inference_mode()
def contractions(
    network: TwoLayerNetwork, X: Tensor, epsilon: float, interrupted: Callable[[], bool] = never
) -> NDArray[np.float64]:
    """The Lipschitz constant q of the l2 ball of radius epsilon around each point X (P, d), as `core.ball.prove`; (P,).

    q = epsilon M2/g_min, g_min = |grad f(x)| - epsilon M2 > 0, with the bounds of `core.ball.BallProof`; the labels do
    not matter. q < 1 proves that f has one maximiser and one minimiser on the ball. NaN where g_min <= 0, or where the
    network overflows.

    g_min falls as the norms |A|_op in M2 grow, and |A v|/|v| <= |A|_op for each v. Where g_min <= 0 already with these,
    v from the power iteration, nothing is diagonalised.

    Raises
    ------
    NoCurvatureError
        For relu.
    Interrupted
        When `interrupted()` is true.
    """
    exact, X = network.exact, to_exact(X)
    _ = exact.activation.bent  # relu has none
    found = np.full(len(X), math.nan)
    for i, x in enumerate(X):
        give_way(interrupted)
        objective = QuadraticAdversary(exact, x, 0.0)
        try:
            if bounds(objective, epsilon, norm=_at_least).g_min > 0:
                q = bounds(objective, epsilon, interrupted).contraction(epsilon)
                found[i] = math.nan if q is None else q
        except NoCurvatureError:  # it overflows
            continue
    return found


def _at_least(W: Tensor, weights: Tensor) -> float:
    """A lower bound of |W^T diag(weights) W|_op by power iteration, less the round-off of its products."""
    v = W.sum(0)
    length = norm(v)
    for _ in range(_POWER_STEPS):
        if not (length > 0 and torch.isfinite(length)):
            return 0.0  # which is always true
        v = (weights * (W @ (v / length))) @ W
        length = norm(v)
    return (1 - 1e-9) * float(length) if bool(torch.isfinite(length)) else 0.0


@torch.inference_mode()
def top_eigenvalues(trainee: Trainee, points: Points, interrupted: Callable[[], bool] = never) -> NDArray[np.float64]:
    """The largest eigenvalue of hess L at each clean point (x, y); (P,).

    For the quadratic loss hess L = r hess f + grad f grad f^T, r = f - y. NaN where the Hessian overflows, or
    Lanczos does not converge.

    Raises
    ------
    NoCurvatureError
        For relu.
    Interrupted
        When `interrupted()` is true.
    """
    learner = as_learner(trainee)
    found = np.full(len(points), math.nan)
    for i in range(len(points)):
        give_way(interrupted)
        reduced = _hessian(learner, points.X[i], float(points.y[i]), interrupted)
        try:
            if reduced.size <= _DENSE:
                top = float(np.linalg.eigvalsh(reduced.matrix().numpy())[-1])
            else:
                top = ends_of(reduced, tolerance=1e-10)[1]
        except NoCurvatureError:
            continue
        found[i] = max(top, 0.0) if reduced.zeros else top
    return found


@torch.inference_mode()
def profile(trainee: Trainee, x: Tensor, y: float) -> NDArray[np.float64]:
    """All eigenvalues of hess L at the clean point (x, y), descending; (d,). See `top_eigenvalues`.

    Source: Moosavi-Dezfooli et al. 2019, who compare them before and after adversarial training.

    Raises
    ------
    NoCurvatureError
        For relu, where the Hessian overflows, and where it is too large to be diagonalised.
    """
    reduced = _hessian(as_learner(trainee), x, y)
    if reduced.size > DENSE_LIMIT:
        raise NoCurvatureError(
            f"the Hessian has more than {DENSE_LIMIT} eigenvalues: smaller inputs or a narrower network have fewer"
        )
    values = np.concatenate([np.linalg.eigvalsh(reduced.matrix().numpy()), np.zeros(reduced.zeros)])
    descending: NDArray[np.float64] = np.sort(values)[::-1].copy()
    return descending


def _hessian(learner: Learner, x: Tensor, y: float, interrupted: Callable[[], bool] = never) -> ReducedHessian:
    x = to_exact(x)
    objective = learner.exact.objective(x, y)
    if objective.why_no_curvature:
        raise NoCurvatureError(objective.why_no_curvature)
    return restrict(objective, torch.zeros_like(x), None, interrupted)


@torch.inference_mode()
def sharpness(network: TwoLayerNetwork, z: Tensor, train_a: bool, interrupted: Callable[[], bool] = never) -> float:
    """The largest eigenvalue of (1/n) J J^T, J (n, p) the Jacobian of f at points z (n, d) by the weights.

    The Gauss-Newton matrix J^T J/n of the mean loss has the same eigenvalues but for zeros, and is its Hessian but for
    terms in the residuals. As grad_W f(z_i) = s_i z_i^T with s_i = a sigma'(W z_i), and grad_a f(z_i) = h_i =
    sigma(W z_i),

        J J^T = (S S^T) o (Z Z^T)  [+ H H^T where a is trained],

    S and H (n, m) with the rows s_i and h_i and o the product of entries: the tangent kernel. With biases, z_i and h_i
    have one more entry, 1. Gradient descent on a
    loss that is nearly quadratic with this curvature diverges at a rate above 2/sharpness.

    Returns
    -------
    float
        NaN where the network overflows.

    Raises
    ------
    Interrupted
        When `interrupted()` is true while the kernel is built, or between two products with it.

    Source: Jacot, Gabriel, Hongler 2018 (the kernel); Cohen et al. 2021 (2/sharpness).
    """
    exact, z = network.exact, to_exact(z)
    h, slope = exact.activation.value_and_first(exact.preactivation(z))
    S, n = slope * exact.a, len(z)
    z, h = z if exact.b is None else _with_one(z), h if exact.c is None else _with_one(h)
    parts = (S, z, h) if train_a else (S, z)
    if not all(bool(torch.isfinite(part).all()) for part in parts):
        return math.nan
    if n > _GRAM_LIMIT:
        return _top(n, lambda v: _tangent_kernel_product(S, z, h if train_a else None, v), interrupted) / n

    def gram() -> Tensor:
        found = (S @ S.T) * (z @ z.T)
        return torch.addmm(found, h, h.T) if train_a else found

    kernel = gram() if n <= _DENSE else abandonable(gram, interrupted)
    if not bool(torch.isfinite(kernel).all()):
        return math.nan
    if n <= _DENSE:
        return float(np.linalg.eigvalsh(kernel.numpy())[-1]) / n
    return _top(n, lambda v: kernel @ v, interrupted) / n


def _with_one(rows: Tensor) -> Tensor:
    """Rows (n, k) with an entry 1 more, (n, k + 1)."""
    return torch.cat([rows, torch.ones_like(rows[:, :1])], 1)


def _tangent_kernel_product(S: Tensor, z: Tensor, h: Tensor | None, v: Tensor) -> Tensor:
    """J J^T v (n,) by J^T v = S^T diag(v) Z, (m, d), at 2 n m d multiplications."""
    product = ((S @ (S.T @ (v.unsqueeze(-1) * z))) * z).sum(-1)
    return product if h is None else product + h @ (v @ h)


def _top(n: int, product: Callable[[Tensor], Tensor], interrupted: Callable[[], bool]) -> float:
    """The largest eigenvalue of a positive semidefinite matrix of order n by Lanczos."""

    def multiply(v: NDArray[np.float64]) -> NDArray[np.float64]:
        give_way(interrupted)
        with torch.inference_mode():
            found: NDArray[np.float64] = product(torch.from_numpy(v.reshape(n))).numpy()
        return found

    operator = LinearOperator((n, n), matvec=multiply, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n)
    try:
        return float(eigsh(operator, k=1, which="LA", tol=1e-8, v0=start, return_eigenvectors=False)[0])
    except ArpackNoConvergence:
        return math.nan
