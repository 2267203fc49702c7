"""Charts of the unit 2-sphere: the orthographic view of a globe, and Lambert's azimuthal equal-area map.

NumPy alone, without torch, so that a window may turn a globe before torch is loaded. A viewer looks along -z: of a unit
vector (x, y, z), x points right, y up, and z towards the viewer, so that the chart's centre is (0, 0, 1).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRONT = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""The turn (rows: right, up, towards the viewer) that puts the first direction in the centre, the second to the right
and the third up."""


class Chart(ABC):
    """A map of the unit 2-sphere onto a disc of `radius` about 0."""

    radius: float

    @abstractmethod
    def project(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """The points (..., 2) of the disc at which unit vectors (..., 3) are drawn."""

    @abstractmethod
    def unproject(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The unit vector (..., 3) drawn at each point (..., 2), on the near side; NaN outside the disc."""

    @abstractmethod
    def visible(self, vectors: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which unit vectors (..., 3) lie on the side that is drawn, (...,)."""


class Orthographic(Chart):
    """(x, y, z) -> (x, y): the globe as seen from far away; the side with z < 0 is hidden."""

    radius = 1.0

    @override
    def project(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return vectors[..., :2]

    @override
    def unproject(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        depth = 1 - (points**2).sum(-1, keepdims=True)
        inside = depth >= 0
        vectors = np.concatenate([points, np.sqrt(np.where(inside, depth, 0.0))], -1)
        return np.where(inside, vectors, np.nan)

    @override
    def visible(self, vectors: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(vectors[..., 2] >= 0)


class EqualArea(Chart):
    """(x, y, z) -> sqrt(2/(1 + z)) (x, y): Lambert's azimuthal equal-area projection of the whole sphere.

    Every region keeps its area (the Jacobian determinant is 1), so that the sphere fills a disc of radius 2; the rim is
    the one point opposite to the centre. Source: Lambert 1772; Snyder 1987, Map Projections, section 24.
    """

    radius = 2.0

    @override
    def project(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
        across = np.hypot(x, y)
        # The same twice, each where it does not cancel; the point opposite to the centre goes to one of its places.
        near = np.sqrt(2 / (1 + np.maximum(z, 0.0)))
        far = np.sqrt(2 * (1 - np.minimum(z, 0.0))) / np.where(across > 0, across, 1.0)
        scale = np.where(z >= 0, near, far)
        opposite = (across == 0) & (z < 0)
        return np.stack([np.where(opposite, self.radius, scale * x), scale * y], -1)

    @override
    def unproject(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        away = (points**2).sum(-1, keepdims=True)
        inside = away <= self.radius**2
        shrunk = points * np.sqrt(np.where(inside, 1 - away / 4, 0.0))
        return np.where(inside, np.concatenate([shrunk, 1 - away / 2], -1), np.nan)

    @override
    def visible(self, vectors: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(np.isfinite(vectors[..., 2]))


CHARTS: dict[str, Chart] = {"globe": Orthographic(), "map": EqualArea()}


def pixel_directions(chart: Chart, side: NDArray[np.float64]) -> NDArray[np.float64]:
    """The unit vectors (n, n, 3) at a square grid of pixels, row by row upwards; `side` (n,) holds their coordinates.

    A pixel that lies beyond the rim by less than its diagonal shows the rim, so that a rim can be drawn through the
    pixels; NaN further out.
    """
    points = np.stack(np.meshgrid(side, side), -1)
    away = np.linalg.norm(points, axis=-1, keepdims=True)
    diagonal = 2**0.5 * (side[1] - side[0])
    rim = (1 - 1e-12) * chart.radius
    beyond = (away > rim) & (away <= chart.radius + diagonal)
    return chart.unproject(points * np.where(beyond, rim / np.maximum(away, rim), 1.0))


def trackball(before: tuple[float, float], after: tuple[float, float]) -> NDArray[np.float64]:
    """The rotation (3, 3) by which a globe of radius 1 follows a mouse from one point to another, up being free.

    The point of the globe under the mouse stays under it, by the shortest way; beside the globe the mouse holds it by
    the nearest point of its limb, which turns it about the line of sight.
    """
    globe = Orthographic()

    def held(point: tuple[float, float]) -> NDArray[np.float64]:
        place = np.array(point, np.float64)
        away = float(np.linalg.norm(place))
        return globe.unproject(place) if away < 1 else np.append(place / away, 0.0)

    a, b = held(before), held(after)
    axis, cosine = np.cross(a, b), float(a @ b)
    if cosine < -1 + 1e-12:  # opposite points of the limb: half a turn about the line of sight
        return np.diag([-1.0, -1.0, 1.0])
    x, y, z = axis
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + skew + skew @ skew / (1 + cosine))


def rotation(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation nearest to a matrix (3, 3): many turns one after another drift away by round-off."""
    u, _, vt = np.linalg.svd(matrix)
    return np.asarray(u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt)
