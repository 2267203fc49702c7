"""What a person does at the window: press keys, click, drag, choose; all through events on the real widgets."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QStyle, QStyleOptionSlider

from foadv_gui.lab.config import Experiment

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QSlider, QTabWidget, QWidget
    from pytestqt.qtbot import QtBot

    from foadv_gui.desktop.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
_MOVE_MS = 15
"""Between two moves of the mouse: pyqtgraph looks at a hundred a second."""


def small(**changes: Any) -> Experiment:
    """An experiment that takes some milliseconds: d = 16, m = 64, K = 4, 30 steps; sections may be changed."""
    parts: dict[str, Any] = {
        "network": {"width": 64, "dimension": 16},
        "input": {},
        "ascent": {"steps": 30, "restarts": 4, "tolerance": 0.0},
        "compute": {"device": "cpu"},
        "view": {"grid": 41},
    }
    for section, values in changes.items():
        parts[section] = {**parts[section], **values}
    return Experiment.model_validate(parts)


def loss_at(session: Any, point: Any) -> float:
    """The loss at a point of the plane on show, from the recording's arrays alone (tanh)."""
    recording, plane = session.recording, session.plane
    delta = plane.origin + recording.epsilon * (point[0] * plane.u + point[1] * plane.v)
    value = recording.a @ np.tanh(recording.W @ (recording.x + delta))
    return float(0.5 * (value - recording.y) ** 2)


