"""The panel of a figure in which the landscape is drawn on a sphere: a globe or a map, from its front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle
from matplotlib.patheffects import Normal, Stroke

from foadv_gui.core.chart import CHARTS, FRONT
from foadv_gui.lab.figure_panels import ENDS, ink_of, legend
from foadv_gui.lab.globe import FAR, circles, marked_on_chart, on_chart

if TYPE_CHECKING:
    from foadv_gui.lab.globe import SpherePicture
    from foadv_gui.lab.observation import Observation
    from foadv_gui.lab.palette import Theme


def draw_globe(axes: Any, seen: Observation, palette: Theme) -> None:
    """The disc with its rings every 30 degrees, all paths on it, and a key above."""
    surface, view, ink, sphere = seen.surface, seen.experiment.view, ink_of(seen), seen.sphere
    assert sphere is not None
    chart, (low, high) = view.chart, surface.colour_range(view.clip)
    radius, (left, right, _, _) = CHARTS[view.chart].radius, surface.window
    half = (right - left) / (len(surface.alpha) - 1) / 2
    disc = Circle((0, 0), radius, fc="none", ec=palette.faint_text, lw=1.6, zorder=2)
    axes.add_patch(disc)
    axes.imshow(
        surface.shown(),
        origin="lower",
        extent=(left - half, right + half, left - half, right + half),
        cmap="RdBu_r" if surface.quantity in ("residual", "curvature") else view.colormap,
        vmin=low,
        vmax=high,
        interpolation="nearest",
        aspect="equal",
        clip_path=disc,
    )
    drawn = np.isfinite(surface.values)
    if (drawn & ~surface.inside).any():  # what a box leaves out is dark
        shade = np.zeros((*drawn.shape, 4))
        shade[..., 3] = np.where(surface.inside, 0, 0.6)
        axes.imshow(
            shade, origin="lower", extent=axes.images[0].get_extent(), interpolation="nearest", clip_path=disc, zorder=1
        )
    if view.contours:
        lines = [line for _, level in surface.contours(low, high) for line in level]
        heights = LineCollection(lines, colors=ink["line"], linewidths=0.5, alpha=0.35)
        axes.add_collection(heights, autolim=False)
        heights.set_clip_path(disc)
    for line in surface.zero_residual():
        (level,) = axes.plot(*line.T, color=ink["line"], lw=1.4, ls=(0, (4, 2)))
        level.set_clip_path(disc)
    for ring in circles():
        axes.plot(*on_chart(chart, FRONT, ring)[0].T, color=ink["line"], lw=0.6, alpha=0.3)
    _paths(axes, seen, sphere, ink)
    axes.set_xlim(-1.04 * radius, 1.04 * radius)
    axes.set_ylim(-1.04 * radius, 1.04 * radius)
    axes.set_axis_off()
    legend(axes, seen, palette, ink)


def _paths(axes: Any, seen: Observation, sphere: SpherePicture, ink: dict[str, str]) -> None:
    """The trails on the near side, faint ones on the far side, and their starts and ends."""
    chart, focus = seen.experiment.view.chart, seen.focus
    cased = [Stroke(linewidth=4.6, foreground=ink["casing"], alpha=0.8), Normal()]
    behind: set[tuple[object, ...]] = set()
    for k in range(sphere.restarts):
        near, far = on_chart(chart, FRONT, sphere.trail(k)[1])
        bold = k == focus
        colour = ink["focus" if bold else "others"]
        axes.plot(*far.T, color=colour, lw=1.0, alpha=FAR, zorder=3)
        style = {"lw": 2.6, "path_effects": cased, "zorder": 5} if bold else {"lw": 1.1, "alpha": 0.85, "zorder": 3}
        axes.plot(*near.T, color=colour, **style)
        places, opaque = marked_on_chart(chart, FRONT, sphere.directions(k)[[0, -1]])
        size, width = (7, 1.6) if bold else (3.2, 0.8)
        axes.plot(*places[0], "D", mfc="#ffffff", mec="#101318", ms=size, mew=width, alpha=opaque[0])
        marker, size, fill, _ = ENDS[seen.verdicts[k].test.local_maximum]
        size *= 1.4 if bold else 0.95
        place = (*np.round(places[1], 2), marker)
        if opaque[1] < 1 and place in behind:
            continue  # many faint ones over each other are not faint
        if opaque[1] < 1:
            behind.add(place)
        order = 8 if bold else 6
        axes.plot(*places[1], marker, color=fill, ms=size, mec="#101318", mew=0.9, alpha=opaque[1], zorder=order)
