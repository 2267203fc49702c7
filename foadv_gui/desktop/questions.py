"""Small questions about what is on show, mostly asked with the mouse; the compute thread answers them in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foadv_gui.desktop.shown import Shown
from foadv_gui.lab.picture import CutPicture, DirectionPicture, ProbePicture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PySide6.QtCore import QObject

    from foadv_gui.desktop.worker import ComputeThread


class Questions(Shown):
    """What is on show, and what can be asked about it; of several questions of one kind only the latest is answered."""

    def __init__(self, thread: ComputeThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = thread
        self.torch_version = ""
        self.shipped = False
        """Whether a recording that came with the program is on show, not one computed here."""
        self._last_question = 0
        self._withdrawn: dict[type, int] = {}
        """Of each kind, the last question whose answer nobody waits for any more."""

    def withdrawn(self, job: int, value: object) -> bool:
        """Whether nobody waits for this answer any more."""
        return job <= self._withdrawn.get(type(value), -1)

    def ask_probe(self, point: tuple[float, ...]) -> None:
        """Ask for the value under the mouse, on the plane (2,) or on the globe (3,)."""
        self._submit("probe", lambda scene: scene.probe(point))

    def ask_cut(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Ask for the loss along a line."""
        self._submit("cut", lambda scene: scene.cut(start, end))

    def ask_between(self, i: int, j: int) -> None:
        """Ask for the loss between the ends of restarts i and j."""
        self._submit("between", lambda scene: scene.between(i, j))

    def ask_direction(self, index: int) -> None:
        """Ask for the eigenvector of one eigenvalue of the spectrum on show."""
        shown = self.spectrum
        if shown is None or not 0 <= index < len(shown.eigenvalues):
            return
        value = float(shown.eigenvalues[index])
        self._submit("direction", lambda scene: scene.direction(shown.t, shown.k, shown.kind, index, value))

    def ask_bulk(self) -> None:
        """Ask for what is predicted of the spectrum on show."""
        shown = self.spectrum
        if shown is not None and not shown.why_empty:
            self._submit("bulk", lambda scene, stop: scene.bulk(shown.t, shown.k, shown.kind, stop), stoppable=True)

    def clear_direction(self) -> None:
        """Take the eigenvector away, also one that is on its way."""
        self._withdrawn[DirectionPicture] = self._last_question
        super().clear_direction()

    def clear_probe(self) -> None:
        """Take the value under the mouse away, also one that is on its way."""
        self._withdrawn[ProbePicture] = self._last_question
        super().clear_probe()

    def clear_cut(self) -> None:
        """Take the cut away, also one that is on its way."""
        self._withdrawn[CutPicture] = self._last_question
        super().clear_cut()

    def _submit(self, lane: str, question: Callable[..., object], *, stoppable: bool = False) -> None:
        if self.shipped or not self.torch_version:
            return

        shown = self.recording

        def work(scene: Any, interrupted: Callable[[], bool], _cancelled: Callable[[], bool]) -> Iterator[object]:
            # A question about one run has no answer in another, which may have fewer paths or coordinates.
            if scene.recording is not None and scene.recording is shown and scene.plane is not None:
                yield question(scene, interrupted) if stoppable else question(scene)

        self._last_question = self._thread.submit(lane, work)