class Hands:
    """A person's hands and eyes at one window."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        self.qtbot, self.window = qtbot, window
        self.failures: list[str] = []
        window.session.failed.connect(self._note_failure)

    def _note_failure(self, message: str, details: str) -> None:
        self.failures.append(f"{message}\n{details}")

    # -- shortcuts to what is looked at --------------------------------------------------------------------------

    @property
    def session(self) -> Any:
        return self.window.session

    @property
    def player(self) -> Any:
        return self.window.player

    @property
    def explore(self) -> Any:
        return self.window.explore

    @property
    def landscape(self) -> Any:
        return self.window.explore.landscape.plot

    @property
    def spectrum_is_current(self) -> bool:
        """Whether the spectrum on show belongs to the iterate at the cursor."""
        spectrum, path = self.session.spectrum, self.session.path
        here = int(path.steps[path.at(self.session.t)])
        return spectrum is not None and (spectrum.k, spectrum.t) == (self.session.focus, here)

    def field(self, key: str) -> Any:
        """The row of a setting in the form, scrolled to and with its section unfolded."""
        field = self.explore.setup.fields[key]
        header = field.parentWidget().parentWidget().findChild(type(self.window.stop), "section")
        if not header.isChecked():
            self.click(header)
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        self.explore.setup.ensureWidgetVisible(field)
        return field

    # -- waiting -------------------------------------------------------------------------------------------------

    def until(self, fact: Callable[[], bool], timeout: int = 20_000) -> None:
        self.qtbot.waitUntil(fact, timeout=timeout)

    def rest(self, timeout: int = 30_000) -> None:
        """Wait until nothing is on its way: no job, and no timer that is about to ask for one."""
        self.until(lambda: not (self.session.busy or self.window.filing.busy) and self.no_timer(), timeout)
        assert not self.failures, self.failures

    def no_timer(self) -> bool:
        """Whether no part of the window is about to ask for something."""
        return not any(timer.isActive() and timer.isSingleShot() for timer in self.window.findChildren(QTimer))

    # -- keys ----------------------------------------------------------------------------------------------------

    def key(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier, times: int = 1) -> None:
        """Press a key wherever the keyboard's focus is."""
        for _ in range(times):
            self.qtbot.keyClick(QApplication.focusWidget() or self.window, key, modifier)

    def type(self, box: QAbstractSpinBox | Any, text: str, *, enter: bool = True) -> None:
        """Replace a field's text by typing."""
        self.focus(box)
        self.key(Qt.Key.Key_A, CTRL)
        self.key(Qt.Key.Key_Delete)
        self.qtbot.keyClicks(box, text)
        if enter:
            self.key(Qt.Key.Key_Return)

    def focus(self, widget: QWidget) -> None:
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        assert widget.hasFocus(), f"{widget} takes no focus"

    def choose(self, box: QComboBox, data: object) -> None:
        """Open a drop-down list with the keyboard, go to an entry, take it."""
        index = box.findData(data)
        assert index >= 0, data
        self.focus(box)
        self.key(Qt.Key.Key_Space)
        view = box.view()
        self.until(view.isVisible)
        self.qtbot.keyClick(view, Qt.Key.Key_Home)
        for _ in range(index):
            if view.currentIndex().row() < index:  # a line between two groups is no entry
                self.qtbot.keyClick(view, Qt.Key.Key_Down)
        assert view.currentIndex().row() == index
        self.qtbot.keyClick(view, Qt.Key.Key_Return)
        self.until(lambda: not view.isVisible())
        self.activate()

    def activate(self) -> None:
        """Make the window the active one: after a popup or a dialog, no window manager does it here."""
        self.window.activateWindow()
        self.until(self.window.isActiveWindow)

    # -- the mouse -----------------------------------------------------------------------------------------------

    def click(self, widget: QWidget, at: QPoint | None = None) -> None:
        self.qtbot.mouseClick(widget, LEFT, pos=at or QPoint(widget.width() // 2, widget.height() // 2))

    def turn_to(self, tabs: QTabWidget, index: int) -> None:
        """Click on a tab."""
        bar = tabs.tabBar()
        self.click(bar, bar.tabRect(index).center())
        assert tabs.currentIndex() == index

    def hover(self, widget: QWidget, at: QPoint) -> None:
        """Move the mouse, without a button, to a place in a widget."""
        for place in (at + QPoint(3, 3), at):
            self._mouse(QEvent.Type.MouseMove, widget, place, Qt.KeyboardModifier.NoModifier, pressed=False)
            self.qtbot.wait(_MOVE_MS)

    def leave(self, widget: QWidget) -> None:
        """Move the mouse out of a widget."""
        QApplication.sendEvent(widget, QEvent(QEvent.Type.Leave))

    def drag(
        self,
        widget: QWidget,
        *points: QPoint,
        modifier: Any = Qt.KeyboardModifier.NoModifier,
        pause: int = _MOVE_MS,
        steps: int = 4,
        release: bool = True,
    ) -> None:
        """Press at the first point, move through the others in steps, release."""
        self._mouse(QEvent.Type.MouseButtonPress, widget, points[0], modifier)
        for before, after in itertools.pairwise(points):
            for share in np.linspace(0, 1, steps + 1)[1:]:
                at = QPointF(before) + (QPointF(after) - QPointF(before)) * float(share)
                self._mouse(QEvent.Type.MouseMove, widget, at.toPoint(), modifier)
                self.qtbot.wait(pause)
        if release:
            self.release(widget, points[-1], modifier=modifier)

    def release(self, widget: QWidget, at: QPoint, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        self._mouse(QEvent.Type.MouseButtonRelease, widget, at, modifier)

    def _mouse(self, kind: QEvent.Type, widget: QWidget, at: QPoint, modifier: Any, *, pressed: bool = True) -> None:
        # QTest's own moves cannot hold a modifier key down.
        button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else LEFT
        released = kind == QEvent.Type.MouseButtonRelease or not pressed
        buttons = Qt.MouseButton.NoButton if released else LEFT
        event = QMouseEvent(kind, QPointF(at), QPointF(widget.mapToGlobal(at)), button, buttons, modifier)
        QApplication.sendEvent(widget, event)

    def wheel(self, widget: QWidget, at: QPoint, notches: int) -> None:
        """Turn the wheel over a place."""
        event = QWheelEvent(
            QPointF(at),
            QPointF(widget.mapToGlobal(at)),
            QPoint(),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)

    # -- places --------------------------------------------------------------------------------------------------

    def on_plot(self, plot: Any, x: float, y: float) -> QPoint:
        """Where a point (in data coordinates) of a pyqtgraph plot widget is in its viewport."""
        scene = plot.plotItem.vb.mapViewToScene(QPointF(x, y))
        at = plot.mapFromScene(scene)
        assert plot.viewport().rect().contains(at), f"({x}, {y}) is not in view"
        return QPoint(at)

    def on_landscape(self, point: Any) -> QPoint:
        return self.on_plot(self.landscape, float(point[0]), float(point[1]))

    def handle(self, slider: QSlider, tick: int | None = None) -> QPoint:
        """Where a slider's handle is, or where it would be at another value."""
        option = QStyleOptionSlider()
        slider.initStyleOption(option)
        if tick is not None:
            option.sliderPosition = option.sliderValue = tick
        part = QStyle.SubControl.SC_SliderHandle
        return slider.style().subControlRect(QStyle.ComplexControl.CC_Slider, option, part, slider).center()

    def slide(self, slider: QSlider, *ticks: int, pause: int = _MOVE_MS, steps: int = 4, release: bool = True) -> None:
        """Drag a slider's handle with the mouse to one value after another."""
        points = [self.handle(slider), *(self.handle(slider, tick) for tick in ticks)]
        self.drag(slider, *points, pause=pause, steps=steps, release=release)
