"""A file of the user's becomes the input or the network of an experiment: what changes, and what is said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.chain import BY_HAND
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.gallery import open_gallery
from foadv_gui.lab.inputs import gallery_of, load_input
from foadv_gui.lab.weights import entries, read_layers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.gallery import Gallery

_WHOLE, _QUICK = 4096, 2048
"""An image of more coordinates is made smaller at first, down to what follows a control at once with many restarts."""


@dataclass(frozen=True)
class Adopted:
    """The settings that make a file part of an experiment, and a sentence on what was done."""

    changes: dict[str, object]
    words: str


@dataclass(frozen=True)
class Unclear:
    """Weights of which nobody but the user can say in which order they follow: the `problem`, and the `matrices`."""

    problem: str
    matrices: tuple[str, ...]


def with_input(experiment: Experiment, path: str | Path, array: str | None = None) -> Adopted:
    """Make the first row of a file the input of an experiment.

    With a network from a file, x is the vector as it is (unit "file", gamma = 1), and images are resized to what the
    network takes; a network that takes no such input gives way to a random one. Random weights go with the scale on
    show, and images of more than some thousand coordinates are made smaller. Images are kept within black and white.

    Raises
    ------
    ExperimentError, FileProblem
        If the file cannot be an input.
    """
    gallery = open_gallery(str(path), array=array, limit=experiment.compute.file_limit)
    takes = _takes(experiment)
    size, grey = _fitting(gallery.shape, takes) if gallery.is_images else (None, False)
    dimension = _coordinates(gallery.shape, size, grey)
    changes: dict[str, object] = {
        "input.source": "file",
        "input.file": str(path),
        "input.index": 0,
        "input.array": array,
        "input.size": size,
        "input.grey": grey,
    }
    notes = [f"{Path(path).name} is the input now{_which(gallery)}"]
    if size is not None:
        notes[0] += f", resized to {size[0]} × {size[1]}{' in grey' if grey else ''}"
    unit, scale = experiment.input.unit, experiment.input.scale
    if takes == dimension:
        unit, scale = "file", 1.0
        changes |= {"input.unit": unit, "input.scale": scale}
    elif takes is not None:
        changes |= at_random(experiment)
        notes.append(f"the network is random, since {_name(experiment)} takes {takes} coordinates, not {dimension}")
    if experiment.network.loss == "cross-entropy" and "network.loss" not in changes and gallery.labels is not None:
        changes["input.label"] = float(gallery.labels[0])
    shown = open_gallery(str(path), array=array, size=size, grey=grey, limit=experiment.compute.file_limit)
    changes["ascent.box"] = _box(experiment, shown, unit, scale)
    return Adopted(changes, "; ".join(notes))


def weights_or_question(experiment: Experiment, path: str | Path) -> Adopted | Unclear:
    """As `with_weights`; or, where naming its layers would help, the question which they are."""
    try:
        return with_weights(experiment, path)
    except FileProblem as error:
        if BY_HAND not in error.problem:
            raise
        matrices = [entry.name for entry in entries(path, experiment.compute.file_limit) if len(entry.shape) == 2]
        return Unclear(error.problem, tuple(matrices))


def with_weights(experiment: Experiment, path: str | Path, layers: tuple[str, ...] | None = None) -> Adopted:
    """Make the weights of a file (of these layers, or those recognised) the network of an experiment, with kappa = 1.

    An input that they do not take is resized, if it is an image of the user's; else a random direction takes its place.

    Raises
    ------
    ExperimentError, FileProblem
        If the file holds no network.
    """
    network = read_layers(path, layers, experiment.compute.file_limit)
    takes = network[0].W.shape[1]
    sizes = [takes, *(len(layer.W) for layer in network)]
    changes: dict[str, object] = {
        "network.source": "file",
        "network.file": str(path),
        "network.layers": layers,
        "network.weight_scale": 1.0,
    }
    activation = experiment.network.activation
    notes = [f"{Path(path).name} is the network now, {'-'.join(map(str, sizes))}, with {activation}"]
    fitted, said = _input_for(experiment, takes)
    changes |= fitted
    if sizes[-1] == 1:
        classes = experiment.network.loss == "cross-entropy"
        changes |= {"network.loss": "quadratic", "input.label": 1.0} if classes else {}
        changes["network.output"] = ""
    else:
        label, why = _right_class(experiment, changes, sizes[-1])
        changes |= {"network.loss": "cross-entropy", "network.output": "", "input.label": float(label)}
        notes.append(f"cross-entropy, and the right class is y = {label}, {why}")
    return Adopted(changes, "; ".join([*notes, *said]))


def _input_for(experiment: Experiment, takes: int) -> tuple[dict[str, object], list[str]]:
    """The input that a network takes which comes from a file: what changes of the one on show, and what is said."""
    if experiment.input.source == "sphere":
        return {"network.dimension": takes}, []
    changes: dict[str, object] = {}
    notes = []
    dimension = _dimension(experiment)
    resized = _resized(experiment, takes) if dimension != takes else None
    if resized is not None:
        changes |= {"input.size": resized[0], "input.grey": resized[1]}
        how = "in grey" if resized[0] is None else f"resized to {resized[0][0]} × {resized[0][1]}"
        notes.append(f"the image is {how}")
    elif dimension != takes:
        had = "" if dimension is None else f", not {dimension}"
        said = f"the input is a random direction, since it takes {takes} coordinates{had}"
        return {"input.source": "sphere", "network.dimension": takes, "ascent.box": None}, [said]
    if experiment.network.source != "file":
        # What it was trained on is not of length 1; nor would a box of numbers hold what is.
        box = experiment.ascent.box
        changes |= {"input.unit": "file", "input.scale": 1.0, "ascent.box": box if box == "pixels" else None}
    return changes, notes


def _right_class(experiment: Experiment, changes: Mapping[str, object], outputs: int) -> tuple[int, str]:
    """The right class of the input for a network that `changes` bring, of so many classes, and who says so.

    The input's file, or the user before, if the input stays; else the network itself: what it decides for is what an
    adversary can lead away from.
    """
    import torch  # the window does not wait for it

    from foadv_gui.core.module import ModuleAdversary
    from foadv_gui.lab.objectives import objective_for

    of_classes = {"network.loss": "cross-entropy", "network.output": "", "input.label": 0.0}
    after = experiment.changed({**changes, **of_classes})
    clean, label = load_input(after), experiment.input.label
    if clean.true_label is not None and 0 <= clean.true_label < outputs:
        return clean.true_label, "as its label says"
    same = experiment.network.loss == "cross-entropy" and "input.source" not in changes
    if same and label in range(outputs):
        return int(label), "as before"
    objective = objective_for(after, clean, torch.tensor(clean.x))
    assert isinstance(objective, ModuleAdversary)
    return int(objective.decision(torch.zeros_like(objective.x))), "as the network itself decides"


def at_random(experiment: Experiment) -> dict[str, object]:
    """A random network in place of the one that there is: its one output knows no classes, so the loss is quadratic."""
    network, label = experiment.network, experiment.input.label
    changes: dict[str, object] = {"network.source": "random"}
    sides = network.loss in ("logistic", "hinge") and label in (-1.0, 1.0)
    if network.loss != "quadratic" and not sides:
        changes |= {"network.loss": "quadratic", "input.label": 1.0}
    return changes | ({"network.output": ""} if network.output else {})


def label_at(experiment: Experiment, gallery: Gallery | None, index: Any) -> dict[str, object]:
    """The right class of another row of the gallery that an experiment's input is from, if the label is to follow.

    It follows where it is the one that the gallery gives the row on show; one that somebody chose stays.
    """
    given = experiment.input
    if gallery is None or gallery.labels is None or experiment.network.loss != "cross-entropy":
        return {}
    rows = range(gallery.count)
    if given.source == "sphere" or type(index) is not int or index not in rows or given.index not in rows:
        return {}
    if given.label != gallery.labels[given.index]:
        return {}
    return {"input.label": float(gallery.labels[index])}


def with_label(experiment: Experiment, changes: Mapping[str, object]) -> dict[str, object]:
    """The changes, and the right class with another index of the same inputs, if it is to follow (`label_at`)."""
    same = {"input.source", "input.file", "input.array"}.isdisjoint(changes)
    if "input.index" not in changes or not same or experiment.network.loss != "cross-entropy":
        return dict(changes)
    try:
        follows = label_at(experiment, gallery_of(experiment), changes["input.index"])
    except FileProblem:  # whoever runs it says why
        follows = {}
    return {**follows, **changes}


def _name(experiment: Experiment) -> str:
    return Path(experiment.network.file or "").name


def _which(gallery: Gallery) -> str:
    """Which of several it is, in words; how long, if it is the only vector."""
    what = "image" if gallery.is_images else "row"
    if gallery.count > 1:
        return f" ({what} 0 of {gallery.count}; Ctrl+B browses)"
    return "" if gallery.is_images else f" (one vector, d = {gallery.dimension})"


def _takes(experiment: Experiment) -> int | None:
    """How many coordinates a network from a file takes; None where any number will do, or its file has gone."""
    network = experiment.network
    if network.source != "file":
        return None
    try:
        layers = read_layers(network.file or "", network.layers, experiment.compute.file_limit)
    except ValueError:
        return None
    return int(layers[0].W.shape[1])


def _dimension(experiment: Experiment) -> int | None:
    """How many coordinates the input has; None if it cannot be read."""
    try:
        return load_input(experiment).dimension
    except ExperimentError:
        return None


def _resized(experiment: Experiment, takes: int) -> tuple[tuple[int, int] | None, bool] | None:
    """The size (None: its own), and whether in grey, in which a network takes the user's image, if there is one."""
    given = experiment.input
    if given.source != "file":
        return None
    try:
        gallery = open_gallery(given.file or "", array=given.array, limit=experiment.compute.file_limit)
    except ValueError:
        return None
    size, grey = _fitting(gallery.shape, takes) if gallery.is_images else (None, False)
    return (size, grey) if _coordinates(gallery.shape, size, grey) == takes else None


