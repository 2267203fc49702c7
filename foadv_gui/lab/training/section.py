"""The settings of adversarial training beside those of an experiment: names, limits, defaults and help, once."""

from __future__ import annotations

from typing import Literal

from foadv_gui.lab.fields import Section, drawn_from, field

_OF_CLASSES = (
    "; a classifier with more than two classes learns all digits that are classes of it, whatever is chosen here."
)


class TrainingSection(Section):
    """What is trained on, for how long, and by which steps; the network and its adversary are the experiment's."""

    data: Literal["random", "digits", "file"] = field(
        "random",
        "Data",
        "What the network learns: random points with random labels ±1, handwritten digits (two "
        "kinds, or all classes of a classifier), or points of your own. Every point is scaled to the length γ.",
        labels={"random": "Random points", "digits": "Digits", "file": "File"},
    )
    points: int = field(
        100,
        "Points",
        "How many points the network is trained on.",
        symbol="n",
        unit="points",
        limits=(1, 100_000),
        slider=(1, 1000),
        log=True,
    )
    held_out: int = field(
        100,
        "Held out",
        "How many more points are only measured, never trained on: they tell learning from learning by heart.",
        unit="points",
        limits=(0, 100_000),
    )
    digit_plus: int = field(
        3, "Digit with label +1", "The digit whose images have the label +1" + _OF_CLASSES, symbol="+1", limits=(0, 9)
    )
    digit_minus: int = field(
        8, "Digit with label −1", "The digit whose images have the label −1" + _OF_CLASSES, symbol="−1", limits=(0, 9)
    )
    file: str | None = field(
        None,
        "Data file",
        "An .npz file with X of shape (n, d) and y of shape (n,), shuffled by the seed: the first points are trained "
        "on, the next ones held out.",
    )
    epochs: int = field(
        60,
        "Epochs",
        "How many times the network sees all points.",
        symbol="E",
        unit="epochs",
        limits=(1, 100_000),
        slider=(1, 1000),
        log=True,
    )
    inner_steps: int = field(
        10,
        "Inner steps",
        "How many steps of projected gradient ascent attack each point, from δ = 0, before the weights move.",
        symbol="T",
        unit="steps",
        limits=(1, 10_000),
        slider=(1, 100),
        log=True,
    )
    rate: float = field(
        1.0,
        "Learning rate",
        "How far each step moves the weights against the gradient of the mean loss.",
        symbol="c",
        unit="c/γ² or c",
        limits=(1e-8, 1e8),
        slider=(1e-3, 100.0),
        log=True,
    )
    rate_units: Literal["squared-scale", "absolute"] = field(
        "squared-scale",
        "Rate units",
        "Per squared scale, the rate is c/γ²: gradients by the weights grow with the input, and this takes it out "
        "(the scale of the tangent kernel). Absolute, it is c for every input scale.",
        labels={"squared-scale": "Squared scale (c/γ²)", "absolute": "Absolute (c)"},
    )
    mode: Literal["adversarial", "clean"] = field(
        "adversarial",
        "Training",
        "Adversarial: each step follows the loss at the attacked points. Clean, the control: at the points themselves; "
        "they are attacked only to measure what that is worth.",
        labels={"adversarial": "Adversarial", "clean": "Clean (control)"},
    )
    batch: int = field(
        0,
        "Batch",
        "How many points make one step of the weights, drawn anew in each epoch; 0 takes all of them.",
        unit="points, 0: all",
        limits=(0, 100_000),
    )
    train_a: bool = field(
        False,
        "Train both layers",
        "Train all later layers as well; otherwise only the first one, W, moves, as in the theory.",
    )
    repeats: int = field(
        1,
        "Repetitions",
        "How often all is done, each time with other weights and other points: their spread is drawn as a band.",
        unit="seeds",
        limits=(1, 100),
    )
    seed: int = drawn_from("the points, their labels and their order are")
    probes: int = field(
        8,
        "Probe points",
        "At so many points of the data curvature and proofs are followed, which take longer than the training itself.",
        unit="points",
        limits=(0, 1000),
    )
