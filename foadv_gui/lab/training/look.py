"""What a column of a training looks at, and what it sees: no torch here, and no screen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.picture import MOVING_LIMIT
from foadv_gui.lab.ranges import number

if TYPE_CHECKING:
    from foadv_gui.lab.ball import BallVerdict
    from foadv_gui.lab.findings import VerdictPicture
    from foadv_gui.lab.picture import PathPicture, PlanePicture, Prepared, SpectrumPicture, Surface, Window
    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.sections import View
    from foadv_gui.lab.training.epoch import ProfilePicture
    from foadv_gui.lab.training.record import TrainingRecord


@dataclass(frozen=True, eq=False)
class Look:
    """What is looked at: an epoch of an arm at one training point.

    last: the epoch whose adversary, with that of epoch 0, spans the plane. view: how it is drawn; window: the visible
    part of the plane. spectrum, profile: whether these are wanted. live: it moves, so show something coarse at once.
    """

    record: TrainingRecord
    arm: int
    epoch: int
    point: int
    last: int
    view: View
    window: Window | None = None
    spectrum: bool = False
    profile: bool = False
    live: bool = False

    @property
    def aim(self) -> tuple[object, ...]:
        """What tells it from other looks at the same training, but how closely it looks."""
        view = (self.view.grid, self.view.extent, self.view.arrows)
        return self.arm, self.epoch, self.point, self.last, self.window, view


@dataclass(frozen=True, eq=False)
class EpochPicture:
    """An epoch as it is seen: the ascent of its network on one training point, and the landscape that it climbs.

    arm, epoch, point: of the training. info, recording, plane, path, surface: as in any other run. verdict, ball,
    spectrum (of the loss at the adversary), profile: None where they are not known yet, or not wanted.
    """

    arm: int
    epoch: int
    point: int
    info: Prepared
    recording: Recording
    plane: PlanePicture
    path: PathPicture
    surface: Surface
    verdict: VerdictPicture | None = None
    ball: BallVerdict | None = None
    spectrum: SpectrumPicture | None = None
    profile: ProfilePicture | None = None

    @property
    def words(self) -> str:
        """What the network's adversary is, in a line."""
        return ",  ".join(self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """What the network's adversary is, the most important first."""
        run, k, off = self.recording, self.info.reach, float(self.path.off_plane[-1, 0])
        parts = [
            f"L = {run.loss[-1, 0]:.3g}",
            "" if self.path.decided is None else str(self.path.decided[-1]),
            self._certified,
            f"off plane {off:.0%}" if off >= 0.005 else "",
            f"k = {k:.3g}" if np.isfinite(k) else "k = ∞",
            f"|δ| = {run.radius[-1, 0]:.3g} ε",
            f"inner η = {number(run.eta)}",
        ]
        return tuple(part for part in parts if part)

    @property
    def _certified(self) -> str:
        if self.ball is None or self.ball.unique is None or self.ball.proof is None:
            return ""
        q = self.ball.proof.q
        known = "no q" if q is None else f"q = {q:.2g}"
        return f"certified ✓ {known}" if self.ball.unique else f"not certified: {known}"

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        run, drawn = self.recording, self.surface
        arrays: list[Any] = [*run.weights.values(), run.delta, drawn.values, drawn.inside, self.plane.u, self.plane.v]
        if self.spectrum is not None:
            arrays.append(self.spectrum.eigenvalues)
        if self.profile is not None:
            arrays += [self.profile.before, self.profile.now]
        return sum(array.nbytes for array in arrays)

    @property
    def small(self) -> bool:
        """Whether its matrices are diagonalised while it moves."""
        return min(self.info.width, self.info.dimension) <= MOVING_LIMIT

    def lent_to(self, other: EpochPicture) -> EpochPicture:
        """Another picture of the same epoch, with what is known from this one."""
        known = {name: getattr(self, name) for name in ("verdict", "ball", "spectrum", "profile")}
        return replace(other, **{name: value for name, value in known.items() if value is not None})

    def seen(self, view: View) -> EpochPicture:
        """The same, coloured by what the view asks for: the values are those of the residual in each case."""
        if self.surface.quantity == view.quantity:
            return self
        return replace(self, surface=replace(self.surface, quantity=view.quantity))
