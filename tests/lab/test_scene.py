"""A scene shows what is asked for in stages, computes nothing twice, and survives interruption and refusal."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from foadv_gui.core.landscape import Interrupted
from foadv_gui.lab import backdrop, scene
from foadv_gui.lab.backdrop import PATH_PLANES
from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.experiment import run
from foadv_gui.lab.picture import (
    ExtremesPicture,
    FocusRun,
    PathPicture,
    PlanePicture,
    Prepared,
    Request,
    Surface,
    VerdictPicture,
)
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.scene import Scene
from foadv_gui.lab.sections import View

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLANES = list(View.model_fields["plane"].annotation.__args__)
SMALL = Experiment.model_validate(
    {
        "network": {"width": 24, "dimension": 6},
        "input": {"scale": 0.5, "ratio": 0.5},
        "ascent": {"steps": 100, "restarts": 3},
        "view": {"grid": 31},
    }
)


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    torch.set_num_threads(1)


def show(scene: Scene, experiment: Experiment, **more: Any) -> list[Any]:
    return list(scene.stages(Request(experiment, **more)))


def of_kind(stages: list[Any], kind: type) -> list[Any]:
    return [stage for stage in stages if isinstance(stage, kind)]


def kinds(stages: list[Any]) -> list[type]:
    return [type(stage) for stage in stages]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often the expensive parts were computed."""
    counts = dict.fromkeys(("climbing", "residual_on_grid", "restart_verdict", "prepare"), 0)

    def counting(module: Any, name: str) -> Callable[..., Any]:
        original = getattr(module, name)

        def call(*args: Any, **more: Any) -> Any:
            counts[name] += 1
            return original(*args, **more)

        return call

    for name in counts:
        module = backdrop if name == "residual_on_grid" else scene
        monkeypatch.setattr(module, name, counting(module, name))
    return counts


# ---- what is shown, and in which order ----------------------------------------


def test_everything_is_shown_in_the_order_in_which_it_is_looked_for() -> None:
    stages = show(Scene(), SMALL)
    first = [kind for kind, _ in itertools.groupby(kinds(stages))]
    assert first[:3] == [Prepared, PlanePicture, Surface]
    assert first[-4:] == [VerdictPicture, ExtremesPicture, VerdictPicture, ExtremesPicture]
    assert of_kind(stages, Recording)[-1].finished
    assert {verdict.k for verdict in of_kind(stages, VerdictPicture)} == {0, 1, 2}
    prepared = stages[0]
    assert (prepared.restarts, prepared.width, prepared.dimension) == (3, 24, 6)
    assert prepared.epsilon == pytest.approx(0.25)


def test_the_scene_runs_what_the_command_line_runs() -> None:
    recording = of_kind(show(Scene(), SMALL), Recording)[-1]
    np.testing.assert_array_equal(recording.delta, run(SMALL).delta)


@pytest.fixture
def no_run_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foadv_gui.lab.scene._QUICK", 0.0)


@pytest.mark.usefixtures("no_run_is_quick")
def test_a_moving_control_shows_a_coarse_landscape_and_the_focused_path_before_the_run() -> None:
    experiment = SMALL.replace("view.grid", 201)
    stages = show(Scene(), experiment, live=True)
    order = kinds(stages)
    assert order[:4] == [Prepared, PlanePicture, Surface, FocusRun]
    assert order.index(FocusRun) < order.index(Recording)
    coarse, final = of_kind(stages, Surface)[0], of_kind(stages, Surface)[-1]
    assert coarse.coarse and coarse.values.shape == (101, 101)
    assert not final.coarse and final.values.shape == (201, 201)
    np.testing.assert_allclose(coarse.values, final.values[::2, ::2], atol=1e-5)
    focus = of_kind(stages, FocusRun)[0].path
    whole = of_kind(stages, PathPicture)[-1]
    np.testing.assert_allclose(focus.points[:, 0], whole.points[: len(focus.points), 0], atol=1e-9)


@pytest.mark.usefixtures("no_run_is_quick")
@pytest.mark.parametrize("plane", sorted(PATH_PLANES))
def test_a_moving_control_shows_a_plane_that_follows_the_path_before_the_run(plane: str) -> None:
    scene_ = Scene()
    experiment = SMALL.replace("view.plane", plane)
    before = of_kind(show(scene_, experiment), PlanePicture)[-1]
    moved = experiment.replace("input.scale", 1.1 * experiment.input.scale)
    stages = show(scene_, moved, live=True)
    order = kinds(stages)
    assert order[:4] == [Prepared, PlanePicture, Surface, FocusRun]
    first, last = of_kind(stages, PlanePicture)[0], of_kind(stages, PlanePicture)[-1]
    assert first.epsilon == last.epsilon == pytest.approx(1.1 * before.epsilon)
    if plane == "endpoint-components":
        np.testing.assert_array_equal(first.u, before.u)  # one path has no such plane
    else:
        # The same path, computed alone: the same plane but for round-off.
        np.testing.assert_allclose([first.u, first.v], [last.u, last.v], atol=1e-6)
    path = of_kind(stages, FocusRun)[0].path
    lifted = first.origin / first.epsilon + path.points[-1, 0] @ np.stack([first.u, first.v])
    recording = of_kind(stages, Recording)[-1]
    away = np.linalg.norm(lifted - recording.delta[min(path.steps[-1], recording.steps), 0] / recording.epsilon)
    assert away == pytest.approx(path.off_plane[-1, 0], abs=1e-5)


