"""Projected gradient ascent: every iterate against a plain NumPy loop, known maxima, measures and steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import (
    CONSTRAINT_NAMES,
    Array,
    is_l2,
    is_member,
    make_set,
    normal,
    numpy_loss,
    numpy_project,
    numpy_value_and_gradient,
    problem,
    tensor,
)
from runs import ascend, ascent_on, identical, starts_for

from foadv_gui.core.activations import ACTIVATIONS, Activation
from foadv_gui.core.ascent import (
    MEASURES,
    RULES,
    ProjectedGradientAscent,
    StopReason,
    ZeroGradientError,
    measure,
    normalized,
    relative_step,
)
from foadv_gui.core.constraint import CONSTRAINTS, ConstraintSet, L2Ball, L2Sphere, LinfBall
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary

BOXES = [None, 5]  # the corners of this one stick out of the sphere on every side that matters here


# ------------------------------------------------------------------------------------------- a plain loop

NUMPY_RULES = {"gradient": lambda g: g, "normalized": lambda g: g / np.linalg.norm(g), "sign": np.sign}


def plain_loop(
    objective: QuadraticAdversary, constraint: ConstraintSet, start: Array, rule: str, eta: float, steps: int
) -> Array:
    """delta_0 .. delta_steps by the definition, one restart, NumPy only."""
    path = [start]
    for _ in range(steps):
        _, g = numpy_value_and_gradient(objective, path[-1])
        path.append(numpy_project(constraint, path[-1] + eta * NUMPY_RULES[rule](g)))
    return np.array(path)


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("K", [1, 3])
def test_a_plain_loop_reproduces_every_iterate(name: str, box: int | None, rule: str, K: int) -> None:
    objective, constraint = problem(12, 20, seed=1), make_set(name, 0.8, 12, box)
    starts = starts_for(constraint, K, 12)
    ascent = ascent_on(objective, constraint, starts, rule=rule, step=0.1)  # larger steps are chaotic on the cube
    run = ascend(ascent, starts, 60)
    assert run.delta.shape == (61, K, 12)
    for k in range(K):
        path = plain_loop(objective, constraint, starts[k].numpy(), rule, ascent.eta, 60)
        np.testing.assert_allclose(run.delta[:, k], path, rtol=0, atol=1e-9)


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_a_plain_loop_reproduces_every_iterate_for_every_activation(activation: str) -> None:
    objective, constraint = problem(8, 16, activation, seed=2, gamma=1.5), L2Ball(0.6)
    starts = starts_for(constraint, 2, 8)
    ascent = ascent_on(objective, constraint, starts)
    run = ascend(ascent, starts, 40)
    for k in range(2):
        path = plain_loop(objective, constraint, starts[k].numpy(), "gradient", ascent.eta, 40)
        np.testing.assert_allclose(run.delta[:, k], path, rtol=0, atol=1e-9)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus"])
def test_a_plain_loop_reproduces_many_restarts_of_a_wide_network(activation: str) -> None:
    # Large batches may take other routes through the activations.
    objective, constraint = problem(20, 300, activation, seed=3), L2Ball(0.5)
    starts = starts_for(constraint, 24, 20)
    ascent = ascent_on(objective, constraint, starts, step=0.2)
    run = ascend(ascent, starts, 30)
    for k in (0, 11, 23):
        path = plain_loop(objective, constraint, starts[k].numpy(), "gradient", ascent.eta, 30)
        np.testing.assert_allclose(run.delta[:, k], path, rtol=0, atol=1e-9)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 1000),
    name=st.sampled_from(CONSTRAINT_NAMES),
    rule=st.sampled_from(list(RULES)),
    c=st.sampled_from([0.125, 0.5, 2.0, 64.0]),
)
def test_only_the_product_of_weight_scale_and_input_scale_matters(seed: int, name: str, rule: str, c: float) -> None:
    # A power of two is exact in floating point: the whole path is the same to the last bit.
    one, other = problem(seed=seed), problem(seed=seed)
    other = QuadraticAdversary(
        TwoLayerNetwork(one.network.W / c, one.network.a, one.network.activation), c * one.x, one.y
    )
    here, there = make_set(name, 0.5, 5), make_set(name, 0.5 * c, 5)
    starts = starts_for(here, 2, 5)
    a = ascend(ascent_on(one, here, starts, rule=rule), starts, 30)
    b = ascend(ascent_on(other, there, c * starts, rule=rule), c * starts, 30)
    torch.testing.assert_close(b.delta / c, a.delta, rtol=0, atol=1e-12)
    for measure_of_no_unit in ("loss", "value", "cosine", "radius", "fosc"):
        torch.testing.assert_close(b.measures[measure_of_no_unit], a.measures[measure_of_no_unit], atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("box", BOXES)
def test_every_iterate_is_feasible(name: str, box: int | None) -> None:
    objective, constraint = problem(6, 30, gamma=5.0), make_set(name, 2.0, 6, box)
    starts = starts_for(constraint, 8, 6)
    run = ascend(ascent_on(objective, constraint, starts, step=3.0), starts, 50)
    assert is_member(constraint, run.delta.numpy()).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), name=st.sampled_from(["l2-ball", "linf-ball"]), boxed=st.booleans())
def test_a_small_step_never_goes_down(seed: int, name: str, boxed: bool) -> None:
    objective, constraint = problem(seed=seed), make_set(name, 0.5, 5, seed if boxed else None)
    starts = starts_for(constraint, 3, 5)
    run = ascend(ascent_on(objective, constraint, starts, step=0.02), starts, 60)
    loss = run.measures["loss"]
    assert float((loss[:-1] - loss[1:]).max()) <= 1e-14 * float(1 + loss.max())


# ----------------------------------------------------------------------------------------- known maxima


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("d", [1, 2, 30])
def test_a_linear_network_reaches_its_closed_form_maximum(name: str, box: int | None, d: int) -> None:
    # f(z) = c . z: the loss is (c.x - y + c.delta)^2/2, so its maxima on a set are the support points of +c and -c. The
    # ascent goes to the one on the residual's side, the higher one where the set is symmetric.
    objective, constraint = problem(d, 7, "linear", seed=4, y=2.5), make_set(name, 0.3, d, box)
    c = (objective.network.W.T @ objective.network.a).numpy()
    residual = float(c @ objective.x.numpy() - objective.y)
    pole = constraint.support(tensor(np.sign(residual) * c)).numpy()
    best = 0.5 * (residual + c @ pole) ** 2
    starts = constraint.project(torch.zeros(1, d, dtype=torch.float64) + 1e-3 * np.sign(residual) * tensor(c))
    run = ascend(ascent_on(objective, constraint, starts, tolerance=1e-9), starts, 3000)
    assert run.stop_reason == [StopReason.CONVERGED]
    assert float(run.measures["loss"][-1]) == pytest.approx(best, rel=1e-9)
    np.testing.assert_allclose(run.delta[-1, 0], pole, atol=1e-7)


def test_without_a_box_the_linear_maximum_is_a_formula() -> None:
    objective = problem(9, 5, "linear", seed=1, y=3.0)
    c = (objective.network.W.T @ objective.network.a).numpy()
    residual = float(c @ objective.x.numpy() - 3.0)
    for constraint, dual_norm in ((L2Ball(0.2), 2), (L2Sphere(0.2), 2), (LinfBall(0.2), 1)):
        starts = constraint.project(tensor(1e-3 * np.sign(residual) * c)[None])
        run = ascend(ascent_on(objective, constraint, starts), starts, 400)
        best = 0.5 * (abs(residual) + 0.2 * np.linalg.norm(c, dual_norm)) ** 2
        assert float(run.measures["loss"][-1, 0]) == pytest.approx(best, rel=1e-12)


SQUARE = Activation(
    "square",
    "p²",
    torch.square,
    lambda p: 2 * p,
    lambda p: (p * p, 2 * p),
    (lambda p: torch.full_like(p, 2.0), torch.zeros_like),
)


@pytest.mark.parametrize("constraint", [L2Ball(0.7), L2Sphere(0.7)])
def test_a_quadratic_network_reaches_its_leading_eigenvector(constraint: ConstraintSet) -> None:
    # f(z) = z.Az: on the sphere L = f^2/2 is greatest at the eigenvector of the eigenvalue largest in size.
    generator = np.random.default_rng(2)
    W, a = tensor(generator.standard_normal((8, 6))), tensor(generator.choice([-1.0, 1.0], 8) / np.sqrt(8))
    objective = QuadraticAdversary(TwoLayerNetwork(W, a, SQUARE), torch.zeros(6, dtype=torch.float64), 0.0)
    values, vectors = np.linalg.eigh((W.T @ torch.diag(a) @ W).numpy())
    leading = np.abs(values).argmax()
    # L = (delta.A delta)^2/2 has other local maxima where A is indefinite: start on the right side.
    starts = constraint.project(tensor(vectors[:, leading])[None] + 0.5 * normal(1, 4, 6))
    run = ascend(ascent_on(objective, constraint, starts, tolerance=1e-9), starts, 5000)
    assert run.stop_reason == [StopReason.CONVERGED] * 4
    np.testing.assert_allclose(run.measures["loss"][-1], 0.5 * (values[leading] * 0.7**2) ** 2, rtol=1e-12)
    np.testing.assert_allclose(np.abs(run.delta[-1].numpy() @ vectors[:, leading]), 0.7, rtol=1e-12)


def test_an_interior_maximum_is_reached_and_told_from_the_boundary() -> None:
    # f(z) = sin z_1 + sin z_2 tops out at (pi/2, pi/2), inside the ball around (1, 1).
    identity = torch.eye(2, dtype=torch.float64)
    network = TwoLayerNetwork(identity, torch.ones(2, dtype=torch.float64), ACTIVATIONS["sin"])
    objective = QuadraticAdversary(network, torch.ones(2, dtype=torch.float64), 0.0)
    starts = 0.3 * normal(1, 5, 2)
    for constraint in (L2Ball(2.0), LinfBall(1.5)):
        run = ascend(ascent_on(objective, constraint, starts, tolerance=1e-10), starts, 500)
        assert run.stop_reason == [StopReason.CONVERGED] * 5
        np.testing.assert_allclose(run.delta[-1], np.pi / 2 - 1, atol=1e-9)
        assert float(run.measures["radius"][-1].max()) < 1


# --------------------------------------------------------------------------------------------- measures


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
def test_the_measures_are_their_definitions(name: str) -> None:
    objective, constraint = problem(7, 12, seed=3), make_set(name, 0.6, 7)
    delta = torch.cat([constraint.project(9 * normal(1, 3, 7)), 0.1 * normal(2, 2, 7)])
    value, _, gradient = objective.evaluate(delta)
    measures = measure(objective, constraint, delta, value, gradient)
    assert tuple(measures) == MEASURES
    np.testing.assert_allclose(measures["loss"], numpy_loss(objective, delta.numpy()), rtol=1e-13)
    for k, point in enumerate(delta.numpy()):
        f, g = numpy_value_and_gradient(objective, point)
        size = np.linalg.norm(g)
        order, dual = (2, 2) if is_l2(constraint) else (np.inf, 1)
        assert float(measures["value"][k]) == pytest.approx(f)
        assert float(measures["grad_norm"][k]) == pytest.approx(size)
        assert float(measures["radius"][k]) == pytest.approx(np.linalg.norm(point, order) / 0.6)
        assert float(measures["cosine"][k]) == pytest.approx(point @ g / np.linalg.norm(point) / size)
        assert float(measures["fosc"][k]) == pytest.approx(0.6 * np.linalg.norm(g, dual) - point @ g)
        if k >= 3:
            assert float(measures["tangential"][k]) == pytest.approx(size)
        elif is_l2(constraint):
            part = g - point * (point @ g) / (point @ point)
            assert float(measures["tangential"][k]) == pytest.approx(np.linalg.norm(part) / size)


def test_the_clean_point_has_no_angle() -> None:
    objective = problem()
    zero = torch.zeros(1, 5, dtype=torch.float64)
    value, _, gradient = objective.evaluate(zero)
    measures = measure(objective, L2Ball(1.0), zero, value, gradient)
    assert float(measures["cosine"]) == 0
    assert float(measures["radius"]) == 0


def test_gradients_are_normalised_to_length_one_or_zero() -> None:
    g = tensor([[0.0, 0.0], [3.0, 4.0], [1e-200, 0.0]])  # the last one's square vanishes
    np.testing.assert_allclose(normalized(g), [[0, 0], [0.6, 0.8], [1, 0]], atol=1e-15)


# ----------------------------------------------------------------------------------------- relative step


def test_the_relative_step_is_measured_in_radii_over_slopes() -> None:
    objective, constraint = problem(), L2Ball(0.4)
    starts = starts_for(constraint, 6, 5)
    slopes = [np.linalg.norm(numpy_value_and_gradient(objective, start)[1]) for start in starts.numpy()]
    expected = 0.5 * 0.4 / np.sqrt(np.mean(np.square(slopes)))
    assert relative_step(0.5, "gradient", objective, constraint, starts) == pytest.approx(expected, rel=1e-12)
    assert relative_step(0.5, "normalized", objective, constraint, starts) == pytest.approx(0.2)
    assert relative_step(0.5, "sign", objective, LinfBall(0.4), starts) == pytest.approx(0.2)
    assert relative_step(0.5, "sign", objective, constraint, starts) == pytest.approx(0.2 / np.sqrt(5))


@pytest.mark.parametrize("c", [1e80, 1e300])
def test_the_relative_step_is_a_number_whatever_overflows(c: float) -> None:
    network, starts = problem(4, 6).network, starts_for(L2Ball(0.3), 2, 4)
    x = torch.zeros(4, dtype=torch.float64)
    large = TwoLayerNetwork(network.W, c * network.a, network.activation)
    plain = relative_step(0.5, "gradient", QuadraticAdversary(network, x, 0.0), L2Ball(0.3), starts)
    scaled = relative_step(0.5, "gradient", QuadraticAdversary(large, x, 0.0), L2Ball(0.3), starts)
    # The gradient goes with c^2: its square overflows before it does.
    assert 0 < scaled == pytest.approx(plain / c / c if c < 1e150 else 0, rel=1e-12)


def test_a_relative_step_without_a_slope_is_refused_with_the_reason() -> None:
    network = problem().network
    x = problem().x
    objective = QuadraticAdversary(network, x, float(network.value(x)))
    zero = torch.zeros(3, 5, dtype=torch.float64)
    with pytest.raises(ZeroGradientError, match=r"gradient is zero at every start.*choose a random start"):
        relative_step(0.5, "gradient", objective, L2Ball(1.0), zero)
    assert relative_step(0.5, "normalized", objective, L2Ball(1.0), zero) == 0.5
    assert relative_step(0.5, "gradient", objective, L2Ball(1.0), 0.1 * normal(1, 3, 5)) > 0


# --------------------------------------------------------------------------------------- types and devices


def test_the_same_run_twice_is_identical_to_the_bit() -> None:
    objective, constraint = problem(30, 50, dtype=torch.float32), L2Ball(0.3)
    starts = starts_for(constraint, 4, 30).float()
    ascent = ascent_on(objective, constraint, starts)
    assert identical(ascend(ascent, starts, 50), ascend(ascent, starts, 50))


def test_restarts_do_not_know_of_each_other() -> None:
    objective, constraint = problem(10, 30), L2Ball(0.3)
    starts = starts_for(constraint, 5, 10)
    ascent = ascent_on(objective, constraint, starts)
    together = ascend(ascent, starts, 40)
    for k in range(5):
        alone = ascend(ascent, starts[k : k + 1], 40)
        torch.testing.assert_close(together.delta[:, k], alone.delta[:, 0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
def test_single_precision_ends_where_double_does(name: str) -> None:
    objective = problem(20, 60, gamma=0.5, dtype=torch.float32)
    constraint = CONSTRAINTS[name](0.15)
    starts = starts_for(constraint, 4, 20).float()
    eta = relative_step(0.5, "gradient", objective, constraint, starts)
    single = ascend(ProjectedGradientAscent(objective, constraint, "gradient", eta, 0.0), starts, 100)
    double = ascend(ProjectedGradientAscent(objective.exact, constraint, "gradient", eta, 0.0), starts.double(), 100)
    assert single.delta.dtype == torch.float32
    torch.testing.assert_close(single.delta.double(), double.delta, rtol=0, atol=1e-5 * 0.15)
    torch.testing.assert_close(single.measures["loss"].double(), double.measures["loss"], rtol=1e-5, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("name", CONSTRAINT_NAMES)
@pytest.mark.parametrize("rule", ["gradient", "normalized"])
def test_the_accelerator_climbs_the_same_path(name: str, rule: str, device: str) -> None:
    objective = problem(20, 60, gamma=0.5, dtype=torch.float32)
    constraint = CONSTRAINTS[name](0.15)
    starts = starts_for(constraint, 4, 20).float()
    here = ascent_on(objective, constraint, starts, rule=rule, tolerance=1e-4)
    place = torch.device(device)
    there = ascent_on(objective.to(device=place), constraint, starts.to(place), rule=rule, tolerance=1e-4)
    assert there.eta == pytest.approx(here.eta, rel=1e-5)
    one, other = ascend(here, starts, 100), ascend(there, starts.to(place), 100)
    steps = min(len(one.delta), len(other.delta))
    torch.testing.assert_close(other.delta[:steps].cpu(), one.delta[:steps], rtol=0, atol=1e-5)
    torch.testing.assert_close(other.measures["loss"][:steps].cpu(), one.measures["loss"][:steps], rtol=1e-4, atol=1e-5)
