"""The panels of a sweep's figure: a metric as a curve with its quartile band, or as a heat map."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import Normal as Plain
from matplotlib.patheffects import Stroke
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from foadv_gui.lab.page import width_of
from foadv_gui.lab.ranges import number
from foadv_gui.lab.sweep.picture import CurvePicture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.lab.palette import Theme
    from foadv_gui.lab.sweep.picture import AxisPicture, HeatPicture

_MOST_DOTS = 4000
"""More points than this are one grey cloud: every so many are drawn."""
_NUMBERS = FuncFormatter(lambda value, _: number(value).replace("-", "−"))


def draw_curve(axes: Any, curve: CurvePicture, palette: Theme) -> None:
    """Medians with their band over the certified region, and the points behind them."""
    axis, marks = curve.axis, curve.marks
    _title(axes, curve.metric.words, palette)
    axes.set_xlabel(axis.words, color=palette.text, fontsize=9, labelpad=2)
    if curve.why_empty:
        _say(axes, curve.why_empty, palette)
        return
    axes.set_xlim(*axis.limits)
    if axis.log:
        axes.set_xscale("log")
    if curve.log:
        axes.set_yscale("log")
    for left, right, every in curve.certified:
        axes.axvspan(left, right, color=palette.yes, alpha=0.14 if every else 0.09, lw=0, zorder=0)
        axes.axvline(right, color=palette.yes, lw=1, ls="-" if every else ":", zorder=1)
    _dots(axes, curve, palette)
    low, median, high = marks.limits
    if axis.numeric:
        axes.fill_between(axis.x, low, high, color=palette.accent, alpha=0.22, lw=0, zorder=2)
        axes.plot(axis.x, median, color=palette.accent, lw=1.8, zorder=4)
    else:
        axes.vlines(axis.x, low, high, color=palette.accent, alpha=0.35, lw=9, zorder=2)
    for beyond, (marker, size, fill) in ((False, ("o", 5, palette.accent)), (True, ("^", 7.5, palette.plot))):
        some = (marks.beyond == beyond) & (marks.points > 0)
        look = {"mec": palette.accent, "mfc": fill, "mew": 1.4, "clip_on": False}
        axes.plot(axis.x[some], median[some], marker, ms=size, zorder=5, **look)
    _y_axis(axes, curve)
    _values(axes.xaxis, axis, _inches(axes)[0])
    axes.grid(True, color=palette.border, lw=0.5, alpha=0.5)
    axes.tick_params(which="minor", color=palette.border)


def _dots(axes: Any, curve: CurvePicture, palette: Theme) -> None:
    """The points themselves, faint; side by side over a category, where they would hide each other."""
    dots = curve.dots
    shown = np.flatnonzero(np.isfinite(dots.limit))
    shown = shown[:: max(1, len(shown) // _MOST_DOTS)]
    x = curve.axis.x[dots.mark[shown]]
    if not curve.axis.numeric:
        x = x + 0.3 * ((dots.index[shown] * 0.618034) % 1 - 0.5)
    beyond = np.isinf(dots.value[shown])
    for which, marker in ((~beyond, "o"), (beyond, "^")):
        axes.plot(x[which], dots.limit[shown][which], marker, ms=3, mfc="none", mec=palette.others, mew=0.7, alpha=0.6)


def _y_axis(axes: Any, curve: CurvePicture) -> None:
    column, known = curve.metric.column, curve.dots.limit[np.isfinite(curve.dots.limit)]
    if curve.log:
        low, high = float(known.min()), float(known.max())
        axes.set_ylim(low / (high / low) ** 0.06, high * (high / low) ** 0.08)
        few = high < 1e3 * low
        axes.yaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=12))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(_NUMBERS)
    elif column.unit.startswith("of the"):
        axes.set_ylim(-0.03, 1.04)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    else:
        if known.min() >= 0 and known.min() < 0.5 * known.max():
            axes.set_ylim(0, 1.08 * known.max())
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=column.kind == "int"))
        axes.yaxis.set_major_formatter(_NUMBERS)


def _values(side: Any, axis: AxisPicture, inches: float) -> None:
    """Ticks at round numbers, or at the values themselves where these are few or have no order."""
    if axis.numeric and len(axis.x) > 9:
        if axis.log:
            side.set_major_locator(LogLocator(10, numticks=8))
        else:
            side.set_major_locator(MaxNLocator(6))
        side.set_major_formatter(_NUMBERS)
        return
    shown = _that_fit(axis.labels, inches) if axis.numeric else range(len(axis.labels))
    side.set_major_locator(FixedLocator([float(axis.x[i]) for i in shown]))
    side.set_minor_locator(NullLocator())
    side.set_major_formatter(FuncFormatter(lambda x, _: axis.labels[axis.nearest(x)]))
    if slanted(axis):
        for label in side.get_ticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")


def _that_fit(labels: Sequence[str], inches: float) -> range:
    """Every so many of some labels side by side, so that they do not run into each other."""
    widest = max(width_of(label, 8.5) for label in labels) + 0.12
    return range(0, len(labels), max(1, math.ceil(widest * len(labels) / inches)))


def slanted(axis: AxisPicture) -> bool:
    """Whether the labels of an axis would run into each other if they stood level."""
    return not axis.numeric and max(map(len, axis.labels)) * len(axis.labels) > 40


def draw_heat(axes: Any, bar: Any, heat: HeatPicture, palette: Theme) -> None:
    """Medians as colours, with the colour bar in `bar`; the certified cells outlined, those without a value hatched."""
    rows, columns = heat.marks.median.shape
    _title(axes, heat.metric.words, palette)
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(-0.5, rows - 0.5)
    width, height = _inches(axes)
    _cells(axes.xaxis, heat.across, _that_fit(heat.across.labels, width))
    _cells(axes.yaxis, heat.up, range(0, rows, max(1, math.ceil(0.2 * rows / height))))
    axes.set_xlabel(heat.across.words, color=palette.text, fontsize=9, labelpad=2)
    axes.set_ylabel(heat.up.words, color=palette.text, fontsize=9, labelpad=2)
    for row, column in np.argwhere(np.isnan(heat.shown)):
        place = (float(column) - 0.5, float(row) - 0.5)
        axes.add_patch(Rectangle(place, 1, 1, fc="none", ec=palette.faint_text, hatch="////", lw=0))
    if heat.why_empty:
        bar.set_axis_off()
        return
    low, high = heat.colour_range
    values = 10**heat.shown if heat.log else heat.shown
    norm = LogNorm(10**low, 10**high) if heat.log else Normalize(low, high)
    edges = np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5
    image = axes.pcolormesh(*edges, np.ma.masked_invalid(values), cmap="viridis", norm=norm, rasterized=False)
    up, across = np.nonzero(heat.marks.beyond)
    axes.plot(across, up, "^", ms=7.5, mfc="none", mec="#ffffff", mew=1.3, path_effects=_cased(2.2))
    outline = LineCollection(heat.outline, colors="#ffffff", linewidths=2.2, zorder=4)
    outline.set(path_effects=_cased(4.2), capstyle="projecting")
    axes.add_collection(outline, autolim=False)
    drawn = axes.figure.colorbar(image, cax=bar)
    drawn.outline.set_edgecolor(palette.border)
    few = heat.log and high - low < 3
    drawn.ax.yaxis.set_minor_locator(NullLocator())
    if heat.log:
        drawn.ax.yaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=12))
    drawn.ax.yaxis.set_major_formatter(
        PercentFormatter(1.0, decimals=0) if heat.metric.column.unit.startswith("of the") else _NUMBERS
    )


def _inches(axes: Any) -> tuple[float, float]:
    """Width and height of a panel."""
    page, place = axes.figure.get_size_inches(), axes.get_position()
    return float(page[0] * place.width), float(page[1] * place.height)


def _cased(width: float) -> list[Any]:
    """White marks have a dark case, to stand out from the bright end of the map too."""
    return [Stroke(linewidth=width, foreground="#14171d"), Plain()]


def _cells(side: Any, axis: AxisPicture, shown: range) -> None:
    """Some of the values, at their cells."""
    side.set_major_locator(FixedLocator(list(shown)))
    side.set_major_formatter(FuncFormatter(lambda at, _: axis.labels[round(at)]))


def key_of(pictures: Sequence[CurvePicture | HeatPicture], palette: Theme) -> list[Any]:
    """The entries of the key: what is not in the pictures is not in the key."""
    curves = [picture for picture in pictures if isinstance(picture, CurvePicture)]
    entries: list[Any] = []
    if curves:
        line = "-" if curves[0].axis.numeric else ""
        entries.append(Line2D([], [], color=palette.accent, marker="o", ms=5, lw=1.8, ls=line, label="median"))
        if max(int(picture.marks.points.max()) for picture in curves) > 1:
            entries.append(Patch(fc=palette.accent, alpha=0.3, label="between the quartiles"))
            entries.append(
                Line2D([], [], ls="", marker="o", ms=3.5, mfc="none", mec=palette.others, mew=0.7, label="each point")
            )
    if any(picture.marks.censored.any() if curves else picture.marks.beyond.any() for picture in pictures):
        ink = palette.accent if curves else palette.text
        entries.append(
            Line2D([], [], ls="", marker="^", ms=7, mfc="none", mec=ink, mew=1.4, label="more than the steps taken")
        )
    proven = curves[0].marks.certified if curves else np.empty(0)
    if (proven >= 1).any():
        entries.append(Patch(fc=palette.yes, alpha=0.22, label="proven: q < 1 at every point"))
    if ((proven > 0) & (proven < 1)).any():
        entries.append(Patch(fc=palette.yes, alpha=0.12, label="at some points"))
    if not curves and (pictures[0].marks.certified >= 1).any():
        entries.append(Patch(fc="none", ec=palette.text, lw=2, label="proven: q < 1 at every point"))
    if not curves and any(np.isnan(picture.marks.median).any() for picture in pictures):
        entries.append(Patch(fc="none", ec=palette.faint_text, hatch="////", lw=0, label="nothing known"))
    return entries


def _title(axes: Any, words: str, palette: Theme) -> None:
    axes.set_title(words, fontsize=10, color=palette.text, loc="left", pad=4)


def _say(axes: Any, words: str, palette: Theme) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    told = "\n".join(textwrap.wrap(words, 40))
    axes.text(0.5, 0.5, told, ha="center", va="center", transform=axes.transAxes, fontsize=9, color=palette.faint_text)
