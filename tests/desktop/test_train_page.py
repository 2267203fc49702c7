"""The Train page: a training is written, started, paused, gone on with, cancelled and saved; what is wrong is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import small
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QWidget
from train_hands import TrainHands, tiny_training

from foadv_gui.desktop.actions import ACTIONS, Actions
from foadv_gui.desktop.filing import Filing
from foadv_gui.desktop.rendering import Rendering
from foadv_gui.desktop.session import Session
from foadv_gui.desktop.theme import ThemeKeeper
from foadv_gui.desktop.training_desk import State
from foadv_gui.desktop.transport import Transport
from foadv_gui.desktop.worker import ComputeThread
from foadv_gui.desktop.workspaces.train import TrainWorkspace
from foadv_gui.lab.training import album
from foadv_gui.lab.training.files import load_record
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.ready import load_training
from foadv_gui.lab.training.study import train

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


def _nothing(*_: object) -> None:
    """What the keys of other pages do here."""


@pytest.fixture
def at(qtbot: QtBot) -> Iterator[TrainHands]:
    """At the page by itself; Explore's session is there, and computes nothing."""
    theme, filing, host = ThemeKeeper(), Filing(), QWidget()
    theme.apply()
    session = Session(ComputeThread())
    session.open(small(input={"scale": 2.0}))
    transport = Transport(host)
    actions = Actions(host, {spec.key: _nothing for spec in ACTIONS} | transport.handlers, theme)
    page = TrainWorkspace(session, theme, filing, Rendering(host), actions)
    page.setParent(host)
    theme.setParent(page)  # or it would go on following the system's scheme in the tests that come after
    qtbot.addWidget(host)
    host.resize(QSize(1280, 660))
    page.resize(host.size())
    host.show()
    host.activateWindow()
    qtbot.waitUntil(host.isActiveWindow)
    transport.player = page.player
    page.enter()
    yield TrainHands(qtbot, page)
    page.close_down()
    session.close()
    filing.close()


def same(one: Any, other: Any) -> bool:
    """Whether two records hold the same numbers, bit for bit."""
    return all(
        np.array_equal(a.W, b.W)
        and np.array_equal(a.residual, b.residual)
        and all(np.array_equal(a.measures[name], b.measures[name], equal_nan=True) for name in a.measures)
        for a, b in zip(one.tracks, other.tracks, strict=True)
    )


def claims(at: TrainHands) -> bool:
    """Whether the paper's claim is set up."""
    planned = at.desk.plan.training
    return planned is not None and planned.identity == load_training("training-claim").identity


# -- writing ---------------------------------------------------------------------------------------------------------


def test_what_is_typed_is_counted_or_refused_beside_its_field_and_can_be_undone(at: TrainHands) -> None:
    fields, run = at.page.setup.fields, at.run
    assert at.page.invite.isVisible()
    assert claims(at)  # set up before anybody chose
    scales: Any = fields["input.scale"]
    at.type(scales.box, "0.1, 1, 10", enter=False)
    assert scales.count.text() == "6 lines × 3 seeds = 18 networks"
    units: Any = fields["training.rate_units"]
    at.choose(units.editor.box, "absolute")
    assert scales.count.text() == "3 lines × 3 seeds = 9 networks"
    at.focus(scales.box)
    at.key(Qt.Key.Key_End)
    at.qtbot.keyClicks(scales.box, ",-1")
    assert "between 0.0001 and 10000" in scales.refusal.text()
    assert scales.refusal.isVisible()
    assert not run.button.isEnabled()
    at.key(Qt.Key.Key_Backspace, times=3)
    assert not scales.refusal.isVisible()
    assert run.button.isEnabled()
    repeats: Any = fields["training.repeats"]
    at.type(repeats.editor.box, "2")
    assert scales.count.text() == "3 lines × 2 seeds = 6 networks"
    assert run.button.hasFocus()  # Enter in a field leads to the button, which a second one presses
    at.undo(100)
    assert claims(at)


def test_two_digits_are_chosen_with_their_images_and_must_differ(at: TrainHands) -> None:
    fields: Any = at.page.setup.fields
    assert not fields["training.digit_plus"].isVisible()
    at.desk.change("training.data", "digits")
    assert fields["training.digit_plus"].isVisible()
    assert not fields["network.dimension"].isVisible()
    before = fields["training.digit_minus"].image.pixmap().toImage()
    assert not before.isNull()
    at.page.setup.area.ensureWidgetVisible(fields["training.digit_minus"])
    at.type(fields["training.digit_minus"].editor.box, "3")
    assert fields["training.digit_minus"].image.pixmap().toImage() != before
    assert "another digit" in fields["training.digit_minus"].refusal.text()
    assert not at.run.button.isEnabled()
    at.desk.change("training.data", "file")
    assert "must name a file" in fields["training.file"].refusal.text()


