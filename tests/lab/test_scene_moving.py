"""While a control moves, a scene shows something at once; and it survives interruption and cancelling."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenes import SMALL, kinds, of_kind, show

from foadv_gui.core.interruption import Interrupted
from foadv_gui.lab.backdrop import PATH_PLANES
from foadv_gui.lab.experiment import run
from foadv_gui.lab.findings import VerdictPicture
from foadv_gui.lab.picture import (
    FocusRun,
    PathPicture,
    PlanePicture,
    Prepared,
    Request,
    Surface,
)
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def interrupted_after(n: int) -> Callable[[], bool]:
    calls = itertools.count()
    return lambda: next(calls) >= n


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


def test_a_small_grid_is_refined_in_precision_too() -> None:
    stages = show(Scene(), SMALL, live=True)
    assert [surface.coarse for surface in of_kind(stages, Surface)] == [True, False]


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
