"""The window: tool bar, workspace, status line, dialogs; and the order in which it closes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QSizePolicy,
    QToolBar,
    QToolButton,
)
from superqt import QElidingLabel

from foadv_gui.desktop.actions import Actions, key_sheet
from foadv_gui.desktop.filing import Filing
from foadv_gui.desktop.icons import application_icon
from foadv_gui.desktop.player import Player
from foadv_gui.desktop.session import Session
from foadv_gui.desktop.status import Pace, doing, shown
from foadv_gui.desktop.workspaces.explore import ExploreWorkspace
from foadv_gui.lab.documents import names_recording
from foadv_gui.lab.presets import load_preset, preset_names, preset_of, what_to_watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QCloseEvent

    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.desktop.worker import ComputeThread
    from foadv_gui.lab.documents import Found

_KINDS = "Experiments and recordings (*.toml *.npz);;All files (*)"


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
        self.filing = Filing(self)
        self._pace = Pace()
        self._played_before = False
        self.actions_table = Actions(self, self._handlers(), theme)
        for key, action in (
            ("undo", self.session.undo_stack.canUndoChanged),
            ("redo", self.session.undo_stack.canRedoChanged),
        ):
            action.connect(self.actions_table[key].setEnabled)
            self.actions_table[key].setEnabled(False)
        self.actions_table["loop"].setChecked(self.player.loop)
        self.workspace = ExploreWorkspace(self.session, self.player, theme, self.actions_table)
        self.setCentralWidget(self.workspace)
        self._add_tool_bar()
        self._add_status()
        self.session.experimentChanged.connect(self._show_title)
        self.session.opened.connect(self._on_opened)
        self.session.unopened.connect(self._on_unopened)
        self.session.failed.connect(self._on_failed)
        self.filing.found.connect(self.show_found)
        self.filing.saved.connect(self._on_saved)
        self.filing.refused.connect(self.warn)
        self.filing.failed.connect(self._on_failed)
        self.session.statusChanged.connect(self._show_status)
        self.session.recordingChanged.connect(self._show_status)
        self.session.prepared.connect(self._show_status)
        self.session.progressChanged.connect(self._show_status)
        self.resize(1280, 720)
        if remember:
            self._restore()
        self.setAcceptDrops(False)
        self._show_title()
        self._show_status()
        self.workspace.landscape.take_focus()

    # -- building ------------------------------------------------------------------------------------------------

    def _handlers(self) -> dict[str, Callable[..., object]]:
        player = self.player
        return {
            "play": player.toggle,
            "back": self._back,
            "forward": self._forward,
            "back10": self._back10,
            "forward10": self._forward10,
            "first": self._first,
            "last": self._last,
            "restart": self._restart,
            "slower": self._slower,
            "faster": self._faster,
            "loop": player.set_loop,
            "fit": self._fit,
            "cut": self._cut,
            "cancel": self.session.cancel,
            "undo": self.session.undo_stack.undo,
            "redo": self.session.undo_stack.redo,
            "open": self.ask_open,
            "save": self.ask_save,
            "theme": self.theme.toggle,
            "full": self._full,
            "help": self._help,
        }

    def _add_tool_bar(self) -> None:
        bar = QToolBar("Main")
        bar.setMovable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.preset = QComboBox()
        self.preset.setAccessibleName("Preset")
        self.preset.setToolTip("Ready-made experiments: each shows one thing clearly")
        self.preset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.preset.addItem("Choose a preset…", "")
        for name in preset_names():
            experiment = load_preset(name)
            self.preset.addItem(experiment.title or name, name)
            self.preset.setItemData(self.preset.count() - 1, experiment.watch, Qt.ItemDataRole.ToolTipRole)
        self.preset.activated.connect(self._on_preset)
        bar.addWidget(self.preset)
        self.watch = QElidingLabel()
        self.watch.setObjectName("watch")
        self.watch.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.watch.setMinimumWidth(100)
        self.watch.setContentsMargins(10, 0, 10, 0)
        self.watch.setEllipsesWidth(22)  # it takes the whole width for its own, margins and all
        bar.addWidget(self.watch)
        for key in ("undo", "redo", "open", "save", "theme", "help"):
            button = QToolButton()
            button.setDefaultAction(self.actions_table[key])
            bar.addWidget(button)
        self.addToolBar(bar)

    def _add_status(self) -> None:
        line = self.statusBar()
        line.setSizeGripEnabled(False)
        self.doing = QLabel()
        self.device = QElidingLabel()
        self.device.setObjectName("faint")
        self.device.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.stop = QToolButton()
        self.stop.setDefaultAction(self.actions_table["cancel"])
        self.stop.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.stop.setAutoRaise(True)
        line.addWidget(self.doing)
        line.addWidget(self.stop)
        line.addPermanentWidget(self.device, 1)

    def _restore(self) -> None:
        geometry = QSettings().value("window/geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
        columns = QSettings().value("window/columns")
        if columns is not None:
            self.workspace.columns.restoreState(columns)

    @Slot()
    def start_computing(self) -> None:
        """Let the compute thread load torch and go to work."""
        self._thread.start()

    # -- opening and saving --------------------------------------------------------------------------------------

    @Slot(str)
    def open_target(self, target: str) -> None:
        """Open a preset, an experiment file or a recording; a message says what is wrong, and nothing changes."""
        if names_recording(target):
            self.statusBar().showMessage(f"Reading {target}")
        self.filing.open(target)

    @Slot(str, object)
    def show_found(self, name: str, found: Found) -> None:
        """Show what was found under a name."""
        self.statusBar().clearMessage()
        self.session.open(found.experiment, recording=found.recording, starts=found.starts, name=name)

    @Slot()
    def _on_opened(self) -> None:
        self._played_before = self.player.playing
        self.player.play()

    @Slot(str, str)
    def _on_unopened(self, name: str, why: str) -> None:
        if not self._played_before:
            self.player.pause()
        self.warn("This cannot be opened", f"{name}: {why}")

    @Slot(str, str)
    def warn(self, what: str, why: str) -> None:
        """Say what cannot be done, and why."""
        self.statusBar().clearMessage()
        box = QMessageBox(QMessageBox.Icon.Warning, what, why, parent=self)
        box.setTextFormat(Qt.TextFormat.PlainText)  # a file's name is no markup
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    @Slot(int)
    def _on_preset(self, index: int) -> None:
        name = self.preset.itemData(index)
        if name:
            self.open_target(name)
            self.workspace.landscape.take_focus()

    @Slot()
    def ask_open(self) -> None:
        """Choose a file and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open", "", _KINDS)
        if path:
            self.open_target(path)

    @Slot()
    def ask_save(self) -> None:
        """Choose a file and save the recording (.npz) or the experiment (.toml)."""
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

    @Slot()
    def _show_title(self) -> None:
        experiment = self.session.experiment
        self.setWindowTitle(f"{experiment.title} — foadv" if experiment.title else "foadv")
        self.preset.setCurrentIndex(max(self.preset.findData(preset_of(experiment)), 0))
        watch = what_to_watch(experiment)
        self.watch.setText(watch)
        self.watch.setToolTip(watch)

    @Slot()
    def _show_status(self) -> None:
        session = self.session
        self.stop.setVisible(session.computing and bool(session.torch_version))
        self.doing.setText(doing(session, self._pace))
        on_show = shown(session)
        self.device.setText(on_show)
        self.device.setToolTip(on_show)

    @Slot(str, str)
    def _on_failed(self, message: str, details: str) -> None:
        if self.findChild(QMessageBox, "failure") is not None:
            return  # the mouse asks at every move: one report of what is wrong is enough
        box = QMessageBox(QMessageBox.Icon.Critical, "Something went wrong", message, parent=self)
        box.setObjectName("failure")
        box.setInformativeText("The window goes on; the details below can be copied into a report.")
        box.setDetailedText(details)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    # -- actions -------------------------------------------------------------------------------------------------

    @Slot()
    def _back(self) -> None:
        self.player.step(-1)

    @Slot()
    def _forward(self) -> None:
        self.player.step(1)

    @Slot()
    def _back10(self) -> None:
        self.player.step(-10)

    @Slot()
    def _forward10(self) -> None:
        self.player.step(10)

    @Slot()
    def _first(self) -> None:
        self.player.seek(0)

    @Slot()
    def _last(self) -> None:
        self.player.seek(self.session.steps)

    @Slot()
    def _restart(self) -> None:
        self.session.set_position(0.0)
        self.player.play()

    @Slot()
    def _slower(self) -> None:
        self.player.change_speed(-1)

    @Slot()
    def _faster(self) -> None:
        self.player.change_speed(1)

    @Slot()
    def _fit(self) -> None:
        self.workspace.landscape.fit()

    @Slot(bool)
    def _cut(self, on: bool) -> None:
        if not on:
            self.session.clear_cut()

    @Slot()
    def _full(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    @Slot()
    def _help(self) -> None:
        box = QMessageBox(QMessageBox.Icon.NoIcon, "Keys and mouse", key_sheet(), parent=self)
        box.setTextFormat(Qt.TextFormat.RichText)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Wait for what is being saved; then stop the timers, interrupt the thread, wait for it, and go."""
        if self.filing.saving:
            self.hide()  # a large recording takes seconds
        if not self.filing.saves_well():
            self.show()
            event.ignore()  # what went wrong is said in a moment, and it can be saved elsewhere
            return
        try:
            self.player.pause()
            self.session.close()
            if self._remember:
                settings = QSettings()
                settings.setValue("window/geometry", self.saveGeometry())
                settings.setValue("window/columns", self.workspace.columns.saveState())
            self.hide()  # at once: loading torch, which takes seconds, cannot be interrupted
        finally:
            self._thread.close()  # whatever went wrong: Qt aborts the program over a thread that still runs
            self.filing.close()
        event.accept()
