"""The Sweep page: axes are written, counted or refused; a sweep is started, watched, stopped, and gone on with."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import LEFT
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QMessageBox
from sweeping import SweepHands, tiny, tiny_sweep

from foadv_gui.desktop import worker
from foadv_gui.desktop.filing import Filing
from foadv_gui.desktop.session import Session
from foadv_gui.desktop.sweep_desk import State, crew_of
from foadv_gui.desktop.theme import ThemeKeeper
from foadv_gui.desktop.worker import ComputeThread
from foadv_gui.desktop.workspaces.sweep import SweepWorkspace
from foadv_gui.lab.sweep.draft import Line
from foadv_gui.lab.sweep.engine import CrewError
from foadv_gui.lab.sweep.ready import load_sweep
from foadv_gui.lab.sweep.table import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def at(qtbot: QtBot) -> Iterator[SweepHands]:
    """At the page by itself; Explore's session is there, and computes nothing."""
    theme, filing = ThemeKeeper(), Filing()
    theme.apply()
    session = Session(ComputeThread())
    session.open(tiny())
    page = SweepWorkspace(session, theme, filing)
    theme.setParent(page)  # or it would go on following the system's scheme in the tests that come after
    qtbot.addWidget(page)
    page.resize(QSize(1280, 660))
    page.show()
    page.activateWindow()
    page.enter()
    yield SweepHands(qtbot, page)
    page.close_down()
    session.close()
    filing.close()


# -- writing ---------------------------------------------------------------------------------------------------------


def test_typed_axes_are_counted_or_refused_in_words_while_they_are_typed(at: SweepHands) -> None:
    setup, rows = at.page.setup, at.page.setup.axes.rows
    assert at.page.invite.isVisible()
    assert at.desk.draft.base == tiny()  # that of Explore
    assert "d = 4, m = 16" in setup.base.text()
    assert setup.total.text() == "13 × 10 = 130 points"
    at.type(rows[0].values, "0.1, 1, 10", enter=False)
    assert rows[0].count.text() == "3 values"
    assert setup.total.text() == "3 × 10 = 30 points"
    at.qtbot.keyClicks(rows[0].values, ",-1")
    assert rows[0].refusal.isVisible()
    assert "between 0.0001 and 10000" in rows[0].refusal.text()
    assert rows[1].count.text() == "10 values"
    assert not setup.run.button.isEnabled()
    assert not setup.total.isVisible()
    at.key(Qt.Key.Key_Backspace, times=3)
    assert not rows[0].refusal.isVisible()
    assert setup.run.button.isEnabled()


def test_axes_are_chosen_added_and_removed_and_all_that_can_be_undone(at: SweepHands) -> None:
    setup, rows = at.page.setup, at.page.setup.axes.rows
    at.click(setup.axes.add)
    assert rows[2].isVisible()
    assert rows[2].values.hasFocus()
    assert rows[2].line.key == "input.ratio"  # what most people vary next
    at.pick(rows[2].choice, "network.activation")
    assert rows[2].values.text().startswith("tanh,sigmoid")
    assert rows[2].count.text() == "9 values"
    at.click(setup.axes.add)
    assert not setup.axes.add.isVisible()  # four are the most
    at.click(rows[3].remove)
    at.click(rows[1].remove)
    assert [row.line.key for row in rows if row.isVisible()] == ["input.scale", "network.activation"]
    at.pick(rows[1].choice, "input.scale")
    assert "varies twice" in rows[1].refusal.text()
    assert not setup.run.button.isEnabled()
    for row in rows[1::-1]:
        at.click(row.remove)
    assert not at.desk.draft.lines
    assert "Nothing varies yet" in setup.problem.text()
    at.undo(100)
    assert [line.key for line in at.desk.draft.lines] == ["input.scale", "network.seed"]
    assert setup.total.text() == "13 × 10 = 130 points"


def test_an_axis_along_which_nothing_changes_is_refused_and_none_is_offered(at: SweepHands) -> None:
    setup, rows = at.page.setup, at.page.setup.axes.rows
    at.page._session.open(tiny(network={"source": "file", "file": "w.npz"}))
    at.click(setup.from_explore)
    assert rows[1].line.key == "network.seed"
    assert "has no effect, since the weights come from a file" in rows[1].refusal.text()
    assert not setup.run.button.isEnabled()
    at.pick(rows[1].choice, "network.activation")
    assert not rows[1].refusal.isVisible() and setup.run.button.isEnabled()
    menu = rows[1].choice.model()
    seed = menu.item(rows[1].choice.findData("network.seed"))
    assert not seed.isEnabled() and "weights come from a file" in seed.toolTip()
    at.click(setup.axes.add)
    assert rows[2].line.key == "input.ratio"
    at.undo(100)
    assert seed.isEnabled() and "weights come from a file" not in seed.toolTip()


