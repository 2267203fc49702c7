"""The results of a training in words: how soon each line's loss falls, and in which order."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from foadv_gui.lab.ranges import number
from foadv_gui.lab.summary import counted
from foadv_gui.lab.training.words import CONVENTIONS, axis_name, axis_value, named_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.lab.sweep.axis import Axis
    from foadv_gui.lab.training.plan import Training
    from foadv_gui.lab.training.reading import LineResult, Spread

_HELD_OUT = "held_out_adversarial_error"
_NEVER = "never (diverged)"


def told(training: Training, results: Sequence[LineResult], epoch: int) -> str:
    """What the results of a training that has come to an epoch show."""
    if epoch == 0:
        return f"Nothing is trained yet: epoch 0 of {training.section.epochs}."
    along = _along(training)
    parts = [_group(group, along, first=i == 0) for i, group in enumerate(_groups(training, results, along))]
    # Every point may have diverged: then no epoch is missing.
    if epoch < training.section.epochs and not all(result.diverged == result.repeats for result in results):
        parts[0] = f"So far, at epoch {epoch} of {training.section.epochs}: {parts[0]}"
    parts += [_against(training, results)]
    parts += [_divergence(result) for result in results if result.diverged]
    return " ".join(part for part in parts if part)


def _along(training: Training) -> Axis | None:
    """The axis that a sentence runs along: the scale, else a setting with an order, else any."""
    axes = [axis for axis in training.axes if axis.key != "training.rate_units"]
    numeric = [axis for axis in axes if axis.numeric]
    scale = [axis for axis in axes if axis.key == "input.scale"]
    return next(iter([*scale, *numeric, *axes, *training.axes]), None)


def _groups(training: Training, results: Sequence[LineResult], along: Axis | None) -> list[list[LineResult]]:
    """The results with the same values of all other axes, each group in the order of the axis if it has one."""
    if along is None:
        return [list(results)]
    place = training.axes.index(along)

    def others(result: LineResult) -> Any:
        values = result.line.values
        return values[:place] + values[place + 1 :]

    known = list(dict.fromkeys(map(others, results)))
    groups = [[result for result in results if others(result) == one] for one in known]
    if along.numeric:
        groups = [sorted(group, key=lambda result: float(result.line.values[place])) for group in groups]
    return groups


def _group(group: Sequence[LineResult], along: Axis | None, *, first: bool) -> str:
    """Lines that differ along one axis: their convention, how soon they come to 75% and to 50%, and the order."""
    spans = _spans(group, along, "75% of the first adversarial loss" if first else "75%")
    trends = [_trend(group, along, share) for share in ("75", "50")]
    if trends[0] == trends[1] and trends[0]:
        told_ones = [spans[0], f"{spans[1]}: {_both(trends[0])}"]
    else:
        told_ones = [f"{span}: {trend}" if trend else span for span, trend in zip(spans, trends, strict=True)]
    return f"{_heading(group[0], along)}: {'; '.join(told_ones)}."


def _heading(result: LineResult, along: Axis | None) -> str:
    """The learning rate's convention, and the values of what else varies."""
    training, keys = result.line.training, [axis.key for axis in result.line.of.axes]
    units, c = training.section.rate_units, training.section.rate
    running = along is not None and along.key
    convention = CONVENTIONS[units].capitalize()
    if running == "training.rate_units":
        words = f"At c = {number(c)}"
    elif running == "training.rate":
        words = f"{convention} (η = {'c/γ²' if units == 'squared-scale' else 'c'})"
    elif units == "absolute":
        words = f"{convention} (η = {number(c)})"
    elif running == "input.scale" or "input.scale" in keys:
        words = f"{convention} (η = {'c' if c == 1 else number(c)}/γ²{', c = 1' if c == 1 else ''})"
    else:
        words = f"{convention} (η = c/γ² = {number(result.rate)})"
    pairs = zip(result.line.of.axes, result.line.values, strict=True)
    others = [
        _value(axis, value)
        for axis, value in pairs
        if axis.key not in (running, "training.rate_units", "training.rate")
    ]
    if "input.scale" not in keys:
        others.insert(0, f"γ = {number(result.line.scale)}")
    return ", ".join([words, *others])


