"""A training as it runs: all of its arms, an epoch at a time, from the beginning or from where it ended before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from foadv_gui.core.attack import FEWEST_IN_A_PIECE, InnerAscent, Points
from foadv_gui.core.constraint import CONSTRAINTS
from foadv_gui.core.cores import cores
from foadv_gui.core.interruption import Interrupted, never
from foadv_gui.core.measures import MEASURES
from foadv_gui.core.training import AdversarialTraining
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.experiment import place
from foadv_gui.lab.modules import FactoryError, give_trained
from foadv_gui.lab.summary import counted
from foadv_gui.lab.training.builder import FEWEST, TrackBuilder, probed_epochs
from foadv_gui.lab.training.data import load_all
from foadv_gui.lab.training.networks import check_labels, learner_for, untrained, weights_of
from foadv_gui.lab.training.probing import probe
from foadv_gui.lab.training.record import TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from foadv_gui.core.learner import Learner
    from foadv_gui.core.training import Epoch
    from foadv_gui.lab.training.plan import Arm, Training
    from foadv_gui.lab.training.record import Track, TrainingData

_MIB = 2**20


def train(
    training: Training,
    so_far: TrainingRecord | None = None,
    *,
    model: torch.nn.Module | Callable[[], Any] | None = None,
    loss: Callable[..., torch.Tensor] | None = None,
    interrupted: Callable[[], bool] = never,
) -> Iterator[TrainingRecord]:
    """Train all arms, an epoch of each at a time, and yield the record after each; the last one is finished.

    Equal trainings give bit-identical records on the same machine, wherever they were interrupted. A diverged arm ends,
    and the others go on.

    Parameters
    ----------
    training
        What is trained.
    so_far
        A record of the same training, with as many epochs or fewer, that is gone on with.
    model
        An `nn.Module` in place of the network, in evaluation mode; or a function without arguments that makes one, or
        one and a loss. The function is called for each arm, with PyTorch's generator seeded by the arm's network.seed;
        of a given module each arm trains a copy, so that all begin alike. Trained are the parameters that take
        gradients: of the first part that has any, or, with training.train_a, all. The record holds them by name; to go
        on with it, or look at its epochs, the same module has to be given again.
    loss
        A function of the model's outputs (n, C), or of these and the labels (n,), with one value each, (n,), in place
        of the experiment's loss.
    interrupted
        When it becomes true, what there is comes as the last record: arms may then differ by an epoch. Nothing comes if
        some arm has not even its untrained network.

    Raises
    ------
    ExperimentError
        Names the setting that cannot be met and says why, before anything is computed.
    """
    if model is not None or loss is not None:
        training = _with_model(training, so_far, model, loss)
    if so_far is not None:
        _check_same(training, so_far)
    device, dtype = place(training.base)
    if so_far is None:
        for arm in training.arms:
            shapes = _least_shapes(arm.training)
            _ = _capacity(training, arm, shapes, shapes["W"][1], len(training.arms), dtype)
    try:
        data = load_all(training, interrupted) if so_far is None else so_far.data
    except Interrupted:
        return
    courses = _courses(training, data, so_far, device, dtype, interrupted)

    def record() -> TrainingRecord:
        return TrainingRecord(training, tuple(course.builder.track() for course in courses), data)

    if so_far is not None and record().finished:
        yield record()
        return
    while going := [course for course in courses if not course.finished]:
        epoch = min(course.builder.last for course in going)
        due = [course for course in going if course.builder.last == epoch]
        # One after the other: the many small operations of two arms at once wait for Python's lock, and so would a
        # window. The points of a large one are attacked on all cores.
        complete = all(course.advance() for course in due)
        if complete or all(course.builder.last >= 0 for course in courses):
            yield record()
        if not complete:
            return


def _with_model(
    training: Training,
    so_far: TrainingRecord | None,
    model: torch.nn.Module | Callable[[], Any] | None,
    loss: Callable[..., torch.Tensor] | None,
) -> Training:
    """The training of a module that is handed over here, by the name that a record knows it by."""
    if model is None:
        raise ExperimentError("network.loss", "can be a function of one's own for one's own model only: give both")
    try:
        name = give_trained(model, loss, "" if so_far is None else so_far.training.base.network.model)
    except FactoryError as problem:
        raise ExperimentError("network.model", f"must be a module, or what makes one: {problem}") from None
    return training.changed({"network.source": "model", "network.model": name})


def inner_ascent(training: Training) -> InnerAscent:
    """The adversary of a training in which nothing varies."""
    ascent, given = training.base.ascent, training.base.input
    return InnerAscent(
        CONSTRAINTS[ascent.constraint](given.ratio * given.scale),
        ascent.rule,
        ascent.step,
        ascent.step_units == "relative",
        training.section.inner_steps,
        ascent.tolerance,
    )


class _Course:
    """One arm on its way."""

    def __init__(
        self,
        arm: Arm,
        train: Points,
        held_out: Points | None,
        origin: Learner,
        learner: Learner,
        builder: TrackBuilder,
        so_far: Track | None,
        interrupted: Callable[[], bool],
    ) -> None:
        training = arm.training
        section = training.section
        self.builder, self._interrupted, self._points = builder, interrupted, train
        self._course = AdversarialTraining(
            inner_ascent(training),
            arm.line.rate,
            section.batch,
            section.mode == "adversarial",
            section.train_a,
            section.seed,
        )
        self._last = section.epochs
        self._probes = min(section.probes, section.points)
        self._probed = frozenset(probed_epochs(section.epochs))
        first, first_loss = 0, None
        if so_far is not None:
            builder.take_up(so_far)
            first, first_loss = so_far.last, float(so_far.measures["adversarial_loss"][0])
        self._epochs = self._course.epochs(
            learner,
            train,
            held_out,
            last=section.epochs,
            first=first,
            origin=origin,
            first_loss=first_loss,
            interrupted=interrupted,
        )

    @property
    def finished(self) -> bool:
        """Whether no more epochs will come."""
        return self.builder.diverged or self.builder.last >= self._last

    def advance(self) -> bool:
        """Train for one epoch, or look at the untrained network; False if it was interrupted, and nothing is new."""
        if self._interrupted():
            return False
        try:
            epoch = next(self._epochs)
            if epoch.index == self.builder.last:  # known already, and measured once more to go on from
                epoch = next(self._epochs)
            self._append(epoch)
        except Interrupted:
            return False
        return True

    def _append(self, epoch: Epoch) -> None:
        found = None
        if epoch.index in self._probed and not epoch.diverged:
            found = probe(
                epoch.learner,
                self._course.inner,
                self._points,
                self._probes,
                adversarial=self._course.adversarial,
                train_a=self._course.train_a,
                interrupted=self._interrupted,
            )
        weights = weights_of(epoch.learner)
        self.builder.append(epoch.measures, epoch.residual.cpu().numpy(), weights, epoch.diverged, found)


def _courses(
    training: Training,
    data: tuple[TrainingData, ...],
    so_far: TrainingRecord | None,
    device: torch.device,
    dtype: torch.dtype,
    interrupted: Callable[[], bool],
) -> list[_Course]:
    """All arms, ready to go: those with the same points at the same scale share them."""
    tensors: dict[tuple[int, float], tuple[Points, Points | None]] = {}
    found = []
    arms = training.arms
    for arm, own in zip(arms, data, strict=True):
        track = None if so_far is None else so_far.tracks[arm.index]
        weights = untrained(arm, own) if track is None else track.network(0)
        shapes = {name: part.shape for name, part in weights.items()}
        capacity = _capacity(training, arm, shapes, own.X_hat.shape[1], len(arms), dtype)
        key = (id(own), arm.line.scale)
        if key not in tensors:
            tensors[key] = _points(own, arm.line.scale, device, dtype)
        base = arm.training.base
        origin = learner_for(base, weights, own, device, dtype)
        learner = origin if track is None else learner_for(base, track.network(-1), own, device, dtype)
        check_labels(base, origin, own)
        section = arm.training.section
        builder = TrackBuilder(
            section.epochs,
            section.points,
            shapes,
            probes=min(section.probes, section.points),
            capacity=max(capacity, 0 if track is None else len(track.kept)),
            dtype=str(dtype).removeprefix("torch."),
        )
        found.append(_Course(arm, *tensors[key], origin, learner, builder, track, interrupted))
    return found


def _points(data: TrainingData, scale: float, device: torch.device, dtype: torch.dtype) -> tuple[Points, Points | None]:
    """The points gamma X_hat, and those held out, if any are."""

    def tensors(X_hat: NDArray[Any], y: NDArray[Any]) -> Points:
        return Points(*(torch.tensor(part, dtype=dtype, device=device) for part in (scale * X_hat, y)))

    held_out = tensors(data.held_out_X_hat, data.held_out_y) if len(data.held_out_y) else None
    return tensors(data.X_hat, data.y), held_out


def _least_shapes(training: Training) -> dict[str, tuple[int, ...]]:
    """What is known of m and d before any point is drawn, and any file read."""
    network = training.base.network
    m = network.width if network.source == "random" else 1
    return {"W": (m, network.dimension if training.section.data == "random" else 1), "a": (m,)}


def _capacity(
    training: Training, arm: Arm, shapes: Mapping[str, tuple[int, ...]], d: int, arms: int, dtype: torch.dtype
) -> int:
    """How many networks of an arm are kept; `ExperimentError` if what the training needs does not fit the memory.

    Of a repetition, which is there for its curves, as few as can be: the memory is for those that are looked at.
    Networks, residuals, and the iterates of the inner ascent may take a quarter of it each, and networks as much again
    while they are thinned; a quarter is for the points, see `data`.
    """
    section, memory = arm.training.section, training.base.compute.memory_mib
    size, network, steps = dtype.itemsize, training.base.network, section.inner_steps
    weights = sum(map(math.prod, shapes.values()))
    first = next(iter(shapes.values()))
    named = ("network.model", network.model) if network.source == "model" else ("network.width", first[0])
    quarter = memory * _MIB // 4
    size_told = f"{first[0]} x {d}" if "W" in shapes else f"{weights:,}"
    each = weights * size
    others = arms - arms // training.section.repeats
    capacity = FEWEST if arm.repeat else (quarter // each - FEWEST * others) // (arms - others)
    pieces = min(FEWEST_IN_A_PIECE, section.points) * cores()
    claims = (
        (
            *named,
            f"{FEWEST} networks of {size_told} weights for each of {counted(arms, 'arm')}",
            FEWEST * arms * each,
        ),
        (
            "training.epochs",
            section.epochs,
            f"residuals of {section.points} points in {section.epochs} epochs, of {counted(arms, 'arm')},",
            arms * (section.epochs + 1) * (section.points * size + len(MEASURES) * 8),
        ),
        (
            "training.inner_steps",
            steps,
            f"{steps} iterates of {d} coordinates, of the points that are attacked at once,",
            2 * pieces * (steps + 1) * d * size,
        ),
    )
    for key, value, what, need in claims:
        if need > quarter:
            reason = (
                f"{what} take {need / _MIB:,.0f} MiB, more than the {quarter / _MIB:,.0f} MiB that they may of the "
                f"{memory:,} MiB of compute.memory_mib; make it smaller, or raise the memory"
            )
            raise ExperimentError(key, reason, value)
    return capacity


def _check_same(training: Training, so_far: TrainingRecord) -> None:
    """Refuse to go on with another training, or with one that has come further."""
    if so_far.training.identity != training.identity:
        reason = "differs in more than its number of epochs from what was trained: only the same can go on"
        raise ExperimentError("training", reason)
    last = max(track.last for track in so_far.tracks)
    if last > training.section.epochs:
        reason = f"must be at least {last}, since so many epochs were trained"
        raise ExperimentError("training.epochs", reason, training.section.epochs)
