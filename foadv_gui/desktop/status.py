"""The words of the status line: what is being done and how long it still takes; what is on show."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from foadv_gui.desktop.session import Session
    from foadv_gui.lab.picture import ProbePicture

_SILENT_SECONDS = 2.0
_STEADY_SECONDS = 1.0


class Pace:
    """How long a climb still takes at most, in words that change once a second and come after two."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._run: object = None
        self._began = self._told = 0.0
        self._first = 0
        self._words = ""

    def words(self, run: object, done: int, total: int) -> str:
        """What follows "step 1200 of at most 5000"; `run` tells one climb from another."""
        now = self._clock()
        if run is not self._run or done < self._first:
            self._run, self._began, self._first, self._words = run, now, done, ""
        elapsed, climbed = now - self._began, done - self._first
        if elapsed < _SILENT_SECONDS or not climbed:
            return self._words
        if not self._words or now - self._told >= _STEADY_SECONDS:
            self._told = now
            self._words = f", about {duration((total - done) * elapsed / climbed)} left"
        return self._words


def duration(seconds: float) -> str:
    """How long something takes, in round words."""
    if seconds < 20:
        return f"{max(round(seconds), 1)} s"
    if seconds < 120:
        return f"{5 * round(seconds / 5)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"


def doing(session: Session, pace: Pace) -> str:
    """What the window is doing."""
    recording = session.recording
    if not session.torch_version:
        return "Loading torch" + ("; meanwhile a shipped recording of this preset plays" if session.shipped else "")
    if session.computing and recording is not None and not recording.finished:
        most = session.experiment.ascent.steps
        left = pace.words(recording.config, recording.steps, most)
        return f"Climbing: step {recording.steps} of at most {most}{left}"
    if session.computing:
        return session.progress.words if _judging(session) else "Computing"
    if session.outdated:
        return "Stopped: the picture is still that of earlier settings"
    if recording is not None and "cancelled" in recording.stop_reason:
        return f"Cancelled at step {recording.steps} of at most {recording.experiment.ascent.steps}"
    if _judging(session) and not session.moving:
        return "Stopped: not everything has been found out; any change goes on with it"
    return "Ready"


def _judging(session: Session) -> bool:
    """Whether the picture is there, but not all that can be said of its run."""
    recording = session.recording
    return recording is not None and recording.finished and not session.outdated and bool(session.progress.words)


def at_cursor(session: Session) -> str:
    """The true loss at the cursor, that of its shadow on the plane, and how much lies off it; nothing if not known."""
    ahead = session.focus_run
    if ahead is not None:  # while a control moves
        i = ahead.at(session.t)
        return f"L = {ahead.shadow_loss[i]:.5g} on the plane,  off plane {ahead.off_plane[i, 0]:.0%}"
    path, recording = session.path, session.recording
    if path is None or recording is None or path.restarts != recording.restarts:
        return ""
    i = path.at(session.t)
    held = session.plane.explained if session.plane is not None else None
    explained = "" if held is None else f",  plane holds {held:.0%}"
    return (
        f"L = {recording.loss[path.steps[i], path.focus]:.5g}  ({path.shadow_loss[i]:.5g} on the plane)"
        f"{decided_at_cursor(session)},  off plane {path.off_plane[i, path.focus]:.0%}{explained}"
    )


def decided_at_cursor(session: Session) -> str:
    """What follows the loss at the cursor: what a classifier decides for there; nothing where there is no right answer.

    It is that of the iterate itself, not of its shadow.
    """
    path = session.path
    known = "" if path is None or path.decided is None else str(path.decided[path.at(session.t)])
    return f",  {known}" if known else ""


def at_mouse(mouse: ProbePicture) -> str:
    """The loss, f, and what a classifier decides for, at the place under the mouse."""
    place = ", ".join(f"{part:.2f}" for part in mouse.point)
    chosen = f",  {mouse.decided}" if mouse.decided else ""
    return f"({place}) ε:  L = {mouse.loss:.5g},  f = {mouse.value:.5g}{chosen}"


def shown_together(sessions: Sequence[Session]) -> str:
    """What is on show in several columns: what all have in common, and where it is computed."""
    infos = [session.info for session in sessions if session.info is not None]
    if len(infos) < len(sessions) or not infos:
        return ""
    parts = [f"{len(infos)} columns", _common([info.input_label for info in infos], "{}")]
    parts += [
        _common([getattr(info, name) for info in infos], f"{symbol} = {{:.4g}}")
        for name, symbol in (("dimension", "d"), ("width", "m"), ("restarts", "K"))
    ]
    parts.append(_common([info.device for info in infos], "{}"))
    return "   ".join(part for part in parts if part) + " "


def _common(values: Sequence[object], words: str) -> str:
    return words.format(values[0]) if len(set(values)) == 1 else ""


def shown(session: Session) -> str:
    """What is on show, how large it is, and where it is computed."""
    info, recording, given = session.info, session.recording, session.experiment.input
    if info is None:
        return ""
    parts = [
        info.input_label,
        *info.sizes.split(", "),
        f"K = {info.restarts}",
        f"|x| = {info.epsilon / given.ratio:.4g}" if given.unit == "file" else "",
        f"ε = {info.epsilon:.4g}",
        f"η = {info.eta:.4g}",
        f"k = {info.reach:.3g}",
        "starts set by hand" if session.starts_by_hand else "",
        recording.thinning if recording is not None else "",
        info.device,
    ]
    return "   ".join(part for part in parts if part) + " "
