"""Starting the desktop: application, theme, window, compute thread; and the way out."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEventLoop, QMessageLogContext, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication, QMessageBox

from foadv_gui.desktop.collector import Collector
from foadv_gui.desktop.icons import application_icon
from foadv_gui.desktop.main_window import MainWindow
from foadv_gui.desktop.theme import ThemeKeeper, use_fusion
from foadv_gui.desktop.worker import ComputeThread
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.presets import load_preset, preset_names

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from foadv_gui.lab.documents import Found


_QUIET_MS = 400


def make_application() -> QApplication:
    """The one QApplication, named and styled."""
    if sys.platform == "win32":  # there torch can fail to load after Qt
        import torch  # noqa: F401
    # Qt waits five milliseconds for more to paint; here what belongs together arrives together.
    os.environ.setdefault("QT_QPA_UPDATE_IDLE_TIME", "2")
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    QCoreApplication.setOrganizationName("foadv")
    QCoreApplication.setApplicationName("foadv")
    application.setDesktopFileName("foadv")
    application.setWindowIcon(application_icon())
    use_fusion(application)
    return application


def _on_qt_message(_kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    """Pass Qt's messages on, but for those that every window without a screen gives."""
    if "This plugin does not support" not in message:
        sys.stderr.write(f"{message}\n")


def make_window(theme_mode: str | None = None, *, remember: bool = True) -> MainWindow:
    """A window with its compute thread, which is started once the window has been painted.

    Without `remember` it has nothing to do with how the user left the last one.
    """
    theme = ThemeKeeper()
    if theme_mode in ("light", "dark"):
        theme.choose(theme_mode, remember=False)  # type: ignore[arg-type]
    # Before the first plot is made: pyqtgraph's items take its options when they are created.
    theme.apply()
    thread = ComputeThread()
    window = MainWindow(thread, theme, remember=remember)
    theme.setParent(window)
    thread.setParent(window)
    return window


def main(found: Found | None = None, *, name: str = "", theme: str | None = None) -> int:
    """Open the desktop and stay until it is closed; returns the exit status."""
    application = make_application()
    sys.excepthook = _report
    window = make_window(theme)
    Collector(window.session)
    begin(window, found, name)
    window.show()
    # After the first paint: loading torch stalls the interpreter for moments at a time.
    QTimer.singleShot(100, window.start_computing)
    return application.exec()


def begin(window: MainWindow, found: Found | None = None, name: str = "") -> None:
    """Show what was asked for, or the first preset, moving at once from its shipped recording."""
    from foadv_gui.lab.documents import look_up
    from foadv_gui.lab.opening import load_opening

    first = preset_names()[0]
    found = found or look_up(first)
    window.show_found(name or first, found)
    if not window.explore.isVisibleTo(window):
        window.explore.waiting = first, look_up(first)
    elif found.recording is None and found.experiment == load_preset(first):
        window.session.play_shipped(load_opening())


def screenshot(
    found: Found,
    path: Path,
    *,
    name: str,
    at: int | None = None,
    size: tuple[int, int] = (1280, 720),
    theme: str | None = None,
) -> None:
    """Draw the real window with everything computed, write the picture, and quit.

    `at` is the iterate at the cursor, the last one by default.

    Raises
    ------
    FileProblem, RuntimeError
        For what cannot be shown or written; no picture is.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    qInstallMessageHandler(_on_qt_message)
    make_application()
    window = make_window(theme or "light", remember=False)
    trouble: list[Exception] = []
    window.session.unopened.connect(lambda *words: trouble.append(FileProblem(*words)))
    window.session.failed.connect(lambda *words: trouble.append(_failure(*words)))
    for workspace in window.workspaces:
        workspace.failed.connect(lambda *words: trouble.append(_failure(*words)))
    window.resize(*size)
    try:
        window.show_found(name, found)
        window.show()
        window.start_computing()
        player = window.workspace.player
        if player is not None:
            player.pause()
        _settle(window, trouble)
        if player is not None:
            player.to_end() if at is None else player.seek(at)
            _settle(window, trouble)
        picture = window.grab()
    finally:
        window.close()
    if not picture.save(str(path)):
        raise FileProblem(path, "the picture cannot be written")


def _failure(message: str, details: str) -> RuntimeError:
    failure = RuntimeError(message)
    failure.add_note(details)  # which a traceback shows
    return failure


def _settle(window: MainWindow, trouble: list[Exception]) -> None:
    """Wait until nothing has been asked for or computed for a while: a plot of a new size asks a moment later."""
    loop, tick, idle = QEventLoop(), QTimer(), 0

    def look() -> None:
        nonlocal idle
        idle = 0 if window.workspace.busy else idle + 1
        if trouble or idle * tick.interval() >= _QUIET_MS:
            loop.quit()

    tick.setInterval(50)
    tick.timeout.connect(look)
    tick.start()
    loop.exec()
    tick.stop()
    tick.timeout.disconnect(look)  # which holds the window
    if trouble:
        raise trouble.pop()


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an unexpected error of the window itself; the program goes on."""
    details = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(details)
    if QApplication.instance() is not None and not issubclass(kind, KeyboardInterrupt):
        box = QMessageBox(QMessageBox.Icon.Critical, "Something went wrong", f"{kind.__name__}: {error}")
        box.setDetailedText(details)
        box.exec()
