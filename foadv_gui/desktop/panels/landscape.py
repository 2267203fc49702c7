"""The landscape with its choices above and its values below: on a plane, a globe or a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
)

from foadv_gui.desktop.plots.globe import GlobePlot
from foadv_gui.desktop.plots.landscape import LandscapePlot
from foadv_gui.desktop.plots.reason import PlotOrReason
from foadv_gui.desktop.plots.trails import drawn_restarts
from foadv_gui.desktop.status import at_cursor, at_mouse, decided_at_cursor
from foadv_gui.lab.config import setting
from foadv_gui.lab.quantity import residual_name

if TYPE_CHECKING:
    from foadv_gui.desktop.actions import Actions
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper

_CHOICE_PX = 320
_SEEN = 1e-3
"""A cut of the set that is narrower than this, in units of epsilon, cannot be seen."""
_CHARTS = {
    "plane": "A flat cut through the input space, with the constraint set's own cut in white.",
    "globe": "The part of the sphere |δ| = ε that three directions span, seen from outside: drag it to turn it, "
    "double-click (or press F) to turn it back.",
    "map": "The whole of that sphere on one disc, by Lambert's projection, which keeps areas; its rim is the one point "
    "opposite to the centre.",
}
_PLANE_KEY = (
    "White line: the boundary of the constraint set. Dashed white line: f = y, where the loss is zero (of a "
    "classifier f = 0, where its decision changes). "
    "With arrows on (Landscape settings), the solid white stroke is the whole next step and the dashed one "
    "what the projection takes away from it. Blue dashes: the focused path of a pinned run, in units of its own ε."
)
_GLOBE_KEY = (
    "Paths are drawn at the nearest points of the sphere; on a globe, what lies on the far side is faint. "
    "Thin circles: every 30° from the first direction e₁. Dashed white line: f = y, where the loss is zero (of a "
    "classifier f = 0, where its decision changes). "
    "What a box leaves out is dark. Click a trail to follow that path."
)


class LandscapePanel(QFrame):
    """The landscape with its choices above and its values below."""

    def __init__(self, session: Session, theme: ThemeKeeper, actions: Actions) -> None:
        super().__init__()
        self.setObjectName("card")
        self._session = session
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(2)
        top = QHBoxLayout()
        heading = QLabel("Landscape")
        heading.setObjectName("heading")
        top.addWidget(heading)
        top.addStretch(1)
        self.charts = self._chart_buttons(top)
        self.plane = self._choice("view.plane", top)
        self.subspace = self._choice("view.subspace", top)
        self.quantity = self._choice("view.quantity", top)
        self._tools: dict[str, QToolButton] = {}
        for key in ("cut", "pin", "fit"):
            button = self._tools[key] = QToolButton()
            button.setDefaultAction(actions[key])
            button.setAutoRaise(True)
            top.addWidget(button)
        column.addLayout(top)
        self.plot = LandscapePlot(session, theme, actions)
        self.pages = PlotOrReason(self.plot)
        self.pages.say("Loading torch: the first picture follows")
        self.globe = GlobePlot(session, theme)
        self.globe_pages = PlotOrReason(self.globe)
        self.globe_pages.say("The sphere is cut where the paths end: it follows the run")
        self.stack = QStackedWidget()
        self.stack.addWidget(self.pages)
        self.stack.addWidget(self.globe_pages)
        column.addWidget(self.stack, 1)
        self.key = QLabel()
        self.key.setObjectName("faint")
        self.values = QLabel()
        self.values.setObjectName("faint")
        for line in (self.key, self.values):
            line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            column.addWidget(line)
        session.surfaceChanged.connect(self._on_surface)
        session.sphereChanged.connect(self._on_sphere)
        session.experimentChanged.connect(self._show_choices)
        for changed in (session.pathChanged, session.surfaceChanged, session.globeChanged, session.ghostsChanged):
            changed.connect(self._show_key)
        for changed in (session.planeChanged, session.sphereChanged):
            changed.connect(self._show_hover)
        for signal in (
            session.probeChanged,
            session.cursorChanged,
            session.pathChanged,
            session.recordingChanged,
            session.sphereChanged,
        ):
            signal.connect(self._show_values)
        self._show_choices()

    @property
    def on_plane(self) -> bool:
        """Whether the landscape is drawn on a plane."""
        return self._session.experiment.view.chart == "plane"

    def _chart_buttons(self, row: QHBoxLayout) -> QButtonGroup:
        group = QButtonGroup(self)
        described = setting("view.chart")
        for chart in described.choices:
            button = QToolButton()
            button.setText(described.labels[chart])
            button.setCheckable(True)
            button.setToolTip(_CHARTS[chart])
            button.setAccessibleName(f"{described.title}: {described.labels[chart]}")
            button.setProperty("chart", chart)
            group.addButton(button)
            row.addWidget(button)
        group.buttonClicked.connect(self._on_chart)
        return group

    def _choice(self, key: str, row: QHBoxLayout) -> QComboBox:
        described = setting(key)
        box = QComboBox()
        for choice in described.choices:
            box.addItem(described.labels[choice], choice)
        box.setToolTip(described.help)
        box.setAccessibleName(described.title)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(9)
        box.setProperty("setting", key)
        box.activated.connect(self._on_choice)
        if key == "view.quantity":
            row.addWidget(box)
        else:  # its words are long: they have what room there is
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.setMaximumWidth(_CHOICE_PX)
            row.addWidget(box, 100)
        return box

    # -- choices -------------------------------------------------------------------------------------------------

    @Slot()
    def fit(self) -> None:
        """Show the whole of the plane again, or the globe from its front."""
        (self.plot if self.on_plane else self.globe).fit()

    @Slot()
    def take_focus(self) -> None:
        """Give the keyboard to the landscape."""
        (self.plot if self.on_plane else self.globe).setFocus()

    @Slot()
    def _on_surface(self) -> None:
        self.pages.say("")

    @Slot()
    def _on_sphere(self) -> None:
        sphere = self._session.sphere
        self.globe_pages.say("" if sphere is None else sphere.why)
        self._show_key()

    @Slot(object)
    def _on_chart(self, button: Any) -> None:
        self._session.clear_probe()
        self._session.edit("view.chart", button.property("chart"))
        self._show_choices()

    @Slot(int)
    def _on_choice(self, index: int) -> None:
        box = self.sender()
        assert isinstance(box, QComboBox)
        self._session.edit(box.property("setting"), box.itemData(index))
        self._show_choices()

    @Slot()
    def _show_choices(self) -> None:
        view = self._session.experiment.view
        for button in self.charts.buttons():
            button.setChecked(button.property("chart") == view.chart)
        for box, value in ((self.plane, view.plane), (self.subspace, view.subspace), (self.quantity, view.quantity)):
            box.setCurrentIndex(box.findData(value))
        residual = residual_name([self._session.experiment.network.loss])
        self.quantity.setItemText(self.quantity.findData("residual"), residual)
        self.stack.setCurrentWidget(self.pages if self.on_plane else self.globe_pages)
        self.plane.setVisible(self.on_plane)
        self.subspace.setVisible(not self.on_plane)
        self._tools["cut"].setVisible(self.on_plane)
        self._show_key()
        self._show_hover()
        self._show_values()

    # -- words ---------------------------------------------------------------------------------------------------

    @Slot()
    def _show_key(self) -> None:
        path, plane, words = self._session.path, self._session.plane, "✛ clean  ◆ start  ★ maximum  ✕ no maximum"
        if not self.on_plane:
            words = words.replace("✛ clean  ", "")
            words += "    faint: far side    drag to turn" if self._session.experiment.view.chart == "globe" else ""
        if path is not None and len(drawn_restarts(path)) < path.restarts:
            words += f"    {len(drawn_restarts(path))} of {path.restarts} paths drawn"
        if self.on_plane and plane is not None and not (len(plane.cut) and np.ptp(plane.cut, axis=0).max() > _SEEN):
            words += "    the set and this plane share a point at most"
        if self.on_plane and self._session.ghosts is not None and self._session.ghosts.ghosts:
            words += "  ■ pinned run"
        surface = self._session.surface if self.on_plane else self._session.globe
        if surface is not None:
            # Beside a disc there is nothing to be drawn.
            drawn = surface.shown() if self.on_plane else surface.shown()[np.isfinite(surface.values)]
            if not np.isfinite(drawn).all():
                words += "    no colour where values are too large"
        globe = self._session.globe
        if not self.on_plane and globe is not None and globe.boxed:
            words += "    dark: outside the box"
        if not self.on_plane and self.globe_pages.reason.text():
            words = ""
        self.key.setText(words)
        self.key.setToolTip(_PLANE_KEY if self.on_plane else _GLOBE_KEY)

    @Slot()
    def _show_hover(self) -> None:
        plane, sphere = self._session.plane, self._session.sphere
        held = plane if self.on_plane else sphere
        if self.on_plane:
            words = (
                "At the cursor: the true loss L of the focused path's iterate, and in brackets the loss at its shadow, "
                "the nearest point of the plane; the off-plane share is |δ⊥|/|δ|."
            )
        else:
            words = (
                "At the cursor: the true loss L of the focused path's iterate, and in brackets the loss where it is "
                "drawn, at the nearest point of the sphere; the off-subspace share is |δ⊥|/|δ|, how much of the "
                "perturbation lies outside the three directions; |δ| is its length in units of ε."
            )
        if self._session.experiment.network.loss != "quadratic":
            words += " The class (or side) is the one that the network decides for: ✓ the right one, ✗ another."
        if held is not None and held.explained is not None:
            words += f" The {'plane' if self.on_plane else 'subspace'} holds {held.explained:.1%} of {held.explains}."
        self.values.setToolTip(words)

    @Slot()
    def _show_values(self) -> None:
        mouse = self._session.probe
        if mouse is not None:
            self.values.setText(at_mouse(mouse))
        elif self.on_plane:
            self._show_plane_values()
        else:
            self._show_globe_values()

    def _show_plane_values(self) -> None:
        words = at_cursor(self._session)
        if words:
            self.values.setText(words)

    def _show_globe_values(self) -> None:
        session, sphere, recording = self._session, self._session.sphere, self._session.recording
        if sphere is None or sphere.why or not len(sphere.steps):
            self.values.setText("")
            return
        i = sphere.at(session.t)
        drawn = f"{sphere.nearest_loss[i]:.5g} on the sphere"
        off = f"off the subspace {sphere.off[i, sphere.focus]:.0%}"
        if sphere.restarts > 1:
            off += f" (others up to {np.delete(sphere.off[i], sphere.focus).max():.0%})"
        if sphere.alone or recording is None or sphere.restarts != recording.restarts:
            self.values.setText(f"L = {drawn},  {off}")
            return
        step = min(int(sphere.steps[i]), recording.steps)
        held = "" if sphere.explained is None else f",  subspace holds {sphere.explained:.0%}"
        loss, radius = recording.loss[step, sphere.focus], recording.radius[step, sphere.focus]
        chosen = decided_at_cursor(session)
        self.values.setText(f"L = {loss:.5g}  ({drawn}){chosen},  {off},  |δ| = {radius:.2f} ε{held}")
