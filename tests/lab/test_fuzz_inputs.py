"""Mutated files of every format either open or are refused in one line, within time and memory.

A hundred of each are opened every time; ``FOADV_FUZZ=10000 pytest -m fuzz -s tests/lab/test_fuzz_inputs.py`` opens
ten thousand of each and says what became of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from input_files import idx, image, npy, npz, packed, photograph, table
from mutations import FUZZ, GZIP, PNG, Wrap, feed, member, mutations

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.gallery import open_gallery
from foadv_gui.lab.inputs import load_input

if TYPE_CHECKING:
    from pathlib import Path

_DRAW = np.random.default_rng(0)
_TABLE, _IMAGES = _DRAW.random((5, 12)), _DRAW.integers(0, 256, (4, 6, 5), dtype=np.uint8)
_PHOTO, _EXIF = photograph(), b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\x01\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
_HEADER = "label," + ",".join(f"pixel{i}" for i in range(12))
_LABELLED = np.column_stack([np.arange(5), _TABLE])
_IDX = [
    idx(_IMAGES),
    idx(_TABLE),
    idx(_DRAW.integers(0, 256, (2, 3, 4, 3), dtype=np.uint8)),
    idx(np.arange(5, dtype="i4")),
]
SEEDS: dict[str, tuple[list[bytes], list[Wrap]]] = {
    "x.npy": (
        [npy(_TABLE), npy(_TABLE[0]), npy(_IMAGES), npy(np.asfortranarray(_TABLE)), npy(_TABLE.astype(">f4"))],
        [],
    ),
    "x.npz": (
        [npz(x=_TABLE), npz(True, x=_IMAGES, y=np.arange(4)), npz(True, images=_IMAGES, labels=np.arange(4), W=_TABLE)],
        [member("x.npy"), member("y.npy"), member("images.npy")],
    ),
    "x.csv": ([table(_TABLE), table(_LABELLED, _HEADER), table(_TABLE, mark=";"), table(_TABLE[:1], mark=" ")], []),
    "x.png": (
        [
            *(image(_PHOTO), image(_PHOTO, mode="L"), image(_PHOTO, mode="P"), image(_PHOTO, mode="RGBA")),
            *(image(_PHOTO[:, :, 0].astype(np.uint16) * 257), image(_PHOTO, mode="1"), image(_PHOTO, exif=_EXIF)),
        ],
        [PNG],
    ),
    "x.jpg": (
        [
            *(image(_PHOTO, "JPEG"), image(_PHOTO, "JPEG", "L"), image(_PHOTO, "JPEG", exif=_EXIF)),
            *(image(_PHOTO, "JPEG", progressive=True), image(_PHOTO, "JPEG", "CMYK")),
        ],
        [],
    ),
    "x-images-idx3-ubyte": (_IDX, []),
    "x-images-idx3-ubyte.gz": ([packed(content) for content in _IDX], [GZIP]),
}


def use(path: Path) -> None:
    """What the window does with a file: it opens it, shows pictures of it, and takes a row."""
    gallery = open_gallery(path)
    assert gallery.count >= 1 and min(gallery.shape) >= 1
    for picture in gallery.thumbnails(0, 2, 8):
        assert picture.dtype == np.uint8 and max(picture.shape[:2]) <= 8
    settings = {"input.file": str(path), "input.unit": "file"}
    clean = load_input(Experiment().replace("input.source", "file", **settings))
    assert np.isfinite(clean.x).all() and clean.epsilon > 0
    gallery.row(gallery.count - 1)


def run(name: str, folder: Path, count: int, seed: int) -> None:
    seeds, wraps = SEEDS[name]
    for content in seeds:  # what is mutated is worth it: all of it can be opened, but for labels without images
        (folder / name).write_bytes(content)
        if content not in (_IDX[-1], packed(_IDX[-1])):
            use(folder / name)
    outcome = feed(use, folder / name, mutations(seeds, count, seed, wraps))
    print(f"\n{name}: {outcome}")
    assert outcome.slowest < 5
    assert outcome.grown < 400
    assert outcome.opened > count / 100 and outcome.refused > count / 100


@pytest.mark.parametrize("name", SEEDS)
def test_a_mutated_file_is_opened_or_refused(tmp_path: Path, name: str) -> None:
    run(name, tmp_path, 100, seed=1)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", SEEDS)
def test_ten_thousand_mutated_files_are_opened_or_refused(tmp_path: Path, name: str) -> None:
    run(name, tmp_path, FUZZ, seed=2)
