"""What a mark of a sweep's picture says under the mouse, and which point it opens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from foadv_gui.lab.ranges import number
from foadv_gui.lab.sweep.picture import CurvePicture, value_words

if TYPE_CHECKING:
    from foadv_gui.lab.settings import Setting
    from foadv_gui.lab.sweep.grid import Axis, Point
    from foadv_gui.lab.sweep.metrics import Metric
    from foadv_gui.lab.sweep.overview import Picture
    from foadv_gui.lab.sweep.picture import AxisPicture


def mark_words(shown: Picture, mark: int) -> str:
    """What mark `mark` (counted along the rows of a heat map) stands for: values, quartiles, and how many points."""
    if isinstance(shown, CurvePicture):
        where = [_value(shown.axis, mark)]
    else:
        row, column = divmod(mark, len(shown.across.x))
        where = [_value(shown.across, column), _value(shown.up, row)]
    marks = shown.marks
    points, failed, missing = (int(counted.flat[mark]) for counted in (marks.points, marks.failed, marks.missing))
    parts = [_quartiles(shown, mark) if points else "no value", _counted(points, "point")]
    censored, certified = int(marks.censored.flat[mark]), float(marks.certified.flat[mark])
    parts += [f"{censored} of them not within T"] if censored else []
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{missing} to come"] if missing else []
    parts += ["certified" if certified >= 1 else f"{certified:.0%} certified"] if certified > 0 else []
    return f"{', '.join(where)}: {', '.join(parts)}"


def dot_words(shown: CurvePicture, point: Point, place: int) -> str:
    """What a single point behind a curve stands for; `place` is that in `shown.dots`."""
    value = float(shown.dots.value[place])
    told = f"> {number(float(shown.dots.limit[place]))}" if math.isinf(value) else number(value)
    return f"{point_words(point)}: {short_title(shown.metric)} {told}"


def point_words(point: Point) -> str:
    """Which point of its sweep it is: "γ = 0.1, network seed 3"."""
    values = zip(point.sweep.axes, point.values, strict=True)
    return ", ".join(_equal(axis, value_words(axis, value)) for axis, value in values)


def short_name(axis: Axis) -> str:
    """An axis in a few letters: its symbol, or what it is called."""
    return axis.setting.symbol or setting_name(axis.setting)


def setting_name(chosen: Setting) -> str:
    """A setting in the middle of a sentence: of the three seeds, which one."""
    title = chosen.title.lower()
    return f"{chosen.section} {title}" if chosen.name in ("seed", "file", "source") else title


def _equal(axis: Axis, value: str) -> str:
    return f"{short_name(axis)}{' = ' if axis.setting.symbol else ' '}{value}"


def short_title(metric: Metric) -> str:
    """A metric in the middle of a sentence."""
    title = metric.column.title
    return title[:1].lower() + title[1:]


def _value(axis: AxisPicture, i: int) -> str:
    return _equal(axis.axis, axis.labels[i])


def _quartiles(shown: Picture, mark: int) -> str:
    low, middle, high = (
        f"> {number(float(limit))}" if math.isinf(value) else number(float(value))
        for value, limit in zip(
            shown.marks.quartiles.reshape(3, -1)[:, mark], shown.marks.limits.reshape(3, -1)[:, mark], strict=True
        )
    )
    title = short_title(shown.metric)
    return f"{title} {middle}" if low == middle == high else f"{title} {middle} (quartiles {low} to {high})"


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
