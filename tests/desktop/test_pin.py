"""P pins the run in Explore: it becomes a column, and its ghost stays over other landscapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import CTRL
from PySide6.QtCore import Qt

from foadv_gui.desktop.board import Board
from foadv_gui.desktop.undo import Choice
from foadv_gui.lab.comparison import Comparison, comparison_names, load_comparison
from foadv_gui.lab.documents import Found

if TYPE_CHECKING:
    from hands import Hands


def said(hands: Hands) -> str:
    return str(hands.window.statusBar().currentMessage())


def projected(recording: Any, k: int, plane: Any) -> np.ndarray:
    """Path k of a run, over its own radius, on a plane: by least squares."""
    away = recording.delta[:, k] / recording.epsilon - plane.origin / plane.epsilon
    points, *_ = np.linalg.lstsq(np.column_stack([plane.u, plane.v]), away.T, rcond=None)
    return np.asarray(points.T)


def test_pinned_runs_become_columns_and_are_not_computed_again(hands: Hands) -> None:
    page, recording = hands.window.compare, hands.session.recording
    hands.click(hands.explore.landscape._tools["pin"])
    # What is on the page is a ready comparison: a run of its own network is more worth looking at beside this one.
    assert "Pinned as column 1 of Compare scales (Ctrl+2): γ = 1, beside the same run at γ = 10" in said(hands)
    assert hands.session.edit("input.scale", 4.0)
    hands.key(Qt.Key.Key_P)  # before the run is there: its settings are pinned
    assert "Pinned as column 2" in said(hands)  # where the column was that only filled the page
    assert "in place of γ = 10" in said(hands)
    assert hands.session.edit("network.activation", "erf")
    hands.key(Qt.Key.Key_P)
    assert said(hands) == "Pinned as column 3 of Compare scales (Ctrl+2): γ = 4"
    assert not page.comparing.sessions  # nothing is computed for a page that nobody looks at
    hands.click(hands.window.bar.pages, hands.window.bar.pages.tabRect(1).center())
    assert hands.window.workspace is page
    assert page.player.playing
    hands.until(lambda: not page.busy and len(page.columns) == 3, 60_000)
    assert page.comparison.values == (1.0, 4.0, 4.0)
    taken = page.columns[0]
    assert taken.session.recording is recording
    assert taken.mark.isVisible()
    assert taken.note.text().startswith("pinned   σ = tanh")  # what else it differs in
    assert page.columns[2].session.finished_run is not None
    hands.key(Qt.Key.Key_P)
    assert said(hands) == "Only a run in Explore can be pinned"
    for _ in range(3):
        hands.key(Qt.Key.Key_Z, CTRL)
    assert page.comparison.values == (0.1, 1.0, 10.0)
    assert hands.window.bar.preset.currentData() == comparison_names()[0]
    hands.key(Qt.Key.Key_1, CTRL)
    assert hands.window.workspace is hands.explore
    hands.rest()


def test_the_same_run_is_not_pinned_twice(hands: Hands) -> None:
    board = hands.window.compare.comparing
    hands.key(Qt.Key.Key_P)
    hands.key(Qt.Key.Key_P)
    assert said(hands) == "This run is pinned already: column 1 of Compare scales (Ctrl+2)"
    assert board.board is not None
    assert board.board.comparison.values == (1.0, 10.0)
    hands.session.set_focus(1)  # another path of it is another ghost
    hands.key(Qt.Key.Key_P)
    assert "Pinned as column 2" in said(hands)
    hands.rest()


def test_once_all_columns_are_pinned_the_first_one_gives_way() -> None:
    board = Board.of(load_comparison("scales"))
    where = []
    for scale in (2.0, 3.0, 4.0, 5.0, 6.0, 7.0):
        board, i = board.pinned(Choice(board.comparison.columns[0].replace("input.scale", scale)))
        where.append(i)
    assert where == [3, 2, 1, 0, 3, 2]
    assert board.comparison.values == (5.0, 4.0, 7.0, 6.0)
    assert sorted(cell.slot for cell in board.cells) == [0, 1, 2, 3]


def test_a_column_that_only_fills_the_page_is_kept_once_somebody_changed_it() -> None:
    board = Board.around(Choice(load_comparison("scales").columns[0]))
    assert board.comparison.values == (0.1, 1.0)
    changed = board.at(board.comparison.with_value(1, 3.0))
    for one, column in ((board, 1), (changed, 2)):
        pinned, i = one.pinned(Choice(one.comparison.columns[0].replace("input.scale", 5.0)))
        assert (i, pinned.comparison.values[i]) == (column, 5.0)


def test_a_pinned_run_is_a_ghost_in_explore_until_it_is_unpinned(hands: Hands) -> None:
    page, session, landscape = hands.window.compare, hands.session, hands.landscape
    pinned, k = session.recording, 1
    session.set_focus(k)
    hands.rest()
    hands.key(Qt.Key.Key_P)
    assert session.edit("input.scale", 4.0)
    hands.rest()
    assert session.recording is not pinned
    (ghost,) = session.ghosts.ghosts
    assert ghost.points == pytest.approx(projected(pinned, k, session.plane))
    assert pytest.approx(ghost.points) == np.array(landscape.ghosts.curves[0].getData()).T
    assert landscape.ghosts.curves[0].isVisible()
    assert not landscape.ghosts.curves[1].isVisible()
    assert landscape.ghosts.labels[0].toPlainText() == "γ = 1"
    assert "■ pinned run" in hands.explore.landscape.key.text()
    assert f"{ghost.off_plane[-1]:.0%} off this plane" in landscape.ghosts.curves[0].toolTip()
    assert session.edit("network.dimension", 8)
    hands.rest()
    assert session.ghosts.ghosts == ()
    assert not landscape.ghosts.curves[0].isVisible()
    session.undo_stack.undo()
    hands.rest()
    assert landscape.ghosts.curves[0].isVisible()
    hands.key(Qt.Key.Key_2, CTRL)
    hands.until(lambda: not page.busy and len(page.columns) == 2, 60_000)
    hands.click(page.columns[0].mark)
    assert not page.columns[0].mark.isVisible()
    assert page.comparison.values == (1.0, 10.0)  # the column stays
    hands.key(Qt.Key.Key_1, CTRL)
    hands.rest()
    assert not landscape.ghosts.curves[0].isVisible()


def test_ghosts_of_columns_are_each_others_paths_on_their_planes(hands: Hands) -> None:
    page = hands.window.compare
    base = hands.session.experiment
    comparison = Comparison.of(base, "input.scale", (0.5, 2.0))
    hands.window.show_found("mine", Found(base, comparison=comparison))
    page.player.pause()
    hands.until(lambda: not page.busy and page.comparing.playhead.finished, 60_000)
    hands.click(page.bar.switches["ghost"])
    first, second = page.comparing.columns
    hands.until(lambda: first.ghosts is not None and second.ghosts is not None)
    hands.until(lambda: not page.busy)
    for mine, other in ((first, second), (second, first)):
        (ghost,) = mine.ghosts.ghosts
        assert ghost.points == pytest.approx(projected(other.recording, 0, mine.plane))
    assert first.ghosts.ghosts[0].name == "γ = 2"
    hands.click(page.bar.switches["ghost"])
    hands.until(lambda: first.ghosts.ghosts == () and second.ghosts.ghosts == ())
