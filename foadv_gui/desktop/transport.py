"""The playback keys: they move the player of the page in front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.desktop.player import Player

_MANY = 10


class Transport(QObject):
    """Passes what the keys ask on to the player in front; without one, nothing happens."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.player: Player | None = None

    @property
    def handlers(self) -> dict[str, Callable[..., object]]:
        """What each of the playback actions calls."""
        return {
            "play": self.toggle,
            "back": self.back,
            "forward": self.forward,
            "back10": self.back_many,
            "forward10": self.forward_many,
            "first": self.to_start,
            "last": self.to_end,
            "restart": self.replay,
            "slower": self.slower,
            "faster": self.faster,
            "loop": self.set_loop,
        }

    @Slot()
    def toggle(self) -> None:
        """Play or pause."""
        if self.player is not None:
            self.player.toggle()

    @Slot()
    def back(self) -> None:
        """One iterate back."""
        self._step(-1)

    @Slot()
    def forward(self) -> None:
        """One iterate forward."""
        self._step(1)

    @Slot()
    def back_many(self) -> None:
        """Ten iterates back."""
        self._step(-_MANY)

    @Slot()
    def forward_many(self) -> None:
        """Ten iterates forward."""
        self._step(_MANY)

    @Slot()
    def to_start(self) -> None:
        """To the first iterate."""
        if self.player is not None:
            self.player.seek(0)

    @Slot()
    def to_end(self) -> None:
        """To the last iterate."""
        if self.player is not None:
            self.player.to_end()

    @Slot()
    def replay(self) -> None:
        """Play from the first iterate."""
        if self.player is not None:
            self.player.replay()

    @Slot()
    def slower(self) -> None:
        """Play more slowly."""
        if self.player is not None:
            self.player.change_speed(-1)

    @Slot()
    def faster(self) -> None:
        """Play faster."""
        if self.player is not None:
            self.player.change_speed(1)

    @Slot(bool)
    def set_loop(self, on: bool) -> None:
        """Begin again at the end, or stop there."""
        if self.player is not None:
            self.player.set_loop(on)

    def _step(self, count: int) -> None:
        if self.player is not None:
            self.player.step(count)
