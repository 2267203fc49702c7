"""A sweep as a frozen value: an experiment, the settings that vary, and the points of their grid."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from foadv_gui.lab.config import SECTIONS, Experiment, ExperimentError
from foadv_gui.lab.settings import SETTINGS, Setting, setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_POINTS = 10**6
"""More points than this are computed only when somebody insists."""
_RUN_SECTIONS = tuple(name for name in SECTIONS if name != "view")
_INTEGERS = re.compile(r"([+-]?\d+):([+-]?\d+)")
_DIGITS = 12
"""Significant digits of spaced values: 0.1, not 0.09999999999999999."""
_HOW = "write a list (0.1,1,10), lin:FROM:TO:COUNT, log:FROM:TO:COUNT or whole numbers FROM:TO"


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


@dataclass(frozen=True)
class Point:
    """One experiment of a sweep: its index in the grid and the value of each axis."""

    index: int
    values: tuple[Any, ...]
    sweep: Sweep

    @property
    def experiment(self) -> Experiment:
        """The experiment; `ExperimentError` where the values are impossible together."""
        return self.sweep.base.changed(dict(zip(self.sweep.keys, self.values, strict=True)))

    @property
    def key(self) -> str:
        """What tells its run from all others: a hash of its settings and of the files that they name, as hex."""
        return _hash(self.sweep.base, dict(zip(self.sweep.keys, self.values, strict=True)))


@dataclass(frozen=True)
class Sweep:
    """An experiment and the axes along which it varies; the last axis varies fastest."""

    base: Experiment
    axes: tuple[Axis, ...]

    @classmethod
    def of(cls, base: Experiment, over: Sequence[str]) -> Sweep:
        """Read axes written "input.scale=log:0.01:10:13"; `ExperimentError` says what is wrong with one."""
        axes = tuple(parse_axis(base, written) for written in over)
        if not axes:
            raise ExperimentError("", f"nothing varies: name a setting and its values; {_HOW}")
        repeated = next((axis.key for i, axis in enumerate(axes) if axis.key in [a.key for a in axes[:i]]), None)
        if repeated:
            raise ExperimentError(repeated, "varies twice: name all of its values once")
        return cls(base, axes)

    @property
    def keys(self) -> tuple[str, ...]:
        """The settings that vary."""
        return tuple(axis.key for axis in self.axes)

    @property
    def size(self) -> int:
        """The number of points."""
        return math.prod(len(axis.values) for axis in self.axes)

    @cached_property
    def identity(self) -> str:
        """What tells the sweep from all others, as hex: its experiment and its axes with all their values."""
        return _hash(self.base, {}, [(axis.key, *axis.values) for axis in self.axes])

    def point(self, index: int) -> Point:
        """The point of an index from 0."""
        values, rest = [], index
        for axis in reversed(self.axes):
            rest, i = divmod(rest, len(axis.values))
            values.append(axis.values[i])
        if rest or index < 0:
            raise IndexError(f"point {index} of {self.size}")
        return Point(index, tuple(reversed(values)), self)

    def points(self) -> Iterator[Point]:
        """All points, in order; made one at a time."""
        return (self.point(index) for index in range(self.size))

    def to_toml(self) -> str:
        """The sweep as TOML: the experiment's own text, and a table [sweep] of the axes as they were written."""
        return f"{self.base.to_toml()}\n{tomli_w.dumps({'sweep': {axis.key: axis.text for axis in self.axes}})}"

    @classmethod
    def from_toml(cls, path: str | Path) -> Sweep:
        """Read a sweep file; `ExperimentError` says what is wrong with it."""
        path = Path(path)
        base, tables = Experiment.with_tables(path, ("sweep",))
        table = tables.get("sweep")
        if not isinstance(table, dict) or not all(isinstance(text, str) for text in table.values()):
            reason = 'must be a table [sweep] of settings and their values, as "input.scale" = "log:0.01:30:13"'
            raise ExperimentError("sweep", reason, source=str(path))
        try:
            return cls.of(base, [f"{key}={text}" for key, text in table.items()])
        except ExperimentError as error:
            raise error.of(str(path)) from None


