"""One experiment under observation: it computes, in stages, what a window or a figure shows of it.

A `Scene` lives where torch runs (a worker thread, or the command line) and hands out NumPy values only. What an edit
does not touch is kept: a new colour costs no ascent, a new step no landscape.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from foadv_gui.core.activations import ACTIVATIONS, NoCurvatureError
from foadv_gui.core.interruption import Interrupted, give_way, never
from foadv_gui.core.spectrum import extreme_eigenvalues
from foadv_gui.lab.backdrop import same_surface
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.decision import rival
from foadv_gui.lab.experiment import Problem, climbing, given_starts, prepare, problem_of
from foadv_gui.lab.findings import CertifiedScale, Progress, VerdictPicture
from foadv_gui.lab.globe_scene import GlobeBackdrop
from foadv_gui.lab.judge import Judge
from foadv_gui.lab.objectives import later_widths
from foadv_gui.lab.picture import (
    MOVING_LIMIT,
    ExtremesPicture,
    FocusRun,
    PathPicture,
    PlanePicture,
    Prepared,
    Request,
    Surface,
)
from foadv_gui.lab.restart_verdict import restart_verdict
from foadv_gui.lab.shadow import Shadow
from foadv_gui.lab.survey import between, first_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.ghost import GhostsPicture
    from foadv_gui.lab.globe import SpherePicture
    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.restarts import BetweenPicture, RegularityPicture, RestartsPicture

_EXTREME_POINTS = 65
_FIRST_EXTREMES = 3
"""So often the curves of extreme eigenvalues are refined before the other paths are judged."""
_QUICK = 3e8
"""Multiplications that take some tens of milliseconds."""
_FINE_FIRST = 1e8
"""Activations that take some tens of milliseconds: so fine a landscape comes before the other paths."""
_GROWTH_SECONDS = 0.06
_PATH_SECONDS = 0.3
"""After so long without one, a moving control's focused path is waited for."""
_PATH_STEPS = 300


_NOT_KNOWN = CertifiedScale(None, 0.0, pending=True)

Stage: TypeAlias = (
    "Prepared | PlanePicture | GhostsPicture | SpherePicture | Surface | FocusRun | Recording | PathPicture | "
    "VerdictPicture | ExtremesPicture | CertifiedScale | Progress | "
    "RestartsPicture | BetweenPicture | RegularityPicture"
)


