"""A path of another run on the plane on show: its ghost, in units of the radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from foadv_gui.lab.summary import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.picture import PlanePicture
    from foadv_gui.lab.recording import Recording

    Floats: TypeAlias = NDArray[np.float64]

_MOST = 500
"""Iterates of a ghost: more are finer than a pixel."""


@dataclass(frozen=True, eq=False)
class Ghost:
    """One path of a run, by name: `path` (n, d) holds delta/epsilon at the steps (n,), so that scales compare."""

    name: str
    steps: NDArray[np.int64]
    path: Floats

    @classmethod
    def of(cls, recording: Recording, k: int, name: str) -> Ghost:
        """The path of restart k of a recording: its kept iterates, or some five hundred of them."""
        kept = len(recording.steps_kept)
        at = np.unique(np.linspace(0, kept - 1, min(kept, _MOST)).round().astype(np.int64))
        k = min(k, recording.restarts - 1)
        return cls(name, recording.steps_kept[at], np.asarray(recording.delta[at, k], np.float64) / recording.epsilon)

    def on(self, plane: PlanePicture) -> GhostPicture | None:
        """The nearest points of a plane of the same dimension; None on any other."""
        if self.path.shape[1] != len(plane.u):
            return None
        away = self.path - plane.origin / plane.epsilon
        alpha, beta = away @ plane.u, away @ plane.v
        off = np.linalg.norm(away - np.outer(alpha, plane.u) - np.outer(beta, plane.v), axis=1)
        length = np.linalg.norm(self.path, axis=1)
        share = np.divide(off, length, out=np.zeros_like(off), where=length > 0)
        return GhostPicture(self.name, self.steps, np.column_stack([alpha, beta]), share)


@dataclass(frozen=True, eq=False)
class GhostPicture:
    """A ghost on a plane: points (n, 2) over epsilon at the steps (n,), and the off-plane share |d_perp|/|d| (n,)."""

    name: str
    steps: NDArray[np.int64]
    points: Floats
    off_plane: Floats

    @property
    def words(self) -> str:
        """Whose path it is, and how much of it the picture hides."""
        end, most = float(self.off_plane[-1]), float(np.max(self.off_plane))
        more = f", up to {most:.0%} on the way" if most > end + 0.005 else ""
        return (
            f"Ghost of {self.name}: its focused path, {counted(int(self.steps[-1]), 'step')}, in units of its own ε. "
            f"Its end lies {end:.0%} off this plane{more}."
        )


@dataclass(frozen=True)
class GhostsPicture:
    """All ghosts on the plane on show."""

    ghosts: tuple[GhostPicture, ...]

    @classmethod
    def of(cls, ghosts: tuple[Ghost, ...], plane: PlanePicture) -> GhostsPicture:
        """Those of the plane's own dimension."""
        return cls(tuple(found for found in (ghost.on(plane) for ghost in ghosts) if found is not None))
