"""What the focused path found, in words with icons; a click on a clause shows the formula behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.config import setting
from foadv_gui.lab.summary import summary

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent

    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.findings import Clause, VerdictPicture
    from foadv_gui.lab.palette import Theme

_LARGEST = (
    "Set the step to the largest one that is stable at this summit, η_max = 2/(−μ_min − λ): above it the ascent "
    "oscillates, at it it hardly converges."
)
_FASTEST = (
    "Set the step to the one that converges fastest near this summit, η = 2/(−μ_min − μ_max), where the errors that "
    "overshoot shrink as slowly as those that lag behind."
)
_TONES = {"yes": "yes", "no": "no", "unsure": "not decided", "note": "note"}


class ClauseRow(QWidget):
    """One clause: icon, words, and the formula below when it is unfolded."""

    def __init__(self, clause: Clause, theme: Theme, unfolded: bool) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        top = QHBoxLayout()
        top.setSpacing(6)
        self.button = QToolButton()
        self.button.setIcon(icon(clause.tone, getattr(theme, clause.tone)))
        self.button.setIconSize(QSize(17, 17))
        self.button.setAutoRaise(True)
        self.button.setCheckable(True)
        self.button.setObjectName("clause")
        self.button.setChecked(unfolded)
        self.button.setAccessibleName(f"{_TONES[clause.tone]}: {clause.words}")
        self.button.setToolTip("Show the formula with this run's numbers, and where it comes from")
        self.words = QLabel(clause.words)
        self.words.setWordWrap(True)
        detail = f"{clause.detail}\nSource: {clause.source}" if clause.source else clause.detail
        self.topic = clause.topic
        self.words.setToolTip(detail)
        self.words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        top.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(self.words, 1)
        self.detail = QLabel(detail)
        self.detail.setObjectName("faint")
        self.detail.setWordWrap(True)
        self.detail.setContentsMargins(28, 0, 0, 2)
        self.detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.detail.setVisible(unfolded)
        self.button.toggled.connect(self.detail.setVisible)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        column.addLayout(top)
        column.addWidget(self.detail)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click anywhere on the clause unfolds it too."""
        self.button.toggle()
        event.accept()


class VerdictPanel(QFrame):
    """The verdict on the focused path, and a count over all of them."""

    def __init__(self, session: Session, theme: ThemeKeeper, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._session, self._theme = session, theme
        self._shown: tuple[object, ...] = ()
        self.rows: list[ClauseRow] = []
        self._opened: ClauseRow | None = None
        self._unfolded: set[str] = set()
        """The topics whose formulas are on show, and will be again in the next verdict."""
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 6, 10, 6)
        column.setSpacing(3)
        self.heading = QLabel("Verdict")
        self.heading.setObjectName("heading")
        column.addWidget(self.heading)
        body = QWidget()
        body.setObjectName("form")
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addStretch(1)
        self._scroll = scroll = QScrollArea()
        scroll.setWidget(body)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column.addWidget(scroll, 1)
        steps = QHBoxLayout()
        steps.setSpacing(6)
        self.largest = self._step_button("Largest stable step", steps)
        self.fastest = self._step_button("Fastest step", steps)
        self.largest.clicked.connect(self._set_largest)
        self.fastest.clicked.connect(self._set_fastest)
        column.addLayout(steps)
        self.summary = QLabel()
        self.summary.setObjectName("faint")
        self.summary.setWordWrap(True)
        self.summary.setAlignment(Qt.AlignmentFlag.AlignTop)
        # Two lines, however many it has: the buttons above must not move.
        self.summary.setMinimumHeight(2 * self.summary.fontMetrics().lineSpacing())
        column.addWidget(self.summary)
        for signal in (session.verdictChanged, session.recordingChanged, session.experimentChanged, theme.changed):
            signal.connect(self._show)
        self._show()

    def _step_button(self, name: str, row: QHBoxLayout) -> QToolButton:
        button = QToolButton()
        button.setText(name)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row.addWidget(button)
        return button

    @Slot()
    def _set_largest(self) -> None:
        known = self._session.verdicts.get(self._session.focus)
        if known is not None and known.step_largest is not None:
            self._session.edit("ascent.step", known.step_largest)

    @Slot()
    def _set_fastest(self) -> None:
        known = self._session.verdicts.get(self._session.focus)
        if known is not None and known.step_fastest is not None:
            self._session.edit("ascent.step", known.step_fastest)

    def _offer_steps(self, known: VerdictPicture | None) -> None:
        """Two steps that can be set with one click, where the summit has them."""
        why = known.step_why if known is not None else "no summit is known yet"
        units = self._session.experiment.ascent.step_units
        told = f"The number is in the step's own units: {setting('ascent.step_units').labels[units]}."
        for button, name, value, help in (
            (self.largest, "Largest stable η", known and known.step_largest, _LARGEST),
            (self.fastest, "Fastest η", known and known.step_fastest, _FASTEST),
        ):
            button.setEnabled(value is not None)
            button.setText(f"{name}: {value:.3g}" if value is not None else f"{name}: –")
            button.setToolTip(hover(help, told if value is not None else f"Not here: {why}."))

    @Slot(bool)
    def _on_unfolded(self, unfolded: bool) -> None:
        row = self.sender().parent()
        if unfolded and isinstance(row, ClauseRow):
            self._opened = row
            QTimer.singleShot(0, self._reveal)  # when it has its height

    @Slot()
    def _reveal(self) -> None:
        """Scroll to what has been unfolded: to its words, and to as much of the formula as there is room for."""
        if self._opened in self.rows:
            self._scroll.ensureWidgetVisible(self._opened, 0, 0)
            self._scroll.ensureWidgetVisible(self._opened.words, 0, 0)

    @Slot()
    def _show(self) -> None:
        session = self._session
        known = session.verdicts.get(session.focus)
        self.heading.setText(f"Verdict on path {session.focus + 1}")
        key = (known, session.focus, self._theme.theme)
        if key != self._shown:
            self._shown = key
            for row in self.rows:
                (self._unfolded.add if row.button.isChecked() else self._unfolded.discard)(row.topic)
            for row in self.rows:
                self._column.removeWidget(row)
                row.deleteLater()
            clauses = known.clauses if known is not None else ()
            self.rows = [ClauseRow(clause, self._theme.theme, clause.topic in self._unfolded) for clause in clauses]
            for i, row in enumerate(self.rows):
                self._column.insertWidget(i, row)
                row.button.toggled.connect(self._on_unfolded)
            self._offer_steps(known)
        maxima = [verdict.local_maximum for verdict in session.verdicts.values()]
        self.summary.setText(summary(session.recording, maxima))
