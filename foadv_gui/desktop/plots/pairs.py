"""Pairs of endpoints: the angles between all of them, and the loss between two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal, Slot

from foadv_gui.desktop.plots.axis import NumberAxis, number_axes
from foadv_gui.desktop.theme import FADED, brush, hover, pen, plot_font, style_axes
from foadv_gui.lab.ranges import drawable

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent

    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper

_MATRIX_HELP = (
    "The angle between each two endpoints, seen from the clean input: 0° for the same maximum, 180° for opposite ones. "
    "Endpoints of one maximum stand side by side. Click on a pair to see the loss between its ends."
)
_BETWEEN_HELP = (
    "The loss from the end of one path (circle) to that of another (square): on the straight way (solid) and along the "
    "shorter great circle of the sphere (dashed). Between two hills it dips."
)


class AngleMatrix(pg.PlotWidget):  # type: ignore[misc]
    """The angles between all endpoints as an image, ordered by similarity; a click chooses a pair."""

    pointed = Signal(str)
    """What is under the mouse, in words; nothing when it has left."""

    def __init__(self, session: Session, theme: ThemeKeeper) -> None:
        super().__init__(enableMenu=False)
        self._session, self._theme = session, theme
        self.setAccessibleName("Angles between the endpoints")
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setTitle("angles", size="9pt")
        self.setToolTip(hover(_MATRIX_HELP))
        for side in ("left", "bottom"):
            self.hideAxis(side)
        self.plotItem.vb.invertY(True)
        self.setAspectLocked(True)
        self.plotItem.layout.setContentsMargins(1, 1, 1, 8)  # half of the lowest label stands out
        colours = pg.colormap.get("viridis")
        self.image = pg.ImageItem(axisOrder="row-major", colorMap=colours, levels=(0.0, 180.0))
        self.pair = pg.ScatterPlotItem(symbol="s", size=9)
        self._bar = pg.ColorBarItem(values=(0.0, 180.0), interactive=False, width=8, colorMap=colours)
        axis = NumberAxis("right")
        axis.setRange(0.0, 180.0)
        axis.setTicks([[(angle, f"{angle}°") for angle in (0, 90, 180)]])
        axis.setWidth(34)
        axis.setStyle(hideOverlappingLabels=False)  # the first and the last are half outside
        self._bar.setAxisItems({"right": axis})
        axis.unlinkFromView()
        self._bar.axis = axis
        for item in (self.image, self.pair):
            self.addItem(item, ignoreBounds=True)
        self._bar.setImageItem(self.image, insert_in=self.plotItem)
        self.scene().sigMouseMoved.connect(self._on_mouse)
        self.scene().sigMouseClicked.connect(self._on_click)
        session.betweenChanged.connect(self._mark)

    def paint(self) -> None:
        """Take the theme's colours."""
        theme = self._theme.theme
        self.setBackground(theme.plot)
        self.plotItem.titleLabel.setText(self.plotItem.titleLabel.text, color=theme.text)
        axis = self._bar.getAxis("right")
        axis.enableAutoSIPrefix(False)
        axis.setPen(pen(theme.border))
        axis.setTextPen(pen(theme.faint_text))
        axis.setTickFont(plot_font(8))
        self.pair.setPen(pen(theme.focus, 2))
        self.pair.setBrush(brush(theme.focus, 0.25))

    def draw(self) -> None:
        """Fill in the angles on show."""
        shown = self._session.restarts
        if shown is None:
            return
        count = len(shown.order)
        self.image.setImage(np.degrees(shown.angles), autoLevels=False)
        self.image.setRect(QRectF(0, 0, count, count))
        self.setRange(xRange=(0, count), yRange=(0, count), padding=0)
        self._mark()

    def fade(self, opacity: float) -> None:
        """Show that what is drawn belongs to the run before, or that it does not."""
        self.image.setOpacity(opacity)
        self.pair.setOpacity(opacity)

    @Slot()
    def _mark(self) -> None:
        shown, between = self._session.restarts, self._session.between
        places = []
        if shown is not None and between is not None:
            row, column = shown.place(between.i), shown.place(between.j)
            if row is not None and column is not None:
                places = [(column + 0.5, row + 0.5), (row + 0.5, column + 0.5)]
        self.pair.setData(pos=np.array(places).reshape(-1, 2))

    def _cell(self, position: QPointF) -> tuple[int, int] | None:
        """Row and column at a place of the scene."""
        shown, box = self._session.restarts, self.plotItem.vb
        if shown is None or not box.sceneBoundingRect().contains(position):
            return None
        at, count = box.mapSceneToView(position), len(shown.order)
        inside = 0 <= at.x() < count and 0 <= at.y() < count
        return (int(at.y()), int(at.x())) if inside else None

    @Slot(object)
    def _on_mouse(self, position: QPointF) -> None:
        shown, cell = self._session.restarts, self._cell(position)
        words = "" if shown is None or cell is None else shown.pair_words(*cell)
        self.setToolTip(hover(words, _MATRIX_HELP))
        self.pointed.emit(words)

    @Slot(object)
    def _on_click(self, event: Any) -> None:
        shown, cell = self._session.restarts, self._cell(event.scenePos())
        if event.button() != Qt.MouseButton.LeftButton:
            return  # the right one opens a menu
        if shown is not None and cell is not None and cell[0] != cell[1]:
            self._session.ask_between(int(shown.order[cell[0]]), int(shown.order[cell[1]]))

    def leaveEvent(self, event: QEvent) -> None:
        """The words go when the mouse goes."""
        self.pointed.emit("")
        super().leaveEvent(event)


