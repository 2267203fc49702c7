"""Light and dark; opening and saving; messages that name the file and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import CTRL, Hands, small
from PySide6.QtCore import QPoint, QSettings, Qt, QTimer
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QMessageBox

from foadv_gui.desktop.theme import DARK, LIGHT, ThemeKeeper
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.presets import load_preset, preset_names
from foadv_gui.lab.recording import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from foadv_gui.lab.palette import Theme


def colours_are(hands: Hands, theme: Theme) -> None:
    """Palette, plot backgrounds, and the very pixels of a plot's margin are the theme's."""
    workspace = hands.explore
    assert QApplication.palette().color(QPalette.ColorRole.Window).name() == theme.window
    assert QApplication.palette().color(QPalette.ColorRole.Text).name() == theme.text
    for plot in (hands.landscape, workspace.traces, workspace.spectrum.plot, workspace.extremes.plot, workspace.cut):
        assert plot.backgroundBrush().color().name() == theme.plot
    image = hands.landscape.grab().toImage()
    assert image.pixelColor(QPoint(2, 2)).name() == theme.plot


def test_ctrl_t_switches_between_light_and_dark_and_is_remembered(hands: Hands) -> None:
    recording = hands.session.recording
    colours_are(hands, LIGHT)
    hands.key(Qt.Key.Key_T, CTRL)
    colours_are(hands, DARK)
    assert QSettings().value("theme") == "dark"
    assert ThemeKeeper().theme is DARK  # the next start
    hands.click(tool_button(hands, "theme"))
    colours_are(hands, LIGHT)
    assert hands.session.recording is recording
    assert not hands.session.busy


def tool_button(hands: Hands, key: str) -> Any:
    action = hands.window.actions_table[key]
    buttons = hands.window.findChildren(type(hands.window.stop))
    return next(button for button in buttons if button.defaultAction() is action and button.isVisible())


def test_the_system_scheme_is_followed_until_one_is_chosen(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    hints = QApplication.styleHints()
    scheme = Qt.ColorScheme.Light

    class Hints:
        """The platform's own answer, which a test cannot change."""

        def colorScheme(self) -> Qt.ColorScheme:
            return scheme

    monkeypatch.setattr(QApplication, "styleHints", Hints)
    hands.window.theme.choose("system")
    colours_are(hands, LIGHT)
    scheme = Qt.ColorScheme.Dark
    hints.colorSchemeChanged.emit(scheme)
    colours_are(hands, DARK)
    hands.window.theme.choose("light")
    hints.colorSchemeChanged.emit(scheme)
    colours_are(hands, LIGHT)


# -- opening -----------------------------------------------------------------------------------------------------


@pytest.fixture
def messages(hands: Hands) -> list[str]:
    """The texts of message boxes, each dismissed with Enter as soon as it is there."""
    seen: list[str] = []

    def dismiss() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            seen.append(box.text())
            hands.qtbot.keyClick(box, Qt.Key.Key_Return)

    timer = QTimer(hands.window)
    timer.timeout.connect(dismiss)
    timer.start(20)
    return seen


def chosen(monkeypatch: pytest.MonkeyPatch, path: Path | str) -> None:
    """The system's file dialog, which a test cannot click, answers with a path."""
    for name in ("getOpenFileName", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *_: (str(path), ""))


