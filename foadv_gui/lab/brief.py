"""The verdict on a run in at most three short lines, for a column beside others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foadv_gui.lab.findings import TONE_ICONS, Clause
from foadv_gui.lab.restarts import paths_words
from foadv_gui.lab.summary import counted

if TYPE_CHECKING:
    from foadv_gui.lab.findings import Tone, VerdictPicture
    from foadv_gui.lab.restarts import RestartsPicture

_LINES = 3


def brief(verdict: VerdictPicture | None, restarts: RestartsPicture | None) -> tuple[Clause, ...]:
    """How many maxima all paths found and how many got there, and then what is proven or wrong.

    Until all restarts have been compared, what is known of the focused path stands for them.
    """
    clauses = {clause.topic: clause for clause in verdict.clauses} if verdict is not None else {}
    if restarts is None:
        lines = [clauses.get("maximum"), clauses.get("convergence")]
    else:
        lines = [_maxima(restarts), _convergence(restarts)]
    lines += [clauses.get(topic) for topic in ("step", "unique", "gap", "reach")]
    return tuple(line for line in lines if line is not None)[:_LINES]


def everything(verdict: VerdictPicture | None, restarts: RestartsPicture | None) -> list[str]:
    """All that is known, a sentence each, with the icon of its tone."""
    known = [] if restarts is None else [restarts.words]
    if verdict is None:
        return known
    return [*known, *(f"{TONE_ICONS[clause.tone]} {clause.words}" for clause in verdict.clauses)]


def _maxima(restarts: RestartsPicture) -> Clause:
    count = restarts.distinct_maxima
    tone: Tone = "unsure" if count is None else "yes" if count else "no"
    if count is None:
        words = "maxima not counted: no second-order test"
    elif not count:
        words = "no path ended at a maximum"
    else:
        rest = restarts.restarts - int(restarts.sizes.sum())
        none = f", {rest} at none" if rest else ""
        words = f"{count} {'maximum' if count == 1 else 'maxima'}: {paths_words(restarts.sizes)}{none}"
    return Clause(tone, words, restarts.maxima_words, "maxima")


def _convergence(restarts: RestartsPicture) -> Clause:
    tone: Tone = "yes" if not restarts.unconverged else "note" if restarts.tolerance == 0 else "no"
    words = f"{restarts.restarts - restarts.unconverged} of {restarts.restarts} converged"
    median = restarts.median_steps
    words += f", median {counted(median, 'step')}" if median is not None else ""
    return Clause(tone, words, restarts.convergence_words, "convergence")
