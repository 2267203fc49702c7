"""A sweep as a frozen value: an experiment, the settings that vary, and the points of their grid."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from foadv_gui.lab.adoption import with_label
from foadv_gui.lab.config import SECTIONS, Experiment, ExperimentError
from foadv_gui.lab.effects import why_idle
from foadv_gui.lab.settings import SETTINGS
from foadv_gui.lab.sweep.axis import HOW, Axis, key_and_values, parse_axis, read_axes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["MOST_POINTS", "Axis", "Point", "Sweep", "parse_axis"]

MOST_POINTS = 10**6
"""More points than this are computed only when somebody insists."""
_RUN_SECTIONS = tuple(name for name in SECTIONS if name != "view")


@dataclass(frozen=True)
class Point:
    """One experiment of a sweep: its index in the grid and the value of each axis."""

    index: int
    values: tuple[Any, ...]
    sweep: Sweep

    @property
    def experiment(self) -> Experiment:
        """The experiment; `ExperimentError` where the values are impossible together.

        A classifier is attacked away from the right class of each row of its inputs (`label_at`).
        """
        values = dict(zip(self.sweep.keys, self.values, strict=True))
        return self.sweep.base.changed(with_label(self.sweep.base, values))

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
        return cls._of(base, map(key_and_values, over), Path())

    @classmethod
    def of_table(cls, base: Experiment, table: Mapping[str, Any], folder: Path | None = None) -> Sweep:
        """Read axes from a table [sweep] of settings and their values, a text or a list; as `of`.

        The names of files are relative to `folder`.
        """
        return cls._of(base, list(_flat(table)), folder or Path())

    @classmethod
    def _of(cls, base: Experiment, written: Iterable[tuple[str, str | Sequence[Any]]], folder: Path) -> Sweep:
        axes = tuple(read_axes(base, written, folder))
        if not axes:
            raise ExperimentError("", f"nothing varies: name a setting and its values; {HOW}")
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
        """What tells the sweep from all others, as hex: its experiment, its axes, and what their files hold."""
        files = [_contents(value) for axis in self.axes if axis.setting.kind == "path" for value in axis.values]
        axes = [(axis.key, *axis.values) for axis in self.axes]
        # What the experiment has where an axis varies is of no consequence.
        return _hash(self.base, {axis.key: axis.values[0] for axis in self.axes}, axes, files)

    def check_effects(self) -> None:
        """Refuse an axis along which all points would be the same: `ExperimentError` says why its setting is idle."""
        varied = {axis.key: axis.values for axis in self.axes}
        for axis in self.axes:
            idle = why_idle(self.base, axis.key, varied)
            if idle and len(axis.values) > 1:
                raise ExperimentError(axis.key, f"{idle}: let it vary no more, or give it one value")

    def point(self, index: int) -> Point:
        """The point of an index from 0."""
        values, rest = [], index
        for axis in reversed(self.axes):
            rest, i = divmod(rest, len(axis.values))
            values.append(axis.values[i])
        if rest or index < 0:
            raise IndexError(f"point {index} of {self.size}")
        return Point(index, tuple(reversed(values)), self)

    def places(self, indices: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Where on each axis the points of some indices (n,) lie, each (n,) and from 0."""
        found = []
        for axis in reversed(self.axes):
            indices, place = np.divmod(indices, len(axis.values))
            found.append(place)
        return found[::-1]

    def points(self) -> Iterator[Point]:
        """All points, in order; made one at a time."""
        return (self.point(index) for index in range(self.size))

    @property
    def table(self) -> dict[str, str | list[str]]:
        """The axes as a table [sweep] holds them: `of_table` reads it back."""
        return {axis.key: axis.written for axis in self.axes}

    def to_toml(self) -> str:
        """The sweep as TOML: the experiment's own text, and a table [sweep] of the axes as they were written."""
        return f"{self.base.to_toml()}\n{tomli_w.dumps({'sweep': self.table})}"

    @classmethod
    def from_toml(cls, path: str | Path) -> Sweep:
        """Read a sweep file, whose files are looked for beside it; `ExperimentError` says what is wrong with it."""
        path = Path(path)
        base, tables = Experiment.with_tables(path, ("sweep",))
        try:
            return cls.of_table(base, tables.get("sweep", {}), path.parent)
        except ExperimentError as error:
            raise error.of(str(path)) from None


def _flat(table: Mapping[str, Any], section: str = "") -> Iterator[tuple[str, str | Sequence[Any]]]:
    """The settings of a table [sweep] and their values; TOML reads a key that is not quoted as a table in a table."""
    if not isinstance(table, dict):
        raise ExperimentError("sweep", 'must be a table, as in [sweep] with "input.scale" = "log:0.01:30:13"')
    for key, values in table.items():
        if isinstance(values, dict) and not section:
            yield from _flat(values, f"{key}.")
        elif isinstance(values, str) or (
            isinstance(values, list) and all(isinstance(value, str | int | float) for value in values)
        ):
            yield section + key, values
        else:
            raise ExperimentError(section + key, "must be a text or a list of values, as in [0.1, 1, 10]", values)


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


def _contents(file: str | None) -> str:
    """A hash of what a file holds, or nothing if it cannot be read: the run will say why."""
    if file is None:
        return ""
    try:
        found = os.stat(file)
        # Opening a pipe can wait for ever.
        return _digest(file, found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else ""
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=1024)
def _digest(file: str, _modified: int, _size: int) -> str:
    """The hash of a file's contents, computed once for each state of it that is seen."""
    with Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
