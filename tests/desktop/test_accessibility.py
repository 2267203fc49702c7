"""Everything that can be operated says what it is, by name or by hover, and can be reached with the keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QGraphicsView,
    QLineEdit,
    QScrollBar,
    QWidget,
)

from foadv_gui.lab.config import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from hands import Hands

CONTROLS = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QGraphicsView)


def controls(hands: Hands) -> list[QWidget]:
    """What a person can operate, without the parts inside Qt's own controls."""
    found = [widget for widget in hands.window.findChildren(QWidget) if isinstance(widget, CONTROLS)]
    return [
        widget
        for widget in found
        if widget.isVisible()
        and not isinstance(widget, QScrollBar)
        and not isinstance(widget.parentWidget(), QAbstractSpinBox | QComboBox)
        and not widget.objectName().startswith("qt_")
        and "ScrollButton" not in widget.objectName()
    ]


def says(widget: Any) -> str:
    """What a person learns of a control: its name, its text, or the hover of it or of its surroundings."""
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    hover, around = widget.toolTip(), widget.parentWidget()
    while not hover and around is not None:
        hover, around = around.toolTip(), around.parentWidget()
    return str(widget.accessibleName() or text or hover)


def unfold(hands: Hands) -> None:
    for section in ("compute", "view"):
        fields = hands.explore.setup.fields
        hands.field(next(setting.key for setting in SETTINGS if setting.section == section and setting.key in fields))


@pytest.mark.parametrize("tab", [0, 1, 2])
def test_every_visible_control_has_a_name_or_a_hover(hands: Hands, tab: int) -> None:
    unfold(hands)
    hands.turn_to(hands.explore.tabs, tab)
    hands.turn_to(hands.explore.below, tab)
    found = controls(hands)
    assert len(found) > 60
    silent = [f"{widget!r} in {widget.parentWidget()!r}" for widget in found if not says(widget)]
    assert not silent, silent


def test_every_setting_in_the_form_explains_itself(hands: Hands) -> None:
    for key, field in hands.explore.setup.fields.items():
        hover = field.toolTip()
        assert field.setting.title in hover, key
        assert field.setting.help in hover, key
        if field.setting.low is not None and field.setting.kind in ("int", "float"):
            assert f"{field.setting.low:g} to {field.setting.high:g}" in hover, key
        assert field.editor.focusProxy().accessibleName() == field.setting.title, key


def test_every_action_has_an_icon_or_a_text_and_a_hover(hands: Hands) -> None:
    for spec, action in hands.window.actions_table:
        assert action.text(), spec.key
        assert action.toolTip().startswith(spec.help), spec.key
        if spec.icon:
            assert not action.icon().isNull(), spec.key


def test_the_tab_key_goes_through_the_form_and_into_the_plots(hands: Hands) -> None:
    from PySide6.QtWidgets import QApplication

    reached: set[object] = set()
    hands.focus(hands.explore.setup.fields["network.width"].editor.box)
    for _ in range(150):
        hands.key(Qt.Key.Key_Tab)
        reached.add(QApplication.focusWidget())
    editors = {field.editor.focusProxy() for field in hands.explore.setup.fields.values() if field.isVisible()}
    assert editors <= reached
    assert hands.explore.playback.scrubber in reached
    assert hands.landscape in reached


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (2560, 1440)])
def test_nothing_is_cut_off_at_the_sizes_of_a_projector_and_a_large_screen(
    open_window: Callable[..., Hands], width: int, height: int
) -> None:
    hands = open_window()
    hands.window.resize(width, height)
    hands.rest()
    assert hands.window.size() == QSize(width, height)
    workspace = hands.explore
    assert workspace.setup.horizontalScrollBar().maximum() == 0
    inside = hands.window.rect()
    for panel in (workspace.setup, workspace.landscape, workspace.traces, workspace.spectrum, workspace.verdict):
        corner = panel.mapTo(hands.window, panel.rect().bottomRight())
        assert inside.contains(corner), panel
        assert panel.width() >= panel.minimumSizeHint().width(), panel
    assert workspace.landscape.width() > workspace.setup.width()
    assert hands.landscape.height() > 0.35 * height
