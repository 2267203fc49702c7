"""Exporting what is on show: the menu, the plots' own menus, the clipboard; by clicks and keys."""

from __future__ import annotations

import runpy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars
import pytest
from hands import CTRL, SHIFT, Hands, loss_at, small
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QCursor, QGuiApplication
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QMessageBox

from foadv_gui.desktop.figure_copy import drawing as drawing_of
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.experiment import run
from foadv_gui.lab.export import EXPORTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RIGHT = Qt.MouseButton.RightButton


@pytest.fixture
def saved_as(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, ...]]]:
    """The system's file dialog, which a test cannot click, answers with a path; returns what it was asked."""

    def answer(path: Path | str, kind: str = "") -> list[tuple[str, ...]]:
        asked: list[tuple[str, ...]] = []

        def dialog(_parent: object, *words: str) -> tuple[str, str]:
            asked.append(words)
            return str(path), kind

        monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
        return asked

    return answer


def popped_up(hands: Hands) -> QMenu:
    hands.until(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def entries(menu: QMenu) -> dict[str, Any]:
    """The entries by their words, without their keys."""
    return {action.text().split("\t")[0]: action for action in menu.actions() if not action.isSeparator()}


def pick(hands: Hands, menu: QMenu, text: str) -> None:
    """Click an entry."""
    hands.click(menu, menu.actionGeometry(entries(menu)[text]).center())
    hands.until(lambda: not menu.isVisible())


def export(hands: Hands, text: str) -> None:
    """Ctrl+E, and click an entry of the menu."""
    hands.key(Qt.Key.Key_E, CTRL)
    pick(hands, popped_up(hands), text)
    hands.rest()
    hands.activate()


def right_click(hands: Hands, plot: Any, at: QPoint) -> QMenu:
    hands.qtbot.mouseClick(plot.viewport(), RIGHT, pos=at)
    return popped_up(hands)


def told(hands: Hands) -> str:
    return str(hands.window.statusBar().currentMessage())


# -- files -------------------------------------------------------------------------------------------------------


def test_the_adversary_at_the_cursor_is_saved_and_weights_under_the_name_that_was_chosen(
    hands: Hands, tmp_path: Path, saved_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    asked = saved_as(path)
    hands.player.seek(7)
    hands.session.set_focus(2)
    hands.rest()
    export(hands, "Adversary x + δ…")
    assert told(hands) == f"Saved {path}"
    recording = hands.session.recording
    with np.load(path, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["adversary"], recording.x + recording.delta[7, 2].astype(float))
        assert arrays["loss"] == recording.loss[7, 2]
    ((_, name, kinds),) = asked
    assert name == "adversary.npy"
    assert ".png" not in kinds  # a random direction is no image
    a_name_without_an_ending_gets_that_of_the_kind_that_was_chosen(hands, tmp_path, saved_as, monkeypatch)


def a_name_without_an_ending_gets_that_of_the_kind_that_was_chosen(
    hands: Hands, tmp_path: Path, saved_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(QMessageBox, "open", lambda box: warned.append(box.informativeText() or box.text()))
    saved_as(tmp_path / "w", "safetensors (*.safetensors)")
    export(hands, "Weights…")
    before = (tmp_path / "w.safetensors").read_bytes()
    hands.window.exports.exporter.ask("weights")  # the dialog asked about "w", not about this one
    hands.rest()
    assert "already" in warned.pop()
    assert (tmp_path / "w.safetensors").read_bytes() == before
    saved_as(tmp_path / "none" / "w.npz")
    export(hands, "Weights…")
    assert "No such file" in warned.pop()
    saved_as("")
    export(hands, "Weights…")
    assert [path.name for path in tmp_path.glob("w*")] == ["w.safetensors"]


def test_the_landscape_is_saved_from_its_own_menu_with_its_basis(hands: Hands, tmp_path: Path, saved_as: Any) -> None:
    path = tmp_path / "s.npz"
    saved_as(path)
    menu = right_click(hands, hands.landscape, QPoint(120, 90))
    assert list(entries(menu)) == ["Landscape on show…", "Copy this figure"]
    pick(hands, menu, "Landscape on show…")
    hands.rest()
    with np.load(path, allow_pickle=False) as s:
        point = s["alpha"][5], s["beta"][9]
        assert s["values"][9, 5] == pytest.approx(loss_at(hands.session, point), rel=1e-4)
        assert s["values"].shape == hands.session.surface.values.shape
    assert hands.session.recording.delta[0].shape == (4, 16)
    assert not hands.session.starts_by_hand  # the right button puts no start there

    hands.activate()
    hands.session.edit("view.chart", "globe")  # which is saved while it is on show
    hands.rest()
    menu = right_click(hands, hands.explore.landscape.globe, QPoint(120, 90))
    pick(hands, menu, "Landscape on show…")
    hands.rest()
    recording = hands.session.recording
    with np.load(tmp_path / "s.npz", allow_pickle=False) as s:
        drawn = np.isfinite(s["values"])
        z = (s["x"] + s["epsilon"] * s["c"] @ s["E"])[drawn]
        losses = 0.5 * (np.tanh(z @ recording.W.T) @ recording.a - recording.y) ** 2
        np.testing.assert_allclose(s["values"][drawn], losses, rtol=1e-3, atol=1e-6)


def test_spectrum_and_traces_are_saved_and_copied_from_their_plots(hands: Hands, tmp_path: Path, saved_as: Any) -> None:
    hands.player.seek(12)
    hands.until(lambda: hands.spectrum_is_current)
    hands.rest()
    saved_as(tmp_path / "spectrum.csv")
    pick(hands, right_click(hands, hands.explore.spectrum.plot, QPoint(150, 40)), "Spectrum…")
    hands.rest()
    table = polars.read_csv(tmp_path / "spectrum.csv", comment_prefix="#")
    np.testing.assert_array_equal(table["eigenvalue"], hands.session.spectrum.eigenvalues)
    saved_as(tmp_path / "traces.csv")
    pick(hands, right_click(hands, hands.explore.traces, QPoint(90, 60)), "Traces…")
    hands.rest()
    assert hands.session.t == 12  # the right button does not move the cursor
    traces = polars.read_csv(tmp_path / "traces.csv", comment_prefix="#")
    assert traces.height == hands.session.recording.loss.size
    a_plot_is_copied_as_image_and_drawing_and_with_ctrl_shift_c_that_under_the_mouse_or_the_page(hands)


def test_the_plots_over_all_restarts_are_copied_by_a_right_click_that_chooses_no_pair(hands: Hands) -> None:
    hands.turn_to(hands.explore.below, 2)
    hands.rest()
    between = hands.session.between
    for plot in hands.explore.restarts.plots:
        QGuiApplication.clipboard().clear()
        pick(hands, right_click(hands, plot, QPoint(plot.width() // 3, plot.height() // 3)), "Copy this figure")
        assert QGuiApplication.clipboard().image().size() == 2 * plot.size()
        hands.activate()
    hands.rest()
    assert hands.session.between is between


def test_a_digit_is_saved_as_pictures(open_window: Callable[..., Hands], tmp_path: Path, saved_as: Any) -> None:
    hands = open_window(input={"source": "digits"})
    hands.turn_to(hands.explore.tabs, 1)
    for text, name, size in (
        ("Adversary x + δ…", "a.png", (8, 8)),
        ("Perturbation δ…", "d.png", (8, 8)),
        ("x, δ and x + δ side by side…", "t.png", (3 * 256 + 2 * 16, 256)),
    ):
        asked = saved_as(tmp_path / name)
        pick(hands, right_click(hands, hands.explore.input.plots[1], QPoint(40, 30)), text)
        hands.rest()
        assert ".png" in asked[0][2]
        with Image.open(tmp_path / name) as picture:
            assert picture.size == size


# -- the clipboard -----------------------------------------------------------------------------------------------


def test_the_script_on_the_clipboard_makes_the_run_on_show_again_and_many_starts_go_into_a_file(
    hands: Hands, tmp_path: Path, saved_as: Any
) -> None:
    session = hands.session
    hands.drag(hands.landscape.viewport(), hands.on_landscape(session.path.points[0, 1]), QPoint(200, 200))
    hands.rest()
    hands.session.edit("view.quantity", "residual")
    hands.rest()
    assert session.starts_by_hand
    export(hands, "Copy as Python")
    text = QGuiApplication.clipboard().text()
    assert "Copied as Python" in told(hands)
    assert "starts = np.array(" in text
    (tmp_path / "run.py").write_text(text, encoding="utf-8")
    again, shown = runpy.run_path(str(tmp_path / "run.py"))["recording"], session.recording
    for name in ("delta", "loss", "fosc", "W", "a", "x", "epsilon", "eta", "stop_reason"):
        np.testing.assert_array_equal(getattr(again, name), getattr(shown, name), err_msg=name)
    assert again.experiment == session.experiment

    session.edit("ascent.restarts", 20)
    hands.rest()
    session.move_start(3, (0.2, 0.1), onto_plane=True, live=False)
    hands.rest()
    asked = saved_as(tmp_path / "mine.py")
    QGuiApplication.clipboard().setText("before")
    export(hands, "Copy as Python")
    hands.rest()
    assert asked[0][1] == "run.py"
    assert QGuiApplication.clipboard().text() == "before"
    np.testing.assert_array_equal(np.load(tmp_path / "mine.starts.npy"), session.recording.delta[0])
    assert 'with_name("mine.starts.npy")' in (tmp_path / "mine.py").read_text()


def a_plot_is_copied_as_image_and_drawing_and_with_ctrl_shift_c_that_under_the_mouse_or_the_page(
    hands: Hands,
) -> None:
    plot = hands.explore.spectrum.plot
    pick(hands, right_click(hands, plot, QPoint(150, 40)), "Copy this figure")
    image, data = QGuiApplication.clipboard().image(), QGuiApplication.clipboard().mimeData()
    assert (image.width(), image.height()) == (2 * plot.width(), 2 * plot.height())
    assert "eigenvalues at the cursor" in told(hands)
    colours = {image.pixelColor(x, image.height() // 2).name() for x in range(0, image.width(), 3)}
    assert hands.window.theme.theme.plot in colours
    assert len(colours) > 3
    drawing = QSvgRenderer(data.data("image/svg+xml"))
    assert drawing.isValid()
    assert (drawing.viewBox().width(), drawing.viewBox().height()) == (plot.width(), plot.height())
    assert "eigenvalue" in bytes(data.data("image/svg+xml").data()).decode()
    hands.activate()
    # Of the landscape background, map and colour bar are pixels; the marks are not copied from the screen.
    assert drawing_of(hands.landscape).decode().count("<image") == 3
    traces, page = hands.explore.traces, hands.window.stack
    QCursor.setPos(traces.mapToGlobal(QPoint(60, 40)))
    hands.key(Qt.Key.Key_C, CTRL | SHIFT)
    assert QGuiApplication.clipboard().image().size() == 2 * traces.size()
    QCursor.setPos(hands.window.mapToGlobal(QPoint(5, 5)))
    hands.key(Qt.Key.Key_C, CTRL | SHIFT)
    assert QGuiApplication.clipboard().image().size() == 2 * page.size()
    hands.session.clear_probe()
    hands.rest()


# -- what cannot be exported says why ----------------------------------------------------------------------------


def hovers(menu: QMenu) -> dict[str, str]:
    return {text: action.toolTip() for text, action in entries(menu).items() if not action.isEnabled()}


def test_every_entry_explains_itself_and_says_what_is_waited_for(hands: Hands) -> None:
    hands.click(hands.window.bar.buttons["export"])
    menu = popped_up(hands)
    assert menu.toolTipsVisible()
    found = entries(menu)
    assert {f"{EXPORTS[what].title}…" for what in EXPORTS if what not in ("script", "toml")} <= set(found)
    assert all(len(action.toolTip()) > 40 for action in found.values())
    assert list(hovers(menu)) == ["x, δ and x + δ side by side…"]
    assert "no image" in hovers(menu)["x, δ and x + δ side by side…"]
    pick(hands, menu, "Copy as TOML")
    assert Experiment.from_toml_text(QGuiApplication.clipboard().text()) == hands.session.experiment
    what_is_on_its_way_is_waited_for(hands)


def test_before_a_run_on_other_pages_and_for_trained_networks_entries_say_why_not(
    new_window: Callable[[], Hands], monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = new_window()
    hands.session.open(small())
    hands.key(Qt.Key.Key_E, CTRL)
    menu = popped_up(hands)
    assert "no run yet" in hovers(menu)["Copy as Python"]
    assert "Copy as TOML" not in hovers(menu)
    menu.close()
    hands.activate()
    hands.window.start_computing()
    hands.rest(timeout=120_000)
    hands.key(Qt.Key.Key_3, CTRL)
    hands.key(Qt.Key.Key_E, CTRL)
    menu = popped_up(hands)
    assert "open one in Explore" in hovers(menu)["Traces…"]
    assert "Copy figure" not in hovers(menu)
    menu.close()
    hands.activate()
    hands.key(Qt.Key.Key_1, CTRL)
    hands.rest()
    a_run_of_a_trained_network_has_no_script(hands, monkeypatch)


def what_is_on_its_way_is_waited_for(hands: Hands) -> None:
    why_not, session = hands.window.exports.exporter.why_not, hands.session
    assert not any(why_not(what) for what in ("slice", "spectrum", "script", "weights"))
    session.edit("view.plane", "two-random")
    assert "still being drawn" in why_not("slice")  # else the values of one plane would get the basis of the next
    hands.rest()
    assert not why_not("slice")
    session.edit("input.scale", 3.0)
    assert "earlier settings" in why_not("adversary")
    hands.rest()
    assert not why_not("adversary")
    session.edit("network.activation", "relu")
    hands.rest()
    assert "relu" in why_not("spectrum")


def a_run_of_a_trained_network_has_no_script(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(QMessageBox, "open", lambda box: warned.append(f"{box.text()} {box.informativeText()}"))
    recording = run(small())
    trained = replace(recording, weights={**recording.weights, "W": 1.5 * recording.W})
    hands.session.open(trained.experiment, recording=trained)
    hands.player.pause()
    hands.rest()
    QGuiApplication.clipboard().setText("before")
    export(hands, "Copy as Python")
    assert "another network" in warned.pop()
    assert QGuiApplication.clipboard().text() == "before"
