"""The points of a training are inputs of experiments, bit for bit; what cannot be trained on is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from trainings import small

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.files import read_npz
from foadv_gui.lab.inputs import load_input
from foadv_gui.lab.training.data import load_all, load_data
from foadv_gui.resources import resource

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.training.plan import Training
    from foadv_gui.lab.training.record import TrainingData


def first(training: Training) -> TrainingData:
    return load_data(training.arms[0])


def of_file(path: Path, **changes: Any) -> Training:
    return small(**{"training__data": "file", "training__file": str(path), **changes})


@pytest.mark.parametrize("source", ["random", "digits", "table", "images", "bytes", "colours"])
def test_each_point_is_that_of_the_experiment_with_its_input(source: str, tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((12, 6)).astype(np.float32)
    bytes_ = np.random.default_rng(0).integers(0, 256, (12, 2, 3, 3), dtype=np.uint8)
    X = {"images": X.reshape(12, 2, 3), "bytes": bytes_[..., 0], "colours": bytes_}.get(source, X)
    np.savez(tmp_path / "d.npz", X=X, y=np.arange(12))
    training = small(training__data=source) if source in ("random", "digits") else of_file(tmp_path / "d.npz")
    data = first(training)
    assert len(data.inputs) == len(data.y) == 7 and len(data.held_out_y) == 3
    for i, given in enumerate(data.inputs):
        experiment = training.base.changed({f"input.{key}": value for key, value in given.items()})
        clean = load_input(experiment)
        assert np.array_equal(clean.x_hat, data.X_hat[i])
        assert clean.image_shape == data.image_shape
    np.testing.assert_allclose(np.linalg.norm(data.held_out_X_hat, axis=1), 1, rtol=1e-14)


def test_random_points_do_not_depend_on_how_many_are_drawn_and_seeds_share_none() -> None:
    few, many, other = (first(small(**{f"training__{k}": v})) for k, v in (("seed", 5), ("points", 70), ("seed", 6)))
    many = first(small(training__points=70, training__seed=5))
    assert np.array_equal(few.X_hat, many.X_hat[:7]) and np.array_equal(few.y, many.y[:7])
    assert np.array_equal(few.held_out_X_hat, many.X_hat[7:10])
    assert set(np.unique(many.y)) == {-1.0, 1.0} and many.of_classes and 15 < (many.y == 1).sum() < 55
    assert not set(map(bytes, other.X_hat)) & set(map(bytes, many.X_hat))
    assert few.label == "random points, seed 5"


def test_digits_are_those_of_of_classes_and_none_comes_twice() -> None:
    arrays = read_npz(resource("data", "digits.npz"))
    training = small(training__data="digits", training__points=300, training__held_out=57)
    data = first(training)
    chosen = [given["index"] for given in data.inputs]
    assert np.array_equal(data.y, np.where(arrays["labels"][chosen] == 3, 1.0, -1.0))
    assert set(arrays["labels"][chosen]) == {3, 8}
    rows = np.vstack([data.X_hat, data.held_out_X_hat])
    everything = arrays["images"][np.isin(arrays["labels"], (3, 8))].astype(float)
    everything /= np.linalg.norm(everything, axis=1, keepdims=True)
    order = [np.argmin(np.abs(everything - row).sum(1)) for row in rows]
    assert len(set(order)) == len(rows) == 357
    np.testing.assert_allclose(rows, everything[order], rtol=1e-14)
    assert chosen != sorted(chosen)
    again = first(training.replace("training.seed", 1))
    assert again.inputs != data.inputs


def test_the_rows_of_a_file_keep_their_labels(tmp_path: Path) -> None:
    X, y = np.random.default_rng(0).standard_normal((10, 4)), np.linspace(-2, 2, 10)
    np.savez(tmp_path / "d.npz", X=X, y=y)
    data = first(of_file(tmp_path / "d.npz"))
    for row, label in zip(
        np.vstack([data.X_hat, data.held_out_X_hat]), np.append(data.y, data.held_out_y), strict=True
    ):
        np.testing.assert_allclose(row, X[y == label][0] / np.linalg.norm(X[y == label]), rtol=1e-14)
    assert sorted(np.append(data.y, data.held_out_y)) == y.tolist()
    assert not data.of_classes and data.label == "d.npz, shuffled by the seed 0"


def test_arms_share_their_points_unless_they_have_others() -> None:
    over = small("0.1,1", training__repeats=2)
    data = load_all(over)
    assert data[0] is data[2] and data[1] is data[3] and data[0] is not data[1]
    assert not np.array_equal(data[0].X_hat, data[1].X_hat)
    sizes = load_all(small().over([("training.points", "3,5")]))
    assert [len(one.y) for one in sizes] == [3, 5]


def test_the_arrays_cannot_be_changed() -> None:
    data = first(small())
    for array in (data.X_hat, data.y, data.held_out_X_hat, data.held_out_y):
        with pytest.raises(ValueError, match="read-only"):
            array.flat[0] = 1.0


@pytest.mark.parametrize(
    ("points", "held_out", "key", "words"),
    [
        (358, 0, "training.points", "must be at most 357: there are 357 images of 3 and 8"),
        (357, 1, "training.held_out", "must be at most 0: of 357 images of 3 and 8, 357 are trained on"),
    ],
)
def test_too_few_points_are_told_with_how_many_there_are(points: int, held_out: int, key: str, words: str) -> None:
    with pytest.raises(ExperimentError, match=words) as caught:
        first(small(training__data="digits", training__points=points, training__held_out=held_out))
    assert caught.value.key == key


def test_points_that_do_not_fit_are_refused_before_they_are_drawn() -> None:
    wide = small(network__dimension=10_000, training__points=100_000)
    with pytest.raises(ExperimentError, match=r"100,003 points of 10,000 coordinates.*7,630 MiB") as caught:
        first(wide)
    assert caught.value.key == "training.points"


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": np.ones((9, 2))}, "holds no array called y"),
        ({"X": np.ones((9, 2)), "y": np.array(["a"] * 9)}, "y holds <U1, not real numbers"),
        ({"X": np.ones((9, 2)), "y": np.ones(8)}, r"not X of shape \(9, 2\) and y of shape \(8,\)"),
        ({"X": np.ones(9), "y": np.ones(9)}, "must hold X of shape"),
        ({"X": np.ones((0, 2)), "y": np.ones(0)}, "must hold X of shape"),
        ({"X": np.eye(9)[:, :8], "y": np.ones(9)}, "row 8 of X holds only zeros"),
        ({"X": np.diag([1.0] * 4 + [np.nan] * 5), "y": np.ones(9)}, "row 4 of X holds a value that is not finite"),
        ({"X": np.ones((9, 2)), "y": [0.0] * 8 + [np.inf]}, "y holds a value that is not finite, at 8"),
        ({"X": np.ones((9, 2)), "y": np.array([None] * 9)}, "holds Python objects"),
        ({"X": np.ones((9, 300_000)), "y": np.ones(9)}, "MiB of memory, more than the 16.0 MiB allowed"),
    ],
)
def test_a_file_that_holds_no_points_is_refused_by_name(arrays: dict[str, Any], words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(ExperimentError, match=words) as caught:
        first(of_file(tmp_path / "d.npz", compute__memory_mib=64))
    assert caught.value.key == "training.file" and str(tmp_path / "d.npz") in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"training\.file = .*gone\.npz.*cannot be read"):
        first(of_file(tmp_path / "gone.npz"))
