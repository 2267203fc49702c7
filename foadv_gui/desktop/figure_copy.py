"""A part of the window as a figure on the clipboard: an image of twice its pixels and, of a plot, lines and letters."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QGraphicsView, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARPER = 2
"""How many pixels of the image stand for one of the window: a slide is larger than a screen."""


def copy_figure(widget: QWidget) -> QImage:
    """Put a widget, as it looks now, on the clipboard; a plot as an image and as SVG. Returns the image."""
    image = picture(widget)
    clipboard = QGuiApplication.clipboard()
    clipboard.setImage(image)
    if isinstance(widget, QGraphicsView):
        # Added to what Qt has made: a QMimeData made here would outlive Python, and crash as the program ends.
        clipboard.mimeData().setData("image/svg+xml", drawing(widget))
    return image


def picture(widget: QWidget) -> QImage:
    """The widget drawn anew with twice as many pixels, not enlarged."""
    image = QImage(widget.size() * _SHARPER, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(_SHARPER)
    image.fill(QColor(widget.palette().window().color()))
    with _drawn_for_export(widget):
        # Not view.render, which a plot has of its own.
        QWidget.render(widget, image)
    return image


def drawing(view: QGraphicsView) -> bytes:
    """A plot as SVG."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setResolution(view.logicalDpiX())  # letters are as large as on the screen
    generator.setSize(view.size())
    generator.setViewBox(QRect(QPoint(0, 0), view.size()))
    generator.setTitle(view.accessibleName())
    painter = QPainter(generator)
    with _drawn_for_export(view):
        QWidget.render(view, painter, QPoint(0, 0))
    painter.end()
    return bytes(buffer.data().data())


@contextlib.contextmanager
def _drawn_for_export(widget: QWidget) -> Iterator[None]:
    """Have pyqtgraph draw each mark anew, where it would copy the pixels of one that it drew for the screen."""
    views = [*widget.findChildren(QGraphicsView), *([widget] if isinstance(widget, QGraphicsView) else [])]
    items = [item for view in views for item in view.items() if hasattr(item, "setExportMode")]
    for item in items:
        item.setExportMode(True, {"antialias": True})
    try:
        yield
    finally:
        for item in items:
            item.setExportMode(False)
