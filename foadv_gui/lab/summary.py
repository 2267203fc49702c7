"""What became of all restarts, in words for the window, the figure and the command line: no torch here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.lab.recording import Recording


def counted(n: int, noun: str) -> str:
    """A number with its noun: "1 step", "2 steps"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def summary(recording: Recording | None, maxima: Sequence[bool | None]) -> str:
    """One sentence over all restarts; `maxima`: of each that was judged, whether it is one (None: no test)."""
    if recording is None:
        return "Nothing has been computed yet."
    if not recording.finished:
        return f"Climbing: step {recording.steps}."
    parts = _endings(recording)
    judged = [maximum for maximum in maxima if maximum is not None]
    if judged:
        share = "" if len(maxima) == recording.restarts else f" of {len(maxima)} judged so far"
        parts.append(f"{sum(judged)}{share} ended at a strict local maximum")
    finite = recording.loss[-1][np.isfinite(recording.loss[-1])]
    best = f"Best loss {finite.max():.5g}" if len(finite) else "No path has a finite loss"
    return f"{', '.join(parts)}. {best}."


def _endings(recording: Recording) -> list[str]:
    """How the restarts ended, in words."""
    asked, reasons = recording.experiment.ascent, list(recording.stop_reason)
    paths, converged = counted(recording.restarts, "path"), int((recording.converged_at >= 0).sum())
    if "cancelled" in reasons:
        stopped = f"Cancelled at step {recording.steps} of at most {asked.steps}"
        parts = [stopped, f"{converged} of {paths} had converged"]
    elif asked.tolerance == 0:
        taken = counted(asked.steps, "step")
        parts = [f"{reasons.count('step limit')} of {paths} took {taken}, as asked (tolerance 0)"]
    else:
        parts = [f"{converged} of {paths} converged"]
    diverged = reasons.count("diverged")
    return [*parts, f"{diverged} diverged"] if diverged else parts
