"""One figure of a sweep, as a file and without a window: what it says in a sentence, and four metrics beneath.

The figure is drawn for a height of 7.2 inches at any size in pixels, and for a width of at least as much: 1920 x 1080
is a slide, and as .svg 1080 x 1080 is as wide as the text of a paper, with no letter smaller than 8 points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foadv_gui.lab.adoption import with_label
from foadv_gui.lab.effects import why_idle
from foadv_gui.lab.page import HEIGHT, SIZE, Page, ThemeName, width_of, write
from foadv_gui.lab.settings import setting
from foadv_gui.lab.sweep.axis import Axis
from foadv_gui.lab.sweep.metrics import OVERVIEW
from foadv_gui.lab.sweep.panels import draw_curve, draw_heat, key_of, slanted
from foadv_gui.lab.sweep.picture import (
    CurvePicture,
    HeatPicture,
    curve_picture,
    heat_picture,
    telling_axes,
    value_words,
)
from foadv_gui.lab.sweep.reading import read

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.table import SweepTable

_FIXED = (
    *("network.file", "network.model", "network.activation", "network.dimension", "network.width"),
    *("network.weight_scale", "network.loss", "network.output"),
    *("input.file", "input.index", "input.scale", "input.ratio", "input.label"),
    *("ascent.constraint", "ascent.rule", "ascent.step", "ascent.steps", "ascent.restarts", "ascent.tolerance"),
    *("network.seed", "input.seed", "ascent.seed"),
)
_SEEDS = {"network.seed": "network", "input.seed": "input", "ascent.seed": "starts"}


def save(table: SweepTable, path: str | Path, *, size: tuple[int, int] = SIZE, theme: ThemeName = "light") -> None:
    """Write the figure of a sweep to a .png or .svg file; the same table gives the same bytes.

    Raises
    ------
    FileProblem
        For a file of another kind, or one that cannot be written.
    """
    write(path, lambda: draw(table, size=size, theme=theme))


def pictures_of(table: SweepTable) -> list[CurvePicture | HeatPicture]:
    """The overview of a table: heat maps over two telling axes, else curves over the one there is."""
    first, *more = [axis.key for axis in telling_axes(table.sweep)]
    if more and not telling_axes(table.sweep)[0].repeats:
        return [heat_picture(table, metric, across=first, up=more[0]) for metric in OVERVIEW]
    return [curve_picture(table, metric, first) for metric in OVERVIEW]


def draw(table: SweepTable, *, size: tuple[int, int] = SIZE, theme: ThemeName = "light") -> Any:
    """The matplotlib figure of a table, of `size` pixels."""
    page = Page.of(size, theme, narrowest=HEIGHT)
    pictures = pictures_of(table)
    top, bottom = _header(page, table, pictures), _footer(page, table)
    # Below the panels stands their axis, and to the right of a heat map its colour bar.
    below = 0.5 + 0.35 * (isinstance(pictures[0], CurvePicture) and slanted(pictures[0].axis))
    left, right, gap_y = 0.7, 0.2, below + 0.28
    if isinstance(pictures[0], HeatPicture):
        left, right = 0.45 + max(width_of(label, 8.5) for label in pictures[0].up.labels), 0.75
    gap_x = left + right - 0.15
    width = (page.width - left - gap_x - right) / 2
    height = (top - bottom - 0.24 - gap_y - below) / 2
    for i, picture in enumerate(pictures):
        x, y = left + (i % 2) * (width + gap_x), bottom + below + (1 - i // 2) * (height + gap_y)
        axes = page.axes(x, y, width, height)
        if isinstance(picture, HeatPicture):
            draw_heat(axes, page.axes(x + width + 0.08, y, 0.14, height), picture, page.palette)
        else:
            draw_curve(axes, picture, page.palette)
    return page.figure


def _header(page: Page, table: SweepTable, pictures: list[CurvePicture | HeatPicture]) -> float:
    """Title, sentence and key; returns where the panels begin."""
    palette = page.palette
    title = table.sweep.base.title or f"Sweep over {', '.join(_name(axis) for axis in table.sweep.axes)}"
    size = min(19.0, max(13.0, 19 * (page.width - 0.6) / width_of(title, 19, "bold")))
    y = page.height - 0.2
    for line in page.wrapped(title, size, weight="bold"):
        page.text(0.3, y, line, size, palette.text, weight="bold", va="top")
        y -= 0.0185 * size
    y -= 0.06
    for line in page.wrapped(read(table), 10.5):
        page.text(0.3, y, line, 10.5, palette.text, va="top")
        y -= 0.205
    entries = key_of(pictures, palette)
    wide = sum(width_of(entry.get_label(), 8.5) + 0.5 for entry in entries) > page.width - 0.5
    page.figure.legend(
        handles=entries,
        loc="upper left",
        bbox_to_anchor=(0.22 / page.width, (y + 0.02) / page.height),
        ncols=max(1, (len(entries) + 1) // 2 if wide else len(entries)),
        frameon=False,
        fontsize=8.5,
        labelcolor=palette.text,
        handlelength=1.8,
        columnspacing=1.4,
        borderaxespad=0.2,
    )
    return y - (0.46 if wide else 0.28)


def _footer(page: Page, table: SweepTable) -> float:
    """What varied, what was held fixed, and how many points are behind it; returns where the panels end."""
    swept = "; ".join(f"{_name(axis)} = {_values(axis)}" for axis in table.sweep.axes)
    lines = [
        *page.wrapped(f"Swept: {swept}. {counts(table)}", 8.5),
        *page.wrapped(f"Fixed: {fixed(table.sweep)}.", 8.5),
    ]
    for i, line in enumerate(lines):
        page.text(0.3, 0.12 + 0.165 * (len(lines) - 1 - i), line, 8.5, page.palette.faint_text, va="bottom")
    return 0.14 + 0.165 * len(lines)


def _name(axis: Axis) -> str:
    if axis.key in _SEEDS:
        return f"seed of the {_SEEDS[axis.key]}"
    return axis.setting.symbol or axis.setting.title.lower()


def _values(axis: Axis) -> str:
    words = [value_words(axis, value) for value in axis.values]
    if len(words) <= 4 or not (axis.numeric or axis.repeats):
        return ", ".join(words)
    return f"{words[0]}, {words[1]}, …, {words[-1]} ({len(words)} values)"


def counts(table: SweepTable) -> str:
    """How many points there are, and what became of them."""
    total, rows, failed = table.sweep.size, len(table.frame), int(table.frame["error"].count())
    told = f"{total} points" if rows == total else f"{rows} of {total} points"
    return f"{told}{f', {failed} failed' if failed else ''}."


def fixed(sweep: Sweep) -> str:
    """The settings that act and do not vary, on one line; the quadratic loss goes without saying."""
    parts, base, varied = [], sweep.base, {axis.key: axis.values for axis in sweep.axes}
    follow = {key for axis in sweep.axes for key in with_label(base, {axis.key: axis.values[-1]})}
    for key in _FIXED:
        value, entry = base.get(key), setting(key)
        if key in varied or key in follow or value in (None, "", "quadratic") or why_idle(base, key, varied):
            continue
        unit = " ε/G" if key == "ascent.step" and base.ascent.step_units == "relative" else ""
        if key == "input.scale" and base.input.unit == "file":
            unit = " × v"
        words = f"{value_words(Axis(key, (value,), ''), value)}{unit}"
        parts.append(words if entry.kind in ("choice", "path") else f"{_name(Axis(key, (), ''))} = {words}")
    return ", ".join(parts)
