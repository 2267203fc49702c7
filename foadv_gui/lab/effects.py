"""Which settings make a difference to a run: a seed draws nothing where the weights come from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from foadv_gui.lab.config import Experiment

_DRAWN = ("ascent.start", ("ball", "sphere"))
_OF_A_FILE = ("input.source", ("file",))
_ACTS_WHERE: dict[str, tuple[str, tuple[str, ...]]] = {
    "network.width": ("network.source", ("random",)),
    "network.seed": ("network.source", ("random",)),
    "network.file": ("network.source", ("file",)),
    "network.layers": ("network.source", ("file",)),
    "network.model": ("network.source", ("model",)),
    "network.activation": ("network.source", ("random", "file")),
    "network.weight_scale": ("network.source", ("random", "file")),
    "network.output": ("network.source", ("file", "model")),
    "network.dimension": ("input.source", ("sphere",)),
    "input.seed": ("input.source", ("sphere",)),
    "input.index": ("input.source", ("digits", "file")),
    "input.unit": ("input.source", ("digits", "file")),
    **dict.fromkeys(("input.file", "input.array", "input.size", "input.grey"), _OF_A_FILE),
    **dict.fromkeys(("ascent.restarts", "ascent.seed"), _DRAWN),
    "ascent.start_file": ("ascent.start", ("file",)),
}
"""The settings that act only under some choices of another one."""
_IS = {
    ("network.source", "random"): "the weights are drawn at random",
    ("network.source", "file"): "the weights come from a file",
    ("network.source", "model"): "the network is a module from Python",
    ("input.source", "sphere"): "the input is a random direction",
    ("input.source", "digits"): "the input is a digit",
    ("input.source", "file"): "the input comes from a file",
    ("ascent.start", "zero"): "all paths start at the clean input",
    ("ascent.start", "ball"): "the starts are drawn at random",
    ("ascent.start", "sphere"): "the starts are drawn at random",
    ("ascent.start", "file"): "the starts come from a file",
}


def acts(experiment: Experiment, key: str) -> bool:
    """Whether another value of a setting would make another run."""
    return not why_idle(experiment, key)


def why_idle(experiment: Experiment, key: str, varied: Mapping[str, Iterable[object]] | None = None) -> str:
    """Why no value of a setting makes a difference, or nothing where it may; `varied` are the values of other ones."""
    if key not in _ACTS_WHERE:
        return ""
    chooser, acting = _ACTS_WHERE[key]
    chosen = experiment.get(chooser)
    if chosen in acting or not set(acting).isdisjoint((varied or {}).get(chooser, ())):
        return ""
    return f"has no effect, since {_IS[chooser, chosen]} ({chooser} = {chosen})"
