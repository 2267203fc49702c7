"""What cannot be is refused: the reason stands beside the field, and nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import CTRL
from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hands import Hands

NO_CURVATURE = "second derivative"


@pytest.fixture
def unchanged(hands: Hands) -> Callable[[], None]:
    """Call it after each refusal: experiment, recording, and undo are as they were."""
    session = hands.session
    experiment, recording, surface = session.experiment, session.recording, session.surface

    def check() -> None:
        hands.rest()
        assert session.experiment == experiment
        assert session.recording.experiment == experiment
        np.testing.assert_array_equal(session.recording.delta, recording.delta)
        np.testing.assert_array_equal(session.surface.values, surface.values)
        assert not hands.window.actions_table["undo"].isEnabled()

    return check


def reasons(hands: Hands) -> dict[str, str]:
    """What the form says, by the field beside which it says it."""
    setup = hands.explore.setup
    said = {key: field.refusal.text() for key, field in setup.fields.items() if field.refusal.isVisible()}
    if setup.general.isVisible():
        said[""] = setup.general.text()
    return said


def test_boxes_that_cannot_be(hands: Hands, unchanged: Callable[[], None]) -> None:
    box = hands.field("ascent.box").editor.box
    for text, words in {
        "0, 0.1": "must contain the clean input",
        "1, -1": "lower end below",
        "one, two": "two numbers",
        "5": "two numbers",
    }.items():
        hands.type(box, text)
        unchanged()
        said = reasons(hands)
        assert list(said) == ["ascent.box"], text
        assert words in said["ascent.box"]
        assert box.text() == ""


def test_a_network_beyond_the_memory(open_window: Callable[..., Hands]) -> None:
    hands = open_window(network={"dimension": 100}, compute={"memory_mib": 64})
    recording = hands.session.recording
    for key, value in (("network.width", 65_000), ("network.dimension", 90_000)):
        box = hands.field(key).editor.box
        before = box.value()
        hands.type(box, str(value))
        hands.rest()
        said = reasons(hands)
        assert list(said) == ["network.width"]  # beside the width, whichever of the two was changed
        assert "more than the 32 MiB" in said["network.width"]
        assert box.value() == before
        assert hands.session.recording is recording
    hands.type(hands.field("network.width").editor.box, "70")
    hands.rest()
    assert not reasons(hands)
    assert hands.session.recording.W.shape == (70, 100)


def test_the_sphere_has_no_start_at_the_clean_point(open_window: Callable[..., Hands]) -> None:
    hands = open_window(ascent={"start": "zero"})
    recording = hands.session.recording
    box = hands.field("ascent.constraint").editor.box
    hands.choose(box, "l2-sphere")
    hands.rest()
    said = reasons(hands)
    assert list(said) == ["ascent.start"]
    assert "must be ball, sphere or file" in said["ascent.start"]
    assert box.currentData() == "l2-ball"
    assert hands.session.recording is recording


def test_files_that_cannot_be_read(hands: Hands, unchanged: Callable[[], None], tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no arrays here")
    np.savez(tmp_path / "wrong.npz", W=np.ones((3, 5)), a=np.ones(3))
    np.save(tmp_path / "nan.npy", np.full(16, np.nan))
    for key, name, words in (
        ("network.file", "nowhere.npz", "No such file"),
        ("network.file", "text.npz", ""),
        ("network.file", "wrong.npz", "must be 5, the columns of W"),
        ("input.file", "nan.npy", ""),
        ("ascent.start_file", "nowhere.npy", "No such file"),
    ):
        source = "ascent.start" if key.startswith("ascent") else key.replace("file", "source")
        before = hands.session.experiment.get(source)
        hands.choose(hands.field(source).editor.box, "file")
        assert "must name a file" in reasons(hands)[key]
        hands.type(hands.field(key).editor.box, str(tmp_path / name))
        unchanged()
        said = reasons(hands)
        assert list(said) == ["network.dimension" if name == "wrong.npz" else key]
        assert words in "".join(said.values())
        assert hands.field(source).editor.box.currentData() == before
    hands.type(hands.field("input.scale").editor.box, "2")  # and the next change works
    hands.rest()
    assert hands.session.recording.experiment.input.scale == 2


def test_layers_that_are_not_there_are_told_beside_their_names_and_forgotten_with_the_file(
    open_window: Callable[..., Hands], tmp_path: Path
) -> None:
    np.savez(tmp_path / "two.npz", W=np.eye(24, 16), a=np.ones(24), V1=np.ones((9, 16)), V2=np.ones(9))
    np.savez(tmp_path / "one.npz", W=np.ones((3, 16)), a=np.ones(3))
    hands = open_window(network={"source": "file", "file": str(tmp_path / "two.npz"), "dimension": 16})
    hands.type(hands.field("network.layers").editor.box, "V1, V3")
    hands.rest()
    assert reasons(hands) == {"network.layers": "⚠ holds no array called V3; it holds W, a, V1, V2"}
    assert hands.session.recording.W.shape == (24, 16)
    hands.type(hands.field("network.layers").editor.box, "V1, V2")
    hands.rest()
    assert hands.session.recording.W.shape == (9, 16) and not reasons(hands)
    hands.type(hands.field("network.file").editor.box, str(tmp_path / "one.npz"))
    hands.rest()
    assert hands.session.experiment.network.layers is None
    assert hands.session.recording.W.shape == (3, 16) and not reasons(hands)


def test_dragging_a_slider_into_the_impossible_goes_back_to_the_last_possible_value(hands: Hands) -> None:
    session = hands.session
    hands.type(hands.field("ascent.box").editor.box, "-1.5, 1.5")
    hands.rest()
    editor = hands.field("input.scale").editor
    hands.slide(editor.slider, 650, pause=60)
    possible = session.experiment.input.scale
    assert possible > 1
    hands.rest()
    hands.slide(editor.slider, 1000, pause=60)  # 30: its coordinates lie outside the box
    hands.rest()
    assert 1 < session.experiment.input.scale < 30
    assert float(np.abs(session.recording.x).max()) <= 1.5
    assert session.recording.experiment == session.experiment
    assert editor.box.value() == pytest.approx(session.experiment.input.scale)
    assert editor.slider.value() < 1000
    assert "must contain the clean input" in reasons(hands)["ascent.box"]
    hands.focus(hands.landscape)
    hands.key(Qt.Key.Key_Z, CTRL)
    hands.rest()
    assert session.experiment.input.scale == 1
    assert not reasons(hands)


def test_relu_has_no_curvature_and_every_panel_says_so(open_window: Callable[..., Hands]) -> None:
    hands = open_window(network={"activation": "relu"})
    session, workspace = hands.session, hands.explore
    hands.key(Qt.Key.Key_End)
    hands.rest()
    assert NO_CURVATURE in session.spectrum.problem
    assert not len(session.spectrum.eigenvalues)
    assert not workspace.spectrum.plot.isVisible()
    assert NO_CURVATURE in seen_words(workspace.spectrum)
    assert NO_CURVATURE in session.extremes.problem
    assert not workspace.extremes.plot.isVisible()
    assert NO_CURVATURE in seen_words(workspace.extremes)
    words = " ".join(row.words.text() for row in workspace.verdict.rows)
    assert "no second-order test" in words
    assert "maxim" not in workspace.verdict.summary.text()
    assert session.verdicts[0].local_maximum is None
    for box, choice, shown in (
        (workspace.landscape.quantity, "curvature", lambda: session.surface.quantity == "loss"),
        (workspace.landscape.plane, "hessian-eigenvectors", lambda: session.plane.name == "clean-gradient-random"),
    ):
        before = box.currentData()
        hands.choose(box, choice)
        hands.rest()
        assert shown()
        assert box.currentData() == before
        assert NO_CURVATURE in " ".join(reasons(hands).values())
    hands.choose(hands.field("network.activation").editor.box, "tanh")
    hands.rest()
    assert not reasons(hands)
    assert workspace.spectrum.plot.isVisible()
    assert len(session.spectrum.eigenvalues)


def test_the_sphere_has_no_curvature_on_the_cube(open_window: Callable[..., Hands]) -> None:
    hands = open_window(ascent={"constraint": "linf-ball"})
    quantity = hands.explore.landscape.quantity
    hands.choose(quantity, "curvature")
    hands.rest()
    assert quantity.currentData() == hands.session.surface.quantity == "loss"
    assert "⚠ Colour by: is the curvature along the ℓ₂ sphere" in reasons(hands)[""]


def seen_words(widget: Any) -> str:
    """The text of all visible labels in a widget."""
    from PySide6.QtWidgets import QLabel

    return " ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def test_relu_is_refused_while_the_colours_show_curvature(open_window: Callable[..., Hands]) -> None:
    hands = open_window(view={"quantity": "curvature"})
    values = hands.session.surface.values
    hands.choose(hands.field("network.activation").editor.box, "relu")
    hands.rest()
    assert hands.session.experiment.network.activation == "tanh"
    assert NO_CURVATURE in " ".join(reasons(hands).values())
    np.testing.assert_array_equal(hands.session.surface.values, values)