def parse_axis(base: Experiment, written: str) -> Axis:
    """Read one axis, written as "input.scale=log:0.01:10:13"; every value is checked against the experiment.

    The values are a list ("0.1,1,10" or "tanh,erf"), ``lin:FROM:TO:COUNT``, ``log:FROM:TO:COUNT`` or whole numbers
    ``FROM:TO``, both ends included.

    Raises
    ------
    ExperimentError
        For an unknown setting, values that cannot be read, none at all, one twice, or one that cannot be.
    """
    key, equals, text = (part.strip() for part in written.partition("="))
    if not equals or not key or not text:
        raise ExperimentError(key, f"must be KEY=VALUES, as in input.scale=log:0.01:10:13; {_HOW}")
    base.get(key)  # refuses an unknown one
    if key.startswith("view.") or "." not in key:
        raise ExperimentError(key, "is only how a run is shown or called: all points would be the same")
    chosen = setting(key)
    values = [base.replace(key, value).get(key) for value in _read(chosen, text)]
    twice = next((value for i, value in enumerate(values) if value in values[:i]), None)
    if twice is not None:
        raise ExperimentError(key, "is named twice: each value makes points of its own", twice)
    return Axis(key, tuple(values), text)


def _read(chosen: Setting, text: str) -> list[Any]:
    """The values that a text stands for, not yet checked."""
    spacing, colon, rest = text.partition(":")
    if colon and spacing in ("lin", "log"):
        return _spaced(chosen, spacing, rest, text)
    whole = _INTEGERS.fullmatch(text)
    if whole and chosen.kind in ("int", "float"):
        first, last = int(whole[1]), int(whole[2])
        if last < first:
            raise ExperimentError(chosen.key, "holds no number: the first one is above the last", text)
        if last - first >= MOST_POINTS:
            raise ExperimentError(chosen.key, f"holds more than {MOST_POINTS:,} values", text)
        return list(range(first, last + 1))
    if chosen.kind == "box":
        raise ExperimentError(chosen.key, "cannot vary in a sweep: set it for all points")
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise ExperimentError(chosen.key, f"has an empty place in its list; {_HOW}", text)
    return [_value(chosen, part) for part in parts]


def _spaced(chosen: Setting, spacing: str, rest: str, text: str) -> list[float]:
    if chosen.kind not in ("float", "int"):
        raise ExperimentError(chosen.key, f"must be a list of {', '.join(chosen.choices) or 'values'}", text)
    try:
        low, high, count = rest.split(":")
        first, last, n = float(low), float(high), int(count)
    except ValueError:
        raise ExperimentError(chosen.key, f"must be {spacing}:FROM:TO:COUNT, as in log:0.01:10:13", text) from None
    if not (math.isfinite(first) and math.isfinite(last)) or not 1 <= n <= MOST_POINTS or (n == 1 and first != last):
        reason = f"must go from a number to another one in 2 to {MOST_POINTS:,} values"
        raise ExperimentError(chosen.key, reason, text)
    if spacing == "log" and not (first > 0 and last > 0):
        raise ExperimentError(chosen.key, "must lie above 0 to be spaced evenly in its logarithm", text)
    values = np.geomspace(first, last, n) if spacing == "log" else np.linspace(first, last, n)
    if chosen.kind == "int":  # neighbours that round to the same number are one
        return list(dict.fromkeys(round(float(value)) for value in values))
    return [float(f"{value:.{_DIGITS}g}") for value in values]


def _value(chosen: Setting, text: str) -> Any:
    if chosen.kind == "path":
        return str(Path(text).absolute())
    if chosen.kind in ("text", "choice"):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # the setting refuses it in its own words


def _hash(base: Experiment, changes: dict[str, Any], *more: Any) -> str:
    """A hash of a run's settings with some changed, of the files that they name, and of `more`."""
    data = base.model_dump(include=set(_RUN_SECTIONS))
    for key, value in changes.items():
        section, _, name = key.partition(".")
        data[section][name] = value
    files = [data[entry.section][entry.name] for entry in SETTINGS if entry.kind == "path" and entry.section in data]
    contents = [_contents(file) for file in files]
    text = json.dumps([data, contents, *more], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@cache
def _contents(file: str | None) -> str:
    """A hash of what a file holds, or nothing if it cannot be read: the run will say why."""
    if file is None:
        return ""
    try:
        with Path(file).open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return ""
