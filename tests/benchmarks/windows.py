"""A real window for the benchmarks: with settings of its own, on a screen if there is one."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PySide6.QtCore import QObject
    from PySide6.QtWidgets import QWidget

    from foadv_gui.desktop.main_window import MainWindow
    from foadv_gui.lab.config import Experiment


def choose_screen() -> None:
    """Offscreen where there is no display; the user's settings are neither read nor written."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.name == "nt"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    folder = tempfile.mkdtemp(prefix="foadv-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["XDG_CONFIG_HOME"] = folder


@contextmanager
def window(experiment: Experiment) -> Iterator[MainWindow]:
    """The window on an experiment that it has computed; closed at the end."""
    choose_screen()
    from foadv_gui.desktop.app import make_application, make_window
    from foadv_gui.desktop.collector import Collector

    make_application()
    made = make_window("light")
    Collector(made.session)
    try:
        made.resize(1280, 720)
        made.show()
        made.session.open(experiment)
        made.start_computing()
        settle(made)
        yield made
    finally:
        made.close()


def settle(shown: MainWindow, seconds: float = 120) -> None:
    """Wait until everything that was asked for has been computed and delivered."""
    wait(lambda: bool(shown.session.torch_version) and not shown.session.busy, seconds)


def wait(until: Callable[[], bool], seconds: float) -> None:
    """Let the window's event loop run until something is so."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    started = time.perf_counter()
    met = False

    def look() -> None:
        nonlocal met
        met = met or until()  # asked again it may be over: a plot that was just laid out asks for more
        if met or time.perf_counter() - started > seconds:
            loop.quit()

    timer = QTimer()
    timer.setInterval(1)
    timer.timeout.connect(look)
    timer.start()
    loop.exec()
    timer.stop()
    if not met:
        raise TimeoutError(f"the window took more than {seconds:g} s")


def spend(seconds: float) -> None:
    """Let the window's event loop run for a while, without a timer that wakes it."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def watch_paint(widget: QWidget, painted: Callable[[], None]) -> QObject:
    """Call back each time after a widget has been painted; keep what is returned."""
    from PySide6.QtCore import QEvent, QObject, QTimer

    class Watch(QObject):
        def eventFilter(self, _widget: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                QTimer.singleShot(0, painted)
            return False

    watch = Watch()
    widget.installEventFilter(watch)
    return watch
