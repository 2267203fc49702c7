"""The landscape of one training point as training proceeds: on one plane, in one range of colours for all epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from foadv_gui.core.interruption import give_way, never
from foadv_gui.core.landscape import PlanarPreactivations, heights_on_grid
from foadv_gui.core.plane import Plane, inside_cut
from foadv_gui.lab.backdrop import QuantityValues
from foadv_gui.lab.experiment import problem_of
from foadv_gui.lab.picture import PlanePicture, Surface
from foadv_gui.lab.ranges import united
from foadv_gui.lab.training.epoch import epoch_on_show, epoch_run, morph_plane
from foadv_gui.lab.training.first_look import default_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from foadv_gui.lab.training.record import TrainingRecord

    Floats = NDArray[np.float64]

GRID = 121
_MOST_ARMS = 4


@dataclass(frozen=True, eq=False)
class MorphFrame:
    """An epoch of a morphing landscape.

    epoch: that of the network. surface: the loss on the plane. path: the ascent's iterates there (T + 1, 2), in units
    of epsilon. off_plane: the share of the adversary that lies off the plane. loss: at the adversary itself.
    """

    epoch: int
    surface: Surface
    path: Floats
    off_plane: float
    loss: float


@dataclass(frozen=True, eq=False)
class Morph:
    """The landscapes of one arm at some epochs, and the range of colours that they share."""

    arm: int
    plane: PlanePicture
    frames: tuple[MorphFrame, ...]
    colours: tuple[float, float]


def arms_on_show(record: TrainingRecord, most: int = _MOST_ARMS) -> list[int]:
    """The arms to look at side by side, at most so many: the first repetition of each line, or of some of them.

    Of more lines than that, those of `default_lines`.
    """
    training = record.training
    lines = range(len(training.lines)) if len(training.lines) <= most else default_lines(training, most)
    return [line * training.section.repeats for line in lines]


def epochs_on_show(record: TrainingRecord, arms: Sequence[int], most: int) -> list[int]:
    """Epochs whose networks were kept in some of the arms; at most so many, the first and the last among them."""
    kept = np.unique(np.concatenate([record.tracks[arm].kept for arm in arms]))
    return [int(kept[i]) for i in np.unique(np.linspace(0, len(kept) - 1, min(len(kept), most)).round().astype(int))]


def morph(
    record: TrainingRecord,
    arm: int,
    point: int,
    epochs: Sequence[int],
    *,
    grid: int = GRID,
    interrupted: Callable[[], bool] = never,
    done: Callable[[], object] = lambda: None,
) -> Morph:
    """The landscapes of an arm on one of its training points, at some epochs; `done` is called after each.

    Raises
    ------
    Interrupted
        When `interrupted()` becomes true.
    """
    plane = morph_plane(record, arm, point, epochs[-1])
    known: dict[int, MorphFrame] = {}
    frames = []
    for epoch in epochs:
        give_way(interrupted)
        shown = epoch_on_show(record, arm, epoch)
        if shown not in known:
            known[shown] = _frame(record, arm, shown, point, plane, grid)
        frames.append(known[shown])
        done()
    track = record.tracks[arm]
    # Beside the loss with which a training diverges, all others would look alike.
    steady = [frame for frame in frames if not (track.diverged and frame.epoch == track.last)] or frames
    return Morph(arm, plane, tuple(frames), _range(frame.surface for frame in steady))


def _range(surfaces: Iterable[Surface]) -> tuple[float, float]:
    return united([surface.colour_range(clip=False) for surface in surfaces])


@torch.inference_mode()
def _frame(record: TrainingRecord, arm: int, epoch: int, point: int, plane: PlanePicture, grid: int) -> MorphFrame:
    recording = epoch_run(record, arm, epoch, point)
    problem, view = problem_of(recording), record.arm(arm).training.base.view
    origin, u, v = (torch.tensor(np.asarray(part)) for part in (plane.origin, plane.u, plane.v))
    axes = Plane(origin, u, v, plane.axes)
    half = view.extent * plane.reach
    side = np.linspace(-half, half, grid)
    steps = torch.from_numpy(side * plane.epsilon)
    objective = problem.objective.single
    drawn = QuantityValues.of(objective, heights_on_grid(PlanarPreactivations.of(objective, axes), steps, steps))
    delta = torch.from_numpy(np.nan_to_num(recording.delta[:, 0].astype(np.float64)))
    path, _ = axes.coordinates(delta)
    # The curvature takes far longer than all else: where it is asked for the loss stands for it.
    quantity = "loss" if view.quantity == "curvature" else view.quantity
    surface = Surface(
        side,
        side,
        drawn.values,
        inside_cut(plane.cut, side, side),
        quantity,
        coarse=True,
        losses=drawn.losses,
        loss=objective.loss_name,
    )
    off = float(axes.off_plane_share(delta[-1]))
    return MorphFrame(epoch, surface, path.numpy() / plane.epsilon, off, float(recording.loss[-1, 0]))
