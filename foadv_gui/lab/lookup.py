"""What is asked of a computed scene one question at a time, mostly with the mouse: values, lines, spectra, starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from foadv_gui.core.activations import NoCurvatureError
from foadv_gui.core.density import lanczos_density
from foadv_gui.core.interruption import never
from foadv_gui.core.landscape import PlanarPreactivations, heights_at
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.core.randommatrix import predicted_bulk
from foadv_gui.core.spectrum import eigenvector, hessian_spectrum, restricted
from foadv_gui.lab import survey
from foadv_gui.lab.bulk import BulkPicture, Curve
from foadv_gui.lab.decision import decided
from foadv_gui.lab.picture import CutPicture, DirectionPicture, ProbePicture, SpectrumPicture

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.core.constraint import ConstraintSet
    from foadv_gui.core.plane import Plane
    from foadv_gui.lab.experiment import Problem
    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.restarts import BetweenPicture

_MOST_SPECTRA = 1000
"""Kept of one recording: of 2000 eigenvalues each, 16 MB; with them the curves of those at which the cursor rested."""
_FEWEST_PREDICTED = 10
"""The smallest width and dimension for which a law of large networks is drawn."""


class Lookup:
    """A problem, its recording and the plane it is seen on, and quick questions about them."""

    def __init__(self) -> None:
        self.problem: Problem | None = None
        self.recording: Recording | None = None
        self.plane: Plane | None = None
        self._spectra: tuple[Recording | None, dict[tuple[int, int, str], SpectrumPicture]] = (None, {})
        self._pair: tuple[Recording, int, int] | None = None
        """The two restarts that somebody chose, and of which recording."""
        self._bulks: WeakKeyDictionary[SpectrumPicture, BulkPicture] = WeakKeyDictionary()

    def forget_run(self) -> None:
        """Another run comes: what is known of this one would keep its recording in memory."""
        self._spectra, self._pair = (None, {}), None

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

    def bulk(self, t: int, k: int, kind: Any, interrupted: Callable[[], bool] = never) -> BulkPicture:
        """What is predicted beside `spectrum(t, k, kind)`, and estimated where that has only its ends; computed once.

        Raises
        ------
        Interrupted
            When `interrupted()` is true.
        """
        assert self.problem is not None and self.recording is not None
        problem, recording = self.problem, self.recording
        shown = self.spectrum(t, k, kind)
        if shown not in self._bulks:
            delta = torch.tensor(recording.delta[recording.kept_index(t), k])
            predicted = {} if shown.why_empty else _predicted(problem, shown, delta, interrupted)
            estimated = {} if shown.exact else _estimated(problem, shown, delta, interrupted)
            self._bulks[shown] = BulkPicture(shown.t, shown.k, shown.kind, **predicted, **estimated)
        return self._bulks[shown]

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
        return ProbePicture(np.array(point), float(value), float(loss), decided(exact, delta))

    def cut(self, start: tuple[float, float], end: tuple[float, float], count: int = 401) -> CutPicture:
        """The loss along a line of the plane."""
        assert self.problem is not None and self.plane is not None
        a, b = np.array(start), np.array(end)
        share = np.linspace(0, 1, count)
        points = a + share[:, None] * (b - a)
        planar = PlanarPreactivations.of(self.problem.objective.exact, self.plane)
        heights = heights_at(planar, torch.from_numpy(points * self.problem.constraint.epsilon))
        _, loss = planar.objective.value_and_loss(heights)
        return CutPicture(a, b, share * float(np.linalg.norm(b - a)), loss.numpy())

    def between(self, i: int, j: int) -> BetweenPicture:
        """The loss between the ends of restarts i and j, which are the chosen pair from now on."""
        assert self.problem is not None and self.recording is not None
        self._pair = (self.recording, i, j)
        return survey.between(self.problem, self.recording, i, j)

    def chosen_pair(self) -> tuple[int, int] | None:
        """The pair that was chosen of this recording, if any was."""
        if self._pair is None or self._pair[0] is not self.recording:
            return None
        return self._pair[1:]


def _predicted(
    problem: Problem, shown: SpectrumPicture, delta: torch.Tensor, interrupted: Callable[[], bool]
) -> dict[str, Any]:
    """The random-matrix prediction as parts of a picture, or why there is none."""
    why = _unpredicted(problem, shown)
    if why or not isinstance(problem.objective, QuadraticAdversary):
        return {"why": why}
    along = shown.dimension < problem.objective.dimension
    kappa = problem.experiment.network.weight_scale
    found = predicted_bulk(problem.objective, delta, kappa, tangent=along, interrupted=interrupted)
    whole = np.concatenate([shown.eigenvalues, np.zeros(shown.zeros)])
    return {
        "predicted": Curve(found.energies, found.cumulative * shown.dimension),
        "outlier": found.outlier,
        "zeros": round(found.atom * shown.dimension),
        "distance": found.distance(whole) if shown.exact else None,
    }


def _unpredicted(problem: Problem, shown: SpectrumPicture) -> str:
    """Why no curve is predicted, or nothing if one is."""
    chosen = problem.experiment
    if not isinstance(problem.objective, QuadraticAdversary):
        return "No curve is predicted: random-matrix theory knows two layers of random weights and the quadratic loss."
    if chosen.network.source != "random":
        return "No curve is predicted: random-matrix theory knows random, untrained weights, and these are from a file."
    if shown.kind == "tangent" and (chosen.ascent.constraint == "linf-ball" or chosen.ascent.box is not None):
        return "No curve is predicted along a set with flat faces: which coordinates they hold depends on the weights."
    if min(shown.dimension, problem.objective.width) < _FEWEST_PREDICTED:
        return "No curve is predicted for so small a network: random-matrix theory is a law of large numbers."
    return ""


def _estimated(
    problem: Problem, shown: SpectrumPicture, delta: torch.Tensor, interrupted: Callable[[], bool]
) -> dict[str, Any]:
    """The density by stochastic Lanczos quadrature as parts of a picture."""
    _, reduced = restricted(problem.objective, problem.constraint, delta, shown.kind, interrupted)
    found = lanczos_density(reduced)
    about = found.width * np.linspace(-4, 4, 9)
    energies = np.unique(found.nodes[:, None] + about)
    below = found.cumulative(energies) * shown.dimension
    return {"estimated": Curve(energies, below), "probes": found.probes, "steps": found.steps}
