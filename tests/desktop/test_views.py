"""What is shown of a run: planes, colours, spectra, and the input itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import loss_at
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLabel

from foadv_gui.lab.config import setting
from foadv_gui.lab.quantity import quantity_title

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hands import Hands


def values_are_right(hands: Hands) -> None:
    """The map shows the loss where it says: against the arrays of the recording, at three grid points."""
    surface = hands.session.surface
    for row, column in ((0, 0), (5, 11), (-1, -3)):
        point = (surface.alpha[column], surface.beta[row])
        assert 0.5 * surface.values[row, column] ** 2 == pytest.approx(loss_at(hands.session, point), rel=1e-6)


def test_every_plane_can_be_chosen_and_shows_the_loss_on_it(hands: Hands) -> None:
    session, panel = hands.session, hands.explore.landscape
    recording = session.recording
    for choice in (*setting("view.plane").choices[1:], setting("view.plane").choices[0]):
        hands.choose(panel.plane, choice)
        hands.rest()
        plane = session.plane
        assert plane.name == session.experiment.view.plane == panel.plane.currentData() == choice
        assert session.recording is recording
        np.testing.assert_allclose([plane.u @ plane.u, plane.v @ plane.v, plane.u @ plane.v], [1, 1, 0], atol=1e-12)
        values_are_right(hands)
        away = recording.delta - plane.origin
        np.testing.assert_allclose(session.path.points[..., 0], away @ plane.u / plane.epsilon, atol=1e-9)
        np.testing.assert_allclose(session.path.points[..., 1], away @ plane.v / plane.epsilon, atol=1e-9)
        for side, axis in zip(("bottom", "left"), plane.axes, strict=True):
            assert axis in panel.plot.getAxis(side).label.toPlainText()
        if plane.explained is not None:
            assert f"plane holds {plane.explained:.0%}" in panel.values.text()
            assert f"{plane.explained:.1%} of {plane.explains}" in panel.values.toolTip()


def test_the_true_loss_stands_beside_that_of_the_shadow_on_the_plane(hands: Hands) -> None:
    session = hands.session
    hands.choose(hands.explore.landscape.plane, "two-random")
    hands.rest()
    hands.focus(hands.landscape)
    for key in (Qt.Key.Key_Home, Qt.Key.Key_End):
        hands.key(key)
        true, shadow = session.recording.loss[session.t, 0], loss_at(session, session.path.points[session.t, 0])
        assert f"L = {true:.5g}  ({shadow:.5g} on the plane)" in hands.explore.landscape.values.text()
        assert abs(true - shadow) > 0.01 * true


def test_of_many_paths_some_are_drawn_and_the_key_says_how_many(open_window: Callable[..., Hands]) -> None:
    hands = open_window(ascent={"restarts": 140})
    panel = hands.explore.landscape
    starts = panel.plot.trails.starts
    assert "128 of 140 paths drawn" in panel.key.text()
    assert [spot["data"] for spot in starts.data] == list(range(128))
    hands.session.set_focus(135)  # as by a file that names it: what is not drawn cannot be clicked on
    hands.rest()
    assert "129 of 140 paths drawn" in panel.key.text()
    assert [spot["data"] for spot in starts.data] == [*range(128), 135]
    at = hands.session.path.points[0, 135]
    assert panel.plot.start_at((float(at[0]), float(at[1]))) == 135
    hands.type(hands.field("ascent.restarts").editor.box, "4")
    hands.rest()
    assert "drawn" not in panel.key.text()


def test_another_set_is_in_view_as_a_whole(hands: Hands) -> None:
    hands.choose(hands.field("ascent.constraint").editor.box, "linf-ball")
    hands.rest()
    (left, right), (bottom, top) = hands.landscape.box.viewRange()
    cut = hands.session.plane.cut
    assert left < cut[:, 0].min() and cut[:, 0].max() < right
    assert bottom < cut[:, 1].min() and cut[:, 1].max() < top
    hands.choose(hands.field("ascent.constraint").editor.box, "l2-ball")
    hands.rest()
    extent = hands.session.experiment.view.extent
    assert hands.landscape.box.viewRange()[1] == pytest.approx([-extent, extent], rel=0.01)


def test_every_quantity_can_be_chosen_and_is_named_on_the_colour_bar(hands: Hands) -> None:
    session, panel = hands.session, hands.explore.landscape
    recording, seen = session.recording, set()
    for choice in ("log-loss", "residual", "curvature", "loss"):
        hands.choose(panel.quantity, choice)
        hands.rest()
        assert session.surface.quantity == choice
        assert panel.plot.ground.bar.getAxis("right").label.toPlainText().strip() == quantity_title(choice)
        shown = panel.plot.ground.image.image
        np.testing.assert_array_equal(shown, session.surface.shown())
        seen.add(shown.tobytes())
        assert session.recording is recording
    assert len(seen) == 4


def test_losses_that_differ_by_little_are_told_from_a_round_one(hands: Hands) -> None:
    hands.session.edit("input.label", 1e6)
    hands.rest()
    ground, shown = hands.landscape.ground, hands.session.surface.shown()
    words, offset = ground.bar.getAxis("right").labelText.split(",  less ")
    assert words == quantity_title("loss")
    assert offset == "5e11"  # as many zeros would be cut off
    np.testing.assert_allclose(ground.image.image + float(offset), shown, rtol=1e-12)
    assert ground.bar.levels()[1] < 1e-3 * shown.max()


def test_tangent_and_euclidean_spectrum(hands: Hands) -> None:
    session, panel = hands.session, hands.explore.spectrum
    hands.key(Qt.Key.Key_End)
    hands.rest()
    buttons = {button.property("kind"): button for button in panel.kinds.buttons()}
    assert session.recording.radius[-1, 0] == pytest.approx(1)  # on the boundary, where the two differ
    for kind, count, name in (("euclidean", 16, "Euclidean"), ("tangent", 15, "Tangent")):
        hands.click(buttons[kind])
        hands.rest()
        assert buttons[kind].isChecked()
        assert session.experiment.view.spectrum == session.spectrum.kind == session.extremes.kind == kind
        assert len(session.spectrum.eigenvalues) == count
        assert panel.heading.text() == f"{name} spectrum at t = 30"
        last = session.extremes.t.tolist().index(30)
        assert session.extremes.largest[last] == pytest.approx(session.spectrum.eigenvalues[-1])
        assert session.extremes.smallest[last] == pytest.approx(session.spectrum.eigenvalues[0])


def test_the_spectrum_follows_the_cursor(hands: Hands) -> None:
    session = hands.session
    seen = []
    for _ in range(3):
        hands.key(Qt.Key.Key_Right)
        hands.rest()
        assert session.spectrum.t == session.t
        seen.append(session.spectrum.eigenvalues[-1])
    assert len(set(seen)) == 3


def test_a_digit_is_shown_as_images(open_window: Callable[..., Hands]) -> None:
    hands = open_window(input={"source": "digits", "index": 3}, network={"width": 64})
    panel = hands.explore.input
    hands.turn_to(hands.explore.tabs, 1)
    hands.key(Qt.Key.Key_End)
    hands.rest()
    recording = hands.session.recording
    delta = recording.delta[-1, 0]
    for plot, vector in zip(panel.plots, (recording.x, delta, recording.x + delta), strict=True):
        assert plot.image.isVisible()
        assert not plot.bars.isVisible()
        np.testing.assert_allclose(plot.image.image, vector.reshape(8, 8)[::-1])
    assert f"{np.abs(delta).max():.3g}" in panel.titles[1].text()
    before = panel.plots[2].image.image.copy()
    hands.key(Qt.Key.Key_Home)
    hands.rest()
    assert not np.array_equal(panel.plots[2].image.image, before)


def test_a_vector_is_shown_as_bars(hands: Hands) -> None:
    panel = hands.explore.input
    hands.turn_to(hands.explore.tabs, 1)
    recording = hands.session.recording
    delta = recording.delta[0, 0]
    for plot, vector in zip(panel.plots, (recording.x, delta, recording.x + delta), strict=True):
        assert plot.bars.isVisible()
        assert not plot.image.isVisible()
        np.testing.assert_allclose(bars(plot), vector)
    hands.choose(hands.field("input.source").editor.box, "digits")
    hands.rest()
    assert all(plot.image.isVisible() for plot in panel.plots)


def test_a_photograph_is_shown_in_its_colours(open_window: Callable[..., Hands], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    pixels[0, 0], pixels[0, 1] = 0, 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    of_file = {"source": "file", "file": str(tmp_path / "photo.png"), "unit": "file"}
    hands = open_window(input=of_file, ascent={"box": "pixels"})
    hands.turn_to(hands.explore.tabs, 1)
    hands.key(Qt.Key.Key_End)
    hands.rest()
    panel, recording = hands.explore.input, hands.session.recording
    np.testing.assert_array_equal(panel.plots[0].image.image, pixels[::-1])
    assert panel.plots[2].image.image.shape == (6, 8, 3)
    assert not np.array_equal(panel.plots[2].image.image, pixels[::-1])
    mean = recording.delta[-1, 0].reshape(6, 8, 3).mean(axis=2)
    np.testing.assert_allclose(panel.plots[1].image.image, mean[::-1])
    assert f"{np.abs(mean).max():.3g}, mean of its colours" in panel.titles[1].text()
    assert f"|x| = {np.linalg.norm(recording.x):.4g}" in hands.window.device.text()
    shown = panel.plots[0].grab().toImage()
    hands.click(hands.field("input.grey").editor.box, QPoint(8, 8))
    hands.rest()
    assert panel.plots[0].image.image.shape == (6, 8) and panel.titles[1].text().startswith("perturbation δ, up to")
    assert "colours" not in panel.titles[1].text()
    assert panel.plots[0].grab().toImage() != shown


def bars(plot: Any) -> Any:
    return plot.bars.getData()[1]


def test_the_verdict_explains_itself_with_a_click(hands: Hands) -> None:
    rows = hands.explore.verdict.rows
    assert rows
    assert all(row.words.text() and not row.button.icon().isNull() for row in rows)
    assert not rows[0].detail.isVisible()
    hands.click(rows[0].button)
    assert rows[0].detail.isVisible()
    assert rows[0].detail.text()
    hands.click(rows[0].button)
    assert not rows[0].detail.isVisible()
    assert "4 of 4 paths" in hands.explore.verdict.summary.text()


@pytest.mark.parametrize("size", [1e60, 1e153, 1e200])
def test_a_run_that_overflows_is_drawn_as_far_as_it_is_finite(
    open_window: Callable[..., Hands], tmp_path: Path, size: float
) -> None:
    weights = size * np.random.default_rng(0).normal(size=(24, 16))
    np.savez(tmp_path / "w.npz", W=weights, a=np.ones(24))
    hands = open_window(network={"source": "file", "file": str(tmp_path / "w.npz"), "activation": "linear"})
    session, workspace = hands.session, hands.explore
    assert "too large" in workspace.landscape.key.text()
    assert workspace.traces.plots["loss"].titleLabel.text == "loss L: overflows"
    assert workspace.traces.plots["radius"].titleLabel.text == "|δ|/ε"
    hands.choose(workspace.landscape.quantity, "log-loss")
    hands.rest()
    assert np.isfinite(workspace.landscape.plot.ground.image.image).all()
    assert "too large" not in workspace.landscape.key.text()
    for plane in setting("view.plane").choices:
        if size < 1e153 or plane != "hessian-eigenvectors":
            hands.choose(workspace.landscape.plane, plane)
            hands.rest()
            assert session.plane.name == plane
    for panel in (workspace.spectrum, workspace.extremes):
        assert panel.pages.reason.text()
        assert not panel.plot.isVisible()


def test_the_mark_on_a_trace_is_the_value_at_the_cursor(hands: Hands) -> None:
    recording, traces = hands.session.recording, hands.explore.traces
    for key in (Qt.Key.Key_Home, Qt.Key.Key_Right, Qt.Key.Key_End):
        hands.key(key)
        t = hands.session.t
        for name, mark in traces.marks.items():
            value = getattr(recording, name)[t, 0]
            assert mark.getData()[0].tolist() == [t]
            assert mark.getData()[1].tolist() == pytest.approx([np.log10(value) if name == "tangential" else value])


def test_while_a_control_moves_the_run_before_is_faint_and_its_loss_is_not_shown(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foadv_gui.lab.scene._QUICK", 0.0)  # no run is so quick that its focused path is not announced
    session, traces = hands.session, hands.explore.traces
    curve = traces.plots["loss"].curves[-1]
    seen: list[tuple[float, str]] = []

    def look() -> None:
        if session.focus_run is not None:
            seen.append((curve.opacity(), hands.explore.landscape.values.text()))

    session.pathChanged.connect(look)
    slider = hands.field("input.scale").editor.slider
    slider.setValue(slider.value() + 40)
    hands.rest()
    assert seen and all(opacity < 0.5 and "on the plane" in words for opacity, words in seen)
    assert curve.opacity() == 1
    assert f"L = {session.recording.loss[session.t, session.focus]:.5g}" in hands.explore.landscape.values.text()


def test_the_status_line_says_where_and_how_large(hands: Hands) -> None:
    assert hands.window.doing.text() == "Ready"
    said = hands.window.device.text()
    for part in ("d = 16", "m = 64", "K = 4", "ε = 0.3", "CPU float64"):
        assert part in said


def test_whatever_the_words_are_the_columns_keep_their_widths_and_the_words_their_ends(hands: Hands) -> None:
    workspace, watch = hands.explore, hands.window.bar.watch
    before = workspace.columns.sizes()
    workspace.extremes.key.setText("concave from t = 1000000 " * 10)
    QApplication.processEvents()
    assert workspace.columns.sizes() == before
    watch.setText("what there is to see " * 40)
    drawn = QLabel.text(watch)
    assert drawn.endswith("…")
    assert watch.fontMetrics().horizontalAdvance(drawn) <= watch.contentsRect().width()


def test_a_set_that_the_plane_only_touches_is_told(open_window: Callable[..., Hands], tmp_path: Path) -> None:
    np.save(tmp_path / "corner.npy", np.ones(16))
    hands = open_window(
        input={"source": "file", "file": str(tmp_path / "corner.npy"), "unit": "file"},
        ascent={"box": (-1.0, 1.0)},
        view={"plane": "two-random"},
    )
    key = hands.explore.landscape.key
    assert np.ptp(hands.session.plane.cut, axis=0).max() == 0
    assert "the set and this plane share a point at most" in key.text()
    hands.session.edit("ascent.box", None)
    hands.rest()
    assert "share a point" not in key.text()
