"""What is brought to the window: dropped, pasted, or chosen in a dialog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from hands import CTRL, Hands, small
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, QStandardPaths, Qt, QUrl
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
)
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QInputDialog, QLineEdit, QMessageBox

from foadv_gui.lab.recording import load

if TYPE_CHECKING:
    import pytest
    from PySide6.QtWidgets import QWidget

COPY, BUTTON, NO_KEY = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Drag:
    """Something that a person drags across the window's surface, from outside."""

    def __init__(self, hands: Hands, mime: QMimeData, over: QWidget | None = None) -> None:
        self.hands, self.mime = hands, mime
        over = over or hands.landscape
        self.at = QPointF(over.mapTo(hands.window, over.rect().center()))
        enter = QDragEnterEvent(self.at.toPoint(), COPY, mime, BUTTON, NO_KEY)
        self.welcome = self._send(enter)

    def _send(self, event: QDropEvent) -> bool:
        event.ignore()
        QApplication.sendEvent(self.hands.window.windowHandle(), event)
        return event.isAccepted()

    @property
    def words(self) -> str:
        """What the window says meanwhile."""
        return str(self.hands.window.incoming.overlay.words)

    def drop(self) -> None:
        self._send(QDragMoveEvent(self.at.toPoint(), COPY, self.mime, BUTTON, NO_KEY))
        self._send(QDropEvent(self.at, COPY, self.mime, BUTTON, NO_KEY))
        assert not self.words

    def leave(self) -> None:
        QApplication.sendEvent(self.hands.window.windowHandle(), QDragLeaveEvent())
        assert not self.words


def files(*paths: Path | str) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl(path) if isinstance(path, str) else QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def text(words: str) -> QMimeData:
    mime = QMimeData()
    mime.setText(words)
    return mime


