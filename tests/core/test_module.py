"""The adversary of any model and loss: as the closed form where there is one, else as autograd and SciPy."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from problems import normal, tensor
from torch import nn

from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.affine import Affine
from foadv_gui.core.ascent import ProjectedGradientAscent, relative_step
from foadv_gui.core.certificate import local_maximum_at
from foadv_gui.core.constraint import L2Ball, LinfBall
from foadv_gui.core.density import lanczos_density
from foadv_gui.core.landscape import (
    PlanarPreactivations,
    curvature_on_grid,
    gradient_at,
    heights_at,
    residual_on_grid,
)
from foadv_gui.core.losses import CrossEntropy, Hinge, Logistic, OwnLoss, Quadratic
from foadv_gui.core.models import FullyConnectedNetwork
from foadv_gui.core.module import ModuleAdversary
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.core.plane import PLANES, PathContext, make_plane
from foadv_gui.core.poles import poles
from foadv_gui.core.regularity import concave_share, great_circle, nonlinearity, segment
from foadv_gui.core.spectrum import eigenvector, extreme_eigenvalues, hessian_spectrum, restricted
from foadv_gui.core.sphere import SpherePreactivations, make_subspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.core.losses import Loss

D, M, EPSILON = 6, 10, 0.4
SPAN = torch.linspace(-0.6, 0.6, 9, dtype=torch.float64)


def two_layers(name: str = "tanh", *, biased: bool = True, d: int = D, m: int = M, seed: int = 0) -> TwoLayerNetwork:
    b, c = (normal(seed + 3, m), normal(seed + 4)) if biased else (None, None)
    return TwoLayerNetwork(normal(seed + 1, m, d), normal(seed + 2, m) / m**0.5, ACTIVATIONS[name], b, c)


def both(
    name: str = "tanh", *, biased: bool = True, d: int = D, m: int = M
) -> tuple[QuadraticAdversary, ModuleAdversary]:
    """One problem in closed form and by automatic differentiation."""
    network, x = two_layers(name, biased=biased, d=d, m=m), normal(9, d)
    return QuadraticAdversary(network, x, 0.4), ModuleAdversary(FullyConnectedNetwork.of(network), Quadratic(0.4), x)


def deep(*widths: int, name: str = "tanh", seed: int = 0) -> FullyConnectedNetwork:
    layers = [
        Affine(normal(seed + i, after, before) / before**0.5, 0.3 * normal(seed + 50 + i, after))
        for i, (before, after) in enumerate(itertools.pairwise(widths))
    ]
    return FullyConnectedNetwork(tuple(layers), ACTIVATIONS[name])


def close(one: Any, other: Any, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=tolerance, atol=tolerance)


# -- one network, both ways ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_derivatives_of_two_layers_are_those_of_the_closed_form(name: str, biased: bool) -> None:
    closed, generic = both(name, biased=biased)
    delta, v = 0.3 * normal(5, 2, 3, D), normal(6, 2, 3, D)
    for one, other in zip(closed.evaluate(delta), generic.evaluate(delta), strict=True):
        close(one, other)
    close(closed.value(delta), generic.value(delta))
    for one, other in zip(closed.value_and_slope(delta), generic.value_and_slope(delta), strict=True):
        close(one, other)
    if name == "relu":
        for objective in (closed, generic):
            with pytest.raises(NoCurvatureError, match="piecewise linear"):
                objective.hessian_vector_product(delta, v)
        return
    close(closed.hessian_vector_product(delta, v), generic.hessian_vector_product(delta, v))
    close(closed.hessian_vector_product(delta[0, 0], v), generic.hessian_vector_product(delta[0, 0], v))
    close(closed.hessian(delta[0, 0]), generic.hessian(delta[0, 0]))


@pytest.mark.parametrize("rule", ["gradient", "normalized", "sign"])
@pytest.mark.parametrize("constraint", [L2Ball(EPSILON), LinfBall(EPSILON)])
def test_ascents_are_the_same(constraint: Any, rule: str) -> None:
    found = []
    for objective in both():
        starts = constraint.project(0.2 * normal(7, 4, D))
        eta = relative_step(0.5, rule, objective, constraint, starts)
        blocks = list(ProjectedGradientAscent(objective, constraint, rule, eta, 1e-9).blocks(starts, 60))
        found.append((eta, torch.cat([block.delta for block in blocks]), blocks))
    close(found[0][0], found[1][0])
    close(found[0][1], found[1][1])
    assert found[0][2][-1].stop_reason == found[1][2][-1].stop_reason
    for name in found[0][2][0].measures:
        close(found[0][2][0].measures[name], found[1][2][0].measures[name], 1e-8 if name == "tangential" else 1e-10)


def test_a_loss_of_ones_own_with_a_kink_has_no_second_derivative_to_speak_of() -> None:
    x, delta = normal(1, 4), torch.zeros(4, dtype=torch.float64)
    smooth = OwnLoss(0.0, function=lambda z: torch.logsumexp(z, -1) - z[..., 1])
    assert ModuleAdversary(deep(4, 6, 3), smooth, x).hessian(delta).any()
    kinked = OwnLoss(0.0, function=lambda z: torch.relu(1 - z[..., 0]))
    with pytest.raises(NoCurvatureError, match="relu has kinks"):
        ModuleAdversary(deep(4, 6, 3), kinked, x).hessian(delta)


@pytest.mark.parametrize("name", list(PLANES))
def test_planes_and_what_is_on_them_are_the_same(name: str) -> None:
    seen = []
    for objective in both():
        path = EPSILON * torch.nn.functional.normalize(normal(8, 4, D), dim=-1)
        plane = make_plane(name, PathContext(objective, L2Ball(EPSILON), path, path))
        planar = PlanarPreactivations.of(objective, plane)
        where = 0.3 * normal(9, 5, 2)
        curved = curvature_on_grid(objective, L2Ball(EPSILON), plane, SPAN, SPAN)
        parts = [
            residual_on_grid(planar, SPAN, SPAN),
            objective.value_and_loss(heights_at(planar, where))[0],
            gradient_at(planar, where),
            curved,
        ]
        seen.append([plane.origin, plane.u, plane.v, *parts])
    for one, other in zip(*(parts[:-1] for parts in seen), strict=True):
        close(one, other, 1e-9 if name == "two-poles" else 1e-10)  # an iteration that ends early
    close(seen[0][-1], seen[1][-1], 1e-7)  # Lanczos may end where round-off ends it


@pytest.mark.parametrize(("d", "m"), [(D, M), (12, 3)])
def test_second_order_statements_are_the_same(d: int, m: int) -> None:
    constraint = L2Ball(EPSILON)
    closed, generic = both(d=d, m=m)
    starts = constraint.project(normal(10, 3, d))
    eta = relative_step(0.5, "gradient", closed, constraint, starts)
    *_, last = ProjectedGradientAscent(closed, constraint, "gradient", eta, 1e-10).blocks(starts, 500)
    end = last.delta[-1, 0]
    for kind in ("euclidean", "tangent"):
        one, other = (hessian_spectrum(objective, constraint, end, kind) for objective in (closed, generic))
        close(one.eigenvalues, other.eigenvalues)
        assert (one.zeros, one.dimension) == (other.zeros, other.dimension)
        close(*(extreme_eigenvalues(objective, constraint, end, kind) for objective in (closed, generic)))
        close(*(eigenvector(objective, constraint, end, kind, 0).abs() for objective in (closed, generic)), 1e-7)
    tests = [local_maximum_at(o, constraint, end, eta=eta, rule="gradient") for o in (closed, generic)]
    assert tests[0].local_maximum and tests[1].local_maximum
    for name in ("tangential", "cosine", "multiplier", "tangent_eigenvalue_max", "rate_predicted", "loss"):
        close(getattr(tests[0], name), getattr(tests[1], name), 1e-9)


def test_spheres_ways_and_regularity_are_the_same() -> None:
    constraint, seen = L2Ball(EPSILON), []
    for objective in both():
        ends = EPSILON * torch.nn.functional.normalize(normal(8, 3, D), dim=-1)
        context = PathContext(objective, constraint, ends, ends)
        subspace = make_subspace("maximum-and-eigenvectors", context)
        heights = SpherePreactivations.of(objective, subspace.E).heights(EPSILON * normal(2, 50, 3))
        sphere, _ = objective.value_and_loss(heights)
        straight, around = segment(objective, ends[0], ends[1]), great_circle(objective, ends[0], ends[1])
        linear = nonlinearity(objective, constraint, ends, points=40)
        concave = concave_share(objective, EPSILON, points=16)
        two = poles(objective, constraint)
        density = lanczos_density(restricted(objective, constraint, ends[0], "euclidean")[1])
        seen.append(
            [
                subspace.E.abs(),
                sphere,
                *straight,
                *around,
                linear.remainder,
                linear.gain,
                linear.misalignment,
                concave.concave,
                two,
                *(density.weights @ density.nodes**k for k in range(4)),
            ]
        )
    for one, other in zip(*seen, strict=True):
        close(one, other, 1e-7)


def test_single_precision_and_double_agree() -> None:
    _, objective = both()
    delta = 0.3 * normal(5, 4, D)
    for one, other in zip(objective.single.evaluate(delta.float()), objective.evaluate(delta), strict=True):
        assert one.dtype == torch.float32
        close(one, other, 1e-5)
    assert objective.single.exact.dtype == torch.float64


@pytest.mark.gpu
def test_the_device_agrees_with_the_cpu(device: torch.device) -> None:
    objective = ModuleAdversary(deep(D, 9, 7, 3), CrossEntropy(1), normal(1, D)).single
    there = objective.to(device=device)
    delta = 0.3 * normal(5, 4, D).float()
    for one, other in zip(there.evaluate(delta.to(device)), objective.evaluate(delta), strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=2e-4, atol=5e-5)


# -- deeper networks and other losses --------------------------------------------------------------------------------


def plain_loss(kind: type[Loss]) -> tuple[Loss, Callable[[torch.Tensor], torch.Tensor]]:
    """A loss of three outputs, and the same by torch.nn.functional."""
    functional = nn.functional
    label = torch.tensor([1])
    pairs: dict[type[Loss], tuple[Loss, Callable[[torch.Tensor], torch.Tensor]]] = {
        Quadratic: (Quadratic(0.3, (2,)), lambda z: (z[2] - 0.3) ** 2 / 2),
        Logistic: (Logistic(-1.0, (0, 2)), lambda z: -functional.logsigmoid(z[2] - z[0])),
        CrossEntropy: (CrossEntropy(1), lambda z: functional.cross_entropy(z.unsqueeze(0), label)),
        Hinge: (Hinge(1), _crammer_singer),
    }
    return pairs[kind]


def _crammer_singer(z: torch.Tensor) -> torch.Tensor:
    return torch.relu(1 - (z[1] - torch.maximum(z[0], z[2])))


@pytest.mark.parametrize("kind", [Quadratic, Logistic, CrossEntropy, Hinge])
@pytest.mark.parametrize("widths", [(5, 3), (5, 7, 3), (5, 8, 6, 3), (5, 4, 4, 4, 3)])
def test_a_deep_network_is_differentiated_as_by_autograd(widths: tuple[int, ...], kind: type[Loss]) -> None:
    network, (loss, truth) = deep(*widths, seed=3), plain_loss(kind)
    objective, x = ModuleAdversary(network, loss, normal(1, 5)), normal(1, 5)

    def plain(delta: torch.Tensor) -> torch.Tensor:
        h = x + delta
        for i, layer in enumerate(network.layers):
            h = torch.einsum("rd,d->r", layer.W, torch.tanh(h) if i else h) + layer.b
        return truth(h)

    for delta in 0.4 * normal(2, 3, 5):
        close(objective.evaluate(delta).loss, plain(delta))
        close(objective.evaluate(delta).gradient, torch.autograd.functional.jacobian(plain, delta))
        H = torch.autograd.functional.hessian(plain, delta)
        close(objective.hessian(delta), H)
        close(objective.hessian_vector_product(delta, x), H @ x)
        _, loss_there = objective.value_and_loss(
            objective.heights_over(objective.with_bias(objective.along(x + delta)))
        )
        close(loss_there, plain(delta))


def test_a_pole_of_the_margin_is_where_scipy_finds_it() -> None:
    from scipy.optimize import minimize

    objective = ModuleAdversary(deep(4, 6, 5, 3, seed=2), CrossEntropy(0), normal(1, 4))
    constraint = L2Ball(0.2)
    found = objective.value(poles(objective, constraint))

    def value(sign: float, point: np.ndarray) -> float:
        length = max(float(np.linalg.norm(point)) / 0.2, 1.0)
        return sign * float(objective.value(tensor(point / length)))

    for sign, pole in ((-1.0, found[0]), (1.0, found[1])):
        best = min(
            minimize(lambda p, s=sign: value(s, p), p0, method="Nelder-Mead").fun
            for p0 in 0.1 * normal(3, 3, 4).numpy()
        )
        assert float(pole) == pytest.approx(sign * best, abs=2e-4)


# -- elsewhere --------------------------------------------------------------------------------------------------------


def test_a_loss_of_ones_own_is_followed_itself() -> None:
    objective = ModuleAdversary(
        deep(4, 6, 3), OwnLoss(0.0, function=lambda z: torch.logsumexp(z, -1) + z[..., 0] ** 2), normal(1, 4)
    )
    value, loss, gradient = objective.evaluate(0.1 * normal(2, 5, 4))
    close(value, loss)
    h = 1e-6
    for axis, e in enumerate(torch.eye(4, dtype=torch.float64)):
        above, below = (objective.evaluate(0.1 * normal(2, 5, 4) + s * h * e).loss for s in (1, -1))
        close(gradient[:, axis], (above - below) / (2 * h), 1e-7)


def test_everything_works_on_tensors_made_under_inference_mode() -> None:
    with torch.inference_mode():
        network = deep(4, 6, 3)
        objective = ModuleAdversary(network, CrossEntropy(1), normal(1, 4) * 1.0)
        _, loss, gradient = objective.evaluate(0.1 * normal(2, 4) * 1.0)
        assert math.isfinite(float(loss)) and bool(gradient.isfinite().all())
        assert objective.hessian(gradient * 0).shape == (4, 4)
