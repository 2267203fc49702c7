"""A classifier in the window: its label, its sliders, and what it decides for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hands import CTRL, Hands, small
from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def classifying(hands: Hands, tmp_path: Path) -> Hands:
    """A window with a random classifier, 16-8-6-4, and its cross-entropy away from class 2."""
    rng = np.random.default_rng(3)
    sizes = (16, 8, 6, 4)
    layers = {f"W{i + 1}": rng.standard_normal((sizes[i + 1], sizes[i])) for i in range(3)}
    np.savez(tmp_path / "net.npz", **layers)
    network = {"source": "file", "file": str(tmp_path / "net.npz"), "loss": "cross-entropy"}
    hands.session.open(small(network=network, input={"label": 2.0}))
    hands.rest()
    return hands


def test_a_slider_that_moves_with_a_deep_network_goes_on(classifying: Hands) -> None:
    hands = classifying
    slider = hands.field("input.scale").editor.slider
    hands.slide(slider, slider.value(), slider.value() + 60)
    hands.rest()
    assert hands.session.recording.experiment.input.scale == hands.session.experiment.input.scale != 1.0


def test_a_class_is_counted_and_has_no_slider(classifying: Hands) -> None:
    hands = classifying
    editor = hands.field("input.label").editor
    assert not editor.slider.isVisible()
    hands.focus(editor.box)
    hands.key(Qt.Key.Key_Up)
    hands.rest()
    assert hands.session.recording.y == 3.0
    hands.key(Qt.Key.Key_Up)  # there is no class 4
    hands.until(lambda: "from 0 to 3" in hands.field("input.label").refusal.text())
    hands.rest()
    assert hands.session.experiment.input.label == 3.0


def test_what_is_decided_for_stands_under_the_landscape_and_random_weights_take_over(classifying: Hands) -> None:
    hands = classifying
    hands.player.to_end()
    session, values = hands.session, hands.explore.landscape.values
    hands.until(lambda: f"  {session.path.decided[-1]},  off plane" in values.text())
    assert session.path.decided[-1].startswith("class ")
    hands.choose(hands.field("network.source").editor.box, "random")
    hands.rest()
    assert (session.experiment.network.source, session.experiment.network.loss) == ("random", "quadratic")
    assert hands.field("input.label").editor.slider.isVisible()
    assert session.undo_stack.count() == 2
    assert "class" not in values.text()
    assert "the loss is quadratic, y = 1" in hands.window.statusBar().currentMessage()


def test_what_is_decided_for_stands_under_the_globe_and_the_map(classifying: Hands) -> None:
    hands = classifying
    session, panel = hands.session, hands.explore.landscape
    for chart in ("globe", "map"):
        hands.click(next(button for button in panel.charts.buttons() if button.property("chart") == chart))
        hands.rest()
        for at in (0, session.steps):
            hands.player.seek(at)
            i = session.path.at(at)
            hands.until(lambda i=i: f" on the sphere),  {session.path.decided[i]},  off" in panel.values.text())


@pytest.mark.parametrize("loss", ["quadratic", "logistic"])
def test_a_loss_of_one_number_brings_its_output_and_its_side_in_one_step(classifying: Hands, loss: str) -> None:
    hands = classifying
    session, before = hands.session, hands.session.experiment
    hands.choose(hands.field("network.loss").editor.box, loss)
    told = hands.window.statusBar().currentMessage()
    hands.rest()
    chosen = session.experiment
    assert (chosen.network.loss, chosen.input.label, session.recording.experiment) == (loss, 1.0, chosen)
    right, other = chosen.network.output.split(" - ")
    assert right == "2" and other in ("0", "1", "3")
    assert f"f = z₂ − z{'₀₁₂₃'[int(other)]}, y = 1" in told and "Ctrl+Z" in told
    assert all(field.refusal.isHidden() for field in hands.explore.setup.fields.values())
    hands.key(Qt.Key.Key_Z, CTRL)
    hands.rest()
    assert session.experiment == before


def test_the_colours_of_f_are_called_what_they_are(classifying: Hands) -> None:
    hands = classifying
    box = hands.explore.landscape.quantity
    hands.choose(box, "residual")
    hands.rest()
    assert box.currentText() == "f, decides at 0"
    hands.choose(hands.field("network.source").editor.box, "random")
    hands.rest()
    assert box.currentText() == "Residual f − y"
