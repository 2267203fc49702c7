"""Two to four experiments side by side that vary in one setting, as a frozen value."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import tomli_w

from foadv_gui.lab.config import SETTINGS, Experiment, ExperimentError
from foadv_gui.lab.settings import Setting, setting
from foadv_gui.lab.shelf import Shelf

FEWEST, MOST = 2, 4
COMPARED = (
    "input.scale",
    "input.ratio",
    "ascent.step",
    "network.activation",
    "network.width",
    "network.seed",
    "input.seed",
    "ascent.seed",
)
"""The settings that columns may vary in."""
_FACTORS = {"input.scale": 10.0, "input.ratio": 2.0, "ascent.step": 3.0, "network.width": 4.0}
"""From one column to the next, where a comparison by another setting begins."""
_SEEDS = {"network.seed": "weights", "input.seed": "input", "ascent.seed": "starts"}
_MATHEMATICAL = ("network", "input", "ascent")
_DIGITS = 3
_TABLE = "compare"
_HOW = 'must be a table [compare] with a setting and its values, as setting = "input.scale", values = [0.1, 1, 10]'
_LARGEST_FILE = 2**20
_COMPARISONS = Shelf("comparisons", "ready comparison")


@dataclass(frozen=True)
class Comparison:
    """Experiments that vary in the setting `key`, and in whatever else a pinned run brought with it.

    All are seen alike: the settings of the view are those of the first column, but for the focused path. Every method
    that changes something returns another comparison, and raises `ExperimentError` where that cannot be.
    """

    columns: tuple[Experiment, ...]
    key: str = COMPARED[0]
    title: str = ""
    watch: str = ""

    def __post_init__(self) -> None:
        if self.key not in COMPARED:
            close = difflib.get_close_matches(self.key, COMPARED, n=1, cutoff=0.0)
            raise ExperimentError(
                "setting", f"must be one of {', '.join(COMPARED)}; did you mean {close[0]}?", self.key
            )
        if not FEWEST <= len(self.columns) <= MOST:
            reason = f"must be {FEWEST} to {MOST}, one for each column"
            raise ExperimentError("values", reason, len(self.columns))

    @classmethod
    def of(cls, base: Experiment, key: str, values: list[Any] | tuple[Any, ...]) -> Comparison:
        """An experiment at several values of one setting."""
        if key not in COMPARED:
            return cls((base, base), key)  # which says what may be compared
        columns = tuple(_flat(base).replace(key, value) for value in values)
        return cls(columns, key, base.title, base.watch)

    @classmethod
    def beside(cls, base: Experiment) -> Comparison:
        """An experiment, and the same at another input scale."""
        key = COMPARED[0]
        return cls.of(base, key, (base.get(key), _next(key, (base.get(key),))))

    @property
    def setting(self) -> Setting:
        """The setting that varies."""
        return setting(self.key)

    @property
    def values(self) -> tuple[Any, ...]:
        """Its value in each column."""
        return tuple(column.get(self.key) for column in self.columns)

    # -- other comparisons ---------------------------------------------------------------------------------------

    def changed(self, key: str, value: object) -> Comparison:
        """Another value of a setting in all columns; of the one that varies, it would leave nothing to compare."""
        if key == self.key:
            raise ExperimentError(key, "is what the columns vary in: change it in one of them", value)
        if key == "view.chart" and value != "plane":
            raise ExperimentError(key, "must be plane: side by side there is only room for planes", value)
        return replace(self, columns=tuple(column.replace(key, value) for column in self.columns))

    def with_value(self, i: int, value: object) -> Comparison:
        """Another value of the varying setting in column i."""
        return self.with_column(i, self.columns[i].replace(self.key, value))

    def with_column(self, i: int, experiment: Experiment) -> Comparison:
        """Another experiment in column i, seen as the others are."""
        seen = self._alike(experiment)
        return replace(self, columns=(*self.columns[:i], seen, *self.columns[i + 1 :]))

    def added(self, experiment: Experiment) -> Comparison:
        """One more column at the right."""
        return replace(self, columns=(*self.columns, self._alike(experiment)))

    def extended(self) -> Comparison:
        """One more column: the last one, at a value that no column has yet."""
        last = self.columns[-1]
        return self.added(last.replace(self.key, _next(self.key, self.values)))

    def removed(self, i: int) -> Comparison:
        """The others without column i; the new first one's view is the common one."""
        return replace(self, columns=(*self.columns[:i], *self.columns[i + 1 :]))

    def moved(self, i: int, to: int) -> Comparison:
        """Column i at the place `to`."""
        rest = [*self.columns[:i], *self.columns[i + 1 :]]
        return replace(self, columns=(*rest[:to], self.columns[i], *rest[to:]))

    def by(self, key: str) -> Comparison:
        """As many columns of the middle one's experiment, about its value of another setting."""
        base = self.columns[(len(self.columns) - 1) // 2]
        if key not in COMPARED:
            return replace(self, key=key)
        values = ladder(key, base.get(key), len(self.columns))
        return replace(self, columns=tuple(base.replace(key, value) for value in values), key=key)

    def around(self, base: Experiment) -> Comparison:
        """Another experiment at the values that the columns have, seen as it is."""
        return replace(self.of(base, self.key, self.values), title=base.title, watch="")

    def _alike(self, experiment: Experiment) -> Experiment:
        view = self.columns[0].view.model_dump(exclude={"focus"})
        return experiment.changed({f"view.{name}": value for name, value in view.items()})

    # -- in words ------------------------------------------------------------------------------------------------

    def differences(self) -> tuple[Setting, ...]:
        """The settings of the run, besides the one that varies on purpose, in which not all columns are equal.

        Where it is computed is none of them: that changes nothing but the precision.
        """
        found = (entry for entry in SETTINGS if entry.section in _MATHEMATICAL or entry.key == "compute.dtype")
        found = (entry for entry in found if entry.key != self.key)
        return tuple(entry for entry in found if len({str(column.get(entry.key)) for column in self.columns}) > 1)

    def value_words(self, i: int) -> str:
        """The varying setting in column i: "γ = 0.1"."""
        return told(self.setting, self.values[i])

    def besides(self, i: int) -> str:
        """What else tells column i from others: "y = 0, d = 2"; nothing where all are equal."""
        return ", ".join(told(entry, self.columns[i].get(entry.key)) for entry in self.differences())

    @property
    def changed_from(self) -> str:
        """The ready comparison that this one has the title of but differs from, or nothing."""
        _, ready = _by_title().get(self.title, ("", None))
        same = ready is None or (
            ready.key == self.key
            and len(ready.columns) == len(self.columns)
            and all(map(Experiment.same_run, ready.columns, self.columns))
        )
        return "" if same else self.title

    # -- files ---------------------------------------------------------------------------------------------------

    def to_toml(self) -> str:
        """The comparison as TOML: the first column's own text, and a table [compare].

        The table holds the setting, its values, and, where columns differ in more, for each the `changes` of other
        settings from the first.
        """
        first = self.columns[0]
        base = first.changed({"title": self.title, "watch": self.watch})
        table: dict[str, Any] = {"setting": self.key, "values": list(self.values)}
        keys = [entry.key for entry in SETTINGS if entry.key != self.key]
        changes = [
            {key: _plain(column.get(key)) for key in keys if column.get(key) != first.get(key)}
            for column in self.columns
        ]
        if any(changes):
            table["changes"] = changes
        return f"{base.to_toml()}\n{tomli_w.dumps({_TABLE: table})}"

    @classmethod
    def from_toml(cls, path: str | Path) -> Comparison:
        """Read a comparison's file; `ExperimentError` says what is wrong with it."""
        base, tables = Experiment.with_tables(path, (_TABLE,))
        try:
            return cls._from_table(base, tables.get(_TABLE))
        except ExperimentError as error:
            raise error.of(str(path)) from None

    @classmethod
    def _from_table(cls, base: Experiment, table: Any) -> Comparison:
        if not isinstance(table, dict) or not set(table) <= {"setting", "values", "changes"}:
            raise ExperimentError(_TABLE, _HOW)
        key, values, changes = table.get("setting", COMPARED[0]), table.get("values"), table.get("changes")
        if not isinstance(key, str) or not isinstance(values, list):
            raise ExperimentError(_TABLE, _HOW)
        found = cls.of(base, key, values)
        if changes is None:
            return found
        tables = isinstance(changes, list) and all(isinstance(one, dict) for one in changes)
        if not tables or len(changes) != len(values):
            raise ExperimentError(
                f"{_TABLE}.changes", "must be a list of as many tables of settings as there are values"
            )
        columns = [column.changed(more) for column, more in zip(found.columns, changes, strict=True)]
        first, *rest = columns
        found = replace(found, columns=(first,) * len(columns))
        for i, column in enumerate(rest, 1):
            found = found.with_column(i, column)
        return found


def told(entry: Setting, value: Any) -> str:
    """A setting's value in few words: "γ = 0.1", "σ = tanh", "weights seed 3"."""
    if entry.key in _SEEDS:
        return f"{_SEEDS[entry.key]} seed {value}"
    if entry.kind == "choice":
        shown = entry.labels.get(value, str(value))
    elif isinstance(value, float):
        shown = f"{value:.4g}"
    elif entry.kind == "path":
        shown = Path(value).name if value else "none"
    elif entry.kind == "names":
        shown = ", ".join(value) if value else "recognised"
    else:
        shown = "none" if value is None else str(value)
    return f"{entry.symbol} = {shown}" if entry.symbol else f"{entry.title.lower()} {shown}"


def ladder(key: str, value: Any, count: int) -> tuple[Any, ...]:
    """`count` values of a setting about one of them, increasing; of a choice or a seed, that one and the next."""
    entry = setting(key)
    if entry.kind == "choice":
        start = entry.choices.index(value)
        return tuple((entry.choices * 2)[start : start + count])
    if key in _SEEDS:
        last = int(entry.high or 0) - count + 1
        return tuple(range(min(value, last), min(value, last) + count))
    factor, below = _FACTORS[key], (count - 1) // 2
    assert entry.slider is not None
    low, high = entry.slider
    while below > 0 and value / factor**below < 0.999 * low:
        below -= 1
    while below < count - 1 and value * factor ** (count - 1 - below) > 1.001 * high:
        below += 1
    return tuple(_rounded(entry, value * factor ** (i - below)) for i in range(count))


def _next(key: str, values: tuple[Any, ...]) -> Any:
    """A value that comes after others, and is none of them."""
    entry = setting(key)
    if entry.kind == "choice":
        return next(choice for choice in entry.choices if choice not in values)
    if key in _SEEDS:
        last = int(entry.high or 0)
        return next(seed for i in range(1, MOST + 1) if (seed := (max(values) + i) % (last + 1)) not in values)
    assert entry.slider is not None
    (low, high), factor = entry.slider, _FACTORS[key]
    above, below = max(values) * factor, min(values) / factor
    wanted = [above] if above <= high else [high, below] if below >= low else [high, above, below]
    return next(found for value in [*wanted, above, below] if (found := _rounded(entry, value)) not in values)


def _rounded(entry: Setting, value: float) -> float | int:
    assert entry.low is not None and entry.high is not None
    held = min(max(float(f"{value:.{_DIGITS}g}"), entry.low), entry.high)
    return round(held) if entry.kind == "int" else held


def _flat(experiment: Experiment) -> Experiment:
    """Columns show planes."""
    return experiment if experiment.view.chart == "plane" else experiment.replace("view.chart", "plane")


def _plain(value: Any) -> Any:
    """A value as TOML knows it: it has no word for nothing."""
    return "" if value is None else list(value) if isinstance(value, tuple) else value


# -- those that come with the program ----------------------------------------------------------------------------


def comparison_names() -> list[str]:
    """The names of the ready comparisons, in the order in which they should be shown; the first opens the page."""
    return list(_COMPARISONS.files)


def load_comparison(name: str) -> Comparison:
    """A ready comparison; `ExperimentError` names the nearest one if there is none of that name."""
    return Comparison.from_toml(_COMPARISONS.file(name))


@cache
def _by_title() -> dict[str, tuple[str, Comparison]]:
    """The ready comparisons and their names by title, read once: a window asks at each change."""
    ready = {name: load_comparison(name) for name in comparison_names()}
    return {found.title: (name, found) for name, found in ready.items()}


def comparison_of(title: str) -> str:
    """The name of the ready comparison of a title, or nothing."""
    return _by_title()[title][0] if title in _by_title() else ""


def find_comparison(name_or_path: str | Path) -> Comparison | None:
    """The comparison that a ready one's name or a file with a table [compare] stands for; None for anything else."""
    if str(name_or_path) in _COMPARISONS.files:
        return load_comparison(str(name_or_path))
    path = Path(name_or_path)
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
            return None
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return None  # whoever reads it as an experiment says what is wrong
    return Comparison.from_toml(path) if _TABLE in data else None
