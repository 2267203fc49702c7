"""The clean input has length gamma exactly where it should point; what cannot be an input is refused by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foadv_gui.lab.config import DIGIT_COUNT, DIGIT_PIXELS, Experiment, ExperimentError
from foadv_gui.lab.files import read_npz
from foadv_gui.lab.inputs import box_of, load_input
from foadv_gui.resources import resource

if TYPE_CHECKING:
    from pathlib import Path


def of_file(path: Path, index: int = 0) -> Experiment:
    return Experiment().replace("input.source", "file", **{"input.file": str(path), "input.index": index})


@given(seed=st.integers(0, 2**31 - 1), dimension=st.integers(1, 300), scale=st.floats(1e-4, 1e4))
def test_a_random_direction_has_length_one_and_the_input_length_gamma(seed: int, dimension: int, scale: float) -> None:
    changes = {"input.seed": seed, "network.dimension": dimension, "input.ratio": 0.25}
    clean = load_input(Experiment().replace("input.scale", scale, **changes))
    assert clean.x.shape == (dimension,) and clean.x.dtype == np.float64
    assert np.linalg.norm(clean.x_hat) == pytest.approx(1, rel=1e-14)
    assert np.linalg.norm(clean.x) == pytest.approx(scale, rel=1e-14)
    assert clean.epsilon == 0.25 * scale


def test_one_seed_is_one_direction_whatever_else_changes() -> None:
    experiment = Experiment()
    again = experiment.replace("input.scale", 7.0, **{"network.width": 9, "compute.dtype": "float32"})
    assert np.array_equal(load_input(experiment).x_hat, load_input(again).x_hat)
    assert not np.array_equal(load_input(experiment).x_hat, load_input(experiment.replace("input.seed", 1)).x_hat)


def test_random_directions_are_uniform_on_the_sphere() -> None:
    """Coordinates of a uniform point of the sphere in R^d have mean 0 and variance 1/d."""
    base = Experiment().replace("network.dimension", 500)
    points = np.array([load_input(base.replace("input.seed", seed)).x_hat for seed in range(200)])
    assert abs(points.mean()) < 4 / np.sqrt(500 * points.size)
    assert 500 * points.var() == pytest.approx(1, abs=1e-4)
    cosines = (points @ points.T)[np.triu_indices(200, 1)]
    assert np.abs(cosines).max() < 6 / np.sqrt(500)


def test_the_shipped_digits_are_those_of_the_uci_repository() -> None:
    arrays = read_npz(resource("data", "digits.npz"))
    assert set(arrays) == {"images", "labels"}
    assert arrays["images"].shape == (DIGIT_COUNT, DIGIT_PIXELS) and arrays["images"].dtype == np.uint8
    assert arrays["images"].min() == 0 and arrays["images"].max() == 16
    assert np.bincount(arrays["labels"]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert "CC BY 4.0" in resource("data", "ATTRIBUTION.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("index", [0, 7, DIGIT_COUNT - 1])
def test_a_digit_is_its_image_scaled_to_length_gamma(index: int) -> None:
    arrays = read_npz(resource("data", "digits.npz"))
    clean = load_input(Experiment().replace("input.source", "digits", **{"input.index": index, "input.scale": 3.0}))
    image = arrays["images"][index].astype(float)
    np.testing.assert_allclose(clean.x, 3.0 * image / np.linalg.norm(image), rtol=1e-14)
    assert clean.image_shape == (8, 8)
    assert str(arrays["labels"][index]) in clean.label


@pytest.mark.parametrize("array", [[3.0, 4.0], np.array([3, 4], np.uint8), np.array([3e300, 4e300]), [3e-300, 4e-300]])
@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_a_vector_of_any_length_and_type_is_scaled_to_one(tmp_path: Path, name: str, array: Any) -> None:
    if name == "x.npy":
        np.save(tmp_path / name, array)
    else:
        np.savez(tmp_path / name, x=np.asarray(array), other=np.zeros(3))
    clean = load_input(of_file(tmp_path / name))
    np.testing.assert_allclose(clean.x_hat, [0.6, 0.8], rtol=1e-14)
    assert (clean.image_shape, clean.label) == (None, name)


def test_rows_of_a_table_and_images_are_chosen_by_index(tmp_path: Path) -> None:
    np.save(tmp_path / "table.npy", np.eye(3))
    np.save(tmp_path / "images.npy", np.eye(6).reshape(6, 2, 3))
    assert load_input(of_file(tmp_path / "table.npy", 2)).x_hat.tolist() == [0, 0, 1]
    clean = load_input(of_file(tmp_path / "images.npy", 4))
    assert clean.image_shape == (2, 3) and clean.x_hat.tolist() == [0, 0, 0, 0, 1, 0]


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", [1.0, 0.0])
    assert load_input(of_file(tmp_path / "x.npy")).x_hat.tolist() == [1, 0]
    np.save(tmp_path / "x.npy", [0.0, 1.0])
    os.utime(tmp_path / "x.npy", ns=(1, 1))
    assert load_input(of_file(tmp_path / "x.npy")).x_hat.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("array", "index", "key", "words"),
    [
        (np.zeros(3), 0, "input.file", "only zeros"),
        (np.array([1.0, np.nan]), 0, "input.file", "not finite"),
        (np.array([1.0, np.inf]), 0, "input.file", "not finite"),
        (np.array([[1.0], [0.0]]), 1, "input.index", "only zeros"),
        (np.ones((2, 3)), 2, "input.index", "below 2"),
        (np.ones(3), 1, "input.index", "must be 0"),
        (np.array("text"), 0, "input.file", "must hold numbers"),
        (np.array(["text"]), 0, "input.file", "must hold numbers"),
        (np.float64(3), 0, "input.file", "must hold numbers"),
        (np.ones((0, 3)), 0, "input.file", "must hold numbers"),
        (np.ones((2, 2, 2, 2)), 0, "input.file", "must hold numbers"),
        (np.ones(100_001), 0, "input.file", "more than 100000"),
        (np.ones(3, complex), 0, "input.file", "not real numbers"),
    ],
)
def test_what_is_no_input_is_refused_beside_its_setting(
    tmp_path: Path, array: Any, index: int, key: str, words: str
) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ExperimentError, match=words) as caught:
        load_input(of_file(tmp_path / "x.npy", index))
    assert caught.value.key == key


def test_numbers_of_any_kind_are_read_as_they_are(tmp_path: Path) -> None:
    for kind in (">f8", ">i4", "<u2", "f2", np.longdouble):
        np.save(tmp_path / "x.npy", np.array([3, 4], kind))
        np.testing.assert_allclose(load_input(of_file(tmp_path / "x.npy")).x_hat, [0.6, 0.8], rtol=1e-14)
    np.save(tmp_path / "x.npy", np.array([1, np.finfo(np.longdouble).max]))
    with pytest.raises(ExperimentError, match=r"x\.npy holds a value there that is not finite"):
        load_input(of_file(tmp_path / "x.npy"))


@pytest.mark.parametrize("content", [None, b"", b"not an array"])
def test_a_file_that_cannot_be_read_is_refused_beside_its_setting(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(ExperimentError) as caught:
        load_input(of_file(tmp_path / "x.npy"))
    assert caught.value.key == "input.file" and "x.npy" in str(caught.value)


def test_a_box_must_contain_the_clean_input() -> None:
    digit = Experiment().replace("input.source", "digits")
    clean = load_input(digit)
    x = clean.x
    assert box_of(digit, clean) is None
    assert box_of(digit.replace("ascent.box", [0.0, float(x.max())]), clean) == (0.0, x.max())
    for box in ([0.0, float(x.max()) - 1e-9], [1e-9, 1.0]):
        with pytest.raises(ExperimentError, match=f"{x.max():.6g}") as caught:
            box_of(digit.replace("ascent.box", box), clean)
        assert caught.value.key == "ascent.box"


def test_the_arrays_are_values() -> None:
    clean = load_input(Experiment())
    for array in (clean.x, clean.x_hat):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
