"""Taking the run on show out of the program: to files that somebody names, and as text to the clipboard."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from foadv_gui.lab.export import (
    EXPORTS,
    Adversary,
    save_adversary,
    save_perturbation,
    save_spectrum,
    save_traces,
    save_weights,
)
from foadv_gui.lab.export_image import save_triptych
from foadv_gui.lab.export_slice import Slice, save_slice
from foadv_gui.lab.script import check_reproducible, is_short, save_script, script

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.desktop.filing import Filing
    from foadv_gui.desktop.session import Session
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.script import Starts

_NAMES = {
    "adversary": "adversary",
    "perturbation": "perturbation",
    "triptych": "side-by-side",
    "weights": "weights",
    "slice": "landscape",
    "spectrum": "spectrum",
    "traces": "traces",
    "script": "run",
}
"""What a file is called unless somebody calls it something else."""
_NOT_DRAWN = "The landscape is still being drawn: wait a moment (after a stop by Esc, any change goes on with it)."
_OF_CURSOR = ("adversary", "perturbation", "triptych")


class Exporter(QObject):
    """Says what of a session can be exported, asks for a name and writes it, or puts it on the clipboard."""

    told = Signal(str)
    """Something to say in the status line for a while."""

    def __init__(self, session: Session, filing: Filing, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._filing, self._window = session, filing, window
        filing.made.connect(self._on_made)

    # -- what there is -------------------------------------------------------------------------------------------

    def why_not(self, what: str) -> str:
        """Why something cannot be exported now, in a sentence; nothing if it can be."""
        session = self._session
        recording = session.recording
        if what == "toml":
            return ""
        if recording is None or session.info is None:
            return "There is no run yet: it comes in a moment."
        if not recording.finished:
            return "The run is not finished yet: wait for it, or stop it with Esc."
        if session.outdated:
            return "The run on show is still that of earlier settings: wait for the new one."
        if what == "script":
            return self._why_no_script(recording)
        if what == "slice":
            return "" if self._slice() is not None else _NOT_DRAWN
        if what == "spectrum":
            shown = session.spectrum
            if shown is None:
                return "There is no spectrum yet: it comes in a moment."
            return "" if len(shown.eigenvalues) or shown.zeros else f"There is no spectrum here: {shown.why_empty}"
        if what == "triptych" and not self._is_image(recording):
            return "The input on show is no image."
        return ""

    def _why_no_script(self, recording: Recording) -> str:
        if "cancelled" in recording.stop_reason:
            return "The run was stopped half-way, and a script would run it to its end."
        if self._session.shipped:
            return "This run came with the program: wait until this machine has made its own."
        return ""

    def _is_image(self, recording: Recording) -> bool:
        info = self._session.info
        return info is not None and info.image_shape is not None and info.dimension == recording.dimension

    def _slice(self) -> Slice | None:
        """The landscape on show with what it lies on, if both belong together."""
        session = self._session
        on_plane = session.experiment.view.chart == "plane"
        surface = session.surface if on_plane else session.globe
        ground = session.plane if on_plane else session.sphere
        if surface is None or ground is None or session.recording is None or not session.drawn:
            return None
        return Slice(surface, session.recording, plane=session.plane, sphere=session.sphere)

    # -- to a file -----------------------------------------------------------------------------------------------

    def ask(self, what: str) -> None:
        """Choose a file for what is on show now, however it changes meanwhile, and write it."""
        write = self._writing(what)
        if write is None:
            self.told.emit(self.why_not(what))
        else:
            self._ask(what, write)

    def _ask(self, what: str, write: Callable[[Path], object]) -> None:
        endings = self._endings(what)
        kinds = ";;".join(f"{words} (*{ending})" for ending, words in endings.items())
        first = next(iter(endings))
        chosen, kind = QFileDialog.getSaveFileName(
            self._window, f"Export: {EXPORTS[what].title}", f"{_NAMES[what]}{first}", kinds
        )
        if chosen:
            self._write(Path(chosen), endings, kind, write)

    def _endings(self, what: str) -> dict[str, str]:
        recording = self._session.recording
        pictures = recording is not None and self._is_image(recording)
        return {ending: words for ending, words in EXPORTS[what].endings.items() if ending != ".png" or pictures}

    def _write(self, path: Path, endings: dict[str, str], kind: str, write: Callable[[Path], object]) -> None:
        """Write a file beside the window's thread; a name without an ending gets that of the kind that was chosen."""
        if path.suffix.lower() not in endings:
            wanted = re.search(r"\*(\.\w+)", kind)
            path = path.with_name(path.name + (wanted.group(1) if wanted else next(iter(endings))))
            if path.exists():  # nobody was asked about this one
                why = "there is such a file already; type its whole name to replace it"
                self._filing.refused.emit("This cannot be saved", f"{path}: {why}")
                return
        self._filing.save(path, partial(write, path))
        self.told.emit(f"Saving {path}")

    def _writing(self, what: str) -> Callable[[Path], object] | None:
        """What writes to a path what is on show now."""
        session, recording = self._session, self._session.recording
        if recording is None or session.info is None or self.why_not(what):
            return None
        if what in _OF_CURSOR:
            shape = session.info.image_shape if self._is_image(recording) else None
            seen = Adversary(recording, session.t, session.focus, shape)
            save = {"adversary": save_adversary, "perturbation": save_perturbation, "triptych": save_triptych}[what]
            return partial(save, adversary=seen)
        if what == "slice":
            shown = self._slice()
            return None if shown is None else partial(save_slice, shown=shown)
        if what == "spectrum":
            spectrum = session.spectrum
            return None if spectrum is None else partial(save_spectrum, spectrum=spectrum, recording=recording)
        return partial({"weights": save_weights, "traces": save_traces}[what], recording=recording)

    # -- to the clipboard ----------------------------------------------------------------------------------------

    def copy_script(self) -> None:
        """Put the script of the run on the clipboard, as soon as it is known which starts it needs."""
        recording = self._session.finished_run
        if recording is not None:
            self._filing.make("script", partial(_scripted, recording, self._session.experiment))

    def copy_toml(self) -> None:
        """Put the experiment on the clipboard."""
        QGuiApplication.clipboard().setText(self._session.experiment.to_toml())
        but = self._session.choice.starts is not None
        self.told.emit(f"Copied the settings{', without starts of its own: save it to keep these' if but else ''}")

    @Slot(str, object)
    def _on_made(self, name: str, made: tuple[Experiment, Starts | None]) -> None:
        if name != "script":
            return
        experiment, starts = made
        if is_short(starts):
            QGuiApplication.clipboard().setText(script(experiment, starts))
            self.told.emit("Copied as Python: paste it into a file or a notebook")
            return
        self.told.emit("The starts are too many for the clipboard: save the script, and they will lie beside it")
        self._ask("script", partial(save_script, experiment=experiment, starts=starts))


def _scripted(recording: Recording, experiment: Experiment) -> tuple[Experiment, Starts | None]:
    """What the script of a run says; `ExperimentError` where none would make it again."""
    from foadv_gui.lab.experiment import own_starts  # with torch

    check_reproducible(recording, experiment)
    return experiment, own_starts(recording)