def test_explores_experiment_is_taken_over_and_what_else_varies_is_shown(at: TrainHands) -> None:
    setup = at.page.setup
    at.click(setup.from_explore)
    assert at.desk.plan.base.network.dimension == 16
    assert not setup.more.isVisible()
    at.desk.open(Training(small()).over([("network.width", "16,64"), ("input.scale", "1,2")]))
    assert setup.also.text() == "Also varies: Width: 16,64"
    at.click(setup.forget)
    assert at.desk.plan.axes == (("input.scale", "1, 2"),)
    assert not setup.more.isVisible()


# -- training --------------------------------------------------------------------------------------------------------


def test_curves_grow_while_networks_are_trained_and_the_end_is_told(at: TrainHands) -> None:
    at.slowed(0.1)
    at.desk.open(tiny_training())
    grown: list[int] = []
    at.desk.recordChanged.connect(lambda: grown.append(at.desk.steps))
    at.press_start()
    assert at.run.button.text() == "Pause"
    assert not at.page.setup.form.isEnabled()
    assert "Starting" in at.words()
    at.until(lambda: 0 < at.desk.steps < 6)
    assert f"epoch {at.desk.steps} of 6" in at.page.doing
    assert at.desk.epoch == at.desk.steps  # who looks at the last epoch goes on looking at the last one
    at.settle()
    assert at.desk.state is State.DONE
    assert at.words() == "Done: 6 epochs."
    assert grown == sorted(grown)
    assert set(grown) - {0, 6}
    record = at.desk.record
    assert record is not None
    assert record.finished
    assert same(record, list(train(tiny_training()))[-1])
    assert at.plot().isVisible()
    for items, track in zip(at.plot().lines, record.tracks, strict=True):
        loss = track.measures["adversarial_loss"]
        x, y = items.curve.getData()
        np.testing.assert_array_equal(x, np.arange(7))
        np.testing.assert_allclose(y, loss / loss[0])
    assert at.page.said.label.text() == at.desk.pictures.sentence  # type: ignore[union-attr]
    assert at.page.unsaved == "6 epochs of training"


def test_a_paused_training_goes_on_as_if_it_had_never_stopped(at: TrainHands) -> None:
    at.slowed(0.1)
    at.desk.open(tiny_training())
    at.press_start()
    at.until(lambda: at.desk.steps >= 2)
    began = time.monotonic()
    at.press_start()  # the same button pauses
    at.settle()
    assert time.monotonic() - began < 2
    assert at.desk.state is State.PAUSED
    paused = at.desk.steps
    assert 2 <= paused < 6
    assert at.words() == f"Paused at epoch {paused} of 6."
    assert at.run.button.text() == "Resume"
    at.slowed(0.0)
    at.desk.change("training.rate", 0.5)
    assert "last training" in at.words()
    assert at.run.button.text() == "Start"
    at.undo()
    at.press_start()
    at.settle()
    assert at.desk.state is State.DONE
    assert same(at.desk.record, list(train(tiny_training()))[-1])


def test_a_training_that_has_ended_is_played_once_for_who_watches_it(at: TrainHands) -> None:
    player: Any = at.page.player
    player.set_speed(2.0)
    seen: list[int] = []
    at.desk.cursorChanged.connect(lambda: seen.append(at.desk.epoch))
    at.train()
    assert player.loop
    at.until(lambda: not player.playing)
    assert at.desk.epoch == at.desk.steps == 6
    played = seen[seen.index(6) + 1 :]
    played = played[played.index(0) :]
    # Forward, to the end, and by steps that can be followed: a busy machine may leave out some.
    assert played == sorted(played) and played[-1] == 6 and len(set(played)) >= 4
    seen.clear()
    # What is new is played, but not to somebody who looks at an earlier epoch.
    at.click(at.run.more)
    at.settle()
    at.until(lambda: not player.playing)
    assert min(seen) == 6
    at.key(Qt.Key.Key_Home)
    at.click(at.run.more)
    at.settle()
    assert not player.playing
    assert at.desk.epoch == 0


def test_a_training_that_has_ended_behind_another_page_is_played_when_somebody_comes_back(at: TrainHands) -> None:
    at.slowed(0.05)
    at.desk.open(tiny_training())
    at.press_start_at_once()
    at.page.leave()
    at.page.hide()
    at.settle()
    player: Any = at.page.player
    assert not player.playing
    at.page.show()
    at.page.enter()
    assert player.playing
    assert at.desk.epoch == 0


