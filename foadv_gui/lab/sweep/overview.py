"""What the window shows of a sweep at once: four pictures of one kind, and the sentence that reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from foadv_gui.lab.sweep.marks import short_name
from foadv_gui.lab.sweep.metrics import OVERVIEW
from foadv_gui.lab.sweep.picture import CurvePicture, HeatPicture, curve_picture, heat_picture, telling_axes

if TYPE_CHECKING:
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.table import SweepTable

Picture: TypeAlias = "CurvePicture | HeatPicture"
_SENTENCE_END = re.compile(r"(?<=\.) (?=[^a-z0-9])")
_MOST_DOTS = 2000
"""How many single points are drawn behind a curve: more are a grey cloud that takes long to paint."""


@dataclass(frozen=True)
class Ground:
    """What the pictures are drawn over: one axis (a curve), or two (a heat map, `up` the second), by their keys."""

    across: str
    up: str | None = None


@dataclass(frozen=True)
class Look:
    """What somebody wants to see: the metric of each picture, and over what; None for what tells most."""

    metrics: tuple[str, ...] = OVERVIEW
    ground: Ground | None = None


@dataclass(frozen=True, eq=False)
class Overview:
    """Pictures of a table, one for each metric of the look, and the sentence that reads it."""

    table: SweepTable
    look: Look
    ground: Ground
    pictures: tuple[Picture, ...]
    sentence: str

    @property
    def headline(self) -> str:
        """What was found where: the first sentence, without what follows on trends and on what is missing."""
        return _SENTENCE_END.split(self.sentence, maxsplit=1)[0]

    @property
    def details(self) -> str:
        """The rest of the sentence."""
        return self.sentence[len(self.headline) :].strip()


def grounds(sweep: Sweep) -> list[Ground]:
    """Everything that a sweep's pictures can be drawn over, what tells most first."""
    axes = telling_axes(sweep)
    maps = [Ground(across.key, up.key) for across, up in permutations(axes, 2) if not (across.repeats or up.repeats)]
    curves = [Ground(axis.key) for axis in axes]
    two_numbers = sum(axis.numeric for axis in axes) > 1
    return maps + curves if two_numbers else curves + maps


def ground_words(sweep: Sweep, ground: Ground) -> str:
    """What pictures are drawn over, in words: "Curves over γ", "Map: γ across, ρ up"."""
    across = _symbol(sweep, ground.across)
    return f"Curves over {across}" if ground.up is None else f"Map: {across} across, {_symbol(sweep, ground.up)} up"


def overview(table: SweepTable, look: Look) -> Overview:
    """The pictures that a look asks for; over what tells most, where the sweep does not have what it asks for."""
    from foadv_gui.lab.sweep.reading import read

    possible = grounds(table.sweep)
    ground = look.ground if look.ground in possible else possible[0]
    pictures = tuple(picture(table, metric, ground) for metric in look.metrics)
    return Overview(table, look, ground, pictures, read(table) if len(table.frame) else "")


def picture(table: SweepTable, metric: str, ground: Ground) -> Picture:
    """The picture of one metric."""
    if ground.up is None:
        return curve_picture(table, metric, ground.across)
    return heat_picture(table, metric, ground.across, ground.up)


def drawn_dots(shown: CurvePicture) -> np.ndarray:
    """Which of a curve's points are drawn: those with a value, or so many of them, taken evenly, as can be told apart.

    Returns places in `shown.dots`, (p,).
    """
    seen = np.flatnonzero(np.isfinite(shown.dots.limit))
    return seen[:: -(-len(seen) // _MOST_DOTS)] if len(seen) else seen


def _symbol(sweep: Sweep, key: str) -> str:
    return short_name(next(axis for axis in sweep.axes if axis.key == key))
