"""What a name or a file stands for; and an experiment's own file, which gives the same run wherever it lies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from foadv_gui.lab.comparison import comparison_names
from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.documents import find_training, look_up, save_experiment
from foadv_gui.lab.experiment import given_starts, run
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.presets import load_preset, preset_names
from foadv_gui.lab.sweep.ready import sweep_names
from foadv_gui.lab.training.files import save_record
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.ready import load_training, training_names
from foadv_gui.lab.training.study import train

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.training.record import TrainingRecord

SMALL = Experiment.model_validate(
    {"title": "Small", "network": {"width": 12, "dimension": 5}, "ascent": {"steps": 10, "restarts": 3}}
)
BY_HAND = 0.05 * np.random.default_rng(3).standard_normal((3, 5))


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Recording]:
    """A run from starts set by hand, and its file."""
    recording = run(SMALL, starts=BY_HAND)
    recording.save(tmp_path / "run.npz")
    return tmp_path / "run.npz", recording


def again(path: Path, **changes: Any) -> Recording:
    """What `foadv run` gives."""
    found = look_up(path, {key.replace("__", "."): value for key, value in changes.items()})
    return run(found.experiment, starts=given_starts(found.starts, found.experiment))


def test_a_preset_and_a_file_stand_for_an_experiment(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SMALL.to_toml(), encoding="utf-8")
    assert look_up(tmp_path / "mine.toml").experiment == SMALL
    name = preset_names()[0]
    found = look_up(name, {"input.scale": 0.5, "title": "mine"})
    assert found.experiment == load_preset(name).replace("input.scale", 0.5, title="mine")
    assert found.recording is None and found.starts is None


@pytest.mark.parametrize("changes", [{}, {"view.plane": "two-random"}, {"title": "other"}, {"input.scale": 1.0}])
def test_a_recording_is_shown_as_saved_unless_another_run_is_asked_for(
    saved: tuple[Path, Recording], changes: dict[str, object]
) -> None:
    found = look_up(saved[0], changes)
    assert found.recording is not None
    np.testing.assert_array_equal(found.recording.delta, saved[1].delta)
    assert found.experiment == SMALL.replace("title", SMALL.title, **changes)


def test_a_change_of_the_run_keeps_its_starts_where_they_still_mean_something(saved: tuple[Path, Recording]) -> None:
    path, recording = saved
    np.testing.assert_array_equal(again(path).delta, recording.delta)
    longer = again(path, ascent__steps=20)
    np.testing.assert_array_equal(longer.delta[: len(recording.delta)], recording.delta)
    assert look_up(path, {"ascent.steps": 20}).recording is None
    larger = again(path, input__scale=2.0)
    np.testing.assert_allclose(larger.delta[0], 2 * recording.delta[0])
    for change in ({"network.dimension": 7}, {"ascent.seed": 9}, {"ascent.restarts": 2}, {"ascent.start": "zero"}):
        assert look_up(path, change).starts is None


def test_what_is_no_recording_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    with pytest.raises(FileProblem, match="No such file"):
        look_up(path)
    np.savez(path, config=np.array(json.dumps({"input": {"scale": 1}})))
    with pytest.raises(FileProblem, match="not a recording of this program") as caught:
        look_up(path)
    assert str(caught.value).startswith(str(path))


def test_a_change_that_cannot_be_is_refused(saved: tuple[Path, Recording]) -> None:
    with pytest.raises(ExperimentError, match=r"did you mean view\.plane"):
        look_up(saved[0], {"view.plan": 1})


def test_an_experiment_with_starts_of_its_own_gives_the_same_run_from_its_file(saved: tuple[Path, Recording]) -> None:
    path, recording = saved
    folder = path.parent / "elsewhere"
    folder.mkdir()
    save_experiment(folder / "mine.toml", SMALL, given_starts(recording, SMALL))
    starts = np.load(folder / "mine.starts.npy")
    assert (starts.shape, starts.dtype) == ((3, 5), np.float64)
    assert 'start_file = "mine.starts.npy"' in (folder / "mine.toml").read_text(encoding="utf-8")
    moved = folder.rename(path.parent / "moved")
    np.testing.assert_array_equal(again(moved / "mine.toml").delta, recording.delta)


def test_files_beside_a_working_folder_are_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("w.npz", W=np.eye(5), a=np.ones(5))
    np.save("x.npy", np.arange(1.0, 6))
    experiment = SMALL.replace(
        "network.source",
        "file",
        **{"network.file": "w.npz", "input.source": "file", "input.file": "x.npy"},
    )
    (tmp_path / "folder").mkdir()
    save_experiment(tmp_path / "folder" / "mine.toml", experiment)
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["mine.toml"]
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(again(tmp_path / "folder" / "mine.toml").W, np.eye(5))


def test_starts_replace_nothing_that_nobody_was_asked_about(tmp_path: Path) -> None:
    (tmp_path / "mine.starts.npy").write_text("precious")
    with pytest.raises(FileProblem, match=r"mine\.starts\.npy: there is such a file already"):
        save_experiment(tmp_path / "mine.toml", SMALL, BY_HAND)
    assert not (tmp_path / "mine.toml").exists()
    assert (tmp_path / "mine.starts.npy").read_text() == "precious"
    (tmp_path / "mine.toml").write_text("old")
    save_experiment(tmp_path / "mine.toml", SMALL, BY_HAND)
    np.testing.assert_array_equal(np.load(tmp_path / "mine.starts.npy"), BY_HAND)


def test_an_ending_in_capitals_is_the_same_ending(tmp_path: Path) -> None:
    recording = run(SMALL)
    recording.save(tmp_path / "RUN.NPZ")
    found = look_up(tmp_path / "RUN.NPZ").recording
    assert found is not None
    np.testing.assert_array_equal(found.delta, recording.delta)
    save_experiment(tmp_path / "RUN.TOML", SMALL)
    assert look_up(tmp_path / "RUN.TOML").experiment == SMALL


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingRecord]:
    """A training, and its file."""
    small = {"training.points": 4, "training.held_out": 2, "training.epochs": 2, "training.inner_steps": 2}
    *_, record = train(Training(SMALL).changed(small).over([("input.scale", [0.1, 1.0])]))
    path = tmp_path_factory.mktemp("training") / "trained.npz"
    save_record(record, path)
    return path, record


def test_the_record_of_a_training_stands_for_it_and_for_what_was_trained(trained: tuple[Path, TrainingRecord]) -> None:
    path, record = trained
    found = look_up(path)
    assert found.training == record.training and found.trained is not None and found.recording is None
    np.testing.assert_array_equal(found.trained.tracks[1].W, record.tracks[1].W)
    assert found.experiment == record.training.base


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"title": "other"}, True),
        ({"view.plane": "two-random"}, True),
        ({"training.epochs": 9}, True),
        ({"training.epochs": 1}, False),
        ({"training.rate": 2.0}, False),
        ({"input.ratio": 0.2}, False),
    ],
)
def test_a_changed_training_keeps_its_record_while_its_course_is_the_same(
    trained: tuple[Path, TrainingRecord], changes: dict[str, object], kept: bool
) -> None:
    found = look_up(trained[0], changes)
    assert found.training == trained[1].training.changed(changes)
    assert (found.trained is not None) == kept
    if found.trained is not None:
        assert found.trained.training == found.training  # so that it can go on


def test_a_training_is_found_by_its_name_and_by_its_file(tmp_path: Path) -> None:
    name = training_names()[0]
    assert look_up(name).training == load_training(name) and look_up(name).trained is None
    training = Training(SMALL).changed({"training.epochs": 7})
    (tmp_path / "mine.toml").write_text(training.to_toml(), encoding="utf-8")
    found = look_up(tmp_path / "mine.toml", {"training.epochs": 8})
    assert found.training == training.replace("training.epochs", 8)


def test_a_name_stands_for_one_thing() -> None:
    names = [*preset_names(), *comparison_names(), *sweep_names(), *training_names()]
    assert sorted(names) == sorted(set(names))


def test_what_is_no_training_is_found_as_ever(saved: tuple[Path, Recording], tmp_path: Path) -> None:
    assert look_up(saved[0]).training is None
    (tmp_path / "plain.toml").write_text(SMALL.to_toml(), encoding="utf-8")
    assert find_training(tmp_path / "plain.toml") is None and find_training(preset_names()[0]) is None
    assert find_training(sweep_names()[0]) is None and find_training(comparison_names()[0]) is None
