"""One axis of a sweep: a setting and the values that it takes, and how they are written."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.settings import Setting, setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_VALUES = 10**6
"""More values than this are no axis."""
HOW = "write a list (0.1,1,10), lin:FROM:TO:COUNT, log:FROM:TO:COUNT or whole numbers FROM:TO"
_LARGEST_GRID = 10**7
"""A grid of more points than this is a slip of the pen, or of a file that means harm."""
_INTEGERS = re.compile(r"([+-]?[0-9]{1,20}):([+-]?[0-9]{1,20})")
_DIGITS = 12
"""Significant digits of spaced values: 0.1, not 0.09999999999999999."""
_TRIED = 100
"""With how many values of another axis one is tried that the experiment refuses as it stands."""


class Varied(Protocol):
    """What has settings that may vary: an experiment, or a training."""

    def get(self, key: str) -> Any:
        """The value of a setting; `ExperimentError` if there is none of that key."""

    def changed(self, changes: Mapping[str, object]) -> Varied:
        """The same with other values; `ExperimentError` where that cannot be."""


@dataclass(frozen=True)
class Axis:
    """One setting (`key`) and the values that it takes, typed; `text` is how they were written."""

    key: str
    values: tuple[Any, ...]
    text: str

    @property
    def setting(self) -> Setting:
        """The setting that varies."""
        return setting(self.key)

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers in an order that means something: not those of a seed or an index."""
        return self.setting.kind in ("float", "int") and not self.repeats

    @property
    def repeats(self) -> bool:
        """Whether the axis only repeats the experiment: with other seeds, or on another input."""
        return self.setting.name in ("seed", "index")

    @property
    def written(self) -> str | list[str]:
        """The values as a table [sweep] holds them: files one by one, since their names may hold commas."""
        return list(self.values) if self.setting.kind == "path" else self.text


@dataclass(frozen=True)
class _Written:
    """What was written: a list of values, or (`count` > 0) the first and the last of evenly spaced ones."""

    chosen: Setting
    text: str
    values: list[Any]
    count: int = 0
    log: bool = False


def read_axes(base: Varied, written: Iterable[tuple[str, str | Sequence[Any]]], folder: Path) -> list[Axis]:
    """The axes of a sweep, each written as a key and its values: a text as in `parse_axis`, or a list.

    Each value of a list, and the ends of what is spaced evenly, must be possible in the experiment, as it stands or
    with a value of another axis; the rest becomes a row that says why it is not. Names of files are relative to
    `folder`.

    Raises
    ------
    ExperimentError
        For an unknown setting, values that cannot be read, none at all, one twice, or one that cannot be.
    """
    parts: dict[str, _Written] = {}
    for key, values in written:
        if key in parts:
            raise ExperimentError(key, "varies twice: name all of its values once")
        parts[key] = _read(_varying(base, key), values, folder)
    size = math.prod(part.count or len(part.values) for part in parts.values())
    if size > _LARGEST_GRID:
        raise ExperimentError(", ".join(parts), f"makes {size:,} points, more than the {_LARGEST_GRID:,} of any sweep")
    return [_axis(base, part, [other for other in parts.values() if other is not part]) for part in parts.values()]


def parse_axis(base: Varied, written: str) -> Axis:
    """Read one axis, written as "input.scale=log:0.01:10:13".

    The values are a list ("0.1,1,10" or "tanh,erf"), ``lin:FROM:TO:COUNT``, ``log:FROM:TO:COUNT`` or whole numbers
    ``FROM:TO``, both ends included.

    Raises
    ------
    ExperimentError
        As `read_axes`.
    """
    return read_axes(base, [key_and_values(written)], Path())[0]


def key_and_values(written: str) -> tuple[str, str]:
    """The key and the values of "input.scale=log:0.01:10:13"; `ExperimentError` if it is not written so."""
    key, _, text = (part.strip() for part in written.partition("="))
    if not key or not text:
        raise ExperimentError(key, f"must be KEY=VALUES, as in input.scale=log:0.01:10:13; {HOW}")
    return key, text


def _varying(base: Varied, key: str) -> Setting:
    """The setting of a key; refused if it is unknown, or varying it makes no other run."""
    base.get(key)
    if key.startswith("view.") or "." not in key:
        raise ExperimentError(key, "is only how a run is shown or called: all points would be the same")
    chosen = setting(key)
    if chosen.kind in ("box", "names", "size"):
        raise ExperimentError(key, "cannot vary in a sweep: set it for all points")
    return chosen


