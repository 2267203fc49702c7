"""A run's shadow on a plane, which grows with the run: each iterate is projected once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from foadv_gui.core.ascent import RULES
from foadv_gui.core.landscape import PlanarPreactivations, heights_at
from foadv_gui.core.places import like
from foadv_gui.lab.decision import decided_along
from foadv_gui.lab.picture import PathPicture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.core.plane import Plane
    from foadv_gui.lab.experiment import Problem
    from foadv_gui.lab.recording import Recording

_CHUNK = 2**20
"""Coordinates or activations held at a time."""


class Shadow:
    """The iterates of one run on one plane; of one of its restarts the loss there, and where its steps led.

    A recording that grows keeps the iterates that it had, or every other one of them: those are not projected again.
    """

    def __init__(self, problem: Problem, plane: Plane, focus: int) -> None:
        self.plane, self.focus = plane, focus
        self._problem = problem
        self._planar = PlanarPreactivations.of(problem.objective.exact, plane)
        self._steps: NDArray[np.int64] = np.empty(0, np.int64)
        self._columns: list[NDArray[Any]] = []

    @torch.inference_mode()
    def picture(self, recording: Recording) -> PathPicture:
        """The recording's iterates on the plane."""
        wanted = recording.steps_kept
        missing = np.flatnonzero(~np.isin(wanted, self._steps, assume_unique=True))
        if len(missing):
            held = max(recording.restarts * recording.dimension, self._problem.objective.width)
            size = max(1, _CHUNK // held)
            parts = [self._project(recording, missing[i : i + size]) for i in range(0, len(missing), size)]
            found = [np.concatenate(column) for column in zip(*parts, strict=True)]
            steps = np.concatenate([self._steps, wanted[missing]])
            order = np.argsort(steps, kind="stable")
            if self._columns:
                found = [np.concatenate(pair) for pair in zip(self._columns, found, strict=True)]
            self._steps, self._columns = steps[order], [column[order] for column in found]
        at = np.searchsorted(self._steps, wanted)
        points, off_plane, shadow_loss, proposals, decided = (column[at] for column in self._columns)
        return PathPicture(wanted, points, off_plane, shadow_loss, proposals, self.focus, decided)

    def _project(self, recording: Recording, at: NDArray[np.intp]) -> list[NDArray[Any]]:
        """Points (n, K, 2), off-plane share (n, K); of the focused restart the rest of a `PathPicture`."""
        deltas = torch.tensor(recording.delta[at])
        coordinates, _ = self.plane.coordinates(deltas)
        off_plane = self.plane.off_plane_share(deltas)
        own = like(deltas[:, self.focus], self._problem.objective.x)
        gradient = self._problem.objective.evaluate(own).gradient
        direction = RULES[self._problem.experiment.ascent.rule](gradient)
        _, loss = self._planar.objective.value_and_loss(heights_at(self._planar, coordinates[:, self.focus]))
        proposals, _ = self.plane.coordinates(own + recording.eta * direction)
        epsilon = recording.epsilon
        chosen = decided_along(self._problem.objective, own)
        return [coordinates.numpy() / epsilon, off_plane.numpy(), loss.numpy(), proposals.numpy() / epsilon, chosen]
