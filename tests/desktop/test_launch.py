"""The launch: a painted, moving window before torch is there; and the shipped recording that makes it possible."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foadv_gui.lab.opening import compute_opening, load_opening
from foadv_gui.lab.presets import load_preset, preset_names
from foadv_gui.lab.recording import Recording

ROOT = Path(__file__).resolve().parents[2]
WATCHING = """
import json, sys, time

from PySide6.QtCore import QEvent, QObject, QTimer
from foadv_gui.desktop import app
from foadv_gui.desktop.main_window import MainWindow

seen, windows = [], []

def note(what):
    window = windows[0]
    session = window.session
    seen.append({"what": what, "seconds": time.perf_counter() - began, "torch": "torch" in sys.modules,
                 "visible": window.isVisible(), "t": session.t, "shipped": session.shipped,
                 "surface": session.surface is not None, "doing": window.doing.text()})

class Watch(QObject):
    painted = 0
    def eventFilter(self, thing, event):
        if event.type() == QEvent.Type.Paint:
            self.painted += 1
            if self.painted == 1:
                note("painted")
        return False

def showing(self, event, show=MainWindow.showEvent):
    windows.append(self)
    watch.setParent(self)
    self.explore.landscape.plot.viewport().installEventFilter(watch)
    show(self, event)

def starting(self, start=MainWindow.start_computing):
    note("loading")
    start(self)

MainWindow.showEvent, MainWindow.start_computing = showing, starting
app.make_application()  # timers need one
watch, poll = Watch(), QTimer()
began = time.perf_counter()

def look():
    if windows and ENOUGH(windows[0]):
        poll.stop()
        note("closing")
        windows[0].close()
        seen.append({"what": "closed", "painted": watch.painted, "visible": windows[0].isVisible()})

poll.timeout.connect(look)
"""


def watched(enough: str) -> list[dict[str, Any]]:
    """Run the application in an interpreter of its own until `enough` holds of its window, and close it."""
    script = WATCHING.replace("ENOUGH", f"(lambda window: {enough})")
    script += "poll.start(20); status = app.main(); windows.clear()\n"
    script += "print(json.dumps(seen)); sys.exit(status)\n"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    noise = [line for line in done.stderr.splitlines() if line.strip() and "propagateSizeHints" not in line]
    assert not noise
    return list(json.loads(done.stdout))


def test_the_window_is_painted_and_moves_before_torch_is_loaded() -> None:
    painted, loading, closing, closed = watched("window.session.torch_version and not window.session.shipped")
    assert (painted["what"], loading["what"], closing["what"]) == ("painted", "loading", "closing")
    for first in (painted, loading):
        assert not first["torch"]
        assert first["visible"]
        assert first["shipped"]
        assert first["surface"]
        assert first["doing"].startswith("Loading torch")
        assert "shipped recording" in first["doing"]
    assert painted["seconds"] < 10
    assert closing["torch"]
    assert not closing["shipped"]
    assert closed["painted"] > 5
    assert not closed["visible"]


def test_closing_in_the_middle_of_loading_torch() -> None:
    *_, closing, closed = watched("window._thread.isRunning() and 'torch' in sys.modules")
    assert closing["shipped"]
    assert closing["doing"].startswith("Loading torch")
    assert closing["t"] >= 0
    assert not closed["visible"]


@pytest.fixture(scope="module")
def regenerated() -> list[Any]:
    return compute_opening()


def test_the_shipped_opening_is_what_the_first_preset_gives(regenerated: list[Any]) -> None:
    shipped = load_opening()
    assert [(type(value), getattr(value, "k", None)) for value in shipped] == [
        (type(value), getattr(value, "k", None)) for value in regenerated
    ]
    for old, new in zip(shipped, regenerated, strict=True):
        for field in dataclasses.fields(old):
            where = f"{type(old).__name__}.{field.name}"
            assert_alike(getattr(old, field.name), getattr(new, field.name), where)


def assert_alike(old: Any, new: Any, where: str) -> None:
    """Equal up to round-off: numbers, arrays, and the digits in texts."""
    if isinstance(new, np.ndarray) and new.dtype.kind == "f":
        top = max(1e-300, float(np.abs(new).max(initial=0)))
        np.testing.assert_allclose(old, new, rtol=1e-5, atol=1e-8 * top, err_msg=where)
    elif isinstance(new, np.ndarray):
        np.testing.assert_array_equal(old, new, err_msg=where)
    elif isinstance(new, float):
        assert old == pytest.approx(new, rel=1e-5, abs=1e-9), where
    elif where.endswith(".weights"):
        assert list(old) == list(new)
        for name, array in new.items():
            assert_alike(old[name], array, f"{where}.{name}")
    elif where.endswith(".clauses"):
        assert [(clause.tone, without_digits(clause.words)) for clause in old] == [
            (clause.tone, without_digits(clause.words)) for clause in new
        ], where
        assert all(clause.detail for clause in old)
    elif where.endswith(".config"):
        assert json.loads(old) == json.loads(new)
    else:
        assert old == new, where


def without_digits(words: str) -> str:
    return re.sub(r"-?\d+(\.\d+)?(e[-+]?\d+)?", "#", words)


def test_the_shipped_recording_is_of_the_first_preset() -> None:
    recording = next(value for value in load_opening() if isinstance(value, Recording))
    assert recording.experiment == load_preset(preset_names()[0])
    assert recording.finished
