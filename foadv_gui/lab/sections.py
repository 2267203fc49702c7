"""The sections of an experiment: every name, symbol, unit, limit, default and help text is written once, here.

The network and the input have files of their own.
"""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from foadv_gui.lab.fields import Section, drawn_from, field
from foadv_gui.lab.input_section import Input
from foadv_gui.lab.network_section import Network

ConstraintName = Literal["l2-ball", "l2-sphere", "linf-ball"]
RuleName = Literal["gradient", "normalized", "sign"]
StartName = Literal["zero", "ball", "sphere", "file"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
DtypeName = Literal["float64", "float32"]
QuantityName = Literal["loss", "log-loss", "residual", "curvature"]
PlaneName = Literal[
    "clean-gradient-random",
    "path-components",
    "endpoint-components",
    "clean-start-end",
    "two-poles",
    "hessian-eigenvectors",
    "two-random",
    "two-pixels",
]
ChartName = Literal["plane", "globe", "map"]
SubspaceName = Literal["maximum-and-eigenvectors", "clean-gradient-random", "endpoint-components", "three-random"]


class Ascent(Section):
    """Projected gradient ascent: where it may go, how it steps, and from where it starts."""

    constraint: ConstraintName = field(
        "l2-ball",
        "Constraint",
        "Where the perturbation must stay: inside the ℓ₂ ball of radius ε, exactly on its surface, "
        "or within ε of zero in every coordinate.",
        labels={"l2-ball": "ℓ₂ ball", "l2-sphere": "ℓ₂ sphere", "linf-ball": "ℓ∞ ball"},
    )
    box: tuple[float, float] | Literal["pixels"] | None = field(
        None,
        "Box",
        "Also keep every coordinate of x + δ between two values. The clean input itself must lie inside. Write pixels "
        "for an image: between black and white, wherever γ puts them.",
        unit="[lo, hi], or pixels",
    )
    rule: RuleName = field(
        "gradient",
        "Step rule",
        "What is added in each step: the gradient itself, the gradient scaled to length 1, or only its signs.",
        labels={"gradient": "Gradient", "normalized": "Normalised gradient", "sign": "Sign of the gradient"},
    )
    step: float = field(
        0.5,
        "Step size",
        "How far each step goes before it is projected back. Too large a step jumps over the summit and oscillates.",
        symbol="η",
        unit="× ε/G when relative",
        limits=(1e-6, 1e6),
        slider=(0.01, 10.0),
        log=True,
    )
    step_units: Literal["relative", "absolute"] = field(
        "relative",
        "Step units",
        "Relative steps are multiples of ε/G, G being the rule's typical step at the starts: the rms of |∇L| for the "
        "gradient, 1 for the normalised one, √d or (ℓ∞) 1 for its signs, "
        "so runs at different input scales compare fairly; absolute steps are taken as they stand.",
        labels={"relative": "Relative (× ε/G)", "absolute": "Absolute"},
    )
    steps: int = field(
        200,
        "Steps",
        "How many steps to take at most; a path that meets the tolerance stops earlier.",
        symbol="T",
        unit="steps",
        limits=(1, 100_000),
        slider=(10, 5000),
        log=True,
    )
    restarts: int = field(
        16,
        "Restarts",
        "How many paths climb at once, each from its own start. More starts find more of the summits.",
        symbol="K",
        unit="paths",
        limits=(1, 4096),
        slider=(1, 256),
        log=True,
    )
    start: StartName = field(
        "ball",
        "Start",
        "Where the paths begin: at the clean input, uniformly in the constraint set, uniformly on its surface, "
        "or at points from a file; then projected on the box, if there is one.",
        labels={
            "zero": "Clean input",
            "ball": "Uniform in the ball",
            "sphere": "Uniform on the sphere",
            "file": "File",
        },
    )
    start_file: str | None = field(
        None,
        "Starts file",
        "An .npy file of shape (K, d) with one starting perturbation δ per row. Used when the starts come from a file.",
    )
    tolerance: float = field(
        1e-6,
        "Tolerance",
        "A path has converged when the part of its gradient along the surface falls below this fraction of the whole. "
        "0 runs all steps.",
        symbol="tol",
        unit="of |∇L|",
        limits=(0.0, 1.0),
    )
    seed: int = drawn_from("the starts are")

    @field_validator("box", mode="before")
    @classmethod
    def _box_from_text(cls, value: object) -> object:
        """Read "0, 1" or "[0, 1]", as it is typed, and an emptied entry field as no box."""
        if not isinstance(value, str) or value.strip() == "pixels":
            return value.strip() if isinstance(value, str) else value
        return value.strip("[]() ").replace(",", " ").split() or None


class Compute(Section):
    """Where the arithmetic is done, how exactly, and in how much memory."""

    device: DeviceName = field(
        "auto",
        "Device",
        "The processor that computes. Automatic takes an NVIDIA graphics card where there is one, else the CPU.",
        labels={"auto": "Automatic", "cpu": "CPU", "cuda": "CUDA (NVIDIA)", "mps": "MPS (Apple)"},
    )
    dtype: DtypeName = field(
        "float64",
        "Precision",
        "Double precision (64 bits) is needed for proofs; single precision (32 bits) is faster.",
        labels={"float64": "Double (64 bits)", "float32": "Single (32 bits)"},
    )
    memory_mib: int = field(
        1024,
        "Memory budget",
        "How much memory weights and recorded paths may take. A long recording keeps every 2nd, 4th, … step to fit.",
        unit="MiB",
        limits=(64, 1_000_000),
    )

    @property
    def file_limit(self) -> int:
        """The bytes that the input or the weights of a file may take: half of the budget."""
        return self.memory_mib * 2**19


class View(Section):
    """What the window draws: it never changes the run."""

    plane: PlaneName = field(
        "clean-gradient-random",
        "Plane",
        "The flat cut through the input space on which the landscape is drawn. "
        "Paths leave it, and the window says by how much. "
        "The two poles are the points of the set where f is highest and lowest, as found from the clean input.",
        labels={
            "clean-gradient-random": "Clean point, gradient, random",
            "path-components": "Principal components of the path",
            "endpoint-components": "Principal components of the endpoints",
            "clean-start-end": "Clean point, start, end",
            "two-poles": "Two poles: max f, min f",
            "hessian-eigenvectors": "Top two Hessian eigenvectors at the path's end",
            "two-random": "Two random directions",
            "two-pixels": "Two pixels",
        },
    )
    chart: ChartName = field(
        "plane",
        "Chart",
        "Where the landscape is drawn: on a plane; on a globe, the part of the sphere |δ| = ε in three directions, "
        "which the mouse turns; or on a flat map of the whole of that globe, which keeps areas (Lambert's).",
        labels={"plane": "Plane", "globe": "Globe", "map": "Map"},
    )
    subspace: SubspaceName = field(
        "maximum-and-eigenvectors",
        "Subspace",
        "The three directions through the clean input in which the globe and the map cut the sphere |δ| = ε; the first "
        "is the centre. Paths leave them, and the window says by how much. Three coordinates are the whole space.",
        labels={
            "maximum-and-eigenvectors": "Endpoint and eigenvectors",
            "clean-gradient-random": "Clean gradient, two random",
            "endpoint-components": "Components of the endpoints",
            "three-random": "Three random directions",
        },
    )
    extent: float = field(
        1.3,
        "Extent",
        "Half the width of the picture: 1 just fits the constraint set, which is the radius ε for ℓ₂ sets.",
        unit="× the set",
        limits=(0.01, 100.0),
    )
    grid: int = field(
        201,
        "Grid",
        "How many points the picture has along each side; more are sharper and slower.",
        unit="points a side",
        limits=(11, 801),
    )
    quantity: QuantityName = field(
        "loss",
        "Colour by",
        "What the colours show: the loss, its logarithm, the signed residual f − y (of a classifier f itself, which "
        "decides at 0), or the largest eigenvalue of the Hessian along the ℓ₂ sphere, below 0 where the loss is "
        "concave along it (the faces of a box are left out of account).",
        labels={"loss": "Loss", "log-loss": "Log loss", "residual": "Residual f − y", "curvature": "Top curvature"},
    )
    colormap: Literal["viridis", "magma", "cividis", "inferno"] = field(
        "viridis",
        "Colours",
        "A perceptually uniform colour map: equal steps in colour are equal steps in value.",
        labels={"viridis": "Viridis", "magma": "Magma", "cividis": "Cividis", "inferno": "Inferno"},
    )
    spectrum: Literal["tangent", "euclidean"] = field(
        "tangent",
        "Spectrum",
        "Which Hessian's eigenvalues to show: along the surface of the constraint set, where values below λ mean "
        "a maximum, or of the loss in the whole space.",
        labels={"tangent": "Tangent Hessian", "euclidean": "Euclidean Hessian"},
    )
    contours: bool = field(True, "Contours", "Draw lines of equal height over the colours.")
    arrows: bool = field(False, "Arrows", "Draw the gradient's direction on a coarse grid over the landscape.")
    clip: bool = field(
        False,
        "Clip to the set",
        "Take the colour range from inside the constraint set only, so that it is not washed out.",
    )
    plane_seed: int = drawn_from("random directions of the plane or the globe are")
    pixel_u: int = field(
        0,
        "Pixel across",
        "The coordinate of the input that runs left to right, for the plane of two pixels; counted from 0.",
        limits=(0, 99_999),
    )
    pixel_v: int = field(
        1,
        "Pixel up",
        "The coordinate of the input that runs bottom to top, for the plane of two pixels; counted from 0.",
        limits=(0, 99_999),
    )
    focus: int = field(
        0,
        "Focused path",
        "Which of the paths is drawn thick and followed by the other panels; counted from 0.",
        limits=(0, 4095),
    )


SECTIONS: dict[str, type[Section]] = {
    "network": Network,
    "input": Input,
    "ascent": Ascent,
    "compute": Compute,
    "view": View,
}
