"""One epoch of a training, for one of its points: the ascent there as an ordinary recording, its plane, its curvature.

A network that was not kept is stood for by the last one before it that was; `epoch_on_show` says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.ascent import StopReason, measure
from foadv_gui.core.attack import Points
from foadv_gui.core.constraint import LinfBall
from foadv_gui.core.learner import ForeignLearner
from foadv_gui.core.losses import OwnLoss
from foadv_gui.core.plane import PathContext, constraint_cut, lay
from foadv_gui.core.probe import profile
from foadv_gui.lab.config import setting
from foadv_gui.lab.files import atomic_write
from foadv_gui.lab.modules import give
from foadv_gui.lab.picture import PlanePicture
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.training.networks import learner_for
from foadv_gui.lab.training.study import inner_ascent

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from foadv_gui.core.attack import InnerAscent
    from foadv_gui.core.learner import Learner
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.training.plan import Training
    from foadv_gui.lab.training.record import TrainingRecord

    Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ProfilePicture:
    """The eigenvalues of the Hessian of the loss by the input at a clean point, before training and now.

    before, now : (d,), descending. Training that makes a network robust is seen to flatten this profile
    (Moosavi-Dezfooli et al. 2019). `epoch` is that of the network of `now`; `problem` says why there is nothing to
    draw (relu has no second derivative).
    """

    epoch: int
    point: int
    before: Floats
    now: Floats
    problem: str = ""

    @property
    def sizes(self) -> tuple[float, float]:
        """The size of the largest eigenvalue (the spectral norm) before and now; NaN where there is none."""
        first, last = (float(np.abs(one).max(initial=-np.inf)) for one in (self.before, self.now))
        return (first, last) if len(self.now) else (np.nan, np.nan)

    @property
    def words(self) -> str:
        """What the largest eigenvalues are, in a line."""
        if self.problem:
            return self.problem
        first, last = self.before[0], self.now[0]
        return f"largest eigenvalue {first:.3g} at epoch 0, {last:.3g} at epoch {self.epoch}".replace("-", "−")


def epoch_on_show(record: TrainingRecord, arm: int, epoch: int) -> int:
    """The epoch whose network stands for that of an epoch: the last one at or before it that was kept, and is finite.

    A training that overflowed ends in a network of no use.
    """
    track = record.tracks[arm]
    return int(track.kept[_kept(record, arm, epoch)])


def epoch_run(record: TrainingRecord, arm: int, epoch: int, point: int) -> Recording:
    """The inner ascent of an epoch on one training point, as an ordinary recording with one restart.

    The iterates are those of the training itself, with its step eta (equal to the last bit where the training ran on
    the CPU); the measures are evaluated anew along them. The network is that of `epoch_on_show`. The recording's
    experiment names a file of weights that need not exist (see `checkpoint`), but for epoch 0, whose network the base
    experiment gives.
    """
    arm_training = record.arm(arm).training
    inner, points, learner = inner_ascent(arm_training), _points(record, arm), _learner(record, arm, epoch)
    shown = epoch_on_show(record, arm, epoch)
    eta = float(record.tracks[arm].measures["inner_step"][shown])
    delta = inner.path(learner, points, point, eta).unsqueeze(1)
    objective = learner.objective(points.X[point], float(points.y[point]))
    with torch.inference_mode():
        value, gradient = objective.heights_and_gradient(delta)
        measures = measure(objective, inner.constraint, delta, value, gradient)
        outward = inner.constraint.points_outward(delta, gradient)
    numbers = {name: values.double().numpy() for name, values in measures.items()}
    count, reason, converged_at = _ending(inner, delta.numpy(), numbers, outward.numpy())
    experiment = _experiment(
        record,
        arm,
        point,
        {
            **_weights_from(arm_training, shown, f"epoch-{shown}.npz"),
            **_step(arm_training, eta),
            "ascent.steps": inner.steps,
            "ascent.restarts": 1,
            "ascent.start": "zero",
            "compute.device": "cpu",
            "title": f"{arm_training.title or 'Training'}: epoch {shown}, point {point + 1}",
        },
    )
    data, weights = record.data[arm], _weights(record, arm, epoch)
    arrays: dict[str, Any] = {name: _frozen(values[:count]) for name, values in numbers.items()}
    return Recording(
        delta=_frozen(delta[:count].numpy()),
        steps_kept=_frozen(np.arange(count)),
        **arrays,
        stop_reason=_frozen(np.array([str(reason)])),
        converged_at=_frozen(np.array([converged_at])),
        weights={name: _frozen(array) for name, array in weights.items()},
        x=_frozen(_scale(arm_training) * data.X_hat[point]),
        y=float(data.y[point]),
        epsilon=inner.constraint.epsilon,
        eta=eta,
        config=experiment.model_dump_json(),
    )


def morph_plane(record: TrainingRecord, arm: int, point: int, last: int) -> PlanePicture:
    """The plane through the clean point, the adversary of epoch 0 and that of epoch `last`, for all epochs between.

    A random direction (view.plane_seed) stands in for the second adversary where it lies in the direction of the first.
    The recordings of all epochs are drawn `onto` it, so that only the landscape moves, and not the plane under it.
    """
    training = record.arm(arm).training
    first, end = (torch.tensor(epoch_run(record, arm, epoch, point).delta[-1, 0]).double() for epoch in (0, last))
    inner, points, learner = inner_ascent(training), _points(record, arm), _learner(record, arm, 0)
    exact = learner.objective(points.X[point], float(points.y[point])).exact
    ends = torch.nan_to_num(torch.stack([first, end]), 0.0, 0.0, 0.0)
    context = PathContext(exact, inner.constraint, ends, ends, training.base.view.plane_seed)
    shown = epoch_on_show(record, arm, last)
    named = [("towards the adversary of epoch 0", ends[0]), (f"towards that of epoch {shown}, orthogonal", ends[1])]
    plane = lay(context, context.clean, named)
    epsilon = inner.constraint.epsilon
    cut = constraint_cut(plane, inner.constraint) / epsilon
    # As `Backdrop.lay_plane`: an l2 set reaches as far as epsilon, the l-infinity ball farther in its corners.
    corners = isinstance(inner.constraint, LinfBall) and len(cut)
    return PlanePicture(
        name="clean-start-end",
        origin=plane.origin.numpy(),
        u=plane.u.numpy(),
        v=plane.v.numpy(),
        axes=plane.axes,
        explained=None,
        explains="",
        cut=cut,
        clean=np.zeros(2),
        epsilon=epsilon,
        reach=float(np.abs(cut).max()) if corners else 1.0,
    )


def profile_picture(record: TrainingRecord, arm: int, epoch: int, point: int) -> ProfilePicture:
    """The input-Hessian profile at a clean training point, at epoch 0 and at an epoch; in float64."""
    points, shown = _points(record, arm), epoch_on_show(record, arm, epoch)
    x, y = points.X[point], float(points.y[point])
    try:
        before, now = (profile(_learner(record, arm, one), x.double(), y) for one in (0, epoch))
    except NoCurvatureError as reason:
        return ProfilePicture(shown, point, np.empty(0), np.empty(0), str(reason))
    return ProfilePicture(shown, point, _frozen(before), _frozen(now))


def checkpoint(record: TrainingRecord, arm: int, epoch: int, point: int, path: str | Path) -> Experiment:
    """Write the network of an epoch and a point to an .npz file (W, a, x); the experiment that starts from there.

    It has the base experiment's own starts, restarts and step. That of a module from Python has a module with these
    parameters, which is there for as long as the program.

    Raises
    ------
    FileProblem
        If the file cannot be written.
    """
    training, shown = record.arm(arm).training, epoch_on_show(record, arm, epoch)
    weights = _weights(record, arm, epoch)
    x = _scale(training) * record.data[arm].X_hat[point]
    atomic_write(path, lambda stream: np.savez(stream, allow_pickle=False, **weights, x=x))
    title = f"{training.title or 'Training'}: epoch {shown}, point {point + 1}"
    changes = {**_weights_from(training, -1, str(path)), "title": title}
    learner = _learner(record, arm, epoch)
    if isinstance(learner, ForeignLearner):
        own = learner.loss.function if isinstance(learner.loss, OwnLoss) else None
        name = f"{training.base.network.model}, epoch {shown} of network {arm + 1} of {record.training.identity[:8]}"
        changes["network.model"] = give(learner.network.module, own, name)
    elif "W" not in weights:
        changes["network.layers"] = tuple(name for name in weights if name.startswith("W"))
    return _experiment(record, arm, point, changes)


def _kept(record: TrainingRecord, arm: int, epoch: int) -> int:
    track = record.tracks[arm]
    index = track.kept_before(epoch)
    while index and not all(np.isfinite(part).all() for part in track.network(index).values()):
        index -= 1
    return index


def _weights(record: TrainingRecord, arm: int, epoch: int) -> dict[str, Floats]:
    own = record.tracks[arm].network(_kept(record, arm, epoch))
    return {name: np.array(part, np.float64) for name, part in own.items()}


def _learner(record: TrainingRecord, arm: int, epoch: int) -> Learner:
    """The network of an epoch with its loss on the CPU, in the precision of the training."""
    base, own = record.arm(arm).training.base, record.tracks[arm].network(_kept(record, arm, epoch))
    return learner_for(base, own, record.data[arm], dtype=getattr(torch, base.compute.dtype))


def _points(record: TrainingRecord, arm: int) -> Points:
    """The points that are trained on, on the CPU, in the precision of the training."""
    training, data = record.arm(arm).training, record.data[arm]
    dtype = getattr(torch, training.base.compute.dtype)
    return Points(torch.tensor(_scale(training) * data.X_hat, dtype=dtype), torch.tensor(data.y, dtype=dtype))


def _scale(training: Training) -> float:
    return float(training.base.input.scale)


def _ending(
    inner: InnerAscent, delta: NDArray[Any], numbers: dict[str, Floats], outward: NDArray[np.bool_]
) -> tuple[int, StopReason, int]:
    """How many iterates are finite, why the ascent ended, and the step from which on it stays converged, or -1."""
    finite = np.isfinite(delta).all(-1)[:, 0]
    for name in ("loss", "grad_norm"):
        finite &= np.isfinite(numbers[name][:, 0])
    count = int(np.argmin(np.append(finite, False)))
    if count < len(finite):
        return max(count, 1), StopReason.DIVERGED, -1
    moving = np.flatnonzero(~((numbers["tangential"] <= inner.tolerance) & outward)[:, 0])
    first = int(moving[-1]) + 1 if len(moving) else 0
    if inner.tolerance > 0 and first < count:
        return count, StopReason.CONVERGED, first
    return count, StopReason.STEP_LIMIT, -1


def _experiment(record: TrainingRecord, arm: int, point: int, changes: dict[str, object]) -> Experiment:
    """The base experiment of an arm at one of its training points, with changes."""
    data, training = record.data[arm], record.arm(arm).training
    given: dict[str, object] = {f"input.{name}": value for name, value in data.inputs[point].items()}
    dimension = data.X_hat.shape[1]
    # As the points were read: an experiment of one's own may read its file otherwise.
    read = {"input.array": "X" if data.inputs[point]["source"] == "file" else None}
    given |= {**read, "input.size": None, "input.grey": False, "input.unit": "length"}
    own: dict[str, object] = {"input.label": float(data.y[point]), "network.dimension": dimension}
    return training.base.changed({**given, **own, **changes})


def _weights_from(training: Training, epoch: int, file: str) -> dict[str, object]:
    """The settings of a trained network, whose weights a file holds as they are; epoch 0 has its own settings.

    So has a module from Python, which takes the weights of a recording.
    """
    if epoch == 0 or training.base.network.source == "model":
        return {}
    return {"network.source": "file", "network.file": file, "network.layers": None, "network.weight_scale": 1.0}


def _step(training: Training, eta: float) -> dict[str, object]:
    """The step as the setting that gives it; one that no setting can be stays as the training has it."""
    entry = setting("ascent.step")
    assert entry.low is not None and entry.high is not None
    return {"ascent.step": eta, "ascent.step_units": "absolute"} if entry.low <= eta <= entry.high else {}


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
