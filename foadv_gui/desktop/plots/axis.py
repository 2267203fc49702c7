"""An axis whose labels are short, and differ from tick to tick however far from 0 its range lies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pyqtgraph as pg

if TYPE_CHECKING:
    from collections.abc import Sequence

_NARROW = 5e-4
"""A range so narrow beside its distance from 0 is labelled by differences."""


class NumberAxis(pg.AxisItem):  # type: ignore[misc]
    """Large and small numbers as 1.5e5; a narrow range as one number within it, and differences from that."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """The labels of some ticks."""
        if self.logMode:
            return list(super().tickStrings(values, scale, spacing))
        return tick_labels(values, spacing, *sorted(self.range))


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


def tick_labels(values: Sequence[float], spacing: float, low: float, high: float) -> list[str]:
    """Labels of ticks that are multiples of `spacing` on an axis from low to high."""
    base, size = _common(low, high), max(abs(low), abs(high))
    if base is None:
        return [_number(value, spacing, size) for value in values]
    labels = []
    for value in values:
        away = round((value - base) / spacing) * spacing
        written = (f"{away:+.3g}", f"{away:+.2e}") if away else (f"{base:.15g}", f"{base:.14e}")
        labels.append(min(map(_plain, written), key=len))
    return labels


def _common(low: float, high: float) -> float | None:
    """The roundest number in a range that is narrow beside its distance from 0; None for any other range."""
    size = max(abs(low), abs(high))
    if not 1e-13 * size < high - low < _NARROW * size:
        return None
    power = math.ceil(math.log10(size))
    while True:
        # An integer's decimals are exact: of a float they would show its round-off.
        multiple = math.ceil(low / 10.0**power)
        if multiple * 10.0**power <= high:
            return float(f"{multiple}e{power}")
        power -= 1


def _number(value: float, spacing: float, size: float) -> str:
    """A number to as many digits as tell it from the next tick."""
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
