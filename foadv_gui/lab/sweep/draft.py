"""A sweep while somebody writes it: each axis with its count or what is wrong with it, and the size of the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from foadv_gui.lab.config import SETTINGS, Experiment, ExperimentError
from foadv_gui.lab.effects import why_idle
from foadv_gui.lab.settings import Setting, setting
from foadv_gui.lab.sweep.grid import MOST_POINTS, Sweep

if TYPE_CHECKING:
    from foadv_gui.lab.sweep.grid import Axis

MOST_AXES = 4
_NO_AXIS = ("network.model", "input.array")
SWEEPABLE: tuple[Setting, ...] = tuple(
    entry
    for entry in SETTINGS
    if entry.section != "view" and entry.kind not in ("box", "names", "size") and entry.key not in _NO_AXIS
)
"""What can vary in a sweep, in the order of the form."""
_SUGGESTED = {
    "network.output": "0,1",
    "input.scale": "log:0.01:30:13",
    "input.ratio": "log:0.05:0.8:9",
    "network.width": "64,128,256,512,1024",
    "network.dimension": "8,16,32,64,128",
    "ascent.step": "log:0.01:1:9",
}
_USUAL = (
    *("input.scale", "network.seed", "input.ratio", "network.width"),
    *("ascent.step", "ascent.seed", "ascent.rule", "ascent.constraint"),
)
"""What is added first; of these more always act than a sweep has axes."""
_COUNT = 9
_NOTHING = "Nothing varies yet: add an axis."


@dataclass(frozen=True)
class Line:
    """One axis as it is written: a setting and a text of values."""

    key: str
    text: str


@dataclass(frozen=True)
class Remark:
    """What is said of an axis: its count, or why it cannot be."""

    words: str
    wrong: bool = False


@dataclass(frozen=True)
class Draft:
    """An experiment and the axes that somebody writes; it is a sweep as soon as nothing is wrong with it."""

    base: Experiment
    lines: tuple[Line, ...] = ()

    @classmethod
    def beginning(cls, base: Experiment) -> Draft:
        """Two axes to begin with: the input scale, and the first other one of a usual few that acts."""
        one = cls(base).with_line(0, cls(base).next_line())
        return one.with_line(1, one.next_line())

    @classmethod
    def of(cls, sweep: Sweep) -> Draft:
        """What one would have to write for a sweep."""
        return cls(sweep.base, tuple(Line(axis.key, axis.text) for axis in sweep.axes))

    def with_line(self, i: int, line: Line) -> Draft:
        """The same with another axis in place i, or with one more."""
        return replace(self, lines=(*self.lines[:i], line, *self.lines[i + 1 :]))

    def without(self, i: int) -> Draft:
        """The same without axis i."""
        return replace(self, lines=self.lines[:i] + self.lines[i + 1 :])

    def next_line(self) -> Line:
        """An axis to add: the first setting of a usual few that acts and does not vary yet."""
        taken = {line.key for line in self.lines}
        key = next(key for key in _USUAL if key not in taken and not self.why_idle(key))
        return Line(key, suggested(setting(key)))

    def why_idle(self, key: str) -> str:
        """Why all points would be the same along an axis, or nothing where it acts."""
        return why_idle(self.base, key, {line.key: re.split(r"\s*,\s*", line.text) for line in self.lines})

    @cached_property
    def _read(self) -> tuple[Sweep | None, ExperimentError | None]:
        if not self.lines:
            return None, ExperimentError("", _NOTHING)
        try:
            sweep = Sweep.of(self.base, [f"{line.key}={line.text}" for line in self.lines])
            sweep.check_effects()
            return sweep, None
        except ExperimentError as error:
            return None, error

    @property
    def sweep(self) -> Sweep | None:
        """The sweep, or None while something is wrong."""
        return self._read[0]

    @cached_property
    def remarks(self) -> tuple[Remark, ...]:
        """What is said of each axis."""
        sweep, error = self._read
        if sweep is not None:
            return tuple(_counted(axis) for axis in sweep.axes)
        blamed = [line.key == error.key for line in self.lines] if error is not None else []
        return tuple(
            # Of two lines of one setting the later one is too much.
            Remark(error.reason, wrong=True) if blamed[i] and error and not any(blamed[i + 1 :]) else self._alone(line)
            for i, line in enumerate(self.lines)
        )

    def _alone(self, line: Line) -> Remark:
        try:
            return _counted(Sweep.of(self.base, [f"{line.key}={line.text}"]).axes[0])
        except ExperimentError as error:
            return Remark(error.reason, wrong=True)

    @property
    def problem(self) -> str:
        """What is wrong with the whole, in one sentence, or nothing."""
        sweep, error = self._read
        if sweep is not None:
            return ""
        assert error is not None
        if error.key not in {line.key for line in self.lines}:
            return str(error)
        return _NOTHING if not self.lines else f"{setting(error.key).title}: {error.reason}"

    @property
    def words(self) -> str:
        """How many points there are: "13 × 10 = 130 points"."""
        if self.sweep is None:
            return ""
        counts = [len(axis.values) for axis in self.sweep.axes]
        total = _points(self.sweep.size)
        return total if len(counts) == 1 else f"{' × '.join(f'{count:,}' for count in counts)} = {total}"

    @property
    def huge(self) -> bool:
        """Whether it has so many points that one asks before it is computed."""
        return self.sweep is not None and self.sweep.size > MOST_POINTS


def suggested(chosen: Setting) -> str:
    """Values of a setting to begin with."""
    if chosen.key in _SUGGESTED:
        return _SUGGESTED[chosen.key]
    if chosen.name in ("seed", "index"):
        return "0:9"
    if chosen.kind == "choice":
        return ",".join(choice for choice in chosen.choices if choice not in ("file", "model"))
    if chosen.kind == "bool":
        return "false,true"
    if chosen.slider is not None:
        low, high = chosen.slider
        return f"{'log' if chosen.log else 'lin'}:{low:g}:{high:g}:{_COUNT}"
    return str(chosen.default) if chosen.default is not None else ""


def summary_of(base: Experiment) -> str:
    """The experiment that a sweep varies, in one line."""
    d, network = base.dimension, base.network
    parts = [
        "" if d is None else f"d = {d}",
        f"m = {network.width}" if network.source == "random" else network.model or Path(network.file or "").name,
        network.activation if network.source != "model" else "",
        network.loss if network.loss != "quadratic" else "",
        f"γ = {base.input.scale:.4g}" + (" × v" if base.input.unit == "file" else ""),
        f"ρ = {base.input.ratio:.4g}",
        f"K = {base.ascent.restarts}",
        f"η = {base.ascent.step:.4g}" + (" ε/G" if base.ascent.step_units == "relative" else ""),
        f"T = {base.ascent.steps}",
    ]
    return ", ".join(part for part in parts if part)


def _counted(axis: Axis) -> Remark:
    n = len(axis.values)
    return Remark(f"{n:,} value{'' if n == 1 else 's'}")


def _points(n: int) -> str:
    return f"{n:,} point{'' if n == 1 else 's'}"
