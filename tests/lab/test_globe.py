"""The sphere in place of the plane: the right losses at the right pixels, paths on it, and nothing computed twice."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scenes import SMALL, kinds, of_kind, show

from foadv_gui.core.chart import CHARTS, FRONT, trackball
from foadv_gui.core.interruption import Interrupted, never
from foadv_gui.lab.globe import SpherePicture, SphereSurface, circles, found_at, on_chart, seen_directions, unit
from foadv_gui.lab.picture import PathPicture, PlanePicture, Surface
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.scene import Scene
from foadv_gui.lab.sections import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.config import Experiment

pytestmark = pytest.mark.usefixtures("one_torch_thread")

GLOBE = SMALL.replace("view.chart", "globe")
SUBSPACES = list(View.model_fields["subspace"].annotation.__args__)  # type: ignore[union-attr]
TURN = trackball((0.1, -0.2), (0.7, 0.3)) @ FRONT


def numpy_residual(recording: Recording, delta: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.tanh((recording.x + delta) @ recording.W.T) @ recording.a - recording.y)


def shown_on(scene: Scene, experiment: Experiment, **more: Any) -> tuple[SpherePicture, SphereSurface, Recording]:
    stages = show(scene, experiment, **more)
    return tuple(of_kind(stages, kind)[-1] for kind in (SpherePicture, SphereSurface, Recording))  # type: ignore[return-value]


# ---- what is shown ----------------------------------------


@pytest.mark.parametrize("chart", list(CHARTS))
@pytest.mark.parametrize("subspace", SUBSPACES)
def test_every_pixel_shows_the_residual_that_numpy_finds_there(chart: str, subspace: str) -> None:
    experiment = GLOBE.changed({"view.chart": chart, "view.subspace": subspace})
    picture, surface, recording = shown_on(Scene(), experiment, turn=TURN)
    assert (picture.name, surface.chart, surface.coarse) == (subspace, chart, False)
    np.testing.assert_array_equal(surface.turn, TURN if chart == "globe" else FRONT)  # a map is not turned
    np.testing.assert_allclose(picture.E @ picture.E.T, np.eye(3), atol=1e-12)
    rows, columns = np.nonzero(np.isfinite(surface.values))
    assert len(rows) > 0.7 * surface.values.size
    checked = 0
    for row, column in zip(rows[::37], columns[::37], strict=True):
        c = found_at(chart, surface.turn, (surface.alpha[column], surface.beta[row]))
        if c is not None:
            residual = numpy_residual(recording, picture.epsilon * np.array(c) @ picture.E)
            assert surface.values[row, column] == pytest.approx(residual, rel=1e-9)
            checked += 1
    assert checked > 30


def test_the_focused_maximum_is_in_the_centre_and_the_highest_point_there() -> None:
    picture, surface, recording = shown_on(Scene(), GLOBE)
    end = recording.delta[-1, 0]
    np.testing.assert_allclose(picture.E[0], end / np.linalg.norm(end), atol=1e-9)
    np.testing.assert_allclose(picture.directions(0)[-1], [1, 0, 0], atol=1e-9)
    middle = len(surface.alpha) // 2
    near = surface.shown()[middle - 8 : middle + 9, middle - 8 : middle + 9]
    assert np.unravel_index(near.argmax(), near.shape) == (8, 8)
    assert picture.axes[0] == "the path's endpoint"


def test_paths_are_where_numpy_projects_them_and_the_share_off_is_stated() -> None:
    picture, _, recording = shown_on(Scene(), GLOBE.replace("view.focus", 1))
    c = recording.delta @ picture.E.T
    np.testing.assert_allclose(picture.coordinates, c / recording.epsilon, atol=1e-12)
    off = np.linalg.norm(recording.delta - c @ picture.E, axis=-1) / np.linalg.norm(recording.delta, axis=-1)
    np.testing.assert_allclose(picture.off, off, atol=1e-9)
    assert picture.off[-1, 1] < 1e-6 < picture.off[0, 1]  # the focused end lies in the subspace
    directions = picture.directions(1)
    np.testing.assert_allclose(directions, c[:, 1] / np.linalg.norm(c[:, 1], axis=-1, keepdims=True), atol=1e-12)
    nearest = numpy_residual(recording, recording.epsilon * directions @ picture.E)
    np.testing.assert_allclose(picture.nearest_loss, 0.5 * nearest**2, rtol=1e-9)
    assert (picture.focus, picture.restarts, picture.alone) == (1, 3, False)


def test_many_paths_are_laid_a_chunk_at_a_time_and_give_way_between(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    whole, _, recording = shown_on(scene, GLOBE)
    monkeypatch.setattr("foadv_gui.lab.globe_scene._CHUNK", 5 * recording.restarts * recording.dimension)
    looked = itertools.count()
    again = scene.sphere_picture(whole.name, recording, 0, lambda: next(looked) < 0)
    assert next(looked) == -(-len(recording.delta) // 5)
    np.testing.assert_allclose(again.coordinates, whole.coordinates, atol=1e-14)
    with pytest.raises(Interrupted):
        scene.sphere_picture(whole.name, recording, 0, lambda: True)


@pytest.mark.parametrize("subspace", SUBSPACES)
def test_in_three_dimensions_nothing_is_off_the_globe(subspace: str) -> None:
    experiment = GLOBE.changed({"network.dimension": 3, "view.subspace": subspace})
    assert shown_on(Scene(), experiment)[0].off.max() < 1e-9


def test_a_path_from_the_centre_of_the_sphere_is_drawn_from_where_it_has_a_direction() -> None:
    picture, _, _ = shown_on(Scene(), GLOBE.changed({"ascent.start": "zero", "ascent.restarts": 1}))
    assert np.isnan(picture.directions(0)[0]).all()
    assert np.isfinite(picture.directions(0)[1:]).all()
    _, points = picture.trail(0)
    assert np.isfinite(points[-1]).all()
    assert np.isnan(picture.nearest_loss[0])


def test_the_curvature_is_drawn_on_the_sphere_once_it_rests() -> None:
    stages = show(Scene(), GLOBE.changed({"view.quantity": "curvature", "network.dimension": 4}))
    surface, picture = of_kind(stages, SphereSurface)[-1], of_kind(stages, SpherePicture)[-1]
    recording = of_kind(stages, Recording)[-1]
    assert len(of_kind(stages, SphereSurface)) == 1
    i = len(surface.alpha) // 2
    delta = recording.epsilon * picture.E[0]
    p = recording.W @ (recording.x + delta)
    gradient = recording.W.T @ (recording.a / np.cosh(p) ** 2)
    residual = numpy_residual(recording, delta)
    bend = -2 * np.tanh(p) / np.cosh(p) ** 2 * recording.a
    H = residual * recording.W.T @ (bend[:, None] * recording.W) + np.outer(gradient, gradient)
    P = np.eye(4) - np.outer(picture.E[0], picture.E[0])
    shift = float(delta @ gradient * residual) / recording.epsilon**2
    values, vectors = np.linalg.eigh(P @ (H - shift * np.eye(4)) @ P)
    tangent = values[np.abs(vectors.T @ picture.E[0]) < 1e-6]
    assert surface.values[i, i] == pytest.approx(tangent.max(), rel=1e-6)


def test_what_a_box_leaves_out_is_known() -> None:
    boxed = GLOBE.changed({"ascent.box": [-0.45, 0.45], "view.subspace": "three-random"})
    picture, surface, recording = shown_on(Scene(), boxed)
    seen = seen_directions("globe", surface.turn, surface.alpha)
    drawn = np.isfinite(seen[..., 0])
    z = recording.x + recording.epsilon * np.where(drawn[..., None], seen, 0) @ picture.E
    np.testing.assert_array_equal(surface.inside, drawn & (np.abs(z) <= 0.45).all(-1))
    assert surface.boxed and surface.inside.any()
    assert not shown_on(Scene(), GLOBE)[1].boxed


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"network.dimension": 2}, "2 coordinates"), ({"ascent.constraint": "linf-ball"}, "flat faces")],
)
def test_where_there_is_no_sphere_the_picture_says_why_and_all_else_is_shown(
    changes: dict[str, object], words: str
) -> None:
    scene = Scene()
    show(scene, GLOBE)
    stages = show(scene, GLOBE.changed(changes))
    assert words in of_kind(stages, SpherePicture)[-1].why
    assert of_kind(stages, Recording)[-1].finished and of_kind(stages, PathPicture)
    assert not of_kind(stages[stages.index(of_kind(stages, SpherePicture)[-1]) :], SphereSurface)
    assert of_kind(show(scene, GLOBE), SpherePicture)[-1].why == ""


def test_relu_has_a_globe_with_a_note() -> None:
    picture, _, _ = shown_on(Scene(), GLOBE.replace("network.activation", "relu"))
    assert "eigenvectors" in picture.note


# ---- in which order, and nothing twice ----------------------------------------


def test_a_coarse_globe_comes_before_the_fine_one_and_the_plane_is_not_drawn() -> None:
    scene = Scene()
    stages = show(scene, GLOBE.replace("view.grid", 101))
    assert [surface.coarse for surface in of_kind(stages, SphereSurface)] == [True, False]
    assert Surface not in kinds(stages)
    assert of_kind(stages, PlanePicture) and of_kind(stages, PathPicture)
    plane = show(scene, GLOBE.replace("view.chart", "plane"))
    assert Surface in kinds(plane) and SphereSurface not in kinds(plane)


@pytest.mark.usefixtures("no_run_is_quick")
def test_while_a_control_moves_the_globe_keeps_its_directions_and_comes_first() -> None:
    scene = Scene()
    first, _, _ = shown_on(scene, GLOBE)
    moved = GLOBE.replace("input.scale", 0.7)
    stages = show(scene, moved, live=True)
    order = kinds(stages)
    assert order.index(SphereSurface) < order.index(SpherePicture) < order.index(Recording)
    early, recording = of_kind(stages, SphereSurface)[0], of_kind(stages, Recording)[-1]
    assert early.coarse
    c = found_at("globe", early.turn, (float(early.alpha[20]), float(early.beta[11])))
    residual = numpy_residual(recording, recording.epsilon * np.array(c) @ first.E)
    assert early.values[11, 20] == pytest.approx(residual, abs=1e-5)
    alone, *_, whole = of_kind(stages, SpherePicture)
    assert (alone.alone, alone.restarts, whole.alone, whole.restarts) == (True, 1, False, 3)
    for picture in (alone, whole):
        np.testing.assert_array_equal(picture.E, first.E)
    rested, _, _ = shown_on(scene, moved)
    end = recording.delta[-1, 0]
    np.testing.assert_allclose(rested.E[0], end / np.linalg.norm(end), atol=1e-9)


def test_what_does_not_change_the_globe_does_not_compute_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    first, before, _ = shown_on(scene, GLOBE)
    for name in ("make_subspace", "curvature_at"):
        monkeypatch.setattr(f"foadv_gui.lab.globe_scene.{name}", lambda *_: pytest.fail("computed again"))
    monkeypatch.setattr(Scene, "_values", lambda *_: pytest.fail("drawn again"))
    again, after, _ = shown_on(scene, GLOBE.replace("view.quantity", "log-loss"))
    assert after.values is before.values and after.quantity == "log-loss"
    np.testing.assert_array_equal(again.E, first.E)


def test_the_globe_is_turned_without_anything_else() -> None:
    scene = Scene()
    picture, _, recording = shown_on(scene, GLOBE)
    (coarse,) = scene.turned(TURN, True, never)
    (fine,) = scene.turned(TURN, False, never)
    assert (coarse.coarse, fine.coarse) == (True, False)
    for surface, accuracy in ((coarse, 1e-5), (fine, 1e-10)):
        np.testing.assert_array_equal(surface.turn, TURN)
        c = found_at("globe", TURN, (float(surface.alpha[9]), float(surface.beta[17])))
        residual = numpy_residual(recording, recording.epsilon * np.array(c) @ picture.E)
        assert surface.values[17, 9] == pytest.approx(residual, abs=accuracy)
    with pytest.raises(Interrupted):
        list(scene.turned(FRONT, False, lambda: True))
    show(scene, GLOBE.replace("view.chart", "map"))
    assert not list(scene.turned(TURN, True, never))  # a map lies flat


def test_the_value_under_the_mouse_is_that_of_the_sphere() -> None:
    scene = Scene()
    picture, _, recording = shown_on(scene, GLOBE)
    c = (0.48, -0.6, 0.64)
    found = scene.probe(c)
    residual = float(numpy_residual(recording, recording.epsilon * np.array(c) @ picture.E))
    assert (found.value - recording.y, found.loss) == pytest.approx((residual, residual**2 / 2), rel=1e-12)
    np.testing.assert_array_equal(found.point, c)
    assert scene.probe((0.1, 0.2)).point.shape == (2,)


# ---- lines on charts ----------------------------------------


def test_a_long_step_is_an_arc_of_a_great_circle() -> None:
    c = np.zeros((3, 1, 3))
    c[:, 0] = [[0.5, 0, 0], [0, 0.2, 0], [0, 0.2, 1e-5]]
    picture = SpherePicture("", steps=np.array([0, 4, 8]), coordinates=c)
    steps, points = picture.trail(0)
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1), 1)
    np.testing.assert_allclose(points[:, 2], 0, atol=1e-4)
    assert np.degrees(np.arccos((points[:-1] * points[1:]).sum(-1))).max() < 6
    np.testing.assert_array_equal(points[0], [1, 0, 0])
    np.testing.assert_allclose(picture.place(0, 2.0), np.array([1, 1, 0]) / np.sqrt(2))
    np.testing.assert_allclose(points[np.searchsorted(steps, 2.0)], np.array([1, 1, 0]) / np.sqrt(2), atol=0.06)
    np.testing.assert_allclose(picture.place(0, 99.0), picture.directions(0)[-1])


def test_lines_are_split_into_the_near_and_the_far_side_and_broken_at_the_rim_of_a_map() -> None:
    angles = np.linspace(0, 2 * np.pi, 201)
    meridian = np.stack([np.cos(angles), np.sin(angles), np.full(201, 0.01)], -1)  # through the centre, and behind
    near, far = on_chart("globe", FRONT, meridian)
    behind = meridian[:, 0] < 0
    np.testing.assert_array_equal(np.isnan(near[:, 0]), behind)
    np.testing.assert_array_equal(np.isnan(far[:, 0]), ~behind)
    np.testing.assert_allclose(near[~behind], meridian[~behind][:, 1:])
    flat, hidden = on_chart("map", FRONT, unit(meridian))
    assert np.isnan(hidden).all()
    jumps = np.linalg.norm(np.diff(flat, axis=0), axis=-1)
    assert np.isnan(jumps).any() and np.nanmax(jumps) < 0.5
    assert np.isnan(on_chart("map", FRONT, np.full((4, 3), np.nan))[0]).all()


def test_the_rings_are_thirty_degrees_apart() -> None:
    rings = circles()
    np.testing.assert_allclose(np.linalg.norm(rings, axis=-1), 1)
    np.testing.assert_allclose(
        np.degrees(np.arccos(rings[..., 0])), np.array([30, 60, 90, 120, 150])[:, None] + 0 * rings[..., 0]
    )
    flat, _ = on_chart("map", FRONT, rings[0])
    np.testing.assert_allclose(np.linalg.norm(flat, axis=-1), 2 * np.sin(np.radians(15)))


def test_a_globe_at_a_thousand_neurons_is_drawn_in_blocks_like_any_other() -> None:
    experiment = GLOBE.changed({"network.width": 1000, "view.grid": 41, "ascent.steps": 3})
    picture, surface, recording = shown_on(Scene(), experiment)
    seen = seen_directions("globe", surface.turn, surface.alpha)
    drawn = np.isfinite(seen[..., 0])
    expected = numpy_residual(recording, recording.epsilon * seen[drawn] @ picture.E)
    np.testing.assert_allclose(surface.values[drawn], expected, atol=1e-10)
    assert torch.get_num_threads() == 1
