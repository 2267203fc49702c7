"""Adversarial training of a two-layer network: the ascent on every input, then a gradient step on the weights.

    min over W of (1/n) sum_i max_{|delta_i| <= epsilon} (f_W(x_i + delta_i) - y_i)^2/2

An epoch attacks all points by T steps of the ascent from delta = 0, all at once, and then follows the gradient of the
loss at the attacked points, which is that of the inner maximum where the ascent has reached it (Danskin).

Source of the problem: Deng, He, Huang, Su (ICML 2020); of the alternation: Madry et al. 2018. The closed forms are
elementary. Everything runs under torch.inference_mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from .attack import weight_gradient
from .interruption import give_way, never
from .measures import HELD_OUT, MEASURES, OF_POINTS
from .network import TwoLayerNetwork
from .places import to_exact

__all__ = ["GROWTH", "MEASURES", "AdversarialTraining", "Epoch"]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from .attack import Attack, InnerAscent, Points, WeightGradient, Where

GROWTH = 4.0
"""A loss of so many times the first one is taken for divergence."""


@dataclass(frozen=True, eq=False)
class Epoch:
    """The network after `index` epochs, and what is known of it.

    Attributes
    ----------
    measures
        By the names of `MEASURES`. Of the points that are trained on and, with `held_out_`, of those that are not: the
        mean loss under attack and without, and the share of points with a sign of f that is not that of y. residual:
        the mean |f - y| under attack. gradient_norm: of the gradient that the next step follows, of all points.
        movement, movement_a: |W - W0|_F and |a - a0|. inner_step: eta. inner_steps: the median of the steps to
        convergence, infinite where half of the paths have not converged; inner_unconverged: the share that has not.
        tangential, fosc, reach: medians; reach k = epsilon |grad f(x)|/|f(x) - y| with the dual norm.
    residual : (n,)
        f - y at the attacked points.
    diverged
        Why the training ends here; nothing if it does not.
    """

    index: int
    network: TwoLayerNetwork
    measures: dict[str, float]
    residual: Tensor
    diverged: str = ""


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
        Whether the second layer is trained too.
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
        network: TwoLayerNetwork,
        train: Points,
        held_out: Points | None = None,
        *,
        last: int,
        first: int = 0,
        origin: TwoLayerNetwork | None = None,
        first_loss: float | None = None,
        interrupted: Callable[[], bool] = never,
    ) -> Iterator[Epoch]:
        """The epochs `first` to `last`, of which 0 is the untrained network.

        Parameters
        ----------
        network
            The network after `first` epochs.
        train, held_out
            The points that are trained on, and those that only measure.
        origin, first_loss
            The network and the adversarial loss of epoch 0, where `first` is another one.

        Raises
        ------
        Interrupted
            When `interrupted()`, which is asked before each step of the ascent, becomes true.
        """
        origin = origin or network
        for index in range(first, last + 1):
            give_way(interrupted)
            attack = self.inner.attack(network, train, self._where, interrupted)
            measures = dict.fromkeys(MEASURES, math.nan)
            measures |= zip(OF_POINTS, _quality(attack, train), strict=True)
            if held_out is not None:
                found = _quality(self.inner.attack(network, held_out, None, interrupted), held_out)
                measures |= zip(HELD_OUT, found, strict=True)
            measures |= self._measured(network, origin, train, attack)
            loss = measures["adversarial_loss"]
            first_loss = loss if first_loss is None else first_loss
            diverged = _diverged(loss, first_loss)
            yield Epoch(index, network, measures, attack.residual, diverged)
            if diverged or index == last:
                return
            network = self._trained(network, train, attack, index, interrupted)

    @property
    def _where(self) -> Where:
        return "attacked" if self.adversarial else "clean"

    @torch.inference_mode()
    def _trained(
        self, network: TwoLayerNetwork, train: Points, attack: Attack, index: int, interrupted: Callable[[], bool]
    ) -> TwoLayerNetwork:
        """The network after one more epoch."""
        n = len(train)
        if not 0 < self.batch < n:
            assert attack.weights is not None
            return self.stepped(network, attack.weights)
        order = torch.from_numpy(np.random.default_rng([self.seed, 8, index]).permutation(n)).to(train.X.device)
        for first in range(0, n, self.batch):
            give_way(interrupted)
            points = train[order[first : first + self.batch]]
            found = self.inner.attack(network, points, "attacked", interrupted).weights if self.adversarial else None
            network = self.stepped(network, found or weight_gradient(network, points))
        return network

    @torch.inference_mode()
    def stepped(self, network: TwoLayerNetwork, gradient: WeightGradient) -> TwoLayerNetwork:
        """The network after one step: W - eta_W dL/dW, and the same of a where that is trained."""
        a = torch.sub(network.a, gradient.a, alpha=self.rate) if self.train_a else network.a
        return TwoLayerNetwork(torch.sub(network.W, gradient.W, alpha=self.rate), a, network.activation)

    @torch.inference_mode()
    def _measured(
        self, network: TwoLayerNetwork, origin: TwoLayerNetwork, train: Points, attack: Attack
    ) -> dict[str, float]:
        """What one attack on the points that are trained on tells, besides the quality."""
        assert attack.weights is not None
        gradient = [torch.linalg.vector_norm(part) for part in (attack.weights if self.train_a else attack.weights[:1])]
        moved = [torch.dist(network.W, origin.W), torch.dist(network.a, origin.a)]
        *gradient_norms, movement, movement_a = torch.stack([*gradient, *moved]).tolist()
        steps = torch.where(attack.converged_at < 0, torch.inf, attack.converged_at.to(attack.fosc.dtype))
        # Infinite at a point that is met exactly: the plane f = y goes through it.
        reach = self.inner.constraint.epsilon * attack.clean_slope / attack.clean_residual.abs()
        numbers = to_exact(torch.stack([steps, attack.tangential, attack.fosc, reach, attack.residual.abs()])).numpy()
        medians = _medians(numbers[:4])
        return {
            "residual": float(numbers[4].mean()),
            "gradient_norm": math.hypot(*gradient_norms),
            "movement": movement,
            "movement_a": movement_a,
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


def _quality(attack: Attack, points: Points) -> list[float]:
    """Mean loss and share of wrong signs, under attack and without, in the order of the measures."""
    y = points.y
    residuals = torch.stack([attack.residual, attack.clean_residual])
    losses = 0.5 * residuals.square().mean(-1)
    errors = ((residuals + y) * y <= 0).to(y.dtype).mean(-1)
    found: list[float] = to_exact(torch.cat([losses, errors])).tolist()
    return found


def _medians(rows: NDArray[np.float64]) -> list[float]:
    """The median of each row, infinite where half of it is."""
    ordered, n = np.sort(rows, axis=1), rows.shape[1]
    middle: list[float] = (0.5 * (ordered[:, (n - 1) // 2] + ordered[:, n // 2])).tolist()
    return middle