def _value(axis: Axis, value: Any) -> str:
    return (
        f"trained {'adversarially' if value == 'adversarial' else 'clean'}" if _mode(axis) else named_value(axis, value)
    )


def _mode(axis: Axis | None) -> bool:
    return axis is not None and axis.key == "training.mode"


def _spans(group: Sequence[LineResult], along: Axis | None, first: str) -> list[str]:
    """How soon each of some lines reached 75%, which `first` names, and 50%."""
    spans: list[str] = []
    said: list[str] = []
    for what, share in ((first, "75"), ("50%", "50")):
        if along is None or not along.numeric or all(math.isinf(_to(result, share).median) for result in group):
            spans.append(_span(group, along, share, what))
            continue
        each = [_times(_to(result, share), result) for result in group]
        reached = [i for i, times in enumerate(each) if times != _NEVER]
        lost = [i for i in range(len(each)) if i not in reached]
        places = [_listed([_places(group, along)[i] for i in some]) for some in (reached, lost)]
        known = [each[i] for i in reached]
        times = known[0] if len(set(known)) == 1 else _listed(known)
        words = f"{what} after {times} {_epochs(times)}"
        if places != said:  # once is enough
            words += f" {places[0]}" + (f", {_NEVER} {places[1]}" if places[1] else "")
        said = places
        spans.append(words)
    return spans


def _span(group: Sequence[LineResult], along: Axis | None, share: str, what: str) -> str:
    """The same of lines that have no order, or none of which reached it: "75% after 2 epochs for tanh, 5 for erf"."""
    spreads = [_to(result, share) for result in group]
    places = _places(group, along)
    if all(result.diverged == result.repeats for result in group) and len(group) > 1:
        return f"{what} never (all diverged)"
    if all(math.isinf(spread.median) for spread in spreads) and len(group) > 1:
        where = f"at any {axis_name(along)}" if along is not None and along.numeric else "in any of them"
        rest = [
            f"{_times(spread, result)} {place}"
            for result, spread, place in zip(group, spreads, places, strict=True)
            if math.isfinite(spread.least)
        ]
        most = max(result.epoch for result in group)
        soonest = f" ({'; '.join(rest)})" if rest else ""
        return f"{what} not within {counted(most, 'epoch')} {where}{soonest}"
    parts: list[str] = []
    each = [(_times(spread, result), place) for spread, result, place in zip(spreads, group, places, strict=True)]
    for times, same in itertools.groupby(each, key=lambda pair: pair[0]):
        words = times if times == _NEVER or parts else f"after {times} {_epochs(times)}"
        parts.append(f"{words} {_listed([place for _, place in same])}".strip())
    return f"{what} {', '.join(parts)}"


def _epochs(times: str) -> str:
    """The word behind a number of epochs."""
    return "epoch" if times in ("1", ">1") else "epochs"


def _listed(places: Sequence[str]) -> str:
    """Several places: "at γ = 0.1, 0.3 and 1"."""
    if not places:
        return ""
    first, *rest = (place if i == 0 else place.removeprefix("at ") for i, place in enumerate(places))
    return " and ".join([", ".join([first, *rest[:-1]]), rest[-1]]) if rest else first


def _to(result: LineResult, share: str) -> Spread:
    return result.to_75 if share == "75" else result.to_50


def _times(spread: Spread, result: LineResult) -> str:
    """A number of epochs with its spread: "27 (25–28)", ">60"."""
    if math.isinf(spread.median):
        if result.diverged == result.repeats:
            return _NEVER
        some = f" ({number(spread.least)} at the soonest)" if math.isfinite(spread.least) else ""
        return f">{result.epoch}{some}"
    if spread.least == spread.most:
        return number(spread.median)
    most = f"–{number(spread.most)}" if math.isfinite(spread.most) else f" to >{result.epoch}"
    return f"{number(spread.median)} ({number(spread.least)}{most})"


