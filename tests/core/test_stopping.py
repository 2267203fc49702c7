"""How a run ends: convergence, the step limit, overflow, cancellation; nothing depends on the block length."""

from __future__ import annotations

import pytest
import torch
from problems import (
    problem,
)
from runs import ascend, ascent_on, identical, starts_for

from foadv_gui.core.activations import ACTIVATIONS, Activation
from foadv_gui.core.ascent import (
    ProjectedGradientAscent,
    StopReason,
)
from foadv_gui.core.constraint import L2Ball
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.core.objective import QuadraticAdversary

BOXES = [None, 5]  # the corners of this one stick out of the sphere on every side that matters here


# ------------------------------------------------------------------------------------------- how it ends


def test_a_restart_converges_at_the_first_iterate_that_is_stationary() -> None:
    objective, constraint = problem(8, 40, gamma=0.3), L2Ball(0.09)
    starts = starts_for(constraint, 5, 8)
    run = ascend(ascent_on(objective, constraint, starts, tolerance=1e-6), starts, 500)
    assert run.stop_reason == [StopReason.CONVERGED] * 5
    tangential = run.measures["tangential"]
    for k, t in enumerate(run.converged_at):
        assert float(tangential[t, k]) <= 1e-6
        assert bool((tangential[:t, k] > 1e-6).all())
    # The run ends with the last of them, and nobody is held meanwhile.
    assert len(run.delta) == max(run.converged_at) + 1
    assert bool((run.delta[1:] != run.delta[:-1]).any(-1).all())


def test_a_point_that_the_gradient_pulls_off_the_ball_is_not_converged() -> None:
    # At the minimum's side of the sphere the gradient is radial as well, but points inwards.
    objective = problem(2, 5, "linear", y=100.0)
    c = objective.network.W.T @ objective.network.a
    constraint = L2Ball(0.5)
    starts = constraint.project(100 * c)[None]  # the residual is negative: this is the worst point
    run = ascend(ascent_on(objective, constraint, starts, step=0.05, tolerance=1e-6), starts, 200)
    assert run.converged_at[0] > 0
    assert float(run.measures["cosine"][0]) == pytest.approx(-1)
    assert float(run.measures["cosine"][-1]) == pytest.approx(1)


def test_the_step_limit_ends_what_has_not_converged() -> None:
    objective, constraint = problem(8, 40, gamma=0.3), L2Ball(0.09)
    starts = starts_for(constraint, 4, 8)
    full = ascend(ascent_on(objective, constraint, starts, tolerance=1e-6), starts, 500)
    limit = sorted(full.converged_at)[1]
    run = ascend(ascent_on(objective, constraint, starts, tolerance=1e-6), starts, limit)
    assert len(run.delta) == limit + 1
    for k, t in enumerate(full.converged_at):
        assert run.stop_reason[k] is (StopReason.CONVERGED if t <= limit else StopReason.STEP_LIMIT)
        assert run.converged_at[k] == (t if t <= limit else -1)


def test_tolerance_zero_runs_all_steps() -> None:
    objective, constraint = problem(), L2Ball(0.3)
    starts = starts_for(constraint, 2, 5)
    run = ascend(ascent_on(objective, constraint, starts), starts, 333)
    assert len(run.delta) == 334
    assert run.stop_reason == [StopReason.STEP_LIMIT] * 2
    assert run.converged_at == [-1, -1]


def test_no_steps_leave_the_start() -> None:
    objective, constraint = problem(), L2Ball(0.3)
    starts = starts_for(constraint, 2, 5)
    run = ascend(ascent_on(objective, constraint, starts, tolerance=1e-6), starts, 0)
    assert torch.equal(run.delta, starts[None])
    assert run.stop_reason == [StopReason.STEP_LIMIT] * 2


