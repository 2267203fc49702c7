"""The command line: what it prints and writes, how it is interrupted, and what it does not import."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import call, foadv, refused, strict

from foadv_gui.lab import experiment
from foadv_gui.lab.comparison import comparison_names, load_comparison
from foadv_gui.lab.experiment import run
from foadv_gui.lab.presets import load_preset, preset_names
from foadv_gui.lab.recording import load
from foadv_gui.lab.sweep.ready import load_sweep, sweep_names
from foadv_gui.lab.training.ready import load_training, training_names

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "PySide6", "matplotlib", "numpy", "scipy", "pydantic", "pyqtgraph")
RESTART = {
    *(
        "stop_reason",
        "converged_at",
        "loss",
        "best_step",
        "best_loss",
        "radius",
        "tangential",
        "cosine",
        "fosc",
        "multiplier",
    ),
    *(
        "tangent_eigenvalue_max",
        "local_maximum",
        "newton_distance",
        "rate_predicted",
        "step_fastest",
        "rate_observed",
        "step_max",
    ),
    "why",
}
BALL = {"M2", "M3", "g_min", "q", "unique", "maxima_of_loss", "upper_bound", "gap", "strongest_loss"} | {
    "certified_scale",
    "why",
}
QUICK = ("--set", "network.width=16", "--set", "network.dimension=4", "--set", "ascent.restarts=2")


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """A small experiment in a file."""
    path = tmp_path / "quick.toml"
    path.write_text(
        'title = "Quick"\n[network]\nwidth = 16\ndimension = 4\n[input]\nscale = 0.5\n[ascent]\nrestarts = 2\n',
        encoding="utf-8",
    )
    return path


# ---- help, version, presets ----------------------------------------


def test_the_help_names_the_commands_and_comes_at_once() -> None:
    script = f"""
import sys, time
started = time.perf_counter()
sys.argv = ["foadv", "--help"]
from foadv_gui.__main__ import main
try:
    main()
