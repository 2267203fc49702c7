"""How regular the landscape is: a card of measures in groups, each explained on hover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from foadv_gui.desktop.plots.reason import PlotOrReason
from foadv_gui.desktop.theme import hover

if TYPE_CHECKING:
    from foadv_gui.desktop.session import Session
    from foadv_gui.lab.restarts import RegularityPicture, RegularityRow

_LATER = "Nothing is measured yet: this comes when the ends of all paths have been judged."


class MeasureRow(QFrame):
    """One measure: its name and symbol, and its value below."""

    def __init__(self, row: RegularityRow) -> None:
        super().__init__()
        self.setToolTip(hover(row.hover))
        self.setAccessibleName(f"{row.name}: {row.value}")
        self.name, self.symbol, self.value = QLabel(row.name), QLabel(row.symbol), QLabel(row.value)
        self.symbol.setObjectName("faint")
        self.value.setWordWrap(True)
        self.value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.value.setContentsMargins(12, 0, 0, 0)
        top = QHBoxLayout()
        top.addWidget(self.name, 1)
        top.addWidget(self.symbol)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 4)
        column.setSpacing(1)
        column.addLayout(top)
        column.addWidget(self.value)


class RegularityCard(PlotOrReason):
    """The measures on show, group by group."""

    def __init__(self, session: Session) -> None:
        scroll = QScrollArea()
        super().__init__(scroll)
        self._session = session
        self._shown: RegularityPicture | None = None
        self.rows: dict[str, MeasureRow] = {}
        self.body = QWidget()
        self.body.setObjectName("form")
        self._column = QVBoxLayout(self.body)
        self._column.setContentsMargins(6, 4, 6, 4)
        self._column.setSpacing(2)
        scroll.setWidget(self.body)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.say(_LATER)
        for signal in (session.regularityChanged, session.recordingChanged):
            signal.connect(self._show)

    @Slot()
    def _show(self) -> None:
        shown = self._session.regularity
        # What is grey belongs to the run before.
        self.body.setEnabled(shown is not None)
        if shown is None or shown == self._shown:
            return
        self._shown = shown
        self.say("")
        while (item := self._column.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        self.rows = {}
        for group in shown.groups:
            heading = QLabel(group.title)
            heading.setObjectName("heading")
            heading.setToolTip(hover(group.hover))
            self._column.addWidget(heading)
            for row in group.rows:
                self.rows[row.name] = MeasureRow(row)
                self._column.addWidget(self.rows[row.name])
        self._column.addStretch(1)
