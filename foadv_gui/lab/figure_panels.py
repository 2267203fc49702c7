"""The panels of a figure: the landscape with its paths, the spectrum, and the traces."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import MaxNLocator

from foadv_gui.lab.config import setting
from foadv_gui.lab.ranges import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.bulk import BulkPicture
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.observation import Observation
    from foadv_gui.lab.palette import Theme


# How the paths lie on a map: bright on the maps that start dark, dark on those that are white in the middle.
_ON_SEQUENTIAL = {"focus": "#ff6a3d", "others": "#ffc08a", "casing": "#14171d", "line": "#ffffff"}
_ON_DIVERGING = {"focus": "#14171d", "others": "#3b3f47", "casing": "#ffffff", "line": "#14171d"}
ENDS = {  # by verdict: marker, size, colour, words
    True: ("*", 14.0, "#2fd07f", "strict local maximum"),
    False: ("X", 8.5, "#ff4d4d", "end, not a maximum"),
    None: ("s", 7.5, "#ffc93c", "end, not tested"),
}


def label(key: str, experiment: Experiment) -> str:
    """The words for the chosen value of a setting."""
    value = experiment.get(key)
    return setting(key).labels.get(str(value), str(value))


def ink_of(seen: Observation) -> dict[str, str]:
    """How paths and lines are drawn over the colours of the map."""
    return _ON_DIVERGING if seen.surface.quantity in ("residual", "curvature") else _ON_SEQUENTIAL


def draw_plane(axes: Any, seen: Observation, palette: Theme) -> None:
    """The map of the plane with the set's cut, all paths, and a key above."""
    surface, view, ink = seen.surface, seen.experiment.view, ink_of(seen)
    low, high = surface.colour_range(view.clip)
    left, right, bottom, top = surface.window
    dx, dy = (right - left) / (len(surface.alpha) - 1) / 2, (top - bottom) / (len(surface.beta) - 1) / 2
    axes.imshow(
        surface.shown(),
        origin="lower",
        extent=(left - dx, right + dx, bottom - dy, top + dy),
        cmap="RdBu_r" if ink is _ON_DIVERGING else view.colormap,
        vmin=low,
        vmax=high,
        interpolation="bilinear",
        aspect="equal",
    )
    if view.contours:
        lines = [line for _, level in surface.contours(low, high) for line in level]
        axes.add_collection(LineCollection(lines, colors=ink["line"], linewidths=0.5, alpha=0.35), autolim=False)
    if len(surface.arrows):
        axes.quiver(*surface.arrows.T, color=ink["line"], alpha=0.7, width=0.003, scale=18)
    for line in surface.zero_residual():
        axes.plot(*line.T, color=ink["line"], lw=1.4, ls=(0, (4, 2)))
    cased = [Stroke(linewidth=3.2, foreground=ink["casing"], alpha=0.55), Normal()]
    if len(seen.plane.cut):
        axes.plot(*seen.plane.cut.T, color=ink["line"], lw=1.8, path_effects=cased)
    _paths(axes, seen, ink)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_xlabel(f"α: {seen.plane.axes[0]}, in units of ε", color=palette.text, fontsize=9.5, labelpad=3)
    axes.set_ylabel(f"β: {seen.plane.axes[1]}, in units of ε", color=palette.text, fontsize=9.5, labelpad=2)
    legend(axes, seen, palette, ink)


def _paths(axes: Any, seen: Observation, ink: dict[str, str]) -> None:
    """In order of what matters: the faint trails, their ends, the bold one, its start and its end."""
    points, focus = seen.path.points, seen.focus
    others = [k for k in range(points.shape[1]) if k != focus]
    thin = [Stroke(linewidth=1.9, foreground=ink["casing"], alpha=0.35), Normal()]
    trails = LineCollection(list(points[:, others].swapaxes(0, 1)), colors=ink["others"], linewidths=1.1, alpha=0.85)
    trails.set(zorder=3, path_effects=thin)
    axes.add_collection(trails, autolim=False)
    axes.plot(*points[0, others].T, "D", mfc="none", mec=ink["others"], ms=3.2, mew=0.8, zorder=3)
    axes.plot(*seen.plane.clean, "+", color=ink["line"], ms=11, mew=1.8, zorder=4)
    for verdict, (marker, size, colour, _) in ENDS.items():
        ends = points[-1, [k for k in others if seen.verdicts[k].test.local_maximum is verdict]]
        axes.plot(*ends.T, ls="", marker=marker, color=colour, ms=0.95 * size, mec="#101318", mew=0.7, zorder=6)
    cased = [Stroke(linewidth=4.6, foreground=ink["casing"], alpha=0.8), Normal()]
    axes.plot(*points[:, focus].T, color=ink["focus"], lw=2.6, zorder=5, path_effects=cased)
    axes.plot(*points[1:-1, focus][:60].T, "o", color=ink["focus"], ms=3.4, mec=ink["casing"], mew=0.5, zorder=6)
    axes.plot(*points[0, focus], "D", mfc="#ffffff", mec="#101318", ms=7, mew=1.6, zorder=7)
    marker, size, colour, _ = ENDS[seen.verdicts[focus].test.local_maximum]
    axes.plot(*points[-1, focus], marker, color=colour, ms=1.4 * size, mec="#101318", mew=1.2, zorder=8)


