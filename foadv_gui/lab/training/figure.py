"""One figure of a training, as a file and without a window: what it says in words, and six curves beneath.

The figure is drawn for a height of 7.2 inches at any size in pixels, and for a width of at least as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foadv_gui.lab.page import HEIGHT, SIZE, Page, ThemeName, width_of, write
from foadv_gui.lab.training.curves import CurvesPicture, curves
from foadv_gui.lab.training.metrics import METRICS, OVERVIEW
from foadv_gui.lab.training.panels import draw_curves, key_of_lines, key_of_marks
from foadv_gui.lab.training.reading import sentence
from foadv_gui.lab.training.words import settings_line

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.training.record import TrainingRecord

_COUNT = 6


def save(record: TrainingRecord, path: str | Path, *, size: tuple[int, int] = SIZE, theme: ThemeName = "light") -> None:
    """Write the figure of a training to a .png or .svg file; the same record gives the same bytes.

    Raises
    ------
    FileProblem
        For a file of another kind, or one that cannot be written.
    """
    write(path, lambda: draw(record, size=size, theme=theme))


def pictures_of(record: TrainingRecord) -> list[CurvesPicture]:
    """The overview of a record: six curves, the most telling first, of which there is something to draw."""
    # Random labels cannot be told from anything: what is held out says nothing there.
    untold = "held_out" if record.training.section.data == "random" else "none of them"
    names = dict.fromkeys(name for name in (*OVERVIEW, *METRICS) if not name.startswith(untold))
    found = [picture for name in names if not (picture := curves(record, name)).why_empty]
    # Where nothing ever changes, as in a share that is always 0, there is least to see.
    return sorted(found, key=lambda picture: picture.flat)[:_COUNT]


def draw(record: TrainingRecord, *, size: tuple[int, int] = SIZE, theme: ThemeName = "light") -> Any:
    """The matplotlib figure of a record, of `size` pixels."""
    page = Page.of(size, theme, narrowest=HEIGHT)
    pictures = pictures_of(record)
    top, bottom = _header(page, record, pictures), _footer(page, record)
    columns = 3 if page.width >= 1.25 * page.height else 2
    rows = -(-len(pictures) // columns)
    left, right, below, above = 0.62, 0.18, 0.45, 0.28
    width = (page.width - right) / columns - left
    height = (top - bottom) / rows - below - above
    for i, picture in enumerate(pictures):
        x = left + (i % columns) * (width + left)
        y = bottom + below + (rows - 1 - i // columns) * (height + below + above)
        draw_curves(page.axes(x, y, width, height), picture, page.palette)
    return page.figure


def _header(page: Page, record: TrainingRecord, pictures: list[CurvesPicture]) -> float:
    """Title, what to watch, sentence and key; returns where the panels begin."""
    palette, training = page.palette, record.training
    title = training.title or "Adversarial training"
    size = min(18.0, max(13.0, 18 * (page.width - 0.6) / width_of(title, 18, "bold")))
    y = page.height - 0.16
    for words, points, weight, colour, step in (
        (title, size, "bold", palette.text, 0.0185 * size),
        (training.watch, 10.0, "normal", palette.faint_text, 0.19),
        (sentence(record), 10.0, "normal", palette.text, 0.19),
    ):
        for line in page.wrapped(words, points, weight=weight) if words else ():
            page.text(0.3, y, line, points, colour, weight=weight, va="top")
            y -= step
        y -= 0.05
    y = draw_key(page, key_of_lines(pictures[0], palette), y)
    return draw_key(page, key_of_marks(pictures, palette), y) - 0.05


def draw_key(page: Page, entries: list[Any], y: float, left: float = 0.22) -> float:
    """A key in as many columns as fit, from y downwards, in inches; returns where it ends."""
    if not entries:
        return y
    widest = max(width_of(entry.get_label(), 8.5) for entry in entries) + 0.6
    columns = max(1, min(len(entries), int((page.width - left - 0.2) / widest)))
    # No more columns than that make the rows as full as they can be.
    rows = -(-len(entries) // columns)
    columns = -(-len(entries) // rows)
    page.figure.legend(
        handles=entries,
        loc="upper left",
        bbox_to_anchor=(left / page.width, (y + 0.03) / page.height),
        ncols=columns,
        frameon=False,
        fontsize=8.5,
        labelcolor=page.palette.text,
        handlelength=2.4,
        columnspacing=1.4,
        labelspacing=0.25,
        borderaxespad=0.2,
    )
    return y - 0.165 * rows


def _footer(page: Page, record: TrainingRecord) -> float:
    """The settings; returns where the panels end."""
    lines = page.wrapped(settings_line(record), 8.5)
    for i, line in enumerate(lines):
        page.text(0.3, 0.1 + 0.165 * (len(lines) - 1 - i), line, 8.5, page.palette.faint_text, va="bottom")
    return 0.12 + 0.165 * len(lines)
