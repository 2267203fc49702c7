"""The browser of inputs: all rows of the file, or all digits, as small pictures to choose from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSignalBlocker,
    QSize,
    Qt,
    Slot,
)
from PySide6.QtGui import QKeySequence, QPainter, QPen, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QSpinBox,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from foadv_gui.desktop.gallery_reader import SIDE, GalleryReader
from foadv_gui.lab.inputs import gallery_of
from foadv_gui.lab.summary import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.gallery import Gallery

AnyIndex = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_CELL = QSize(88, SIDE + 48)
_SIZE = QSize(400, 560)
_MOST_LABELS = 1000
"""Of more different labels there is no list to choose from."""
_SHOWN_BY = ("source", "file", "array", "size", "grey")
"""The settings that say which gallery it is."""


class GalleryModel(QAbstractListModel):
    """The rows of a gallery that have one label, or all: picture, index and label."""

    def __init__(self, reader: GalleryReader) -> None:
        super().__init__(reader)
        self._reader = reader
        self.rows: NDArray[np.int64] = np.zeros(0, np.int64)
        """The gallery's rows on show, ascending."""
        self.chosen = -1
        """The row that is the input now."""

    def show_rows(self, rows: NDArray[np.int64]) -> None:
        """Show these rows."""
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def at(self, row: int) -> QModelIndex:
        """Where a row of the gallery is shown; an invalid index if it is not."""
        place = int(np.searchsorted(self.rows, row))
        there = place < len(self.rows) and self.rows[place] == row
        return self.index(place) if there else QModelIndex()

    def rowCount(self, parent: AnyIndex = _NO_INDEX) -> int:
        """How many rows are on show."""
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A row's picture and words."""
        gallery = self._reader.gallery
        if gallery is None or not index.isValid():
            return None
        row = int(self.rows[index.row()])
        if role == Qt.ItemDataRole.DecorationRole:
            return self._reader.picture(row)
        label = None if gallery.labels is None else int(gallery.labels[row])
        if role == Qt.ItemDataRole.DisplayRole:
            mark = " ✓" if row == self.chosen else ""
            return f"#{row}{mark}" if label is None else f"label {label}{mark}\n#{row}"
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            named = f"{'Image' if gallery.is_images else 'Row'} {row}"
            if label is not None:
                named += f", label {label}"
            return f"{named}, the input now" if row == self.chosen else named
        return None


