"""The mouse on the landscape and on the spectrum: starts, trails, zoom, cuts, values, eigenvectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import CTRL, SHIFT, loss_at
from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from collections.abc import Callable

    from hands import Hands

PIXEL = 0.02
"""Epsilons within which a place on screen can be told."""


def in_ball(delta: Any) -> Any:
    """The projection on the unit ball."""
    return delta / max(1.0, float(np.linalg.norm(delta)))


def empty_place(hands: Hands) -> tuple[float, float]:
    """A place well inside the ball, away from all trails and starts."""
    plot = hands.landscape
    for x, y in np.random.default_rng(0).uniform(-0.6, 0.6, (500, 2)):
        if plot.trail_at((x, y)) is None and plot.start_at((x, y)) is None:
            return float(x), float(y)
    raise AssertionError("trails everywhere")


def test_a_dragged_start_takes_its_whole_path_along(hands: Hands) -> None:
    session = hands.session
    before, plane, start = session.experiment, session.plane, session.path.points[0, 2]
    old = session.recording.delta[0].copy() / session.recording.epsilon
    running: list[Any] = []
    session.recordingChanged.connect(lambda: running.append(session.recording.delta[0, 2].copy()))
    target = (0.35, -0.25)
    hands.drag(hands.landscape.viewport(), hands.on_landscape(start), hands.on_landscape(target), pause=60)
    hands.rest()
    assert session.starts_by_hand
    assert len({tuple(delta) for delta in running}) >= 2  # it followed while the button was down
    new = session.recording.delta[0] / session.recording.epsilon
    np.testing.assert_allclose(new[2], in_ball(plane.moved(old[2], target, keep_off_plane=True)), atol=PIXEL)
    np.testing.assert_allclose(new[[0, 1, 3]], old[[0, 1, 3]])
    assert session.experiment.view.focus == 2  # what is dragged is looked at
    assert "starts set by hand" in hands.window.device.text()
    assert session.recording.finished
    hands.key(Qt.Key.Key_Z, CTRL)
    hands.rest()
    assert not session.starts_by_hand  # the whole drag was one step
    np.testing.assert_allclose(session.recording.delta[0] / session.recording.epsilon, old)
    hands.key(Qt.Key.Key_Z, CTRL)
    hands.rest()
    assert session.experiment == before


def test_a_click_in_an_empty_place_starts_the_focused_path_there(hands: Hands) -> None:
    session = hands.session
    plane, old, place = session.plane, session.recording.delta[0].copy(), empty_place(hands)
    hands.click(hands.landscape.viewport(), hands.on_landscape(place))
    hands.rest()
    new = session.recording.delta[0] / session.recording.epsilon
    expected = plane.origin / plane.epsilon + place[0] * plane.u + place[1] * plane.v
    np.testing.assert_allclose(new[0], expected, atol=PIXEL)
    np.testing.assert_allclose(new[1:], old[1:] / session.recording.epsilon)
    assert session.path.off_plane[0, 0] < 1e-9
    hands.type(hands.field("input.scale").editor.box, "2")
    hands.rest()
    np.testing.assert_allclose(session.recording.delta[0, 0] / session.recording.epsilon, expected, atol=PIXEL)
    hands.click(hands.field("ascent.seed").editor.button)  # other starts were asked for
    hands.rest()
    assert not session.starts_by_hand


def test_a_click_on_a_trail_follows_that_path(hands: Hands) -> None:
    session, plot = hands.session, hands.landscape
    points = session.path.points
    k, place = next(
        (k, place)
        for k in range(1, points.shape[1])
        for place in 0.5 * (points[:-1, k] + points[1:, k])
        if plot.trail_at(tuple(place)) == k and plot.start_at(tuple(place)) is None
    )
    recording = session.recording
    hands.click(plot.viewport(), hands.on_landscape(place))
    hands.rest()
    assert session.focus == session.experiment.view.focus == session.path.focus == k
    assert session.recording is recording
    assert hands.explore.verdict.heading.text() == f"Verdict on path {k + 1}"
    assert session.spectrum.k == session.extremes.k == k
    mark = hands.explore.traces.marks["loss"]
    curves = [curve.yData for curve in hands.explore.traces.plots["loss"].listDataItems() if curve is not mark]
    assert any(np.array_equal(curve, recording.loss[:, k]) for curve in curves)


def test_the_wheel_zooms_and_refines_and_f_shows_the_whole_again(hands: Hands) -> None:
    session, viewport = hands.session, hands.landscape.viewport()
    left, right, bottom, top = whole = session.surface.window
    rows = session.surface.values.shape
    hands.wheel(viewport, hands.on_landscape((0.3, 0.2)), 4)
    hands.rest()
    window = session.surface.window
    assert left < window[0] < 0.3 < window[1] < right
    assert bottom < window[2] < 0.2 < window[3] < top
    assert session.surface.values.shape == rows  # as many points on a smaller part
    assert not session.surface.coarse
    values = session.surface.values
    middle = (values.shape[0] // 2, values.shape[1] // 2)
    point = (session.surface.alpha[middle[1]], session.surface.beta[middle[0]])
    assert 0.5 * values[middle] ** 2 == pytest.approx(loss_at(hands.session, point))
    hands.drag(viewport, hands.on_landscape(empty_place_in(hands, window)), viewport.rect().center())
    hands.rest()
    moved = session.surface.window
    assert moved != window
    assert moved[1] - moved[0] == pytest.approx(window[1] - window[0])
    hands.key(Qt.Key.Key_F)
    hands.rest()
    assert session.surface.window == pytest.approx(whole)


def empty_place_in(hands: Hands, window: Any) -> tuple[float, float]:
    """A place in the window away from the starts, so that a drag moves the view."""
    left, right, bottom, top = window
    for share in np.random.default_rng(0).uniform(0.1, 0.9, (200, 2)):
        x, y = left + share[0] * (right - left), bottom + share[1] * (top - bottom)
        if hands.landscape.start_at((x, y)) is None:
            return float(x), float(y)
    raise AssertionError("starts everywhere")


@pytest.mark.parametrize("with_shift", [False, True])
def test_a_line_drawn_on_the_landscape_shows_the_loss_along_it(hands: Hands, with_shift: bool) -> None:
    session, workspace, viewport = hands.session, hands.explore, hands.landscape.viewport()
    window = session.surface.window
    start, end = (-0.7, -0.4), (0.8, 0.5)
    if not with_shift:
        hands.key(Qt.Key.Key_C)
        assert hands.window.actions_table["cut"].isChecked()
    modifier = SHIFT if with_shift else Qt.KeyboardModifier.NoModifier
    hands.drag(viewport, hands.on_landscape(start), hands.on_landscape(end), modifier=modifier)
    hands.rest()
    cut = session.cut
    np.testing.assert_allclose([cut.start, cut.end], [start, end], atol=PIXEL)
    assert workspace.below.currentWidget() is workspace.cut_pages
    curve = workspace.cut.plotItem.listDataItems()[0]
    for i in (0, 200, 400):
        share = i / 400
        point = cut.start + share * (cut.end - cut.start)
        assert curve.yData[i] == pytest.approx(loss_at(hands.session, point))
        assert curve.xData[i] == pytest.approx(share * np.linalg.norm(cut.end - cut.start))
    assert session.surface.window == window  # the view did not move along

    hands.turn_to(workspace.below, 0)
    hands.type(hands.field("input.scale").editor.box, "2")
    hands.rest()
    np.testing.assert_allclose(session.cut.start, cut.start)
    assert session.cut.loss[200] == pytest.approx(loss_at(hands.session, 0.5 * (cut.start + cut.end)))
    assert workspace.below.currentIndex() == 0  # nobody asked for another page
    if not with_shift:
        hands.focus(hands.landscape)
        hands.key(Qt.Key.Key_C)
        assert session.cut is None
        assert curve.yData is None or not len(curve.yData)
        hands.turn_to(workspace.below, 1)
        assert workspace.cut_pages.reason.isVisible()  # no axes about nothing: what to do is said
        assert "press C" in workspace.cut_pages.reason.text()


def test_the_mouse_over_the_landscape_shows_the_value_there(hands: Hands) -> None:
    panel = hands.explore.landscape
    resting = panel.values.text()
    for point in ((0.5, 0.5), (-0.9, 0.2)):
        hands.hover(panel.plot.viewport(), hands.on_landscape(point))
        hands.rest()
        shown = hands.session.probe
        np.testing.assert_allclose(shown.point, point, atol=PIXEL)
        assert shown.loss == pytest.approx(loss_at(hands.session, shown.point))
        assert f"L = {shown.loss:.5g}" in panel.values.text()
        assert f"({shown.point[0]:.2f}, {shown.point[1]:.2f})" in panel.values.text()
    hands.leave(panel.plot)
    assert panel.values.text() == resting
    hands.hover(panel.plot.viewport(), hands.on_landscape(point))
    hands.leave(panel.plot)  # before the value comes
    hands.rest()
    assert panel.values.text() == resting


def test_the_mouse_over_a_start_says_that_it_can_be_taken_hold_of(hands: Hands) -> None:
    start = hands.on_landscape(hands.session.path.points[0, 1])
    hands.hover(hands.landscape.viewport(), start)
    assert hands.landscape.viewport().cursor().shape() == Qt.CursorShape.OpenHandCursor
    hands.hover(hands.landscape.viewport(), hands.on_landscape(empty_place(hands)))
    assert hands.landscape.viewport().cursor().shape() == Qt.CursorShape.CrossCursor


def test_hovering_an_eigenvalue_shows_its_direction(open_window: Callable[..., Hands]) -> None:
    hands = open_window(view={"spectrum": "euclidean"})
    session, plot = hands.session, hands.explore.spectrum.plot
    hands.key(Qt.Key.Key_End)
    hands.rest()
    eigenvalues = session.spectrum.eigenvalues
    for index in (0, len(eigenvalues) - 1):
        hands.hover(plot.viewport(), hands.on_plot(plot, eigenvalues[index], 0.5))
        hands.rest()
        direction = session.direction
        assert direction.index == index
        recording = session.recording
        np.testing.assert_allclose(
            hessian(recording, recording.delta[-1, 0]) @ direction.vector,
            eigenvalues[index] * direction.vector,
            atol=1e-8 * np.abs(eigenvalues).max(),
        )
        assert f"μ = {direction.eigenvalue:.5g}" in hands.explore.spectrum.note.text()
    hands.leave(hands.explore.spectrum)
    assert session.direction is None
    hands.hover(plot.viewport(), hands.on_plot(plot, eigenvalues[0], 0.5))
    hands.leave(hands.explore.spectrum)  # before the direction comes
    hands.rest()
    assert session.direction is None


def hessian(recording: Any, delta: Any) -> Any:
    """The loss's Hessian for tanh, from its closed form."""
    h = np.tanh(recording.W @ (recording.x + delta))
    first, second = 1 - h**2, -2 * h * (1 - h**2)
    gradient = recording.W.T @ (recording.a * first)
    residual = recording.a @ h - recording.y
    return np.outer(gradient, gradient) + residual * (recording.W.T * (recording.a * second)) @ recording.W
