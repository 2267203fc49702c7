"""Projected gradient ascent (PGA) over a batch of restarts, and the first-order measures of its iterates."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import torch

from .constraint import LinfBall
from .interruption import never
from .norms import norm, normalized
from .places import to_exact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from .constraint import ConstraintSet
    from .objective import Objective

MEASURES = ("loss", "value", "grad_norm", "tangential", "cosine", "radius", "fosc")


class StopReason(StrEnum):
    """Why a restart ended; `words` says it to a reader."""

    RUNNING = "running"
    CONVERGED = "converged"
    STEP_LIMIT = "step limit"
    DIVERGED = "diverged"
    CANCELLED = "cancelled"

    @property
    def words(self) -> str:
        """One clause for a sentence about the restart."""
        return _WORDS[self]


_WORDS = {
    StopReason.RUNNING: "still climbing",
    StopReason.CONVERGED: "converged: the gradient has no part left along the constraint set",
    StopReason.STEP_LIMIT: "stopped at the step limit before it converged",
    StopReason.DIVERGED: "diverged: the loss or its gradient overflowed; the last finite iterate is kept",
    StopReason.CANCELLED: "cancelled before it converged",
}


def raw(g: Tensor) -> Tensor:
    """The gradient itself: the paper's rule."""
    return g


RULES: dict[str, Callable[[Tensor], Tensor]] = {"gradient": raw, "normalized": normalized, "sign": torch.sign}


HINGE_IS_FLAT = "the hinge is flat there: the margin is above 1, so L = 0 and there is no gradient"
"""Why no path leaves a start where a hinge is 0."""


class ZeroGradientError(ValueError):
    """Raised when a relative step has no scale because the gradient vanishes at every start."""


def relative_step(c: float, rule: str, objective: Objective, constraint: ConstraintSet, starts: Tensor) -> float:
    """The absolute step eta = c epsilon / G of a relative step c, one for all restarts.

    G is the length of the rule's direction at the starts, see `direction_length`.

    Raises
    ------
    ZeroGradientError
        If G = 0 up to round-off, as from a zero start with f(x) = y.
    """
    if rule == "gradient":
        value, _, gradient = objective.evaluate(starts)
        known = not bool(objective.is_round_off(value).all())
        G = direction_length(rule, constraint, gradient) if known or not bool(torch.isfinite(value).all()) else 0.0
        if not math.isfinite(G):
            # The ascent will say that it diverged: any step does.
            return sys.float_info.min
    else:
        G = direction_length(rule, constraint, starts)
    if not G > 0:
        flat = "f = y there" if objective.loss_name == "quadratic" else "the loss is flat there"
        flat, remedy = f"{flat}, or every neuron is saturated", "a random start or an absolute step"
        if objective.loss_name == "hinge" and not bool(objective.evaluate(starts).loss.any()):
            flat, remedy = HINGE_IS_FLAT, "another loss, or a larger radius with random starts"
        raise ZeroGradientError(
            f"the gradient is zero at every start ({flat}), so a relative step has no scale: choose {remedy}"
        )
    return c * constraint.epsilon / G


def direction_length(rule: str, constraint: ConstraintSet, gradient: Tensor) -> float:
    """The length G of a rule's direction where the gradients are those given, (n, d).

    Their root mean square |.|_2 for the raw gradient, 1 for the normalised one, and for the sign of the gradient 1 on
    the l-infinity ball and sqrt(d) on l2 sets.
    """
    if rule == "normalized":
        return 1.0
    if rule == "sign":
        return 1.0 if isinstance(constraint, LinfBall) else gradient.shape[-1] ** 0.5
    return _rms(to_exact(gradient))


def _rms(vectors: Tensor) -> float:
    """The root mean square of the lengths of vectors (K, d), whose squares may overflow."""
    top = float(vectors.abs().max())
    return top * float((vectors / top).square().sum(-1).mean().sqrt()) if 0 < top < math.inf else top


