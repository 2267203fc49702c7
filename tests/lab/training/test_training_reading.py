"""What a training says: the numbers by brute force, and sentences that follow the data whichever way they come out."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import told, trained, training_of

from foadv_gui.lab.training.curves import curves, epochs_to
from foadv_gui.lab.training.metrics import METRICS
from foadv_gui.lab.training.reading import results, sentence, summary
from foadv_gui.lab.training.record import Probed

SCALES = [0.1, 0.3, 1.0, 3.0, 10.0]


def fall(epochs: int, to_75: float, to_50: float = math.inf) -> np.ndarray:
    """Losses of epochs 0 to `epochs` that reach 75% and 50% of the first one when they are told to."""
    t = np.arange(epochs + 1)
    return np.where(t >= to_50, 1.0, np.where(t >= to_75, 1.5, 2.0))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 3) | st.just(math.nan), min_size=1, max_size=12), st.sampled_from([0.75, 0.5]))
def test_epochs_to_a_share_is_the_first_epoch_at_or_below_it(losses, share):
    losses = [1.0, *losses]
    wanted = next((t for t, loss in enumerate(losses) if loss <= share * losses[0]), math.inf)
    assert epochs_to(np.array(losses), share) == wanted


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 3, 5, 8, math.inf]), min_size=3, max_size=3))
def test_what_a_repetition_never_reached_counts_as_infinite_in_the_median(times):
    (found,) = results(told(training_of(repeats=3, epochs=9), [fall(9, time) for time in times]))
    assert found.to_75.median == statistics.median(times)
    assert (found.to_75.least, found.to_75.most) == (min(times), max(times))
    entry = found.entry()
    median = statistics.median(times)
    assert entry["epochs_to_75"] == (None if math.isinf(median) else median)
    assert entry["epochs_to_75_range"] == [None if math.isinf(end) else end for end in (min(times), max(times))]


def test_the_summary_has_the_promised_shape_and_is_strict_json():
    training = training_of([("input.scale", [0.1, 10.0])], repeats=2, epochs=8)
    record = told(training, [fall(8, 2, 5), fall(8, 2, 7), fall(8, 99), fall(8, 99)], held_out_clean_loss=[0.25])
    known = json.loads(json.dumps(summary(record), allow_nan=False))
    first, second = known["scales"]
    order = ["scale", "first", "last", "epochs_to_75", "epochs_to_50", "learning_rate", "convention"]
    assert list(first)[:7] == order
    assert [first[name] for name in order] == [0.1, 2.0, 1.0, 2, 6, 100.0, "per squared scale"]
    assert second["epochs_to_75"] is None and second["learning_rate"] == 0.01
    assert first["varies"] == {"input.scale": 0.1} and first["repeats"] == 2
    assert first["held_out_clean_loss"] == 0.25 and first["held_out_adversarial_loss"] is None
    assert list(known) == ["scales"]


def test_real_training_has_the_numbers_of_its_measures():
    record = trained(training_of([("training.mode", ["adversarial", "clean"])]))
    for entry, track in zip(summary(record)["scales"], record.tracks, strict=True):
        assert entry["first"] == track.measures["adversarial_loss"][0]
        assert entry["last"] == track.measures["adversarial_loss"][-1]
        assert entry["held_out_adversarial_error"] == track.measures["held_out_adversarial_error"][-1]
    assert "Held-out errors, trained adversarially against clean" in sentence(record)


def test_a_rise_along_the_scale_is_stated_with_its_spread():
    training = training_of([("input.scale", SCALES)], repeats=3, epochs=60)
    times = [(2, 2, 2), (2, 2, 2), (4, 4, 5), (25, 27, 28), (99, 99, 99)]
    words = sentence(told(training, [fall(60, t) for each in times for t in each]))
    assert words == (
        "Per squared scale (η = c/γ², c = 1): 75% of the first adversarial loss after 2, 2, 4 (4–5), 27 (25–28) and "
        ">60 epochs at γ = 0.1, 0.3, 1, 3 and 10: longer as γ grows; 50% not within 60 epochs at any γ."
    )


def test_where_50_percent_is_reached_at_the_same_scales_these_are_told_once():
    training = training_of([("input.scale", [0.1, 1.0, 10.0])], epochs=60)
    words = sentence(told(training, [fall(60, 99), fall(60, 5, 14), fall(60, 3, 8)]))
    assert words.endswith(
        "after >60, 5 and 3 epochs at γ = 0.1, 1 and 10; 50% after >60, 14 and 8 epochs: both sooner as γ grows."
    )
    same = sentence(told(training, [fall(60, 1)] * 3))
    assert "after 1 epoch at γ = 0.1, 1 and 10: the same at every γ; 50% not within 60 epochs at any γ." in same


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 4, 7, math.inf]), min_size=2, max_size=5))
def test_a_trend_is_stated_only_where_there_is_one(times):
    training = training_of([("input.scale", SCALES[: len(times)])], epochs=9)
    words = sentence(told(training, [fall(9, time) for time in times]))
    rises, falls = times == sorted(times), times == sorted(times, reverse=True)
    same, none = len(set(times)) == 1, all(map(math.isinf, times))
    assert ("longer as γ grows" in words) == (rises and not same)
    assert ("sooner as γ grows" in words) == (falls and not same)
    assert ("the same at every γ" in words) == (same and not none)
    assert ("no clear order" in words) == (not rises and not falls)


def test_values_written_in_another_order_are_read_in_the_order_of_the_scale():
    training = training_of([("input.scale", [10.0, 0.1, 1.0])], epochs=9)
    words = sentence(told(training, [fall(9, 8), fall(9, 1), fall(9, 3)]))
    assert "after 1, 3 and 8 epochs at γ = 0.1, 1 and 10: longer as γ grows" in words


def test_each_convention_has_its_own_statement():
    training = training_of([("input.scale", [0.1, 3.0]), ("training.rate_units", ["squared-scale", "absolute"])])
    words = sentence(told(training, [fall(6, 2), fall(6, 5), fall(6, 4), fall(6, 1)]))
    assert "Per squared scale (η = c/γ², c = 1): 75% of the first adversarial loss after 2 and 4 epochs" in words
    assert "Absolute (η = 1): 75% after 5 and 1 epochs at γ = 0.1 and 3: sooner as γ grows" in words


def test_what_diverged_is_named_and_left_out_of_the_trend():
    training = training_of([("training.rate", [1.0, 10.0, 100.0])], epochs=9)
    words = sentence(
        told(training, [fall(9, 5), fall(9, 2), [2.0, 3.0, math.inf]], ["", "", "the loss has overflowed"])
    )
    assert (
        "after 5 and 2 epochs at c = 1 and 10, never (diverged) at 100: sooner as c grows where it does not diverge"
        in words
    )
    assert words.endswith("The run at c = 100 (η = 100) diverged at epoch 2: the loss has overflowed.")
    early = sentence(told(training, [fall(9, 5, 7), fall(9, 2, 3), [2.0, 1.4, math.inf]], ["", "", "it overflowed"]))
    assert "after 5, 2 and 1 epochs at c = 1, 10 and 100; 50% after 7 and 3 epochs at c = 1 and 10, never (d" in early
    json.dumps(summary(told(training, [fall(9, 5)] * 3)), allow_nan=False)


def test_where_all_diverged_nothing_is_said_of_epochs_that_never_came():
    training = training_of([("input.scale", [0.1, 3.0])], epochs=9)
    words = sentence(told(training, [[2.0, math.inf]] * 2, ["the loss has overflowed"] * 2))
    assert "75% of the first adversarial loss never (all diverged); 50% never (all diverged)." in words


@pytest.mark.parametrize("axes", [[], [("input.scale", [0.1, 3.0])]])
def test_one_epoch_is_no_plural(axes):
    training = training_of(axes, epochs=1)
    words = sentence(told(training, [fall(1, 99)] * len(training.lines)))
    assert ("after >1 epoch;" if not axes else "not within 1 epoch at any γ") in words and "1 epochs" not in words


@pytest.mark.parametrize(
    ("robust", "clean", "said"),
    [
        ((0.1, 0.1), (0.3, 0.3), "lowers the error under attack."),
        ((0.3, 0.3), (0.1, 0.1), "raises the error under attack."),
        ((0.1, 0.35), (0.3, 0.4), "lowers the error under attack, but the spreads overlap."),
        ((0.2, 0.2), (0.2, 0.2), "makes no difference under attack."),
    ],
)
def test_adversarial_against_clean_training_says_whichever_way_it_came_out(robust, clean, said):
    training = training_of([("training.mode", ["adversarial", "clean"])], repeats=2)
    record = told(training, [fall(6, 2)] * 4, held_out_clean_error=[0.05])
    for track, error in zip(record.tracks, (*robust, *clean), strict=True):
        track.measures["held_out_adversarial_error"] = np.full(7, error)
    assert sentence(record).endswith(said)


def test_an_unfinished_training_says_how_far_it_has_come():
    training = training_of(epochs=20)
    assert sentence(told(training, [[2.0]])) == "Nothing is trained yet: epoch 0 of 20."
    assert sentence(told(training, [fall(12, 3)])).startswith("So far, at epoch 12 of 20: Per squared scale")


def test_a_curve_is_the_median_over_repetitions_between_the_least_and_the_greatest():
    record = trained(training_of([("input.scale", [0.3, 3.0])], repeats=3))
    picture = curves(record, "adversarial_loss")
    assert [line.label for line in picture.lines] == ["γ = 0.3, η = 11.1", "γ = 3, η = 0.111"]
    for i, line in enumerate(picture.lines):
        table = np.array([track.measures["adversarial_loss"] for track in record.tracks[3 * i : 3 * i + 3]])
        np.testing.assert_array_equal(line.median, np.median(table, axis=0))
        np.testing.assert_array_equal([line.low, line.high], [table.min(0), table.max(0)])
    low, high = picture.limits
    assert low < min(line.low.min() for line in picture.lines) and high > max(line.high.max() for line in picture.lines)


def test_every_metric_can_be_drawn_of_a_real_training_or_says_why_not():
    record = trained(training_of(epochs=2, repeats=2, changes={"input.scale": 0.01}))
    for name in METRICS:
        picture = curves(record, name)
        low, high = picture.limits
        assert low < high and math.isfinite(low) and math.isfinite(high)
        assert picture.why_empty == "" and np.isfinite(picture.lines[0].median[-1]), name
    moved = curves(record, "movement").lines[0].low[-1]
    each = [np.linalg.norm(track.W[-1] - track.W[0]) / np.linalg.norm(track.W[0]) for track in record.tracks]
    assert moved == pytest.approx(min(each))


def test_where_half_of_the_probe_points_have_no_q_there_is_no_median():
    record = told(training_of(), [fall(3, 1)])
    probed = Probed(
        np.arange(3),
        np.array([[0.1, 0.5, math.nan], [0.1, math.nan, math.nan], [0.1, 0.2, 0.3]]),
        np.empty((3, 3)),
        np.empty(3),
    )
    record = replace(record, tracks=(replace(record.tracks[0], probed=probed),))
    np.testing.assert_array_equal(curves(record, "contraction").lines[0].median, [0.5, math.nan, 0.2])
    np.testing.assert_allclose(curves(record, "certified").lines[0].median, [2 / 3, 1 / 3, 1])
    alone = replace(record.tracks[0], probed=replace(probed, contraction=np.full((3, 3), np.nan)))
    assert "critical point" in curves(replace(record, tracks=(alone,)), "contraction").why_empty


def test_a_curve_is_known_where_it_was_last_measured():
    (line,) = curves(told(training_of(epochs=9), [fall(9, 3)]), "loss_share").lines
    seldom = replace(line, epochs=np.array([0, 4, 9]), median=np.array([1.0, 0.5, 0.2]))
    assert [seldom.point(epoch) for epoch in (0, 3.9, 4, 20)] == [(0, 1.0), (0, 1.0), (4, 0.5), (9, 0.2)]
    assert np.isnan(seldom.point(-1)).all()


def test_inner_ascents_that_do_not_converge_are_drawn_at_their_last_step_and_marked():
    record = told(training_of(inner_steps=7), [fall(3, 1)], inner_steps=[3.0, math.inf, 5.0, math.inf])
    (line,) = curves(record, "inner_steps").lines
    assert line.beyond.tolist() == [False, True, False, True]
    assert line.median.tolist() == [3.0, 7.0, 5.0, 7.0]


def test_a_repetition_that_diverged_ends_in_a_mark_and_the_others_go_on():
    record = told(training_of(repeats=2, epochs=4), [fall(4, 2), [2.0, 9.0, math.nan]], ["", "the loss has overflowed"])
    (line,) = curves(record, "adversarial_loss").lines
    assert line.ends.tolist() == [[1.0, 9.0]]
    assert line.median.tolist() == [2.0, 5.5, 1.5, 1.5, 1.5]


def test_75_and_50_percent_are_marked_where_the_median_reached_them():
    (line,) = curves(told(training_of(epochs=9), [fall(9, 3)]), "loss_share").lines
    assert line.reached[0].tolist() == [3.0, 0.75] and np.isnan(line.reached[1]).all()


def test_colours_go_by_the_first_axis_and_dashes_by_the_others():
    training = training_of([("input.scale", [0.1, 1.0]), ("training.mode", ["adversarial", "clean"])])
    lines = curves(told(training, [fall(6, 2)] * 4), "loss_share").lines
    assert [(line.colour, line.dash) for line in lines] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert lines[1].label == "γ = 0.1, clean, η = 100"
