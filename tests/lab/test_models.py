"""Random weights are Gaussian, nested and fixed by their seed; weights from a file are read exactly or refused."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from two_layers import load_weights

from foadv_gui.lab.config import Experiment, ExperimentError

if TYPE_CHECKING:
    from pathlib import Path


def random_net(width: int, seed: int = 0, scale: float = 1.0) -> Experiment:
    return Experiment().replace("network.width", width, **{"network.seed": seed, "network.weight_scale": scale})


def of_file(path: Path, dimension: int, scale: float = 1.0) -> Experiment:
    changes = {"network.file": str(path), "network.dimension": dimension, "network.weight_scale": scale}
    return Experiment().replace("network.source", "file", **changes)


@given(
    seed=st.integers(0, 2**31 - 1),
    dimension=st.integers(1, 40),
    widths=st.lists(st.integers(1, 300), min_size=2, max_size=5),
)
def test_a_wider_network_keeps_the_neurons_it_had(seed: int, dimension: int, widths: list[int]) -> None:
    """In whatever order the widths are asked for."""
    networks = [load_weights(random_net(width, seed), dimension) for width in widths]
    widest, signs = max(networks, key=lambda network: len(network[0]))
    for (W, a), width in zip(networks, widths, strict=True):
        assert W.shape == (width, dimension) and a.shape == (width,)
        assert np.array_equal(W, widest[:width])
        assert np.array_equal(np.sign(a), np.sign(signs[:width]))
        assert np.array_equal(np.abs(a), np.full(width, 1 / np.sqrt(width)))


def test_the_weights_are_those_of_the_seed() -> None:
    W, a = load_weights(random_net(50, seed=4, scale=2.5), 30)
    assert np.array_equal(W, 2.5 * np.random.default_rng([4, 2]).standard_normal((50, 30)))
    assert np.array_equal(a, load_weights(random_net(50, seed=4), 31)[1])
    assert not np.array_equal(W, load_weights(random_net(50, seed=5, scale=2.5), 30)[0])


def test_the_weights_have_standard_deviation_kappa_and_the_signs_are_fair() -> None:
    W, a = load_weights(random_net(2000, scale=0.3), 100)
    assert W.std() == pytest.approx(0.3, rel=0.01)
    assert abs(W.mean()) < 4 * 0.3 / np.sqrt(W.size)
    assert abs(np.sign(a).mean()) < 4 / np.sqrt(len(a))
    assert a @ a == pytest.approx(1, rel=1e-12)


def test_a_large_draw_is_the_same_as_a_small_one_and_is_not_kept() -> None:
    """Beyond 64 MiB the draw is made anew; its rows must not change."""
    large = load_weights(random_net(70_000 // 2), 300)[0]
    small = load_weights(random_net(100), 300)[0]
    assert np.array_equal(large[:100], small)


def test_weights_beyond_the_budget_are_refused_before_they_are_drawn() -> None:
    experiment = Experiment().replace("input.source", "file", **{"input.file": "x.npy", "network.width": 65_536})
    with pytest.raises(ExperimentError, match=r"compute\.memory_mib") as caught:
        load_weights(experiment, 100_000)
    assert caught.value.key == "network.width"


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
@pytest.mark.parametrize("name", ["w.npz", "w.safetensors"])
def test_weights_from_a_file_are_exact_and_multiplied_by_kappa(tmp_path: Path, name: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    W, a = (10 * rng.standard_normal((5, 3))).astype(dtype), np.arange(1, 6).astype(dtype)
    if name == "w.npz":
        np.savez(tmp_path / name, W=np.asfortranarray(W), a=a)
    else:
        save_file({"W": W, "a": a}, tmp_path / name)
    found_W, found_a = load_weights(of_file(tmp_path / name, 3, scale=0.5), 3)
    assert np.array_equal(found_W, 0.5 * W.astype(float)) and np.array_equal(found_a, a.astype(float))
    assert found_W.dtype == found_a.dtype == np.float64


def test_a_weights_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    for value in (1.0, 2.0):
        np.savez(path, W=np.full((2, 2), value), a=np.ones(2))
        os.utime(path, ns=(int(value), int(value)))
        assert load_weights(of_file(path, 2), 2)[0][0, 0] == value


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"w": np.ones((2, 3)), "a": np.ones(2)}, "holds a of shape \\(2,\\), which belongs to no linear layer"),
        ({"W": np.ones((2, 3)), "a": np.ones(3)}, "not \\(2, 3\\) and \\(3,\\)"),
        ({"W": np.ones(3), "a": np.ones(3)}, "of shape \\(m, d\\)"),
        ({"W": np.ones((0, 3)), "a": np.ones(0)}, "of shape \\(m, d\\)"),
        ({"W": np.full((2, 3), np.nan), "a": np.ones(2)}, "W holds a value that is not finite"),
        ({"W": np.ones((2, 3)), "a": np.array([1, np.inf])}, "a holds a value that is not finite"),
        ({"W": np.full((2, 3), 1e308), "a": np.ones(2)}, "overflows"),
        ({"W": np.ones((70_000, 1)), "a": np.ones(70_000)}, "more than 65536"),
    ],
)
@pytest.mark.parametrize("name", ["w.npz", "w.safetensors"])
def test_weights_that_are_no_network_are_refused(tmp_path: Path, name: str, arrays: dict[str, Any], words: str) -> None:
    if name == "w.npz":
        np.savez(tmp_path / name, **arrays)
    else:
        save_file(arrays, tmp_path / name)
    with pytest.raises(ExperimentError, match=words) as caught:
        load_weights(of_file(tmp_path / name, 3, scale=1e4), 3)
    assert caught.value.key == "network.file"


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors"])
@pytest.mark.parametrize("content", [None, b"", pickle.dumps({"W": 1}), b"\xff" * 100, b"\x80" + bytes(7) + b"{" * 128])
def test_a_weights_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ExperimentError) as caught:
        load_weights(of_file(tmp_path / name, 3), 3)
    assert caught.value.key == "network.file" and "\n" not in str(caught.value)


def test_weights_of_other_kinds_are_converted_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez(path, W=np.ones((2, 3), ">f4"), a=np.array([1, 2], ">i8"))
    W, a = load_weights(of_file(path, 3), 3)
    assert (W.dtype, a.tolist()) == (np.float64, [1, 2]) and a.dtype.isnative
    largest = np.finfo(np.longdouble).max
    for wrong in ({"W": np.full((2, 3), largest), "a": np.ones(2)}, {"W": np.ones((2, 3)), "a": np.full(2, largest)}):
        np.savez(path, **wrong)
        os.utime(path, ns=(1, hash(str(wrong)) & 0xFFFFFFF))
        with pytest.raises(ExperimentError, match=r"overflows|too large|not finite"):
            load_weights(of_file(path, 3), 3)


def test_text_is_no_weights(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", W=np.array([["1"]]), a=np.ones(1))
    with pytest.raises(ExperimentError, match="not real numbers"):
        load_weights(of_file(tmp_path / "w.npz", 1), 1)


def test_a_network_for_another_dimension_is_refused_beside_what_can_be_changed(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", W=np.ones((2, 3)), a=np.ones(2))
    with pytest.raises(ExperimentError, match="must be 3") as caught:
        load_weights(of_file(tmp_path / "w.npz", 64), 64)
    assert caught.value.key == "network.dimension"
    digits = of_file(tmp_path / "w.npz", 64).replace("input.source", "digits")
    with pytest.raises(ExperimentError, match="3 coordinates, but this input has 64") as caught:
        load_weights(digits, 64)
    assert caught.value.key == "network.file"


def test_a_file_larger_than_the_budget_is_refused(tmp_path: Path) -> None:
    experiment = of_file(tmp_path / "w.npz", 3).replace("compute.memory_mib", 64, **{"ascent.restarts": 1})
    np.savez_compressed(tmp_path / "w.npz", W=np.zeros((50_000, 100)), a=np.zeros(50_000))
    with pytest.raises(ExperimentError, match="MiB") as caught:
        load_weights(experiment, 3)
    assert caught.value.key == "network.file"
    save_file({"W": np.zeros((50_000, 100)), "a": np.zeros(50_000)}, tmp_path / "w.safetensors")
    with pytest.raises(ExperimentError, match="MiB"):
        load_weights(experiment.replace("network.file", str(tmp_path / "w.safetensors")), 3)


def test_the_arrays_are_values() -> None:
    for array in load_weights(Experiment(), 64):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
