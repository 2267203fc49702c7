"""An axis whose labels are short, and differ from tick to tick however far from 0 its range lies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pyqtgraph as pg

from foadv_gui.lab.ranges import NARROW, round_levels

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARGIN = 0.08
"""The share of an axis at either end in which a label may not fit."""
_LOG_TICK_PX = 2.0
"""What a tick at a multiple of a power of ten takes at least, on average."""
_FEW = 16
"""How many figures the labels of a short axis have in all."""


class NumberAxis(pg.AxisItem):  # type: ignore[misc]
    """Large and small numbers as 1.5e5; a narrow range as one of its ticks, and differences from that."""

    def __init__(self, side: str) -> None:
        super().__init__(side)
        self._base: float | None = None
        self._finest = 1.0

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """The ticks, level by level, of which one is that from which the others are told, if they need to be."""
        levels: list[tuple[float, list[float]]] = super().tickValues(low, high, size)
        found = (base_of(ticks, *sorted((low, high))) for _, ticks in levels)
        self._base = next((base for base in found if base is not None), None)
        self._finest = levels[-1][0] if levels else 1.0
        return levels

    def logTickValues(
        self, low: float, high: float, size: float, levels: list[tuple[float, list[float]]]
    ) -> list[tuple[float | None, list[float]]]:
        """Beside the powers of ten their multiples, where there is room for these: they take long to draw."""
        if 9 * (high - low) * _LOG_TICK_PX > size:
            return [(spacing, ticks) for spacing, ticks in levels if spacing >= 1.0]
        return list(super().logTickValues(low, high, size, levels))

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """The labels of some ticks."""
        if self.logMode:
            return list(super().tickStrings(values, scale, spacing))
        if self._base is not None:
            return [difference(value, self._base, self._finest) for value in values]
        return [number(value, spacing, max(map(abs, self.range))) for value in values]


class CountAxis(NumberAxis):
    """Whole numbers from 0 on."""

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        """No level of ticks that is finer than one."""
        return [level for level in super().tickSpacing(low, high, size) if level[0] >= 1] or [(1.0, 0.0)]

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Nothing below 0, where ticks stand for eigenvalues."""
        levels = super().tickValues(low, high, size)
        return [(spacing, [value for value in values if value >= 0]) for spacing, values in levels]


def number_axes() -> dict[str, NumberAxis]:
    """Such axes for a new plot."""
    return {side: NumberAxis(side) for side in ("left", "bottom")}


def base_of(ticks: Sequence[float], low: float, high: float) -> float | None:
    """The roundest tick that is not at an end, where its label may be left out; None if the range is not narrow."""
    if not 1e-13 < (high - low) / max(abs(low), abs(high), 1e-300) < NARROW:
        return None
    margin = _MARGIN * (high - low)
    inner = [tick for tick in ticks if low + margin <= tick <= high - margin]
    return min(inner, key=lambda tick: len(_plain(f"{tick:.12e}")), default=None)


def difference(value: float, base: float, spacing: float) -> str:
    """The label of a tick by its difference from another, of which it is some times `spacing` away."""
    away = round((value - base) / spacing) * spacing
    return min(map(_plain, (f"{away:+.3g}", f"{away:+.2e}")), key=len) if away else short(base)


def few_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Two or three round ticks with their labels, for an axis on which more would run into each other."""
    ticks: list[tuple[float, str]] = []
    for most in (3, 2):
        levels = round_levels(low, high, most)
        base = base_of(levels, low, high)
        if base is None:
            ticks = [(level, short(float(f"{level:.6g}"))) for level in levels]
        else:
            spacing = levels[1] - levels[0] if len(levels) > 1 else 1.0
            ticks = [(level, difference(level, base, spacing)) for level in levels]
        if sum(len(label) for _, label in ticks) <= _FEW:
            break
    return ticks


def short(value: float) -> str:
    """A number with all its digits, and no more zeros than it takes: 0.25, 5e11."""
    return min(map(_plain, (f"{value:.15g}", f"{value:.14e}")), key=len)


def number(value: float, spacing: float, size: float) -> str:
    """The label of a tick that is a multiple of `spacing` on an axis up to `size`: as many digits as tell it apart."""
    if abs(value) < 0.5 * spacing:
        return "0"
    last = _decade(spacing)
    if 1e-3 <= size < 1e5:
        return f"{value:.{max(0, -last)}f}"
    return _plain(f"{value:.{max(0, _decade(value) - last)}e}")


def _decade(value: float) -> int:
    """The power of ten of a number's first digit."""
    return math.floor(math.log10(abs(value) * (1 + 1e-9)))


def _plain(text: str) -> str:
    """1.50e+05 as 1.5e5."""
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        return text
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def decade_ticks(low: float, high: float, most: int = 6) -> list[tuple[float, str]]:
    """Round numbers from 10^low to 10^high at their logarithms: powers of ten, with 2 and 5 where these are few."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    for factors in ((1, 2, 5), (1,)):
        found = [(power + math.log10(factor), factor * 10.0**power) for power in powers for factor in factors]
        ticks = [(at, _decimal(value)) for at, value in found if low <= at <= high]
        if len(ticks) <= most:
            return ticks
    return ticks[:: -(-len(ticks) // most)]


def _decimal(value: float) -> str:
    """A round number in full where it is not long."""
    return f"{value:.6g}" if value * (1 + 1e-9) >= 1e-3 and value < 1e5 else short(float(f"{value:.6g}"))


def label_ticks(labels: Sequence[str], room: float, letter: float) -> list[tuple[float, str]]:
    """Labels at 0, 1, ...: as many, evenly, as there is room for where a letter takes `letter` of it."""
    widest = max((len(label) for label in labels), default=1) + 2
    most = max(int(room / (widest * letter)), 1)
    return [(float(i), labels[i]) for i in range(0, len(labels), -(-len(labels) // most))]


def end_ticks(low: float, high: float, *, whole: bool) -> list[tuple[float, str]]:
    """Round numbers from low to high, both of which may be among them; only whole ones where others mean nothing."""
    slack = 1e-6 * (high - low)
    if not whole:
        return few_ticks(low - slack, high + slack)
    levels = round_levels(low - slack, high + slack, 5)
    return [(level, _decimal(level) if level else "0") for level in levels if level == round(level)]
