"""What the user brings, dropped on the window, pasted or chosen in a dialog: what it is, and what becomes of it."""

from __future__ import annotations

import hashlib
import textwrap
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QBuffer, QByteArray, QEvent, QObject, QStandardPaths, Signal, Slot
from PySide6.QtGui import QDropEvent, QGuiApplication, QImage, QWindow
from PySide6.QtWidgets import QApplication, QInputDialog, QLineEdit, QWidget

from foadv_gui.desktop.panels.drop_overlay import DropOverlay
from foadv_gui.desktop.undo import Choice
from foadv_gui.lab.arrival import expected
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.files import FileProblem, atomic_write

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData

    from foadv_gui.desktop.filing import Filing
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.desktop.workspaces.explore import ExploreWorkspace
    from foadv_gui.lab.adoption import Adopted, Unclear
    from foadv_gui.lab.arrival import Reading
    from foadv_gui.lab.config import Experiment

_DRAGGED = (QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.DragLeave, QEvent.Type.Drop)
_BECOMES = {
    ("document",): ("Drop to open it", ""),
    ("input",): ("Drop: it becomes the input", ""),
    ("weights",): ("Drop: it becomes the network", ""),
    ("document", "input"): ("Drop to open it", ": the table of a sweep is shown, other numbers become the input"),
    ("document", "input", "weights"): ("Drop to open it", ": it is shown, or becomes the input or the network"),
}
_MOST_PIXELS = 2**26
_LINE = 88
_PASTED = "pasted image"


@dataclass(frozen=True)
class Offer:
    """What becomes of something dragged or copied, the file `path` or an `image`; if it is neither, `words` say why."""

    words: str
    title: str = "This cannot be taken"
    path: str = ""
    image: QImage | None = None

    @property
    def possible(self) -> bool:
        """Whether anything would become of it."""
        return bool(self.path) or self.image is not None

    @property
    def reason(self) -> str:
        """The words as far as they fit in the status line."""
        return self.words.partition(";")[0]


class Incoming(QObject):
    """Watches the window for drops, and brings files and pasted images to where they belong."""

    exploreWanted = Signal(object)
    """The choice that shows what was brought."""
    openWanted = Signal(str)
    told = Signal(str)
    warned = Signal(str, str)

    def __init__(self, window: QWidget, explore: ExploreWorkspace, filing: Filing, theme: ThemeKeeper) -> None:
        super().__init__(window)
        self._window, self._explore, self._filing = window, explore, filing
        self._watched: QWindow | None = None
        self._offer = Offer("")
        self._unsure: tuple[str, tuple[Reading, ...]] = "", ()
        self.overlay = DropOverlay(theme, window)
        filing.read.connect(self._on_read)
        filing.adopted.connect(self._on_adopted)
        window.setAcceptDrops(True)

    def watch(self) -> None:
        """Watch the window's surface: a field or a plot would keep what is dropped on it to itself."""
        if self._window.windowHandle() is not self._watched:
            self._watched = self._window.windowHandle()
            self._watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take over what is dragged in from outside; text over a field is the field's."""
        if event.type() not in _DRAGGED:
            return False
        if event.type() == QEvent.Type.DragLeave:
            return self._leave()
        drop = cast("QDropEvent", event)
        if drop.source() is not None or self._is_for_field(drop):
            return False
        if QApplication.activeModalWidget() is not None:
            event.ignore()  # a question comes first
            return True
        if event.type() == QEvent.Type.DragEnter or not self._offer.words:
            self._offer = offer_of(drop.mimeData())
            self.overlay.say(self._offer.title, self._offer.words, self._offer.possible)
        if self._offer.possible:
            drop.acceptProposedAction()
        else:
            event.ignore()
        if event.type() == QEvent.Type.Drop:
            offer = self._offer
            self._leave()
            self._take(offer)
        return True

    def _leave(self) -> bool:
        """Nothing is dragged any more; returns whether it was ours."""
        ours = bool(self._offer.words)
        if ours and not self._offer.possible:
            self.told.emit(self._offer.reason)
        self._offer = Offer("")
        self.overlay.hide()
        return ours

    def _is_for_field(self, event: QDropEvent) -> bool:
        mime = event.mimeData()
        under = self._window.childAt(event.position().toPoint())
        return mime.hasText() and not mime.hasUrls() and isinstance(under, QLineEdit)

    @Slot()
    def paste(self) -> None:
        """Take what was copied: an image becomes the input, a file what it is."""
        offer = offer_of(QGuiApplication.clipboard().mimeData())
        if not offer.possible:
            self.told.emit(offer.reason)
        self._take(offer)

    def _take(self, offer: Offer) -> None:
        if offer.path:
            self.openWanted.emit(offer.path)
        elif offer.image is not None:
            self._filing.adopt(_PASTED, partial(_adopt_image, offer.image, self._explore.experiment))

    @Slot(str, object)
    def _on_read(self, path: str, readings: tuple[Reading, ...]) -> None:
        """Bring a file to where it belongs; where its arrays leave that open, ask."""
        if len(readings) == 1:
            self._bring(path, readings[0])
            return
        box = QInputDialog(self._window)
        box.setObjectName("which")
        box.setWindowTitle("What is it?")
        box.setLabelText(f"{Path(path).name} holds more than one thing. Take it as:")
        box.setComboBoxItems([reading.words for reading in readings])
        box.setOption(QInputDialog.InputDialogOption.UseListViewForComboBoxItems)
        box.textValueSelected.connect(self._on_told)
        box.finished.connect(box.deleteLater)
        self._unsure = path, readings
        box.open()

    @Slot(str)
    def _on_told(self, words: str) -> None:
        path, readings = self._unsure
        self._bring(path, next(reading for reading in readings if reading.words == words))

    def _bring(self, path: str, reading: Reading) -> None:
        self._filing.adopt(path, partial(_adopt, path, reading, self._explore.experiment))

    def _ask_layers(self, path: str, unclear: Unclear) -> None:
        box = QInputDialog(self._window)
        box.setObjectName("layers")
        box.setWindowTitle("Which layers?")
        problem = textwrap.fill(f"{Path(path).name} {unclear.problem}.", _LINE)
        box.setLabelText(f"{problem}\n\nThe weights of its layers, the first layer first, parted by commas:")
        box.setTextValue(", ".join(unclear.matrices))
        box.textValueSelected.connect(self._on_layers)
        box.finished.connect(box.deleteLater)
        self._unsure = path, ()
        box.open()

    @Slot(str)
    def _on_layers(self, words: str) -> None:
        path, layers = self._unsure[0], tuple(part.strip() for part in words.split(",") if part.strip())
        self._filing.adopt(path, partial(_adopt_layers, path, layers, self._explore.experiment))

    @Slot(str, object)
    def _on_adopted(self, name: str, adopted: Adopted | Unclear) -> None:
        from foadv_gui.lab.adoption import Unclear

        if isinstance(adopted, Unclear):
            self._ask_layers(name, adopted)
            return
        try:
            experiment = self._explore.experiment.changed(adopted.changes)
        except ExperimentError as error:
            self.warned.emit("This cannot be opened", f"{name}: {error}")
            return
        self.exploreWanted.emit(Choice(experiment, opened=name))
        self.told.emit(f"{adopted.words}. Ctrl+Z takes it back")


