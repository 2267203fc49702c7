"""The landscape on a plane: the loss as a map, the constraint set's cut, and the paths that climb in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, QTimer, Signal, Slot

from foadv_gui.desktop.plots.axis import number_axes
from foadv_gui.desktop.plots.gestures import PlaneViewBox
from foadv_gui.desktop.plots.ghosts import Ghosts
from foadv_gui.desktop.plots.surface import Ground
from foadv_gui.desktop.plots.trails import Trails, drawn_restarts
from foadv_gui.desktop.theme import pen, style_axes

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QResizeEvent

    from foadv_gui.desktop.actions import Actions
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.picture import Window

_NEAR_PX = 12.0
_ZOOM_MS = 120


class LandscapePlot(pg.PlotWidget):  # type: ignore[misc]
    """The plot itself; it fits the view, and asks for a finer surface after a zoom.

    Without `actions` no line is drawn over it; `fixed` paths cannot be taken hold of.
    """

    zoomed = Signal()
    """The mouse has shown another part of the plane."""

    def __init__(
        self, session: Session, theme: ThemeKeeper, actions: Actions | None = None, *, fixed: bool = False
    ) -> None:
        self.box = PlaneViewBox()
        super().__init__(viewBox=self.box, axisItems=number_axes())
        self.plotItem.layout.setContentsMargins(1, 7, 1, 1)  # the topmost labels reach half a line higher
        self._session, self._theme, self._actions = session, theme, actions
        self.hideButtons()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Loss landscape")
        self.ground = Ground(self.plotItem)
        self.trails = Trails(self.plotItem)
        self.ghosts = Ghosts(self.plotItem)
        self.levels: tuple[float, float] | None = None
        """The range of the colours, where it is not the surface's own."""
        self._line = pg.PlotCurveItem(pen=pen("#ffffff", 2.5))
        self._line.setZValue(30)
        self.addItem(self._line, ignoreBounds=True)
        self._axes: tuple[str, str] | None = None
        self._fitted = True
        self._reach = 1.0
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_ZOOM_MS)
        self._rest.timeout.connect(self._look)
        self.box.grips = None if fixed else self
        self.box.startDragged.connect(self._on_start_dragged)
        self.box.cutDragged.connect(self._on_cut_dragged)
        self.box.trailClicked.connect(session.set_focus)
        self.box.pointClicked.connect(self._on_point_clicked)
        self.box.sigRangeChangedManually.connect(self._on_zoomed)
        self.scene().sigMouseMoved.connect(self._on_mouse)
        session.surfaceChanged.connect(self._draw_surface)
        session.planeChanged.connect(self._lay)
        session.ghostsChanged.connect(self._draw_ghosts)
        session.pathChanged.connect(self._draw_paths)
        session.cursorChanged.connect(self._draw_cursor)
        session.verdictChanged.connect(self._draw_ends)
        session.directionChanged.connect(self._point_out)
        session.cutChanged.connect(self._draw_line)
        session.windowChanged.connect(self.fit)
        theme.changed.connect(self._paint)
        self._paint()

    # -- what can be taken hold of -------------------------------------------------------------------------------

    def start_at(self, point: tuple[float, float]) -> int | None:
        """The restart whose start lies under a point; the focused one first."""
        path = self._session.path
        if path is None:
            return None
        drawn = drawn_restarts(path)
        away = self._pixels(path.points[0, drawn] - np.array(point))
        if away[drawn.index(path.focus)] < _NEAR_PX:
            return path.focus
        return drawn[int(away.argmin())] if away.min() < _NEAR_PX else None

    def trail_at(self, point: tuple[float, float]) -> int | None:
        """The restart whose trail passes under a point."""
        path = self._session.path
        if path is None:
            return None
        drawn = drawn_restarts(path)
        away = self._pixels(_distance_to_trails(path.points[:, drawn], np.array(point)))
        return drawn[int(away.argmin())] if away.min() < 0.7 * _NEAR_PX else None

    def cutting(self) -> bool:
        """Whether a drag draws a line."""
        return self._actions is not None and self._actions["cut"].isChecked()

    def _pixels(self, away: np.ndarray) -> np.ndarray:
        across, up = self.box.viewPixelSize()
        return np.asarray(np.linalg.norm(away / np.array([across, up]), axis=-1))

    # -- the view ------------------------------------------------------------------------------------------------

    @Slot()
    def fit(self) -> None:
        """Show the whole of the plane: the extent of the experiment's view, filling the plot."""
        self._fitted = True
        plane = self._session.plane
        self._reach = plane.reach if plane is not None else 1.0
        extent = self._session.experiment.view.extent * self._reach
        self.box.setRange(xRange=(-extent, extent), yRange=(-extent, extent), padding=0)
        self._rest.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The map fills the plot at every size."""
        super().resizeEvent(event)
        if hasattr(self, "_rest"):
            if self._fitted:
                self.fit()
            else:
                self._rest.start()

    @Slot()
    def _on_zoomed(self) -> None:
        self._fitted = False
        self._rest.start()
        self.zoomed.emit()

    @Slot()
    def _look(self) -> None:
        self._session.look_at(self.visible_part)

    @property
    def visible_part(self) -> Window:
        """left, right, bottom, top of what is in view, in units of epsilon."""
        (left, right), (bottom, top) = self.box.viewRange()
        return left, right, bottom, top

    def show_part(self, window: Window) -> None:
        """Show another part of the plane, as another plot does."""
        left, right, bottom, top = window
        self._fitted = False
        self.box.setRange(xRange=(left, right), yRange=(bottom, top), padding=0)
        self._rest.start()

    @property
    def colour_range(self) -> tuple[float, float] | None:
        """The surface's own range of colours; None where there is no surface yet."""
        surface = self._session.surface
        return None if surface is None else surface.colour_range(self._session.experiment.view.clip, self.visible_part)

    def share_colours(self, levels: tuple[float, float] | None) -> None:
        """Colour by another range than the surface's own, which a bar elsewhere shows; None: by its own again."""
        self.ground.bar.setVisible(levels is None)
        if levels != self.levels:
            self.levels = levels
            self._draw_surface()

    # -- drawing -------------------------------------------------------------------------------------------------

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        self.setBackground(theme.plot)
        style_axes(self, theme)
        self.ground.paint(theme)
        self.trails.paint(theme)

    @Slot()
    def _draw_surface(self) -> None:
        surface, view = self._session.surface, self._session.experiment.view
        if surface is not None:
            self.ground.draw(
                surface,
                self.visible_part,
                view.colormap,
                clip=view.clip,
                contours=view.contours,
                levels=self.levels,
            )

    @Slot()
    def _draw_ghosts(self) -> None:
        self.ghosts.draw(self._session.ghosts)

    @Slot()
    def _lay(self) -> None:
        plane = self._session.plane
        if plane is not None:
            self.trails.lay(plane)
            if self._fitted and not 0.6 * self._reach < plane.reach < 1.2 * self._reach:  # less would only jump about
                self.fit()
            if plane.axes != self._axes:  # a new label lays the whole plot out anew
                self._axes = plane.axes
                self.setLabel("bottom", f"{plane.axes[0]}  [ε]")
                self.setLabel("left", f"{plane.axes[1]}  [ε]")

    @Slot()
    def _draw_paths(self) -> None:
        path = self._session.path
        if path is not None and self._session.focus_run is None:
            self.trails.draw_starts(path)
            self._draw_ends()
        self._draw_cursor()

    @Slot()
    def _draw_cursor(self) -> None:
        path = self._session.focus_run or self._session.path
        if path is not None:
            self.trails.draw(path, self._session.position, steps=self._session.experiment.view.arrows)
            self._point_out()

    @Slot()
    def _draw_ends(self) -> None:
        if self._session.path is not None:
            self.trails.draw_ends(self._session.path, self._session.verdicts)

    @Slot()
    def _point_out(self) -> None:
        self.trails.point_out(self._session.direction, self._session.path, self._session.position)

    @Slot()
    def _draw_line(self) -> None:
        cut = self._session.cut
        if cut is None:
            self._line.setData([], [])
        else:
            self._line.setData(*np.array([cut.start, cut.end]).T)

    # -- the mouse -----------------------------------------------------------------------------------------------

    @Slot(int, float, float)
    def _on_start_dragged(self, k: int, x: float, y: float) -> None:
        if k != self._session.focus:
            self._session.set_focus(k)
        # Live to the end, so that the whole drag is one step of undo; what is coarse is refined at rest.
        self._session.move_start(k, (x, y), onto_plane=False, live=True)

    @Slot(float, float)
    def _on_point_clicked(self, x: float, y: float) -> None:
        self._session.move_start(self._session.focus, (x, y), onto_plane=True, live=False)

    @Slot(float, float, float, float)
    def _on_cut_dragged(self, x0: float, y0: float, x1: float, y1: float) -> None:
        if self._actions is not None:
            self._session.ask_cut((x0, y0), (x1, y1))

    @Slot(object)
    def _on_mouse(self, position: QPointF) -> None:
        if self.box.sceneBoundingRect().contains(position):
            here = self.box.mapSceneToView(position)
            point = (float(here.x()), float(here.y()))
            held = self.box.grips is not None and self.start_at(point) is not None
            self.setCursor(Qt.CursorShape.OpenHandCursor if held else Qt.CursorShape.CrossCursor)
            self._session.ask_probe(point)

    def leaveEvent(self, event: QEvent) -> None:
        """No value without a mouse."""
        self._session.clear_probe()
        super().leaveEvent(event)


def _distance_to_trails(points: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The shortest vector from a point (2,) to each of K trails (n, K, 2): shape (K, 2)."""
    if len(points) < 2:
        return np.asarray(points[0] - at)
    first, step = points[:-1] - at, np.diff(points, axis=0)
    length_sq = np.maximum((step**2).sum(-1), 1e-300)
    share = np.clip(-(first * step).sum(-1) / length_sq, 0, 1)
    away = first + share[..., None] * step
    nearest = (away**2).sum(-1).argmin(0)
    return np.asarray(away[nearest, np.arange(points.shape[1])])
