"""``foadv train``: what it trains and prints, what it refuses before any work, and what a killed one leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command_line import call, refused, strict

from foadv_gui.cli_train import _pace
from foadv_gui.lab.experiment import run
from foadv_gui.lab.presets import load_preset
from foadv_gui.lab.training import study
from foadv_gui.lab.training.files import load_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from foadv_gui.lab.training.record import TrainingRecord

SMALL = ("network.width=8", "network.dimension=3", "training.points=5", "training.held_out=2")
SHORT = ("training.epochs=6", "training.inner_steps=2", "training.probes=1")
OVER = ("--over", "input.scale=0.3,1")


def settings(*changes: str) -> tuple[str, ...]:
    return tuple(part for change in changes for part in ("--set", change))


QUICK = ("train", "one-hill", *settings(*SMALL, *SHORT))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.npz"


def contents(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def assert_same(one: Path, other: Path) -> None:
    mine, theirs = contents(one), contents(other)
    assert mine.keys() == theirs.keys()
    for name, array in mine.items():
        np.testing.assert_array_equal(array, theirs[name], name)


# ---- what it does --------------------------------------------------------------------------------------------------


def test_a_training_is_run_told_and_saved(output: Path) -> None:
    done = call(*QUICK, *OVER, "-o", str(output))
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "Small inputs: one hill"
    assert lines[1].startswith("6 epochs of 2 networks on random points, seed 0 in ") and lines[1].endswith(
        "; 6 of 6 epochs are done"
    )
    assert "γ" in lines[2] and lines[-1] == f"saved as {output}"
    assert done.stderr == ""
    record = load_record(output)
    assert record.finished and record.epoch == 6
    assert [line.scale for line in record.training.lines] == [0.3, 1.0]
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_the_json_has_an_entry_for_each_line() -> None:
    done = call(*QUICK, *OVER, "--json", *settings("training.rate=3"))
    assert done.exit_code == 0, done.output
    scales = strict(done.stdout)["scales"]
    assert [entry["scale"] for entry in scales] == [0.3, 1.0]
    needed = {"scale", "first", "last", "epochs_to_75", "epochs_to_50", "learning_rate", "convention"}
    assert all(needed <= set(entry) for entry in scales)
    assert scales[0]["learning_rate"] == pytest.approx(3 / 0.09) and scales[0]["last"] < scales[0]["first"]


def test_a_training_comes_from_a_ready_one_or_a_file_and_is_changed(tmp_path: Path, output: Path) -> None:
    changes = settings(*SMALL, *SHORT, "training.repeats=1")
    ready = ("train", "training-claim", *changes, "--over", "training.rate_units=absolute")
    assert call(*ready, "--over", "input.scale=1", "-o", str(output)).exit_code == 0
    training = load_record(output).training
    assert [(axis.key, axis.values) for axis in training.axes] == [
        ("input.scale", (1.0,)),
        ("training.rate_units", ("absolute",)),
    ]
    (tmp_path / "mine.toml").write_text(f"title = 'Mine'\n{training.to_toml().partition(chr(10))[2]}")
    done = call("train", str(tmp_path / "mine.toml"), *settings("training.data=digits", "training.mode=clean"))
    assert done.exit_code == 0 and done.stdout.splitlines()[0] == "Mine", done.output


def test_the_file_of_the_points_is_that_of_the_folder_we_are_in(
    tmp_path: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("d.npz", X=np.eye(8)[:, :3] + 0.1, y=np.arange(8))
    done = call(*QUICK, *settings("training.data=file", "training.file=d.npz"), "-o", str(output))
    assert done.exit_code == 0, done.output
    assert load_record(output).training.section.file == str(tmp_path / "d.npz")


def test_what_diverged_is_told_with_a_rate_to_try() -> None:
    done = call(*QUICK, "--over", "training.rate=0.5,100000")
    assert done.exit_code == 0, done.output
    (line,) = (line for line in done.stdout.splitlines() if "; try training.rate = " in line)
    assert line.startswith("γ = 0.1, η = 1e+07: diverged at epoch ")
    rate = float(line.rpartition(" = ")[2])
    assert "try training.rate" not in call(*QUICK, *settings(f"training.rate={rate}")).stdout


def test_an_experiment_on_a_digit_is_trained_on_digits(tmp_path: Path) -> None:
    file = tmp_path / "digit.toml"
    file.write_text("[network]\nwidth = 8\n[input]\nsource = 'digits'\n")
    done = call("train", str(file), *settings(*SHORT, "training.repeats=2"))
    assert " of 2 networks on handwritten 3 (+1) and 8 (−1) in " in done.stdout, done.output


# ---- going on --------------------------------------------------------------------------------------------------------


def test_more_epochs_are_trained_where_fewer_ended(output: Path) -> None:
    whole = output.with_name("whole.npz")
    assert call(*QUICK, *OVER, "-o", str(whole)).exit_code == 0
    assert call(*QUICK, *OVER, *settings("training.epochs=4"), "-o", str(output)).exit_code == 0
    line = refused("train", str(output))
    assert line == f"foadv: {output}: has 4 of 4 epochs: add --set training.epochs=8 for more"
    done = call("train", str(output), *settings("training.epochs=6"))
    assert "2 epochs of 2 networks" in done.stdout and done.stdout.splitlines()[-1] == f"saved as {output}"
    assert_same(output, whole)
    done = call(*QUICK, *OVER, "-o", str(output), "--resume")
    assert done.exit_code == 0 and "nothing trained; 6 of 6 epochs are done" in done.stdout
    assert_same(output, whole)


def pressing(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let somebody press Ctrl+C at an epoch."""
    original = study.train

    def train(*arguments: Any, interrupted: Callable[[], bool]) -> Iterator[TrainingRecord]:
        for record in original(*arguments, interrupted=interrupted):
            if record.epoch == at and not interrupted():
                os.kill(os.getpid(), signal.SIGINT)
                while not interrupted():
                    time.sleep(0.001)
            yield record

    monkeypatch.setattr(study, "train", train)


