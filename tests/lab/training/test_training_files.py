"""The record of a training is a plain .npz that gives the same record again; a forged one is refused in one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from trainings import assert_same, small, whole

from foadv_gui.lab.experiment import run
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.training.files import holds_training, load_record, save_record

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.training.record import TrainingRecord


@pytest.fixture(scope="module")
def record() -> TrainingRecord:
    return whole(small("0.5,1", training__repeats=2, training__epochs=3))


@pytest.fixture
def arrays(record: TrainingRecord, tmp_path: Path) -> dict[str, Any]:
    save_record(record, tmp_path / "plain.npz")
    with np.load(tmp_path / "plain.npz", allow_pickle=False) as stored:
        return dict(stored)


def test_a_record_comes_back_bit_for_bit(record: TrainingRecord, tmp_path: Path) -> None:
    save_record(record, tmp_path / "r.npz")
    assert holds_training(tmp_path / "r.npz")
    again = load_record(tmp_path / "r.npz")
    assert_same(again, record)
    assert again.training == record.training
    assert again.data[0] is again.data[2] and again.data[0] is not again.data[1]
    with pytest.raises(ValueError, match="read-only"):
        again.tracks[0].W[0, 0, 0] = 1


@pytest.mark.parametrize("kind", ["digits", "images", "float32", "diverged", "relu", "no held-out", "network"])
def test_records_of_all_kinds_come_back(kind: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", X=np.random.default_rng(1).standard_normal((12, 2, 3)), y=np.linspace(-2, 2, 12))
    np.savez(tmp_path / "w.npz", W=np.random.default_rng(1).standard_normal((9, 6)), a=np.ones(9))
    changes = {
        "digits": {"training__data": "digits"},
        "images": {"training__data": "file", "training__file": str(tmp_path / "d.npz")},
        "float32": {"compute__dtype": "float32"},
        "diverged": {"training__rate": 1e8, "input__scale": 1e-4, "training__train_a": True},
        "relu": {"network__activation": "relu"},
        "no held-out": {"training__held_out": 0, "training__probes": 0},
        "network": {"network__source": "file", "network__file": str(tmp_path / "w.npz")},
    }[kind]
    keys = {key.replace("__", "."): value for key, value in changes.items()}
    record = whole(small(training__epochs=2).changed(keys))
    assert bool(record.tracks[0].diverged) == (kind == "diverged")
    save_record(record, tmp_path / "r.npz")
    assert_same(load_record(tmp_path / "r.npz"), record)


def test_a_loaded_record_goes_on_bit_for_bit_though_its_data_have_gone(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", X=np.random.default_rng(1).standard_normal((12, 6)), y=np.linspace(-2, 2, 12))
    training = small(training__data="file", training__file=str(tmp_path / "d.npz"), training__batch=2)
    expected = whole(training)
    save_record(whole(training.replace("training.epochs", 4)), tmp_path / "r.npz")
    (tmp_path / "d.npz").unlink()
    assert_same(whole(training, load_record(tmp_path / "r.npz")), expected)


def test_other_files_hold_no_training(tmp_path: Path) -> None:
    run(small().base).save(tmp_path / "run.npz")
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("run.npz", "text.npz", "gone.npz"):
        assert not holds_training(tmp_path / name)
        with pytest.raises(FileProblem, match=rf"{name}: (is not|cannot be read)"):
            load_record(tmp_path / name)


def put(**changes: Any) -> Any:
    return lambda arrays: arrays.update({name.replace("__", "."): value for name, value in changes.items()})


def with_nan(name: str) -> Any:
    def change(arrays: dict[str, Any]) -> None:
        arrays[name] = np.array(arrays[name])
        arrays[name].flat[-1] = np.nan

    return change


def telling(**changes: Any) -> Any:
    """Another text of the training."""

    def change(arrays: dict[str, Any]) -> None:
        parts = json.loads(str(arrays["training"]))
        parts["section"] |= changes.get("section", {})
        parts["over"] = changes.get("over", parts["over"])
        arrays["training"] = np.array(json.dumps(parts))

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda arrays: arrays.pop("001.W"), "001.W is missing"),
        (lambda arrays: arrays.pop("000.fosc"), "000.fosc is missing"),
        (lambda arrays: arrays.pop("data.1.y"), "data.1.y is missing"),
        (put(version=np.array(2)), "is a record of version 2"),
        (put(version=np.array([1])), "version has the shape"),
        (put(version=np.array("1")), "version holds"),
        (put(training=np.array("{}")), "is not the text of a training"),
        (put(training=np.array("[" * 100_000)), "is not the text of a training"),
        (put(training=np.array(3)), "training holds int64"),
        (telling(section={"epochs": 0}), r"training\.epochs = 0: must be a whole number"),
        (telling(section={"repeats": 1}), "data_of has the shape"),
        (telling(section={"points": 8}), r"data\.0\.X_hat has the shape \(7, 6\) where"),
        (telling(section={"epochs": 1}), "has 4 rows where the epochs 0 to 1 have one each"),
        (telling(over={"input.scale": "lin:1:2:5000000"}), "training that cannot be"),
        (telling(over=3), "must be a table"),
        (put(data_of=np.array([0, 5, 0, 5])), "data_of must count the data from 0"),
        (put(data_of=np.array([-1, 0, -1, 0])), "data_of must count the data from 0"),
        (put(data__0__X_hat=np.ones((7, 6))), "has not the length 1"),
        (put(data__0__y=np.ones((7, 1))), r"data\.0\.y has the shape"),
        (with_nan("data.0.held_out_X_hat"), "not finite"),
        (put(data__0__inputs=np.full(7, -1)), "must lie between 0"),
        (put(data__0__about=np.array('{"label": 3}')), "does not say what the points are"),
        (
            put(data__0__about=np.array('{"label": "", "image_shape": [9, 9], "input": {"source": "digits"}}')),
            "does not say what the points are",
        ),
        (
            put(data__0__about=np.array('{"label": "", "image_shape": null, "input": {"source": "rm -r"}}')),
            "does not say what the points are",
        ),
        (with_nan("000.W"), r"000\.W holds a value that is not finite"),
        (with_nan("000.adversarial_loss"), "is not finite, although the training did not diverge"),
        (lambda a: a.update({"000.W": a["000.W"].astype(np.float32)}), "holds float32 where float64 is needed"),
        (lambda a: a.update({"000.W": a["000.W"][:, :5]}), r"000\.W has the shape"),
        (lambda a: a.update({"000.a": a["000.a"][:, :5]}), r"000\.a has the shape"),
        (lambda a: a.update({"000.kept": a["000.kept"][::-1]}), r"000\.kept must rise from 0 to 3"),
        (lambda a: a.update({"000.residual_of_points": np.empty((0, 7))}), "has 0 rows"),
        (lambda a: a.update({"000.probed_epochs": a["000.probed_epochs"] + 7}), "must rise, up to at most 3"),
        (lambda a: a.update({"000.probed_contraction": np.ones((4, 5))}), r"000\.probed_contraction has the shape"),
        (put(**{"000__diverged": np.array(["no"])}), r"000\.diverged has the shape"),
    ],
)
def test_a_forged_record_is_refused_in_one_line(
    change: Any, words: str, arrays: dict[str, Any], tmp_path: Path
) -> None:
    change(arrays)
    np.savez(tmp_path / "forged.npz", **arrays)
    with pytest.raises(FileProblem, match=words) as caught:
        load_record(tmp_path / "forged.npz")
    assert "\n" not in str(caught.value) and str(tmp_path / "forged.npz") in str(caught.value)


def test_a_file_that_is_cut_off_is_refused(record: TrainingRecord, tmp_path: Path) -> None:
    save_record(record, tmp_path / "r.npz")
    content = (tmp_path / "r.npz").read_bytes()
    (tmp_path / "r.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(FileProblem, match="undamaged"):
        load_record(tmp_path / "r.npz")
    assert not holds_training(tmp_path / "r.npz")
