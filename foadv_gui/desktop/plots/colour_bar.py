"""The one colour bar of several landscapes that share their colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg
from PySide6.QtCore import Slot

from foadv_gui.desktop.plots.surface import colour_bar, look_of, paint_bar
from foadv_gui.lab.ranges import round_offset

if TYPE_CHECKING:
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.picture import Surface

_WIDTH = 96


class SharedColourBar(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """A colour bar beside landscapes that hide their own."""

    def __init__(self, theme: ThemeKeeper) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedWidth(_WIDTH)
        self.setAccessibleName("Colours of all landscapes")
        self.setToolTip("One colour means one value in all columns")
        self.ci.layout.setContentsMargins(2, 8, 2, 8)
        self.bar = colour_bar()
        self.addItem(self.bar)
        self._look: tuple[str, str] | None = None
        theme.changed.connect(self._paint)
        self._paint()

    @Slot()
    def _paint(self) -> None:
        self.setBackground(self._theme.theme.window)
        paint_bar(self.bar, self._theme.theme)

    def show_range(self, low: float, high: float, surface: Surface, colormap: str) -> None:
        """Show what the colours of landscapes stand for, of which `surface` is one."""
        offset = round_offset(low, high)
        look = look_of(surface, colormap, offset)
        if look != self._look:
            self._look = look
            self.bar.setColorMap(pg.colormap.get(look[1]))
            self.bar.getAxis("right").setLabel(look[0])
        self.bar.setLevels((low - offset, high - offset))
