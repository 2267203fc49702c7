"""The predicted curve over the spectrum's bars: there at rest, gone in motion, and said why where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hands import Hands


def heights(curve: Any) -> Any:
    _, values = curve.getData()
    return np.empty(0) if values is None else values


def expected_count(hands: Hands) -> float:
    """The area under the predicted curve, in bars."""
    places, values = hands.explore.spectrum.curves.predicted.getData()
    edges = hands.session.spectrum.histogram(hands.session.bulk.outlier)[1]
    return float(np.trapezoid(values, places) / (edges[1] - edges[0]))


@pytest.mark.parametrize(("kind", "count"), [("tangent", 15), ("euclidean", 16)])
def test_at_rest_the_curve_counts_all_eigenvalues_and_says_what_it_is(
    open_window: Callable[..., Hands], kind: str, count: int
) -> None:
    hands = open_window(view={"spectrum": kind})
    session, panel = hands.session, hands.explore.spectrum
    hands.key(Qt.Key.Key_End)
    hands.rest()
    assert session.bulk.is_beside(session.spectrum)
    assert expected_count(hands) == pytest.approx(count, abs=1.0)  # all but the tails beyond the axis
    assert "random-matrix prediction" in panel.note.toolTip()
    assert f"Kolmogorov {session.bulk.distance:.2g}" in panel.curves.key.text()
    assert panel.curves.key.isVisible()
    assert f"any value, is {session.bulk.distance:.2g}." in panel.heading.toolTip()
    marks = panel.curves.outlier.getData()[0]
    assert (session.bulk.outlier is None) == (kind == "tangent")
    if session.bulk.outlier is not None:
        assert marks.tolist() == [session.bulk.outlier]
        assert "▼" in panel.heading.toolTip()
    before = heights(panel.curves.predicted).copy()
    hands.key(Qt.Key.Key_Home)
    hands.rest()
    assert session.bulk.t == session.spectrum.t == 0
    assert not np.array_equal(heights(panel.curves.predicted), before)


def test_it_plays_without_the_curve_which_comes_back_at_rest(hands: Hands) -> None:
    session, panel = hands.session, hands.explore.spectrum
    assert len(heights(panel.curves.predicted))
    drawn: list[int] = []
    seen: set[int] = set()

    def look() -> None:
        seen.add(session.spectrum.t)
        drawn.append(len(heights(panel.curves.predicted)))

    session.spectrumChanged.connect(look)
    hands.key(Qt.Key.Key_Space)
    hands.until(lambda: len(seen) >= 4)
    assert hands.player.playing
    assert set(drawn) == {0}
    assert session.bulk is None and not panel.curves.key.isVisible()
    hands.key(Qt.Key.Key_Space)
    hands.rest()
    assert not hands.player.playing
    assert len(heights(panel.curves.predicted)) and session.bulk.is_beside(session.spectrum)


def test_it_is_asked_for_once_when_the_cursor_has_come_to_rest(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    session, timer, asked = hands.session, hands.explore.spectrum._rest, []
    timer.setInterval(60_000)
    monkeypatch.setattr(session, "ask_bulk", lambda: asked.append(session.t))
    for _ in range(5):
        hands.key(Qt.Key.Key_Right)
        hands.until(lambda: hands.spectrum_is_current)
        assert session.bulk is None
    assert not asked
    timer.setInterval(1)  # the rest is over
    hands.rest()
    assert asked == [5]


def test_nothing_is_asked_while_nobody_sees_it(hands: Hands) -> None:
    tabs, session = hands.explore.tabs, hands.session
    hands.turn_to(tabs, 1)
    hands.key(Qt.Key.Key_End)
    hands.rest()
    assert session.spectrum.t == session.t and session.bulk is None
    hands.turn_to(tabs, 0)
    hands.rest()
    assert session.bulk.is_beside(session.spectrum)


def test_another_run_takes_the_curve_away(hands: Hands) -> None:
    session, panel = hands.session, hands.explore.spectrum
    seen: list[tuple[int, bool]] = []
    session.recordingChanged.connect(
        lambda: seen.append((len(heights(panel.curves.predicted)), session.bulk is not None))
    )
    hands.session.edit("input.scale", 0.5)
    hands.rest()
    assert seen and set(seen) == {(0, False)}
    assert len(heights(panel.curves.predicted)) and session.bulk.is_beside(session.spectrum)


def test_a_network_from_a_file_has_no_curve_and_the_heading_says_why(
    open_window: Callable[..., Hands], tmp_path: Path
) -> None:
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "w.npz", W=generator.normal(size=(40, 16)), a=generator.choice([-0.2, 0.2], 40))
    hands = open_window(network={"source": "file", "file": str(tmp_path / "w.npz")})
    panel = hands.explore.spectrum
    assert hands.session.bulk is not None and not len(heights(panel.curves.predicted))
    assert not panel.curves.key.isVisible()
    assert "these are from a file" in panel.heading.toolTip()
    assert "prediction" not in panel.note.text()


def test_a_large_spectrum_is_filled_by_an_estimate(
    open_window: Callable[..., Hands], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foadv_gui.core.spectrum.DENSE_LIMIT", 10)
    hands = open_window(view={"spectrum": "euclidean"})
    session, panel = hands.session, hands.explore.spectrum
    assert not session.spectrum.exact
    filled = heights(panel.curves.estimated)
    assert filled.sum() == pytest.approx(16, abs=0.5)
    assert not np.any(panel._bars.opts["height"])  # bars of a few at both ends would say less
    assert "SLQ, 8 probes, 16 steps" in panel.curves.key.text()
    assert "stochastic Lanczos" in panel.heading.toolTip()


def test_the_curve_follows_the_theme(hands: Hands) -> None:
    panel, theme = hands.explore.spectrum, hands.window.theme
    colours = set()
    for mode in ("light", "dark"):
        theme.choose(mode, remember=False)
        assert panel.curves.predicted.opts["pen"].color().name() == theme.theme.prediction
        assert theme.theme.prediction in panel.curves.key.text()
        colours.add(theme.theme.prediction)
    assert len(colours) == 2
