"""What every figure shares: its sizes, its file, its style, and a page that is measured in inches."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from foadv_gui.lab.files import FileProblem, atomic_write
from foadv_gui.lab.palette import THEMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.palette import Theme

ThemeName = Literal["light", "dark"]
FORMATS = (".png", ".svg")
SIZE = (1920, 1080)
_FONTS = ["DejaVu Sans", "sans-serif"]
HEIGHT = 7.2
"""Inches for which a figure is drawn, whatever its size in pixels."""


def check_target(path: str | Path) -> None:
    """Refuse a file name of a kind that is not drawn here, before anything is computed."""
    if Path(path).suffix.lower() not in FORMATS:
        raise FileProblem(path, f"the picture's name must end in {' or '.join(FORMATS)}")


def write(path: str | Path, draw: Callable[[], Any]) -> None:
    """Write the figure that `draw` returns to a .png or .svg file; the same figure gives the same bytes."""
    check_target(path)
    with matplotlib.rc_context():
        own_defaults()
        figure = draw()

        def into(stream: IO[bytes]) -> None:
            if Path(path).suffix.lower() == ".svg":
                FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Creator": "foadv"})
            else:
                FigureCanvasAgg(figure).print_png(stream, metadata={"Software": "foadv"})

        atomic_write(path, into)


def own_defaults() -> None:
    """Whatever somebody's matplotlibrc says, the figure is the same."""
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(
        {
            "font.family": _FONTS,
            "font.size": 10,
            "axes.linewidth": 0.8,
            "svg.fonttype": "none",
            "svg.hashsalt": "foadv",
            "axes.unicode_minus": True,
        }
    )


def width_of(words: str, size: float, weight: str = "normal") -> float:
    """How wide a line of text is at most, in inches, in the font of the figures."""
    font = FontProperties(family=_FONTS, size=size, weight=weight)
    # Letters on a grid of pixels are up to a twentieth wider than their outlines.
    return 1.05 * float(text_to_path.get_text_width_height_descent(words, font, ismath=False)[0]) / 72


class Page:
    """A figure measured in inches from its lower left corner."""

    def __init__(self, figure: Any, palette: Theme, width: float, height: float) -> None:
        self.figure, self.palette, self.width, self.height = figure, palette, width, height

    @classmethod
    def of(cls, size: tuple[int, int], theme: ThemeName, narrowest: float) -> Page:
        """A page of `size` pixels, drawn smaller than at its full height where it would be narrower, in inches."""
        width, height = size
        dpi = min(height / HEIGHT, width / narrowest)
        palette = THEMES[theme]
        figure = Figure(figsize=(width / dpi, height / dpi), dpi=dpi, facecolor=palette.panel)
        return cls(figure, palette, width / dpi, height / dpi)

    def axes(self, left: float, bottom: float, width: float, height: float) -> Any:
        """A panel in the colours of the page."""
        axes = self.figure.add_axes(
            (left / self.width, bottom / self.height, width / self.width, height / self.height),
            facecolor=self.palette.plot,
        )
        for spine in axes.spines.values():
            spine.set_color(self.palette.border)
        axes.tick_params(colors=self.palette.faint_text, labelsize=8.5, length=3, width=0.8)
        return axes

    def wrapped(self, words: str, size: float, *, width: float | None = None, weight: str = "normal") -> list[str]:
        """The lines of a text that fit a width in inches, by default that of the page less its margins."""
        # An equation stays on one line.
        words = words.replace(" = ", "\u00a0=\u00a0")
        most, lines = (self.width - 0.6 if width is None else width), [""]
        # On a coarse grid of pixels letters are wider still.
        most *= min(1.0, 0.6 + self.figure.dpi / 250)
        for word in words.split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if lines[-1] and width_of(longer, size, weight) > most:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines

    def text(self, x: float, y: float, words: str, size: float, colour: str, **more: Any) -> None:
        """Words at a place of the page."""
        self.figure.text(x / self.width, y / self.height, words, fontsize=size, color=colour, **more)
