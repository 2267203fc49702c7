"""The scale of the input-Hessian profile: large and small eigenvalues of both signs on one axis."""

from __future__ import annotations

import numpy as np
import pytest

from foadv_gui.desktop.plots.profile import apart, bent, bent_ticks, unit_of


def test_the_scale_is_linear_near_zero_and_logarithmic_far_from_it() -> None:
    heights = bent(np.array([-1000.0, -0.02, 0.0, 0.01, 0.02, 100.0, 1000.0]), 1.0)
    assert (np.diff(heights) > 0).all()
    assert heights[4] == pytest.approx(2 * heights[3], rel=1e-3)
    assert heights[6] - heights[5] == pytest.approx(np.log(10), rel=1e-4)
    assert heights[0] == -heights[6]


def test_half_of_the_eigenvalues_lie_where_it_is_linear() -> None:
    assert unit_of(np.array([70.0, 3.0, 2.0, -1.0, -2.5])) == 2.5
    assert unit_of(np.array([1e9, 0.0, 0.0])) == 1e5  # of which one stands out and the others vanish
    assert unit_of(np.zeros(3)) == 1.0


def test_ticks_are_where_their_numbers_are() -> None:
    unit = 2.5
    ticks = bent_ticks(*bent(np.array([-30.0, 70.0]), unit), unit)
    assert {label for _, label in ticks} == {"0", "10", "-10"}
    for height, label in ticks:
        assert unit * np.sinh(height) == pytest.approx(float(label))
    assert apart(ticks, 100.0) == [(0.0, "0")]
