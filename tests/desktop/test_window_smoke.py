"""The real window on a real window system, as a person meets it first; and its picture, drawn without a screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage

from foadv_gui.desktop.app import begin
from foadv_gui.lab.presets import load_preset, preset_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from hands import Hands

ROOT = Path(__file__).resolve().parents[2]
MANY = 60
"""A landscape has hundreds of colours; an empty plot with axes and letters has some dozens of greys."""


def colourful(image: QImage) -> int:
    """How many colours an image has that are no greys, to four bits a channel."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    pixels = rows[:, : image.width(), :3].astype(int) // 16
    vivid = pixels.max(-1) - pixels.min(-1) >= 2
    return len(np.unique(pixels[vivid], axis=0))


@pytest.mark.window
def test_the_window_on_a_screen(new_window: Callable[[], Hands]) -> None:
    assert QGuiApplication.platformName() not in ("offscreen", "minimal")
    hands = new_window()
    begin(hands.window)
    session = hands.session
    hands.until(lambda: session.t > 0)  # the shipped recording moves
    assert colourful(hands.window.grab().toImage()) > MANY
    hands.window.start_computing()
    hands.until(lambda: not session.shipped, timeout=90_000)
    if hands.player.playing:
        hands.key(Qt.Key.Key_Space)
    hands.rest(timeout=90_000)
    assert not hands.player.playing
    hands.key(Qt.Key.Key_Home)
    hands.key(Qt.Key.Key_Right)
    assert session.t == 1
    hands.key(Qt.Key.Key_Space)
    hands.until(lambda: session.t > 2)
    hands.key(Qt.Key.Key_Space)
    hands.slide(hands.field("input.scale").editor.slider, 700, 900)
    hands.rest(timeout=90_000)
    assert session.experiment.input.scale > load_preset(preset_names()[0]).input.scale
    assert session.recording.experiment == session.experiment
    hands.qtbot.waitExposed(hands.window)
    hands.until(lambda: colourful(seen_on_screen(hands)) > MANY)


def seen_on_screen(hands: Hands) -> QImage:
    """The landscape as the window system shows it, not as the widget would paint itself."""
    plot = hands.landscape
    place = plot.mapTo(hands.window, plot.rect().topLeft())
    screen: Any = hands.window.screen()
    return QImage(screen.grabWindow(hands.window.winId(), place.x(), place.y(), plot.width(), plot.height()).toImage())


def test_a_picture_of_the_window_without_a_screen(tmp_path: Path) -> None:
    pytest.importorskip("foadv_gui.cli")
    path = tmp_path / "hill.png"
    few = ("--set", "network.width=64", "--set", "ascent.restarts=4", "--set", "view.grid=81")  # a second's work
    shot = ("--screenshot", str(path), "--size", "1280x720")
    command = [sys.executable, "-m", "foadv_gui", "open", "one-hill", *few, *shot]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    image = QImage(str(path))
    assert (image.width(), image.height()) == (1280, 720)
    centre = image.copy(image.width() // 3, image.height() // 4, image.width() // 3, image.height() // 4)
    assert colourful(centre) > MANY
