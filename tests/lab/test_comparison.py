"""A comparison is a value: columns that vary in one setting, seen alike, read from a file and written back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foadv_gui.lab.comparison import (
    COMPARED,
    MOST,
    Comparison,
    comparison_names,
    comparison_of,
    find_comparison,
    ladder,
    load_comparison,
    told,
)
from foadv_gui.lab.config import Experiment, ExperimentError, setting
from foadv_gui.lab.documents import look_up
from foadv_gui.lab.presets import preset_names

if TYPE_CHECKING:
    from pathlib import Path

BASE = Experiment.model_validate({"network": {"width": 20, "dimension": 3}, "ascent": {"restarts": 2}})
SCALES = Comparison.of(BASE, "input.scale", [0.1, 1.0, 10.0])


def test_columns_differ_in_one_setting_and_in_nothing_else() -> None:
    assert SCALES.values == (0.1, 1.0, 10.0)
    assert SCALES.differences() == ()
    assert [SCALES.value_words(i) for i in range(3)] == ["γ = 0.1", "γ = 1", "γ = 10"]
    assert {column.replace("input.scale", 1.0) for column in SCALES.columns} == {BASE}


@pytest.mark.parametrize("values", [[], [1.0], [0.1, 0.2, 0.3, 0.4, 0.5]])
def test_a_comparison_has_two_to_four_columns(values: list[float]) -> None:
    with pytest.raises(ExperimentError, match="2 to 4"):
        Comparison.of(BASE, "input.scale", values)
    with pytest.raises(ExperimentError, match="2 to 4"):
        SCALES.removed(0).removed(0)


def test_only_some_settings_can_be_compared_and_the_nearest_is_named() -> None:
    with pytest.raises(ExperimentError, match=r"did you mean input\.scale"):
        Comparison.of(BASE, "input.scal", [1.0, 2.0])


def test_a_change_of_all_columns_keeps_what_they_vary_in() -> None:
    changed = SCALES.changed("input.label", 0.0)
    assert changed.values == SCALES.values
    assert {column.input.label for column in changed.columns} == {0.0}
    for key, value in (("input.scale", 2.0), ("view.chart", "globe")):
        with pytest.raises(ExperimentError):
            SCALES.changed(key, value)


def test_columns_can_be_changed_added_removed_and_moved() -> None:
    assert SCALES.with_value(1, 3.0).values == (0.1, 3.0, 10.0)
    assert SCALES.removed(0).values == (1.0, 10.0)
    assert SCALES.moved(2, 0).values == (10.0, 0.1, 1.0)
    assert SCALES.extended().values == (0.1, 1.0, 10.0, 30.0)  # the slider ends at 30
    assert SCALES.extended().removed(0).extended().values == (1.0, 10.0, 30.0, 0.1)


def test_what_else_differs_in_a_pinned_run_is_told() -> None:
    pinned = BASE.changed({"input.label": 0.0, "network.seed": 7, "input.scale": 5.0, "view.grid": 99})
    found = SCALES.added(pinned)
    assert [entry.key for entry in found.differences()] == ["network.seed", "input.label"]
    assert found.besides(3) == "weights seed 7, y = 0"
    assert found.besides(0) == "weights seed 0, y = 1"


def test_all_columns_are_seen_alike_but_for_the_focused_path() -> None:
    pinned = BASE.changed({"view.plane": "two-poles", "view.focus": 1, "view.quantity": "residual"})
    last = SCALES.added(pinned).columns[-1]
    assert last.view == SCALES.columns[0].view.model_copy(update={"focus": 1})
    shown = Comparison.of(BASE.replace("view.chart", "globe"), "input.scale", [1.0, 2.0])
    assert {column.view.chart for column in shown.columns} == {"plane"}


def test_a_pinned_run_that_the_common_plane_does_not_fit_is_refused() -> None:
    pixels = Comparison.of(BASE.changed({"view.plane": "two-pixels", "view.pixel_v": 2}), "input.scale", [1.0, 2.0])
    with pytest.raises(ExperimentError, match="less than the dimension"):
        pixels.added(BASE.replace("network.dimension", 2))


@given(st.sampled_from(COMPARED), st.integers(2, MOST), st.data())
def test_another_setting_begins_with_values_of_its_own_all_different(key: str, count: int, data: Any) -> None:
    entry = setting(key)
    if entry.kind == "choice":
        value: Any = data.draw(st.sampled_from(entry.choices))
    elif entry.kind == "int":
        value = data.draw(st.integers(int(entry.low or 0), 2000))
    else:
        value = data.draw(st.floats(entry.low or 0, entry.high or 1))
    values = ladder(key, value, count)
    assert (
        len(set(values)) == count or value < 0.01 * (entry.slider or (0, 0))[0] or value > (entry.slider or (0, 1))[1]
    )
    found = Comparison.of(BASE, key, values)
    if len(set(values)) == count and count < MOST:
        assert found.extended().values[-1] not in values or value > (entry.slider or (0, 1))[1]


def test_by_another_setting_the_middle_column_is_where_it_was() -> None:
    found = SCALES.by("ascent.step")
    assert found.key == "ascent.step"
    assert found.columns[1] == SCALES.columns[1]
    assert found.values == (0.167, 0.5, 1.5)
    assert {column.input.scale for column in found.columns} == {1.0}
    assert SCALES.by("network.activation").values == ("tanh", "sigmoid", "softplus")
    assert SCALES.by("input.seed").values == (0, 1, 2)


def test_another_experiment_comes_in_at_the_same_values() -> None:
    found = SCALES.around(BASE.changed({"network.width": 30, "input.scale": 7.0, "title": "Mine"}))
    assert found.values == SCALES.values
    assert {column.network.width for column in found.columns} == {30}
    assert found.title == "Mine"


def test_a_comparison_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    pinned = BASE.changed({"input.label": 0.0, "ascent.box": (-9.0, 9.0), "view.focus": 1, "input.scale": 0.3})
    for found in (SCALES, SCALES.added(pinned), SCALES.added(pinned).moved(3, 0), SCALES.by("network.activation")):
        path.write_text(found.to_toml(), encoding="utf-8")
        assert Comparison.from_toml(path) == found
        assert find_comparison(path) == found
        assert look_up(path).comparison == found


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("compare = 3", r"must be a table \[compare\]"),
        ("[compare]\nvalues = 3", r"must be a table \[compare\]"),
        ("[compare]\nvalues = [1.0, 2.0]\nvalue = 1", r"must be a table \[compare\]"),
        ("[compare]\nsetting = 'input.label'\nvalues = [1.0, 2.0]", "must be one of input.scale"),
        ("[compare]\nvalues = [1.0]", "2 to 4"),
        ("[compare]\nvalues = [1.0, -2.0]", "input.scale = -2.0: must be a number between"),
        ("[compare]\nvalues = [1.0, 2.0]\nchanges = [{}]", "as many tables"),
        ("[compare]\nvalues = [1.0, 2.0]\nchanges = [{}, {'input.labl' = 1}]", "did you mean input.label"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_with_its_name(tmp_path: Path, table: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(f"title = 'x'\n{table}\n" if table.startswith("compare") else table, encoding="utf-8")
    with pytest.raises(ExperimentError, match=message) as caught:
        find_comparison(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_what_is_no_comparison_is_left_to_others(tmp_path: Path) -> None:
    plain = tmp_path / "plain.toml"
    plain.write_text(BASE.to_toml(), encoding="utf-8")
    (tmp_path / "broken.toml").write_text("[", encoding="utf-8")
    for name in (plain, tmp_path / "broken.toml", tmp_path, tmp_path / "none.toml", "two-poles"):
        assert find_comparison(name) is None
    assert look_up(plain).comparison is None


def test_ready_comparisons_are_found_by_name_and_changed_as_a_whole() -> None:
    names = comparison_names()
    assert names[0] == "scales"
    assert not set(names) & set(preset_names())
    found = look_up("scales", {"ascent.restarts": 5}).comparison
    assert found is not None
    assert {column.ascent.restarts for column in found.columns} == {5}
    with pytest.raises(ExperimentError, match="vary in"):
        look_up("scales", {"input.scale": 5.0})


@pytest.mark.parametrize("name", comparison_names())
def test_a_ready_comparison_says_its_title_and_what_to_watch(name: str) -> None:
    found = load_comparison(name)
    assert found.title
    assert found.watch
    assert comparison_of(found.title) == name
    assert found.differences() == ()
    assert found.changed_from == ""
    assert found.changed("view.quantity", "log-loss").changed_from == ""  # seen otherwise, the same runs
    assert found.changed("ascent.restarts", 3).changed_from == found.title
    assert found.moved(0, 1).changed_from == found.title


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("input.scale", 0.1, "γ = 0.1"),
        ("network.activation", "relu", "σ = ReLU"),
        ("network.width", 512, "m = 512"),
        ("network.seed", 3, "weights seed 3"),
        ("ascent.rule", "sign", "step rule Sign of the gradient"),
        ("ascent.box", None, "box none"),
        ("network.file", "/a/b/w.npz", "weights file w.npz"),
    ],
)
def test_a_value_is_told_in_few_words(key: str, value: object, words: str) -> None:
    assert told(setting(key), value) == words


def test_the_first_page_shows_one_maximum_then_two_then_many_and_every_path_gets_there() -> None:
    from foadv_gui.lab.experiment import climb, prepare
    from foadv_gui.lab.judge import Judge
    from foadv_gui.lab.survey import maxima_of

    maxima = []
    for column in load_comparison("scales").columns:
        problem = prepare(column)
        recording = climb(problem)
        assert (recording.converged_at >= 0).all()
        tests = [Judge(problem, recording).verdict(k).test for k in range(recording.restarts)]
        maxima.append(len(maxima_of(recording, tests)[0].sizes))
    assert maxima == [1, 2, 4]
