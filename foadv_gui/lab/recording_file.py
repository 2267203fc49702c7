"""Recordings read from files that strangers made, every number checked."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.files import FileProblem, Limits, array_names, read_npz, unchanged
from foadv_gui.lab.recording import MEASURES, VERSION, Recording, view
from foadv_gui.lab.stored_network import MOST_LAYERS, is_weights, problem_with

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_SMALL = 2**30
"""What the default memory budget lets a run take, and so any file, however it is packed."""
_OPTIONAL = ("box", "weights")


def load(path: str | Path) -> Recording:
    """Read a recording from an .npz file; `FileProblem` says what is wrong with it."""
    names = [entry.name for entry in fields(Recording)]
    with unchanged(path):
        weights = [name for name in array_names(path) if is_weights(name)]
        arrays = read_npz(path, load_limits(path), [*names, *weights])
    missing = [name for name in names if name not in arrays and name not in _OPTIONAL]
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
        experiment = Experiment.model_validate_json(config)
    except ValueError as error:
        raise FileProblem(path, f"holds an experiment that cannot be: {error}") from None
    _check_box(path, arrays, needed=experiment.ascent.box == "pixels")
    _check_network(path, {name: arrays[name] for name in weights}, experiment, arrays["x"])
    parts: dict[str, Any] = {name: float(_scalar(path, arrays, name, "f")) for name in ("y", "epsilon", "eta")}
    for name in ("steps_kept", "converged_at"):
        arrays[name] = arrays[name].astype(np.int64)
    parts |= {name: view(arrays[name]) for name in names if name in arrays and arrays[name].ndim}
    network = {name: view(arrays[name]) for name in weights}
    return Recording(**parts, weights=network, config=config, version=VERSION)


def load_limits(path: str | Path) -> Limits:
    """How much a recording, or the record of a training, may take: no more than its file does, or some, if it is small.

    Nothing that is saved is packed. In no case may it take more than half of this machine's memory.
    """
    try:
        on_disk = os.stat(path).st_size
    except (OSError, ValueError):  # reading it says why
        on_disk = 0
    return Limits(min(max(_SMALL, on_disk), _physical_memory() // 2), members=64 + 2 * MOST_LAYERS)


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 2**33


def _scalar(path: str | Path, arrays: dict[str, NDArray[Any]], name: str, kinds: str) -> Any:
    array = arrays[name]
    if array.ndim != 0 or array.dtype.kind not in kinds:
        raise FileProblem(path, f"{name} must be a single {'text' if kinds == 'U' else 'number'}")
    return array.item()


def _check_types(path: str | Path, arrays: dict[str, NDArray[Any]]) -> None:
    for name in (*MEASURES, "x"):
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
    if arrays["delta"].ndim != 3 or arrays["loss"].ndim != 2 or 0 in arrays["delta"].shape:
        raise FileProblem(path, "delta must have three dimensions, and loss two")
    n, K, d = arrays["delta"].shape
    rows: int = len(arrays["loss"])
    expected: dict[str, tuple[int, ...]] = {"steps_kept": (n,), "stop_reason": (K,), "converged_at": (K,), "x": (d,)}
    expected |= dict.fromkeys(MEASURES, (rows, K))
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise FileProblem(path, f"{name} has the shape {arrays[name].shape} where {shape} fits the other arrays")
    if rows == 0:
        raise FileProblem(path, "holds no step")


def _check_network(
    path: str | Path, weights: dict[str, NDArray[Any]], experiment: Experiment, x: NDArray[np.float64]
) -> None:
    if not weights and experiment.network.source != "model":
        raise FileProblem(path, "is not a recording of this program: it holds no network (W and a, or W1, W2, ...)")
    problem = problem_with(weights, len(x))
    if problem:
        raise FileProblem(path, problem)


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
    for name in ("x", "y", "epsilon", "eta"):
        if arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            raise FileProblem(path, f"{name} holds a value that is not finite")
    for name in ("epsilon", "eta"):
        if not (arrays[name] > 0).all():
            raise FileProblem(path, f"{name} must be above 0")
    # A run that diverged ends in losses that are not finite; its perturbations may then be, too, but only then.
    finite = np.isfinite(arrays["delta"]).all(axis=2)
    if (~finite & np.isfinite(arrays["loss"][kept])).any():
        raise FileProblem(path, "delta holds a value that is not finite where the loss is")
