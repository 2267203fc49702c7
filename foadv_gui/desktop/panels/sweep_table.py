"""The rows of a sweep as a table that can be sorted, copied, and opened row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QColor, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QTableView

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.ranges import number
from foadv_gui.lab.settings import setting
from foadv_gui.lab.sweep.columns import COLUMNS
from foadv_gui.lab.sweep.marks import setting_name
from foadv_gui.lab.sweep.metrics import titled

if TYPE_CHECKING:
    import polars
    from PySide6.QtGui import QKeyEvent, QShowEvent

    from foadv_gui.desktop.sweep_desk import SweepDesk
    from foadv_gui.desktop.theme import ThemeKeeper

AnyIndex = QModelIndex | QPersistentModelIndex
_HIDDEN = ("key",)
_NO_INDEX = QModelIndex()
_WIDE_PX, _USUAL_PX = 320, 104


class SweepModel(QAbstractTableModel):
    """A data frame in an order of its own; a new frame keeps the order that somebody chose."""

    def __init__(self, theme: ThemeKeeper) -> None:
        super().__init__()
        self._theme = theme
        self._frame: polars.DataFrame | None = None
        self._order: Any = np.zeros(0, np.int64)
        self._sorting: tuple[int, bool] | None = None
        self.names: list[str] = []

    def show_frame(self, frame: polars.DataFrame | None) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._frame = frame
        self.names = [] if frame is None else [name for name in frame.columns if name not in _HIDDEN]
        self._sort()
        self.endResetModel()

    def point(self, row: int) -> int:
        """The index of the point that a row of the table shows."""
        assert self._frame is not None
        return int(self._frame["point"][int(self._order[row])])

    def row_of(self, point: int) -> int | None:
        """The row that shows a point, if there is one."""
        assert self._frame is not None
        found = np.flatnonzero(self._frame["point"].to_numpy()[self._order] == point)
        return int(found[0]) if len(found) else None

    def exact(self, rows: list[int]) -> list[tuple[str, ...]]:
        """The cells of some rows with all their digits; empty ones as nothing."""
        assert self._frame is not None
        chosen = self._frame[self._order[rows]]  # a whole column at a time: all rows of a sweep may be many
        columns = (chosen[name].to_list() for name in self.names)
        return list(zip(*(["" if cell is None else str(cell) for cell in cells] for cells in columns), strict=True))

    def _sort(self) -> None:
        frame = self._frame
        if frame is None or self._sorting is None or self._sorting[0] >= len(self.names):
            self._order = np.arange(0 if frame is None else len(frame))
            return
        column, down = self._sorting
        self._order = frame[self.names[column]].arg_sort(descending=down, nulls_last=True).to_numpy()

    # -- Qt asks -------------------------------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex = _NO_INDEX) -> int:
        """How many points have been computed."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: AnyIndex = _NO_INDEX) -> int:
        """How many columns there are."""
        return 0 if parent.isValid() else len(self.names)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's words, colour, icon or hover."""
        frame = self._frame
        if frame is None or not index.isValid():
            return None
        row, name = int(self._order[index.row()]), self.names[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return words_of(frame[name][row])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            text = isinstance(frame[name][row], str)
            return Qt.AlignmentFlag.AlignVCenter | (Qt.AlignmentFlag.AlignLeft if text else Qt.AlignmentFlag.AlignRight)
        error = frame["error"][row]
        if error is None:
            return None
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(self._theme.theme.no)
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            return icon("no", self._theme.theme.no)
        return hover(error) if role == Qt.ItemDataRole.ToolTipRole else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A column's title, and its hover."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self.names):
            return None
        title, help_words = _heading(self.names[section])
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        return hover(title, help_words) if role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column, empty cells last; by their points if there is no such column."""
        self.layoutAboutToBeChanged.emit()
        self._sorting = None if column < 0 else (column, order == Qt.SortOrder.DescendingOrder)
        self._sort()
        self.layoutChanged.emit()


class SweepTableView(QTableView):
    """The table on show; a double click or Enter opens a row's experiment."""

    opened = Signal(int)

    def __init__(self, desk: SweepDesk, theme: ThemeKeeper) -> None:
        super().__init__()
        self._desk = desk
        self.rows = SweepModel(theme)
        self._drawn: object = None
        self.setModel(self.rows)
        self.setAccessibleName("Rows of the sweep")
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        self.horizontalHeader().setDefaultSectionSize(_USUAL_PX)
        self.horizontalHeader().setSectionsMovable(True)
        self.doubleClicked.connect(self._on_opened)
        desk.overviewChanged.connect(self._show)

    @Slot()
    def _show(self) -> None:
        """Fill in the rows; nothing while the table is hidden."""
        overview = self._desk.overview
        frame = None if overview is None else overview.table.frame
        if not self.isVisible() or frame is self._drawn:
            return
        self._drawn = frame
        across, down = self.horizontalScrollBar().value(), self.verticalScrollBar().value()
        names = self.rows.names
        chosen = self.currentIndex()
        point = self.rows.point(chosen.row()) if chosen.isValid() else None
        self.rows.show_frame(frame)
        if self.rows.names != names:
            self._fit_columns()
            return
        row = None if point is None else self.rows.row_of(point)
        if row is not None:
            self.setCurrentIndex(self.rows.index(row, chosen.column()))
        self.horizontalScrollBar().setValue(across)
        self.verticalScrollBar().setValue(down)

    def _fit_columns(self) -> None:
        letters = self.fontMetrics()
        for i, name in enumerate(self.rows.names):
            title = _heading(name)[0]
            width = _WIDE_PX if name == "error" else letters.horizontalAdvance(title) + 34
            self.setColumnWidth(i, max(width, 64))

    @Slot(QModelIndex)
    def _on_opened(self, index: QModelIndex) -> None:
        if index.isValid():
            self.opened.emit(self.rows.point(index.row()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens a row; Ctrl+C copies what is selected, with its headings, for a spreadsheet."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._on_opened(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def copy(self) -> None:
        """Put the selected rows on the clipboard, all columns, separated by tabs."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        lines = ["\t".join(self.rows.names)]
        if rows:
            lines += map("\t".join, self.rows.exact(rows))
        QGuiApplication.clipboard().setText("\n".join(lines))

    def showEvent(self, event: QShowEvent) -> None:
        """Fill in what has come while the table was hidden."""
        super().showEvent(event)
        self._show()


def words_of(cell: Any) -> str:
    """A cell as people read it; an empty one as a dash."""
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return number(cell) if isinstance(cell, float) else str(cell)


def _heading(name: str) -> tuple[str, str]:
    """A column's title and its help."""
    column = next((column for column in COLUMNS if column.name == name), None)
    if column is not None:
        return titled(column.title, column.symbol, column.unit), column.help
    if name == "point":
        return "Point", "Its number in the sweep, from 0."
    varied = setting(name)
    words = titled(varied.title, varied.symbol, "") if varied.symbol else setting_name(varied)
    return words[:1].upper() + words[1:], varied.help
