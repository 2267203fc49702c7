"""What ``foadv render`` does with a training: a figure of its curves, or its morphing landscape as an animation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from foadv_gui.cli_shared import Refused, changes_of, interruptible, progress

if TYPE_CHECKING:
    from foadv_gui.lab.training.record import TrainingRecord

ANIMATIONS = (".gif", ".mp4")
_PICTURE, _ANIMATION = (1920, 1080), (1280, 720)


def default_size(output: Path) -> tuple[int, int]:
    """The size in pixels of a picture, or of an animation, where none is asked for."""
    return _ANIMATION if output.suffix.lower() in ANIMATIONS else _PICTURE


def record_of(target: str, settings: list[str] | None) -> TrainingRecord | None:
    """The training that is to be drawn, or nothing where something else is meant; one without a record is refused."""
    from foadv_gui.lab.documents import find_training

    found = find_training(target, changes_of(settings))
    if found is None:
        return None
    _, record = found
    if record is None and Path(target).suffix.lower() == ".npz":
        raise Refused(f"{target}: is drawn as it was trained: --set may change view settings and the title only")
    if record is None:
        name = Path(target).stem
        raise Refused(
            f"{target}: is a training; train it first: foadv train {target} -o {name}.npz, and then "
            f"foadv render {name}.npz"
        )
    return record


def draw(
    record: TrainingRecord,
    output: Path,
    *,
    size: tuple[int, int],
    theme: Literal["light", "dark"],
    point: int | None,
    fps: float | None,
) -> None:
    """Write the figure or the animation of a training, by the ending of the name."""
    animated = output.suffix.lower() in ANIMATIONS
    if not animated and (point is not None or fps is not None):
        raise Refused("--point and --fps belong to an animation: end the name in .gif or .mp4")
    points = min(len(data.y) for data in record.data)
    if point is not None and point > points:
        raise Refused(f"--point {point}: must be from 1 to {points}, the training points that there are")
    from foadv_gui.core.threads import use_one_thread

    use_one_thread()
    if not animated:
        from foadv_gui.lab.training import figure

        figure.save(record, output, size=size, theme=theme)
        return
    from foadv_gui.core.interruption import Interrupted
    from foadv_gui.lab.training import movie

    with interruptible() as interrupted, progress("drawing", movie.frames_of(record)) as advance:
        try:
            movie.save(
                record,
                output,
                point=(point or 1) - 1,
                size=size,
                theme=theme,
                fps=fps,
                advance=advance,
                interrupted=interrupted,
            )
        except Interrupted:
            raise KeyboardInterrupt from None