class _Cell(QStyledItemDelegate):
    """A picture above its words, in the middle."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Arrange a cell (Qt asks)."""
        super().initStyleOption(option, index)
        option.decorationPosition = QStyleOptionViewItem.Position.Top
        option.decorationAlignment = Qt.AlignmentFlag.AlignCenter
        option.displayAlignment = Qt.AlignmentFlag.AlignCenter
        option.decorationSize = QSize(SIDE, SIDE + 8)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Frame the marked cell: a filled one would tint its picture (Qt asks)."""
        marked = bool(option.state & QStyle.StateFlag.State_Selected)
        option.state &= ~(QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus)
        super().paint(painter, option, index)
        if marked:
            painter.setPen(QPen(option.palette.highlight().color(), 3))
            painter.drawRect(option.rect.adjusted(2, 2, -3, -3))

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """One size for all (Qt asks)."""
        return _CELL


class InputBrowser(QDialog):
    """Chooses the input of a session by its picture; stays open, so that one can be tried after the other."""

    def __init__(self, session: Session, theme: ThemeKeeper, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._theme = session, theme
        self._shown: tuple[object, ...] = ()
        self.setWindowTitle("Browse inputs")
        self.reader = GalleryReader(self)
        self.model = GalleryModel(self.reader)
        self.view = QListView()
        # A list that wraps lays a hundred thousand cells out at once; Qt's icon mode takes seconds.
        self.view.setFlow(QListView.Flow.LeftToRight)
        self.view.setWrapping(True)
        self.view.setResizeMode(QListView.ResizeMode.Adjust)
        self.view.setUniformItemSizes(True)
        self.view.setGridSize(_CELL)
        self.view.setItemDelegate(_Cell(self.view))
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setAccessibleName("Inputs")
        self.view.setModel(self.model)
        self.view.activated.connect(self._on_activated)
        self.view.selectionModel().currentChanged.connect(self._on_current)
        self.label = QComboBox()
        self.label.setAccessibleName("Label")
        self.label.setToolTip("Show only the inputs with this label")
        self.label.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.label.activated.connect(self._on_label)
        self.number = QSpinBox()
        self.number.setAccessibleName("Index")
        self.number.setToolTip("Go to the input with this index, counted from 0; Enter chooses it")
        self.number.setKeyboardTracking(False)
        self.number.setFixedWidth(88)
        self.number.valueChanged.connect(self._on_number)
        self.number.lineEdit().returnPressed.connect(self._choose)
        self.use = QPushButton("Use it")
        self.use.setAutoDefault(False)  # Enter in the list chooses already
        self.use.setToolTip("Make the marked one the input of the experiment (Enter, or a double click)")
        self.use.clicked.connect(self._choose)
        self.words = QLabel()
        self.words.setObjectName("faint")
        self.words.setWordWrap(True)
        top = QHBoxLayout()
        number_name = QLabel("&Index")
        number_name.setBuddy(self.number)
        for widget in (number_name, self.number, self.label):
            top.addWidget(widget)
        top.addStretch(1)
        top.addWidget(self.use)
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(self.view, 1)
        column.addWidget(self.words)
        self.resize(_SIZE)
        self._placed = False
        self.reader.opened.connect(self._on_opened)
        self.reader.refused.connect(self._on_refused)
        # Not by the model's dataChanged: the list would lay all of its cells out anew.
        self.reader.drawn.connect(self.view.viewport().update)
        session.experimentChanged.connect(self._show)
        session.refused.connect(self._on_impossible)
        undo = QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), self)
        undo.activated.connect(session.undo_stack.undo)
        theme.changed.connect(self._paint)
        self._paint()

    def browse(self) -> None:
        """Show the inputs of the experiment, the chosen one marked, beside the landscape that follows the choice."""
        around = self.parentWidget()
        if not self._placed and around is not None:
            self.move(around.mapToGlobal(QPoint(0, 0)))
            self._placed = True
        self.show()
        self.raise_()
        self.activateWindow()
        self._show()
        self.view.setFocus()

    def close_down(self) -> None:
        """Close for good."""
        self.reader.close()
        self.close()

    @property
    def _current(self) -> int | None:
        index = self.view.currentIndex()
        return int(self.model.rows[index.row()]) if index.isValid() else None

    @Slot()
    def _paint(self) -> None:
        self.reader.recolour(self._theme.theme.bars)
        self.view.viewport().update()

    @Slot()
    def _show(self) -> None:
        """Follow the experiment: another file, or another row of it."""
        if not self.isVisible():
            return
        given = self._session.experiment.input
        if given.source not in ("digits", "file"):
            self.close()  # there is nothing to choose from
            return
        shown = tuple(getattr(given, name) for name in _SHOWN_BY)
        self.model.chosen = given.index
        self.view.viewport().update()
        if shown == self._shown:
            if self.reader.gallery is not None:
                self._mark(given.index)
            return
        self._shown = shown
        self.model.show_rows(np.zeros(0, np.int64))
        for control in (self.label, self.number, self.use):
            control.setEnabled(False)
        self.words.setText("Opening …")
        self.reader.open(partial(gallery_of, self._session.experiment))

    @Slot(object)
    def _on_opened(self, gallery: Gallery) -> None:
        what = "image" if gallery.is_images else "vector"
        shape = " × ".join(map(str, gallery.shape))
        self.setWindowTitle(f"Browse {counted(gallery.count, what)} of {shape}")
        for control in (self.number, self.use):
            control.setEnabled(True)
        self.number.setMaximum(max(gallery.count - 1, 0))
        self.label.clear()
        self.label.addItem("All labels" if gallery.labels is not None else "No labels", None)
        labels = np.zeros(0, np.int64) if gallery.labels is None else gallery.labels
        known, counts = np.unique(labels, return_counts=True)
        if len(known) <= _MOST_LABELS:
            for label, count in zip(known.tolist(), counts.tolist(), strict=True):
                self.label.addItem(f"Label {label} ({count})", label)
        self.label.setEnabled(self.label.count() > 1)
        self._filter(None)
        self._mark(self._session.experiment.input.index)

    @Slot(str)
    def _on_refused(self, why: str) -> None:
        self._shown = ()  # the next time it may be there
        self.words.setText(f"⚠ {why}")

    @Slot()
    def _on_label(self) -> None:
        marked = self._current
        self._filter(self.label.currentData())
        if len(self.model.rows):  # the same one, or the next one that has the label
            place = 0 if marked is None else int(np.searchsorted(self.model.rows, marked))
            self._mark(int(self.model.rows[min(place, len(self.model.rows) - 1)]))

    def _filter(self, label: int | None) -> None:
        gallery = self.reader.gallery
        assert gallery is not None
        if label is None or gallery.labels is None:
            self.model.show_rows(np.arange(gallery.count))
        else:
            self.model.show_rows(np.flatnonzero(gallery.labels == label))

    def _mark(self, row: int) -> None:
        """Mark a row of the gallery, and scroll to it; where the label hides it, show all labels."""
        index = self.model.at(row)
        if not index.isValid() and self.label.currentIndex() > 0:
            self.label.setCurrentIndex(0)
            self._filter(None)
            index = self.model.at(row)
        self.view.setCurrentIndex(index)
        self.view.scrollTo(index)

    @Slot(QModelIndex)
    def _on_current(self, index: QModelIndex) -> None:
        row = int(self.model.rows[index.row()]) if index.isValid() else None
        if row is None:
            return
        with QSignalBlocker(self.number):
            self.number.setValue(row)
        what = index.data(Qt.ItemDataRole.AccessibleTextRole)
        self.words.setText(f"{what}. Enter or a double click makes it the input, Esc closes.")

    @Slot(int)
    def _on_number(self, row: int) -> None:
        self._mark(row)

    @Slot(QModelIndex)
    def _on_activated(self, _index: QModelIndex) -> None:
        self._choose()

    @Slot(str, str)
    def _on_impossible(self, key: str, reason: str) -> None:
        if reason and key.startswith("input."):
            self.words.setText(f"⚠ {reason}")

    @Slot()
    def _choose(self) -> None:
        row = self._current
        if row is not None:
            self._session.edit("input.index", row)
            self.words.setText(
                f"{self.view.currentIndex().data(Qt.ItemDataRole.AccessibleTextRole)}. Ctrl+Z takes it back."
            )
