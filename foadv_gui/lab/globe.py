"""What is drawn of the 2-sphere of a subspace, as a globe or a map: NumPy arrays; no torch here, and no screen.

Coordinates are those in the subspace's three directions, in units of epsilon: c (3,) stands for delta = epsilon c E.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from foadv_gui.core.chart import CHARTS, FRONT, pixel_directions
from foadv_gui.lab.picture import Surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

_ARC = 0.05
"""Radians between two points of a drawn trail: a step along the sphere is an arc, no chord."""
FAR = 0.3
"""How opaque a mark on the far side is."""
_STILL = 0.003
"""Radians within which a path no longer moves visibly."""


@dataclass(frozen=True, eq=False)
class SpherePicture:
    """A subspace and the paths in it.

    E: (3, d) orthonormal directions, the first the centre of a chart; axes: what they are; note: why some are not what
    was asked for. explained: the share that the subspace holds of what `explains` names, or None. coordinates:
    (n, K, 3) of the iterates at the kept steps (n,); off: (n, K), the off-subspace share |delta_perp|/|delta| of each.
    Of the focused restart, `nearest_loss` (n,) is the loss at the points of the sphere at which it is drawn. why: why
    there is no sphere; then all else is empty. alone: the focused path comes ahead of the others as a control moves.
    """

    name: str
    E: Floats = field(default_factory=lambda: np.empty((3, 0)))
    axes: tuple[str, str, str] = ("", "", "")
    note: str = ""
    explained: float | None = None
    explains: str = ""
    epsilon: float = 1.0
    steps: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    coordinates: Floats = field(default_factory=lambda: np.empty((0, 0, 3)))
    off: Floats = field(default_factory=lambda: np.empty((0, 0)))
    nearest_loss: Floats = field(default_factory=lambda: np.empty(0))
    focus: int = 0
    why: str = ""
    alone: bool = False

    @property
    def restarts(self) -> int:
        """The number of paths K."""
        return int(self.coordinates.shape[1])

    def at(self, t: float) -> int:
        """The index of the last kept step that is not after t."""
        return max(int(np.searchsorted(self.steps, t, side="right")) - 1, 0)

    def directions(self, k: int) -> Floats:
        """Where restart k is drawn, c/|c| (n, 3): the nearest points of the sphere; NaN at its centre."""
        return unit(self.coordinates[:, k])

    def trail(self, k: int) -> tuple[Floats, Floats]:
        """The path of restart k in arcs of great circles: steps (N,), fractions between iterates; points (N, 3)."""
        points, steps = self.directions(k), self.steps.astype(np.float64)
        moving = np.flatnonzero(~(np.linalg.norm(points - points[-1], axis=-1) < _STILL))
        last = min(int(moving[-1]) + 2, len(points)) if len(moving) else 1
        points, steps = points[:last], steps[:last]
        with np.errstate(invalid="ignore"):
            angle = np.arccos(np.clip((points[:-1] * points[1:]).sum(-1), -1, 1))
        pieces = np.maximum(np.ceil(np.nan_to_num(angle) / _ARC), 1).astype(int)
        i = np.repeat(np.arange(len(pieces)), pieces)
        share = (np.arange(len(i)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[i]
        arc = unit(points[i] + share[:, None] * (points[i + 1] - points[i]))
        between = steps[i] + share * (steps[i + 1] - steps[i])
        return np.append(between, steps[-1]), np.concatenate([arc, points[-1:]])

    def place(self, k: int, position: float) -> Floats:
        """Where restart k is drawn at a position between two kept iterates, (3,)."""
        i = self.at(position)
        here, there = self.directions(k)[[i, min(i + 1, len(self.steps) - 1)]]
        apart = max(int(self.steps[min(i + 1, len(self.steps) - 1)] - self.steps[i]), 1)
        return unit(here + min(max((position - self.steps[i]) / apart, 0.0), 1.0) * (there - here))


@dataclass(frozen=True, eq=False)
class SphereSurface(Surface):
    """A quantity on the pixels of a chart of the sphere: values (n, n), NaN outside the disc; alpha and beta its sides.

    chart: which of `CHARTS`. turn: (3, 3), with rows right, up and towards the viewer in the subspace's coordinates.
    `inside` marks the pixels whose points lie in the constraint's box, all of them where there is none.
    """

    chart: str = "globe"
    turn: Floats = field(default_factory=lambda: FRONT)

    @property
    def radius(self) -> float:
        """The radius of the chart's disc."""
        return CHARTS[self.chart].radius

    @property
    def boxed(self) -> bool:
        """Whether a box leaves out some of what is drawn."""
        return bool((~self.inside & np.isfinite(self.values)).any())


def sides(chart: str, size: int) -> Floats:
    """The coordinates (size,) of the pixels along a side of a chart; the outermost lie just beyond the rim."""
    reach = CHARTS[chart].radius * (1 + 2 / size)
    return np.linspace(-reach, reach, size)


def seen_directions(chart: str, turn: Floats, side: Floats) -> Floats:
    """The points c (n, n, 3) of the unit sphere at the pixels of a turned chart, NaN outside its disc."""
    return np.asarray(pixel_directions(CHARTS[chart], side) @ turn)


def found_at(chart: str, turn: Floats, point: tuple[float, float]) -> tuple[float, float, float] | None:
    """The point c of the unit sphere that is drawn at a point of the chart; None outside its disc."""
    seen = CHARTS[chart].unproject(np.array(point, np.float64)) @ turn
    if not np.isfinite(seen).all():
        return None
    x, y, z = (float(part) for part in seen)
    return x, y, z


def on_chart(chart: str, turn: Floats, points: Floats) -> tuple[Floats, Floats]:
    """Where a line of points c (N, 3) is drawn: on the near side (N, 2) and on the far side (N, 2), NaN elsewhere.

    A line that leaves a map at its rim and comes back at another place is broken there.
    """
    projection, seen = CHARTS[chart], points @ turn.T
    flat = projection.project(seen).copy()
    if len(flat) > 1:
        leaps = np.linalg.norm(np.diff(flat, axis=0), axis=-1) > 0.5 * projection.radius
        flat[1:][leaps] = np.nan
    near = projection.visible(seen)[..., None]
    return np.where(near, flat, np.nan), np.where(near, np.nan, flat)


def marked_on_chart(chart: str, turn: Floats, points: Floats) -> tuple[Floats, Floats]:
    """Where points c (n, 3) are marked (n, 2), NaN for no direction; and how opaque (n,), `FAR` on the far side."""
    projection, seen = CHARTS[chart], points @ turn.T
    return projection.project(seen), np.where(projection.visible(seen), 1.0, FAR)


def unit(vectors: Floats) -> Floats:
    """Vectors (..., 3) scaled to length 1; NaN where they have none, or one that is not finite."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled = np.full_like(vectors, np.nan)
    np.divide(vectors, length, out=scaled, where=(length > 0) & np.isfinite(length))
    return scaled


def circles(count: int = 97) -> Floats:
    """Circles every 30 degrees around the first direction, (5, count, 3)."""
    angles, around = np.radians(np.arange(30, 180, 30))[:, None], np.linspace(0, 2 * np.pi, count)
    across = np.sin(angles)
    return np.stack([np.cos(angles) + 0 * around, across * np.cos(around), across * np.sin(around)], -1)
