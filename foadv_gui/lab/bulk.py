"""What stands beside the eigenvalues of a spectrum: the predicted curve, and the estimate of a large one's density.

NumPy only, as in `picture`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foadv_gui.lab.picture import SpectrumPicture

    Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """How many eigenvalues are expected below each of the energies: both (n,), ascending."""

    energies: Floats
    below: Floats

    def heights(self, places: Floats, width: float) -> Floats:
        """The expected height (k,) of a bar of this width about each of the places (k,).

        That is the density times the width, averaged over the bar: a peak narrower than a bar is no higher than the
        bar that holds it.
        """
        half = width / 2
        upper, lower = (np.interp(places + side, self.energies, self.below) for side in (half, -half))
        return np.asarray(upper - lower)


@dataclass(frozen=True, eq=False)
class BulkPicture:
    """Beside the spectrum at iterate t of restart k: its prediction, or `why` there is none, and its estimate.

    `outlier` is the predicted eigenvalue above the bulk, if there is one, and `zeros` how many are predicted to be
    exactly zero; `distance` is the Kolmogorov distance to all exact eigenvalues, where these are known. The `estimated`
    curve is there where they are not; it was made with so many `probes` of so many `steps`.
    """

    t: int
    k: int
    kind: Literal["tangent", "euclidean"]
    predicted: Curve | None = None
    outlier: float | None = None
    zeros: int = 0
    distance: float | None = None
    why: str = ""
    estimated: Curve | None = None
    probes: int = 0
    steps: int = 0

    def is_beside(self, spectrum: SpectrumPicture | None) -> bool:
        """Whether it is of the same iterate, restart and kind."""
        return spectrum is not None and (self.t, self.k, self.kind) == (spectrum.t, spectrum.k, spectrum.kind)

    @property
    def words(self) -> list[str]:
        """What the curves are, in a few words each."""
        parts = []
        if self.predicted is not None:
            parts.append("curve: random-matrix prediction")
        if self.distance is not None:
            parts.append(f"Kolmogorov distance {self.distance:.2g}")
        if self.outlier is not None:
            parts.append(f"▼ predicted outlier {self.outlier:.4g}")
        if self.estimated is not None:
            parts.append(f"filled: SLQ, {self.probes} probes, {self.steps} steps")
        return parts

    @property
    def explanation(self) -> str:
        """What the curves are, in sentences for somebody who has not seen them before."""
        parts = [self.why]
        if self.predicted is not None:
            parts.append(
                "The curve is what random-matrix theory (Marchenko and Pastur) predicts for the heights of the bars, "
                "from the law of the random weights and the neurons' curvatures r a σ″ alone."
            )
        if self.distance is not None:
            parts.append(
                "Its Kolmogorov distance to the exact spectrum, the largest difference between the shares of "
                f"eigenvalues below any value, is {self.distance:.2g}."
            )
        if self.outlier is not None:
            parts.append(
                f"The triangle ▼ at {self.outlier:.4g} is the predicted outlier, which ∇f ∇fᵀ adds above them."
            )
        if self.zeros:
            parts.append(f"It predicts besides that {self.zeros} eigenvalues are exactly zero; these are not drawn.")
        if self.estimated is not None:
            parts.append(
                "The filled steps estimate how many of all eigenvalues lie where, by stochastic Lanczos quadrature "
                f"(SLQ) with {self.probes} random probes of {self.steps} steps; the ticks are exact."
            )
        return " ".join(part for part in parts if part)
