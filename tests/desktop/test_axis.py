"""Labels of ticks are short, are the numbers that they stand for, and differ from tick to tick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg
import pytest

from foadv_gui.desktop.plots.axis import CountAxis, NumberAxis, few_ticks
from foadv_gui.desktop.theme import fit_height

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

HEIGHT = 200


@pytest.fixture
def labelled(qtbot: QtBot) -> Callable[..., list[tuple[float, str]]]:
    """The ticks of an axis between two numbers, and their labels."""

    def label(low: float, high: float, kind: type[NumberAxis] = NumberAxis) -> list[tuple[float, str]]:
        axis = kind("left")
        plot = pg.PlotWidget(axisItems={"left": axis})
        qtbot.addWidget(plot)
        axis.setRange(low, high)
        return [
            (value, words)
            for spacing, values in axis.tickValues(low, high, HEIGHT)
            for value, words in zip(values, axis.tickStrings(values, 1.0, spacing), strict=True)
        ]

    return label


@pytest.mark.parametrize(
    ("low", "high", "some"),
    [
        (-0.1, 1.1, {0: "0", 0.5: "0.5", 1: "1.0"}),
        (-60, 60, {-50: "-50", 0: "0", 50: "50"}),
        (-1e4, 1.6e5, {0: "0", 5e4: "5e4", 1.5e5: "1.5e5"}),
        (-2.5e-4, 2.5e-4, {-2e-4: "-2e-4", 0: "0", 2e-4: "2e-4"}),
        (0.9968, 0.9992, {0.997: "0.997", 0.998: "0.998", 0.999: "0.999"}),
        (5e11 - 3e7, 5e11 + 3e7, {5e11 - 2e7: "-2e7", 5e11: "5e11", 5e11 + 2e7: "+2e7"}),
        (0.49997, 0.50003, {0.49998: "-2e-5", 0.5: "0.5", 0.50002: "+2e-5"}),
    ],
)
def test_labels_of_ticks(
    labelled: Callable[..., list[tuple[float, str]]], low: float, high: float, some: dict[float, str]
) -> None:
    found = labelled(low, high)
    for value, words in some.items():
        close = [text for tick, text in found if abs(tick - value) < 1e-3 * (high - low)]
        assert words in close


@pytest.mark.parametrize("size", [1e-90, 1e-3, 1.0, 4.7, 123.4, 5e11, 3e90])
@pytest.mark.parametrize("width", [1e-8, 3.7e-6, 1e-4, 1e-2, 0.6])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_label_is_its_number_or_its_difference_from_the_only_one_that_is(
    labelled: Callable[..., list[tuple[float, str]]], size: float, width: float, sign: int
) -> None:
    low, high = sorted((sign * size, sign * size * (1 + width)))
    found = labelled(low, high)
    labels = [words for _, words in found]
    assert len(set(labels)) == len(labels)
    assert all(len(words) <= 16 for words in labels)
    differences = [words for words in labels if words[0] == "+"]
    base = next((tick for tick, words in found if abs(float(words) - tick) <= 1e-12 * size), 0.0)
    for tick, words in found:
        wide = width > 5e-4
        assert not (wide and differences)
        expected = tick if wide or tick == base else tick - base
        assert float(words) == pytest.approx(expected, rel=1e-2, abs=1e-3 * (high - low))
    if width < 5e-4:  # the number itself is not at the edge, where its label may be left out
        assert low + 0.05 * (high - low) < base < high - 0.05 * (high - low)


@pytest.mark.parametrize("most", [1, 3, 12, 900])
def test_counts_are_whole_numbers_from_0_on(labelled: Callable[..., list[tuple[float, str]]], most: int) -> None:
    ticks = [tick for tick, _ in labelled(-0.16 * most, 1.05 * most, CountAxis)]
    assert 0 in ticks
    assert all(tick >= 0 and tick == int(tick) for tick in ticks)


@pytest.mark.parametrize(("values", "flat"), [([1, 1 + 1e-15, 1 - 1e-15], True), ([1.0, 1.001], False)])
def test_round_off_is_shown_as_constant(qtbot: QtBot, values: list[float], flat: bool) -> None:
    plot = pg.PlotWidget()
    qtbot.addWidget(plot)
    plot.plot(range(len(values)), values)
    fit_height(plot)
    low, high = plot.viewRange()[1]
    assert low < min(values) and max(values) < high
    assert (high - low > 0.5) == flat


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.3964, 0.4845), (0.45, 0.55), (4.5e11, 5.5e11), (0.94, 1.13), (1.0715, 1.0737), (3, 3 + 1e-8), (-1, 1), (0, 5)],
)
def test_a_short_axis_has_few_labels_that_are_its_ticks(low: float, high: float) -> None:
    ticks = few_ticks(low, high)
    assert 1 <= len(ticks) <= 3 and all(low < value < high for value, _ in ticks)
    assert sum(len(label) for _, label in ticks) <= 16
    assert len({label for _, label in ticks}) == len(ticks)
    if high - low > 1e-4:
        assert [float(label) for _, label in ticks] == pytest.approx([value for value, _ in ticks], abs=1e-12 * high)


@pytest.mark.parametrize(("decades", "multiples"), [(2, True), (20, False)])
def test_a_long_logarithmic_axis_has_ticks_at_powers_of_ten_only(
    qtbot: QtBot, decades: int, *, multiples: bool
) -> None:
    axis = NumberAxis("left")
    plot = pg.PlotWidget(axisItems={"left": axis})
    qtbot.addWidget(plot)
    axis.setLogMode(y=True)
    ticks = [value for _, values in axis.tickValues(-decades, 0, HEIGHT) for value in values]
    whole = {value for value in ticks if value == int(value)}
    assert whole
    assert any(value not in whole for value in ticks) is multiples
    assert len(ticks) < HEIGHT / 4