def legend(axes: Any, seen: Observation, palette: Theme, ink: dict[str, str]) -> None:
    """The key, above the map: what is not in the picture is not in the key."""
    cased = [Stroke(linewidth=3.4, foreground=palette.faint_text), Normal()]
    thick = [Stroke(linewidth=4.4, foreground=ink["casing"]), Normal()]
    thin = [Stroke(linewidth=2.6, foreground=ink["casing"], alpha=0.5), Normal()]
    entries = [Line2D([], [], color=ink["focus"], lw=2.6, path_effects=thick, label=f"path {seen.focus + 1}")]
    if seen.recording.restarts > 1:
        others = f"{seen.recording.restarts - 1} others"
        entries.append(Line2D([], [], color=ink["others"], lw=1.2, path_effects=thin, label=others))
    entries.append(Line2D([], [], ls="", marker="D", mfc="#ffffff", mec="#101318", mew=1.6, ms=6, label="start"))
    for verdict, (marker, size, colour, words) in ENDS.items():
        if any(known.test.local_maximum is verdict for known in seen.verdicts):
            entries.append(Line2D([], [], ls="", marker=marker, color=colour, ms=size, mec="#101318", label=words))
    if seen.sphere is None:
        entries.append(Line2D([], [], ls="", marker="+", color=palette.text, ms=9, mew=1.8, label="clean input"))
    if seen.sphere is None and len(seen.plane.cut):
        name = label("ascent.constraint", seen.experiment)
        entries.append(Line2D([], [], color=ink["line"], lw=1.8, path_effects=cased, label=f"cut of the {name}"))
    if seen.surface.zero_residual():
        entries.append(
            Line2D(
                [],
                [],
                color=palette.text,
                lw=1.4,
                ls=(0, (4, 2)),
                label="f = y" if seen.surface.loss == "quadratic" else "f = 0",
            )
        )
    axes.legend(
        handles=entries,
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=4,
        frameon=False,
        fontsize=8.5,
        labelcolor=palette.text,
        handlelength=1.6,
        columnspacing=1.4,
        handletextpad=0.5,
        borderaxespad=0.3,
    )


def _title(axes: Any, words: str, palette: Theme) -> None:
    axes.set_title(words, fontsize=9.5, color=palette.text, loc="left", pad=4)


def draw_spectrum(axes: Any, seen: Observation, palette: Theme) -> None:
    """Histogram and ticks of the eigenvalues at the focused path's end, with the multiplier they must stay below."""
    found, bulk = seen.spectrum, seen.bulk
    name = "P H P on the tangent space" if found.kind == "tangent" else "H"
    axes.set_yticks([])
    if found.why_empty:
        _title(axes, f"Eigenvalues of {name}", palette)
        axes.set_xticks([])
        words, colour = "\n".join(textwrap.wrap(found.why_empty, 52)), palette.faint_text
        axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes, fontsize=9, color=colour)
        return
    some = "" if found.exact else f", the {len(found.eigenvalues)} at both ends"
    zeros = f", and {found.zeros} zeros" if found.zeros else ""
    _title(axes, f"Eigenvalues of {name} at the end (t = {found.t}{some}{zeros})", palette)
    low, high = found.axis(bulk.outlier)
    counts, edges = found.histogram(bulk.outlier)
    if bulk.estimated is None:
        axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=palette.bars, lw=0)
    top = max(float(counts.max(initial=1)), 1.0, _curves(axes, bulk, edges, palette))
    axes.vlines(found.eigenvalues, -0.13 * top, -0.03 * top, color=palette.text, lw=0.7, alpha=0.8)
    axes.axhline(0, color=palette.border, lw=0.8)
    axes.set_xlim(low, high)
    axes.set_ylim(-0.16 * top, 1.28 * top)
    if found.kind == "tangent":
        _multiplier(axes, found.multiplier, low <= found.multiplier <= high, palette)


