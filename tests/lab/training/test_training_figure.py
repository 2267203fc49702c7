"""The figure of a training says what the record says, and has room for all words at any size."""

from __future__ import annotations

from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from figure_texts import check_page, texts_of
from matplotlib.figure import Figure
from records import told, trained, training_of

from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.palette import THEMES
from foadv_gui.lab.training.curves import curves
from foadv_gui.lab.training.figure import draw, pictures_of, save
from foadv_gui.lab.training.panels import draw_curves
from foadv_gui.lab.training.reading import sentence

SCALES = [0.1, 0.3, 1.0, 3.0, 10.0]


@pytest.fixture(scope="module")
def record():
    axes = [("input.scale", SCALES), ("training.rate_units", ["squared-scale", "absolute"])]
    return trained(training_of(axes, {"title": "Mine", "watch": "Look here."}, repeats=2, epochs=4))


@pytest.mark.parametrize("size", [(640, 360), (1080, 1920)])
def test_the_figure_says_what_the_record_says_and_nothing_is_cut_off_or_in_the_way(record, size):
    texts = texts_of(draw(record, size=size, theme="dark"))
    check_page(texts, size, smallest=7.5)
    words = " ".join(" ".join(text.get_text() for text, _ in texts).replace("\u00a0", " ").split())
    assert sentence(record) in words
    for line in (
        "Mine",
        "Look here.",
        "γ = 0.1, η = c/γ² = 100",
        "γ = 0.1, η = 1",
        "of 2 repetitions",
        "d = 8, m = 24",
    ):
        assert line in words


def test_a_diverged_line_ends_in_a_cross_that_the_key_explains():
    training = training_of([("training.rate", [1.0, 100.0])], epochs=3)
    drawn = draw(told(training, [[2.0, 1.4, 1.2, 0.9], [2.0, 30.0]], ["", "the loss has grown"]), theme="light")
    share = next(axes for axes in drawn.axes if "share of its first value" in axes._left_title.get_text())
    crosses = [line.get_xydata().tolist() for line in share.lines if line.get_marker() == "X" and len(line.get_xdata())]
    assert crosses == [[[1.0, 2.0]]]
    assert "diverged" in [text.get_text() for legend in drawn.legends for text in legend.get_texts()]
    assert "diverged at epoch 1: the loss has grown" in " ".join(text.get_text() for text in drawn.texts)


def test_curves_are_those_of_the_measures(record):
    axes = Figure().subplots()
    draw_curves(axes, curves(record, "adversarial_loss"), THEMES["light"])
    table = np.median([track.measures["adversarial_loss"] for track in record.tracks[:2]], axis=0)
    assert any(np.array_equal(line.get_ydata(), table) for line in axes.lines)


def test_held_out_curves_of_random_labels_are_left_out_and_flat_ones_come_last(record):
    names = [picture.metric.name for picture in pictures_of(record)]
    assert len(names) == 6 and not any(name.startswith("held_out") for name in names)
    flat = [picture.flat for picture in pictures_of(record)]
    assert flat == sorted(flat)


def test_the_same_record_is_the_same_bytes_whatever_the_users_style_with_its_words_as_text(tmp_path):
    record = told(training_of(epochs=3), [[2.0, 1.4, 1.2, 0.9]])
    save(record, tmp_path / "a.svg", size=(640, 360))
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}):
        save(record, tmp_path / "b.svg", size=(640, 360))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    found = [element.text or "" for element in ElementTree.parse(tmp_path / "a.svg").iter() if "text" in element.tag]
    assert sentence(record) in " ".join(" ".join(found).replace("\u00a0", " ").split())


def test_other_kinds_of_files_are_refused(record, tmp_path):
    with pytest.raises(FileProblem, match=r"must end in \.png or \.svg"):
        save(record, tmp_path / "a.pdf")
