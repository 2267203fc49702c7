"""What a window or a figure draws, as NumPy arrays: no torch here, and no screen.

All coordinates on a plane are in units of epsilon, so that pictures at different input scales compare.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from contourpy import contour_generator

from foadv_gui.lab.quantity import Quantity, quantity_title
from foadv_gui.lab.ranges import NARROWEST, drawable, round_levels, some_range

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.ghost import Ghost
    from foadv_gui.lab.recording import Recording

    Floats: TypeAlias = NDArray[np.float64]

Window: TypeAlias = tuple[float, float, float, float]
"""left, right, bottom, top of a view, in units of epsilon."""

_FAR = 1.5
"""How many widths of the bulk away the multiplier may lie and still set the range of a spectrum's axis."""

MOVING_LIMIT = 200
"""The largest order of a matrix that is diagonalised while a control moves (some milliseconds)."""


@dataclass(frozen=True, eq=False)
class Request:
    """What a window wants to see.

    starts: starting perturbations over epsilon (K, d) set by hand; or the recording that the experiment goes on from,
    whose own starts hold; or None. window: the visible part of the plane, or None for the experiment's extent. live: a
    control is moving, so show something coarse at once. recording: a run to show as it was saved, in place of running
    the experiment. fresh: run again what was cancelled. turn: how a globe is turned, (3, 3), or None for its front.
    onto: the plane of another run, to draw on its directions and origin (in units of epsilon) where the dimension is
    the same. ghosts: paths of other runs to draw on the plane.
    """

    experiment: Experiment
    starts: Floats | Recording | None = None
    window: Window | None = None
    live: bool = False
    recording: Recording | None = None
    fresh: bool = False
    turn: Floats | None = None
    onto: PlanePicture | None = None
    ghosts: tuple[Ghost, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """What is known before the first step: sizes, step and reach, and where it is computed.

    later: the widths of what comes after the first layer, where that is more than one number; (0,) for a module, whose
    inside is its own. rival: of a loss of classes, the one that the clean input comes nearest to besides the right one;
    else -1.
    """

    restarts: int
    width: int
    dimension: int
    epsilon: float
    eta: float
    reach: float
    device: str
    input_label: str
    image_shape: tuple[int, ...] | None
    later: tuple[int, ...] = ()
    rival: int = -1

    @property
    def sizes(self) -> str:
        """The sizes of input and network."""
        if self.later == (0,):
            return f"d = {self.dimension}, a module"
        if self.later:
            return " → ".join(map(str, (self.dimension, self.width, *self.later)))
        return f"d = {self.dimension}, m = {self.width}"


@dataclass(frozen=True, eq=False)
class PlanePicture:
    """A plane, and what does not change while an iterate moves.

    origin, u, v: (d,) float64. axes: what the two axes are. explained: the share that the plane holds of what
    `explains` names (squared distances, no variance: they are not taken about the mean), or None. cut: the boundary
    of the constraint set's cut, closed polygon (n, 2), empty where plane and set do not meet. clean: where the clean
    input projects to (2,). reach: what an extent of 1 stands for, in units of epsilon.
    """

    name: str
    origin: Floats
    u: Floats
    v: Floats
    axes: tuple[str, str]
    explained: float | None
    explains: str
    cut: Floats
    clean: Floats
    epsilon: float
    reach: float

    def moved(self, start: Floats, point: tuple[float, float], *, keep_off_plane: bool) -> Floats:
        """A start (d,), over epsilon, moved along the plane to a point (2,) of it, or onto the plane there."""
        target = self.origin / self.epsilon + point[0] * self.u + point[1] * self.v
        if not keep_off_plane:
            return target
        away = start - self.origin / self.epsilon
        return target + away - (away @ self.u) * self.u - (away @ self.v) * self.v

    def alike(self, other: PlanePicture) -> bool:
        """Whether another plane has the same directions, and the same origin in units of epsilon."""
        return all(
            one.shape == two.shape and np.allclose(one, two, rtol=0, atol=1e-12)
            for one, two in (
                (self.u, other.u),
                (self.v, other.v),
                (self.origin / self.epsilon, other.origin / other.epsilon),
            )
        )


@dataclass(frozen=True, eq=False)
class PathPicture:
    """Iterates on a plane: points (n, K, 2) at the kept steps (n,), and the off-plane share (n, K) of each.

    Of the focused restart, `shadow_loss` (n,) is the loss at its points on the plane, where it is not the iterates'
    own, `proposals` (n, 2) are where its steps led before they were projected, and `decided` (n,) is what a classifier
    decides for at its iterates, and whether that is right; empty texts where there is no right answer.
    """

    steps: NDArray[np.int64]
    points: Floats
    off_plane: Floats
    shadow_loss: Floats
    proposals: Floats
    focus: int
    decided: NDArray[np.str_] | None = None

    @property
    def restarts(self) -> int:
        """The number of paths K."""
        return int(self.points.shape[1])

    @cached_property
    def still_from(self) -> int:
        """The step from which no path strays visibly (0.5% of epsilon) from its endpoint on the plane."""
        away = np.linalg.norm(self.points - self.points[-1], axis=-1).max(axis=1)
        moving = np.nonzero(away > 0.005)[0]
        return int(self.steps[min(moving[-1] + 1, len(self.steps) - 1)]) if len(moving) else 0

    def at(self, t: float) -> int:
        """The index of the last kept step that is not after t."""
        return max(int(np.searchsorted(self.steps, t, side="right")) - 1, 0)


@dataclass(frozen=True)
class FocusRun:
    """The focused path alone, ahead of all others, while a control moves."""

    path: PathPicture


@dataclass(frozen=True, eq=False)
class Surface:
    """A quantity on a grid of a plane: values (len(beta), len(alpha)), with alpha and beta in units of epsilon.

    For loss, log loss and residual the values are the residual f - y, from which `shown` derives the rest; of another
    than the quadratic `loss` the residual is f itself, and `losses` are L. `inside` marks the grid points in the
    constraint set's cut. `arrows` are (n, 4): point and in-plane gradient direction.
    """

    alpha: Floats
    beta: Floats
    values: Floats
    inside: NDArray[np.bool_]
    quantity: Quantity
    arrows: Floats = field(default_factory=lambda: np.empty((0, 4)))
    coarse: bool = False
    losses: Floats | None = None
    loss: str = "quadratic"

    @property
    def title(self) -> str:
        """What is shown, in words."""
        return quantity_title(self.quantity, self.loss)

    @property
    def window(self) -> Window:
        """left, right, bottom, top of the grid."""
        return float(self.alpha[0]), float(self.alpha[-1]), float(self.beta[0]), float(self.beta[-1])

    def shown(self) -> Floats:
        """The quantity itself, as `Surface.quantity` says, NaN where it cannot be drawn."""
        if self.quantity == "loss":
            with np.errstate(over="ignore"):
                return drawable(0.5 * self.values**2 if self.losses is None else self.losses)
        if self.quantity == "log-loss" and self.losses is not None:
            losses = np.where(np.isfinite(self.losses), self.losses, np.nan)
            highest = float(np.max(losses, where=np.isfinite(losses), initial=0.0))
            return np.asarray(np.log10(np.maximum(losses, max(highest * 1e-12, 1e-300))))
        if self.quantity == "log-loss":
            # A valley of zero loss has no logarithm: 12 decades below the top count as its floor.
            size = np.abs(np.where(np.isfinite(self.values), self.values, np.nan))
            floor = max(float(np.max(size, where=np.isfinite(size), initial=0.0)) * 1e-6, 1e-150)
            return np.asarray(2 * np.log10(np.maximum(size, floor)) - np.log10(2))
        return drawable(self.values)

    def colour_range(self, clip: bool, visible: Window | None = None) -> tuple[float, float]:
        """Lowest and highest value for the colours: symmetric about 0 for a signed quantity.

        From inside the set only if `clip`, and from the `visible` part of the plane only, where that is known.
        """
        shown = self.shown()
        pool = shown
        if clip and self.inside.any():
            pool = shown[self.inside]
        elif visible is not None:
            left, right, bottom, top = visible
            columns = (self.alpha >= left) & (self.alpha <= right)
            rows = (self.beta >= bottom) & (self.beta <= top)
            pool = shown[np.ix_(rows, columns)] if rows.any() and columns.any() else shown
        pool = pool[np.isfinite(pool)]
        if not len(pool):
            return 0.0, 1.0
        low, high = float(pool.min()), float(pool.max())
        if self.quantity == "log-loss":
            low = max(low, high - 6)
        if self.quantity in ("residual", "curvature"):
            top = max(abs(low), abs(high))
            return (-top, top) if top > NARROWEST else (-1.0, 1.0)
        return some_range(low, high)

    def contours(self, low: float, high: float, count: int = 12) -> list[tuple[float, list[Floats]]]:
        """Lines of equal height at about `count` round levels between low and high: (level, polylines (n, 2))."""
        return self.contours_at(round_levels(low, high, count))

    def contours_at(self, levels: Iterable[float]) -> list[tuple[float, list[Floats]]]:
        """Lines of equal height at some levels: (level, polylines (n, 2))."""
        generator = contour_generator(self.alpha, self.beta, self.shown())
        return [(level, _lines(generator, level)) for level in levels]

    def zero_residual(self) -> list[Floats]:
        """The level set f = y (of other losses f = 0), polylines (n, 2); empty for the curvature, which has none."""
        if self.quantity == "curvature":
            return []
        return _lines(contour_generator(self.alpha, self.beta, drawable(self.values)), 0.0)


def grid_shape(window: Window, grid: int) -> tuple[int, int]:
    """Columns and rows of a grid of about grid^2 points that are as far apart across as they are up."""
    left, right, bottom, top = window
    aspect = min(max((right - left) / (top - bottom), 0.05), 20.0)
    return max(2, round(grid * aspect**0.5)), max(2, round(grid / aspect**0.5))


def _lines(generator: Any, level: float) -> list[Floats]:
    return [np.asarray(line, np.float64) for line in generator.lines(level)]


@dataclass(frozen=True, eq=False)
class SpectrumPicture:
    """The Hessian's spectrum at iterate t of restart k; `problem` says why there is none (relu)."""

    t: int
    k: int
    kind: Literal["tangent", "euclidean"]
    eigenvalues: Floats
    zeros: int
    dimension: int
    multiplier: float
    exact: bool
    residual: float
    problem: str = ""

    @property
    def why_empty(self) -> str:
        """Why there is nothing to draw, or nothing if there is."""
        if not np.isfinite(drawable(self.eigenvalues)).all():
            return "The eigenvalues are too large to be drawn."
        if self.problem or len(self.eigenvalues):
            return self.problem
        if not self.dimension:
            return "A corner of the constraint set: no direction is free to bend in."
        return f"All {self.dimension} eigenvalues are exactly zero." if self.exact else "No eigenvalue converged here."

    def axis(self, outlier: float | None = None) -> tuple[float, float]:
        """The range to draw: all eigenvalues, and where that squeezes nothing flat the multiplier and the outlier."""
        values = np.append(self.eigenvalues, 0.0) if self.zeros or not len(self.eigenvalues) else self.eigenvalues
        low, high = float(values.min()), float(values.max())
        # Few eigenvalues may have no width of their own: theirs is at least a fifth of their size.
        width = max(high - low, 0.2 * max(abs(low), abs(high)))
        width = width if width > NARROWEST else 1.0
        middle = (low + high) / 2
        low, high = middle - width / 2, middle + width / 2
        for beside in (self.multiplier, low if outlier is None else outlier):
            if low - _FAR * width <= beside <= high + _FAR * width:
                low, high = min(low, beside), max(high, beside)
        pad = 0.04 * (high - low)
        return low - pad, high + pad

    def histogram(self, outlier: float | None = None, bins: int = 40) -> tuple[NDArray[np.int64], Floats]:
        """Counts (bins,) and edges (bins + 1,) over the axis; exact zeros outside the spectrum are not counted."""
        counts, edges = np.histogram(self.eigenvalues, bins=bins, range=self.axis(outlier))
        return counts.astype(np.int64), edges


@dataclass(frozen=True, eq=False)
class ExtremesPicture:
    """Extreme eigenvalues along the focused path: at steps t (n,), smallest, largest and multiplier (n,) each.

    NaN where there is none, or none converged.
    """

    k: int
    kind: Literal["tangent", "euclidean"]
    t: NDArray[np.int64]
    smallest: Floats
    largest: Floats
    multiplier: Floats
    problem: str = ""

    @property
    def why_empty(self) -> str:
        """Why there is nothing to draw, or nothing if there is."""
        if self.problem or np.isfinite(drawable([*self.smallest, *self.largest])).any():
            return self.problem
        if np.isfinite([*self.smallest, *self.largest]).any():
            return "The eigenvalues are too large to be drawn."
        return "No eigenvalue at any step: no direction is free to bend in, or none converged."

    @property
    def concave_from(self) -> int | None:
        """The first known step from which on all tangent eigenvalues lie below the multiplier; None for none."""
        if self.kind != "tangent" or not len(self.t):
            return None
        bent_upwards = np.nonzero(~(self.largest < self.multiplier))[0]
        first = int(bent_upwards[-1]) + 1 if len(bent_upwards) else 0
        return int(self.t[first]) if first < len(self.t) else None


@dataclass(frozen=True, eq=False)
class DirectionPicture:
    """One eigenvector: its eigenvalue, its in-plane part (2,), the share of it in the plane, and itself (d,)."""

    index: int
    eigenvalue: float
    in_plane: Floats
    share: float
    vector: Floats


@dataclass(frozen=True, eq=False)
class ProbePicture:
    """Values at a point of the plane (2,), or of the globe (3,), over epsilon: f, L, what a classifier decides for."""

    point: Floats
    value: float
    loss: float
    decided: str = ""


@dataclass(frozen=True, eq=False)
class CutPicture:
    """The loss along a line of the plane from `start` to `end` (2,): positions (n,) over epsilon, losses (n,)."""

    start: Floats
    end: Floats
    position: Floats
    loss: Floats
