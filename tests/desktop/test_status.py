"""The status line: how long a climb still takes, where it was cancelled, and which iterates were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hands import small
from PySide6.QtCore import Qt

from foadv_gui.desktop.status import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from hands import Hands


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_time_that_is_left_comes_after_two_seconds_and_changes_once_a_second() -> None:
    clock, run, said = Clock(), object(), []
    pace = Pace(clock)
    for tenth in range(51):
        clock.now = 100 + tenth / 10
        said.append(pace.words(run, 100 + 10 * tenth, 1600))  # 100 steps a second, 15 s in all
    assert said[:20] == [""] * 20
    assert said[20] == said[29] == ", about 13 s left"
    assert said[30] == said[39] == ", about 12 s left"
    assert said[50] == ", about 10 s left"


def test_another_run_has_a_pace_of_its_own() -> None:
    clock = Clock()
    pace = Pace(clock)
    first, second = object(), object()
    pace.words(first, 0, 1000)
    clock.now += 10
    assert pace.words(first, 100, 1000) == ", about 90 s left"
    assert pace.words(second, 101, 1000) == ""
    clock.now += 2
    assert pace.words(second, 301, 1000) == ", about 7 s left"
    assert pace.words(second, 0, 1000) == ""  # the same run, from its beginning again


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (19.4, "19 s"), (43, "45 s"), (95, "95 s"), (130, "2 min"), (5000, "83 min"), (9000, "2 h")],
)
def test_long_times_are_told_roughly(seconds: float, words: str) -> None:
    clock, run = Clock(), object()
    pace = Pace(clock)
    pace.words(run, 0, 2000)
    clock.now += seconds if seconds >= 2 else 2
    total = 2000 if seconds >= 2 else 1100
    assert pace.words(run, 1000, total) == f", about {words} left"


def test_a_long_climb_tells_how_long_and_then_where_it_was_cancelled(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foadv_gui.desktop.status._SILENT_SECONDS", 0.3)
    session, doing = hands.session, hands.window.doing
    session.open(small(network={"width": 512, "dimension": 256}, ascent={"steps": 50_000, "restarts": 32}))
    hands.until(lambda: "of at most 50000, about " in doing.text())
    assert doing.text().startswith("Climbing: step ")
    assert doing.text().endswith(" left")
    hands.key(Qt.Key.Key_Escape)
    hands.rest()
    assert doing.text() == f"Cancelled at step {session.recording.steps} of at most 50000"


def test_a_thinned_recording_is_said_to_be_one(open_window: Callable[..., Hands]) -> None:
    hands = open_window(
        network={"width": 8, "dimension": 2000}, ascent={"steps": 2000}, compute={"memory_mib": 64}, view={"grid": 21}
    )
    assert "every 4th iterate kept: memory budget" in hands.window.device.text()
    hands.type(hands.field("ascent.steps").editor.box, "30")
    hands.rest()
    assert "kept" not in hands.window.device.text()


def test_a_message_has_the_line_to_itself(hands: Hands) -> None:
    window = hands.window
    window.statusBar().showMessage("Saved run.npz")
    line = window.statusBar().grab().toImage()  # of which Qt may leave a message no room at all
    columns = [{line.pixel(x, y) for y in range(4, line.height() - 2)} for x in range(line.width())]
    inked = [x for x, seen in enumerate(columns) if len(seen) > 1]
    assert inked
    assert min(inked) < 20
    assert max(inked) < line.width() / 2  # and nothing beside it
    hands.session.open(small(network={"width": 512, "dimension": 256}, ascent={"steps": 50_000, "restarts": 32}))
    hands.until(lambda: window.doing.text().startswith("Climbing"))
    assert not window.stop.isVisible()
    window.statusBar().clearMessage()
    assert window.stop.isVisible()
    assert window.doing.isVisible()
    hands.key(Qt.Key.Key_Escape)
    hands.rest()
    assert not window.stop.isVisible()
