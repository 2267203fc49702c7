"""A training while somebody writes it: its settings, its axes as they are typed, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.settings import setting
from foadv_gui.lab.summary import counted
from foadv_gui.lab.training.plan import Training, changed
from foadv_gui.lab.training.section import TrainingSection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from foadv_gui.lab.sweep.axis import Axis

BOTH = "both"
"""The choice of a setting with two choices that takes them both, one line each."""
SCALE = "input.scale"


@dataclass(frozen=True)
class TrainingDraft:
    """An experiment, how its network is trained, and axes that somebody writes, each a key and a text of its values.

    It is a training as soon as nothing is wrong with it. What one setting alone cannot be is refused at once with an
    `ExperimentError`; what two of them together cannot be is `problem`, so that they can be changed one by one.
    """

    base: Experiment
    section: TrainingSection = field(default_factory=TrainingSection)
    axes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, training: Training) -> TrainingDraft:
        """What one would have to write for a training."""
        return cls(training.base, training.section, tuple((axis.key, _written(axis)) for axis in training.axes))

    # -- reading -------------------------------------------------------------------------------------------------

    @cached_property
    def _read(self) -> tuple[Training | None, ExperimentError | None]:
        try:
            return Training(self.base, self.section).over(self.axes), None
        except ExperimentError as error:
            return None, error

    @property
    def training(self) -> Training | None:
        """The training, or None while something is wrong."""
        return self._read[0]

    @property
    def error(self) -> ExperimentError | None:
        """What is wrong with it, and with which setting."""
        return self._read[1]

    @property
    def problem(self) -> str:
        """What is wrong with it, in one sentence, or nothing."""
        error = self.error
        if error is None:
            return ""
        try:
            return f"{setting(error.key).title}: {error.reason}"
        except KeyError:
            return str(error)

    @property
    def words(self) -> str:
        """How many networks are trained: "10 lines × 3 seeds = 30 networks"."""
        training = self.training
        if training is None:
            return ""
        lines, repeats = len(training.lines), training.section.repeats
        total = counted(lines * repeats, "network")
        return total if repeats == 1 else f"{counted(lines, 'line')} × {repeats} seeds = {total}"

    def get(self, key: str) -> Any:
        """The value of a setting by its key."""
        section, _, name = key.partition(".")
        return getattr(self.section, name) if section == "training" else self.base.get(key)

    def axis(self, key: str) -> str | None:
        """The values of a setting as they are written, or None where it does not vary."""
        return next((text for other, text in self.axes if other == key), None)

    @property
    def scales(self) -> str:
        """The input scales as they are written."""
        found = self.axis(SCALE)
        return f"{self.base.input.scale:g}" if found is None else found

    def choice(self, key: str) -> str:
        """The value of a setting with two choices, or that both are taken."""
        varies = self.axis(key)
        return str(self.get(key)) if varies is None else BOTH if "," in varies else varies

    # -- writing -------------------------------------------------------------------------------------------------

    def changed(self, changes: Mapping[str, object]) -> TrainingDraft:
        """The same with other values of some settings; `ExperimentError` where one of them cannot be."""
        base, section = changed(self.base, self.section, changes)
        return replace(self, base=base, section=section)

    def varying(self, key: str, text: str) -> TrainingDraft:
        """The same with these values of a setting, in the place that its axis has, or before all others."""
        others = [pair for pair in self.axes if pair[0] != key]
        place = next((i for i, pair in enumerate(self.axes) if pair[0] == key), 0)
        return replace(self, axes=(*others[:place], (key, text), *others[place:]))

    def fixed(self, key: str) -> TrainingDraft:
        """The same with a setting that does not vary."""
        return replace(self, axes=tuple(pair for pair in self.axes if pair[0] != key))

    def choosing(self, key: str, value: str) -> TrainingDraft:
        """The same with one of two choices, or with both, as the last axis."""
        if value != BOTH:
            return self.fixed(key).changed({key: value})
        return replace(self.fixed(key), axes=(*self.fixed(key).axes, (key, ",".join(setting(key).choices))))

    def on(self, base: Experiment) -> TrainingDraft:
        """The same for another experiment, made one that can be trained: in a ball, no box, points of one length."""
        changes: dict[str, object] = {"ascent.box": None} if base.ascent.box is not None else {}
        if base.input.unit == "file":
            changes["input.unit"] = "length"
        if base.ascent.constraint == "l2-sphere":
            changes["ascent.constraint"] = "l2-ball"
        data = "digits" if base.input.source == "digits" else self.section.data
        return replace(self, base=base.changed(changes)).changed({"training.data": data})


def _written(axis: Axis) -> str:
    """The values of an axis as people write them: a list of 1.0 and 3.0 as 1, 3."""
    if axis.setting.kind == "float" and "," in axis.text:
        return ", ".join(f"{value:.12g}" for value in axis.values)
    return axis.text
