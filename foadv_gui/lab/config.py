"""An experiment as a frozen value: read from TOML, checked as a whole, changed one setting at a time."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from foadv_gui.lab.files import FileProblem, open_file
from foadv_gui.lab.input_section import Input
from foadv_gui.lab.network_section import Network
from foadv_gui.lab.sections import SECTIONS, Ascent, Compute, View
from foadv_gui.lab.settings import CHOOSERS, SETTINGS, TRAINING_SETTINGS, Setting, nearest, setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "DIGIT_COUNT",
    "DIGIT_PIXELS",
    "SECTIONS",
    "SETTINGS",
    "Ascent",
    "Compute",
    "Experiment",
    "ExperimentError",
    "Input",
    "Network",
    "Setting",
    "View",
    "memory_problem",
    "setting",
]

DIGIT_COUNT = 1797
DIGIT_PIXELS = 64
_MIB = 2**20
_TOML_LIMIT = 1 * _MIB
_UNSET: Any = object()


class ExperimentError(ValueError):
    """An experiment that cannot be: which setting (`key`), why (`reason`), its value, and the file it came from.

    The text is one line, such as ``run.toml: input.scale = -1: must be a number between 0.0001 and 10000``.
    """

    def __init__(self, key: str, reason: str, value: object = _UNSET, source: str = "") -> None:
        self.key = key
        self.reason = reason
        self.value = value
        self.source = source
        super().__init__(key, reason)

    def __str__(self) -> str:
        where = self.key
        if self.key and self.value is not _UNSET:
            shown = repr(self.value)
            where += f" = {shown if len(shown) <= 160 else shown[:60] + '...' + shown[-97:]}"
        return " ".join(": ".join(part for part in (self.source, where, self.reason) if part).split())

    def of(self, source: str) -> ExperimentError:
        """Return the same error, said of a file."""
        return ExperimentError(self.key, self.reason, self.value, source)


class Experiment(BaseModel):
    """Everything that determines a run: network, input, ascent, where it is computed, and how it is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(default="", title="Title", description="A few words that name the experiment.")
    watch: str = Field(default="", title="What to watch", description="One sentence on what to look at when it runs.")
    network: Network = Field(default_factory=Network)
    input: Input = Field(default_factory=Input)
    ascent: Ascent = Field(default_factory=Ascent)
    compute: Compute = Field(default_factory=Compute)
    view: View = Field(default_factory=View)

    @property
    def dimension(self) -> int | None:
        """The number d of input coordinates, or None where only the input file knows it."""
        if self.input.source == "digits":
            return DIGIT_PIXELS
        return self.network.dimension if self.input.source == "sphere" else None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        problem = _impossible(self)
        if problem is not None:
            raise problem
        return self

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Check a mapping (or an experiment) and return it as an experiment; `ExperimentError` says what is wrong."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise first_problem(error) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Read an experiment from JSON, as a recording stores it; `ExperimentError` says what is wrong."""
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as error:
            raise first_problem(error) from None

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read an experiment file; the files that it names are looked for beside it."""
        return cls.with_tables(path)[0]

    @classmethod
    def with_tables(cls, path: str | Path, tables: Sequence[str] = ()) -> tuple[Self, dict[str, Any]]:
        """Read an experiment file that may also hold `tables` of another kind, which are returned as they stand."""
        path = Path(path)
        return cls._from_text(_text_of(path), str(path), path.parent, tables)

    @classmethod
    def from_toml_text(cls, text: str, name: str = "experiment") -> Self:
        """Read an experiment from text; `name` is what an error calls it."""
        return cls._from_text(text, name, None)[0]

    @classmethod
    def _from_text(
        cls, text: str, name: str, folder: Path | None, tables: Sequence[str] = ()
    ) -> tuple[Self, dict[str, Any]]:
        try:
            data = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ExperimentError("", f"is not valid TOML: {error}", source=name) from None
        others = {table: data.pop(table) for table in tables if table in data}
        if folder is not None:
            _locate_files(data, folder)
        try:
            return cls.model_validate(data), others
        except ExperimentError as error:
            raise error.of(name) from None

    def to_toml(self) -> str:
        """Return the experiment as TOML text; reading it back gives an equal experiment."""
        data = self.model_dump()
        for name in ("title", "watch"):
            if not data[name]:
                del data[name]
        for name in SECTIONS:
            data[name] = {key: value for key, value in data[name].items() if value is not None}
        return tomli_w.dumps(data)

    def get(self, key: str) -> Any:
        """Return the value of a setting by its key, such as "input.scale"."""
        section, name = _split(key)
        return getattr(getattr(self, section), name) if section else getattr(self, name)

    def same_run(self, other: Experiment) -> bool:
        """Whether another experiment runs alike: equal in all but how it is called and shown."""
        return all(getattr(self, name) == getattr(other, name) for name in SECTIONS if name != "view")

    def replace(self, key: str, value: object, **more: object) -> Self:
        """Return a new, checked experiment: ``e.replace("input.scale", 0.1, **{"ascent.seed": 3})``."""
        return self.changed({key: value, **more})

    def changed(self, changes: Mapping[str, object]) -> Self:
        """Return a new, checked experiment: ``e.changed({"input.scale": 0.1, "ascent.seed": 3})``."""
        data = self.model_dump()
        for key, value in changes.items():
            section, name = _split(key)
            (data[section] if section else data)[name] = value
        return type(self).model_validate(data)


def _text_of(path: Path) -> str:
    """The text of an experiment file, which is not large."""
    try:
        with open_file(path) as stream:
            data = stream.read(_TOML_LIMIT + 1)
    except FileProblem as problem:
        raise ExperimentError("", problem.problem, source=str(path)) from None
    except OSError as error:
        raise ExperimentError("", f"cannot be read: {error.strerror or error}", source=str(path)) from None
    if len(data) > _TOML_LIMIT:
        raise ExperimentError("", "is larger than 1 MiB, so it is no experiment file", source=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ExperimentError("", f"is not a text file in UTF-8 (byte {error.start})", source=str(path)) from None


def _split(key: str) -> tuple[str, str]:
    """Split "input.scale" into its section and its name; an unknown key is refused with the nearest one."""
    section, _, name = key.rpartition(".")
    if section in SECTIONS and name in SECTIONS[section].model_fields:
        return section, name
    if not section and name in ("title", "watch"):
        return "", name
    raise _unknown(key)


def _unknown(key: str) -> ExperimentError:
    if key in SECTIONS:
        first = next(iter(SECTIONS[key].model_fields))
        return ExperimentError(key, f"is a section: name one of its settings, as {key}.{first}")
    if key in {entry.key for entry in TRAINING_SETTINGS}:
        return ExperimentError(key, "is a setting of a training (foadv train), not of a run")
    return ExperimentError(key, f"there is no such setting; did you mean {nearest(key, ('title', 'watch'))}?")


def _locate_files(data: dict[str, Any], folder: Path) -> None:
    """Make the file names in a TOML document absolute, taking relative ones from the document's own folder."""
    for entry in SETTINGS:
        table = data.get(entry.section)
        if entry.kind == "path" and isinstance(table, dict) and isinstance(table.get(entry.name), str):
            written = table[entry.name]
            table[entry.name] = str((folder / Path(written).expanduser()).absolute()) if written else written


