"""One epoch on one point: the ascent is the training's own, and everything that shows a recording can show it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from records import trained, training_of
from two_layers import load_weights

from foadv_gui.core.activations import ACTIVATIONS
from foadv_gui.core.attack import Points
from foadv_gui.core.network import TwoLayerNetwork
from foadv_gui.lab.experiment import prepare, run
from foadv_gui.lab.findings import VerdictPicture
from foadv_gui.lab.picture import ExtremesPicture, PathPicture, PlanePicture, Request
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.scene import Scene
from foadv_gui.lab.training.epoch import checkpoint, epoch_on_show, epoch_run, morph_plane, profile_picture
from foadv_gui.lab.training.study import inner_ascent


@pytest.fixture(scope="module")
def record():
    return trained(training_of([("input.scale", [0.3, 3.0])]), keep=lambda epoch: epoch % 2 == 0)


def attacked(record, arm, index):
    """What the training found with the network kept at `index`: the attack on all points at once."""
    training, track, data = record.arm(arm).training, record.tracks[arm], record.data[arm]
    dtype = getattr(torch, training.base.compute.dtype)
    W, a = torch.tensor(track.W[index]), torch.tensor(track.a[index])
    network = TwoLayerNetwork(W, a, ACTIVATIONS[training.base.network.activation])
    scale = training.base.input.scale
    points = Points(torch.tensor(scale * data.X_hat, dtype=dtype), torch.tensor(data.y, dtype=dtype))
    return inner_ascent(training).attack(network, points, "attacked")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("point", [0, 7])
def test_epoch_run_is_the_ascent_of_the_training_to_the_last_bit(dtype, point):
    record = trained(training_of(epochs=2, changes={"compute.dtype": dtype}))
    for epoch in (0, 2):
        found = epoch_run(record, 0, epoch, point)
        attack = attacked(record, 0, epoch)
        assert str(found.delta.dtype) == dtype
        np.testing.assert_array_equal(found.delta[-1, 0], attack.delta[point].numpy())
        assert found.eta == attack.eta == record.tracks[0].measures["inner_step"][epoch]
        residual = record.tracks[0].residual[epoch, point]
        assert found.value[-1, 0] - found.y == pytest.approx(residual, rel=1e-4)
        assert found.tangential[-1, 0] == pytest.approx(float(attack.tangential[point]), rel=1e-2, abs=1e-6)


def test_a_piece_of_the_points_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr("foadv_gui.core.attack._PIECE_BYTES", 1)  # pieces of 16 points
    record = trained(training_of(points=20, epochs=1))
    for point in (3, 18):
        np.testing.assert_array_equal(
            epoch_run(record, 0, 1, point).delta[-1, 0], attacked(record, 0, 1).delta[point].numpy()
        )


def test_an_epoch_that_was_not_kept_shows_the_last_one_before_it(record):
    assert [epoch_on_show(record, 0, epoch) for epoch in range(7)] == [0, 0, 2, 2, 4, 4, 6]
    np.testing.assert_array_equal(epoch_run(record, 0, 3, 1).delta, epoch_run(record, 0, 2, 1).delta)


def test_epoch_0_is_the_random_network_itself_and_a_run_of_the_same_experiment(record):
    found = epoch_run(record, 1, 0, 4)
    experiment = found.experiment
    assert experiment.network.source == "random"
    assert experiment.ascent.start == "zero" and experiment.ascent.steps == 5
    again = run(experiment.replace("ascent.tolerance", 0.0))
    np.testing.assert_allclose(again.delta, found.delta, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(again.loss, found.loss, rtol=1e-11)
    assert (again.x == found.x).all() and again.y == found.y and again.epsilon == found.epsilon


@pytest.mark.parametrize("epoch", [0, 6])
def test_a_scene_shows_the_run_with_spectrum_verdict_and_extremes(record, epoch):
    found, plane = epoch_run(record, 0, epoch, 2), morph_plane(record, 0, 2, 6)
    scene, seen = Scene(), {}
    small = found.experiment.replace("view.grid", 31)
    for stage in scene.stages(Request(small, recording=found, onto=plane)):
        seen[type(stage)] = stage
    assert seen[Recording] is found
    assert seen[PlanePicture].alike(plane)
    assert isinstance(seen[PathPicture], PathPicture) and seen[VerdictPicture] and not seen[ExtremesPicture].problem
    assert len(scene.spectrum(found.steps, 0, "euclidean").eigenvalues) == 8


def test_the_morph_plane_holds_the_adversaries_of_both_ends(record):
    plane = morph_plane(record, 1, 5, 6)
    for epoch in (0, 6):
        delta = epoch_run(record, 1, epoch, 5).delta[-1, 0]
        away = delta - (delta @ plane.u) * plane.u - (delta @ plane.v) * plane.v
        assert np.linalg.norm(away) < 1e-12
    assert plane.u @ plane.v == pytest.approx(0, abs=1e-14)
    np.testing.assert_allclose(np.linalg.norm(plane.cut, axis=1), 1, rtol=1e-12)
    assert plane.axes == ("towards the adversary of epoch 0", "towards that of epoch 6, orthogonal")


def test_two_adversaries_in_one_direction_leave_a_random_one(record):
    assert morph_plane(record, 0, 0, 0).axes[1] == "a random direction"


def test_a_checkpoint_is_an_experiment_of_that_network_and_point(record, tmp_path):
    path = tmp_path / "epoch.npz"
    experiment = checkpoint(record, 1, 5, 3, path)
    found = epoch_run(record, 1, 5, 3)
    problem = prepare(experiment)
    np.testing.assert_array_equal(problem.objective.network.W.numpy(), found.W)
    np.testing.assert_array_equal(problem.objective.x.numpy(), found.x)
    assert problem.objective.y == found.y and problem.restarts == 4
    with np.load(path) as stored:
        np.testing.assert_array_equal(stored["x"], found.x)


def test_a_checkpoint_of_a_scaled_network_is_not_scaled_twice(tmp_path):
    record = trained(training_of(epochs=1, changes={"network.weight_scale": 2.0}))
    experiment = checkpoint(record, 0, 1, 0, tmp_path / "w.npz")
    np.testing.assert_array_equal(load_weights(experiment, 8)[0], record.tracks[0].W[1])
    scaled = epoch_run(record, 0, 1, 0)
    np.testing.assert_array_equal(scaled.W, record.tracks[0].W[1])


def test_a_checkpoint_of_a_network_of_named_layers_has_layers_of_its_own(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", V1=rng.normal(size=(6, 8)), V2=rng.normal(size=6), other=np.ones(3))
    named = {"network.source": "file", "network.file": str(tmp_path / "mine.npz"), "network.layers": ("V1", "V2")}
    record = trained(training_of(epochs=1, changes=named))
    experiment = checkpoint(record, 0, 1, 0, tmp_path / "w.npz")
    np.testing.assert_array_equal(load_weights(experiment, 8)[0], record.tracks[0].W[1])


def test_a_network_that_overflowed_gives_way_to_the_last_finite_one(record):
    track = record.tracks[0]
    W = track.W.copy()
    W[-1] = np.nan
    broken = replace(record, tracks=(replace(track, weights={**track.weights, "W": W}), record.tracks[1]))
    assert epoch_on_show(broken, 0, 6) == 4
    assert np.isfinite(epoch_run(broken, 0, 6, 0).delta).all()


def test_the_profile_is_that_of_the_hessian_by_autograd(record):
    picture = profile_picture(record, 1, 6, 2)
    data = record.data[1]
    x, y = torch.tensor(3.0 * data.X_hat[2]), float(data.y[2])
    for found, index in ((picture.before, 0), (picture.now, -1)):
        W, a = torch.tensor(record.tracks[1].W[index]), torch.tensor(record.tracks[1].a[index])
        H = torch.autograd.functional.hessian(lambda z, W=W, a=a: 0.5 * (a @ torch.tanh(W @ z) - y) ** 2, x)
        np.testing.assert_allclose(found, np.linalg.eigvalsh(H.numpy())[::-1], atol=1e-10)
    assert picture.epoch == 6 and "epoch 6" in picture.words


def test_relu_has_no_profile_and_says_so():
    record = trained(training_of(epochs=1, changes={"network.activation": "relu"}))
    assert "second derivative" in profile_picture(record, 0, 1, 0).problem
