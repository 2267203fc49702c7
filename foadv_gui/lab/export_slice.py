"""The landscape on show as arrays, with the basis that tells which point of the input space each value belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.export import EXPORTS, save_arrays
from foadv_gui.lab.findings import Progress
from foadv_gui.lab.globe import SpherePicture, SphereSurface, seen_directions
from foadv_gui.lab.picture import PlanePicture, Request, Surface
from foadv_gui.lab.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from foadv_gui.lab.config import Experiment


@dataclass(frozen=True, eq=False)
class Slice:
    """A surface with the plane that it lies on, or (`SphereSurface`) the subspace whose sphere it covers, and its run.

    Raises
    ------
    ValueError
        For a surface without the one that it lies on.
    """

    surface: Surface
    recording: Recording
    plane: PlanePicture | None = None
    sphere: SpherePicture | None = None

    def __post_init__(self) -> None:
        if (self.sphere if isinstance(self.surface, SphereSurface) else self.plane) is None:
            raise ValueError("a surface needs the plane or the sphere that it lies on")

    @property
    def arrays(self) -> dict[str, Any]:
        """What is written.

        On a plane: values (n, m) at beta (n,) up and alpha (m,) across, in units of epsilon, so that
        values[i, j] belongs to z = x + origin + alpha_absolute[j] u + beta_absolute[i] v. On a globe or a map: values
        (n, n) at the unit vectors c (n, n, 3), NaN outside the disc, so that values[i, j] belongs to
        z = x + epsilon c[i, j] E, with E (3, d); alpha and beta are the sides of the drawn disc, and the rows of turn
        (3, 3) point right, up and towards the viewer.
        """
        surface, recording = self.surface, self.recording
        known = {
            "values": surface.shown(),
            "quantity": surface.quantity,
            "alpha": surface.alpha,
            "beta": surface.beta,
            "inside": surface.inside,
            "x": recording.x,
            "y": recording.y,
            "epsilon": recording.epsilon,
            "dtype": str(recording.delta.dtype),
            "config": recording.config,
        }
        if isinstance(surface, SphereSurface) and self.sphere is not None:
            return {
                **known,
                "chart": surface.chart,
                "E": self.sphere.E,
                "axes": list(self.sphere.axes),
                "turn": surface.turn,
                "c": seen_directions(surface.chart, surface.turn, surface.alpha),
            }
        assert self.plane is not None
        return {
            **known,
            "chart": "plane",
            "plane": self.plane.name,
            "axes": list(self.plane.axes),
            "origin": self.plane.origin,
            "u": self.plane.u,
            "v": self.plane.v,
            "alpha_absolute": recording.epsilon * surface.alpha,
            "beta_absolute": recording.epsilon * surface.beta,
        }


def save_slice(path: Path, shown: Slice) -> None:
    """Write `Slice.arrays` to an .npz file."""
    EXPORTS["slice"].check(path)
    save_arrays(path, **shown.arrays)


def look(
    experiment: Experiment,
    recording: Recording | None = None,
    starts: Recording | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Slice:
    """Run an experiment (from the starts of a recording), or take the recording of it, and draw its landscape.

    Raises
    ------
    ExperimentError
        For an experiment that cannot be, or has no sphere to show.
    Interrupted
        When `interrupted()` becomes true.
    """
    from foadv_gui.lab.scene import Scene  # with torch

    last: dict[type, Any] = {}
    for stage in Scene().stages(Request(experiment, starts, recording=recording), interrupted):
        if isinstance(stage, Progress):
            break  # what follows is found out about the run
        last[type(stage)] = stage
    if experiment.view.chart == "plane":
        return Slice(last[Surface], last[Recording], plane=last[PlanePicture])
    sphere = last[SpherePicture]
    if sphere.why:
        raise ExperimentError("view.chart", sphere.why, experiment.view.chart)
    return Slice(last[SphereSurface], last[Recording], sphere=sphere)
