"""Esc, closing and opening anew while something is being computed; the window never waits for long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import Hands, loss_at, small
from PySide6.QtCore import Qt, QTimer

from foadv_gui.desktop.app import begin
from foadv_gui.lab.opening import load_opening

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.config import Experiment

AT_ONCE = 2.0
"""Seconds: a tenth is promised, the rest is for a busy machine."""


def long_run(**view: Any) -> Experiment:
    """Some minutes of work, in steps of some milliseconds."""
    return small(
        network={"width": 512, "dimension": 256},
        ascent={"steps": 50_000, "restarts": 32},
        view={"grid": 101, **view},
    )


def climbing(hands: Hands, **view: Any) -> None:
    """Start a long run, and wait until iterates of it come in."""
    hands.session.open(long_run(**view))
    hands.until(hands.no_timer)  # the plot asks for its own part of the plane a moment later
    with hands.qtbot.waitSignal(hands.session.recordingChanged, timeout=20_000):
        pass
    hands.until(lambda: hands.session.recording.restarts == 32 and hands.session.recording.steps > 0)
    assert not hands.session.recording.finished


def seconds(hands: Hands, fact: Callable[[], bool]) -> float:
    began = time.perf_counter()
    hands.until(fact)
    return time.perf_counter() - began


def test_esc_stops_a_long_run_and_the_window_goes_on(hands: Hands) -> None:
    session, window = hands.session, hands.window
    climbing(hands)
    assert window.stop.isVisible()
    assert "Climbing: step" in window.doing.text()
    hands.key(Qt.Key.Key_Escape)
    assert seconds(hands, lambda: not session.busy) < AT_ONCE
    hands.until(lambda: window.doing.text() == f"Cancelled at step {session.recording.steps} of at most 50000")
    assert not window.stop.isVisible()
    recording = session.recording
    assert recording.finished
    assert set(recording.stop_reason) == {"cancelled"}
    assert 0 < recording.steps < 50_000
    # What was cancelled is judged by its gradient, and called so.
    said = " ".join(row.words.text() for row in hands.explore.verdict.rows)
    assert f"cancelled at step {recording.steps} of at most" in said
    assert "not stationary yet" in said or "the run was cancelled" in said
    assert f"Cancelled at step {recording.steps} of at most" in hands.explore.verdict.summary.text()
    hands.player.pause()
    hands.key(Qt.Key.Key_Home)
    hands.key(Qt.Key.Key_Right)  # what there is can be played
    assert session.t == 1
    hands.wheel(hands.landscape.viewport(), hands.landscape.viewport().rect().center(), 2)
    hands.rest()  # and looked at from near by, without running again
    assert session.recording is recording
    assert session.surface.window[1] < 1.3
    assert session.spectrum.t == 1
    hands.type(hands.field("ascent.steps").editor.box, "20")
    hands.rest()
    assert session.recording.steps == 20
    assert "cancelled" not in session.recording.stop_reason


def test_the_stop_button_does_what_esc_does(hands: Hands) -> None:
    climbing(hands, plane="two-random")
    hands.click(hands.window.stop)
    assert seconds(hands, lambda: not hands.session.busy) < AT_ONCE
    assert set(hands.session.recording.stop_reason) == {"cancelled"}


def test_what_was_cancelled_is_shown_on_planes_that_follow_the_path_and_runs_again_when_opened(hands: Hands) -> None:
    session = hands.session
    session.open(long_run(plane="clean-start-end"))
    hands.until(lambda: session.info.dimension == 256 and hands.no_timer())
    hands.qtbot.wait(300)
    hands.key(Qt.Key.Key_Escape)
    hands.until(lambda: session.recording.restarts == 32)
    assert set(session.recording.stop_reason) == {"cancelled"}
    hands.until(lambda: session.path.points.shape[1] == 32)
    assert session.plane.name == "clean-start-end"
    assert session.plane.origin.shape == (256,)
    hands.rest()
    values = session.surface.values
    assert 0.5 * values[0, 0] ** 2 == pytest.approx(
        loss_at(session, (session.surface.alpha[0], session.surface.beta[0])), rel=1e-5
    )
    session.open(long_run(plane="clean-start-end"))
    recording = session.recording
    hands.qtbot.wait(300)
    assert session.busy  # it runs again, and does not show what was cancelled
    assert session.recording is recording or not session.recording.finished
    hands.key(Qt.Key.Key_Escape)


def test_esc_stops_a_map_that_takes_minutes(hands: Hands) -> None:
    session = hands.session
    slow = small(network={"width": 2048, "dimension": 128}, view={"grid": 801, "quantity": "curvature"})
    prepared: list[int] = []
    session.prepared.connect(lambda: prepared.append(session.info.width))
    session.open(slow)
    hands.until(lambda: 2048 in prepared and hands.no_timer())
    hands.key(Qt.Key.Key_Escape)
    assert seconds(hands, lambda: not session.busy) < AT_ONCE
    session.open(small())
    hands.rest()
    assert session.recording.experiment == small()


def test_what_is_stopped_before_it_shows_is_said_to_be_old(hands: Hands) -> None:
    session, window = hands.session, hands.window
    recording = session.recording
    hands.choose(hands.explore.landscape.quantity, "curvature")
    hands.rest()
    hands.type(hands.field("view.grid").editor.box, "801")
    hands.type(hands.field("network.width").editor.box, "5000")  # whose map takes seconds, and comes before the run
    hands.until(lambda: session.info.width == 5000 and hands.no_timer())
    hands.activate()
    hands.key(Qt.Key.Key_Escape)
    hands.until(lambda: not session.busy)
    assert session.recording is recording
    assert "earlier settings" in window.doing.text()
    hands.type(hands.field("network.width").editor.box, "64")
    hands.rest()
    assert window.doing.text() == "Ready"


def test_the_window_answers_while_it_computes(hands: Hands) -> None:
    hands.session.open(long_run())
    ticks: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start(16)
    hands.qtbot.wait(1500)
    timer.stop()
    waits = np.diff(ticks)
    assert np.median(waits) < 0.05
    assert waits.max() < 0.5
    hands.key(Qt.Key.Key_Escape)


def test_closing_while_computing_takes_no_time(hands: Hands) -> None:
    climbing(hands)
    began = time.perf_counter()
    hands.window.close()
    assert time.perf_counter() - began < AT_ONCE
    assert not hands.window.isVisible()
    assert not hands.window._thread.isRunning()


def test_closing_while_a_slider_is_held(hands: Hands) -> None:
    hands.slide(hands.field("input.scale").editor.slider, 800, release=False)
    hands.window.close()
    assert not hands.window._thread.isRunning()


def test_a_superseded_run_leaves_nothing_behind(hands: Hands) -> None:
    session = hands.session
    climbing(hands)
    restarts: list[int] = []
    session.open(small())
    session.recordingChanged.connect(lambda: restarts.append(session.recording.restarts))
    began = time.perf_counter()
    hands.until(lambda: session.recording.restarts == 4)
    assert time.perf_counter() - began < AT_ONCE + 2
    hands.rest()
    assert set(restarts) == {4}  # nothing of the old run came later
    assert session.recording.experiment == small()
    assert session.info.dimension == 16


def test_edits_in_quick_succession_end_on_the_last_one(hands: Hands) -> None:
    session = hands.session
    box = hands.field("network.width").editor.box
    for width in (100, 30, 200, 50, 90, 77):
        hands.type(box, str(width))
    hands.rest()
    assert session.recording.W.shape[0] == session.info.width == 77
    assert session.recording.experiment == session.experiment
    assert set(session.verdicts) == {0, 1, 2, 3}


@pytest.mark.parametrize("pause_ms", [0, 300])
def test_closing_while_torch_is_being_loaded(new_window: Callable[[], Hands], qtbot: Any, pause_ms: int) -> None:
    hands = new_window()
    begin(hands.window)
    hands.window.start_computing()
    qtbot.wait(pause_ms)
    hands.window.close()
    assert not hands.window._thread.isRunning()
    assert not hands.failures


def test_esc_before_torch_is_there_does_not_stop_the_launch(new_window: Callable[[], Hands]) -> None:
    hands = new_window()
    begin(hands.window)
    hands.window.start_computing()
    hands.key(Qt.Key.Key_Escape)
    hands.until(lambda: hands.window.doing.text() == "Ready", timeout=60_000)
    hands.player.pause()
    hands.rest()
    assert not hands.session.shipped


def test_two_windows_one_after_the_other(new_window: Callable[[], Hands]) -> None:
    for scale in (0.5, 2.0):
        hands = new_window()
        hands.session.open(small(input={"scale": scale}))
        hands.window.start_computing()
        hands.player.pause()
        hands.rest()
        assert hands.session.recording.experiment.input.scale == scale
        hands.window.close()
        assert not hands.window._thread.isRunning()


def test_the_opening_is_replaced_by_this_machines_own_results(new_window: Callable[[], Hands]) -> None:
    hands = new_window()
    begin(hands.window)
    session = hands.session
    assert session.shipped
    assert "shipped recording" in hands.window.doing.text()
    assert hands.player.playing
    shipped = session.recording
    surface = session.surface
    hands.until(lambda: session.t > 0)  # it moves before torch is there
    assert session.torch_version == ""
    hands.window.start_computing()
    hands.until(lambda: not session.shipped, timeout=60_000)
    hands.player.pause()
    hands.rest()
    assert session.torch_version
    assert hands.window.doing.text() == "Ready"
    own = session.recording
    assert own is not shipped
    assert own.experiment == shipped.experiment == session.experiment
    for name in ("delta", "loss", "value", "radius", "W", "x"):
        np.testing.assert_allclose(getattr(own, name), getattr(shipped, name), rtol=1e-6, atol=1e-9, err_msg=name)
    assert session.surface is not surface
    shipped_verdicts = {value.k: value for value in load_opening() if hasattr(value, "local_maximum")}
    assert {k: verdict.local_maximum for k, verdict in session.verdicts.items()} == {
        k: verdict.local_maximum for k, verdict in shipped_verdicts.items()
    }
