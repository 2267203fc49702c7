"""Saving what the Train page shows: the record, an animation or a figure of it, or its settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from foadv_gui.lab.files import write_text
from foadv_gui.lab.palette import DARK
from foadv_gui.lab.training.files import save_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from foadv_gui.desktop.filing import Filing
    from foadv_gui.desktop.rendering import Rendering
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.desktop.training_desk import TrainingDesk
    from foadv_gui.lab.page import ThemeName
    from foadv_gui.lab.training.record import TrainingRecord

KINDS = (
    "Training (*.npz);;Animation for a slide (*.gif);;Video (*.mp4);;Figure for a paper (*.svg);;"
    "Figure for a slide (*.png);;Settings only (*.toml)"
)
_ENDINGS = (".npz", ".gif", ".mp4", ".svg", ".png", ".toml")
_ANIMATIONS = (".gif", ".mp4")


class TrainingSaving(QObject):
    """Saves the training as far as it has come, while it may go on."""

    refused = Signal(str, str)
    """What cannot be done, and why."""
    told = Signal(str)
    """A sentence for the status line."""

    def __init__(self, desk: TrainingDesk, theme: ThemeKeeper, filing: Filing, rendering: Rendering) -> None:
        super().__init__(desk)
        self._desk, self._theme, self._filing, self._rendering = desk, theme, filing, rendering
        self._under_way: tuple[str, TrainingRecord] | None = None
        """The record that is being written, and where."""
        filing.saved.connect(self._on_saved)

    def save(self, path: Path) -> None:
        """Save by the file's ending."""
        ending = path.suffix.lower()
        planned, record = self._desk.plan.training, self._desk.record
        theme: ThemeName = "dark" if self._theme.theme is DARK else "light"
        if ending not in _ENDINGS:
            self._refuse(f"{path}: the name must end in {', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}")
        elif ending == ".toml" and planned is None:
            self._refuse(f"{path}: {self._desk.plan.problem}")
        elif ending == ".toml" and planned is not None:
            self._write(path, partial(write_text, path, planned.to_toml()))
        elif record is None:
            self._refuse(f"{path}: nothing has been trained yet")
        elif ending == ".npz":
            self._under_way = str(path), record
            self._write(path, partial(save_record, record, path))
        elif ending in _ANIMATIONS:
            self._rendering.save(path, partial(_animate, record, path, self._desk.point, theme))
        else:
            self._write(path, partial(_draw, record, path, theme))

    def _write(self, path: Path, write: Callable[[], object]) -> None:
        """Let a file be written that takes some seconds at most."""
        self._filing.save(path, write)
        self.told.emit(f"Saving {path}")

    def _refuse(self, why: str) -> None:
        self.refused.emit("This cannot be saved", why)

    @Slot(str)
    def _on_saved(self, path: str) -> None:
        """Now the record is in the file, unless another one is on show by now."""
        if self._under_way is not None and self._under_way[0] == path:
            self._desk.note_saved(*self._under_way)
            self._under_way = None


def _draw(record: TrainingRecord, path: Path, theme: ThemeName) -> None:
    from foadv_gui.lab.training.figure import save  # with matplotlib

    save(record, path, size=(1920, 1080), theme=theme)


def _animate(
    record: TrainingRecord,
    path: Path,
    point: int,
    theme: ThemeName,
    tell: Callable[[float], object],
    interrupted: Callable[[], bool],
) -> None:
    from foadv_gui.lab.training.movie import frames_of, save  # with matplotlib and torch

    total = frames_of(record)
    save(record, path, point=point, theme=theme, advance=lambda done: tell(done / total), interrupted=interrupted)
