"""Where the weights W (m, d) and a (m,) come from: a seed, or a file."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.config import ExperimentError, memory_problem
from foadv_gui.lab.files import FileProblem, Limits, read_npz

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.config import Experiment, Network

    Weights = tuple[NDArray[np.float64], NDArray[np.float64]]

_WIDTH_MAX = 65_536
_KEEP_BYTES = 64 * 2**20
_lock = threading.Lock()
_draws: dict[tuple[int, int], NDArray[np.float64]] = {}


def load_weights(experiment: Experiment, dimension: int) -> Weights:
    """Return the weights W (m, d) and a (m,) of an experiment, float64 and read-only.

    Random weights are ``W = kappa Z`` with Z standard normal, drawn row by row, and ``a = ±1/sqrt(m)`` with a fair sign
    per neuron: a wider network keeps the rows and signs that it had. Weights from a file keep their own width m, and W
    is multiplied by kappa too.

    Parameters
    ----------
    experiment
        Its network section is used, and its memory budget (see `memory_problem`).
    dimension
        The number d of coordinates of the input.

    Raises
    ------
    ExperimentError
        If the run does not fit the memory budget, or the file cannot be read or does not fit the input.
    """
    network = experiment.network
    problem = memory_problem(experiment, dimension)
    if problem is not None:
        raise problem
    if network.source == "random":
        return _random(network.seed, network.width, dimension, network.weight_scale)
    try:
        state = os.stat(network.file or "")
        W, a = _from_file(network, experiment.compute.memory_mib * 2**19, (state.st_mtime_ns, state.st_size))
    except FileProblem as error:
        raise ExperimentError("network.file", error.problem, network.file) from None
    except OSError as error:
        raise ExperimentError("network.file", f"cannot be read: {error.strerror or error}", network.file) from None
    if W.shape[1] != dimension:
        if experiment.input.source == "sphere":
            reason = f"must be {W.shape[1]}, the columns of W in {Path(network.file or '').name}"
            raise ExperimentError("network.dimension", reason, dimension)
        reason = f"holds W for inputs of {W.shape[1]} coordinates, but this input has {dimension}"
        raise ExperimentError("network.file", reason, network.file)
    return W, a


# One entry, since W may take half of the memory budget; the current network is the one that is asked for again.
@lru_cache(maxsize=1)
def _random(seed: int, width: int, dimension: int, scale: float) -> Weights:
    signs = np.where(np.random.default_rng([seed, 3]).random(width) < 0.5, -1.0, 1.0)
    return _frozen(scale * _standard(seed, width, dimension), signs / np.sqrt(width))


def _standard(seed: int, width: int, dimension: int) -> NDArray[np.float64]:
    """Return standard normal rows; the widest recent draw is kept, so that kappa and m follow a slider."""
    with _lock:
        rows = _draws.get((seed, dimension))
        if rows is None or len(rows) < width:
            rows = np.random.default_rng([seed, 2]).standard_normal((width, dimension))
            _draws.clear()
            if rows.nbytes <= _KEEP_BYTES:
                _draws[seed, dimension] = rows
        return rows[:width]


@lru_cache(maxsize=1)
def _from_file(network: Network, limit: int, stamp: tuple[int, int]) -> Weights:
    """Read W and a; `stamp` makes a file that has changed be read again."""
    path = Path(network.file or "")
    arrays = _read_safetensors(path, limit) if path.suffix.lower() == ".safetensors" else read_npz(path, Limits(limit))
    for name in ("W", "a"):
        if name not in arrays:
            raise FileProblem(path, f"holds no array called {name}; it holds {', '.join(sorted(arrays)) or 'none'}")
        if arrays[name].dtype.kind not in "iuf":
            raise FileProblem(path, f"{name} holds {arrays[name].dtype}, not real numbers")
        if not np.isfinite(arrays[name]).all():
            raise FileProblem(path, f"{name} holds a value that is not finite")
    W, a = arrays["W"], arrays["a"]
    if W.ndim != 2 or a.shape != W.shape[:1] or W.size == 0:
        raise FileProblem(path, f"must hold W of shape (m, d) and a of shape (m,), not {W.shape} and {a.shape}")
    if len(W) > _WIDTH_MAX:
        raise FileProblem(path, f"holds {len(W)} neurons, more than {_WIDTH_MAX}")
    if W.size * 8 > limit:
        raise FileProblem(path, f"W takes {W.size * 8 / 2**20:.0f} MiB, more than half of compute.memory_mib")
    with np.errstate(over="ignore"):
        scaled, outer = network.weight_scale * np.ascontiguousarray(W, dtype=np.float64), a.astype(np.float64)
    if not np.isfinite(scaled).all():
        raise FileProblem(path, f"W overflows when multiplied by network.weight_scale = {network.weight_scale:g}")
    if not np.isfinite(outer).all():
        raise FileProblem(path, "a holds a value that is too large for float64")
    return _frozen(scaled, outer)


def _read_safetensors(path: Path, limit: int) -> dict[str, NDArray[Any]]:
    """Read the arrays of a safetensors file, whose format has no code and no compression."""
    if path.stat().st_size > limit + 2**20:
        raise FileProblem(path, f"is larger than half of compute.memory_mib ({limit / 2**20:.0f} MiB)")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stored:
            return {name: stored.get_tensor(name) for name in stored.keys() if name in ("W", "a")}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileProblem(path, f"is not an undamaged safetensors file of real numbers ({str(error)[:120]})") from None


def _frozen(W: NDArray[np.float64], a: NDArray[np.float64]) -> Weights:
    W.flags.writeable = False
    a.flags.writeable = False
    return W, a