finally:
    heavy = [name for name in {HEAVY!r} if name in sys.modules]
    print(time.perf_counter() - started, *heavy, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    for command in ("open", "presets", "run", "sweep", "render", "doctor"):
        assert f"  {command} " in done.stdout
    seconds, *heavy = done.stderr.split()
    assert heavy == []
    # 0.15 s on a quiet machine; the bound leaves room for busy neighbours.
    assert float(seconds) < 2


@pytest.mark.parametrize("command", ["open", "presets", "run", "sweep", "render", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    done = call(command, "--help")
    assert done.exit_code == 0
    assert command in done.stdout


def test_the_version_is_that_of_the_package() -> None:
    from foadv_gui import __version__

    assert call("--version").stdout == f"foadv {__version__}\n"


def test_presets_are_listed_one_a_line_in_full_without_a_terminal() -> None:
    done = foadv("presets", env={**os.environ, "COLUMNS": "20"})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    titles = {name: load_preset(name).title for name in preset_names()}
    titles |= {name: f"comparison: {load_comparison(name).title}" for name in comparison_names()}
    titles |= {name: f"sweep: {load_sweep(name).base.title}" for name in sweep_names()}
    titles |= {name: f"training: {load_training(name).title}" for name in training_names()}
    for line, (name, title) in zip(lines, titles.items(), strict=True):
        assert line.split()[0] == name and line.endswith(f"  {title}")


def test_a_console_that_has_no_greek_is_no_reason_to_fail() -> None:
    done = foadv("presets", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    names = preset_names() + comparison_names() + sweep_names() + training_names()
    assert [line.split()[0] for line in done.stdout.splitlines()] == names


# ---- run -----------------------------------------------------------


def test_run_prints_the_verdict_in_words(quick: Path) -> None:
    done = call("run", str(quick))
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "Quick"
    assert "2 paths" in lines[1] and "steps in" in lines[1] and "CPU float64" in lines[1]
    assert any(line.startswith("  ✓ strict local maximum") for line in lines)
    assert lines[-1].startswith("2 of 2 paths converged")


def test_run_writes_json_as_it_is_designed(tmp_path: Path) -> None:
    done = call("run", "digits", "--json", "-o", str(tmp_path / "d.npz"))
    assert done.exit_code == 0, done.output
    known = strict(done.stdout)
    for key in ("experiment", "device", "seconds", "best", "restarts", "ball", "distinct_maxima", "why"):
        assert key in known
    assert known["experiment"] == json.loads(load_preset("digits").model_dump_json())
    assert known["device"] == "CPU float64" and 0 < known["seconds"] < 60
    assert set(known["ball"]) == BALL
    assert known["ball"]["why"] and known["distinct_maxima"] == 2
    recording = load(tmp_path / "d.npz")
    assert known["best"] == recording.best
    assert len(known["restarts"]) == recording.restarts == 16
    for k, entry in enumerate(known["restarts"]):
        assert set(entry) == RESTART
        assert entry["local_maximum"] is True and entry["stop_reason"] == "converged"
        assert entry["loss"] == recording.loss[-1, k]
        assert entry["rate_observed"] == pytest.approx(entry["rate_predicted"], rel=0.05)


@pytest.mark.parametrize(
    "changes",
    [
        ("network.activation=relu",),
        ("ascent.step=1e6",),
        ("ascent.step=1e6", "ascent.step_units=absolute", "network.activation=softplus", "network.weight_scale=1e4"),
        ("ascent.start=zero", "ascent.steps=1"),
        ("compute.dtype=float32", "ascent.tolerance=0"),
        ("ascent.constraint=linf-ball", "ascent.rule=sign"),
        ("network.dimension=1",),
    ],
)
def test_json_is_valid_whatever_happens(changes: tuple[str, ...]) -> None:
    done = call("run", "one-hill", "--json", *QUICK, *(part for change in changes for part in ("--set", change)))
    assert done.exit_code == 0, done.output
    for entry in strict(done.stdout)["restarts"]:
        silent = [key for key, value in entry.items() if value is None and key != "why"]
        assert not silent or entry["why"]


def test_weights_that_overflow_are_told_in_words(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "w.npz", W=generator.standard_normal((8, 4)), a=1e300 * generator.standard_normal(8))
    weights = ("network.source=file", f"network.file={tmp_path / 'w.npz'}", "network.dimension=4")
    done = call("run", "one-hill", *(part for change in weights for part in ("--set", change)))
    assert done.exit_code == 0, done.output
    assert "16 diverged. No path has a finite loss." in done.stdout
    assert "diverged: the loss or its gradient overflowed" in done.stdout
    assert not {"nan", "inf"} & set(done.stdout.replace(":", " ").split())


def test_settings_are_changed_together_and_read_as_in_a_file(quick: Path) -> None:
    changes = "input.scale=0.25", "ascent.box=[-1, 1]", "view.contours=false", "network.activation=sin", "title=2 x"
    done = call("run", str(quick), "--json", *(part for change in changes for part in ("--set", change)))
    assert done.exit_code == 0, done.output
    changed = strict(done.stdout)["experiment"]
    assert changed["input"]["scale"] == 0.25
    assert changed["ascent"]["box"] == [-1, 1]
    assert changed["view"]["contours"] is False
    assert changed["network"]["activation"] == "sin"
    assert changed["title"] == "2 x"


def test_settings_that_are_possible_only_together_are_taken_together(quick: Path) -> None:
    # Either change alone is refused.
    done = call("run", str(quick), "--set", "ascent.constraint=l2-sphere", "--set", "ascent.start=sphere", "--json")
    assert strict(done.stdout)["experiment"]["ascent"]["start"] == "sphere"
    assert "ball, sphere or file" in refused(
        "run", str(quick), "--set", "ascent.constraint=l2-sphere", "--set", "ascent.start=zero"
    )


def test_a_recording_can_be_run_again_and_changed(quick: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "a.npz", tmp_path / "b.npz"
    assert call("run", str(quick), "-o", str(first)).exit_code == 0
    assert f"saved as {again}" in call("run", str(first), "-o", str(again)).stdout
    np.testing.assert_array_equal(load(first).delta, load(again).delta)
    assert call("run", str(first), "--set", "input.scale=1", "-o", str(again)).exit_code == 0
    assert load(again).experiment.input.scale == 1
    np.testing.assert_array_equal(load(again).delta, run(load(again).experiment).delta)


def test_starts_of_a_recordings_own_are_taken_again(quick: Path, tmp_path: Path) -> None:
    hand, again, other = (tmp_path / name for name in ("hand.npz", "again.npz", "other.npz"))
    first = run(load_preset("one-hill"), starts=0.1 * np.random.default_rng(0).standard_normal((3, 64)))
    first.save(hand)
    for target in (hand, again):
        assert call("run", str(target), "-o", str(again)).exit_code == 0
        np.testing.assert_array_equal(load(again).delta, first.delta)
    picture = str(tmp_path / "a.png")
    assert call("render", str(hand), "-o", picture, "--size", "640x360", "--set", "ascent.steps=3").exit_code == 0
    assert call("run", str(hand), "-o", str(other), "--set", "ascent.seed=1").exit_code == 0
    np.testing.assert_array_equal(load(other).delta, run(load(other).experiment).delta)


def test_a_thinned_recording_is_said_to_be_one(quick: Path) -> None:
    long = ("--set", "ascent.steps=2000", "--set", "ascent.tolerance=0", "--set", "compute.memory_mib=64")
    large = ("--set", "network.dimension=2000", "--set", "ascent.restarts=4")
    assert "every 4th iterate kept: memory budget\n" in call("run", str(quick), *long, *large).stdout
    assert "kept" not in call("run", str(quick)).stdout


def test_files_on_the_line_are_named_in_full(quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("d0.npy", np.zeros((1, 4)))
    changes = ("--set", "ascent.start=file", "--set", "ascent.start_file=d0.npy")
    assert call("run", str(quick), *changes, "-o", "a.npz").exit_code == 0
    assert load("a.npz").experiment.ascent.start_file == str(tmp_path / "d0.npy")


def test_a_file_is_replaced_whole_or_not_at_all(quick: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.npz"
    target.write_text("precious")
    refused("run", str(quick), "-o", str(target), "--set", "input.scale=-1")
    assert target.read_text() == "precious"
    assert call("run", str(quick), "-o", str(target)).exit_code == 0
    assert load(target).finished
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "quick.toml"]


def test_the_progress_bar_does_not_reach_a_pipe(quick: Path) -> None:
    done = call("run", str(quick), "--json")
    assert done.stderr == ""
    strict(done.stdout)


def with_ctrl_c(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the user press Ctrl+C as soon as a run has shown something."""
    climb = experiment.climb

    def pressed(problem: Any, on_iterate: Any, **more: Any) -> Any:
        def watch(recording: Any) -> None:
            on_iterate(recording)
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

        return climb(problem, watch, **more)

    monkeypatch.setattr(experiment, "climb", pressed)


def test_ctrl_c_ends_a_run_in_good_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_ctrl_c(1, monkeypatch)
    before = signal.getsignal(signal.SIGINT)
    target = tmp_path / "a.npz"
    endless = "--set", "ascent.tolerance=0", "--set", "ascent.steps=50000"
    done = call("run", "one-hill", "--json", "-o", str(target), *QUICK, *endless)
    assert done.exit_code == 130
    assert {entry["stop_reason"] for entry in strict(done.stdout)["restarts"]} == {"cancelled"}
    assert f"cancelled at step {load(target).steps} of at most 50000" in done.stdout
    assert 0 < load(target).steps < 1000
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_ctrl_c(2, monkeypatch)
    target = tmp_path / "a.npz"
    done = call("run", "one-hill", "-o", str(target), "--set", "ascent.tolerance=0", *QUICK)
    assert done.exit_code == 130
    assert not target.exists()


# ---- render, doctor, desktop ---------------------------------------------


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_render_draws_a_file_a_preset_or_a_recording(kind: str, quick: Path, tmp_path: Path) -> None:
    recording = tmp_path / "a.npz"
    assert call("run", str(quick), "-o", str(recording)).exit_code == 0
    for target in (str(quick), str(recording)):
        picture = tmp_path / f"a.{kind}"
        done = call("render", target, "-o", str(picture), "--size", "640x360", "--theme", "dark")
        assert done.exit_code == 0, done.output
        assert done.stdout == f"saved as {picture}\n"
        assert picture.stat().st_size > 10_000
        picture.unlink()


def test_a_recording_is_drawn_as_saved_unless_its_settings_change(
    quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = tmp_path / "a.npz"
    assert call("run", str(quick), "-o", str(recording)).exit_code == 0
    runs: list[object] = []
    from foadv_gui.lab import scene

    climbing = scene.climbing
    monkeypatch.setattr(scene, "climbing", lambda *a, **k: runs.append(a) or climbing(*a, **k))
    picture = str(tmp_path / "a.png")
    small = ("-o", picture, "--size", "640x360")
    assert call("render", str(recording), *small, "--set", "view.quantity=residual").exit_code == 0
    assert runs == []
    assert call("render", str(recording), *small, "--set", "input.scale=2").exit_code == 0
    assert len(runs) == 1


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the desktop was asked for, in place of a window."""
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr("foadv_gui.desktop.app.main", lambda *a, **k: asked.append((*a, k)) or 0)
    monkeypatch.setattr("foadv_gui.desktop.app.screenshot", lambda *a, **k: asked.append((*a, k)))
    return asked


def test_without_a_command_the_desktop_opens(desktop: list[tuple[Any, ...]]) -> None:
    assert call().exit_code == 0
    assert desktop == [({},)]


def test_open_hands_over_the_experiment_and_its_changes(desktop: list[tuple[Any, ...]]) -> None:
    assert call("open", "digits", "--theme", "dark").exit_code == 0
    assert call("open", "digits", "--set", "input.index=7").exit_code == 0
    (found, rest), (changed, _) = desktop
    assert rest == {"name": "digits", "theme": "dark"}
    assert found.experiment == load_preset("digits")
    assert changed.experiment == load_preset("digits").replace("input.index", 7)


def test_open_shows_a_saved_run_unless_another_is_asked_for(
    desktop: list[tuple[Any, ...]], quick: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.npz"
    assert call("run", str(quick), "-o", str(path)).exit_code == 0
    for change in ("view.plane=two-random", "input.scale=2"):
        assert call("open", str(path), "--set", change).exit_code == 0
    (shown, _), (anew, _) = desktop
    assert shown.experiment.view.plane == "two-random"
    np.testing.assert_array_equal(shown.recording.delta, load(path).delta)
    assert anew.recording is None


def test_a_screenshot_is_asked_for(desktop: list[tuple[Any, ...]], tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    arguments = ("open", "digits", "--screenshot", str(picture), "--at", "5", "--size", "1920x1080", "--theme", "light")
    assert call(*arguments).exit_code == 0
    ((found, path, rest),) = desktop
    assert found.experiment == load_preset("digits")
    assert path == picture
    assert rest == {"name": "digits", "at": 5, "size": (1920, 1080), "theme": "light"}


def test_the_status_of_the_desktop_is_that_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foadv_gui.desktop.app.main", lambda *_, **__: 7)
    assert call().exit_code == 7
    assert call("open", "digits").exit_code == 7
