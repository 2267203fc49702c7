"""Mutated recordings, of two layers and of deep networks, are rebuilt or refused in one line, within time and memory.

A hundred are opened every time; ``FOADV_FUZZ=10000 pytest -m fuzz -s tests/lab/test_fuzz_recordings.py`` opens ten
thousand of each kind of network and says what became of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from mutations import FUZZ, Wrap, feed, member, mutations
from weight_files import network

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.experiment import problem_of, run
from foadv_gui.lab.recording import load

if TYPE_CHECKING:
    from pathlib import Path

_SMALL = {"ascent.steps": 4, "ascent.restarts": 2, "network.dimension": 3, "network.width": 4, "compute.device": "cpu"}
_PIXELS = {"input.source": "digits", "ascent.box": "pixels"}
KINDS = {"two-layers": ("W", "a", "b", "c"), "deep": ("W1", "b1", "W2", "b2", "W3", "b3")}
_OTHERS = ("config", "delta", "loss", "steps_kept", "stop_reason", "converged_at", "x", "y", "epsilon", "box")


@lru_cache(maxsize=2)
def seeds(kind: str, folder: Path) -> list[bytes]:
    """Recordings of a kind of network: with and without biases, and in the box of an image's pixels."""
    outputs = 3 if kind == "deep" else 1
    sizes = (4, 5, outputs) if kind == "deep" else (4, outputs)
    loss = {"network.loss": "cross-entropy"} if kind == "deep" else {}
    found = []
    for number, (dimension, biases, more) in enumerate([(3, True, {}), (3, False, {}), (64, True, _PIXELS)]):
        names = [name for name in KINDS[kind] if biases or name[0] in "Wa"]
        parts = [part for layer in network((dimension, *sizes), biases) for part in layer if part is not None]
        if kind == "two-layers":  # a (m,) and c (), as this program writes them
            parts = [part[0] if name in "ac" else part for name, part in zip(_ordered(names), parts, strict=True)]
        np.savez(folder / "net.npz", **dict(zip(_ordered(names), parts, strict=True)))
        given = {"network.source": "file", "network.file": str(folder / "net.npz"), **loss}
        run(Experiment().changed({**_SMALL, **given, **more})).save(folder / f"{number}.npz")
        found.append((folder / f"{number}.npz").read_bytes())
    return found


def _ordered(names: list[str]) -> list[str]:
    """Each layer's weights with its bias behind them."""
    return [name for name in ("W", "b", "a", "c") if name in names] or names


def use(path: Path) -> None:
    """What the window does with a recording: its arrays are read, and its problem rebuilt and asked for the loss."""
    recording = load(path)
    assert recording.delta.shape[1:] == (recording.restarts, len(recording.x))
    assert recording.thinning is not None and 0 <= recording.best < recording.restarts
    problem = problem_of(recording)
    assert problem.clean.dimension == recording.dimension
    exact = problem.objective.exact
    value, loss, _ = exact.evaluate(torch.tensor(recording.delta[-1], dtype=torch.float64))
    assert value.shape == loss.shape == (recording.restarts,)
    problem.constraint.project(torch.tensor(recording.delta[0]))


def fed(folder: Path, kind: str, count: int, seed: int) -> None:
    contents = seeds(kind, folder)
    wraps: list[Wrap] = [member(f"{name}.npy") for name in (*KINDS[kind], *_OTHERS)]
    assert feed(use, folder / "whole.npz", iter(contents)).refused == 0
    outcome = feed(use, folder / "mutated.npz", mutations(contents, count, seed, wraps))
    print(f"\n{kind}: {outcome}")
    assert outcome.slowest < 5 and outcome.grown < 100
    assert outcome.opened >= count / 100 and outcome.refused > count / 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_mutated_recordings_are_rebuilt_or_refused(tmp_path: Path, kind: str) -> None:
    fed(tmp_path, kind, 100, seed=3)


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_mutated_recordings_are_rebuilt_or_refused(tmp_path: Path, kind: str) -> None:
    fed(tmp_path, kind, FUZZ, seed=4)