def test_a_change_of_the_view_goes_on_with_the_run(counted: dict[str, int]) -> None:
    scene_, asked = Scene(), []
    experiment = SMALL.replace("ascent.tolerance", 0.0, **{"ascent.steps": 400})
    growing = scene_.stages(Request(experiment), lambda: bool(asked))
    stages = []
    with pytest.raises(Interrupted):
        for stage in growing:
            stages.append(stage)
            if isinstance(stage, Recording):
                asked.append(True)
    assert not of_kind(stages, Recording)[-1].finished
    stages = show(scene_, experiment.replace("view.colormap", "magma"))
    assert counted["climbing"] == 1
    np.testing.assert_array_equal(of_kind(stages, Recording)[-1].delta, run(experiment).delta)


@pytest.mark.parametrize("plane", ["clean-gradient-random", "clean-start-end", "two-pixels"])
def test_the_picture_fits_the_corners_of_the_l_infinity_ball(plane: str) -> None:
    experiment = SMALL.replace("ascent.constraint", "linf-ball", **{"view.plane": plane, "view.extent": 1.1})
    stages = show(Scene(), experiment)
    surface, laid = of_kind(stages, Surface)[-1], of_kind(stages, PlanePicture)[-1]
    assert laid.reach == pytest.approx(np.abs(laid.cut).max())
    assert surface.window == pytest.approx([1.1 * laid.reach * sign for sign in (-1, 1, -1, 1)])
    assert of_kind(show(Scene(), SMALL), PlanePicture)[-1].reach == 1


def test_a_small_grid_is_refined_in_precision_too() -> None:
    stages = show(Scene(), SMALL, live=True)
    assert [surface.coarse for surface in of_kind(stages, Surface)] == [True, False]


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
    assert counted["residual_on_grid"] == before["residual_on_grid"] + 1
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
    assert counted["residual_on_grid"] == before["residual_on_grid"]
    assert counted["climbing"] == before["climbing"] + 1


def test_a_new_plane_costs_no_ascent(counted: dict[str, int]) -> None:
    scene = Scene()
    show(scene, SMALL)
    before = dict(counted)
    show(scene, SMALL.replace("view.plane", "two-random"))
    assert counted["climbing"] == before["climbing"]
    assert counted["residual_on_grid"] == before["residual_on_grid"] + 1


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
    changed = dataclasses.replace(recording, W=2.0 * recording.W)
    scene = Scene()
    show(scene, SMALL, recording=changed)
    longer = SMALL.replace("ascent.step", 0.2)
    again = of_kind(show(scene, longer), Recording)[-1]
    np.testing.assert_array_equal(again.delta, run(longer).delta)


# ---- interruption ----------------------------------------


def interrupted_after(n: int) -> Callable[[], bool]:
    calls = itertools.count()
    return lambda: next(calls) >= n


@pytest.mark.parametrize("after", [0, 1, 5, 40, 101, 104, 110, 130])
@pytest.mark.parametrize("plane", ["clean-gradient-random", "path-components"])
def test_an_interruption_is_raised_and_a_later_request_still_works(after: int, plane: str) -> None:
    scene = Scene()
    experiment = SMALL.replace("view.plane", plane, **{"ascent.tolerance": 0})
    with pytest.raises(Interrupted):
        list(scene.stages(Request(experiment), interrupted_after(after)))
    stages = show(scene, experiment)
    assert of_kind(stages, Recording)[-1].stop_reason[0] == "step limit"
    np.testing.assert_array_equal(of_kind(stages, Recording)[-1].delta, run(experiment).delta)
    fresh = show(Scene(), experiment)
    np.testing.assert_array_equal(of_kind(stages, Surface)[-1].values, of_kind(fresh, Surface)[-1].values)


def test_a_quick_run_shows_all_paths_at_once_even_when_interrupted() -> None:
    shown: list[object] = []
    with pytest.raises(Interrupted):
        for stage in Scene().stages(Request(SMALL, live=True), lambda: True):
            shown.append(stage)
    assert not of_kind(shown, FocusRun)
    np.testing.assert_array_equal(of_kind(shown, Recording)[-1].delta, run(SMALL).delta)


@pytest.mark.usefixtures("no_run_is_quick")
def test_a_moving_control_shows_something_even_when_interrupted_at_once() -> None:
    shown: list[type] = []
    with pytest.raises(Interrupted):
        for stage in Scene().stages(Request(SMALL, live=True), lambda: True):
            shown.append(type(stage))
    assert shown[:4] == [Prepared, PlanePicture, Surface, FocusRun]


@pytest.mark.parametrize("stages_taken", range(1, 12))
def test_a_request_that_is_dropped_half_way_leaves_nothing_stale(stages_taken: int) -> None:
    scene = Scene()
    show(scene, SMALL)
    changed = SMALL.replace("input.scale", 2.0)
    for _ in itertools.islice(scene.stages(Request(changed)), stages_taken):
        pass
    stages = show(scene, changed)
    np.testing.assert_array_equal(of_kind(stages, Recording)[-1].delta, run(changed).delta)
    fresh = show(Scene(), changed)
    np.testing.assert_array_equal(of_kind(stages, Surface)[-1].values, of_kind(fresh, Surface)[-1].values)
    assert of_kind(stages, VerdictPicture)[-1] == of_kind(fresh, VerdictPicture)[-1]


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


@pytest.mark.parametrize("plane", ["two-random", "clean-start-end"])
@pytest.mark.parametrize("moment", range(1, 40, 3))
def test_a_run_that_is_cancelled_is_kept_as_far_as_it_came_whenever_that_is(plane: str, moment: int) -> None:
    endless = SMALL.replace("view.plane", plane, **{"ascent.steps": 20_000, "ascent.tolerance": 0})
    scene, cancelled = Scene(), interrupted_after(moment)
    with pytest.raises(Interrupted):
        list(scene.stages(Request(endless), cancelled, cancelled))
    if scene.recording is None:
        assert scene._run is None  # it had not begun
    else:
        assert set(scene.recording.stop_reason) == {"cancelled"}
