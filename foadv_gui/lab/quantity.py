"""What a landscape can show, and what that is called for each loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Quantity: TypeAlias = Literal["loss", "log-loss", "residual", "curvature"]

FORMULAS = {
    "quadratic": "(f − y)²/2",
    "logistic": "log(1 + exp(−y f))",
    "cross-entropy": "log Σ exp(z) − z_y",
    "hinge": "max(0, 1 − y f)",
}
"""The losses by name, as functions of the value f or of the outputs z."""


def quantity_title(quantity: Quantity, loss: str = "quadratic") -> str:
    """What a quantity is, for a loss of this name."""
    if quantity == "loss":
        return f"loss L = {FORMULAS[loss]}" if loss in FORMULAS else "loss L"
    if quantity == "residual":
        return "residual f − y" if loss == "quadratic" else "f, a decision at 0"
    return {"log-loss": "log₁₀ L", "curvature": "top eigenvalue of P(H − λI)P"}[quantity]


def residual_name(losses: Iterable[str]) -> str:
    """What the quantity "residual" is called in a list to choose from, for what is drawn of losses of these names."""
    quadratic = {loss == "quadratic" for loss in losses}
    if len(quadratic) > 1:
        return "f − y, or f"
    return "f, decides at 0" if quadratic == {False} else "Residual f − y"