def picture(path: Path, *shape: int) -> Path:
    pixels = np.random.default_rng(1).integers(1, 256, shape, np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def weights(path: Path, dimension: int) -> Path:
    rng = np.random.default_rng(2)
    np.savez(path, W=rng.standard_normal((5, dimension)), a=rng.standard_normal(5))
    return path


def told(hands: Hands) -> str:
    return str(hands.window.statusBar().currentMessage())


def warning(hands: Hands) -> str:
    """The text of the message box, which is then dismissed."""
    hands.until(lambda: isinstance(QApplication.activeModalWidget(), QMessageBox))
    box = QApplication.activeModalWidget()
    words = str(box.text())
    hands.qtbot.keyClick(box, Qt.Key.Key_Return)
    hands.activate()
    return words


def test_what_is_dropped_becomes_input_and_network_and_is_taken_back(hands: Hands, tmp_path: Path) -> None:
    session, before = hands.session, hands.session.experiment
    drag = Drag(hands, files(picture(tmp_path / "cat.png", 6, 5)))
    assert drag.welcome
    assert drag.words == "Drop: it becomes the input: cat.png"
    drag.drop()
    hands.until(lambda: session.experiment.input.source == "file")
    hands.until(lambda: told(hands).startswith("cat.png is the input now. Ctrl+Z takes it back"))
    hands.rest()
    assert session.experiment.ascent.box == "pixels"
    assert session.recording.dimension == 30
    assert session.info.image_shape == (6, 5)
    assert session.undo_stack.count() == 1

    drag = Drag(hands, files(weights(tmp_path / "net.npz", 64)), hands.field("input.scale").editor.box)
    assert drag.words.startswith("Drop to open it: net.npz: it is shown, or becomes the input or the network")
    drag.drop()  # over a field: it is the window's all the same
    hands.until(lambda: "net.npz is the network now, 64-5-1" in told(hands))
    hands.rest()
    assert session.recording.W.shape == (5, 64)
    assert session.experiment.input.size == (8, 8)
    hands.key(Qt.Key.Key_Z, CTRL, times=2)
    hands.rest()
    assert session.experiment == before

    hands.window.show_page(2)  # whichever page is in front
    drag = Drag(hands, files(tmp_path / "cat.png"), hands.window.sweep)
    assert drag.welcome
    drag.drop()
    hands.until(lambda: hands.window.workspace is hands.explore)
    hands.rest()
    assert session.recording.dimension == 30


def test_documents_open_by_dropping_them_and_the_rest_is_refused(hands: Hands, tmp_path: Path) -> None:
    session = hands.session
    session.recording.save(tmp_path / "run.npz")
    (tmp_path / "mine.toml").write_text(small(input={"scale": 0.125}).to_toml())
    drag = Drag(hands, files(tmp_path / "mine.toml"))
    assert drag.words == "Drop to open it: mine.toml"
    drag.drop()
    hands.rest()
    assert session.experiment.input.scale == 0.125
    Drag(hands, files(tmp_path / "run.npz")).drop()
    hands.until(lambda: session.experiment == small())
    hands.rest()
    np.testing.assert_array_equal(session.recording.delta, load(tmp_path / "run.npz").delta)
    what_cannot_be_taken_is_refused_in_words(hands, tmp_path)


def what_cannot_be_taken_is_refused_in_words(hands: Hands, tmp_path: Path) -> None:
    session, before, changes = hands.session, hands.session.experiment, hands.session.undo_stack.count()
    (tmp_path / "folder").mkdir()
    for mime, why in (
        (files(tmp_path / "a.png", tmp_path / "b.png"), "One file at a time: these are 2"),
        (files(tmp_path / "folder"), "folder is a folder"),
        (files("https://example.org/cat.png"), "This is a link"),
        (files(tmp_path / "notes.docx"), "notes.docx is of no kind"),
        (text("3.5"), "This is text"),
        (QMimeData(), "There is no file"),
    ):
        drag = Drag(hands, mime)
        assert not drag.welcome
        assert drag.words.startswith(f"This cannot be taken: {why}")
        drag.leave()
        assert told(hands).startswith(why)  # it can still be read
    Drag(hands, text("3.5"), hands.field("input.scale").editor.box.lineEdit())
    assert not hands.window.incoming.overlay.isVisible()  # a number for a field

    (tmp_path / "broken.png").write_text("meow")
    np.save(tmp_path / "zero.npy", np.zeros(4))
    for name in ("broken.png", "zero.npy", "gone.npy"):
        Drag(hands, files(tmp_path / name)).drop()
        assert name in warning(hands)
        hands.rest()
        assert session.experiment == before
    assert session.undo_stack.count() == changes


def asked_for_layers() -> QInputDialog | None:
    box = QApplication.activeModalWidget()
    return box if isinstance(box, QInputDialog) and box.objectName() == "layers" else None


def test_an_archive_that_says_too_little_is_asked_about(hands: Hands, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    np.savez(tmp_path / "many.npz", one=rng.standard_normal((3, 7)), two=rng.standard_normal((3, 9)))
    Drag(hands, files(tmp_path / "many.npz")).drop()
    hands.until(lambda: isinstance(QApplication.activeModalWidget(), QInputDialog))
    box = QApplication.activeModalWidget()
    assert "many.npz" in box.labelText()
    choices = [box.comboBoxItems()[i] for i in range(2)]
    assert choices == ["Input: the array one", "Input: the array two"]
    hands.qtbot.keyClick(box.findChild(QComboBox) or box, Qt.Key.Key_Down)
    hands.qtbot.keyClick(box, Qt.Key.Key_Return)
    hands.until(lambda: hands.session.experiment.input.array == "two")
    hands.activate()
    hands.rest()
    assert hands.session.recording.dimension == 9
    before = hands.session.experiment
    Drag(hands, files(tmp_path / "many.npz")).drop()
    hands.until(lambda: isinstance(QApplication.activeModalWidget(), QInputDialog))
    hands.qtbot.keyClick(QApplication.activeModalWidget(), Qt.Key.Key_Escape)
    hands.activate()
    hands.rest()
    assert hands.session.experiment == before

    rng = np.random.default_rng(4)
    arrays = {"fc1.weight": rng.standard_normal((5, 9)), "fc2.weight": rng.standard_normal((1, 5)), "scale": np.ones(7)}
    np.savez(tmp_path / "net.npz", **arrays)
    Drag(hands, files(tmp_path / "net.npz")).drop()
    hands.until(lambda: isinstance(QApplication.activeModalWidget(), QInputDialog))
    hands.qtbot.keyClick(QApplication.activeModalWidget(), Qt.Key.Key_Return)  # the weights, not the scale
    hands.until(lambda: isinstance(QApplication.activeModalWidget(), QInputDialog) and bool(asked_for_layers()))
    box = asked_for_layers()
    assert "scale" in box.labelText()
    assert box.textValue() == "fc1.weight, fc2.weight"
    hands.qtbot.keyClick(box.findChild(QLineEdit), Qt.Key.Key_Return)
    hands.until(lambda: hands.session.experiment.network.layers == ("fc1.weight", "fc2.weight"))
    hands.activate()
    hands.rest()
    np.testing.assert_allclose(hands.session.recording.W, arrays["fc1.weight"])


def test_a_copied_image_is_pasted_and_kept(hands: Hands) -> None:
    session, before = hands.session, hands.session.experiment
    clipboard = QGuiApplication.clipboard()
    image = QImage(4, 3, QImage.Format.Format_RGB32)
    for i in range(12):
        image.setPixelColor(i % 4, i // 4, QColor(20 * i, 255 - 20 * i, 7))
    clipboard.setImage(image)
    hands.focus(hands.field("input.scale").editor.box)
    hands.key(Qt.Key.Key_V, CTRL)  # a field pastes what it can take
    hands.rest()
    assert session.experiment == before
    hands.focus(hands.landscape)
    hands.key(Qt.Key.Key_V, CTRL)
    hands.until(lambda: session.experiment.input.source == "file")
    hands.rest()
    kept = Path(session.experiment.input.file)
    assert Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation)) in kept.parents
    assert str(kept) in told(hands) and told(hands).startswith("The pasted image is the input now")
    np.testing.assert_array_equal(
        np.asarray(Image.open(kept).convert("RGB")).reshape(-1, 3), [[20 * i, 255 - 20 * i, 7] for i in range(12)]
    )
    assert session.info.image_shape == (3, 4, 3)
    hands.key(Qt.Key.Key_V, CTRL)  # the same once more is the same file
    hands.until(lambda: not hands.window.filing.busy)
    hands.rest()
    assert list(kept.parent.iterdir()) == [kept]
    clipboard.setText("hello")
    hands.key(Qt.Key.Key_V, CTRL)
    assert told(hands).startswith("This is text")
    clipboard.clear()


def test_the_dialogs_offer_what_belongs_there_and_open_takes_it(
    hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answer = tmp_path / "cat.png"
    picture(answer, 6, 5)

    def dialog(_parent: object, _title: str, _folder: str, kinds: str) -> tuple[str, str]:
        asked.append(kinds)
        return (str(answer) if len(asked) == 1 else ""), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", dialog)
    hands.key(Qt.Key.Key_O, CTRL)
    hands.until(lambda: hands.session.experiment.input.source == "file")
    hands.rest()
    assert hands.session.recording.dimension == 30
    assert all(kind in asked[0].split(";;")[0] for kind in ("*.toml", "*.png", "*.npz", "*.pt", "*ubyte.gz", "*.csv"))
    for key, kinds in {
        "input.file": ("*.png", "*.csv", "*ubyte.gz"),
        "network.file": ("*.pt", "*.safetensors"),
        "ascent.start_file": ("*.npy",),
    }.items():
        field = hands.explore.setup.fields[key]
        field.show()
        hands.click(field.editor.button)
        assert all(kind in asked[-1] for kind in kinds), key
        assert ("*.png" in asked[-1]) == (key == "input.file")
    assert len(asked) == 4