class Scene(GlobeBackdrop):
    """The state of one experiment under observation."""

    def __init__(self) -> None:
        super().__init__()
        self._request: Request | None = None
        self._run: Iterator[Recording] | None = None
        self._stop = self._pause = never
        self._shadow: Shadow | None = None
        self._path_shown = 0.0
        self._judge: Judge | None = None
        self._scale: tuple[object, CertifiedScale] = (None, _NOT_KNOWN)

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
        if self._scale[0] not in (None, _scale_key(request)):
            self._scale = None, _NOT_KNOWN
            yield _NOT_KNOWN
        follows = self.follows(request)
        focus = min(experiment.view.focus, problem.restarts - 1)
        first = cancelled if request.live else interrupted
        # A quick run of all restarts is not worth announcing, nor interrupting while a control moves.
        quick = request.live and _work(problem) <= _QUICK
        if request.live and self.recording is None and not quick:
            yield from self._focus_first(request, focus, interrupted, cancelled)
        elif not follows:
            yield from self.lay_plane(request, self.recording)
            yield from self.draw_surface(request, coarse=request.live, interrupted=first)
        if self.recording is None:
            if request.live and not quick and not follows and self.activations(request) <= _FINE_FIRST:
                yield from self.draw_surface(request, coarse=False, interrupted=interrupted)
            yield from self._climb(problem, focus, follows, cancelled if quick else interrupted, cancelled)
        recording = self.recording
        assert recording is not None
        if follows:
            stopped = cancelled()
            yield from self.lay_plane(request, recording)
            yield from self.draw_surface(
                request, coarse=request.live or stopped, interrupted=never if stopped else first
            )
        yield recording
        yield self._path(recording, focus)
        if experiment.view.chart != "plane":
            first = never if cancelled() else first
            yield from self.lay_sphere(request, recording, first)
            yield from self.draw_surface(request, coarse=True, interrupted=first)
        if interrupted():
            if "cancelled" in recording.stop_reason:
                yield restart_verdict(problem, recording, focus, second_order=False).picture
            raise Interrupted
        yield from self.draw_surface(request, coarse=False, interrupted=interrupted)
        if request.live and min(problem.objective.width, problem.clean.dimension) > MOVING_LIMIT:
            # A dense spectrum cannot be interrupted: it waits until the control rests, or the next move would wait.
            return
        yield from self._findings(request, focus, interrupted)

    def _prepare(self, request: Request) -> None:
        """Take the request over; where the ascent has to run again, there is no recording from here on."""
        old, new = self._request, request.experiment
        _check_curvature(new)
        known = self.recording is not None or self._run is not None
        if self.problem is not None and old is not None and known:
            same = old.experiment.same_run(new) and request.recording is old.recording
            if request.fresh and self.recording is not None and "cancelled" in self.recording.stop_reason:
                same = False
            if same and _same_starts(old.starts, request.starts):
                self.problem = replace(self.problem, experiment=new)
                self._request = request
                return
        if request.recording is not None:
            self.problem, self.recording = problem_of(request.recording), request.recording
        else:
            starts = given_starts(request.starts, new)
            # A saved run may have weights that no seed gives: they are not taken over.
            previous = None if old is not None and old.recording is not None else self.problem
            self.problem, self.recording = prepare(new, starts, previous=previous), None
        if old is None or not same_surface(old, request):
            self.forget_surface()
        self._request, self._run = request, None
        self._shadow = self._judge = None
        self.forget_run()

    def _prepared(self, problem: Problem) -> Prepared:
        return Prepared(
            restarts=problem.restarts,
            width=problem.objective.width,
            dimension=problem.objective.dimension,
            epsilon=problem.constraint.epsilon,
            eta=problem.eta,
            reach=problem.reach,
            device=problem.device,
            input_label=problem.clean.label,
            image_shape=problem.clean.image_shape,
            later=later_widths(problem.objective),
            rival=rival(problem.objective),
        )

    def _focus_first(
        self, request: Request, focus: int, interrupted: Callable[[], bool], cancelled: Callable[[], bool]
    ) -> Iterator[Stage]:
        """While a control moves: the coarse landscape, and the focused path alone (first, if the plane follows it)."""
        assert self.problem is not None
        problem, view = self.problem, request.experiment.view
        follows = self.follows(request)
        # The next move does not wait long for a path, unless it is long since one was shown.
        late = time.monotonic() - self._path_shown > _PATH_SECONDS
        stop = cancelled if late or follows else interrupted
        alone = replace(problem, starts=problem.starts[focus : focus + 1])
        if alone.experiment.ascent.steps > _PATH_STEPS:
            alone = replace(alone, experiment=alone.experiment.replace("ascent.steps", _PATH_STEPS))
        run = climbing(alone, stop)
        recording = None
        if follows:
            recording = _last(run)
        yield from self.lay_plane(request, recording)
        yield from self.draw_surface(request, coarse=True, interrupted=cancelled)
        if recording is None or not recording.finished:
            recording = _last(run)
        if "cancelled" in recording.stop_reason:
            raise Interrupted
        assert self.plane is not None
        yield FocusRun(Shadow(problem, self.plane, 0).picture(recording))
        if view.chart != "plane" and self.subspace is not None and self.subspace.E.shape[1] == recording.dimension:
            yield self.sphere_picture(view.subspace, recording, 0, cancelled, alone=True)
        self._path_shown = time.monotonic()

    def _climb(
        self,
        problem: Problem,
        focus: int,
        follows: bool,
        interrupted: Callable[[], bool],
        cancelled: Callable[[], bool],
    ) -> Iterator[Stage]:
        """Run the ascent; the growing recording comes in turns with its path, since each takes a while to draw.

        What is interrupted goes on from where it was, if the next request shows the same run.
        """
        self._stop, self._pause = cancelled, interrupted
        if self._run is None:
            self._run = climbing(problem, lambda: self._stop(), lambda: self._pause())
        shown, turn = 0.0, 0
        for recording in self._run:
            if recording.finished:
                self.recording, self._run = recording, None
                return
            if interrupted() and not cancelled():  # then the run itself ends, at its next step
                raise Interrupted
            if not follows and time.monotonic() - shown > _GROWTH_SECONDS:
                yield self._path(recording, focus) if turn % 2 else recording
                shown, turn = time.monotonic(), turn + 1

    def _path(self, recording: Recording, focus: int) -> PathPicture:
        assert self.problem is not None and self.plane is not None
        if self._shadow is None or self._shadow.plane is not self.plane or self._shadow.focus != focus:
            self._shadow = Shadow(self.problem, self.plane, focus)
        return self._shadow.picture(recording)

    def _findings(self, request: Request, focus: int, interrupted: Callable[[], bool]) -> Iterator[Stage]:
        """What can be said of the run, the focused path first; what was found before is only shown again."""
        judge = self.judge
        yield Progress("Testing the summit")
        yield judge.verdict(focus, interrupted).picture
        yield Progress("Proving on the whole ball")
        judge.ball(interrupted)
        yield judge.verdict(focus).picture
        extremes = self._extremes(request.experiment.view.spectrum, focus, interrupted)
        yield from itertools.islice(extremes, _FIRST_EXTREMES)
        yield Progress("Looking for the certified scale")
        self._scale = _scale_key(request), judge.scale(interrupted)
        yield self._scale[1]
        yield judge.verdict(focus).picture
        for k in range(judge.recording.restarts):
            give_way(interrupted)
            yield Progress(f"Testing path {k + 1} of {judge.recording.restarts}")
            yield judge.verdict(k, interrupted).picture
        yield from self._together(focus, interrupted)
        yield Progress("Following the extreme eigenvalues")
        yield from extremes
        yield Progress("")

    @property
    def judge(self) -> Judge:
        """What finds out about the recording, and remembers."""
        assert self.problem is not None and self.recording is not None and self._request is not None
        if self._judge is None:
            key, scale = self._scale
            known = key == _scale_key(self._request)
            self._judge = Judge(self.problem, self.recording, scale if known else None)
        return self._judge

    def _together(self, focus: int, interrupted: Callable[[], bool]) -> Iterator[Stage]:
        """What all restarts say together, when each has been judged."""
        judge = self.judge
        yield Progress("Comparing the ends of all paths")
        yield (restarts := judge.restarts(interrupted))
        pair = self.chosen_pair() or first_pair(restarts, judge.recording, focus)
        if pair is not None:
            yield between(judge.problem, judge.recording, *pair)
        yield Progress("Measuring the regularity")
        yield judge.regularity(interrupted)

    def _extremes(self, kind: Any, k: int, interrupted: Callable[[], bool]) -> Iterator[ExtremesPicture]:
        """Extreme eigenvalues along the path of restart k: first the ends, then ever more iterates between."""
        assert self.problem is not None and self.recording is not None
        recording, problem = self.recording, self.problem
        found: dict[int, tuple[float, float, float]] = {}
        for i in _refining(len(recording.steps_kept), _EXTREME_POINTS):
            give_way(interrupted)
            delta = torch.tensor(recording.delta[i, k])
            try:
                found[i] = extreme_eigenvalues(problem.objective, problem.constraint, delta, kind, interrupted)
            except NoCurvatureError as reason:
                yield ExtremesPicture(k, kind, np.empty(0, np.int64), *(np.empty(0),) * 3, problem=str(reason))
                return
            count = len(found)
            if count >= 2 and (count & (count - 1)) == 0:
                yield _extremes_picture(found, recording, k, kind)
        yield _extremes_picture(found, recording, k, kind)


