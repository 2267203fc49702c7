"""What all benchmarks share: a row of the table, an interleaved comparison, and a way to run one topic in a process."""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MARK = "row: "


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `ratio` is value/baseline, where both were measured in turns; `target` is the bound in words and `ok` whether it
    holds, None where the row only informs.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    target: str | None = None
    ok: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in the JSON, four digits a number."""
        return {key: float(f"{entry:.4g}") if type(entry) is float else entry for key, entry in asdict(self).items()}


def at_most(name: str, value: float, limit: float, unit: str, baseline: float | None = None) -> Row:
    """A row whose value may not exceed a limit; a baseline of the same run tells how busy the machine was."""
    ratio = value / baseline if baseline else None
    return Row(name, value, unit, baseline, ratio, f"<= {limit:g} {unit}", value <= limit)


def compare(
    name: str, ours: Callable[[], object], bare: Callable[[], object], limit: float | None, *, rounds: int, scale: float
) -> Row:
    """A row that compares two ways in turns, A B A B: medians in ms over `scale`, and the median of the ratios.

    The ratio is that of neighbours, so that a machine that is busier for a while slows both.
    """
    ours()
    bare()
    pairs = [(_seconds(ours), _seconds(bare)) for _ in range(rounds)]
    value, baseline = (statistics.median(times) * 1e3 / scale for times in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    target = None if limit is None else f"<= {limit:g} x"
    return Row(name, value, "ms", baseline, ratio, target, None if limit is None else ratio <= limit)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ranked = sorted(values)
    return ranked[max(0, min(len(ranked) - 1, int(-(-share * len(ranked) // 1)) - 1))]


def tell(rows: Iterable[Row]) -> None:
    """Print rows for the process that started this one, as they come."""
    for row in rows:
        print(MARK + json.dumps(row.as_dict()), flush=True)
    sys.stdout.flush()
