"""The bar at the top."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hands import Hands


def test_the_title_of_a_preset_ends_in_an_ellipsis_where_there_is_no_room_for_it(hands: Hands) -> None:
    box = hands.window.bar.preset
    for i in range(1, box.count()):
        box.setCurrentIndex(i)
        drawn, room = box.drawn().currentText, box.width() - 20  # the arrow's
        assert box.fontMetrics().horizontalAdvance(drawn) < room
        assert drawn == box.currentText() or drawn.endswith("…")
    assert any(box.fontMetrics().horizontalAdvance(box.itemText(i)) > room for i in range(box.count()))
    hands.rest()
