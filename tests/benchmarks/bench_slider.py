"""From a move of the gamma slider to the repainted landscape, the focused path, all paths, and the fine landscape."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from sizes import FULL, Size, experiment
from timing import Row, at_most, percentile, tell
from windows import spend, wait, window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from foadv_gui.desktop.main_window import MainWindow

MOVES = 30
RESTS = 8
DRAG_MS = 8
"""Between the moves of a rapid drag: what a mouse reports."""


def rows(size: Size = FULL) -> Iterator[Row]:
    """Moves that each wait for the picture of the one before, moves that wait for everything, and a rapid drag."""
    with window(experiment(size)) as shown:
        slider = Slider(shown)
        spend(min(size.seconds, 1.0))
        own = slider.own_paint()
        moves = [slider.move({"surface"})["surface"] for _ in range(MOVES)]
        rests = [slider.move({"surface", "path", "all", "fine"}) for _ in range(RESTS)]
        ages = slider.drag(min(size.seconds, 2.0))
    what = f"gamma slider (d={size.dimension}, m={size.width})"
    yield at_most(f"{what} to the repainted landscape: 95 of {MOVES}", percentile(moves, 0.95), 33, "ms", own)
    yield Row(f"{what} to the repainted landscape: median", statistics.median(moves), "ms", own)
    for name, words, limit in (
        ("path", "the focused path", 100),
        ("all", f"all {size.restarts} paths", 300),
        ("fine", f"the {size.grid} x {size.grid} landscape at rest", 150),
    ):
        yield at_most(f"{what} to {words}", statistics.median(rest[name] for rest in rests), limit, "ms")
    yield Row(f"{what}, a move each {DRAG_MS} ms: age of the landscape painted: median", statistics.median(ages), "ms")
    yield Row(f"{what}, a move each {DRAG_MS} ms: landscapes", len(ages) / min(size.seconds, 2.0), "1/s")


class Slider:
    """The form's own slider for gamma, and a clock from its moves to what is painted for them."""

    def __init__(self, shown: MainWindow) -> None:
        self.shown, self.session = shown, shown.session
        self.viewport = shown.workspace.landscape.plot.viewport()
        self.slider = shown.workspace.setup.fields["input.scale"].editor.slider
        self.moved: dict[float, float] = {}
        self.found: dict[str, float] = {}
        self.ages: list[float] = []
        self.session.surfaceChanged.connect(self._on_surface)
        self.session.pathChanged.connect(self._on_path)

    def move(self, until: set[str]) -> dict[str, float]:
        """Move by one tick, and wait for the pictures named; the milliseconds to each."""
        self.found = {}
        self._step()
        wait(lambda: until <= set(self.found), 60)
        return dict(self.found)

    def drag(self, seconds: float) -> list[float]:
        """Move every few milliseconds for a while; how old each landscape was when it had been painted."""
        from PySide6.QtCore import Qt, QTimer

        timer = QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.setInterval(DRAG_MS)
        timer.timeout.connect(self._step)
        self.ages = []
        timer.start()
        spend(seconds)
        timer.stop()
        return list(self.ages) or [1e3 * seconds]

    def own_paint(self) -> float:
        """The milliseconds that painting the plot takes alone: a part of the way that no computation shortens."""
        times = []
        for _ in range(15):
            started = time.perf_counter()
            self.viewport.repaint()
            times.append(1e3 * (time.perf_counter() - started))
        return statistics.median(times)

    def _step(self) -> None:
        before = time.perf_counter()
        self.slider.setValue((self.slider.value() + 1) % self.slider.maximum())
        self.moved[self._radius()] = before

    def _radius(self) -> float:
        given = self.session.experiment.input
        return given.ratio * given.scale

    def _age(self) -> float | None:
        """Milliseconds since the move that led to what is shown now; None where it was none."""
        started = self.moved.get(self.session.info.epsilon) if self.session.info is not None else None
        return None if started is None else 1e3 * (time.perf_counter() - started)

    def _note(self, name: str) -> None:
        age = self._age()
        if age is not None and self.session.info is not None and self.session.info.epsilon == self._radius():
            self.found.setdefault(name, age)

    def _on_surface(self) -> None:
        # The view was connected before: its image is set, and is painted here.
        self.viewport.repaint()
        age = self._age()
        if age is not None:
            self.ages.append(age)
        self._note("surface")
        if self.session.surface is not None and not self.session.surface.coarse:
            self._note("fine")

    def _on_path(self) -> None:
        self.viewport.repaint()
        self._note("path")
        recording = self.session.recording
        if self.session.focus_run is None and recording is not None and recording.finished:
            self._note("all")


if __name__ == "__main__":
    tell(rows())
