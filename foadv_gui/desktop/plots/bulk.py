"""The curves over a spectrum's bars: what random-matrix theory predicts, and the estimate of a large one's density."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from foadv_gui.desktop.theme import brush, pen, plot_font

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from foadv_gui.lab.bulk import BulkPicture
    from foadv_gui.lab.palette import Theme

_PLACES = 400
"""Points of the predicted curve across the plot."""


class BulkCurves:
    """Steps for the estimated density, a curve for the predicted one, and a triangle at the predicted outlier.

    Their key lies over the plot's upper edge, in the `HEADROOM` that is left there.
    """

    HEADROOM = 1.25

    def __init__(self, plot: Any) -> None:
        self.key = QLabel(plot)
        self.key.setTextFormat(Qt.TextFormat.RichText)
        self.key.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.key.setFont(plot_font(8))
        self.key.hide()
        self.estimated = pg.PlotDataItem(stepMode="center", fillLevel=0.0)
        self.predicted = pg.PlotDataItem()
        self.outlier = pg.PlotDataItem(pen=None, symbol="t", symbolSize=11)
        for item in (self.estimated, self.predicted, self.outlier):
            plot.addItem(item)

    def paint(self, theme: Theme) -> None:
        """Take the theme's colours."""
        self._theme = theme
        self.estimated.setPen(pen(theme.bars))
        self.estimated.setFillBrush(brush(theme.bars, 0.6))
        self.predicted.setPen(pen(theme.prediction, 2))
        self.outlier.setSymbolBrush(brush(theme.prediction))
        self.outlier.setSymbolPen(pen(theme.plot))

    def clear(self) -> None:
        """Draw nothing."""
        for item in (self.estimated, self.predicted, self.outlier):
            item.setData([], [])
        self.key.hide()

    def draw(self, shown: BulkPicture | None, edges: NDArray[np.float64]) -> float:
        """Draw over bars with these edges (k + 1,); returns the height that is needed."""
        self.clear()
        top, width = 1.0, float(edges[1] - edges[0])
        if shown is None:
            return top
        if shown.estimated is not None:
            heights = shown.estimated.heights((edges[1:] + edges[:-1]) / 2, width)
            self.estimated.setData(edges, heights)
            top = max(top, float(heights.max()))
        if shown.predicted is not None:
            places = np.linspace(edges[0], edges[-1], _PLACES)
            heights = shown.predicted.heights(places, width)
            self.predicted.setData(places, heights)
            top = max(top, float(heights.max()))
        if shown.outlier is not None and edges[0] <= shown.outlier <= edges[-1]:
            self.outlier.setData([shown.outlier], [0.06 * top])
        self.explain(shown)
        return top

    def explain(self, shown: BulkPicture | None) -> None:
        """Write the key, in the theme's colours."""
        words = []
        if shown is not None and shown.predicted is not None:
            distance = "" if shown.distance is None else f", Kolmogorov {shown.distance:.2g}"
            words.append(f"<span style='color:{self._theme.prediction}'>━</span> predicted{distance}")
        if shown is not None and shown.estimated is not None:
            note = f"SLQ, {shown.probes} probes, {shown.steps} steps"
            words.append(f"<span style='color:{self._theme.bars}'>■</span> {note}")
        self.key.setText("&nbsp; ".join(words))
        self.key.adjustSize()
        self.key.move(52, 7)
        self.key.setVisible(bool(words))
