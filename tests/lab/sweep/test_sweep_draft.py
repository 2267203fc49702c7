"""A sweep while it is written, what the window draws of it, and what its marks say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foadv_gui.lab.config import SETTINGS, Experiment
from foadv_gui.lab.effects import acts
from foadv_gui.lab.sweep.columns import COLUMNS
from foadv_gui.lab.sweep.draft import MOST_AXES, SWEEPABLE, Draft, Line, suggested, summary_of
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.lab.sweep.marks import dot_words, mark_words, point_words
from foadv_gui.lab.sweep.overview import Ground, Look, drawn_dots, ground_words, grounds, overview
from foadv_gui.lab.sweep.table import SweepTable


def draft(*lines: str) -> Draft:
    return Draft(Experiment(), tuple(Line(*line.split("=")) for line in lines))


def table(sweep: Sweep, **cells: Any) -> SweepTable:
    """A row for each point, of cells that are functions of the point; those whose `skip` is true are missing."""
    skip = cells.pop("skip", lambda _point: False)
    rows = []
    for point in sweep.points():
        row = {"point": point.index, "key": "", **dict(zip(sweep.keys, point.values, strict=True))}
        row |= dict.fromkeys(column.name for column in COLUMNS)
        row |= {name: cell(point) for name, cell in cells.items()}
        rows += [] if skip(point) else [row]
    return SweepTable.of(sweep, rows)


def test_a_draft_counts_each_axis_and_the_whole() -> None:
    written = draft("input.scale=log:0.01:30:13", "network.seed=0:9")
    assert [remark.words for remark in written.remarks] == ["13 values", "10 values"]
    assert written.words == "13 × 10 = 130 points"
    assert written.sweep is not None
    assert Draft.of(written.sweep) == written
    assert not written.problem
    assert draft("input.scale=0.1").words == "1 point"
    assert draft("network.seed=0:999999", "input.seed=0,1").huge
    assert not draft("network.seed=0:999999").huge


@pytest.mark.parametrize(
    ("lines", "wrong", "reason"),
    [
        (["input.scale=1,-1", "network.seed=0:9"], [0], "between 0.0001 and 10000"),
        (["input.scale=1", "network.seed=9:0"], [1], "the first one is above the last"),
        (["input.scale=1", "input.scale=2"], [1], "varies twice"),
        (["network.activation=tanh,tan"], [0], "one of tanh"),
        (["input.scale="], [0], ""),
    ],
)
def test_what_is_wrong_is_said_where_it_is(lines: list[str], wrong: list[int], reason: str) -> None:
    written = draft(*lines)
    assert written.sweep is None
    assert [i for i, remark in enumerate(written.remarks) if remark.wrong] == wrong
    assert reason in written.remarks[wrong[0]].words
    assert written.problem
    assert not written.words


def test_nothing_varies_yet() -> None:
    assert "add an axis" in draft().problem
    assert draft().remarks == ()


@pytest.mark.parametrize("setting", SWEEPABLE, ids=lambda setting: setting.key)
def test_the_values_that_are_suggested_for_a_setting_are_possible(setting: Any) -> None:
    if setting.kind == "path":
        assert suggested(setting) == ""
        return
    files = {"network": {"source": "file", "file": "w.npz"}, "input": {"source": "file", "file": "x.png"}}
    base = Experiment() if acts(Experiment(), setting.key) else Experiment.model_validate(files)
    written = Draft(base, (Line(setting.key, suggested(setting)),))
    assert written.sweep is not None, written.problem


def test_the_output_of_a_classifier_can_vary() -> None:
    assert "network.output" in {entry.key for entry in SWEEPABLE}
    network = {"source": "file", "file": "w.npz", "loss": "logistic", "output": "3 - 9"}
    base = Experiment.model_validate({"network": network})
    written = Draft(base, (Line("network.output", "3 - 9, 3 - 5"),))
    assert written.sweep is not None and written.sweep.axes[0].values == ("3 - 9", "3 - 5")


OF_A_FILE = Experiment.model_validate(
    {"network": {"source": "file", "file": "w.npz"}, "input": {"source": "digits"}, "ascent": {"start": "zero"}}
)


@pytest.mark.parametrize("base", [Experiment(), OF_A_FILE], ids=["random", "of files"])
def test_each_axis_that_is_added_is_another_one_that_acts(base: Experiment) -> None:
    written = Draft.beginning(base)
    for i in range(2, MOST_AXES):
        written = written.with_line(i, written.next_line())
    assert len({line.key for line in written.lines}) == MOST_AXES
    assert ("network.seed" in {line.key for line in written.lines}) == (base.network.source == "random")
    assert written.sweep is not None
    assert written.without(0).lines == written.lines[1:]
    assert not {entry.key for entry in SETTINGS if entry.section == "view"} & {entry.key for entry in SWEEPABLE}


def test_an_axis_along_which_nothing_changes_is_refused_until_another_one_lets_it_act() -> None:
    idle = Draft(OF_A_FILE, (Line("network.seed", "0:9"),))
    why = "has no effect, since the weights come from a file (network.source = file)"
    assert idle.remarks[0].wrong and idle.remarks[0].words.startswith(why)
    assert idle.sweep is None and idle.why_idle("ascent.restarts").startswith("has no effect, since all paths start at")
    assert Draft(OF_A_FILE, (Line("network.seed", "7"),)).sweep is not None  # which says nothing wrong
    assert Draft(OF_A_FILE, (*idle.lines, Line("network.source", "file, random"))).sweep is not None


def test_the_base_in_one_line() -> None:
    assert summary_of(OF_A_FILE).startswith("d = 64, w.npz, tanh, γ = 1, ρ = ")
    assert summary_of(Experiment()).startswith("d = 64, m = 512, tanh, γ = 1, ρ = ")


def test_pictures_are_maps_over_two_numbers_and_curves_otherwise() -> None:
    one = Sweep.of(Experiment(), ["input.scale=1,2", "network.seed=0:3"])
    assert grounds(one) == [Ground("input.scale")]
    two = Sweep.of(Experiment(), ["network.seed=0:3", "input.scale=1,2", "input.ratio=0.1,0.2"])
    assert grounds(two)[0] == Ground("input.scale", "input.ratio")
    assert {ground.across for ground in grounds(two) if ground.up is None} == {"input.scale", "input.ratio"}
    assert grounds(Sweep.of(Experiment(), ["network.seed=0:3"])) == [Ground("network.seed")]
    assert ground_words(two, grounds(two)[0]) == "Map: γ across, ρ up"
    assert ground_words(two, Ground("input.scale")) == "Curves over γ"
    unknown = Look(ground=Ground("network.width"))  # asked for of another sweep
    assert overview(table(one), unknown).ground == Ground("input.scale")


def test_the_headline_and_the_rest_are_the_whole_sentence() -> None:
    sweep = Sweep.of(Experiment(), ["input.scale=0.1,1,10", "network.seed=0:4"])
    shown = overview(
        table(
            sweep,
            distinct_maxima=lambda p: 1 + 3 * (p.values[0] > 1),
            local_maxima=lambda _: 8,
            steps_median=lambda p: 40.0 + p.index,
            unconverged=lambda _: 0.0,
            skip=lambda p: p.index == 14,
        ),
        Look(),
    )
    assert f"{shown.headline} {shown.details}" == shown.sentence
    assert "1 of 15 points is not computed" in shown.details


def test_a_mark_says_its_value_its_quartiles_and_what_is_missing() -> None:
    sweep = Sweep.of(Experiment(), ["input.scale=0.5,2", "network.seed=0:4"])
    shown = overview(
        table(
            sweep,
            loss_best=lambda p: None if p.index == 9 else float(p.values[1]),
            steps_median=lambda p: None if p.values[1] > 2 else 10.0,
            error=lambda p: "no" if p.index == 9 else None,
            certified=lambda p: p.values[0] < 1 and p.index != 9,
            skip=lambda p: p.index == 8,
        ),
        Look(("loss_best", "steps_median")),
    )
    losses, steps = shown.pictures
    assert mark_words(losses, 0) == "γ = 0.5: best loss 2 (quartiles 1 to 3), 5 points, certified"
    assert mark_words(losses, 1) == "γ = 2: best loss 1 (quartiles 0 to 2), 3 points, 1 failed, 1 to come"
    assert "2 of them not within T" in mark_words(steps, 0)
    nothing = overview(table(sweep), Look(("loss_best",))).pictures[0]
    assert mark_words(nothing, 0) == "γ = 0.5: no value, 0 points"
    assert point_words(sweep.point(7)) == "γ = 2, network seed 2"
    assert dot_words(losses, sweep.point(7), int(np.flatnonzero(losses.dots.index == 7)[0])).endswith("best loss 2")


def test_of_many_points_some_are_drawn_evenly() -> None:
    sweep = Sweep.of(Experiment(), ["input.scale=0.5,2", "network.seed=0:2999"])
    (shown,) = overview(table(sweep, loss_best=lambda p: float(p.values[1])), Look(("loss_best",))).pictures
    drawn = drawn_dots(shown)
    assert 1000 <= len(drawn) <= 2000
    assert abs(int((shown.dots.mark[drawn] == 0).sum()) - len(drawn) / 2) <= 1