@pytest.mark.parametrize("length", [1, 7, 32])
@pytest.mark.parametrize("after", [1, 2, 10, 32, 33])
def test_a_cancelled_run_keeps_what_it_had(length: int, after: int) -> None:
    objective, constraint = problem(), L2Ball(0.3)
    starts = starts_for(constraint, 3, 5)
    ascent = ascent_on(objective, constraint, starts, step=0.01, tolerance=1e-9)
    # The start is always handed out, so the first question comes before the second iterate.
    calls = iter(range(1, 1000))
    run = ascend(ascent, starts, 100, length=length, interrupted=lambda: next(calls) >= after)
    assert run.stop_reason == [StopReason.CANCELLED] * 3
    assert len(run.delta) == after
    assert all(len(values) == after for values in run.measures.values())
    assert torch.equal(run.delta, ascend(ascent, starts, 100).delta[:after])


def test_stop_reasons_have_words() -> None:
    assert all(reason.words.strip() for reason in StopReason)
    assert "step limit" in StopReason.STEP_LIMIT.words
    assert str(StopReason.STEP_LIMIT) == "step limit"


# ------------------------------------------------------------------------------------------- divergence

EXPONENTIAL = Activation("exp", "e^p", torch.exp, torch.exp, lambda p: (torch.exp(p), torch.exp(p)), None)


def exploding(dtype: torch.dtype, radius: float) -> tuple[QuadraticAdversary, L2Ball]:
    """f(z) = e^{z_1} + small: climbs until it overflows, on the way to the boundary."""
    W = torch.tensor([[1.0, 0.0, 0.0]], dtype=dtype)
    network = TwoLayerNetwork(W, torch.ones(1, dtype=dtype), EXPONENTIAL)
    return QuadraticAdversary(network, torch.zeros(3, dtype=dtype), 0.0), L2Ball(radius)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("length", [1, 3, 32])
def test_an_overflow_holds_the_last_finite_iterate(dtype: torch.dtype, length: int) -> None:
    objective, constraint = exploding(dtype, 1000.0)
    # The second restart starts so far down that it has hardly moved when the first one is over.
    starts = torch.tensor([[1.0, 0.5, 0.0], [-30.0, 0.5, 0.0]], dtype=dtype)
    ascent = ProjectedGradientAscent(objective, constraint, "gradient", 0.1, 0.0)
    run = ascend(ascent, starts, 50, length=length)
    assert run.stop_reason == [StopReason.DIVERGED, StopReason.STEP_LIMIT]
    assert torch.isfinite(run.delta).all()
    assert all(torch.isfinite(values).all() for values in run.measures.values())
    moving = (run.delta[1:, 0] != run.delta[:-1, 0]).any(-1)
    held_from = int(moving.int().sum())
    assert 0 < held_from < 50
    assert bool(moving[:held_from].all())
    assert not moving[held_from:].any()
    # What is kept is a real iterate, and it is the last one that had a finite loss and gradient.
    here = objective.evaluate(run.delta[held_from, 0])
    assert torch.isfinite(here.loss)
    beyond = objective.evaluate(constraint.project(run.delta[held_from, 0] + 0.1 * here.gradient))
    assert not (torch.isfinite(beyond.loss) and torch.isfinite(torch.linalg.vector_norm(beyond.gradient)))
    assert float(run.measures["loss"][-1, 0]) == pytest.approx(float(here.loss))


@pytest.mark.parametrize("tolerance", [0.0, 1e-6])
def test_when_every_restart_has_diverged_the_run_is_over(tolerance: float) -> None:
    objective, constraint = exploding(torch.float32, 1000.0)
    starts = torch.tensor([[1.0, 0.5, 0.0], [0.5, 0.5, 0.0]])
    ascent = ProjectedGradientAscent(objective, constraint, "gradient", 0.1, tolerance)
    run = ascend(ascent, starts, 10_000)
    assert run.stop_reason == [StopReason.DIVERGED] * 2
    assert len(run.delta) < 40


