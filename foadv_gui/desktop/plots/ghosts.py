"""Paths of other runs over a landscape: thin, dashed, named, and told apart by their dashes too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from foadv_gui.desktop.theme import hover, plot_font

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QPainterPath

    from foadv_gui.lab.ghost import GhostsPicture

_MOST = 4
_COLOUR = "#8ff0ff"
_DASHES = ([4, 3], [1, 3], [8, 3, 1, 3], [8, 4])
_ABOVE = (1.1, -0.1, 1.6, -0.6)
"""Where the labels lie beside their ends, so that those of like ends do not hide each other."""


class GhostCurve(pg.PlotCurveItem):  # type: ignore[misc]
    """A line whose hover is on the line itself, not on all that it encloses."""

    def __init__(self, width: float, colour: str, dashes: Sequence[float]) -> None:
        super().__init__(connect="finite", skipFiniteCheck=False)
        drawn = pg.mkPen(colour, width=width)
        drawn.setDashPattern(list(dashes))
        self.setPen(drawn)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)

    def shape(self) -> QPainterPath:
        """Where the mouse finds it."""
        path: QPainterPath = self.mouseShape()
        return path


class Ghosts:
    """Draws ghosts into a plot; its items are made once and refilled."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self.curves: list[GhostCurve] = []
        self.ends: list[Any] = []
        self.labels: list[Any] = []
        for dashes in _DASHES:
            curve = GhostCurve(1.5, _COLOUR, dashes)
            end = pg.ScatterPlotItem(symbol="s", size=8, pen=pg.mkPen("#000000"), brush=pg.mkBrush(_COLOUR))
            label = pg.TextItem(color=_COLOUR, fill=pg.mkBrush(0, 0, 0, 150))
            label.setFont(plot_font(8))
            for z, item in enumerate((curve, end, label)):
                item.setZValue(16 + z)
                item.hide()
                plot.addItem(item, ignoreBounds=True)
            self.curves.append(curve)
            self.ends.append(end)
            self.labels.append(label)

    def draw(self, shown: GhostsPicture | None) -> None:
        """Draw some, or none."""
        ghosts = shown.ghosts[:_MOST] if shown is not None else ()
        for i, (curve, end, label) in enumerate(zip(self.curves, self.ends, self.labels, strict=True)):
            for item in (curve, end, label):
                item.setVisible(i < len(ghosts))
            if i >= len(ghosts):
                continue
            ghost = ghosts[i]
            curve.setData(*ghost.points.T)
            curve.setToolTip(hover(ghost.words))
            end.setToolTip(hover(ghost.words))
            label.setToolTip(hover(ghost.words))
            label.setText(ghost.name)
            if np.isfinite(ghost.points[-1]).all():
                end.setData(*ghost.points[-1:].T)
                label.setAnchor((1 if ghost.points[-1, 0] > 0 else 0, _ABOVE[i]))  # towards the middle of the view
                label.setPos(*ghost.points[-1])