def test_broken_files_are_named_and_change_nothing(
    hands: Hands, messages: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = hands.session
    experiment, recording, title = session.experiment, session.recording, hands.window.windowTitle()
    saved = tmp_path / "saved.npz"
    recording.save(saved)
    whole = saved.read_bytes()
    broken = {
        "text.npz": b"not an archive",
        "cut.npz": whole[: len(whole) // 2],
        "empty.npz": b"",
        "typo.toml": b"[input]\nscal = 2.0\n",
        "range.toml": b"[input]\nscale = -1\n",
        "noise.toml": b"\xff\xfe\x00[",
        "nowhere.npz": None,
        "nowhere.toml": None,
    }
    with np.load(saved) as arrays:
        content = dict(arrays)
    np.savez(tmp_path / "shape.npz", **{**content, "loss": content["loss"][:3]})
    for name, data in {**broken, "shape.npz": None}.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        chosen(monkeypatch, tmp_path / name)
        hands.key(Qt.Key.Key_O, CTRL)
        hands.until(lambda: len(messages) == 1)
        hands.activate()
        message = messages.pop()
        assert str(tmp_path / name) in message
        assert len(message) > len(str(tmp_path / name)) + 10
        assert session.experiment is experiment
        assert session.recording is recording
        assert hands.window.windowTitle() == title
        assert not session.busy
    assert hands.window.isVisible()


def test_a_cancelled_file_dialog_does_nothing(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = hands.session.experiment
    chosen(monkeypatch, "")
    hands.key(Qt.Key.Key_O, CTRL)
    hands.key(Qt.Key.Key_S, CTRL)
    assert hands.session.experiment is experiment
    assert not hands.session.busy


def test_a_saved_recording_opens_as_it_was(
    hands: Hands, messages: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, path = hands.session, tmp_path / "run.npz"
    hands.drag(hands.landscape.viewport(), hands.on_landscape(session.path.points[0, 1]), QPoint(200, 200))
    hands.rest()  # a start by hand, which the experiment alone does not tell
    recording = session.recording
    chosen(monkeypatch, path)
    hands.key(Qt.Key.Key_S, CTRL)
    assert hands.window.statusBar().currentMessage() == f"Saving {path}"
    hands.rest()
    assert hands.window.statusBar().currentMessage() == f"Saved {path}"
    with np.load(path, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["delta"], recording.delta)
    values, verdicts = session.surface.values, session.verdicts
    hands.choose(hands.window.bar.preset, preset_names()[4])
    hands.player.pause()
    hands.rest()
    assert session.experiment == load_preset(preset_names()[4])

    hands.key(Qt.Key.Key_O, CTRL)
    hands.until(lambda: session.recording.restarts == 4)
    hands.player.pause()
    hands.rest()
    assert not messages
    for name in ("delta", "loss", "value", "tangential", "radius", "W", "a", "x", "stop_reason"):
        np.testing.assert_array_equal(getattr(session.recording, name), getattr(recording, name), err_msg=name)
    assert session.experiment == recording.experiment
    np.testing.assert_allclose(session.surface.values, values)
    assert {k: verdict.local_maximum for k, verdict in session.verdicts.items()} == {
        k: verdict.local_maximum for k, verdict in verdicts.items()
    }
    hands.choose(hands.explore.landscape.quantity, "residual")
    hands.rest()  # another look at it is still a look at what was saved
    np.testing.assert_array_equal(session.recording.delta, recording.delta)
    hands.type(hands.field("input.scale").editor.box, "2")
    hands.rest()  # a change computes anew
    assert session.recording.experiment.input.scale == 2


def test_an_experiment_is_saved_and_opened_as_toml(
    open_window: Callable[..., Hands], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = open_window(input={"scale": 0.125, "label": -1.0})
    path = tmp_path / "mine.toml"
    chosen(monkeypatch, path)
    hands.click(tool_button(hands, "save"))
    hands.rest()
    assert Experiment.from_toml(path) == hands.session.experiment
    hands.session.open(small())
    hands.click(tool_button(hands, "open"))
    hands.player.pause()
    hands.rest()
    assert hands.session.experiment.input.scale == 0.125
    assert hands.session.recording.experiment == hands.session.experiment


def test_a_file_that_cannot_be_written_is_named(
    hands: Hands, messages: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    for name in ("run.npz", "mine.toml"):
        chosen(monkeypatch, tmp_path / "file" / name)
        hands.key(Qt.Key.Key_S, CTRL)
        hands.until(lambda: len(messages) == 1)
        hands.activate()
        assert name in messages.pop()


def test_a_run_is_saved_when_it_has_ended(hands: Hands, messages: list[str], tmp_path: Path) -> None:
    session = hands.session
    session.open(small(network={"width": 512, "dimension": 256}, ascent={"steps": 50_000, "restarts": 32}))
    hands.until(hands.no_timer)
    with hands.qtbot.waitSignal(session.recordingChanged, timeout=20_000):
        pass
    assert not session.recording.finished
    hands.window.save_to(tmp_path / "run.npz")
    hands.until(lambda: len(messages) == 1)
    assert "not finished yet" in messages.pop()
    hands.activate()
    hands.key(Qt.Key.Key_Escape)
    hands.until(lambda: session.recording.finished)
    hands.window.save_to(tmp_path / "run.npz")
    hands.rest()
    assert set(load(tmp_path / "run.npz").stop_reason) == {"cancelled"}


def test_a_name_without_an_ending_is_saved_as_a_recording(
    hands: Hands, messages: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen(monkeypatch, tmp_path / "run")
    hands.key(Qt.Key.Key_S, CTRL)
    hands.rest()
    written = [path for path in tmp_path.iterdir() if path.is_file()]
    assert [path.name for path in written] == ["run.npz"]
    np.testing.assert_array_equal(load(written[0]).delta, hands.session.recording.delta)
    before = written[0].read_bytes()
    hands.type(hands.field("input.scale").editor.box, "2")
    hands.rest()
    hands.key(Qt.Key.Key_S, CTRL)  # the dialog asked about "run", not about "run.npz"
    hands.until(lambda: len(messages) == 1)
    assert "already" in messages.pop()
    assert written[0].read_bytes() == before


def test_a_preset_is_chosen_from_the_list_and_plays_from_its_start(hands: Hands) -> None:
    session = hands.session
    hands.type(hands.field("ascent.step").editor.box, "0.2")
    hands.rest()
    before = session.experiment
    hands.key(Qt.Key.Key_End)
    name = preset_names()[4]
    hands.choose(hands.window.bar.preset, name)
    hands.until(lambda: session.recording.experiment == load_preset(name))
    assert hands.player.playing
    assert session.t < session.steps
    hands.player.pause()
    hands.rest()
    assert load_preset(name).title in hands.window.windowTitle()
    assert hands.window.bar.watch.text().startswith(load_preset(name).watch[:20])
    hands.activate()
    hands.key(Qt.Key.Key_Z, CTRL)
    hands.rest()
    assert session.experiment == session.recording.experiment == before
    assert hands.window.bar.preset.currentData() == ""
    hands.key(Qt.Key.Key_Z, CTRL, times=2)  # and what was done before
    hands.rest()
    assert session.experiment == session.recording.experiment == small()


def test_the_key_sheet_lists_every_key_and_closes(hands: Hands) -> None:
    hands.key(Qt.Key.Key_Question)
    hands.until(lambda: hands.window.findChild(QMessageBox) is not None)
    box = hands.window.findChild(QMessageBox)
    hands.until(box.isVisible)
    assert box.height() < 600  # on a small screen, too
    assert all(box.rect().contains(part.geometry()) for part in box.findChildren(QLabel))
    for spec, _ in hands.window.actions_table:
        assert spec.shortcut in box.text()
        assert spec.help in box.text()
    hands.qtbot.keyClick(box, Qt.Key.Key_Escape)
    hands.until(lambda: hands.window.findChild(QMessageBox) is None)
