"""The words of a figure and where they stand, for tests of its layout."""

from __future__ import annotations

import itertools
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg


def texts_of(drawn: Any) -> list[tuple[str, Any]]:
    """Every piece of text that is drawn, with the box that it takes up."""
    renderer = FigureCanvasAgg(drawn).get_renderer()
    drawn.draw(renderer)
    texts = [*drawn.texts, *(text for legend in drawn.legends for text in legend.get_texts())]
    for axes in drawn.axes:
        if axes.axison:
            ticks = [*axes.get_xticklabels(), *axes.get_yticklabels()]
            low, high = axes.get_window_extent(renderer).get_points()
            inside = [
                tick
                for tick in ticks
                if low[0] - 1 <= tick.get_transform().transform(tick.get_position())[0] <= high[0] + 1
                or low[1] - 1 <= tick.get_transform().transform(tick.get_position())[1] <= high[1] + 1
            ]
            texts += [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts, *inside]
    seen = [text for text in texts if text.get_visible() and text.get_text().strip()]
    return [(text, text.get_window_extent(renderer)) for text in seen]


def check_page(texts: list[tuple[Any, Any]], size: tuple[int, int], smallest: float = 8.0) -> None:
    """No text is cut off, smaller than `smallest` points, or in the way of another one."""
    for text, box in texts:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= size[0] and box.y1 <= size[1], text
        assert text.get_fontsize() >= smallest, text
    level = [(text, box) for text, box in texts if text.get_rotation() in (0, 90)]
    for (one, first), (other, second) in itertools.combinations(level, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        up = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert across <= 1 or up <= 1, (one, other)
