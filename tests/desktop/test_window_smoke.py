"""The real window on a real screen: it opens moving, answers keys and the mouse, and is not blank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage

from foadv_gui.lab.presets import load_preset, preset_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from hands import Hands

pytestmark = pytest.mark.window


def colours(image: QImage) -> int:
    """How many different colours a picture has."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.bytesPerLine() // 4)
    return len(np.unique(pixels[:, : image.width()]))


@pytest.fixture
def first_preset(new_window: Callable[[], Hands]) -> Hands:
    hands = new_window()
    hands.session.open(load_preset(preset_names()[0]))
    hands.window.start_computing()
    hands.until(lambda: hands.session.recording is not None and hands.session.recording.finished)
    return hands


def test_it_plays_and_answers_keys(first_preset: Hands) -> None:
    hands = first_preset
    assert not QGuiApplication.platformName().startswith("offscreen")
    hands.until(lambda: hands.session.t >= 2)
    hands.landscape.setFocus()
    hands.key(Qt.Key.Key_Space)
    assert not hands.player.playing
    before = hands.session.t
    hands.key(Qt.Key.Key_Right)
    assert hands.session.t == before + 1


def test_the_landscape_is_drawn_and_follows_the_slider(first_preset: Hands) -> None:
    hands = first_preset
    hands.player.pause()
    hands.rest()
    before = hands.landscape.grab().toImage()
    assert colours(before) > 100
    slider = hands.field("input.scale").editor.slider
    scale = hands.session.experiment.input.scale
    middle = slider.height() // 2
    handle = QPoint(round(slider.width() * slider.value() / slider.maximum()), middle)
    hands.drag(slider, handle, QPoint(slider.width() - 20, middle))
    hands.rest()
    assert hands.session.experiment.input.scale > scale
    after = hands.landscape.grab().toImage()
    assert colours(after) > 100
    assert after != before
