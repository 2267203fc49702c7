"""The random-matrix prediction against the exact spectra of seeded networks, and against laws in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from problems import SMOOTH, Array, normal, problem
from scipy.integrate import quad

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.constraint import L2Ball, L2Sphere
from foadv_gui.core.interruption import Interrupted, never
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.core.randommatrix import Bulk, Population, predicted_bulk
from foadv_gui.core.spectrum import Kind, hessian_spectrum


def on_sphere(objective: QuadraticAdversary, radius: float = 0.3, seed: int = 5) -> torch.Tensor:
    draw = normal(seed, objective.dimension)
    return radius * draw / draw.norm()


def all_eigenvalues(objective: QuadraticAdversary, delta: torch.Tensor, kind: Kind) -> Array:
    found = hessian_spectrum(objective, L2Sphere(float(delta.norm())), delta, kind)
    assert found.exact
    return np.sort(np.concatenate([found.eigenvalues, np.zeros(found.zeros)]))


@pytest.mark.parametrize("kind", ["euclidean", "tangent"])
@pytest.mark.parametrize("m", [100, 300, 600])
@pytest.mark.parametrize(("activation", "gamma", "y"), [("tanh", 1.0, 1.0), ("softplus", 0.3, -2.0), ("sin", 3.0, 4.0)])
def test_bulk_and_outlier_are_those_of_a_random_network(
    m: int, activation: str, gamma: float, y: float, kind: Kind
) -> None:
    objective = problem(300, m, activation, seed=m, gamma=gamma, y=y, kappa=1.3)
    delta = on_sphere(objective, 0.3 * gamma)
    bulk = predicted_bulk(objective, delta, 1.3, tangent=kind == "tangent")
    eigenvalues = all_eigenvalues(objective, delta, kind)
    assert bulk.distance(eigenvalues) <= 0.02
    dimension = len(eigenvalues)
    assert bulk.atom == pytest.approx(max(0.0, 1 - m / dimension), abs=1e-12)
    assert bulk.cumulative[0] == pytest.approx(0, abs=1e-9)
    assert bulk.cumulative[-1] == pytest.approx(1 - bulk.atom, abs=1e-9)
    if bulk.outlier is not None:
        assert bulk.outlier == pytest.approx(eigenvalues[-1], rel=0.03)
    # Far above the bulk there is an eigenvalue only where one is predicted.
    assert (bulk.outlier is not None) or eigenvalues[-1] < 1.05 * bulk.energies[-1]


def test_the_figures_of_the_theory() -> None:
    for d, most in ((400, 0.012), (784, 0.008)):
        objective = problem(d, 1000, seed=1)
        delta = on_sphere(objective)
        eigenvalues = all_eigenvalues(objective, delta, "euclidean")
        bulk = predicted_bulk(objective, delta, 1.0, tangent=False)
        assert bulk.distance(eigenvalues) < most
        assert bulk.outlier == pytest.approx(eigenvalues[-1], rel=0.013)
        # Elsewhere the prediction does not hold: the distance tells.
        assert predicted_bulk(objective, delta, 1.5, tangent=False).distance(eigenvalues) > 0.05


def test_a_narrow_network_of_large_dimension_has_the_outlier_of_its_gram_matrix() -> None:
    """Where grad f and the bulk come from few neurons they are not independent of each other."""
    objective = problem(900, 12, seed=3)
    delta = on_sphere(objective)
    bulk = predicted_bulk(objective, delta, 1.0, tangent=False)
    assert bulk.outlier == pytest.approx(all_eigenvalues(objective, delta, "euclidean")[-1], rel=0.01)


@pytest.mark.parametrize("ratio", [0.2, 1.0, 3.5])
@pytest.mark.parametrize("sign", [1, -1])
def test_equal_curvatures_give_the_law_of_marchenko_and_pastur(ratio: float, sign: int) -> None:
    d = 500
    population = Population.of(sign * np.ones(round(ratio * d)), d)
    energies, cumulative, atom = population.distribution(never)
    low, high = (1 - ratio**0.5) ** 2, (1 + ratio**0.5) ** 2
    assert atom == pytest.approx(max(0.0, 1 - ratio))
    np.testing.assert_allclose(sorted(np.abs(energies[[0, -1]])), [low, high], atol=1e-9)

    def density(x: float) -> float:
        return float(np.sqrt(max((x - low) * (high - x), 0.0)) / (2 * np.pi * x))

    for place in np.linspace(low, high, 9)[1:-1]:
        below = quad(density, low, place)[0]
        expected = below if sign > 0 else 1 - atom - below
        assert np.interp(sign * place, energies, cumulative) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("tangent", [False, True])
def test_at_a_point_whose_gradient_is_normal_the_tangent_spectrum_has_no_outlier(tangent: bool) -> None:
    objective = problem(120, 200, seed=2)
    delta = on_sphere(objective)
    for _ in range(300):
        g = objective.evaluate(delta).gradient
        delta = 0.3 * g / g.norm()
    bulk = predicted_bulk(objective, delta, 1.0, tangent=tangent)
    eigenvalues = all_eigenvalues(objective, delta, "tangent" if tangent else "euclidean")
    assert (bulk.outlier is None) == tangent
    assert (eigenvalues[-1] > 1.2 * bulk.energies[-1]) == (not tangent)


@given(
    activation=st.sampled_from([*SMOOTH, "linear"]),
    d=st.integers(1, 40),
    m=st.integers(1, 60),
    gamma=st.sampled_from([1e-3, 0.1, 1.0, 30.0, 1e3]),
    y=st.sampled_from([-1e6, -1.0, 0.0, 1.0]),
    kappa=st.sampled_from([1e-3, 1.0, 1e3]),
    tangent=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_network_has_a_distribution(
    activation: str, d: int, m: int, gamma: float, y: float, kappa: float, tangent: bool, seed: int
) -> None:
    objective = problem(d + tangent, m, activation, seed=seed, gamma=gamma / kappa, kappa=kappa, y=y)
    bulk = predicted_bulk(objective, on_sphere(objective, 0.3 * gamma / kappa), kappa, tangent=tangent)
    assert np.isfinite(bulk.energies).all() and (np.diff(bulk.energies) >= 0).all()
    assert (np.diff(bulk.cumulative) >= 0).all() and 0 <= bulk.atom <= 1
    assert bulk.cumulative[[0, -1]] == pytest.approx([0, 1 - bulk.atom], abs=1e-4)
    assert bulk.outlier is None or bulk.outlier >= bulk.energies[-1]


@pytest.mark.parametrize("size", [1e-60, 1e60])
def test_the_prediction_scales_with_the_loss(size: float) -> None:
    objective = problem(40, 70, seed=4)
    delta = on_sphere(objective)
    network = objective.network
    scaled = QuadraticAdversary(
        TwoLayerNetwork(network.W, size * network.a, network.activation), objective.x, size * objective.y
    )
    one, other = (predicted_bulk(which, delta, 1.0, tangent=False) for which in (objective, scaled))
    np.testing.assert_allclose(other.energies / size**2, one.energies, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(other.cumulative, one.cumulative, atol=1e-9)
    assert one.outlier is not None and other.outlier == pytest.approx(size**2 * one.outlier)


def test_where_the_loss_has_no_curvature_but_the_gradients_all_eigenvalues_but_one_are_zero() -> None:
    linear = problem(30, 50, "linear")
    objective = problem(30, 50)
    at_label = QuadraticAdversary(objective.network, objective.x, float(objective.value(torch.zeros(30).double())))
    for flat in (linear, at_label):
        delta = torch.zeros(30, dtype=torch.float64)
        bulk = predicted_bulk(flat, delta, 1.0, tangent=False)
        gradient = flat.network.gradient(flat.x)
        assert (bulk.atom, bulk.outlier) == (1.0, pytest.approx(float(gradient @ gradient)))
        found = hessian_spectrum(flat, L2Ball(1.0), delta, "euclidean")
        assert bulk.distance(found.eigenvalues) == pytest.approx(1 / 30)
    at_clean = predicted_bulk(at_label, torch.zeros(30).double(), 1.0, tangent=True)  # there is no direction delta
    assert at_clean.atom == 1


def test_neurons_taken_together_change_the_distribution_by_less_than_can_be_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objective = problem(100, 900, seed=7)
    delta = on_sphere(objective)
    fine = predicted_bulk(objective, delta, 1.0, tangent=False)
    monkeypatch.setattr("foadv_gui.core.randommatrix._GROUPS", 300)
    coarse = predicted_bulk(objective, delta, 1.0, tangent=False)
    assert np.abs(np.interp(fine.energies, coarse.energies, coarse.cumulative) - fine.cumulative).max() < 1 / 300
    assert coarse.outlier == pytest.approx(fine.outlier, rel=1e-3)


def test_the_distance_is_the_largest_gap_between_two_distributions() -> None:
    # Half of all eigenvalues uniform on [0, 1], half exactly 0.
    bulk = Bulk(np.array([0.0, 1.0]), np.array([0.0, 0.5]), 0.5, None)
    assert bulk.distance(np.array([0.0, 0.0, 0.25, 0.75])) == pytest.approx(0.125)
    assert bulk.distance(np.array([-1.0, 0.0, 0.0, 2.0])) == pytest.approx(0.25)
    assert bulk.distance(np.array([1e-14, -1e-14, 0.0, 2.0])) == pytest.approx(0.25)  # zeros but for round-off
    assert bulk.distance(np.array([3.0])) == pytest.approx(1.0)


def test_it_gives_way_and_refuses_what_has_no_curvature() -> None:
    objective, relu = problem(20, 30), problem(20, 30, "relu")
    with pytest.raises(Interrupted):
        predicted_bulk(objective, on_sphere(objective), 1.0, tangent=False, interrupted=lambda: True)
    with pytest.raises(NoCurvatureError, match="relu"):
        predicted_bulk(relu, on_sphere(relu), 1.0, tangent=False)
    large = QuadraticAdversary(
        TwoLayerNetwork(objective.network.W, 1e200 * objective.network.a, objective.network.activation),
        objective.x,
        1.0,
    )
    with pytest.raises(NoCurvatureError, match="overflows"):
        predicted_bulk(large, on_sphere(large), 1.0, tangent=False)