def test_more_than_a_million_points_are_asked_about_first(at: SweepHands) -> None:
    at.desk.open(tiny_sweep("input.seed=0:1999", "network.seed=0:999"))
    at.press_start()
    box = at.page.findChild(QMessageBox, "huge")
    assert "2,000 × 1,000 = 2,000,000 points" in box.text()
    assert not at.desk.running
    box.reject()
    assert not at.desk.running


# -- computing -------------------------------------------------------------------------------------------------------


def test_pictures_grow_while_a_sweep_is_computed_and_the_end_is_told(at: SweepHands) -> None:
    at.compute()  # lest the first pictures, for which much is loaded, come after the last row
    at.slowed(0.15)
    at.desk.open(tiny_sweep("input.scale=0.1,1,10", "network.seed=3:5"))
    grown: list[int] = []
    at.desk.overviewChanged.connect(lambda: grown.append(at.rows()))
    at.press_start()
    assert at.page.setup.run.button.text() == "Cancel"
    assert not at.page.setup.form.isEnabled()
    assert "Starting" in at.words()
    at.until(lambda: 0 < at.rows() < 9)
    assert at.plot(3).isVisible()
    at.until(lambda: "of 9 points" in at.page.doing)
    at.done()
    assert grown == sorted(grown)
    assert set(grown) - {0, 9}
    assert at.rows() == 9
    assert at.words() == "Done."
    picture = at.desk.overview.pictures[3]
    assert picture.metric.name == "loss_best"
    assert list(picture.marks.points) == [3, 3, 3]
    x, drawn = at.plot(3).line.getData()
    np.testing.assert_allclose(x, [-1, 0, 1], atol=1e-12)  # the logarithms of the scales
    frame = at.desk.overview.table.frame
    medians = [np.median(frame.filter(frame["input.scale"] == scale)["loss_best"]) for scale in (0.1, 1.0, 10.0)]
    np.testing.assert_allclose(drawn, np.log10(medians) if picture.log else medians, rtol=1e-12)
    assert at.page.sentence.text() == at.desk.overview.headline
    assert at.desk.overview.sentence.startswith(at.page.sentence.text())


