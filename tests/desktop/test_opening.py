"""What is opened is shown, or refused by name with nothing changed; and what is saved is on the disk before the end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command_line import refused
from hands import CTRL, Hands, small
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QMessageBox

from foadv_gui.desktop import app
from foadv_gui.desktop.undo import Choice
from foadv_gui.lab.documents import Found, look_up, save_experiment
from foadv_gui.lab.experiment import given_starts, run
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.presets import load_preset, preset_names
from foadv_gui.lab.recording import Recording, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from foadv_gui.lab.config import Experiment


def impossible(tmp_path: Path) -> dict[str, Experiment]:
    """Experiments that only the compute thread can refuse, by a word of the reason."""
    gone = str(tmp_path / "gone.npz")
    return {
        "gone.npz": small(network={"source": "file", "file": gone}),
        "gone.npy": small(input={"source": "file", "file": str(tmp_path / "gone.npy")}),
        "must contain the clean input": small(ascent={"box": [0.0, 1e-3]}),
        "float64 of shape 0x16": small(ascent={"start": "file", "start_file": str(tmp_path / "none.npy")}),
    }


def messages_of(hands: Hands) -> list[QMessageBox]:
    return [box for box in hands.window.findChildren(QMessageBox) if box.isVisible()]


def dismissed(hands: Hands) -> str:
    """The text of the one message there is, once it has been read."""
    hands.until(lambda: len(messages_of(hands)) == 1)
    (box,) = messages_of(hands)
    text = box.text()
    assert box.windowTitle() == "This cannot be opened"
    box.accept()
    hands.until(lambda: not hands.window.findChildren(QMessageBox))
    hands.activate()
    return text


def test_what_the_thread_refuses_is_named_and_changes_nothing(hands: Hands, tmp_path: Path) -> None:
    session, window = hands.session, hands.window
    np.save(tmp_path / "none.npy", np.empty((0, 16)))
    hands.type(hands.field("input.scale").editor.box, "0.5")
    hands.rest()
    hands.player.seek(7)
    experiment, recording, title, watch = (
        session.experiment,
        session.recording,
        window.windowTitle(),
        window.bar.watch.text(),
    )
    for words, wrong in impossible(tmp_path).items():
        path = tmp_path / "wrong.toml"
        path.write_text(wrong.replace("title", "Wrong").to_toml(), encoding="utf-8")
        window.open_target(str(path))
        text = dismissed(hands)
        assert text.startswith(f"{path}: ")
        assert words in text
        hands.rest()
        assert session.experiment == experiment
        assert session.recording is recording
        assert (window.windowTitle(), window.bar.watch.text()) == (title, watch)
        assert hands.field("input.scale").editor.box.value() == 0.5
        assert not any(field.refusal.isVisible() for field in hands.explore.setup.fields.values())
        assert (session.t, hands.player.playing) == (7, False)
        assert session.undo_stack.count() == 1
    hands.key(Qt.Key.Key_Z, CTRL)
    hands.rest()
    assert session.experiment == session.recording.experiment == small()


def test_a_recording_that_the_thread_refuses_changes_nothing(hands: Hands, tmp_path: Path) -> None:
    relu = run(small(network={"activation": "relu"}, view={"plane": "hessian-eigenvectors"}))
    relu.save(tmp_path / "run.npz")
    before = hands.session.recording
    hands.window.open_target(str(tmp_path / "run.npz"))
    assert dismissed(hands).startswith(str(tmp_path / "run.npz"))
    hands.rest()
    assert hands.session.recording is before


def test_a_refusal_goes_back_to_a_run_that_still_climbs(hands: Hands, tmp_path: Path) -> None:
    session = hands.session
    session.open(small(network={"width": 512, "dimension": 256}, ascent={"steps": 50_000, "restarts": 32}))
    hands.until(lambda: session.recording.restarts == 32 and session.recording.steps > 5)
    (tmp_path / "wrong.toml").write_text(impossible(tmp_path)["gone.npz"].to_toml(), encoding="utf-8")
    steps = session.recording.steps
    hands.window.open_target(str(tmp_path / "wrong.toml"))
    dismissed(hands)
    hands.until(lambda: session.recording.restarts == 32 and session.recording.steps > steps + 5)
    assert not session.recording.finished
    hands.key(Qt.Key.Key_Escape)


def test_the_first_thing_that_is_opened_may_be_refused_too(new_window: Callable[[], Hands], tmp_path: Path) -> None:
    hands = new_window()
    app.begin(hands.window, Found(impossible(tmp_path)["gone.npz"]), "wrong.toml")
    hands.window.start_computing()
    hands.until(lambda: len(messages_of(hands)) == 1, timeout=120_000)
    assert dismissed(hands).startswith("wrong.toml: network.file = ")
    hands.rest()
    assert hands.session.recording.finished  # the window works
    assert hands.session.recording.experiment == hands.session.experiment


def test_opening_is_undone_and_done_again(hands: Hands, tmp_path: Path) -> None:
    session = hands.session
    run(small(input={"scale": 2.0}), starts=np.full((2, 16), 0.01)).save(tmp_path / "run.npz")
    hands.window.open_target(preset_names()[1])
    hands.window.open_target(str(tmp_path / "run.npz"))
    hands.rest()
    hands.player.pause()
    assert session.recording.restarts == 2
    hands.focus(hands.landscape)
    hands.key(Qt.Key.Key_Z, CTRL)
    hands.rest()
    assert session.experiment == session.recording.experiment == load_preset(preset_names()[1])
    assert load_preset(preset_names()[1]).title in hands.window.windowTitle()
    hands.key(Qt.Key.Key_Z, CTRL)
    hands.rest()
    assert session.experiment == session.recording.experiment == small()
    hands.key(Qt.Key.Key_Y, CTRL, times=2)
    hands.rest()
    np.testing.assert_array_equal(session.recording.delta, load(tmp_path / "run.npz").delta)
    hands.player.pause()


def test_large_recordings_are_not_all_kept_for_undo(
    hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foadv_gui.desktop.undo._HELD_BYTES", 2 * hands.session.recording.delta.nbytes - 1)
    hands.session.recording.save(tmp_path / "run.npz")
    counts = []
    for _ in range(5):
        hands.window.open_target(str(tmp_path / "run.npz"))
        hands.rest()
        counts.append(hands.session.undo_stack.count())
    hands.player.pause()
    assert counts == [1, 2, 1, 1, 1]  # the one on show and the one before


def test_the_latest_of_two_openings_is_shown(hands: Hands, tmp_path: Path) -> None:
    run(small(input={"scale": 2.0})).save(tmp_path / "run.npz")
    hands.window.open_target(str(tmp_path / "run.npz"))
    hands.window.open_target(preset_names()[0])
    hands.rest()
    hands.player.pause()
    assert hands.session.experiment == load_preset(preset_names()[0])


# ---- starts of their own -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run.npz", "mine.toml"])
def test_starts_set_by_hand_are_saved_and_give_the_same_run_again(hands: Hands, tmp_path: Path, name: str) -> None:
    session = hands.session
    session.move_start(1, (0.4, -0.3), onto_plane=False, live=False)
    hands.rest()
    by_hand = session.recording
    hands.window.save_to(tmp_path / name)
    hands.rest()
    found = look_up(tmp_path / name)
    again = run(found.experiment, starts=given_starts(found.starts, found.experiment))
    np.testing.assert_array_equal(again.delta, by_hand.delta)
    assert again.eta == by_hand.eta


def test_an_opened_recording_keeps_its_starts_through_changes_and_in_its_toml(hands: Hands, tmp_path: Path) -> None:
    session = hands.session
    first = run(small(), starts=0.05 * np.random.default_rng(0).standard_normal((3, 16)))
    first.save(tmp_path / "run.npz")
    hands.window.open_target(str(tmp_path / "run.npz"))
    hands.rest()
    hands.player.pause()
    hands.window.save_to(tmp_path / "mine.toml")
    hands.rest()
    found = look_up(tmp_path / "mine.toml")
    np.testing.assert_array_equal(run(found.experiment).delta, first.delta)
    hands.type(hands.field("ascent.steps").editor.box, "40")
    hands.rest()
    assert session.recording.steps == 40
    np.testing.assert_array_equal(session.recording.delta[:31], first.delta)
    hands.type(hands.field("input.scale").editor.box, "2")
    hands.rest()
    np.testing.assert_allclose(session.recording.delta[0], 2 * first.delta[0])
    hands.click(hands.field("ascent.seed").editor.button)
    hands.rest()
    assert session.recording.restarts == 4  # other starts were asked for


# ---- saving --------------------------------------------------------------------------------------------------------


class Slowly:
    """A recording whose saving waits until it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fails: bool = False) -> None:
        self.go, self.fails, save = threading.Event(), fails, Recording.save

        def slow(recording: Any, path: Any) -> None:
            assert self.go.wait(20)
            if self.fails:
                raise FileProblem(path, "cannot be written: No space left on device")
            save(recording, path)

        monkeypatch.setattr(Recording, "save", slow)