def first_problem(error: ValidationError, section: str = "") -> ExperimentError:
    """Turn pydantic's report, of an experiment or of one section, into the line that names what is wrong and valid."""
    first = error.errors(include_url=False)[0]
    own = first.get("ctx", {}).get("error")
    if isinstance(own, ExperimentError):
        return own
    key = ".".join(str(part) for part in ((section, *first["loc"]) if section else first["loc"])[:2])
    if first["type"] == "extra_forbidden":
        return _unknown(key)
    if key in (*SECTIONS, section):
        return ExperimentError(key, f"must be a table, written [{key}]", first["input"])
    entry = next((known for known in (*SETTINGS, *TRAINING_SETTINGS) if known.key == key), None)
    if entry is None:
        return ExperimentError(key, "must be text" if key else "is no experiment: " + first["msg"], first["input"])
    reason = f"must be {entry.valid}"
    if entry.kind == "choice":
        close = difflib.get_close_matches(str(first["input"]), entry.choices, n=1)
        reason += f"; did you mean {close[0]}?" if close else ""
    return ExperimentError(key, reason, first["input"])


def _impossible(e: Experiment) -> ExperimentError | None:
    """Return what makes settings that are valid one by one impossible together, if anything does."""
    given, ascent, view, d = e.input, e.ascent, e.view, e.dimension
    for key, chooser in CHOOSERS.items():
        if e.get(chooser) == "file" and not e.get(key):
            return ExperimentError(key, f"must name a file, since {CHOOSERS[key]} is file")
    if given.source == "digits" and given.index >= DIGIT_COUNT:
        reason = f"must be between 0 and {DIGIT_COUNT - 1}, since there are {DIGIT_COUNT} digits"
        return ExperimentError("input.index", reason, given.index)
    if ascent.box == "pixels" and given.source == "sphere":
        return ExperimentError("ascent.box", "must be [lo, hi] or none: a random direction is no image", ascent.box)
    if isinstance(ascent.box, tuple) and not ascent.box[0] < ascent.box[1]:
        return ExperimentError("ascent.box", "must have its lower end below its upper end", list(ascent.box))
    if ascent.constraint == "l2-sphere" and ascent.start == "zero":
        reason = "must be ball, sphere or file on the l2-sphere: the clean input is as far from all of its points"
        return ExperimentError("ascent.start", reason, ascent.start)
    problem = memory_problem(e, d)
    if problem is not None:
        return problem
    if view.plane == "two-pixels":
        if view.pixel_u == view.pixel_v:
            return ExperimentError("view.pixel_v", "must be another pixel than view.pixel_u", view.pixel_v)
        for key in ("view.pixel_u", "view.pixel_v"):
            if d is not None and e.get(key) >= d:
                return ExperimentError(key, f"must be less than the dimension, {d}", e.get(key))
    return None


