"""The globe and the map: chosen, turned and asked with the mouse, and right wherever they are looked at."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from foadv_gui.core.chart import FRONT
from foadv_gui.lab.globe import found_at
from foadv_gui.lab.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hands import Hands


def loss_on_sphere(hands: Hands, c: Any) -> float:
    """The loss at epsilon c E, from the recording's arrays alone (tanh)."""
    recording, sphere = hands.session.recording, hands.session.sphere
    value = recording.a @ np.tanh(recording.W @ (recording.x + recording.epsilon * np.array(c) @ sphere.E))
    return float(0.5 * (value - recording.y) ** 2)


def choose_chart(hands: Hands, chart: str) -> Any:
    """Click on a chart's button; returns the globe's plot."""
    panel = hands.explore.landscape
    button = next(button for button in panel.charts.buttons() if button.property("chart") == chart)
    hands.click(button)
    hands.rest()
    assert hands.session.experiment.view.chart == chart
    assert [b.isChecked() for b in panel.charts.buttons()] == [b is button for b in panel.charts.buttons()]
    return panel.globe


def pixels_are_right(hands: Hands) -> None:
    """What the image shows is the loss of NumPy at the points that its pixels stand for."""
    globe, surface = hands.explore.landscape.globe, hands.session.globe
    shown, size = globe.ground.image.image, len(surface.alpha)
    for row, column in ((size // 2, size // 2), (size // 3, size // 2 + 5), (size // 2 + 4, size // 3)):
        c = found_at(surface.chart, globe.turn, (surface.alpha[column], surface.beta[row]))
        assert shown[row, column] == pytest.approx(loss_on_sphere(hands, c), rel=1e-6)
    # Beside the disc there is nothing.
    assert np.isnan(shown[0, 0]) and np.isnan(shown[-1, 0])


def head_at(globe: Any) -> np.ndarray:
    return np.array([globe.trails.head.data[0]["x"], globe.trails.head.data[0]["y"]])


def test_a_click_shows_the_globe_and_a_drag_turns_it(hands: Hands) -> None:
    session, panel = hands.session, hands.explore.landscape
    recording = session.recording
    globe = choose_chart(hands, "globe")
    assert globe.isVisible() and not panel.plot.isVisible()
    assert (panel.subspace.isVisible(), panel.plane.isVisible()) == (True, False)
    pixels_are_right(hands)
    before = globe.ground.image.image.copy()
    asked = session.undo_stack.count()
    view = globe.viewport()
    hands.drag(view, hands.on_plot(globe, 0.0, 0.0), hands.on_plot(globe, 0.5, 0.2), release=False)
    hands.until(lambda: session.globe.coarse and not np.allclose(session.globe.turn, FRONT))  # before it rests
    hands.release(view, hands.on_plot(globe, 0.5, 0.2))
    hands.rest()
    assert not session.globe.coarse
    # What was in the centre follows the mouse, to within a pixel of the screen.
    np.testing.assert_allclose((session.trackball.turn @ [1.0, 0, 0])[:2], [0.5, 0.2], atol=0.02)
    assert not np.allclose(np.nan_to_num(before), np.nan_to_num(globe.ground.image.image))
    pixels_are_right(hands)
    # It is a state of the view alone: nothing to undo, and nothing is run again.
    assert session.undo_stack.count() == asked and session.recording is recording
    hands.focus(globe)
    hands.key(Qt.Key.Key_F)
    hands.rest()
    np.testing.assert_array_equal(session.globe.turn, FRONT)
    np.testing.assert_allclose(np.nan_to_num(globe.ground.image.image), np.nan_to_num(before))


def test_a_double_click_turns_the_globe_back(hands: Hands) -> None:
    globe = choose_chart(hands, "globe")
    view = globe.viewport()
    hands.drag(view, hands.on_plot(globe, 0.0, 0.0), hands.on_plot(globe, -0.4, 0.3))
    hands.rest()
    assert not np.allclose(hands.session.globe.turn, FRONT)
    at = hands.on_plot(globe, 0.0, -0.8)
    hands.qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at)
    hands.qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=at)
    hands.qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at)
    hands.rest()
    np.testing.assert_allclose(hands.session.globe.turn, FRONT, atol=1e-12)


