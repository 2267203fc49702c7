"""Adversarial training of networks from files, of any depth and loss: run, kept, gone on with, looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from classifier import digits_classifier
from trainings import assert_same, damaged, small, whole

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.experiment import prepare, problem_of
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.models import load_layers
from foadv_gui.lab.training.curves import curves
from foadv_gui.lab.training.epoch import checkpoint, epoch_run, morph_plane, profile_picture
from foadv_gui.lab.training.files import load_record, save_record
from foadv_gui.lab.training.metrics import METRICS
from foadv_gui.lab.training.morph import morph
from foadv_gui.lab.training.reading import sentence, summary
from foadv_gui.lab.training.remedy import smaller_rate
from foadv_gui.lab.training.study import train
from foadv_gui.lab.training.words import settings_line

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.training.plan import Training
    from foadv_gui.lab.training.record import TrainingRecord


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "deep.pt"
    torch.save(digits_classifier().state_dict(), path)
    return path


def deep(weights: Path, **changes: Any) -> Training:
    """The classifier of the digits, trained for three epochs on some of them."""
    settings: dict[str, Any] = {
        "network__source": "file",
        "network__file": str(weights),
        "network__loss": "cross-entropy",
        "input__scale": 3.0,
        "input__ratio": 0.1,
        "training__data": "digits",
        "training__points": 24,
        "training__held_out": 6,
        "training__epochs": 3,
        "training__rate": 0.02,
        "training__rate_units": "absolute",
        "compute__dtype": "float64",
    }
    return small(**(settings | changes))


@pytest.fixture(scope="module")
def record(weights: Path) -> TrainingRecord:
    return whole(deep(weights, training__train_a=True))


def test_a_deep_classifier_learns_the_digits_by_their_own_classes(record: TrainingRecord) -> None:
    (track,), (data,) = record.tracks, record.data
    assert data.classes == 10 and data.of_classes and data.label == "handwritten digits 0 to 9"
    assert set(data.y) <= set(range(10)) and len(set(data.y)) > 5
    assert {name: part.shape for name, part in track.weights.items()} == {
        "W1": (4, 128, 64),
        "b1": (4, 128),
        "W2": (4, 128, 128),
        "b2": (4, 128),
        "W3": (4, 10, 128),
        "b3": (4, 10),
    }
    loss = track.measures["adversarial_loss"]
    assert loss[-1] < 0.9 * loss[0]
    # The first network, as PyTorch sees it.
    outputs = digits_classifier().double()(torch.tensor(3.0 * data.X_hat))
    classes = torch.tensor(data.y).long()
    found = torch.nn.functional.cross_entropy(outputs, classes)
    digits_classifier().float()
    assert track.measures["clean_loss"][0] == pytest.approx(float(found), rel=1e-12)
    assert track.measures["clean_error"][0] == pytest.approx(float((outputs.argmax(1) != classes).double().mean()))
    assert track.measures["movement"][-1] > 0 and track.measures["movement_a"][-1] > 0
    assert "held_out_adversarial_error" in summary(record)["scales"][0] and "epoch" in sentence(record)
    told = settings_line(record)
    assert "widths 128, 128, 10" in told and "Cross-entropy" in told and "all layers" in told


def test_the_first_layer_is_trained_alone_unless_all_are(weights: Path) -> None:
    record = whole(deep(weights, training__epochs=1))
    moved = {name: bool((part[0] != part[1]).any()) for name, part in record.tracks[0].weights.items()}
    assert moved == {"W1": True, "b1": True, "W2": False, "b2": False, "W3": False, "b3": False}
    assert record.tracks[0].measures["movement_a"][-1] == 0 and "the first layer only" in settings_line(record)


def test_what_has_no_closed_form_is_unknown_and_says_why(record: TrainingRecord) -> None:
    probed = record.tracks[0].probed
    assert np.isnan(probed.contraction).all() and np.isnan(probed.sharpness).all()
    assert "two layers" in probed.problem and curves(record, "certified").why_empty == probed.problem
    assert np.isfinite(probed.top_eigenvalue).all()
    profile = profile_picture(record, 0, 3, 0)
    assert profile.before[0] == pytest.approx(probed.top_eigenvalue[0, 0], rel=1e-9) and len(profile.now) == 64
    assert all(len(curves(record, name).lines) == 1 for name in METRICS)


@pytest.mark.parametrize("batch", [0, 10])
def test_a_deep_training_is_kept_and_goes_on_to_the_bit(weights: Path, tmp_path: Path, batch: int) -> None:
    training = deep(weights, training__batch=batch, training__train_a=True)
    whole_run = whole(training)
    save_record(whole(training.replace("training.epochs", 1)), tmp_path / "r.npz")
    half = load_record(tmp_path / "r.npz")
    assert half.data[0].classes == 10
    gone_on = whole(training, half)
    same = replace(gone_on.tracks[0], probed=whole_run.tracks[0].probed)
    assert_same(replace(gone_on, tracks=(same,)), whole_run)


def test_an_epoch_of_a_deep_training_is_an_ordinary_run(record: TrainingRecord, tmp_path: Path) -> None:
    for epoch in (0, 3):
        shown = epoch_run(record, 0, epoch, 2)
        problem = problem_of(shown)
        loss = problem.objective.evaluate(torch.tensor(shown.delta[-1, 0])).loss
        assert float(loss) == pytest.approx(shown.loss[-1, 0], rel=1e-12) and shown.y == record.data[0].y[2]
        assert shown.loss[-1, 0] > shown.loss[0, 0]
    # The mean over all points is what the training measured.
    each = [epoch_run(record, 0, 3, point).loss[-1, 0] for point in range(24)]
    assert np.mean(each) == pytest.approx(record.tracks[0].measures["adversarial_loss"][3], rel=1e-10)
    experiment = checkpoint(record, 0, 3, 2, tmp_path / "epoch.npz")
    layers = load_layers(experiment, 64)
    for i, layer in enumerate(layers, 1):
        assert np.array_equal(layer.W, record.tracks[0].weights[f"W{i}"][3])
        assert layer.b is not None and np.array_equal(layer.b, record.tracks[0].weights[f"b{i}"][3])
    objective = prepare(experiment).objective.exact
    clean = float(objective.evaluate(torch.zeros(64).double()).loss)
    assert clean == pytest.approx(epoch_run(record, 0, 3, 2).loss[0, 0], rel=1e-10)


def test_the_landscape_of_a_deep_training_is_that_of_its_own_loss(record: TrainingRecord) -> None:
    assert np.isfinite(morph_plane(record, 0, 0, 3).u).all()
    found = morph(record, 0, 0, [0, 3], grid=11)
    for frame in found.frames:
        assert frame.surface.loss == "cross-entropy"
        middle = frame.surface.shown()[5, 5]
        assert middle == pytest.approx(epoch_run(record, 0, frame.epoch, 0).loss[0, 0], rel=1e-4)


def test_a_deep_training_that_diverges_offers_half_of_its_rate(weights: Path) -> None:
    record = whole(deep(weights, training__rate=3000.0, training__train_a=True, training__epochs=9))
    track = record.tracks[0]
    assert "loss" in track.diverged and track.last < 9
    assert smaller_rate(record, 0) == 1500.0


def test_two_layers_with_biases_are_trained_in_closed_form(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    W, a, b = rng.standard_normal((9, 6)), rng.standard_normal(9) / 3, rng.standard_normal(9)
    np.savez(tmp_path / "w.npz", W=W, a=a, b=b, c=0.3)
    training = small(network__source="file", network__file=str(tmp_path / "w.npz"), compute__dtype="float64")
    record = whole(training.changed({"training.train_a": True, "training.rate": 0.1}))
    track, data = record.tracks[0], record.data[0]
    assert list(track.weights) == ["W", "a", "b", "c"] and track.weights["c"].shape == (10,)
    parts = [torch.tensor(part, dtype=torch.float64).requires_grad_() for part in (W, b, a, 0.3)]
    net, X = torch.nn.functional.linear, torch.tensor(data.X_hat)
    f = torch.tanh(net(X, parts[0], parts[1])) @ parts[2] + parts[3]
    clean = 0.5 * (f - torch.tensor(data.y)).square().mean()
    assert track.measures["clean_loss"][0] == pytest.approx(float(clean.detach()), rel=1e-12)
    # Its sharpness is the largest eigenvalue of J J^T/n, J the Jacobian of f by all four.
    z = torch.tensor(data.X_hat) + torch.stack(
        [torch.tensor(epoch_run(record, 0, 0, i).delta[-1, 0]) for i in range(len(data.y))]
    )
    values = torch.tanh(net(z, parts[0], parts[1])) @ parts[2] + parts[3]
    rows = [
        torch.cat([part.reshape(-1) for part in torch.autograd.grad(one, parts, retain_graph=True)]) for one in values
    ]
    J = torch.stack(rows).numpy()
    assert track.probed.sharpness[0] == pytest.approx(np.linalg.eigvalsh(J @ J.T)[-1] / len(J), rel=1e-9)
    save_record(record, tmp_path / "r.npz")
    assert_same(load_record(tmp_path / "r.npz"), record)


def test_a_random_network_learns_by_the_logistic_loss() -> None:
    record = whole(small(network__loss="logistic", training__rate=0.3, training__probes=0, compute__dtype="float64"))
    track, data = record.tracks[0], record.data[0]
    f = np.tanh(data.X_hat @ track.W[0].T) @ track.a[0]
    assert track.measures["clean_loss"][0] == pytest.approx(np.log1p(np.exp(-data.y * f)).mean(), rel=1e-12)
    assert (np.diff(track.measures["adversarial_loss"]) < 0).all() and list(track.weights) == ["W", "a"]


def test_attacks_that_a_flat_loss_leaves_where_they_are_say_so(weights: Path, record: TrainingRecord) -> None:
    # Every digit is told apart by more than the hinge asks for.
    flat = whole(deep(weights, network__loss="hinge", input__scale=40.0, training__points=8, training__probes=0))
    assert (flat.tracks[0].measures["adversarial_loss"] == 0).all()
    assert "flat at all clean points" in sentence(flat) and "flat" not in sentence(record)


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"network__loss": "quadratic"}, "network.output", "must name one of the 10 outputs"),
        ({"network__output": "11"}, "network.output", "from 0 to 9"),
        ({"network__source": "model", "network__model": "m:f"}, "network.model", "a module from Python"),
        ({"network__source": "random"}, "network.loss", "one output"),
        ({"training__data": "file"}, "training.data", "whole number from 0 to 9"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(
    weights: Path, tmp_path: Path, changes: dict[str, Any], key: str, words: str
) -> None:
    np.savez(tmp_path / "d.npz", X=np.random.default_rng(0).standard_normal((40, 64)), y=np.full(40, 12.0))
    with pytest.raises(ExperimentError, match=words) as raised:
        list(train(deep(weights, **changes, training__file=str(tmp_path / "d.npz"))))
    assert raised.value.key == key and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"000.W2": np.zeros((4, 128, 5))}, "W2 has the shape"),
        ({"000.b3": np.zeros((4, 3))}, "b3 has the shape"),
        ({"000.W3": np.full((4, 10, 128), np.nan)}, "not finite"),
        ({"000.W3": np.zeros((3, 10, 128))}, "W3 has the shape"),
        ({"000.W5": np.zeros((4, 2, 2))}, "not the layers"),
    ],
)
def test_a_damaged_record_of_a_deep_training_is_refused(
    record: TrainingRecord, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(FileProblem, match=words):
        load_record(damaged(record, tmp_path, change))
