"""From a fresh process to the first painted window, and how long the window stalls while torch loads."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from sizes import FULL, Size
from timing import Row, at_most, tell
from windows import choose_screen

if TYPE_CHECKING:
    from collections.abc import Iterator

_BARE = "from PySide6.QtWidgets import QApplication; import pyqtgraph; QApplication([])"


def rows(size: Size = FULL) -> Iterator[Row]:
    """Launches and bare imports in turns, each in a process of its own, after one of each to warm the disk's cache."""
    choose_screen()
    launches: list[dict[str, Any]] = []
    bare: list[float] = []
    for _ in range(1 + min(size.rounds, 5)):
        bare.append(_bare())
        launches.append(_launch())
    painted = statistics.median(launch["painted"] for launch in launches[1:])
    yield at_most("launch to the first painted window", painted, 2, "s", statistics.median(bare[1:]))
    stall = statistics.median(launch["stall"] for launch in launches[1:])
    yield at_most("longest stall of the window while torch loads", stall, 0.5, "s")
    moved = min(launch["moved"] for launch in launches)
    yield Row("steps played before torch was there", moved, "steps", None, None, ">= 1 steps", moved >= 1)


def _bare() -> float:
    started = time.time()
    subprocess.run([sys.executable, "-c", _BARE], check=True)
    return time.time() - started


def _launch() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "child", repr(time.time())], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def child(spawned: float) -> None:
    """The launched program: what `foadv_gui.desktop.app.main` does, with a clock."""
    from PySide6.QtCore import QEvent, QObject, Qt, QTimer

    from foadv_gui.desktop.app import begin, make_application, make_window

    application = make_application()
    window = make_window()
    begin(window, None, None)
    seen: dict[str, float] = {}
    ticks: list[float] = []

    class Painted(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint and "painted" not in seen:
                # After the paint event itself has been handled.
                QTimer.singleShot(0, lambda: seen.setdefault("painted", time.time() - spawned))
            return False

    painted = Painted()
    viewport = window.workspace.landscape.plot.viewport()
    viewport.installEventFilter(painted)

    def tick() -> None:
        ticks.append(time.perf_counter())
        if window.session.torch_version and "moved" not in seen:
            seen["moved"] = float(window.session.t)
            QTimer.singleShot(1000, finish)

    def finish() -> None:
        seen["stall"] = max(after - before for before, after in itertools.pairwise(ticks))
        viewport.removeEventFilter(painted)
        window.close()
        print(json.dumps(seen), flush=True)

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(16)
    timer.timeout.connect(tick)
    window.show()
    timer.start()
    QTimer.singleShot(100, window.start_computing)
    application.exec()


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(float(sys.argv[2]))
    else:
        tell(rows())
