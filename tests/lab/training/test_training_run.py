"""A training is the same bit for bit however it is interrupted, and its records never change."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from trainings import arrays_of, assert_same, small, whole

from foadv_gui.core import threads
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.experiment import prepare, run
from foadv_gui.lab.training.builder import TrackBuilder, probed_epochs
from foadv_gui.lab.training.study import train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from foadv_gui.lab.training.plan import Training
    from foadv_gui.lab.training.record import TrainingRecord

FULL = small("0.1,1")
KINDS = {
    "full batch": FULL,
    "minibatches": small("0.1,1", training__batch=3),
    "single precision": small("0.1,1", compute__dtype="float32", training__batch=2),
    "both layers": small("0.1,1", training__train_a=True, training__rate=0.05),
    "clean": small("0.1,1", training__mode="clean", training__held_out=0),
}


def asked(times: int) -> Callable[[], bool]:
    """Somebody who interrupts when asked for so many times."""
    questions = count()
    return lambda: next(questions) >= times


def questions(training: Training) -> int:
    """How often a training asks whether it is interrupted."""
    each = count()
    deque(train(training, interrupted=lambda: next(each) < 0), maxlen=0)
    return next(each)


# ---- what is trained -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_first_epoch_is_the_attack_of_an_experiment_on_each_point(dtype: str) -> None:
    training = small(compute__dtype=dtype, ascent__step_units="absolute", ascent__step=0.3, training__epochs=1)
    record = whole(training)
    track, data = record.tracks[0], record.data[0]
    for i, given in enumerate(data.inputs):
        changes = {f"input.{key}": value for key, value in given.items()} | {"input.label": data.y[i]}
        changes |= {"ascent.start": "zero", "ascent.steps": 3, "ascent.tolerance": 0}
        climbed = run(training.base.changed(changes))
        assert track.residual[0, i] == pytest.approx(climbed.value[-1, 0] - data.y[i], rel=1e-5)
    assert track.residual.dtype == track.W.dtype == np.dtype(dtype)
    assert np.array_equal(track.W[0], climbed.W.astype(dtype))


def test_an_epoch_is_a_step_down_the_gradient_at_the_attacked_points() -> None:
    """By autograd, from the residuals alone: the attacked points of no step are the clean ones."""
    training = small(training__mode="clean", training__epochs=1, training__rate=0.5, input__scale=2.0)
    record = whole(training)
    track, data = record.tracks[0], record.data[0]
    W = torch.tensor(track.W[0]).requires_grad_()
    f = torch.tanh(2.0 * torch.tensor(data.X_hat) @ W.T) @ torch.tensor(track.a[0])
    loss = 0.5 * (f - torch.tensor(data.y)).square().mean()
    loss.backward()
    assert W.grad is not None
    expected = track.W[0] - 0.5 / 2.0**2 * W.grad.numpy()
    np.testing.assert_allclose(track.W[1], expected, rtol=1e-12, atol=1e-14)
    assert track.measures["clean_loss"][0] == pytest.approx(float(loss.detach()), rel=1e-12)


def test_the_probes_are_those_of_the_first_points_in_exact_arithmetic() -> None:
    record = whole(small(training__epochs=6))
    track, data = record.tracks[0], record.data[0]
    assert track.probed.epochs.tolist() == [0, 1, 2, 3, 4, 5, 6] and track.probed.problem == ""
    problem = prepare(record.arm(0).training.base)
    for k, epoch in enumerate(track.probed.epochs):
        network = problem.objective.network
        W = torch.tensor(track.W[epoch])
        network = type(network)(W, torch.tensor(track.a[epoch]), network.activation)
        for i in range(2):
            exact = QuadraticAdversary(network, torch.tensor(data.X_hat[i]), float(data.y[i]))
            top = torch.linalg.eigvalsh(exact.hessian(torch.zeros(6, dtype=torch.float64)))[-1]
            assert track.probed.top_eigenvalue[k, i] == pytest.approx(float(top), rel=1e-8)
    assert (track.probed.sharpness > 0).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network__activation": "relu"}, "piecewise linear"),
        ({"ascent__constraint": "linf-ball"}, "ℓ∞"),
        ({"training__probes": 0}, "no probe points"),
    ],
)
def test_what_is_not_probed_has_a_reason(changes: dict[str, Any], words: str) -> None:
    probed = whole(small(training__epochs=1, **changes)).tracks[0].probed
    assert words in probed.problem and np.isnan(probed.contraction).all()
    assert np.isfinite(probed.top_eigenvalue).all() == (words == "ℓ∞" or not probed.top_eigenvalue.size)


def test_points_of_a_large_network_are_probed_on_all_cores_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = small(training__epochs=2, training__probes=5)
    expected, pieces = whole(training), []

    def in_parallel(work: Callable[[Any], Any], given: list[Any]) -> list[Any]:
        pieces.append(len(given))
        return threads.in_parallel(work, given)

    monkeypatch.setattr("foadv_gui.lab.training.probing._WORTH_A_CORE", 0)
    monkeypatch.setattr("foadv_gui.lab.training.probing.in_parallel", in_parallel)
    assert_same(whole(training), expected)
    assert pieces == [5] * 6
    assert next(train(training, interrupted=asked(4)), None) is None  # while it probes


def test_probing_costs_too_much_in_a_large_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foadv_gui.lab.training.probing.LARGEST", 16 * 6 * 6 - 1)
    probed = whole(small(training__epochs=1)).tracks[0].probed
    assert "above" in probed.problem and np.isfinite(probed.sharpness).all()


def test_the_sharpness_of_many_points_can_be_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foadv_gui.lab.training.probing.LARGEST", 0)
    training = small(training__epochs=1)
    at_once = questions(training)
    monkeypatch.setattr("foadv_gui.core.probe._DENSE", 1)  # beyond it, product by product
    assert questions(training) > at_once + 1


# ---- the same, however it comes about ---------------------------------------------------------------------------


def test_the_same_training_twice_is_the_same_record() -> None:
    assert_same(whole(FULL), whole(FULL))


def test_what_does_not_fit_is_refused_before_a_point_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foadv_gui.lab.training.study.load_all", lambda *_: pytest.fail("points were drawn"))
    for changes in ({"training__epochs": 100_000}, {"training__inner_steps": 10_000, "network__dimension": 5000}):
        with pytest.raises(ExperimentError, match="memory_mib"):
            next(train(small(training__points=100_000, **changes)))


def test_points_that_are_drawn_are_not_waited_for() -> None:
    many = small(training__points=100_000, training__held_out=100_000, network__dimension=64)
    questions = count()
    assert next(train(many, interrupted=lambda: next(questions) > 3), None) is None
    assert next(questions) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_training_goes_on_bit_for_bit(kind: str) -> None:
    training = KINDS[kind]
    expected = whole(training)
    asks = questions(training)
    for share in (0.3, 0.7):
        *_, part = train(training, interrupted=asked(round(share * asks)))
        assert not part.finished
        assert_same(whole(training, part), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_more_epochs_go_on_where_fewer_ended(kind: str) -> None:
    training = KINDS[kind]
    fewer = whole(training.replace("training.epochs", 6))
    assert fewer.tracks[0].probed.epochs[-1] == 6
    assert_same(whole(training, fewer), whole(training))


def test_an_interruption_between_two_arms_leaves_them_an_epoch_apart() -> None:
    training = small("0.1,1", training__probes=0)
    one, two = (questions(training.replace("training.epochs", epochs)) for epochs in (1, 2))
    each = list(train(training, interrupted=asked((one + two) // 2)))
    assert [track.last for track in each[-1].tracks] == [2, 1] and each[-1].epoch == 1
    assert [record.epoch for record in each] == [0, 1, 1]
    assert_same(whole(training, each[-1]), whole(training))


def test_nothing_comes_of_a_training_interrupted_at_once_but_what_there_was() -> None:
    assert list(train(FULL, interrupted=lambda: True)) == []
    *_, part = train(FULL, interrupted=asked(60))
    (same,) = train(FULL, part, interrupted=lambda: True)
    assert_same(same, part)


def test_a_finished_training_is_handed_back() -> None:
    expected = whole(FULL)
    (same,) = train(FULL, expected)
    assert same.finished
    assert_same(same, expected)


def test_the_record_comes_after_every_epoch_and_never_changes() -> None:
    training = small("0.1,1", compute__memory_mib=64)
    seen = []
    for record in train(training):
        seen.append(
            (
                record,
                {
                    name: np.array(value, copy=True)
                    for name, value in arrays_of(record).items()
                    if isinstance(value, np.ndarray)
                },
            )
        )
    assert [record.epoch for record, _ in seen] == list(range(10))
    assert [record.finished for record, _ in seen] == [False] * 9 + [True]
    for record, then in seen:
        now = arrays_of(record)
        assert all(np.array_equal(now[name], value, equal_nan=True) for name, value in then.items())
        with pytest.raises(ValueError, match="read-only"):
            record.tracks[0].W[0, 0, 0] = 1.0


def test_a_diverged_arm_ends_and_the_others_go_on() -> None:
    training = small().over([("training.rate", "0.5,10000")])
    record = whole(training)
    fine, gone = record.tracks
    assert (fine.last, fine.diverged) == (9, "") and 0 < gone.last < 9 and "loss" in gone.diverged
    assert gone.kept[-1] == gone.last and record.epoch == 9
    more = whole(training.replace("training.epochs", 11), record)
    assert more.tracks[1].last == gone.last and more.tracks[0].last == 11
    alone = whole(small(training__rate=1e4))
    assert alone.epoch == alone.tracks[0].last == gone.last


# ---- which networks are kept -----------------------------------------------------------------------------------------


def built(epochs: int, capacity: int, track: Any = None) -> TrackBuilder:
    builder = TrackBuilder(epochs, 1, {"W": (2, 3), "a": (2,)}, 0, capacity, np.float64)
    if track is not None:
        builder.take_up(track)
    measures = dict.fromkeys(builder._measures, 0.0)
    for epoch in range(builder.last + 1, epochs + 1):
        network = {"W": np.full((2, 3), float(epoch)), "a": np.full(2, float(epoch))}
        builder.append(measures, np.zeros(1), network)
    return builder


@pytest.mark.parametrize("capacity", [3, 4, 7, 16, 100])
def test_networks_are_thinned_within_their_places_whatever_came_before(capacity: int) -> None:
    for last in (1, 5, 30, 64):
        track = built(last, capacity).track()
        kept = track.kept.tolist()
        assert kept[0] == 0 and kept[-1] == last and len(kept) <= capacity
        assert np.array_equal(track.W[:, 0, 0], track.kept) and np.array_equal(track.a[:, 1], track.kept)
        if last < capacity:
            assert kept == list(range(last + 1))
        elif capacity > 4:
            assert len(kept) >= capacity // 2 and max(np.diff(kept)) <= 4 * (last + 1) / capacity
        later = built(70, capacity, track).track()
        assert np.array_equal(later.kept, built(70, capacity).track().kept)


def test_a_small_memory_keeps_fewer_networks_of_a_training() -> None:
    training = small(
        network__width=3000,
        network__dimension=100,
        compute__memory_mib=64,
        training__epochs=12,
        training__points=2,
        training__probes=0,
        training__inner_steps=1,
    )
    track = whole(training).tracks[0]
    assert track.kept[0] == 0 and track.kept[-1] == 12 and 3 <= len(track.kept) <= 6
    assert track.W.nbytes <= 16 * 2**20
    assert len(track.measures["residual"]) == 13


def test_probes_get_rarer_and_their_epochs_do_not_depend_on_the_last() -> None:
    for last in range(1, 200):
        found = probed_epochs(last)
        assert found[0] == 0 and found[-1] == last and found == sorted(set(found))
        assert found[:-1] == probed_epochs(1000)[: len(found) - 1]
    assert len(probed_epochs(60)) < 20 and max(np.diff(probed_epochs(1000))) < 300


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        (
            {"network__width": 30_000, "network__dimension": 100, "training__repeats": 9},
            "network.width",
            "for each of 9",
        ),
        ({"training__epochs": 100_000, "training__points": 1000}, "training.epochs", "777 MiB"),
        ({"training__inner_steps": 10_000, "network__dimension": 1000}, "training.inner_steps", "10000 iterates"),
    ],
)
def test_what_does_not_fit_the_memory_is_refused_before_any_work(
    changes: dict[str, Any], key: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foadv_gui.lab.training.study.AdversarialTraining", None)
    with pytest.raises(ExperimentError, match=words) as caught:
        next(train(small(**{"compute__memory_mib": 256, **changes})))
    assert caught.value.key == key and "compute.memory_mib" in caught.value.reason


def test_only_the_same_training_goes_on_and_not_to_an_earlier_end() -> None:
    record: TrainingRecord = whole(small())
    with pytest.raises(ExperimentError, match="only the same can go on"):
        next(train(small(training__rate=2.0), record))
    with pytest.raises(ExperimentError, match="must be at least 9"):
        next(train(small(training__epochs=8), record))


def test_a_network_of_a_file_must_fit_the_points(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", W=np.ones((4, 5)), a=np.ones(4))
    changes = {"network.source": "file", "network.file": str(tmp_path / "w.npz")}
    with pytest.raises(ExperimentError, match="must be 5") as caught:
        next(train(small().changed(changes)))
    assert caught.value.key == "network.dimension"
    with pytest.raises(ExperimentError, match="inputs of 5 coordinates, but this input has 64"):
        next(train(small(training__data="digits").changed(changes)))
    record = whole(small(network__dimension=5, training__epochs=1).changed(changes))
    assert np.array_equal(record.tracks[0].W[0], np.ones((4, 5)))


def test_networks_are_kept_of_the_first_of_all_repetitions() -> None:
    record = whole(small(training__repeats=2, training__epochs=7))
    first, second = record.tracks
    assert first.kept.tolist() == list(range(8))
    assert second.kept[0] == 0 and second.kept[-1] == 7 and len(second.kept) <= 3
