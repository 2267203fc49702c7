"""Epochs of a training as they are seen about one of its points, kept for when they play again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from foadv_gui.core.interruption import never
from foadv_gui.lab.findings import VerdictPicture
from foadv_gui.lab.picture import PathPicture, PlanePicture, Prepared, Request, Surface
from foadv_gui.lab.training.epoch import epoch_on_show, epoch_run, morph_plane, profile_picture
from foadv_gui.lab.training.look import EpochPicture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from foadv_gui.lab.scene import Scene
    from foadv_gui.lab.training.look import Look
    from foadv_gui.lab.training.plan import Training

_MOST_BYTES = 64 * 2**20
"""How much memory an album takes: 60 epochs at d = 64, m = 512 are 22 MB, of which the weights take two thirds."""
_Key: TypeAlias = tuple[object, ...]


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
            plane = morph_plane(look.record, look.arm, look.point, look.last)
            # A column is narrow.
            self._planes[key] = replace(plane, axes=("adversary of epoch 0", f"of epoch {look.last}, ⊥"))
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
