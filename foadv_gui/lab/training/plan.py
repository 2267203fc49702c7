"""What is trained, as a frozen value: an experiment, the settings of its training, and what varies."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
from pydantic import ValidationError

from foadv_gui.lab.config import Experiment, ExperimentError, first_problem
from foadv_gui.lab.fields import SEED_MAX
from foadv_gui.lab.sweep.axis import Axis, key_and_values, read_axes
from foadv_gui.lab.training.section import TrainingSection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_LINES = 24
"""More trainings than this side by side are no comparison."""
VARIED = (
    *("input.scale", "input.ratio", "network.width", "network.weight_scale", "network.activation"),
    *("ascent.rule", "ascent.step", "ascent.constraint"),
    *("training.rate", "training.rate_units", "training.mode", "training.inner_steps", "training.batch"),
    *("training.train_a", "training.points"),
)
"""The settings that may vary from one line to another; `training.repeats` says how often each line is repeated."""
_TABLES = ("training", "over")
_RUN_SECTIONS = ("network", "input", "ascent", "compute")


@dataclass(frozen=True)
class Training:
    """An experiment, how its network is trained, and the settings that vary.

    Of the experiment count the network, the input's scale and ratio, where and how the ascent steps (constraint, rule,
    step and its units, tolerance), and where it is computed. Points come from the training's own data, each attacked
    from delta = 0. Every method that changes something returns another training, and raises `ExperimentError` where
    that cannot be.
    """

    base: Experiment
    section: TrainingSection = field(default_factory=TrainingSection)
    axes: tuple[Axis, ...] = ()

    def __post_init__(self) -> None:
        if not self.axes:
            _check(self)
        elif (count := math.prod(len(axis.values) for axis in self.axes)) > MOST_LINES:
            keys = ", ".join(axis.key for axis in self.axes)
            raise ExperimentError(keys, f"make {count:,} trainings, more than the {MOST_LINES} that are compared")
        for line in self.lines if self.axes else ():
            _ = line.training  # each must be possible

    @property
    def title(self) -> str:
        """What it is called."""
        return self.base.title

    @property
    def watch(self) -> str:
        """What to look at."""
        return self.base.watch

    # -- settings, those of the experiment and those of the training alike -------------------------------------------

    def get(self, key: str) -> Any:
        """The value of a setting by its key, such as "input.scale" or "training.epochs"."""
        section, _, name = key.partition(".")
        if section != "training":
            return self.base.get(key)
        if name not in TrainingSection.model_fields:
            return self.base.get(key)  # which says what there is
        return getattr(self.section, name)

    def replace(self, key: str, value: object) -> Training:
        """Another value of one setting."""
        return self.changed({key: value})

    def changed(self, changes: Mapping[str, object]) -> Training:
        """Other values of some settings, all at once."""
        base, section = changed(self.base, self.section, changes)
        return replace(self, base=base, section=section)

    def over(self, written: Iterable[tuple[str, str | Sequence[Any]]], folder: Path | None = None) -> Training:
        """The same with these axes and no others, each a key and its values: a text or a list, as a sweep's."""
        pairs = list(written)
        for key, _ in pairs:
            self.get(key)
            if key not in VARIED:
                raise ExperimentError(key, f"cannot vary from one training to another; what can: {', '.join(VARIED)}")
        bare = replace(self, axes=())
        return replace(self, axes=tuple(read_axes(bare, pairs, folder or Path()) if pairs else ()))

    # -- lines and arms -----------------------------------------------------------------------------------------------

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """One for each combination of the values that vary; the last axis varies fastest."""
        values = itertools.product(*(axis.values for axis in self.axes))
        return tuple(Line(i, tuple(one), self) for i, one in enumerate(values))

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """All single trainings: the repetitions of the first line, then those of the second one, and so on."""
        each = itertools.product(self.lines, range(self.section.repeats))
        return tuple(Arm(i, line, repeat) for i, (line, repeat) in enumerate(each))

    @property
    def identity(self) -> str:
        """What tells its course from that of all others, as hex: all that counts but the number of epochs.

        More epochs go on where fewer ended.
        """
        data = self.base.model_dump(include=set(_RUN_SECTIONS)) | {"training": self.section.model_dump()}
        del data["training"]["epochs"]
        text = json.dumps([data, [(axis.key, *axis.values) for axis in self.axes]], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    # -- files ---------------------------------------------------------------------------------------------------------

    def to_toml(self) -> str:
        """The training as TOML: the experiment's own text, and tables [training] and [over]."""
        section = {key: value for key, value in self.section.model_dump().items() if value is not None}
        tables: dict[str, Any] = {"training": section}
        if self.axes:
            tables["over"] = {axis.key: axis.written for axis in self.axes}
        return f"{self.base.to_toml()}\n{tomli_w.dumps(tables)}"

    @classmethod
    def from_toml(cls, path: str | Path) -> Training:
        """Read a training's file, or an experiment's, which is trained as the defaults say (on digits, if it has one).

        The files that it names are looked for beside it; `ExperimentError` says what is wrong.
        """
        path = Path(path)
        base, tables = Experiment.with_tables(path, _TABLES)
        try:
            return cls.of_tables(base, tables, path.parent)
        except ExperimentError as error:
            raise error.of(str(path)) from None

    @classmethod
    def of_tables(cls, base: Experiment, tables: Mapping[str, Any], folder: Path | None = None) -> Training:
        """A training from its tables "training" and "over", as a file holds them."""
        section, over = tables.get("training", _learnt_from(base)), tables.get("over", {})
        if not isinstance(section, dict):
            raise ExperimentError("training", "must be a table, written [training]", section)
        if section.get("file"):
            section = {**section, "file": str(((folder or Path()) / Path(section["file"]).expanduser()).absolute())}
        return cls(base, _section(section)).over(_axes(over), folder)


@dataclass(frozen=True)
class Line:
    """One combination of the values that vary: a line of a picture, whose repetitions make its band."""

    index: int
    values: tuple[Any, ...]
    of: Training

    @cached_property
    def training(self) -> Training:
        """The training with these values, in which nothing varies."""
        changes = dict(zip((axis.key for axis in self.of.axes), self.values, strict=True))
        return replace(self.of, axes=()).changed(changes)

    @property
    def scale(self) -> float:
        """The input scale gamma."""
        return float(self.training.base.input.scale)

    @property
    def rate(self) -> float:
        """The absolute learning rate: c/gamma^2, or c."""
        section = self.training.section
        return section.rate / self.scale**2 if section.rate_units == "squared-scale" else section.rate


@dataclass(frozen=True)
class Arm:
    """One network that is trained: a line, and which repetition of it."""

    index: int
    line: Line
    repeat: int

    @cached_property
    def training(self) -> Training:
        """The training of this network alone: repetition j has seeds higher by j."""
        found = self.line.training
        keys = ("network.seed", "training.seed")
        seeds = {key: (found.get(key) + self.repeat) % (SEED_MAX + 1) for key in keys}
        return found.changed({**seeds, "training.repeats": 1})


def changed(
    base: Experiment, section: TrainingSection, changes: Mapping[str, object]
) -> tuple[Experiment, TrainingSection]:
    """Other values of some settings, each of which must be possible by itself; `ExperimentError` where one is not."""
    own = {key.partition(".")[2]: value for key, value in changes.items() if key.startswith("training.")}
    others = {key: value for key, value in changes.items() if not key.startswith("training.")}
    return (
        base.changed(others) if others else base,
        _section({**section.model_dump(), **own}) if own else section,
    )


def _section(data: dict[str, Any]) -> TrainingSection:
    try:
        return TrainingSection.model_validate(data)
    except ValidationError as error:
        raise first_problem(error, "training") from None


def _axes(over: Any) -> list[tuple[str, str | list[Any]]]:
    """The axes of a table [over]: TOML reads a key that is not quoted as a table in a table."""
    if not isinstance(over, dict):
        raise ExperimentError("over", 'must be a table, as in [over] with "input.scale" = [0.1, 1, 10]')
    found: list[tuple[str, str | list[Any]]] = []
    for key, values in over.items():
        nested = (
            {f"{key}.{name}": value for name, value in values.items()} if isinstance(values, dict) else {key: values}
        )
        for name, value in nested.items():
            plain = isinstance(value, list) and all(isinstance(one, str | int | float) for one in value)
            if not plain and not isinstance(value, str):
                raise ExperimentError(name, "must be a text or a list of values, as in [0.1, 1, 10]", value)
            found.append((name, value))
    return found


def _check(training: Training) -> None:
    """Refuse what no training can be."""
    ascent, section = training.base.ascent, training.section
    if ascent.constraint == "l2-sphere":
        reason = "must be l2-ball or linf-ball: every point is attacked from δ = 0, as far from all of the sphere"
        raise ExperimentError("ascent.constraint", reason, ascent.constraint)
    if ascent.box is not None:
        box = ascent.box if isinstance(ascent.box, str) else list(ascent.box)
        raise ExperimentError("ascent.box", "must be empty: points are trained on without a box", box)
    if training.base.input.unit == "file":
        reason = "must be length: all points of a training are scaled to the length γ, so that one radius fits them"
        raise ExperimentError("input.unit", reason, "file")
    if section.data == "file" and not section.file:
        raise ExperimentError("training.file", "must name a file, since training.data is file")
    if section.data == "digits" and section.digit_plus == section.digit_minus:
        raise ExperimentError(
            "training.digit_minus", "must be another digit than training.digit_plus", section.digit_minus
        )


def of_preset(base: Experiment, over: Sequence[str] = ()) -> Training:
    """An experiment that is trained as the defaults say (on digits, if its input is one), over axes as on the line.

    What it says is to be watched is of its own run.
    """
    return Training(base.changed({"watch": ""}), _section(_learnt_from(base))).over(map(key_and_values, over))


def _learnt_from(base: Experiment) -> dict[str, Any]:
    """What of the defaults an experiment changes: one whose input is a digit is trained on digits."""
    return {"data": "digits"} if base.input.source == "digits" else {}
