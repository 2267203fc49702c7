"""What a file that the user brings is: something to open, an input, or the weights of a network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foadv_gui.lab.files import FileProblem, array_names, open_file

Role = Literal["document", "input", "weights"]

_DOCUMENTS = (".toml", ".parquet")
_IMAGES = (".png", ".jpg", ".jpeg")
_WEIGHTS = (".pt", ".pth", ".safetensors", ".bin")
_LABELS = re.compile(r"labels?[-.]?idx1", re.IGNORECASE)
_TABLE = b"\n# sweep: "
"""What stands early in the table of a sweep that is written as text."""
_EARLY = 4096
_MAGIC: tuple[tuple[bytes, Role], ...] = (
    (b"\x93NUMPY", "input"),
    (b"\x89PNG\r\n\x1a\n", "input"),
    (b"\xff\xd8\xff", "input"),
    (b"\x00\x00\x08", "input"),
    (b"\x1f\x8b", "input"),
)
_INPUTS = ("x", "X", "images", "inputs", "x_train", "x_test", "data")
"""The names by which an input is told from other arrays, the likeliest first."""
_NO_INPUTS = ("y", "Y", "labels", "label", "y_train", "y_test", "targets", "config", "version")
_MATRIX = re.compile(r"(^|[._])(W\d*|w\d*|weight|kernel)$")
_LAYER = re.compile(r"(^|[._])(W\d*|w\d*|a|b\d*|c|weight|bias|kernel)$")
KNOWN = (
    "experiments, sweeps and trainings (.toml), recordings (.npz), tables of sweeps (.parquet, .csv), inputs (.npy, "
    ".npz, .csv, .png, .jpg, IDX) and weights (.npz, .safetensors, .pt)"
)
"""All that can be brought, in words."""


@dataclass(frozen=True)
class Reading:
    """One way to take a file: as what, as which of an archive's arrays (None: the only one), and that in words."""

    role: Role
    array: str | None = None
    words: str = ""


def expected(path: str | Path) -> tuple[Role, ...]:
    """What a file may be by its name alone, since a drag does not wait for a disk; `FileProblem` if nothing."""
    name = Path(path).name.lower()
    ending = Path(name).suffix
    if ending in _DOCUMENTS:
        return ("document",)
    if ending == ".csv":
        return ("document", "input")
    if ending == ".npz":
        return ("document", "input", "weights")
    if ending in _WEIGHTS:
        return ("weights",)
    if _LABELS.search(name):
        raise FileProblem(path, "holds labels alone: bring the images, and the labels beside them are found")
    if ending in (".npy", ".gz", ".idx", *_IMAGES) or "ubyte" in name:
        return ("input",)
    raise FileProblem(path, f"is of no kind that is known here; these are: {KNOWN}")


def readings(path: str | Path) -> tuple[Reading, ...]:
    """The ways to take a file, the likeliest first; of an archive no more than its table of contents is read.

    Raises
    ------
    FileProblem
        If it cannot be read, or is nothing that is known here.
    """
    if Path(path).is_dir():
        raise FileProblem(path, "is a folder; bring one file of it")
    try:
        roles = expected(path)
    except FileProblem:
        roles = _by_magic(path)
        if not roles:
            raise
    if roles == ("document", "input"):
        with open_file(path) as stream:
            table = _TABLE in b"\n" + stream.read(_EARLY)
        return (Reading("document" if table else "input"),)
    if len(roles) > 1:
        return _of_archive(path)
    return tuple(Reading(role) for role in roles)


def _by_magic(path: str | Path) -> tuple[Role, ...]:
    """What the first bytes say of a file whose name says nothing."""
    with open_file(path) as stream:
        first = stream.read(8)
    if first[:2] == b"PK":
        return ("document", "input", "weights")
    return next(((role,) for magic, role in _MAGIC if first.startswith(magic)), ())


def _of_archive(path: str | Path) -> tuple[Reading, ...]:
    """What the names of an archive's arrays say."""
    names = array_names(path)
    if {"training", "data_of"} <= set(names) or {"delta", "config"} <= set(names):
        return (Reading("document"),)
    if len(names) == 1:  # whatever it is called
        return (Reading("input"),)
    layers = [name for name in names if _LAYER.search(name)] if any(map(_MATRIX.search, names)) else []
    others = [name for name in names if name not in layers and name not in _NO_INPUTS]
    likely = [name for name in _INPUTS if name in others]
    found = [Reading("input", _given(name), f"Input: the array {name}") for name in likely[:1] or others]
    if layers:
        shown = ", ".join(layers[:4]) + (", …" if len(layers) > 4 else "")
        found.insert(0, Reading("weights", None, f"Network: the weights {shown}"))
    if not found:
        raise FileProblem(path, f"holds neither an input nor weights: {', '.join(names) or 'no array at all'}")
    return tuple(found)


def _given(name: str) -> str | None:
    """The name of an array where it must be given: the usual ones are found without."""
    return None if name in ("x", "X", "images") else name
