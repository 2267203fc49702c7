"""The tabs over all restarts and over the landscape's regularity: what they show, and what a click on a pair does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from foadv_gui.desktop.theme import FADED

if TYPE_CHECKING:
    from collections.abc import Callable

    from hands import Hands
    from PySide6.QtCore import QPoint

POLES = {"input": {"scale": 1.0, "label": 0.5}, "ascent": {"steps": 300, "restarts": 8, "tolerance": 1e-7}}
"""Two maxima: the label lies between the values that f takes in the ball."""


def at_restarts(hands: Hands) -> Any:
    hands.turn_to(hands.explore.below, 2)
    view = hands.explore.restarts
    hands.until(lambda: view.losses.height() < view.height())  # it is laid out as it is first shown
    return view


def cell(hands: Hands, row: int, column: int) -> QPoint:
    return hands.on_plot(hands.explore.restarts.matrix, column + 0.5, row + 0.5)


def apart(recording: Any, i: int, j: int) -> float:
    """The angle between two ends in degrees."""
    one, other = recording.delta[-1, i], recording.delta[-1, j]
    return float(np.degrees(np.arccos(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))))


@pytest.fixture
def poles(open_window: Callable[..., Hands]) -> Hands:
    return open_window(**POLES)


def test_the_tab_says_how_all_paths_ended(poles: Hands) -> None:
    view, recording = at_restarts(poles), poles.session.recording
    signs = np.sign(recording.value[-1] - recording.y)
    best = signs == signs[recording.loss[-1].argmax()]
    words = f"2 distinct maxima among 8 endpoints: {best.sum()} and {(~best).sum()} paths. 8 of 8 converged;"
    assert words in view.words.toolTip() and view.words.text().startswith(words[:40])
    assert view.losses.bars.opts["height"].sum() == view.steps.bars.opts["height"].sum() == 8
    assert view.losses.focus.value() == recording.loss[-1, 0]
    assert view.steps.focus.value() == recording.converged_at[0]
    order = poles.session.restarts.order
    for row, column in ((0, 7), (3, 2), (5, 5)):
        expected = apart(recording, order[row], order[column]) if row != column else 0.0
        assert view.matrix.image.image[row, column] == pytest.approx(expected, abs=1e-5)
    # Another path to follow: the lines go to it.
    poles.session.set_focus(3)
    poles.rest()
    assert view.losses.focus.value() == recording.loss[-1, 3]


def test_a_click_on_a_cell_shows_the_loss_between_its_ends(poles: Hands) -> None:
    view, session = at_restarts(poles), poles.session
    recording, first = session.recording, session.between
    assert sorted((first.i, first.j)) == sorted(session.restarts.representatives)
    row, column = 1, 6
    i, j = session.restarts.order[[row, column]]
    assert (i, j) != (first.i, first.j)
    poles.click(view.matrix.viewport(), cell(poles, row, column))
    poles.until(lambda: (session.between.i, session.between.j) == (i, j))
    poles.rest()
    assert view.between.plotItem.titleLabel.text == f"loss {i + 1} → {j + 1}"
    shares, losses = view.between.straight.getData()
    deltas = recording.delta[-1, i] + shares[:, None] * (recording.delta[-1, j] - recording.delta[-1, i])
    value = np.tanh((recording.x + deltas) @ recording.W.T) @ recording.a
    np.testing.assert_allclose(losses, 0.5 * (value - recording.y) ** 2, rtol=1e-7, atol=1e-12)
    shares, arc = view.between.arc.getData()
    np.testing.assert_allclose(arc[[0, -1]], recording.loss[-1, [i, j]], rtol=1e-7)
    assert arc[100] != pytest.approx(losses[100], rel=1e-3)
    marks = [(spot["x"], spot["y"]) for spot in view.matrix.pair.data]
    assert marks == [(column + 0.5, row + 0.5), (row + 0.5, column + 0.5)]
    # What only the view changes leaves the pair as it is; a click on the diagonal is no pair.
    poles.session.set_focus(5)
    poles.rest()
    poles.click(view.matrix.viewport(), cell(poles, 2, 2))
    poles.rest()
    assert (session.between.i, session.between.j) == (i, j)
    poles.session.edit("ascent.seed", 9)
    poles.rest()
    assert sorted((session.between.i, session.between.j)) == sorted(session.restarts.representatives[:2])


def test_the_mouse_over_a_cell_tells_its_pair(poles: Hands) -> None:
    view, recording = at_restarts(poles), poles.session.recording
    i, j = poles.session.restarts.order[[0, 7]]
    together = view.words.text()
    poles.hover(view.matrix.viewport(), cell(poles, 0, 7))
    told = f"Paths {i + 1} and {j + 1}: {apart(recording, i, j):.4g}° apart"
    assert view.words.text().startswith(told) and told in view.matrix.toolTip()
    poles.leave(view.matrix)
    assert view.words.text() == together


def test_who_has_not_converged_has_a_hatched_bar(hands: Hands) -> None:
    view = at_restarts(hands)  # tolerance 0
    assert view.steps.apart.isVisible() and view.steps.apart.opts["height"] == [4]
    assert view.steps.words.toPlainText() == "unconverged 4"
    assert "0 of 4 converged" in view.words.toolTip()
    assert view.steps.bars.opts["height"].sum() == 0


def test_one_path_has_no_pairs_and_says_so(open_window: Callable[..., Hands]) -> None:
    hands = open_window(ascent={"restarts": 1})
    view = at_restarts(hands)
    assert all(page.reason.isVisible() and "no pair" in page.reason.text() for page in view.pairs)
    hands.type(hands.field("ascent.restarts").editor.box, "3")
    hands.rest()
    assert all(page.currentIndex() == 0 for page in view.pairs)
    assert view.matrix.image.image.shape == (3, 3)


def test_what_belongs_to_the_run_before_is_faint(poles: Hands) -> None:
    view, session = at_restarts(poles), poles.session
    poles.turn_to(poles.explore.tabs, 2)
    seen = []
    session.recordingChanged.connect(
        lambda: seen.append((session.restarts, view.matrix.image.opacity(), poles.explore.regularity.body.isEnabled()))
    )
    session.edit("ascent.seed", 4)
    poles.rest()
    assert seen and all(entry == (None, FADED, False) for entry in seen)
    assert view.matrix.image.opacity() == view.between.straight.opacity() == 1
    assert poles.explore.regularity.body.isEnabled()


PROVEN = ("Curvature at most", "Third derivative at most", "Gradient at least", "Contraction")


def test_the_regularity_card_explains_each_measure(poles: Hands) -> None:
    card = poles.explore.regularity
    poles.turn_to(poles.explore.tabs, 2)
    recording = poles.session.recording
    hidden = np.tanh(recording.W @ recording.x)
    slope = recording.W.T @ (recording.a * (1 - hidden**2))
    k = recording.epsilon * np.linalg.norm(slope) / abs(hidden @ recording.a - recording.y)
    assert card.rows["Reach"].value.text() == f"{k:.3g}"
    measured = ["Local linearity", "Gradient misalignment", "Concave share of the sphere", "Reach"]
    assert list(card.rows)[:4] == measured and list(card.rows)[4:8] == [*PROVEN]
    for row in card.rows.values():
        assert row.isVisible() and row.symbol.text() and len(row.toolTip()) > 60
    before = card.rows["Local linearity"].value.text()
    poles.type(poles.field("input.scale").editor.box, "0.1")
    poles.rest()
    assert card.rows["Local linearity"].value.text() != before


def test_two_hundred_paths_are_a_legible_matrix(open_window: Callable[..., Hands]) -> None:
    hands = open_window(network={"activation": "linear"}, ascent={"restarts": 200})
    view = at_restarts(hands)
    assert view.matrix.image.image.shape == (200, 200)
    assert view.losses.bars.opts["height"].sum() == 200
    hands.hover(view.matrix.viewport(), cell(hands, 50, 150))
    assert "apart" in view.words.text()
