"""From a move of the gamma slider to the repainted landscape, the focused path, all paths, and the fine landscape."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from sizes import FULL, Size, experiment
from timing import Row, at_most, percentile, tell
from windows import spend, wait, watch_paint, window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from foadv_gui.desktop.main_window import MainWindow

MOVES = 30
RESTS = 8
TICKS = 4
"""Of the slider's thousand, a move at least: so many that the value changes, which has three digits."""
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
        self.viewport = shown.explore.landscape.plot.viewport()
        self.slider = shown.explore.setup.fields["input.scale"].editor.slider
        self.moved: dict[float, float] = {}
        self.found: dict[str, float] = {}
        self.ages: list[float] = []
        self.unpainted: list[tuple[str, float]] = []
        self.watch = watch_paint(self.viewport, self._on_painted)
        self.middle, self.count, self.last_move = self.slider.value(), 0, 0.0
        self.session.experimentChanged.connect(self._on_edited)
        self.session.surfaceChanged.connect(self._on_surface)
        self.session.pathChanged.connect(self._on_path)

    def move(self, until: set[str]) -> dict[str, float]:
        """Move a little, and wait for the pictures named; the milliseconds to each."""
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
        self.last_move = time.perf_counter()
        self.count += 1
        self.slider.setValue(self.middle + TICKS * (7 * self.count % 11 - 5))

    def _on_edited(self) -> None:
        self.moved[self._radius()] = self.last_move

    def _radius(self) -> float:
        given = self.session.experiment.input
        return given.ratio * given.scale

    def _on_surface(self) -> None:
        # The view was connected before: its image is set, and the next paint event shows it.
        surface = self.session.surface
        self._await_paint(["surface", "fine"] if surface is not None and not surface.coarse else ["surface"])

    def _on_path(self) -> None:
        recording = self.session.recording
        whole = self.session.focus_run is None and recording is not None and recording.finished
        self._await_paint(["path", "all"] if whole else ["path"])

    def _await_paint(self, names: list[str]) -> None:
        epsilon = self.session.info.epsilon if self.session.info is not None else 0.0
        if epsilon in self.moved:
            self.unpainted += [(name, epsilon) for name in names]

    def _on_painted(self) -> None:
        now, painted = time.perf_counter(), self.unpainted
        self.unpainted = []
        for name, epsilon in painted:
            age = 1e3 * (now - self.moved[epsilon])
            if name == "surface":
                self.ages.append(age)
            if epsilon == self._radius():
                self.found.setdefault(name, age)


if __name__ == "__main__":
    tell(rows())
