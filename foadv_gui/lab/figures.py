"""One figure of a run, as a file and without a window: landscape and paths, spectrum, traces, and the verdict in words.

The figure is drawn for a height of 7.2 inches at any size in pixels, so that a larger picture is sharper, not emptier.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from foadv_gui.lab.figure_globe import draw_globe
from foadv_gui.lab.figure_panels import (
    draw_loss,
    draw_plane,
    draw_spectrum,
    draw_stationarity,
    label,
)
from foadv_gui.lab.files import FileProblem, atomic_write
from foadv_gui.lab.findings import TONE_ICONS
from foadv_gui.lab.observation import Observation, observe
from foadv_gui.lab.palette import THEMES
from foadv_gui.lab.picture import QUANTITY_TITLES, InputPicture
from foadv_gui.lab.presets import what_to_watch

if TYPE_CHECKING:
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.globe import SpherePicture
    from foadv_gui.lab.palette import Theme

ThemeName = Literal["light", "dark"]
FORMATS = (".png", ".svg")
SIZE = (1920, 1080)
_HEIGHT = 7.2  # inches


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


def check_target(path: str | Path) -> None:
    """Refuse a file name of a kind that is not drawn here, before anything is computed."""
    if Path(path).suffix.lower() not in FORMATS:
        raise FileProblem(path, f"the picture's name must end in {' or '.join(FORMATS)}")


def save(seen: Observation, path: str | Path, *, size: tuple[int, int] = SIZE, theme: ThemeName = "light") -> None:
    """Write the figure of a run; the same run gives the same bytes."""
    check_target(path)
    svg = Path(path).suffix.lower() == ".svg"
    with matplotlib.rc_context():
        _own_defaults()
        figure = draw(seen, size=size, theme=theme)

        def write(stream: IO[bytes]) -> None:
            if svg:
                FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Creator": "foadv"})
            else:
                FigureCanvasAgg(figure).print_png(stream, metadata={"Software": "foadv"})

        atomic_write(path, write)


def _own_defaults() -> None:
    """Whatever somebody's matplotlibrc says, the figure is the same."""
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(
        {
            "font.family": ["DejaVu Sans", "sans-serif"],
            "font.size": 10,
            "axes.linewidth": 0.8,
            "svg.fonttype": "none",
            "svg.hashsalt": "foadv",
            "axes.unicode_minus": True,
        }
    )


def draw(seen: Observation, *, size: tuple[int, int] = SIZE, theme: ThemeName = "light") -> Any:
    """The matplotlib figure of a run, of `size` pixels."""
    width_px, height_px = size
    # Narrower than 4:3 there is no room for the right column: the figure is then drawn smaller.
    dpi = min(height_px / _HEIGHT, width_px / (_HEIGHT * 4 / 3))
    palette = THEMES[theme]
    figure = Figure(figsize=(width_px / dpi, height_px / dpi), dpi=dpi, facecolor=palette.panel)
    page = _Page(figure, palette, width_px / dpi, height_px / dpi)
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


class _Page:
    """A figure measured in inches from its lower left corner."""

    def __init__(self, figure: Any, palette: Theme, width: float, height: float) -> None:
        self.figure, self.palette, self.width, self.height = figure, palette, width, height

    def axes(self, left: float, bottom: float, width: float, height: float) -> Any:
        axes = self.figure.add_axes(
            (left / self.width, bottom / self.height, width / self.width, height / self.height),
            facecolor=self.palette.plot,
        )
        for spine in axes.spines.values():
            spine.set_color(self.palette.border)
        axes.tick_params(colors=self.palette.faint_text, labelsize=8.5, length=3, width=0.8)
        return axes

    def text(self, x: float, y: float, words: str, size: float, colour: str, **more: Any) -> None:
        self.figure.text(x / self.width, y / self.height, words, fontsize=size, color=colour, **more)


def _header(page: _Page, seen: Observation) -> float:
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
    box = "" if e.ascent.box is None else f" in the box [{e.ascent.box[0]:g}, {e.ascent.box[1]:g}]"
    parts = [
        known.input_label,
        f"{label('network.activation', e)}, d = {known.dimension}, m = {known.width}, κ = {e.network.weight_scale:g}",
        f"γ = {e.input.scale:g}, ρ = {e.input.ratio:g}, y = {e.input.label:g}",
        f"{label('ascent.constraint', e)}{box}",
        f"{label('ascent.rule', e).lower()}, η = {e.ascent.step:g}{unit}",
        known.device,
    ]
    return "   ·   ".join(parts).replace(" -", " −")


def _colour_bar(page: _Page, axes: Any, seen: Observation, place: tuple[float, float, float, float]) -> None:
    image = axes.images[0]
    low, high = image.get_clim()
    shown = image.get_array()
    beyond = {(True, True): "both", (True, False): "min", (False, True): "max"}
    extend = beyond.get((bool(shown.min() < low), bool(shown.max() > high)), "neither")
    bar = page.figure.colorbar(image, cax=page.axes(*place), extend=extend, extendfrac=0.025)
    bar.outline.set_color(page.palette.border)
    words = QUANTITY_TITLES[seen.surface.quantity]
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


def _images(page: _Page, seen: Observation, left: float, top: float, width: float) -> float:
    """The clean image, the perturbation and the adversary, in a row below `top`; returns the height used."""
    palette, size = page.palette, 0.92
    shown = InputPicture.of(seen.recording, seen.recording.steps, seen.focus)
    sides = (-shown.limit, shown.limit)
    shades = [
        ("clean input x", shown.clean, "gray", shown.span),
        (f"perturbation δ, ±{shown.limit:.2g}", shown.delta, "RdBu_r", sides),
        ("adversary x + δ", shown.adversary, "gray", shown.span),
    ]
    for i, (words, pixels, colours, (low, high)) in enumerate(shades):
        x = left + i * width / 3
        axes = page.axes(x, top - 0.12 - size, size, size)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.imshow(pixels.reshape(seen.prepared.image_shape), cmap=colours, vmin=low, vmax=high, aspect="equal")
        page.text(x, top - 0.27 - size, words, 8.5, palette.faint_text)
    return size + 0.4


def _verdict(page: _Page, seen: Observation, left: float, top: float, width: float) -> float:
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
