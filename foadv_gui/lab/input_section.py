"""The settings of the input of an experiment: where it comes from, how long it is, and how far the adversary may go."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from foadv_gui.lab.fields import SEED_MAX, Section, drawn_from, field

UnitName = Literal["length", "file"]
SideLength = Annotated[int, Field(ge=1, le=4096)]


class Input(Section):
    """The clean input x = gamma x_hat, its label, and how far the adversary may go."""

    source: Literal["sphere", "digits", "file"] = field(
        "sphere",
        "Input from",
        "A random direction on the unit sphere, a handwritten digit of 8 × 8 pixels, or a vector of your own.",
        labels={"sphere": "Random direction", "digits": "Handwritten digit", "file": "File"},
    )
    index: int = field(
        0,
        "Index",
        "Which of the 1797 digit images to attack, or which row or image of the input file; counted from 0.",
        limits=(0, SEED_MAX),
    )
    seed: int = drawn_from("the random direction is")
    file: str | None = field(
        None,
        "Input file",
        "Numbers (.npy, .npz, .csv: one vector, a table with one a row, or images; a .csv of a single column is one "
        "vector), an image (.png, .jpg), or an IDX file as MNIST's (also .gz). It is scaled as the input's unit says.",
    )
    array: str | None = field(
        None,
        "Array",
        "Which array of an .npz file holds the inputs, where it has several; else the one called x, X or images.",
    )
    size: tuple[SideLength, SideLength] | None = field(
        None,
        "Image size",
        "The height and width to which the images of the input file are resized; empty leaves them as they are.",
        unit="pixels [height, width]",
    )
    grey: bool = field(False, "In grey", "Make the colours of the input file's images grey, by their luma.")
    unit: UnitName = field(
        "length",
        "Input unit",
        "What γ counts: the input's length, |x| = γ; or the vector v as it stands in its file, x = γ·v, so that γ = 1 "
        "is the image itself, with pixels from 0 (black) to 1 (white).",
        labels={"length": "Length: |x| = γ", "file": "File: x = γ·v"},
    )
    scale: float = field(
        1.0,
        "Input scale",
        "The length of the clean input, |x|, or the multiple of the file's vector, as the input's unit says. Small "
        "inputs give one smooth hill; large ones a mountain range.",
        symbol="γ",
        unit="|x|",
        limits=(1e-4, 1e4),
        slider=(0.01, 30.0),
        log=True,
    )
    ratio: float = field(
        0.3,
        "Perturbation ratio",
        "How far the adversary may go, as a fraction of the input's length: the radius is ε = ρ·|x|.",
        symbol="ρ",
        unit="ε/|x|",
        limits=(1e-4, 10.0),
        slider=(0.01, 2.0),
        log=True,
    )
    label: float = field(
        1.0,
        "Label",
        "The right answer, from which the adversary leads away: the value that the network should give (quadratic "
        "loss), the right side of f = 0, −1 or 1, or the right class, a whole number from 0.",
        symbol="y",
        unit="units of f",
        limits=(-1e6, 1e6),
        slider=(-3.0, 3.0),
    )

    @field_validator("size", mode="before")
    @classmethod
    def _size_from_text(cls, value: object) -> object:
        """Read "28, 28", "28 x 28" or "[28, 28]", as it is typed, and an emptied entry field as no size."""
        if not isinstance(value, str):
            return value
        return value.strip("[]() ").replace(",", " ").replace("x", " ").replace("×", " ").split() or None
