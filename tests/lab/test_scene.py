"""A scene shows what is asked for in stages, computes nothing twice, and survives refusal."""

from __future__ import annotations

import dataclasses
import gc
import itertools
import weakref
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenes import SMALL, kinds, of_kind, show

from foadv_gui.lab.backdrop import PATH_PLANES
from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.experiment import run
from foadv_gui.lab.findings import CertifiedScale, Progress, VerdictPicture
from foadv_gui.lab.picture import (
    ExtremesPicture,
    PathPicture,
    PlanePicture,
    Prepared,
    Surface,
)
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.restarts import BetweenPicture, RegularityPicture, RestartsPicture
from foadv_gui.lab.scene import Scene
from foadv_gui.lab.sections import View

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_torch_thread")

PLANES = list(View.model_fields["plane"].annotation.__args__)
# ---- what is shown, and in which order ----------------------------------------


def test_everything_is_shown_in_the_order_in_which_it_is_looked_for() -> None:
    stages = show(Scene(), SMALL)
    first = [kind for kind, _ in itertools.groupby(kinds(stages))]
    assert first[:3] == [Prepared, PlanePicture, Surface]
    told = [kind for kind, _ in itertools.groupby(kind for kind in kinds(stages) if kind is not Progress)]
    assert told[-8:-4] == [VerdictPicture, ExtremesPicture, CertifiedScale, VerdictPicture]
    assert told[-4:] == [RestartsPicture, BetweenPicture, RegularityPicture, ExtremesPicture]
    assert of_kind(stages, Recording)[-1].finished
    assert {verdict.k for verdict in of_kind(stages, VerdictPicture)} == {0, 1, 2}
    prepared = stages[0]
    assert (prepared.restarts, prepared.width, prepared.dimension) == (3, 24, 6)
    assert prepared.epsilon == pytest.approx(0.25)


def test_the_scene_runs_what_the_command_line_runs() -> None:
    recording = of_kind(show(Scene(), SMALL), Recording)[-1]
    np.testing.assert_array_equal(recording.delta, run(SMALL).delta)


@pytest.mark.parametrize("plane", ["clean-gradient-random", "clean-start-end", "two-pixels"])
def test_the_picture_fits_the_corners_of_the_l_infinity_ball(plane: str) -> None:
    experiment = SMALL.replace("ascent.constraint", "linf-ball", **{"view.plane": plane, "view.extent": 1.1})
    stages = show(Scene(), experiment)
    surface, laid = of_kind(stages, Surface)[-1], of_kind(stages, PlanePicture)[-1]
    assert laid.reach == pytest.approx(np.abs(laid.cut).max())
    assert surface.window == pytest.approx([1.1 * laid.reach * sign for sign in (-1, 1, -1, 1)])
    assert of_kind(show(Scene(), SMALL), PlanePicture)[-1].reach == 1


@pytest.mark.parametrize("plane", PLANES)
def test_every_plane_carries_the_path_and_the_landscape_at_the_true_height(plane: str) -> None:
    scene = Scene()
    experiment = SMALL.replace("view.plane", plane, **{"view.extent": 1.5, "view.grid": 61})
    stages = show(scene, experiment)
    picture, surface = of_kind(stages, PlanePicture)[-1], of_kind(stages, Surface)[-1]
    path, recording = of_kind(stages, PathPicture)[-1], of_kind(stages, Recording)[-1]
    np.testing.assert_allclose(
        [picture.u @ picture.u, picture.u @ picture.v, picture.v @ picture.v], [1, 0, 1], atol=1e-12
    )
    # A corner of the grid, lifted by hand.
    delta = picture.origin + picture.epsilon * (surface.alpha[7] * picture.u + surface.beta[50] * picture.v)
    value = np.tanh(recording.W @ (recording.x + delta)) @ recording.a - recording.y
    assert surface.values[50, 7] == pytest.approx(value, rel=1e-10)
    # Points of the path, and how far off the plane they are.
    away = recording.delta - picture.origin
    np.testing.assert_allclose(path.points[..., 0], away @ picture.u / picture.epsilon, atol=1e-12)
    np.testing.assert_allclose(path.points[..., 1], away @ picture.v / picture.epsilon, atol=1e-12)
    inside = np.linalg.norm(path.points * picture.epsilon, axis=-1) ** 2
    length = np.linalg.norm(away, axis=-1) ** 2
    own = np.linalg.norm(recording.delta, axis=-1) ** 2
    np.testing.assert_allclose(path.off_plane**2 * own, np.maximum(length - inside, 0), atol=1e-12)


@pytest.mark.parametrize("plane", sorted(PATH_PLANES))
def test_planes_that_follow_the_path_are_laid_when_it_is_known(plane: str) -> None:
    stages = show(Scene(), SMALL.replace("view.plane", plane))
    picture, recording = of_kind(stages, PlanePicture)[-1], of_kind(stages, Recording)[-1]
    end = recording.delta[-1, 0] - picture.origin
    if plane == "endpoint-components":
        return
    # The focused end lies on the plane.
    off = end - (end @ picture.u) * picture.u - (end @ picture.v) * picture.v
    assert np.linalg.norm(off) < 1e-9


