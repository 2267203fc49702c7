"""The launch: from the start of the process to a painted, moving window, and how it stalls while torch loads."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from timing import Row, at_most, tell
from windows import choose_screen

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 3
BARE = "import PySide6.QtWidgets, pyqtgraph; from PySide6.QtWidgets import QApplication; QApplication([])"
WATCHED = """
import json, sys, time
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Slot
from foadv_gui.desktop import app

class Watch(QObject):
    painted = moved = ready = 0.0
    def __init__(self, window):
        super().__init__(window)
        self.window, self.ticks = window, []
        self.view = window.explore.landscape.plot.viewport()
        self.view.installEventFilter(self)
        self.timer = QTimer(self)
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.setInterval(16)
        self.timer.timeout.connect(self.tick)
    def eventFilter(self, thing, event):
        if event.type() == QEvent.Type.Paint and thing is self.view and not self.painted and self.window.isVisible():
            self.painted = -1.0
            QTimer.singleShot(0, self.on_painted)
        return False
    @Slot()
    def on_painted(self):
        self.painted = time.monotonic()
        self.start = self.window.session.position
        self.timer.start()
    @Slot()
    def tick(self):
        now, session = time.monotonic(), self.window.session
        self.ticks.append(now)
        if not self.moved and session.position > self.start and not session.torch_version:
            self.moved = now
        if not self.ready and session.torch_version:
            self.ready = now
        if self.ready and now > self.ready + 0.3 or now > self.painted + 60:
            gaps = [b - a for a, b in zip([self.painted, *self.ticks], self.ticks)]
            print(json.dumps([self.painted, self.moved, self.ready, max(gaps)]), flush=True)
            self.window.close()

make = app.make_window
def made(*given):
    window = make(*given)
    Watch(window)
    return window
app.make_window = made
sys.argv = ["foadv"]
from foadv_gui.__main__ import main
main()
"""


def rows() -> Iterator[Row]:
    """Launches in turns with the bare import of Qt and pyqtgraph; the first of each only warms the disk's cache."""
    choose_screen()
    launches: list[dict[str, float]] = []
    bare: list[float] = []
    for _ in range(ROUNDS + 1):
        launches.append(_launch())
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", BARE], check=True, capture_output=True)
        bare.append(time.monotonic() - started)

    def median(name: str) -> float:
        return statistics.median(launch[name] for launch in launches[1:])

    yield at_most(
        "launch to painted window, over importing Qt and pyqtgraph",
        median("painted"),
        2,
        "s",
        statistics.median(bare[1:]),
    )
    yield at_most("longest stall of the window while torch loads", 1e3 * median("stall"), 500, "ms")
    moved, ready = median("moved"), median("ready")
    always = all(0 < launch["moved"] < launch["ready"] for launch in launches)
    yield Row(
        "first move of the shipped recording, over torch being ready", moved, "s", ready, moved / ready, "< 1 x", always
    )


def _launch() -> dict[str, float]:
    """One launch: seconds from the start of the process to each event, and the longest stall."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], capture_output=True, text=True, timeout=180, env=os.environ.copy()
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    if done.returncode or not lines:
        raise RuntimeError(f"the window could not be launched: {done.stderr.strip()[-400:]}")
    painted, moved, ready, stall = json.loads(lines[-1])
    times: dict[str, Any] = {"painted": painted, "moved": moved, "ready": ready}
    return {**{name: max(at - started, 0.0) for name, at in times.items()}, "stall": stall}


if __name__ == "__main__":
    tell(rows())