def test_cancel_keeps_the_epochs_and_more_of_them_can_be_asked_for(at: TrainHands) -> None:
    at.slowed(0.1)
    at.desk.open(tiny_training())
    at.press_start()
    at.until(lambda: at.desk.steps >= 1)
    at.click(at.run.cancel)
    at.settle()
    assert at.desk.state is State.CANCELLED
    done = at.desk.steps
    assert "Cancelled after" in at.words()
    assert at.run.button.text() == "Start again"
    assert not at.run.cancel.isVisible()
    at.slowed(0.0)
    at.click(at.run.more)
    assert at.desk.plan.section.epochs == done + 60
    at.settle()
    assert at.desk.state is State.DONE
    assert at.desk.steps == done + 60
    assert same(at.desk.record, list(train(tiny_training(epochs=done + 60)))[-1])


def test_a_training_that_diverges_says_why_and_offers_a_rate_with_which_it_does_not(at: TrainHands) -> None:
    at.train(tiny_training(rate=1000.0))
    assert at.desk.state is State.DIVERGED
    bar = at.page.diverged
    assert bar.isVisible()
    assert "was stopped after epoch" in bar.words.text()
    shown = at.desk.pictures
    assert shown is not None
    assert shown.remedy is not None
    assert bar.button.text() == f"Train again with c = {shown.remedy:g}"
    ends = at.plot().lines[0].ends.getData()
    assert len(ends[0]) == 1  # a cross where it ended
    at.click(bar.button)
    assert at.desk.plan.section.rate == shown.remedy
    at.settle()
    assert at.desk.state is State.DONE
    assert not bar.isVisible()
    at.undo()
    assert at.desk.plan.section.rate == 1000.0


def test_an_error_of_nobodys_expecting_is_shown_and_the_page_goes_on(at: TrainHands) -> None:
    def broken(*_: object) -> Iterator[Any]:
        raise RuntimeError("no such luck")
        yield

    at.desk.trainer.train = broken
    at.desk.open(tiny_training())
    at.press_start()
    at.until(lambda: not at.desk.busy)
    assert at.failures[0].startswith("RuntimeError: no such luck\nTraceback")
    assert at.desk.state is State.FAILED
    assert "no such luck" in at.words()
    assert at.page.setup.form.isEnabled()
    at.failures.clear()
    at.slowed(0.0)
    at.press_start()
    at.settle()
    assert at.desk.state is State.DONE


def test_what_a_column_meets_with_is_told_and_its_whole_view_comes_back(
    at: TrainHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    at.page.told.connect(told.append)
    at.train()
    row = at.page.epochs
    at.until(lambda: bool(row.columns) and all(column.session.picture is not None for column in row.columns))
    landscape = row.columns[0].landscape
    whole = landscape.visible_part
    landscape.show_part((0.0, 0.5, 0.0, 0.5))
    assert landscape.visible_part != pytest.approx(whole)
    at.page.fit()
    assert landscape.visible_part == pytest.approx(whole)
    explore = row.columns[0].buttons["explore"]
    at.click(explore)
    assert not told
    assert row._scratch is not None
    row._scratch.cleanup()  # as somebody who clears away temporary files does
    at.click(explore)
    assert told[0].startswith("Not opened: ")

    def broken(*_: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(album, "epoch_run", broken)
    at.desk.set_point(1)
    assert at.page.busy
    at.until(lambda: bool(at.failures))
    assert at.failures[0].startswith("RuntimeError: no such luck")


def test_a_ready_training_starts_at_a_click_and_the_page_can_close_meanwhile(at: TrainHands) -> None:
    at.slowed(0.05)
    button = at.page.invite.buttons["training-claim"]
    assert "The paper" in button.text()
    at.click(button)
    assert at.desk.running
    assert at.page.preset == "training-claim"
    assert at.page.computing
    at.until(lambda: at.desk.record is not None)
    began = time.monotonic()
    at.page.close_down()
    assert time.monotonic() - began < 3
    assert not at.desk.running


# -- files -----------------------------------------------------------------------------------------------------------


def test_the_record_and_the_settings_are_saved_and_come_back(at: TrainHands, tmp_path: Path) -> None:
    warned: list[str] = []
    at.page.warned.connect(lambda _what, why: warned.append(why))
    at.page.save_to(tmp_path / "t.npz")
    assert "nothing has been trained yet" in warned.pop()
    at.page.save_to(tmp_path / "t.txt")
    assert "must end in .npz" in warned.pop()
    at.train()
    record = at.desk.record
    assert record is not None
    at.page.save_to(tmp_path / "t.npz")
    at.until(lambda: not at.page.unsaved)
    assert at.desk.source == str(tmp_path / "t.npz")
    loaded = load_record(tmp_path / "t.npz")
    assert same(loaded, record)
    at.desk.open(loaded.training, loaded, "t.npz")
    at.settle()
    assert at.desk.state is State.LOADED
    assert at.words() == "The training of t.npz"
    assert not at.page.unsaved
    assert at.desk.epoch == 0
    at.page.save_to(tmp_path / "t.toml")
    at.until((tmp_path / "t.toml").exists)
    assert Training.from_toml(tmp_path / "t.toml").identity == record.training.identity
