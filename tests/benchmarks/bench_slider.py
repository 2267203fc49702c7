"""From a move of the gamma slider to the repainted landscape, the focused path, all paths, and the fine landscape."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from sizes import FULL, Size, experiment
from timing import Row, at_most, percentile, tell
from windows import settle, wait, window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from foadv_gui.desktop.main_window import MainWindow

_MOVES = 30
_TICKS = 7
"""Of the slider's thousand, a move."""


def rows(size: Size = FULL) -> Iterator[Row]:
    """Each move waits for the picture of the one before; then a drag whose moves wait for nothing."""
    moves = min(_MOVES, 3 * size.rounds)
    with window(experiment(size)) as shown:
        times: dict[str, list[float]] = {"surface": [], "path": [], "all": [], "fine": []}
        for _ in range(moves):
            for name, value in _move(shown).items():
                times[name].append(value)
        drag = _drag(shown, moves)
        own = _own_paint(shown)
    what = f"gamma slider (d={size.dimension}, m={size.width})"
    yield at_most(f"{what} to the repainted landscape: 95 of 100", percentile(times["surface"], 0.95), 33, "ms", own)
    yield at_most(f"{what} to the focused path: 95 of 100", percentile(times["path"], 0.95), 100, "ms")
    yield at_most(f"{what} to all {size.restarts} paths: 95 of 100", percentile(times["all"], 0.95), 300, "ms")
    yield at_most(f"{what} to the fine landscape: median", statistics.median(times["fine"]), 150, "ms")
    yield Row(f"{what}: landscapes a second in a drag", drag, "1/s")


def _move(shown: MainWindow) -> dict[str, float]:
    """The milliseconds from one move of the slider to what follows from it."""
    session, plot = shown.session, shown.workspace.landscape.plot
    slider = shown.workspace.setup.fields["input.scale"].editor.slider
    found: dict[str, float] = {}
    started = time.perf_counter()

    def note(name: str) -> None:
        found.setdefault(name, 1e3 * (time.perf_counter() - started))

    def on_surface() -> None:
        # The views were connected before: the image is set, and this paints it.
        plot.viewport().repaint()
        note("surface")
        if session.surface is not None and not session.surface.coarse:
            note("fine")

    def on_path() -> None:
        note("path")
        if session.focus_run is None and session.recording is not None and session.recording.finished:
            note("all")

    session.surfaceChanged.connect(on_surface)
    session.pathChanged.connect(on_path)
    slider.setValue((slider.value() + _TICKS) % slider.maximum())
    try:
        wait(lambda: len(found) == 4, 30)
    finally:
        session.surfaceChanged.disconnect(on_surface)
        session.pathChanged.disconnect(on_path)
    settle(shown)
    return found


def _drag(shown: MainWindow, moves: int) -> float:
    """New landscapes a second while the slider moves at every turn of the event loop."""
    session = shown.session
    slider = shown.workspace.setup.fields["input.scale"].editor.slider
    drawn = 0

    def on_surface() -> None:
        nonlocal drawn
        drawn += 1

    def step() -> bool:
        slider.setValue((slider.value() + 1) % slider.maximum())
        return drawn >= moves

    session.surfaceChanged.connect(on_surface)
    started = time.perf_counter()
    try:
        wait(step, 60)
    finally:
        session.surfaceChanged.disconnect(on_surface)
    rate = drawn / (time.perf_counter() - started)
    settle(shown)
    return rate


def _own_paint(shown: MainWindow) -> float:
    """The milliseconds that painting the plot takes alone: a part of the way that no computation shortens."""
    viewport = shown.workspace.landscape.plot.viewport()
    times = []
    for _ in range(15):
        started = time.perf_counter()
        viewport.repaint()
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


if __name__ == "__main__":
    tell(rows())
