"""The landscape's foreground: set boundary, clean point, starts, trails, endpoints, the moving iterate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from foadv_gui.desktop.plots.traces import joined
from foadv_gui.desktop.theme import brush, pen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from foadv_gui.lab.findings import VerdictPicture
    from foadv_gui.lab.globe import SpherePicture
    from foadv_gui.lab.palette import Theme
    from foadv_gui.lab.picture import DirectionPicture, PathPicture, PlanePicture

_MOST_TRAILS = 128
"""Trails drawn at once: more are a blot, and slow."""
_DIRECTION = 0.45
"""Half the length at which an eigenvector is drawn, over epsilon."""
_SYMBOLS = {True: "star", False: "x", None: "o"}


def stack(plot: Any, layers: Iterable[Any]) -> None:
    """Put items on a plot, each over those before it; none of them sets its range."""
    for z, item in enumerate(layers):
        item.setZValue(z)
        plot.addItem(item, ignoreBounds=True)


class Trails:
    """Draws paths into a plot; its items are made once and refilled."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self._cut_shadow, self._cut = curve(), curve()
        self._future, self._others = curve(), curve()
        self._focus_future, self._focus_shadow, self._focus = curve(), curve(), curve()
        self._step, self._discarded = curve(), curve()
        self._direction = curve()
        self.clean = pg.ScatterPlotItem(symbol="+", size=13)
        self.starts = pg.ScatterPlotItem(symbol="d", size=9, hoverable=True, hoverSize=14)
        self.ends = pg.ScatterPlotItem(size=13)
        self.heads = pg.ScatterPlotItem(symbol="o", size=7)
        self.head = pg.ScatterPlotItem(symbol="o", size=14)
        self._theme: Theme | None = None
        self._path: PathPicture | None = None
        self._plane: PlanePicture | None = None
        layers = (
            self._cut_shadow,
            self._cut,
            self._future,
            self._others,
            self.clean,
            self.starts,
            self.heads,
            self.ends,
            self._focus_future,
            self._focus_shadow,
            self._focus,
            self._discarded,
            self._step,
            self._direction,
            self.head,
        )
        stack(plot, layers)

    def paint(self, theme: Theme) -> None:
        """Take the theme's colours; over the map they do not change with it."""
        self._theme = theme
        self._cut_shadow.setPen(pen("#000000", 4, alpha=0.35))
        self._cut.setPen(pen("#ffffff", 2))
        self._future.setPen(pen("#ffffff", 1, alpha=0.30))
        self._others.setPen(pen("#ffb877", 1.2, alpha=0.85))
        self._focus_future.setPen(pen("#ff7a50", 1.5, alpha=0.6, dash=True))
        self._focus_shadow.setPen(pen("#000000", 5.5, alpha=0.45))
        self._focus.setPen(pen("#ff5a2a", 3))
        self._discarded.setPen(pen("#ffffff", 1.5, dash=True))
        self._step.setPen(pen("#ffffff", 2))
        self.clean.setPen(pen("#000000", 1, alpha=0.8))
        self.clean.setBrush(brush("#ffffff"))
        self.heads.setPen(pen("#000000", 1, alpha=0.6))
        self.heads.setBrush(brush("#ffb877"))
        self.head.setPen(pen("#ffffff", 2))
        self.head.setBrush(brush("#ff5a2a"))

    def lay(self, plane: PlanePicture) -> None:
        """Draw what belongs to the plane."""
        known = self._plane
        if known is not None and _alike(known.cut, plane.cut) and _alike(known.clean, plane.clean):
            return  # as along a slider: painting it again would keep the landscape waiting
        self._plane = plane
        self._cut_shadow.setData(*plane.cut.T)
        self._cut.setData(*plane.cut.T)
        self.clean.setData([plane.clean[0]], [plane.clean[1]])

    def draw(self, path: PathPicture, position: float, *, steps: bool) -> None:
        """Draw all trails up to a position between two iterates, and with `steps` the focused path's next step."""
        i, part = _whole_and_part(path, position)
        # Where nothing moves visibly any more, a trail is a blot of points that take long to draw.
        last = path.at(path.still_from)
        others = [k for k in drawn_restarts(path) if k != path.focus]
        if path is not self._path:
            self._path = path
            self._future.setData(*_together(path.points[: last + 1, others]))
        self._others.setData(*_together(path.points[: min(i, last) + 1, others]))
        focus = path.points[:, path.focus]
        self._focus_future.setData(*focus[i : max(i, last) + 1].T)
        here = _between(focus, i, part)
        walked = np.concatenate([focus[: min(i, last) + 1], here[None]])
        self._focus_shadow.setData(*walked.T)
        self._focus.setData(*walked.T)
        self.head.setData([here[0]], [here[1]])
        now = path.points[i, others]
        self.heads.setData(now[:, 0], now[:, 1])
        self._draw_step(path, i if steps else len(focus))

    def draw_starts(self, path: PathPicture) -> None:
        """Draw where the paths begin; the focused one is marked."""
        drawn = drawn_restarts(path)
        self.starts.setData([start_spot(path.points[0, k], k, focused=k == path.focus) for k in drawn])

    def draw_ends(self, path: PathPicture, verdicts: dict[int, VerdictPicture]) -> None:
        """Draw where the paths ended: a star for a strict local maximum, a cross for none, a circle if unknown."""
        self.ends.setData([end_spot(path.points[-1, k], verdicts.get(k)) for k in drawn_restarts(path)])

    def point_out(self, direction: DirectionPicture | None, path: PathPicture | None, position: float) -> None:
        """Draw an eigenvector's direction through the iterate, fainter the less of it lies in the plane."""
        if direction is None or path is None:
            self._direction.setData([], [])
            return
        i, part = _whole_and_part(path, position)
        here = _between(path.points[:, path.focus], i, part)
        reach = _DIRECTION * direction.in_plane / max(direction.share, 1e-12)
        self._direction.setPen(pen("#f45bd8", 4, alpha=0.3 + 0.7 * direction.share))
        self._direction.setData(*np.array([here - reach, here + reach]).T)

    def _draw_step(self, path: PathPicture, i: int) -> None:
        """The whole step from the iterate (solid), and what the projection discards of it (dashed)."""
        focus = path.points[:, path.focus]
        if i + 1 >= len(focus) or path.steps[i + 1] != path.steps[i] + 1 or i >= len(path.proposals):
            self._step.setData([], [])
            self._discarded.setData([], [])
            return
        proposal = path.proposals[i]
        self._step.setData(*np.array([focus[i], proposal]).T)
        self._discarded.setData(*np.array([proposal, focus[i + 1]]).T)


