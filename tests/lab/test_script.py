"""A run as a Python script: run by Python itself, it makes the same recording to the last bit."""

from __future__ import annotations

import runpy
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scenes import SMALL

from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.experiment import own_starts, run
from foadv_gui.lab.export import save_weights
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.presets import load_preset, preset_names
from foadv_gui.lab.recording import load
from foadv_gui.lab.script import MOST_LITERAL, check_reproducible, is_short, save_script, script

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.recording import Recording

_RUN_ALL = """
import runpy, sys
for path in sys.argv[1:]:
    runpy.run_path(path, run_name="__main__")["recording"].save(path + ".npz")
"""


def is_same(first: Recording, second: Recording) -> bool:
    mine, others = first.arrays, second.arrays
    return mine.keys() == others.keys() and all(np.array_equal(mine[name], others[name]) for name in mine)


def by_hand(shape: tuple[int, int]) -> Any:
    return np.random.default_rng(5).normal(0, 0.1, shape)


def test_scripts_run_by_python_give_the_same_recordings(tmp_path: Path) -> None:
    odd = SMALL.changed(
        {
            "title": 'Said "so"\n\\ and """ more # of it',
            "watch": "λ\tand κ",
            "ascent.box": (-1.5, 1.5),
            "compute.dtype": "float64",
            "network.activation": "softplus",
        }
    )
    many = SMALL.changed({"ascent.restarts": 40})
    runs = {
        "plain.py": (SMALL, None),
        "odd.py": (odd, by_hand((3, 6))),
        "many.py": (many, by_hand((40, 6))),
    }
    assert 3 * 6 <= MOST_LITERAL < 40 * 6
    recordings = {name: run(experiment, starts=starts) for name, (experiment, starts) in runs.items()}
    for name, recording in recordings.items():
        save_script(tmp_path / name, recording.experiment, own_starts(recording))
    assert [path.name for path in sorted(tmp_path.glob("*.npy"))] == ["many.starts.npy"]
    names = [str(tmp_path / name) for name in runs]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-W", "error", "-c", _RUN_ALL, *names]
    done = subprocess.run(command, capture_output=True, text=True, cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    for name, recording in recordings.items():
        assert is_same(load(tmp_path / f"{name}.npz"), recording), name
        best = recording.loss[-1, recording.best]
        assert f"path {recording.best} of {recording.restarts}: loss {best:.6g}" in done.stdout
    assert done.stdout.count("\n- ") + done.stdout.startswith("- ") >= 3 * len(runs)


def test_a_script_shows_how_to_get_at_the_adversary(tmp_path: Path) -> None:
    save_script(tmp_path / "a.py", SMALL)
    found = runpy.run_path(str(tmp_path / "a.py"))
    recording = found["recording"]
    np.testing.assert_array_equal(found["adversary"], recording.x + recording.delta[-1, recording.best].astype(float))


@pytest.mark.parametrize("name", preset_names())
def test_a_script_names_what_differs_from_the_defaults_and_no_more(name: str) -> None:
    preset = load_preset(name)
    text = script(preset)
    assert len(text.splitlines()) < 40
    scope: dict[str, Any] = {}
    exec(text[: text.index("recording = run")], scope)
    assert scope["experiment"] == preset
    assert '"compute"' not in text or preset.compute != type(preset)().compute


def test_files_are_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = SMALL.changed({"network.source": "file", "network.file": "w.npz"})
    assert str(tmp_path / "w.npz") in script(own)


def test_starts_beside_a_script_replace_no_other_file(tmp_path: Path) -> None:
    starts = by_hand((50, 6))
    assert not is_short(starts)
    (tmp_path / "a.starts.npy").write_text("somebody's")
    with pytest.raises(FileProblem, match="choose another name"):
        save_script(tmp_path / "a.py", SMALL, starts)
    assert (tmp_path / "a.starts.npy").read_text() == "somebody's"
    assert not (tmp_path / "a.py").exists()


def test_a_run_that_its_settings_do_not_give_has_no_script(tmp_path: Path) -> None:
    recording = run(SMALL)
    check_reproducible(recording, recording.experiment)
    trained = replace(recording, weights={**recording.weights, "W": recording.W + 0.01})
    with pytest.raises(ExperimentError, match="another network"):
        check_reproducible(trained, SMALL)
    with pytest.raises(ExperimentError, match="another input"):
        check_reproducible(replace(recording, x=-recording.x), SMALL)
    file = tmp_path / "w.npz"
    save_weights(file, trained)
    own = {"network.source": "file", "network.file": str(file), "network.weight_scale": 1.0}
    check_reproducible(trained, SMALL.changed(own))
