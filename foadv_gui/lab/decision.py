"""What a classifier decides for, without and with a perturbation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from foadv_gui.core.module import ModuleAdversary
from foadv_gui.lab.findings import Clause

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from foadv_gui.core.objective import Objective


@dataclass(frozen=True)
class Decision:
    """The right class or side, what is decided at the clean and at the attacked input, and by what margin f there."""

    right: int
    clean: int
    attacked: int
    clean_margin: float
    margin: float
    sides: bool
    """Whether f decides between the sides -1 and 1, and not between classes."""

    @property
    def clause(self) -> Clause:
        """What became of the decision."""
        kind, now = ("side", f"{self.attacked:+d}") if self.sides else ("class", f"{self.attacked}")
        right = f"{self.right:+d}" if self.sides else f"{self.right}"
        name, told = ("f", f"y = {right}") if self.sides else ("the margin z_y − max z", "below 0 it is wrong")
        detail = f"{name} = {self.clean_margin:.5g} at the clean input and {self.margin:.5g} here; {told}"
        source = "the decision of the network"
        if self.attacked == self.right:
            return Clause("note", f"the network still decides for {kind} {right}", detail, "decision", source)
        if self.clean == self.attacked:
            words = f"the network decides for {kind} {now}, not {right}, without a perturbation too"
            return Clause("note", words, detail, "decision", source)
        return Clause("yes", f"fools the network: {kind} {now}, not {right}", detail, "decision", source)


def decided(objective: Objective, delta: Tensor) -> str:
    """What is decided for at delta (d,), and whether that is right; nothing where there is no right answer."""
    return str(decided_along(objective, delta.unsqueeze(0))[0])


def _words(chosen: int, exact: ModuleAdversary) -> str:
    kind, name = ("side", f"{chosen:+d}") if exact.loss.of_sides(exact.model.outputs) else ("class", f"{chosen}")
    return f"{kind} {name} {'✓' if chosen == int(exact.loss.label) else '✗'}"


def _classifier(objective: Objective) -> ModuleAdversary | None:
    """The objective in float64, where its loss knows a right answer."""
    exact = objective.exact
    if not isinstance(exact, ModuleAdversary) or exact.loss.name in ("quadratic", "own"):
        return None
    return exact


def decided_along(objective: Objective, deltas: Tensor) -> NDArray[np.str_]:
    """As `decided` at each of deltas (n, d)."""
    exact = _classifier(objective)
    if exact is None:
        return np.full(len(deltas), "")
    chosen = exact.decision(deltas.to(exact.x)).tolist()
    return np.array([_words(int(one), exact) for one in chosen], np.str_)


def rival(objective: Objective) -> int:
    """The class that the clean input comes nearest to besides the right one; -1 for a loss that is none of classes."""
    exact = _classifier(objective)
    if exact is None or exact.loss.of_sides(exact.model.outputs):
        return -1
    order = exact.outputs(torch.zeros_like(exact.x)).argsort(descending=True).tolist()
    return next(int(one) for one in order if one != int(exact.loss.label))


def decision(objective: Objective, delta: Tensor) -> Decision | None:
    """What the network decides at delta (d,); None for the quadratic loss and one's own, which know no right answer."""
    exact = _classifier(objective)
    if exact is None:
        return None
    both = torch.stack([torch.zeros_like(exact.x), delta.to(exact.x)])
    values = exact.value(both)
    chosen = exact.decision(both)
    return Decision(
        right=int(exact.loss.label),
        clean=int(chosen[0]),
        attacked=int(chosen[1]),
        clean_margin=float(values[0]),
        margin=float(values[1]),
        sides=exact.loss.of_sides(exact.model.outputs),
    )