def _axis(base: Varied, part: _Written, others: list[_Written]) -> Axis:
    typed = [_possible(base, part.chosen.key, value, others) for value in part.values]
    if part.count:
        typed = _spaced(part, *typed)
    seen: set[Any] = set()
    for value in typed:
        if value in seen:
            raise ExperimentError(part.chosen.key, "is named twice: each value makes points of its own", value)
        seen.add(value)
    return Axis(part.chosen.key, tuple(typed), part.text)


def _possible(base: Varied, key: str, value: Any, others: list[_Written]) -> Any:
    """The value as the experiment holds it, where it can: as it stands, or with a value of another axis."""
    try:
        return base.changed({key: value}).get(key)
    except ExperimentError:
        for other in others:
            for another in other.values[:_TRIED]:
                try:
                    return base.changed({key: value, other.chosen.key: another}).get(key)
                except ExperimentError:
                    continue
        raise


def _spaced(part: _Written, first: Any, last: Any) -> list[Any]:
    """`count` values from the first to the last one, both of which are as they were written."""
    if part.chosen.kind == "int" and abs(last - first) == part.count - 1 and not part.log:
        return list(range(first, last + 1)) if first <= last else list(range(first, last - 1, -1))
    space = np.geomspace if part.log else np.linspace
    inner = space(first, last, part.count)[1:-1].tolist()
    if part.chosen.kind == "int":  # neighbours that round to the same number are one
        return list(dict.fromkeys([first, *map(round, inner), last]))
    return [first, *(float(f"{value:.{_DIGITS}g}") for value in inner), last][: part.count]


def _read(chosen: Setting, given: str | Sequence[Any], folder: Path) -> _Written:
    """What a text or a list stands for, not yet checked."""
    if not isinstance(given, str):
        return _listed(chosen, [_text(value) for value in given], folder)
    text = given.strip()
    spacing, colon, rest = text.partition(":")
    if colon and spacing in ("lin", "log"):
        return _read_spacing(chosen, spacing, rest, text)
    whole = _INTEGERS.fullmatch(text)
    if whole and chosen.kind in ("int", "float"):
        first, last = int(whole[1]), int(whole[2])
        if last < first:
            raise ExperimentError(chosen.key, "holds no number: the first one is above the last", text)
        if last - first >= MOST_VALUES:
            raise ExperimentError(chosen.key, f"holds more than {MOST_VALUES:,} values", text)
        return _Written(chosen, text, [first, last], last - first + 1)
    return _listed(chosen, [part.strip() for part in text.split(",")], folder)


def _listed(chosen: Setting, parts: list[str], folder: Path) -> _Written:
    text = ",".join(parts)
    if not parts or not all(parts):
        raise ExperimentError(chosen.key, f"has an empty place in its list; {HOW}", text)
    if chosen.kind == "path":
        files = [str((folder / Path(part).expanduser()).absolute()) for part in parts]
        return _Written(chosen, ",".join(files), list(files))
    return _Written(chosen, text, [_value(chosen, part) for part in parts])


def _read_spacing(chosen: Setting, spacing: str, rest: str, text: str) -> _Written:
    if chosen.kind not in ("float", "int"):
        raise ExperimentError(chosen.key, f"must be a list of {', '.join(chosen.choices) or 'values'}", text)
    try:
        low, high, count = rest.split(":")
        first, last, n = float(low), float(high), int(count)
    except ValueError:
        raise ExperimentError(chosen.key, f"must be {spacing}:FROM:TO:COUNT, as in log:0.01:10:13", text) from None
    if not (math.isfinite(first) and math.isfinite(last)) or not 1 <= n <= MOST_VALUES or (n == 1) != (first == last):
        reason = f"must go from a number to another one in 2 to {MOST_VALUES:,} values"
        raise ExperimentError(chosen.key, reason, text)
    ends: list[Any] = [round(first), round(last)] if chosen.kind == "int" else [first, last]
    if spacing == "log" and min(ends) <= 0:
        raise ExperimentError(chosen.key, "must lie above 0 to be spaced evenly in its logarithm", text)
    return _Written(chosen, text, ends, n, spacing == "log")


def _value(chosen: Setting, text: str) -> Any:
    if chosen.kind in ("text", "choice"):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text  # the setting refuses it in its own words


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip()
