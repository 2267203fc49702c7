"""A preset is found by its name, an experiment by its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from foadv_gui.lab import presets
from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.files import FileProblem
from foadv_gui.resources import resource

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two presets in place of those that are shipped."""
    (tmp_path / "20-alps.toml").write_text('title = "Many summits"\n[input]\nscale = 10.0\n', encoding="utf-8")
    (tmp_path / "10-hill.toml").write_text('title = "One hill"\n[input]\nscale = 0.1\n', encoding="utf-8")
    (tmp_path / "zebra.toml").write_text("", encoding="utf-8")
    monkeypatch.setattr("foadv_gui.lab.shelf.resource", lambda *parts: tmp_path)
    return tmp_path


def test_a_number_orders_presets_and_is_no_part_of_the_name(shelf: Path) -> None:
    assert presets.preset_names() == ["hill", "alps", "zebra"]
    assert presets.load_preset("hill").input.scale == 0.1
    assert presets.find("alps").title == "Many summits"


def test_an_unknown_preset_is_refused_with_the_nearest_name(shelf: Path) -> None:
    for find in (presets.load_preset, presets.find):
        with pytest.raises(ExperimentError, match="did you mean alps"):
            find("alpz")


@pytest.mark.parametrize("name", ["../hill", "hill.toml", "", "..", "10-hill"])
def test_a_preset_name_is_no_path(shelf: Path, name: str) -> None:
    with pytest.raises(ExperimentError, match="no preset of that name"):
        presets.load_preset(name)


def test_an_experiment_is_found_by_its_file(tmp_path: Path) -> None:
    experiment = Experiment().replace("input.scale", 0.25)
    (tmp_path / "mine.toml").write_text(experiment.to_toml(), encoding="utf-8")
    (tmp_path / "other.txt").write_text(experiment.to_toml(), encoding="utf-8")
    assert presets.find(tmp_path / "mine.toml") == experiment
    assert presets.find(str(tmp_path / "other.txt")) == experiment


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("none.toml", "none"):
        with pytest.raises((FileProblem, ExperimentError), match=name):
            presets.find(tmp_path / name)


@pytest.mark.parametrize("name", presets.preset_names())
def test_every_shipped_preset_says_what_it_is_and_what_to_watch(name: str) -> None:
    experiment = presets.find(name)
    assert experiment.title and experiment.watch.endswith(".")
    assert Experiment.from_toml_text(experiment.to_toml()) == experiment


def test_resources_are_found_from_a_checkout() -> None:
    assert resource("data", "digits.npz").is_file()
    assert resource("presets").is_dir()


def test_a_preset_whose_run_was_changed_no_longer_says_what_to_watch() -> None:
    plain, preset_of, what_to_watch = presets.load_preset("digits"), presets.preset_of, presets.what_to_watch
    assert preset_of(plain) == "digits"
    assert what_to_watch(plain) == what_to_watch(plain.replace("view.grid", 51)) == plain.watch
    changed = plain.replace("network.activation", "relu")
    assert preset_of(changed) == "digits"
    assert what_to_watch(changed) == f"Changed from the preset “{plain.title}”"
    own = changed.replace("title", "Mine")
    assert (preset_of(own), what_to_watch(own)) == ("", own.watch)


def test_a_folder_is_no_experiment(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="is a folder"):
        presets.find(tmp_path)
