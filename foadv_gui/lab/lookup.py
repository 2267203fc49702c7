"""What is asked of a computed scene one question at a time, mostly with the mouse: values, lines, spectra, starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.landscape import PlanarPreactivations, residual_at
from foadv_gui.core.spectrum import eigenvector, hessian_spectrum
from foadv_gui.lab.picture import CutPicture, DirectionPicture, ProbePicture, SpectrumPicture

if TYPE_CHECKING:
    from foadv_gui.core.constraint import ConstraintSet
    from foadv_gui.core.plane import Plane
    from foadv_gui.lab.experiment import Problem
    from foadv_gui.lab.recording import Recording

_MOST_SPECTRA = 1000
"""Kept of one recording: of 2000 eigenvalues each, 16 MB."""


class Lookup:
    """A problem, its recording and the plane it is seen on, and quick questions about them."""

    def __init__(self) -> None:
        self.problem: Problem | None = None
        self.recording: Recording | None = None
        self.plane: Plane | None = None
        self._spectra: tuple[Recording | None, dict[tuple[int, int, str], SpectrumPicture]] = (None, {})

    def _exact_set(self) -> ConstraintSet:
        assert self.problem is not None
        return self.problem.constraint.to(device=torch.device("cpu"), dtype=torch.float64)

    def spectrum(self, t: int, k: int, kind: Any) -> SpectrumPicture:
        """The spectrum at the last kept iterate not after t of restart k; computed once, as playback comes again."""
        assert self.problem is not None and self.recording is not None
        if self._spectra[0] is not self.recording:
            self._spectra = (self.recording, {})
        known = self._spectra[1]
        i = self.recording.kept_index(t)
        found = known.get((i, k, kind)) or self._spectrum(self.problem, self.recording, i, k, kind)
        if len(known) >= _MOST_SPECTRA:
            known.pop(next(iter(known)))
        known[i, k, kind] = found
        return found

    def _spectrum(self, problem: Problem, recording: Recording, i: int, k: int, kind: Any) -> SpectrumPicture:
        delta, step = torch.tensor(recording.delta[i, k]), int(recording.steps_kept[i])
        try:
            found = hessian_spectrum(problem.objective, problem.constraint, delta, kind)
        except NoCurvatureError as reason:
            return SpectrumPicture(step, k, kind, np.empty(0), 0, 0, 0.0, True, 0.0, str(reason))
        return SpectrumPicture(
            step,
            k,
            kind,
            found.eigenvalues,
            found.zeros,
            found.dimension,
            found.multiplier,
            found.exact,
            found.residual,
        )

    def direction(self, t: int, k: int, kind: Any, index: int, eigenvalue: float) -> DirectionPicture:
        """The eigenvector of one eigenvalue of `spectrum(t, k, kind)`, and its part in the plane."""
        assert self.problem is not None and self.recording is not None and self.plane is not None
        delta = torch.tensor(self.recording.delta[self.recording.kept_index(t), k])
        vector = eigenvector(self.problem.objective, self.problem.constraint, delta, kind, index)
        part = torch.stack([vector @ self.plane.u, vector @ self.plane.v])
        return DirectionPicture(index, eigenvalue, part.numpy(), float(part.norm()), vector.numpy())

    def probe(self, point: tuple[float, ...]) -> ProbePicture:
        """F and L at a point of the plane, in float64."""
        assert self.problem is not None and self.plane is not None
        exact = self.problem.objective.exact
        delta = self.plane.lift(torch.tensor(point, dtype=torch.float64) * self.problem.constraint.epsilon)
        value, loss, _ = exact.evaluate(delta)
        return ProbePicture(np.array(point), float(value), float(loss))

    def cut(self, start: tuple[float, float], end: tuple[float, float], count: int = 401) -> CutPicture:
        """The loss along a line of the plane."""
        assert self.problem is not None and self.plane is not None
        a, b = np.array(start), np.array(end)
        share = np.linspace(0, 1, count)
        points = a + share[:, None] * (b - a)
        planar = PlanarPreactivations.of(self.problem.objective.exact, self.plane)
        residual = residual_at(planar, torch.from_numpy(points * self.problem.constraint.epsilon)).numpy()
        return CutPicture(a, b, share * float(np.linalg.norm(b - a)), 0.5 * residual**2)
