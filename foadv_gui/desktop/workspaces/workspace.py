"""What each page of the window has in common: the window's keys, buttons and status line act on the one in front."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from PySide6.QtCore import Signal
from PySide6.QtGui import QUndoStack
from PySide6.QtWidgets import QFileDialog, QWidget

if TYPE_CHECKING:
    from foadv_gui.desktop.player import Player
    from foadv_gui.lab.documents import Found


class Ready(NamedTuple):
    """Something that comes with the program: its name, its title, and what to watch when it is opened."""

    name: str
    title: str
    watch: str


class Workspace(QWidget):
    """One page of the window."""

    title: ClassVar[str]
    help: ClassVar[str]
    """What the page is for, in one sentence."""
    step: ClassVar[str] = "iterate"
    """What the playback keys step over."""

    statusChanged = Signal()
    """What it does, what it shows or how it is called has changed."""
    titleChanged = Signal()
    told = Signal(str)
    """Something to say in the status line for a while."""
    warned = Signal(str, str)
    """What cannot be done, and why."""
    failed = Signal(str, str)
    """An unexpected error, and its details."""
    pinned = Signal()
    """The run on show is to become a column of the compare page."""

    def __init__(self, player: Player | None = None, undo_stack: QUndoStack | None = None) -> None:
        super().__init__()
        self.player = player
        """What the playback keys move; without one they rest."""
        self.undo_stack = undo_stack or QUndoStack(self)
        """What Ctrl+Z takes back while the page is in front."""
        self._was_playing = False

    @property
    def computing(self) -> bool:
        """Whether there is something that Esc would stop."""
        return False

    @property
    def busy(self) -> bool:
        """Whether anything at all is on its way, a question of the mouse, too."""
        return self.computing

    @property
    def doing(self) -> str:
        """What it does, for the left of the status line."""
        return ""

    @property
    def showing(self) -> str:
        """What is on show and where it is computed, for the right of the status line."""
        return ""

    @property
    def name(self) -> str:
        """What is open in it, for the window's title."""
        return ""

    @property
    def preset(self) -> str:
        """The preset that is open in it, or nothing."""
        return ""

    @property
    def watch(self) -> str:
        """What to look at."""
        return ""

    def ready(self) -> list[Ready]:
        """What comes with the program and is shown here."""
        return []

    @property
    def unsaved(self) -> str:
        """What would be lost if the window closed now, in words; nothing if nothing would."""
        return ""

    def accepts(self, found: Found) -> bool:
        """Whether what a file or a preset holds is shown here."""
        return False

    def open(self, name: str, found: Found) -> None:
        """Show what was found under a name."""
        raise NotImplementedError

    def enter(self) -> None:
        """Come to the front: go on playing."""
        if self.player is not None and self._was_playing:
            self.player.play()
        self.take_focus()

    def leave(self) -> None:
        """Go to the back: nothing moves where nobody looks."""
        if self.player is not None:
            self._was_playing = self.player.playing
            self.player.pause()

    def take_focus(self) -> None:
        """Give the keyboard to what the page is about."""
        self.setFocus()

    def fit(self) -> None:
        """Show the whole of every view again."""

    def cancel(self) -> None:
        """Stop what is being computed."""

    def pin(self) -> None:
        """Make the run on show a column of the compare page, where there is one run."""
        self.told.emit("Only a run in Explore can be pinned")

    def ask_where(self, name: str, kinds: str) -> Path | None:
        """Choose a file to save to; a name without an ending gets that of the kind that is chosen in the dialog."""
        given, kind = QFileDialog.getSaveFileName(self, "Save", name, kinds)
        path, ending = Path(given), re.search(r"\*(\.\w+)", kind)
        if not given or path.suffix or ending is None:
            return path if given else None
        path = path.with_name(path.name + ending[1])
        if path.exists():  # nobody was asked about this one
            why = "there is such a file already; type its whole name to replace it"
            self.warned.emit("This cannot be saved", f"{path}: {why}")
            return None
        return path

    def ask_save(self) -> None:
        """Choose a file and save what is on show."""

    def close_down(self) -> None:
        """Stop timers, threads and processes for good, and wait for them: the window closes."""
