"""The verdict beside the plots: clauses and their formulas, steps to set, the certified scale, the predicted rate."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

from foadv_gui.core import ball

if TYPE_CHECKING:
    from collections.abc import Callable

    from hands import Hands

OPEN: dict[str, Any] = {"input": {"scale": 0.1, "ratio": 0.3}, "ascent": {"tolerance": 1e-8, "steps": 200}}
"""A ball on which everything is proven."""


def row(hands: Hands, topic: str) -> Any:
    (found,) = [row for row in hands.explore.verdict.rows if row.topic == topic]
    return found


def test_a_click_shows_the_formula_with_the_numbers_and_its_source(open_window: Callable[..., Hands]) -> None:
    hands = open_window(**OPEN)
    unique = row(hands, "unique")
    assert "the only one in the ball (proven" in unique.words.text()
    hands.click(unique.words)
    assert unique.detail.isVisible()
    assert "q = ε M₂ / g_min" in unique.detail.text() and "Source: Banach" in unique.detail.text()
    last = hands.explore.verdict.rows[-1]
    hands.click(last.words)
    hands.until(lambda: not last.detail.visibleRegion().isEmpty())  # below the others: it is scrolled to
    assert last.words.visibleRegion().boundingRect().height() == last.words.height()
    hands.click(last.words)
    # What is unfolded stays so when clauses come and go around it.
    hands.type(hands.field("input.label").editor.box, "0.03")
    hands.rest()
    assert row(hands, "unique").detail.isVisible()
    assert not row(hands, "gap").detail.isVisible()


def test_the_fastest_step_is_set_with_a_click_and_undone(open_window: Callable[..., Hands]) -> None:
    hands = open_window(**OPEN)
    panel, session = hands.explore.verdict, hands.session
    slow = int(session.recording.converged_at[0])
    assert panel.fastest.isEnabled() and not panel.largest.isEnabled()
    assert "every step is stable here" in panel.largest.toolTip()
    offered = session.verdicts[0].step_fastest
    assert f"{offered:.3g}" in panel.fastest.text()
    hands.click(panel.fastest)
    hands.rest()
    assert session.experiment.ascent.step == offered
    assert session.recording.converged_at[0] < slow
    session.undo_stack.undo()
    hands.rest()
    assert int(session.recording.converged_at[0]) == slow


def test_after_a_step_too_large_the_largest_stable_one_is_a_click_away(open_window: Callable[..., Hands]) -> None:
    hands = open_window(input={"scale": 2.0}, ascent={"step": 9.0, "tolerance": 1e-8, "steps": 100, "restarts": 1})
    panel, session = hands.explore.verdict, hands.session
    assert set(session.recording.stop_reason) == {"step limit"}
    assert "step too large" in row(hands, "step").words.text()
    hands.click(panel.largest)
    hands.rest()
    assert session.experiment.ascent.step == pytest.approx(float(panel.largest.text().split()[-1]), rel=0.05)
    assert not [row for row in panel.rows if row.topic == "step"]


def test_the_certified_scale_is_marked_on_the_slider_and_stays_while_it_moves(
    open_window: Callable[..., Hands],
) -> None:
    hands = open_window(**OPEN)
    field, session = hands.field("input.scale"), hands.session
    slider, scale = field.editor.slider, session.certified
    assert scale is not None and scale.value is not None
    assert field.note.isVisible() and field.note.text() == f"▲ certified up to γ = {scale.value:.3g}"
    assert "proven" in field.note.toolTip()
    # Under the handle at the certified value, to a tick of the slider.
    hands.slide(slider, slider.marked)
    hands.rest()
    assert session.experiment.input.scale == pytest.approx(scale.value, rel=0.02)
    assert abs(hands.handle(slider).x() - slider.mark_x()) <= 1
    assert session.certified == scale and slider.marked is not None
    inked = slider.grab().toImage()
    x, y = int(slider.mark_x() * inked.devicePixelRatio()), inked.height() - 2
    assert inked.pixelColor(x, y) == slider.palette().text().color()
    hands.type(hands.field("input.ratio").editor.box, "0.1")
    hands.rest()
    assert session.certified.value > scale.value
    hands.choose(hands.field("network.activation").editor.box, "relu")
    hands.rest()
    assert slider.marked is None and field.note.text() == "no certified scale: relu is piecewise linear"


def test_the_predicted_rate_is_the_slope_of_a_line_through_the_converged_end(open_window: Callable[..., Hands]) -> None:
    hands = open_window(**OPEN)
    session, traces = hands.session, hands.explore.traces
    t, values = traces.rate.getOriginalDataset()
    rate = session.verdicts[0].rate_predicted
    assert np.diff(np.log(values)) / np.diff(t) == pytest.approx(np.log(rate))
    end = int(t[-1])
    assert values[-1] == session.recording.tangential[end, 0]
    assert values[0] == pytest.approx(1) or t[0] == 0
    # Beside it runs the path itself.
    tau = session.recording.tangential[:, 0]
    near = np.arange(end - 5, end)
    np.testing.assert_allclose(np.log(tau[near]), np.log(values[-1]) + (near - end) * np.log(rate), rtol=0.05)
    hands.type(hands.field("ascent.steps").editor.box, "10")
    hands.rest()
    assert not session.verdicts[0].local_maximum
    assert traces.rate.getOriginalDataset()[0] is None or not len(traces.rate.getOriginalDataset()[0])


def test_the_status_line_says_what_is_being_found_out(
    open_window: Callable[..., Hands], monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = open_window(**OPEN)
    told, seen, diagonalise = [], threading.Event(), np.linalg.eigh

    def patiently(matrix: Any) -> Any:
        seen.wait(20)  # each takes milliseconds, and only the latest is told
        return diagonalise(matrix)

    def note() -> None:
        told.append(hands.window.doing.text())
        if told[-1].startswith(("Testing the summit", "Proving on the whole ball", "Testing path")):
            seen.set()

    monkeypatch.setattr(np.linalg, "eigh", patiently)
    hands.session.progressChanged.connect(note)
    hands.type(hands.field("input.label").editor.box, "2")
    hands.rest()
    hands.session.progressChanged.disconnect(note)
    assert seen.is_set(), told
    assert hands.window.doing.text() == "Ready"


def test_a_moving_slider_does_not_wait_for_a_proof(
    open_window: Callable[..., Hands], monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = open_window(**OPEN)
    session, slider = hands.session, hands.field("input.scale").editor.slider
    proving, done, drawn_meanwhile = threading.Event(), threading.Event(), []
    diagonalise = np.linalg.eigh

    def slowly(matrix: Any) -> Any:
        proving.set()
        done.wait(20)
        return diagonalise(matrix)

    def note() -> None:
        drawn_meanwhile.append(not done.is_set())

    monkeypatch.setattr(ball.np.linalg, "eigh", slowly)
    hands.type(hands.field("input.label").editor.box, "2")
    hands.until(proving.is_set)
    session.surfaceChanged.connect(note)
    hands.slide(slider, 700, 800)
    hands.until(lambda: bool(drawn_meanwhile))
    session.surfaceChanged.disconnect(note)
    done.set()
    assert drawn_meanwhile[0]
    hands.rest()
    assert session.experiment.input.scale > 1


def test_what_was_stopped_is_said_to_be_and_goes_on_with_the_next_change(
    open_window: Callable[..., Hands], monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = open_window(**OPEN)
    proving, done = threading.Event(), threading.Event()
    diagonalise = np.linalg.eigh

    def slowly(matrix: Any) -> Any:
        proving.set()
        done.wait(20)
        return diagonalise(matrix)

    monkeypatch.setattr(ball.np.linalg, "eigh", slowly)
    hands.type(hands.field("input.label").editor.box, "2")
    hands.until(proving.is_set)
    hands.key(Qt.Key.Key_Escape)
    hands.until(lambda: not hands.session.busy)
    assert hands.window.doing.text().startswith("Stopped: not everything has been found out")
    done.set()
    hands.choose(hands.explore.landscape.quantity, "residual")
    hands.rest()
    assert hands.window.doing.text() == "Ready"
    assert "unique" in [row.topic for row in hands.explore.verdict.rows]
