"""What a file that somebody brings is: by its name, by its first bytes, by the names of its arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from foadv_gui import Experiment, run
from foadv_gui.lab.arrival import expected, readings
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.lab.sweep.table import SweepTable, write_table

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("run.toml", ("document",)),
        ("table.parquet", ("document",)),
        ("cat.PNG", ("input",)),
        ("cat.jpeg", ("input",)),
        ("x.npy", ("input",)),
        ("train-images-idx3-ubyte", ("input",)),
        ("train-images.idx3-ubyte", ("input",)),
        ("t10k-images-idx3-ubyte.gz", ("input",)),
        ("net.pt", ("weights",)),
        ("net.safetensors", ("weights",)),
        ("rows.csv", ("document", "input")),
        ("some.npz", ("document", "input", "weights")),
    ],
)
def test_what_a_name_promises(name: str, roles: tuple[str, ...]) -> None:
    assert expected(f"/somewhere/{name}") == roles


@pytest.mark.parametrize("name", ["notes.docx", "noending", "train-labels-idx1-ubyte", "train-labels.idx1-ubyte.gz"])
def test_other_names_are_refused_with_a_reason(name: str) -> None:
    with pytest.raises(FileProblem, match="labels alone" if "labels" in name else "no kind that is known"):
        expected(name)


X, ROW, W, A = np.ones((3, 4)), np.ones(4), np.ones((5, 4)), np.ones(5)


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"x": X}, [("input", None)]),
        ({"anything": X}, [("input", None)]),
        ({"images": X, "labels": ROW}, [("input", None)]),
        ({"x_train": X, "y_train": ROW}, [("input", "x_train")]),
        ({"W": W, "a": A}, [("weights", None)]),
        ({"net.0.weight": W, "net.0.bias": A, "net.2.weight": A}, [("weights", None)]),
        ({"W1": W, "b1": A, "W2": A}, [("weights", None)]),
        ({"W": W, "a": A, "x": ROW}, [("weights", None), ("input", None)]),
        ({"one": X, "two": X}, [("input", "one"), ("input", "two")]),
        ({"a": X, "b": X}, [("input", "a"), ("input", "b")]),  # letters alone make no network
    ],
)
def test_what_the_names_of_arrays_say(
    tmp_path: Path, arrays: dict[str, np.ndarray], found: list[tuple[str, str | None]]
) -> None:
    np.savez(tmp_path / "some.npz", **arrays)
    ways = readings(tmp_path / "some.npz")
    assert [(way.role, way.array) for way in ways] == found
    assert len(ways) == 1 or len({way.words for way in ways}) == len(ways)  # they are told apart


def test_a_recording_is_a_document_though_it_holds_weights_and_an_input(tmp_path: Path) -> None:
    small = {"network": {"width": 8, "dimension": 3}, "ascent": {"steps": 2, "restarts": 1}}
    run(Experiment.model_validate(small)).save(tmp_path / "run.npz")
    assert [way.role for way in readings(tmp_path / "run.npz")] == ["document"]


def test_a_table_of_numbers_is_no_sweep(tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text("1,2,3\n4,5,6\n")
    sweep = Sweep.of(Experiment(), ["network.seed=0:1"])
    write_table(SweepTable.of(sweep, []), tmp_path / "sweep.csv")
    assert [way.role for way in readings(tmp_path / "numbers.csv")] == ["input"]
    assert [way.role for way in readings(tmp_path / "sweep.csv")] == ["document"]


@pytest.mark.parametrize(
    ("start", "role"),
    [(b"\x93NUMPY\x01\x00", "input"), (b"\x89PNG\r\n\x1a\n", "input"), (b"\xff\xd8\xff\xe0", "input")],
)
def test_without_an_ending_the_first_bytes_say_it(tmp_path: Path, start: bytes, role: str) -> None:
    (tmp_path / "thing").write_bytes(start)
    assert [way.role for way in readings(tmp_path / "thing")] == [role]


def test_what_can_be_nothing_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "labels.npz", labels=A, config=A)
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04")
    (tmp_path / "notes").write_text("hello")
    for name, why in {
        "labels.npz": "neither an input nor weights",
        "cut.npz": "not an undamaged",
        "notes": "no kind that is known",
        "nowhere.npz": "cannot be read",
        ".": "is a folder",
    }.items():
        with pytest.raises(FileProblem, match=why):
            readings(tmp_path / name)
