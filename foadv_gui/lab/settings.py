"""The table of all settings, derived from the fields of the sections: what a form, a command line or a manual shows."""

from __future__ import annotations

import difflib
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from foadv_gui.lab.sections import SECTIONS
from foadv_gui.lab.training.section import TrainingSection

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

Kind = Literal["float", "int", "choice", "text", "bool", "path", "box", "names", "size"]


@dataclass(frozen=True)
class Setting:
    """One setting of an experiment, with everything that is needed to show and to enter it.

    `low` and `high` are the limits for typed values and `slider` the range that a slider covers (None: no slider);
    `labels` maps each of the `choices` to the words that people read.
    """

    key: str
    section: str
    name: str
    title: str
    symbol: str
    unit: str
    help: str
    kind: Kind
    low: float | None
    high: float | None
    slider: tuple[float, float] | None
    log: bool
    choices: tuple[str, ...]
    default: Any
    labels: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def valid(self) -> str:
        """What is accepted, in words that follow "must be"."""
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.kind in ("float", "int"):
            number = "a whole number" if self.kind == "int" else "a number"
            return number if self.low is None else f"{number} between {self.low:.12g} and {self.high:.12g}"
        return _VALID[self.kind]


_VALID: dict[Kind, str] = {
    "bool": "true or false",
    "box": "two numbers [lo, hi], pixels, or none",
    "size": "two whole numbers [height, width] from 1 to 4096, or none",
    "names": "names, separated by commas",
    "path": "the name of a file",
    "text": "text",
}


CHOOSERS = {
    "network.file": "network.source",
    "input.file": "input.source",
    "ascent.start_file": "ascent.start",
}
"""The settings that name files, and those that say "file" where they are used."""


def _kind(name: str, annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    """Return the kind of a field, and its choices, from its type; which texts are names of files, its name says."""
    if get_origin(annotation) in (Union, types.UnionType):
        inner = next(part for part in get_args(annotation) if part is not type(None))
        if inner is str:
            return ("path" if name.endswith("file") else "text"), ()
        kinds: dict[Any, Kind] = {float: "box", str: "names"}
        return kinds.get(get_args(inner)[0], "size"), ()
    if get_origin(annotation) is Literal:
        return "choice", tuple(get_args(annotation))
    plain: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}
    return plain[annotation], ()


def _limit(info: FieldInfo, name: str) -> float | None:
    return next((float(getattr(rule, name)) for rule in info.metadata if hasattr(rule, name)), None)


def _setting(section: str, name: str, info: FieldInfo) -> Setting:
    extra: Any = info.json_schema_extra
    kind, choices = _kind(name, info.annotation)
    return Setting(
        key=f"{section}.{name}",
        section=section,
        name=name,
        title=info.title or name,
        symbol=extra["symbol"],
        unit=extra["unit"],
        help=info.description or "",
        kind=kind,
        low=_limit(info, "ge"),
        high=_limit(info, "le"),
        slider=extra["slider"],
        log=extra["log"],
        choices=choices,
        default=info.default,
        labels=extra["labels"],
    )


SETTINGS: tuple[Setting, ...] = tuple(
    _setting(section, name, info) for section, model in SECTIONS.items() for name, info in model.model_fields.items()
)
"""Those of an experiment."""
TRAINING_SETTINGS: tuple[Setting, ...] = tuple(
    _setting("training", name, info) for name, info in TrainingSection.model_fields.items()
)
"""Those of a training beside the experiment's."""
_BY_KEY = {setting.key: setting for setting in (*SETTINGS, *TRAINING_SETTINGS)}


def setting(key: str) -> Setting:
    """Return the setting called `key` ("input.scale"); a KeyError names the nearest one."""
    try:
        return _BY_KEY[key]
    except KeyError:
        raise KeyError(f"no setting {key!r}; did you mean {nearest(key)!r}?") from None


def nearest(key: str, known: tuple[str, ...] = ()) -> str:
    """Return the known key that a mistyped one most likely stands for.

    A right name in the wrong section comes first, then the most similar name in the same section, then in any.
    """
    section, _, name = key.rpartition(".")
    keys = (*(entry.key for entry in SETTINGS), *SECTIONS, *known)
    same_name = [other for other in keys if other.rpartition(".")[2] == name and other != key]
    siblings = [entry.name for entry in (*SETTINGS, *TRAINING_SETTINGS) if entry.section == section]
    similar = difflib.get_close_matches(name, siblings, n=1, cutoff=0.5)
    if similar and (not same_name or difflib.get_close_matches(name, similar, cutoff=0.8)):
        return f"{section}.{similar[0]}"
    return difflib.get_close_matches(key, same_name or keys, n=1, cutoff=0.0)[0]
