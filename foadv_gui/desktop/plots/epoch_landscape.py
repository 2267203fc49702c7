"""The landscape of a column of a training: with the words beside it that there is room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QFontMetrics

from foadv_gui.desktop.plots.landscape import LandscapePlot
from foadv_gui.desktop.theme import hover, plot_font

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper

_LABEL_PT = 9
_TICKS_PX, _TITLED_PX = 30, 46
"""The width of the left axis: with its numbers, and with its name too."""
_BELOW_PX, _TITLED_BELOW_PX = 20, 38
_ROOMY_PX = 420
"""From this width on the colour bar says what it shows, as the list above the columns does."""
_BAR_PX, _TITLED_BAR_PX = 44, 64
_BESIDE_PX = 120
WIDEST = 1.6
"""At most so many times its height is the width of a landscape: the disc in it is as wide as high."""
_EDGES_PX = (1, 7, 1, 1)
"""Left, top, right and below; the topmost labels reach half a line higher."""


class EpochLandscape(LandscapePlot):
    """A landscape that leaves out the names of its axes, which its hover tells, where they would be cut off."""

    def __init__(self, session: Session, theme: ThemeKeeper) -> None:
        self._names = ("", "")
        super().__init__(session, theme, fixed=True)
        session.planeChanged.connect(self._name_axes)
        self._make_room()

    @Slot()
    def _name_axes(self) -> None:
        plane = self._session.plane
        if plane is not None and plane.axes != self._names:
            self._names = plane.axes
            self.setToolTip(hover(f"Across: {plane.axes[0]}. Up: {plane.axes[1]}. Both in units of ε."))
            self._make_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another size has room for other words (Qt asks)."""
        if hasattr(self, "_rest"):
            self._centre()  # first: with the margins of a wide plot it would not become a narrow one
        super().resizeEvent(event)
        if hasattr(self, "_rest"):
            self._make_room()

    @property
    def _wide(self) -> int:
        """How much of its width is used."""
        return int(min(self.width(), WIDEST * self.height()))

    def _centre(self) -> None:
        """Keep to the middle of a wide column."""
        aside = (self.width() - self._wide) // 2
        before, above, after, below = _EDGES_PX
        self.plotItem.layout.setContentsMargins(before + aside, above, after + aside, below)

    def _make_room(self) -> None:
        """Fix all that surrounds the map.

        Left to itself the axis is as wide as its labels, which depend on how wide it leaves the view: in a low and
        narrow column that never comes to rest, and the window paints without end.
        """
        letters = QFontMetrics(plot_font(_LABEL_PT))
        across, up = (letters.horizontalAdvance(f"{name}  [ε]") for name in self._names)
        left, bottom = self.getAxis("left"), self.getAxis("bottom")
        # One says little without the other.
        named = bool(self._names[0]) and (
            up < self.height() - 3 * _BELOW_PX and across < self._wide - _BESIDE_PX - _TITLED_PX
        )
        left.showLabel(named)
        left.setWidth(_TITLED_PX if named else _TICKS_PX)
        bottom.showLabel(named)
        bottom.setHeight(_TITLED_BELOW_PX if named else _BELOW_PX)
        roomy = self._wide >= _ROOMY_PX
        self.ground.title_bar(_TITLED_BAR_PX if roomy else _BAR_PX, titled=roomy)