def offer_of(mime: QMimeData) -> Offer:
    """What can be made of what is dragged or copied: one file of this machine, or an image."""
    urls = mime.urls() if mime.hasUrls() else []
    if len(urls) > 1:
        return Offer(f"One file at a time: these are {len(urls)}")
    if urls and urls[0].isLocalFile():
        path = urls[0].toLocalFile()
        if Path(path).is_dir():
            return Offer(f"{Path(path).name} is a folder: bring one file of it")
        try:
            title, more = _BECOMES[expected(path)]
            return Offer(f"{Path(path).name}{more}", title, path)
        except FileProblem as problem:
            return Offer(f"{Path(path).name} {problem.problem}")
    if mime.hasImage():
        image = mime.imageData()
        if isinstance(image, QImage) and not image.isNull():
            size = f"An image of {image.width()} × {image.height()} pixels"
            return Offer(size, _BECOMES["input",][0], image=image)
    if urls:
        return Offer("This is a link: nothing is fetched from the network. Save the file, and bring that")
    if mime.hasText():
        return Offer("This is text: bring a file or an image")
    return Offer("There is no file and no image in it")


def _adopt(path: str, reading: Reading, experiment: Experiment) -> Adopted | Unclear:
    from foadv_gui.lab.adoption import weights_or_question, with_input

    if reading.role == "weights":
        return weights_or_question(experiment, path)
    return with_input(experiment, path, reading.array)


def _adopt_layers(path: str, layers: tuple[str, ...], experiment: Experiment) -> Adopted:
    from foadv_gui.lab.adoption import with_weights

    return with_weights(experiment, path, layers or None)


def _adopt_image(image: QImage, experiment: Experiment) -> Adopted:
    from foadv_gui.lab.adoption import Adopted, with_input

    path = keep_image(image)
    adopted = with_input(experiment, path)
    words = adopted.words.replace(path.name, f"The {_PASTED}", 1)
    return Adopted(adopted.changes, f"{words}; it is kept as {path}")


def keep_image(image: QImage) -> Path:
    """Write an image to the user's data folder as a PNG file that is named by its content; returns where it is."""
    folder = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation)) / "pasted"
    if image.width() * image.height() > _MOST_PIXELS:
        raise FileProblem(_PASTED, f"has {image.width()} × {image.height()} pixels, more than {_MOST_PIXELS}")
    grey = image.isGrayscale() and not image.hasAlphaChannel()
    plain = image.convertToFormat(QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGBA8888)
    buffer = QBuffer(data := QByteArray())
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    plain.save(buffer, "PNG")  # type: ignore[call-overload]
    content = bytes(data.data())
    path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.png"
    if not path.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileProblem(folder, f"cannot be made: {error.strerror or error}") from None
        atomic_write(path, lambda stream: stream.write(content))
    return path
