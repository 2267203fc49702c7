"""Playing, pausing, stepping and scrubbing: the cursor moves over recorded iterates, and every panel follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from foadv_gui.desktop.player import SPEEDS

if TYPE_CHECKING:
    from hands import Hands

from hands import SHIFT

STEPS = 30


def assert_cursors_agree(hands: Hands, t: int) -> None:
    """Counter, scrubber, traces, extremes and the landscape all point at one iterate."""
    workspace = hands.explore
    assert hands.session.t == t
    assert workspace.playback.scrubber.value() == t
    assert workspace.playback.counter.text() == f"t = {t} / {hands.session.steps}"
    lines = [line for plot in workspace.traces.plots.values() for line in vertical_lines(plot)]
    lines += vertical_lines(workspace.extremes.plot.plotItem)
    assert len(lines) == 5
    assert {line.value() for line in lines} == {t}
    path = hands.session.path
    head = hands.landscape.trails.head.getData()
    assert (head[0][0], head[1][0]) == pytest.approx(tuple(path.points[path.at(t), path.focus]))


def vertical_lines(plot: object) -> list[object]:
    return [item for item in plot.items if hasattr(item, "sigDragged") and item.angle == 90]


def test_keys_move_the_cursor_and_all_panels_agree(hands: Hands) -> None:
    assert_cursors_agree(hands, 0)
    hands.key(Qt.Key.Key_Right, times=3)
    assert_cursors_agree(hands, 3)
    hands.key(Qt.Key.Key_Right, SHIFT)
    assert_cursors_agree(hands, 13)
    hands.key(Qt.Key.Key_Left)
    assert_cursors_agree(hands, 12)
    hands.key(Qt.Key.Key_Left, SHIFT, times=2)
    assert_cursors_agree(hands, 0)
    hands.key(Qt.Key.Key_End)
    assert_cursors_agree(hands, STEPS)
    hands.key(Qt.Key.Key_Right)
    assert_cursors_agree(hands, STEPS)
    hands.key(Qt.Key.Key_Home)
    assert_cursors_agree(hands, 0)
    hands.key(Qt.Key.Key_End)
    hands.rest()
    assert hands.session.spectrum.t == STEPS
    assert hands.explore.spectrum.heading.text().endswith(f"t = {STEPS}")


def test_space_plays_and_pauses_on_a_whole_iterate(hands: Hands) -> None:
    hands.key(Qt.Key.Key_Space)
    assert hands.player.playing
    assert hands.explore.playback.play_action.text() == "Pause"
    hands.until(lambda: hands.session.t >= 3)
    hands.key(Qt.Key.Key_Space)
    assert not hands.player.playing
    assert hands.explore.playback.play_action.text() == "Play"
    assert hands.session.position == hands.session.t >= 3
    assert_cursors_agree(hands, hands.session.t)


def test_buttons_of_the_bar_do_what_the_keys_do(hands: Hands) -> None:
    bar = hands.explore.playback
    buttons = {button.defaultAction(): button for button in bar.findChildren(type(bar.loop))}
    click = {key: buttons[hands.window.actions_table[key]] for key in ("first", "back", "play", "forward", "last")}
    hands.click(click["forward"])
    hands.click(click["forward"])
    assert_cursors_agree(hands, 2)
    hands.click(click["back"])
    assert_cursors_agree(hands, 1)
    hands.click(click["last"])
    assert_cursors_agree(hands, STEPS)
    hands.click(click["first"])
    assert_cursors_agree(hands, 0)
    hands.click(click["play"])
    assert hands.player.playing
    hands.click(click["play"])
    assert not hands.player.playing


def test_scrubbing_moves_the_cursor_and_computes_no_path(hands: Hands) -> None:
    recording, path = hands.session.recording, hands.session.path
    hands.key(Qt.Key.Key_Space)
    scrubber = hands.explore.playback.scrubber
    hands.slide(scrubber, 12, release=False)
    assert not hands.player.playing
    t = hands.session.t
    assert abs(t - 12) <= 1
    assert_cursors_agree(hands, t)
    hands.slide(scrubber, 25)
    assert abs(hands.session.t - 25) <= 1
    hands.rest()
    assert hands.session.recording is recording
    assert hands.session.path is path


def test_a_click_on_a_trace_and_a_drag_of_its_cursor_move_the_cursor(hands: Hands) -> None:
    traces = hands.explore.traces
    box = traces.plots["loss"].vb

    def at(t: float) -> QPoint:
        low, high = box.viewRange()[1]
        return QPoint(traces.mapFromScene(box.mapViewToScene(QPointF(t, 0.6 * low + 0.4 * high))))

    hands.click(traces.viewport(), at(20))
    assert_cursors_agree(hands, 20)
    hands.drag(traces.viewport(), at(20), at(8), steps=6)
    assert abs(hands.session.t - 8) <= 1
    assert_cursors_agree(hands, hands.session.t)


def test_speed_keys_and_the_speed_list_agree(hands: Hands) -> None:
    bar = hands.explore.playback
    assert bar.speed.currentData() == 1.0
    for expected in (2.0, 5.0, 10.0, 10.0):
        hands.key(Qt.Key.Key_BracketRight)
        assert hands.player.speed == bar.speed.currentData() == expected
    hands.key(Qt.Key.Key_BracketLeft, times=len(SPEEDS))
    assert hands.player.speed == bar.speed.currentData() == SPEEDS[0]
    slow = hands.player.rate
    hands.choose(bar.speed, 2.0)
    assert hands.player.speed == 2.0
    assert hands.player.rate == pytest.approx(20 * slow)


def test_without_loop_it_stops_at_the_end_and_with_loop_it_begins_again(hands: Hands) -> None:
    hands.key(Qt.Key.Key_BracketRight, times=3)
    assert hands.window.actions_table["loop"].isChecked()
    hands.key(Qt.Key.Key_L)
    assert not hands.player.loop
    hands.key(Qt.Key.Key_Space)
    hands.until(lambda: not hands.player.playing)
    assert_cursors_agree(hands, STEPS)
    hands.key(Qt.Key.Key_L)
    assert hands.player.loop
    hands.key(Qt.Key.Key_Space)  # from the beginning, since the cursor is at the end
    assert hands.session.t < STEPS
    hands.until(lambda: hands.session.t == STEPS)
    hands.until(lambda: hands.session.t < STEPS, timeout=5000)
    assert hands.player.playing


def test_r_plays_again_from_the_start(hands: Hands) -> None:
    hands.key(Qt.Key.Key_End)
    hands.key(Qt.Key.Key_R)
    assert hands.player.playing
    assert hands.session.t == 0


def test_keys_belong_to_a_field_while_it_has_the_focus(hands: Hands) -> None:
    hands.key(Qt.Key.Key_Right, times=5)
    field = hands.field("input.scale")
    gamma = field.editor.box.value()
    hands.focus(field.editor.box)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Space, Qt.Key.Key_R):
        hands.key(key)
    assert_cursors_agree(hands, 5)
    assert not hands.player.playing
    assert hands.session.experiment.input.scale == gamma
    hands.focus(field.editor.slider)
    hands.key(Qt.Key.Key_Right)
    assert hands.session.experiment.input.scale > gamma  # the slider's own key
    hands.rest()
    assert hands.session.t == 5
    hands.focus(hands.landscape)
    hands.key(Qt.Key.Key_Right)
    assert_cursors_agree(hands, 6)
