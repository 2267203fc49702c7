"""Animations are saved beside the window: with their progress, cancelled, given up, refused; training goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hands import CTRL, Hands, small
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from test_accessibility import controls, says
from train_hands import TrainHands, tiny_training

from foadv_gui.core.interruption import Interrupted
from foadv_gui.desktop.rendering import Rendering
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.training.files import save_record
from foadv_gui.lab.training.study import train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def at(new_window: Callable[[], Hands], tmp_path: Path) -> TrainHands:
    """At a training of a file on the Train page of a window, whose Explore page computes nothing."""
    *_, record = train(tiny_training())
    save_record(record, tmp_path / "t.npz")
    hands = new_window()
    hands.session.open(small())
    hands.player.pause()
    at = TrainHands(hands.qtbot, hands.window.train, hands.window)
    at.window.open_target(str(tmp_path / "t.npz"))
    at.until(lambda: at.desk.record is not None)
    at.player.pause()
    at.settle()
    return at


def save_as(at: TrainHands, path: Path, monkeypatch: pytest.MonkeyPatch, kind: str = "") -> None:
    """Press Ctrl+S, and name a file, or a kind of files too, in the dialog."""
    dialog = "foadv_gui.desktop.workspaces.workspace.QFileDialog.getSaveFileName"
    monkeypatch.setattr(dialog, lambda *_: (str(path), kind))
    at.key(Qt.Key.Key_S, CTRL)


def patiently(tell: Callable[[float], object], interrupted: Callable[[], bool]) -> None:
    """What writes nothing, says that it is half done, and goes on until it is stopped."""
    tell(0.5)
    while not interrupted():
        time.sleep(0.005)
    raise Interrupted


def test_a_gif_is_saved_with_its_progress_while_a_training_goes_on(
    at: TrainHands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, rendering, path = at.window.line.rendering, at.window.rendering, tmp_path / "a.gif"
    seen: list[int] = []
    rendering.changed.connect(lambda: seen.append(line.bar.value()))
    at.slowed(0.05)
    at.desk.go_on(400)
    save_as(at, path, monkeypatch)
    assert rendering.busy
    shown = at.desk.steps
    assert line.isVisible()
    assert "Saving a.gif: 0%" in line.words.text()
    assert all(says(control) for control in controls(at) if line.isAncestorOf(control))
    at.page.save_to(tmp_path / "a.toml")  # other files do not wait for it
    at.until((tmp_path / "a.toml").exists)
    assert rendering.busy
    with at.qtbot.waitSignal(rendering.saved, timeout=60_000):
        pass
    assert at.desk.running
    assert at.desk.steps > shown + 2
    assert at.window.statusBar().currentMessage() == f"Saved {path}"
    assert not line.isVisible()
    assert at.page.unsaved  # an animation is no record
    assert seen == sorted(seen)
    assert len(set(seen)) > 5
    with Image.open(path) as found:
        assert (found.size, found.n_frames) == ((1280, 720), shown + 1)


def test_esc_and_the_button_stop_an_animation_and_leave_no_file(
    at: TrainHands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, rendering = at.window.line.rendering, at.window.rendering
    before = set(tmp_path.iterdir())
    save_as(at, tmp_path / "a.gif", monkeypatch)
    at.until(lambda: rendering.percent > 0)
    at.key(Qt.Key.Key_Escape)
    at.until(lambda: not rendering.busy)
    assert set(tmp_path.iterdir()) == before
    assert "a.gif was not written" in at.window.statusBar().currentMessage()
    # Where the page computes, too, Esc stops that first.
    rendering.save(tmp_path / "a.gif", patiently)
    at.slowed(0.05)
    at.desk.go_on(400)
    at.key(Qt.Key.Key_Escape)
    at.until(lambda: not at.desk.running)
    assert not rendering.stopping
    at.key(Qt.Key.Key_Escape)
    at.until(lambda: not rendering.busy)
    # Nor is one replaced that nobody was asked about.
    (tmp_path / "a.gif").write_text("old")
    warned: list[str] = []
    at.page.warned.connect(lambda _what, why: warned.append(why))
    save_as(at, tmp_path / "a", monkeypatch, "Animation for a slide (*.gif)")
    assert "a.gif: there is such a file already" in warned.pop()
    assert not rendering.busy
    # The same by the button, from another page; a second one has to wait.
    rendering.save(tmp_path / "b.gif", patiently)
    at.key(Qt.Key.Key_1, CTRL)
    at.until(lambda: line.bar.value() == 50)
    rendering.refused.connect(lambda _what, why: warned.append(why))
    rendering.save(tmp_path / "c.gif", patiently)
    assert "b.gif is being written" in warned.pop()
    at.click(line.stop)
    at.until(lambda: not rendering.busy)
    assert not line.isVisible()


def test_closing_the_window_asks_about_an_animation_and_gives_it_up(
    at: TrainHands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, rendering = at.window, at.window.rendering
    before = set(tmp_path.iterdir())
    save_as(at, tmp_path / "a", monkeypatch, "Video (*.mp4)")
    at.until(lambda: rendering.percent > 0)
    window.close()
    box = window.findChild(QMessageBox, "unsaved")
    assert "Saving a.mp4" in box.text()
    at.click(box.button(QMessageBox.StandardButton.Cancel))
    at.until(lambda: window.findChild(QMessageBox, "unsaved") is None)
    assert window.isVisible()
    assert rendering.busy
    window.close()
    began = time.monotonic()
    at.click(window.findChild(QMessageBox, "unsaved").button(QMessageBox.StandardButton.Discard))
    assert not window.isVisible()
    assert time.monotonic() - began < 3
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("error", "refused", "failed"),
    [
        (FileProblem("a.gif", "cannot be written: no space left"), "a.gif: cannot be written: no space left", ""),
        (MemoryError(), "there is not enough memory", ""),
        (ZeroDivisionError("oh"), "", "ZeroDivisionError: oh"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    qtbot: QtBot, tmp_path: Path, error: Exception, refused: str, failed: str
) -> None:
    def render(*_: object) -> None:
        raise error

    rendering = Rendering()
    told: dict[str, str] = {"refused": "", "failed": ""}
    rendering.refused.connect(lambda _what, why: told.update(refused=why))
    rendering.failed.connect(lambda what, _details: told.update(failed=what))
    rendering.save(tmp_path / "a.gif", render)
    qtbot.waitUntil(lambda: not rendering.busy)
    assert told == {"refused": refused, "failed": failed}
    rendering.save(tmp_path / "a.gif", patiently)  # and another one can be written
    rendering.close()
    assert not rendering.busy