def _scale_key(request: Request) -> object:
    """What a certified scale depends on: neither the input's own scale nor its label."""
    if request.recording is not None:
        return request.recording
    experiment = request.experiment
    alike = experiment.input.model_copy(update={"scale": 1.0, "label": 0.0})
    return experiment.network, alike, experiment.ascent.constraint, experiment.ascent.box, experiment.compute


def _step_work(problem: Problem) -> float:
    """Multiplications that a step of one restart takes: 2 m d, and what comes after the first layer there and back."""
    objective = problem.objective
    later = 64.0 * (objective.work - objective.width)
    return 2.0 * objective.width * objective.dimension + max(later, 0.0)


def _work(problem: Problem) -> float:
    """Multiplications that a run takes."""
    return _step_work(problem) * problem.restarts * problem.experiment.ascent.steps


def _last(run: Iterator[Recording]) -> Recording:
    """The recording that a run ends with."""
    *_, last = run
    return last


def _same_starts(first: NDArray[np.float64] | Recording | None, second: NDArray[np.float64] | Recording | None) -> bool:
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return np.array_equal(first, second)
    return first is second


def _check_curvature(experiment: Experiment) -> None:
    """Refuse to show second derivatives of an activation that has none, and a sphere's curvature on a cube."""
    reason = _no_curvature(experiment)
    for key, of_second_order in (("view.plane", "hessian-eigenvectors"), ("view.quantity", "curvature")):
        if reason and experiment.get(key) == of_second_order:
            raise ExperimentError(key, reason, of_second_order)
    if experiment.view.quantity == "curvature" and experiment.ascent.constraint == "linf-ball":
        reason = "is the curvature along the ℓ₂ sphere, which says nothing of the flat faces of the ℓ∞ ball"
        raise ExperimentError("view.quantity", reason, "curvature")


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
