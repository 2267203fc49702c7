"""What was found out about one column's run: three lines with icons, and the rest in their hover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Slot
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget
from superqt import QElidingLabel

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.brief import brief, everything

if TYPE_CHECKING:
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper

_LINES = 3
_TONES = {"yes": "yes", "no": "no", "unsure": "not decided", "note": "note"}
_ICON_PX = 14


class BriefVerdict(QWidget):
    """Three lines, whether there is something to say or not, so that nothing above them moves."""

    def __init__(self, session: Session, theme: ThemeKeeper) -> None:
        super().__init__()
        self._session, self._theme = session, theme
        grid = QGridLayout(self)
        grid.setContentsMargins(2, 0, 2, 0)
        grid.setHorizontalSpacing(5)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(1, 1)
        self._icons = [QLabel() for _ in range(_LINES)]
        self.lines = [QElidingLabel() for _ in range(_LINES)]
        for row, (mark, line) in enumerate(zip(self._icons, self.lines, strict=True)):
            mark.setFixedSize(_ICON_PX, line.fontMetrics().height())
            line.setFixedHeight(line.fontMetrics().height())
            grid.addWidget(mark, row, 0)
            grid.addWidget(line, row, 1)
        for signal in (session.verdictChanged, session.restartsChanged, session.recordingChanged, theme.changed):
            signal.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        session, theme = self._session, self._theme.theme
        verdict = session.verdicts.get(session.focus)
        found = brief(verdict, session.restarts)
        for i, (mark, line) in enumerate(zip(self._icons, self.lines, strict=True)):
            clause = found[i] if i < len(found) else None
            line.setText(clause.words if clause is not None else "" if found or i else "Climbing…")
            line.setAccessibleName(f"{_TONES[clause.tone]}: {clause.words}" if clause is not None else "")
            if clause is None:
                mark.clear()
            else:
                mark.setPixmap(icon(clause.tone, getattr(theme, clause.tone)).pixmap(QSize(_ICON_PX, _ICON_PX)))
        self.setToolTip(hover(*everything(verdict, session.restarts)))
