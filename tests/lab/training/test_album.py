"""Epochs as they are seen: the true landscape of each network on one plane, computed once and kept within bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from records import trained, training_of

from foadv_gui.lab.scene import Scene
from foadv_gui.lab.training.album import Album
from foadv_gui.lab.training.look import Look

if TYPE_CHECKING:
    from foadv_gui.lab.training.record import TrainingRecord


@pytest.fixture(scope="module")
def record() -> TrainingRecord:
    """Two scales; of the epochs 0 to 6, the even ones are kept."""
    training = training_of([("input.scale", [0.3, 1.0])], {"view.grid": 21})
    return trained(training, keep=lambda epoch: epoch % 2 == 0)


def look(record: TrainingRecord, epoch: int = 0, **changes: Any) -> Look:
    return replace(Look(record, 1, epoch, 3, 6, record.training.base.view), **changes)


def test_the_landscape_is_that_of_the_epochs_network(record: TrainingRecord) -> None:
    *_, shown = Album().pictures(Scene(), look(record, 4))
    track, data = record.tracks[1], record.data[1]
    W, a = track.W[2], track.a[2]  # epochs 0, 2, 4, 6 are kept
    surface, plane = shown.surface, shown.plane
    i, j = 5, 13
    delta = plane.origin + plane.epsilon * (surface.alpha[j] * plane.u + surface.beta[i] * plane.v)
    residual = a @ np.tanh(W @ (data.X_hat[3] + delta)) - data.y[3]
    assert surface.values[i, j] == pytest.approx(residual, rel=1e-6)
    assert not surface.coarse
    # the adversary is the training's own
    assert shown.recording.loss[-1, 0] == pytest.approx(0.5 * track.residual[4, 3] ** 2, rel=1e-12)


def test_an_epoch_that_was_not_kept_is_shown_by_the_last_one_before_it(record: TrainingRecord) -> None:
    *_, odd = Album().pictures(Scene(), look(record, 5))
    *_, even = Album().pictures(Scene(), look(record, 4))
    assert odd.epoch == 4
    assert np.array_equal(odd.surface.values, even.surface.values)


def test_all_epochs_lie_on_one_plane(record: TrainingRecord) -> None:
    album, scene = Album(), Scene()
    shown = [next(iter(album.pictures(scene, look(record, epoch, live=True)))) for epoch in (0, 2, 6)]
    assert all(one.plane.alike(shown[0].plane) for one in shown)
    # and both adversaries that span it lie in it
    assert shown[0].path.off_plane[-1, 0] < 1e-6
    assert shown[-1].path.off_plane[-1, 0] < 1e-6


def test_what_has_been_seen_is_not_computed_again(record: TrainingRecord, counted: dict[str, int]) -> None:
    album, scene = Album(), Scene()
    first = [next(iter(album.pictures(scene, look(record, epoch, live=True)))) for epoch in (0, 2, 4)]
    counted.clear()
    counted.update(heights_on_grid=0)
    again = [next(iter(album.pictures(scene, look(record, epoch, live=True)))) for epoch in (0, 2, 4)]
    assert all(one is other for one, other in zip(first, again, strict=True))
    assert counted["heights_on_grid"] == 0
    coloured = record.training.base.changed({"view.quantity": "log-loss"}).view
    other = next(iter(album.pictures(scene, look(record, 2, live=True, view=coloured))))
    assert other.surface.quantity == "log-loss"
    assert counted["heights_on_grid"] == 0  # another colour is another look at the same residual


def test_a_training_that_has_gone_on_is_the_same_and_another_one_is_not(record: TrainingRecord) -> None:
    album, scene = Album(), Scene()
    first = next(iter(album.pictures(scene, look(record, 2, live=True))))
    longer = replace(record, training=record.training.replace("training.epochs", 60))
    assert next(iter(album.pictures(scene, look(longer, 2, live=True)))) is first
    other = trained(training_of([("input.scale", [0.3, 2.0])], {"view.grid": 21}))
    shown = next(iter(album.pictures(scene, look(other, 2, live=True))))
    assert shown.info.epsilon == pytest.approx(0.6)
    assert len(album) == 1


def test_an_album_stays_within_its_memory(record: TrainingRecord) -> None:
    one, scene = Album(), Scene()
    next(iter(one.pictures(scene, look(record, 0, live=True))))
    album = Album(most_bytes=2 * one.nbytes + 1)
    for epoch in (0, 2, 4, 6):
        next(iter(album.pictures(scene, look(record, epoch, live=True))))
    assert len(album) == 2
    assert 0 < album.nbytes <= 2 * one.nbytes + 1


def test_at_rest_it_says_whether_the_adversary_is_a_maximum_and_the_only_one(record: TrainingRecord) -> None:
    near = look(record, 6, arm=0, spectrum=True, profile=True)
    *_, shown = Album().pictures(Scene(), near)
    assert shown.verdict is not None and shown.ball is not None and shown.ball.proof is not None
    assert shown.spectrum is not None and shown.spectrum.t == shown.recording.steps
    assert shown.profile is not None and len(shown.profile.now) == 8
    assert f"L = {0.5 * record.tracks[0].residual[6, 3] ** 2:.3g}" in shown.words
    assert ("certified ✓" in shown.words) == shown.ball.proof.unique
    assert "|δ| = " in shown.words and "k = " in shown.words


def test_small_networks_show_curvature_while_they_move(record: TrainingRecord) -> None:
    shown = next(iter(Album().pictures(Scene(), look(record, 2, live=True, spectrum=True, profile=True))))
    assert shown.spectrum is not None and shown.profile is not None and shown.ball is not None
    assert shown.verdict is None
