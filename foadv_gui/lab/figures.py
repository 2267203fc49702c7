"""One figure of a run, as a file and without a window: landscape and paths, spectrum, traces, and the verdict in words.

The figure is drawn for a height of 7.2 inches at any size in pixels, so that a larger picture is sharper, not emptier.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from foadv_gui.lab.figure_globe import draw_globe
from foadv_gui.lab.figure_panels import (
    draw_loss,
    draw_plane,
    draw_spectrum,
    draw_stationarity,
    label,
)
from foadv_gui.lab.findings import TONE_ICONS
from foadv_gui.lab.input_picture import InputPicture, as_image
from foadv_gui.lab.observation import Observation, observe
from foadv_gui.lab.page import HEIGHT, SIZE, Page, ThemeName, check_target, write
from foadv_gui.lab.presets import what_to_watch

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.globe import SpherePicture


def render(
    experiment: Experiment, path: str | Path, *, size: tuple[int, int] = SIZE, theme: ThemeName = "light"
) -> Observation:
    """Run an experiment and write the figure of it to a .png or .svg file.

    Raises
    ------
    ExperimentError
        For an experiment that cannot be.
    FileProblem
        For a file of another kind, or one that cannot be written.
    """
    check_target(path)
    seen = observe(experiment)
    save(seen, path, size=size, theme=theme)
    return seen


def save(seen: Observation, path: str | Path, *, size: tuple[int, int] = SIZE, theme: ThemeName = "light") -> None:
    """Write the figure of a run; the same run gives the same bytes."""
    write(path, lambda: draw(seen, size=size, theme=theme))


def draw(seen: Observation, *, size: tuple[int, int] = SIZE, theme: ThemeName = "light") -> Any:
    """The matplotlib figure of a run, of `size` pixels."""
    # Narrower than 4:3 there is no room for the right column.
    page = Page.of(size, theme, narrowest=HEIGHT * 4 / 3)
    figure, palette = page.figure, page.palette
    top = _header(page, seen)
    side = min(top - 0.45 - 1.25, 0.5 * page.width - 1.35)
    bottom = top - 0.45 - side
    landscape = page.axes(0.8, bottom, side, side)
    (draw_plane if seen.sphere is None else draw_globe)(landscape, seen, palette)
    _colour_bar(page, landscape, seen, (0.8 + side + 0.12, bottom, 0.16, side))
    honesty = "\n".join(textwrap.wrap(_honesty(seen), int((side + 0.9) / 0.072)))
    # Below the labels of the plane's axis, which a sphere has not.
    page.text(0.8, bottom - (0.55 if seen.sphere is None else 0.2), honesty, 8.5, palette.faint_text, va="top")
    left = 0.8 + side + 1.5
    right = page.width - left - 0.3
    rest = top - 0.05 - _verdict(page, seen, left, top - 0.05, right)
    if seen.prepared.image_shape is not None:
        rest -= _images(page, seen, left, rest, right)
    traces = 0.36 * (rest - 1.3)
    histogram = rest - 1.42 - traces
    draw_spectrum(page.axes(left, 1.08 + traces, right, histogram), seen, palette)
    half = (right - 0.62) / 2
    draw_loss(page.axes(left, 0.5, half, traces), seen, palette)
    draw_stationarity(page.axes(left + half + 0.62, 0.5, half, traces), seen, palette)
    return figure


def _header(page: Page, seen: Observation) -> float:
    """Title, what to watch, and the settings; returns where the rest of the page begins."""
    palette, experiment = page.palette, seen.experiment
    y = page.height - 0.46
    page.text(0.3, y, experiment.title or "Projected gradient ascent", 19, palette.text, weight="bold")
    for line in textwrap.wrap(what_to_watch(experiment), int((page.width - 0.6) / 0.077)):
        y -= 0.25
        page.text(0.3, y, line, 11, palette.text)
    page.text(0.3, y - 0.25, parameters(seen), 9.5, palette.faint_text)
    return y - 0.4


def parameters(seen: Observation) -> str:
    """The run's settings on one line."""
    e, known = seen.experiment, seen.prepared
    unit = " ε/G" if e.ascent.step_units == "relative" else ""
    bounds = e.ascent.box
    ends = "" if bounds is None else " of its pixels" if bounds == "pixels" else f" [{bounds[0]:g}, {bounds[1]:g}]"
    box = f" in the box{ends}" if ends else ""
    length = f" (|x| = {known.epsilon / e.input.ratio:.4g})" if e.input.unit == "file" else ""
    parts = [
        known.input_label,
        _network(seen),
        f"γ = {e.input.scale:g}{length}, ρ = {e.input.ratio:g}, y = {e.input.label:g}",
        f"{label('ascent.constraint', e)}{box}",
        f"{label('ascent.rule', e).lower()}, η = {e.ascent.step:g}{unit}",
        known.device,
    ]
    return "   ·   ".join(parts).replace(" -", " −")


