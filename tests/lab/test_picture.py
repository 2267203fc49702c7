"""Contour levels are round, colours fit what is shown, and a valley of zero loss has a floor in the logarithm."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from foadv_gui.lab.input_picture import InputPicture
from foadv_gui.lab.picture import (
    ExtremesPicture,
    PathPicture,
    SpectrumPicture,
    Surface,
    grid_shape,
)
from foadv_gui.lab.ranges import drawable, round_levels, round_offset


def surface_of(values: Any, quantity: Any = "loss", inside: Any = None) -> Surface:
    values = np.asarray(values, float)
    rows, columns = values.shape
    mask = np.ones(values.shape, bool) if inside is None else np.asarray(inside)
    return Surface(np.linspace(-1, 1, columns), np.linspace(-2, 2, rows), values, mask, quantity)


@given(
    low=st.floats(-1e12, 1e12),
    span=st.floats(1e-9, 1e12),
    count=st.integers(2, 30),
)
@example(low=0.0, span=0.28, count=14)
def test_levels_are_round_evenly_spaced_inside_and_not_too_many(low: float, span: float, count: int) -> None:
    high = low + span
    assume(span > 1e-6 * abs(low))
    levels = round_levels(low, high, count)
    assert all(low < level < high for level in levels)
    assert len(levels) <= count
    assert len(levels) >= count // 2 - 1
    if len(levels) > 1:
        step = levels[1] - levels[0]
        np.testing.assert_allclose(np.diff(levels), step, rtol=1e-6, atol=1e-9 * abs(low))
        digits = step / 10 ** np.floor(np.log10(step * (1 + 1e-7)))
        assert min(abs(digits - nice) for nice in (1, 2, 2.5, 5, 10)) < 1e-4
        np.testing.assert_allclose(np.array(levels) / step, np.round(np.array(levels) / step), atol=1e-6)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (0.0, np.inf), (np.nan, 1.0)])
def test_a_range_without_extent_has_no_levels(low: float, high: float) -> None:
    assert round_levels(low, high, 10) == []


def test_levels_of_a_plain_range() -> None:
    np.testing.assert_allclose(round_levels(0, 1, 10), np.arange(1, 10) / 10)
    np.testing.assert_allclose(round_levels(-3, 7, 4), [-2.5, 0, 2.5, 5])


def test_loss_and_residual_come_from_the_same_numbers() -> None:
    residual = np.array([[-2.0, 0.0], [1.0, 3.0]])
    np.testing.assert_allclose(surface_of(residual).shown(), [[2.0, 0.0], [0.5, 4.5]])
    np.testing.assert_allclose(surface_of(residual, "residual").shown(), residual)
    np.testing.assert_allclose(surface_of(residual, "curvature").shown(), residual)


def test_the_logarithm_has_a_floor_twelve_decades_down_and_colours_six() -> None:
    surface = surface_of([[0.0, 1e-9], [1.0, 10.0]], "log-loss")
    shown = surface.shown()
    assert np.isfinite(shown).all()
    top = np.log10(50.0)
    assert shown.max() == pytest.approx(top)
    assert shown.min() == pytest.approx(top - 12)
    assert surface.colour_range(False) == pytest.approx((top - 6, top))


def test_the_logarithm_of_nothing_is_finite() -> None:
    assert np.isfinite(surface_of(np.zeros((3, 3)), "log-loss").shown()).all()


@pytest.mark.parametrize("quantity", ["residual", "curvature"])
def test_signed_colours_are_symmetric_about_zero(quantity: str) -> None:
    assert surface_of([[-1.0, 0.0], [2.0, 4.0]], quantity).colour_range(False) == (-4.0, 4.0)


def test_colours_can_be_taken_from_inside_the_set() -> None:
    surface = surface_of([[1.0, 2.0], [4.0, 100.0]], "loss", [[True, True], [True, False]])
    assert surface.colour_range(True) == (0.5, 8.0)
    assert surface.colour_range(False) == (0.5, 5000.0)
    assert surface_of([[1.0, 2.0]] * 2, "loss", np.zeros((2, 2), bool)).colour_range(True) == (0.5, 2.0)


def test_a_flat_or_broken_surface_still_has_a_range() -> None:
    low, high = surface_of(np.full((2, 2), 3.0)).colour_range(False)
    assert low < 4.5 < high
    assert surface_of(np.full((2, 2), np.nan), "residual").colour_range(False) == (0.0, 1.0)
    assert surface_of([[np.inf, 1.0], [0.0, 2.0]]).colour_range(False) == (0.0, 2.0)


def test_what_overflows_has_no_colour_and_no_line() -> None:
    alpha, beta = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-2, 2, 21))
    residual = alpha + beta
    residual[:4], residual[4:6], residual[6:8] = 1e200, np.inf, np.nan
    for quantity in ("loss", "residual", "curvature"):
        surface = surface_of(residual, quantity)
        assert np.isnan(surface.shown()[:8]).all()
        assert np.isfinite(surface.shown()[8:]).all()
        low, high = surface.colour_range(False)
        assert np.isfinite([low, high]).all() and low < high <= 5
        lines = [line for _, level in surface.contours(low, high) for line in level]
        assert lines and all(np.isfinite(line).all() and (line[:, 1] >= -0.4 - 1e-9).all() for line in lines)
    assert all((line[:, 1] >= -0.4 - 1e-9).all() for line in surface_of(residual).zero_residual())


def test_the_logarithm_does_not_overflow() -> None:
    shown = surface_of([[1e200, -1e201], [np.inf, 1e200]], "log-loss")
    np.testing.assert_allclose(shown.shown(), [[400, 402], [np.nan, 400]] - np.log10(2))
    assert shown.colour_range(False) == pytest.approx((400 - np.log10(2), 402 - np.log10(2)))


@pytest.mark.parametrize("value", [0.0, 1e-310, 1e20, -1e90])
@pytest.mark.parametrize("quantity", ["loss", "log-loss", "residual"])
def test_a_flat_surface_of_any_height_has_a_range_of_colours(value: float, quantity: str) -> None:
    surface = surface_of(np.full((3, 3), value), quantity)
    low, high = surface.colour_range(False)
    assert low < high
    assert surface.contours(low, high) is not None


def test_only_finite_numbers_of_a_sane_size_are_drawn() -> None:
    np.testing.assert_array_equal(
        drawable([1, -1e99, 1e200, -1e308, np.inf, -np.inf, np.nan]), [1, -1e99, *[np.nan] * 5]
    )


def test_contours_lie_on_their_level() -> None:
    alpha, beta = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-2, 2, 41))
    surface = surface_of(alpha + 2 * beta + 7, "residual")  # a plane: its contours are exact
    drawn = surface.contours(3.0, 11.0)
    assert [level for level, _ in drawn] == round_levels(3.0, 11.0, 12)
    assert any(lines for _, lines in drawn)
    for level, lines in drawn:
        for line in lines:
            np.testing.assert_allclose(line[:, 0] + 2 * line[:, 1] + 7, level, atol=1e-9)


@pytest.mark.parametrize("window", [(-1, 1, -1, 1), (-2.6, 2.6, -1.3, 1.3), (0, 0.1, 0, 7), (-1, 1, 0, 1e-9)])
def test_grid_points_are_as_far_apart_across_as_up(window: Any) -> None:
    columns, rows = grid_shape(window, 201)
    across, up = (window[1] - window[0]) / (columns - 1), (window[3] - window[2]) / (rows - 1)
    assert columns >= 2 and rows >= 2
    assert 0.2 * 201**2 < columns * rows < 2 * 201**2
    if 0.1 < (window[1] - window[0]) / (window[3] - window[2]) < 10:
        assert across == pytest.approx(up, rel=0.05)


def test_the_level_f_equals_y_is_where_the_residual_changes_sign() -> None:
    alpha, _ = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-2, 2, 21))
    (line,) = surface_of(alpha - 0.25, "loss").zero_residual()
    np.testing.assert_allclose(line[:, 0], 0.25, atol=1e-12)
    assert surface_of(alpha - 0.25, "curvature").zero_residual() == []
    assert surface_of(alpha + 9, "loss").zero_residual() == []


def test_a_time_between_two_kept_steps_shows_the_earlier_one() -> None:
    path = PathPicture(np.array([0, 4, 8, 9]), np.zeros((4, 1, 2)), np.zeros((4, 1)), np.zeros(4), np.zeros((4, 2)), 0)
    assert [path.at(t) for t in (-1, 0, 3.9, 4, 8.5, 9, 50)] == [0, 0, 0, 1, 2, 3, 3]


def spectrum_of(eigenvalues: Any, **changes: Any) -> SpectrumPicture:
    parts = {"zeros": 0, "dimension": 9, "multiplier": 0.0, "exact": True, "residual": 0.0, **changes}
    return SpectrumPicture(0, 0, "tangent", np.array(eigenvalues, float), **parts)


@pytest.mark.parametrize("eigenvalues", [[], [0.0, 0.0], [5e-324], [3.0], [-2.0, 7.0], [1e300, 1.5e300]])
@pytest.mark.parametrize("multiplier", [0.0, 4.0, -1e6])
def test_an_axis_has_a_width_and_holds_all_eigenvalues(eigenvalues: list[float], multiplier: float) -> None:
    shown = spectrum_of(eigenvalues, multiplier=multiplier, zeros=2)
    low, high = shown.axis()
    assert np.isfinite([low, high]).all()
    assert all(low < value < high for value in eigenvalues)
    assert high - low > 1e-3
    counts, edges = shown.histogram()
    assert counts.sum() == len(eigenvalues)
    assert (edges[0], edges[-1]) == (low, high)


def test_a_spectrum_without_eigenvalues_says_why() -> None:
    assert spectrum_of([1.0]).why_empty == ""
    assert "no second derivative" in spectrum_of([], problem="no second derivative").why_empty
    assert "corner" in spectrum_of([], dimension=0).why_empty
    assert "All 9 eigenvalues are exactly zero" in spectrum_of([], zeros=9).why_empty
    assert "converged" in spectrum_of([], exact=False).why_empty
    t, some, none = np.arange(2), np.array([np.nan, 1.0]), np.full(2, np.nan)
    assert ExtremesPicture(0, "tangent", t, some, some, some).why_empty == ""
    assert "No eigenvalue" in ExtremesPicture(0, "tangent", t, none, none, some).why_empty


def test_an_input_and_its_adversary_share_one_scale() -> None:
    shown = InputPicture(np.array([0.0, 1.0, 0.5]), np.array([-0.25, 0.125, 0.0]))
    np.testing.assert_array_equal(shown.adversary, [-0.25, 1.125, 0.5])
    assert shown.span == (-0.25, 1.125)
    assert shown.limit == 0.25
    still = InputPicture(np.full(3, 2.0), np.zeros(3))
    assert still.limit == 1
    assert still.span == (1.5, 2.5)


@pytest.mark.parametrize("module", ["picture", "palette"])
def test_pictures_need_no_torch(module: str) -> None:
    script = f"import sys, foadv_gui.lab.{module}; assert not sys.modules.keys() & {{'torch', 'PySide6'}}"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("low", "high", "offset"),
    [
        (0.0, 1.0, 0.0),
        (-1.0, 1.0, 0.0),
        (0.99, 1.0, 0.0),
        (0.99995, 1.00002, 1.0),
        (4.99998e11, 5.00001e11, 5e11),
        (-5.00001e11, -4.99998e11, -5e11),
        (0.123451, 0.123458, 0.123455),
        (2.0, 2.0, 0.0),
    ],
)
def test_numbers_that_differ_by_little_are_told_from_the_roundest(low: float, high: float, offset: float) -> None:
    found = round_offset(low, high)
    if offset and f"{offset:.3g}" != f"{offset:.12g}":
        assert low <= found <= high and len(f"{found:.12g}") <= len(f"{offset:.12g}")
    else:
        assert found == offset


def test_the_path_is_concave_from_the_last_crossing_on() -> None:
    t, zero = np.arange(0, 50, 10), np.zeros(5)
    largest = np.array([3.0, -1.0, 2.0, -1.0, -2.0])
    assert ExtremesPicture(0, "tangent", t, largest - 5, largest, zero).concave_from == 30
    assert ExtremesPicture(0, "tangent", t, zero - 5, zero - 1, zero).concave_from == 0
    assert ExtremesPicture(0, "tangent", t, zero - 5, zero + 1, zero).concave_from is None
    assert ExtremesPicture(0, "tangent", t, zero - 5, np.full(5, np.nan), zero).concave_from is None
    assert ExtremesPicture(0, "euclidean", t, zero - 5, zero - 1, zero).concave_from is None
