"""``foadv export``: what a run has found, as arrays, tables, pictures, or a script that makes it again."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from foadv_gui.cli_shared import Model, Refused, Settings, check_output, found_of, interruptible, progress, with_model
from foadv_gui.cli_train import refuse_training

if TYPE_CHECKING:
    from foadv_gui.lab.documents import Found
    from foadv_gui.lab.export import Adversary
    from foadv_gui.lab.recording import Recording


class What(StrEnum):
    """What can be exported; `lab.export.EXPORTS` says what each is."""

    adversary = "adversary"
    perturbation = "perturbation"
    triptych = "triptych"
    weights = "weights"
    slice = "slice"
    spectrum = "spectrum"
    traces = "traces"
    script = "script"
    toml = "toml"


_OF_A_PATH = (What.adversary, What.perturbation, What.triptych, What.spectrum)
"""What belongs to one path and one of its iterates."""


def export(
    target: Annotated[
        str, typer.Argument(metavar="FILE|PRESET", help="A preset's name, a .toml experiment, or an .npz recording.")
    ],
    what: Annotated[
        What,
        typer.Option(
            help="The adversary x + δ, the perturbation δ, or both beside x as pictures (triptych); the weights; "
            "the landscape with its basis (slice); eigenvalues; the measures of all steps (traces); a Python script; "
            "or the experiment."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file: .npy, .npz, .png, .safetensors, .csv, .py or .toml."
        ),
    ],
    restart: Annotated[
        int | None,
        typer.Option(metavar="K", min=0, help="Which path, counted from 0: the strongest unless it is given."),
    ] = None,
    step: Annotated[
        int | None, typer.Option(metavar="T", min=0, help="Which iterate: the last unless it is given.")
    ] = None,
    settings: Settings = None,
    model: Model = None,
) -> None:
    """Write the adversary, the weights, the landscape, the spectrum or the traces of a run, or a script of it."""
    from foadv_gui.lab.export import EXPORTS

    check_output(output, tuple(EXPORTS[what].endings))
    if restart is not None and what not in (*_OF_A_PATH, What.traces):
        raise Refused(f"--restart {restart}: belongs to one path: {', '.join((*_OF_A_PATH, What.traces))}")
    if step is not None and what not in _OF_A_PATH:
        raise Refused(f"--step {step}: belongs to one iterate: {', '.join(_OF_A_PATH)}")
    refuse_training(target)
    found = found_of(target, with_model(target, settings, model))
    if found.sweep is not None:
        raise Refused(f"{target}: is a sweep, which has many runs: name the experiment of one of them")
    from foadv_gui.core.threads import use_one_thread

    use_one_thread()
    said = ""
    if what in (What.script, What.toml):
        _write_text(found, what, output)
    elif what == What.slice:
        _write_slice(found, output)
    else:
        said = _write_of_run(found, what, output, restart, step)
    typer.echo(f"{said}saved as {output}")


def _recording(found: Found) -> Recording:
    """The run that is meant, made now unless it was saved."""
    if found.recording is not None:
        return found.recording
    from foadv_gui.lab.experiment import climb, given_starts, prepare

    experiment = found.experiment
    problem = prepare(experiment, given_starts(found.starts, experiment))
    with interruptible() as interrupted, progress("climbing", experiment.ascent.steps) as advance:
        recording = climb(problem, lambda growing: advance(growing.steps), interrupted=interrupted)
        if interrupted():
            raise KeyboardInterrupt  # half a run is not what was asked for
    return recording


def _write_text(found: Found, what: What, output: Path) -> None:
    from foadv_gui.lab.documents import save_experiment
    from foadv_gui.lab.experiment import given_starts
    from foadv_gui.lab.script import check_reproducible, save_script

    starts = None if found.starts is None else given_starts(found.starts, found.experiment)
    if what == What.toml:
        save_experiment(output, found.experiment, starts)
        return
    if found.recording is not None:
        check_reproducible(found.recording, found.experiment)
    save_script(output, found.experiment, starts)


def _write_slice(found: Found, output: Path) -> None:
    from foadv_gui.core.interruption import Interrupted
    from foadv_gui.lab.export_slice import look, save_slice

    with interruptible() as interrupted:
        try:
            shown = look(found.experiment, found.recording, found.starts, interrupted)
        except Interrupted:
            raise KeyboardInterrupt from None
    save_slice(output, shown)


def _write_of_run(found: Found, what: What, output: Path, restart: int | None, step: int | None) -> str:
    """Write what is known of a run; returns what the reader should know of it besides."""
    from foadv_gui.lab import export as to
    from foadv_gui.lab import export_image

    recording = _recording(found)
    if restart is not None and restart >= recording.restarts:
        raise Refused(f"--restart {restart}: must be from 0 to {recording.restarts - 1}, the paths that there are")
    if step is not None and step > recording.steps:
        raise Refused(f"--step {step}: must be from 0 to {recording.steps}, the steps that were taken")
    k = recording.best if restart is None else restart
    t = recording.steps if step is None else step
    if what == What.weights:
        to.save_weights(output, recording)
        return ""
    if what == What.traces:
        to.save_traces(output, recording, restart)
        return ""
    seen = _adversary(recording, t, k)
    if what == What.adversary:
        to.save_adversary(output, seen)
    elif what == What.perturbation:
        to.save_perturbation(output, seen)
    elif what == What.triptych:
        export_image.save_triptych(output, seen)
    else:
        _write_spectrum(found, recording, t, k, output)
    thinned = f", the last kept before {t}" if seen.step < t else ""
    return f"restart {k} at step {seen.step}{thinned}: "


def _adversary(recording: Recording, t: int, k: int) -> Adversary:
    from foadv_gui.lab.experiment import problem_of
    from foadv_gui.lab.export import Adversary

    return Adversary(recording, t, k, problem_of(recording).clean.image_shape)


def _write_spectrum(found: Found, recording: Recording, t: int, k: int, output: Path) -> None:
    from foadv_gui.lab.experiment import problem_of
    from foadv_gui.lab.export import save_spectrum
    from foadv_gui.lab.lookup import Lookup

    looked = Lookup()
    looked.problem, looked.recording = problem_of(recording), recording
    save_spectrum(output, looked.spectrum(t, k, found.experiment.view.spectrum), recording)
