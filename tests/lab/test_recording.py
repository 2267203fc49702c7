"""A recording keeps to its memory, never changes once handed out, and comes back from disk bit for bit."""

from __future__ import annotations

import itertools
import json
import pickle
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foadv_gui.lab import recording_file as module
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.recording import MEASURES, RUNNING, Recording, RecordingBuilder, load

if TYPE_CHECKING:
    from pathlib import Path

K, D, M = 3, 5, 4


def path_of(steps: int, dtype: Any = np.float64) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Made-up iterates and measures in which every number is different."""
    delta = np.arange((steps + 1) * K * D, dtype=dtype).reshape(-1, K, D)
    measures = {name: np.arange((steps + 1) * K).reshape(-1, K) + i / 8 for i, name in enumerate(MEASURES)}
    return delta, measures


def builder_of(steps: int, budget: int = 2**24, dtype: Any = np.float64) -> RecordingBuilder:
    weights, x = {"W": np.ones((M, D)), "a": np.full(M, 0.5)}, np.arange(1.0, D + 1)
    config = Experiment().model_dump_json()
    return RecordingBuilder(weights, x, 1.0, 0.3, 0.5, config, steps, K, budget, dtype)


def recorded(steps: int = 20, dtype: Any = np.float64) -> Recording:
    builder = builder_of(steps, dtype=dtype)
    builder.append(*path_of(steps, dtype))
    return builder.finish(["converged", "step limit", "diverged"], [min(7, steps), -1, -1])


@given(
    steps=st.integers(0, 120),
    kept=st.integers(1, 60),
    cuts=st.lists(st.integers(0, 121), max_size=6),
)
def test_thinning_keeps_the_budget_the_ends_and_what_was_handed_out(steps: int, kept: int, cuts: list[int]) -> None:
    delta, measures = path_of(steps)
    of_measures = sum(8 * array.size for array in measures.values())
    budget = of_measures + 2 * (kept + 1) * delta[0].nbytes
    builder = builder_of(steps, budget)
    handed_out: list[tuple[Recording, dict[str, np.ndarray]]] = []
    edges = sorted({0, *(min(cut, steps + 1) for cut in cuts), steps + 1})
    for start, end in itertools.pairwise(edges):
        builder.append(delta[start:end], {name: array[start:end] for name, array in measures.items()})
        now = builder.snapshot()
        handed_out.append((now, {entry.name: np.array(getattr(now, entry.name)) for entry in fields(now)}))
        assert now.steps == end - 1
        assert set(now.stop_reason) == {RUNNING}
        assert len(now.delta) <= max(kept, 4)
    final = builder.finish(["converged"] * K, [steps] * K)

    for recording, copies in handed_out:
        for name, copy in copies.items():
            np.testing.assert_array_equal(getattr(recording, name), copy)
    for recording in (*(pair[0] for pair in handed_out), final):
        np.testing.assert_array_equal(recording.delta, delta[recording.steps_kept])
        assert recording.steps_kept[0] == 0 and (np.diff(recording.steps_kept) > 0).all()
        for name, array in measures.items():
            np.testing.assert_array_equal(getattr(recording, name), array[: recording.steps + 1])
    assert final.steps_kept[-1] == final.steps == steps
    strides = np.diff(final.steps_kept[:-1])
    assert len(set(strides)) <= 1 and all(stride & (stride - 1) == 0 for stride in strides)
    assert len(final.delta) <= max(kept, 4) + 1
    if steps < max(kept, 4):
        assert len(final.delta) == steps + 1


def test_a_snapshot_copies_nothing_and_cannot_be_written() -> None:
    builder = builder_of(10)
    delta, measures = path_of(10)
    builder.append(delta[:4], {name: array[:4] for name, array in measures.items()})
    first, second = builder.snapshot(), builder.snapshot()
    assert np.shares_memory(first.delta, second.delta) and np.shares_memory(first.loss, second.loss)
    for array in (*first.weights.values(), *(getattr(first, entry.name) for entry in fields(first))):
        if isinstance(array, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = array


def test_the_kept_index_is_that_of_the_last_kept_step_before() -> None:
    delta, measures = path_of(100)
    of_measures = sum(8 * array.size for array in measures.values())
    builder = builder_of(100, of_measures + 2 * 11 * delta[0].nbytes)
    builder.append(delta, measures)
    recording = builder.finish(["step limit"] * K, [-1] * K)
    assert len(recording.delta) < 101
    for t in range(101):
        index = recording.kept_index(t)
        later = recording.steps_kept[index + 1] if index + 1 < len(recording.delta) else 101
        assert recording.steps_kept[index] <= t < later
    assert recording.kept_index(-5) == 0


@pytest.mark.parametrize(
    ("kept", "words"),
    [(11, "every 16th"), (60, "every 2nd"), (40, "every 4th"), (4, "every 32nd"), (2000, "")],
)
def test_a_thinned_recording_says_so(kept: int, words: str) -> None:
    delta, measures = path_of(100)
    builder = builder_of(100, sum(8 * array.size for array in measures.values()) + 2 * (kept + 1) * delta[0].nbytes)
    builder.append(delta, measures)
    for recording in (builder.snapshot(), builder.finish(["step limit"] * K, [-1] * K)):
        assert recording.thinning == (words and f"{words} iterate kept: memory budget")
    assert replace(recorded(), steps_kept=np.arange(0, 21 * 113, 113)).thinning.startswith("every 113th")


def test_single_precision_iterates_stay_single_and_measures_are_double() -> None:
    recording = recorded(dtype=np.float32)
    assert recording.delta.dtype == np.float32
    assert recording.loss.dtype == np.float64


def test_the_best_restart_has_the_largest_finite_final_loss() -> None:
    recording = recorded()
    for final, best in (([1.0, 3.0, 2.0], 1), ([1.0, np.nan, 2.0], 2), ([np.inf, 0.0, 2.0], 2), ([np.nan] * 3, 0)):
        assert replace(recording, loss=np.array([[0.0] * 3, final])).best == best


def test_shapes_tell_the_run() -> None:
    recording = recorded(20)
    assert (recording.steps, recording.restarts, recording.dimension) == (20, K, D)
    assert recording.experiment == Experiment()


def test_iterates_of_the_wrong_shape_or_number_are_refused() -> None:
    delta, measures = path_of(10)
    with pytest.raises(ValueError, match="append it first"):
        builder_of(10).snapshot()
    with pytest.raises(ValueError, match="more than 9 steps"):
        builder_of(9).append(delta, measures)
    with pytest.raises(ValueError, match="shape"):
        builder_of(10).append(delta[:, :2], measures)
    with pytest.raises(ValueError, match="loss must have the shape"):
        builder_of(10).append(delta, measures | {"loss": measures["loss"][:3]})
    with pytest.raises(ValueError, match="the measures must be"):
        builder_of(10).append(delta, {"loss": measures["loss"]})
    builder = builder_of(10)
    builder.append(delta[:5], {name: array[:5] for name, array in measures.items()})
    with pytest.raises(ValueError, match="for each of 3"):
        builder.finish(["converged"], [1])


def test_a_finished_recording_takes_no_more() -> None:
    builder = builder_of(10)
    delta, measures = path_of(10)
    builder.append(delta[:5], {name: array[:5] for name, array in measures.items()})
    builder.finish(["cancelled"] * K, [-1] * K)
    with pytest.raises(ValueError, match="finished"):
        builder.append(delta[5:], {name: array[5:] for name, array in measures.items()})


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_saved_recording_is_loaded_bit_for_bit(tmp_path: Path, dtype: Any) -> None:
    recording = recorded(dtype=dtype)
    recording.save(tmp_path / "run.npz")
    for again in (load(tmp_path / "run.npz"), Recording.load(str(tmp_path / "run.npz"))):
        assert [type(getattr(again, f.name)) for f in fields(again)] == [
            type(getattr(recording, f.name)) for f in fields(again)
        ]
        assert list(again.arrays) == list(recording.arrays)
        for before, after in zip(recording.arrays.values(), again.arrays.values(), strict=True):
            assert (before.dtype, before.shape) == (after.dtype, after.shape)
            assert before.tobytes() == after.tobytes()
    again.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "run.npz").read_bytes()


def test_plain_numpy_opens_a_recording(tmp_path: Path) -> None:
    recorded().save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {entry.name for entry in fields(Recording)} - {"box", "weights"} | {"W", "a"}
        assert arrays["stop_reason"].tolist() == ["converged", "step limit", "diverged"]
        assert json.loads(str(arrays["config"]))["input"]["scale"] == 1.0
        assert arrays["version"] == 1


def test_a_run_that_diverged_can_be_saved_and_loaded(tmp_path: Path) -> None:
    recording = recorded(3)
    delta, loss = recording.delta.copy(), recording.loss.copy()
    delta[3, 2], loss[3, 2] = np.nan, np.inf
    replace(recording, delta=delta, loss=loss).save(tmp_path / "run.npz")
    assert load(tmp_path / "run.npz").best == 1


def test_a_save_that_fails_leaves_the_old_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(5).save(tmp_path / "run.npz")

    def fails(stream: Any, **arrays: Any) -> None:
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fails)
    with pytest.raises(FileProblem, match="No space left"):
        recorded(9).save(tmp_path / "run.npz")
    assert load(tmp_path / "run.npz").steps == 5
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]


def test_a_small_file_that_unpacks_to_much_is_refused_before_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = recorded(4000)
    with (tmp_path / "packed.npz").open("wb") as stream:
        np.savez_compressed(stream, **long.arrays)
    long.save(tmp_path / "plain.npz")
    monkeypatch.setattr(module, "_SMALL", 2**17)
    with pytest.raises(FileProblem, match=r"MiB of memory, more than the .* allowed"):
        load(tmp_path / "packed.npz")
    assert load(tmp_path / "plain.npz").steps == 4000  # as much as it takes on the disk
    monkeypatch.setattr(module, "_physical_memory", lambda: 2**18)
    with pytest.raises(FileProblem, match=r"MiB of memory, more than the 0\.1 MiB allowed"):
        load(tmp_path / "plain.npz")


def nan_at(name: str) -> Any:
    def change(arrays: dict[str, Any]) -> None:
        arrays[name] = np.array(arrays[name])
        arrays[name].flat[-1] = np.nan

    return change


def put(**changes: Any) -> Any:
    return lambda arrays: arrays.update(changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda arrays: arrays.pop("loss"), "holds no loss"),
        (lambda arrays: [arrays.pop(name) for name in list(arrays) if name != "a"], "not a recording"),
        (put(version=np.int64(2)), "version 2"),
        (put(version=np.array("1")), "version must be a single number"),
        (put(version=np.ones(2, int)), "version must be a single number"),
        (put(config=np.array("{}x")), "experiment"),
        (put(config=np.array('{"input": {"scale": 0}}')), r"input\.scale"),
        (put(config=np.float64(1)), "config must be a single text"),
        (put(epsilon=np.float64(0)), "epsilon must be above 0"),
        (put(eta=np.float64(-1)), "eta must be above 0"),
        (put(y=np.array([1.0])), "y must be a single number"),
        (put(steps_kept=np.arange(21) + 1), "steps_kept must rise from 0"),
        (put(steps_kept=np.zeros(21, int)), "steps_kept must rise"),
        (put(steps_kept=np.arange(21) * 2), "at most 20"),
        (put(steps_kept=np.arange(21.0)), "whole numbers"),
        (put(steps_kept=np.arange(21, dtype=np.uint64)[::-1]), "steps_kept must rise"),
        (put(converged_at=np.array([21, -1, -1])), "between -1 and 20"),
        (put(converged_at=np.array([-2, -1, -1])), "between -1 and 20"),
        (put(stop_reason=np.zeros(3)), "must hold text"),
        (put(stop_reason=np.array([0x7FFFFFFF] * 3, "<u4").view("<U1")), "impossible characters"),
        (put(delta=np.zeros((21, 3))), "three dimensions"),
        (put(delta=np.zeros((0, 3, 5))), "three dimensions"),
        (put(delta=np.zeros((21, 2, 5))), "fits the other arrays"),
        (put(delta=np.zeros((21, 3, 5), int)), "delta must be float"),
        (put(W=np.ones((4, 6))), "W has the shape"),
        (put(W=np.ones((0, 5)), a=np.ones(0)), "no neuron"),
        (put(a=np.ones(3)), "a has the shape"),
        (put(radius=np.ones((20, 3))), "radius has the shape"),
        (put(loss=np.ones((21, 3), np.float32)), "loss must be float64"),
        (nan_at("delta"), "delta holds a value that is not finite"),
        (nan_at("W"), "W holds a value that is not finite"),
        (nan_at("x"), "x holds a value that is not finite"),
        (nan_at("y"), "y holds a value that is not finite"),
        (nan_at("epsilon"), "epsilon holds a value that is not finite"),
    ],
)
def test_a_recording_that_contradicts_itself_is_refused(tmp_path: Path, change: Any, words: str) -> None:
    recorded().save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz") as stored:
        arrays = dict(stored)
    change(arrays)
    np.savez(tmp_path / "run.npz", **arrays)
    with pytest.raises(FileProblem, match=words) as caught:
        load(tmp_path / "run.npz")
    assert str(caught.value).startswith(str(tmp_path / "run.npz")) and "\n" not in str(caught.value)


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.npz").write_bytes(pickle.dumps(recorded()))
    with pytest.raises(FileProblem, match="undamaged"):
        load(tmp_path / "run.npz")
    recorded().save(tmp_path / "whole.npz")
    whole = (tmp_path / "whole.npz").read_bytes()
    for length in range(0, len(whole), 997):
        (tmp_path / "run.npz").write_bytes(whole[:length])
        with pytest.raises(FileProblem):
            load(tmp_path / "run.npz")
