"""The arrays of a run: built while it runs within a memory budget, saved, and loaded with every number checked."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.files import FileProblem, Limits, atomic_write, read_npz

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    Floats = NDArray[np.floating[Any]]

VERSION = 1
MEASURES = ("loss", "value", "grad_norm", "tangential", "cosine", "radius", "fosc")
RUNNING = "running"
_SMALL = 2**30
"""What the default memory budget lets a run take, and so any file, however it is packed."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A run: the iterates that were kept, the measures of every iterate, and what they were computed from.

    With T steps, K restarts, d coordinates, m neurons and n kept iterates: `delta` (n, K, d) at the steps `steps_kept`
    (n,); the measures of THEORY's first-order table, each (T+1, K); `stop_reason` and `converged_at` (K,), -1 where a
    restart has not converged; the network `W` (m, d), `a` (m,), the clean input `x` (d,), its label, radius and step;
    the experiment as JSON; `box` (2,) where the experiment's box is that of its pixels. The arrays are read-only.
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
    W: NDArray[np.float64]
    a: NDArray[np.float64]
    x: NDArray[np.float64]
    y: float
    epsilon: float
    eta: float
    config: str
    version: int = VERSION
    box: NDArray[np.float64] | None = None

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
        arrays = {entry.name: np.asarray(getattr(self, entry.name)) for entry in fields(self)}
        if self.box is None:
            del arrays["box"]

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
    W, a, x
        The network (m, d), (m,) and the clean input (d,), shared and not copied.
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
        W: NDArray[np.float64],
        a: NDArray[np.float64],
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
            "W": _view(W),
            "a": _view(a),
            "x": _view(x),
            "y": float(y),
            "epsilon": float(epsilon),
            "eta": float(eta),
            "config": config,
            "box": None if box is None else _view(np.array(box)),
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
        measures: dict[str, Any] = {name: _view(array[: self._seen]) for name, array in self._measures.items()}
        return Recording(
            delta=_view(self._delta[: self._count]),
            steps_kept=_view(self._kept[: self._count]),
            stop_reason=_view(stop_reason),
            converged_at=_view(converged_at),
            **measures,
            **self._fixed,
        )


def load(path: str | Path) -> Recording:
    """Read a recording from an .npz file; `FileProblem` says what is wrong with it."""
    names = [entry.name for entry in fields(Recording)]
    arrays = read_npz(path, load_limits(path), names)
    missing = [name for name in names if name not in arrays and name != "box"]
    if missing:
        raise FileProblem(path, f"is not a recording of this program: it holds no {', '.join(missing)}")
    version = _scalar(path, arrays, "version", "iu")
    if version != VERSION:
        raise FileProblem(path, f"is a recording of version {version}; this program reads version {VERSION}")
    _check_types(path, arrays)
    _check_shapes(path, arrays)
    _check_values(path, arrays)
    config = _scalar(path, arrays, "config", "U")
    try:
        asked = Experiment.model_validate_json(config).ascent.box
    except ValueError as error:
        raise FileProblem(path, f"holds an experiment that cannot be: {error}") from None
    _check_box(path, arrays, needed=asked == "pixels")
    parts: dict[str, Any] = {name: float(_scalar(path, arrays, name, "f")) for name in ("y", "epsilon", "eta")}
    for name in ("steps_kept", "converged_at"):
        arrays[name] = arrays[name].astype(np.int64)
    parts |= {name: _view(arrays[name]) for name in names if name in arrays and arrays[name].ndim}
    return Recording(**parts, config=config, version=VERSION)