def _network(seen: Observation) -> str:
    e, sizes = seen.experiment, seen.prepared.sizes
    if e.network.source == "model":
        return f"{e.network.model}, {sizes}"
    loss = "" if e.network.loss == "quadratic" else f", {label('network.loss', e).lower()}"
    return f"{label('network.activation', e)}, {sizes}, κ = {e.network.weight_scale:g}{loss}"


def _colour_bar(page: Page, axes: Any, seen: Observation, place: tuple[float, float, float, float]) -> None:
    image = axes.images[0]
    low, high = image.get_clim()
    shown = image.get_array()
    beyond = {(True, True): "both", (True, False): "min", (False, True): "max"}
    extend = beyond.get((bool(shown.min() < low), bool(shown.max() > high)), "neither")
    bar = page.figure.colorbar(image, cax=page.axes(*place), extend=extend, extendfrac=0.025)
    bar.outline.set_color(page.palette.border)
    words = seen.surface.title
    bar.set_label(words, color=page.palette.text, fontsize=9.5, labelpad=4)


def _honesty(seen: Observation) -> str:
    """How far the plane, or the sphere of a subspace, is from the truth."""
    if seen.sphere is not None:
        return _honesty_of_sphere(seen, seen.sphere)
    off = seen.path.off_plane[:, seen.focus]
    explained = "" if seen.plane.explained is None else f" ({seen.plane.explained:.1%} of {seen.plane.explains})"
    name = f"{label('view.plane', seen.experiment)}{explained}"
    if off.max() < 5e-4:
        return f"{name}. Path {seen.focus + 1} lies in this plane."
    ends = f"{off[0]:.0%} at its start, {off[-1]:.0%} at its end, at most {off.max():.0%}"
    true, shadow = seen.recording.loss[-1, seen.focus], seen.path.shadow_loss[-1]
    losses = f"Loss at its end {true:.4g}, at its shadow on the plane {shadow:.4g}."
    return f"{name}. Share of path {seen.focus + 1} off this plane: {ends}. {losses}"


def _honesty_of_sphere(seen: Observation, sphere: SpherePicture) -> str:
    held = "" if sphere.explained is None else f" ({sphere.explained:.1%} of {sphere.explains})"
    of = ", ".join(f"{name} {what}" for name, what in zip(("e₁", "e₂", "e₃"), sphere.axes, strict=True))
    note = f" {sphere.note[:1].upper()}{sphere.note[1:]}." if sphere.note else ""
    off, every = sphere.off[:, seen.focus], sphere.off[-1]
    globe = seen.experiment.view.chart == "globe"
    kind, faint = ("Globe", " Faint: its far side.") if globe else ("Equal-area map", "")
    return (
        f"{kind} of the sphere |δ| = ε in three directions: {of}{held}.{faint}{note} Share of path "
        f"{seen.focus + 1} off them: "
        f"{off[0]:.0%} at its start, {off[-1]:.0%} at its end (of all paths at most {every.max():.0%})."
    )


def _images(page: Page, seen: Observation, left: float, top: float, width: float) -> float:
    """The clean image, the perturbation and the adversary, in a row below `top`; returns the height used."""
    palette, size = page.palette, 0.92
    shape = seen.prepared.image_shape
    assert shape is not None
    shown = InputPicture.of(seen.recording, seen.recording.steps, seen.focus, shape)
    what = "δ, mean of its colours" if shown.in_colour else "perturbation δ"
    sides = (-shown.limit, shown.limit)
    shades = [
        ("clean input x", shown.clean, "gray", shown.span),
        (f"{what}, ±{shown.limit:.2g}", shown.shift, "RdBu_r", sides),
        ("adversary x + δ", shown.adversary, "gray", shown.span),
    ]
    for i, (words, pixels, colours, (low, high)) in enumerate(shades):
        x = left + i * width / 3
        axes = page.axes(x, top - 0.12 - size, size, size)
        axes.set_xticks([])
        axes.set_yticks([])
        image = as_image(pixels, shape, (low, high))
        axes.imshow(image, cmap=colours, vmin=low, vmax=high, aspect="equal")
        page.text(x, top - 0.27 - size, words, 8.5, palette.faint_text)
    return size + 0.4


def _verdict(page: Page, seen: Observation, left: float, top: float, width: float) -> float:
    """Write the verdict downwards from `top`; returns its height."""
    palette, y = page.palette, top
    clauses = [(clause.tone, clause.words) for clause in seen.clauses]
    for tone, words in [*clauses, ("note", seen.summary)]:
        colour = getattr(palette, tone)
        page.text(left, y, TONE_ICONS[tone], 13, colour, weight="bold", va="top")
        lines = textwrap.wrap(words, int(width / 0.088))
        page.text(left + 0.27, y - 0.01, "\n".join(lines), 11, palette.text, va="top", linespacing=1.25)
        y -= 0.2 * len(lines) + 0.09
    return top - y
