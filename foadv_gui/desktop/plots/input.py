"""Clean input, perturbation and adversary at the cursor: as images for images, as bars otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Slot

from foadv_gui.desktop.theme import pen, style_axes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper

_NAMES = ("clean x", "perturbation δ", "adversary x + δ")
_MOST_BARS = 4096


class InputPlot(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """Three pictures of the focused restart's input."""

    def __init__(self, session: Session, theme: ThemeKeeper) -> None:
        super().__init__()
        self._session, self._theme = session, theme
        self._plots: list[Any] = []
        self._images: list[Any] = []
        self._curves: list[Any] = []
        for row, name in enumerate(_NAMES):
            plot = self.addPlot(row=row, column=0, title=name)
            plot.setMouseEnabled(False, False)
            plot.hideButtons()
            plot.setMenuEnabled(False)
            image = pg.ImageItem(axisOrder="row-major")
            curve = pg.PlotCurveItem([0.0, 1.0], [0.0], stepMode="center", fillLevel=0)
            plot.addItem(image)
            plot.addItem(curve)
            self._plots.append(plot)
            self._images.append(image)
            self._curves.append(curve)
        self.setToolTip(
            "The clean input, the perturbation at the cursor (coloured on the scale of its own largest entry, which "
            "the title gives), and their sum, in one grey scale."
        )
        session.recordingChanged.connect(self.draw)
        session.cursorChanged.connect(self.draw)
        session.experimentChanged.connect(self.draw)
        session.prepared.connect(self.draw)
        theme.changed.connect(self._paint)
        self._paint()

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        self.setBackground(theme.plot)
        for plot, curve in zip(self._plots, self._curves, strict=True):
            style_axes(plot, theme, 8)
            plot.titleLabel.setText(plot.titleLabel.text, color=theme.text)
            curve.setPen(pen(theme.accent, 1))
            curve.setBrush(pen(theme.accent).color())
        self.draw()

    @Slot()
    def draw(self) -> None:
        """Fill in the input at the cursor; nothing while the tab is hidden."""
        recording, info = self._session.recording, self._session.info
        if recording is None or info is None or not self.isVisible():
            return
        delta = np.array(recording.delta[recording.kept_index(self._session.t), self._session.focus], np.float64)
        x = recording.x
        if len(x) != info.dimension or len(delta) != len(x):
            return
        top = float(np.abs(delta).max()) or 1.0
        grey = (float(min(x.min(), (x + delta).min())), float(max(x.max(), (x + delta).max())))
        words = (_NAMES[0], f"{_NAMES[1]}, largest entry {top:.3g}", _NAMES[2])
        for i, (values, title) in enumerate(zip((x, delta, x + delta), words, strict=True)):
            self._plots[i].setTitle(title, size="9pt", color=self._theme.theme.text)
            if info.image_shape is not None:
                self._draw_image(i, values.reshape(info.image_shape), (-top, top) if i == 1 else grey)
            else:
                self._draw_bars(i, values)

    def _draw_image(self, i: int, image: NDArray[np.float64], levels: tuple[float, float]) -> None:
        plot = self._plots[i]
        self._curves[i].hide()
        self._images[i].show()
        self._images[i].setColorMap(pg.colormap.get("CET-D1A" if i == 1 else "CET-L1"))
        # Row 0 of an image is its top.
        self._images[i].setImage(image[::-1], levels=levels)
        plot.hideAxis("left")
        plot.hideAxis("bottom")
        plot.setAspectLocked(True)
        plot.setRange(xRange=(0, image.shape[1]), yRange=(0, image.shape[0]), padding=0.02)

    def _draw_bars(self, i: int, values: NDArray[np.float64]) -> None:
        plot = self._plots[i]
        self._images[i].hide()
        self._curves[i].show()
        plot.setAspectLocked(False)
        plot.showAxis("left")
        plot.showAxis("bottom")
        shown = values[:_MOST_BARS]
        self._curves[i].setData(np.arange(len(shown) + 1) - 0.5, shown)
        plot.setRange(xRange=(-0.5, len(shown) - 0.5), padding=0.01)
        plot.enableAutoRange("y")

    def showEvent(self, event: Any) -> None:
        """Draw when the tab is opened."""
        super().showEvent(event)
        self.draw()
