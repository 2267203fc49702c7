"""Which numbers and ranges can be drawn, and the round numbers within them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LARGEST, NARROWEST = 1e100, 1e-290
"""The largest number that is drawn, and the narrowest range: beyond these a painter's own products overflow."""

NARROW = 5e-4
"""A range so narrow beside its distance from 0 is told by differences."""


def drawable(values: Any) -> NDArray[np.float64]:
    """The values as float64, NaN where they are not finite or too large to be drawn."""
    found = np.asarray(values, np.float64)
    return np.where(np.abs(found) <= LARGEST, found, np.nan)


def some_range(low: float, high: float) -> tuple[float, float]:
    """Both ends, or something about them where they do not differ."""
    if high - low > NARROWEST:
        return low, high
    half = max(0.5, 1e-6 * abs(low))
    return low - half, high + half


def united(ranges: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The one range that holds several."""
    lows, highs = zip(*ranges, strict=True)
    return min(lows), max(highs)


def round_offset(low: float, high: float) -> float:
    """What to leave out of numbers between low and high: the roundest of them, if they differ by little, else 0."""
    size = max(abs(low), abs(high))
    if not 1e-13 * size < high - low < NARROW * size:
        return 0.0
    power = math.ceil(math.log10(size))
    while True:
        # An integer's decimals are exact: of a float they would show its round-off.
        multiple = math.ceil(low / 10.0**power)
        if multiple * 10.0**power <= high:
            return float(f"{multiple}e{power}")
        power -= 1


def round_levels(low: float, high: float, count: int) -> list[float]:
    """At most `count` round numbers strictly between low and high: multiples of 1, 2, 2.5 or 5 times 10^n."""
    span = high - low
    if not (span > NARROWEST and np.isfinite(span)):
        return []
    raw = span / count
    power = 10 ** np.floor(np.log10(raw))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = float(factor * power)
        first, last = int(np.floor(low / step)) + 1, int(np.ceil(high / step)) - 1
        if step >= raw * (1 - 1e-9) and last - first < count:
            break
    # A quotient is rounded: the outermost multiple may be an end itself.
    return [level for i in range(first, last + 1) if low < (level := step * i) < high]


def number(value: float) -> str:
    """Three digits or so, without an exponent where people do not need one."""
    return f"{value:.0f}" if 100 <= abs(value) < 1e5 else f"{value:.3g}"
