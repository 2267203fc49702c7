"""How the globe is turned: a state of the view, as the zoom of the plane is; no setting, and nothing to undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from foadv_gui.core.chart import FRONT, rotation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.worker import ComputeThread

_LANE = "turn"
_REST_MS = 150
"""How long the globe rests before its coarse picture is refined."""


class Trackball(QObject):
    """The turn of the globe (3, 3): rows right, up and towards the viewer; it asks the thread for what is then seen.

    While the globe turns, a coarse picture is asked for whenever the last one is there: a question that replaced the
    one before it would, at the pace of a mouse, never be answered.
    """

    changed = Signal()

    def __init__(self, session: Session, thread: ComputeThread) -> None:
        super().__init__(session)
        self._session, self._thread = session, thread
        self.turn: NDArray[np.float64] = FRONT
        self._subspace = session.experiment.view.subspace
        self._job, self._behind = 0, False
        self.rest = QTimer(self)
        self.rest.setSingleShot(True)
        self.rest.setInterval(_REST_MS)
        self.rest.timeout.connect(self._refine)
        session.statusChanged.connect(self._on_status)
        session.globeChanged.connect(self._on_globe)
        session.experimentChanged.connect(self._on_experiment)

    @property
    def turning(self) -> bool:
        """Whether the globe was turned a moment ago."""
        return self.rest.isActive()

    def turn_to(self, turn: NDArray[np.float64]) -> None:
        """Turn the globe: a coarse picture as soon as can be, a fine one when it rests."""
        self.turn = rotation(turn)
        self.changed.emit()
        self.rest.start()
        self._behind = True
        self._on_status()

    @Slot()
    def reset(self) -> None:
        """Show the globe from its front again."""
        if not np.allclose(self.turn, FRONT):
            self.turn_to(FRONT)

    @Slot()
    def _on_status(self) -> None:
        """A job may have ended: draw the turn that it left behind."""
        if self._behind and not self._thread.occupied(self._job):
            self._ask(coarse=True)

    @Slot()
    def _on_globe(self) -> None:
        """A picture came with a run: draw it anew where the globe was turned while that went on."""
        shown = self._session.globe
        here = shown is None or shown.chart != "globe" or np.array_equal(shown.turn, self.turn)
        if not (here or self.turning):
            self._ask(coarse=False)

    @Slot()
    def _on_experiment(self) -> None:
        subspace = self._session.experiment.view.subspace
        if subspace != self._subspace:  # a turn of other directions means nothing here; the picture comes by itself
            self._subspace = subspace
            self.turn, self._behind = FRONT, False
            self.rest.stop()
            self.changed.emit()

    @Slot()
    def _refine(self) -> None:
        self._ask(coarse=False)

    def _ask(self, *, coarse: bool) -> None:
        self._behind = False
        session, turn, shown = self._session, self.turn, self._session.recording
        if session.shipped or not session.torch_version:
            return

        def work(scene: Any, interrupted: Callable[[], bool], _cancelled: Callable[[], bool]) -> Iterator[object]:
            # The globe of another run comes with that run.
            if scene.recording is not None and scene.recording is shown:
                yield from scene.turned(turn, coarse, interrupted)

        job = self._thread.submit(_LANE, work)
        self._job = job if coarse else 0  # a fine picture gives way to the next coarse one
