"""The button that starts or stops a sweep, how far it is, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QSizePolicy, QVBoxLayout

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.panels.once_button import OnceButton
from foadv_gui.desktop.status import duration
from foadv_gui.desktop.sweep_desk import State
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.summary import counted

if TYPE_CHECKING:
    from foadv_gui.desktop.sweep_desk import SweepDesk
    from foadv_gui.desktop.theme import ThemeKeeper

_ICON_PX = 18


class RunCard(QFrame):
    """One large button, a bar, and the words below it; `startWanted` says that the button was pressed to start."""

    startWanted = Signal()

    def __init__(self, desk: SweepDesk, theme: ThemeKeeper) -> None:
        super().__init__()
        self.setObjectName("card")
        self._desk, self._theme = desk, theme
        self.button = OnceButton()
        self.button.setObjectName("main")
        self.button.setIconSize(QSize(_ICON_PX, _ICON_PX))
        self.button.clicked.connect(self._on_button)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.bar.setAccessibleName("Points done")
        self.sign = QLabel()
        self.sign.setFixedWidth(_ICON_PX + 2)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.sign)
        row.addWidget(self.words, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addWidget(self.button)
        column.addWidget(self.bar)
        column.addLayout(row)
        for changed in (desk.planChanged, desk.stateChanged, desk.progressChanged, desk.overviewChanged):
            changed.connect(self._show)
        theme.changed.connect(self._show)
        self._show()

    @Slot()
    def _on_button(self) -> None:
        if self._desk.running:
            self._desk.cancel()
        else:
            self.startWanted.emit()

    @Slot()
    def _show(self) -> None:
        desk, theme = self._desk, self._theme.theme
        running = desk.running
        text = "Cancel" if running else "Resume" if desk.resumable else "Start again" if self._on_show else "Start"
        self.button.setText("Stopping…" if desk.stopping else text)
        self.button.setIcon(icon("cancel" if running else "play", theme.accent_text))
        self.button.setEnabled(not desk.stopping if running else desk.draft.sweep is not None)
        self.button.setToolTip(hover(self._what_happens()))
        progress = desk.progress
        self.bar.setVisible(running or desk.resumable)
        self.bar.setRange(0, progress.total if progress and progress.done else 0 if running else 1)
        self.bar.setValue(progress.done if progress else 0)
        sign, colour, words = self._told()
        self.sign.setPixmap(icon(sign, colour).pixmap(_ICON_PX, _ICON_PX))
        self.words.setText(words)
        for part in (self.sign, self.words):
            part.setVisible(bool(words))

    def _what_happens(self) -> str:
        desk = self._desk
        if desk.running:
            return "Stop within a second; what is done is kept, and the next start goes on from there (Esc)"
        if desk.draft.sweep is None:
            return f"Cannot start: {desk.draft.problem}"
        if desk.resumable:
            return "Go on with the points that are missing"
        again = " again, in place of the rows on show" if self._on_show else ""
        return f"Compute {desk.draft.words}{again}"

    @property
    def _on_show(self) -> bool:
        """Whether rows of the very sweep that is set up are on show."""
        return self._desk.state in (State.DONE, State.LOADED) and not self._desk.outdated

    def _told(self) -> tuple[str, str, str]:
        """Icon, its colour, and the words."""
        desk, theme = self._desk, self._theme.theme
        state = desk.state
        if desk.running:
            return "note", theme.note, progress_words(desk)
        if state is State.FAILED:
            return "no", theme.no, f"{desk.trouble}{self._kept()}"
        if desk.trouble:
            return "no", theme.no, f"The pictures cannot be drawn: {desk.trouble}"
        if desk.outdated:
            return "unsure", theme.unsure, "On show is the last sweep, not the one that is set up here."
        if state is State.CANCELLED:
            return "unsure", theme.unsure, f"Cancelled.{self._kept()}"
        if state not in (State.DONE, State.LOADED):
            return "note", theme.note, ""
        failed = _failed(desk)
        words = "Done" if state is State.DONE else f"The rows of {Path(desk.source).name}"
        if failed:
            return "unsure", theme.unsure, f"{words}: {counted(failed, 'point')} failed, see the table."
        return ("yes", theme.yes, f"{words}.") if state is State.DONE else ("note", theme.note, words)

    def _kept(self) -> str:
        overview = self._desk.overview
        rows = 0 if overview is None else len(overview.table.frame)
        return f" {rows:,} rows are kept; Resume goes on with the rest." if rows and self._desk.resumable else ""


def progress_words(desk: SweepDesk) -> str:
    """How far a running sweep is: "57 of 130, 2 failed, 2.1 points a second, about 35 s left"."""
    progress = desk.progress
    if progress is None or not progress.done:
        return f"Starting {desk.crew_name}: torch takes some seconds"
    parts = [f"{progress.done:,} of {progress.total:,} points"]
    parts += [f"{progress.failed:,} failed"] if progress.failed else []
    if progress.rate:
        fast = progress.rate >= 1
        parts.append(f"{progress.rate:.3g} a second" if fast else f"{60 * progress.rate:.3g} a minute")
    if progress.left:
        parts.append(f"about {duration(progress.left)} left")
    return ", ".join(parts)


def _failed(desk: SweepDesk) -> int:
    return 0 if desk.overview is None else desk.overview.table.failed
