"""Whether a metric rises or falls along an axis: Spearman's rank correlation within each repetition of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

Direction = Literal["rises", "falls", "none", "constant", "untold"]

LEAST = 0.5
"""The smallest mean correlation, in size, that is called a trend."""
SURE = 2.576
"""How many standard deviations of chance it must lie from 0: 1% of shuffled tables are further away."""


@dataclass(frozen=True)
class Trend:
    """The rank correlation with the axis, its mean over the repetitions, and what it amounts to.

    "constant": no repetition ever changes. "untold": too few values for even a perfect order to be no chance.
    """

    direction: Direction
    mean: float = 0.0


def trend(values: Floats) -> Trend:
    """The trend along the columns of values (B, n), a row for each repetition of an axis of n values; NaN for no value.

    rho_b is Spearman's correlation of row b with its position, ties sharing their mean rank; infinite values (censored
    ones) are ties at the top, and a row that never changes has rho_b = 0. In shuffled rows rho_b has mean 0 and
    variance 1/(n_b - 1), n_b values being known, so that their mean over B independent rows has the standard deviation
    s = sqrt(sum_b 1/(n_b - 1))/B. A trend is a mean of at least `LEAST` in size that is at least `SURE` times s: Page's
    test for ordered alternatives, in its normal approximation, with a least size.

    Source: Page, "Ordered hypotheses for multiple treatments", JASA 58 (1963).
    """
    known = ~np.isnan(values)
    rows = values[known.sum(1) > 1]
    known = ~np.isnan(rows)
    if not len(rows):
        return Trend("untold")
    counts = known.sum(1)
    if all(len(np.unique(row[there])) == 1 for row, there in zip(rows, known, strict=True)):
        return Trend("constant")
    mean, deviation = float(_correlations(rows, known).mean()), float(np.sqrt((1 / (counts - 1)).sum()) / len(rows))
    direction: Direction = "none"
    if deviation * SURE > 1:
        direction = "untold"
    elif abs(mean) >= max(LEAST, SURE * deviation):
        direction = "rises" if mean > 0 else "falls"
    return Trend(direction, mean)


def _correlations(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Spearman's correlation of the known values of each row (B, n) with their position; 0 where all are equal."""
    place = np.where(known, np.arange(values.shape[1], dtype=np.float64), np.nan)
    centred = []
    for numbers in (place, values):
        ranks = np.where(known, _ranks(numbers), np.nan)
        centred.append(np.where(known, ranks - np.nanmean(ranks, axis=1, keepdims=True), 0.0))
    product = (centred[0] * centred[1]).sum(1)
    sizes = np.sqrt((centred[0] ** 2).sum(1) * (centred[1] ** 2).sum(1))
    return np.asarray(np.divide(product, sizes, out=np.zeros(len(values)), where=sizes > 0))


def _ranks(values: Floats) -> Floats:
    """The rank of each entry in its row (B, n) from 0, ties sharing their mean rank; NaN last."""
    # What scipy.stats.rankdata does; but that takes a second to import, and a window waits for it.
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    place, n = np.arange(values.shape[1]), values.shape[1]
    new = np.ones((len(values), n + 1), bool)
    new[:, 1:n] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(new[:, :n], place, 0), axis=1)
    last = np.minimum.accumulate(np.where(new[:, 1:], place, n)[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2, axis=1)
    return ranks
