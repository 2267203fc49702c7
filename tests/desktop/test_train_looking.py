"""Looking at a training: the keys, the curves' own cursor, what the mouse points at, metrics and themes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QToolTip
from test_train_page import at as at
from train_hands import tiny_training

from foadv_gui.lab.training.metrics import METRICS
from foadv_gui.lab.training.study import train

if TYPE_CHECKING:
    from train_hands import TrainHands

    from foadv_gui.lab.training.record import TrainingRecord


@pytest.fixture(scope="module")
def record() -> TrainingRecord:
    """Two networks at each of two scales, trained for 12 epochs."""
    *_, found = train(tiny_training(epochs=12, repeats=2))
    return found


@pytest.fixture
def trained(at: TrainHands, record: TrainingRecord) -> TrainHands:
    """At the page with what was trained."""
    at.desk.open(record.training, record)
    at.settle()
    return at


def test_the_keys_move_over_the_epochs_and_everything_follows(trained: TrainHands) -> None:
    at, desk = trained, trained.desk
    at.focus(at.run.button)  # whose own keys must not train again
    at.key(Qt.Key.Key_Right, times=3)
    assert desk.epoch == 3
    assert at.page.playback.counter.text() == "epoch 3 / 12"
    assert at.plot().cursor_line.value() == 3
    assert desk.moving  # a moment after, pictures are refined
    at.qtbot.waitSignal(desk.cursorChanged, timeout=3000).wait()
    assert not desk.moving
    at.key(Qt.Key.Key_End)
    assert desk.epoch == 12
    at.key(Qt.Key.Key_Home)
    assert desk.epoch == 0
    player: Any = at.page.player
    at.key(Qt.Key.Key_Space)
    at.until(lambda: desk.epoch >= 2)
    at.key(Qt.Key.Key_Space)
    assert not player.playing
    assert desk.position == desk.epoch
    landscape = at.page.epochs.columns[0].landscape
    landscape.show_part((-0.1, 0.1, -0.1, 0.1))
    at.page.fit()
    assert landscape.visible_part[1] > 1
    assert not desk.running
    desk.go_on(48)
    at.settle()
    assert desk.steps == 60
    player.seek(0)
    assert player.rate == pytest.approx(10.0)  # six seconds


def test_the_curves_have_a_cursor_of_their_own_and_are_read_where_the_mouse_is(trained: TrainHands) -> None:
    at, plot = trained, trained.plot()
    middle = sum(plot.plotItem.vb.viewRange()[1]) / 2
    at.drag(plot.viewport(), at.on_plot(plot, 0, middle), at.on_plot(plot, 7.2, middle))
    assert at.desk.epoch == 7
    assert at.plot(1).cursor_line.value() == 7  # that of the other picture goes with it
    at.click(plot.viewport(), at.on_plot(plot, 4.1, middle))
    at.until(lambda: at.desk.epoch == 4)
    flag = plot.flag
    assert flag.words == "epoch 4"
    area = plot.plotItem.vb.mapRectToItem(plot.plotItem, plot.plotItem.vb.rect())
    assert flag.mapRectToParent(flag.boundingRect()).top() >= area.bottom()  # it lies on no curve
    for epoch, labels in ((5, ["0", "10"]), (8, ["0", "5", "10"])):
        at.desk.set_position(float(epoch))
        assert [label for _, label in plot.getAxis("bottom")._tickLevels[0]] == labels  # and on no number
    # What is pointed at is read, and stands out in all pictures.
    plots = at.page.plots
    line = plot.picture.lines[1]
    at.hover(plot.viewport(), at.on_plot(plot, 6, float(line.median[6])))
    at.until(lambda: "epoch 6: γ = 1" in plot.toolTip())
    assert QToolTip.text() == plot.toolTip()
    assert line.label in plot.toolTip()
    assert "over 2 seeds" in plot.toolTip()
    assert plot.chosen == at.plot(1).chosen == 1
    at.leave(plot)
    assert plot.chosen == -1
    assert "Point at a curve" in plot.toolTip()
    at.hover(plots.key, plots.key.place_of(0).center() + QPoint(1, 0))
    assert plot.chosen == 0
    assert plot.lines[1].curve.opacity() < 0.5


def test_metrics_themes_and_a_third_picture_are_a_question_of_taste_and_room(trained: TrainHands) -> None:
    at, tile = trained, trained.page.plots.tiles[1]
    at.choose(tile.chooser, "movement")
    at.until(lambda: tile.plot.picture.metric is METRICS["movement"])
    assert tile.plot.isVisible()
    assert METRICS["movement"].help[:20] in tile.chooser.toolTip()
    at.choose(tile.chooser, "movement_a")  # nothing but zeros: a is not trained
    at.until(lambda: tile.plot.picture.metric is METRICS["movement_a"] or tile.reason.isVisible())
    before = at.plot().lines[0].curve.opts["pen"].color().name()
    at.page.theme.toggle()
    assert at.plot().lines[0].curve.opts["pen"].color().name() != before
    assert at.page.theme.theme.plot == at.plot().backgroundBrush().color().name()
    assert not at.page.plots.tiles[2].isVisible()
    at.page.parentWidget().resize(1920, 1000)
    at.page.resize(1920, 1000)
    at.until(lambda: at.page.plots.tiles[2].isVisible())
    at.until(lambda: at.plot(2).picture is not None)
