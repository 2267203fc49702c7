"""Charts of the unit sphere: inverse to each other, equal in area, and a globe that follows the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from foadv_gui.core.chart import CHARTS, FRONT, Chart, EqualArea, Orthographic, pixel_directions, rotation, trackball

if TYPE_CHECKING:
    from collections.abc import Callable

Array: TypeAlias = NDArray[np.float64]


def unit_vectors(seed: int, n: int) -> Array:
    v = np.random.default_rng(seed).standard_normal((n, 3))
    return np.asarray(v / np.linalg.norm(v, axis=-1, keepdims=True))


def in_disc(seed: int, n: int, radius: float) -> Array:
    generator = np.random.default_rng(seed)
    angle, away = 2 * np.pi * generator.random(n), radius * 0.98 * np.sqrt(generator.random(n))
    return np.stack([away * np.cos(angle), away * np.sin(angle)], -1)


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_vector_is_drawn_where_it_is_found_again(chart: Chart) -> None:
    v = unit_vectors(0, 2000)
    seen = v[chart.visible(v)]
    assert len(seen) == (2000 if isinstance(chart, EqualArea) else np.count_nonzero(v[:, 2] >= 0))
    drawn = chart.project(seen)
    assert np.linalg.norm(drawn, axis=-1).max() <= chart.radius
    # Towards the rim of a globe, a pixel's depth is known to the root of the round-off only.
    np.testing.assert_allclose(chart.unproject(drawn), seen, atol=1e-7)
    points = in_disc(1, 500, chart.radius)
    found = chart.unproject(points)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-12)
    np.testing.assert_allclose(chart.project(found), points, atol=1e-9)


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_the_centre_faces_the_viewer_and_outside_the_rim_there_is_nothing(chart: Chart) -> None:
    np.testing.assert_array_equal(chart.project(np.array([0.0, 0.0, 1.0])), [0, 0])
    np.testing.assert_array_equal(chart.unproject(np.zeros(2)), [0, 0, 1])
    assert np.isnan(chart.unproject(np.array([0.0, 1.001 * chart.radius]))).all()
    # The second direction is right of the centre, the third above it.
    right, up = chart.project(FRONT @ [0.0, 1, 0]), chart.project(FRONT @ [0.0, 0, 1])
    assert right[0] > 0.9 and abs(right[1]) < 1e-12 and up[1] > 0.9 and abs(up[0]) < 1e-12
    np.testing.assert_array_equal(FRONT @ [1.0, 0, 0], [0, 0, 1])


def area_scale(unproject: Callable[[Array], Array], points: Array) -> Array:
    """The area on the sphere per area of the disc: |dv/dx x dv/dy|, by differences."""
    h = 1e-6
    across, up = ((unproject(points + step) - unproject(points - step)) / (2 * h) for step in h * np.eye(2))
    return np.asarray(np.linalg.norm(np.cross(across, up), axis=-1))


def test_the_map_keeps_areas_and_the_globe_shrinks_them_by_the_cosine() -> None:
    flat, globe = EqualArea(), Orthographic()
    np.testing.assert_allclose(area_scale(flat.unproject, in_disc(2, 500, 2.0)), 1, atol=1e-6)
    points = 0.9 * in_disc(3, 500, 1.0)
    np.testing.assert_allclose(area_scale(globe.unproject, points) * globe.unproject(points)[:, 2], 1, atol=1e-6)


def test_the_map_shows_the_whole_sphere_up_to_the_point_opposite() -> None:
    flat = EqualArea()
    assert np.pi * flat.radius**2 == pytest.approx(4 * np.pi)
    np.testing.assert_allclose(flat.project(np.array([[0.0, 0.0, -1.0], [0.0, -1e-9, -1.0]])), [[2, 0], [0, -2]])
    assert flat.visible(unit_vectors(4, 100)).all()
    # Close to the centre nothing cancels.
    tiny = np.array([1e-9, -2e-9, 1.0])
    np.testing.assert_allclose(flat.project(tiny), tiny[:2], rtol=1e-12)


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_rim_of_a_pixel_is_filled_and_the_corners_are_empty(chart: Chart) -> None:
    side = np.linspace(-1.05, 1.05, 43) * chart.radius
    v = pixel_directions(chart, side)
    away = np.hypot(*np.meshgrid(side, side))
    inside = away <= chart.radius
    np.testing.assert_allclose(chart.project(v[inside]), np.stack(np.meshgrid(side, side), -1)[inside], atol=1e-9)
    assert np.isnan(v[0, 0]).all() and np.isnan(v[-1, -1]).all()
    rim = (away > chart.radius) & (away < chart.radius + side[1] - side[0])
    depth = v[rim][:, 2]
    np.testing.assert_allclose(depth, 0 if isinstance(chart, Orthographic) else -1, atol=1e-5)


places = st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))


@given(before=places, after=places)
def test_what_the_mouse_holds_on_the_globe_follows_it(before: tuple[float, float], after: tuple[float, float]) -> None:
    turn = trackball(before, after)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-6)
    if np.hypot(*before) < 0.99 and np.hypot(*after) < 0.99:
        globe = Orthographic()
        moved = turn @ globe.unproject(np.array(before))
        np.testing.assert_allclose(globe.project(moved), after, atol=1e-9)
        np.testing.assert_allclose(trackball(after, before) @ turn, np.eye(3), atol=1e-9)


def test_beside_the_globe_the_mouse_turns_it_about_the_line_of_sight() -> None:
    turn = trackball((2.0, 0.0), (0.0, 3.0))
    np.testing.assert_allclose(turn, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-5)
    np.testing.assert_allclose(trackball((1.0, 0.0), (-1.0, 0.0)), np.diag([-1.0, -1.0, 1.0]), atol=1e-5)


def test_round_off_of_many_turns_is_taken_away() -> None:
    turn = trackball((0.1, 0.2), (0.5, -0.3))
    worn = turn + 1e-3 * np.arange(9).reshape(3, 3)
    np.testing.assert_allclose(rotation(worn) @ rotation(worn).T, np.eye(3), atol=1e-14)
    assert np.linalg.det(rotation(worn)) == pytest.approx(1)
    np.testing.assert_allclose(rotation(turn), turn, atol=1e-14)
