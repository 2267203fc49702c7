"""``--model``: a module of the user's own in one run and in all processes of a sweep, and what it is refused for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import polars
import pytest
from command_line import call, refused

from foadv_gui.lab import modules
from foadv_gui.lab.sweep.table import read_table
from foadv_gui.lab.training.files import load_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FACTORY = """
from torch import nn

def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 3))
"""
FEW = ("--set", "ascent.restarts=1", "--set", "ascent.steps=5")


@pytest.fixture
def own_nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a folder with a module of one's own, of which nothing is known once the test is over."""
    (tmp_path / "own_nets.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(modules, "_called", [])
    monkeypatch.setattr(modules, "_given", {})
    yield
    sys.modules.pop("own_nets", None)


def test_the_processes_of_a_sweep_have_the_network_that_the_command_has(own_nets: None, tmp_path: Path) -> None:
    # Its weights are random: without one seed for all of them each process would have its own.
    over = ("--over", "network.output=0,1", "--over", "ascent.steps=5,6")
    arguments = ("sweep", "digits", "--model", "own_nets:net", *over, *FEW[:2], "--processes", "2", "-o", "x.csv")
    done = call(*arguments)
    assert done.exit_code == 0, done.output
    table = read_table(tmp_path / "x.csv").frame
    assert table["error"].null_count() == 4
    assert table.group_by("network.output").agg(polars.col("loss_clean").n_unique())["loss_clean"].to_list() == [1, 1]


def test_a_module_is_trained_kept_and_goes_on_if_it_is_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "trained_nets.py").write_text(FACTORY)
    own, file = ("--model", "trained_nets:net"), str(tmp_path / "t.npz")
    given = ("network.loss=cross-entropy", "training.points=9", "training.held_out=2", "training.epochs=2")
    settings = [part for one in (*given, "training.probes=0", "training.train_a=true") for part in ("--set", one)]
    assert call("train", "digits", *own, *settings, "-o", file).exit_code == 0
    assert call("train", file, *own, "--set", "training.epochs=3").exit_code == 0
    whole = str(tmp_path / "whole.npz")
    assert call("train", "digits", *own, *settings, "--set", "training.epochs=3", "-o", whole).exit_code == 0
    one, other = (load_record(path).tracks[0].weights for path in (file, whole))
    assert list(one) == ["module.1.weight", "module.1.bias", "module.3.weight", "module.3.bias"]
    assert all(np.array_equal(part, other[name]) and (part[0] != part[-1]).any() for name, part in one.items())
    monkeypatch.setattr(modules, "_given", {})
    assert "give it by --model" in refused("train", file, "--set", "training.epochs=4")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("raise ValueError('no')", "cannot be imported: ValueError: no"),
        ("x = = 1", "cannot be imported: SyntaxError"),
        ("import sys; sys.exit(3)", "cannot be imported: SystemExit: 3"),
        ("def net(): raise RuntimeError('two\\nlines')", "failed: RuntimeError: two lines"),
    ],
)
def test_a_script_that_fails_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "failing_script", raising=False)
    (tmp_path / "failing_script.py").write_text(script)
    assert why in refused("run", "digits", "--model", "failing_script:net", *FEW)
    sys.modules.pop("failing_script", None)


def test_a_scheduler_has_no_module() -> None:
    said = refused("sweep", "digits", "--model", "a:b", "--scheduler", "tcp://127.0.0.1:1", "-o", "x.csv")
    assert "--model is for this machine" in said
