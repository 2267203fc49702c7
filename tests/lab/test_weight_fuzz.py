"""Thousands of mutated files of weights: each is read or refused in one line, at once and in little memory."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from mutations import FUZZ, GZIP, Outcome, Wrap, feed, member, mutations
from weight_files import FORMATS, Storage, Tensor, forged, network, write

from foadv_gui.lab.weights import entries, read_layers

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 2**22


def stored(name: str) -> Wrap:
    """The content of one member of a PyTorch file, put back uncompressed and with its right checksum."""
    plain = member(name)

    def close(content: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(plain.close(content))) as packed, zipfile.ZipFile(stream, "w") as archive:
            for info in packed.infolist():
                archive.writestr(info.filename, packed.read(info))
        return stream.getvalue()

    return Wrap(plain.open, close)


WRAPS = {
    "npz": [member("W.npy"), member("W1.npy")],
    "safetensors": [],
    "pt": [stored("archive/data.pkl"), stored("archive/byteorder"), stored("archive/data/0")],
}


def seeds(folder: Path, form: str) -> list[bytes]:
    """Small undamaged files of a format: two layers, several with biases, and a checkpoint."""
    (W, b), (a, _) = network([3, 4, 1])
    deep = {
        f"{word}{k}": np.float32(array)
        for k, layer in enumerate(network([3, 4, 5, 2]), 1)
        for word, array in zip("Wb", layer, strict=True)
    }
    files = [{"W": W, "a": a[0], "b": b}, deep, {"fc.weight": W.astype(np.float16), "head.weight": np.int8(9 * a)}]
    paths = [write(folder / f"{k}.{form}", arrays) for k, arrays in enumerate(files)]
    if form == "pt":
        tensors = {
            "W": Tensor(Storage("0", 12, torch.BFloat16Storage), 0, (4, 3), (1, 4)),
            "a": Tensor(Storage("1", 4), 0, (4,), (1,)),
        }
        checkpoint = {"epoch": 3, "lr": 0.1, "state_dict": tensors, "best": None, "names": ["x", (1, 2)]}
        paths.append(forged(folder / "9.pt", checkpoint, _0=bytes(range(24)), _1=bytes(16)))
    return [path.read_bytes() for path in paths]


def fed(folder: Path, form: str, count: int, seed: int) -> Outcome:
    def use(path: Path) -> Any:
        for entry in entries(path, LIMIT):
            str(entry)
        for layer in read_layers(path, None, LIMIT):
            assert layer.W.ndim == 2 and np.isfinite(layer.W).all() and layer.W.nbytes <= LIMIT
            assert layer.b is None or (layer.b.shape == layer.W.shape[:1] and np.isfinite(layer.b).all())

    original = seeds(folder, form)
    assert feed(use, folder / f"whole.{form}", iter(original)).refused == 0
    # Files packed by gzip, or of the other formats, come too: they may have the wrong ending.
    others = [GZIP.close(original[0]), *(content for other in FORMATS for content in seeds(folder, other)[:1])]
    return feed(use, folder / f"mutated.{form}", mutations([*original, *others], count, seed, WRAPS[form]))


@pytest.mark.parametrize("form", FORMATS)
def test_a_hundred_mutated_files_are_read_or_refused(tmp_path: Path, form: str) -> None:
    outcome = fed(tmp_path, form, 100, seed=7)
    assert outcome.refused > 33 and outcome.opened > 1
    assert outcome.slowest < 5 and outcome.grown < 100


@pytest.mark.fuzz
@pytest.mark.parametrize("form", FORMATS)
def test_ten_thousand_mutated_files_are_read_or_refused(tmp_path: Path, form: str) -> None:
    outcome = fed(tmp_path, form, FUZZ, seed=1)
    print(f"{form}: {outcome}")
    assert outcome.slowest < 5 and outcome.grown < 100