def test_a_start_that_overflows_is_kept_as_it_is() -> None:
    objective, constraint = exploding(torch.float32, 1000.0)
    starts = torch.tensor([[500.0, 0.5, 0.0]])
    run = ascend(ProjectedGradientAscent(objective, constraint, "gradient", 0.1, 0.0), starts, 10)
    assert run.stop_reason == [StopReason.DIVERGED]
    assert torch.equal(run.delta, starts[None])
    # No number stands for what overflows; the start itself is where it is.
    assert all(run.measures[name].isnan().all() for name in ("loss", "value", "grad_norm"))
    assert float(run.measures["radius"]) == pytest.approx(0.5, rel=1e-5)


def test_a_finite_step_too_long_for_its_length_is_a_divergence_too() -> None:
    # In float32 |v|^2 overflows at |v| = 2e19, while v is finite: the projection has no direction left to keep.
    objective = problem(4, 6, seed=1, dtype=torch.float32)
    constraint = L2Ball(0.3)
    starts = starts_for(constraint, 2, 4).float()
    run = ascend(ProjectedGradientAscent(objective, constraint, "gradient", 1e25, 0.0), starts, 5)
    assert run.stop_reason == [StopReason.DIVERGED] * 2
    assert torch.equal(run.delta[-1], starts)


def test_a_loss_beyond_the_type_is_a_divergence() -> None:
    # The value fits into float32, its square does not.
    network = TwoLayerNetwork(torch.full((1, 2), 1e10), torch.full((1,), 1e10), ACTIVATIONS["linear"])
    objective = QuadraticAdversary(network, torch.ones(2), 0.0)
    starts = torch.tensor([[0.1, 0.0]])
    run = ascend(ProjectedGradientAscent(objective, L2Ball(0.5), "normalized", 0.1, 0.0), starts, 3)
    assert run.stop_reason == [StopReason.DIVERGED]


# ---------------------------------------------------------------------- nothing depends on the block length


@pytest.mark.parametrize("K", [1, 4])
@pytest.mark.parametrize("tolerance", [0.0, 1e-6])
def test_the_result_does_not_depend_on_the_block_length(K: int, tolerance: float) -> None:
    objective, constraint = problem(8, 40, gamma=0.5), L2Ball(0.15)
    starts = starts_for(constraint, K, 8)
    ascent = ascent_on(objective, constraint, starts, tolerance=tolerance)
    reference = ascend(ascent, starts, 150, length=1)
    for length in (2, 7, 32, 1000):
        run = ascend(ascent, starts, 150, length=length)
        assert identical(run, reference)
        assert run.firsts[:2] == [0, length][: len(run.firsts)]


@pytest.mark.parametrize("tolerance", [0.0, 1e-5])
@pytest.mark.parametrize("second", [[0.9, 0.5, 0.0], [-999.9999, 0.5, 0.0], [2.0, 0.1, 0.3]])
def test_the_result_does_not_depend_on_the_block_length_when_restarts_diverge(
    tolerance: float, second: list[float]
) -> None:
    objective, constraint = exploding(torch.float32, 1000.0)
    starts = torch.tensor([[1.0, 0.5, 0.0], second])
    ascent = ProjectedGradientAscent(objective, constraint, "gradient", 0.1, tolerance)
    reference = ascend(ascent, starts, 80, length=1)
    assert StopReason.DIVERGED in reference.stop_reason
    for length in (2, 3, 5, 32, 1000):
        assert identical(ascend(ascent, starts, 80, length=length), reference)


def test_one_restart_converging_while_another_diverges_does_not_depend_on_the_block_length() -> None:
    # f = e^{p}: down the slope the gradient vanishes to below the tolerance at once, up it overflows.
    objective, constraint = exploding(torch.float32, 1000.0)
    starts = torch.tensor([[1.0, 0.5, 0.0], [-4.0, 0.5, 0.0]])
    ascent = ProjectedGradientAscent(objective, constraint, "gradient", 0.1, 1e-3)
    reference = ascend(ascent, starts, 80, length=1)
    assert reference.stop_reason == [StopReason.DIVERGED, StopReason.CONVERGED]
    for length in (2, 3, 32):
        assert identical(ascend(ascent, starts, 80, length=length), reference)
