"""A training while it is written: what is typed becomes its lines, and what cannot be is told with its setting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.palette import THEMES
from foadv_gui.lab.training.draft import BOTH, SCALE, TrainingDraft
from foadv_gui.lab.training.looks import line_colours
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.thumbnail import digit_image

DRAFT = TrainingDraft(Experiment())


def test_a_training_is_written_as_it_is_read() -> None:
    training = Training(Experiment()).over([(SCALE, [0.1, 1.0, 3.0]), ("training.mode", "adversarial,clean")])
    draft = TrainingDraft.of(training)
    assert draft.scales == "0.1, 1, 3"
    assert draft.choice("training.mode") == BOTH
    assert draft.choice("training.rate_units") == "squared-scale"
    assert draft.training is not None
    assert draft.training.identity == training.identity
    assert draft.words == "6 networks"


def test_scales_come_first_and_both_choices_last() -> None:
    draft = DRAFT.choosing("training.rate_units", BOTH).varying(SCALE, "0.1,1").changed({"training.repeats": 3})
    assert draft.training is not None
    assert [line.values for line in draft.training.lines] == [
        *((0.1, "squared-scale"), (0.1, "absolute")),
        *((1.0, "squared-scale"), (1.0, "absolute")),
    ]
    assert draft.words == "4 lines × 3 seeds = 12 networks"
    again = draft.varying(SCALE, "3").choosing("training.rate_units", "absolute")
    assert again.axes == ((SCALE, "3"),)
    assert again.section.rate_units == "absolute"
    assert DRAFT.scales == "1"


def test_what_cannot_be_is_told_with_its_setting_and_can_be_mended_step_by_step() -> None:
    file = DRAFT.changed({"training.data": "file"})
    assert file.training is None
    assert file.error is not None
    assert file.error.key == "training.file"
    assert "Data file: must name a file" in file.problem
    assert file.changed({"training.file": "x.npz"}).problem == ""
    alike = DRAFT.changed({"training.data": "digits", "training.digit_minus": 3})
    assert alike.error is not None
    assert alike.error.key == "training.digit_minus"
    assert DRAFT.varying(SCALE, "0.1,,1").error is not None
    assert DRAFT.varying(SCALE, "lin:0.1:1:25").words == ""  # more than are compared
    with pytest.raises(ExperimentError, match=r"training\.points"):
        DRAFT.changed({"training.points": 0})


def test_an_experiment_is_made_one_that_can_be_trained() -> None:
    explored = Experiment().changed({"ascent.constraint": "l2-sphere", "ascent.box": "-5, 5", "input.source": "digits"})
    draft = DRAFT.on(explored)
    assert draft.training is not None
    assert draft.base.ascent.constraint == "l2-ball"
    assert draft.section.data == "digits"


def test_a_digit_is_drawn_from_paper_to_ink() -> None:
    images = [digit_image(digit) for digit in range(10)]
    assert all(image.shape == (8, 8) and image.min() == 0 and image.max() == 255 for image in images)
    assert digit_image(1)[:, 0].max() < digit_image(0).max() / 2  # a one is narrow
    assert len({image.tobytes() for image in images}) == 10


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_neighbouring_lines_differ_in_colour_and_all_stand_out(theme: object) -> None:
    def rgb(colour: str) -> np.ndarray:
        return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], float)

    for count in (1, 2, 3, 5, 8):
        colours = [rgb(colour) for colour in line_colours(theme, count)]  # type: ignore[arg-type]
        assert len(colours) == count
        assert all(np.abs(one - other).sum() > 30 for one, other in itertools.pairwise(colours))
        assert all(np.abs(one - rgb(theme.plot)).sum() > 200 for one in colours)  # type: ignore[attr-defined]
