"""Loss, tangential ratio and FOSC, alignment and radius over the steps, with one shared cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Slot

from foadv_gui.desktop.plots.axis import number_axes
from foadv_gui.desktop.theme import FADED, brush, fit_height, pen, style_axes
from foadv_gui.lab.ranges import drawable, round_levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from foadv_gui.desktop.player import Player
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper

_MOST_LINES = 128
_PLOTS = (
    ("loss", "loss L", "The loss L of every path, which the adversary maximises; the focused one is bold.", False),
    (
        "tangential",
        "|Pg|/|g|  - - FOSC  ··· rate",
        "Solid: the share of the gradient along the constraint set (the gradient itself inside it). "
        "Dashed: FOSC, how much more a straight step could gain. Both vanish at a stationary point. Dotted: the "
        "predicted rate, the slope at which the error at this summit shrinks, max |1 + η μᵢ| / (1 + η λ) a step.",
        True,
    ),
    ("cosine", "cos(δ, ∇L)", "The alignment of perturbation and gradient: 1 at a maximum on the boundary.", False),
    ("radius", "|δ|/ε", "How far out the iterate is: 1 on the boundary of the constraint set.", False),
)
_NAMES = tuple(name for name, *_ in _PLOTS)


class TracesPlot(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """Small plots over the step number, all four or those that are named; click or drag in one to move the cursor."""

    def __init__(self, session: Session, player: Player, theme: ThemeKeeper, names: Sequence[str] = _NAMES) -> None:
        super().__init__()
        self._session, self._player, self._theme = session, player, theme
        # Some of them stand in a narrow column, where a long title would take the room of the others.
        short = {"tangential": "|Pg|/|g|  - - FOSC"} if len(names) < len(_PLOTS) else {}
        self._plotted = tuple(
            (key, short.get(key, title), help, log) for key, title, help, log in _PLOTS if key in names
        )
        self.setAccessibleName("Loss, stationarity, alignment and radius by step")
        self.ci.layout.setHorizontalSpacing(4)
        self.ci.layout.setContentsMargins(0, 2, 8, 2)
        self.plots: dict[str, Any] = {}
        self._faint: dict[str, Any] = {}
        self._bold: dict[str, Any] = {}
        self._cursors: list[Any] = []
        self.marks: dict[str, Any] = {}
        self._drawn: tuple[object, int] | None = None
        for column, (name, title, hover, log) in enumerate(self._plotted):
            plot = self.addPlot(row=0, column=column, enableMenu=False, axisItems=number_axes())
            plot.setTitle(title, size="9pt")
            plot.setToolTip(hover)
            plot.setMouseEnabled(False, False)
            plot.hideButtons()
            plot.setLogMode(False, log)
            if log:
                plot.setLimits(minYRange=2.5)
            plot.getAxis("left").setWidth(46)
            for side in ("left", "bottom"):  # the first and the last label are half outside
                plot.getAxis(side).setStyle(hideOverlappingLabels=False)
            self.ci.layout.setColumnPreferredWidth(column, 1)  # not that of its title
            self.ci.layout.setColumnStretchFactor(column, 1)
            self.plots[name] = plot
            self._faint[name] = plot.plot(connect="finite")
            self._bold[name] = plot.plot(connect="finite")
            cursor = pg.InfiniteLine(angle=90, movable=True)
            cursor.sigDragged.connect(self._on_cursor)
            mark = pg.ScatterPlotItem(size=7)
            for item in (cursor, mark):
                plot.addItem(item, ignoreBounds=True)
            self._cursors.append(cursor)
            self.marks[name] = mark
        self._fosc = self.plots["tangential"].plot(connect="finite")
        self.rate = pg.PlotDataItem()
        self.plots["tangential"].addItem(self.rate, ignoreBounds=True)
        self.scene().sigMouseClicked.connect(self._on_click)
        session.recordingChanged.connect(self._draw)
        session.experimentChanged.connect(self._draw)
        session.cursorChanged.connect(self._move)
        session.pathChanged.connect(self._fade)
        session.verdictChanged.connect(self._predict)
        theme.changed.connect(self._paint)
        self._paint()

    @Slot()
    def _paint(self) -> None:
        theme = self._theme.theme
        self.setBackground(theme.plot)
        for name, plot in self.plots.items():
            style_axes(plot, theme, 8)
            plot.titleLabel.setText(plot.titleLabel.text, color=theme.text)
            self._faint[name].setPen(pen(theme.others, 1, alpha=0.45))
            self._bold[name].setPen(pen(theme.focus, 2))
            self.marks[name].setPen(pen(theme.plot, 1))
            self.marks[name].setBrush(brush(theme.focus))
        self._fosc.setPen(pen(theme.focus, 1, dash=True))
        self.rate.setPen(pg.mkPen(pg.mkColor(theme.multiplier), width=2, style=Qt.PenStyle.DotLine))
        for cursor in self._cursors:
            cursor.setPen(pen(theme.cursor, 1, alpha=0.7))
            cursor.setHoverPen(pen(theme.accent, 2))

    @Slot()
    def _draw(self) -> None:
        recording = self._session.recording
        if recording is None:
            return
        focus = self._session.focus
        if (recording, focus) == self._drawn:
            return
        self._drawn = (recording, focus)
        steps = legible(recording.steps)
        others = [k for k in range(min(recording.restarts, _MOST_LINES)) if k != focus]
        for name, title, _, log in self._plotted:
            values = drawable(getattr(recording, name)[steps])
            if np.isnan(values).all():
                title += ": overflows"
            values = _positive(values) if log else values
            self._faint[name].setData(*joined(steps, values[:, others]))
            self._bold[name].setData(steps, values[:, focus])
            plot = self.plots[name]
            plot.setXRange(0, max(recording.steps, 1), padding=0.02)
            plot.getAxis("bottom").setTicks([step_ticks(recording.steps)])
            if title != plot.titleLabel.text:
                plot.setTitle(title, size="9pt", color=self._theme.theme.text)
        self._fosc.setData(steps, _positive(drawable(recording.fosc[steps, focus])))
        self._predict()
        for plot in self.plots.values():
            fit_height(plot)
        self._move()

    @Slot()
    def _predict(self) -> None:
        """The predicted rate as a straight line through the tangential ratio at which the focused path converged."""
        session = self._session
        known = session.verdicts.get(session.focus)
        line = None if known is None or session.recording is None else known.rate_line(session.recording)
        self.rate.setData(*(line if line is not None else ([], [])))

    @Slot()
    def _fade(self) -> None:
        """While a control moves its focused path is ahead: what is drawn belongs to the run before."""
        opacity = 1.0 if self._session.focus_run is None else FADED
        for curve in (*self._faint.values(), *self._bold.values(), *self.marks.values(), self._fosc):
            if curve.opacity() != opacity:
                curve.setOpacity(opacity)

    @Slot()
    def _move(self) -> None:
        session = self._session
        for cursor in self._cursors:
            cursor.setValue(session.t)
        if session.recording is None:
            return
        for name, _, _, log in self._plotted:
            here = drawable(getattr(session.recording, name)[[session.t], session.focus])
            here = np.log10(_positive(here)) if log else here
            seen = np.isfinite(here)
            self.marks[name].setData(np.array([session.t])[seen], here[seen])

    @Slot(object)
    def _on_cursor(self, cursor: Any) -> None:
        self._player.seek(round(cursor.value()))
        self._move()  # the line itself stays on a whole step

    @Slot(object)
    def _on_click(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        for plot in self.plots.values():
            if plot.sceneBoundingRect().contains(event.scenePos()):
                self._player.seek(round(plot.vb.mapSceneToView(event.scenePos()).x()))
                return


def legible(steps: int) -> NDArray[np.int64]:
    """The steps 0..steps, or some five hundred of them in neighbouring pairs, which show what swings to and fro."""
    first = np.arange(0, steps + 1, max(1, steps // 250))
    return np.unique(np.clip(np.concatenate([first, first + 1, [steps]]), 0, steps))


def step_ticks(steps: int, most: int = 3) -> list[tuple[float, str]]:
    """At most so many round step numbers, which do not run into each other in a small plot."""
    levels = [level for level in round_levels(-0.5, steps + 0.5, most) if level >= 0 and level == int(level)]
    return [(level, f"{level:.0f}") for level in levels]


def joined(x: NDArray[Any], columns: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Many curves over one x as a single line with gaps: far quicker to draw than an item each."""
    n, count = columns.shape
    xs = np.tile(np.append(x.astype(np.float64), np.nan), count)
    ys = np.full((count, n + 1), np.nan)
    ys[:, :n] = columns.T
    return xs, ys.ravel()


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Zeros have no logarithm: they leave a gap."""
    return np.where(values > 0, values, np.nan)