def _places(group: Sequence[LineResult], along: Axis | None) -> list[str]:
    """Where each of some lines is: "at γ = 0.1", "at 0.3"; "for tanh"."""
    if along is None:
        return [""] * len(group)
    place = group[0].line.of.axes.index(along)
    values = [result.line.values[place] for result in group]
    if _mode(along):
        return [_value(along, value) for value in values]
    if not along.numeric:
        if along.key == "training.rate_units":
            return [f"with the rate {CONVENTIONS[value]}" for value in values]
        return [f"for {axis_value(along, value)}" for value in values]
    return [f"at {named_value(along, values[0])}", *(f"at {axis_value(along, value)}" for value in values[1:])]


def _trend(group: Sequence[LineResult], along: Axis | None, share: str) -> str:
    """Whether the medians rise or fall along an axis with an order; those that diverged are left out of it."""
    if along is None or not along.numeric or len(group) < 2:
        return ""
    steady = [result for result in group if not result.diverged]
    times = [_to(result, share).median for result in steady]
    if len(times) < 2 or all(map(math.isinf, times)):
        return ""
    name = axis_name(along)
    where = "" if len(steady) == len(group) else " where it does not diverge"
    pairs = list(itertools.pairwise(times))
    if len(set(times)) == 1:
        return f"the same at every {name}{where}"
    if all(one <= other for one, other in pairs):
        return f"longer as {name} grows{where}"
    if all(one >= other for one, other in pairs):
        return f"sooner as {name} grows{where}"
    return f"no clear order{where}"


def _both(trend: str) -> str:
    return trend.replace("no clear order", "no clear order of either") if trend.startswith("no") else f"both {trend}"


def _against(training: Training, results: Sequence[LineResult]) -> str:
    """Adversarial against clean training: the held-out errors under attack, and without."""
    axis = next(filter(_mode, training.axes), None)
    if axis is None or len(axis.values) < 2 or not all(_HELD_OUT in result.quality for result in results):
        return ""
    return " ".join(_versus(group) for group in _groups(training, results, axis))


def _versus(group: Sequence[LineResult]) -> str:
    by_mode = {result.line.training.section.mode: result for result in group}
    robust, clean = (by_mode[mode].quality for mode in ("adversarial", "clean"))
    axes = [axis for axis in group[0].line.of.axes if not _mode(axis)]
    named = dict(zip((axis.key for axis in group[0].line.of.axes), group[0].line.values, strict=True))
    where = ", ".join(
        CONVENTIONS[named[axis.key]] if axis.key == "training.rate_units" else named_value(axis, named[axis.key])
        for axis in axes
    )
    pairs = [
        (words, robust[name], clean[name])
        for words, name in (("under attack", _HELD_OUT), ("without attack", "held_out_clean_error"))
    ]
    spans = [f"{_share(one)} against {_share(other)} {words}" for words, one, other in pairs]
    first, second = pairs[0][1:]
    if first.median == second.median:
        verdict = "adversarial training makes no difference under attack"
    else:
        lower = first.median < second.median
        verdict = f"adversarial training {'lowers' if lower else 'raises'} the error under attack"
        if first.most >= second.least if lower else second.most >= first.least:
            verdict += ", but the spreads overlap"
    at = f" at {where}" if where else ""
    return f"Held-out errors{at}, trained adversarially against clean: {', '.join(spans)}; {verdict}."


def _share(spread: Spread) -> str:
    """A share with its spread: "12% (10–14%)"."""
    median, least, most = (f"{100 * value:.3g}" for value in (spread.median, spread.least, spread.most))
    return f"{median}%" if least == most else f"{median}% ({least}–{most}%)"


def _divergence(result: LineResult) -> str:
    which = [_value(axis, value) for axis, value in zip(result.line.of.axes, result.line.values, strict=True)]
    words = [CONVENTIONS.get(word, word) for word in which if word]
    at = f" at {', '.join(words)}" if words else ""
    runs = "It" if not at and result.repeats == 1 else "The run" if result.repeats == 1 else "The runs"
    if 1 < result.repeats != result.diverged:
        runs = f"{result.diverged} of the {result.repeats} runs"
    elif result.repeats > 1:
        runs = f"All {result.repeats} runs"
    return f"{runs}{at} (η = {number(result.rate)}) diverged at epoch {result.diverged_at}: {result.why}."
