"""Newton's step where the curvature is indefinite, and what a second-order test leaves out when it need not climb."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from problems import normal, problem, sum_of_sines, tensor
from runs import CURVED, path

from foadv_gui.core import certificate
from foadv_gui.core.ascent import relative_step
from foadv_gui.core.certificate import local_maximum_at
from foadv_gui.core.constraint import ConstraintSet, L2Ball, L2Sphere, LinfBall
from foadv_gui.core.interruption import never
from foadv_gui.core.newton import newton_step

if TYPE_CHECKING:
    from numpy.typing import NDArray


def restricted(M: NDArray[np.float64]) -> Any:
    """A restricted Hessian that is a given matrix."""
    return SimpleNamespace(size=len(M), zeros=0, interrupted=never, matrix=lambda: torch.from_numpy(M))


def symmetric(seed: int, n: int, eigenvalues: NDArray[np.float64]) -> NDArray[np.float64]:
    basis, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))
    return np.asarray(basis * eigenvalues @ basis.T)


@pytest.mark.parametrize("seed", range(6))
def test_where_the_curvature_is_indefinite_the_step_is_that_of_the_eigenvectors(seed: int) -> None:
    n, multiplier = 40, 0.7
    eigenvalues = 3 * np.random.default_rng([seed, 1]).standard_normal(n)
    assert eigenvalues.min() < multiplier < eigenvalues.max()
    M, rhs = symmetric(seed, n, eigenvalues), normal(seed, n)
    low, high, step = newton_step(restricted(M), rhs, multiplier)
    assert (low, high) == pytest.approx((eigenvalues.min(), eigenvalues.max()))
    assert step is not None
    np.testing.assert_allclose(step, np.linalg.pinv(multiplier * np.eye(n) - M) @ rhs.numpy(), rtol=1e-8, atol=1e-10)


def test_no_eigenvectors_are_computed_where_a_plain_solver_does(monkeypatch: pytest.MonkeyPatch) -> None:
    M = symmetric(0, 12, np.linspace(-3, 3, 12))

    def slow(*_: Any) -> None:
        raise AssertionError("six times the time of a plain solver")

    monkeypatch.setattr(np.linalg, "eigh", slow)
    assert newton_step(restricted(M), normal(1, 12), 0.1)[2] is not None


def test_where_the_matrix_is_singular_the_step_is_still_the_shortest_one() -> None:
    eigenvalues = np.array([-2.0, -1.0, 0.5, 0.5 + 1e-14, 3.0])
    M, rhs = symmetric(3, 5, eigenvalues), normal(2, 5)
    _, _, step = newton_step(restricted(M), rhs, 0.5)
    assert step is not None
    np.testing.assert_allclose(step, np.linalg.pinv(0.5 * np.eye(5) - M, rcond=1e-10) @ rhs.numpy(), rtol=1e-9)


@pytest.mark.parametrize("constraint", [L2Ball(1.5), L2Sphere(1.5), LinfBall(0.5)])
@pytest.mark.parametrize("activation", CURVED[:4])
def test_a_test_that_does_not_climb_finds_all_but_the_summit_nearby(constraint: ConstraintSet, activation: str) -> None:
    objective = problem(8, 30, activation, seed=4, gamma=3.0)
    for seed in range(3):
        start = constraint.project(constraint.epsilon * normal(seed, 8))
        eta = relative_step(0.5, "gradient", objective, constraint, start[None])
        for end in path(objective, constraint, start, eta, 200)[[0, 3, 20, 200]]:
            whole, part = (
                local_maximum_at(objective, constraint, end, eta=eta, rule="gradient", climbing=climbing)
                for climbing in (True, False)
            )
            if whole.stationary:
                assert part == whole
            of_the_summit = ("step_max", "step_fastest", "summit_distance", "why")
            assert replace(part, **{name: getattr(whole, name) for name in of_the_summit}) == whole


def test_a_test_that_does_not_climb_takes_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    climbed: list[object] = []
    monkeypatch.setattr(certificate, "summit_near", lambda *a: climbed.append(a))
    objective, constraint = sum_of_sines([1.0, 1.0, 0.9]), L2Ball(0.5)
    for climbing in (False, True):
        delta = constraint.project(tensor([9.0, -3.0, 1.0]))
        assert not local_maximum_at(
            objective, constraint, delta, eta=0.1, rule="gradient", climbing=climbing
        ).stationary
        assert len(climbed) == climbing
