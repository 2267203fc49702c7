"""The columns of a sweep's table: what is found out about a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from foadv_gui.lab.sweep.grid import Point

Cell: TypeAlias = "int | float | bool | str | None"
Row: TypeAlias = "dict[str, Cell]"
Kind = Literal["int", "float", "bool", "text"]


@dataclass(frozen=True)
class Column:
    """A column of the table: its `name` in the file, and what people read. A cell is empty where nothing applies."""

    name: str
    title: str
    symbol: str
    unit: str
    kind: Kind
    help: str


COLUMNS: tuple[Column, ...] = (
    Column("restarts", "Restarts", "K", "paths", "int", "How many paths climbed."),
    Column("epsilon", "Radius", "ε", "", "float", "The radius of the set, ε = ρ·|x|."),
    Column("eta", "Step", "η", "", "float", "The absolute step."),
    Column(
        "steps_median",
        "Steps to convergence",
        "",
        "steps",
        "float",
        "The first step by which half of the paths had converged; empty where fewer did, so that it is more than the "
        "steps that were taken.",
    ),
    Column("steps_low", "Steps, lower quartile", "", "steps", "float", "As the median, for a quarter of the paths."),
    Column("steps_high", "Steps, upper quartile", "", "steps", "float", "As the median, for three quarters of them."),
    Column(
        "unconverged", "Unconverged share", "", "of the paths", "float", "Paths that met the step limit, or diverged."
    ),
    Column("diverged", "Diverged share", "", "of the paths", "float", "Paths whose loss or gradient overflowed."),
    Column(
        "local_maxima", "Ends at a maximum", "", "paths", "int", "Paths whose end is a strict local maximum (tested)."
    ),
    Column(
        "distinct_maxima", "Distinct maxima", "", "maxima", "int", "Different ones among these ends, by place and loss."
    ),
    Column("loss_clean", "Loss of the clean input", "L(0)", "", "float", "The loss before any step."),
    Column("loss_best", "Best loss", "L", "", "float", "The greatest loss that a path ended with."),
    Column("loss_median", "Median loss", "L", "", "float", "The median over the paths of the loss at the end."),
    Column("loss_spread", "Spread of the loss", "", "", "float", "The greatest loss at an end less the smallest."),
    Column("cosine", "Alignment", "cos(δ, ∇L)", "", "float", "Of the strongest path's end with the gradient there."),
    Column(
        "tangent_eigenvalue_max",
        "Top tangent eigenvalue",
        "λ_max",
        "",
        "float",
        "Of the Hessian along the set at the strongest path's end; a strict maximum has it below the multiplier.",
    ),
    Column("multiplier", "Multiplier", "λ", "", "float", "λ = ⟨δ, ∇L⟩/ε² at the strongest path's end."),
    Column(
        "rate_observed", "Observed rate", "", "per step", "float", "At which the strongest path closed in on its end."
    ),
    Column(
        "rate_predicted",
        "Predicted rate",
        "",
        "per step",
        "float",
        "Of the ascent at the strongest path's end, from the Hessian.",
    ),
    Column(
        "reach",
        "Reach",
        "k",
        "",
        "float",
        "k = max ⟨δ, −sign(r) ∇f(x)⟩/|r|, r = f(x) − y: above 1 the linearised f passes y in the set; empty where "
        "r = 0. Of a classifier r = f(x), and 0 is passed.",
    ),
    Column(
        "q",
        "Contraction",
        "q",
        "",
        "float",
        "q = ε·M₂/g_min: below 1, f is proven to have one maximum and one minimum on the ball; empty unless g_min > 0.",
    ),
    Column("g_min", "Least gradient", "g_min", "", "float", "A lower bound of |∇f| on the ball."),
    Column("gap", "Gap", "1 − L/U", "", "float", "How far the best loss is at most below the strongest in the ball."),
    Column(
        "certified",
        "Certified",
        "q < 1",
        "",
        "bool",
        "Whether f is proven to have one maximum and one minimum on the ball.",
    ),
    Column(
        "maxima_proven",
        "Maxima proven",
        "",
        "maxima",
        "int",
        "How many local maxima L is proven to have; empty where that is not.",
    ),
    Column(
        "nonlinearity",
        "Nonlinearity",
        "max |L − L_lin|",
        "",
        "float",
        "How far L strays from its tangent at 0 at random points of the set and at the ends: at least this much.",
    ),
    Column(
        "nonlinearity_relative",
        "Relative nonlinearity",
        "",
        "× the linear gain",
        "float",
        "The nonlinearity over the most that the tangent gains, max ⟨δ, ∇L(0)⟩.",
    ),
    Column(
        "misalignment",
        "Gradient misalignment",
        "E[1 − cos]",
        "",
        "float",
        "The mean of 1 − cos between ∇L(0) and ∇L(δ) over random δ in the set.",
    ),
    Column(
        "concave_share",
        "Concave share",
        "",
        "of the sphere",
        "float",
        "On which the loss is concave along the sphere, from random points.",
    ),
    Column("seconds", "Time", "", "s", "float", "How long the point took, on one process."),
    Column("device", "Device", "", "", "text", "Where the ascent was computed, and in which type."),
    Column("error", "Error", "", "", "text", "Why the point could not be computed; then nothing is known of it."),
)
"""What is found out about a point; before them come `point`, `key` and a column for each setting that varies."""


def failure(point: Point, error: str | None) -> Row:
    """The row of a point of which nothing is known but why."""
    row: Row = {"point": point.index, "key": point.key, **dict(zip(point.sweep.keys, point.values, strict=True))}
    return row | dict.fromkeys(column.name for column in COLUMNS) | {"error": error}
