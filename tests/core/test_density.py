"""Stochastic Lanczos quadrature against exact spectra."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from problems import Array, normal, problem

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.constraint import L2Sphere
from foadv_gui.core.density import SpectralDensity, lanczos_density
from foadv_gui.core.interruption import Interrupted
from foadv_gui.core.spectrum import ReducedHessian, restrict, tangent_space_at

SHAPES = [(300, 500), (500, 200)]


def restricted(d: int, m: int, activation: str = "tanh", *, tangent: bool = True) -> ReducedHessian:
    objective = problem(d, m, activation, seed=d + m)
    delta = L2Sphere(0.3).project(normal(5, d))
    space = tangent_space_at(objective, L2Sphere(0.3), delta, torch.float64) if tangent else None
    return restrict(objective, delta, space)


def exact(reduced: ReducedHessian) -> Array:
    return np.linalg.eigvalsh(reduced.matrix().numpy())


def distance(found: SpectralDensity, eigenvalues: Array) -> float:
    below = found.cumulative(eigenvalues) / (1 - found.atom)
    rank = np.arange(len(eigenvalues) + 1) / len(eigenvalues)
    return float(max(np.abs(below - rank[1:]).max(), np.abs(below - rank[:-1]).max()))


@pytest.mark.parametrize(("d", "m"), SHAPES)
@pytest.mark.parametrize("tangent", [False, True])
def test_the_density_is_that_of_the_exact_spectrum(d: int, m: int, tangent: bool) -> None:
    reduced = restricted(d, m, tangent=tangent)
    found, eigenvalues = lanczos_density(reduced), exact(reduced)
    assert (found.probes, found.steps) == (8, 64)
    assert found.atom == pytest.approx(reduced.zeros / reduced.dimension)
    assert found.weights.sum() == pytest.approx(1 - found.atom)
    assert (np.diff(found.nodes) >= 0).all()
    assert 0 < found.width < 0.02 * np.ptp(eigenvalues)
    assert distance(found, eigenvalues) < 0.04
    # The ends are known to many digits.
    np.testing.assert_allclose(found.nodes[[0, -1]], eigenvalues[[0, -1]], rtol=1e-6)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("d", "m"), SHAPES)
def test_moments_are_within_the_stated_error(d: int, m: int, seed: int, power: int) -> None:
    reduced = restricted(d, m)
    found, eigenvalues = lanczos_density(reduced, probes=4, steps=12, seed=seed), exact(reduced)
    estimate = found.weights @ found.nodes**power / found.weights.sum()
    error = np.std(eigenvalues**power) * np.sqrt(2 / (4 * (reduced.size + 2)))
    assert 0 < abs(estimate - np.mean(eigenvalues**power)) < 4 * error


def test_as_many_steps_as_dimensions_find_every_eigenvalue() -> None:
    reduced = restricted(20, 50)
    found = lanczos_density(reduced, probes=3, steps=100)
    assert found.steps == reduced.size == 19
    np.testing.assert_allclose(found.nodes.reshape(19, 3), np.tile(exact(reduced)[:, None], 3), atol=1e-10)


def test_probes_differ_and_seeds_repeat() -> None:
    reduced = restricted(60, 90)
    first, again, other = (lanczos_density(reduced, steps=10, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.nodes, again.nodes)
    assert not np.allclose(first.nodes, other.nodes)
    assert len(np.unique(first.nodes.round(9))) == 80


@pytest.mark.parametrize(("d", "m"), SHAPES)
def test_a_hessian_of_rank_one_has_one_eigenvalue_and_zeros(d: int, m: int) -> None:
    reduced = restricted(d, m, "linear", tangent=False)
    found = lanczos_density(reduced)
    gradient = reduced.objective.network.gradient(reduced.objective.x)
    assert found.nodes[-1] == pytest.approx(float(gradient @ gradient))
    below = found.cumulative(np.array([-0.1, 0.1, 0.5]) * found.nodes[-1]) * reduced.dimension
    assert below[0] < 1e-6 and below[1:] == pytest.approx([reduced.size - 1] * 2, abs=1.0)


@pytest.mark.filterwarnings("error")
def test_one_dimension_is_enough() -> None:
    reduced = restricted(1, 5, tangent=False)
    found = lanczos_density(reduced)
    np.testing.assert_allclose(found.nodes, exact(reduced)[0])
    assert found.cumulative(found.nodes[0] + np.array([-1.0, 1.0])) == pytest.approx([0, 1])


def test_it_gives_way_between_two_steps_and_refuses_what_has_no_curvature() -> None:
    reduced, looks = restricted(40, 60), 0

    def soon() -> bool:
        nonlocal looks
        looks += 1
        return looks > 5

    with pytest.raises(Interrupted):
        lanczos_density(replace(reduced, interrupted=soon))
    assert looks == 6
    with pytest.raises(NoCurvatureError, match="relu"):
        lanczos_density(restricted(40, 60, "relu"))


@pytest.mark.parametrize(("d", "m"), [(8, 20), (25, 6)])
def test_many_vectors_go_through_the_hessian_at_once(d: int, m: int) -> None:
    for tangent in (False, True):
        reduced = restricted(d, m, tangent=tangent)
        c = normal(1, 2, 3, reduced.size)
        torch.testing.assert_close(reduced.apply(c), c @ reduced.matrix(), rtol=1e-11, atol=1e-12)
        lifted = reduced.objective.hessian_vector_product(reduced.delta, reduced.lift(c[0, 0]))
        torch.testing.assert_close(reduced.apply(c[0, 0]), reduced.reduce(lifted), rtol=1e-11, atol=1e-12)
