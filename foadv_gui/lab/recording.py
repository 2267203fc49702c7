"""The arrays of a run: built while it runs within a memory budget, saved, and loaded with every number checked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    Floats = NDArray[np.floating[Any]]

VERSION = 1
MEASURES = ("loss", "value", "grad_norm", "tangential", "cosine", "radius", "fosc")
RUNNING = "running"


@dataclass(frozen=True, eq=False)
class Recording:
    """A run: the iterates that were kept, the measures of every iterate, and what they were computed from.

    With T steps, K restarts, d coordinates, m neurons and n kept iterates: `delta` (n, K, d) at the steps `steps_kept`
    (n,); the measures of THEORY's first-order table, each (T+1, K); `stop_reason` and `converged_at` (K,), -1 where a
    restart has not converged; the arrays of the network by their names (`weights`, see `lab.stored_network`; none for a
    module from Python), which for two layers are `W` (m, d) and `a` (m,), the clean input `x` (d,), its label, radius
    and step; the experiment as JSON; `box` (2,) where the experiment's box is that of its pixels. The arrays are
    read-only.
    """

    delta: Floats
    steps_kept: NDArray[np.int64]
    loss: NDArray[np.float64]
    value: NDArray[np.float64]
    grad_norm: NDArray[np.float64]
    tangential: NDArray[np.float64]
    cosine: NDArray[np.float64]
    radius: NDArray[np.float64]
    fosc: NDArray[np.float64]
    stop_reason: NDArray[np.str_]
    converged_at: NDArray[np.int64]
    weights: Mapping[str, NDArray[np.float64]]
    x: NDArray[np.float64]
    y: float
    epsilon: float
    eta: float
    config: str
    version: int = VERSION
    box: NDArray[np.float64] | None = None

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything by the names under which it is saved."""
        parts = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "weights"}
        return {name: np.asarray(part) for name, part in {**self.weights, **parts}.items() if part is not None}

    @property
    def W(self) -> NDArray[np.float64]:
        """The first layer's weights (m, d) of a network of two layers; KeyError for another."""
        return self.weights["W"]

    @property
    def a(self) -> NDArray[np.float64]:
        """The second layer's weights (m,) of a network of two layers; KeyError for another."""
        return self.weights["a"]

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The box that x + delta stayed in, in the units of x."""
        if self.box is not None:
            return float(self.box[0]), float(self.box[1])
        asked = self.experiment.ascent.box
        return None if asked == "pixels" else asked

    @property
    def steps(self) -> int:
        """The number T of steps taken so far."""
        return len(self.loss) - 1

    @property
    def finished(self) -> bool:
        """Whether no more iterates will come."""
        return bool(self.stop_reason[0] != RUNNING)

    @property
    def restarts(self) -> int:
        """The number K of restarts."""
        return int(self.delta.shape[1])

    @property
    def dimension(self) -> int:
        """The number d of input coordinates."""
        return int(self.delta.shape[2])

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment that was run."""
        return Experiment.model_validate_json(self.config)

    @property
    def best(self) -> int:
        """The restart with the largest finite final loss (0 if there is none)."""
        final = self.loss[-1]
        return int(np.argmax(np.where(np.isfinite(final), final, -np.inf)))

    @property
    def thinning(self) -> str:
        """Which iterates were kept, in words; nothing if all were."""
        stride = int(np.diff(self.steps_kept).max(initial=1))
        return f"every {_ordinal(stride)} iterate kept: memory budget" if stride > 1 else ""

    def kept_index(self, t: int) -> int:
        """Return the index into `delta` of the last kept step that is not after step t (the first, if none is)."""
        return max(int(np.searchsorted(self.steps_kept, t, side="right")) - 1, 0)

    def save(self, path: str | Path) -> None:
        """Write the recording to an .npz file, whole or not at all; `FileProblem` if it cannot be written."""
        arrays = self.arrays

        def write(stream: IO[bytes]) -> None:
            np.savez(stream, allow_pickle=False, **arrays)

        atomic_write(path, write)

    @classmethod
    def load(cls, path: str | Path) -> Recording:
        """Read a recording from an .npz file; `FileProblem` says what is wrong with it."""
        return load(path)

    def verdict(self) -> dict[str, Any]:
        """Return what can be said of the run: see `foadv_gui.lab.verdict`."""
        from foadv_gui.lab.verdict import verdict  # imports torch

        return verdict(self)


