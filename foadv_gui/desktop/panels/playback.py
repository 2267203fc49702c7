"""The bottom bar: restart, step, play, scrub, speed, loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.player import SPEEDS

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from foadv_gui.desktop.actions import Actions
    from foadv_gui.desktop.player import Player, Playhead
    from foadv_gui.desktop.theme import ThemeKeeper


@dataclass(frozen=True)
class PlaybackWords:
    """What the bar calls that over which it plays."""

    symbol: str = "t ="
    name: str = "Iterate"
    scrubber: str = "Drag to move through the iterates; nothing is recomputed"
    counter: str = "The iterate at the cursor, and the last one recorded"
    speed: str = "Playback speed. At 1× the part in which paths move takes four seconds or less; the rest runs faster"


EPOCHS = PlaybackWords(
    symbol="epoch",
    name="Epoch",
    scrubber="Drag to move through the epochs; the training goes on meanwhile",
    counter="The epoch on show, and the last one trained",
    speed="Playback speed. At 1× all epochs take six seconds or less",
)


class PlaybackBar(QWidget):
    """Moves the cursor; never computes."""

    def __init__(
        self,
        playhead: Playhead,
        player: Player,
        actions: Actions,
        theme: ThemeKeeper,
        words: PlaybackWords | None = None,
    ) -> None:
        super().__init__()
        self._playhead, self._player, self._theme = playhead, player, theme
        words = words or PlaybackWords()
        self._symbol = words.symbol
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 4)
        row.setSpacing(4)
        for key in ("first", "back", "play", "forward", "last"):
            button = QToolButton()
            button.setDefaultAction(actions[key])
            button.setIconSize(QSize(18, 18))
            button.setAutoRaise(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(button)
        self.play_action = actions["play"]
        self.scrubber = QSlider(Qt.Orientation.Horizontal)
        self.scrubber.setToolTip(words.scrubber)
        self.scrubber.setAccessibleName(words.name)
        self.scrubber.valueChanged.connect(self._on_scrub)
        row.addWidget(self.scrubber, 1)
        self.counter = QLabel()
        self.counter.setMinimumWidth(self.fontMetrics().horizontalAdvance(f"{words.symbol} 00000 / 00000 "))
        self.counter.setToolTip(words.counter)
        row.addWidget(self.counter)
        self.speed = QComboBox()
        for speed in SPEEDS:
            self.speed.addItem(f"{speed:g}×", speed)
        self.speed.setToolTip(words.speed)
        self.speed.setAccessibleName("Playback speed")
        self.speed.activated.connect(self._on_speed)
        row.addWidget(self.speed)
        self.loop = QToolButton()
        self.loop.setDefaultAction(actions["loop"])
        self.loop.setIconSize(QSize(18, 18))
        self.loop.setAutoRaise(True)
        row.addWidget(self.loop)
        playhead.cursorChanged.connect(self._show)
        playhead.recordingChanged.connect(self._show)
        player.changed.connect(self._show_player)
        theme.changed.connect(self._show_player)
        self._show()
        self._show_player()

    @Slot()
    def _show(self) -> None:
        t, steps = self._playhead.t, self._playhead.steps
        with QSignalBlocker(self.scrubber):
            if self.scrubber.maximum() != steps:
                self.scrubber.setRange(0, steps)
                self.scrubber.setPageStep(max(1, steps // 10))
            self.scrubber.setValue(t)
        self.counter.setText(f"{self._symbol} {t} / {steps}")

    def showEvent(self, event: QShowEvent) -> None:
        """The buttons are shared by all pages: here they show what this page's player does."""
        super().showEvent(event)
        self._show_player()

    @Slot()
    def _show_player(self) -> None:
        if self.isVisible():
            colour = self._theme.theme.text
            self.play_action.setIcon(icon("pause" if self._player.playing else "play", colour))
            self.play_action.setText("Pause" if self._player.playing else "Play")
        with QSignalBlocker(self.speed):
            self.speed.setCurrentIndex(self.speed.findData(self._player.speed))

    @Slot(int)
    def _on_scrub(self, t: int) -> None:
        self._player.seek(t)

    @Slot(int)
    def _on_speed(self, index: int) -> None:
        self._player.set_speed(self.speed.itemData(index))
