"""What a sweep says, read off its table in a sentence or two, whichever way it comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from foadv_gui.lab.ranges import number
from foadv_gui.lab.summary import counted
from foadv_gui.lab.sweep.phrases import Findings, counted_steps, maxima_words, percent, place
from foadv_gui.lab.sweep.picture import heat_picture, telling_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.sweep.table import SweepTable


def read(table: SweepTable) -> str:
    """What a table says about the number of maxima and the steps to convergence: one sentence, or two.

    The first states what was found where: every number in it is a median over points, a share or a count that the
    table holds. The second says what rises or falls along an axis of numbers, and only where `trend` finds that it
    does; and how many points failed or have not been computed.
    """
    total, rows = table.sweep.size, len(table.frame)
    errors = table.frame["error"].drop_nulls()
    if not rows:
        return f"Nothing has been computed yet: 0 of {counted(total, 'point')}."
    if len(errors) == rows:
        which = f"All {counted(rows, 'point')}" if rows == total else f"All {rows} of {total} points so far"
        return f"{which} failed; the first one: {_sentence(errors[0])}"
    first, *more = [Findings(table, axis) for axis in telling_axes(table.sweep)]
    rest: list[str] = []
    if first.axis.repeats:
        told = _over_repeats(first)
    elif more:
        told, rest = _over_two(first, more[0])
    elif first.axis.numeric:
        told, rest = _over_numbers(first), _trends(first)
    else:
        told = "; ".join(first.goes(noun, curve) for noun, curve in reversed(first.told))
    flat = int((table.frame["loss_best"] == 0).sum()) if table.sweep.base.network.loss == "hinge" else 0
    if flat:
        where = f"at {flat} of {counted(total, 'point')} every path ends at L = 0"
        rest.append(f"{where}, where the margin is above 1 and the hinge is flat: it has no gradient there")
    if len(errors):
        rest.append(f"{len(errors)} of {counted(total, 'point')} failed")
    if rows < total:
        rest.append(f"{total - rows} of {counted(total, 'point')} {'is' if total - rows == 1 else 'are'} not computed")
    return " ".join(_sentence(words) for words in (told, "; ".join(rest)) if words)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def _over_numbers(found: Findings) -> str:
    """Where the paths of every repetition find one maximum, and what they do where they do not."""
    have = found.have
    one = found.always_one[have]
    below, above = _leading(one), _leading(one[::-1])
    if not (below or above):
        told = f"{found.at(have[0])} {found.whose} {found.does(have[0])}"
        return told if len(have) == 1 else f"{told}; {found.at(have[-1])} they {found.does(have[-1])}"
    runs = [have[:below], have[len(have) - above :]] if not one.all() else [have]
    inside = [i for run in runs for i in run]
    told = f"{' and '.join(found.along(run) for run in runs if run)} {found.whose} find one maximum, "
    told += found.in_steps(inside)
    left = found.unconverged[inside].max()
    told += f" ({percent(left)} of the paths at most do not converge)" if left else ""
    if one.all():
        return told
    between, medians = have[below : len(have) - above], np.nan_to_num(found.maxima.marks.median)
    end = have[0] if not below else have[-1] if not above else max(between, key=lambda i: medians[i])
    return f"{told}; {found.at(end)} they {found.does(end)}"


def _leading(true: NDArray[np.bool_]) -> int:
    """How many entries are true before the first that is not."""
    return int(np.argmin(np.append(true, False)))


def _trends(found: Findings) -> list[str]:
    # That there is one maximum everywhere has been said.
    same = bool(found.always_one[found.have].all())
    left = [(noun, curve) for noun, curve in found.told if not (same and noun == "maxima")]
    if all(found.trend(curve).direction == "untold" for _, curve in left):
        return [f"there are too few points to tell a trend with {found.name}"]
    return [found.goes(noun, curve) for noun, curve in left]


def _over_two(first: Findings, second: Findings) -> tuple[str, list[str]]:
    """Where the fewest and the most maxima are, and how maxima and steps go with each axis."""
    table = first.table
    heat = heat_picture(table, "distinct_maxima", first.axis.key, second.axis.key)
    goes = _briefly(first, second)
    medians = heat.marks.median
    if np.isnan(medians).all():
        return "; ".join(goes), []
    least, most = np.nanmin(medians), np.nanmax(medians)
    if least == most:
        told = f"the paths find {maxima_words(least)} everywhere (medians)"
    else:
        # The first of the cells with the fewest, the last of those with the most.
        cells = np.argwhere(medians == least)[0], np.argwhere(medians == most)[-1]
        where = [f"{place(heat.across, column)} and {place(heat.up, row)}" for row, column in cells]
        told = f"the paths find {maxima_words(least)} at {where[0]}, {maxima_words(most)} at {where[1]} (medians)"
    proven = int(table.frame["certified"].sum())
    of = counted(len(table.frame), "point")
    return (f"{told}; uniqueness is proven (q < 1) at {proven} of {of}" if proven else told), goes


def _briefly(first: Findings, second: Findings) -> list[str]:
    """How maxima and steps go with each of two axes."""
    goes, untold = [], False
    for (noun, one), (_, other) in zip(first.told, second.told, strict=True):
        both = [words for words in (first.briefly(one), second.briefly(other)) if words]
        untold |= len(both) < 2
        if both:
            goes.append(f"the {noun} {' and '.join(both)}")
    if any(sign in words for words in goes for sign in ("(+", "(−")):
        goes[0] = f"by their rank correlations {goes[0]}"
    return [*goes, f"there are too few points to tell {'another' if goes else 'a'} trend"] if untold else goes


def _over_repeats(found: Findings) -> str:
    """How much a result varies where the experiment is only repeated."""
    maxima, steps = (curve.dots for curve in (found.maxima, found.steps))
    points, known = int(found.steps.marks.points.sum()), np.sort(maxima.value[~np.isnan(maxima.value)])
    order = np.lexsort((steps.limit, steps.value))[:points][[0, -1]]  # censored ones last, failed ones beyond them
    told = f"{'more than ' if np.isinf(steps.value[order[1]]) else ''}{counted_steps(steps.limit[order[1]])}"
    if (steps.value[order[0]], steps.limit[order[0]]) != (steps.value[order[1]], steps.limit[order[1]]):
        told = f"{number(steps.limit[order[0]])} to {told}"
    who = f"over {counted(points, 'repetition')} the paths"
    if not len(known):
        return f"{who} take {told} (median)"
    least = "" if known[0] == known[-1] else f"{number(known[0])} to "
    none = points - len(known)
    rest = f"; in {none} of them no path ends at a maximum" if none else ""
    return f"{who} find {least}{maxima_words(known[-1])} in {told} (medians of the paths){rest}"
