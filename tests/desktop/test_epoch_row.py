"""The columns of the Train page: one epoch of several trainings about one training point, as a person sees them."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from epoch_hands import Page, run
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from torch import nn
from two_layers import load_weights

from foadv_gui.desktop.panels.epoch_column import EpochColumn
from foadv_gui.lab import modules
from foadv_gui.lab.experiment import prepare
from foadv_gui.lab.training.epoch import epoch_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from foadv_gui.lab.training.record import TrainingRecord

GAMMAS = [0.3, 1.0]


@pytest.fixture(scope="module")
def record() -> TrainingRecord:
    """Two scales, each at two rates."""
    return run({"input.scale": GAMMAS, "training.rate": [0.5, 1.0]})


@pytest.fixture
def page(qtbot: QtBot) -> Iterator[Page]:
    made = Page(qtbot)
    yield made
    made.row.close_down()
    made.row.close()
    made.row.deleteLater()


def loss_at_the_adversary(record: TrainingRecord, arm: int, epoch: int, point: int) -> float:
    """From what the training itself has kept."""
    return float(0.5 * record.tracks[arm].residual[epoch, point] ** 2)


def test_nothing_is_computed_before_there_is_a_record(page: Page) -> None:
    page.qtbot.wait(100)
    assert page.columns == []
    assert not page.row.bar.isVisible()


def test_the_first_columns_are_made_before_a_training_begins(page: Page, record: TrainingRecord) -> None:
    page.qtbot.waitUntil(lambda: len(page.row.findChildren(EpochColumn)) == 3)
    made = page.row.findChildren(EpochColumn)
    assert not any(column.isVisible() for column in made)
    page.open(record)
    assert set(page.row.findChildren(EpochColumn)) == set(made)
    assert all(column in made and column.isVisible() for column in page.columns)


def test_the_columns_show_the_epoch_at_the_cursor(page: Page, record: TrainingRecord) -> None:
    page.open(record, epoch=4)
    assert [column.lines.currentText() for column in page.columns] == ["γ = 0.3, η = 5.56", "γ = 1, η = 0.5"]
    for column, arm in zip(page.columns, (0, 2), strict=True):
        assert column.epoch.text() == "epoch 4"
        words = column.values.text()
        assert f"L = {loss_at_the_adversary(record, arm, 4, 0):.3g}" in words
        assert "certified" in words
        track, surface, plane = record.tracks[arm], column.session.surface, column.session.plane
        delta = plane.origin + plane.epsilon * (surface.alpha[3] * plane.u + surface.beta[5] * plane.v)
        x = GAMMAS[arm // 2] * record.data[arm].X_hat[0] + delta
        residual = track.a[4] @ np.tanh(track.W[4] @ x) - record.data[arm].y[0]
        assert surface.values[5, 3] == pytest.approx(residual, rel=1e-5)


def test_a_module_is_seen_and_explored_and_one_that_is_not_here_is_asked_for(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def factory() -> nn.Module:
        return nn.Sequential(nn.Linear(8, 6), nn.GELU(), nn.LayerNorm(6), nn.Linear(6, 1))

    record = run({"input.scale": GAMMAS}, {"network.source": "model", "network.model": modules.give_trained(factory)})
    page.open(record, epoch=4)
    for column, arm in zip(page.columns, (0, 1), strict=True):
        loss = epoch_run(record, arm, 4, 0).loss[-1, 0]
        assert f"L = {loss:.3g}" in column.values.text()
    page.click(page.columns[1].buttons["explore"])
    clean = prepare(page.choices[0].experiment).objective.evaluate(torch.zeros(8)).loss
    assert float(clean) == pytest.approx(epoch_run(record, 1, 4, 0).loss[0, 0], rel=1e-5)
    monkeypatch.setattr(modules, "_given", {})
    page.desk.show(None)
    page.desk.show(record)
    page.qtbot.waitUntil(lambda: all("--model package.module" in one.pages.reason.text() for one in page.columns))
    assert all(column.pages.currentIndex() == 1 for column in page.columns)


def test_a_deep_classifier_is_seen_with_the_class_of_its_point(page: Page, tmp_path: Path) -> None:
    draw = np.random.default_rng(0).standard_normal
    shapes = {"W1": (9, 8), "b1": (9,), "W2": (7, 9), "b2": (7,), "W3": (4, 7), "b3": (4,)}
    np.savez(tmp_path / "deep.npz", **{name: 0.7 * draw(shape) for name, shape in shapes.items()})
    changes = {"network.source": "file", "network.file": str(tmp_path / "deep.npz"), "network.loss": "cross-entropy"}
    record = run({"input.scale": GAMMAS}, changes)
    page.open(record, epoch=4)
    page.row.resize(1600, 500)
    assert page.row.bar.label.text() == f"class {record.data[0].y[0]:g}"
    for column, arm in zip(page.columns, (0, 1), strict=True):
        loss = epoch_run(record, arm, 4, 0).loss[-1, 0]
        assert f"L = {loss:.3g}" in column.values.text() and "certified" not in column.values.text()
        assert column.session.surface.loss == "cross-entropy"
        assert f",  {column.session.picture.path.decided[-1]}" in column.values.text()
    quantity = page.row.bar.quantity
    assert quantity.itemText(quantity.findData("residual")) == "f, decides at 0"


def test_a_narrow_column_leaves_out_what_would_be_cut_off_and_its_hovers_tell_it(page: Page) -> None:
    page.open(run({"input.scale": GAMMAS, "training.rate_units": ["squared-scale", "absolute"]}), epoch=6)
    column = page.columns[0]
    assert column.lines.currentText() == "γ = 0.3, η = 11.1"
    assert column.lines.itemData(0, Qt.ItemDataRole.ToolTipRole) == "<p>γ = 0.3, η = c/γ² = 11.1</p>"
    page.click(page.columns[1].buttons["remove"])
    page.click(page.row.bar.add)
    assert page.columns[1].lines.currentText() == "γ = 1, η = 1"  # another γ before another rate
    page.rest()
    words, labels = column.session.picture.words, [column.landscape.getAxis(side).label for side in ("left", "bottom")]
    page.row.resize(1900, 480)
    page.qtbot.waitUntil(lambda: column.width() > 900)
    assert column.values.text() == words
    assert all(label.isVisible() for label in labels)
    page.row.resize(960, 330)
    for _ in range(2):
        page.click(page.row.bar.add)
    page.qtbot.waitUntil(lambda: column.width() < 260)
    told = column.values.text()
    assert words.startswith(f"{told},  ") and "L = " in told
    assert words in column.values.toolTip().replace("&nbsp;", " ")
    assert not any(label.isVisible() for label in labels)
    assert column.session.plane.axes[1] in column.landscape.toolTip()
    assert column.landscape.box.width() > 0.5 * column.landscape.width()


def test_a_landscape_in_a_wide_column_is_no_strip(page: Page, record: TrainingRecord) -> None:
    page.open(record)
    page.row.resize(1900, 360)
    while len(page.columns) > 1:
        page.click(page.columns[-1].buttons["remove"])
    page.rest()
    plot, column = page.columns[0].landscape, page.columns[0]
    shown = plot.box.sceneBoundingRect()
    assert shown.width() < 1.6 * plot.height() < 0.6 * plot.width()
    assert plot.viewport().rect().contains(shown.toRect())
    assert abs(shown.center().x() - plot.width() / 2) < 40  # but for its axis and its colours
    # Parts beside it have the rest, and a narrow one has room for all of it again.
    page.click(page.row.bar.parts["input"])
    page.rest()
    assert plot.width() <= 1.6 * column.splitter.height() + 1
    assert column.parts["input"].width() > 900
    page.row.resize(500, 400)
    page.rest()
    assert plot.width() > 450
    assert plot.box.sceneBoundingRect().right() < plot.width()


def test_the_landscape_moves_and_its_plane_does_not(page: Page, record: TrainingRecord) -> None:
    page.open(record)
    column = page.columns[0]
    plane, part, first = column.session.plane, column.landscape.visible_part, column.session.surface
    page.desk.moving = True
    page.desk.set_position(3.4)
    page.qtbot.waitUntil(lambda: column.session.picture.epoch == 3 and column.session.surface.coarse)
    assert column.session.plane.alike(plane)
    page.desk.moving = False  # nobody says so: the columns look by themselves
    page.rest()
    assert column.session.picture.epoch == 3 and not column.session.surface.coarse
    assert column.landscape.visible_part == part
    assert not np.allclose(column.session.surface.values, first.values)
    assert column.session.verdicts  # and whether the adversary is a maximum


def test_while_the_cursor_moves_no_frame_draws_two_columns(page: Page, record: TrainingRecord) -> None:
    page.open(record)
    drawn: list[tuple[float, int]] = []
    at_once: list[int] = []

    def note(slot: int) -> None:
        drawn.append((time.perf_counter(), slot))

    for column in page.columns:
        column.session.surfaceChanged.connect(lambda slot=column.slot: note(slot))
    page.desk.moving = True
    for epoch in (1, 2, 3, 4):
        page.desk.set_position(float(epoch))
        for _ in range(10):
            page.qtbot.wait(5)
            at_once.append(sum(column.session.moving and column.session.computing for column in page.columns))
    page.desk.moving = False
    page.rest()
    assert {slot for _, slot in drawn} == {0, 1}
    assert max(at_once) <= 1  # nor do they compute at once
    apart = [b - a for (a, one), (b, other) in itertools.pairwise(drawn) if one != other]
    assert min(apart) > 0.010


def test_another_point_is_typed(page: Page, record: TrainingRecord) -> None:
    page.open(record, epoch=6)
    spin = page.row.bar.point
    spin.setFocus()
    spin.selectAll()
    QTest.keyClicks(spin, "8")
    QTest.keyClick(spin, Qt.Key.Key_Return)
    assert page.desk.point == 7
    page.rest()
    assert page.row.bar.label.text() == f"y = {record.data[0].y[7]:+.0f}".replace("-", "−")
    assert page.columns[1].session.recording.loss[-1, 0] == pytest.approx(
        loss_at_the_adversary(record, 2, 6, 7), rel=1e-4
    )


def test_columns_come_and_go(page: Page, record: TrainingRecord) -> None:
    page.open(record)
    page.choose(page.columns[0].lines, 1)
    page.rest()
    assert page.columns[0].session.picture.arm == 1
    page.click(page.row.bar.add)
    page.rest()
    assert [column.session.picture.arm for column in page.columns] == [1, 2, 0]
    gone = page.columns[1]
    page.click(gone.buttons["remove"])
    assert gone not in page.columns and not gone.isVisible()
    assert gone.session.thread_of_its_own.isFinished()
    page.click(page.row.bar.add)  # it comes back, for what is not on show
    page.rest()
    assert [column.session.picture.arm for column in page.columns] == [1, 0, 2]
    for column in page.columns[:2]:
        page.click(column.buttons["remove"])
    assert not page.columns[0].buttons["remove"].isEnabled()


def test_what_is_shown_is_chosen_for_all_columns(page: Page, record: TrainingRecord) -> None:
    page.open(record, epoch=6)
    parts = page.row.bar.parts
    assert page.columns[0].session.spectrum is None  # nobody has asked
    for name in ("profile", "spectrum", "landscape"):
        page.click(parts[name])
    page.rest()
    for column, arm in zip(page.columns, (0, 2), strict=True):
        assert column.profile.isVisible() and column.spectrum.isVisible() and not column.landscape.isVisible()
        track, x = record.tracks[arm], GAMMAS[arm // 2] * record.data[arm].X_hat[0]
        W, a = track.W[6].astype(float), track.a[6].astype(float)
        t = np.tanh(W @ x)
        gradient, residual = W.T @ (a * (1 - t**2)), a @ t - record.data[arm].y[0]
        hessian = residual * (W.T * (a * -2 * t * (1 - t**2))) @ W + np.outer(gradient, gradient)
        largest = float(np.linalg.eigvalsh(hessian)[-1])
        assert f"━ {largest:.3g} now" in column.profile.heading.text()
        assert len(column.profile._now.getData()[0]) == 8
        assert column.session.spectrum.t == column.session.recording.steps
    for name in ("profile", "spectrum"):
        page.click(parts[name])
    assert parts["spectrum"].isChecked()  # the last one stays
    page.click(page.columns[0].spectrum.kinds.buttons()[0])
    page.qtbot.waitUntil(lambda: all(column.session.spectrum.kind == "euclidean" for column in page.columns))


def test_one_colour_is_one_value_in_all_columns_and_at_all_epochs(page: Page, record: TrainingRecord) -> None:
    page.open(record, epoch=0)
    page.click(page.row.bar.share)
    first = page.columns[0].landscape.levels
    assert first is not None and page.columns[1].landscape.levels == first
    own = [column.landscape.colour_range for column in page.columns]
    assert first[0] <= min(low for low, _ in own) and first[1] >= max(high for _, high in own)
    page.desk.set_position(6.0)
    page.rest()
    later = page.columns[0].landscape.levels
    assert later[0] <= first[0] and later[1] >= first[1]
    assert page.row.colours.isVisible()
    page.click(page.row.bar.share)
    assert page.columns[0].landscape.levels is None


def test_colours_by_another_quantity(page: Page, record: TrainingRecord) -> None:
    page.open(record)
    page.choose(page.row.bar.quantity, 2)
    page.qtbot.waitUntil(lambda: all(column.session.surface.quantity == "residual" for column in page.columns))


def test_an_epoch_is_opened_in_explore(page: Page, record: TrainingRecord) -> None:
    page.open(record, epoch=5)
    page.click(page.columns[1].buttons["explore"])
    (choice,) = page.choices
    experiment = choice.experiment
    W, a = load_weights(experiment, 8)
    assert np.array_equal(W, record.tracks[2].W[5]) and np.array_equal(a, record.tracks[2].a[5])
    assert experiment.title == "γ = 1, η = 0.5, epoch 5, point 1"
    assert experiment.ascent.restarts > 1 and experiment.input.scale == 1.0
    assert choice.recording is None  # it is computed anew
    file = Path(experiment.network.file)
    page.row.close_down()
    assert not file.exists()


def test_a_training_that_goes_on_does_not_move_who_looks_at_an_early_epoch(page: Page, record: TrainingRecord) -> None:
    begun = replace(record, tracks=tuple(replace(t, residual=t.residual[:5], kept=t.kept[:5]) for t in record.tracks))
    page.desk.running = True
    page.open(begun, epoch=2)
    asked = [column.session._asked_job for column in page.columns]
    page.desk.show(record)
    page.qtbot.wait(50)
    assert [column.session._asked_job for column in page.columns] == asked
    page.desk.running = False
    page.desk.stateChanged.emit()  # at its end the plane is that of the last epoch
    page.rest()
    assert "of epoch 6" in page.columns[0].session.plane.axes[1]


def test_a_network_that_was_not_kept_is_told(page: Page, record: TrainingRecord) -> None:
    thinned = replace(
        record,
        tracks=tuple(
            replace(t, kept=t.kept[::3], weights={name: part[::3] for name, part in t.weights.items()})
            for t in record.tracks
        ),
    )
    page.open(thinned, epoch=5)
    assert page.columns[0].epoch.text() == "≈ epoch 3"
    assert "epoch 5 was not kept" in page.columns[0].epoch.toolTip()


def test_a_diverged_training_stays_at_its_end(page: Page) -> None:
    found = run({"training.rate": [1.0, 1e4]})
    assert found.tracks[1].diverged
    page.open(found, epoch=6)
    column = page.columns[1]
    assert column.epoch.text().startswith("⚠ epoch ")
    assert found.tracks[1].diverged in column.epoch.toolTip()


def test_digits_come_with_their_images_in_either_theme(page: Page) -> None:
    page.open(run({"input.scale": GAMMAS}, data="digits"), epoch=6)
    column = page.columns[0]
    assert column.input.isVisible() and column.landscape.isVisible()
    assert column.input.plots[1].image.image.shape == (8, 8)
    assert column.input.y() > column.landscape.height()
    page.click(page.columns[1].buttons["remove"])
    page.qtbot.waitUntil(lambda: column.input.x() > column.landscape.width())  # beside it, where there is room
    before = column.landscape.backgroundBrush().color()
    page.theme.choose("dark", remember=False)
    assert column.landscape.backgroundBrush().color() != before
    page.click(page.row.bar.parts["profile"])
    assert column.profile.plot.backgroundBrush().color() != before


def test_columns_that_nobody_sees_compute_nothing(page: Page, record: TrainingRecord) -> None:
    page.open(record)
    page.row.hide()
    asked = [column.session._asked_job for column in page.columns]
    page.desk.set_position(4.0)
    page.qtbot.wait(50)
    assert [column.session._asked_job for column in page.columns] == asked
    page.row.show()
    page.rest()
    assert page.columns[0].session.picture.epoch == 4
