"""The loss along a line that was drawn on the landscape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg
from PySide6.QtCore import Slot

from foadv_gui.desktop.plots.axis import number_axes
from foadv_gui.desktop.theme import pen, style_axes
from foadv_gui.lab.ranges import drawable

if TYPE_CHECKING:
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper


class CutPlot(pg.PlotWidget):  # type: ignore[misc]
    """A 1-D cut: loss over the distance along the line, in units of epsilon."""

    def __init__(self, session: Session, theme: ThemeKeeper) -> None:
        super().__init__(enableMenu=False, axisItems=number_axes())
        self._session, self._theme = session, theme
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setLabel("bottom", "distance along the line  [ε]")
        self.setLabel("left", "loss L")
        self._curve = self.plot(connect="finite")
        self.setToolTip("The loss on the line from where the drag began (left) to where it ended (right)")
        session.cutChanged.connect(self._draw)
        theme.changed.connect(self._paint)
        self._paint()

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        self.setBackground(theme.plot)
        style_axes(self, theme)
        self._curve.setPen(pen(theme.accent, 2))

    @Slot()
    def _draw(self) -> None:
        cut = self._session.cut
        if cut is None:
            self._curve.setData([], [])
        else:
            self._curve.setData(cut.position, drawable(cut.loss))
