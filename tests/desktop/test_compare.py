"""The Compare scales page, as a person uses it: columns side by side that differ in one setting and share the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import CTRL, Hands, small
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QSignalSpy
from test_accessibility import controls, says

from foadv_gui.lab.comparison import Comparison, find_comparison
from foadv_gui.lab.documents import Found
from foadv_gui.lab.quantity import quantity_title

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCALES = (0.1, 2.0)
SMALL: dict[str, dict[str, Any]] = {
    "network": {"width": 24, "dimension": 8},
    "ascent": {"steps": 20, "restarts": 3, "tolerance": 0.0},
    "view": {"grid": 21},
}


class Comparer(Hands):
    """A person at the compare page."""

    @property
    def page(self) -> Any:
        return self.window.compare

    @property
    def columns(self) -> list[Any]:
        return self.page.columns

    @property
    def sessions(self) -> list[Any]:
        return self.page.comparing.columns

    @property
    def experiments(self) -> list[Any]:
        return [session.experiment for session in self.sessions]

    @property
    def values(self) -> list[Any]:
        return list(self.page.comparison.values)

    def rest(self, timeout: int = 60_000) -> None:
        self.until(lambda: not self.page.busy and self.no_timer(), timeout)
        assert not self.failures, self.failures


@pytest.fixture
def compare(new_window: Callable[[], Hands]) -> Callable[..., Comparer]:
    """Open the page on small runs, computed and paused at the start."""

    def make(key: str = "input.scale", values: tuple[Any, ...] = SCALES, **changes: Any) -> Comparer:
        hands = new_window()
        comparer = Comparer(hands.qtbot, hands.window)
        parts = {name: {**SMALL.get(name, {}), **changes.get(name, {})} for name in {*SMALL, *changes}}
        comparison = Comparison.of(small(**parts), key, values)
        hands.window.show_found("mine", Found(comparison.columns[0], comparison=comparison))
        comparer.page.failed.connect(comparer._note_failure)
        comparer.page.player.pause()
        comparer.rest(timeout=120_000)  # the first one loads torch
        comparer.page.player.seek(0)
        comparer.rest()
        return comparer

    return make


def basis(session: Any) -> tuple[Any, ...]:
    plane = session.plane
    return plane.origin / plane.epsilon, plane.u, plane.v


def test_columns_are_one_network_at_other_scales_and_each_can_be_changed_and_undone(
    compare: Callable[..., Comparer],
) -> None:
    hands = compare()
    before = hands.experiments
    assert [one.input.scale for one in before] == list(SCALES)
    assert np.array_equal(hands.sessions[0].recording.W, hands.sessions[1].recording.W)
    for session in hands.sessions:
        assert session.recording.epsilon == pytest.approx(0.3 * session.experiment.input.scale)
        assert session.restarts is not None
    runs = [session.recording for session in hands.sessions]
    slider = hands.columns[1].editor.slider
    hands.slide(slider, slider.value() + 120)
    hands.rest()
    after = hands.experiments
    assert after[0] == before[0]
    assert after[1].input.scale > 3
    assert after[1].replace("input.scale", 2.0) == before[1]
    assert hands.sessions[0].recording is runs[0]
    assert hands.sessions[1].recording.epsilon == pytest.approx(0.3 * after[1].input.scale)
    hands.key(Qt.Key.Key_Z, CTRL)  # one drag, one step
    assert hands.experiments == before
    hands.key(Qt.Key.Key_Y, CTRL)
    assert hands.experiments == after
    hands.type(hands.columns[0].editor.box, "0.2")
    assert hands.columns[0].landscape.hasFocus()  # Enter gives the keys back
    assert hands.values[0] == 0.2
    hands.rest()
    # A path is followed, and a start moved, in one column alone.
    plot, session, other = hands.columns[1].landscape, hands.sessions[1], hands.sessions[0].recording
    start = session.path.points[0, 0]
    at = hands.on_plot(plot, *start)
    hands.drag(plot.viewport(), at, at + QPoint(25, -10), steps=2)
    hands.rest()
    assert (session.starts_by_hand, hands.sessions[0].starts_by_hand) == (True, False)
    assert hands.sessions[0].recording is other
    assert np.linalg.norm(session.path.points[0, 0] - start) > 0.05
    hands.key(Qt.Key.Key_Z, CTRL)
    session.set_focus(2)
    hands.rest()
    assert session.path.points[0, 0] == pytest.approx(start)
    assert [one.view.focus for one in hands.experiments] == [0, 2]


def test_a_classifier_is_told_as_one(compare: Callable[..., Comparer], tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    np.savez(tmp_path / "net.npz", W1=rng.standard_normal((6, 8)), W2=rng.standard_normal((3, 6)))
    network = {"source": "file", "file": str(tmp_path / "net.npz"), "loss": "cross-entropy"}
    hands = compare(network=network)
    quantity = hands.page.bar.common["view.quantity"]
    assert quantity.itemText(quantity.findData("residual")) == "f, decides at 0"
    column, session = hands.columns[1], hands.sessions[1]
    plot = column.landscape
    hands.hover(plot.viewport(), hands.on_plot(plot, 0.2, -0.1))
    hands.until(lambda: session.probe is not None and column.values.text().endswith(f",  {session.probe.decided}"))
    assert session.probe.decided.startswith("class ")


def test_one_playback_moves_all_cursors_each_as_far_as_its_own_run(compare: Callable[..., Comparer]) -> None:
    hands = compare("ascent.step", (0.3, 0.5), ascent={"steps": 200, "tolerance": 1e-4})
    lengths = [session.steps for session in hands.sessions]
    assert lengths[0] != lengths[1]
    player, bar, playhead = hands.page.player, hands.page.playback, hands.page.comparing.playhead
    hands.focus(hands.columns[0].landscape)
    hands.key(Qt.Key.Key_Right, times=5)
    assert [session.t for session in hands.sessions] == [5, 5]
    hands.key(Qt.Key.Key_Space)
    assert player.playing
    assert bar.play_action.text() == "Pause"
    hands.until(lambda: all(session.t > 7 for session in hands.sessions))
    hands.key(Qt.Key.Key_Space)
    assert [session.t for session in hands.sessions] == [min(playhead.t, length) for length in lengths]
    hands.key(Qt.Key.Key_End)
    assert [session.t for session in hands.sessions] == lengths
    assert bar.counter.text() == f"t = {max(lengths)} / {max(lengths)}"
    hands.slide(bar.scrubber, 4)
    assert {session.t for session in hands.sessions} == {playhead.t}
    lines = [item for panel in hands.columns for plot in panel.traces.plots.values() for item in plot.items]
    assert {item.value() for item in lines if hasattr(item, "sigDragged")} == {playhead.t}
    hands.key(Qt.Key.Key_Space)
    hands.key(Qt.Key.Key_1, CTRL)
    assert bar.play_action.text() == "Play"  # of the page in front
    assert not player.playing
    hands.key(Qt.Key.Key_2, CTRL)
    assert player.playing
    assert bar.play_action.text() == "Pause"
    player.pause()


def test_zoom_plane_and_colours_are_shared(compare: Callable[..., Comparer]) -> None:
    hands = compare(view={"plane": "path-components"})
    first, second = hands.sessions
    plots, switches = [panel.landscape for panel in hands.columns], hands.page.bar.switches
    whole = plots[0].visible_part
    hands.wheel(plots[1].viewport(), hands.on_plot(plots[1], 0.2, 0.3), 3)
    assert plots[0].visible_part == pytest.approx(plots[1].visible_part, abs=0.02)  # a pixel more or less
    assert plots[0].visible_part[1] < 0.9 * whole[1]
    hands.rest()
    assert first.surface.window == pytest.approx(plots[0].visible_part)
    hands.focus(plots[0])
    hands.key(Qt.Key.Key_F)
    assert plots[1].visible_part == pytest.approx(whole, abs=0.02)
    assert not np.allclose(basis(first)[1], basis(second)[1])
    hands.click(switches["one plane"])
    hands.until(lambda: second.plane.alike(first.plane))
    hands.rest()
    for mine, theirs in zip(basis(second), basis(first), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-12)
    away = second.recording.delta[:, 0] - second.plane.origin
    points = np.column_stack([away @ second.plane.u, away @ second.plane.v]) / second.recording.epsilon
    assert second.path.points[:, 0] == pytest.approx(points)
    assert plots[0].colour_range != plots[1].colour_range
    hands.click(switches["one scale"])
    hands.choose(hands.page.bar.common["view.quantity"], "residual")
    hands.rest()
    ranges = [plot.colour_range for plot in plots]
    wanted = (min(low for low, _ in ranges), max(high for _, high in ranges))
    assert {plot.levels for plot in plots} == {wanted}
    assert all(tuple(plot.ground.image.getLevels()) == pytest.approx(wanted) for plot in plots)
    assert tuple(hands.page.colours.bar.levels()) == pytest.approx(wanted)
    assert hands.page.colours.bar.getAxis("right").labelText == quantity_title("residual")
    assert hands.page.colours.isVisible()
    assert not any(plot.ground.bar.isVisible() for plot in plots)
    hands.click(switches["one scale"])
    hands.click(switches["one plane"])
    hands.click(hands.columns[0].spectrum.kinds.buttons()[0])
    hands.rest()
    assert all(plot.ground.bar.isVisible() and plot.levels is None for plot in plots)
    assert not second.plane.alike(first.plane)
    assert {session.spectrum.kind for session in hands.sessions} == {"euclidean"}  # seen alike


def check_fit(hands: Comparer) -> None:
    """All columns are as wide as each other, inside the window, and every control says what it is."""
    for width, height in ((1280, 720), (1920, 1080)):
        hands.window.resize(width, height)
        hands.rest()
        assert (hands.window.width(), hands.window.height()) == (width, height)
        widths = [panel.width() for panel in hands.columns]
        assert max(widths) - min(widths) <= 1
        for panel in hands.columns:
            assert hands.window.rect().contains(panel.mapTo(hands.window, panel.rect().bottomRight()))
            assert panel.landscape.height() > 0.25 * height
            assert panel.width() >= panel.layout().minimumSize().width()
            shown = panel.session.spectrum
            assert f"λ = {shown.multiplier:.3g}" in panel.spectrum.heading.text()  # wherever the axis ends
    silent = [widget for widget in controls(hands) if not says(widget)]
    assert not silent, silent


def test_four_columns_fit_are_added_moved_and_removed_and_runs_that_stay_are_not_computed_again(
    compare: Callable[..., Comparer],
) -> None:
    hands = compare(values=(0.1, 1.0))
    runs = [session.recording for session in hands.sessions]
    assert not hands.columns[0].buttons["remove"].isEnabled()
    hands.click(hands.page.bar.add)
    hands.click(hands.page.bar.add)
    assert hands.values == [0.1, 1.0, 10.0, 30.0]
    assert not hands.page.bar.add.isEnabled()
    hands.click(hands.columns[1].buttons["left"])
    hands.click(hands.columns[2].buttons["remove"])
    hands.rest()
    assert hands.values == [1.0, 0.1, 30.0]
    assert [session.recording for session in hands.sessions[:2]] == runs[::-1]
    assert [panel.editor.box.value() for panel in hands.columns] == hands.values
    places = [panel.x() for panel in hands.columns]
    assert places == sorted(places)
    hands.key(Qt.Key.Key_Z, CTRL)
    hands.rest()
    assert hands.values == [1.0, 0.1, 10.0, 30.0]
    assert hands.sessions[2].finished_run is not None
    assert all(panel.isVisible() for panel in hands.columns)
    check_fit(hands)


def test_another_setting_and_a_column_that_cannot_be(compare: Callable[..., Comparer]) -> None:
    hands = compare()
    base = hands.experiments[0]
    hands.type(hands.columns[1].editor.box, "1e9")
    assert hands.columns[1].note.text() == "⚠ 1e9: must be a number between 0.0001 and 10000"
    assert hands.values == list(SCALES)
    hands.choose(hands.page.bar.key, "network.activation")
    assert "⚠" not in hands.columns[1].note.text()
    assert hands.values == ["tanh", "sigmoid"]
    assert hands.experiments[0] == base
    hands.choose(hands.columns[1].editor.box, "relu")
    hands.rest()
    hands.choose(hands.page.bar.common["view.plane"], "hessian-eigenvectors")
    hands.rest()
    assert hands.columns[1].note.text().startswith("⚠ Plane: relu")
    assert "ε =" in hands.columns[0].note.text()
    assert hands.sessions[0].plane.name == "hessian-eigenvectors"
    hands.choose(hands.columns[1].editor.box, "tanh")
    hands.rest()
    assert "ε =" in hands.columns[1].note.text()
    assert np.array_equal(hands.sessions[0].recording.delta, hands.sessions[1].recording.delta)
    # Columns of other dimensions keep their own plane, and the switch says why.
    board = hands.page.comparing.board
    apart = board.comparison.columns[1].replace("network.dimension", 5)
    hands.page.comparing.restore(board.at(board.comparison.with_column(1, apart)), live=False)
    switch = hands.page.bar.switches["one plane"]
    hands.click(switch)
    hands.rest()
    assert "5 and 8 coordinates" in switch.toolTip()
    assert len(hands.sessions[1].plane.u) == 5
    assert "d = 5" in hands.columns[1].note.text()


def test_esc_stops_all_columns_and_closing_leaves_nothing_behind(compare: Callable[..., Comparer]) -> None:
    hands = compare(values=(0.5, 2.0), network={"dimension": 300})
    hands.page.comparing.change_all("ascent.steps", 100_000)
    hands.until(lambda: all(session.computing and not session.finished for session in hands.sessions))
    hands.until(lambda: hands.window.doing.text().startswith("Column 1: Climbing"))
    assert hands.window.stop.isVisible()
    hands.key(Qt.Key.Key_Escape)
    hands.rest()
    assert all("cancelled" in session.recording.stop_reason for session in hands.sessions)
    assert not hands.window.stop.isVisible()
    hands.page.comparing.change_all("network.seed", 1)
    hands.until(lambda: all(session.computing for session in hands.sessions))
    threads = [session.thread_of_its_own for session in hands.sessions]
    assert hands.window.close()
    assert all(thread.isFinished() for thread in threads)


def test_to_explore_and_back_and_to_a_file(compare: Callable[..., Comparer], tmp_path: Path) -> None:
    hands = compare()
    hands.click(hands.columns[1].buttons["explore"])
    assert hands.window.workspace is hands.explore
    assert hands.session.experiment == hands.experiments[1]
    hands.window.start_computing()
    hands.player.pause()
    Hands.rest(hands, timeout=120_000)
    assert hands.session.recording is hands.sessions[1].recording  # taken over
    assert hands.session.edit("input.label", 0.25)
    hands.key(Qt.Key.Key_2, CTRL)
    hands.click(hands.page.bar.take)
    assert [one.input.label for one in hands.experiments] == [0.25, 0.25]
    assert hands.values == list(SCALES)
    said, wrong = QSignalSpy(hands.page.told), QSignalSpy(hands.page.warned)
    hands.page.save_to(tmp_path / "mine")
    assert said.at(0)[0] == f"Saved {tmp_path / 'mine.toml'}"
    assert find_comparison(tmp_path / "mine.toml") == hands.page.comparison
    hands.page.save_to(tmp_path / "none" / "mine.toml")
    assert "mine.toml" in wrong.at(0)[1]
    hands.choose(hands.window.bar.preset, "scales")
    assert len(hands.columns) == 3
    hands.window.open_target(str(tmp_path / "mine.toml"))
    assert hands.values == list(SCALES)
    assert hands.page.player.playing
