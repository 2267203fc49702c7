"""The session of one column of a training: it shows the ascent of one epoch, which nobody can change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from foadv_gui.desktop.column_session import ColumnSession
from foadv_gui.desktop.undo import Choice
from foadv_gui.desktop.worker import SCENE
from foadv_gui.lab.training.look import EpochPicture, Look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from foadv_gui.desktop.frame_turns import FrameTurns
    from foadv_gui.desktop.worker import ComputeThread
    from foadv_gui.lab.training.album import Album
    from foadv_gui.lab.training.record import TrainingRecord

_PLAIN: dict[str, object] = {"view.chart": "plane", "view.plane": "clean-gradient-random", "view.focus": 0}
"""What the view of a training's own experiment may ask for, and no column can show."""
_FRAME_MS = 16


class Aim(NamedTuple):
    """An epoch of an arm of a record, at one training point, on the plane of the epochs up to `last`."""

    record: TrainingRecord
    arm: int
    epoch: int
    point: int
    last: int

    @property
    def where(self) -> tuple[int, ...]:
        """What tells it from other aims at the same training: of epochs that share a network, only that."""
        track = self.record.tracks[self.arm]
        return self.arm, int(track.kept[track.kept_before(self.epoch)]), self.point, self.last


class EpochSession(ColumnSession):
    """Follows one arm of a record; of several epochs that are asked for, the latest is shown.

    All pictures of an epoch come as one, so that the plots of a column never show two epochs at once.
    """

    pictureChanged = Signal()
    """Another epoch is on show, or more is known of it."""
    viewWanted = Signal(str, object)
    """A setting of the view and its value, which hold for all columns."""

    def __init__(self, thread: ComputeThread, parent: QObject | None = None, turns: FrameTurns | None = None) -> None:
        super().__init__(thread, parent)
        self._turns = turns
        """Shared with other columns, so that no frame draws them all."""
        self._come: EpochPicture | None = None
        """What waits for its turn."""
        self.picture: EpochPicture | None = None
        self.aim: Aim | None = None
        self._asked_where: tuple[object, ...] = ()
        self._asked_live = False
        self._view: dict[str, object] = {}
        self._parts: frozenset[str] = frozenset()
        self._bent = False
        """Whether there is a spectrum that has not been drawn."""
        self._beside_due = QTimer(self, singleShot=True, interval=_FRAME_MS)
        self._beside_due.timeout.connect(self._tell_beside)
        self._shelf: list[Album] = []
        """The album, once the thread has made it: only there torch may be loaded."""

    # -- what is looked at -----------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether anything is on its way."""
        return self._come is not None or super().busy

    @property
    def moving(self) -> bool:
        """Whether the cursor moves, so that a coarse picture is on show."""
        return self._asked_live

    def follow(self, aim: Aim, *, live: bool) -> None:
        """Look at an epoch; `live`: the cursor moves."""
        before, self.aim = self.aim, aim
        if before is None or before.arm != aim.arm or before.record.training is not aim.record.training:
            self._choose()
        if before is not None and (before.arm, before.point) != (aim.arm, aim.point):
            self.picture = None
            self.pictureChanged.emit()
        if self._key(aim) != self._asked_where or (self._asked_live and not live):
            self._ask(live=live)

    def forget(self) -> None:
        """Look at nothing, and keep nothing."""
        self._asking.stop()
        self._beside_due.stop()
        self._thread.cancel()
        self.aim, self._asked_where, self.picture, self._come = None, (), None, None
        self._shelf = []

    def close(self) -> None:
        """Stop the timers for good."""
        super().close()
        self._beside_due.stop()
        self._come = None

    def set_view(self, changes: Mapping[str, object]) -> None:
        """See it in another way, as all columns do."""
        self._view = {**self._view, **changes}
        if self.aim is not None:
            self._choose()
            self._ask(live=self._asked_live)

    def set_parts(self, parts: frozenset[str]) -> None:
        """Say which of "spectrum" and "profile" are on show: others are not computed."""
        more = parts - self._parts
        self._parts = parts
        if more and self.aim is not None:
            self._ask(live=self._asked_live)

    def _key(self, aim: Aim) -> tuple[object, ...]:
        return aim.record.training, *aim.where

    def _choose(self) -> None:
        assert self.aim is not None
        base = self.aim.record.arm(self.aim.arm).training.base
        self._choice = Choice(base.changed({**_PLAIN, **self._view}))
        self.experimentChanged.emit()

    # -- the road to the worker ------------------------------------------------------------------------------------

    def _ask(self, *, live: bool) -> None:
        if self.aim is not None:
            super()._ask(live=live)

    @Slot()
    def _ask_now(self) -> None:
        aim, live, self._live = self.aim, self._live, False
        if aim is None:
            return
        look = Look(
            aim.record,
            aim.arm,
            aim.epoch,
            aim.point,
            aim.last,
            self.experiment.view,
            window=self.window,
            spectrum="spectrum" in self._parts,
            profile="profile" in self._parts,
            live=live,
        )
        self._asked_where, self._asked_live = self._key(aim), live
        shelf = self._shelf
        self._asked_job = self._thread.submit(SCENE, lambda scene, *stop: _pictures(shelf, scene, look, *stop))
        self.statusChanged.emit()

    def _ask_spectrum(self) -> None:
        """It comes with the epoch."""

    def move_start(self, k: int, point: tuple[float, float], *, onto_plane: bool, live: bool) -> None:
        """Every ascent of a training starts from the clean point."""

    def _push(self, choice: Choice, key: str, live: bool) -> None:
        """A view of the column wants something else: how it is seen, that is, of all columns."""
        if key.startswith("view.") and key not in _PLAIN:
            self.viewWanted.emit(key, choice.experiment.get(key))

    # -- answers ---------------------------------------------------------------------------------------------------

    def apply(self, value: object) -> None:
        """Take a result over."""
        if not isinstance(value, EpochPicture):
            super().apply(value)
        elif self._turns is None:
            self._take(value)
        else:
            self._come = value
            self._turns.ask(self._take_what_came)

    @Slot()
    def _take_what_came(self) -> None:
        come, self._come = self._come, None
        if come is not None:
            self._take(come)

    def _take(self, picture: EpochPicture) -> None:
        """Show an epoch: all of it is there before anybody is told."""
        aim = self.aim
        if aim is None or (picture.arm, picture.point) != (aim.arm, aim.point):
            return  # something else has been chosen since
        parts = {
            "plane": picture.plane,
            "recording": picture.recording,
            "surface": picture.surface,
            "path": picture.path,
            "spectrum": picture.spectrum,
            "verdicts": {} if picture.verdict is None else {0: picture.verdict},
        }
        another = {name for name, part in parts.items() if part is not None and part is not getattr(self, name)}
        if parts["verdicts"] == self.verdicts:
            another.discard("verdicts")
        for name in another:
            setattr(self, name, parts[name])
        if "recording" in another:
            self.bulk = self.direction = None
            self.position = float(picture.recording.steps)
        known, self.info, self.picture = self.info, picture.info, picture
        self._bent = self._bent or "spectrum" in another
        if self.info != known:
            self.prepared.emit()
        for name, changed in (
            ("plane", self.planeChanged),
            ("recording", self.recordingChanged),
            ("surface", self.surfaceChanged),
            ("path", self.pathChanged),
            ("verdicts", self.verdictChanged),
        ):
            if name in another:
                changed.emit()
        self._refuse("")
        if self.moving:
            self._beside_due.start()
        else:
            self._tell_beside()

    @Slot()
    def _tell_beside(self) -> None:
        """Have the plots beside the landscape drawn: while it moves in a frame of their own."""
        self._beside_due.stop()
        if self._bent:
            self._bent = False
            self.spectrumChanged.emit()
        self.pictureChanged.emit()


def _pictures(
    shelf: list[Album], scene: Any, look: Look, interrupted: Callable[[], bool], cancelled: Callable[[], bool]
) -> Iterator[EpochPicture]:
    """On the thread: the pictures of a look, from the album on the shelf."""
    from foadv_gui.lab.training.album import Album

    if not shelf:
        shelf.append(Album())
    return shelf[0].pictures(scene, look, interrupted, cancelled)
