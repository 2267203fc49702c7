"""Labels of ticks are short, are the numbers that they stand for, and differ from tick to tick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
import pytest

from foadv_gui.desktop.plots.axis import CountAxis, tick_labels

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 0.5, 1], ["0", "0.5", "1.0"]),
        ([-50, 0, 50], ["-50", "0", "50"]),
        ([0, 5e4, 1e5, 1.5e5], ["0", "5e4", "1e5", "1.5e5"]),
        ([-2e-4, 0, 2e-4], ["-2e-4", "0", "2e-4"]),
        ([4.9998e11, 5e11, 5.0002e11], ["-2e7", "5e11", "+2e7"]),
        ([0.997, 0.998, 0.999], ["0.997", "0.998", "0.999"]),
        ([0.5, 0.50002, 0.50004], ["0.5", "+2e-5", "+4e-5"]),
        ([0.9999998, 0.9999999, 1.0], ["-2e-7", "-1e-7", "1"]),
        ([12345678, 12345679, 12345680], ["-2", "-1", "12345680"]),
    ],
)
def test_labels_of_ticks(values: list[float], labels: list[str]) -> None:
    assert tick_labels(values, values[1] - values[0], values[0], values[-1]) == labels


@pytest.mark.parametrize("spacing", [1e-99, 2e-7, 0.05, 1.0, 20.0, 5e6, 1e90])
@pytest.mark.parametrize("first", [-9, -3, 0, 1, 7, 123_456, -98_765_432])
def test_no_two_ticks_have_the_same_label(spacing: float, first: int) -> None:
    values = spacing * (first + np.arange(8))
    labels = tick_labels(list(values), spacing, values[0] - 0.3 * spacing, values[-1] + 0.3 * spacing)
    assert len(set(labels)) == 8
    assert all(len(label) <= 14 for label in labels)


@pytest.mark.parametrize("most", [1, 3, 12, 900])
def test_counts_are_whole_numbers_from_0_on(qtbot: QtBot, most: int) -> None:
    axis = CountAxis("left")
    plot = pg.PlotWidget(axisItems={"left": axis})
    qtbot.addWidget(plot)
    ticks = [tick for _, level in axis.tickValues(-0.16 * most, 1.05 * most, 150) for tick in level]
    assert 0 in ticks
    assert all(tick >= 0 and tick == int(tick) for tick in ticks)
