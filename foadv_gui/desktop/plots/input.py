"""Clean input, perturbation and adversary at the cursor: as images for images, as bars otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from foadv_gui.desktop.plots.axis import number_axes
from foadv_gui.desktop.theme import pen, style_axes
from foadv_gui.lab.input_picture import InputPicture, as_image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QShowEvent

    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.palette import Theme

_MOST_BARS = 4096


class VectorPlot(pg.PlotWidget):  # type: ignore[misc]
    """One vector of the input space, as an image or as bars."""

    def __init__(self, colormap: str) -> None:
        super().__init__(enableMenu=False, axisItems=number_axes())
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.image = pg.ImageItem(axisOrder="row-major", colorMap=pg.colormap.get(colormap))
        self.bars = pg.PlotCurveItem([0.0, 1.0], [0.0], stepMode="center", fillLevel=0)
        self.addItem(self.image)
        self.addItem(self.bars)

    def paint(self, theme: Theme) -> None:
        """Take the theme's colours."""
        self.setBackground(theme.plot)
        style_axes(self, theme, 8)
        self.image.setBorder(pen(theme.faint_text, 1))  # a white image on white would have no edge
        self.bars.setPen(pen(theme.accent, 1))
        self.bars.setBrush(pen(theme.accent).color())

    def draw(self, values: NDArray[np.float64], shape: tuple[int, ...] | None, levels: tuple[float, float]) -> None:
        """Show a vector (d,): an image of `shape` in its own colours or those between `levels`, or bars."""
        for side in ("left", "bottom"):
            self.showAxis(side, shape is None)
        self.image.setVisible(shape is not None)
        self.bars.setVisible(shape is None)
        self.setAspectLocked(shape is not None)
        if shape is not None:
            # Row 0 of an image is its top.
            image = as_image(values, shape, levels)
            self.image.setImage(image[::-1], levels=levels if image.ndim == 2 else (0, 255))
            self.setRange(xRange=(0, shape[1]), yRange=(0, shape[0]), padding=0.01)
            return
        shown = values[:_MOST_BARS]
        self.bars.setData(np.arange(len(shown) + 1) - 0.5, shown)
        self.setRange(xRange=(-0.5, len(shown) - 0.5), yRange=levels, padding=0.02)


class InputPlot(QWidget):
    """The focused restart's clean input, perturbation and adversary, one below the other or side by side (`across`)."""

    def __init__(self, session: Session, theme: ThemeKeeper, *, across: bool = False) -> None:
        super().__init__()
        self._session, self._theme, self._across = session, theme, across
        self.setAccessibleName("Clean input, perturbation and adversary")
        grid = QGridLayout(self)
        grid.setContentsMargins(4, 2, 4, 2)
        grid.setSpacing(1)
        self.titles: list[QLabel] = []
        self.plots: list[VectorPlot] = []
        for i, colormap in enumerate(("CET-L1", "CET-D1A", "CET-L1")):
            title, plot = QLabel(), VectorPlot(colormap)
            self.titles.append(title)
            self.plots.append(plot)
            row, column = (0, i) if across else (2 * i, 0)
            grid.addWidget(title, row, column)
            grid.addWidget(plot, row + 1, column)
            grid.setRowStretch(row + 1, 1)
            if across:  # whatever they say, the three stay as wide as each other
                grid.setColumnStretch(column, 1)
                title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
                title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.titles[0].setToolTip("The clean input x = γ x̂; clean input and adversary share one scale")
        self.titles[1].setToolTip(
            "The perturbation δ at the cursor, coloured on the scale of its own largest entry; of an "
            "image in colour, the signed mean of each pixel's three colours"
        )
        self.titles[2].setToolTip("What the network sees: x + δ")
        for plot, name in zip(self.plots, ("Clean input", "Perturbation", "Adversary"), strict=True):
            plot.setAccessibleName(name)
        for signal in (session.recordingChanged, session.cursorChanged, session.experimentChanged, session.prepared):
            signal.connect(self.draw)
        theme.changed.connect(self._paint)
        self._paint()

    @Slot()
    def _paint(self) -> None:
        for plot in self.plots:
            plot.paint(self._theme.theme)

    @Slot()
    def draw(self) -> None:
        """Fill in the input at the cursor; nothing while the tab is hidden."""
        recording, info = self._session.recording, self._session.info
        if recording is None or info is None or not self.isVisible():
            return
        shown = InputPicture.of(recording, self._session.t, self._session.focus, info.image_shape)
        if not len(shown.clean) == len(shown.delta) == info.dimension:
            return
        mean = ", mean of its colours" if shown.in_colour else ""
        cut = info.image_shape is None and info.dimension > _MOST_BARS
        part = f" (the first {_MOST_BARS} of {info.dimension})" if cut else ""
        if self._across:
            self.titles[0].setText("clean x")
            self.titles[1].setText(f"δ ±{shown.limit:.2g}{' (mean)' if shown.in_colour else ''}")
            self.titles[2].setText("x + δ")
        else:
            self.titles[0].setText(f"clean x: {info.input_label}{part}")
            self.titles[1].setText(f"perturbation δ, up to ±{shown.limit:.3g}{mean}{part}")
            self.titles[2].setText(f"adversary x + δ{part}")
        sides = (-shown.limit, shown.limit)
        self.plots[0].draw(shown.clean, info.image_shape, shown.span)
        self.plots[1].draw(shown.shift, info.image_shape, sides)
        self.plots[2].draw(shown.adversary, info.image_shape, shown.span)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw when the tab is opened."""
        super().showEvent(event)
        self.draw()
