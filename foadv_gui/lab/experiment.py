"""An experiment made concrete (a `Problem`), and run (a `Recording`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from foadv_gui.core.ascent import ProjectedGradientAscent, ZeroGradientError, relative_step
from foadv_gui.core.constraint import CONSTRAINTS, ConstraintSet
from foadv_gui.core.places import CPU, move
from foadv_gui.lab.config import ExperimentError, memory_problem
from foadv_gui.lab.inputs import CleanInput, box_of, load_input, load_starts, radius
from foadv_gui.lab.models import load_layers
from foadv_gui.lab.modules import give
from foadv_gui.lab.objectives import objective_for
from foadv_gui.lab.recording import RecordingBuilder
from foadv_gui.lab.stored_network import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from foadv_gui.core.objective import Objective
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.recording import Recording

_ROUNDING = 8
"""Units in the last place of epsilon by which a projection may move a point that lies in the set already."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What an experiment stands for: the objective, where delta may go, where it starts, and how far it steps.

    `box` is the box that x + delta must stay in, in the units of x.
    """

    experiment: Experiment
    clean: CleanInput
    objective: Objective
    constraint: ConstraintSet
    starts: Tensor
    eta: float
    box: tuple[float, float] | None = None

    @property
    def restarts(self) -> int:
        """The number K of restarts."""
        return int(self.starts.shape[0])

    @property
    def device(self) -> str:
        """Where it is computed, in words: "CPU float32"."""
        return device_name(self.objective.device, self.objective.dtype)

    @property
    def ascent(self) -> ProjectedGradientAscent:
        """The ascent that the experiment asks for."""
        chosen = self.experiment.ascent
        return ProjectedGradientAscent(self.objective, self.constraint, chosen.rule, self.eta, chosen.tolerance)

    @cached_property
    def reach(self) -> float:
        """The reach k = max over the set of <delta, -sign(r) grad f(x)> / |r|, with r = f(x) - y.

        Above 1 the linearised plane f = y cuts the set; of other losses than the quadratic one, f = 0. On l2 sets
        k = epsilon |grad f|_2/|r|, on the l-infinity ball epsilon |grad f|_1/|r|; with a box it is the support function
        of the intersection. inf where r = 0: the plane then goes through the clean input; NaN where the network
        overflows.
        """
        exact = self.objective.exact
        value, gradient = exact.value_and_slope(torch.zeros_like(exact.x))
        residual = float(value) - exact.level
        if residual == 0:
            return math.inf
        downhill = -gradient / residual
        constraint = self.constraint.to(device=CPU, dtype=torch.float64)
        return float(constraint.support(downhill) @ downhill)


def prepare(
    experiment: Experiment, starts: NDArray[np.floating[Any]] | None = None, *, previous: Problem | None = None
) -> Problem:
    """Load or draw everything an experiment names.

    Parameters
    ----------
    experiment
        What to prepare.
    starts
        Starting perturbations (K, d) in place of those that the experiment asks for; projected on the set, unless they
        lie in it but for rounding: those of a recording begin again bit for bit.
    previous
        A problem whose random network is taken over where nothing that it depends on has changed.

    Raises
    ------
    ExperimentError
        Names the setting that cannot be met and says why.
    """
    clean = load_input(experiment)
    box = box_of(experiment, clean)
    device, dtype = place(experiment)
    x = torch.tensor(clean.x, dtype=dtype, device=device)
    before = None if previous is None or previous.experiment.network != experiment.network else previous.objective
    objective = objective_for(experiment, clean, x, before)
    constraint = _set_around(experiment, clean.x, clean.epsilon, box, device, dtype)
    drawn = None if starts is None else torch.tensor(starts).double()
    if drawn is not None and (drawn.ndim != 2 or drawn.shape[1] != clean.dimension or len(drawn) == 0):
        shape = tuple(drawn.shape)
        raise ExperimentError("ascent.start_file", f"must hold starts of shape (K, {clean.dimension}), not {shape}")
    feasible = _starts(experiment, constraint, clean.dimension, drawn, device, dtype)
    return Problem(
        experiment, clean, objective, constraint, feasible, _eta(experiment, objective, constraint, feasible), box
    )


def problem_of(recording: Recording) -> Problem:
    """The problem that a recording solved, rebuilt from its arrays alone."""
    experiment = recording.experiment
    device, dtype = torch.device("cpu"), getattr(torch, str(recording.delta.dtype))
    constraint = _set_of(recording, device, dtype)
    try:
        clean = load_input(experiment)
        fits = clean.dimension == recording.dimension
    except ExperimentError:
        fits = False
    if not fits:  # the input's file has gone, or is another one now: the arrays are all here
        length, given = float(np.linalg.norm(recording.x)) or 1.0, experiment.input
        clean = CleanInput(
            recording.x / length,
            recording.x,
            recording.epsilon,
            recording.y,
            "from the recording",
            length=length / given.scale if given.unit == "file" else 1.0,
        )
    starts = torch.tensor(recording.delta[0])
    x = torch.tensor(recording.x, dtype=dtype)
    own = experiment.replace("input.label", recording.y)
    objective = objective_for(own, clean, x, weights=recording.weights)
    return Problem(experiment, clean, objective, constraint, starts, recording.eta, recording.bounds)


def own_starts(recording: Recording) -> NDArray[np.floating[Any]] | None:
    """The starts (K, d) of a recording that its settings do not give: set by hand, or from a file as it was then."""
    experiment, dtype = recording.experiment, getattr(torch, str(recording.delta.dtype))
    constraint = _set_of(recording, CPU, dtype)
    own: NDArray[np.floating[Any]] = recording.delta[0]
    try:
        drawn = _starts(experiment, constraint, recording.dimension, None, CPU, dtype)
    except ExperimentError:
        return own
    return None if np.array_equal(drawn.numpy(), own) else own


def given_starts(
    starts: NDArray[np.floating[Any]] | Recording | None, experiment: Experiment
) -> NDArray[np.floating[Any]] | None:
    """The starts that `prepare` takes in place of the experiment's: those set by hand, or a recording's own.

    Either follow the radius: `starts` set by hand are over epsilon, and `own_starts` are scaled where it has changed.
    """
    if starts is None or isinstance(starts, np.ndarray):
        return None if starts is None else starts * radius(experiment)
    own = own_starts(starts)
    if own is None:
        return None
    epsilon = radius(experiment)
    return own if epsilon == starts.epsilon else own / starts.epsilon * epsilon


def run(
    experiment: Experiment,
    on_iterate: Callable[[Recording], None] | None = None,
    *,
    starts: NDArray[np.floating[Any]] | None = None,
    model: Callable[[Tensor], Tensor] | None = None,
    loss: Callable[..., Tensor] | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Recording:
    """Run an experiment: `on_iterate` sees the recording grow, the finished one is returned.

    Equal experiments give bit-identical recordings on the same machine. When `interrupted()` becomes true, the
    recording so far comes back with the stop reason "cancelled".

    Parameters
    ----------
    experiment
        What to run.
    starts
        Starting perturbations (K, d) in place of those that it asks for.
    model
        An `nn.Module`, or a differentiable function, of a batch of inputs, in place of the network: grey images come as
        (1, 1, h, w), colour ones as (1, 3, h, w), other inputs as (1, d). It is copied, and used in evaluation mode.
    loss
        A function of the model's outputs (..., C) with one value each, (...,), in place of the experiment's loss. It is
        given the label, too, as numbers (...,), if it takes a second argument without a default.
    """
    if loss is not None and model is None:
        raise ExperimentError("network.loss", "can be a function of one's own for one's own model only: give both")
    if model is not None:
        experiment = experiment.changed({"network.source": "model", "network.model": give(model, loss)})
    return climb(prepare(experiment, starts), on_iterate, interrupted=interrupted)


def climb(
    problem: Problem,
    on_iterate: Callable[[Recording], None] | None = None,
    *,
    interrupted: Callable[[], bool] = lambda: False,
) -> Recording:
    """Run a prepared problem; see `run`."""
    for recording in climbing(problem, interrupted):
        if on_iterate is not None and not recording.finished:
            on_iterate(recording)
    return recording


def climbing(
    problem: Problem, interrupted: Callable[[], bool] = lambda: False, paused: Callable[[], bool] = lambda: False
) -> Iterator[Recording]:
    """The recording as it grows, block by block; the last one is finished.

    While `paused()` a recording comes after each step, so that the caller need not wait to leave the rest for later.
    """
    builder = _builder(problem)
    K, d = problem.restarts, problem.objective.dimension
    size = K * d * problem.starts.element_size()
    # Long enough that the measures of a block cost little beside its steps, short enough that it stays in the cache.
    cached = max(4, 2**20 // size) if problem.starts.device.type == "cpu" else 64
    length = max(1, min(64 if K == 1 else 32, cached, 2**25 // size))
    blocks = problem.ascent.blocks(
        problem.starts, problem.experiment.ascent.steps, length=length, interrupted=interrupted, paused=paused
    )
    for block in blocks:
        measures: dict[str, Any] = {name: values.cpu().numpy() for name, values in block.measures.items()}
        builder.append(block.delta.cpu().numpy(), measures)
        if block.done:
            yield builder.finish([str(reason) for reason in block.stop_reason], block.converged_at)
        else:
            yield builder.snapshot()


def _builder(problem: Problem) -> RecordingBuilder:
    experiment = problem.experiment
    weights = {}
    if experiment.network.source != "model":
        weights = named(load_layers(experiment, problem.clean.dimension))
    budget = experiment.compute.memory_mib * 2**20
    return RecordingBuilder(
        weights,
        problem.clean.x,
        problem.clean.y,
        problem.constraint.epsilon,
        problem.eta,
        experiment.model_dump_json(),
        experiment.ascent.steps,
        problem.restarts,
        max(budget - 3 * sum(array.nbytes for array in weights.values()), budget // 4),
        experiment.compute.dtype,
        problem.box if experiment.ascent.box == "pixels" else None,
    )


def place(experiment: Experiment) -> tuple[torch.device, torch.dtype]:
    """Where and in which precision an experiment is computed; `ExperimentError` if this machine cannot."""
    wanted, dtype = experiment.compute.device, getattr(torch, experiment.compute.dtype)
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[wanted]:
        have = ", ".join(name for name, there in available.items() if there)
        raise ExperimentError("compute.device", f"this machine has no such device; it has {have}", wanted)
    if wanted == "mps" and dtype == torch.float64:
        raise ExperimentError("compute.dtype", "an Apple GPU has no float64: choose float32 or the CPU", "float64")
    return torch.device(wanted), dtype


def device_name(device: torch.device, dtype: torch.dtype) -> str:
    """A device and a precision in words: "CPU float32"."""
    names = {"cpu": "CPU", "cuda": "GPU", "mps": "Apple GPU"}
    return f"{names[device.type]} {str(dtype).removeprefix('torch.')}"


def _set_of(recording: Recording, device: torch.device, dtype: torch.dtype) -> ConstraintSet:
    return _set_around(recording.experiment, recording.x, recording.epsilon, recording.bounds, device, dtype)


def _set_around(
    experiment: Experiment,
    x: NDArray[np.float64],
    epsilon: float,
    box: tuple[float, float] | None,
    device: torch.device,
    dtype: torch.dtype,
) -> ConstraintSet:
    kind = CONSTRAINTS[experiment.ascent.constraint]
    if box is None:
        return kind(epsilon)
    lower = torch.tensor(box[0] - x, dtype=dtype, device=device).clamp_max(0)
    upper = torch.tensor(box[1] - x, dtype=dtype, device=device).clamp_min(0)
    try:
        return kind(epsilon, (lower, upper))
    except ValueError as problem:
        raise ExperimentError("ascent.box", str(problem), list(box)) from None


def _starts(
    experiment: Experiment,
    constraint: ConstraintSet,
    dimension: int,
    given: Tensor | None,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """The starts (K, d) in the set: those given, or those that the experiment asks for."""
    wanted = move(_draw_starts(experiment, constraint, dimension) if given is None else given, device, dtype)
    with torch.inference_mode():
        feasible = constraint.project(wanted)
        if given is None and experiment.ascent.start != "file":
            return feasible
        rounding = _ROUNDING * torch.finfo(dtype).eps * constraint.epsilon
        return torch.where((feasible - wanted).norm(dim=-1, keepdim=True) <= rounding, wanted, feasible)


def _draw_starts(experiment: Experiment, constraint: ConstraintSet, dimension: int) -> Tensor:
    """The starting perturbations (K, d), float64 on the CPU: one seed is the same starts on every device and type."""
    ascent = experiment.ascent
    if ascent.start == "zero":
        # From the clean input all restarts coincide: one is enough.
        return torch.zeros(1, dimension, dtype=torch.float64)
    if ascent.start == "file":
        starts = load_starts(experiment, dimension)
        too_much = memory_problem(experiment, dimension, restarts=len(starts))
        if too_much is not None:
            raise too_much
        return torch.from_numpy(starts)
    # Row by row, so that more restarts keep those that were there.
    normals = np.random.default_rng([ascent.seed, 4]).standard_normal((ascent.restarts, dimension))
    uniforms = np.random.default_rng([ascent.seed, 5]).random(ascent.restarts)
    return constraint.sample(torch.from_numpy(normals), torch.from_numpy(uniforms), surface=ascent.start == "sphere")


def _eta(experiment: Experiment, objective: Objective, constraint: ConstraintSet, starts: Tensor) -> float:
    ascent = experiment.ascent
    if ascent.step_units == "absolute":
        return ascent.step
    try:
        return relative_step(ascent.step, ascent.rule, objective, constraint, starts)
    except ZeroGradientError as problem:
        raise ExperimentError("ascent.start", str(problem), ascent.start) from None