def measure(
    objective: Objective, constraint: ConstraintSet, delta: Tensor, heights: Tensor, gradient: Tensor
) -> dict[str, Tensor]:
    """The first-order measures at delta (..., d), each of shape (...,), from the objective's heights and grad L.

    loss L; value f; grad_norm |g|_2; tangential |P g|/|g| on the boundary and |g| inside; cosine
    <delta, g>/(|delta||g|), 0 at delta = 0; radius |delta|/epsilon in the set's own norm; fosc.
    """
    value, loss = objective.value_and_loss(heights)
    grad_norm = norm(gradient)
    tangent, boundary = constraint.tangential_part(delta, gradient)
    tiny = torch.finfo(delta.dtype).tiny
    tangential = norm(tangent) / torch.where(boundary, grad_norm.clamp_min(tiny), 1)
    lengths = norm(delta) * grad_norm
    return {
        "loss": loss,
        "value": value,
        "grad_norm": grad_norm,
        "tangential": tangential,
        "cosine": ((delta * gradient).sum(-1) / lengths.clamp_min(tiny)).clamp(-1, 1),
        "radius": constraint.size(delta) / constraint.epsilon,
        "fosc": constraint.fosc(delta, gradient),
    }


@dataclass
class Block:
    """Consecutive iterates as they come: delta (B, K, d) from step `first` on, and their measures (B, K) each.

    `stop_reason` and `converged_at` (K,) say how every restart stands after the block; `done` marks the last block.
    """

    first: int
    delta: Tensor
    measures: dict[str, Tensor]
    stop_reason: list[StopReason]
    converged_at: list[int]
    done: bool


@dataclass(frozen=True, eq=False)
class ProjectedGradientAscent:
    """delta_{t+1} = Proj(delta_t + eta step(grad L(delta_t))) for K restarts at once.

    A restart counts as converged at the first step whose tangential measure is at most `tolerance` with a multiplier
    of the right sign. Every restart keeps stepping until all have converged, so that a plain loop of the formula above
    reproduces each iterate; tolerance 0 runs all steps.

    Source: the algorithm of Deng, He, Huang, Su (ICML 2020) with rule "gradient"; "normalized" and "sign" are the
    usual variants (Madry et al. 2018).
    """

    objective: Objective
    constraint: ConstraintSet
    rule: str
    eta: float
    tolerance: float

    @torch.inference_mode()
    def step(self, delta: Tensor, gradient: Tensor) -> Tensor:
        """Proj(delta + eta step(gradient))."""
        return self._next(delta, gradient)

    def _next(self, delta: Tensor, gradient: Tensor) -> Tensor:
        # Under the inference mode of the caller: entering it for each step would take as long as the step's arithmetic.
        return self.constraint.project(torch.add(delta, RULES[self.rule](gradient), alpha=self.eta))

    @torch.inference_mode()
    def blocks(
        self,
        starts: Tensor,
        steps: int,
        *,
        length: int = 32,
        interrupted: Callable[[], bool] = never,
        paused: Callable[[], bool] = never,
    ) -> Iterator[Block]:
        """Iterates 0..steps from the feasible `starts` (K, d), in blocks of at most `length`.

        Convergence and overflow are looked at between blocks (one synchronisation a block on a GPU) and the iterates
        after the step at which the last restart ended are dropped, so the result does not depend on `length`. A
        restart that overflows stays at its last finite iterate. The start itself is always handed out, with NaN for the
        measures that overflow there. When
        `interrupted()` becomes true the ascent ends, cancelled; while `paused()` is true a block is one step long.
        """
        # One restart runs as a vector: a matrix-vector product is twice as fast as a product with one row.
        single = starts.shape[0] == 1
        delta = starts[0] if single else starts
        reasons = [StopReason.RUNNING] * len(starts)
        converged_at = [-1] * len(starts)
        first = 0
        alive = torch.ones(len(starts), dtype=torch.bool, device=starts.device)
        last: tuple[Tensor, ...] | None = None
        while first <= steps:
            planned = min(length, steps + 1 - first)
            block, delta, cancelled = self._climb(delta, planned, len(starts), interrupted, paused, always=first == 0)
            block_delta, block_gradient, block_heights = block
            size = len(block_delta)
            if size == 0:
                yield self._cancelled(first, starts, reasons, converged_at)
                return
            finite = self._finite(*block) & alive
            bad_at = [size] * len(starts)
            held = not bool(finite.all())
            if held:
                bad_at = _hold(block, finite, last)
                alive = finite.all(0)
                delta = delta if single else torch.where(alive.unsqueeze(-1), delta, block_delta[-1])
            last = tuple(part[-1] for part in block)
            measures = measure(self.objective, self.constraint, block_delta, block_heights, block_gradient)
            if held:
                # No number stands for what overflows at a start itself.
                measures = {name: torch.where(torch.isfinite(v), v, torch.nan) for name, v in measures.items()}
            stationary = (measures["tangential"] <= self.tolerance) & self.constraint.points_outward(
                block_delta, block_gradient
            )
            end = _note_ends(stationary if self.tolerance > 0 else None, bad_at, size, first, reasons, converged_at)
            settled = all(reason is not StopReason.RUNNING for reason in reasons)
            if settled:
                size = end
            done = settled or cancelled or first + size > steps
            if done:
                ending = StopReason.CANCELLED if cancelled else StopReason.STEP_LIMIT
                reasons = [ending if reason is StopReason.RUNNING else reason for reason in reasons]
            yield Block(
                first,
                block_delta[:size],
                {name: values[:size] for name, values in measures.items()},
                list(reasons),
                list(converged_at),
                done,
            )
            if done:
                return
            first += size

    def _climb(
        self,
        delta: Tensor,
        planned: int,
        restarts: int,
        interrupted: Callable[[], bool],
        paused: Callable[[], bool],
        *,
        always: bool,
    ) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor, bool]:
        """At most `planned` iterates from delta on: (B, K, d) iterates, gradients, (B, K, ...) heights; and the next.

        Stops early when interrupted (but not before the first iterate if `always`), which the last result tells, or
        after an iterate when paused.
        """
        deltas, gradients, heights = [], [], []
        stopped = False
        for i in range(planned):
            stopped = not (always and i == 0) and interrupted()
            if stopped or (i > 0 and paused()):
                break
            height, gradient = self.objective.heights_and_gradient(delta)
            deltas.append(delta)
            gradients.append(gradient)
            heights.append(height)
            delta = self._next(delta, gradient)
        shape = (len(deltas), restarts, delta.shape[-1])
        heights_shape = (*shape[:2], *self.objective.heights_shape)
        if not deltas:
            return (delta.new_empty(shape), delta.new_empty(shape), delta.new_empty(heights_shape)), delta, stopped
        # Stacked at the end of a block: a small copy at each step would cost more.
        stacked = (
            torch.stack(deltas).view(shape),
            torch.stack(gradients).view(shape),
            torch.stack(heights).view(heights_shape),
        )
        return stacked, delta, stopped

    def _cancelled(self, first: int, starts: Tensor, reasons: list[StopReason], converged_at: list[int]) -> Block:
        ended: list[StopReason] = [
            StopReason.CANCELLED if reason is StopReason.RUNNING else reason for reason in reasons
        ]
        empty = {name: starts.new_empty((0, len(starts))) for name in MEASURES}
        return Block(first, starts.new_empty((0, *starts.shape)), empty, ended, converged_at, True)

    def _finite(self, delta: Tensor, gradient: Tensor, heights: Tensor) -> Tensor:
        """Where the iterate, its loss and the length of its gradient are finite, bool (B, K)."""
        _, loss = self.objective.value_and_loss(heights)
        # No point of a constraint set is so far out that its length overflows.
        return torch.isfinite(norm(delta)) & torch.isfinite(loss) & torch.isfinite(norm(gradient))