def memory_problem(
    experiment: Experiment, dimension: int | None, restarts: int | None = None
) -> ExperimentError | None:
    """Return what makes a run on an input of this dimension too large for its memory budget, or None.

    Random weights (8 m d bytes) may take half of the budget, the measures of all steps (56 (T + 1) K) a quarter, and
    eight iterates of all restarts (64 K d), which leaves a recording enough of them to play, a quarter. `restarts` is
    their number K where a file of starts tells it.
    """
    width, steps, restarts = experiment.network.width, experiment.ascent.steps, restarts or experiment.ascent.restarts
    budget = experiment.compute.memory_mib
    claims: list[tuple[str, int, str, int, float]] = [
        ("ascent.steps", steps, f"measures of {steps} steps of {restarts} restarts", 56 * restarts, budget / 4)
    ]
    if dimension is not None:
        what = f"iterates of {restarts} restarts with {dimension} coordinates"
        claims.append(("ascent.restarts", restarts, what, 64 * dimension, budget / 4))
        if experiment.network.source == "random":
            what = f"weights of {width} x {dimension} numbers"
            claims.append(("network.width", width, what, 8 * dimension, budget / 2))
    for key, value, what, bytes_each, have in reversed(claims):
        need = value * bytes_each / _MIB
        if need > have:
            most = int(have * _MIB / bytes_each)
            reason = (
                f"{what} take {need:,.0f} MiB, more than the {have:,.0f} MiB that they may of the {budget:,} MiB of "
                f"compute.memory_mib; make it {most} or less, or raise the memory"
            )
            return ExperimentError(key, reason, value)
    return None
