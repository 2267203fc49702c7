"""Euclidean and tangent spectra against explicit projectors and dense eigensolvers, Lanczos against both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from problems import SMOOTH, Array, make_set, normal, problem, tensor
from scipy.linalg import null_space
from scipy.sparse.linalg import ArpackNoConvergence

from foadv_gui.core import spectrum as spectrum_module
from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.constraint import ConstraintSet, L2Ball, LinfBall
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.core.spectrum import (
    ReducedHessian,
    Spectrum,
    eigenvector,
    extreme_eigenvalues,
    hessian_spectrum,
    lanczos,
    restrict,
    tangent_space_at,
    top_eigenvectors,
)

if TYPE_CHECKING:
    from foadv_gui.core.constraint import TangentSpace

# (d, m): wide, narrow enough for the reduced basis, just too wide for it, one neuron, one dimension.
SHAPES = [(6, 20), (30, 8), (9, 8), (10, 8), (7, 1), (2, 1), (2, 5), (1, 4)]


def plain_hessian(objective: QuadraticAdversary, delta: torch.Tensor) -> Array:
    """The full (d, d) Hessian by autograd of the loss, without the code under test."""
    network = objective.exact.network
    sigma = network.activation.value

    def loss(point: torch.Tensor) -> torch.Tensor:
        return 0.5 * (network.a @ sigma(network.W @ (objective.exact.x + point)) - objective.y) ** 2

    return torch.autograd.functional.hessian(loss, delta.double()).numpy()


def boundary_point(constraint: ConstraintSet, d: int, seed: int = 3) -> torch.Tensor:
    return constraint.project(9 * normal(seed, d))


def with_zeros(eigenvalues: Array, zeros: int) -> Array:
    return np.sort(np.concatenate([eigenvalues, np.zeros(zeros)]))


@pytest.mark.parametrize(("d", "m"), SHAPES)
@pytest.mark.parametrize("activation", ["tanh", "softplus", "linear"])
def test_the_euclidean_spectrum_is_the_one_of_the_full_hessian(d: int, m: int, activation: str) -> None:
    objective, delta = problem(d, m, activation, seed=d + m), 0.2 * normal(1, d)
    spectrum = hessian_spectrum(objective, L2Ball(1.0), delta, "euclidean")
    assert (spectrum.kind, spectrum.exact, spectrum.residual, spectrum.dimension) == ("euclidean", True, 0.0, d)
    assert spectrum.zeros == max(0, d - m if m + 1 < d else 0)
    expected = np.linalg.eigvalsh(plain_hessian(objective, delta))
    np.testing.assert_allclose(with_zeros(spectrum.eigenvalues, spectrum.zeros), expected, atol=1e-12)
    assert spectrum.largest == pytest.approx(expected[-1], abs=1e-12)
    assert spectrum.smallest == pytest.approx(expected[0], abs=1e-12)


@pytest.mark.parametrize(("d", "m"), SHAPES)
@pytest.mark.parametrize("activation", ["tanh", "softplus", "linear"])
@pytest.mark.parametrize("name", ["l2-ball", "l2-sphere"])
def test_the_tangent_spectrum_is_the_one_under_an_explicit_projector(
    d: int, m: int, activation: str, name: str
) -> None:
    objective, constraint = problem(d, m, activation, seed=d + m), make_set(name, 0.7, d)
    delta = boundary_point(constraint, d)
    spectrum = hessian_spectrum(objective, constraint, delta, "tangent")
    H, g = plain_hessian(objective, delta), objective.evaluate(delta).gradient
    P = np.eye(d) - np.outer(delta, delta) / float(delta @ delta)
    # P H P has one eigenvalue 0 more, along delta.
    expected = np.linalg.eigvalsh(P @ H @ P)
    np.testing.assert_allclose(with_zeros(spectrum.eigenvalues, spectrum.zeros + 1), expected, atol=1e-12)
    assert spectrum.dimension == d - 1
    assert spectrum.multiplier == pytest.approx(float(delta @ g) / 0.7**2, rel=1e-12)
    in_tangent_basis = null_space(delta.numpy()[None])
    if d > 1:
        expected = np.linalg.eigvalsh(in_tangent_basis.T @ H @ in_tangent_basis)
        assert spectrum.largest == pytest.approx(expected[-1], abs=1e-12)
        assert spectrum.smallest == pytest.approx(expected[0], abs=1e-12)


def test_inside_the_set_the_tangent_spectrum_is_the_euclidean_one() -> None:
    objective, delta = problem(6, 9), 0.1 * normal(1, 6)
    tangent = hessian_spectrum(objective, L2Ball(1.0), delta, "tangent")
    euclidean = hessian_spectrum(objective, L2Ball(1.0), delta, "euclidean")
    np.testing.assert_array_equal(tangent.eigenvalues, euclidean.eigenvalues)
    assert tangent.multiplier == 0


def held_by_some_faces(objective: QuadraticAdversary, name: str) -> tuple[ConstraintSet, torch.Tensor, TangentSpace]:
    """A set with a box, a point of it, and its tangent space, where faces hold some coordinates but not all."""
    d = objective.dimension
    for seed in range(20):
        constraint = make_set(name, 0.7, d, seed)
        g = objective.evaluate(torch.zeros(d, dtype=torch.float64)).gradient
        delta = constraint.project(constraint.support(g) + 0.1 * normal(seed, d))
        space = tangent_space_at(objective, constraint, delta, torch.float64)
        if 1 < int(space.free.sum()) < d:
            return constraint, delta, space
    raise AssertionError("no such box found")


@pytest.mark.parametrize(("d", "m"), [(8, 20), (30, 5)])
@pytest.mark.parametrize("name", ["l2-ball", "l2-sphere", "linf-ball"])
def test_coordinates_that_a_face_holds_leave_the_tangent_spectrum(d: int, m: int, name: str) -> None:
    objective = problem(d, m, seed=2)
    constraint, delta, space = held_by_some_faces(objective, name)
    free = space.free.numpy()
    spectrum = hessian_spectrum(objective, constraint, delta, "tangent")
    H = plain_hessian(objective, delta)[np.ix_(free, free)]
    if space.normal is None:
        expected = np.linalg.eigvalsh(H)
    else:
        basis = null_space(delta.numpy()[free][None])
        expected = np.linalg.eigvalsh(basis.T @ H @ basis)
    np.testing.assert_allclose(with_zeros(spectrum.eigenvalues, spectrum.zeros), expected, atol=1e-12)
    assert spectrum.dimension == len(expected)


# --------------------------------------------------------------------------------------------- the reduced form


def restrictions(d: int, m: int) -> list[ReducedHessian]:
    """All the ways to restrict: nothing, a sphere, faces of a box, both."""
    objective = problem(d, m, seed=1)
    found = []
    for name, box in (("l2-ball", None), ("l2-ball", 5), ("linf-ball", None)):
        constraint = make_set(name, 0.7, d, box)
        delta = constraint.project(constraint.support(normal(6, d)) + 0.1 * normal(7, d))
        found.append(restrict(objective, delta, tangent_space_at(objective, constraint, delta, torch.float64)))
    return [restrict(objective, 0.1 * normal(6, d), None), *found]


@pytest.mark.parametrize(("d", "m"), [(8, 20), (25, 6)])
def test_reduce_and_lift_are_adjoint_and_isometric(d: int, m: int) -> None:
    for reduced in restrictions(d, m):
        c, v = normal(1, reduced.size), normal(2, d)
        lifted = reduced.lift(c)
        torch.testing.assert_close(lifted @ v, c @ reduced.reduce(v), rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(lifted.norm(), c.norm(), rtol=1e-12, atol=0)
        torch.testing.assert_close(reduced.reduce(lifted), c, rtol=0, atol=1e-13)
        assert not lifted[~reduced.free].any()


@pytest.mark.parametrize(("d", "m"), [(8, 20), (25, 6)])
def test_the_matrix_and_the_product_are_the_same_operator(d: int, m: int) -> None:
    for reduced in restrictions(d, m):
        M = reduced.matrix()
        torch.testing.assert_close(M, M.T)
        for seed in range(3):
            c = normal(seed, reduced.size)
            torch.testing.assert_close(reduced.apply(c), M @ c, rtol=1e-11, atol=1e-12)


# ------------------------------------------------------------------------------------------------------- Lanczos


@pytest.mark.parametrize(("d", "m"), [(90, 200), (200, 70)])
@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("ends", [1, 6])
def test_lanczos_finds_both_ends_of_the_dense_spectrum(d: int, m: int, which: int, ends: int) -> None:
    reduced = restrictions(d, m)[which]
    values, vectors, residual = lanczos(reduced, ends)
    dense = torch.linalg.eigvalsh(reduced.matrix()).numpy()
    expected = np.concatenate([dense[:ends], dense[-ends:]])
    np.testing.assert_allclose(values, expected, atol=1e-9 * np.abs(dense).max())
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(2 * ends), atol=1e-8)
    assert residual <= 1e-7 * np.abs(dense).max()
    # The residual told is the residual there is.
    M = reduced.matrix().numpy()
    true = max(np.linalg.norm(M @ v - mu * v) for mu, v in zip(values, vectors.T, strict=True))
    assert residual == pytest.approx(true, rel=0.1, abs=1e-12)


def test_lanczos_shows_only_what_converged(monkeypatch: pytest.MonkeyPatch) -> None:
    reduced = restrictions(90, 200)[0]
    values, vectors, _ = lanczos(reduced, 3)

    def gives_up(*_: object, **__: object) -> None:
        raise ArpackNoConvergence("no convergence", values[[5, 0]], vectors[:, [5, 0]])

    monkeypatch.setattr(spectrum_module, "eigsh", gives_up)
    found, _, residual = lanczos(reduced, 3)
    np.testing.assert_array_equal(found, values[[0, 5]])
    assert residual < 1e-6


@pytest.mark.parametrize("converged", [[], [0], [1]])
@pytest.mark.parametrize(("d", "m"), [(300, 400), (400, 280)])
def test_an_end_that_did_not_converge_is_a_gap_and_no_other_eigenvalue(
    d: int, m: int, converged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, constraint = problem(d, m, seed=d), L2Ball(0.7)
    delta = boundary_point(constraint, d)
    smallest, largest, multiplier = extreme_eigenvalues(objective, constraint, delta, "tangent")
    size = restrict(objective, delta, tangent_space_at(objective, constraint, delta, torch.float64)).size

    def gives_up(*_: object, **__: object) -> None:
        raise ArpackNoConvergence("no", np.array([smallest, largest])[converged], np.eye(size)[:, converged])

    monkeypatch.setattr(spectrum_module, "eigsh", gives_up)
    found = extreme_eigenvalues(objective, constraint, delta, "tangent")
    assert np.isnan(found[:2]).all() and found[2] == multiplier
    monkeypatch.setattr(spectrum_module, "DENSE_LIMIT", 20)
    if not converged:
        with pytest.raises(NoCurvatureError, match="did not converge"):
            hessian_spectrum(objective, constraint, delta, "tangent")


def test_a_spectrum_of_which_nothing_is_known_claims_no_zero() -> None:
    for zeros in (0, 3):
        nothing = Spectrum("tangent", np.empty(0), zeros, 9, 0.0, False, 0.0)
        assert np.isnan([nothing.smallest, nothing.largest]).all()
    flat = Spectrum("tangent", np.empty(0), 3, 3, 0.0, True, 0.0)
    assert (flat.smallest, flat.largest) == (0, 0)


def overflowing(d: int, m: int) -> QuadraticAdversary:
    network = problem(d, m).network
    large = TwoLayerNetwork(network.W, 1e200 * network.a, network.activation)
    return QuadraticAdversary(large, 0.1 * normal(1, d), 1.0)


@pytest.mark.parametrize(
    ("objective", "reason"),
    [(overflowing(5, 9), "overflows"), (overflowing(300, 400), "overflows"), (problem(activation="relu"), "relu")],
)
@pytest.mark.parametrize("kind", ["euclidean", "tangent"])
def test_without_a_hessian_there_is_a_reason(objective: QuadraticAdversary, reason: str, kind: str) -> None:
    constraint = L2Ball(0.7)
    delta = boundary_point(constraint, objective.dimension)
    for question in (
        lambda: hessian_spectrum(objective, constraint, delta, kind),
        lambda: extreme_eigenvalues(objective, constraint, delta, kind),
        lambda: top_eigenvectors(objective, constraint, delta, count=2),
    ):
        with pytest.raises(NoCurvatureError, match=reason):
            question()


@pytest.mark.parametrize("kind", ["euclidean", "tangent"])
def test_beyond_the_dense_limit_the_ends_are_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objective, constraint = problem(60, 150, seed=4), L2Ball(0.5)
    delta = boundary_point(constraint, 60)
    dense = hessian_spectrum(objective, constraint, delta, kind)
    vectors = [eigenvector(objective, constraint, delta, kind, index) for index in (0, -1)]
    top = top_eigenvectors(objective, constraint, delta, count=2)
    monkeypatch.setattr(spectrum_module, "DENSE_LIMIT", 20)
    large = hessian_spectrum(objective, constraint, delta, kind, ends=10)
    assert not large.exact
    assert large.residual < 1e-8
    assert (large.dimension, large.multiplier, large.zeros) == (dense.dimension, dense.multiplier, 0)
    np.testing.assert_allclose(large.eigenvalues[:10], dense.eigenvalues[:10], atol=1e-9)
    np.testing.assert_allclose(large.eigenvalues[-10:], dense.eigenvalues[-10:], atol=1e-9)
    for index, vector in zip((0, -1), vectors, strict=True):
        again = eigenvector(objective, constraint, delta, kind, index)
        assert abs(float(again @ vector)) == pytest.approx(1, abs=1e-8)
    for one, other in zip(top_eigenvectors(objective, constraint, delta, count=2), top, strict=True):
        assert abs(float(one @ other)) == pytest.approx(1, abs=1e-8)


# ------------------------------------------------------------------------------------------- extremes, vectors


@pytest.mark.parametrize(("d", "m"), [*SHAPES, (300, 400), (400, 280)])
@pytest.mark.parametrize("kind", ["euclidean", "tangent"])
def test_the_extreme_eigenvalues_are_the_ends_of_the_spectrum(d: int, m: int, kind: str) -> None:
    objective, constraint = problem(d, m, seed=d), L2Ball(0.7)
    delta = boundary_point(constraint, d)
    spectrum = hessian_spectrum(objective, constraint, delta, kind)
    smallest, largest, multiplier = extreme_eigenvalues(objective, constraint, delta, kind)
    if not spectrum.dimension:
        assert np.isnan([smallest, largest, spectrum.smallest, spectrum.largest]).all()
        return
    scale = abs(spectrum.smallest) + abs(spectrum.largest) + 1e-12
    assert smallest == pytest.approx(spectrum.smallest, abs=1e-7 * scale)
    assert largest == pytest.approx(spectrum.largest, abs=1e-7 * scale)
    assert multiplier == spectrum.multiplier


@pytest.mark.parametrize(("d", "m"), [(6, 20), (30, 8)])
@pytest.mark.parametrize("activation", SMOOTH)
def test_the_top_eigenvectors_are_tangent_orthonormal_and_eigen(d: int, m: int, activation: str) -> None:
    objective, constraint = problem(d, m, activation, seed=1), L2Ball(0.7)
    delta = boundary_point(constraint, d)
    vectors = torch.stack(top_eigenvectors(objective, constraint, delta, count=2)).numpy()
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(vectors @ delta.numpy(), 0, atol=1e-12)
    P = np.eye(d) - np.outer(delta, delta) / float(delta @ delta)
    PHP = P @ plain_hessian(objective, delta) @ P
    rayleigh = np.einsum("kd,de,ke->k", vectors, PHP, vectors)
    np.testing.assert_allclose(vectors @ PHP, rayleigh[:, None] * vectors, atol=1e-10)
    assert rayleigh[0] >= rayleigh[1] - 1e-12
    eigenvalues = hessian_spectrum(objective, constraint, delta, "tangent").eigenvalues
    np.testing.assert_allclose(rayleigh, eigenvalues[:-3:-1], atol=1e-10)


@pytest.mark.parametrize(("d", "m"), [(6, 20), (30, 8)])
@pytest.mark.parametrize("kind", ["euclidean", "tangent"])
def test_every_shown_eigenvalue_has_its_vector(d: int, m: int, kind: str) -> None:
    objective, constraint = problem(d, m, seed=1), L2Ball(0.7)
    delta = boundary_point(constraint, d)
    H = plain_hessian(objective, delta)
    P = np.eye(d) - (kind == "tangent") * np.outer(delta, delta) / float(delta @ delta)
    for index, value in enumerate(hessian_spectrum(objective, constraint, delta, kind).eigenvalues):
        vector = eigenvector(objective, constraint, delta, kind, index).numpy()
        assert np.linalg.norm(vector) == pytest.approx(1)
        np.testing.assert_allclose(P @ H @ P @ vector, value * vector, atol=1e-11)


def test_fewer_directions_than_asked_for_are_given_as_they_are() -> None:
    objective, constraint = problem(2, 5), L2Ball(0.7)
    assert len(top_eigenvectors(objective, constraint, boundary_point(constraint, 2), count=2)) == 1
    objective = problem(1, 5)
    assert top_eigenvectors(objective, constraint, boundary_point(constraint, 1), count=2) == []


# ---------------------------------------------------------------------------------------------- types, devices


def test_a_point_from_single_precision_counts_as_on_the_sphere() -> None:
    objective, constraint = problem(20, 50, dtype=torch.float32), L2Ball(0.3)
    delta = boundary_point(constraint, 20).float()
    delta = constraint.project(2 * delta)
    spectrum = hessian_spectrum(objective, constraint, delta, "tangent")
    exact = hessian_spectrum(objective.exact, constraint, constraint.project(2 * delta.double()), "tangent")
    assert spectrum.dimension == 19
    np.testing.assert_allclose(spectrum.eigenvalues, exact.eigenvalues, atol=1e-5)
    assert spectrum.multiplier == pytest.approx(exact.multiplier, rel=1e-5)


def test_a_single_precision_face_of_the_cube_holds_its_coordinates() -> None:
    epsilon = 0.3  # float32 rounds it
    objective, constraint = problem(6, 50, dtype=torch.float32), LinfBall(epsilon)
    delta = constraint.project(9 * objective.evaluate(torch.zeros(6)).gradient)
    held = (delta.abs() == torch.tensor(epsilon)) & (delta * objective.evaluate(delta).gradient > 0)
    assert bool(held.any())
    space = tangent_space_at(objective.exact, constraint, delta.double(), torch.float32)
    assert torch.equal(space.free, ~held)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["euclidean", "tangent"])
def test_the_accelerator_has_the_spectrum_of_the_cpu(kind: str, device: str) -> None:
    objective, constraint = problem(20, 50, dtype=torch.float32), L2Ball(0.3)
    delta = boundary_point(constraint, 20).float()
    there = hessian_spectrum(objective.to(device=torch.device(device)), constraint, delta.to(device), kind)
    np.testing.assert_allclose(
        there.eigenvalues, hessian_spectrum(objective, constraint, delta, kind).eigenvalues, atol=1e-12
    )


def test_an_empty_spectrum_has_no_extent() -> None:
    # One dimension: the sphere is two points, and nothing is tangent.
    objective, constraint = problem(1, 4), L2Ball(0.7)
    spectrum = hessian_spectrum(objective, constraint, tensor([0.7]), "tangent")
    assert (len(spectrum.eigenvalues), spectrum.zeros, spectrum.dimension) == (0, 0, 0)
