"""Sweeps as values: how axes are written and read, the points of the grid, and what tells one run from another."""

from __future__ import annotations

import itertools
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.gallery import digits_gallery
from foadv_gui.lab.settings import SETTINGS
from foadv_gui.lab.sweep.figure import fixed
from foadv_gui.lab.sweep.grid import Axis, Sweep, parse_axis

if TYPE_CHECKING:
    from pathlib import Path

BASE = Experiment.model_validate({"network": {"width": 16, "dimension": 4}, "ascent": {"restarts": 2}})
SCALES = st.floats(1e-4, 1e4)


def values(written: str) -> tuple[Any, ...]:
    return parse_axis(BASE, written).values


# ---- how values are written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("input.scale=log:0.01:10:4", (0.01, 0.1, 1.0, 10.0)),
        ("input.scale=lin:0:1:3", None),
        ("input.scale=lin:1:0.5:3", (1.0, 0.75, 0.5)),
        ("input.scale=3,1,2", (3.0, 1.0, 2.0)),
        ("input.scale=1:3", (1.0, 2.0, 3.0)),
        (" input.scale = 0.5 ", (0.5,)),
        ("network.seed=0:3", (0, 1, 2, 3)),
        ("network.seed=7", (7,)),
        ("network.width=log:1:10:20", tuple(range(1, 11))),
        ("network.width=lin:10:20:3", (10, 15, 20)),
        ("network.width=lin:3:1:3", (3, 2, 1)),
        ("network.activation=tanh, erf", ("tanh", "erf")),
        ("input.label=-1:1", (-1.0, 0.0, 1.0)),
    ],
)
def test_an_axis_is_a_list_a_spacing_or_a_range(written: str, expected: tuple[Any, ...] | None) -> None:
    if expected is None:
        with pytest.raises(ExperimentError, match=r"must be a number between 0\.0001"):
            values(written)
        return
    found = values(written)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@given(SCALES, SCALES, st.integers(2, 60), st.sampled_from(["lin", "log"]))
def test_spaced_values_include_both_ends_exactly_and_are_even(
    first: float, last: float, count: int, spacing: str
) -> None:
    if abs(first - last) < 1e-6 * first:
        return
    found = values(f"input.scale={spacing}:{first!r}:{last!r}:{count}")
    assert (found[0], found[-1], len(found)) == (first, last, count)
    assert all(isinstance(value, float) for value in found)
    on_a_line = np.log(found) if spacing == "log" else np.array(found)
    np.testing.assert_allclose(np.diff(on_a_line), np.ptp(on_a_line) * np.sign(last - first) / (count - 1), rtol=1e-4)


@given(st.lists(SCALES, min_size=1, max_size=20, unique=True))
def test_a_list_keeps_its_values_and_their_order(numbers: list[float]) -> None:
    assert values("input.scale=" + ",".join(map(repr, numbers))) == tuple(numbers)


@given(st.integers(0, 10**6), st.integers(0, 300))
def test_a_range_has_all_whole_numbers_between_its_ends(first: int, more: int) -> None:
    assert values(f"network.seed={first}:{first + more}") == tuple(range(first, first + more + 1))


@given(st.integers(1, 500), st.integers(1, 500), st.integers(2, 40))
def test_spaced_whole_numbers_rise_and_keep_their_ends(one: int, other: int, count: int) -> None:
    if one == other:
        return
    found = values(f"network.width=log:{one}:{other}:{count}")
    assert (found[0], found[-1]) == (one, other)
    assert len(found) <= count
    assert all((b - a) * (other - one) > 0 for a, b in itertools.pairwise(found))


@given(st.text(max_size=30))
@example("log:.1:1:2")
def test_whatever_is_written_is_read_or_refused_in_one_line(text: str) -> None:
    for key in ("input.scale", "network.seed", "network.activation", "compute.dtype"):
        try:
            assert values(f"{key}={text}")
        except ExperimentError as error:
            assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("input.scal=1", "did you mean input.scale"),
        ("scale=1", "did you mean input.scale"),
        ("input=1", "is a section"),
        ("input.scale", "must be KEY=VALUES"),
        ("input.scale=", "must be KEY=VALUES"),
        ("=1", "must be KEY=VALUES"),
        ("input.scale=1,,2", "empty place"),
        ("input.scale=much", "must be a number between 0.0001 and 10000"),
        ("input.scale=nan", "must be a number"),
        ("input.scale=-1,1", "input.scale = -1"),
        ("input.scale=log:0:1:3", "above 0"),
        ("input.scale=log:0.1:1:1", "in 2 to"),
        ("input.scale=lin:1:1:3", "in 2 to"),
        ("input.scale=lin:1:inf:3", "in 2 to"),
        ("input.scale=lin:1:2", "must be lin:FROM:TO:COUNT"),
        ("input.scale=lin:1:2:3:4", "must be lin:FROM:TO:COUNT"),
        ("input.scale=lin:1:20000:3", "input.scale = 20000"),
        ("input.scale=lin:0.1:1:9999999", "in 2 to 1,000,000 values"),
        ("input.scale=1,1.0", "is named twice"),
        ("network.seed=3:1", "holds no number"),
        ("network.seed=0:1000000", "more than 1,000,000"),
        (f"network.seed=0:{'9' * 5000}", "must be a whole number"),
        ("network.seed=0.5", "must be a whole number"),
        ("network.activation=tahn", "did you mean tanh"),
        ("network.activation=lin:0:1:2", "must be a list of tanh"),
        ("ascent.box=[0,1]", "cannot vary in a sweep"),
        ("network.layers=W1,W2", "cannot vary in a sweep"),
        ("input.size=[2,2]", "cannot vary in a sweep"),
        ("view.plane=two-random", "all points would be the same"),
        ("title=a,b", "all points would be the same"),
    ],
)
def test_what_cannot_be_an_axis_is_refused_with_what_can(written: str, words: str) -> None:
    with pytest.raises(ExperimentError, match=words.replace("(", r"\(")):
        parse_axis(BASE, written)


