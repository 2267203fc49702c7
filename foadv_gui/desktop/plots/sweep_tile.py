"""One picture of a sweep with its metric above it: a curve, a heat map, or the reason why there is neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QStackedWidget, QToolButton, QVBoxLayout

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.plots.sweep_curve import CurvePlot
from foadv_gui.desktop.plots.sweep_heat import HeatPlot
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.sweep.metrics import METRICS
from foadv_gui.lab.sweep.picture import CurvePicture

if TYPE_CHECKING:
    from foadv_gui.desktop.plots.marks import MarksPlot
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.overview import Picture


class SweepTile(QFrame):
    """One of the pictures; which metric it shows, and whether it fills the page, is chosen above it."""

    metricChosen = Signal(int, str)
    resized = Signal(int)
    pointed = Signal(str)
    opened = Signal(int)

    def __init__(self, place: int, theme: ThemeKeeper) -> None:
        super().__init__()
        self.setObjectName("card")
        self.place, self._theme = place, theme
        self.chooser = QComboBox()
        for name, metric in METRICS.items():
            self.chooser.addItem(metric.words, name)
            self.chooser.setItemData(self.chooser.count() - 1, hover(metric.hover), Qt.ItemDataRole.ToolTipRole)
        self.chooser.setAccessibleName(f"Metric of picture {place + 1}")
        self.chooser.setMaxVisibleItems(30)
        self.chooser.activated.connect(self._on_metric)
        self.size_button = QToolButton()
        self.size_button.setAutoRaise(True)
        self.size_button.setCheckable(True)
        self.size_button.setAccessibleName(f"Picture {place + 1} alone")
        self.size_button.toggled.connect(self._on_size)
        top = QHBoxLayout()
        top.addWidget(self.chooser)
        top.addStretch(1)
        top.addWidget(self.size_button)
        self._plots: dict[type[MarksPlot], MarksPlot] = {}
        self.reason = QLabel()
        self.reason.setObjectName("faint")
        self.reason.setWordWrap(True)
        self.reason.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.reason)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 3, 6, 3)
        column.setSpacing(1)
        column.addLayout(top)
        column.addWidget(self.stack, 1)
        theme.changed.connect(self._paint)
        self._paint()

    @property
    def plot(self) -> MarksPlot | None:
        """The curve or the heat map, if one is on show."""
        shown = self.stack.currentWidget()
        return shown if isinstance(shown, CurvePlot | HeatPlot) else None

    @Slot()
    def _paint(self) -> None:
        for plot in self._plots.values():
            plot.paint(self._theme.theme)
        self._paint_button()

    def _paint_button(self) -> None:
        alone = self.size_button.isChecked()
        theme = self._theme.theme
        self.size_button.setIcon(icon("smaller" if alone else "larger", theme.accent_text if alone else theme.text))
        self.size_button.setToolTip(hover("Show all four pictures again" if alone else "Show this picture alone"))

    def show_picture(self, picture: Picture | None, sweep: Sweep | None) -> None:
        """Draw a picture, or say why there is nothing to draw."""
        if picture is None or sweep is None or picture.why_empty:
            self.reason.setText("No point has been computed yet." if picture is None else picture.why_empty)
            self.stack.setCurrentWidget(self.reason)
            return
        plot = self._plot(CurvePlot if isinstance(picture, CurvePicture) else HeatPlot)
        self.stack.setCurrentWidget(plot)
        plot.draw(picture, sweep)

    def _plot(self, kind: type[CurvePlot] | type[HeatPlot]) -> MarksPlot:
        """The plot of a kind, made when there is something to draw: each takes some hundredths of a second."""
        if kind not in self._plots:
            plot: MarksPlot = kind()
            self._plots[kind] = plot
            plot.pointed.connect(self.pointed)
            plot.opened.connect(self.opened)
            plot.paint(self._theme.theme)
            self.stack.addWidget(plot)
        return self._plots[kind]

    def show_metric(self, name: str) -> None:
        """Show which metric was asked for."""
        with QSignalBlocker(self.chooser):
            self.chooser.setCurrentIndex(self.chooser.findData(name))
        self.chooser.setToolTip(hover(METRICS[name].hover))

    @Slot(int)
    def _on_metric(self, index: int) -> None:
        self.metricChosen.emit(self.place, self.chooser.itemData(index))

    @Slot(bool)
    def _on_size(self) -> None:
        self._paint_button()
        self.resized.emit(self.place)
