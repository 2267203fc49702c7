"""The input-Hessian profile at a clean training point: its eigenvalues in order, before training and at an epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout

from foadv_gui.desktop.plots.axis import number_axes, short
from foadv_gui.desktop.plots.reason import PlotOrReason
from foadv_gui.desktop.plots.trails import curve
from foadv_gui.desktop.theme import hover, pen, style_axes
from foadv_gui.lab.ranges import drawable, some_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.desktop.epoch_session import EpochSession
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.training.epoch import ProfilePicture

_MOST_DECADES = 3
_TICK_PX = 15
_HOVER = (
    "The eigenvalues μ of the Hessian of the loss by the input, at the clean training point, largest first: thin "
    "before training, bold at this epoch. One of them is large wherever f has a slope; the others say how the loss "
    "bends. Adversarial training is seen to flatten this profile (Moosavi-Dezfooli et al. 2019).",
    "Near zero the scale is linear, far from it logarithmic.",
)


class ProfilePlot(QFrame):
    """Two falling curves about a zero line, on a scale that shows large and small eigenvalues of both signs."""

    def __init__(self, session: EpochSession, theme: ThemeKeeper) -> None:
        super().__init__()
        self._session, self._theme = session, theme
        self._shown: ProfilePicture | None = None
        self._of: tuple[object, ...] = ()
        self._unit, self._range = 1.0, (math.inf, -math.inf)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        # It names the curves, and says where they begin.
        self.heading = QLabel()
        self.heading.setToolTip(hover(*_HOVER))
        self.heading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        column.addWidget(self.heading)
        self.plot = pg.PlotWidget(enableMenu=False, axisItems=number_axes())
        self.plot.setAccessibleName("Eigenvalues in order, before training and now")
        self.plot.setMouseEnabled(False, False)
        self.plot.hideButtons()
        self.plot.getAxis("left").setWidth(40)
        self.plot.getAxis("left").setStyle(hideOverlappingLabels=False)
        self.plot.plotItem.layout.setContentsMargins(1, 6, 4, 1)
        self._zero = pg.InfiniteLine(angle=0, pos=0)
        self._before, self._now = curve(), curve()
        for item in (self._zero, self._now, self._before):  # a thin line over a bold one is seen
            self.plot.addItem(item, ignoreBounds=True)
        self.pages = PlotOrReason(self.plot)
        self.pages.say("It comes when the cursor rests")
        column.addWidget(self.pages, 1)
        session.pictureChanged.connect(self._draw)
        theme.changed.connect(self._paint)
        self._paint()

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        self.plot.setBackground(theme.plot)
        style_axes(self.plot, theme)
        self._zero.setPen(pen(theme.faint_text, 1, dash=True))
        self._before.setPen(pen(theme.text, 1))
        self._now.setPen(pen(theme.focus, 3))
        self._name_curves()

    @Slot()
    def _draw(self) -> None:
        picture = self._session.picture
        if picture is None or picture.profile is None or picture.profile is self._shown:
            return
        shown = self._shown = picture.profile
        self._name_curves()
        self.pages.say(shown.problem)
        if shown.problem:
            return
        of = picture.recording.experiment.input, picture.arm, picture.point
        if of != self._of:
            self._of, self._range = of, (math.inf, -math.inf)
            self._unit = unit_of(shown.before)
        ranks = np.arange(1, len(shown.now) + 1)
        before, now = (bent(drawable(one), self._unit) for one in (shown.before, shown.now))
        self._before.setData(ranks, before)
        self._now.setData(ranks, now)
        self._fit(np.concatenate([before, now, [0.0]]), len(ranks))

    def _name_curves(self) -> None:
        """Name the curves in their colours, with the largest eigenvalue of each."""
        theme, shown = self._theme.theme, self._shown
        before = now = ""
        if shown is not None and not shown.problem:
            before, now = (f"{one[0]:.3g} ".replace("-", "−") for one in (shown.before, shown.now))
        self.heading.setText(
            f"max μ:&nbsp; <b style='color:{theme.focus}'>━ {now}now</b>&nbsp;&nbsp; "
            f"<span style='color:{theme.text}'>─ {before}at epoch 0</span>"
        )

    def _fit(self, heights: NDArray[np.float64], count: int) -> None:
        """Show all of both; over the epochs of one training point the range only grows, or it would jump about."""
        known = heights[np.isfinite(heights)]
        low, high = min(self._range[0], float(known.min())), max(self._range[1], float(known.max()))
        if (low, high) != self._range:
            self._range = low, high
            self.plot.setYRange(*some_range(low, high), padding=0.06)
        low, high = some_range(low, high)
        room = _TICK_PX * (high - low) / max(self.plot.plotItem.vb.height(), 1.0)
        self.plot.getAxis("left").setTicks([apart(bent_ticks(low, high, self._unit), room)])
        self.plot.setXRange(1, max(count, 2), padding=0.02)


def unit_of(values: NDArray[np.float64]) -> float:
    """Up to which size a scale is about linear, so that half of the eigenvalues lie there."""
    sizes = np.abs(values[np.isfinite(values)])
    middle = float(np.median(sizes)) if len(sizes) else 0.0
    top = float(sizes.max(initial=0.0))
    return max(middle, 1e-4 * top) or 1.0


def bent(values: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """The inverse hyperbolic sine: linear below the unit, logarithmic above it, of both signs."""
    return np.asarray(np.arcsinh(values / unit))


def bent_ticks(low: float, high: float, unit: float) -> list[tuple[float, str]]:
    """Zero and powers of ten of both signs, between two heights of such a scale."""
    largest = unit * math.sinh(max(abs(low), abs(high)))
    top = math.floor(math.log10(largest))
    values = [sign * 10.0**power for power in range(top, top - _MOST_DECADES, -1) for sign in (1, -1)]
    heights = [(math.asinh(value / unit), value) for value in values if abs(value) > 0.7 * unit]
    return [(0.0, "0"), *((height, short(float(f"{value:.3g}"))) for height, value in heights if low <= height <= high)]


def apart(ticks: list[tuple[float, str]], room: float) -> list[tuple[float, str]]:
    """The ticks that are so far from those before them in the list that their labels do not touch."""
    kept: list[tuple[float, str]] = []
    for tick in ticks:
        if all(abs(tick[0] - other) >= room for other, _ in kept):
            kept.append(tick)
    return kept