def test_every_setting_of_a_run_that_is_one_value_can_vary() -> None:
    for entry in SETTINGS:
        if entry.section == "view" or entry.kind in ("box", "names", "size"):
            continue
        of_kind = {"choice": entry.choices[:1], "path": ("a.npz",), "text": ("2",)}
        value = of_kind.get(entry.kind, (entry.default,))[0]
        axis = parse_axis(BASE, f"{entry.key}={value}")
        assert axis.setting is entry and len(axis.values) == 1
        assert axis.numeric == (entry.kind in ("float", "int") and entry.name not in ("seed", "index"))
        assert axis.repeats == (entry.name in ("seed", "index"))


def test_a_long_axis_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[object] = []
    changed = Experiment.changed
    monkeypatch.setattr(Experiment, "changed", lambda *a, **k: checked.append(a) or changed(*a, **k))
    assert len(parse_axis(BASE, "network.seed=0:99999").values) == 100_000
    assert len(checked) == 2


# ---- together ------------------------------------------------------------------------------------------------------


def test_a_value_may_be_possible_only_with_one_of_another_axis() -> None:
    from_zero = BASE.replace("ascent.start", "zero")
    with pytest.raises(ExperimentError, match="must be ball, sphere or file on the l2-sphere"):
        Sweep.of(from_zero, ["ascent.constraint=l2-ball,l2-sphere"])
    sweep = Sweep.of(from_zero, ["ascent.constraint=l2-ball,l2-sphere", "ascent.start=zero,ball"])
    possible = []
    for point in sweep.points():
        try:
            possible.append((point.experiment.ascent.constraint, point.experiment.ascent.start))
        except ExperimentError:
            assert point.values == ("l2-sphere", "zero") and len(point.key) == 32
    assert possible == [("l2-ball", "zero"), ("l2-ball", "ball"), ("l2-sphere", "ball")]


def test_nothing_to_vary_a_setting_twice_and_an_endless_grid_are_refused() -> None:
    with pytest.raises(ExperimentError, match="nothing varies"):
        Sweep.of(BASE, [])
    with pytest.raises(ExperimentError, match=r"input\.scale: varies twice"):
        Sweep.of(BASE, ["input.scale=1", "input.scale=2"])
    with pytest.raises(ExperimentError, match="makes 1,000,000,000,000 points"):
        Sweep.of(BASE, ["network.seed=0:999999", "ascent.seed=0:999999"])


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_points_are_the_product_of_the_axes_the_last_one_fastest(lengths: list[int]) -> None:
    keys = ("network.seed", "input.scale", "ascent.seed", "input.ratio")
    sweep = Sweep.of(BASE, [f"{key}=1:{n}" for key, n in zip(keys, lengths, strict=False)])
    assert sweep.size == math.prod(lengths)
    assert [point.values for point in sweep.points()] == list(itertools.product(*(axis.values for axis in sweep.axes)))
    assert [point.index for point in sweep.points()] == list(range(sweep.size))
    for index in (-1, sweep.size):
        with pytest.raises(IndexError):
            sweep.point(index)
    last = sweep.point(sweep.size - 1)
    assert tuple(last.experiment.get(key) for key in sweep.keys) == last.values


# ---- what tells runs apart -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["title=x", "watch=x", "view.plane=two-random", "view.grid=51"])
def test_how_a_run_is_called_and_shown_is_no_part_of_its_key(change: str) -> None:
    key, _, value = change.partition("=")
    other = BASE.replace(key, int(value) if value.isdigit() else value)
    one, two = (Sweep.of(base, ["input.scale=1,2"]) for base in (BASE, other))
    assert one.identity == two.identity
    assert [point.key for point in one.points()] == [point.key for point in two.points()]


def test_whatever_changes_a_run_changes_its_key() -> None:
    seen = {Sweep.of(BASE, ["input.ratio=0.25"]).point(0).key}
    count = 1
    for entry in SETTINGS:
        if entry.section == "view" or entry.key in ("input.ratio", "ascent.box"):
            continue
        other: Any = {"choice": entry.choices[-1] if entry.choices else None, "path": "/a.npz"}.get(entry.kind, 3)
        if other == BASE.get(entry.key):
            other = entry.choices[0]
        try:
            changed = BASE.replace(entry.key, other)
        except ExperimentError:  # as a source "file" that names none
            continue
        seen.add(Sweep.of(changed, ["input.ratio=0.25"]).point(0).key)
        count += 1
    assert len(seen) == count > 15


