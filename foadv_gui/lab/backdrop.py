"""What paths are seen against: the plane, and the landscape on it.

Both are kept while nothing changes that they depend on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.constraint import LinfBall
from foadv_gui.core.interruption import give_way
from foadv_gui.core.landscape import PlanarPreactivations, curvature_on_grid, gradient_at, heights_on_grid
from foadv_gui.core.places import to_exact
from foadv_gui.core.plane import PathContext, Plane, constraint_cut, inside_cut, make_plane
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.ghost import GhostsPicture
from foadv_gui.lab.lookup import Lookup
from foadv_gui.lab.picture import PlanePicture, Request, Surface, Window, grid_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from foadv_gui.core.objective import Objective
    from foadv_gui.lab.recording import Recording

PATH_PLANES = frozenset({"path-components", "endpoint-components", "clean-start-end", "hessian-eigenvectors"})
"""Planes that follow the iterates, and so can be laid only when the ascent has run."""
_COARSE = 101
CURVATURE_GRID = 25


class QuantityValues(NamedTuple):
    """What a surface is drawn from: residuals (or curvatures), and losses where they do not follow from those."""

    values: NDArray[np.float64]
    losses: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, objective: Objective, heights: torch.Tensor) -> QuantityValues:
        """Those of an objective's heights."""
        value, loss = objective.value_and_loss(heights)
        residual = to_exact(value - objective.level).numpy()
        return cls(residual, to_exact(loss).numpy() if objective.heights_shape else None)


