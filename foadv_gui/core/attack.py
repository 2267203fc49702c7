"""Projected gradient ascent on many inputs at once, each with its own label: the inner half of adversarial training.

Everything runs under torch.inference_mode but what autograd needs; points are independent of each other but for the
step, which relative units take from all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import torch

from .ascent import RULES, direction_length
from .constraint import L2Sphere, LinfBall
from .interruption import give_way, never
from .learner import learner_of
from .network import TwoLayerNetwork
from .norms import norm
from .threads import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .constraint import ConstraintSet
    from .learner import Gradient, Learner, Seen

Where: TypeAlias = Literal["attacked", "clean"]
"""At which points the loss is differentiated by the weights."""

_PIECE_BYTES = 2**22
"""The pre-activations of so many points at once stay in the cache, and leave work for the other cores."""
FEWEST_IN_A_PIECE = 16
"""So many points at once climb in any case, however much their iterates take: fewer would be slow."""


@dataclass(frozen=True, eq=False)
class Points:
    """Inputs X (n, d) and their labels y (n,)."""

    X: Tensor
    y: Tensor

    def __post_init__(self) -> None:
        if self.X.ndim != 2 or self.y.shape != self.X.shape[:1] or not len(self.y):
            raise ValueError(f"X must be (n, d) and y (n,), got {tuple(self.X.shape)} and {tuple(self.y.shape)}")

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, rows: slice | Tensor) -> Points:
        return Points(self.X[rows], self.y[rows])


Trainee: TypeAlias = "Learner | TwoLayerNetwork"
"""What is attacked and trained; a two-layer network alone stands for itself with the quadratic loss."""


def as_learner(trainee: Trainee) -> Learner:
    """The learner itself, or that of a network alone."""
    return learner_of(trainee) if isinstance(trainee, TwoLayerNetwork) else trainee


@torch.inference_mode()
def weight_gradient(trainee: Trainee, points: Points) -> Gradient:
    """The gradient of the mean loss of points (z_i, y_i) by all weights, in the order of `Learner.arrays`: W, a."""
    return as_learner(trainee).look(points.X, points.y).weight_gradient(len(points))


@dataclass(frozen=True, eq=False)
class Attack:
    """What the inner ascent found on n points.

    Attributes
    ----------
    eta
        The absolute step.
    delta : (n, d)
        The last iterates.
    residual, clean_residual : (n,)
        f - y at the attacked and at the clean points; of other losses than the quadratic one, f.
    loss, clean_loss : (n,)
        L there.
    wrong, clean_wrong : (n,)
        Whether the network decides wrongly there, see `core.learner.Seen`.
    clean_slope : (n,)
        The size of grad f at the clean points, in the norm dual to that of the constraint set.
    tangential, fosc : (n,)
        First-order measures at the last iterates.
    converged_at : (n,)
        The step from which on the tangential ratio is at most the tolerance; -1 where there is none.
    weights
        The gradient of the mean loss at the attacked or at the clean points, if it was asked for.
    """

    eta: float
    delta: Tensor
    residual: Tensor
    clean_residual: Tensor
    loss: Tensor
    clean_loss: Tensor
    wrong: Tensor
    clean_wrong: Tensor
    clean_slope: Tensor
    tangential: Tensor
    fosc: Tensor
    converged_at: Tensor
    weights: Gradient | None


@dataclass(frozen=True, eq=False)
class InnerAscent:
    """T steps of projected gradient ascent from delta = 0 on many inputs at once.

    Attributes
    ----------
    constraint
        Where each perturbation may go: a ball without a box.
    rule
        "gradient", "normalized" or "sign", see `core.ascent.RULES`.
    step, relative
        The step: eta itself, or c in eta = c epsilon/G, with G the length of the rule's direction at delta = 0, for
        the raw gradient its root mean square over all points.
    steps
        The number T >= 1 of steps.
    tolerance
        The tangential ratio at which a path counts as converged; all paths take all steps.
    """

    constraint: ConstraintSet
    rule: str
    step: float
    relative: bool
    steps: int
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"the rule must be one of {', '.join(RULES)}, got {self.rule}")
        if self.steps < 1:
            raise ValueError(f"the ascent takes at least one step, got {self.steps}")
        if self.constraint.box is not None or isinstance(self.constraint, L2Sphere):
            raise ValueError("the constraint must be a ball without a box, since every path starts at delta = 0")

    @torch.inference_mode()
    def attack(
        self,
        trainee: Trainee,
        points: Points,
        weights: Where | None = None,
        interrupted: Callable[[], bool] = never,
    ) -> Attack:
        """Attack all points, and differentiate the mean loss by the weights at the attacked or the clean points.

        Each path is that of `ProjectedGradientAscent` with the same eta. Points are taken in pieces that do not depend
        on the number of cores.

        Raises
        ------
        Interrupted
            When `interrupted()`, which is asked on the threads of all cores, is true before a step of some points.
        """
        learner = as_learner(trainee)
        n, piece = len(points), self._piece(learner, points)
        parts = [points[first : first + piece] for first in range(0, n, piece)]

        def look(part: Points) -> _Clean:
            give_way(interrupted)
            return self._look(learner, part, n if weights == "clean" else 0)

        def climb(both: tuple[Points, Tensor]) -> _End:
            return self._climb(learner, *both, eta, n if weights == "attacked" else 0, interrupted)

        clean = in_parallel(look, parts)
        eta = self._eta(torch.cat([one.gradient for one in clean]))
        ends = in_parallel(climb, zip(parts, [one.gradient for one in clean], strict=True))
        return Attack(
            eta=eta,
            delta=torch.cat([one.delta for one in ends]),
            residual=torch.cat([one.residual for one in ends]),
            clean_residual=torch.cat([one.residual for one in clean]),
            loss=torch.cat([one.loss for one in ends]),
            clean_loss=torch.cat([one.loss for one in clean]),
            wrong=torch.cat([one.wrong for one in ends]),
            clean_wrong=torch.cat([one.wrong for one in clean]),
            clean_slope=torch.cat([one.slope for one in clean]),
            tangential=torch.cat([one.tangential for one in ends]),
            fosc=torch.cat([one.fosc for one in ends]),
            converged_at=torch.cat([one.converged_at for one in ends]),
            weights=_summed([one.weights for one in (ends if weights == "attacked" else clean)]),
        )

    @torch.inference_mode()
    def path(self, trainee: Trainee, points: Points, row: int, eta: float) -> Tensor:
        """All iterates (T + 1, d) of one of the points: to the last bit those of an `attack` on all with this eta."""
        learner = as_learner(trainee)
        piece = self._piece(learner, points)
        part = points[row // piece * piece : (row // piece + 1) * piece]
        deltas, _, _ = self._iterates(learner, part, self._look(learner, part, 0).gradient, eta, never)
        return torch.stack([delta[row % piece] for delta in deltas])

    def _piece(self, learner: Learner, points: Points) -> int:
        """How many points are taken at once, whatever the number of cores."""
        d, size = points.X.shape[1], points.X.element_size()
        return max(FEWEST_IN_A_PIECE, _PIECE_BYTES // (size * max(learner.widest, (self.steps + 1) * d // 4)))

    def _eta(self, gradient: Tensor) -> float:
        if not self.relative:
            return self.step
        length = direction_length(self.rule, self.constraint, gradient)
        # Where the loss is flat at all points no step leads anywhere; where it overflows, the loss itself says so.
        return self.step * self.constraint.epsilon / length if 0 < length < math.inf else 0.0

    def _look(self, learner: Learner, points: Points, n: int) -> _Clean:
        """Look at the clean points; with n > 0, also at their share in the gradient of n points by the weights."""
        seen = learner.look(points.X, points.y)
        slope, gradient = seen.slope_and_gradient()
        return _Clean(
            seen.residual,
            seen.loss,
            seen.wrong,
            norm(slope, 1 if isinstance(self.constraint, LinfBall) else 2),
            gradient,
            seen.weight_gradient(n) if n else None,
        )

    def _climb(
        self,
        learner: Learner,
        points: Points,
        gradient: Tensor,
        eta: float,
        n: int,
        interrupted: Callable[[], bool],
    ) -> _End:
        """All steps from delta = 0, where the `gradient` is known, and what there is at their end."""
        deltas, gradients, seen = self._iterates(learner, points, gradient, eta, interrupted)
        delta, gradient = deltas[-1], gradients[-1]
        tangential, fosc = self._tangential(delta, gradient), self.constraint.fosc(delta, gradient)
        weights = seen.weight_gradient(n) if n else None
        since = self._converged_at(deltas, gradients)
        return _End(delta, seen.residual, seen.loss, seen.wrong, tangential, fosc, since, weights)

    def _iterates(
        self,
        learner: Learner,
        points: Points,
        gradient: Tensor,
        eta: float,
        interrupted: Callable[[], bool],
    ) -> tuple[list[Tensor], list[Tensor], Seen]:
        """All iterates from delta = 0, where the `gradient` is known, their gradients, and the last evaluation."""
        direction, project, (X, y) = RULES[self.rule], self.constraint.project, (points.X, points.y)
        delta = torch.zeros_like(X)
        deltas, gradients = [delta], [gradient]
        for _ in range(self.steps):
            give_way(interrupted)
            delta = project(torch.add(delta, direction(gradient), alpha=eta))
            seen = learner.look(X + delta, y)
            gradient = seen.gradient()
            deltas.append(delta)
            gradients.append(gradient)
        return deltas, gradients, seen

    def _tangential(self, delta: Tensor, gradient: Tensor) -> Tensor:
        """The tangential ratio |P g|/|g| on the boundary, |g| inside."""
        tangent, boundary = self.constraint.tangential_part(delta, gradient)
        return norm(tangent) / torch.where(boundary, norm(gradient).clamp_min(torch.finfo(delta.dtype).tiny), 1)

    def _converged_at(self, deltas: list[Tensor], gradients: list[Tensor]) -> Tensor:
        """The step from which on each of n paths is stationary on the side of a maximum, (n,); -1 for none.

        From the end, since few paths have converged early: to measure all iterates would take as long as to make them.
        """
        stays = torch.ones_like(deltas[0][:, 0], dtype=torch.bool)
        first = torch.full(stays.shape, -1, device=stays.device)
        for t in reversed(range(len(deltas))):
            stays &= self._tangential(deltas[t], gradients[t]) <= self.tolerance
            stays &= self.constraint.points_outward(deltas[t], gradients[t])
            if stays.device.type == "cpu" and not bool(stays.any()):  # a GPU would have to be waited for
                break
            first = torch.where(stays, t, first)
        return first


class _Clean(NamedTuple):
    """At the clean points: see `Attack`; slope is |grad f| (n,), gradient grad L (n, d)."""

    residual: Tensor
    loss: Tensor
    wrong: Tensor
    slope: Tensor
    gradient: Tensor
    weights: Gradient | None


class _End(NamedTuple):
    """At the last iterates: see `Attack`."""

    delta: Tensor
    residual: Tensor
    loss: Tensor
    wrong: Tensor
    tangential: Tensor
    fosc: Tensor
    converged_at: Tensor
    weights: Gradient | None


def _summed(shares: list[Gradient | None]) -> Gradient | None:
    known = [share for share in shares if share is not None]
    if not known:
        return None
    total = known[0]
    for share in known[1:]:
        total = tuple(one + other for one, other in zip(total, share, strict=True))
    return total