def test_the_window_goes_on_while_it_saves(hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slowly = Slowly(monkeypatch)
    recording = hands.session.recording
    hands.window.save_to(tmp_path / "run.npz")
    hands.type(hands.field("input.scale").editor.box, "2")
    hands.until(lambda: hands.session.recording.experiment.input.scale == 2)
    assert not (tmp_path / "run.npz").exists()
    slowly.go.set()
    hands.rest()
    np.testing.assert_array_equal(load(tmp_path / "run.npz").delta, recording.delta)


def test_closing_waits_for_what_is_being_saved(hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slowly = Slowly(monkeypatch)
    hands.window.save_to(tmp_path / "run.npz")
    threading.Timer(0.3, slowly.go.set).start()
    assert hands.window.close()
    assert load(tmp_path / "run.npz").finished
    assert not hands.window.isVisible()


def test_closing_is_put_off_when_saving_fails(hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slowly = Slowly(monkeypatch, fails=True)
    hands.window.save_to(tmp_path / "run.npz")
    threading.Timer(0.3, slowly.go.set).start()
    assert not hands.window.close()
    assert hands.window.isVisible()
    hands.until(lambda: len(messages_of(hands)) == 1)
    assert "No space left" in messages_of(hands)[0].text()
    messages_of(hands)[0].accept()
    slowly.fails = False
    hands.window.save_to(tmp_path / "run.npz")
    assert hands.window.close()
    assert load(tmp_path / "run.npz").finished


def test_an_unexpected_error_while_saving_is_a_dialog_with_details(
    hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("foadv_gui.desktop.filing.save_experiment", broken)
    hands.window.save_to(tmp_path / "mine.toml")
    hands.until(lambda: len(messages_of(hands)) == 1)
    (box,) = messages_of(hands)
    assert "ZeroDivisionError: by nothing" in box.text()
    assert "in broken" in box.detailedText()
    box.accept()


# ---- screenshots ---------------------------------------------------------------------------------------------------


def test_a_screenshot_leaves_the_users_settings_alone(tmp_path: Path) -> None:
    QSettings().setValue("window/geometry", b"nonsense")
    QSettings().setValue("theme", "dark")
    before = {key: QSettings().value(key) for key in QSettings().allKeys()}
    app.screenshot(Found(small()), tmp_path / "a.png", name="small", size=(1000, 640))
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert {key: QSettings().value(key) for key in QSettings().allKeys()} == before


@pytest.mark.parametrize("words", ["gone.npz", "gone.npy", "must contain the clean input"])
def test_a_screenshot_of_what_is_refused_is_not_written(tmp_path: Path, words: str) -> None:
    with pytest.raises(FileProblem, match=words) as caught:
        app.screenshot(Found(impossible(tmp_path)[words]), tmp_path / "a.png", name="wrong.toml")
    assert str(caught.value).startswith("wrong.toml: ")
    assert not (tmp_path / "a.png").exists()


def test_the_command_line_names_what_only_the_compute_thread_refuses(tmp_path: Path) -> None:
    wrong, picture = tmp_path / "a.toml", tmp_path / "a.png"
    wrong.write_text("[network]\nsource = 'file'\nfile = 'gone.npz'\n")
    line = refused("open", str(wrong), "--screenshot", str(picture))
    assert line.startswith(f"foadv: {wrong}: network.file = '{tmp_path / 'gone.npz'}': cannot be read")
    assert not picture.exists()


def test_a_screenshot_of_what_fails_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("foadv_gui.lab.scene.prepare", broken)
    with pytest.raises(RuntimeError, match="ZeroDivisionError: by nothing") as caught:
        app.screenshot(Found(small()), tmp_path / "a.png", name="small")
    assert "in broken" in caught.value.__notes__[0]
    assert not (tmp_path / "a.png").exists()


def test_a_choice_from_a_recording_is_saved_by_value(tmp_path: Path) -> None:
    recording = run(small(), starts=np.full((2, 16), 0.01))
    choice = Choice(small(), recording)
    save_experiment(tmp_path / "mine.toml", choice.experiment, given_starts(choice.starts, choice.experiment))
    np.testing.assert_array_equal(np.load(tmp_path / "mine.starts.npy"), recording.delta[0])
