"""One experiment under observation: it computes, in stages, what a window or a figure shows of it.

A `Scene` lives where torch runs (a worker thread, or the command line) and hands out NumPy values only. What an edit
does not touch is kept: a new colour costs no ascent, a new step no landscape.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.interruption import Interrupted, never
from foadv_gui.core.landscape import PlanarPreactivations, curvature_on_grid, gradient_at, residual_on_grid
from foadv_gui.core.places import to_exact
from foadv_gui.core.plane import PathContext, constraint_cut, inside_cut, make_plane
from foadv_gui.core.spectrum import extreme_eigenvalues
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.experiment import Problem, climb, climbing, prepare, problem_of
from foadv_gui.lab.lookup import Lookup
from foadv_gui.lab.picture import (
    MOVING_LIMIT,
    ExtremesPicture,
    FocusRun,
    PathPicture,
    PlanePicture,
    Prepared,
    Request,
    Surface,
    VerdictPicture,
    Window,
    grid_shape,
)
from foadv_gui.lab.shadow import Shadow
from foadv_gui.lab.verdict import RestartVerdict, restart_verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.recording import Recording

PATH_PLANES = frozenset({"path-components", "endpoint-components", "clean-start-end", "hessian-eigenvectors"})
"""Planes that follow the iterates, and so can be laid only when the ascent has run."""
_COARSE = 101
_CURVATURE_GRID = 25
_EXTREME_POINTS = 65
_QUICK = 3e8
"""Multiplications that take some tens of milliseconds."""
_FINE_FIRST = 1e8
"""Activations that take some tens of milliseconds: so fine a landscape comes before the other paths."""
_GROWTH_SECONDS = 0.1
_PATH_SECONDS = 0.1
_PATH_STEPS = 300


Stage: TypeAlias = (
    "Prepared | PlanePicture | Surface | FocusRun | Recording | PathPicture | VerdictPicture | ExtremesPicture"
)


class Scene(Lookup):
    """The state of one experiment under observation."""

    def __init__(self) -> None:
        super().__init__()
        self._request: Request | None = None
        self._surface_key: object = None
        self._surface: Surface | None = None
        self._surface_for: Request | None = None
        self._surface_shown: object = None
        self._shadow: Shadow | None = None
        self._path_shown = 0.0
        self._verdicts: dict[int, RestartVerdict] = {}

    def stages(
        self, request: Request, interrupted: Callable[[], bool] = never, cancelled: Callable[[], bool] = never
    ) -> Iterator[Stage]:
        """Everything that the request shows, in the order in which a person looks for it.

        While a control moves, the first stages (up to the coarse landscape and the focused path) are not interrupted,
        so that something is always shown: only `cancelled()`, which implies `interrupted()`, stops these too. A run
        that is cancelled is kept and shown as far as it came; one that is interrupted makes way for something newer.

        Raises
        ------
        ExperimentError
            For an experiment that cannot be; the scene then stays as it was.
        Interrupted
            When `interrupted()` becomes true.
        """
        experiment = request.experiment
        self._prepare(request)
        problem = self.problem
        assert problem is not None
        yield self._prepared(problem)
        follows = experiment.view.plane in PATH_PLANES
        focus = min(experiment.view.focus, problem.restarts - 1)
        first = cancelled if request.live else interrupted
        if not follows:
            yield from self._lay_plane(request)
            yield from self._draw_surface(request, coarse=request.live, interrupted=first)
        if self.recording is None:
            # A quick run of all restarts is not worth announcing, nor interrupting while a control moves.
            quick = request.live and _work(problem) <= _QUICK
            if request.live and not quick:
                yield from self._focus_first(problem, focus, interrupted, cancelled)
                if not follows and self._activations(request) <= _FINE_FIRST:
                    yield from self._draw_surface(request, coarse=False, interrupted=interrupted)
            yield from self._run(problem, focus, follows, cancelled if quick else interrupted, cancelled)
        recording = self.recording
        assert recording is not None
        if follows:
            stopped = cancelled()
            yield from self._lay_plane(request)
            yield from self._draw_surface(
                request, coarse=request.live or stopped, interrupted=never if stopped else first
            )
        yield recording
        yield self._path(recording, focus)
        if interrupted():
            raise Interrupted
        yield from self._draw_surface(request, coarse=False, interrupted=interrupted)
        if request.live and min(problem.objective.network.width, problem.clean.dimension) > MOVING_LIMIT:
            # A dense spectrum cannot be interrupted: it waits until the control rests, or the next move would wait.
            return
        yield self.verdict_of(focus, interrupted).picture
        yield from self._extremes(experiment.view.spectrum, focus, interrupted)
        for k in range(problem.restarts):
            if interrupted():
                raise Interrupted
            yield self.verdict_of(k, interrupted).picture

    def _prepare(self, request: Request) -> None:
        """Take the request over; where the ascent has to run again, there is no recording from here on."""
        old, new = self._request, request.experiment
        _check_curvature(new)
        if self.problem is not None and old is not None and self.recording is not None:
            same = old.experiment.same_run(new) and request.recording is old.recording
            same = same and not (request.fresh and "cancelled" in self.recording.stop_reason)
            if same and _same_starts(old.starts, request.starts):
                self.problem = replace(self.problem, experiment=new)
                self._request = request
                return
        if request.recording is not None:
            self.problem, self.recording = problem_of(request.recording), request.recording
        else:
            starts = None if request.starts is None else request.starts * (new.input.scale * new.input.ratio)
            # A saved run may have weights that no seed gives: they are not taken over.
            previous = None if old is not None and old.recording is not None else self.problem
            self.problem, self.recording = prepare(new, starts, previous=previous), None
        if old is None or not _same_surface(old, request):
            self._surface_key = None
        self._request = request
        self._shadow, self._verdicts = None, {}

    def _prepared(self, problem: Problem) -> Prepared:
        network = problem.objective.network
        return Prepared(
            restarts=problem.restarts,
            width=network.width,
            dimension=network.dimension,
            epsilon=problem.constraint.epsilon,
            eta=problem.eta,
            reach=problem.reach,
            device=problem.device,
            input_label=problem.clean.label,
            image_shape=problem.clean.image_shape,
            smooth=network.activation.smooth,
        )

    def _focus_first(
        self, problem: Problem, focus: int, interrupted: Callable[[], bool], cancelled: Callable[[], bool]
    ) -> Iterator[Stage]:
        # The next move need not wait for this path, unless it is long since one was shown.
        stop = interrupted if time.monotonic() - self._path_shown < _PATH_SECONDS else cancelled
        alone = replace(problem, starts=problem.starts[focus : focus + 1])
        if alone.experiment.ascent.steps > _PATH_STEPS:
            alone = replace(alone, experiment=alone.experiment.replace("ascent.steps", _PATH_STEPS))
        recording = climb(alone, interrupted=stop)
        if "cancelled" in recording.stop_reason:
            raise Interrupted
        if self.plane is not None and self.plane.origin.shape[0] == problem.clean.dimension:
            yield FocusRun(Shadow(problem, self.plane, 0).picture(recording))
            self._path_shown = time.monotonic()

    def _run(
        self,
        problem: Problem,
        focus: int,
        follows: bool,
        interrupted: Callable[[], bool],
        cancelled: Callable[[], bool],
    ) -> Iterator[Stage]:
        """Run the ascent; the recording is handed out as it grows, a few times a second: drawing it takes a while."""
        shown = 0.0
        for recording in climbing(problem, interrupted):
            if recording.finished:
                if "cancelled" in recording.stop_reason and not cancelled():
                    raise Interrupted
                self.recording = recording
            elif not follows and time.monotonic() - shown > _GROWTH_SECONDS:
                yield recording
                yield self._path(recording, focus)
                shown = time.monotonic()

    def _context(self, request: Request) -> PathContext:
        assert self.problem is not None
        exact, d = self.problem.objective.exact, self.problem.clean.dimension
        path = endpoints = torch.zeros(1, d, dtype=torch.float64)
        view = request.experiment.view
        if self.recording is not None:
            focus = min(view.focus, self.recording.restarts - 1)
            path = torch.tensor(self.recording.delta[:, focus]).double()
            endpoints = torch.tensor(self.recording.delta[-1]).double()
        return PathContext(
            exact, self._exact_set(), path, endpoints, path[-1], view.plane_seed, (view.pixel_u, view.pixel_v)
        )

    def _lay_plane(self, request: Request) -> Iterator[Stage]:
        plane = make_plane(request.experiment.view.plane, self._context(request))
        old = self.plane
        self.plane = plane
        if old is None or not all(torch.equal(getattr(old, n), getattr(plane, n)) for n in ("origin", "u", "v")):
            self._surface_key = None
        clean, off = plane.coordinates(torch.zeros_like(plane.origin))
        epsilon = self._exact_set().epsilon
        yield PlanePicture(
            name=request.experiment.view.plane,
            origin=plane.origin.numpy(),
            u=plane.u.numpy(),
            v=plane.v.numpy(),
            axes=plane.axes,
            explained=plane.explained,
            cut=constraint_cut(plane, self._exact_set()) / epsilon,
            clean=clean.numpy() / epsilon,
            clean_off=float(off) / epsilon,
            epsilon=epsilon,
        )

    def _draw_surface(self, request: Request, *, coarse: bool, interrupted: Callable[[], bool]) -> Iterator[Stage]:
        view = request.experiment.view
        window = request.window or (-view.extent, view.extent, -view.extent, view.extent)
        curvature = view.quantity == "curvature"
        if curvature and coarse:
            return
        grid = min(_COARSE, view.grid) if coarse else view.grid
        key = (window, grid, curvature, view.arrows, coarse)
        if key != self._surface_key or self._surface is None:
            self._surface = self._surface_on(window, grid, view, coarse, interrupted)
            self._surface_key = key
        if self._surface_for is not request or key != self._surface_shown:
            self._surface_for, self._surface_shown = request, key
            self._surface = replace(self._surface, quantity=view.quantity)
            yield self._surface

    def _activations(self, request: Request) -> float:
        """How many activations the fine landscape takes."""
        assert self.problem is not None
        return float(request.experiment.view.grid**2 * self.problem.objective.network.width)

    def _surface_on(
        self, window: Window, grid: int, view: Any, coarse: bool, interrupted: Callable[[], bool]
    ) -> Surface:
        assert self.problem is not None and self.plane is not None
        epsilon, curvature = self.problem.constraint.epsilon, view.quantity == "curvature"
        grid = min(grid, _CURVATURE_GRID) if curvature else grid
        columns, rows = grid_shape(window, grid)
        alpha, beta = np.linspace(*window[:2], columns), np.linspace(*window[2:], rows)
        alphas, betas = torch.from_numpy(alpha * epsilon), torch.from_numpy(beta * epsilon)
        objective = self.problem.objective.single if coarse else self.problem.objective
        planar = PlanarPreactivations.of(objective, self.plane)
        if curvature:
            values = curvature_on_grid(objective, self._exact_set(), self.plane, alphas, betas, interrupted)
        else:
            values = residual_on_grid(planar, alphas, betas, interrupted)
        arrows = self._arrows(window) if view.arrows else np.empty((0, 4))
        inside = inside_cut(constraint_cut(self.plane, self._exact_set()) / epsilon, alpha, beta)
        return Surface(alpha, beta, to_exact(values).numpy(), inside, view.quantity, arrows, coarse)

    def _arrows(self, window: Window, count: int = 15) -> NDArray[np.float64]:
        """Gradient directions on a coarse grid: (n, 4) of point and unit direction scaled by its relative length."""
        assert self.problem is not None and self.plane is not None
        left, right, bottom, top = window
        a = left + (np.arange(count) + 0.5) * (right - left) / count
        b = bottom + (np.arange(count) + 0.5) * (top - bottom) / count
        points = np.stack(np.meshgrid(a, b), -1).reshape(-1, 2)
        planar = PlanarPreactivations.of(self.problem.objective, self.plane)
        gradient = to_exact(gradient_at(planar, torch.from_numpy(points * self.problem.constraint.epsilon))).numpy()
        longest = np.linalg.norm(gradient, axis=1).max()
        return np.concatenate([points, gradient / longest if longest > 0 else gradient], 1)

    def _path(self, recording: Recording, focus: int) -> PathPicture:
        assert self.problem is not None and self.plane is not None
        if self._shadow is None or self._shadow.plane is not self.plane or self._shadow.focus != focus:
            self._shadow = Shadow(self.problem, self.plane, focus)
        return self._shadow.picture(recording)

    def verdict_of(self, k: int, interrupted: Callable[[], bool] = never) -> RestartVerdict:
        """The verdict on restart k, computed once."""
        assert self.problem is not None and self.recording is not None
        if k not in self._verdicts:
            self._verdicts[k] = restart_verdict(self.problem, self.recording, k, interrupted)
        return self._verdicts[k]

    def _extremes(self, kind: Any, k: int, interrupted: Callable[[], bool]) -> Iterator[ExtremesPicture]:
        """Extreme eigenvalues along the path of restart k: first the ends, then ever more iterates between."""
        assert self.problem is not None and self.recording is not None
        recording, problem = self.recording, self.problem
        if not problem.objective.network.activation.smooth:
            yield ExtremesPicture(
                k, kind, np.empty(0, np.int64), *(np.empty(0),) * 3, problem=_no_curvature(problem.experiment)
            )
            return
        found: dict[int, tuple[float, float, float]] = {}
        for i in _refining(len(recording.steps_kept), _EXTREME_POINTS):
            if interrupted():
                raise Interrupted
            delta = torch.tensor(recording.delta[i, k])
            found[i] = extreme_eigenvalues(problem.objective, problem.constraint, delta, kind, interrupted)
            count = len(found)
            if count >= 2 and (count & (count - 1)) == 0:
                yield _extremes_picture(found, recording, k, kind)
        yield _extremes_picture(found, recording, k, kind)


def _same_surface(first: Request, second: Request) -> bool:
    """Whether a plane looks the same in both, whatever path is drawn on it."""
    if first.recording is not None or second.recording is not None:
        return False
    keys = ("network", "input", "compute")
    one, other = first.experiment, second.experiment
    around = (one.ascent.constraint, one.ascent.box) == (other.ascent.constraint, other.ascent.box)
    return around and all(getattr(one, key) == getattr(other, key) for key in keys)


def _work(problem: Problem) -> float:
    """Multiplications that a run takes: 2 m d a step and restart."""
    network = problem.objective.network
    return 2.0 * network.width * network.dimension * problem.restarts * problem.experiment.ascent.steps


def _same_starts(first: NDArray[np.float64] | None, second: NDArray[np.float64] | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)


def _check_curvature(experiment: Experiment) -> None:
    """Refuse to show second derivatives of an activation that has none."""
    reason = _no_curvature(experiment)
    for key, of_second_order in (("view.plane", "hessian-eigenvectors"), ("view.quantity", "curvature")):
        if reason and experiment.get(key) == of_second_order:
            raise ExperimentError(key, reason, of_second_order)


def _no_curvature(experiment: Experiment) -> str:
    """Why the activation has no second derivative, or nothing if it has one."""
    try:
        ACTIVATIONS[experiment.network.activation].second(torch.zeros(1))
    except NoCurvatureError as reason:
        return str(reason)
    return ""


def _refining(n: int, most: int) -> Iterator[int]:
    """At most `most` indices of 0..n-1: the ends, the middle, the quarters, and so on."""
    wanted = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
    stride = 1 << max(len(wanted) - 1, 0).bit_length()
    seen: set[int] = {len(wanted) - 1}
    yield int(wanted[-1])
    while stride:
        for i in range(0, len(wanted), stride):
            if i not in seen:
                seen.add(i)
                yield int(wanted[i])
        stride //= 2


def _extremes_picture(
    found: dict[int, tuple[float, float, float]], recording: Recording, k: int, kind: Any
) -> ExtremesPicture:
    order = sorted(found)
    smallest, largest, multiplier = np.array([found[i] for i in order]).T
    return ExtremesPicture(k, kind, recording.steps_kept[order], smallest, largest, multiplier)