def test_a_sweep_loads_torch_as_the_other_pages_do(at: SweepHands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_LOADED", Event())
    at.compute()
    assert worker.torch_is_loaded()


def test_esc_cancels_within_a_second_and_the_next_click_goes_on(at: SweepHands) -> None:
    at.slowed(0.2)
    at.desk.open(tiny_sweep())
    at.press_start()
    at.until(lambda: at.rows() >= 2)
    began = time.perf_counter()
    at.page.cancel()  # what Esc does
    at.until(lambda: not at.desk.running)
    assert time.perf_counter() - began < 1.5  # a second is promised
    at.settle()
    assert at.desk.state is State.CANCELLED
    before = at.desk.overview.table.frame
    assert 2 <= len(before) < 9
    assert f"{len(before)} rows are kept" in at.words()
    assert at.page.setup.run.button.text() == "Resume"
    at.slowed(0.0)
    at.press_start()
    at.done()
    after = at.desk.overview.table.frame
    assert len(after) == 9
    same = after.filter(after["point"].is_in(before["point"].to_list()))
    assert same["seconds"].to_list() == before["seconds"].to_list()  # nothing was computed twice
    assert at.page.setup.run.button.text() == "Start again"
    at.press_start()  # and now all of it
    at.done()
    assert at.desk.overview.table.frame["seconds"].to_list() != after["seconds"].to_list()


def test_a_double_click_on_start_starts(at: SweepHands) -> None:
    at.slowed(0.05)
    at.desk.open(tiny_sweep("input.scale=0.1,1"))
    button = at.page.setup.run.button
    at.click(button)
    at.qtbot.mouseDClick(button, LEFT)  # what Qt makes of pressing it again at once
    at.qtbot.mouseRelease(button, LEFT)
    at.done()
    assert at.rows() == 2
    assert button.text() == "Start again"
    at.desk.set_line(0, Line("input.scale", "0.1,1,2"))
    assert button.text() == "Start"


def test_points_that_fail_are_counted_and_red_in_the_table(at: SweepHands) -> None:
    at.desk.set_base(tiny(network={"source": "file", "file": "/nowhere/a.npz"}))
    for _ in range(2):
        at.click(at.page.setup.axes.rows[0].remove)
    at.click(at.page.setup.axes.add)
    at.pick(at.page.setup.axes.rows[0].choice, "network.file")
    at.type(at.page.setup.axes.rows[0].values, "/nowhere/a.npz, /nowhere/b.npz")
    at.press_start()
    at.done()
    assert "2 points failed" in at.words()
    assert at.page.sentence.text().startswith("All 2 points failed")
    assert "failed" in at.page.plots.tiles[0].reason.text()
    at.turn_to(at.page.tabs, 1)
    model = at.page.table.rows
    assert model.rowCount() == 2
    cell = model.index(0, 0)
    assert not model.data(cell, Qt.ItemDataRole.DecorationRole).isNull()
    assert model.data(cell, Qt.ItemDataRole.ForegroundRole).name() == at.page.theme.theme.no
    assert "a.npz" in model.data(cell, Qt.ItemDataRole.ToolTipRole)
    assert model.data(model.index(0, model.names.index("loss_best"))) == "–"


def test_trouble_is_told_in_the_page_and_the_window_goes_on(at: SweepHands) -> None:
    def nobody(_plan: object) -> Any:
        raise CrewError("no scheduler answers at tcp://nowhere:1")

    def broken(_plan: object) -> Any:
        raise KeyError("surprise")

    at.desk.crew_of = nobody
    at.desk.open(tiny_sweep())
    at.press_start()
    at.settle()
    assert at.desk.state is State.FAILED
    assert "no scheduler answers at tcp://nowhere:1" in at.words()
    assert "no scheduler answers" in at.page.sentence.text()
    assert at.page.setup.run.button.text() == "Start"  # there is nothing to go on with
    at.desk.crew_of = broken
    at.press_start()
    at.until(lambda: not at.desk.busy)
    assert "surprise" in at.words()
    assert "surprise" in at.failures.pop()  # which the window shows with its details
    at.slowed(0.0)
    at.press_start()
    at.done()


def test_a_cluster_is_asked_for_under_the_address_that_was_typed(
    at: SweepHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unreachable:
        def __init__(self, address: str) -> None:
            raise CrewError(f"no Dask scheduler answers at {address}")

    monkeypatch.setattr("foadv_gui.lab.sweep.cluster.Cluster", Unreachable)
    at.desk.crew_of = crew_of
    at.desk.open(tiny_sweep())
    at.pick(at.page.setup.where, True)
    at.type(at.page.setup.address, "tcp://127.0.0.1:9")
    assert at.desk.plan.address == "tcp://127.0.0.1:9"
    at.press_start()
    at.settle()
    assert at.desk.state is State.FAILED
    assert at.words() == "no Dask scheduler answers at tcp://127.0.0.1:9"


def test_rows_go_to_the_file_that_was_chosen_which_is_not_begun_twice(at: SweepHands, tmp_path: Path) -> None:
    setup = at.page.setup
    at.desk.open(tiny_sweep())
    setup.take_output(tmp_path / "out")
    assert setup.output.text() == "out.parquet"
    at.press_start()
    at.done()
    assert len(read_table(tmp_path / "out.parquet").frame) == 9
    at.press_start()
    at.settle()
    assert at.desk.state is State.FAILED
    assert "was begun already" in at.words()
    at.focus(setup.resume)
    at.key(Qt.Key.Key_Space)
    at.press_start()
    at.done()
    assert at.rows() == 9
    at.click(setup.forget)
    assert at.desk.plan.output is None
    at.undo(1)
    assert at.desk.plan.output == tmp_path / "out.parquet"


def test_closing_in_mid_sweep_keeps_the_rows_and_leaves_nothing_behind(at: SweepHands, tmp_path: Path) -> None:
    at.slowed(0.2)
    at.desk.open(tiny_sweep())
    out = tmp_path / "out.parquet"
    at.page.setup.take_output(out)
    at.press_start()
    at.until(lambda: at.rows() >= 2)
    began = time.perf_counter()
    at.page.close_down()
    assert time.perf_counter() - began < 2
    assert not at.desk.running
    assert not (tmp_path / "out.parquet.rows").exists()
    assert 2 <= len(read_table(out).frame) < 9


def test_real_processes_compute_what_one_thread_does(at: SweepHands) -> None:
    at.compute("input.scale=0.1,1")
    alone = at.desk.overview.table.frame.drop("seconds")
    at.desk.crew_of = crew_of
    at.type(at.page.setup.processes, "1")
    assert at.desk.plan.processes == 1
    at.press_start()
    at.done()
    assert at.desk.overview.table.frame.drop("seconds").equals(alone)


def test_the_invitation_starts_the_papers_claim(at: SweepHands, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[bool] = []
    monkeypatch.setattr(at.desk, "start", lambda: started.append(True))
    first, second = list(at.page.invite.buttons)[:2]
    at.click(at.page.invite.buttons[second])
    assert at.desk.draft.sweep == load_sweep(second)
    assert not started
    at.click(at.page.invite.buttons[first])
    assert started == [True]
    assert at.desk.draft.sweep == load_sweep("paper-claim")
    assert at.page.preset == "paper-claim"