def _hold(block: tuple[Tensor, ...], finite: Tensor, last: tuple[Tensor, ...] | None) -> list[int]:
    """Hold every restart at its last iterate that is `finite` (B, K), in place; returns where it stopped being so.

    `last` is the last row of the block before, None for the first block: a start stays whatever it gives.
    """
    size = len(finite)
    bad_at: list[int] = torch.where(finite.all(0), size, (~finite).int().argmax(0)).tolist()
    for k, first_bad in enumerate(bad_at):
        for i, part in enumerate(block):
            kept = part[max(first_bad - 1, 0), k].clone()
            part[first_bad:, k] = last[i][k] if first_bad == 0 and last is not None else kept
    return bad_at


def _note_ends(
    stationary: Tensor | None,
    bad_at: list[int],
    size: int,
    first: int,
    reasons: list[StopReason],
    converged_at: list[int],
) -> int:
    """Mark the restarts that converged or diverged in a block, in place; returns how many of its iterates are needed.

    The first event counts: what is stationary before it overflows has converged.
    """
    at = [size] * len(reasons)
    if stationary is not None:
        here = stationary.cpu()
        at = torch.where(here.any(0), here.int().argmax(0), size).tolist()
    end = 1
    for k, reason in enumerate(reasons):
        ended_at = min(at[k], bad_at[k])
        if reason is not StopReason.RUNNING or ended_at == size:
            continue
        end = max(end, ended_at + 1)
        if at[k] < bad_at[k]:
            reasons[k], converged_at[k] = StopReason.CONVERGED, first + at[k]
        else:
            reasons[k] = StopReason.DIVERGED
    return end