def test_a_globe_that_is_turned_during_a_run_is_shown_as_it_is_turned(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, go, climb = hands.session, threading.Event(), Scene._climb

    def held(scene: Scene, *args: Any) -> Iterator[Any]:
        assert go.wait(20)
        yield from climb(scene, *args)

    globe = choose_chart(hands, "globe")
    monkeypatch.setattr(Scene, "_climb", held)
    session.edit("input.scale", 0.7)
    hands.drag(globe.viewport(), hands.on_plot(globe, 0.0, 0.0), hands.on_plot(globe, 0.5, 0.2))
    hands.until(lambda: not session.trackball.turning)
    assert session.outdated
    go.set()
    hands.rest()
    np.testing.assert_array_equal(session.globe.turn, session.trackball.turn)
    assert not session.outdated and not session.globe.coarse
    pixels_are_right(hands)


def test_the_map_shows_the_whole_sphere_and_lies_still_and_the_plane_comes_back(hands: Hands) -> None:
    session = hands.session
    plane = hands.landscape.ground.image.image.copy()
    globe = choose_chart(hands, "map")
    pixels_are_right(hands)
    assert session.globe.chart == "map" and globe.box.viewRange()[1][1] > 2
    hands.drag(globe.viewport(), hands.on_plot(globe, 0.0, 0.0), hands.on_plot(globe, 1.0, 0.4))
    hands.rest()
    np.testing.assert_array_equal(session.globe.turn, FRONT)
    pixels_are_right(hands)
    hands.key(Qt.Key.Key_End)
    np.testing.assert_allclose(head_at(globe), 0, atol=1e-6)  # the focused maximum is in the centre
    choose_chart(hands, "plane")
    assert hands.landscape.isVisible() and not globe.isVisible()
    np.testing.assert_array_equal(hands.landscape.ground.image.image, plane)
    assert hands.explore.landscape.plane.isVisible()


def test_another_subspace_is_chosen_from_the_list_and_said_in_the_corner(hands: Hands) -> None:
    panel, session = hands.explore.landscape, hands.session
    globe = choose_chart(hands, "globe")
    assert "e₁  the path's endpoint" in globe.note.text()
    hands.drag(globe.viewport(), hands.on_plot(globe, 0.0, 0.0), hands.on_plot(globe, -0.4, 0.3))
    hands.leave(globe)
    for subspace in ("three-random", "endpoint-components"):
        hands.choose(panel.subspace, subspace)
        hands.rest()
        assert session.sphere.name == subspace
        np.testing.assert_array_equal(session.globe.turn, FRONT)  # a turn of other directions means nothing here
        for name, what in zip(("e₁", "e₂", "e₃"), session.sphere.axes, strict=True):
            assert f"{name}  {what}" in globe.note.text()
        pixels_are_right(hands)
    assert f"subspace holds {session.sphere.explained:.0%}" in panel.values.text()
    assert f"{session.sphere.explained:.1%} of the squared lengths of the endpoints" in panel.values.toolTip()
    hands.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    hands.rest()
    assert session.sphere.name == "three-random"


def test_values_at_the_cursor_and_under_the_mouse(hands: Hands) -> None:
    panel, session = hands.explore.landscape, hands.session
    globe = choose_chart(hands, "globe")
    hands.focus(globe)
    for key in (Qt.Key.Key_Home, Qt.Key.Key_End):
        hands.key(key)
        recording, delta = session.recording, session.recording.delta[session.t, 0]
        c = session.sphere.E @ delta
        off = np.linalg.norm(delta - c @ session.sphere.E) / np.linalg.norm(delta)
        drawn = loss_on_sphere(hands, c / np.linalg.norm(c))
        assert f"L = {recording.loss[session.t, 0]:.5g}  ({drawn:.5g} on the sphere)" in panel.values.text()
        assert f"off the subspace {off:.0%} (others up to" in panel.values.text()
        assert f"|δ| = {np.linalg.norm(delta) / recording.epsilon:.2f} ε" in panel.values.text()
        seen = FRONT @ c / np.linalg.norm(c)
        np.testing.assert_allclose(head_at(globe), seen[:2], atol=1e-9)
    at = hands.on_plot(globe, 0.3, -0.5)
    hands.hover(globe.viewport(), at)
    hands.until(lambda: session.probe is not None and len(session.probe.point) == 3)
    hands.rest()
    assert session.probe.loss == pytest.approx(loss_on_sphere(hands, session.probe.point), rel=1e-9)
    np.testing.assert_allclose((FRONT @ session.probe.point)[:2], [0.3, -0.5], atol=0.02)
    assert f"L = {session.probe.loss:.5g}" in panel.values.text()
    hands.hover(globe.viewport(), QPoint(2, globe.viewport().height() - 3))  # beside the globe
    hands.rest()
    assert session.probe is None and "on the sphere" in panel.values.text()


def test_the_input_scale_moves_under_the_globe(hands: Hands) -> None:
    session = hands.session
    choose_chart(hands, "globe")
    directions, seen = session.sphere.E, []
    session.globeChanged.connect(lambda: seen.append((session.globe, session.sphere.E)))
    slider = hands.field("input.scale").editor.slider
    hands.slide(slider, slider.value() + 40, release=False)
    hands.until(lambda: len(seen) > 0)
    first, of = seen[0]
    assert first.coarse
    np.testing.assert_array_equal(of, directions)  # while the control moves, the globe keeps its directions
    hands.release(slider, hands.handle(slider))
    hands.rest()
    assert session.experiment.input.scale != 1
    assert not session.globe.coarse
    pixels_are_right(hands)
    end = session.recording.delta[-1, 0]
    np.testing.assert_allclose(session.sphere.E[0], end / np.linalg.norm(end), atol=1e-6)
    session.globeChanged.disconnect()


def test_marks_tell_the_verdict_and_the_far_side_and_a_click_on_a_trail_follows_it(hands: Hands) -> None:
    session = hands.session
    globe = choose_chart(hands, "globe")
    ends, starts = globe.trails.ends.data, globe.trails.starts.data
    for trails in (globe.trails, hands.landscape.trails):  # a head that has arrived does not hide the verdict
        assert trails.ends.zValue() > trails.heads.zValue()
    assert len(ends) == len(starts) == 4
    for k in range(4):
        assert (ends[k]["symbol"] == "star") == bool(session.verdicts[k].local_maximum)
        front = session.sphere.directions(k)[0] @ FRONT[2] >= 0
        assert (starts[k]["brush"].color().alphaF() == pytest.approx(1, abs=0.01)) == front
    assert any(spot["brush"].color().alphaF() < 0.5 for spot in starts)
    hands.choose(hands.explore.landscape.subspace, "three-random")
    hands.rest()
    near = {k: session.sphere.trail(k)[1] @ FRONT.T for k in (1, 2, 3)}
    k, place = next((k, points[0]) for k, points in near.items() if points[0, 2] > 0.1)
    hands.click(globe.viewport(), hands.on_plot(globe, *place[:2]))
    hands.rest()
    assert session.focus == session.sphere.focus == k


def test_many_ends_at_one_place_of_the_far_side_are_one_faint_mark(open_window: Callable[..., Hands]) -> None:
    hands = open_window(
        input={"scale": 1.0, "label": 0.5}, ascent={"steps": 300, "restarts": 12, "tolerance": 1e-7, "step": 0.3}
    )
    globe = choose_chart(hands, "globe")
    assert "faint: far side" in hands.explore.landscape.key.text()
    sphere = hands.session.sphere
    behind = [k for k in range(12) if sphere.directions(k)[-1] @ FRONT[2] < 0]
    assert len(behind) > 1  # the other pole
    faint = [spot for spot in globe.trails.ends.data if spot["brush"].color().alphaF() < 0.5]
    places = {(round(float(spot["x"]), 1), round(float(spot["y"]), 1)) for spot in faint}
    assert 0 < len(faint) == len(places) < len(behind)
    choose_chart(hands, "map")
    assert "far side" not in hands.explore.landscape.key.text()


def test_where_there_is_no_sphere_the_view_says_why(open_window: Callable[..., Hands]) -> None:
    hands = open_window(network={"dimension": 2})
    pages = hands.explore.landscape.globe_pages
    globe = choose_chart(hands, "globe")
    assert "2 coordinates" in pages.reason.text() and pages.reason.isVisible() and not globe.isVisible()
    hands.choose(hands.field("ascent.constraint").editor.box, "linf-ball")
    hands.rest()
    assert "flat faces" in pages.reason.text() and pages.reason.isVisible()
    choose_chart(hands, "plane")
    assert hands.landscape.isVisible()


def test_what_a_box_leaves_out_is_dark_and_the_key_says_so(open_window: Callable[..., Hands]) -> None:
    hands = open_window(ascent={"box": (-0.55, 0.55)})
    globe = choose_chart(hands, "globe")
    surface = hands.session.globe
    dark = globe._shade.image[..., 3] > 0
    drawn = np.isfinite(surface.values)
    np.testing.assert_array_equal(dark[drawn], ~surface.inside[drawn])
    assert dark[drawn].any() and globe._shade.isVisible()
    assert "dark: outside the box" in hands.explore.landscape.key.text()