class RecordingBuilder:
    """Collects a run's iterates as they come, and hands out the recording so far at any time.

    When the iterates kept fill their share of the memory, every other one is dropped, and from then on only every 2nd,
    4th, 8th, ... is kept: step 0 always, and the last one when the run finishes. A recording handed out earlier never
    changes, since what it shows is not written again: thinning copies into new memory.

    Parameters
    ----------
    weights, x
        The network's arrays and the clean input (d,), shared and not copied.
    y, epsilon, eta
        The label, the radius and the absolute step size.
    config
        The experiment as JSON.
    steps, restarts
        The most steps T that will be taken, and the number K of restarts.
    budget_bytes
        How much memory iterates and measures may take, also while thinning. Four iterates are kept even if they do not
        fit.
    dtype
        The number type of the iterates, float32 or float64; measures are kept in float64.
    box
        The box in the units of x, where the input's pixels give it.
    """

    def __init__(
        self,
        weights: Mapping[str, NDArray[np.float64]],
        x: NDArray[np.float64],
        y: float,
        epsilon: float,
        eta: float,
        config: str,
        steps: int,
        restarts: int,
        budget_bytes: int,
        dtype: DTypeLike = np.float64,
        box: tuple[float, float] | None = None,
    ) -> None:
        self._fixed: dict[str, Any] = {
            "weights": {name: view(array) for name, array in weights.items()},
            "x": view(x),
            "y": float(y),
            "epsilon": float(epsilon),
            "eta": float(eta),
            "config": config,
            "box": None if box is None else view(np.array(box)),
        }
        self._restarts, self._steps = restarts, steps
        self._measures = {name: np.empty((steps + 1, restarts)) for name in MEASURES}
        iterate = np.dtype(dtype).itemsize * restarts * len(x)
        left = budget_bytes - sum(array.nbytes for array in self._measures.values())
        # Half, since thinning needs the old and the new memory at once; one place stays free for the last iterate.
        self._capacity = min(max(left // (2 * iterate) - 1, 4), steps + 1)
        self._delta = np.empty((self._capacity + 1, restarts, len(x)), dtype)
        self._kept = np.empty(self._capacity + 1, np.int64)
        self._count = 0  # iterates kept
        self._seen = 0  # iterates appended
        self._stride = 1
        self._finished = False
        self._last: Floats = np.empty((restarts, len(x)), dtype)

    def append(self, delta: ArrayLike, measures: dict[str, ArrayLike]) -> None:
        """Add the next B iterates, `delta` (B, K, d), and each of their measures (B, K)."""
        block = np.asarray(delta, self._delta.dtype)
        if block.ndim != 3 or block.shape[1:] != self._delta.shape[1:]:
            raise ValueError(f"delta must have the shape (B, {', '.join(map(str, self._delta.shape[1:]))})")
        end = self._seen + len(block)
        if self._finished:
            raise ValueError("the recording is finished")
        if end > self._steps + 1:
            raise ValueError(f"{end} iterates are more than {self._steps} steps and their start")
        if set(measures) != set(MEASURES):
            raise ValueError(f"the measures must be {', '.join(MEASURES)}")
        for name, values in measures.items():
            given = np.asarray(values, np.float64)
            if given.shape != (len(block), self._restarts):
                raise ValueError(f"{name} must have the shape ({len(block)}, {self._restarts})")
            self._measures[name][self._seen : end] = given
        for t in range(self._seen, end):
            if t % self._stride == 0:
                self._keep(t, block[t - self._seen])
        if len(block):
            self._last = block[-1].copy()
        self._seen = end

    def _keep(self, t: int, iterate: Floats) -> None:
        if self._count == self._capacity:
            self._thin()
            if t % self._stride:
                return
        self._delta[self._count] = iterate
        self._kept[self._count] = t
        self._count += 1

    def _thin(self) -> None:
        """Drop every other iterate, into new memory, since the old is on show."""
        delta, kept = np.empty_like(self._delta), np.empty_like(self._kept)
        count = (self._count + 1) // 2
        delta[:count] = self._delta[: self._count : 2]
        kept[:count] = self._kept[: self._count : 2]
        self._delta, self._kept, self._count = delta, kept, count
        self._stride *= 2

    def snapshot(self) -> Recording:
        """Return the run so far, without copying its arrays; it never changes afterwards."""
        reasons = np.full(self._restarts, RUNNING)
        return self._recording(reasons, np.full(self._restarts, -1, np.int64))

    def finish(self, stop_reason: ArrayLike, converged_at: ArrayLike) -> Recording:
        """Return the finished run with its last iterate kept, and per restart why and when it stopped, each (K,)."""
        self._finished = True
        if self._seen and self._kept[self._count - 1] != self._seen - 1:
            # The free place is behind everything that was handed out.
            self._delta[self._count] = self._last
            self._kept[self._count] = self._seen - 1
            self._count += 1
        return self._recording(np.array(stop_reason, np.str_), np.array(converged_at, np.int64))

    def _recording(self, stop_reason: NDArray[np.str_], converged_at: NDArray[np.int64]) -> Recording:
        if not self._seen:
            raise ValueError("a recording starts with the iterate of step 0: append it first")
        if stop_reason.shape != (self._restarts,) or converged_at.shape != (self._restarts,):
            raise ValueError(f"there must be one stop reason and one step of convergence for each of {self._restarts}")
        measures: dict[str, Any] = {name: view(array[: self._seen]) for name, array in self._measures.items()}
        return Recording(
            delta=view(self._delta[: self._count]),
            steps_kept=view(self._kept[: self._count]),
            stop_reason=view(stop_reason),
            converged_at=view(converged_at),
            **measures,
            **self._fixed,
        )


def _ordinal(n: int) -> str:
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def view(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view of an array."""
    seen = array.view()
    seen.flags.writeable = False
    return seen


def load(path: str | Path) -> Recording:
    """Read a recording from an .npz file; `FileProblem` says what is wrong with it."""
    from foadv_gui.lab.recording_file import load

    return load(path)
