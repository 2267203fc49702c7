"""The landscape of a training point while the network is trained, as an animation: .gif or .mp4.

Up to four arms side by side, each with the ascent of that epoch, and below them their loss with a cursor that moves.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from foadv_gui.core.interruption import give_way, never
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.page import ThemeName, own_defaults
from foadv_gui.lab.training.morph import arms_on_show, epochs_on_show, morph
from foadv_gui.lab.training.movie_page import MoviePage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from foadv_gui.lab.training.record import TrainingRecord

    Frame = NDArray[np.uint8]

FORMATS = (".gif", ".mp4")
SIZE = (1280, 720)
MOST_FRAMES = 300
_SECONDS, _SLOWEST, _FASTEST = 8.0, 3.0, 12.0
"""An animation takes about so long, at no fewer and no more epochs a second than these."""
_LAST_SECONDS = 1.5
"""For so long the last epoch stays, before the animation begins again."""


def frames_of(record: TrainingRecord) -> int:
    """How many epochs the animation of a record shows."""
    return len(epochs_on_show(record, arms_on_show(record), MOST_FRAMES))


def save(
    record: TrainingRecord,
    path: str | Path,
    *,
    point: int = 0,
    size: tuple[int, int] = SIZE,
    theme: ThemeName = "light",
    fps: float | None = None,
    advance: Callable[[int], object] = lambda done: None,
    interrupted: Callable[[], bool] = never,
) -> None:
    """Write the animation of a training to a .gif or .mp4 file, whole or not at all.

    Parameters
    ----------
    record
        The training, as far as it has come.
    point
        The training point that is looked at.
    size
        In pixels; an odd side is one pixel shorter, since videos have even ones.
    fps
        Pictures a second, each of which is an epoch whose network was kept; by default so many that it takes about
        eight seconds.
    advance
        Called with how much is done, of `frames_of`.

    Raises
    ------
    FileProblem
        For a file of another kind, or one that cannot be written.
    Interrupted
        When `interrupted()` becomes true; no file is left behind.
    """
    ending = Path(path).suffix.lower()
    if ending not in FORMATS:
        raise FileProblem(path, f"the animation's name must end in {' or '.join(FORMATS)}")
    width, height = (side - side % 2 for side in size)
    drawn = frames(record, point=point, size=(width, height), theme=theme, advance=advance, interrupted=interrupted)
    rate = fps or min(max(frames_of(record) / _SECONDS, _SLOWEST), _FASTEST)
    with _replacing(Path(path)) as target:
        if ending == ".gif":
            _write_gif(target, drawn, (width, height), rate, interrupted)
        else:
            _write_mp4(target, drawn, (width, height), rate)


def frames(
    record: TrainingRecord,
    *,
    point: int = 0,
    size: tuple[int, int] = SIZE,
    theme: ThemeName = "light",
    advance: Callable[[int], object] = lambda done: None,
    interrupted: Callable[[], bool] = never,
) -> Iterator[Frame]:
    """The pictures of an animation one by one, (height, width, 3) each."""
    arms = arms_on_show(record)
    epochs = epochs_on_show(record, arms, MOST_FRAMES)
    # Landscapes take about as long as their drawing: they are the first half of the way.
    steps, count = 0, len(arms) * len(epochs)

    def computed() -> None:
        nonlocal steps
        steps += 1
        advance(steps * len(epochs) // (2 * count))

    morphs = [morph(record, arm, point, epochs, interrupted=interrupted, done=computed) for arm in arms]
    with matplotlib.rc_context():
        own_defaults()
        page = MoviePage(record, morphs, point, size, theme)
    canvas = FigureCanvasAgg(page.figure)
    for i, epoch in enumerate(epochs):
        give_way(interrupted)
        with matplotlib.rc_context():
            own_defaults()
            page.show(i, epoch)
            canvas.draw()
        advance((len(epochs) + i + 1) // 2)
        yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A new file beside `path` that takes its place in the end, or goes; ffmpeg writes to no stream."""
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        temporary.touch()  # a folder that is not there is told before anything is computed
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise FileProblem(path, f"cannot be written: {error.strerror or str(error).partition(chr(10))[0]}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _write_gif(
    path: Path, drawn: Iterator[Frame], size: tuple[int, int], fps: float, interrupted: Callable[[], bool]
) -> None:
    """One palette for all frames, that of the first and the last, so that colours do not flicker."""
    from PIL import Image

    # As they come they would take gigabytes; a page of flat colours shrinks to a twentieth.
    packed = [zlib.compress(frame.tobytes(), 1) for frame in drawn]

    def picture(i: int) -> Image.Image:
        give_way(interrupted)
        return Image.frombytes("RGB", size, zlib.decompress(packed[i]))

    both = Image.new("RGB", (size[0], 2 * size[1]))
    both.paste(picture(0), (0, 0))
    both.paste(picture(-1), (0, size[1]))
    palette = both.quantize(256, dither=Image.Dither.NONE)
    flat = (picture(i).quantize(palette=palette, dither=Image.Dither.NONE) for i in range(len(packed)))
    each = round(1000 / fps)
    durations = [each] * (len(packed) - 1) + [max(each, round(1000 * _LAST_SECONDS))]
    first = next(flat)
    first.save(path, "GIF", save_all=True, append_images=flat, duration=durations, loop=0, disposal=1)


def _write_mp4(path: Path, drawn: Iterator[Frame], size: tuple[int, int], fps: float) -> None:
    from imageio_ffmpeg import count_frames_and_secs, get_ffmpeg_exe, write_frames

    try:
        get_ffmpeg_exe()
    except RuntimeError:
        raise OSError("ffmpeg, which writes videos, is missing; a .gif can be written without it") from None
    first = next(drawn)  # which takes long: until then ffmpeg would wait, and complain when all is cancelled
    writer: Any = write_frames(
        str(path),
        size,
        fps=fps,
        codec="libx264",
        quality=8,
        pix_fmt_in="rgb24",
        pix_fmt_out="yuv420p",  # what every player shows
        macro_block_size=2,
        ffmpeg_log_level="error",
    )
    writer.send(None)
    sent = 0
    try:
        frame = first
        for frame in itertools.chain([first], drawn):
            writer.send(np.ascontiguousarray(frame))
            sent += 1
        for _ in range(round(_LAST_SECONDS * fps)):
            writer.send(np.ascontiguousarray(frame))
            sent += 1
    finally:
        writer.close()
    # What became of its process is not told: on a full disk it leaves a file that is cut off.
    try:
        there = count_frames_and_secs(str(path))[0]
    except RuntimeError:
        there = 0
    if there < sent:
        raise OSError("the video is cut off; is the disk full?")