def drawn_restarts(picture: PathPicture | SpherePicture) -> list[int]:
    """The restarts that are drawn: the first ones, as many as stay legible, and the focused one."""
    drawn = list(range(min(picture.restarts, _MOST_TRAILS)))
    return drawn if picture.focus in drawn else [*drawn, picture.focus]


def start_spot(at: NDArray[np.float64], k: int, *, focused: bool, seen: float = 1.0) -> dict[str, Any]:
    """The mark of a start; `seen` says how opaque it is."""
    return {
        "pos": at,
        "data": k,
        "size": 13 if focused else 9,
        "brush": brush("#ff5a2a" if focused else "#ffffff", seen),
        "pen": pen("#000000", 1, alpha=0.7 * seen),
    }


def end_spot(at: NDArray[np.float64], verdict: VerdictPicture | None, *, seen: float = 1.0) -> dict[str, Any]:
    """The mark of an end: a star for a strict local maximum, a cross for none, a circle if unknown."""
    known = None if verdict is None else verdict.local_maximum
    colour = {True: "#7dffb0", False: "#ff8a80", None: "#dddddd"}[known]
    return {
        "pos": at,
        "symbol": _SYMBOLS[known],
        "brush": brush(colour, seen if known is not None else 0.0),
        "pen": pen("#000000" if known is not None else colour, 1, alpha=seen),
        "size": 17 if known else 12,
    }


def _alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two polygons are the same for the eye."""
    return one.shape == other.shape and bool((np.abs(one - other) < 1e-6).all())


def curve() -> Any:
    """A line with gaps where it is not finite, which no mouse takes hold of."""
    item = pg.PlotCurveItem(connect="finite", skipFiniteCheck=False)
    item.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
    return item


def _together(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Trails (n, K, 2) as one curve with gaps."""
    steps = np.arange(len(points))
    return joined(steps, points[..., 0])[1], joined(steps, points[..., 1])[1]


def _whole_and_part(path: PathPicture, position: float) -> tuple[int, float]:
    """The index of the kept iterate before a position, and how far it is to the next one, 0 to 1."""
    i = path.at(position)
    if i + 1 >= len(path.steps):
        return i, 0.0
    before, after = path.steps[i], path.steps[i + 1]
    return i, float(min(max((position - before) / (after - before), 0.0), 1.0))


def _between(points: NDArray[np.float64], i: int, part: float) -> NDArray[np.float64]:
    after = points[min(i + 1, len(points) - 1)]
    return np.asarray(points[i] + part * (after - points[i]))
