"""The browser of inputs, by keys and by mouse: digits, many images, vectors."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hands import CTRL, LEFT, Hands
from PySide6.QtCore import QItemSelectionModel, Qt

from foadv_gui.lab.gallery import digit_images

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PySide6.QtWidgets import QComboBox

    from foadv_gui.desktop.panels.browser import InputBrowser


def opened(hands: Hands) -> InputBrowser:
    """The browser, with all pictures drawn that can be seen."""
    browser: InputBrowser = hands.explore.browser
    hands.until(lambda: browser.isVisible() and browser.reader.gallery is not None and len(browser.model.rows) > 0)
    browser.grab()
    hands.until(lambda: not browser.reader.busy)
    return browser


def marked(browser: InputBrowser) -> int:
    return int(browser.model.rows[browser.view.currentIndex().row()])


def choose(hands: Hands, box: QComboBox, data: object) -> None:
    """Choose in a list of the browser, by the keyboard."""
    box.setFocus()
    press(hands, box, Qt.Key.Key_Home)
    for _ in range(box.findData(data)):
        press(hands, box, Qt.Key.Key_Down)


def cells_tell(browser: InputBrowser) -> None:
    """A cell shows the image itself, its label and its index, and whether it is the input now."""
    index, labels = browser.model.index(12), digit_images()[1]
    picture = index.data(Qt.ItemDataRole.DecorationRole).toImage()
    shown = np.array([[picture.pixelColor(8 * j + 4, 8 * i + 4).value() for j in range(8)] for i in range(8)])
    assert np.corrcoef(shown.ravel(), digit_images()[0][12].astype(float))[0, 1] > 0.999
    assert index.data() == f"label {labels[12]}\n#12"
    assert index.data(Qt.ItemDataRole.ToolTipRole) == f"Image 12, label {labels[12]}"
    assert browser.model.index(10).data() == f"label {labels[10]} ✓\n#10"
    for control in (browser.number, browser.label, browser.use):
        assert control.accessibleName() or control.text()
        assert control.toolTip()
    assert browser.view.accessibleName()
    seen, at = browser.view.grab().toImage(), browser.view.visualRect(browser.view.currentIndex())
    middle = [seen.pixelColor(at.left() + 12 + 8 * j + 5, at.top() + 8 + 8 * 3) for j in range(8)]
    assert all(colour.hsvSaturation() < 30 for colour in middle)  # the mark leaves the picture grey


def press(hands: Hands, widget: Any, *keys: Qt.Key) -> None:
    for key in keys:
        hands.qtbot.keyClick(widget, key)


@pytest.fixture
def digits(open_window: Callable[..., Hands]) -> Hands:
    return open_window(input={"source": "digits", "index": 10})


def test_the_keyboard_finds_and_chooses_a_digit(digits: Hands) -> None:
    hands, session = digits, digits.session
    hands.key(Qt.Key.Key_B, CTRL)
    browser = opened(hands)
    assert browser.windowTitle() == "Browse 1797 images of 8 × 8"
    assert marked(browser) == 10
    press(hands, browser.view, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right)
    assert marked(browser) == browser.number.value() == 13
    assert session.experiment.input.index == 10  # looking is not choosing
    steps = session.undo_stack.count()
    press(hands, browser.view, Qt.Key.Key_Return)
    assert session.experiment.input.index == 13
    assert session.undo_stack.count() == steps + 1
    hands.rest()
    np.testing.assert_allclose(session.recording.x, digit_images()[0][13] / np.linalg.norm(digit_images()[0][13]))
    assert "the input now" in browser.words.text()
    hands.type(browser.number, "1234")
    assert marked(browser) == session.experiment.input.index == 1234
    hands.qtbot.keyClick(browser.view, Qt.Key.Key_Z, CTRL)
    assert session.experiment.input.index == 13
    assert marked(browser) == 13  # it follows what is on show
    press(hands, browser.view, Qt.Key.Key_Escape)
    assert not browser.isVisible()
    hands.activate()
    hands.rest()


def test_the_mouse_filters_by_label_and_chooses(digits: Hands) -> None:
    hands, session = digits, digits.session
    hands.click(hands.explore.setup.browse)
    browser = opened(hands)
    cells_tell(browser)
    choose(hands, browser.label, 4)
    labels = digit_images()[1]
    np.testing.assert_array_equal(browser.model.rows, np.flatnonzero(labels == 4))
    assert browser.label.currentText() == f"Label 4 ({(labels == 4).sum()})"
    place = browser.view.visualRect(browser.model.index(2)).center()
    hands.qtbot.mouseClick(browser.view.viewport(), LEFT, pos=place)
    third = int(np.flatnonzero(labels == 4)[2])
    assert marked(browser) == third
    assert session.experiment.input.index == 10
    hands.qtbot.mouseDClick(browser.view.viewport(), LEFT, pos=place)
    assert session.experiment.input.index == third
    hands.type(browser.number, "0")  # a 0, which the filter hides
    assert browser.label.currentData() is None
    assert session.experiment.input.index == 0
    choose(hands, browser.label, 7)
    hands.click(browser.use)
    assert labels[session.experiment.input.index] == 7
    browser.close()
    hands.rest()


def test_the_right_class_follows_the_index_by_browser_and_spin_box_until_it_is_changed(
    open_window: Callable[..., Hands], tmp_path: Path
) -> None:
    rng, labels = np.random.default_rng(0), digit_images()[1]
    np.savez(tmp_path / "net.npz", W1=rng.standard_normal((6, 64)), W2=rng.standard_normal((10, 6)))
    network = {"source": "file", "file": str(tmp_path / "net.npz"), "loss": "cross-entropy"}
    hands = open_window(network=network, input={"source": "digits", "index": 12, "label": float(labels[12])})
    session = hands.session
    steps = session.undo_stack.count()
    hands.type(hands.field("input.index").editor.box, "25")
    assert (session.experiment.input.index, session.experiment.input.label) == (25, labels[25])
    assert labels[25] != labels[12] and session.undo_stack.count() == steps + 1
    hands.explore.browse()
    browser = opened(hands)
    hands.type(browser.number, "700")
    assert (session.experiment.input.index, session.experiment.input.label) == (700, labels[700])
    browser.close()
    hands.activate()
    hands.key(Qt.Key.Key_Z, CTRL)
    assert (session.experiment.input.index, session.experiment.input.label) == (25, labels[25])
    hands.type(hands.field("input.label").editor.box, str((labels[25] + 1) % 10))
    hands.type(hands.field("input.index").editor.box, "12")
    assert (session.experiment.input.index, session.experiment.input.label) == (12, (labels[25] + 1) % 10)
    hands.rest()


def test_sixty_thousand_images_scroll_at_once_and_are_read_where_looked_at(
    hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, path = 60_000, tmp_path / "many-images-idx3-ubyte"
    pixels = np.random.default_rng(0).integers(1, 256, (count, 16), np.uint8)
    path.write_bytes(struct.pack(">iiii", 0x803, count, 4, 4) + pixels.tobytes())
    labels = bytes(i % 10 for i in range(count))
    (tmp_path / "many-labels-idx1-ubyte").write_bytes(struct.pack(">ii", 0x801, count) + labels)
    hands.session.edit("input.file", str(path), also={"input.source": "file"})
    hands.explore.browse()
    browser = opened(hands)
    reader, read = browser.reader, len(browser.reader._kept)
    assert 0 < read < 200
    bar = browser.view.verticalScrollBar()
    for share in (0.2, 0.5, 0.8, 1.0):
        bar.setValue(int(share * bar.maximum()))
        browser.view.viewport().grab()
    hands.until(lambda: not reader.busy)
    last = browser.model.index(count - 1)
    assert browser.view.visualRect(last).intersects(browser.view.viewport().rect())
    assert last.data(Qt.ItemDataRole.DecorationRole) is not None
    assert last.data(Qt.ItemDataRole.ToolTipRole) == f"Image {count - 1}, label 9"
    assert len(reader._kept) < 1000
    browser.view.selectionModel().setCurrentIndex(last, QItemSelectionModel.SelectionFlag.ClearAndSelect)
    press(hands, browser.view, Qt.Key.Key_Return)
    hands.rest()
    expected = pixels[-1] / 255.0
    np.testing.assert_allclose(hands.session.recording.x, expected / np.linalg.norm(expected))
    browser.close()


def test_vectors_are_bars_and_what_cannot_be_browsed_is_said(hands: Hands, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", [[1.0, -1.0, 0.5, 0.0], [1.0, 2.0, 3.0, 4.0]])
    hands.session.edit("input.file", str(tmp_path / "rows.npy"), also={"input.source": "file"})
    hands.explore.browse()
    browser = opened(hands)
    assert browser.windowTitle() == "Browse 2 vectors of 4"
    assert not browser.label.isEnabled()
    image = browser.model.index(0).data(Qt.ItemDataRole.DecorationRole).toImage()
    filled = [[image.pixelColor(x, y).alpha() > 0 for y in (10, 54)] for x in (8, 24, 40, 56)]
    assert filled == [[True, False], [False, True], [False, False], [False, False]]
    assert browser.model.index(1).data() == "#1"
    hands.rest()
    browser.close()
    hands.activate()

    hands.session.edit("input.source", "sphere")
    hands.key(Qt.Key.Key_B, CTRL)  # a random direction
    assert "no others to choose from" in hands.window.statusBar().currentMessage()
    assert not browser.isVisible()
    path = tmp_path / "gone.npy"
    np.save(path, np.ones((3, 5)))
    hands.session.edit("input.file", str(path), also={"input.source": "file"})
    hands.rest()
    path.rename(tmp_path / "elsewhere.npy")
    hands.explore.browse()
    hands.until(lambda: "gone.npy" in browser.words.text())
    assert browser.words.text().startswith("⚠")
    assert not browser.use.isEnabled()
    browser.close()
    (tmp_path / "elsewhere.npy").rename(path)  # it is back
    hands.explore.browse()
    assert len(opened(hands).model.rows) == 3
    hands.session.edit("input.source", "sphere")
    assert not browser.isVisible()  # there is nothing more to choose from
    hands.rest()
