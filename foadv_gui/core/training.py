"""Adversarial training of a network: the ascent on every input, then a gradient step on the weights.

    min over W of (1/n) sum_i max_{|delta_i| <= epsilon} L_i,    L_i = (f_W(x_i + delta_i) - y_i)^2/2 or another loss

An epoch attacks all points by T steps of the ascent from delta = 0, all at once, and then follows the gradient of the
loss at the attacked points, which is that of the inner maximum where the ascent has reached it (Danskin).

Source of the problem: Deng, He, Huang, Su (ICML 2020); of the alternation: Madry et al. 2018.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from .attack import as_learner, weight_gradient
from .interruption import give_way, never
from .measures import HELD_OUT, MEASURES, OF_POINTS
from .places import to_exact

__all__ = ["GROWTH", "MEASURES", "AdversarialTraining", "Epoch"]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from .attack import Attack, InnerAscent, Points, Trainee, Where
    from .learner import Gradient, Learner, Network

GROWTH = 4.0
"""A loss of so many times the first one is taken for divergence."""


@dataclass(frozen=True, eq=False)
class Epoch:
    """The network after `index` epochs, and what is known of it.

    Attributes
    ----------
    measures
        By the names of `MEASURES`. Of the points that are trained on and, with `held_out_`, of those that are not: the
        mean loss under attack and without, and the share of points that are decided wrongly: with a sign of f that is
        not that of y, or for another class. residual: the mean |f - y| under attack, of other losses |f|.
        gradient_norm: of the gradient that the next step follows, of all points. movement, movement_a: |W - W0|_F and
        |a - a0|; of other networks |theta - theta0| of the first layer's weights and biases, and of all later ones.
        inner_step: eta. inner_steps: the median of the steps to convergence, infinite where half of the paths have not
        converged; inner_unconverged: the share that has not.
        tangential, fosc, reach: medians; reach k = epsilon |grad f(x)|/|f(x) - y| with the dual norm.
    residual : (n,)
        f - y at the attacked points; of other losses than the quadratic one, f.
    diverged
        Why the training ends here; nothing if it does not.
    """

    index: int
    learner: Learner
    measures: dict[str, float]
    residual: Tensor
    diverged: str = ""

    @property
    def network(self) -> Network:
        """The network."""
        return self.learner.network


@dataclass(frozen=True, eq=False)
class AdversarialTraining:
    """Gradient descent on the loss at the points that the inner ascent finds, or (the control) at the clean points.

    Attributes
    ----------
    inner
        The adversary. It attacks clean training too, to measure what that is worth.
    rate
        The learning rate eta_W in W <- W - eta_W dL/dW.
    batch
        How many points make one step; 0 for all of them.
    adversarial
        Whether the points are attacked before the step.
    train_a
        Whether all layers are trained, and not the first one alone.
    seed
        From which the order of the points is drawn, where a batch has not all of them: [seed, 8, epoch] each time anew,
        so that a training that is resumed goes on bit for bit.
    """

    inner: InnerAscent
    rate: float
    batch: int = 0
    adversarial: bool = True
    train_a: bool = False
    seed: int = 0

    def epochs(
        self,
        network: Trainee,
        train: Points,
        held_out: Points | None = None,
        *,
        last: int,
        first: int = 0,
        origin: Trainee | None = None,
        first_loss: float | None = None,
        interrupted: Callable[[], bool] = never,
    ) -> Iterator[Epoch]:
        """The epochs `first` to `last`, of which 0 is the untrained network.

        Parameters
        ----------
        network
            The network after `first` epochs, with its loss.
        train, held_out
            The points that are trained on, and those that only measure.
        origin, first_loss
            The network and the adversarial loss of epoch 0, where `first` is another one.

        Raises
        ------
        Interrupted
            When `interrupted()`, which is asked before each step of the ascent, becomes true.
        """
        learner = as_learner(network)
        start = learner if origin is None else as_learner(origin)
        for index in range(first, last + 1):
            give_way(interrupted)
            attack = self.inner.attack(learner, train, self._where, interrupted)
            measures = dict.fromkeys(MEASURES, math.nan)
            measures |= zip(OF_POINTS, _quality(attack), strict=True)
            if held_out is not None:
                found = _quality(self.inner.attack(learner, held_out, None, interrupted))
                measures |= zip(HELD_OUT, found, strict=True)
            measures |= self._measured(learner, start, attack)
            loss = measures["adversarial_loss"]
            first_loss = loss if first_loss is None else first_loss
            diverged = _diverged(loss, first_loss)
            yield Epoch(index, learner, measures, attack.residual, diverged)
            if diverged or index == last:
                return
            learner = self._trained(learner, train, attack, index, interrupted)

    @property
    def _where(self) -> Where:
        return "attacked" if self.adversarial else "clean"

    @torch.inference_mode()
    def _trained(
        self, learner: Learner, train: Points, attack: Attack, index: int, interrupted: Callable[[], bool]
    ) -> Learner:
        """The network after one more epoch."""
        n = len(train)
        if not 0 < self.batch < n:
            assert attack.weights is not None
            return self.stepped(learner, attack.weights)
        order = torch.from_numpy(np.random.default_rng([self.seed, 8, index]).permutation(n)).to(train.X.device)
        for first in range(0, n, self.batch):
            give_way(interrupted)
            points = train[order[first : first + self.batch]]
            found = self.inner.attack(learner, points, "attacked", interrupted).weights if self.adversarial else None
            learner = self.stepped(learner, found or weight_gradient(learner, points))
        return learner

    @torch.inference_mode()
    def stepped(self, learner: Learner, gradient: Gradient) -> Learner:
        """The learner after one step: W - eta_W dL/dW, and the same of the later layers where they are trained."""
        moving = len(learner.arrays) if self.train_a else learner.firsts
        pairs = zip(learner.arrays[:moving], gradient[:moving], strict=True)
        moved = [torch.sub(part, by_part, alpha=self.rate) for part, by_part in pairs]
        return learner.with_arrays([*moved, *learner.arrays[moving:]])

    @torch.inference_mode()
    def _measured(self, learner: Learner, origin: Learner, attack: Attack) -> dict[str, float]:
        """What one attack on the points that are trained on tells, besides the quality."""
        assert attack.weights is not None
        firsts = learner.firsts
        gradient = [torch.linalg.vector_norm(part) for part in attack.weights[: None if self.train_a else firsts]]
        moved = [torch.dist(part, before) for part, before in zip(learner.arrays, origin.arrays, strict=True)]
        lengths = torch.stack([*gradient, *moved]).tolist()
        gradient_norms, movements = lengths[: len(gradient)], lengths[len(gradient) :]
        steps = torch.where(attack.converged_at < 0, torch.inf, attack.converged_at.to(attack.fosc.dtype))
        # Infinite at a point that is met exactly: the plane f = y goes through it.
        reach = self.inner.constraint.epsilon * attack.clean_slope / attack.clean_residual.abs()
        numbers = to_exact(torch.stack([steps, attack.tangential, attack.fosc, reach, attack.residual.abs()])).numpy()
        medians = _medians(numbers[:4])
        return {
            "residual": float(numbers[4].mean()),
            "gradient_norm": math.hypot(*gradient_norms),
            "movement": math.hypot(*movements[:firsts]),
            "movement_a": math.hypot(*movements[firsts:]),
            "inner_step": attack.eta,
            "inner_steps": medians[0],
            "inner_unconverged": float(np.isinf(numbers[0]).mean()),
            "tangential": medians[1],
            "fosc": medians[2],
            "reach": medians[3],
        }


def _diverged(loss: float, first: float) -> str:
    """Why a training with such an adversarial loss has come to its end; nothing if it has not."""
    if not math.isfinite(loss):
        return "the loss has overflowed"
    if loss > GROWTH * first:
        return f"the adversarial loss has grown to {loss / first:.3g} times its first value"
    return ""


def _quality(attack: Attack) -> list[float]:
    """Mean loss and share of wrong decisions, under attack and without, in the order of the measures."""
    losses = torch.stack([attack.loss, attack.clean_loss]).mean(-1)
    errors = torch.stack([attack.wrong, attack.clean_wrong]).to(losses.dtype).mean(-1)
    found: list[float] = to_exact(torch.cat([losses, errors])).tolist()
    return found


def _medians(rows: NDArray[np.float64]) -> list[float]:
    """The median of each row, infinite where half of it is."""
    ordered, n = np.sort(rows, axis=1), rows.shape[1]
    middle: list[float] = (0.5 * (ordered[:, (n - 1) // 2] + ordered[:, n // 2])).tolist()
    return middle