def test_ctrl_c_keeps_what_there_is_and_resume_does_the_rest(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patched:
        pressing(patched, 3)
        done = call(*QUICK, *OVER, "-o", str(output))
    assert done.exit_code == 130, done.output
    assert signal.getsignal(signal.SIGINT) is before
    assert "3 epochs of 2 networks" in done.stdout and "; 3 of 6 epochs are done" in done.stdout
    assert done.stdout.splitlines()[-1] == f"saved as {output}; --resume does the rest"
    assert refused("train", str(output)) == f"foadv: {output}: has 3 of 6 epochs: add --resume to go on"
    assert call("train", str(output), "--resume").exit_code == 0
    whole = output.with_name("whole.npz")
    assert call(*QUICK, *OVER, "-o", str(whole)).exit_code == 0
    assert_same(output, whole)


def test_ctrl_c_before_anything_is_there_says_so(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "train", lambda *_, **__: iter(()))
    done = call(*QUICK, "-o", str(output))
    assert (done.exit_code, done.stderr) == (130, "foadv: interrupted before the first epoch\n") and not output.exists()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups")
def test_a_training_that_is_killed_goes_on_bit_for_bit(output: Path) -> None:
    def arguments(epochs: int) -> tuple[str, ...]:
        wanted = (*SMALL, "training.batch=2", "training.probes=0", f"training.epochs={epochs}")
        return ("train", "one-hill", *settings(*wanted), *OVER)

    started = subprocess.Popen(
        [sys.executable, "-m", "foadv_gui", *arguments(10_000), "-o", str(output), "--checkpoint-every", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    ends = time.monotonic() + 60
    while not output.exists():
        assert started.poll() is None and time.monotonic() < ends, started.stderr
        time.sleep(0.002)
    os.killpg(started.pid, signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    assert started.stderr is not None
    started.stderr.close()
    epochs = load_record(output).epoch + 20  # it was asked for far more, lest it be done before it is killed
    assert "was begun already: --resume goes on with it" in refused(*arguments(epochs), "-o", str(output))
    assert call(*arguments(epochs), "-o", str(output), "--resume").exit_code == 0
    whole = output.with_name("whole.npz")
    assert call(*arguments(epochs), "-o", str(whole)).exit_code == 0
    assert_same(output, whole)


# ---- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("one-hil",), "there is no ready training and no preset of that name; did you mean one-hill?"),
        (("training-claims",), "did you mean training-claim?"),
        (("gone.toml",), "gone.toml: cannot be read"),
        (("gone.npz",), "gone.npz: cannot be read"),
        (("/none/at/all",), "there is no such file"),
        (("run.npz",), "run.npz: holds no training"),
        (("paper-claim",), "paper-claim: is a sweep; give an experiment (.toml), a preset or a ready training"),
        (("scales",), "scales: is a comparison; give an experiment"),
        (("one-hill", "--over", "network.seed=1,2"), "cannot vary from one training to another"),
        (("one-hill", "--over", "input.scale"), "must be KEY=VALUES"),
        (("one-hill", "--over", "input.scale=1", "--over", "input.scale=2"), "--over input.scale: varies twice"),
        (("one-hill", "--over", "input.scale=1", "--set", "input.scale=2"), "--set input.scale: varies in this"),
        (("training-claim", "--set", "input.scale=2"), "--set input.scale: varies in this training"),
        (("one-hill", "--set", "training.epoch=3"), "did you mean training.epochs?"),
        (("one-hill", "--set", "training.mode=adverserial"), "did you mean adversarial?"),
        (("one-hill", "--set", "training.data=file"), "training.file: must name a file"),
        (("one-hill", "--set", "training.data=digits", "--set", "training.points=999"), "there are 357 images"),
        (("one-hill", "--resume"), "--resume goes on with the file that -o names"),
        (("one-hill", "-o", "out.txt"), "the name must end in .npz"),
        (("one-hill", "-o", "run.npz"), "run.npz: is there already, and holds no training"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "run.npz" in arguments:
        quick = {"network.width": 8, "network.dimension": 3, "ascent.restarts": 2, "ascent.steps": 2}
        run(load_preset("one-hill").changed(quick)).save("run.npz")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert words in refused("train", *arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_file_goes_on_as_what_it_is_and_as_nothing_else(output: Path) -> None:
    assert call(*QUICK, "-o", str(output)).exit_code == 0
    other = output.with_name("other.npz")
    other.write_bytes(output.read_bytes())
    before = output.read_bytes()
    resumed = ("-o", str(output), "--resume")
    assert "is of another training" in refused(*QUICK, *settings("training.seed=1"), *resumed)
    assert "training.epochs = 5: must be at least 6" in refused(*QUICK, *settings("training.epochs=5"), *resumed)
    assert "only training.epochs can be set" in refused("train", str(output), *settings("training.rate=2"))
    assert "only training.epochs can be set" in refused("train", str(output), *OVER)
    assert "other.npz: is there already" in refused("train", str(output), "--resume", "-o", str(other))
    assert output.read_bytes() == before


def test_a_training_is_not_run_as_one_experiment(output: Path) -> None:
    assert call(*QUICK, "-o", str(output)).exit_code == 0
    file = output.with_suffix(".toml")
    file.write_text(load_record(output).training.to_toml())
    for target in ("training-claim", str(file)):
        assert f"{target}: is a training: foadv train {target} trains it" in refused("run", target)
    assert f"{output}: is the record of a training" in refused("run", str(output))


# ---- in words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sweep", "training-claim", "-o", "out.csv"), "training-claim: is a training: foadv train training-claim"),
        (
            ("run", "one-hill", "--set", "training.epochs=3"),
            "training.epochs: is a setting of a training",
        ),
    ],
)
def test_what_only_a_training_has_is_refused_elsewhere(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(*arguments)
    assert done.exit_code == 2 and words in done.stderr, done.output


def test_a_preset_that_is_trained_does_not_say_what_to_watch_in_a_single_run(output: Path) -> None:
    assert call("train", "one-hill", *settings(*SMALL, "training.epochs=1"), "-o", str(output)).exit_code == 0
    training = load_record(output).training
    assert training.title and not training.watch


@pytest.mark.parametrize(
    ("done", "left", "seconds", "words"),
    [
        (0, 60, 1.0, "starting"),
        (20, 40, 10.0, "2 epochs/s · 20 s left"),
        (2, 1, 10.0, "5 s an epoch · 5 s left"),
        (60, 0, 2.0, "30 epochs/s"),
    ],
)
def test_the_pace_is_told_as_far_as_it_is_known(done: int, left: int, seconds: float, words: str) -> None:
    assert _pace(done, left, seconds) == words


def test_every_word_of_the_help_is_there() -> None:
    done = call("train", "--help")
    assert done.exit_code == 0
    for option in ("--over", "--set", "--output", "--resume", "--json", "--checkpoint-every"):
        assert option in done.stdout
