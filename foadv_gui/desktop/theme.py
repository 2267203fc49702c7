"""Colours and fonts, light and dark, for Qt and for pyqtgraph (which ignores the palette)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import pyqtgraph as pg
from PySide6.QtCore import QObject, QSettings, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

if TYPE_CHECKING:
    from typing import Any

Mode = Literal["system", "light", "dark"]


@dataclass(frozen=True)
class Theme:
    """One set of colours; `#rrggbb` each, named by what they mark."""

    name: str
    window: str
    panel: str
    plot: str
    border: str
    text: str
    faint_text: str
    accent: str
    accent_text: str
    focus: str
    """The focused path, everywhere."""
    others: str
    """All other paths."""
    start: str
    cursor: str
    multiplier: str
    largest: str
    smallest: str
    bars: str
    yes: str
    no: str
    unsure: str
    note: str


LIGHT = Theme(
    name="light",
    window="#eef0f4",
    panel="#ffffff",
    plot="#ffffff",
    border="#d3d8e0",
    text="#1b2230",
    faint_text="#5a6577",
    accent="#2f6fdb",
    accent_text="#ffffff",
    focus="#e4572e",
    others="#f4a261",
    start="#ffffff",
    cursor="#1b2230",
    multiplier="#b0399a",
    largest="#d1495b",
    smallest="#2f6fdb",
    bars="#8aa4cf",
    yes="#1b7f4d",
    no="#b3261e",
    unsure="#8a6100",
    note="#2f6fdb",
)
DARK = Theme(
    name="dark",
    window="#14171d",
    panel="#1c2129",
    plot="#171b22",
    border="#323a47",
    text="#e7ebf2",
    faint_text="#98a3b5",
    accent="#6ea3ff",
    accent_text="#0c1320",
    focus="#ff7a50",
    others="#ffb877",
    start="#ffffff",
    cursor="#f2f5fa",
    multiplier="#e58bd6",
    largest="#ff8a8f",
    smallest="#7fb0ff",
    bars="#4c638c",
    yes="#63d297",
    no="#ff8a80",
    unsure="#f0c060",
    note="#8ab6ff",
)


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
        app.setStyleSheet(_style_sheet(theme))
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


def fit_height(plot: Any) -> None:
    """Fit the vertical axis of a pyqtgraph plot to what it shows, once.

    Left to watch for changes by itself, the plot would paint itself whole at each move of its cursor.
    """
    box = plot.getViewBox()
    box.enableAutoRange(axis="y")
    box.updateAutoRange()
    box.disableAutoRange(axis="y")
