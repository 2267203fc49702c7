"""The Hessian's eigenvalues at the cursor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, QTimer, Slot
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
)
from superqt import QElidingLabel

from foadv_gui.desktop.plots.axis import CountAxis, number_axes
from foadv_gui.desktop.plots.bulk import BulkCurves
from foadv_gui.desktop.plots.reason import PlotOrReason
from foadv_gui.desktop.theme import FADED, brush, pen, style_axes
from foadv_gui.lab.config import setting
from foadv_gui.lab.input_picture import pixel_means

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QHideEvent, QShowEvent

    from foadv_gui.desktop.player import Player
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.bulk import BulkPicture
    from foadv_gui.lab.picture import SpectrumPicture


_VECTOR_PX = 48
_REST_MS = 150
"""How long the spectrum stays the same before what is predicted of it is asked for."""
_HOVER = (
    "Each bar counts eigenvalues of the loss's Hessian, each tick is one. A boundary point is a strict local maximum "
    "where all tangent eigenvalues lie below the multiplier λ: in the shaded part. Move the mouse over the ticks to "
    "see an eigenvector on the landscape."
)


class SpectrumPlot(QFrame):
    """A histogram and a tick for each eigenvalue, the multiplier, and the negative-definite side shaded.

    Where the cursor rests, the predicted distribution is drawn over the bars. A `compact` one keeps its numbers for the
    hover of its heading.
    """

    def __init__(self, session: Session, player: Player, theme: ThemeKeeper, *, compact: bool = False) -> None:
        super().__init__()
        self.setObjectName("card")
        self._session, self._player, self._theme = session, player, theme
        self._compact = compact
        column = QVBoxLayout(self)
        column.setContentsMargins(*((0, 0, 0, 0) if compact else (8, 4, 8, 4)))
        column.setSpacing(2)
        top = QHBoxLayout()
        self.heading = QLabel("Spectrum")
        self.heading.setObjectName("heading")
        top.addWidget(self.heading, 1)
        self.kinds = QButtonGroup(self)
        described = setting("view.spectrum")
        for letter, kind in (("E", "euclidean"), ("T", "tangent")):
            button = QToolButton()
            button.setText(letter)
            button.setCheckable(True)
            button.setToolTip(f"{described.labels[kind]}. {described.help}")
            button.setAccessibleName(described.labels[kind])
            button.setProperty("kind", kind)
            self.kinds.addButton(button)
            top.addWidget(button)
        self.kinds.buttonClicked.connect(self._on_kind)
        column.addLayout(top)
        self.plot = pg.PlotWidget(enableMenu=False, axisItems={**number_axes(), "left": CountAxis("left")})
        self.plot.setAccessibleName("Eigenvalues at the cursor")
        self.plot.setMouseEnabled(False, False)
        self.plot.hideButtons()
        if not compact:  # there the heading names the axis
            self.plot.setLabel("bottom", "eigenvalue μ")
        self.plot.setLabel("left", "count")
        self.plot.getAxis("left").setWidth(40)
        self.plot.plotItem.layout.setContentsMargins(1, 6, 1, 1)
        self._shade = pg.LinearRegionItem(movable=False)
        self._shade.setZValue(-10)
        for line in self._shade.lines:
            line.setPen(pg.mkPen(None))
        self._bars = pg.BarGraphItem(x0=[0.0], x1=[0.0], height=[0.0])
        self._ticks = pg.PlotDataItem(connect="pairs")
        self._picked = pg.PlotDataItem(connect="pairs")
        self._multiplier = pg.InfiniteLine(angle=90)
        for item in (self._shade, self._bars, self._ticks, self._picked, self._multiplier):
            self.plot.addItem(item)
        self.curves = BulkCurves(self.plot)
        self.pages = PlotOrReason(self.plot)
        self.pages.say("No path yet")
        column.addWidget(self.pages, 1)
        # One line, whatever it says: the plot above must not move.
        self.note = QElidingLabel()
        self.note.setObjectName("faint")
        column.addWidget(self.note)
        self.note.setVisible(not compact)
        # Over the plot's corner: a row of its own would move the plot from under the mouse.
        self.vector = QLabel(self.plot)
        self.vector.setAccessibleName("Eigenvector as an image")
        self.vector.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.vector.hide()
        # On the heading alone: over the plot it would hide the direction that the mouse asks for.
        self.heading.setToolTip(_HOVER)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._ask_bulk)
        self.plot.scene().sigMouseMoved.connect(self._on_mouse)
        session.spectrumChanged.connect(self._draw)
        session.spectrumChanged.connect(self._await_bulk)
        session.bulkChanged.connect(self._draw)
        player.changed.connect(self._await_bulk)
        session.recordingChanged.connect(self._fade)
        session.directionChanged.connect(self._pick)
        session.experimentChanged.connect(self._show_kind)
        theme.changed.connect(self._paint)
        self._show_kind()
        self._paint()

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        self.plot.setBackground(theme.plot)
        style_axes(self.plot, theme)
        self._bars.setOpts(brush=brush(theme.bars), pen=pen(theme.plot, 0.5))
        self._picked.setPen(pen(theme.focus, 3))
        self._multiplier.setPen(pen(theme.multiplier, 2))
        self._shade.setBrush(brush(theme.yes, 0.10))
        self.curves.paint(theme)
        self.curves.explain(self._session.bulk)

    @Slot()
    def _fade(self) -> None:
        """Another run: what is drawn belongs to the one before, until its own spectrum comes."""
        for item in (self._bars, self._ticks):
            item.setOpacity(FADED)
        self.curves.clear()

    @Slot()
    def _await_bulk(self) -> None:
        """Wait for the spectrum to rest; while it plays, is hidden or is known already nothing is asked."""
        session = self._session
        if session.spectrum is None or session.bulk is not None or self._player.playing or not self.isVisible():
            self._rest.stop()
        else:
            self._rest.start()

    @Slot()
    def _ask_bulk(self) -> None:
        if self._session.moving:
            self._rest.start()
        else:
            self._session.ask_bulk()

    def showEvent(self, event: QShowEvent) -> None:
        """What was not asked for while nobody saw it is asked for now."""
        super().showEvent(event)
        self._await_bulk()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody sees it: nothing is asked."""
        super().hideEvent(event)
        self._rest.stop()

    @Slot()
    def _show_kind(self) -> None:
        for button in self.kinds.buttons():
            button.setChecked(button.property("kind") == self._session.experiment.view.spectrum)

    @Slot(object)
    def _on_kind(self, button: Any) -> None:
        self._session.edit("view.spectrum", button.property("kind"))

    @Slot()
    def _draw(self) -> None:
        shown = self._session.spectrum
        if shown is None:
            return
        name = "Tangent" if shown.kind == "tangent" else "Euclidean"
        if self._compact:  # the heading names the axis, and says where the multiplier is if the axis does not reach it
            self.heading.setText(" ".join(part for part in (f"{name} μ, t = {shown.t}", _multiplier(shown)) if part))
        else:
            self.heading.setText(f"{name} spectrum at t = {shown.t}")
        self._pick()
        self.pages.say(shown.why_empty)
        self.note.setVisible(not (shown.why_empty or self._compact))
        if shown.why_empty:
            return
        values, bulk = shown.eigenvalues, self._session.bulk
        outlier = bulk.outlier if bulk is not None else None
        low, high = shown.axis(outlier)
        counts, edges = shown.histogram(outlier)
        for item in (self._bars, self._ticks):
            item.setOpacity(1.0)
        if bulk is not None and bulk.estimated is not None:
            counts = np.zeros_like(counts)  # of a few at both ends, beside all of them
        self._bars.setOpts(x0=edges[:-1], x1=edges[1:], height=counts, y0=0)
        top = max(float(counts.max()), self.curves.draw(bulk, edges))
        self._ticks.setPen(pen(self._theme.theme.text, 1, alpha=0.7 if len(values) < 200 else 0.2))
        self._ticks.setData(np.repeat(values, 2), np.tile([-0.14 * top, -0.03 * top], len(values)))
        self._shade.setRegion((low - 10 * (high - low), shown.multiplier))
        self._multiplier.setValue(shown.multiplier)
        self.plot.setXRange(low, high, padding=0.02)
        self.plot.setYRange(-0.16 * top, top * self.curves.HEADROOM, padding=0)
        self._say(shown, bulk)

    def _say(self, shown: SpectrumPicture, bulk: BulkPicture | None) -> None:
        words = _words(shown, bulk)
        self.note.setText(words)
        self.note.setToolTip(words)
        explained = [_HOVER, bulk.explanation if bulk is not None else "", f"Here: {words}." if self._compact else ""]
        self.heading.setToolTip(" ".join(part for part in explained if part))

    def _shown_tick(self, position: QPointF) -> int | None:
        shown = self._session.spectrum
        if shown is None or shown.why_empty:
            return None
        box = self.plot.plotItem.vb
        if not box.sceneBoundingRect().contains(position):
            return None
        index = int(np.abs(shown.eigenvalues - box.mapSceneToView(position).x()).argmin())
        away = box.mapViewToScene(QPointF(float(shown.eigenvalues[index]), 0)).x() - position.x()
        return index if abs(away) < 12 else None

    @Slot(object)
    def _on_mouse(self, position: QPointF) -> None:
        index = self._shown_tick(position)
        if index is None:
            self._session.clear_direction()
        elif self._session.direction is None or self._session.direction.index != index:
            self._session.ask_direction(index)

    def leaveEvent(self, event: QEvent) -> None:
        """The eigenvector goes when the mouse goes."""
        self._session.clear_direction()
        super().leaveEvent(event)

    def _show_vector(self, vector: NDArray[np.float64]) -> None:
        """The eigenvector as a small image, where the input is one; in colour, the mean of each pixel's colours."""
        info = self._session.info
        shape = info.image_shape if info is not None else None
        self.vector.setVisible(shape is not None and math.prod(shape) == len(vector))
        if not self.vector.isVisible() or shape is None:
            return
        image = pixel_means(vector, shape)
        shares = 0.5 + 0.5 * image / max(np.abs(image).max(), 1e-300)
        colours = pg.colormap.get("CET-D1A").map(shares.ravel(), mode="byte")
        pixels = np.ascontiguousarray(colours.reshape(*image.shape, 4))
        drawn = QImage(pixels.data, shape[1], shape[0], 4 * shape[1], QImage.Format.Format_RGBA8888)
        self.vector.setPixmap(QPixmap.fromImage(drawn).scaledToHeight(_VECTOR_PX))
        self.vector.adjustSize()
        self.vector.move(self.plot.width() - self.vector.width() - 6, 6)

    @Slot()
    def _pick(self) -> None:
        picked, shown = self._session.direction, self._session.spectrum
        if picked is None or shown is None:
            self._picked.setData([], [])
            self.vector.hide()
            if shown is not None and len(shown.eigenvalues):
                self._say(shown, self._session.bulk)
            return
        bottom, top = self.plot.viewRange()[1]
        self._picked.setData([picked.eigenvalue] * 2, [bottom, 0.25 * top])
        self.note.setText(f"μ = {picked.eigenvalue:.5g}: {picked.share:.0%} of its direction is in the plane")
        self._show_vector(picked.vector)


