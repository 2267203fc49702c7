"""What a training leaves: the measures of every epoch, the networks that were kept, and the points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.training.plan import Arm, Training

    Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The points of one arm: directions X_hat (n, d) of length 1 and labels y (n,), and held out ones, float64.

    The points are gamma X_hat. `inputs` are, for each of the n points, the settings of the section [input] that give
    the same point in an experiment, so that it can be explored. `classes` is their number where labels are
    counted from 0, else 0. `image_shape` is (height, width) or (height, width, 3) if the points are images.
    """

    X_hat: NDArray[np.float64]
    y: NDArray[np.float64]
    held_out_X_hat: NDArray[np.float64]
    held_out_y: NDArray[np.float64]
    inputs: tuple[dict[str, Any], ...]
    label: str
    image_shape: tuple[int, ...] | None = None
    classes: int = 0

    @property
    def of_classes(self) -> bool:
        """Whether labels are classes, or all +1 or -1: an error means something then."""
        return bool(self.classes) or bool((np.abs(self.y) == 1).all() and (np.abs(self.held_out_y) == 1).all())


@dataclass(frozen=True, eq=False)
class Probed:
    """What was measured at the probe points of some epochs, in float64.

    Attributes
    ----------
    epochs : (p,)
    contraction : (p, P)
        q of the ball around each probe point, see `core.ball.BallProof`; NaN where there is none.
    top_eigenvalue : (p, P)
        The largest eigenvalue of the Hessian of the loss by the input, at the clean probe point.
    sharpness : (p,)
        The largest eigenvalue of the Gauss-Newton matrix of the mean loss by the weights, at the points that are
        trained on; steps with a rate above 2/sharpness diverge where the loss is nearly quadratic.
    problem
        Why nothing of second order is known; nothing if it is.
    """

    epochs: NDArray[np.int64]
    contraction: NDArray[np.float64]
    top_eigenvalue: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    problem: str = ""

    @property
    def certified(self) -> NDArray[np.float64]:
        """The share of probe points whose ball holds one maximum of f and one minimum, proven (q < 1); (p,).

        NaN where nothing can be proven, as `problem` says.
        """
        with np.errstate(invalid="ignore"):
            found: NDArray[np.float64] = (
                (self.contraction < 1).mean(axis=1)
                if self.contraction.shape[1] and not self.problem
                else np.full(len(self.epochs), np.nan)
            )
        return found


@dataclass(frozen=True, eq=False)
class Track:
    """One network as it was trained: epochs 0 to `last`, of which 0 is the untrained network.

    Attributes
    ----------
    measures
        By the names of `core.training.MEASURES`, each (last + 1,) in float64.
    residual : (last + 1, n)
        f - y at the attacked points of each epoch; of other losses than the quadratic one, f.
    kept : (c,)
        The epochs whose networks were kept: 0 always, the last one always, and as many between as the memory holds; of
        a repetition, which is there for its curves, none.
    weights
        Their arrays by the names of `lab.stored_network`, each (c, ...), in the precision of the training: W (c, m, d)
        and a (c, m), or W1, b1, W2, ..., or the trained parameters of a module.
    probed
        What was measured at probe points.
    diverged
        Why the training ended early; nothing if it did not.
    """

    measures: dict[str, NDArray[np.float64]]
    residual: Floats
    kept: NDArray[np.int64]
    weights: dict[str, Floats]
    probed: Probed
    diverged: str = ""

    @property
    def W(self) -> Floats:
        """The first layer's weights (c, m, d) of networks of two layers; KeyError for others."""
        return self.weights["W"]

    @property
    def a(self) -> Floats:
        """The second layer's weights (c, m) of networks of two layers; KeyError for others."""
        return self.weights["a"]

    def network(self, index: int) -> dict[str, Floats]:
        """The arrays of one of the networks that were kept."""
        return {name: arrays[index] for name, arrays in self.weights.items()}

    @property
    def last(self) -> int:
        """The last epoch."""
        return len(self.residual) - 1

    def kept_before(self, epoch: int) -> int:
        """The index into `kept` of the last network that was kept at or before an epoch."""
        return max(int(np.searchsorted(self.kept, epoch, side="right")) - 1, 0)


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """A training as far as it has come: a track for each of its arms, in their order.

    Read-only; a record that was handed out never changes, while the training goes on.
    """

    training: Training
    tracks: tuple[Track, ...]
    data: tuple[TrainingData, ...]
    """Those of each arm; arms that share their points share the object."""

    @property
    def epoch(self) -> int:
        """The epoch that all arms have come to, but those that diverged."""
        going = [track.last for track in self.tracks if not track.diverged]
        return min(going) if going else max(track.last for track in self.tracks)

    @property
    def finished(self) -> bool:
        """Whether no more epochs will come."""
        epochs = self.training.section.epochs
        return all(track.diverged or track.last >= epochs for track in self.tracks)

    def arm(self, index: int) -> Arm:
        """The arm of a track."""
        return self.training.arms[index]
