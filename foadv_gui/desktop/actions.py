"""Actions as data: menus, tool bar, shortcuts and the ? sheet come from this one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractSlider, QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QWidget

from foadv_gui.desktop.icons import icon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from foadv_gui.desktop.theme import ThemeKeeper


@dataclass(frozen=True)
class ActionSpec:
    """One action: its words, what it does, its keys, and whether a focused field keeps those keys to itself."""

    key: str
    text: str
    help: str
    shortcut: str = ""
    icon: str = ""
    playback: bool = False
    checkable: bool = False


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("play", "Play", "Play or pause", "Space", "play", playback=True),
    ActionSpec("back", "Step back", "One iterate back", "Left", "back", playback=True),
    ActionSpec("forward", "Step forward", "One iterate forward", "Right", "forward", playback=True),
    ActionSpec("back10", "Ten back", "Ten iterates back", "Shift+Left", playback=True),
    ActionSpec("forward10", "Ten forward", "Ten iterates forward", "Shift+Right", playback=True),
    ActionSpec("first", "To the start", "To the first iterate", "Home", "first", playback=True),
    ActionSpec("last", "To the end", "To the last iterate", "End", "last", playback=True),
    ActionSpec("restart", "Play from the start", "Play again from the first iterate", "R", playback=True),
    ActionSpec("slower", "Slower", "Play more slowly", "[", playback=True),
    ActionSpec("faster", "Faster", "Play faster", "]", playback=True),
    ActionSpec("loop", "Loop", "Begin again at the end", "L", "loop", playback=True, checkable=True),
    ActionSpec(
        "fit", "Whole view", "Show the whole of the plane, or the globe from its front", "F", "fit", playback=True
    ),
    ActionSpec(
        "cut", "Cut", "Draw a line on the landscape: the loss along it", "C", "line", playback=True, checkable=True
    ),
    ActionSpec(
        "pin", "Pin to compare", "Pin this run: it becomes a column of Compare scales", "P", "pin", playback=True
    ),
    ActionSpec("cancel", "Cancel", "Stop what is being computed", "Esc", "cancel"),
    ActionSpec("undo", "Undo", "Take the last change back", "Ctrl+Z", "undo"),
    ActionSpec("redo", "Redo", "Make it again", "Ctrl+Y", "redo"),
    ActionSpec(
        "open",
        "Open…",
        "Open an experiment, a sweep, a training or a recording, or take a file as the input or the network",
        "Ctrl+O",
        "open",
    ),
    ActionSpec("paste", "Paste", "Make the copied image, or file, the input", "Ctrl+V"),
    ActionSpec(
        "browse",
        "Browse inputs…",
        "Choose the input among pictures of all digits, or of the rows of its file",
        "Ctrl+B",
    ),
    ActionSpec(
        "save",
        "Save…",
        "Save what is on show: recording, table or training, figure, settings",
        "Ctrl+S",
        "save",
    ),
    ActionSpec(
        "export",
        "Export",
        "Take the run out of the program: adversary, weights, landscape, spectrum, traces, a script, a figure",
        "Ctrl+E",
        "export",
    ),
    ActionSpec("copy-figure", "Copy figure", "Copy the plot under the mouse, or the page, as an image", "Ctrl+Shift+C"),
    ActionSpec("theme", "Light or dark", "Switch between light and dark", "Ctrl+T", "theme"),
    ActionSpec("full", "Full screen", "Fill the screen, or leave it", "F11"),
    ActionSpec("help", "Keys", "All keys on one page", "?", "help"),
)

_UNIT = "iterate"
"""What the playback keys step over, unless a page has another name for it."""


class Actions(QObject):
    """The table's QActions by key; playback keys rest while a field has the focus."""

    def __init__(self, window: QWidget, handlers: Mapping[str, Callable[..., object]], theme: ThemeKeeper) -> None:
        super().__init__(window)
        self._theme = theme
        self._playable = True
        self._in_field = False
        self._actions: dict[str, QAction] = {}
        self._resting: list[QShortcut] = []
        for spec in ACTIONS:
            action = QAction(spec.text, self)
            action.setToolTip(_tip(spec))
            action.setCheckable(spec.checkable)
            action.triggered.connect(handlers[spec.key])
            if spec.shortcut:
                # Shortcuts of their own: one on the action could not rest while a button of it stays clickable.
                shortcut = QShortcut(QKeySequence(spec.shortcut), window)
                shortcut.activated.connect(action.trigger)
                if spec.playback:
                    self._resting.append(shortcut)
            self._actions[spec.key] = action
        theme.changed.connect(self._paint)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus)
        self._paint()

    def __getitem__(self, key: str) -> QAction:
        return self._actions[key]

    def __iter__(self) -> Iterator[tuple[ActionSpec, QAction]]:
        return ((spec, self._actions[spec.key]) for spec in ACTIONS)

    @Slot()
    def _paint(self) -> None:
        for spec, action in self:
            if spec.icon and spec.key != "play":
                action.setIcon(icon(spec.icon, self._theme.theme.text))

    @Slot(QWidget, QWidget)
    def _on_focus(self, _old: QWidget | None, new: QWidget | None) -> None:
        self._in_field = isinstance(new, QLineEdit | QAbstractSpinBox | QAbstractSlider | QComboBox)
        self._rest()

    def let_play(self, playable: bool) -> None:
        """Let the playback actions act, or leave their keys to a page that has nothing to play."""
        self._playable = playable
        for spec, action in self:
            if spec.playback:
                action.setEnabled(playable)
        self._rest()

    def name_steps(self, unit: str) -> None:
        """Call what is played in hovers "iterate", or by another name."""
        for spec, action in self:
            if spec.playback:
                action.setToolTip(_tip(spec).replace(_UNIT, unit))

    def _rest(self) -> None:
        for shortcut in self._resting:
            shortcut.setEnabled(self._playable and not self._in_field)


def _tip(spec: ActionSpec) -> str:
    """What an action does, and its keys."""
    return f"{spec.help} ({spec.shortcut})" if spec.shortcut else spec.help


def key_sheet(unit: str = _UNIT) -> str:
    """All keys as HTML in two columns, for the ? sheet; `unit` is what the playback keys step over."""
    keys = [(spec.shortcut, spec.help.replace(_UNIT, unit)) for spec in ACTIONS if spec.shortcut]
    mouse = (
        ("Drag a start", "Move it along the plane: its whole path follows"),
        ("Click a trail", "Follow that path"),
        ("Click elsewhere", "Put the focused path's start there"),
        ("Wheel", "Zoom; the landscape is refined"),
        ("Drag elsewhere", "Move the view"),
        ("Shift and drag", "Draw a line: the loss along it"),
        ("Wheel in a column", "Zoom in all columns of Compare scales or Train"),
        ("Click with the right button", "Export or copy what a plot shows"),
        ("Drop a file", "Open it, or make it the input or the network"),
        ("Drag the globe", "Turn it; a double click turns it back"),
    )
    rows = [f"<tr><td><b>{what}</b>&nbsp;&nbsp;&nbsp;</td><td>{why}</td></tr>" for what, why in (*keys, *mouse)]
    half = len(rows) // 2
    columns = (f"<td><table cellspacing='4'>{''.join(part)}</table></td>" for part in (rows[:half], rows[half:]))
    return f"<table><tr>{'<td>&nbsp;&nbsp;&nbsp;</td>'.join(columns)}</tr></table>"