def _curves(axes: Any, bulk: BulkPicture, edges: NDArray[np.float64], palette: Theme) -> float:
    """What is predicted over bars with these edges (k + 1,), and estimated in their place; returns their height."""
    width, top = float(edges[1] - edges[0]), 0.0
    if bulk.estimated is not None:
        heights = bulk.estimated.heights((edges[1:] + edges[:-1]) / 2, width)
        axes.stairs(heights, edges, fill=True, color=palette.bars, alpha=0.6, lw=0)
        top = float(heights.max())
    if bulk.predicted is not None:
        places = np.linspace(edges[0], edges[-1], 400)
        heights = bulk.predicted.heights(places, width)
        axes.plot(places, heights, color=palette.prediction, lw=1.6)
        top = max(top, float(heights.max()))
    if bulk.outlier is not None and edges[0] <= bulk.outlier <= edges[-1]:
        axes.plot(bulk.outlier, 0.06 * top, "v", color=palette.prediction, ms=7, mec=palette.plot, mew=0.6)
    axes.set_xlabel(", ".join(bulk.words), color=palette.text, fontsize=8.5, labelpad=1)
    return top


def _multiplier(axes: Any, multiplier: float, near: bool, palette: Theme) -> None:
    """The line that all tangent eigenvalues must stay below; an arrow where it is far away."""
    left, right = axes.get_xlim()
    words = f"λ = {number(multiplier)}"
    if near:
        axes.axvspan(left, multiplier, color=palette.yes, alpha=0.1, lw=0)
        axes.axvline(multiplier, color=palette.multiplier, lw=2)
        side = "right" if multiplier > (left + right) / 2 else "left"
        shift = -5 if side == "right" else 5
        axes.annotate(
            words,
            (multiplier, 1),
            (shift, -3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha=side,
            va="top",
            color=palette.multiplier,
            fontsize=9.5,
            weight="bold",
        )
        return
    beyond = multiplier > right
    if beyond:
        axes.axvspan(left, right, color=palette.yes, alpha=0.1, lw=0)
    axes.text(
        0.985 if beyond else 0.015,
        0.94,
        f"{words}  →" if beyond else f"←  {words}",
        ha="right" if beyond else "left",
        va="top",
        transform=axes.transAxes,
        color=palette.multiplier,
        fontsize=9.5,
        weight="bold",
    )


def _trace(axes: Any, values: Any, seen: Observation, palette: Theme) -> None:
    t = np.arange(len(values))
    others = [k for k in range(values.shape[1]) if k != seen.focus]
    axes.plot(t, values[:, others], color=palette.others, lw=0.8, alpha=0.55)
    axes.plot(t, values[:, seen.focus], color=palette.focus, lw=2.2, zorder=5)
    axes.set_xlim(0, max(len(values) - 1, 1))
    axes.set_xlabel("step t", color=palette.text, fontsize=9, labelpad=1)
    axes.grid(True, color=palette.border, lw=0.5, alpha=0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def draw_loss(axes: Any, seen: Observation, palette: Theme) -> None:
    """The loss of every restart by step."""
    _title(axes, "Loss L", palette)
    _trace(axes, seen.recording.loss, seen, palette)


def draw_stationarity(axes: Any, seen: Observation, palette: Theme) -> None:
    """The tangential measure on a log scale, with the tolerance and the predicted rate."""
    _title(axes, "Gradient left along the set", palette)
    values = seen.recording.tangential
    _trace(axes, np.where(values > 0, values, np.nan), seen, palette)
    axes.set_yscale("log")
    tolerance = seen.experiment.ascent.tolerance
    if tolerance > 0:
        axes.axhline(tolerance, color=palette.faint_text, lw=1, ls=":")
    # What is far below the tolerance is round-off.
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 1e-3 * tolerance), high)
    known = seen.verdicts[seen.focus]
    q = known.test.rate_predicted
    if q is None or not known.test.local_maximum or not 0 < q < 1:
        return
    # Drawn beside the tail, not on it.
    last = known.converged_at if known.converged_at > 0 else seen.recording.steps
    end = float(values[last, seen.focus])
    t = np.arange(last // 2, last + 1)
    t = t[6 * end * q ** (t - last) < high]
    if end > 0 and len(t) > 2:
        axes.plot(t, 6 * end * q ** (t - last), color=palette.text, lw=1.3, ls=(0, (4, 2)))
        axes.text(
            0.97,
            0.95,
            f"predicted rate {q:.2f}",
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=8.5,
            color=palette.text,
        )
