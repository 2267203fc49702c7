"""What a training, its lines and the values that vary are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foadv_gui.lab.ranges import number
from foadv_gui.lab.settings import setting

if TYPE_CHECKING:
    from foadv_gui.lab.sweep.axis import Axis
    from foadv_gui.lab.training.plan import Line, Training
    from foadv_gui.lab.training.record import TrainingRecord

CONVENTIONS = {"squared-scale": "per squared scale", "absolute": "absolute"}
_OF_THE_RATE = ("training.rate", "training.rate_units")


def convention(training: Training) -> str:
    """How the learning rate of a training in which nothing varies goes with the scale."""
    return CONVENTIONS[training.section.rate_units]


def rate_words(line: Line, *, short: bool = False) -> str:
    """The absolute learning rate of a line: "η = 100", or "η = c/γ² = 100" beside lines whose rate is absolute."""
    both = not short and any(axis.key == "training.rate_units" for axis in line.of.axes)
    squared = both and line.training.section.rate_units == "squared-scale"
    return f"η = {'c/γ² = ' if squared else ''}{number(line.rate)}"


def line_label(line: Line, *, short: bool = False) -> str:
    """What a line is called in a key, always with its rate: "γ = 0.1, η = 100"; `short`: without its convention."""
    pairs = zip(line.of.axes, line.values, strict=True)
    told = [named_value(axis, value) for axis, value in pairs if axis.key not in _OF_THE_RATE]
    if not any(axis.key == "input.scale" for axis in line.of.axes):
        told.insert(0, f"γ = {number(line.scale)}")
    return ", ".join([*told, rate_words(line, short=short)])


def axis_name(axis: Axis) -> str:
    """What an axis is called in a sentence: "γ", or "the batch"."""
    return axis.setting.symbol if axis.numeric and axis.setting.symbol else f"the {axis.setting.title.lower()}"


def axis_value(axis: Axis, value: Any) -> str:
    """A value of an axis as people read it."""
    if axis.key == "training.mode":
        return str(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return number(value)
    return axis.setting.labels.get(str(value), str(value))


def named_value(axis: Axis, value: Any) -> str:
    """A value with its name, where it needs one: "γ = 0.1", "tanh", "batch = 20"."""
    if axis.setting.kind == "choice":
        return axis_value(axis, value)
    return f"{axis.setting.symbol or axis.setting.title.lower()} = {axis_value(axis, value)}"


def settings_line(record: TrainingRecord) -> str:
    """What does not vary, on one line: network, points, adversary, and how it is trained."""
    training = record.training
    base, section, keys = training.base, training.section, {axis.key for axis in training.axes}

    def some(*told: tuple[str, str]) -> str:
        return ", ".join(words for key, words in told if words and key not in keys)

    foreign = base.network.source == "model"
    unit = " ε/G" if base.ascent.step_units == "relative" else ""
    rate = f"rate c = {number(section.rate)}"
    each = len(record.data[0].y), len(record.data[0].held_out_y)
    parts = [
        some(
            ("network.activation", "" if foreign else choice_words("network.activation", base.network.activation)),
            ("", f"d = {record.data[0].X_hat.shape[1]}"),
            ("network.width", _widths(record)),
            (
                "network.loss",
                "" if base.network.loss == "quadratic" else choice_words("network.loss", base.network.loss),
            ),
            ("network.weight_scale", "" if foreign else f"κ = {number(base.network.weight_scale)}"),
        ),
        some(("", record.data[0].label), ("training.points", f"n = {each[0]}"), ("", f"{each[1]} held out")),
        some(("input.scale", f"γ = {number(base.input.scale)}"), ("input.ratio", f"ρ = {number(base.input.ratio)}")),
        some(
            ("ascent.constraint", choice_words("ascent.constraint", base.ascent.constraint)),
            ("ascent.rule", choice_words("ascent.rule", base.ascent.rule).lower()),
            ("ascent.step", f"inner step {number(base.ascent.step)}{unit}"),
            ("training.inner_steps", f"T = {section.inner_steps}"),
        ),
        some(
            ("training.mode", f"{section.mode} training"),
            ("training.rate", rate),
            ("training.rate_units", CONVENTIONS[section.rate_units]),
            ("training.batch", f"batches of {section.batch}" if section.batch else "all points in a step"),
            ("training.train_a", _trained(record)),
        ),
        some(("", f"{base.compute.dtype}, seeds {base.network.seed} and {section.seed}")),
    ]
    return "   ·   ".join(part for part in parts if part).replace(" -", " −")


def _widths(record: TrainingRecord) -> str:
    """How wide the layers are: "m = 512", or "widths 128, 128, 10"; of a module its name and size."""
    weights = record.tracks[0].weights
    if record.training.base.network.source == "model":
        count = sum(part[0].size for part in weights.values())
        return f"{record.training.base.network.model} with {count:,} trained parameters"
    if "W" in weights:
        return f"m = {weights['W'].shape[1]}"
    return "widths " + ", ".join(str(part.shape[1]) for name, part in weights.items() if name.startswith("W"))


def _trained(record: TrainingRecord) -> str:
    """Which weights move."""
    deep = "W" not in record.tracks[0].weights
    if record.training.section.train_a:
        return "all layers" if deep else "both layers"
    return "the first layer only" if deep else "W only"


def choice_words(key: str, value: str) -> str:
    """The words for a choice of a setting."""
    return setting(key).labels.get(value, value)
