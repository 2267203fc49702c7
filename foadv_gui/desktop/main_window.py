"""The window: tool bar, workspace, status line, dialogs; and the order in which it closes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut, QUndoGroup
from PySide6.QtWidgets import (
    QFileDialog,
    QMainWindow,
    QStackedWidget,
)

from foadv_gui.desktop import boxes, placing
from foadv_gui.desktop.actions import Actions, key_sheet
from foadv_gui.desktop.export_menu import ExportMenu
from foadv_gui.desktop.file_kinds import EVERYTHING
from foadv_gui.desktop.filing import Filing, is_read_beside
from foadv_gui.desktop.icons import application_icon
from foadv_gui.desktop.incoming import Incoming
from foadv_gui.desktop.leaving import Leaving
from foadv_gui.desktop.player import Player
from foadv_gui.desktop.rendering import Rendering
from foadv_gui.desktop.session import Session
from foadv_gui.desktop.status_line import StatusLine
from foadv_gui.desktop.tool_bar import ToolBar
from foadv_gui.desktop.transport import Transport
from foadv_gui.desktop.workspaces.compare import CompareWorkspace, run_of
from foadv_gui.desktop.workspaces.explore import ExploreWorkspace
from foadv_gui.desktop.workspaces.sweep import SweepWorkspace
from foadv_gui.desktop.workspaces.train import TrainWorkspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QCloseEvent, QShowEvent

    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.desktop.undo import Choice
    from foadv_gui.desktop.worker import ComputeThread
    from foadv_gui.desktop.workspaces.workspace import Workspace
    from foadv_gui.lab.documents import Found

_TOLD_MS = 8000


class MainWindow(QMainWindow):
    """Everything that one session shows."""

    def __init__(self, thread: ComputeThread, theme: ThemeKeeper, *, remember: bool = True) -> None:
        super().__init__()
        self._remember = remember
        """Whether the window is placed as the user left it, and remembers where it is left."""
        self.setWindowTitle("foadv")
        self.setWindowIcon(application_icon())
        self._thread, self.theme = thread, theme
        self.session = Session(thread, self)
        self.player = Player(self.session, self)
        self.transport = Transport(self)
        self.filing = Filing(self)
        self.exports = ExportMenu(self.session, self.filing, self)
        self.rendering = Rendering(self)
        self._played_before = False
        self.actions_table = Actions(self, self._handlers(), theme)
        self.undo_group = QUndoGroup(self)
        for key, possible in (("undo", self.undo_group.canUndoChanged), ("redo", self.undo_group.canRedoChanged)):
            possible.connect(self.actions_table[key].setEnabled)
            self.actions_table[key].setEnabled(False)
        self.explore = ExploreWorkspace(self.session, self.player, theme, self.actions_table)
        self.compare = CompareWorkspace(self.session, theme, self.actions_table)
        self.sweep = SweepWorkspace(self.session, theme, self.filing)
        self.sweep.openWanted.connect(self._on_point)
        self.train = TrainWorkspace(self.session, theme, self.filing, self.rendering, self.actions_table)
        self.workspaces: tuple[Workspace, ...] = (self.explore, self.compare, self.sweep, self.train)
        self.leaving = Leaving(self, self.workspaces, self.rendering)
        self.leaving.saveWanted.connect(self._on_save_wanted)
        self.stack = QStackedWidget()
        for workspace in self.workspaces:
            self.stack.addWidget(workspace)
            self.undo_group.addStack(workspace.undo_stack)
            workspace.statusChanged.connect(self._show_status)
            workspace.titleChanged.connect(self._show_title)
            workspace.told.connect(self._tell)
            workspace.warned.connect(self.warn)
            workspace.failed.connect(self._on_failed)
            workspace.pinned.connect(self._on_pinned)
        self.setCentralWidget(self.stack)
        self._add_tool_bar()
        self._add_status()
        self.compare.exploreWanted.connect(self._explore)
        self.train.exploreWanted.connect(self._explore)
        self.compare.comparing.ghostsChanged.connect(self._haunt)
        self.session.opened.connect(self._on_opened)
        self.session.unopened.connect(self._on_unopened)
        self.session.failed.connect(self._on_failed)
        self.filing.found.connect(self.show_found)
        self.rendering.told.connect(self._tell)
        for writer in (self.filing, self.rendering):
            writer.saved.connect(self._on_saved)
            writer.refused.connect(self.warn)
            writer.failed.connect(self._on_failed)
        self.incoming = Incoming(self, self.explore, self.filing, theme)
        self.incoming.openWanted.connect(self.open_target)
        self.incoming.exploreWanted.connect(self._explore)
        self.incoming.told.connect(self._tell)
        self.incoming.warned.connect(self.warn)
        self.resize(1280, 720)
        if remember:
            placing.restore(self, self.explore.columns)
        self._come_to_front()

    # -- building ------------------------------------------------------------------------------------------------

    def _handlers(self) -> dict[str, Callable[..., object]]:
        return {
            **self.transport.handlers,
            **self.exports.handlers,
            "fit": self._fit,
            "cut": self._cut,
            "pin": self._pin,
            "cancel": self._cancel,
            "undo": self._undo,
            "redo": self._redo,
            "open": self.ask_open,
            "paste": self._paste,
            "browse": self._browse,
            "save": self.ask_save,
            "theme": self.theme.toggle,
            "full": self._full,
            "help": self._help,
        }

    def _add_tool_bar(self) -> None:
        self.bar = ToolBar(self.workspaces, self.actions_table)
        self.bar.pageChosen.connect(self.show_page)
        self.bar.presetChosen.connect(self._on_preset)
        self.addToolBar(self.bar)
        self.exports.attend(self.explore, self.bar.buttons["export"])
        for i in range(len(self.workspaces)):
            shortcut = QShortcut(QKeySequence(f"Ctrl+{i + 1}"), self)
            shortcut.setProperty("page", i)
            shortcut.activated.connect(self._on_page_key)

    def _add_status(self) -> None:
        line = self.line = StatusLine(self.actions_table["cancel"], self.rendering, self.theme)
        self.doing, self.stop, self.device = line.doing, line.stop, line.device
        line.messageChanged.connect(self._show_status)
        self.setStatusBar(line)

    # -- pages ---------------------------------------------------------------------------------------------------

    @property
    def workspace(self) -> Workspace:
        """The page in front."""
        return self.workspaces[self.stack.currentIndex()]

    @Slot(int)
    def show_page(self, index: int) -> None:
        """Bring a page to the front."""
        if index != self.stack.currentIndex():
            self.workspace.leave()
            self.stack.setCurrentIndex(index)
            self._come_to_front()

    @Slot()
    def _on_page_key(self) -> None:
        self.show_page(self.sender().property("page"))

    def _come_to_front(self) -> None:
        workspace = self.workspace
        self.undo_group.setActiveStack(workspace.undo_stack)
        self.actions_table.let_play(workspace.player is not None)
        self.actions_table.name_steps(workspace.step)
        self.transport.player = workspace.player
        if workspace.player is not None:
            self.actions_table["loop"].setChecked(workspace.player.loop)
        workspace.enter()
        self._show_title()
        self._show_status()

    @Slot()
    def start_computing(self) -> None:
        """Let the compute thread load torch and go to work."""
        self._thread.start()

    # -- opening and saving --------------------------------------------------------------------------------------

    @Slot(str)
    def open_target(self, target: str) -> None:
        """Open a preset or a file, whatever it is; a message says what is wrong, and nothing changes."""
        if is_read_beside(target):
            self.statusBar().showMessage(f"Reading {target}")
        self.filing.open(target)

    @Slot(str, object)
    def show_found(self, name: str, found: Found) -> None:
        """Show what was found under a name."""
        self.statusBar().clearMessage()
        index = next(i for i in reversed(range(len(self.workspaces))) if self.workspaces[i].accepts(found))
        self.show_page(index)
        self.workspaces[index].open(name, found)

    @Slot()
    def _on_opened(self) -> None:
        self._played_before = self.player.playing
        self.player.play()

    @Slot(str, object)
    def _on_point(self, name: str, found: Found) -> None:
        self.explore.waiting = None
        self.show_found(name, found)
        self._tell(f"Opened from the sweep: {name}")

    @Slot(str, str)
    def _on_unopened(self, name: str, why: str) -> None:
        if not self._played_before:
            self.player.pause()
        self.warn("This cannot be opened", f"{name}: {why}")

    @Slot(str, str)
    def warn(self, what: str, why: str) -> None:
        """Say what cannot be done, and why."""
        self.statusBar().clearMessage()
        boxes.warn(self, what, why)

    @Slot(str)
    def _on_preset(self, name: str) -> None:
        self.open_target(name)
        self.workspace.take_focus()

    @Slot()
    def ask_open(self) -> None:
        """Choose a file and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open", "", EVERYTHING)
        if path:
            self.open_target(path)

    @Slot()
    def ask_save(self) -> None:
        """Choose a file and save the recording (.npz) or the experiment (.toml); on other pages what these show."""
        if self.workspace is not self.explore:
            self.workspace.ask_save()
            return
        path, _ = QFileDialog.getSaveFileName(self, "Save", "run.npz", "Recording (*.npz);;Experiment (*.toml)")
        if path:
            self.save_to(Path(path))

    def save_to(self, path: Path) -> None:
        """Save by the file's ending, a recording if it has none; a message says why if it cannot be."""
        recording = self.session.recording
        if path.suffix.lower() not in (".npz", ".toml"):
            path = path.with_name(f"{path.name}.npz")
            if path.exists():  # nobody was asked about this one
                why = "there is such a file already; type its whole name to replace it"
                self.warn("This cannot be saved", f"{path}: {why}")
                return
        if path.suffix.lower() == ".toml":
            self.filing.save_experiment(path, self.session.choice)
        elif recording is None or not recording.finished:
            why = "the run is not finished yet: wait for it, or stop it with Esc, and save again"
            self.warn("This cannot be saved", f"{path}: {why}")
            return
        else:
            self.filing.save_recording(path, recording)
        self.statusBar().showMessage(f"Saving {path}")

    @Slot(str)
    def _on_saved(self, path: str) -> None:
        self.statusBar().showMessage(f"Saved {path}", 4000)

    # -- showing -------------------------------------------------------------------------------------------------

    @Slot(str)
    def _tell(self, words: str) -> None:
        self.statusBar().showMessage(words, _TOLD_MS)

    @Slot()
    def _show_title(self) -> None:
        workspace = self.workspace
        self.setWindowTitle(f"{workspace.name} — foadv" if workspace.name else "foadv")
        self.bar.show_page(self.stack.currentIndex(), workspace.preset, workspace.watch)

    @Slot()
    def _show_status(self) -> None:
        self.line.show_page(self.workspace)

    @Slot(str, str)
    def _on_failed(self, message: str, details: str) -> None:
        boxes.report(self, message, details)

    # -- actions -------------------------------------------------------------------------------------------------

    @Slot()
    def _fit(self) -> None:
        self.workspace.fit()

    @Slot()
    def _cancel(self) -> None:
        if self.rendering.busy and not self.workspace.computing:
            self.rendering.cancel()
        else:
            self.workspace.cancel()

    @Slot()
    def _paste(self) -> None:
        self.incoming.paste()

    @Slot()
    def _browse(self) -> None:
        self.show_page(self.workspaces.index(self.explore))
        self.explore.browse()

    @Slot()
    def _pin(self) -> None:
        self.workspace.pin()

    @Slot()
    def _on_pinned(self) -> None:
        self.compare.pin_run(run_of(self.session))

    @Slot()
    def _haunt(self) -> None:
        self.session.look_beside(ghosts=self.compare.comparing.pinned_ghosts)

    @Slot(object)
    def _explore(self, choice: Choice) -> None:
        self.explore.waiting = None
        self.show_page(self.workspaces.index(self.explore))
        name = choice.opened or ""
        self.session.open(choice.experiment, recording=choice.recording, starts=choice.recording, name=name)

    @Slot()
    def _undo(self) -> None:
        self.undo_group.undo()

    @Slot()
    def _redo(self) -> None:
        self.undo_group.redo()

    @Slot(bool)
    def _cut(self, on: bool) -> None:
        if not on:
            self.session.clear_cut()

    @Slot()
    def _full(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    @Slot()
    def _help(self) -> None:
        boxes.tell(self, "Keys and mouse", key_sheet(self.workspace.step))

    @Slot(int)
    def _on_save_wanted(self, index: int) -> None:
        self.show_page(index)
        self.workspace.ask_save()

    def showEvent(self, event: QShowEvent) -> None:
        """Watch for what is dropped: now the window has a surface (Qt tells)."""
        super().showEvent(event)
        self.incoming.watch()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask what becomes of unsaved work, wait for what is being saved; then stop timers and threads, and go."""
        if not self.leaving.may_close():
            event.ignore()
            return
        if self.filing.saving:
            self.hide()  # a large recording takes seconds
        if not self.filing.saves_well():
            self.show()
            event.ignore()  # what went wrong is said in a moment, and it can be saved elsewhere
            return
        try:
            if self._remember:
                placing.remember(self, self.explore.columns)
            self.hide()  # at once: loading torch, which takes seconds, cannot be interrupted
            for workspace in self.workspaces:
                workspace.leave()
                workspace.close_down()
        finally:
            self.rendering.close()
            self._thread.close()  # whatever went wrong: Qt aborts the program over a thread that still runs
            self.filing.close()
        event.accept()
