"""Adversarial training against a loop written once more in NumPy, and what must be equal whatever the course."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from problems import NUMPY_ACTIVATIONS, normal, problem

from foadv_gui.core.attack import InnerAscent, Points
from foadv_gui.core.constraint import L2Ball, LinfBall
from foadv_gui.core.interruption import Interrupted
from foadv_gui.core.measures import MEASURES
from foadv_gui.core.norms import normalized
from foadv_gui.core.training import GROWTH, AdversarialTraining

if TYPE_CHECKING:
    from problems import Array

    from foadv_gui.core.network import TwoLayerNetwork
    from foadv_gui.core.training import Epoch

EPSILON, STEP, STEPS, RATE, TOLERANCE = 0.3, 0.5, 6, 0.4, 0.1


def drawn(n: int = 7, *, d: int = 5, m: int = 9, activation: str = "tanh") -> tuple[TwoLayerNetwork, Points, Points]:
    """A network, points with labels ±1, and four more that are held out."""
    X, y = normalized(normal(1, n + 4, d)), torch.sign(normal(2, n + 4))
    return problem(d, m, activation).network, Points(X[:n], y[:n]), Points(X[n:], y[n:])


def training(**changes: object) -> AdversarialTraining:
    return replace(AdversarialTraining(ascent(), RATE, seed=3), **changes)


def ascent(**changes: object) -> InnerAscent:
    return replace(InnerAscent(L2Ball(EPSILON), "gradient", STEP, True, STEPS, TOLERANCE), **changes)


class Loop:
    """The same alternation, point by point, for the l2 ball and the raw gradient."""

    def __init__(self, network: TwoLayerNetwork) -> None:
        self.W, self.a = network.W.numpy().copy(), network.a.numpy().copy()
        self.sigma, self.slope = NUMPY_ACTIVATIONS[network.activation.name]

    def f(self, z: Array) -> float:
        return float(self.a @ self.sigma(self.W @ z))

    def grad_f(self, z: Array) -> Array:
        return self.W.T @ (self.a * self.slope(self.W @ z))

    def grad_L(self, z: Array, y: float) -> Array:
        return (self.f(z) - y) * self.grad_f(z)

    def attack(self, X: Array, y: Array) -> tuple[float, Array, list[list[Array]]]:
        """Eta, the last iterates (n, d) and all of them."""
        lengths = [np.linalg.norm(self.grad_L(x, label)) for x, label in zip(X, y, strict=True)]
        eta = STEP * EPSILON / np.sqrt(np.mean(np.square(lengths)))
        paths = []
        for x, label in zip(X, y, strict=True):
            path = [np.zeros_like(x)]
            for _ in range(STEPS):
                delta = path[-1] + eta * self.grad_L(x + path[-1], label)
                path.append(delta * min(1.0, EPSILON / float(np.linalg.norm(delta))))
            paths.append(path)
        return float(eta), np.array([path[-1] for path in paths]), paths

    def weight_gradient(self, Z: Array, y: Array) -> tuple[Array, Array]:
        by_W, by_a = np.zeros_like(self.W), np.zeros_like(self.a)
        for z, label in zip(Z, y, strict=True):
            r = self.f(z) - label
            by_W += r * np.outer(self.a * self.slope(self.W @ z), z) / len(y)
            by_a += r * self.sigma(self.W @ z) / len(y)
        return by_W, by_a

    def step(self, X: Array, y: Array, adversarial: bool, train_a: bool) -> None:
        by_W, by_a = self.weight_gradient(X + self.attack(X, y)[1] if adversarial else X, y)
        self.W = self.W - RATE * by_W
        self.a = self.a - RATE * by_a if train_a else self.a

    def tangential(self, x: Array, y: float, delta: Array) -> tuple[float, bool]:
        """The tangential ratio, and whether the multiplier is not negative."""
        g = self.grad_L(x + delta, y)
        radius = np.linalg.norm(delta)
        if radius < EPSILON * (1 - 1e-13):
            return float(np.linalg.norm(g)), True
        u = delta / radius
        return float(np.linalg.norm(g - u * (u @ g)) / np.linalg.norm(g)), u @ g >= 0

    def measures(
        self, train: Points, held_out: Points, origin: TwoLayerNetwork, adversarial: bool, train_a: bool
    ) -> dict[str, float]:
        found: dict[str, float] = {}
        for points, prefix in ((train, ""), (held_out, "held_out_")):
            X, y = points.X.numpy(), points.y.numpy()
            for name, Z in (("adversarial", X + self.attack(X, y)[1]), ("clean", X)):
                f = np.array([self.f(z) for z in Z])
                found[f"{prefix}{name}_loss"] = float(np.mean((f - y) ** 2) / 2)
                found[f"{prefix}{name}_error"] = float(np.mean(np.sign(f) != np.sign(y)))
        X, y = train.X.numpy(), train.y.numpy()
        eta, delta, paths = self.attack(X, y)
        Z = X + delta
        by_W, by_a = self.weight_gradient(Z if adversarial else X, y)
        steps, tangential, fosc, reach = [], [], [], []
        for x, label, path in zip(X, y, paths, strict=True):
            settled = [one <= TOLERANCE and outward for one, outward in (self.tangential(x, label, p) for p in path)]
            since = next((t for t in range(STEPS + 1) if all(settled[t:])), math.inf)
            g = self.grad_L(x + path[-1], label)
            steps.append(since)
            tangential.append(self.tangential(x, label, path[-1])[0])
            fosc.append(EPSILON * np.linalg.norm(g) - path[-1] @ g)
            reach.append(EPSILON * np.linalg.norm(self.grad_f(x)) / abs(self.f(x) - label))
        return found | {
            "residual": float(np.mean([abs(self.f(z) - label) for z, label in zip(Z, y, strict=True)])),
            "gradient_norm": float(np.hypot(np.linalg.norm(by_W), np.linalg.norm(by_a) if train_a else 0.0)),
            "movement": float(np.linalg.norm(self.W - origin.W.numpy())),
            "movement_a": float(np.linalg.norm(self.a - origin.a.numpy())),
            "inner_step": eta,
            "inner_steps": float(np.median(steps)),
            "inner_unconverged": float(np.mean(np.isinf(steps))),
            "tangential": float(np.median(tangential)),
            "fosc": float(np.median(fosc)),
            "reach": float(np.median(reach)),
        }


def same(one: Epoch, other: Epoch) -> bool:
    """Whether two epochs are equal to the last bit."""
    equal = all(
        value == other.measures[name] or (math.isnan(value) and math.isnan(other.measures[name]))
        for name, value in one.measures.items()
    )
    weights = torch.equal(one.network.W, other.network.W) and torch.equal(one.network.a, other.network.a)
    return equal and weights and torch.equal(one.residual, other.residual) and one.index == other.index


@pytest.mark.parametrize("train_a", [False, True])
@pytest.mark.parametrize("adversarial", [False, True])
@pytest.mark.parametrize("batch", [0, 3])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_ten_epochs_are_those_of_a_plain_loop(activation: str, batch: int, adversarial: bool, train_a: bool) -> None:
    network, train, held_out = drawn(activation=activation)
    loop, n = Loop(network), len(train)
    course = training(batch=batch, adversarial=adversarial, train_a=train_a)
    epochs = list(course.epochs(network, train, held_out, last=10))
    assert [epoch.index for epoch in epochs] == list(range(11))
    for epoch in epochs:
        np.testing.assert_allclose(epoch.network.W, loop.W, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(epoch.network.a, loop.a, rtol=1e-9, atol=1e-11)
        expected = loop.measures(train, held_out, network, adversarial, train_a)
        assert set(expected) == set(MEASURES) == set(epoch.measures)
        for name, value in expected.items():
            assert epoch.measures[name] == pytest.approx(value, rel=1e-7, abs=1e-9), (name, epoch.index)
        X, y = train.X.numpy(), train.y.numpy()
        order = np.random.default_rng([3, 8, epoch.index]).permutation(n) if batch else np.arange(n)
        for first in range(0, n, batch or n):
            chosen = order[first : first + (batch or n)]
            loop.step(X[chosen], y[chosen], adversarial, train_a)


def test_what_is_not_held_out_is_not_known() -> None:
    network, train, _ = drawn()
    (epoch,) = training().epochs(network, train, last=0)
    assert {name for name, value in epoch.measures.items() if math.isnan(value)} == {
        name for name in MEASURES if name.startswith("held_out_")
    }


@pytest.mark.parametrize("batch", [0, 3])
@pytest.mark.parametrize("constraint", [L2Ball, LinfBall])
def test_without_room_for_the_adversary_training_is_clean_to_the_bit(constraint: type, batch: int) -> None:
    # A radius must be positive; x + delta is x where delta is below the round-off of x.
    network, train, _ = drawn()
    powerless = training(inner=ascent(constraint=constraint(1e-30)), batch=batch)
    attacked = list(powerless.epochs(network, train, last=5))
    clean = list(training(adversarial=False, batch=batch).epochs(network, train, last=5))
    for one, other in zip(attacked, clean, strict=True):
        assert torch.equal(one.network.W, other.network.W)
        assert one.measures["adversarial_loss"] == one.measures["clean_loss"] == other.measures["clean_loss"]


@pytest.mark.parametrize("batch", [0, 3])
@pytest.mark.parametrize("first", [1, 4])
def test_a_training_goes_on_to_the_bit(first: int, batch: int) -> None:
    network, train, held_out = drawn()
    course = training(batch=batch, train_a=True)
    whole = list(course.epochs(network, train, held_out, last=6))
    start, loss = whole[first].network, whole[0].measures["adversarial_loss"]
    rest = course.epochs(start, train, held_out, last=6, first=first, origin=network, first_loss=loss)
    for one, other in zip(whole[first:], rest, strict=True):
        assert same(one, other)


def test_a_training_goes_on_to_the_same_divergence() -> None:
    network, train, _ = drawn(activation="softplus")
    course = training(rate=12.0)
    whole = list(course.epochs(network, train, last=50))
    loss = whole[0].measures["adversarial_loss"]
    *_, last = course.epochs(whole[1].network, train, last=50, first=1, origin=network, first_loss=loss)
    assert len(whole) > 2
    assert same(last, whole[-1]) and last.diverged == whole[-1].diverged


def test_a_training_that_diverges_ends_and_says_why() -> None:
    network, train, _ = drawn(activation="softplus")
    *before, last = training(rate=12.0).epochs(network, train, last=50)
    losses = [epoch.measures["adversarial_loss"] for epoch in (*before, last)]
    assert 0 < last.index < 50
    assert losses[-1] > GROWTH * losses[0] and max(losses[:-1]) <= GROWTH * losses[0]
    assert last.diverged == f"the adversarial loss has grown to {losses[-1] / losses[0]:.3g} times its first value"
    assert not any(epoch.diverged for epoch in before)
    *_, last = training(rate=1e300).epochs(network, train, last=50)
    assert last.diverged == "the loss has overflowed"
    assert not math.isfinite(last.measures["adversarial_loss"])


def test_single_precision_trains_alike() -> None:
    # Ten epochs of T = 6 steps: the round-off 6e-8 of float32 grows some hundred times.
    network, train, held_out = drawn()
    coarse = [Points(points.X.float(), points.y.float()) for points in (train, held_out)]
    double = list(training().epochs(network, train, held_out, last=10))
    single = list(training().epochs(network.to(dtype=torch.float32), *coarse, last=10))
    for one, other in zip(double, single, strict=True):
        assert other.network.W.dtype == torch.float32
        np.testing.assert_allclose(one.network.W, other.network.W, rtol=1e-4, atol=1e-5)
        for name in ("adversarial_loss", "clean_loss", "held_out_adversarial_loss", "residual", "gradient_norm"):
            assert one.measures[name] == pytest.approx(other.measures[name], rel=1e-4)


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("batch", [0, 3])
@pytest.mark.parametrize("adversarial", [True, False])
def test_a_training_is_interrupted_before_each_batch_and_each_step_of_an_attack(
    adversarial: bool, batch: int, held_out: bool
) -> None:
    network, train, others = drawn()
    questions = itertools.count()
    course = training(batch=batch, adversarial=adversarial).epochs(
        network, train, others if held_out else None, last=1, interrupted=lambda: next(questions) < 0
    )
    attacks, batches = 1 + held_out, -(-len(train) // batch) if batch else 0
    next(course)
    assert next(questions) == 1 + attacks * (1 + STEPS)
    next(course)
    each = 2 + STEPS if adversarial else 1
    assert next(questions) == 1 + 2 * (1 + attacks * (1 + STEPS)) + batches * each


def test_an_interrupted_training_says_so() -> None:
    network, train, _ = drawn()
    asked = itertools.count()
    course = training().epochs(network, train, last=5, interrupted=lambda: next(asked) > 4 + STEPS)
    assert next(course).index == 0
    with pytest.raises(Interrupted):
        next(course)


@pytest.mark.gpu
def test_a_gpu_trains_alike(device: str) -> None:
    network, train, held_out = drawn()
    coarse = [Points(points.X.float(), points.y.float()) for points in (train, held_out)]
    there = [Points(points.X.to(device), points.y.to(device)) for points in coarse]
    for inner in (ascent(), ascent(constraint=LinfBall(EPSILON))):
        course = training(inner=inner, batch=3, train_a=True)
        *_, here = course.epochs(network.to(dtype=torch.float32), *coarse, last=5)
        *_, away = course.epochs(network.to(device=torch.device(device), dtype=torch.float32), *there, last=5)
        np.testing.assert_allclose(away.network.W.cpu(), here.network.W, rtol=1e-4, atol=1e-5)
        for name, value in here.measures.items():
            assert away.measures[name] == pytest.approx(value, rel=1e-2, abs=1e-4, nan_ok=True)
