"""One epoch of one arm as it is seen about a training point, and an album of such pictures for when they play again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from foadv_gui.core.interruption import never
from foadv_gui.lab.findings import VerdictPicture
from foadv_gui.lab.picture import MOVING_LIMIT, PathPicture, PlanePicture, Prepared, Request, Surface
from foadv_gui.lab.ranges import number
from foadv_gui.lab.training.epoch import epoch_on_show, epoch_run, morph_plane, profile_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from foadv_gui.lab.ball import BallVerdict
    from foadv_gui.lab.picture import SpectrumPicture, Window
    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.scene import Scene
    from foadv_gui.lab.sections import View
    from foadv_gui.lab.training.epoch import ProfilePicture
    from foadv_gui.lab.training.plan import Training
    from foadv_gui.lab.training.record import TrainingRecord

_MOST_BYTES = 64 * 2**20
"""How much memory an album takes: 60 epochs at d = 64, m = 512 are 22 MB, of which the weights take two thirds."""
_Key: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, eq=False)
class Look:
    """What is looked at: an epoch of an arm at one training point.

    last: the epoch whose adversary, with that of epoch 0, spans the plane. view: how it is drawn; window: the visible
    part of the plane. spectrum, profile: whether these are wanted. live: it is moving, so show something coarse at once.
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
    def aim(self) -> _Key:
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
        run, k = self.recording, self.info.reach
        parts = [
            f"L = {run.loss[-1, 0]:.3g}",
            f"k = {k:.3g}" if np.isfinite(k) else "k = ∞",
            self._certified,
            f"|δ| = {run.radius[-1, 0]:.3g} ε",
            f"inner η = {number(run.eta)}",
        ]
        return ",  ".join(part for part in parts if part)

    @property
    def _certified(self) -> str:
        if self.ball is None or self.ball.unique is None or self.ball.proof is None:
            return ""
        q = self.ball.proof.q
        known = "no q" if q is None else f"q = {q:.3g}"
        return f"✓ certified ({known})" if self.ball.unique else f"not certified ({known})"

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        run, drawn = self.recording, self.surface
        arrays: list[Any] = [run.W, run.a, run.delta, drawn.values, drawn.inside, self.plane.u, self.plane.v]
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


class Album:
    """Pictures of one training, the coarse ones kept: what was on show lately, as much as the memory holds.

    It belongs to one thread, with its scene.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._of: Training | None = None
        self._points: dict[int, NDArray[np.float64]] = {}
        self._kept: OrderedDict[_Key, EpochPicture] = OrderedDict()
        self._planes: dict[_Key, PlanePicture] = {}
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def pictures(
        self, scene: Scene, look: Look, interrupted: Callable[[], bool] = never, cancelled: Callable[[], bool] = never
    ) -> Iterator[EpochPicture]:
        """The epoch as soon as it can be seen, then ever more of it; while it moves, once and from memory if it can be.

        Raises
        ------
        ExperimentError
            For a run that cannot be shown.
        Interrupted
            When `interrupted()` becomes true; while it moves, only `cancelled()` stops it.
        """
        self._open(look)
        look = replace(look, epoch=epoch_on_show(look.record, look.arm, look.epoch))
        known = self._kept.get(look.aim)
        if known is not None:
            self._kept.move_to_end(look.aim)
            if not look.live or self._complete(known, look):
                yield (known := known.seen(look.view))
            if look.live and self._complete(known, look):
                return
        for picture in self._drawn(scene, look, known, interrupted, cancelled):
            self._keep(look.aim, picture)
            yield picture

    def _drawn(
        self,
        scene: Scene,
        look: Look,
        known: EpochPicture | None,
        interrupted: Callable[[], bool],
        cancelled: Callable[[], bool],
    ) -> Iterator[EpochPicture]:
        run = known.recording if known is not None else epoch_run(look.record, look.arm, look.epoch, look.point)
        request = Request(
            run.experiment.model_copy(update={"view": look.view}),
            window=look.window,
            live=look.live,
            recording=run,
            onto=self._plane(look),
        )
        found: dict[type, Any] = {}
        stages = scene.stages(request, interrupted, cancelled)
        for value in stages:
            found[type(value)] = value
            if isinstance(value, PathPicture):
                break
        shown = EpochPicture(
            look.arm,
            look.epoch,
            look.point,
            found[Prepared],
            run,
            *(found[kind] for kind in (PlanePicture, PathPicture, Surface)),
        )
        if known is not None:
            shown = known.lent_to(shown)
        if look.live:
            yield self._with_parts(scene, look, shown)
            return
        yield shown
        if shown.verdict is None:
            shown = replace(shown, verdict=next((one for one in stages if isinstance(one, VerdictPicture)), None))
        shown = self._with_parts(scene, look, shown)
        yield shown
        if shown.ball is None:
            yield replace(shown, ball=scene.judge.ball(interrupted))

    def _with_parts(self, scene: Scene, look: Look, shown: EpochPicture) -> EpochPicture:
        """With what else is wanted; while it moves, only what takes some milliseconds."""
        if look.live and not shown.small:
            return shown
        if look.spectrum and (shown.spectrum is None or shown.spectrum.kind != look.view.spectrum):
            shown = replace(shown, spectrum=scene.spectrum(shown.recording.steps, 0, look.view.spectrum))
        if look.profile and shown.profile is None:
            shown = replace(shown, profile=profile_picture(look.record, look.arm, look.epoch, look.point))
        if look.live and shown.ball is None:
            shown = replace(shown, ball=scene.judge.ball())
        return shown

    def _plane(self, look: Look) -> PlanePicture:
        """The plane of all epochs, laid once."""
        key = look.arm, look.point, look.last
        if key not in self._planes:
            if len(self._planes) >= 16:  # as while a training goes on
                self._planes.clear()
            self._planes[key] = morph_plane(look.record, look.arm, look.point, look.last)
        return self._planes[key]

    # -- what is kept --------------------------------------------------------------------------------------------------

    def _open(self, look: Look) -> None:
        """Forget the pictures of another training; one that has gone on is the same."""
        of, points = look.record.training, look.record.data[look.arm].X_hat
        known = self._points.get(look.arm)
        alike = self._of is of or (self._of is not None and self._of.identity == of.identity)
        if not alike or (known is not None and known is not points and not np.array_equal(known, points)):
            self._kept.clear()
            self._planes.clear()
            self._points.clear()
            self.nbytes = 0
        self._of, self._points[look.arm] = of, points

    def _complete(self, known: EpochPicture, look: Look) -> bool:
        """Whether all that is wanted while it moves is there."""
        kind = known.spectrum.kind if known.spectrum is not None else None
        wanted = (not look.spectrum or kind == look.view.spectrum) and (not look.profile or known.profile is not None)
        return wanted or not known.small

    def _keep(self, key: _Key, picture: EpochPicture) -> None:
        """Keep a picture that is coarse; of a fine one, what was found out besides."""
        before = self._kept.pop(key, None)
        if not picture.surface.coarse:
            if before is None:
                return
            picture = picture.lent_to(before)
        self.nbytes += picture.nbytes - (before.nbytes if before is not None else 0)
        self._kept[key] = picture
        while self.nbytes > self._most and len(self._kept) > 1:
            self.nbytes -= self._kept.popitem(last=False)[1].nbytes
