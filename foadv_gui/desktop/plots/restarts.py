"""How all paths ended: their losses, their steps, the angles between their ends, and the loss between two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from superqt import QElidingLabel

from foadv_gui.desktop.plots.axis import CountAxis, NumberAxis, few_ticks
from foadv_gui.desktop.plots.pairs import AngleMatrix, BetweenPlot
from foadv_gui.desktop.plots.reason import PlotOrReason
from foadv_gui.desktop.theme import FADED, brush, hover, pen, plot_font, style_axes
from foadv_gui.lab.ranges import drawable, round_levels

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QShowEvent

    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.palette import Theme
    from foadv_gui.lab.restarts import RestartsPicture

_ALONE = "One path has no pair: take more restarts K."
_LATER = "Nothing is judged yet: this comes when the ends of all paths have been."
_TICKS_PX = 20
_HEADROOM = 1.4
"""How much higher than its highest bar a histogram is that has words above its bars."""


class Histogram(pg.PlotWidget):  # type: ignore[misc]
    """Bars of counts, and a line where the focused path is."""

    def __init__(self, title: str, name: str, says: str) -> None:
        super().__init__(enableMenu=False, axisItems={"left": CountAxis("left"), "bottom": NumberAxis("bottom")})
        self.setAccessibleName(name)
        self.setToolTip(hover(says))
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setTitle(title, size="9pt")
        self.getAxis("left").setWidth(30)
        for side in ("left", "bottom"):
            self.getAxis(side).setStyle(hideOverlappingLabels=False)
        self.getAxis("bottom").setHeight(_TICKS_PX)  # with labels or without
        self.plotItem.layout.setContentsMargins(1, 1, 10, 1)
        self.bars = pg.BarGraphItem(x0=[0.0], x1=[0.0], height=[0.0])
        self.apart = pg.BarGraphItem(x0=[0.0], x1=[0.0], height=[0.0])
        """Who has no place on the axis, hatched."""
        self.focus = pg.InfiniteLine(angle=90)
        self.words = pg.TextItem(anchor=(1, 0))
        for item in (self.bars, self.apart, self.focus, self.words):
            self.addItem(item, ignoreBounds=True)

    def paint(self, theme: Theme) -> None:
        """Take the theme's colours."""
        self.setBackground(theme.plot)
        style_axes(self, theme, 8)
        self.plotItem.titleLabel.setText(self.plotItem.titleLabel.text, color=theme.text)
        self.bars.setOpts(brush=brush(theme.bars), pen=pen(theme.plot, 0.5))
        hatched = QBrush(QColor(theme.no), Qt.BrushStyle.BDiagPattern)
        self.apart.setOpts(brush=hatched, pen=pen(theme.no, 1))
        self.focus.setPen(pen(theme.focus, 2))
        self.words.setColor(theme.no)
        self.words.setFont(plot_font(8))

    def draw(
        self, counts: NDArray[np.int64], edges: NDArray[np.float64], focus: float | None, left_out: int, words: str
    ) -> None:
        """Show counts between edges, and beside them, hatched, how many were left out; `focus` None is one of these."""
        low, high = float(edges[0]), float(edges[-1])
        width = high - low if len(counts) else 1.0
        self.bars.setOpts(x0=edges[:-1], x1=edges[1:], height=counts, y0=0)
        self.bars.setVisible(bool(len(counts)))
        beside = (high + 0.06 * width, high + 0.2 * width)
        self.apart.setOpts(x0=[beside[0]], x1=[beside[1]], height=[left_out], y0=0)
        self.apart.setVisible(left_out > 0)
        right = beside[1] if left_out else high
        self.focus.setValue(sum(beside) / 2 if focus is None else focus)
        top = max(int(counts.max(initial=0)), left_out, 1) * (_HEADROOM if left_out else 1.05)
        self.words.setText(f"{words} {left_out}")
        self.words.setPos(right, top)
        self.words.setVisible(left_out > 0)
        self.setXRange(low, right, padding=0.02)
        self.setYRange(0, top, padding=0)

    def fade(self, opacity: float) -> None:
        """Show that what is drawn belongs to the run before, or that it does not."""
        for item in (self.bars, self.apart, self.focus):
            item.setOpacity(opacity)


