"""Another loss for the network on show: the output and the label that it cannot do without are chosen with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foadv_gui.lab.fields import chosen_output
from foadv_gui.lab.settings import setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from foadv_gui.lab.config import Experiment

_SIDES = (-1.0, 1.0)
_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def needed_for(loss: str, experiment: Experiment, rival: int) -> dict[str, object]:
    """The settings without which another loss would be refused; nothing where it needs none, or cannot be had.

    A loss of one number follows f = z_y - z_c, the right class y against the one that the clean input comes nearest to,
    and its right side is 1; a loss of classes takes the class that f was in favour of.

    Parameters
    ----------
    loss
        The loss's name in experiment files.
    experiment
        The experiment with the loss that it has.
    rival
        The class c; -1 where it is not known, or the experiment's own loss is none of classes: then f = z_y.
    """
    network, label = experiment.network, experiment.input.label
    output = chosen_output(network.output) or ()
    classes = rival >= 0 or network.loss == "cross-entropy"
    if loss == "cross-entropy" and not classes:
        right = output[-1 if label < 0 else 0] if len(output) == 2 or (output and label >= 0) else None
        return {} if right is None else {"network.output": "", "input.label": float(right)}
    if loss == "cross-entropy" or (loss == "hinge" and classes and not output):
        return {}
    if classes:
        if int(label) in output:
            return {"input.label": 1.0 if output[0] == int(label) else -1.0}
        against = f" - {rival}" if rival >= 0 and rival != label else ""
        return {"network.output": f"{label:g}{against}", "input.label": 1.0}
    if loss != "quadratic" and label not in _SIDES:
        return {"input.label": -1.0 if label < 0 else 1.0}
    return {}


def also_chosen(changes: Mapping[str, object]) -> str:
    """What was chosen with something else, in words: "f = z₃ − z₅, y = 1"; of other settings nothing."""
    parts = []
    if "network.loss" in changes:
        entry = setting("network.loss")
        parts.append(f"the loss is {entry.labels[str(changes[entry.key])].lower()}")
    if changes.get("network.output"):
        chosen = chosen_output(str(changes["network.output"])) or ()
        parts.append("f = " + " − ".join(f"z{str(i).translate(_DIGITS)}" for i in chosen))
    if "input.label" in changes:
        parts.append(f"y = {changes['input.label']:g}".replace("-", "−"))
    return ", ".join(parts)
