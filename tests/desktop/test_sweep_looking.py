"""Looking at a sweep: its pictures, its table, points that open in Explore, and files of it, in the whole window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import CTRL, Hands
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMessageBox
from sweeping import SweepHands, tiny, tiny_sweep
from test_accessibility import controls, says

from foadv_gui.desktop.sweep_desk import State
from foadv_gui.lab.documents import look_up
from foadv_gui.lab.sweep.ready import load_sweep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def at(new_window: Callable[[], Hands]) -> SweepHands:
    """At the Sweep page of a window whose Explore page computes nothing."""
    hands = new_window()
    hands.session.open(tiny())
    hands.player.pause()
    at = SweepHands(hands.qtbot, hands.window.sweep, hands.window)
    go(at)
    return at


def go(at: SweepHands) -> None:
    """Turn to the page by its key."""
    at.key(Qt.Key.Key_3, CTRL)
    assert at.page.isVisible()


def test_a_mark_says_what_it_is_and_a_click_opens_its_median_in_explore(at: SweepHands) -> None:
    at.compute()
    picture, plot = at.desk.overview.pictures[3], at.plot(3)
    x, y = plot.line.getData()
    place = at.on_plot(plot, x[1], y[1])
    at.hover(plot.viewport(), place)
    said = at.page.plots.values.text()
    assert "γ = 1: best loss" in said
    assert "3 points" in said
    index = int(picture.points_near(1)[0])
    frame = at.desk.overview.table.frame
    losses = frame.filter(frame["input.scale"] == 1.0)["loss_best"].to_list()
    assert frame["loss_best"][index] == sorted(losses)[1]  # the median of three
    wanted = at.desk.sweep.point(index).experiment
    assert f"open γ = 1, network seed {wanted.network.seed} in Explore" in said
    at.click(plot.viewport(), place)
    assert at.explore.isVisible()
    assert at.session.experiment.same_run(wanted)
    assert at.session.experiment.title == f"γ = 1, network seed {wanted.network.seed}"
    # The same by keys, which the playback of other pages does not take.
    go(at)
    at.focus(plot)
    at.key(Qt.Key.Key_Right, times=3)
    assert "γ = 10:" in at.page.plots.values.text()
    at.key(Qt.Key.Key_Left, times=2)
    assert "γ = 0.1:" in at.page.plots.values.text()
    np.testing.assert_allclose(plot.ring.getData()[0], [-1.0])
    at.key(Qt.Key.Key_Return)
    assert at.explore.isVisible()
    assert at.session.experiment.input.scale == 0.1


def test_two_numeric_axes_make_a_map_whose_cells_open(at: SweepHands) -> None:
    at.compute("input.scale=0.1,1", "input.ratio=0.1,0.2,0.4", "network.seed=0,1")
    heat = at.plot(3)
    assert heat.image.image.shape == (3, 2)
    frame = at.desk.overview.table.frame
    cell = frame.filter((frame["input.scale"] == 1.0) & (frame["input.ratio"] == 0.4))["loss_best"]
    assert heat.picture.marks.median[2, 1] == cell.min()  # the smaller of two is at least half of them
    at.focus(heat)
    at.key(Qt.Key.Key_Up, times=3)
    assert at.page.plots.values.text().startswith("γ = 0.1, ρ = 0.4:")
    place = at.on_plot(heat, 1.0, 2.0)
    at.hover(heat.viewport(), place)
    at.click(heat.viewport(), place)
    assert at.explore.isVisible()
    assert at.session.experiment.input.scale == 1.0
    assert at.session.experiment.input.ratio == 0.4
    go(at)
    ground = at.page.plots.ground
    curves = [ground.itemData(i) for i in range(ground.count()) if ground.itemData(i).up is None]
    at.pick(ground, next(one for one in curves if one.across == "input.ratio"))
    at.settle()
    assert len(at.plot(3).line.getData()[0]) == 3
    assert "ρ" in at.plot(3).getAxis("bottom").labelText
    # Another metric, alone on the page.
    tiles = at.page.plots.tiles
    at.pick(tiles[1].chooser, "q")
    at.settle()
    assert at.desk.overview.pictures[1].metric.name == "q"
    at.click(tiles[1].size_button)
    assert [tile.isVisible() for tile in tiles] == [False, True, False, False]
    at.until(lambda: tiles[1].width() > 0.9 * at.page.plots.width())
    at.click(tiles[1].size_button)
    assert all(tile.isVisible() for tile in tiles)


def test_categories_have_bars_and_names_and_the_table_is_sorted_copied_and_opened(at: SweepHands, qapp: Any) -> None:
    at.compute("network.activation=tanh,erf,sin", "network.seed=0:4")
    plot = at.plot(3)
    assert not plot.band.path().isEmpty()
    assert np.isnan(plot.line.getData()[1]).all()
    assert [label for _, label in plot.getAxis("bottom")._tickLevels[0]] == ["tanh", "erf", "sin"]
    at.turn_to(at.page.tabs, 1)
    table, model = at.page.table, at.page.table.rows
    column = model.names.index("loss_best")
    table.scrollTo(model.index(0, column))
    header = table.horizontalHeader()
    at.click(header.viewport(), QPoint(header.sectionViewportPosition(column) + 20, header.height() // 2))
    shown = [model.point(row) for row in range(model.rowCount())]
    losses = at.desk.overview.table.frame["loss_best"].to_numpy()[shown]
    assert (np.diff(losses) >= 0).all() or (np.diff(losses) <= 0).all()
    assert shown != sorted(shown)
    at.focus(table)
    at.key(Qt.Key.Key_A, CTRL)
    at.key(Qt.Key.Key_C, CTRL)
    lines = qapp.clipboard().text().split("\n")
    assert [int(line.split("\t")[0]) for line in lines[1:]] == shown
    table.clearSelection()
    table.selectRow(1)
    at.key(Qt.Key.Key_C, CTRL)
    lines = qapp.clipboard().text().split("\n")
    assert lines[0].split("\t")[:3] == ["point", "network.activation", "network.seed"]
    assert [float(line.split("\t")[column]) for line in lines[1:]] == [losses[1]]
    at.key(Qt.Key.Key_Return)
    assert at.explore.isVisible()
    assert at.session.experiment.same_run(at.desk.sweep.point(shown[1]).experiment)


def told_by(window: Any) -> str:
    """What the dialog on show says, which is closed."""
    box = window.findChildren(QMessageBox)[-1]
    box.close()
    return str(box.informativeText() or box.text())


def test_what_was_saved_opens_on_the_page_again(at: SweepHands, tmp_path: Path) -> None:
    told: list[str] = []
    at.page.warned.connect(lambda _what, why: told.append(why))
    at.page.save_to(tmp_path / "a.parquet")
    at.page.save_to(tmp_path / "a.docx")
    assert "nothing has been computed yet" in told[0]
    assert "must end in" in told[1]
    for box in at.window.findChildren(QMessageBox):
        box.close()
    at.compute()
    frame = at.desk.overview.table.frame
    at.page.save_to(tmp_path / "none" / "mine.csv")
    at.until(lambda: not at.window.filing.busy)
    assert "cannot be written" in told_by(at.window)
    assert "not saved" in at.window.device.text()
    for ending in ("parquet", "csv", "toml"):
        path = tmp_path / f"mine.{ending}"
        at.page.save_to(path)
        at.until(lambda: not at.window.filing.busy)
        if ending != "toml":
            assert str(path) in at.window.device.text()
        at.desk.open(tiny_sweep("input.scale=1,2"))
        at.window.show_page(0)
        at.window.open_target(str(path))
        at.until(at.page.isVisible)
        at.settle()
        assert at.desk.draft.sweep == tiny_sweep()
        assert at.page.setup.total.text() == "3 × 3 = 9 points"
        if ending == "toml":
            assert at.desk.state is State.EMPTY
            break
        at.until(lambda: at.rows() == 9)
        assert at.desk.state is State.LOADED
        assert at.desk.overview.table.frame.equals(frame)
        assert f"The rows of mine.{ending}" in at.words()
    at.window.open_target("paper-claim")
    assert at.desk.draft.sweep == load_sweep("paper-claim")
    assert at.window.bar.preset.currentData() == "paper-claim"


def test_what_is_found_under_a_sweeps_name(tmp_path: Path) -> None:
    found = look_up("paper-claim", {"network.width": 32})
    assert found.sweep is not None
    assert found.sweep.base.network.width == 32
    assert found.sweep.keys == load_sweep("paper-claim").keys
    path = tmp_path / "s.toml"
    path.write_text(tiny_sweep().to_toml())
    assert look_up(path).sweep == tiny_sweep()
    assert look_up("one-hill").sweep is None


def test_every_control_explains_itself_and_nothing_is_cut_off_at_1280_by_720(at: SweepHands) -> None:
    at.window.resize(1280, 720)
    shown = controls(at)
    at.compute("input.scale=0.1,1", "input.ratio=0.1,0.2")
    for tab in (0, 1):
        at.turn_to(at.page.tabs, tab)
        shown += controls(at)
        assert at.window.width() == 1280
        assert at.window.height() == 720
    silent = [f"{widget!r} in {widget.parentWidget()!r}" for widget in shown if not says(widget)]
    assert not silent, silent
    assert at.page.setup.area.horizontalScrollBar().maximum() == 0
    assert at.page.setup.axes.rows[0].count.isVisible()
    for tile in at.page.plots.tiles:
        assert tile.stack.height() > 120


def test_rows_in_no_file_are_asked_about_before_the_window_closes(
    at: SweepHands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = at.window
    at.compute()
    window.close()
    assert window.isVisible()
    box = window.findChild(QMessageBox, "unsaved")
    assert "9 rows of the sweep" in box.text()
    window.close()  # asked once is enough
    assert len(window.findChildren(QMessageBox, "unsaved")) == 1
    at.click(box.button(QMessageBox.StandardButton.Cancel))
    at.until(lambda: window.findChild(QMessageBox, "unsaved") is None)
    assert window.isVisible()
    at.key(Qt.Key.Key_1, CTRL)
    path = str(tmp_path / "kept.parquet")
    monkeypatch.setattr("foadv_gui.desktop.workspaces.workspace.QFileDialog.getSaveFileName", lambda *_: (path, ""))
    window.close()
    at.click(window.findChild(QMessageBox, "unsaved").button(QMessageBox.StandardButton.Save))
    assert window.workspace is at.page
    at.until(lambda: not window.filing.busy and at.desk.saved)
    window.close()
    assert not window.isVisible()


def test_rows_that_took_long_are_asked_about_before_others_take_their_place(
    at: SweepHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.compute()
    assert 0 < at.desk.spent < 20
    monkeypatch.setattr("foadv_gui.desktop.replacing._DEAR_SECONDS", 0.0)
    at.press_start()
    box = at.window.findChild(QMessageBox, "replace")
    assert "9 rows of the sweep, which took " in box.text()
    assert not at.desk.running
    at.click(box.button(QMessageBox.StandardButton.Discard))
    assert at.desk.running
    at.done()


def test_rows_in_no_file_may_be_given_up(at: SweepHands) -> None:
    at.compute()
    at.window.close()
    box = at.window.findChild(QMessageBox, "unsaved")
    at.click(box.button(QMessageBox.StandardButton.Discard))
    assert not at.window.isVisible()
