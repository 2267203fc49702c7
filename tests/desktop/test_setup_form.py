"""The form: every setting is live, can be undone, and cannot be given a value out of range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import CTRL, Hands, small
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication

from foadv_gui.lab.config import SETTINGS, Experiment
from foadv_gui.lab.modules import give

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from foadv_gui.lab.config import Setting
    from foadv_gui.lab.picture import Surface
    from foadv_gui.lab.recording import Recording

ELSEWHERE = ("view.focus", "view.plane", "view.chart", "view.subspace", "view.quantity", "view.spectrum")
NEW_VALUES: dict[str, object] = {
    # What cannot be told from a setting's kind alone.
    "network.dimension": 20,
    "network.width": 80,
    "input.source": "digits",
    "network.layers": "V1, V2",
    "network.output": "2 - 0",
    "network.model": "sum of sines",
    "ascent.box": "-2, 2",
    "input.array": "X",
    "input.size": "3 x 2",
    "ascent.tolerance": 0.01,
    "ascent.start": "sphere",
    "compute.device": "cpu",
    "compute.memory_mib": 512,
    "view.extent": 2,
    "view.pixel_u": 3,
    "view.pixel_v": 4,
}
SHOWN_BY: dict[str, dict[str, dict[str, object]]] = {
    # Settings that the form shows only where they mean something.
    "input.index": {"input": {"source": "digits"}},
    "view.pixel_u": {"view": {"plane": "two-pixels"}},
    "view.pixel_v": {"view": {"plane": "two-pixels"}},
    "compute.device": {"compute": {"device": "auto"}},
}
FEW: dict[str, object] = {"steps": 6, "restarts": 2}
"""Each setting takes two runs, of which every step of every path is judged."""


def changed_by_hand(hands: Hands, setting: Setting, value: Any) -> None:
    """Give a setting another value the way its kind of editor is used."""
    editor = hands.field(setting.key).editor
    if setting.kind == "choice":
        hands.choose(editor.box, value)
    elif setting.kind == "bool":
        hands.click(editor.box, QPoint(8, editor.box.height() // 2))
    elif hasattr(editor, "button") and setting.kind == "int":
        hands.click(editor.button)  # "New weights"
    else:
        hands.type(editor.box, f"{value}")


def photographs() -> Any:
    """Two images in colour, of 4 x 5 pixels."""
    return np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)


def another_value(setting: Setting, now: Any) -> Any:
    if setting.key in NEW_VALUES:
        return NEW_VALUES[setting.key]
    if setting.kind == "choice":
        return setting.choices[(setting.choices.index(now) + 1) % len(setting.choices)]
    if setting.kind == "bool":
        return not now
    return now + 1 if setting.kind == "int" else now * 1.5


def test_every_control_of_the_form_changes_the_picture(hands: Hands, tmp_path: Path) -> None:
    files = {
        "network.file": (
            tmp_path / "w.npz",
            lambda: {"W": np.random.default_rng(0).normal(size=(24, 16)), "a": np.ones(24)},
        ),
        "input.file": (tmp_path / "x.npz", lambda: {"x": np.arange(1.0, 17.0)}),
        "ascent.start_file": (tmp_path / "starts.npz", lambda: {"delta": 0.1 * np.eye(3, 16)}),
    }
    np.savez(tmp_path / "two.npz", W=np.eye(24, 16), a=np.ones(24), V1=np.ones((24, 16)), V2=np.ones(24))
    of_two = {"network": {"source": "file", "file": str(tmp_path / "two.npz"), "dimension": 16}}
    np.savez(tmp_path / "images.npz", x=photographs(), X=photographs()[::-1])
    of_file = {"input": {"source": "file", "file": str(tmp_path / "images.npz")}}
    of_inputs = dict.fromkeys(("input.array", "input.size", "input.grey", "input.unit"), of_file)
    shown_by = {**SHOWN_BY, "network.layers": of_two, **of_inputs}
    many = np.random.default_rng(1).normal(size=(3, 24))
    np.savez(tmp_path / "three.npz", W1=np.eye(24, 16), b1=np.ones(24), W2=many, b2=np.ones(3))
    of_three = {"source": "file", "file": str(tmp_path / "three.npz"), "dimension": 16, "output": "0"}
    shown_by["network.output"] = {"network": of_three}
    give(lambda z: z.sin().sum(-1), name="sum of sines")
    give(lambda z: z.cos().sum(-1), name="sum of cosines")
    shown_by["network.model"] = {"network": {"source": "model", "model": "sum of cosines", "dimension": 16}}
    settings = [setting for setting in SETTINGS if setting.key not in ELSEWHERE]
    assert {setting.key for setting in settings} <= set(hands.explore.setup.fields)
    # Each experiment is opened once: whatever is opened, changed or undone is computed, judged and painted anew.
    settings.sort(key=lambda setting: f"{shown_by.get(setting.key, '')}")
    for setting in settings:
        if setting.key == "network.source":
            continue  # "File" goes with the file's name
        section, wanted = setting.section, small(ascent=FEW, **shown_by.get(setting.key, {}))
        if hands.session.experiment != wanted:
            hands.session.open(wanted)
            hands.player.pause()
        hands.rest()
        before, recording, surface = hands.session.experiment, hands.session.recording, hands.session.surface
        picture = hands.landscape.grab().toImage()
        if setting.kind == "path":
            path, content = files[setting.key]
            np.savez(path, **content())
            source = "ascent.start" if section == "ascent" else f"{section}.source"
            hands.choose(hands.field(source).editor.box, "file")
            assert "must name a file" in hands.field(setting.key).refusal.text()
            hands.type(hands.field(setting.key).editor.box, str(path))
            assert hands.session.experiment.get(source) == "file"
            expected: object = str(path)
        else:
            expected = another_value(setting, before.get(setting.key))
            changed_by_hand(hands, setting, expected)
        hands.rest()
        after = hands.session.experiment.get(setting.key)
        assert after != before.get(setting.key), setting.key
        if setting.kind not in ("box", "names", "size"):
            assert after == (pytest.approx(expected) if isinstance(expected, float) else expected), setting.key
        assert hands.field(setting.key).refusal.text() == ""
        assert hands.session.recording.experiment.model_dump(exclude={"view"}) == (
            hands.session.experiment.model_dump(exclude={"view"})
        ), setting.key
        if section in ("network", "input", "ascent"):
            assert hands.session.recording is not recording, setting.key
        if section != "compute":
            assert hands.session.surface is not surface, setting.key
        if section == "view":
            assert hands.session.recording is recording, setting.key
            assert hands.landscape.grab().toImage() != picture, setting.key
        hands.activate()
        hands.focus(hands.landscape)
        hands.key(Qt.Key.Key_Z, CTRL)
        assert hands.session.experiment == before, setting.key
    hands.rest()


def test_dragging_gamma_shows_coarse_then_fine_pictures_and_ends_on_the_last_value(
    open_window: Callable[..., Hands],
) -> None:
    large = {"network": {"width": 512}, "view": {"grid": 401}, "ascent": {"restarts": 16}}
    hands = open_window(**large)
    surfaces: list[Surface] = []
    recordings: list[Recording] = []
    tried: list[float] = []
    session = hands.session
    session.surfaceChanged.connect(lambda: surfaces.append(session.surface))
    session.recordingChanged.connect(lambda: recordings.append(session.recording))
    session.experimentChanged.connect(lambda: tried.append(session.experiment.input.scale))
    slider = hands.field("input.scale").editor.slider
    hands.slide(slider, 750, 850, steps=8)
    assert len(set(tried)) >= 8
    hands.rest()
    gamma = session.experiment.input.scale
    assert gamma == tried[-1] > tried[0]
    assert surfaces[0].coarse
    assert not surfaces[-1].coarse
    assert sum(surface.coarse for surface in surfaces) >= 2
    assert len(surfaces[-1].alpha) > len(surfaces[0].alpha)
    assert session.recording.finished
    assert session.recording.experiment.input.scale == gamma
    assert session.recording.experiment == session.experiment
    assert float(np.linalg.norm(session.recording.x)) == pytest.approx(gamma)
    assert session.path.points.shape[1] == 16
    box = hands.field("input.scale").editor.box
    assert box.value() == pytest.approx(gamma)
    fresh = small(**large, input={"scale": gamma})
    np.testing.assert_array_equal(session.recording.delta, ran(fresh).delta)


def ran(experiment: Experiment) -> Recording:
    from foadv_gui.lab.experiment import run

    return run(experiment)


def test_a_drag_is_one_step_of_undo_and_redo(hands: Hands) -> None:
    session = hands.session
    undo, redo = hands.window.actions_table["undo"], hands.window.actions_table["redo"]
    before = session.experiment
    assert not undo.isEnabled()
    assert not redo.isEnabled()
    hands.slide(hands.field("input.scale").editor.slider, 700, 600, 800)
    dragged = session.experiment
    hands.rest()
    assert undo.isEnabled()
    hands.type(hands.field("ascent.step").editor.box, "0.25")
    hands.rest()
    assert session.experiment.ascent.step == 0.25
    hands.focus(hands.landscape)
    hands.key(Qt.Key.Key_Z, CTRL)
    assert session.experiment == dragged
    hands.key(Qt.Key.Key_Z, CTRL)
    assert session.experiment == before
    assert hands.field("input.scale").editor.box.value() == before.input.scale
    assert not undo.isEnabled()
    hands.rest()
    assert session.recording.experiment == before
    hands.key(Qt.Key.Key_Y, CTRL)
    assert session.experiment == dragged
    hands.click(next(b for b in hands.window.findChildren(type(hands.window.stop)) if b.defaultAction() is redo))
    assert session.experiment.ascent.step == 0.25
    assert not redo.isEnabled()
    hands.rest()
    assert session.recording.experiment == session.experiment


def test_values_out_of_range_cannot_be_typed(hands: Hands) -> None:
    before = hands.session.experiment
    for key, texts in {
        "input.scale": ("-3", "0", "1e9", "abc", "--", "nan", "inf", "1e"),
        "ascent.tolerance": ("-1", "2", "nan"),
        "network.width": ("0", "70000", "-5", "x", "1.5e9"),
        "ascent.seed": ("-1", "99999999999"),
    }.items():
        box = hands.field(key).editor.box
        setting = hands.field(key).setting
        for text in texts:
            hands.type(box, text)
            value = hands.session.experiment.get(key)
            assert setting.low <= value <= setting.high, (key, text)
            assert box.value() == pytest.approx(value), (key, text)
            hands.rest()
        hands.type(box, f"{before.get(key):g}")
        hands.rest()
    assert hands.session.experiment == before


def test_enter_in_an_untouched_box_does_not_round_its_value(open_window: Callable[..., Hands]) -> None:
    hands = open_window(input={"scale": 0.123456789})
    box = hands.field("input.scale").editor.box
    hands.focus(box)
    hands.key(Qt.Key.Key_Return)
    hands.focus(hands.landscape)
    assert box.text() == "0.1235"
    assert hands.session.experiment.input.scale == 0.123456789
    assert not hands.window.actions_table["undo"].isEnabled()


def test_arrow_keys_in_a_number_box_step_by_a_tenth(hands: Hands) -> None:
    box = hands.field("input.scale").editor.box
    hands.focus(box)
    hands.key(Qt.Key.Key_Up)
    assert hands.session.experiment.input.scale == pytest.approx(1.1)
    hands.key(Qt.Key.Key_Down)
    assert hands.session.experiment.input.scale == pytest.approx(1.0)
    hands.rest()


def test_arrow_keys_step_a_tolerance_over_its_decades_and_a_label_by_a_tenth(hands: Hands) -> None:
    box = hands.field("ascent.tolerance").editor.box
    hands.type(box, "1e-6")
    hands.focus(box)
    for key, value in ((Qt.Key.Key_Up, 1.1e-6), (Qt.Key.Key_PageDown, 1.1e-6 / 1.1**10)):
        hands.key(key)
        assert hands.session.experiment.ascent.tolerance == pytest.approx(value, rel=0.01)
    hands.type(box, "1e-14")
    assert hands.session.experiment.ascent.tolerance == 1e-14
    hands.type(box, "0")
    hands.focus(box)
    hands.key(Qt.Key.Key_Down)
    assert hands.session.experiment.ascent.tolerance == 0
    hands.key(Qt.Key.Key_Up)
    assert hands.session.experiment.ascent.tolerance == 1e-16
    hands.key(Qt.Key.Key_Down)
    assert hands.session.experiment.ascent.tolerance == 0
    label = hands.field("input.label").editor.box
    hands.type(label, "0.1")
    hands.focus(label)
    for value in (0.0, -0.1, -0.2):
        hands.key(Qt.Key.Key_Down)
        assert hands.session.experiment.input.label == value
    hands.rest()


def test_after_enter_the_keys_are_those_of_the_window_again(hands: Hands) -> None:
    session, before = hands.session, hands.session.experiment
    typed = {"ascent.step": "0.25", "ascent.steps": "20", "network.seed": "7", "ascent.box": "-2, 2"}
    for key, text in typed.items():
        hands.type(hands.field(key).editor.box, text)
        assert session.experiment.get(key) != before.get(key), key
        assert hands.landscape.hasFocus(), key
        hands.rest()
        hands.key(Qt.Key.Key_Right)
        assert session.t == 1, key
        hands.key(Qt.Key.Key_Z, CTRL)
        assert session.experiment == before, key
        hands.rest()
        hands.player.seek(0)


def test_tab_takes_a_value_over_and_goes_on_to_the_next_field(hands: Hands) -> None:
    box = hands.field("ascent.steps").editor.box
    hands.type(box, "20", enter=False)
    hands.key(Qt.Key.Key_Tab)
    assert hands.session.experiment.ascent.steps == 20
    assert hands.field("ascent.restarts").editor.isAncestorOf(QApplication.focusWidget())
    hands.rest()


def test_what_is_refused_can_be_mended_where_it_was_typed(hands: Hands) -> None:
    box = hands.field("ascent.box").editor.box
    hands.type(box, "1, -1")
    assert "lower end below" in hands.field("ascent.box").refusal.text()
    assert box.hasFocus()


@pytest.mark.parametrize("typed", ["1e9", "-3", "1e"])
def test_a_number_out_of_range_is_told_and_not_taken_over(hands: Hands, typed: str) -> None:
    field = hands.field("input.scale")
    hands.type(field.editor.box, typed)
    assert f"{typed}: must be a number between 0.0001 and 10000" in field.refusal.text()
    assert field.refusal.isVisible()
    assert field.editor.box.hasFocus()
    assert hands.session.experiment.input.scale == 1.0
    hands.type(field.editor.box, "2")
    assert hands.session.experiment.input.scale == 2.0
    assert not field.refusal.isVisible()
    hands.rest()


def test_a_file_is_named_in_full(hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("x.npz", x=np.arange(1.0, 17.0))
    hands.choose(hands.field("input.source").editor.box, "file")
    hands.type(hands.field("input.file").editor.box, "x.npz")
    assert hands.session.experiment.input.file == str(tmp_path / "x.npz")
    hands.rest()


def test_the_seed_after_the_largest_is_the_first(hands: Hands) -> None:
    editor = hands.field("network.seed").editor
    largest = editor.box.maximum()
    hands.type(editor.box, f"{largest - 1}")
    for seed in (largest, 0, 1):
        hands.click(editor.button)
        assert hands.session.experiment.network.seed == seed
    hands.rest()


def test_new_weights_and_new_input_are_separate_and_show_their_seeds(hands: Hands) -> None:
    session = hands.session
    weights, x = session.recording.W, session.recording.x
    field = hands.field("network.seed")
    hands.click(field.editor.button)
    hands.rest()
    assert field.editor.box.value() == session.experiment.network.seed == 1
    assert not np.array_equal(session.recording.W, weights)
    np.testing.assert_array_equal(session.recording.x, x)
    weights = session.recording.W
    field = hands.field("input.seed")
    hands.click(field.editor.button)
    hands.rest()
    assert field.editor.box.value() == session.experiment.input.seed == 1
    np.testing.assert_array_equal(session.recording.W, weights)
    assert not np.array_equal(session.recording.x, x)
    hands.type(field.editor.box, "0")
    hands.rest()
    np.testing.assert_array_equal(session.recording.x, x)
