"""A training is drawn by `foadv render`, as curves or as an animation; one that is not trained is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import call, refused
from PIL import Image

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.training.files import save_record
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.ready import training_names
from foadv_gui.lab.training.study import train

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {"network": {"width": 8, "dimension": 3}, "view": {"grid": 21}, "title": "Small"}


@pytest.fixture(scope="module")
def training() -> Training:
    small = {"training.points": 4, "training.held_out": 2, "training.epochs": 1, "training.inner_steps": 2}
    return Training(Experiment.model_validate(SMALL)).changed(small)


@pytest.fixture(scope="module")
def file(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    *_, record = train(training)
    path = tmp_path_factory.mktemp("training") / "a.npz"
    save_record(record, path)
    return path


def test_render_draws_the_figure_of_a_training(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.svg"
    done = call("render", str(file), "-o", str(picture), "--size", "720x720", "--set", "title=Other")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"saved as {picture}\n"
    assert "Other" in picture.read_text(encoding="utf-8")


def test_render_draws_the_animation_of_a_training(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.gif"
    done = call("render", str(file), "-o", str(picture), "--size", "400x320", "--point", "3", "--fps", "2")
    assert done.exit_code == 0, done.output
    with Image.open(picture) as found:
        assert found.size == (400, 320) and found.n_frames == 2 and found.info["duration"] == 500


def test_a_training_that_is_not_trained_is_refused_with_the_command_that_does(
    training: Training, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(training.to_toml(), encoding="utf-8")
    for target, name in ((training_names()[0], training_names()[0]), (str(tmp_path / "mine.toml"), "mine")):
        line = refused("render", target, "-o", str(tmp_path / "a.gif"))
        assert f"train it first: foadv train {target} -o {name}.npz" in line and f"foadv render {name}.npz" in line


def test_what_cannot_be_drawn_is_refused(file: Path, tmp_path: Path) -> None:
    animation, picture = str(tmp_path / "a.mp4"), str(tmp_path / "a.png")
    assert "must be from 1 to 4" in refused("render", str(file), "-o", animation, "--point", "5")
    assert "--point and --fps belong to an animation" in refused("render", str(file), "-o", picture, "--fps", "3")
    assert "drawn as it was trained" in refused("render", str(file), "-o", picture, "--set", "training.rate=2")
    assert "only of a training there is an animation" in refused("render", "digits", "-o", animation)
    assert not list(tmp_path.iterdir())
