"""The 2-sphere that paths are seen on in place of a plane: its directions, and the landscape on it as it is turned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from typing_extensions import override

from foadv_gui.core.chart import FRONT
from foadv_gui.core.interruption import give_way
from foadv_gui.core.landscape import curvature_at
from foadv_gui.core.places import to_exact
from foadv_gui.core.sphere import NoSphereError, SpherePreactivations, Subspace, inside_box, make_subspace
from foadv_gui.core.threads import abandonable
from foadv_gui.lab.backdrop import CURVATURE_GRID, Backdrop, QuantityValues
from foadv_gui.lab.decision import decided
from foadv_gui.lab.globe import SpherePicture, SphereSurface, seen_directions, sides, unit
from foadv_gui.lab.picture import ProbePicture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from foadv_gui.core.objective import Objective
    from foadv_gui.lab.picture import Request, Surface
    from foadv_gui.lab.recording import Recording

_COARSE = 101
_FINER = 1.5
"""A globe is looked at more closely than a plane: so many times as many pixels along its side."""
_CHUNK = 2**20
"""Coordinates held at a time."""


class GlobeBackdrop(Backdrop):
    """Beside the plane, the sphere on show and the landscape on it."""

    def __init__(self) -> None:
        super().__init__()
        self.subspace: Subspace | None = None
        self._subspace_for: tuple[object, ...] = ()
        self._globe_request: Request | None = None
        self._globe: tuple[object, SphereSurface] | None = None
        self._preactivations: SpherePreactivations | None = None

    @override
    def forget_run(self) -> None:
        super().forget_run()
        self._subspace_for = self._subspace_for[:2]

    @override
    def forget_surface(self) -> None:
        super().forget_surface()
        self._globe = None

    def lay_sphere(
        self, request: Request, recording: Recording, interrupted: Callable[[], bool]
    ) -> Iterator[SpherePicture]:
        """Choose the three directions, and draw the paths in them.

        While a control moves, those of before stay: else the globe would jump about under it.
        """
        assert self.problem is not None
        view = request.experiment.view
        focus = min(view.focus, recording.restarts - 1)
        wanted = (view.subspace, self.problem.clean.dimension)
        keeps = request.live and self.subspace is not None and self._subspace_for[:2] == wanted
        laid = (*wanted, view.plane_seed, focus, recording)
        try:
            if not keeps and self._subspace_for != laid:
                context = self._context(request, recording)
                self.subspace = abandonable(lambda: make_subspace(view.subspace, context), interrupted)
                self._subspace_for = laid
                self._globe = None
        except NoSphereError as reason:
            self.subspace, self._subspace_for = None, ()
            yield SpherePicture(view.subspace, why=str(reason))
            return
        if keeps:
            self._subspace_for = wanted
        yield self.sphere_picture(view.subspace, recording, focus, interrupted)

    def sphere_picture(
        self, name: str, recording: Recording, focus: int, interrupted: Callable[[], bool], *, alone: bool = False
    ) -> SpherePicture:
        """A recording's iterates in the subspace that is laid; `Interrupted` is raised between two chunks of them."""
        assert self.subspace is not None
        size = max(1, _CHUNK // (recording.restarts * recording.dimension))
        found = []
        for i in range(0, len(recording.delta), size):
            give_way(interrupted)
            found.append(self.subspace.coordinates(torch.tensor(recording.delta[i : i + size])))
        c = torch.cat([part for part, _ in found]).numpy() / recording.epsilon
        drawn = torch.from_numpy(recording.epsilon * unit(c[:, focus]))
        sphere = self._on(self._exact_objective())
        _, nearest_loss = sphere.objective.value_and_loss(sphere.heights(drawn))
        return SpherePicture(
            name=name,
            E=self.subspace.E.numpy(),
            axes=self.subspace.axes,
            note=self.subspace.note,
            explained=self.subspace.explained,
            explains=self.subspace.explains,
            epsilon=recording.epsilon,
            steps=recording.steps_kept,
            coordinates=c,
            off=torch.cat([part for _, part in found]).numpy(),
            nearest_loss=nearest_loss.numpy(),
            focus=focus,
            alone=alone,
        )

    @override
    def draw_surface(self, request: Request, *, coarse: bool, interrupted: Callable[[], bool]) -> Iterator[Surface]:
        """Draw the landscape on the chart that the request names, unless it is on show already."""
        if request.experiment.view.chart == "plane":
            yield from super().draw_surface(request, coarse=coarse, interrupted=interrupted)
            return
        again = self._globe_request is not request
        self._globe_request = request
        # Until the paths are there, the directions are those of before: they are not worth more.
        coarse = coarse or self.recording is None
        yield from self._draw_globe(FRONT if request.turn is None else request.turn, coarse, interrupted, again=again)

    def turned(
        self, turn: NDArray[np.float64], coarse: bool, interrupted: Callable[[], bool]
    ) -> Iterator[SphereSurface]:
        """The globe on show, turned another way."""
        request = self._globe_request
        if request is not None and request.experiment.view.chart == "globe":
            yield from self._draw_globe(turn, coarse, interrupted)

    def _draw_globe(
        self, turn: NDArray[np.float64], coarse: bool, interrupted: Callable[[], bool], *, again: bool = False
    ) -> Iterator[SphereSurface]:
        assert self.problem is not None and self._globe_request is not None
        view, subspace = self._globe_request.experiment.view, self.subspace
        curvature = view.quantity == "curvature"
        if subspace is None or subspace.E.shape[1] != self.problem.clean.dimension or (curvature and coarse):
            return
        give_way(interrupted)
        turn = FRONT if view.chart == "map" else turn
        key = (view.chart, turn.tobytes(), view.grid, curvature, subspace, self.problem.objective)
        known_key, known = self._globe or (None, None)
        if known is not None and key == known_key and (coarse or not known.coarse):
            if again:
                yield replace(known, quantity=view.quantity)
            return
        size = round(_FINER * view.grid) | 1  # the centre is a pixel
        size = min(size, CURVATURE_GRID if curvature else _COARSE if coarse else size)
        (values, losses), inside = self._values(view.chart, turn, size, curvature, coarse, interrupted)
        side = sides(view.chart, size)
        drawn = SphereSurface(side, side, values, inside, view.quantity, coarse=coarse, chart=view.chart, turn=turn)
        drawn = replace(drawn, losses=losses, loss=self.problem.objective.loss_name)
        self._globe = key, drawn
        yield drawn

    def _values(
        self,
        chart: str,
        turn: NDArray[np.float64],
        size: int,
        curvature: bool,
        coarse: bool,
        interrupted: Callable[[], bool],
    ) -> tuple[QuantityValues, NDArray[np.bool_]]:
        """What is drawn at the pixels of a chart, and which of them lie in the box."""
        assert self.problem is not None and self.subspace is not None
        epsilon = self.problem.constraint.epsilon
        seen = seen_directions(chart, turn, sides(chart, size))
        drawn = np.isfinite(seen[..., 0])
        c = torch.from_numpy(seen[drawn])
        if curvature:
            tops = curvature_at(self._exact_objective(), epsilon, self.subspace.lift(epsilon * c), interrupted)
            found = QuantityValues(to_exact(tops).numpy())
        else:
            objective = self.problem.objective.single if coarse else self.problem.objective
            found = QuantityValues.of(objective, self._on(objective).heights(epsilon * c, interrupted))

        def spread(part: NDArray[np.float64]) -> NDArray[np.float64]:
            whole = np.full(drawn.shape, np.nan)
            whole[drawn] = part
            return whole

        values = QuantityValues(spread(found.values), None if found.losses is None else spread(found.losses))
        inside = np.zeros(drawn.shape, dtype=bool)
        inside[drawn] = inside_box(self._exact_set(), self.subspace.E, c).numpy()
        return values, inside

    def _on(self, objective: Objective) -> SpherePreactivations:
        """The products of W with the subspace; those of the globe that is being turned are kept."""
        assert self.subspace is not None
        known = self._preactivations
        if known is None or known.objective is not objective or known.E is not self.subspace.E:
            known = SpherePreactivations.of(objective, self.subspace.E)
            self._preactivations = known
        return known

    def _exact_objective(self) -> Objective:
        assert self.problem is not None
        return self.problem.objective.exact

    @override
    def probe(self, point: tuple[float, ...]) -> ProbePicture:
        """F and L at a point of the plane (2,), or of the globe's sphere (3,), in float64."""
        if len(point) == 2:
            return super().probe(point)
        assert self.problem is not None and self.subspace is not None
        delta = self.problem.constraint.epsilon * self.subspace.lift(torch.tensor(point, dtype=torch.float64))
        exact = self._exact_objective()
        value, loss, _ = exact.evaluate(delta)
        return ProbePicture(np.array(point), float(value), float(loss), decided(exact, delta))