def _coordinates(shape: tuple[int, ...], size: tuple[int, int] | None, grey: bool) -> int:
    """The number d of coordinates of a row, once an image has been resized and made grey."""
    if size is None:
        return math.prod(shape[:2]) if grey else math.prod(shape)
    return math.prod(size) * (3 if len(shape) == 3 and not grey else 1)


def _fitting(shape: tuple[int, ...], takes: int | None) -> tuple[tuple[int, int] | None, bool]:
    """The size of an image (None: its own), and whether in grey, that gives a network what it takes.

    Where no size does, or any, it is its own one, or as much smaller as keeps the program quick.
    """
    if takes is not None:
        for grey, channels in ((False, 3 if len(shape) == 3 else 1), (True, 1)):
            side = math.isqrt(takes // channels)
            if channels * math.prod(shape[:2]) == takes:
                return None, grey and len(shape) == 3
            if side and channels * side**2 == takes:
                return (side, side), grey and len(shape) == 3
    dimension = math.prod(shape)
    if dimension <= _WHOLE:
        return None, False
    shrink = math.sqrt(_QUICK / dimension)
    height, width = (max(int(side * shrink), 1) for side in shape[:2])
    return (height, width), False


def _box(experiment: Experiment, gallery: Gallery, unit: str, scale: float) -> object:
    """The box for a new input: black to white for an image, where the set allows it; else, if it holds x, as it was."""
    vector, box = gallery.row(0).ravel(), experiment.ascent.box
    length = float(np.linalg.norm(vector)) or 1.0
    if gallery.is_images and vector.min() >= 0 and vector.max() <= 1:
        farthest = float(np.linalg.norm(np.maximum(vector, 1 - vector)))
        on_sphere = experiment.ascent.constraint == "l2-sphere"
        return "pixels" if not on_sphere or farthest > experiment.input.ratio * length else None
    if box is None or box == "pixels":
        return None
    x = vector * (scale if unit == "file" else scale / length)
    return box if box[0] <= x.min() and x.max() <= box[1] else None
