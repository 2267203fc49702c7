"""A panel of a training's figure: a metric over the epochs, a line with its band for each combination of values."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from foadv_gui.lab.page import width_of
from foadv_gui.lab.ranges import number
from foadv_gui.lab.training.looks import line_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.lab.palette import Theme
    from foadv_gui.lab.training.curves import CurvesPicture, LineCurve

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.2, 1.4)), (0, (6, 1.6, 1.2, 1.6)))
_NUMBERS = FuncFormatter(lambda value, _: number(value).replace("-", "−"))


def draw_curves(axes: Any, picture: CurvesPicture, palette: Theme) -> None:
    """Medians with their bands, what was reached, what lies beyond the steps taken, and where something diverged."""
    words, width = picture.metric.words, axes.figure.get_size_inches()[0] * axes.get_position().width
    size = min(9.5, 9.5 * (width + 0.1) / width_of(words, 9.5))
    axes.set_title(words, fontsize=size, color=palette.text, loc="left", pad=4)
    if picture.why_empty:
        axes.set_xticks([])
        axes.set_yticks([])
        words = "\n".join(textwrap.wrap(picture.why_empty, 40))
        look = {"ha": "center", "va": "center", "fontsize": 9, "color": palette.faint_text}
        axes.text(0.5, 0.5, words, transform=axes.transAxes, **look)
        return
    low, high = picture.limits
    if picture.log:
        axes.set_yscale("log")
    axes.set_xlim(-0.01 * picture.epochs, 1.01 * picture.epochs)
    axes.set_ylim(low, high)
    _levels(axes, picture, palette)
    for line, colour in zip(picture.lines, colours_of(picture, palette), strict=True):
        _draw_line(axes, line, colour, palette)
    _ticks(axes, picture)
    axes.set_xlabel("epoch", color=palette.text, fontsize=8.5, labelpad=1)
    axes.grid(True, color=palette.border, lw=0.5, alpha=0.5)


def colours_of(picture: CurvesPicture, palette: Theme) -> list[str]:
    """The colour of each line."""
    colours = line_colours(palette, 1 + max(line.colour for line in picture.lines))
    return [colours[line.colour] for line in picture.lines]


def dash_of(line: LineCurve) -> Any:
    """The dashes of a line, as matplotlib has them."""
    return DASHES[line.dash % len(DASHES)]


def _draw_line(axes: Any, line: LineCurve, colour: str, palette: Theme) -> None:
    if (line.low < line.high).any():
        axes.fill_between(line.epochs, line.low, line.high, color=colour, alpha=0.16, lw=0, zorder=2)
    axes.plot(line.epochs, line.median, color=colour, lw=1.7, ls=dash_of(line), zorder=4)
    look = {"ls": "", "color": colour, "zorder": 6}
    beyond = line.beyond
    axes.plot(line.epochs[beyond], line.median[beyond], marker="^", ms=5, mfc=palette.plot, mew=1.0, **look)
    reached = line.reached[np.isfinite(line.reached[:, 0])]
    axes.plot(*reached.T, marker="D", ms=5, mec=palette.plot, mew=0.8, **look)
    axes.plot(*line.ends.T, marker="X", ms=8, mec=palette.plot, mew=0.8, clip_on=False, **look)


def _levels(axes: Any, picture: CurvesPicture, palette: Theme) -> None:
    low, high = picture.limits
    for value, words in picture.metric.levels:
        if low < value < high:
            axes.axhline(value, color=palette.faint_text, lw=0.9, ls=":", zorder=1)
            look = {"ha": "right", "va": "bottom", "fontsize": 7.5, "color": palette.faint_text}
            axes.text(0.995, value, words, transform=axes.get_yaxis_transform(), **look)


def _ticks(axes: Any, picture: CurvesPicture) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if picture.log:
        low, high = picture.limits
        few = high < 1e3 * low
        axes.yaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=8))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(_NUMBERS)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0) if picture.metric.share else _NUMBERS)


def key_of_lines(picture: CurvesPicture, palette: Theme) -> list[Any]:
    """The entries of the key that name the lines, with their rates."""
    return [
        Line2D([], [], color=colour, ls=dash_of(line), lw=1.8, label=line.label)
        for line, colour in zip(picture.lines, colours_of(picture, palette), strict=True)
    ]


def key_of_marks(pictures: Sequence[CurvesPicture], palette: Theme) -> list[Any]:
    """The other entries: what is not in the pictures is not in the key."""
    every, repeats = [line for one in pictures for line in one.lines], pictures[0].repeats
    entries: list[Any] = []

    def mark(marker: str, words: str, fill: str = palette.faint_text) -> None:
        entries.append(Line2D([], [], ls="", color=palette.faint_text, marker=marker, ms=5.5, mfc=fill, label=words))

    if repeats > 1:
        words = f"from the least to the greatest of {repeats} repetitions"
        entries.append(Patch(fc=palette.faint_text, alpha=0.3, label=words))
    if any(np.isfinite(line.reached).any() for line in every):
        mark("D", "75% and 50% of the first adversarial loss reached")
    if any(line.beyond.any() for line in every):
        mark("^", "more than the steps taken", "none")
    if any(len(line.ends) for line in every):
        mark("X", "diverged")
    return entries
