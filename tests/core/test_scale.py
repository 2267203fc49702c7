"""The certified scale: proven where it says so, not much above, and what it depends on."""

from __future__ import annotations

import math
from itertools import count

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from problems import SMOOTH, Array, problem, tensor

from foadv_gui.core import scale
from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.ball import bounds, prove
from foadv_gui.core.interruption import Interrupted
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.core.scale import RESOLUTION, certified_scale

CURVED = [name for name in SMOOTH if name != "linear"]


def at_scale(objective: QuadraticAdversary, gamma: float) -> QuadraticAdversary:
    x = objective.x / objective.x.norm() * gamma
    return QuadraticAdversary(objective.network, x, objective.y)


@settings(max_examples=60)
@given(
    d=st.integers(1, 12),
    m=st.integers(1, 40),
    activation=st.sampled_from(CURVED),
    seed=st.integers(0, 2**31),
    gamma=st.floats(-3, 1).map(lambda power: 10**power),
    rho=st.floats(0.02, 1.5),
)
def test_it_parts_what_is_proven_from_what_is_not(
    d: int, m: int, activation: str, seed: int, gamma: float, rho: float
) -> None:
    objective = problem(d, m, activation, seed=seed, gamma=gamma)
    found = certified_scale(objective, rho * gamma)
    assert found is not None
    assume(math.isfinite(found))
    assert prove(at_scale(objective, found), rho * found).unique
    above = found * (1 + 2 * RESOLUTION)
    assert not prove(at_scale(objective, above), rho * above).unique


@pytest.mark.parametrize(("d", "m"), [(300, 200), (200, 300)])  # beyond the order that is diagonalised at once
def test_it_knows_neither_the_scale_it_starts_from_nor_the_label(d: int, m: int) -> None:
    known = certified_scale(problem(d, m, gamma=0.3), 0.09)
    assert known is not None
    for gamma, y in ((1e-3, 1.0), (0.3, -7.0), (20.0, 0.0)):
        again = certified_scale(problem(d, m, gamma=gamma, y=y), 0.3 * gamma)
        assert again == pytest.approx(known, rel=RESOLUTION)


def test_the_proof_holds_at_every_scale_up_to_it() -> None:
    # The gradient nearly vanishes on the way, so that q crosses 1 three times.
    found = [certified_scale(problem(3, 200, "sin", gamma=gamma), 0.01 * gamma) for gamma in (1e-3, 20.0)]
    assert found[0] is not None and found[1] == pytest.approx(found[0], rel=RESOLUTION)
    objective = problem(3, 200, "sin", gamma=1.0)
    for gamma in found[0] * np.linspace(0.1, 1.0, 91):
        q = bounds(at_scale(objective, gamma), 0.01 * gamma).contraction(0.01 * gamma)
        assert q is not None and q < 1


def test_a_biased_network_that_is_regular_at_both_ends_is_certified_up_to_the_first_only() -> None:
    # Two bends, which the ball leaves behind as it grows; from far away it seems that there are none.
    network = TwoLayerNetwork(
        tensor([[1.0], [0.2]]), tensor([1.0, 1.0]), ACTIVATIONS["softplus"], tensor([-30.0, -3.0]), tensor(0.5)
    )
    objective = QuadraticAdversary(network, tensor([1.0]), 0.0)

    def fails(gamma: float) -> bool:
        q = bounds(at_scale(objective, gamma), 0.3 * gamma).contraction(0.3 * gamma)
        return q is None or q >= 1

    found = [certified_scale(at_scale(objective, gamma), 0.3 * gamma) for gamma in (1e-3, 1.0, 1e4)]
    scales = np.geomspace(1e-5, 1e5, 400)
    first = next(gamma for gamma in scales if fails(gamma))
    assert not fails(1e5)
    assert found == pytest.approx([first] * 3, rel=0.06)


def contractions(objective: QuadraticAdversary, rho: float, scales: Array) -> Array:
    """q at each scale, from the formulas alone; inf where g_min is not positive."""
    network = objective.network
    W, a, bent = network.W, network.a.abs(), network.activation.bent
    unit, gamma = objective.x / objective.x.norm(), tensor(scales).unsqueeze(-1)
    p = network.preactivation(gamma * unit)
    reach = rho * gamma * W.norm(dim=1)
    c2, c3 = bent.largest_second(p - reach, p + reach), bent.largest_third(p - reach, p + reach)

    def norms(weights: torch.Tensor) -> Array:
        grams = np.einsum("nr,ri,rj->nij", weights.numpy(), W.numpy(), W.numpy())
        return np.abs(np.linalg.eigvalsh(grams)).max(-1)

    epsilon = rho * scales
    bent_there = norms(network.curvature(gamma * unit)) + epsilon * norms(a * c3 * W.norm(dim=1))
    M2 = np.minimum(norms(a * c2), bent_there)
    lowest = network.gradient(gamma * unit).norm(dim=-1).numpy() - epsilon * M2
    return np.where(lowest > 0, epsilon * M2 / np.where(lowest > 0, lowest, 1), np.inf)


