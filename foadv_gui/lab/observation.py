"""Everything that a still picture shows of an experiment, computed in one go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from foadv_gui.lab.clauses import clauses
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.findings import VerdictPicture
from foadv_gui.lab.globe import SpherePicture, SphereSurface
from foadv_gui.lab.picture import (
    PathPicture,
    PlanePicture,
    Prepared,
    Request,
    SpectrumPicture,
    Surface,
)
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.scene import Scene
from foadv_gui.lab.summary import summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.bulk import BulkPicture
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.findings import Clause
    from foadv_gui.lab.restart_verdict import RestartVerdict


@dataclass(frozen=True, eq=False)
class Observation:
    """A finished run with its landscape, the spectrum (with its curves) at its focused path's end, and all verdicts.

    With a globe or a map, `sphere` holds its subspace, and the surface is a `SphereSurface`.
    """

    experiment: Experiment
    prepared: Prepared
    plane: PlanePicture
    surface: Surface
    path: PathPicture
    recording: Recording
    spectrum: SpectrumPicture
    bulk: BulkPicture
    verdicts: tuple[RestartVerdict, ...]
    sphere: SpherePicture | None = None

    @property
    def focus(self) -> int:
        """The restart that is drawn bold."""
        return self.path.focus

    @property
    def clauses(self) -> list[Clause]:
        """The verdict on the focused restart."""
        return clauses(self.verdicts[self.focus])

    @property
    def summary(self) -> str:
        """What became of all restarts, in words."""
        return summary(self.recording, [known.test.local_maximum for known in self.verdicts])


def observe(
    experiment: Experiment,
    recording: Recording | None = None,
    starts: Recording | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Observation:
    """Run an experiment (from the starts of a recording), or take the recording of it, and look at the result.

    Raises
    ------
    ExperimentError
        For an experiment that cannot be.
    Interrupted
        When `interrupted()` becomes true.
    """
    scene = Scene()
    last: dict[type, object] = {}
    for stage in scene.stages(Request(experiment, starts, recording=recording), interrupted):
        last[type(stage)] = stage
        if isinstance(stage, VerdictPicture):
            break
    sphere = last.get(SpherePicture)
    assert sphere is None or isinstance(sphere, SpherePicture)
    if sphere is not None and sphere.why:
        raise ExperimentError("view.chart", sphere.why, experiment.view.chart)
    judge = scene.judge
    judge.ball(interrupted)
    judge.scale(interrupted)
    prepared, plane, surface = last[Prepared], last[PlanePicture], last[Surface if sphere is None else SphereSurface]
    path, run = last[PathPicture], last[Recording]
    assert isinstance(prepared, Prepared) and isinstance(plane, PlanePicture) and isinstance(surface, Surface)
    assert isinstance(path, PathPicture) and isinstance(run, Recording)
    at_end = (run.steps, path.focus, experiment.view.spectrum)
    return Observation(
        experiment,
        prepared,
        plane,
        surface,
        path,
        run,
        scene.spectrum(*at_end),
        scene.bulk(*at_end, interrupted),
        tuple(judge.verdict(k, interrupted) for k in range(run.restarts)),
        sphere,
    )
