"""The one state of the window: experiment, recording, cursor, plane; signals, undo, and the road to the compute thread.

Views call methods and listen to signals; they never call each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QUndoStack

from foadv_gui.desktop.delivery import Delivery
from foadv_gui.desktop.questions import Questions
from foadv_gui.desktop.trackball import Trackball
from foadv_gui.desktop.undo import Choice, EditCommand, forget_if_large
from foadv_gui.desktop.worker import SCENE, ComputeThread, Done, Failure, Ready, Refusal
from foadv_gui.lab.adoption import label_at
from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.documents import keeps_starts
from foadv_gui.lab.findings import CertifiedScale
from foadv_gui.lab.globe import SpherePicture
from foadv_gui.lab.inputs import known_gallery
from foadv_gui.lab.picture import (
    MOVING_LIMIT,
    FocusRun,
    PathPicture,
    PlanePicture,
    Prepared,
    Request,
    Surface,
    Window,
)
from foadv_gui.lab.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Mapping

    from foadv_gui.desktop.frame_turns import FrameTurns
    from foadv_gui.lab.ghost import Ghost

_REST_MS = 140
"""How long a control rests before the coarse picture is refined."""


class Session(Questions):
    """What is chosen, what is on show, and what is asked of the compute thread."""

    experimentChanged = Signal()
    windowChanged = Signal()
    refused = Signal(str, str)
    unopened = Signal(str, str)
    """What was opened cannot be: its name, and why; all is again as it was before."""
    failed = Signal(str, str)
    statusChanged = Signal()
    opened = Signal()
    settled = Signal()
    """Everything asked for has been computed and delivered."""

    def __init__(self, thread: ComputeThread, parent: QObject | None = None, turns: FrameTurns | None = None) -> None:
        super().__init__(thread, parent)
        self.undo_stack = QUndoStack(self)
        self._choice = self._asked = Choice(Experiment())
        self._begun = False
        self.window: Window | None = None
        self.trackball = Trackball(self, thread)
        self._position_before = 0.0
        self._oldest_job = self._asked_job = 0
        self._fresh = self._live = self._drawn = False
        self._beside: tuple[PlanePicture | None, tuple[Ghost, ...]] = (None, ())
        self._spectrum_asked: tuple[object, ...] = ()
        self._delivery = Delivery(thread, self, turns)
        self._delivery.come.connect(self._take_over)
        self._delivery.emptied.connect(self._settle)
        self._asking = QTimer(self, singleShot=True, interval=0)
        self._asking.timeout.connect(self._ask_now)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._refine)

    # -- what is chosen ------------------------------------------------------------------------------------------

    @property
    def experiment(self) -> Experiment:
        """The experiment on show."""
        return self._choice.experiment

    @property
    def choice(self) -> Choice:
        """All that determines what is on show."""
        return self._choice

    @property
    def starts_by_hand(self) -> bool:
        """Whether a start was dragged or clicked."""
        return isinstance(self._choice.starts, np.ndarray)

    @property
    def outdated(self) -> bool:
        """Whether the recording on show is not of the settings on show, as after a cancelled computation."""
        return self.recording is not None and not self.recording.experiment.same_run(self.experiment)

    @property
    def finished_run(self) -> Recording | None:
        """The recording on show, if it is whole, of this machine, and of the settings on show."""
        recording = self.recording
        if recording is None or not recording.finished or self.outdated or self.shipped:
            return None
        return None if "cancelled" in recording.stop_reason else recording

    @property
    def drawn(self) -> bool:
        """Whether the landscape on show is no coarse one, and lies on the plane or the sphere on show."""
        return self._drawn

    @property
    def busy(self) -> bool:
        """Whether something is being computed, or about to be."""
        return self._asking.isActive() or self._thread.busy()

    @property
    def computing(self) -> bool:
        """Whether the picture is being computed; a question at the cursor or the mouse is not worth mentioning."""
        return self._asking.isActive() or self._thread.occupied(self._asked_job)

    @property
    def moving(self) -> bool:
        """Whether a control was moved a moment ago."""
        return self._rest.isActive()

    @property
    def focus(self) -> int:
        """The restart that all panels follow."""
        most = self.recording.restarts if self.recording is not None else 1
        return min(self.experiment.view.focus, most - 1)

    def edit(self, key: str, value: object, *, live: bool = False, also: Mapping[str, object] | None = None) -> bool:
        """Change one setting; returns whether that is possible (else `refused` says why and nothing changes).

        With `live` a control is moving: its steps merge into one undo step, and a coarse picture comes first. What
        the thread alone can tell to be impossible (a file, a box around the input) is taken back when it says so.
        With another index the label follows, if it is that of the row on show (see `label_at`).
        `also` are settings without which this one means nothing.
        """
        try:
            follows = label_at(self.experiment, known_gallery(self.experiment), value) if key == "input.index" else {}
            experiment = self.experiment.changed({key: value, **follows, **(also or {})})
        except ExperimentError as error:
            self.refused.emit(error.key or key, error.reason)
            return False
        if experiment == self.experiment:
            self.refused.emit(key, "")
            return True
        starts = self._choice.starts if keeps_starts(key) else None
        recording = self._choice.recording if key.startswith("view.") else None
        self._push(Choice(experiment, starts, recording), key, live)
        self.refused.emit(key, "")
        return True

    def move_start(self, k: int, point: tuple[float, float], *, onto_plane: bool, live: bool) -> None:
        """Drag start k along the plane to a point of it, or click a new start there."""
        if self.recording is None or self.plane is None or len(self.plane.origin) != self.recording.dimension:
            return  # another dimension is on its way
        starts = np.array(self.recording.delta[0], np.float64) / self.recording.epsilon
        by_hand = self._choice.starts
        if isinstance(by_hand, np.ndarray) and by_hand.shape == starts.shape:
            starts = by_hand.copy()
        if k >= len(starts):
            return
        starts[k] = self.plane.moved(starts[k], point, keep_off_plane=not onto_plane)
        self._push(Choice(self.experiment, starts), f"start {k}", live)

    def open(
        self,
        experiment: Experiment,
        *,
        recording: Recording | None = None,
        starts: Recording | None = None,
        name: str = "",
    ) -> None:
        """Show another experiment from its beginning (with the starts of a recording), or a saved run as it is.

        That can be undone, as any change can. What the thread refuses is taken back, and `unopened` says why.
        """
        choice = Choice(experiment, starts, recording, opened=name or experiment.title or "experiment")
        self._position_before = self.position
        if self._begun:
            self._push(choice, "open", live=False)
        else:  # there is nothing yet to go back to
            self._begun = True
            self.restore(choice, live=False)
        self._fit()
        self.set_position(0.0)
        super().apply(CertifiedScale(None, 0.0, pending=True))
        self._fresh = True
        self.opened.emit()

    def play_shipped(self, values: list[object]) -> None:
        """Show results that came with the program until this machine's own are there."""
        self.shipped = True
        for value in values:
            self.apply(value)
        self.statusChanged.emit()

    def restore(self, choice: Choice, *, live: bool) -> None:
        """Show a choice that undo or redo brings back."""
        elsewhere = choice.on_other_plane(self._choice)
        self._choice = choice
        self.experimentChanged.emit()
        if elsewhere:
            self._fit()
        if live:
            self._rest.start()
        self._ask(live=live)

    def look_at(self, window: Window | None) -> None:
        """Zoom: draw another part of the plane, or (None) the whole of it again."""
        if window == self.window:
            return
        self.window = window
        if window is None:
            self.windowChanged.emit()
        self._ask(live=False)

    def look_beside(self, onto: PlanePicture | None = None, ghosts: tuple[Ghost, ...] = ()) -> None:
        """Draw on another run's plane (None: on its own), and other runs' paths as ghosts."""
        if (onto, ghosts) != self._beside:
            if (onto is None) != (self._beside[0] is None):
                self._fit()
            self._beside = onto, ghosts
            self._ask(live=False)

    def _fit(self) -> None:
        """Show the whole of another plane; the views ask for its extent, which must be the new one."""
        self.window = None
        self.windowChanged.emit()

    def _push(self, choice: Choice, key: str, live: bool) -> None:
        self.shipped = False
        if key == "open":
            forget_if_large(self.undo_stack)
        self.undo_stack.push(EditCommand(self, self._choice, choice, key, live))

    # -- the cursor ----------------------------------------------------------------------------------------------

    def set_position(self, position: float) -> None:
        """Move the cursor, and ask for the spectrum there."""
        before = self.position
        super().set_position(position)
        if self.position != before:
            self._ask_spectrum()

    def play_to(self, position: float) -> None:
        """Move the cursor on, many times a second."""
        self.set_position(position)

    def set_focus(self, k: int) -> None:
        """Follow restart k."""
        self.edit("view.focus", k)

    # -- the road to the worker ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop the timers for good."""
        for timer in (self._rest, self._asking, self.trackball.rest):
            timer.stop()
        self._delivery.close()

    @Slot()
    def cancel(self) -> None:
        """Stop what is being computed; before torch is there, that is nothing."""
        if not self.torch_version:
            return
        self._rest.stop()
        self._asking.stop()
        self._thread.cancel()

    def _ask_spectrum(self) -> None:
        if self.recording is None or self.path is None or self.info is None or not self.torch_version:
            return
        if self.moving and min(self.info.width, self.info.dimension) > MOVING_LIMIT:
            return  # it comes when the control rests
        t = int(self.path.steps[self.path.at(self.t)])
        wanted = (t, self.focus, self.experiment.view.spectrum)
        if wanted == self._spectrum_asked:
            return
        self._spectrum_asked = wanted
        self._submit("spectrum", lambda scene: scene.spectrum(*wanted))

    def _ask(self, *, live: bool) -> None:
        """Ask for the picture; several changes in one turn of the event loop make one request."""
        self._live = self._live or live
        self._drawn = False
        self._asking.start()

    @Slot()
    def _ask_now(self) -> None:
        choice, turn = self._choice, self.trackball.turn
        request = Request(
            choice.experiment,
            choice.starts,
            self.window,
            self._live,
            choice.recording,
            self._fresh,
            turn,
            *self._beside,
        )
        self._live = False
        job = self._thread.submit(SCENE, lambda scene, *stop: scene.stages(request, *stop))
        self._asked_job, self._asked = job, choice
        if self._fresh:
            # What is still on its way belongs to the old experiment.
            self._oldest_job, self._fresh = job, False
        self.statusChanged.emit()

    @Slot()
    def _refine(self) -> None:
        if self._asked == self._choice and self._thread.occupied(self._asked_job):
            self._rest.start()  # the last move's own run goes on: it need not begin again
        else:
            self._ask(live=False)

    # -- answers -------------------------------------------------------------------------------------------------

    @Slot(int, object)
    def _take_over(self, job: int, value: object) -> None:
        if isinstance(value, Refusal) and job != self._asked_job:
            return  # something else has been chosen since
        if self.withdrawn(job, value):
            return  # the mouse has gone since it was asked
        if job == 0 or (job >= self._oldest_job and not self._fresh):
            self._note_drawn(job, value)
            self.apply(value)
        if job == self._asked_job and isinstance(value, Surface | PathPicture | FocusRun):
            self._note_possible()

    @Slot()
    def _settle(self) -> None:
        if not self.busy:
            self._end_recording()
            self.statusChanged.emit()
            if not self._rest.isActive():
                self.settled.emit()

    def _end_recording(self) -> None:
        """Nothing more comes: say so where a run was cancelled before its own last word could be delivered."""
        recording = self.recording
        if recording is not None and not recording.finished:
            self.apply(replace(recording, stop_reason=np.full(recording.restarts, "cancelled")))

    def apply(self, value: object) -> None:
        """Take one result over, tell the views, and ask for what follows from it."""
        if isinstance(value, Ready):
            self.torch_version = value.version
            self.statusChanged.emit()
        elif isinstance(value, Refusal):
            self._take_back(value)
        elif isinstance(value, Failure):
            self.failed.emit(value.message, value.details)
        elif isinstance(value, Done):
            self.statusChanged.emit()
        else:
            if isinstance(value, Prepared):
                self.shipped = self.shipped and not self.torch_version
            if isinstance(value, Recording) and value is not self.recording:
                self._spectrum_asked = ()
            super().apply(value)
            if isinstance(value, PathPicture) and self.recording is not None and self.recording.finished:
                self._ask_spectrum()
                if self.cut is not None:
                    self.ask_cut((self.cut.start[0], self.cut.start[1]), (self.cut.end[0], self.cut.end[1]))

    def _note_drawn(self, job: int, value: object) -> None:
        if isinstance(value, SpherePicture) and (self.sphere is None or not np.array_equal(value.E, self.sphere.E)):
            self._drawn = False
        elif isinstance(value, Surface) and job >= self._asked_job and not self._asking.isActive():
            self._drawn = not value.coarse

    def _note_possible(self) -> None:
        command = self.undo_stack.command(self.undo_stack.index() - 1)
        if isinstance(command, EditCommand):
            command.accept(self._asked)

    def _take_back(self, refusal: Refusal) -> None:
        """Go back to the last choice that was possible, and say what was wrong."""
        opened = self._asked.opened
        command = self.undo_stack.command(self.undo_stack.index() - 1)
        if isinstance(command, EditCommand):
            command.retreat()
        elif opened is not None:
            self.restore(Choice(Experiment()), live=False)
        if opened is None:
            self.refused.emit(refusal.key, refusal.reason)
        else:
            self.set_position(self._position_before)
            self.unopened.emit(opened, refusal.text)
