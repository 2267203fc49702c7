"""What every desktop test shares: settings of its own, and no window or thread left behind."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from hands import Hands, small
from PySide6.QtCore import QCoreApplication, QEvent, QSettings, Qt, QThread
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import Shiboken

from foadv_gui.desktop.app import make_application, make_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from foadv_gui.desktop.main_window import MainWindow


@pytest.fixture(autouse=True)
def own_settings(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty settings and data folders for each test; the user's own are neither read nor written."""
    home = tmp_path / "home"
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        folder = home / variable.lower()
        folder.mkdir(parents=True)
        monkeypatch.setenv(variable, str(folder))
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for file_format in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
        QSettings.setPath(file_format, QSettings.Scope.UserScope, str(home / "settings"))
    qapp.setOrganizationName("foadv")
    qapp.setApplicationName("foadv")
    return home


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a window or a running thread behind.

    A widget that outlives its test is usually held by a ``lambda`` or ``functools.partial`` over ``self`` that some
    signal still knows. Automatic collection is off meanwhile: it may run on a worker thread and destroy widgets there.
    """
    windows_before = {_address(window) for window in _windows()}
    failures_before = request.session.testsfailed
    collecting = gc.isenabled()
    gc.disable()
    # Torch's objects are so many that looking at them twice a test takes longer than most tests.
    gc.freeze()
    yield
    for value in request.node.funcargs.values():
        if isinstance(value, Hands):
            vars(value).clear()  # pytest knows it for longer than its window lives
    # processEvents() leaves deleteLater() for an event loop, and tests have none.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    threads = _running_threads()
    gc.unfreeze()
    if collecting:
        gc.enable()

    windows = [window for window in _windows() if _address(window) not in windows_before]
    left = [f"running thread {thread!r}" for thread in threads]
    left += [
        f"window {window!r} titled {window.windowTitle()!r}, held by {_holders(window, windows)}" for window in windows
    ]
    _dispose(threads, windows)
    # A test that failed half-way could not clean up: its own message is the one to read.
    if left and request.session.testsfailed == failures_before:
        pytest.fail(f"left behind by {request.node.name}:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture
def new_window(qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Hands]]:
    """Make a window, on screen and active, with a thread that does not compute yet; closed after the test."""
    # The rest before a spectrum's prediction is asked for would be waited for a hundred times.
    monkeypatch.setattr("foadv_gui.desktop.plots.spectrum._REST_MS", 0)
    made: list[Hands] = []  # qtbot closes them, but does not keep them

    def make() -> Hands:
        make_application()
        window = make_window()
        qtbot.addWidget(window, before_close_func=_discard)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow, timeout=5000)
        made.append(Hands(qtbot, window))
        return made[-1]

    yield make
    made.clear()


@pytest.fixture
def open_window(new_window: Callable[[], Hands]) -> Callable[..., Hands]:
    """Open a window on a small experiment (sections as for `small`), paused at its start with everything computed."""

    def make(**changes: object) -> Hands:
        hands = new_window()
        hands.session.open(small(**changes))
        hands.player.pause()
        hands.window.start_computing()
        hands.rest(timeout=120_000)  # the first one loads torch
        hands.player.seek(0)
        hands.rest()
        return hands

    return make


@pytest.fixture
def hands(open_window: Callable[..., Hands]) -> Hands:
    """At a window on the small experiment."""
    return open_window()


def _discard(window: MainWindow) -> None:
    """What a test leaves unsaved is lost."""
    window.leaving.discarding = True


def _windows() -> list[QWidget]:
    """Top-level widgets on screen, and hidden ones of this project's own classes.

    Libraries keep hidden menus and views of their own for as long as they please; tooltips hide by a timer.
    """
    return [
        widget
        for widget in QApplication.topLevelWidgets()
        if widget.windowType() != Qt.WindowType.ToolTip
        and (widget.isVisible() or type(widget).__module__.startswith("foadv_gui"))
    ]


def _running_threads() -> list[QThread]:
    """The running threads that were made since the objects of before were frozen."""
    # type(), not isinstance(): the latter asks lazy module proxies for __class__, and some warn.
    found = [thing for thing in gc.get_objects() if issubclass(type(thing), QThread)]
    return [thread for thread in found if Shiboken.isValid(thread) and thread.isRunning()]


def _address(thing: QWidget | QThread) -> int:
    return int(Shiboken.getCppPointer(thing)[0])


def _holders(window: QWidget, windows: list[QWidget]) -> str:
    """The types of what still refers to a window, without our own list and the frames that look at it."""
    referrers = [thing for thing in gc.get_referrers(window) if thing is not windows]
    names = {type(thing).__qualname__ for thing in referrers} - {"frame"}
    return ", ".join(sorted(names)) or "nothing in Python"


def _dispose(threads: list[QThread], windows: list[QWidget]) -> None:
    """Remove what a test left, so that only that test fails."""
    for thread in threads:
        thread.requestInterruption()
        thread.quit()
        thread.wait(5000)
    for window in windows:
        window.hide()  # not close(): a window with unsaved work would ask
        window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
