"""`foadv export`: what a run has found, written to files; and what is refused, in one line."""

from __future__ import annotations

import runpy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars
import pytest
from command_line import call, refused
from PIL import Image
from safetensors.numpy import load_file

from foadv_gui.cli_export import What
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.documents import look_up
from foadv_gui.lab.experiment import run
from foadv_gui.lab.export import EXPORTS
from foadv_gui.lab.gallery import digit_images

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.recording import Recording

SMALL = Experiment.model_validate(
    {
        "network": {"width": 16},
        "input": {"source": "digits", "index": 3},
        "ascent": {"steps": 12, "restarts": 3, "tolerance": 0.0, "box": (-1.0, 1.0)},
        "view": {"grid": 21},
    }
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Recording]:
    """A run whose starts its settings do not give, and its file."""
    starts = np.random.default_rng(2).normal(0, 0.02, (3, 64))
    recording = run(SMALL, starts=starts)
    path = tmp_path_factory.mktemp("export") / "run.npz"
    recording.save(path)
    return str(path), recording


def exported(*arguments: str) -> str:
    done = call("export", *arguments)
    assert done.exit_code == 0, done.output
    return str(done.stdout)


def test_every_export_is_there() -> None:
    assert [str(entry) for entry in What] == list(EXPORTS)


def test_the_strongest_adversary_or_the_one_that_is_named(saved: Any, tmp_path: Path) -> None:
    file, recording = saved
    said = exported(file, "--what", "adversary", "-o", str(tmp_path / "a.npy"))
    best = recording.best
    assert f"restart {best} at step 12" in said
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), recording.x + recording.delta[-1, best].astype(float))
    other = (best + 1) % 3
    exported(
        *(file, "--what", "perturbation", "--restart", str(other), "--step", "5", "-o", str(tmp_path / "d.npy")),
    )
    np.testing.assert_array_equal(np.load(tmp_path / "d.npy"), recording.delta[5, other])


def test_a_digit_is_written_as_the_picture_that_it_is(tmp_path: Path) -> None:
    text = tmp_path / "clean.toml"
    text.write_text(SMALL.changed({"ascent.start": "zero"}).to_toml())
    exported(str(text), "--what", "adversary", "--step", "0", "-o", str(tmp_path / "a.png"))
    exported(str(text), "--what", "triptych", "-o", str(tmp_path / "t.png"))
    pixels = digit_images()[0][3].reshape(8, 8).astype(float)
    with Image.open(tmp_path / "a.png") as picture:
        read = np.asarray(picture).astype(float)
    assert read.shape == (8, 8)
    assert np.corrcoef(read.ravel(), pixels.ravel())[0, 1] > 0.999
    with Image.open(tmp_path / "t.png") as picture:
        assert picture.width > 3 * picture.height


def test_weights_tables_and_the_landscape(saved: Any, tmp_path: Path) -> None:
    file, recording = saved
    exported(file, "--what", "weights", "-o", str(tmp_path / "w.safetensors"))
    np.testing.assert_array_equal(load_file(tmp_path / "w.safetensors")["W"], recording.W)
    exported(file, "--what", "traces", "--restart", "1", "-o", str(tmp_path / "t.csv"))
    table = polars.read_csv(tmp_path / "t.csv", comment_prefix="#")
    np.testing.assert_array_equal(table["loss"], recording.loss[:, 1])
    exported(
        *(file, "--what", "spectrum", "--set", "view.spectrum=euclidean", "--step", "0", "-o", str(tmp_path / "s.csv"))
    )
    spectrum = polars.read_csv(tmp_path / "s.csv", comment_prefix="#")
    assert spectrum["multiplicity"].sum() == 64
    exported(file, "--what", "slice", "-o", str(tmp_path / "s.npz"))
    with np.load(tmp_path / "s.npz", allow_pickle=False) as arrays:
        assert arrays["values"].shape == (21, 21)
        np.testing.assert_array_equal(arrays["x"], recording.x)


def test_a_script_and_an_experiment_give_the_saved_run_again(saved: Any, tmp_path: Path) -> None:
    file, recording = saved
    exported(file, "--what", "script", "-o", str(tmp_path / "s.py"))
    again = runpy.run_path(str(tmp_path / "s.py"))["recording"]
    np.testing.assert_array_equal(again.delta, recording.delta)
    exported(file, "--what", "toml", "-o", str(tmp_path / "e.toml"))
    found = look_up(tmp_path / "e.toml")
    np.testing.assert_array_equal(run(found.experiment).delta, recording.delta)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("digits", "--what", "adversary"), "--output"),
        (("digits", "-o", "a.npy"), "--what"),
        (("digits", "--what", "everything", "-o", "a.npy"), "everything"),
        (("digits", "--what", "weights", "-o", "a.npy"), "a.npy: the name must end in .npz or .safetensors"),
        (("digits", "--what", "slice", "-o", "/none/a.npz"), "there is no folder /none"),
        (("digits", "--what", "weights", "--restart", "0", "-o", "a.npz"), "--restart 0: belongs to one path"),
        (("digits", "--what", "traces", "--step", "3", "-o", "a.csv"), "--step 3: belongs to one iterate"),
        (("one-hill", "--what", "triptych", "-o", "a.png"), "this input is no image"),
        (("scales", "--what", "weights", "-o", "a.npz"), "is a comparison"),
        (("paper-claim", "--what", "weights", "-o", "a.npz"), "is a sweep"),
        (("training-claim", "--what", "weights", "-o", "a.npz"), "is a training"),
        (("one-hil", "--what", "weights", "-o", "a.npz"), "did you mean one-hill?"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in refused("export", *arguments)
    assert not list(tmp_path.iterdir())


def test_paths_and_steps_that_there_are_not_are_named(saved: Any, tmp_path: Path) -> None:
    file, _ = saved
    out = ("-o", str(tmp_path / "a.npy"))
    assert "must be from 0 to 2" in refused("export", file, "--what", "adversary", "--restart", "3", *out)
    assert "must be from 0 to 12" in refused("export", file, "--what", "adversary", "--step", "13", *out)


def test_a_run_of_a_network_that_its_settings_do_not_give_has_no_script(saved: Any, tmp_path: Path) -> None:
    _, recording = saved
    replace(recording, weights={**recording.weights, "W": 2 * recording.W}).save(tmp_path / "trained.npz")
    line = refused("export", str(tmp_path / "trained.npz"), "--what", "script", "-o", str(tmp_path / "s.py"))
    assert "another network" in line
    assert not (tmp_path / "s.py").exists()