def test_the_plane_of_the_two_poles_is_laid_before_the_run_and_all_paths_end_on_it() -> None:
    stages = show(Scene(), SMALL.replace("view.plane", "two-poles", **{"input.label": 0.0, "ascent.restarts": 12}))
    order = kinds(stages)
    assert order.index(PlanePicture) < order.index(Recording)
    picture, recording = of_kind(stages, PathPicture)[-1], of_kind(stages, Recording)[-1]
    rises = recording.value[-1] > 0
    assert rises.any() and not rises.all()
    np.testing.assert_allclose(picture.off_plane[-1], 0, atol=1e-4)
    np.testing.assert_allclose(picture.points[-1, rises], [[1, 0]] * rises.sum(), atol=1e-4)  # the maximum to the right
    assert (picture.points[-1, ~rises, 1] > 0).all()  # and the minimum above
    np.testing.assert_allclose(np.linalg.norm(picture.points[-1], axis=-1), 1, atol=1e-4)


def test_the_plane_follows_the_focus() -> None:
    scene = Scene()
    experiment = SMALL.replace("view.plane", "clean-start-end")
    first = of_kind(show(scene, experiment), PlanePicture)[-1]
    second = of_kind(show(scene, experiment.replace("view.focus", 2)), PlanePicture)[-1]
    assert not np.allclose(first.v, second.v)
    assert of_kind(show(scene, experiment.replace("view.focus", 99)), PathPicture)[-1].focus == 2


def test_the_cut_is_the_circle_that_the_ball_has_in_the_plane() -> None:
    picture = of_kind(show(Scene(), SMALL.replace("view.plane", "path-components")), PlanePicture)[-1]
    radius = np.linalg.norm(picture.cut - picture.clean, axis=1)
    away = picture.origin - (picture.origin @ picture.u) * picture.u - (picture.origin @ picture.v) * picture.v
    np.testing.assert_allclose(radius, np.sqrt(1 - (away @ away) / picture.epsilon**2), rtol=1e-9)


def test_zooming_redraws_the_window_alone(counted: dict[str, int]) -> None:
    scene = Scene()
    show(scene, SMALL)
    before = dict(counted)
    stages = show(scene, SMALL, window=(-0.1, 0.3, 0.2, 0.4))
    assert of_kind(stages, Surface)[-1].window == pytest.approx((-0.1, 0.3, 0.2, 0.4))
    assert counted["heights_on_grid"] == before["heights_on_grid"] + 1
    assert counted["climbing"] == before["climbing"]


# ---- nothing twice ----------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [("view.colormap", "magma"), ("view.quantity", "residual"), ("view.contours", False), ("view.clip", True)],
)
def test_a_new_colour_costs_nothing(key: str, value: object, counted: dict[str, int]) -> None:
    scene = Scene()
    show(scene, SMALL)
    before = dict(counted)
    stages = show(scene, SMALL.replace(key, value))
    assert counted == before
    assert of_kind(stages, Surface)[-1].quantity == SMALL.replace(key, value).view.quantity


@pytest.mark.parametrize(("key", "value"), [("ascent.step", 0.2), ("ascent.restarts", 5), ("ascent.seed", 1)])
def test_a_new_step_costs_no_landscape(key: str, value: object, counted: dict[str, int]) -> None:
    # Nothing on a plane through the clean point depends on how it is climbed.
    scene = Scene()
    show(scene, SMALL)
    before = dict(counted)
    show(scene, SMALL.replace(key, value))
    assert counted["heights_on_grid"] == before["heights_on_grid"]
    assert counted["climbing"] == before["climbing"] + 1


def test_a_new_plane_costs_no_ascent(counted: dict[str, int]) -> None:
    scene = Scene()
    show(scene, SMALL)
    before = dict(counted)
    show(scene, SMALL.replace("view.plane", "two-random"))
    assert counted["climbing"] == before["climbing"]
    assert counted["heights_on_grid"] == before["heights_on_grid"] + 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network.seed", 1),
        ("input.scale", 0.6),
        ("input.label", 0.5),
        ("ascent.constraint", "linf-ball"),
        ("compute.dtype", "float32"),
    ],
)
def test_what_the_landscape_depends_on_redraws_it(key: str, value: object) -> None:
    scene = Scene()
    show(scene, SMALL)
    changed = SMALL.replace(key, value)
    again, fresh = of_kind(show(scene, changed), Surface)[-1], of_kind(show(Scene(), changed), Surface)[-1]
    np.testing.assert_array_equal(again.values, fresh.values)
    np.testing.assert_array_equal(again.inside, fresh.inside)


