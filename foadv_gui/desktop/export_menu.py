"""The Export menu of the tool bar, and what a click of the right button offers on a plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from PySide6.QtCore import QObject, QPoint, Qt, Slot
from PySide6.QtGui import QAction, QCursor
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QStackedWidget, QToolButton, QWidget

from foadv_gui.desktop.exporter import Exporter
from foadv_gui.desktop.figure_copy import copy_figure
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.export import EXPORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from foadv_gui.desktop.filing import Filing
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.workspaces.explore import ExploreWorkspace

_TOLD_MS = 8000
_TO_FILES = ("adversary", "perturbation", "triptych", "weights", "slice", "spectrum", "traces")
_ELSEWHERE = "This page shows no single run: open one in Explore (Ctrl+1), and export it there."
_COPY_PYTHON = (
    "Put a short script on the clipboard that makes this run again, bit for bit on this machine, prints the verdict "
    "and shows where the adversary is."
)
_COPY_TOML = "Put all settings on the clipboard, as an experiment file holds them."
_COPY_FIGURE = (
    "Put this page on the clipboard as an image with twice its pixels. Ctrl+Shift+C copies the plot under the mouse "
    "instead, where there is one, as image and SVG."
)
_SAVE = "Save the recording, which opens again as it was, or the settings."


class ExportMenu(QObject):
    """One menu for all that leaves the program; its entries say why where there is nothing to export."""

    def __init__(self, session: Session, filing: Filing, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.exporter = Exporter(session, filing, window)
        self.exporter.told.connect(self._tell)
        self._explore: ExploreWorkspace | None = None
        self._button: QToolButton | None = None
        self._figure: QWidget | None = None
        self.menu = QMenu(window)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill)
        self.plots: list[PlotMenu] = []

    def attend(self, explore: ExploreWorkspace, button: QToolButton) -> None:
        """Serve the tool bar's button, and the plots of a page."""
        self._explore, self._button = explore, button
        offers: list[tuple[pg.GraphicsView, QWidget, tuple[str, ...]]] = [
            (explore.landscape.plot, explore.landscape.plot, ("slice",)),
            (explore.landscape.globe, explore.landscape.globe, ("slice",)),
            (explore.spectrum.plot, explore.spectrum.plot, ("spectrum",)),
            (explore.traces, explore.traces, ("traces",)),
            (explore.extremes.plot, explore.extremes.plot, ()),
            (explore.cut, explore.cut, ()),
            *((plot, plot, ()) for plot in explore.restarts.plots),
            *((plot, explore.input, ("adversary", "perturbation", "triptych")) for plot in explore.input.plots),
        ]
        self.plots = [PlotMenu(view, figure, whats, self) for view, figure, whats in offers]

    @property
    def handlers(self) -> dict[str, Callable[[], None]]:
        """What the window's actions do, by their keys."""
        return {"export": self.pop_up, "copy-figure": self.copy_figure}

    # -- the menus -----------------------------------------------------------------------------------------------

    @Slot()
    def pop_up(self) -> None:
        """Open the menu below its button."""
        button = self._button
        if button is not None:
            self.menu.popup(button.mapToGlobal(QPoint(0, button.height())))

    @Slot()
    def _fill(self) -> None:
        menu = self.menu
        menu.clear()
        self._add(menu, "Copy as Python", _COPY_PYTHON, self._why_not("script"), self._copy_script)
        self._add(menu, "Copy as TOML", _COPY_TOML, self._why_not("toml"), self._copy_toml)
        self._add(menu, "Copy figure\tCtrl+Shift+C", _COPY_FIGURE, "", self._copy_page)
        menu.addSeparator()
        for what in _TO_FILES:
            self._offer(menu, what)
        menu.addSeparator()
        self._add(menu, "Save…\tCtrl+S", _SAVE, "", self._save)

    def offer_on(self, menu: QMenu, figure: QWidget, whats: Sequence[str]) -> None:
        """Fill the menu of a plot."""
        menu.clear()
        self._figure = figure
        for what in whats:
            self._offer(menu, what)
        if whats:
            menu.addSeparator()
        self._add(menu, "Copy this figure", "Put this on the clipboard as an image.", "", self._copy_plot)

    def _offer(self, menu: QMenu, what: str) -> None:
        entry = EXPORTS[what]
        action = self._add(menu, f"{entry.title}…", entry.help, self._why_not(what), self._ask)
        action.setData(what)

    def _add(self, menu: QMenu, text: str, help: str, why_not: str, do: Callable[[], None]) -> QAction:
        action = QAction(text, menu)
        action.setToolTip(hover(why_not, help))
        action.setEnabled(not why_not)
        action.triggered.connect(do)
        menu.addAction(action)
        return action

    def _why_not(self, what: str) -> str:
        if self._explore is None or not self._explore.isVisible():
            return _ELSEWHERE
        return self.exporter.why_not(what)

    # -- what they do --------------------------------------------------------------------------------------------

    @Slot()
    def _ask(self) -> None:
        action = self.sender()
        assert isinstance(action, QAction)
        self.exporter.ask(str(action.data()))

    @Slot()
    def _copy_script(self) -> None:
        self.exporter.copy_script()

    @Slot()
    def _copy_toml(self) -> None:
        self.exporter.copy_toml()

    @Slot()
    def copy_figure(self) -> None:
        """Copy the plot under the mouse, or the page where there is none."""
        self._copy(self._under_mouse() or self._page)

    @Slot()
    def _copy_page(self) -> None:
        self._copy(self._page)

    @Slot()
    def _copy_plot(self) -> None:
        if self._figure is not None:
            self._copy(self._figure)

    @Slot()
    def _save(self) -> None:
        save: Any = self._window
        save.ask_save()

    @property
    def _page(self) -> QWidget:
        """The page in front."""
        stack = self._window.centralWidget()
        page = stack.currentWidget() if isinstance(stack, QStackedWidget) else None
        return self._window if page is None else page

    def _under_mouse(self) -> QWidget | None:
        widget: QWidget | None = QApplication.widgetAt(QCursor.pos())
        while widget is not None and not isinstance(widget, pg.GraphicsView):
            widget = widget.parentWidget()
        return widget if widget is not None and self._window.isAncestorOf(widget) else None

    def _copy(self, figure: QWidget) -> None:
        image = copy_figure(figure)
        name = figure.accessibleName().lower() or "the page"
        self._tell(f"Copied {name} as an image of {image.width()} × {image.height()} pixels")

    @Slot(str)
    def _tell(self, words: str) -> None:
        self._window.statusBar().showMessage(words, _TOLD_MS)


class PlotMenu(QObject):
    """Opens a menu where the right button is clicked on a plot; a drag of it still zooms."""

    def __init__(self, view: pg.GraphicsView, figure: QWidget, whats: Sequence[str], exports: ExportMenu) -> None:
        super().__init__(view)
        self._figure, self._whats, self._exports = figure, whats, exports
        self.menu = QMenu(view)
        self.menu.setToolTipsVisible(True)
        view.scene().sigMouseClicked.connect(self._on_click)

    @Slot(object)
    def _on_click(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.RightButton and not event.double():
            self._exports.offer_on(self.menu, self._figure, self._whats)
            self.menu.popup(event.screenPos().toPoint())
