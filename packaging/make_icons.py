"""Draws resources/icons/foadv-SIZE.png: ``uv run python packaging/make_icons.py``.

Up to 32 pixels from foadv-small.svg, where the lines of foadv.svg would be thinner than a pixel.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

ICONS = Path(__file__).resolve().parents[1] / "resources" / "icons"
SIZES = (16, 32, 48, 128, 256)
SMALL = 32
OVERSAMPLING = 8


def draw(svg: QSvgRenderer, size: int) -> QImage:
    """The icon at ``size`` pixels a side, averaged down from a larger drawing: edges that share a border stay clean."""
    image = QImage(size * OVERSAMPLING, size * OVERSAMPLING, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    svg.render(painter)
    painter.end()
    small = image.scaled(size, size, mode=Qt.TransformationMode.SmoothTransformation)
    return small.convertToFormat(QImage.Format.Format_ARGB32)


def main() -> None:
    for size in SIZES:
        source = ICONS / ("foadv-small.svg" if size <= SMALL else "foadv.svg")
        svg = QSvgRenderer(str(source))
        if not svg.isValid():
            raise SystemExit(f"{source}: not an SVG that Qt can draw")
        path = ICONS / f"foadv-{size}.png"
        if not draw(svg, size).save(str(path)):
            raise SystemExit(f"{path}: cannot be written")
        print(path.relative_to(ICONS.parents[1]))


if __name__ == "__main__":
    main()
