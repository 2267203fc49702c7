"""The extreme eigenvalues of the Hessian along the path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout

from foadv_gui.desktop.plots.axis import number_axes
from foadv_gui.desktop.plots.reason import PlotOrReason
from foadv_gui.desktop.plots.traces import step_ticks
from foadv_gui.desktop.theme import FADED, brush, fit_height, pen, style_axes
from foadv_gui.lab.ranges import drawable

if TYPE_CHECKING:
    from foadv_gui.desktop.player import Player
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper


class ExtremesPlot(QFrame):
    """Largest and smallest eigenvalue and the multiplier along the focused path."""

    def __init__(self, session: Session, player: Player, theme: ThemeKeeper) -> None:
        super().__init__()
        self.setObjectName("card")
        self._session, self._player, self._theme = session, player, theme
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(2)
        self.heading = QLabel("Extreme eigenvalues by step")
        self.heading.setObjectName("heading")
        column.addWidget(self.heading)
        self.plot = pg.PlotWidget(enableMenu=False, axisItems=number_axes())
        self.plot.setAccessibleName("Extreme eigenvalues by step")
        self.plot.setMouseEnabled(False, False)
        self.plot.hideButtons()
        self.plot.setLabel("bottom", "step t")
        self.plot.getAxis("left").setWidth(40)
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setStyle(hideOverlappingLabels=False)
        self.plot.plotItem.layout.setContentsMargins(1, 7, 8, 1)
        self._curves = {name: self.plot.plot(connect="finite") for name in ("largest", "smallest", "multiplier")}
        self._cursor = pg.InfiniteLine(angle=90, movable=True)
        self._cursor.sigDragged.connect(self._on_cursor)
        self.plot.addItem(self._cursor, ignoreBounds=True)
        self.pages = PlotOrReason(self.plot)
        self.pages.say("No path yet")
        column.addWidget(self.pages, 1)
        self.key = QLabel()
        self.key.setTextFormat(Qt.TextFormat.RichText)
        # Whatever it says the columns keep their widths.
        self.key.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        column.addWidget(self.key)
        self.heading.setToolTip(
            "Where the largest tangent eigenvalue falls below the multiplier λ, the path has entered the part of the "
            "sphere on which the loss is concave."
        )
        session.extremesChanged.connect(self._draw)
        session.cursorChanged.connect(self._move)
        session.recordingChanged.connect(self._fade)
        theme.changed.connect(self._paint)
        self._paint()

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        self.plot.setBackground(theme.plot)
        style_axes(self.plot, theme)
        colours = {"largest": theme.largest, "smallest": theme.smallest, "multiplier": theme.multiplier}
        marks = {"largest": "t1", "smallest": "t", "multiplier": "o"}
        for name, curve in self._curves.items():
            curve.setPen(pen(colours[name], 2))
            curve.setSymbol(marks[name])
            curve.setSymbolSize(5)
            curve.setSymbolBrush(brush(colours[name]))
            curve.setSymbolPen(pen(colours[name]))
        self._cursor.setPen(pen(theme.cursor, 1, alpha=0.7))
        self._show_key()

    def _show_key(self) -> None:
        theme, shown = self._theme.theme, self._session.extremes
        concave = shown.concave_from if shown is not None else None
        self.key.setText(
            f"<span style='color:{theme.largest}'>▲ max μ</span>&nbsp; "
            f"<span style='color:{theme.smallest}'>▼ min μ</span>&nbsp; "
            f"<span style='color:{theme.multiplier}'>● λ</span>"
            + (f"&nbsp; concave from t = {concave}" if concave is not None else "")
        )

    @Slot()
    def _draw(self) -> None:
        shown = self._session.extremes
        if shown is None:
            return
        self.pages.say(shown.why_empty)
        self.key.setVisible(not shown.why_empty)
        self._show_key()
        kind = "tangent" if shown.kind == "tangent" else "Euclidean"
        self.heading.setText(f"Extreme {kind} eigenvalues by step")
        if shown.why_empty:
            return
        for name, curve in self._curves.items():
            curve.setOpacity(1.0)
            values = drawable(getattr(shown, name))
            # Symbols without any place make Qt fail.
            curve.setData(*((shown.t, values) if np.isfinite(values).any() else ([], [])))
        self.plot.setXRange(0, max(self._session.steps, 1), padding=0.02)
        self.plot.getAxis("bottom").setTicks([step_ticks(self._session.steps, 6)])
        fit_height(self.plot)
        self._move()

    @Slot()
    def _fade(self) -> None:
        for curve in self._curves.values():
            curve.setOpacity(FADED)
        self._move()

    @Slot()
    def _move(self) -> None:
        self._cursor.setValue(self._session.t)

    @Slot(object)
    def _on_cursor(self, cursor: Any) -> None:
        self._player.seek(round(cursor.value()))
        self._move()  # the line itself stays on a whole step
