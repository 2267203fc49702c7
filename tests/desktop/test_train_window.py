"""Training in the whole window: it goes on behind other pages, and is asked about before the window closes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hands import CTRL, Hands, small
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from test_accessibility import controls, says
from train_hands import TrainHands, tiny_training

from foadv_gui.desktop.training_desk import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def at(new_window: Callable[[], Hands]) -> TrainHands:
    """At the Train page of a window whose Explore page computes nothing."""
    hands = new_window()
    hands.session.open(small())
    hands.player.pause()
    at = TrainHands(hands.qtbot, hands.window.train, hands.window)
    at.key(Qt.Key.Key_4, CTRL)
    assert at.page.isVisible()
    return at


def test_a_training_goes_on_behind_other_pages_and_is_asked_about_at_the_end(at: TrainHands) -> None:
    at.slowed(0.05)
    at.desk.open(tiny_training(epochs=200))
    assert at.run.button.hasFocus()
    at.key(Qt.Key.Key_Return)
    at.until(lambda: at.desk.steps >= 1)
    assert at.window.stop.isVisible()
    at.key(Qt.Key.Key_1, CTRL)
    assert at.explore.isVisible()
    before = at.desk.steps
    at.until(lambda: at.desk.steps > before + 2)
    at.key(Qt.Key.Key_4, CTRL)
    at.until(lambda: at.plot().picture is not None and at.plot().lines[0].curve.getData()[0].max() > before)
    at.key(Qt.Key.Key_Escape)
    at.settle()
    assert at.desk.state is State.PAUSED
    assert at.window.windowTitle() == "foadv"  # it has no name
    assert all(says(control) for control in controls(at))
    # Closing: what is in no file is asked about; a training that runs is stopped.
    at.press_start()
    at.window.close()
    box = at.window.findChild(QMessageBox, "unsaved")
    assert "epochs of training" in box.text()
    began = time.monotonic()
    at.click(box.button(QMessageBox.StandardButton.Discard))
    at.until(lambda: not at.window.isVisible())
    assert not at.desk.running
    assert time.monotonic() - began < 3


def test_trainings_are_opened_by_name_and_by_file_and_their_records_too(at: TrainHands, tmp_path: Path) -> None:
    at.window.open_target("rate-too-large")
    assert at.page.preset == "rate-too-large"
    assert at.page.watch == at.desk.plan.base.watch
    assert at.window.bar.preset.currentData() == "rate-too-large"
    at.train()
    at.page.save_to(tmp_path / "t.npz")
    at.until(lambda: not at.page.unsaved)
    (tmp_path / "other.toml").write_text(tiny_training("0.1").to_toml(), "utf-8")
    at.window.open_target(str(tmp_path / "other.toml"))
    assert at.desk.plan.scales == "0.1"
    assert at.desk.state is State.EMPTY
    at.key(Qt.Key.Key_1, CTRL)
    at.window.open_target(str(tmp_path / "t.npz"))
    at.until(lambda: at.desk.state is State.LOADED)
    assert at.page.isVisible()
    assert at.desk.plan.scales == "0.3, 1"
    assert at.desk.steps == 6


def test_what_took_long_is_asked_about_before_something_else_takes_its_place(
    at: TrainHands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def question() -> QMessageBox | None:
        return at.window.findChild(QMessageBox, "replace")

    def answer(button: QMessageBox.StandardButton) -> None:
        box = question()
        assert box is not None
        at.click(box.button(button))
        at.until(lambda: question() is None)
        at.activate()

    at.train()
    at.train()  # what took a moment is simply replaced
    assert 0 < at.desk.spent < 20
    monkeypatch.setattr("foadv_gui.desktop.replacing._DEAR_SECONDS", 0.0)
    record = at.desk.record
    at.press_start()
    box = question()
    assert box is not None
    assert "6 epochs of training, which took " in box.text()
    answer(QMessageBox.StandardButton.Cancel)
    assert at.desk.record is record
    assert not at.desk.running
    # Another training would take its place, too, and it can be saved first.
    (tmp_path / "other.toml").write_text(tiny_training("0.1").to_toml(), "utf-8")
    at.window.open_target(str(tmp_path / "other.toml"))
    dialog = "foadv_gui.desktop.workspaces.workspace.QFileDialog.getSaveFileName"
    monkeypatch.setattr(dialog, lambda *_: (str(tmp_path / "kept.npz"), ""))
    answer(QMessageBox.StandardButton.Save)
    at.until(lambda: not at.page.unsaved)
    assert at.desk.record is record
    at.press_start_at_once()  # it is in a file now
    at.settle()
    assert at.desk.record is not record
    at.press_start()
    answer(QMessageBox.StandardButton.Discard)
    assert at.desk.running
    at.settle()


def test_the_key_sheet_says_what_the_keys_of_the_page_step_over(at: TrainHands) -> None:
    at.key(Qt.Key.Key_Question)
    box = at.window.findChild(QMessageBox)
    assert "One epoch back" in box.text()
    assert "iterate" not in box.text()
    at.click(box.button(QMessageBox.StandardButton.Ok))
    at.until(lambda: at.window.findChild(QMessageBox) is None)
    assert at.window.actions_table["back"].toolTip() == "One epoch back (Left)"
    at.activate()
    at.key(Qt.Key.Key_1, CTRL)
    at.key(Qt.Key.Key_Question)
    box = at.window.findChild(QMessageBox)
    assert "One iterate back" in box.text()
    at.click(box.button(QMessageBox.StandardButton.Ok))
    at.until(lambda: at.window.findChild(QMessageBox) is None)