class Backdrop(Lookup):
    """The plane on show and the landscape on it."""

    def __init__(self) -> None:
        super().__init__()
        self._plane_laid: object = None
        self._reach = 1.0
        self._surface_key: object = None
        self._surface: Surface | None = None
        self._surface_for: Request | None = None
        self._surface_shown: object = None
        self._haunted = False
        """Whether there are ghosts on show."""

    def forget_surface(self) -> None:
        """The landscape has to be computed anew."""
        self._surface_key = None

    def _context(self, request: Request, recording: Recording | None) -> PathContext:
        assert self.problem is not None
        exact, d = self.problem.objective.exact, self.problem.clean.dimension
        path = endpoints = torch.zeros(1, d, dtype=torch.float64)
        view = request.experiment.view
        if recording is not None:
            focus = min(view.focus, recording.restarts - 1)
            # A recording from a file may hold iterates of a run that overflowed: no plane can be laid through these.
            path, endpoints = _finite(recording.delta[:, focus]), _finite(recording.delta[-1])
        return PathContext(exact, self._exact_set(), path, endpoints, view.plane_seed, (view.pixel_u, view.pixel_v))

    def follows(self, request: Request) -> bool:
        """Whether the plane follows the iterates, and so can be laid only when the ascent has run."""
        return request.experiment.view.plane in PATH_PLANES and self._given(request) is None

    def _given(self, request: Request) -> PlanePicture | None:
        """The plane of another run that is to be drawn on; one of another dimension means nothing here."""
        assert self.problem is not None
        onto = request.onto
        return onto if onto is not None and len(onto.u) == self.problem.clean.dimension else None

    def lay_plane(self, request: Request, recording: Recording | None) -> Iterator[PlanePicture | GhostsPicture]:
        """Lay the plane, through the iterates of a recording where it follows them, and the ghosts on it.

        Raises
        ------
        ExperimentError
            For eigenvectors of a Hessian that overflows.
        """
        assert self.problem is not None
        view, old, all_paths = request.experiment.view, self.plane, self.problem.restarts
        laid = (view.plane, self.problem.clean.dimension)
        onto = self._given(request)
        # One path says nothing of a plane through the ends of all: that of the run before stays until they are there.
        waits = view.plane == "endpoint-components" and recording is not None and recording.restarts < all_paths
        if onto is not None:
            self.plane = _again(onto, self._exact_set().epsilon)
        elif not (waits and self._plane_laid == laid):
            try:
                self.plane = make_plane(view.plane, self._context(request, recording))
            except NoCurvatureError as reason:
                raise ExperimentError("view.plane", str(reason), view.plane) from None
        plane = self.plane
        assert plane is not None
        self._plane_laid = laid if onto is None else None
        if old is None or not all(torch.equal(getattr(old, n), getattr(plane, n)) for n in ("origin", "u", "v")):
            self._surface_key = None
        clean, _ = plane.coordinates(torch.zeros_like(plane.origin))
        epsilon = self._exact_set().epsilon
        cut = constraint_cut(plane, self._exact_set()) / epsilon
        # An l2 set reaches as far as epsilon everywhere, the l-infinity ball in its corners up to sqrt(d) times as far.
        corners = isinstance(self.problem.constraint, LinfBall) and len(cut)
        self._reach = float(np.abs(cut).max()) if corners else 1.0
        picture = PlanePicture(
            name=view.plane,
            origin=plane.origin.numpy(),
            u=plane.u.numpy(),
            v=plane.v.numpy(),
            axes=plane.axes,
            explained=plane.explained,
            explains=plane.explains,
            cut=cut,
            clean=clean.numpy() / epsilon,
            epsilon=epsilon,
            reach=self._reach,
        )
        yield picture
        if request.ghosts or self._haunted:
            self._haunted = bool(request.ghosts)
            yield GhostsPicture.of(request.ghosts, picture)

    def draw_surface(self, request: Request, *, coarse: bool, interrupted: Callable[[], bool]) -> Iterator[Surface]:
        """Draw the visible part of the landscape, unless it is on show already."""
        view = request.experiment.view
        half = view.extent * self._reach
        window = request.window or (-half, half, -half, half)
        curvature = view.quantity == "curvature"
        if curvature and coarse:
            return
        give_way(interrupted)
        grid = min(_COARSE, view.grid) if coarse else view.grid
        key = (window, grid, curvature, view.arrows, coarse)
        if key != self._surface_key or self._surface is None:
            self._surface = self._surface_on(window, grid, view, coarse, interrupted)
            self._surface_key = key
        if self._surface_for is not request or key != self._surface_shown:
            self._surface_for, self._surface_shown = request, key
            self._surface = replace(self._surface, quantity=view.quantity)
            yield self._surface

    def activations(self, request: Request) -> float:
        """How many activations the fine landscape takes."""
        assert self.problem is not None
        return float(request.experiment.view.grid**2 * self.problem.objective.work)

    def _surface_on(
        self, window: Window, grid: int, view: Any, coarse: bool, interrupted: Callable[[], bool]
    ) -> Surface:
        assert self.problem is not None and self.plane is not None
        epsilon, curvature = self.problem.constraint.epsilon, view.quantity == "curvature"
        grid = min(grid, CURVATURE_GRID) if curvature else grid
        columns, rows = grid_shape(window, grid)
        alpha, beta = np.linspace(*window[:2], columns), np.linspace(*window[2:], rows)
        alphas, betas = torch.from_numpy(alpha * epsilon), torch.from_numpy(beta * epsilon)
        objective = self.problem.objective.single if coarse else self.problem.objective
        planar = PlanarPreactivations.of(objective, self.plane)
        if curvature:
            values = curvature_on_grid(objective, self._exact_set(), self.plane, alphas, betas, interrupted)
            quantity = QuantityValues(to_exact(values).numpy())
        else:
            quantity = QuantityValues.of(objective, heights_on_grid(planar, alphas, betas, interrupted))
        arrows = self._arrows(window) if view.arrows else np.empty((0, 4))
        inside = inside_cut(constraint_cut(self.plane, self._exact_set()) / epsilon, alpha, beta)
        found = Surface(alpha, beta, quantity.values, inside, view.quantity, arrows, coarse)
        return replace(found, losses=quantity.losses, loss=self.problem.objective.loss_name)

    def _arrows(self, window: Window, count: int = 15) -> NDArray[np.float64]:
        """Gradient directions on a coarse grid: (n, 4) of point and unit direction scaled by its relative length."""
        assert self.problem is not None and self.plane is not None
        left, right, bottom, top = window
        a = left + (np.arange(count) + 0.5) * (right - left) / count
        b = bottom + (np.arange(count) + 0.5) * (top - bottom) / count
        points = np.stack(np.meshgrid(a, b), -1).reshape(-1, 2)
        planar = PlanarPreactivations.of(self.problem.objective, self.plane)
        gradient = to_exact(gradient_at(planar, torch.from_numpy(points * self.problem.constraint.epsilon))).numpy()
        longest = np.linalg.norm(gradient, axis=1).max()
        return np.concatenate([points, gradient / longest if longest > 0 else gradient], 1)


def _again(plane: PlanePicture, epsilon: float) -> Plane:
    """The plane of another run at this one's radius."""
    origin, u, v = (
        torch.from_numpy(np.array(part)) for part in (plane.origin / plane.epsilon * epsilon, plane.u, plane.v)
    )
    return Plane(origin, u, v, plane.axes)


def _finite(delta: NDArray[Any]) -> torch.Tensor:
    """The perturbations in float64, 0 where they are not finite."""
    return torch.tensor(np.nan_to_num(delta, nan=0.0, posinf=0.0, neginf=0.0)).double()


def same_surface(first: Request, second: Request) -> bool:
    """Whether a plane looks the same in both, whatever path is drawn on it."""
    if first.recording is not None or second.recording is not None:
        return False
    keys = ("network", "input", "compute")
    one, other = first.experiment, second.experiment
    around = (one.ascent.constraint, one.ascent.box) == (other.ascent.constraint, other.ascent.box)
    return around and all(getattr(one, key) == getattr(other, key) for key in keys)