def tiny_network(seed: int) -> tuple[QuadraticAdversary, float]:
    """One to three dimensions and a few neurons, half of them with biases: gradients that nearly vanish on the way."""
    generator = np.random.default_rng([seed, 77])
    d, m, rho = int(generator.integers(1, 4)), int(generator.integers(1, 6)), 10 ** generator.uniform(-2.3, 0)
    W, a, x = generator.standard_normal((m, d)), generator.standard_normal(m), generator.standard_normal(d)
    b = tensor(3 * generator.standard_normal(m)) if seed % 2 else None
    network = TwoLayerNetwork(tensor(W), tensor(a), ACTIVATIONS[CURVED[seed % len(CURVED)]], b)
    return QuadraticAdversary(network, tensor(x), 0.0), rho


@pytest.mark.parametrize("batch", range(4))
def test_below_it_no_stretch_fails_however_narrow_with_biases_too(batch: int) -> None:
    for seed in range(30 * batch, 30 * batch + 30):
        objective, rho = tiny_network(seed)
        found = certified_scale(objective, rho * float(objective.x.norm()))
        if found is None:
            continue
        scales = np.geomspace(1e-4, 1, 3000) * min(found, 1e4)
        for _ in range(6):  # closer and closer to where it comes nearest to failing
            q = contractions(objective, rho, scales)
            assert (q < 1).all(), (seed, found, scales[q >= 1])
            peaks = 1 + np.flatnonzero((q[1:-1] >= q[:-2]) & (q[1:-1] >= q[2:]))
            if not len(peaks):
                break
            peaks = peaks[np.argsort(-q[peaks])][:5]
            scales = np.concatenate([np.linspace(scales[i - 1], scales[i + 1], 60) for i in peaks])


def test_norms_that_come_out_too_small_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = problem(150, 200, gamma=1.0)
    true, norm = certified_scale(objective, 0.3), scale._norm
    monkeypatch.setattr(scale, "_norm", lambda *arguments: 0.9 * norm(*arguments))
    found = certified_scale(objective, 0.3)
    assert true is not None and (found is None or found < true)
    assert found is None or prove(at_scale(objective, found), 0.3 * found).unique


def test_only_the_product_of_weight_scale_and_input_scale_matters() -> None:
    one = certified_scale(problem(20, 50, gamma=1.0), 0.3)
    other = certified_scale(problem(20, 50, gamma=0.1, kappa=10.0), 0.03)
    assert one is not None and other == pytest.approx(one / 10, rel=RESOLUTION)


def test_a_smaller_ratio_is_certified_further() -> None:
    scales = [certified_scale(problem(20, 50, gamma=1.0), rho) for rho in (1.0, 0.5, 0.2, 0.05)]
    assert all(scale is not None for scale in scales)
    assert scales == sorted(scales, key=float)


def test_without_curvature_every_scale_is_certified() -> None:
    assert certified_scale(problem(activation="linear"), 0.3) == math.inf


def test_relu_has_none() -> None:
    with pytest.raises(NoCurvatureError):
        certified_scale(problem(activation="relu"), 0.3)


def test_a_gradient_that_vanishes_everywhere_is_never_certified() -> None:
    objective = problem(4, 6)
    objective.network.a.zero_()
    assert certified_scale(objective, 0.3) is None


def test_the_search_can_be_interrupted() -> None:
    objective = problem(30, 40)
    for after in (0, 1, 3, 6):
        calls = count()
        with pytest.raises(Interrupted):
            certified_scale(objective, 0.3, lambda calls=calls, after=after: next(calls) >= after)


def test_the_search_looks_up_between_two_products_of_a_large_network() -> None:
    looked = count()
    certified_scale(problem(300, 200), 0.3, lambda: next(looked) < 0)
    assert next(looked) > 300  # ten scales, each with two norms by some thirty products; 25 without them


def test_in_single_precision_it_is_that_of_the_rounded_network() -> None:
    double, single = problem(20, 50), problem(20, 50, dtype=torch.float32)
    found = certified_scale(single, 0.3)
    assert found is not None and found == pytest.approx(certified_scale(double, 0.3), rel=RESOLUTION)
    assert prove(at_scale(single.exact, found), 0.3 * found).unique


def test_the_figure_of_the_theory() -> None:
    # No proof from about 0.5 at d = 784, m = 1000; the order of magnitude is that of smaller networks too.
    found = certified_scale(problem(784, 1000, gamma=1.0), 0.3)
    assert found is not None and np.log10(0.5 / found) == pytest.approx(0, abs=0.3)
