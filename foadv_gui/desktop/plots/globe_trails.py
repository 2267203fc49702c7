"""What lies on the globe: rings, the three directions, and the paths, on its near and its far side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg

from foadv_gui.core.chart import CHARTS
from foadv_gui.desktop.plots.trails import curve, drawn_restarts, end_spot, stack, start_spot
from foadv_gui.desktop.theme import brush, pen
from foadv_gui.lab.globe import circles, marked_on_chart, on_chart, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.findings import VerdictPicture
    from foadv_gui.lab.globe import SpherePicture

    Floats = NDArray[np.float64]

_GAP = np.full((1, 3), np.nan)
_NAMES = ("e₁", "e₂", "e₃")


class _Marks(pg.ScatterPlotItem):  # type: ignore[misc]
    """Marks that leave a click to what they lie on."""

    def mouseClickEvent(self, event: Any) -> None:
        """A click on a mark is one on its trail."""
        event.ignore()


class GlobeTrails:
    """Draws paths on a chart of the sphere; its items are made once and refilled."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self._rings = curve()
        self._far_others, self._far_focus = curve(), curve()
        self._future, self._others = curve(), curve()
        self._focus_future, self._focus_shadow, self._focus = curve(), curve(), curve()
        self.starts = _Marks(symbol="d", size=9)
        self.ends = _Marks(size=13)
        self.heads = _Marks(symbol="o", size=7)
        self.head = _Marks(symbol="o", size=14)
        layers = (
            self._rings,
            self._far_others,
            self._far_focus,
            self._future,
            self._others,
            self.starts,
            self.heads,
            self.ends,
            self._focus_future,
            self._focus_shadow,
            self._focus,
            self.head,
        )
        stack(plot, layers)
        self.names = [pg.TextItem(name, "#ffffff", anchor=(0.5, 1.25), fill=brush("#000000", 0.4)) for name in _NAMES]
        for name in self.names:
            name.setZValue(20)
            name.hide()
            plot.addItem(name, ignoreBounds=True)
        self._picture: SpherePicture | None = None
        self._chart, self._turn = "globe", np.eye(3)
        self._drawn: list[int] = []
        self._steps = self._focus_steps = np.empty(0)
        self._owner: NDArray[np.int64] = np.empty(0, np.int64)
        self._line = self._focus_line = np.empty((0, 3))
        self._near = self._far = self._focus_near = self._focus_far = np.empty((0, 2))
        self._paint()

    def _paint(self) -> None:
        """The colours: over the map they do not change with the theme."""
        self._rings.setPen(pen("#ffffff", 1, alpha=0.22))
        self._far_others.setPen(pen("#ffd9b0", 1, alpha=0.3))
        self._far_focus.setPen(pen("#ff7a50", 1.2, alpha=0.65, dash=True))
        self._future.setPen(pen("#ffffff", 1, alpha=0.30))
        self._others.setPen(pen("#ffb877", 1.2, alpha=0.85))
        self._focus_future.setPen(pen("#ff7a50", 1.5, alpha=0.6, dash=True))
        self._focus_shadow.setPen(pen("#000000", 5.5, alpha=0.45))
        self._focus.setPen(pen("#ff5a2a", 3))
        self.heads.setPen(pen("#000000", 1, alpha=0.6))
        self.heads.setBrush(brush("#ffb877"))
        self.head.setPen(pen("#ffffff", 2))
        self.head.setBrush(brush("#ff5a2a"))

    def take(self, picture: SpherePicture) -> None:
        """Take paths over; `look` then draws them."""
        self._picture = picture
        self._drawn = drawn_restarts(picture)
        steps, owner, line = [np.empty(0)], [np.empty(0, np.int64)], [np.empty((0, 3))]
        for k in self._drawn:
            t, points = picture.trail(k)
            if k == picture.focus:
                self._focus_steps, self._focus_line = t, points
            else:
                steps.append(np.append(t, t[-1]))
                owner.append(np.full(len(t) + 1, k))
                line += [points, _GAP]
        self._steps, self._owner, self._line = np.concatenate(steps), np.concatenate(owner), np.concatenate(line)

    def look(self, chart: str, turn: Floats) -> None:
        """Draw what does not move with the cursor, as it is seen on a chart that is turned."""
        self._chart, self._turn = chart, turn
        rings = [np.concatenate([ring, _GAP]) for ring in circles()]
        self._rings.setData(*on_chart(chart, turn, np.concatenate(rings))[0].T)
        for name, place in zip(self.names, np.eye(3), strict=True):
            (at,), _ = on_chart(chart, turn, place[None])
            name.setVisible(bool(np.isfinite(at).all()))
            if name.isVisible():
                name.setPos(*at)
                # Above its place, but below it where the view ends.
                name.setAnchor((0.5, -0.25 if at[1] > 0.8 * CHARTS[chart].radius else 1.25))
        self._near, self._far = on_chart(chart, turn, self._line)
        self._focus_near, self._focus_far = on_chart(chart, turn, self._focus_line)
        self._future.setData(*self._near.T)

    def draw(self, position: float) -> None:
        """Draw all paths up to a position between two iterates."""
        picture = self._picture
        if picture is None or not len(picture.steps):
            return
        gone = (self._steps <= position)[:, None]
        self._others.setData(*np.where(gone, self._near, np.nan).T)
        self._far_others.setData(*np.where(gone, self._far, np.nan).T)
        here = picture.place(picture.focus, position)
        walked = np.searchsorted(self._focus_steps, position, side="right")
        near, far = on_chart(self._chart, self._turn, np.concatenate([self._focus_line[:walked], here[None]]))
        self._focus_shadow.setData(*near.T)
        self._focus.setData(*near.T)
        self._far_focus.setData(*far.T)
        self._focus_future.setData(*self._focus_near[max(walked - 1, 0) :].T)
        at, seen = self._marks(here[None])
        self.head.setOpacity(seen[0])
        self.head.setData(*at.T)
        others = [k for k in self._drawn if k != picture.focus]
        now, seen = self._marks(unit(picture.coordinates[picture.at(position), others]))
        self.heads.setData(*now[seen == 1].T)

    def draw_starts(self) -> None:
        """Draw where the paths begin; what lies on the far side is faint."""
        picture = self._picture
        if picture is None or picture.alone or not len(picture.steps):
            return
        spots = zip(self._drawn, *self._marks(unit(picture.coordinates[0, self._drawn])), strict=True)
        self.starts.setData(
            [start_spot(at, k, focused=k == picture.focus, seen=seen) for k, at, seen in spots if np.isfinite(at).all()]
        )

    def draw_ends(self, verdicts: dict[int, VerdictPicture]) -> None:
        """Draw where the paths ended, by verdict; what lies on the far side is faint."""
        picture = self._picture
        if picture is None or picture.alone or not len(picture.steps):
            return
        spots = zip(self._drawn, *self._marks(unit(picture.coordinates[-1, self._drawn])), strict=True)
        marks: dict[object, dict[str, Any]] = {}
        for k, at, seen in spots:
            if np.isfinite(at).all():
                mark = end_spot(at, verdicts.get(k), seen=seen)
                # One for all that end at one place of the far side: many faint ones over each other are not faint.
                marks.setdefault(k if seen == 1 else (*np.round(at, 2), mark["symbol"]), mark)
        self.ends.setData(list(marks.values()))

    def _marks(self, points: Floats) -> tuple[Floats, Floats]:
        """Where points (n, 3) are marked (n, 2), and how opaque (n,)."""
        return marked_on_chart(self._chart, self._turn, points)

    def trail_at(self, point: tuple[float, float], reach: float) -> int | None:
        """The restart whose trail passes within `reach` of a point of the chart, on the near side."""
        if self._picture is None:
            return None
        lines = np.concatenate([self._focus_near, self._near])
        owners = np.concatenate([np.full(len(self._focus_near), self._picture.focus), self._owner])
        away = np.linalg.norm(lines - np.array(point), axis=-1)
        if not (away < reach).any():
            return None
        return int(owners[np.nanargmin(away)])
