"""What a name or a file stands for, and an experiment's own file with the starts that it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.adoption import with_label
from foadv_gui.lab.comparison import Comparison, find_comparison
from foadv_gui.lab.config import SETTINGS, Experiment, ExperimentError
from foadv_gui.lab.files import FileProblem, atomic_write, write_text
from foadv_gui.lab.presets import find
from foadv_gui.lab.recording import Recording, load
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.lab.sweep.ready import load_sweep, sweep_names
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.ready import load_training, training_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from foadv_gui.lab.sweep.table import SweepTable
    from foadv_gui.lab.training.record import TrainingRecord

_TABLES = ("training", "over", "sweep", "compare")
"""What an experiment's file may hold besides."""
_OF_OTHER_STARTS = (
    *("network.dimension", "input.source", "input.file"),
    *("ascent.restarts", "ascent.seed", "ascent.start", "ascent.start_file"),
)


@dataclass(frozen=True, eq=False)
class Found:
    """What was asked for: an experiment; the saved run of it, if there is one; and the recording whose starts hold.

    Or a comparison, of which it is the first column's; or a sweep, of which it is what all points have in common, and
    the table of what was computed of it; or a training, of which it is the base, and what was trained of it.
    """

    experiment: Experiment
    recording: Recording | None = None
    starts: Recording | None = None
    comparison: Comparison | None = None
    sweep: Sweep | None = None
    table: SweepTable | None = None
    training: Training | None = None
    trained: TrainingRecord | None = None


def look_up(name: str | Path, changes: Mapping[str, object] | None = None) -> Found:
    """Return what a name (of a preset, a comparison, ...), a .toml file or an .npz file stands for, with changes.

    A change of how a recording is shown shows it as it was saved; any other runs its experiment anew. Of a comparison
    all columns are changed.

    Raises
    ------
    ExperimentError, FileProblem
        Saying what is wrong with the name, the file or the changes.
    """
    changes = changes or {}
    learned = find_training(name, changes)
    if learned is not None:
        return Found(learned[0].base, training=learned[0], trained=learned[1])
    swept = _look_up_sweep(name, changes)
    if swept is not None:
        return swept
    compared = find_comparison(name)
    if compared is not None:
        for key, value in changes.items():
            compared = compared.changed(key, value)
        return Found(compared.columns[0], comparison=compared)
    recording = load(name) if names_recording(name) else None
    experiment = find(name) if recording is None else recording.experiment
    experiment = experiment.changed(with_label(experiment, changes))
    saved = recording is not None and experiment.same_run(recording.experiment)
    return Found(experiment, recording if saved else None, recording if all(map(keeps_starts, changes)) else None)


def find_training(
    name: str | Path, changes: Mapping[str, object] | None = None
) -> tuple[Training, TrainingRecord | None] | None:
    """What a ready training's name, a training's file or its record stands for; None for anything else.

    A record stands for what was trained as long as the changes leave its course alone: how it is shown and called may
    change, and there may be more epochs to come.
    """
    path, changes = Path(name), changes or {}
    record = None
    if names_recording(name):
        from foadv_gui.lab.training.files import holds_training, load_record

        if not holds_training(path):
            return None
        record = load_record(path)
        training = record.training
    elif str(name) in training_names():
        training = load_training(str(name))
    elif path.suffix.lower() == ".toml" and "training" in Experiment.with_tables(path, _TABLES)[1]:
        training = Training.from_toml(path)
    else:
        return None
    training = training.changed(changes) if changes else training
    if record is not None:
        same = training.identity == record.training.identity
        far = max(track.last for track in record.tracks)
        record = replace(record, training=training) if same and training.section.epochs >= far else None
    return training, record


def _look_up_sweep(name: str | Path, changes: Mapping[str, object]) -> Found | None:
    """What a ready sweep's name, a sweep's file or a table of one stands for; None for anything else."""
    if names_table(name):
        from foadv_gui.lab.sweep.table import read_table  # with polars

        if changes:
            reason = "cannot be changed: the table of a sweep is shown as it was computed"
            raise ExperimentError(next(iter(changes)), reason, source=str(name))
        table = read_table(name)
        return Found(table.sweep.base, sweep=table.sweep, table=table)
    path = Path(name)
    if str(name) in sweep_names():
        sweep = load_sweep(str(name))
    elif path.suffix.lower() == ".toml" and "sweep" in Experiment.with_tables(path, ("sweep", "compare"))[1]:
        sweep = Sweep.from_toml(path)
    else:
        return None
    if changes:
        sweep = Sweep.of_table(sweep.base.changed(changes), sweep.table)
    return Found(sweep.base, sweep=sweep)


def names_table(name: str | Path) -> bool:
    """Whether a name is that of a file with the rows of a sweep."""
    return Path(name).suffix.lower() in (".parquet", ".csv")


def names_recording(name: str | Path) -> bool:
    """Whether a name is that of a recording's file."""
    return Path(name).suffix.lower() == ".npz"


def keeps_starts(key: str) -> bool:
    """Whether starts of a run's own outlive a change: not where it gives other starts, or another dimension."""
    return key not in _OF_OTHER_STARTS


def save_experiment(path: Path, experiment: Experiment, starts: NDArray[np.floating[Any]] | None = None) -> None:
    """Write an experiment to a .toml file that gives the same run wherever it lies; `FileProblem` if it cannot be.

    The files that it names are named in full. Starts (K, d) that its settings do not give are written beside it.
    """
    named = {entry.key: experiment.get(entry.key) for entry in SETTINGS if entry.kind == "path"}
    changes: dict[str, object] = {key: str(Path(file).absolute()) for key, file in named.items() if file}
    if starts is not None:
        changes |= {"ascent.start": "file", "ascent.start_file": save_starts(path, starts)}
    write_text(path, experiment.changed(changes).to_toml())


def save_starts(path: Path, starts: NDArray[np.floating[Any]]) -> str:
    """Write starts (K, d) beside a file that needs them; returns their name. `FileProblem` if that is taken."""
    beside = path.with_name(f"{path.stem}.starts.npy")
    if beside.exists() and not path.exists():  # nobody was asked about this one
        raise FileProblem(beside, "there is such a file already, where the starts would go; choose another name")
    exact = starts.astype(np.float64)
    atomic_write(beside, lambda stream: np.save(stream, exact, allow_pickle=False))
    return beside.name
