"""The landscape on a sphere: a globe that the mouse turns, or a map of the whole of it, and the paths on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem, QLabel

from foadv_gui.core.chart import CHARTS, FRONT, trackball
from foadv_gui.desktop.plots.globe_trails import GlobeTrails
from foadv_gui.desktop.plots.surface import Ground
from foadv_gui.desktop.plots.trails import curve
from foadv_gui.desktop.theme import FADED, brush, pen, style_axes
from foadv_gui.lab.globe import found_at

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QShowEvent

    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper

_NEAR_PX = 8.0
_ROOM = 1.06
"""Half the width of the view, in radii of the disc."""
_NOTE_PX = 150
_LATE = 0.5
"""A picture of a globe that is turned by more (a difference of matrix entries) belongs to the moment before."""


class GlobeBox(pg.ViewBox):  # type: ignore[misc]
    """Tells what the mouse does: drags from one point to the next, clicks, double-clicks."""

    dragged = Signal(float, float, float, float)
    clicked = Signal(float, float)
    doubled = Signal()

    def __init__(self) -> None:
        super().__init__(lockAspect=True, enableMenu=False, enableMouse=False)

    def _point(self, position: QPointF) -> tuple[float, float]:
        mapped = self.mapToView(position)
        return float(mapped.x()), float(mapped.y())

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """A drag of the left button."""
        if event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self.dragged.emit(*self._point(event.lastPos()), *self._point(event.pos()))

    def mouseClickEvent(self, event: Any) -> None:
        """A click of the left button, or the second of two."""
        if event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            if event.double():
                self.doubled.emit()
            else:
                self.clicked.emit(*self._point(event.pos()))

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        """The whole of the sphere is always in view."""
        event.ignore()


class GlobePlot(pg.PlotWidget):  # type: ignore[misc]
    """The globe or the map, with its colour bar; a note in the corner says what its three directions are."""

    def __init__(self, session: Session, theme: ThemeKeeper) -> None:
        self.box = GlobeBox()
        super().__init__(viewBox=self.box)
        self._session, self._theme = session, theme
        self.hideButtons()
        self.hideAxis("left")
        self.hideAxis("bottom")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Loss on a sphere")
        self.plotItem.layout.setContentsMargins(1, 7, 1, 7)  # half of the colour bar's last label stands out
        self.ground = Ground(self.plotItem)
        self._shade = pg.ImageItem(axisOrder="row-major")
        self._shade.setZValue(-6)
        self._outside, self._limb = QGraphicsPathItem(), curve()
        self._outside.setPen(pg.mkPen(None))
        self._outside.setZValue(-5)
        self._limb.setZValue(-4)
        for item in (self._shade, self._outside, self._limb):
            self.plotItem.addItem(item, ignoreBounds=True)
        self.trails = GlobeTrails(self.plotItem)
        self.note = QLabel(self)
        self.note.setObjectName("faint")
        self.note.setWordWrap(True)
        self.note.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._radius = 0.0
        self.box.dragged.connect(self._on_dragged)
        self.box.clicked.connect(self._on_clicked)
        self.box.doubled.connect(self.fit)
        self.box.sigResized.connect(self._place)
        self.scene().sigMouseMoved.connect(self._on_mouse)
        session.globeChanged.connect(self._draw_surface)
        session.sphereChanged.connect(self._take)
        session.trackball.changed.connect(self._look)
        session.cursorChanged.connect(self._draw_cursor)
        session.verdictChanged.connect(self._draw_ends)
        session.experimentChanged.connect(self._lay)
        theme.changed.connect(self._paint)
        self._paint()
        self._lay()

    @property
    def chart(self) -> str:
        """Which chart is drawn."""
        chart = self._session.experiment.view.chart
        return "globe" if chart == "plane" else chart

    @property
    def turn(self) -> NDArray[np.float64]:
        """How it is turned: a map lies still."""
        return self._session.trackball.turn if self.chart == "globe" else FRONT

    @Slot()
    def fit(self) -> None:
        """Turn the globe back to its front."""
        self._session.trackball.reset()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what has changed unseen."""
        super().showEvent(event)
        self._lay()
        self._draw_surface()
        self._take()

    # -- drawing -------------------------------------------------------------------------------------------------

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        self.setBackground(theme.plot)
        style_axes(self, theme)
        self.ground.paint(theme)
        self._outside.setBrush(brush(theme.plot))
        self._limb.setPen(pen(theme.faint_text, 2.5))

    @Slot()
    def _lay(self) -> None:
        """Another chart has another disc."""
        if self._session.experiment.view.chart == "plane":
            return
        radius = CHARTS[self.chart].radius
        if radius != self._radius:
            self._radius = radius
            around = np.linspace(0, 2 * np.pi, 361)
            self._limb.setData(radius * np.cos(around), radius * np.sin(around))
            outside = QPainterPath()
            outside.addRect(QRectF(-20 * radius, -20 * radius, 40 * radius, 40 * radius))
            outside.addEllipse(QPointF(0, 0), radius, radius)
            self._outside.setPath(outside)
            self._place()
            self._draw_surface()
            self._look()

    @Slot()
    def _draw_surface(self) -> None:
        surface, view = self._session.globe, self._session.experiment.view
        self._fade()
        if surface is None or surface.chart != self.chart or not self.isVisible():
            return
        self.ground.draw(surface, surface.window, view.colormap, clip=view.clip, contours=view.contours)
        self._shade.setVisible(surface.boxed)
        if surface.boxed:
            dark = np.zeros((*surface.inside.shape, 4), np.ubyte)
            dark[..., 3] = np.where(surface.inside, 0, 150)
            self._shade.setImage(dark, autoLevels=False)
            self._shade.setRect(self.ground.image.mapRectToParent(self.ground.image.boundingRect()))

    def _fade(self) -> None:
        """A picture of another turn is faint until its own comes; one of another chart is none."""
        surface = self._session.globe
        if surface is None or surface.chart != self.chart:
            self.ground.set_opacity(0.0)
            return
        # The curvature is computed only when the globe rests.
        far = 1e-9 if surface.quantity == "curvature" else _LATE
        self.ground.set_opacity(FADED if np.abs(surface.turn - self.turn).max() > far else 1.0)

    @Slot()
    def _take(self) -> None:
        sphere = self._session.sphere
        if sphere is None or sphere.why or not self.isVisible():
            return
        self.trails.take(sphere)
        words = [f"e₁  {sphere.axes[0]}", f"e₂  {sphere.axes[1]}", f"e₃  {sphere.axes[2]}"]
        if sphere.E.shape[1] == 3:
            words.append("three coordinates: the whole sphere")
        words += [sphere.note] if sphere.note else []
        self.note.setText("\n".join(words))
        self._place()
        self._look()

    @Slot()
    def _place(self) -> None:
        """The disc as large as can be, and the note in the corner: left of the disc where the plot is wide."""
        across, up = self.box.width(), self.box.height()
        if self._radius == 0 or across <= 0 or up <= 0:
            return
        reach, spare = _ROOM * self._radius, max(across - up, 0.0)
        left = max(spare / 2, min(spare, _NOTE_PX))
        scale = 2 * reach / min(across, up)
        half = across * scale / 2 - reach
        shift = (left - spare / 2) * scale
        self.box.setRange(
            xRange=(-reach - half - shift, reach + half - shift), yRange=(-up * scale / 2, up * scale / 2), padding=0
        )
        self.note.setFixedWidth(int(max(left, _NOTE_PX)))
        self.note.move(6, 4)
        self.note.adjustSize()

    @Slot()
    def _look(self) -> None:
        if self.isVisible():
            self._fade()
            self.trails.look(self.chart, self.turn)
            self.trails.draw_starts()
            self._draw_ends()
            self._draw_cursor()

    @Slot()
    def _draw_ends(self) -> None:
        if self.isVisible():
            self.trails.draw_ends(self._session.verdicts)

    @Slot()
    def _draw_cursor(self) -> None:
        if self.isVisible():
            self.trails.draw(self._session.position)

    # -- the mouse -----------------------------------------------------------------------------------------------

    @Slot(float, float, float, float)
    def _on_dragged(self, x0: float, y0: float, x1: float, y1: float) -> None:
        if self.chart == "globe":
            self._session.trackball.turn_to(trackball((x0, y0), (x1, y1)) @ self.turn)

    @Slot(float, float)
    def _on_clicked(self, x: float, y: float) -> None:
        trail = self.trails.trail_at((x, y), _NEAR_PX * self.box.viewPixelSize()[0])
        if trail is not None:
            self._session.set_focus(trail)

    @Slot(object)
    def _on_mouse(self, position: QPointF) -> None:
        if self._session.trackball.turning:
            return  # what the globe shows comes first
        here = self.box.mapSceneToView(position)
        c = found_at(self.chart, self.turn, (float(here.x()), float(here.y())))
        hand = self.chart == "globe" and c is not None
        self.setCursor(Qt.CursorShape.OpenHandCursor if hand else Qt.CursorShape.ArrowCursor)
        if c is None or self._session.sphere is None or self._session.sphere.why:
            self._session.clear_probe()
        else:
            self._session.ask_probe(c)

    def leaveEvent(self, event: QEvent) -> None:
        """No value without a mouse."""
        self._session.clear_probe()
        super().leaveEvent(event)