def load_limits(path: str | Path) -> Limits:
    """How much a recording, or the record of a training, may take: no more than its file does, or some, if it is small.

    Nothing that is saved is packed. In no case may it take more than half of this machine's memory.
    """
    try:
        on_disk = os.stat(path).st_size
    except (OSError, ValueError):  # reading it says why
        on_disk = 0
    return Limits(size=min(max(_SMALL, on_disk), _physical_memory() // 2))


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 2**33


def _ordinal(n: int) -> str:
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _scalar(path: str | Path, arrays: dict[str, NDArray[Any]], name: str, kinds: str) -> Any:
    array = arrays[name]
    if array.ndim != 0 or array.dtype.kind not in kinds:
        raise FileProblem(path, f"{name} must be a single {'text' if kinds == 'U' else 'number'}")
    return array.item()


def _check_types(path: str | Path, arrays: dict[str, NDArray[Any]]) -> None:
    for name in (*MEASURES, "W", "a", "x"):
        if arrays[name].dtype != np.float64:
            raise FileProblem(path, f"{name} must be float64, not {arrays[name].dtype}")
    if arrays["delta"].dtype not in (np.float64, np.float32):
        raise FileProblem(path, f"delta must be float64 or float32, not {arrays['delta'].dtype}")
    kinds: tuple[tuple[str, Literal["iu", "U"]], ...] = (
        ("steps_kept", "iu"),
        ("converged_at", "iu"),
        ("stop_reason", "U"),
    )
    for name, kind in kinds:
        if arrays[name].dtype.kind not in kind:
            raise FileProblem(path, f"{name} must hold {'text' if kind == 'U' else 'whole numbers'}")


def _check_shapes(path: str | Path, arrays: dict[str, NDArray[Any]]) -> None:
    if arrays["delta"].ndim != 3 or arrays["loss"].ndim != 2 or arrays["W"].ndim != 2 or 0 in arrays["delta"].shape:
        raise FileProblem(path, "delta must have three dimensions, and loss and W two")
    n, K, d = arrays["delta"].shape
    m = len(arrays["W"])
    rows = len(arrays["loss"])
    expected = {"steps_kept": (n,), "stop_reason": (K,), "converged_at": (K,), "W": (m, d), "a": (m,), "x": (d,)}
    expected |= dict.fromkeys(MEASURES, (rows, K))
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise FileProblem(path, f"{name} has the shape {arrays[name].shape} where {shape} fits the other arrays")
    if rows == 0 or m == 0:
        raise FileProblem(path, "holds no step or no neuron")


def _check_box(path: str | Path, arrays: dict[str, NDArray[Any]], *, needed: bool) -> None:
    """The box of the pixels is there if the experiment asks for it, and only then, and holds the clean input."""
    box = arrays.get("box")
    if (box is not None) != needed:
        raise FileProblem(path, "must hold a box if, and only if, its experiment's is that of the pixels")
    if box is None:
        return
    x = arrays["x"]
    if box.dtype != np.float64 or box.shape != (2,) or not (box[0] <= x.min() and x.max() <= box[1] < np.inf):
        raise FileProblem(path, "box must be two finite numbers (float64) with the clean input x between them")


def _check_values(path: str | Path, arrays: dict[str, NDArray[Any]]) -> None:
    last = len(arrays["loss"]) - 1
    kept = arrays["steps_kept"]
    if kept[0] != 0 or kept[-1] > last or (kept[1:] <= kept[:-1]).any():
        raise FileProblem(path, f"steps_kept must rise from 0 to at most {last}, the last step")
    if (arrays["converged_at"] < -1).any() or (arrays["converged_at"] > last).any():
        raise FileProblem(path, f"converged_at must lie between -1 and {last}")
    for name in ("W", "a", "x", "y", "epsilon", "eta"):
        if arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            raise FileProblem(path, f"{name} holds a value that is not finite")
    for name in ("epsilon", "eta"):
        if not (arrays[name] > 0).all():
            raise FileProblem(path, f"{name} must be above 0")
    # A run that diverged ends in losses that are not finite; its perturbations may then be, too, but only then.
    finite = np.isfinite(arrays["delta"]).all(axis=2)
    if (~finite & np.isfinite(arrays["loss"][kept])).any():
        raise FileProblem(path, "delta holds a value that is not finite where the loss is")


def _view(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view of an array."""
    view = array.view()
    view.flags.writeable = False
    return view
