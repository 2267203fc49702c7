"""Somebody who turns every knob without waiting: nothing fails, and the last word is the one that is shown."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

from foadv_gui.lab.config import SETTINGS

if TYPE_CHECKING:
    from hands import Hands

    from foadv_gui.lab.config import Setting

ACTIONS = 50
HIGHEST = {"ascent.steps": 200, "ascent.restarts": 40, "network.width": 200, "network.dimension": 80, "view.grid": 60}
"""What keeps one picture to some milliseconds."""


def any_value(setting: Setting, dice: random.Random) -> Any:
    """Some value that could be chosen in the form, possible or not."""
    if setting.kind == "choice":
        return dice.choice(setting.choices)
    if setting.kind == "bool":
        return dice.random() < 0.5
    if setting.kind == "box":
        return dice.choice([None, (-1.0, 1.0), (0.0, 1.0), (-0.2, 0.2)])
    if setting.kind == "names":
        return dice.choice([None, ("W", "a"), ("fc1.weight",)])
    if setting.kind == "path":
        return "nowhere.npz"
    low, high = setting.slider or (setting.low or 0, min(setting.high or 5, 5))
    high = HIGHEST.get(setting.key, high)
    value = low * (high / low) ** dice.random() if setting.log else dice.uniform(low, high)
    return int(value) if setting.kind == "int" else value


def something_else(hands: Hands, dice: random.Random) -> None:
    """Any of the other things that a person does meanwhile."""
    session = hands.session
    place = (dice.uniform(-1, 1), dice.uniform(-1, 1))
    dice.choice(
        [
            session.undo_stack.undo,
            session.undo_stack.redo,
            session.cancel,
            lambda: session.set_focus(dice.randrange(6)),
            lambda: session.move_start(dice.randrange(4), place, onto_plane=dice.random() < 0.5, live=True),
            lambda: session.ask_direction(dice.randrange(12)),
            lambda: session.ask_probe(place),
            lambda: session.ask_cut((0.0, 0.0), place),
            lambda: hands.explore.tabs.setCurrentIndex(dice.randrange(2)),
            lambda: hands.key(dice.choice([Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Right, Qt.Key.Key_Space])),
        ]
    )()


@pytest.mark.parametrize("seed", [0, 3])
def test_a_restless_person(hands: Hands, seed: int) -> None:
    dice, session = random.Random(seed), hands.session
    hands.player.play()
    for _ in range(ACTIONS):
        setting = dice.choice(SETTINGS)
        session.edit(setting.key, any_value(setting, dice), live=dice.random() < 0.4)
        if dice.random() < 0.5:
            something_else(hands, dice)
        hands.qtbot.wait(dice.choice([0, 0, 5, 30, 100]))
        assert not hands.failures
    hands.player.pause()
    session.edit("input.scale", 0.7 + 0.1 * seed)  # whatever was cancelled last
    hands.rest(60_000)
    assert session.recording.experiment.same_run(session.experiment)
    assert session.recording.finished
    assert hands.spectrum_is_current
    assert session.surface.quantity == session.experiment.view.quantity
    assert session.plane.name == session.experiment.view.plane
    assert session.path.points.shape[1] == session.recording.restarts == session.info.restarts
    assert set(session.verdicts) == set(range(session.recording.restarts))
    np.testing.assert_allclose(np.linalg.norm(session.recording.x), session.experiment.input.scale)
