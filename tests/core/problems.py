"""Seeded random problems, and the same mathematics once more in plain NumPy and SciPy to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import minimize, nnls

from foadv_gui.core.activations import ACTIVATIONS, Activation
from foadv_gui.core.constraint import CONSTRAINTS, ConstraintSet
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary

if TYPE_CHECKING:
    from collections.abc import Callable

Array: TypeAlias = NDArray[np.float64]

SMOOTH = [name for name, activation in ACTIVATIONS.items() if activation.smooth]
CONSTRAINT_NAMES = list(CONSTRAINTS)


def tensor(values: object, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.tensor(np.asarray(values), dtype=dtype)


def normal(seed: int, *shape: int) -> torch.Tensor:
    return tensor(np.random.default_rng(seed).standard_normal(shape))


def problem(
    d: int = 5,
    m: int = 9,
    activation: str | Activation = "tanh",
    *,
    seed: int = 0,
    y: float = 1.0,
    gamma: float = 1.0,
    kappa: float = 1.0,
    dtype: torch.dtype = torch.float64,
) -> QuadraticAdversary:
    """The random network of the theory, with a clean input of length gamma."""
    generator = np.random.default_rng(seed)
    W = kappa * generator.standard_normal((m, d))
    a = generator.choice([-1.0, 1.0], m) / np.sqrt(m)
    x_hat = generator.standard_normal(d)
    sigma = ACTIVATIONS[activation] if isinstance(activation, str) else activation
    network = TwoLayerNetwork(tensor(W, dtype), tensor(a, dtype), sigma)
    return QuadraticAdversary(network, tensor(gamma * x_hat / np.linalg.norm(x_hat), dtype), y)


def sum_of_sines(x: list[float], dtype: torch.dtype = torch.float64) -> QuadraticAdversary:
    """L = (sum_i sin(x_i + delta_i))^2/2: separable, with everything known."""
    d = len(x)
    network = TwoLayerNetwork(torch.eye(d, dtype=dtype), torch.ones(d, dtype=dtype), ACTIVATIONS["sin"])
    return QuadraticAdversary(network, tensor(x, dtype), 0.0)


def random_box(d: int, epsilon: float, seed: int, *, share: float = 1.2) -> tuple[torch.Tensor, torch.Tensor]:
    """A box around 0 with sides of some epsilon/sqrt(d): some faces bind, others do not, and its corners stick out."""
    generator = np.random.default_rng([seed, 11])
    reach = share * epsilon / np.sqrt(d)
    return tensor(-reach * generator.uniform(0.1, 2, d)), tensor(reach * generator.uniform(0.1, 2, d))


def make_set(name: str, epsilon: float, d: int, seed: int | None = None) -> ConstraintSet:
    """The set called `name`; with a seed, within a random box."""
    return CONSTRAINTS[name](epsilon, None if seed is None else random_box(d, epsilon, seed))


# A set, and points of it: how far they reach beyond the set decides which faces are active.
dimensions = st.integers(1, 12)
seeds = st.integers(0, 10_000)
reaches = st.sampled_from([0.2, 0.9, 1.5, 5.0, 50.0])
radii = st.sampled_from([1e-3, 0.3, 1.0, 40.0])
boxed = st.booleans()


def draw_set(name: str, epsilon: float, d: int, seed: int, boxed: bool) -> ConstraintSet:
    try:
        return make_set(name, epsilon, d, seed if boxed else None)
    except ValueError:  # a random box may lie inside the sphere
        assume(False)
        raise


def outside_points(constraint: ConstraintSet, seed: int, n: int, d: int, reach: float) -> torch.Tensor:
    return reach * constraint.epsilon / np.sqrt(d) * normal(seed, n, d)


# ---------------------------------------------------------------------------- the mathematics in NumPy and SciPy

NUMPY_ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh": (np.tanh, lambda p: 1 / np.cosh(np.clip(p, -300, 300)) ** 2),
    "sigmoid": (special.expit, lambda p: special.expit(p) * special.expit(-p)),
    "softplus": (lambda p: np.logaddexp(p, 0), special.expit),
    "erf": (special.erf, lambda p: 2 / np.sqrt(np.pi) * np.exp(-(p**2))),
    "gelu": (
        lambda p: p * special.ndtr(p),
        lambda p: special.ndtr(p) + p * np.exp(-(p**2) / 2) / np.sqrt(2 * np.pi),
    ),
    "silu": (lambda p: p * special.expit(p), lambda p: special.expit(p) * (1 + p * special.expit(-p))),
    "sin": (np.sin, np.cos),
    "relu": (lambda p: np.maximum(p, 0), lambda p: (p > 0).astype(float)),
    "linear": (lambda p: p, np.ones_like),
}


def numpy_value_and_gradient(objective: QuadraticAdversary, delta: Array) -> tuple[float, Array]:
    """f(x + delta) and grad L(delta) at one point (d,)."""
    sigma, slope = NUMPY_ACTIVATIONS[objective.network.activation.name]
    W, a = objective.network.W.numpy(), objective.network.a.numpy()
    p = W @ (objective.x.numpy() + delta)
    value = float(a @ sigma(p))
    return value, (value - objective.y) * (W.T @ (a * slope(p)))


def numpy_loss(objective: QuadraticAdversary, delta: Array) -> Array:
    """L at points (..., d)."""
    sigma, _ = NUMPY_ACTIVATIONS[objective.network.activation.name]
    p = (objective.x.numpy() + delta) @ objective.network.W.numpy().T
    return 0.5 * (sigma(p) @ objective.network.a.numpy() - objective.y) ** 2


def bounds_of(constraint: ConstraintSet, d: int) -> tuple[Array, Array]:
    """The coordinatewise bounds of a set: of its box, and of the l-infinity ball itself."""
    lower, upper = np.full(d, -np.inf), np.full(d, np.inf)
    if constraint.box is not None:
        lower, upper = constraint.box[0].numpy(), constraint.box[1].numpy()
    if type(constraint).__name__ == "LinfBall":
        lower, upper = np.maximum(lower, -constraint.epsilon), np.minimum(upper, constraint.epsilon)
    return lower, upper


def is_l2(constraint: ConstraintSet) -> bool:
    return type(constraint).__name__ != "LinfBall"


def is_member(constraint: ConstraintSet, delta: Array, tolerance: float = 1e-12) -> NDArray[np.bool_]:
    """Membership of points (..., d), for the ball also where the set is the sphere."""
    lower, upper = bounds_of(constraint, delta.shape[-1])
    slack = tolerance * constraint.epsilon
    inside = ((delta >= lower - slack) & (delta <= upper + slack)).all(-1)
    if is_l2(constraint):
        inside &= np.linalg.norm(delta, axis=-1) <= constraint.epsilon + slack
    return inside


def numpy_project(constraint: ConstraintSet, v: Array) -> Array:
    """The projection of one point, by bisection on the multiplier where ball and box meet."""
    lower, upper = bounds_of(constraint, len(v))
    epsilon, name = constraint.epsilon, type(constraint).__name__
    if name == "L2Sphere" and constraint.box is None:
        return v * epsilon / np.linalg.norm(v)
    clipped = np.clip(v, lower, upper)
    if name == "LinfBall" or (name == "L2Ball" and np.linalg.norm(clipped) <= epsilon):
        return clipped
    low, high = 0.0, 1.0  # the ray clip(s v) grows with s
    while np.linalg.norm(np.clip(high * v, lower, upper)) < epsilon:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if np.linalg.norm(np.clip(middle * v, lower, upper)) < epsilon:
            low = middle
        else:
            high = middle
    return np.clip(high * v, lower, upper)


def slsqp_over_ball(constraint: ConstraintSet, function: Callable[[Array], tuple[float, Array]], start: Array) -> Array:
    """The minimiser over the convex hull of the set (its ball and box) of a convex function with its gradient."""
    lower, upper = bounds_of(constraint, len(start))
    ball = {
        "type": "ineq",
        "fun": lambda z: 0.5 * (constraint.epsilon**2 - z @ z),
        "jac": lambda z: -z,
    }
    found = minimize(
        function,
        start,
        jac=True,
        method="SLSQP",
        bounds=list(zip(lower, upper, strict=True)),
        constraints=[ball] if is_l2(constraint) else [],
        options={"ftol": 1e-16, "maxiter": 500},
    )
    return np.asarray(found.x)


def normal_cone_part(rows: Array, g: Array) -> Array:
    """The projection of g on the cone that the rows generate (NNLS); g minus it is g's part along the set (Moreau)."""
    if not len(rows):
        return np.zeros_like(g)
    weights, _ = nnls(rows.T, g)
    return rows.T @ weights
