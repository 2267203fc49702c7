"""The ghost of a run on another one's plane, against a projection of its own; and a scene on another run's plane."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.experiment import run
from foadv_gui.lab.ghost import Ghost, GhostsPicture
from foadv_gui.lab.picture import PathPicture, PlanePicture, Request, Surface
from foadv_gui.lab.scene import Scene

BASE = Experiment.model_validate(
    {
        "network": {"width": 30, "dimension": 5},
        "ascent": {"steps": 12, "restarts": 3, "tolerance": 0.0},
        "view": {"grid": 11, "plane": "path-components"},
    }
)
OTHER = BASE.changed({"input.scale": 3.0, "network.seed": 4})


def stages(request: Request, scene: Scene | None = None) -> dict[type, object]:
    """The last stage of each kind, up to the first fine surface."""
    last: dict[type, object] = {}
    for stage in (scene or Scene()).stages(request):
        last[type(stage)] = stage
        if isinstance(stage, Surface) and not stage.coarse and PathPicture in last:
            break
    return last


def test_a_ghost_is_the_nearest_points_of_the_plane_in_units_of_its_own_radius() -> None:
    recording = run(OTHER)
    ghost = Ghost.of(recording, 1, "γ = 3")
    found = stages(Request(BASE, ghosts=(ghost,)))
    plane, drawn = found[PlanePicture], found[GhostsPicture]
    assert isinstance(plane, PlanePicture)
    assert isinstance(drawn, GhostsPicture)
    assert plane.epsilon != recording.epsilon
    basis = np.column_stack([plane.u, plane.v])
    for i, delta in enumerate(recording.delta[:, 1] / recording.epsilon):
        point, *_ = np.linalg.lstsq(basis, delta - plane.origin / plane.epsilon, rcond=None)
        away = delta - plane.origin / plane.epsilon - basis @ point
        assert drawn.ghosts[0].points[i] == pytest.approx(point, abs=1e-12)
        assert drawn.ghosts[0].off_plane[i] == pytest.approx(np.linalg.norm(away) / np.linalg.norm(delta))
    words = drawn.ghosts[0].words
    assert "γ = 3" in words
    assert "12 steps" in words
    assert f"{drawn.ghosts[0].off_plane[-1]:.0%} off this plane" in words


def test_a_run_on_its_own_plane_is_its_own_ghost() -> None:
    found = stages(Request(BASE))
    plane, path = found[PlanePicture], found[PathPicture]
    assert isinstance(plane, PlanePicture)
    assert isinstance(path, PathPicture)
    own = Ghost.of(run(BASE), 0, "itself").on(plane)
    assert own is not None
    assert own.points == pytest.approx(path.points[:, 0], abs=1e-12)
    assert own.off_plane == pytest.approx(path.off_plane[:, 0], abs=1e-12)


def test_there_is_no_ghost_in_another_dimension() -> None:
    ghost = Ghost.of(run(OTHER.replace("network.dimension", 6)), 0, "d = 6")
    drawn = stages(Request(BASE, ghosts=(ghost,)))[GhostsPicture]
    assert isinstance(drawn, GhostsPicture)
    assert drawn.ghosts == ()


def test_a_long_path_is_thinned_and_keeps_its_ends() -> None:
    recording = run(BASE.replace("ascent.steps", 1500))
    ghost = Ghost.of(recording, 2, "long")
    assert len(ghost.path) == len(ghost.steps) == 500
    assert (ghost.steps[0], ghost.steps[-1]) == (0, 1500)
    assert ghost.path[-1] == pytest.approx(recording.delta[-1, 2] / recording.epsilon)


def test_ghosts_that_are_taken_away_are_said_to_be_gone() -> None:
    scene = Scene()
    request = Request(BASE, ghosts=(Ghost.of(run(OTHER), 0, "other"),))
    assert GhostsPicture in stages(request, scene)
    gone = stages(replace(request, ghosts=()), scene)[GhostsPicture]
    assert isinstance(gone, GhostsPicture)
    assert gone.ghosts == ()
    assert GhostsPicture not in stages(replace(request, ghosts=()), scene)


def test_on_another_runs_plane_directions_and_origin_over_epsilon_are_the_same() -> None:
    theirs = stages(Request(OTHER))[PlanePicture]
    found = stages(Request(BASE, onto=theirs))  # type: ignore[arg-type]
    plane, surface, path = found[PlanePicture], found[Surface], found[PathPicture]
    assert isinstance(theirs, PlanePicture)
    assert isinstance(plane, PlanePicture)
    assert isinstance(surface, Surface)
    assert isinstance(path, PathPicture)
    assert plane.alike(theirs)
    assert plane.u == pytest.approx(theirs.u)
    assert plane.origin / plane.epsilon == pytest.approx(theirs.origin / theirs.epsilon)
    assert plane.axes == theirs.axes
    assert plane.explained is None
    recording = run(BASE)
    place = plane.origin + plane.epsilon * (surface.alpha[3] * theirs.u + surface.beta[7] * theirs.v)
    value = recording.a @ np.tanh(recording.W @ (recording.x + place))
    assert surface.values[7, 3] == pytest.approx(value - recording.y)
    away = recording.delta[:, 0] - plane.origin
    assert path.points[:, 0] == pytest.approx(np.column_stack([away @ plane.u, away @ plane.v]) / plane.epsilon)


def test_a_plane_of_another_dimension_is_not_taken_over() -> None:
    theirs = stages(Request(OTHER.replace("network.dimension", 6)))[PlanePicture]
    plane = stages(Request(BASE, onto=theirs))[PlanePicture]  # type: ignore[arg-type]
    own = stages(Request(BASE))[PlanePicture]
    assert isinstance(plane, PlanePicture)
    assert isinstance(own, PlanePicture)
    assert plane.alike(own)
    assert not plane.alike(theirs)  # type: ignore[arg-type]


def test_back_on_its_own_plane_it_is_laid_anew() -> None:
    scene = Scene()
    own = stages(Request(BASE), scene)[PlanePicture]
    theirs = stages(Request(OTHER))[PlanePicture]
    away = stages(Request(BASE, onto=theirs), scene)[PlanePicture]  # type: ignore[arg-type]
    back = stages(Request(BASE), scene)[PlanePicture]
    assert isinstance(own, PlanePicture)
    assert isinstance(back, PlanePicture)
    assert not own.alike(away)  # type: ignore[arg-type]
    assert back.alike(own)
