"""What was found out about a run, as a window or a figure says it: no torch here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.recording import Recording

    Floats: TypeAlias = NDArray[np.float64]

Tone: TypeAlias = Literal["yes", "no", "unsure", "note"]
TONE_ICONS = {"yes": "✓", "no": "✗", "unsure": "?", "note": "•"}
"""The icon of each tone of a clause, where it is written as text."""


@dataclass(frozen=True)
class Clause:
    """One clause of a verdict: its tone (an icon, never colour alone) and its words.

    detail: the formula behind them with this run's numbers. topic: what it is about, the same in every verdict.
    source: where the formula comes from.
    """

    tone: Tone
    words: str
    detail: str
    topic: str
    source: str = ""


@dataclass(frozen=True)
class VerdictPicture:
    """The verdict on restart k in clauses; `local_maximum` is None where no second-order test can be made.

    rate_predicted: the share of the error that a step leaves near the maximum; None where there is none. step_largest,
    step_fastest: the largest stable and the fastest step as values of the setting `ascent.step`, None where there is
    none; `step_why` then says why.
    """

    k: int
    stop_reason: str
    local_maximum: bool | None
    clauses: tuple[Clause, ...]
    rate_predicted: float | None
    step_largest: float | None
    step_fastest: float | None
    step_why: str

    def rate_line(self, recording: Recording) -> tuple[Floats, Floats] | None:
        """The predicted rate beside the path: steps t (2,) and tau(T) rate^(t - T) (2,), up to 1 at most.

        T is the last step at which the tangential ratio tau is above round-off; None where no rate below 1 is known.
        """
        tau, rate = recording.tangential[:, self.k], self.rate_predicted
        floor = 1e3 * float(np.finfo(recording.delta.dtype).eps)
        above = np.nonzero(np.isfinite(tau) & (tau > floor))[0]
        if not len(above) or rate is None or not 0 < rate < 1:
            return None
        end = int(above[-1])
        first = max(0.0, end - math.log(tau[end]) / math.log(rate))
        t = np.array([min(first, end), end], np.float64)
        return t, tau[end] * rate ** (t - end)

    @property
    def mail_key(self) -> int:
        """Verdicts on different restarts do not replace each other."""
        return self.k


@dataclass(frozen=True)
class CertifiedScale:
    """The input scale up to which it is proven how many maxima the ball holds, at the perturbation ratio `ratio`.

    value: inf where every scale is certified, None where none is, and `why` says why. pending: it is not known yet.
    """

    value: float | None
    ratio: float
    why: str = ""
    pending: bool = False

    @property
    def reason(self) -> str:
        """Why there is no number to show."""
        return "every γ is certified" if self.value is not None else self.why

    @property
    def words(self) -> str:
        """What a slider of the input scale says below its mark."""
        if self.pending:
            return "certified scale: not known yet"
        if self.value is None:
            return f"no certified scale: {self.why.partition(':')[0]}"
        if math.isinf(self.value):
            return "certified at every γ"
        return f"▲ certified up to γ = {self.value:.3g}"


@dataclass(frozen=True)
class Progress:
    """What is being found out; nothing, when all has been."""

    words: str