def _multiplier(shown: SpectrumPicture) -> str:
    """The multiplier in few words, with an arrow to where it lies beyond what is drawn: "  λ = 266 →"."""
    if shown.why_empty or not (shown.kind == "tangent" or shown.multiplier):
        return ""
    low, high = shown.axis()
    arrow = " →" if shown.multiplier > high else " ←" if shown.multiplier < low else ""
    return f"  λ = {shown.multiplier:.3g}{arrow}"


def _words(shown: SpectrumPicture, bulk: BulkPicture | None) -> str:
    low, high = shown.axis(bulk.outlier if bulk is not None else None)
    parts = []
    if shown.kind == "tangent" or shown.multiplier:
        where = (
            "" if low <= shown.multiplier <= high else (" (far right)" if shown.multiplier > high else " (far left)")
        )
        parts.append(f"λ = {shown.multiplier:.4g}{where}")
    parts.append(f"μ from {shown.eigenvalues[0]:.4g} to {shown.eigenvalues[-1]:.4g}")
    if shown.zeros:
        parts.append(f"and {shown.zeros} exact zeros")
    if not shown.exact:
        parts.append(f"the {len(shown.eigenvalues)} extreme ones of {shown.dimension}, residual {shown.residual:.0e}")
    return ", ".join([*parts, *(bulk.words if bulk is not None else [])])
