"""Reading a gallery beside the window: it is opened, and small pictures are drawn of the rows that are looked at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QRectF, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QImage, QPainter, QPixmap

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.files import FileProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from foadv_gui.lab.gallery import Gallery

    Drawn = tuple[Gallery, list[tuple[int, QImage]]]

SIDE = 64
"""The largest side of a picture, in pixels."""
_KEPT = 4096
"""How many pictures are kept: at most 64 MiB."""
_AT_ONCE = 48
_WAITING = 400
"""So many rows may wait; a view asks again for those that it paints."""
_BARS = 32


class GalleryReader(QObject):
    """Opens one gallery after the other, and keeps pictures of its rows."""

    opened = Signal(object)
    """The gallery that was asked for last."""
    refused = Signal(str)
    """Why it cannot be opened."""
    drawn = Signal()
    """More pictures are there."""
    _ended = Signal(object, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.gallery: Gallery | None = None
        self._colour = ""
        self._kept: OrderedDict[int, QPixmap] = OrderedDict()
        self._wanted: OrderedDict[int, None] = OrderedDict()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="gallery")
        self._closed = threading.Event()
        self._opening: Future[Gallery] | None = None
        self._drawing: Future[Drawn] | None = None
        self._ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        # What one frame asks for goes together.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._begin)

    @property
    def busy(self) -> bool:
        """Whether the gallery or a picture is still to come."""
        return self._opening is not None or self._drawing is not None or bool(self._wanted)

    def open(self, opener: Callable[[], Gallery]) -> None:
        """Open another gallery; what was asked for before is not wanted any more."""
        self.gallery = None
        self._forget()
        self._opening = self._executor.submit(opener)
        self._opening.add_done_callback(partial(self._end, opening=True))

    def recolour(self, colour: str) -> None:
        """Draw bars in another colour."""
        self._colour = colour
        self._forget()

    def picture(self, row: int) -> QPixmap | None:
        """The picture of a row, or None until it has been drawn."""
        kept = self._kept.get(row)
        if kept is not None:
            self._kept.move_to_end(row)
            return kept
        self._wanted[row] = None
        self._wanted.move_to_end(row)
        if len(self._wanted) > _WAITING:
            self._wanted.popitem(last=False)
        if self._drawing is None and not self._closed.is_set():
            self._soon.start()
        return None

    def close(self) -> None:
        """Let nothing more be read."""
        self._closed.set()
        self._soon.stop()
        self._forget()
        self._executor.shutdown(cancel_futures=True)

    def _forget(self) -> None:
        self._kept.clear()
        self._wanted.clear()

    def _end(self, future: Future[object], *, opening: bool) -> None:
        if not self._closed.is_set():
            self._ended.emit(future, opening)

    @Slot()
    def _begin(self) -> None:
        if self.gallery is None or self._drawing is not None or not self._wanted or self._closed.is_set():
            return
        rows = sorted(self._wanted.popitem()[0] for _ in range(min(_AT_ONCE, len(self._wanted))))
        self._drawing = self._executor.submit(_draw, self.gallery, rows, self._colour, self._closed.is_set)
        self._drawing.add_done_callback(partial(self._end, opening=False))

    @Slot(object, bool)
    def _deliver(self, future: Future[object], opening: bool) -> None:
        if opening:
            self._deliver_gallery(future)
            return
        drawing, self._drawing = self._drawing, None
        assert drawing is not None
        gallery, pictures = drawing.result()
        if gallery is self.gallery:
            self._kept.update((row, QPixmap.fromImage(image)) for row, image in pictures)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            self.drawn.emit()
        self._begin()

    def _deliver_gallery(self, future: Future[object]) -> None:
        opening = self._opening
        if opening is None or future is not opening:
            return  # another one has been asked for since
        self._opening = None
        try:
            self.gallery = opening.result()
        except (ExperimentError, FileProblem) as problem:
            self.refused.emit(str(problem))
        else:
            self.opened.emit(self.gallery)


def _draw(gallery: Gallery, rows: Sequence[int], colour: str, interrupted: Callable[[], bool]) -> Drawn:
    """Draw some rows, which are sorted: images as they are, vectors as bars; one that cannot be read stays empty."""
    ends = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(rows)) if b != a + 1), len(rows)]
    drawn: list[tuple[int, QImage]] = []
    for begin, end in pairwise(ends):
        if interrupted():
            break
        run = rows[begin:end]
        try:
            if gallery.is_images:
                images = [image_of(pixels) for pixels in gallery.thumbnails(run[0], len(run), SIDE)]
            else:
                images = [bars_of(gallery.row(row), colour) for row in run]
        except FileProblem:
            images = []
        drawn += zip(run, images + [QImage()] * (len(run) - len(images)), strict=True)
    return gallery, drawn


def image_of(pixels: NDArray[np.uint8]) -> QImage:
    """Grey (h, w) or colour (h, w, 3) pixels, small ones enlarged by a whole factor: each stays a sharp square."""
    rows, columns = pixels.shape[:2]
    colours = np.ascontiguousarray(pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2))
    image = QImage(colours.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888)
    factor = max(SIDE // max(rows, columns), 1)
    return image.scaled(columns * factor, rows * factor).copy()  # a copy: the array goes


def bars_of(vector: NDArray[np.float64], colour: str) -> QImage:
    """The entries (d,) as bars from zero; of many, the largest in size of each group."""
    groups = np.array_split(vector, min(len(vector), _BARS))
    heights = np.array([group[np.abs(group).argmax()] for group in groups])
    top, bottom = max(float(heights.max()), 0.0), min(float(heights.min()), 0.0)
    per = (SIDE - 2) / ((top - bottom) or 1.0)
    image = QImage(SIDE, SIDE, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    width = SIDE / len(heights)
    gap = 1 if width > 3 else 0
    for i, height in enumerate(heights):
        rectangle = QRectF(i * width, 1 + (top - max(height, 0.0)) * per, width - gap, abs(height) * per)
        painter.fillRect(rectangle, QColor(colour))
    painter.end()
    return image
