"""Which trainings are looked at first, and on which plane."""

from __future__ import annotations

import pytest
from records import told, training_of

from foadv_gui.lab.training.curves import curves
from foadv_gui.lab.training.first_look import default_lines, line_looks, plane_epoch


@pytest.mark.parametrize(
    ("over", "lines"),
    [
        ([], [0]),
        ([("input.scale", [0.1, 1.0, 10.0])], [0, 1, 2]),
        ([("input.scale", [0.1, 1.0]), ("training.rate", [1.0, 2.0, 3.0])], [0, 3]),
        ([("input.scale", [0.1, 0.3, 1.0, 3.0, 10.0])], [0, 2, 4]),
        ([("input.scale", [0.1, 0.3, 1.0, 3.0])], [0, 2, 3]),
    ],
)
def test_there_is_a_column_for_each_value_of_the_first_axis(over: list[tuple[str, object]], lines: list[int]) -> None:
    assert default_lines(training_of(over), 3) == lines


def test_lines_look_as_in_the_curves() -> None:
    training = training_of([("input.scale", [0.1, 1.0]), ("training.rate", [1.0, 2.0, 3.0])])
    drawn = curves(told(training, [[1.0, 0.5]] * 6), "adversarial_loss").lines
    assert line_looks(training) == [(line.colour, line.dash) for line in drawn]
    assert line_looks(training) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_while_a_training_goes_on_its_plane_turns_ever_more_rarely() -> None:
    for last, plane in ((0, 0), (1, 1), (5, 4), (64, 64), (100, 64)):
        record = told(training_of(), [[1.0] * (last + 1)])
        assert plane_epoch(record, 0, growing=True) == plane
        assert plane_epoch(record, 0, growing=False) == last