def test_the_same_request_again_is_free(counted: dict[str, int]) -> None:
    scene = Scene()
    first = show(scene, SMALL)
    before = dict(counted)
    again = show(scene, SMALL)
    assert counted == before
    assert of_kind(again, Recording)[-1] is of_kind(first, Recording)[-1]
    assert of_kind(again, Surface)[-1].values is of_kind(first, Surface)[-1].values


def test_starts_by_hand_run_again_and_follow_the_radius() -> None:
    scene = Scene()
    show(scene, SMALL)
    starts = np.zeros((2, 6))
    starts[:, 0] = 0.5, -0.5
    moved = of_kind(show(scene, SMALL, starts=starts), Recording)[-1]
    np.testing.assert_allclose(moved.delta[0], starts * moved.epsilon)
    larger = of_kind(show(scene, SMALL.replace("input.scale", 1.0), starts=starts), Recording)[-1]
    np.testing.assert_allclose(larger.delta[0], starts * larger.epsilon)
    back = of_kind(show(scene, SMALL), Recording)[-1]
    assert back.restarts == 3


def test_no_run_stays_in_memory_when_another_has_taken_its_place() -> None:
    scene = Scene()
    show(scene, SMALL.replace("view.chart", "globe"))
    assert scene.recording is not None
    scene.spectrum(3, 0, "tangent")
    scene.between(0, 1)
    before = weakref.ref(scene.recording)
    show(scene, SMALL.replace("input.scale", 0.4))
    gc.collect()
    assert before() is None and scene.chosen_pair() is None


def test_a_saved_recording_is_shown_and_not_run(counted: dict[str, int]) -> None:
    recording = run(SMALL)
    scene = Scene()
    stages = show(scene, SMALL, recording=recording)
    assert counted["climbing"] == 0
    assert of_kind(stages, Recording) == [recording]
    other_plane = SMALL.replace("view.plane", "path-components")
    assert of_kind(show(scene, other_plane, recording=recording), Recording) == [recording]
    assert counted["climbing"] == 0
    # The experiment itself, asked for without the recording, is run: the saved one may have had other starts.
    assert of_kind(show(scene, SMALL), Recording)[-1] is not recording
    assert counted["climbing"] == 1


def test_weights_of_a_saved_run_are_not_taken_for_those_of_its_seed() -> None:
    recording = run(SMALL)
    changed = dataclasses.replace(recording, weights={**recording.weights, "W": 2.0 * recording.W})
    scene = Scene()
    show(scene, SMALL, recording=changed)
    longer = SMALL.replace("ascent.step", 0.2)
    again = of_kind(show(scene, longer), Recording)[-1]
    np.testing.assert_array_equal(again.delta, run(longer).delta)


# ---- refusal ----------------------------------------


@pytest.mark.parametrize(
    ("bad", "key"),
    [
        (SMALL.replace("ascent.box", [0.0, 0.001]), "ascent.box"),
        (SMALL.replace("input.source", "file", **{"input.file": "/none.npy"}), "input.file"),
        (SMALL.replace("view.plane", "hessian-eigenvectors", **{"network.activation": "relu"}), "view.plane"),
        (SMALL.replace("view.quantity", "curvature", **{"network.activation": "relu"}), "view.quantity"),
        (SMALL.replace("view.quantity", "curvature", **{"ascent.constraint": "linf-ball"}), "view.quantity"),
    ],
)
def test_what_cannot_be_leaves_the_scene_as_it_was(bad: Experiment, key: str, counted: dict[str, int]) -> None:
    scene = Scene()
    show(scene, SMALL)
    problem, recording, plane = scene.problem, scene.recording, scene.plane
    before = {**counted, "prepare": 0}
    with pytest.raises(ExperimentError) as refused:
        show(scene, bad)
    assert refused.value.key == key
    assert (scene.problem, scene.recording, scene.plane) == (problem, recording, plane)
    show(scene, SMALL)
    assert {**counted, "prepare": 0} == before


def test_eigenvectors_of_a_hessian_that_overflows_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", W=np.full((4, 6), 1e160), a=np.ones(4))
    huge = {"network.file": str(tmp_path / "w.npz"), "network.activation": "linear", "view.plane": PLANES[0]}
    experiment = SMALL.replace("network.source", "file", **huge)
    scene = Scene()
    show(scene, experiment)
    with pytest.raises(ExperimentError, match="overflows") as refused:
        show(scene, experiment.replace("view.plane", "hessian-eigenvectors"))
    assert refused.value.key == "view.plane"
    assert of_kind(show(scene, experiment), PlanePicture)[-1].name == PLANES[0]


def test_relu_is_shown_with_the_reason_why_it_has_no_spectrum() -> None:
    scene = Scene()
    stages = show(scene, SMALL.replace("network.activation", "relu"))
    assert "piecewise linear" in of_kind(stages, ExtremesPicture)[-1].problem
    assert "piecewise linear" in scene.spectrum(3, 0, "tangent").problem