class BetweenPlot(pg.PlotWidget):  # type: ignore[misc]
    """The loss between the ends of the chosen pair, straight and along the sphere."""

    def __init__(self, session: Session, theme: ThemeKeeper) -> None:
        super().__init__(enableMenu=False, axisItems=number_axes())
        self._session, self._theme = session, theme
        self.setAccessibleName("Loss between two endpoints")
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setTitle("loss between", size="9pt")
        self.setToolTip(hover(_BETWEEN_HELP))
        self.getAxis("left").setWidth(46)
        self.getAxis("bottom").setTicks([[(0.0, "0"), (0.5, "½ of the way"), (1.0, "1")]])
        for side in ("left", "bottom"):
            self.getAxis(side).setStyle(hideOverlappingLabels=False)
        self.setXRange(0, 1, padding=0.05)
        self.straight = self.plot(connect="finite")
        self.arc = self.plot(connect="finite")
        self.ends = pg.ScatterPlotItem(size=8)
        self.addItem(self.ends)
        session.betweenChanged.connect(self.draw)

    def paint(self) -> None:
        """Take the theme's colours."""
        theme = self._theme.theme
        self.setBackground(theme.plot)
        style_axes(self, theme, 8)
        self.plotItem.titleLabel.setText(self.plotItem.titleLabel.text, color=theme.text)
        self.straight.setPen(pen(theme.accent, 2))
        self.arc.setPen(pen(theme.multiplier, 2, dash=True))
        self.ends.setPen(pen(theme.plot, 1))
        self.ends.setBrush(brush(theme.focus))

    @Slot()
    def draw(self) -> None:
        """Fill in the pair on show."""
        shown = self._session.between
        if shown is None:
            return
        self.fade(1.0)
        segment = drawable(shown.segment)
        self.straight.setData(shown.shares, segment)
        self.arc.setData(*(([], []) if shown.arc is None else (shown.shares, drawable(shown.arc))))
        ends = segment[[0, -1]]
        seen = np.isfinite(ends)
        symbols = [symbol for symbol, there in zip("os", seen, strict=True) if there]
        self.ends.setData(x=np.array([0.0, 1.0])[seen], y=ends[seen], symbol=symbols)
        self.setTitle(f"loss {shown.i + 1} → {shown.j + 1}", size="9pt", color=self._theme.theme.text)
        self.setToolTip(hover(shown.words, _BETWEEN_HELP))
        self.setYRange(*shown.span(), padding=0)

    def fade(self, opacity: float = FADED) -> None:
        """Show that what is drawn belongs to the run before, or that it does not."""
        for item in (self.straight, self.arc, self.ends):
            item.setOpacity(opacity)
