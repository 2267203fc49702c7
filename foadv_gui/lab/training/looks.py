"""The colours of a training's lines: ordered from cold to warm, as the values of the first axis are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from foadv_gui.lab.palette import DARK

if TYPE_CHECKING:
    from foadv_gui.lab.palette import Theme

_ON_LIGHT = ("#2f5fd0", "#0f8b8d", "#9a7d00", "#d9640a", "#b3267a")
_ON_DARK = ("#7fa8ff", "#3fd0c9", "#e8c84a", "#ff9d57", "#ff7ac0")


def line_colours(theme: Theme, count: int) -> list[str]:
    """So many colours, `#rrggbb` each, that stand out from the theme's plots and from each other."""
    ends = _ON_DARK if theme is DARK else _ON_LIGHT
    table = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in ends], float)
    places = np.linspace(0, len(ends) - 1, count) if count > 1 else np.zeros(1)
    mixed = [np.interp(places, np.arange(len(ends)), table[:, channel]) for channel in range(3)]
    return [f"#{round(red):02x}{round(green):02x}{round(blue):02x}" for red, green, blue in zip(*mixed, strict=True)]
