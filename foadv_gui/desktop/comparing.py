"""The one state of the compare page: its board, a session for each column, what they share, and what can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoStack

from foadv_gui.desktop.board import Board
from foadv_gui.desktop.column_session import ColumnSession
from foadv_gui.desktop.frame_turns import FrameTurns
from foadv_gui.desktop.playhead import CommonPlayhead
from foadv_gui.desktop.undo import Change, forget_if_large
from foadv_gui.desktop.worker import ComputeThread, some_at_once
from foadv_gui.lab.comparison import comparison_names, load_comparison
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.ghost import Ghost
from foadv_gui.lab.settings import setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.desktop.undo import Choice
    from foadv_gui.lab.comparison import Comparison
    from foadv_gui.lab.picture import PlanePicture
    from foadv_gui.lab.recording import Recording


class Comparing(QObject):
    """Changes the board, and has the sessions show it.

    Sessions and their threads are made when the page first comes to the front; before that, runs can be pinned.
    """

    boardChanged = Signal()
    sessionMade = Signal(int)
    opened = Signal()
    refused = Signal(str)
    """Why something could not be changed; empty when the next change is possible."""
    ghostsChanged = Signal()
    """The ghosts of pinned runs are others."""
    planesChanged = Signal()
    """Whether all columns can be, and are, on one plane."""
    failed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = QUndoStack(self)
        self.playhead = CommonPlayhead(self)
        self._at_once = some_at_once()
        self._turns = FrameTurns(self)
        """No frame draws the news of all columns."""
        self.board: Board | None = None
        self.sessions: dict[int, ColumnSession] = {}
        self.same_plane = self.with_ghosts = False
        self._awake = self._computing = False
        self._onto: PlanePicture | None = None
        self._known_ghosts: dict[int, tuple[Recording, int, str, Ghost]] = {}
        self._pinned: tuple[Ghost, ...] = ()

    # -- the page comes to the front, and the window closes --------------------------------------------------------

    def awake(self) -> None:
        """The page is looked at: make what it needs, and open the first ready comparison if nothing is open."""
        first, self._awake = not self._awake, True
        if self.board is None:
            self.open(load_comparison(comparison_names()[0]))
        else:
            self._show(self.board, None, live=False)
            self.boardChanged.emit()
            if first:  # runs were pinned before the page was looked at
                self.opened.emit()

    def start(self) -> None:
        """Let the threads of all columns compute."""
        self._computing = True
        for session in self.sessions.values():
            if not session.thread_of_its_own.isRunning():
                session.thread_of_its_own.start()

    def close_down(self) -> None:
        """Stop all timers and threads for good, and wait for them."""
        for session in self.sessions.values():
            session.close()
            session.thread_of_its_own.requestInterruption()
            session.cancel()
        for session in self.sessions.values():
            session.thread_of_its_own.close()

    # -- what is compared ----------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[ColumnSession]:
        """The sessions of all columns, from left to right; none before the page was looked at."""
        if self.board is None or not self._awake:
            return []
        return [self.sessions[cell.slot] for cell in self.board.cells]

    def open(self, comparison: Comparison) -> None:
        """Show another comparison from its beginning; that can be undone."""
        board = Board.of(comparison)
        if self.board is None:
            self.restore(board, live=False)
        else:
            self._push(board, "open", words="open")
        self.opened.emit()

    def set_value(self, i: int, value: object, *, live: bool) -> bool:
        """Give column i another value of the setting that varies; returns whether that is possible."""
        key = self._board.comparison.key
        return self._try(lambda board: board.at(board.comparison.with_value(i, value)), f"{i} {key}", live, key)

    def change_all(self, key: str, value: object, *, live: bool = False) -> bool:
        """Change a setting in all columns."""
        return self._try(lambda board: board.at(board.comparison.changed(key, value)), key, live, key)

    def compare_by(self, key: str) -> bool:
        """Let the columns vary in another setting, about the middle one."""
        return self._try(lambda board: board.at(board.comparison.by(key)), "setting")

    def add(self) -> bool:
        """One more column, at another value."""
        return self._try(lambda board: board.extended(), "add")

    def remove(self, i: int) -> bool:
        """Take a column away."""
        return self._try(lambda board: board.without(i), "remove")

    def unpin(self, i: int) -> bool:
        """Keep a column, but no ghost of it."""
        return self._try(lambda board: board.unpinned(i), "unpin")

    def move(self, i: int, to: int) -> bool:
        """Put a column at another place."""
        return self._try(lambda board: board.moved(i, to), "move")

    def take(self, choice: Choice) -> bool:
        """Compare another experiment, at the values that the columns have."""
        return self._try(lambda board: board.at(board.comparison.around(choice.experiment)), "take")

    def pin(self, choice: Choice) -> str:
        """Add a run as a column; returns in words where it went, or why it could not."""
        if self.board is None:
            self.board = Board.of(load_comparison(comparison_names()[0]))
        before = self.board
        there = before.pin_of(choice)
        if there is not None:
            return f"This run is pinned already: column {there + 1} of Compare scales (Ctrl+2)"
        try:
            board, i = (Board.around(choice), 0) if before.as_shipped else before.pinned(choice)
        except ExperimentError as error:
            return f"Not pinned: {error}"
        self._push(board, "pin", words="pin")
        words = f"Pinned as column {i + 1} of Compare scales (Ctrl+2): {board.comparison.value_words(i)}"
        if before.as_shipped:
            words += f", beside the same run at {board.comparison.value_words(1)}"
        elif len(before.cells) == len(board.cells):
            words += f", in place of {before.comparison.value_words(i)}"
        return words

    def restore(self, board: Board, *, live: bool) -> None:
        """Show a board that undo or redo brings back."""
        before, self.board = self.board, board
        if self._awake:
            self._show(board, before, live=live)
        self.boardChanged.emit()
        self._haunt()

    @property
    def _board(self) -> Board:
        assert self.board is not None
        return self.board

    def _try(self, change: Callable[[Board], Board], key: str, live: bool = False, told_of: str = "") -> bool:
        try:
            board = change(self._board)
        except ExperimentError as error:
            self.refused.emit(str(error))
            return False
        self.refused.emit("")
        words = setting(told_of).title.lower() if told_of else key
        self._push(board, key, live=live, words=words)
        return True

    def _push(self, board: Board, key: str, *, live: bool = False, words: str) -> None:
        if board.same(self._board):
            return
        forget_if_large(self.undo_stack)
        self.undo_stack.push(Change(self, self.board, board, key, live, words))

    def _show(self, board: Board, before: Board | None, *, live: bool) -> None:
        was = {cell.slot: cell.choice for cell in before.cells} if before is not None else {}
        anew = before is None or before.opened is not board.opened
        for cell in board.cells:
            session = self._session(cell.slot)
            if anew or cell.slot not in was:
                session.show_choice(cell.choice, live=False, anew=True)
            elif session.choice is not cell.choice:
                session.show_choice(cell.choice, live=live, anew=False)
        for slot, session in self.sessions.items():
            if board.column_of(slot) is None:
                session.cancel()
        self.playhead.follow(self.columns)
        self.link()

    def _session(self, slot: int) -> ColumnSession:
        """The session of a slot, made when it is first needed."""
        if slot not in self.sessions:
            thread = ComputeThread(self, self._at_once)
            session = self.sessions[slot] = ColumnSession(thread, self, self._turns)
            session.wanted.connect(self._on_wanted)
            session.planeChanged.connect(self.link)
            session.recordingChanged.connect(self._haunt)
            session.failed.connect(self.failed)
            self.sessionMade.emit(slot)
            if self._computing:
                thread.start()
        return self.sessions[slot]

    @Slot(object, str, bool)
    def _on_wanted(self, choice: Choice, key: str, live: bool) -> None:
        """A view of one column wants a change: of how it is seen in all columns, of anything else in its own."""
        session = self.sender()
        i = next((i for i, column in enumerate(self.columns) if column is session), None)
        if i is None:
            return
        if key.startswith("view.") and key != "view.focus":
            self.change_all(key, choice.experiment.get(key), live=live)
            return
        words = "move start" if key.startswith("start ") else setting(key).title.lower()
        self._push(self._board.with_choice(i, choice), f"{i} {key}", live=live, words=words)

    # -- one plane for all, and ghosts -----------------------------------------------------------------------------

    @property
    def why_no_common_plane(self) -> str:
        """Why no plane is common to all columns, or nothing if one is."""
        dimensions = sorted({session.info.dimension for session in self.columns if session.info is not None})
        if len(dimensions) < 2:
            return ""
        return f"the inputs have {' and '.join(map(str, dimensions))} coordinates, which share no direction"

    def set_same_plane(self, on: bool) -> None:
        """Draw all columns on the plane of the first, or each on its own."""
        self.same_plane = on
        self.link()

    def set_ghosts(self, on: bool) -> None:
        """Draw each column's focused path in the others too, or not."""
        self.with_ghosts = on
        self.link()

    @Slot()
    def link(self) -> None:
        """Tell each session on whose plane it draws, and with which ghosts."""
        columns = self.columns
        if not columns:
            return
        plane = columns[0].plane if self.same_plane else None
        if plane is None or self._onto is None or not plane.alike(self._onto):
            self._onto = plane
        ghosts = [self._ghost(i) for i in range(len(columns))] if self.with_ghosts else []
        for i, session in enumerate(columns):
            seen = tuple(ghost for j, ghost in enumerate(ghosts) if ghost is not None and j != i)
            session.look_beside(self._onto if i else None, seen)
        self.planesChanged.emit()

    @property
    def pinned_ghosts(self) -> tuple[Ghost, ...]:
        """The focused paths of the pinned runs."""
        return self._pinned

    @Slot()
    def _haunt(self) -> None:
        """A run has changed: its ghost has, too."""
        board = self._board
        found = (self._ghost(i) for i, cell in enumerate(board.cells) if cell.pin)
        pinned = tuple(ghost for ghost in found if ghost is not None)
        if pinned != self._pinned:
            self._pinned = pinned
            self.ghostsChanged.emit()
        if self.with_ghosts:
            self.link()

    def _ghost(self, i: int) -> Ghost | None:
        """The ghost of a column, or None while its run is not finished."""
        board = self._board
        cell = board.cells[i]
        session = self.sessions.get(cell.slot)
        recording = session.finished_run if session is not None else None
        recording = recording or cell.choice.recording
        known = self._known_ghosts.get(cell.slot)
        if recording is None:  # on its way: until then, that of the run before
            return known[3] if known is not None and session is not None and session.moving else None
        key = recording, cell.choice.experiment.view.focus, self.name_of(i)
        if known is None or known[:3] != key:
            self._known_ghosts[cell.slot] = known = (*key, Ghost.of(*key))
        return known[3]

    def name_of(self, i: int) -> str:
        """What a column is called: its value, and its place where others have the same one."""
        comparison = self._board.comparison
        alone = comparison.values.count(comparison.values[i]) == 1
        return comparison.value_words(i) if alone else f"{comparison.value_words(i)} (column {i + 1})"
