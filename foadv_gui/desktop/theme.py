"""Colours and fonts, light and dark, for Qt and for pyqtgraph (which ignores the palette)."""

from __future__ import annotations

import html
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import pyqtgraph as pg
from PySide6.QtCore import QObject, QSettings, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from foadv_gui.lab.palette import DARK, LIGHT
from foadv_gui.lab.ranges import some_range

if TYPE_CHECKING:
    from typing import Any

    from foadv_gui.lab.palette import Theme

Mode = Literal["system", "light", "dark"]

FADED = 0.3
"""How opaque a result of the run before is."""


class ThemeKeeper(QObject):
    """Follows the system's light or dark scheme, or the user's choice, and tells the plots when it changes."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        mode = str(QSettings().value("theme", "system"))
        self._mode: Mode = mode if mode in ("light", "dark") else "system"  # type: ignore[assignment]
        QApplication.styleHints().colorSchemeChanged.connect(self._on_system)

    @property
    def mode(self) -> Mode:
        """What the user chose."""
        return self._mode

    @property
    def theme(self) -> Theme:
        """The colours in force."""
        if self._mode == "system":
            dark = QApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
            return DARK if dark else LIGHT
        return DARK if self._mode == "dark" else LIGHT

    def choose(self, mode: Mode, *, remember: bool = True) -> None:
        """Use light, dark or the system's scheme."""
        self._mode = mode
        if remember:
            QSettings().setValue("theme", mode)
        self.apply()

    @Slot()
    def toggle(self) -> None:
        """Switch between light and dark."""
        self.choose("light" if self.theme is DARK else "dark")

    @Slot(Qt.ColorScheme)
    def _on_system(self, _scheme: Qt.ColorScheme) -> None:
        if self._mode == "system":
            self.apply()

    def apply(self) -> None:
        """Restyle the whole application."""
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            return
        theme = self.theme
        app.setPalette(_palette(theme))
        sheet = _style_sheet(theme)
        if sheet != app.styleSheet():  # setting it anew styles every widget anew, the same or not
            app.setStyleSheet(sheet)
        pg.setConfigOptions(background=theme.plot, foreground=theme.text, antialias=True)
        self.changed.emit()


def use_fusion(app: QApplication) -> None:
    """Use the one widget style that looks alike on every system and obeys the palette."""
    app.setStyle(QStyleFactory.create("Fusion"))


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    colours = {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.panel,
        role.AlternateBase: theme.window,
        role.Text: theme.text,
        role.Button: theme.panel,
        role.ButtonText: theme.text,
        role.BrightText: theme.no,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.accent_text,
        role.ToolTipBase: theme.panel,
        role.ToolTipText: theme.text,
        role.PlaceholderText: theme.faint_text,
        role.Link: theme.accent,
        role.Mid: theme.border,
        role.Light: theme.panel,
        role.Dark: theme.border,
    }
    for which, colour in colours.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(theme.faint_text))
    return palette


def _style_sheet(theme: Theme) -> str:
    return f"""
    QToolTip {{ background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.border}; padding: 4px; }}
    QFrame#card {{ background: {theme.panel}; border: 1px solid {theme.border}; border-radius: 8px; }}
    QLabel#heading {{ font-weight: 600; }}
    QLabel#faint {{ color: {theme.faint_text}; }}
    QLabel#refusal {{ color: {theme.no}; }}
    QLabel#watch {{ color: {theme.faint_text}; }}
    QLabel#said {{ font-size: 15pt; min-height: 50px; }}
    QLabel#lead {{ font-size: 12pt; }}
    QLabel#title {{ font-size: 20pt; font-weight: 600; }}
    QPushButton#main {{
        background: {theme.accent}; color: {theme.accent_text}; border: 1px solid {theme.accent}; border-radius: 6px;
        font-size: 12pt; font-weight: 600; padding: 6px 12px;
    }}
    QPushButton#main:disabled {{ background: {theme.window}; color: {theme.faint_text}; border-color: {theme.border}; }}
    QPushButton#main:focus {{ border: 2px solid {theme.text}; }}
    QToolButton#clause {{ border: none; background: transparent; }}
    QToolButton#section, QToolButton#section:checked {{
        background: transparent; color: {theme.text}; border: none;
        font-weight: 600; padding: 4px 2px; text-align: left;
    }}
    QToolButton#section:focus {{ color: {theme.accent}; }}
    QToolButton:checked {{ background: {theme.accent}; color: {theme.accent_text}; border-radius: 4px; }}
    QScrollBar:vertical {{ width: 8px; background: transparent; margin: 0; }}
    QScrollBar::handle:vertical {{ background: {theme.border}; border-radius: 4px; min-height: 24px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; }}
    QScrollArea {{ border: none; background: transparent; }}
    QWidget#form {{ background: transparent; }}
    QSplitter::handle {{ background: {theme.window}; }}
    QToolBar {{ border: none; background: {theme.window}; spacing: 4px; padding: 3px 6px; }}
    QTabBar::tab {{ padding: 4px 12px; border: none; background: transparent; color: {theme.faint_text}; }}
    QTabBar::tab:selected {{ color: {theme.text}; border-bottom: 2px solid {theme.accent}; }}
    QTabWidget::pane {{ border: none; }}
    """


@lru_cache(maxsize=256)
def pen(colour: str, width: float = 1.0, *, alpha: float = 1.0, dash: bool = False) -> Any:
    """A cosmetic pen, not to be changed; `alpha` in 0..1."""
    tone = QColor(colour)
    tone.setAlphaF(alpha)
    return pg.mkPen(tone, width=width, style=Qt.PenStyle.DashLine if dash else Qt.PenStyle.SolidLine)


@lru_cache(maxsize=256)
def brush(colour: str, alpha: float = 1.0) -> Any:
    """A brush, not to be changed; `alpha` in 0..1."""
    tone = QColor(colour)
    tone.setAlphaF(alpha)
    return pg.mkBrush(tone)


def hover(*sentences: str) -> str:
    """Sentences as a tool tip: Qt wraps rich text only."""
    return "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences if sentence)


def plot_font(points: int) -> QFont:
    """The application's font at another size."""
    font = QFont(QApplication.font())
    font.setPointSize(points)
    return font


def style_axes(plot: Any, theme: Theme, points: int = 9) -> None:
    """Give a pyqtgraph plot the theme's colours and a readable tick font."""
    for side in ("left", "bottom", "right", "top"):
        axis = plot.getAxis(side)
        axis.enableAutoSIPrefix(False)
        axis.setPen(pen(theme.border))
        axis.setTextPen(pen(theme.faint_text))
        axis.setTickFont(plot_font(points))
        axis.label.setFont(plot_font(points))


_NOISE = 1e-9
"""What changes by less than this, relative to its size, is shown as constant: round-off is no curve."""


def fit_height(plot: Any) -> None:
    """Fit the vertical axis of a pyqtgraph plot to what it shows, once.

    Left to watch for changes by itself, the plot would paint itself whole at each move of its cursor.
    """
    box = plot.getViewBox()
    box.enableAutoRange(axis="y")
    box.updateAutoRange()
    box.disableAutoRange(axis="y")
    low, high = box.viewRange()[1]
    if high - low < _NOISE * max(abs(low), abs(high)):
        middle = (low + high) / 2
        box.setRange(yRange=some_range(middle, middle), padding=0)