def test_a_points_key_is_that_of_its_run_however_it_was_come_to() -> None:
    alone = Sweep.of(BASE.replace("input.scale", 2.0), ["network.seed=5"])
    grid = Sweep.of(BASE, ["network.seed=4:6", "input.scale=1,2,3"])
    assert alone.point(0).key == grid.point(4).key
    assert len({point.key for point in grid.points()}) == 9


def test_the_identity_is_that_of_the_values_and_their_order() -> None:
    def identity(*over: str) -> str:
        return Sweep.of(BASE, over).identity

    same = identity("input.scale=1,2", "network.seed=0:1")
    assert same == identity("input.scale=1.0,2.00", "network.seed=0,1")
    others = [
        identity("input.scale=2,1", "network.seed=0:1"),
        identity("network.seed=0:1", "input.scale=1,2"),
        identity("input.scale=1,2", "network.seed=0:2"),
        identity("input.scale=1,2"),
    ]
    assert len({same, *others}) == 5
    assert Sweep.of(BASE.replace("input.scale", 7.0), ["input.scale=1,2", "network.seed=0:1"]).identity == same


def test_a_file_is_told_by_what_it_holds_now(tmp_path: Path) -> None:
    weights = [tmp_path / name for name in ("a.npz", "b.npz")]
    for path in weights:
        path.write_bytes(b"one")

    def told() -> tuple[str, ...]:
        sweep = Sweep.of(BASE, [f"network.file={weights[0]},{weights[1]}"])
        based = Sweep.of(BASE.replace("network.file", str(weights[0])), ["input.scale=1"])
        return (sweep.identity, sweep.point(0).key, sweep.point(1).key, based.identity, based.point(0).key)

    before = told()
    assert told() == before and len(set(before)) == 4  # the same run has the same key
    weights[0].write_bytes(b"two")  # of the same length
    os.utime(weights[0], ns=(1, 1))
    after = told()
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True, False, False]
    weights[0].unlink()
    assert told()[1] not in (before[1], after[1])


# ---- as a file -----------------------------------------------------------------------------------------------------


def test_a_sweep_is_read_back_from_its_file(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("one, two.npz", "three.npz")]
    sweep = Sweep.of_table(
        BASE.replace("title", "A title"),
        {"input.scale": "log:0.01:30:13", "network.seed": "0:9", "network.file": files, "compute.dtype": ["float32"]},
    )
    path = tmp_path / "sweep.toml"
    path.write_text(sweep.to_toml(), encoding="utf-8")
    again = Sweep.from_toml(path)
    assert again == sweep and again.identity == sweep.identity
    assert again.base.title == "A title"
    assert again.axes[2] == Axis("network.file", tuple(files), ",".join(files))


def test_a_sweep_file_may_be_written_in_any_way_that_toml_has(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(
        '[network]\nwidth = 16\n[sweep]\ninput.scale = [0.1, 1, 10]\n"network.seed" = "0:1"\n'
        'network.file = ["w.npz"]\nnetwork.activation = ["tanh", "erf"]\n',
        encoding="utf-8",
    )
    sweep = Sweep.from_toml(path)
    assert sweep.keys == ("input.scale", "network.seed", "network.file", "network.activation")
    assert [axis.values for axis in sweep.axes] == [
        (0.1, 1.0, 10.0),
        (0, 1),
        (str(tmp_path / "w.npz"),),
        ("tanh", "erf"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing varies"),
        ("[sweep]\n", "nothing varies"),
        ("sweep = 3\n", "must be a table"),
        ('[sweep]\n"input.scale" = 3\n', "must be a text or a list"),
        ('[sweep]\n"input.scale" = [[1]]\n', "must be a text or a list"),
        ('[sweep]\n"input.scale" = []\n', "empty place"),
        ('[sweep]\n"input.scal" = "1"\n', "did you mean input.scale"),
        ("[sweep]\na.b.c = '1'\n", "must be a text or a list"),
        ('[input]\nscale = -1\n[sweep]\n"input.ratio" = "1"\n', "input.scale = -1"),
    ],
)
def test_a_sweep_file_that_cannot_be_is_refused_by_name(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ExperimentError, match=words) as caught:
        Sweep.from_toml(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_classifier_is_attacked_away_from_the_right_class_of_each_row() -> None:
    labels = digits_gallery().labels
    assert labels is not None
    base = Experiment.model_validate({"network": {"loss": "cross-entropy"}, "input": {"source": "digits"}})
    right = base.replace("input.label", float(labels[0]))
    for start, rows in ((right, [labels[3], labels[7]]), (right.replace("input.label", 11.0), [11, 11])):
        sweep = Sweep.of(start, ["input.index=3,7"])
        assert [point.experiment.input.label for point in sweep.points()] == rows
        assert ("y = " in fixed(sweep)) == (start is not right)
