"""The figure of a sweep says what the table says, fits its page at any size, and is the same bytes each time."""

from __future__ import annotations

import inspect
import struct
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import matplotlib
import pytest
from figure_texts import check_page, texts_of
from sweep_tables import sweep_over, table_of

from foadv_gui.lab import page
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.sweep import figure, panels
from foadv_gui.lab.sweep.figure import draw, save
from foadv_gui.lab.sweep.reading import read

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.sweep.table import SweepTable

SLIDE, PAPER = (1280, 720), (1080, 1080)


def cells(point: Any) -> dict[str, Any] | None:
    """A claim that holds, with points that failed, are missing, are censored or found nothing."""
    if point.index % 17 == 3:
        return {"error": "ValueError: no"}
    if point.index % 19 == 4:
        return None
    place = point.index / point.sweep.size
    nothing = point.index % 13 == 12
    return {
        "distinct_maxima": 0 if nothing else 1 + int(31 * max(0, place - 0.5)),
        "steps_median": None if place > 0.9 or nothing else 20.0 + 300 * place,
        "unconverged": place**4,
        "loss_best": 0.5 + 20 * place,
        "certified": place < 0.4,
    }


TABLES: dict[str, SweepTable] = {
    "scale": table_of(sweep_over("input.scale=log:0.01:30:13", "network.seed=0:9"), cells),
    "scale alone": table_of(sweep_over("input.scale=0.12345,1.2345,12.345"), cells),
    "two numbers": table_of(sweep_over("input.scale=log:0.01:30:12", "ascent.step=log:0.01:3:9"), cells),
    "number and choice": table_of(
        sweep_over("network.activation=tanh,sigmoid,softplus,erf,gelu,silu,sin,linear", "input.scale=0.1,1"), cells
    ),
    "choices": table_of(
        sweep_over("network.activation=tanh,sigmoid,softplus,erf,gelu,silu,sin,linear", "network.seed=0:5"), cells
    ),
    "seeds": table_of(sweep_over("network.seed=0:9"), cells),
    "failed": table_of(sweep_over("input.scale=0.1,1"), lambda _: {"error": "ValueError: " + "too small " * 40}),
    "nothing": table_of(sweep_over("input.scale=0.1,1", "input.ratio=0.1,1"), lambda _: None),
}


@pytest.mark.parametrize("name", ["scale", "number and choice", "choices"])
def test_a_slide_has_room_for_all_words(name: str) -> None:
    check_page(texts_of(draw(TABLES[name], size=SLIDE, theme="dark")), SLIDE)


@pytest.mark.parametrize("name", TABLES)
def test_the_figure_of_a_paper_says_what_the_table_says_and_how_it_was_computed(name: str) -> None:
    table = TABLES[name]
    texts = texts_of(draw(table, size=PAPER))
    check_page(texts, PAPER)
    words = " ".join(" ".join(text.get_text() for text, _ in texts).split())
    assert read(table) in words
    total, rows = table.sweep.size, len(table.frame)
    assert (f"{total} points" if rows == total else f"{rows} of {total} points") in words
    failed = table.frame["error"].count()
    assert f"points, {failed} failed." in words if failed else "points." in words
    assert "d = 3, m = 8" in words and "T = 1000, K = 32" in words
    assert ("γ = 1," in words) == ("input.scale" not in table.sweep.keys)  # held fixed only where it does not vary
    keyed = {"scale": "proven: q < 1 at every point", "two numbers": "nothing known", "choices": "each point"}
    assert keyed.get(name, "") in words


def test_an_svg_holds_its_words_as_text(tmp_path: Path) -> None:
    save(TABLES["scale"], tmp_path / "a.svg", size=PAPER)
    found = [element.text or "" for element in ElementTree.parse(tmp_path / "a.svg").iter() if "text" in element.tag]
    assert read(TABLES["scale"]) in " ".join(" ".join(found).split())


def test_a_title_of_its_own_stands_above_all() -> None:
    sweep = sweep_over("input.scale=0.1,1", title="Mine")
    drawn = draw(table_of(sweep, cells))
    assert drawn.texts[0].get_text() == "Mine"


@pytest.mark.parametrize(("kind", "name"), [("png", "scale alone"), ("svg", "two numbers")])
def test_the_same_table_is_the_same_bytes_whatever_the_users_style(kind: str, name: str, tmp_path: Path) -> None:
    save(TABLES[name], tmp_path / f"a.{kind}", size=(640, 360))
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "image.cmap": "jet"}):
        before = dict(matplotlib.rcParams)
        save(TABLES[name], tmp_path / f"b.{kind}", size=(640, 360))
        assert dict(matplotlib.rcParams) == before
    first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in "ab")
    assert first == second
    if kind == "png":
        assert struct.unpack(">II", first[16:24]) == (640, 360)


def test_marks_lie_where_the_medians_are_and_open_where_more_is_known_only() -> None:
    drawn = draw(TABLES["scale alone"])
    steps = next(axes for axes in drawn.axes if axes._left_title.get_text().startswith("Steps"))
    closed = [line for line in steps.lines if line.get_marker() == "o" and line.get_markersize() == 5]
    assert [tuple(xy) for xy in closed[0].get_xydata()] == [(0.12345, 20.0), (1.2345, 120.0), (12.345, 220.0)]
    late = table_of(sweep_over("input.scale=0.1,1"), lambda point: {"steps_median": None if point.index else 9.0})
    steps = next(axes for axes in draw(late).axes if axes._left_title.get_text().startswith("Steps"))
    opened = [line for line in steps.lines if line.get_marker() == "^" and line.get_markersize() > 5]
    assert [tuple(xy) for xy in opened[0].get_xydata()] == [(1.0, 1000.0)]
    assert opened[0].get_markerfacecolor() != opened[0].get_markeredgecolor()


def test_another_kind_of_file_and_a_folder_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"must end in \.png or \.svg"):
        save(TABLES["seeds"], tmp_path / "a.pdf")
    with pytest.raises(FileProblem, match="none"):
        save(TABLES["seeds"], tmp_path / "none" / "a.svg")


def test_figures_of_sweeps_leave_no_global_state() -> None:
    for module in (figure, panels, page):
        assert "pyplot" not in inspect.getsource(module)


@pytest.mark.parametrize("proven", [lambda gamma, seed: gamma < 1, lambda gamma, seed: gamma < 1 + seed])
def test_what_is_not_shaded_is_not_in_the_key(proven: Any) -> None:
    sweep = sweep_over("input.scale=0.1,0.5,1.5,2.5", "network.seed=0:1")
    table = table_of(sweep, lambda point: {"loss_best": 1.0, "certified": proven(*point.values)})
    drawn = draw(table, size=SLIDE, theme="light")
    told = [text.get_text() for legend in drawn.legends for text in legend.get_texts()]
    assert "proven: q < 1 at every point" in told
    assert ("at some points" in told) == proven(1.5, 1)
