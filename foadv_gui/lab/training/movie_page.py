"""One page that is drawn anew for each epoch of an animation: landscapes side by side, and their curves below.

Everything is made once; an epoch only changes colours, lines and words.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from matplotlib.collections import LineCollection
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from foadv_gui.lab.page import HEIGHT, Page, ThemeName, width_of
from foadv_gui.lab.ranges import number, round_levels
from foadv_gui.lab.training.curves import curves
from foadv_gui.lab.training.panels import colours_of, draw_curves, key_of_lines
from foadv_gui.lab.training.words import line_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foadv_gui.lab.training.curves import CurvesPicture
    from foadv_gui.lab.training.morph import Morph, MorphFrame
    from foadv_gui.lab.training.record import TrainingRecord

_ON_SEQUENTIAL = {"path": "#ff6a3d", "casing": "#14171d", "line": "#ffffff"}
_ON_DIVERGING = {"path": "#14171d", "casing": "#ffffff", "line": "#14171d"}
_STAR = "#2fd07f"
_LEVELS = 10
_BESIDE = 0.36 + 0.62
"""Inches beside a landscape for its ticks and its colour bar."""
_ABOVE_AND_BELOW = 0.3 + 0.62
"""Inches above it for its name, and below for its ticks and two lines of words."""


class MoviePage:
    """The page of an animation; `show` brings an epoch onto it."""

    def __init__(
        self, record: TrainingRecord, morphs: Sequence[Morph], point: int, size: tuple[int, int], theme: ThemeName
    ) -> None:
        self._page = page = Page.of(size, theme, narrowest=HEIGHT)
        self.figure = page.figure
        training, data = record.training, record.data[morphs[0].arm]
        self._counter = self._head(training.title or "Adversarial training")
        self._bottom = self._foot(point, float(data.y[point]), morphs)
        columns = len(morphs) if page.width >= page.height else min(2, len(morphs))
        rows = -(-len(morphs) // columns)
        top = page.height - 0.6
        cell = (page.width - 0.4) / columns
        side = min(cell - _BESIDE, 0.58 * (top - self._bottom) / rows - _ABOVE_AND_BELOW)
        cell = min(cell, side + 1.5 * _BESIDE)
        left = 0.5 * (page.width - columns * cell) + 0.5 * (cell - side - _BESIDE) + 0.36
        self._views = []
        for i, morph in enumerate(morphs):
            x = left + (i % columns) * cell
            y = top - (i // columns) * (side + _ABOVE_AND_BELOW) - 0.3 - side
            self._views.append(_View(page, morph, record, (x, y, side)))
        height = top - rows * (side + _ABOVE_AND_BELOW) - self._bottom - 0.66
        self._curves(record, morphs, height)

    def _head(self, title: str) -> Any:
        """The title, and to its right the counter of epochs."""
        page, room = self._page, self._page.width - 2.6
        size = min(16.0, 16 * room / width_of(title, 16, "bold"))
        page.text(0.3, page.height - 0.4, title, size, page.palette.text, weight="bold")
        look = {"fontsize": 17, "weight": "bold", "color": page.palette.accent, "ha": "right"}
        return self.figure.text(1 - 0.3 / page.width, 1 - 0.42 / page.height, "", **look)

    def _foot(self, point: int, label: float, morphs: Sequence[Morph]) -> float:
        """What is to be seen; returns where the curves end."""
        page, axes = self._page, morphs[0].plane.axes
        colours = morphs[0].frames[0].surface.title
        words = (
            f"Training point {point + 1} (label {number(label).replace('-', '−')}), on a plane through the clean input "
            f"(+): α {axes[0]}, β {axes[1]}, in units of ε. White: cut of the set and lines of equal loss; orange: the "
            f"ascent of that epoch; star: its adversary. Colours: {colours}, one range for all epochs of a network."
        )
        lines = page.wrapped(words, 8.5)
        for i, line in enumerate(lines):
            page.text(0.3, 0.1 + 0.165 * (len(lines) - 1 - i), line, 8.5, page.palette.faint_text, va="bottom")
        return 0.2 + 0.165 * len(lines)

    def _curves(self, record: TrainingRecord, morphs: Sequence[Morph], height: float) -> None:
        """The losses of the lines on show, their key, and the cursor."""
        page, whole, repeats = self._page, curves(record, "loss_share"), record.training.section.repeats
        shown = {morph.arm // repeats for morph in morphs}
        picture = replace(whole, lines=tuple(line for line in whole.lines if line.line in shown))
        self._picture: CurvesPicture = picture
        key = key_of_lines(picture, page.palette)
        wide = max(width_of(entry.get_label(), 8.5) for entry in key) + 0.65
        wide *= 1 + max(0.0, 0.15 - page.figure.dpi / 1000)  # on a coarse grid of pixels letters are wider
        beside = page.width > 9
        width = page.width - 0.75 - (wide + 0.15 if beside else 0.3)
        axes = page.axes(0.75, self._bottom + 0.38, width, max(height, 0.5))
        draw_curves(axes, picture, page.palette)
        place = (1.01, 1.0) if beside else (1.0, 1.0)
        axes.legend(
            handles=key,
            loc="upper left" if beside else "upper right",
            bbox_to_anchor=place,
            frameon=not beside,
            facecolor=page.palette.plot,
            edgecolor=page.palette.border,
            fontsize=8.5,
            labelcolor=page.palette.text,
            handlelength=2.2,
            borderaxespad=0.2,
        )
        self._cursor = axes.axvline(0, color=page.palette.cursor, lw=1.2, zorder=8)
        self._dots = [
            axes.plot([], [], "o", ms=7, color=colour, mec=page.palette.cursor, mew=1.0, zorder=9)[0]
            for colour in colours_of(picture, page.palette)
        ]

    def show(self, frame: int, epoch: int) -> None:
        """Bring the frame of an epoch onto the page."""
        self._counter.set_text(f"epoch {epoch}")
        for view in self._views:
            view.show(frame, epoch)
        self._cursor.set_xdata([epoch, epoch])
        for dot, line in zip(self._dots, self._picture.lines, strict=True):
            dot.set_data([min(epoch, line.epochs[-1])], [line.at(epoch)])


class _View:
    """The landscape of one arm."""

    def __init__(self, page: Page, morph: Morph, record: TrainingRecord, place: tuple[float, float, float]) -> None:
        x, y, side = place
        self._morph, self._track = morph, record.tracks[morph.arm]
        palette, first = page.palette, morph.frames[0].surface
        view = record.arm(morph.arm).training.base.view
        ink = _ON_DIVERGING if first.quantity == "residual" else _ON_SEQUENTIAL
        self.axes = axes = page.axes(x, y, side, side)
        low, high = morph.colours
        left, right, bottom, top = first.window
        half = (right - left) / (len(first.alpha) - 1) / 2
        self._image = axes.imshow(
            first.shown(),
            origin="lower",
            extent=(left - half, right + half, bottom - half, top + half),
            cmap="RdBu_r" if first.quantity == "residual" else view.colormap,
            vmin=low,
            vmax=high,
            interpolation="bilinear",
            aspect="equal",
        )
        self._levels = round_levels(low, high, _LEVELS)
        self._lines = LineCollection([], colors=ink["line"], linewidths=0.6, alpha=0.45)
        axes.add_collection(self._lines, autolim=False)
        cased = [Stroke(linewidth=3.0, foreground=ink["casing"], alpha=0.55), Normal()]
        axes.plot(*morph.plane.cut.T, color=ink["line"], lw=1.6, path_effects=cased)
        axes.plot(*morph.plane.clean, "+", color=ink["line"], ms=9, mew=1.6, zorder=4)
        cased = [Stroke(linewidth=4.0, foreground=ink["casing"], alpha=0.8), Normal()]
        (self._path,) = axes.plot([], [], color=ink["path"], lw=2.2, zorder=5, path_effects=cased)
        dots = {"color": ink["path"], "ms": 3.2, "mec": ink["casing"], "mew": 0.5, "zorder": 6}
        (self._iterates,) = axes.plot([], [], "o", **dots)
        (self._star,) = axes.plot([], [], "*", color=_STAR, ms=15, mec="#101318", mew=1.0, zorder=8)
        axes.set_xlim(left, right)
        axes.set_ylim(bottom, top)
        self._furnish(page, palette, place)
        label = line_label(record.arm(morph.arm).line)
        size = min(10.5, 10.5 * (side + 0.6) / width_of(label, 10.5, "bold"))
        page.text(x, y + side + 0.08, label, size, palette.text, weight="bold", va="bottom")
        self._say = self._caption(page, place)

    def _furnish(self, page: Page, palette: Any, place: tuple[float, float, float]) -> None:
        """Ticks, names of the axes, and the colour bar."""
        x, y, side = place
        axes, first = self.axes, self._morph.frames[0].surface
        for one in (axes.xaxis, axes.yaxis):
            one.set_major_locator(FixedLocator([-1, 0, 1]) if first.window[1] < 3 else MaxNLocator(5))
            one.set_major_formatter(FuncFormatter(lambda value, _: number(value).replace("-", "−")))
        look = {"color": palette.text, "fontsize": 9.5, "xycoords": "axes fraction", "textcoords": "offset points"}
        axes.annotate("α", (1, 0), (0, -5), ha="right", va="top", **look)
        axes.annotate("β", (0, 1), (-6, 0), ha="right", va="top", **look)
        bar = self.axes.figure.colorbar(self._image, cax=page.axes(x + side + 0.08, y, 0.11, side))
        bar.outline.set_color(palette.border)
        bar.ax.yaxis.set_major_locator(MaxNLocator(5))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value).replace("-", "−")))

    def _caption(self, page: Page, place: tuple[float, float, float]) -> Any:
        """Two lines below the landscape."""
        x, y, side = place
        size = min(8.5, 8.5 * (side + 0.6) / width_of("adversary: L = 0.00123, 100% off the plane", 8.5))
        look = {"fontsize": size, "color": page.palette.faint_text, "va": "top", "linespacing": 1.2}
        return page.figure.text(x / page.width, (y - 0.27) / page.height, "", **look)

    def show(self, index: int, epoch: int) -> None:
        """Show one of the frames."""
        frame = self._morph.frames[index]
        self._image.set_data(frame.surface.shown())
        self._lines.set_segments([line for _, lines in frame.surface.contours_at(self._levels) for line in lines])
        self._path.set_data(*frame.path.T)
        self._iterates.set_data(*frame.path[1:-1].T)
        self._star.set_data(*frame.path[-1:].T)
        self._say.set_text(self._words(frame, epoch))

    def _words(self, frame: MorphFrame, epoch: int) -> str:
        off = f"{100 * frame.off_plane:.0f}% off the plane"
        words = f"adversary: L = {number(frame.loss)}, {off}"
        if self._track.diverged and epoch >= self._track.last:
            return f"{words}\ndiverged at epoch {self._track.last}"
        return words if frame.epoch == epoch else f"{words}\nnetwork of epoch {frame.epoch}"
