"""The section of an experiment that says what is attacked: the network, and the loss of its outputs."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from foadv_gui.lab.fields import Section, chosen_output, drawn_from, field

ActivationName = Literal["tanh", "sigmoid", "softplus", "erf", "gelu", "silu", "sin", "relu", "linear"]
LossName = Literal["quadratic", "logistic", "cross-entropy", "hinge"]


class Network(Section):
    """The network, by default of two layers: f(z) = sum_r a_r sigma(w_r . z)."""

    source: Literal["random", "file", "model"] = field(
        "random",
        "Weights from",
        "Draw the weights at random (Gaussian first layer, fixed signs in the second), or read your own from a file. "
        "A module from Python comes by foadv --model, or from a script.",
        labels={"random": "Random", "file": "File", "model": "Python module"},
    )
    width: int = field(
        512,
        "Width",
        "How many hidden neurons the network has. Neurons are drawn in order, so a wider network keeps those it had.",
        symbol="m",
        unit="neurons",
        limits=(1, 65_536),
        slider=(8, 4096),
        log=True,
    )
    dimension: int = field(
        64,
        "Dimension",
        "How many coordinates the input has. Digit images fix it at 64, and an input file brings its own.",
        symbol="d",
        unit="coordinates",
        limits=(1, 100_000),
        slider=(2, 3072),
        log=True,
    )
    activation: ActivationName = field(
        "tanh",
        "Activation",
        "The bend that every neuron applies to its input. ReLU and linear have no curvature of their own, "
        "so the Hessian says less about them.",
        symbol="σ",
        labels={
            "tanh": "tanh",
            "sigmoid": "Sigmoid",
            "softplus": "Softplus",
            "erf": "erf",
            "gelu": "GELU",
            "silu": "SiLU (swish)",
            "sin": "sin",
            "relu": "ReLU",
            "linear": "Linear",
        },
    )
    weight_scale: float = field(
        1.0,
        "Weight scale",
        "The standard deviation of every first-layer weight; the first layer of a weights file is multiplied by it. "
        "Without biases only κ·γ matters: doubling it is the same as doubling the input.",
        symbol="κ",
        unit="std of a weight",
        limits=(1e-4, 1e4),
        slider=(0.1, 10.0),
        log=True,
    )
    seed: int = drawn_from("the weights are")
    file: str | None = field(
        None,
        "Weights file",
        "An .npz, .safetensors or PyTorch (.pt, .pth) file with the weights of linear layers, biases included: W of "
        "shape (m, d) and a of shape (m,), or the state dict of a fully connected network. Nothing in it is run.",
    )
    layers: tuple[str, ...] | None = field(
        None,
        "Layers",
        "The names of the weight arrays in the file, first layer first, as in fc1.weight, fc2.weight; empty: they are "
        "recognised by their names and shapes.",
    )

    model: str = field(
        "",
        "Module",
        "The module from Python that is attacked, by the name of what made it, as in package.module:factory. It is "
        "given on the command line (--model) or by a script; a file can only name it, and nothing is run for that.",
    )
    loss: LossName = field(
        "quadratic",
        "Loss",
        "What the adversary maximises. Quadratic: (f − y)²/2, as in the paper. Logistic and hinge: of f and its right "
        "side y = ±1. Cross-entropy, and hinge of several outputs: y is the right class, counted from 0.",
        labels={"quadratic": "Quadratic", "logistic": "Logistic", "cross-entropy": "Cross-entropy", "hinge": "Hinge"},
    )
    output: str = field(
        "",
        "Output",
        "Which output of a network with several is f: 3 for z₃, 3 - 5 for the difference z₃ − z₅. Empty: the only one; "
        "or, for a loss of classes, the margin of the right class over the best of the others.",
    )

    @field_validator("output", mode="before")
    @classmethod
    def _output_from_text(cls, value: object) -> object:
        """Read a number, and an emptied entry field as none chosen."""
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value or ""

    @field_validator("output")
    @classmethod
    def _output_named(cls, value: str) -> str:
        if chosen_output(value) is None:
            raise ValueError("an output is a number, or the difference of two")
        return " - ".join(map(str, chosen_output(value) or ()))

    @field_validator("model", mode="before")
    @classmethod
    def _no_model(cls, value: object) -> object:
        return value or ""

    @field_validator("layers", mode="before")
    @classmethod
    def _layers_from_text(cls, value: object) -> object:
        """Read "fc1.weight, fc2.weight", as it is typed, and an emptied entry field as none named."""
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")] if value.strip(", ") else None
        return value or None if isinstance(value, list | tuple) else value

    @field_validator("layers")
    @classmethod
    def _named(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not all(value):
            raise ValueError("a layer has a name")
        return value
