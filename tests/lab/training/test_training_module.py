"""Adversarial training of modules from Python: run, kept, gone on with, looked at, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn
from trainings import assert_same, damaged, small

from foadv_gui.lab import modules
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.experiment import prepare, problem_of
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.training.curves import curves
from foadv_gui.lab.training.epoch import checkpoint, epoch_run, profile_picture
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


class Net(nn.Module):
    """Linear-GELU-LayerNorm-Linear for images, with a random buffer and a part that is never trained."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.one, self.norm, self.two = nn.Linear(64, 8), nn.LayerNorm(8), nn.Linear(8, outputs)
        self.frozen = nn.Parameter(torch.randn(outputs), requires_grad=False)
        self.register_buffer("shift", 0.1 * torch.randn(64))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        bent = self.norm(nn.functional.gelu(self.one(z.flatten(1) + self.shift)))
        outputs: torch.Tensor = self.two(bent) + self.frozen
        return outputs


def own_loss(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    right = outputs.gather(1, y.long().unsqueeze(1))
    return nn.functional.softplus(outputs - right).sum(1)


def margin_loss(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """One that PyTorch differentiates once only."""
    return nn.functional.multi_margin_loss(outputs, y.long(), p=2, reduction="none")


def digits(**changes: Any) -> Training:
    """Three classes of digits for three epochs."""
    settings: dict[str, Any] = {
        "network__loss": "cross-entropy",
        "input__scale": 3.0,
        "training__data": "digits",
        "training__points": 12,
        "training__held_out": 6,
        "training__epochs": 3,
        "training__rate": 0.1,
        "training__rate_units": "absolute",
        "training__train_a": True,
        "compute__dtype": "float64",
    }
    return small(**(settings | changes))


def whole(training: Training, so_far: TrainingRecord | None = None, **given: Any) -> TrainingRecord:
    *_, record = train(training, so_far, **given)
    assert record.finished
    return record


def seeded(seed: int) -> Net:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Net()


@pytest.fixture(scope="module")
def record() -> TrainingRecord:
    return whole(digits(network__seed=4), model=Net)


def test_a_module_learns_the_digits_that_are_classes_of_it(record: TrainingRecord) -> None:
    (track,), (data,) = record.tracks, record.data
    assert data.classes == 3 and set(data.y) == {0, 1, 2} and data.label == "handwritten digits 0 to 2"
    names = [f"{part}.{kind}" for part in ("one", "norm", "two") for kind in ("weight", "bias")]
    assert list(track.weights) == [f"module.{name}" for name in names]
    assert track.measures["adversarial_loss"][-1] < 0.9 * track.measures["adversarial_loss"][0]
    # Its networks, as PyTorch has them: the factory's with the seed of the network, and what was kept of the last one.
    for epoch in (0, 3):
        net = seeded(4).double()
        if epoch:
            own = {name.removeprefix("module."): torch.tensor(part[-1]) for name, part in track.weights.items()}
            assert net.load_state_dict(own, strict=False).unexpected_keys == []
        loss = nn.functional.cross_entropy(net(torch.tensor(3.0 * data.X_hat)), torch.tensor(data.y).long())
        assert track.measures["clean_loss"][epoch] == pytest.approx(float(loss.detach()), rel=1e-10)
    told = settings_line(record)
    assert "Net with 563 trained parameters" in told and "tanh" not in told and "κ" not in told
    assert "epoch" in sentence(record) and summary(record)["scales"][0]["last"] > 0


def test_each_network_is_made_anew_but_a_given_module_begins_alike() -> None:
    training = digits(training__repeats=2, training__epochs=1, training__probes=0)
    made, module = whole(training, model=Net), seeded(9)
    before = {name: part.clone() for name, part in module.state_dict().items()}
    given = whole(training, model=module)
    for record, alike in ((made, False), (given, True)):
        one, other = (track.weights["module.one.weight"][0] for track in record.tracks)
        assert np.array_equal(one, other) == alike
    assert np.array_equal(one, before["one.weight"].double().numpy())
    assert all(torch.equal(part, before[name]) for name, part in module.state_dict().items())


def test_only_the_first_part_is_trained_unless_all_are() -> None:
    record = whole(digits(training__train_a=False, training__epochs=1), model=Net)
    moved = [name for name, part in record.tracks[0].weights.items() if (part[0] != part[1]).any()]
    assert moved == ["module.one.weight", "module.one.bias"] and record.tracks[0].measures["movement_a"][-1] == 0
    moves = METRICS["movement"].read(record.tracks[0], 1.0)[1][-1]
    length = np.hypot(*(np.linalg.norm(record.tracks[0].weights[name][0]) for name in moved))
    assert moves == pytest.approx(record.tracks[0].measures["movement"][-1] / length, rel=1e-12)


@pytest.mark.parametrize("batch", [0, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_kept_and_goes_on_to_the_bit(tmp_path: Path, batch: int, dtype: str) -> None:
    training = digits(training__batch=batch, compute__dtype=dtype, training__probes=0)
    all_at_once = whole(training, model=Net)
    save_record(whole(training.replace("training.epochs", 1), model=Net), tmp_path / "r.npz")
    half = load_record(tmp_path / "r.npz")
    gone_on = whole(training, half, model=Net)
    same = replace(gone_on.tracks[0], probed=all_at_once.tracks[0].probed)
    assert_same(replace(gone_on, tracks=(same,)), all_at_once)


def test_what_has_no_closed_form_says_why(record: TrainingRecord) -> None:
    probed = record.tracks[0].probed
    assert np.isnan(probed.contraction).all() and "two layers" in probed.problem
    assert curves(record, "certified").why_empty == probed.problem
    profile = profile_picture(record, 0, 3, 0)
    assert profile.before[0] == pytest.approx(probed.top_eigenvalue[0, 0], rel=1e-9) and len(profile.now) == 64
    assert all(len(curves(record, name).lines) == 1 for name in METRICS)
    once = whole(digits(training__epochs=1), model=Net, loss=margin_loss)
    assert "no second derivative" in once.tracks[0].probed.problem
    kinked = whole(digits(training__epochs=1), model=lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.ReLU()))
    assert "relu has kinks" in kinked.tracks[0].probed.problem


def test_an_epoch_is_an_ordinary_run_and_opens_as_one(record: TrainingRecord, tmp_path: Path) -> None:
    each = [epoch_run(record, 0, 3, point) for point in range(12)]
    mean = np.mean([run.loss[-1, 0] for run in each])
    assert mean == pytest.approx(record.tracks[0].measures["adversarial_loss"][3], rel=1e-10)
    for epoch, run in ((0, epoch_run(record, 0, 0, 2)), (3, each[2])):
        evaluated = problem_of(run).objective.evaluate(torch.tensor(run.delta[-1, 0]))
        assert float(evaluated.loss) == pytest.approx(run.loss[-1, 0], rel=1e-12)
        experiment = checkpoint(record, 0, epoch, 2, tmp_path / "epoch.npz")
        clean = prepare(experiment).objective.exact.evaluate(torch.zeros(64).double())
        assert float(clean.loss) == pytest.approx(run.loss[0, 0], rel=1e-10)
    with np.load(tmp_path / "epoch.npz") as file:
        assert np.array_equal(file["module.two.bias"], record.tracks[0].weights["module.two.bias"][3])
    for frame in morph(record, 0, 0, [0, 3], grid=11).frames:
        middle = frame.surface.shown()[5, 5]
        assert middle == pytest.approx(epoch_run(record, 0, frame.epoch, 0).loss[0, 0], rel=1e-4)


def test_a_loss_of_ones_own_is_trained_with_the_labels_of_the_points() -> None:
    record = whole(digits(network__loss="quadratic"), model=lambda: (Net(), own_loss))
    data, track = record.data[0], record.tracks[0]
    outputs = seeded(0).double()(torch.tensor(3.0 * data.X_hat))
    loss = float(own_loss(outputs, torch.tensor(data.y)).detach().mean())
    assert data.classes == 3 and track.measures["clean_loss"][0] == pytest.approx(loss, rel=1e-10)
    assert track.measures["adversarial_loss"][-1] < track.measures["adversarial_loss"][0]
    run = epoch_run(record, 0, 3, 1)
    assert float(problem_of(run).objective.evaluate(torch.tensor(run.delta[-1, 0])).loss) == pytest.approx(
        run.loss[-1, 0], rel=1e-10
    )


def test_a_convolution_is_kept(tmp_path: Path) -> None:
    def factory() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 2, 5), nn.Softplus(), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(32, 3))

    record = whole(digits(training__epochs=1, training__probes=0), model=factory)
    save_record(record, tmp_path / "r.npz")
    assert_same(load_record(tmp_path / "r.npz"), record)
    assert record.tracks[0].weights["module.0.weight"].shape == (2, 2, 1, 5, 5)


def test_a_module_of_one_output_learns_sides_of_random_points() -> None:
    def factory() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 5), nn.Softplus(), nn.Linear(5, 1))

    record = whole(small(training__rate=0.2, training__train_a=True), model=factory)
    assert record.data[0].classes == 0 and (np.diff(record.tracks[0].measures["adversarial_loss"]) < 0).all()
    diverged = whole(small(training__rate=500.0), model=factory)
    assert diverged.tracks[0].diverged and smaller_rate(diverged, 0) == 250.0


