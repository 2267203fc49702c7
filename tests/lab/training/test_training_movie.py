"""The animation of a training: epochs whose networks were kept, one range of colours, a file that plays or none."""

from __future__ import annotations

import itertools
import subprocess

import numpy as np
import pytest
from figure_texts import check_page, texts_of
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image
from records import trained, training_of

from foadv_gui.core.interruption import Interrupted
from foadv_gui.lab.experiment import problem_of
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.training import movie
from foadv_gui.lab.training.epoch import epoch_run
from foadv_gui.lab.training.morph import arms_on_show, epochs_on_show, morph
from foadv_gui.lab.training.movie_page import MoviePage

SIZE = (640, 360)


@pytest.fixture(scope="module")
def record():
    return trained(training_of([("input.scale", [0.3, 3.0])], epochs=4, repeats=2), keep=lambda epoch: epoch % 2 == 0)


@pytest.fixture
def coarse(monkeypatch):
    monkeypatch.setattr(morph, "__kwdefaults__", {**(morph.__kwdefaults__ or {}), "grid": 21})


def test_the_landscape_on_the_plane_is_the_loss_of_that_epochs_network(record):
    found = morph(record, 2, 1, [0, 2, 4], grid=11)
    for frame in found.frames:
        objective = problem_of(epoch_run(record, 2, frame.epoch, 1)).objective
        for row, column in ((0, 0), (3, 8), (10, 5)):
            u, v, epsilon = found.plane.u, found.plane.v, found.plane.epsilon
            delta = epsilon * (frame.surface.alpha[column] * u + frame.surface.beta[row] * v)
            residual = float(objective.value(objective.x.new_tensor(delta))) - objective.y
            assert frame.surface.values[row, column] == pytest.approx(residual, abs=1e-5)
        np.testing.assert_allclose(frame.path[0], 0, atol=1e-15)
        assert frame.loss == epoch_run(record, 2, frame.epoch, 1).loss[-1, 0]
    low, high = found.colours
    every = [frame.surface.shown() for frame in found.frames]
    assert (low, high) == (min(one.min() for one in every), max(one.max() for one in every))
    assert found.frames[0].off_plane < 1e-9 and found.frames[-1].off_plane < 1e-9


def test_only_epochs_whose_networks_were_kept_are_shown_of_the_first_repetitions(record):
    assert arms_on_show(record) == [0, 2]
    assert epochs_on_show(record, [0, 2], 300) == [0, 2, 4]
    assert epochs_on_show(record, [0, 2], 2) == [0, 4]


def test_of_many_lines_some_are_shown_that_span_the_first_axis():
    axes = [("input.scale", [0.1, 0.3, 1.0, 3.0, 10.0]), ("training.mode", ["adversarial", "clean"])]
    record = trained(training_of(axes, epochs=1))
    lines = [record.arm(arm).line.values for arm in arms_on_show(record)]
    assert lines == [(0.1, "adversarial"), (0.3, "adversarial"), (3.0, "adversarial"), (10.0, "adversarial")]


@pytest.mark.parametrize("size", [(640, 360), (720, 1280)])
def test_a_page_has_room_for_all_words_and_shows_the_epoch(record, size):
    morphs = [morph(record, arm, 0, [0, 2, 4], grid=11) for arm in (0, 2)]
    page = MoviePage(record, morphs, 0, size, "dark")
    page.show(1, 2)
    texts = texts_of(page.figure)
    check_page(texts, size, smallest=7.5)
    words = " ".join(text.get_text() for text, _ in texts)
    assert "epoch 2" in words and "γ = 0.3, η = 11.1" in words and "off the plane" in words


def test_a_gif_has_a_frame_for_each_epoch_and_they_differ(record, coarse, tmp_path):
    told: list[int] = []
    movie.save(record, tmp_path / "a.gif", size=(641, 361), advance=told.append, fps=10)
    with Image.open(tmp_path / "a.gif") as found:
        assert found.n_frames == 3 == movie.frames_of(record) and found.size == SIZE
        frames = []
        for i in range(3):
            found.seek(i)
            frames.append(np.asarray(found.convert("RGB")).astype(int))
            assert found.info["duration"] == (1500 if i == 2 else 100)
    assert all((np.abs(one - other) > 40).mean() > 0.001 for one, other in itertools.pairwise(frames))
    assert told == sorted(told) and told[-1] == 3


def test_an_mp4_plays_at_its_size(record, coarse, tmp_path):
    movie.save(record, tmp_path / "a.mp4", size=SIZE, fps=4, theme="dark")
    command = [get_ffmpeg_exe(), "-i", str(tmp_path / "a.mp4"), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert b"640x360" in done.stderr and b"4 fps" in done.stderr and b"yuv420p" in done.stderr
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, 360, 640, 3).astype(int)
    assert len(frames) == 3 + 6
    assert (np.abs(frames[0] - frames[-1]) > 40).mean() > 0.001
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_cancelled_animation_leaves_no_file_and_the_old_one_as_it_was(record, coarse, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    done: list[int] = []
    with pytest.raises(Interrupted):
        movie.save(record, path, size=SIZE, advance=done.append, interrupted=lambda: bool(done and done[-1] >= 2))
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_a_video_that_is_cancelled_before_its_first_frame_is_no_complaint(record, coarse, tmp_path, caplog):
    with pytest.raises(Interrupted):
        movie.save(record, tmp_path / "a.mp4", size=SIZE, interrupted=lambda: True)
    assert not caplog.records and not list(tmp_path.iterdir())


def test_a_gif_is_cancelled_while_its_colours_are_chosen_too(record, coarse, tmp_path):
    done: list[int] = []
    with pytest.raises(Interrupted):
        movie.save(
            record, tmp_path / "a.gif", size=SIZE, advance=done.append, interrupted=lambda: bool(done and done[-1] == 3)
        )
    assert not list(tmp_path.iterdir())


def test_without_ffmpeg_a_video_is_refused_in_one_line_before_anything_is_computed(record, tmp_path, monkeypatch):
    def missing():
        raise RuntimeError("No ffmpeg exe could be found. Install ffmpeg on your system")

    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", missing)
    told: list[int] = []
    with pytest.raises(FileProblem, match=r"a\.mp4: cannot be written: ffmpeg, which writes videos, is missing"):
        movie.save(record, tmp_path / "a.mp4", advance=told.append)
    assert not told and not list(tmp_path.iterdir())


def test_an_mp4_that_is_cut_off_does_not_take_the_place_of_the_old_one(record, coarse, tmp_path, monkeypatch):
    def full_disk(path, *_, **__):
        with open(path, "wb") as stream:
            stream.write(b"cut")
        while True:
            yield

    monkeypatch.setattr("imageio_ffmpeg.write_frames", full_disk)
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with pytest.raises(FileProblem, match="cut off"):
        movie.save(record, path, size=SIZE)
    assert path.read_bytes() == b"old" and [one.name for one in tmp_path.iterdir()] == ["a.mp4"]


def test_another_kind_and_a_folder_that_is_not_there_are_refused(record, coarse, tmp_path):
    with pytest.raises(FileProblem, match=r"must end in \.gif or \.mp4"):
        movie.save(record, tmp_path / "a.avi")
    told: list[int] = []
    with pytest.raises(FileProblem, match="cannot be written"):
        movie.save(record, tmp_path / "none" / "a.gif", size=SIZE, advance=told.append)
    assert not told  # before anything is computed