class RestartsPlot(PlotOrReason):
    """Four small plots over all restarts, below one line of words."""

    def __init__(self, session: Session, theme: ThemeKeeper) -> None:
        body = QWidget()
        super().__init__(body)
        self._session, self._theme = session, theme
        self._drawn: tuple[object, ...] = ()
        self.words = QElidingLabel()
        self.words.setObjectName("faint")
        self.words.setContentsMargins(6, 0, 6, 0)
        self.words.setEllipsesWidth(14)  # it takes the whole width for its own, margins and all
        self.losses = Histogram(
            "paths by loss",
            "Final losses",
            "How many of the paths ended at which loss; the line marks the focused path.",
        )
        self.steps = Histogram(
            "paths by steps",
            "Steps to convergence",
            "In how many steps the paths met the tolerance; the hatched bar counts those that never did, and the line "
            "marks the focused path.",
        )
        self.matrix, self.between = AngleMatrix(session, theme), BetweenPlot(session, theme)
        self.plots = (self.losses, self.steps, self.matrix, self.between)
        self.pairs = [PlotOrReason(self.matrix), PlotOrReason(self.between)]
        row = QHBoxLayout()
        row.setSpacing(2)
        parts: list[QWidget] = [self.losses, self.steps, *self.pairs]
        for part in parts:
            row.addWidget(part, 1)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.words)
        column.addLayout(row, 1)
        self.say(_LATER)
        self.matrix.pointed.connect(self._on_pointed)
        for signal in (session.restartsChanged, session.betweenChanged, session.recordingChanged):
            signal.connect(self._draw)
        session.experimentChanged.connect(self._draw)
        theme.changed.connect(self._paint)
        self._paint()

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        for histogram in (self.losses, self.steps):
            histogram.paint(theme)
        self.matrix.paint()
        self.between.paint()

    @Slot()
    def _draw(self) -> None:
        """Fill in what all restarts say together; nothing while the tab is hidden."""
        session = self._session
        shown = session.restarts
        if not self.isVisible():
            return
        if shown is None:
            self._fade(FADED)
            return
        self.say("")
        self._fade(1.0)
        self._on_pointed("")
        key = (shown, session.focus)
        if key == self._drawn:
            return
        self._drawn = key
        self._draw_histograms(shown, session.focus)
        for page in self.pairs:
            page.say("" if shown.restarts > 1 else _ALONE)
        self.matrix.draw()
        self.between.draw()

    def _draw_histograms(self, shown: RestartsPicture, focus: int) -> None:
        losses = drawable(shown.losses)
        lost = int(np.isnan(losses).sum())
        at = None if np.isnan(losses[focus]) else float(losses[focus])
        counts, edges = shown.loss_histogram()
        self.losses.draw(counts, edges, at, lost, "not finite")
        self.losses.getAxis("bottom").setTicks([few_ticks(float(edges[0]), float(edges[-1]))])
        counts, edges = shown.steps_histogram()
        step = int(shown.converged_at[focus])
        self.steps.draw(counts, edges, None if step < 0 else float(step), shown.unconverged, "unconverged")
        self.steps.getAxis("bottom").setTicks([whole_ticks(float(edges[0]), float(edges[-1]))])

    def _fade(self, opacity: float) -> None:
        for part in (self.losses, self.steps, self.matrix):
            part.fade(opacity)
        self.between.fade(FADED if self._session.between is None else 1.0)

    @Slot(str)
    def _on_pointed(self, words: str) -> None:
        """What the mouse points at in the matrix, or what all restarts say together."""
        shown, between = self._session.restarts, self._session.between
        told = [part.words for part in (shown, between) if part is not None]
        self.words.setText(words or " ".join(told))
        self.words.setToolTip(hover(*told))

    def showEvent(self, event: QShowEvent) -> None:
        """Draw when the tab is opened."""
        super().showEvent(event)
        self._draw()


def whole_ticks(low: float, high: float, most: int = 3) -> list[tuple[float, str]]:
    """At most so many round whole numbers between low and high."""
    levels: list[Any] = [level for level in round_levels(low, high, most) if level == int(level)]
    return [(level, f"{level:.0f}") for level in levels]