class OddNames(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({"a/b": nn.Linear(64, 3)})

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.parts["a/b"](z.flatten(1))
        return outputs


@pytest.mark.parametrize(
    ("model", "key", "words"),
    [
        (lambda: nn.Flatten(), "network.model", "no parameter that takes gradients"),
        (lambda: Net().requires_grad_(False), "network.model", "no parameter that takes gradients"),
        (OddNames, "network.model", "a parameter 'parts.a/b.weight'"),
        (lambda: nn.Linear(5, 3), "network.model", "cannot be sent through"),
        (lambda: Net(1), "network.loss", "one output"),
        (lambda: 1 / 0, "network.model", "ZeroDivisionError"),
        (lambda z: z, "network.model", "must be a module, or what makes one"),
        (lambda: (Net(), lambda z, y, more: z), "network.loss", "your own failed: TypeError"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(model: Any, key: str, words: str) -> None:
    with pytest.raises(ExperimentError, match=words) as raised:
        list(train(digits(), model=model))
    assert raised.value.key == key and "\n" not in str(raised.value)


def test_a_record_names_its_module_and_runs_nothing(
    record: TrainingRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_record(record, tmp_path / "r.npz")
    monkeypatch.setattr(modules, "_given", {})
    known = load_record(tmp_path / "r.npz")
    assert_same(known, record)
    assert len(curves(known, "movement").lines) == 1 and "epoch" in sentence(known)
    for look in (
        lambda: epoch_run(known, 0, 3, 0),
        lambda: list(train(known.training.replace("training.epochs", 5), known)),
    ):
        with pytest.raises(ExperimentError, match="which no file holds: give it by --model") as raised:
            look()
        assert raised.value.key == "network.model"
    name = known.training.base.network.model
    modules.give(seeded(0), None, name)
    assert epoch_run(known, 0, 3, 0).loss.shape == epoch_run(record, 0, 3, 0).loss.shape
    modules.give(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), None, name)
    with pytest.raises(ExperimentError, match=r"other parameters than the one that was trained: 1\.bias does not fit"):
        epoch_run(known, 0, 3, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"000.module.two.bias": np.zeros((3, 3))}, "module.two.bias has the shape"),
        ({"000.module.two.bias": np.zeros((4, 3), np.float32)}, "float32 where float64"),
        ({"000.module.two.bias": np.full((4, 3), np.nan)}, "not finite"),
        ({"000.module.two.bias": np.array(1.0)}, "module.two.bias has the shape"),
    ],
)
def test_a_damaged_record_is_refused(
    record: TrainingRecord, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(FileProblem, match=words):
        load_record(damaged(record, tmp_path, change))
