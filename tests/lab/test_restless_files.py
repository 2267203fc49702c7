"""What is no file is refused without waiting; so is a file that changes, shrinks or goes while it is read."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from input_files import idx, image, npy, npz, packed, photograph, table
from weight_files import network, write

from foadv_gui.lab import files
from foadv_gui.lab.arrival import readings
from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.documents import look_up
from foadv_gui.lab.experiment import run
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.gallery import open_gallery
from foadv_gui.lab.recording import load
from foadv_gui.lab.weights import entries, read_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows neither removes nor replaces an open file")

_IMAGES = np.random.default_rng(0).integers(1, 256, (6, 40, 30), np.uint8)


def row(path: Path) -> object:
    gallery = open_gallery(path)
    return gallery.row(gallery.count - 1)


def layers(path: Path) -> object:
    return read_layers(path, None, 2**24)


def recorded(path: Path, seed: int) -> None:
    settings = {"network.dimension": 6, "network.width": 8, "ascent.steps": 3, "network.seed": seed}
    run(Experiment().changed(settings)).save(path)


READERS: dict[str, Callable[[Path], object]] = {
    **dict.fromkeys(("x.npy", "x.npz", "x.csv", "x.png", "x.jpg", "x-images-idx3-ubyte", "x.gz"), row),
    **dict.fromkeys(("net.npz", "net.safetensors", "net.pt"), layers),
    "run.npz": load,
}


def make(path: Path, turn: int) -> None:
    """A whole file of the kind that its name says; another one of other sizes for turn 1."""
    images = _IMAGES if turn == 0 else _IMAGES[:3, ::2]
    if path.stem == "net":
        arrays = [part for layer in network((3, 70 + turn, 1)) for part in layer if part is not None]
        write(path, dict(zip(("0.weight", "0.bias", "1.weight", "1.bias"), arrays, strict=True)))
    elif path.stem == "run":
        recorded(path, turn)
    else:
        flat = images.reshape(len(images), -1).astype(float)
        content = {
            "x.npy": lambda: npy(images),
            "x.npz": lambda: npz(**{("x", "images")[turn]: images}),
            "x.csv": lambda: table(flat),
            "x.png": lambda: image(photograph(60, 40 + turn)),
            "x.jpg": lambda: image(photograph(60, 40 + turn), "JPEG"),
            "x-images-idx3-ubyte": lambda: idx(images),
            "x.gz": lambda: packed(idx(images)),
        }
        path.write_bytes(content[path.name]())


def shrink(path: Path, _other: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path, _other: Path) -> None:
    """Other bytes in the same place, as many."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))


def replace(path: Path, other: Path) -> None:
    os.replace(shutil.copy(other, path.with_name("other")), path)


def remove(path: Path, _other: Path) -> None:
    path.unlink()


def pipe(path: Path, _other: Path) -> None:
    path.unlink()
    os.mkfifo(path)


class Meddler:
    """Somebody who does something to a file when it is opened for the nth time: before it is, or after."""

    def __init__(self, damage: Callable[[Path, Path], None], nth: int, after: bool, other: Path) -> None:
        self.damage, self.nth, self.after, self.other = damage, nth, after, other
        self.opened = 0

    def open(self, path: str, flags: int) -> int:
        from pathlib import Path

        mine = self.opened == self.nth
        self.opened += 1
        if mine and not self.after:
            self.damage(Path(path), self.other)
        descriptor = os.open(path, flags | os.O_NONBLOCK)
        if mine and self.after:
            self.damage(Path(path), self.other)
        return descriptor


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for turn in (0, 1):
        (tmp_path / f"{turn}").mkdir()
        make(tmp_path / f"{turn}" / name, turn)
    whole, other = tmp_path / "0" / name, tmp_path / "1" / name
    watcher = Meddler(remove, -1, False, other)
    monkeypatch.setattr(files, "_without_waiting", watcher.open)
    READERS[name](whole)
    assert watcher.opened >= 1
    for case, (damage, nth, after) in enumerate(_cases(watcher.opened)):
        path = tmp_path / f"case{case}" / name
        path.parent.mkdir()
        shutil.copy(whole, path)
        os.utime(path, ns=(2, 2))
        meddler = Meddler(damage, nth, after, other)
        monkeypatch.setattr(files, "_without_waiting", meddler.open)
        with pytest.raises(FileProblem, match=name) as caught:
            READERS[name](path)
        assert "\n" not in str(caught.value)
        assert meddler.opened > nth


def _cases(opened: int) -> Iterator[tuple[Any, int, bool]]:
    for nth in range(opened):
        for after in (False, True):
            yield from ((damage, nth, after) for damage in (shrink, overwrite, replace, remove, pipe))


# -- what is no file -------------------------------------------------------------------------------------------------


def no_files(folder: Path, name: str) -> Iterator[Path]:
    """A pipe, a device without end, a folder, a link to itself, nothing, and a file that may not be read."""
    for kind in ("pipe", "device", "folder", "loop", "nothing", "closed"):
        (folder / kind).mkdir()
        path = folder / kind / name
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "folder":
            path.mkdir()
        elif kind == "loop":
            path.symlink_to(path)
        elif kind == "closed":
            path.write_bytes(b"x")
            path.chmod(0)
            if os.access(path, os.R_OK):  # the superuser may read all
                continue
        yield path


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        *READERS.items(),
        *((f"net{ending}", lambda path: entries(path, 2**24)) for ending in (".npz", ".pt")),
        *((f"any{ending}", readings) for ending in (".npz", ".csv", ".weights")),
        *((f"any{ending}", look_up) for ending in (".npz", ".csv", ".parquet", ".toml")),
        ("any.toml", Experiment.from_toml),
    ],
)
def test_what_is_no_file_is_refused_without_waiting(
    tmp_path: Path, name: str, reader: Callable[[Path], object]
) -> None:
    for path in no_files(tmp_path, name):
        with pytest.raises((FileProblem, ExperimentError)) as caught:
            reader(path)
        assert name in str(caught.value) and "\n" not in str(caught.value)
