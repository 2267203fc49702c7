"""What γ counts, and the box of an image's pixels: in the run, the recording, the proofs and the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from figure_texts import check_page, texts_of
from hypothesis import given
from hypothesis import strategies as st
from input_files import image, npy, photograph

from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.experiment import given_starts, prepare, problem_of, run
from foadv_gui.lab.figures import SIZE, draw
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.inputs import box_of, load_input, radius
from foadv_gui.lab.observation import observe
from foadv_gui.lab.recording import load
from foadv_gui.lab.training.draft import TrainingDraft
from foadv_gui.lab.training.plan import Training
from foadv_gui.lab.training.section import TrainingSection

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Experiment().changed(
    {"network.width": 24, "ascent.restarts": 3, "ascent.steps": 12, "input.source": "digits", "compute.device": "cpu"}
)


def of(path: Path, **settings: object) -> Experiment:
    return SMALL.changed({"input.source": "file", "input.file": str(path), **settings})


@given(
    index=st.integers(0, 1796),
    scale=st.floats(1e-4, 1e4),
    ratio=st.floats(1e-4, 10),
    unit=st.sampled_from(["length", "file"]),
)
def test_gamma_counts_lengths_or_the_vector_of_the_file(index: int, scale: float, ratio: float, unit: str) -> None:
    changes = {"input.index": index, "input.scale": scale, "input.ratio": ratio, "input.unit": unit}
    experiment = SMALL.changed({**changes, "ascent.box": "pixels"})
    clean, one = load_input(experiment), load_input(SMALL.changed({"input.index": index, "input.unit": "file"}))
    pixels = one.x
    assert pixels.max() == pytest.approx(1, abs=0.3) and (16 * pixels == pytest.approx(np.round(16 * pixels)))
    length = float(np.linalg.norm(clean.x))
    assert length == pytest.approx(scale * (1 if unit == "length" else np.linalg.norm(pixels)), rel=1e-12)
    assert clean.epsilon == radius(experiment) == pytest.approx(ratio * length, rel=1e-12)
    np.testing.assert_allclose(clean.x_hat, one.x_hat, rtol=1e-14)
    box = box_of(experiment, clean)
    assert box is not None and box[0] == 0.0
    assert box[1] == pytest.approx(scale / np.linalg.norm(pixels) if unit == "length" else scale, rel=1e-12)
    assert clean.x.min() >= box[0] and clean.x.max() <= box[1]
    np.testing.assert_allclose(clean.x / box[1], pixels, rtol=1e-12)


def test_a_vector_of_length_one_is_the_same_in_both_units() -> None:
    sphere = Experiment().replace("input.scale", 3.0)
    both = [load_input(sphere.replace("input.unit", unit)) for unit in ("length", "file")]
    assert np.array_equal(both[0].x, both[1].x) and both[0].epsilon == both[1].epsilon


@pytest.mark.parametrize("unit", ["length", "file"])
def test_an_image_may_not_leave_black_and_white_on_its_way(tmp_path: Path, unit: str) -> None:
    (tmp_path / "x.png").write_bytes(image(photograph(4, 5)))
    experiment = of(tmp_path / "x.png", **{"input.unit": unit, "input.ratio": 2.0, "ascent.box": "pixels"})
    clean = load_input(experiment)
    assert (clean.image_shape, clean.dimension) == ((4, 5, 3), 60)
    assert clean.pixel_box is not None
    seen = run(experiment)
    adversaries = seen.x + seen.delta
    assert adversaries.min() >= -1e-12 and adversaries.max() <= clean.pixel_box[1] * (1 + 1e-12)
    assert adversaries.max() > 0.999 * clean.pixel_box[1]  # the box is felt


@pytest.mark.parametrize("left", [None, photograph(3, 3)])
def test_a_recording_keeps_the_box_of_its_pixels_when_the_image_has_gone_or_is_another(
    tmp_path: Path, left: np.ndarray | None
) -> None:
    (tmp_path / "x.png").write_bytes(image(photograph(4, 5)))
    experiment = of(tmp_path / "x.png", **{"input.unit": "file", "input.scale": 0.5, "ascent.box": "pixels"})
    first = run(experiment)
    first.save(tmp_path / "run.npz")
    (tmp_path / "x.png").unlink()
    if left is not None:
        (tmp_path / "x.png").write_bytes(image(left))
    saved = load(tmp_path / "run.npz")
    assert saved.bounds == (0.0, 0.5)
    problem = problem_of(saved)
    assert problem.clean.dimension == saved.dimension
    assert problem.constraint.box is not None and problem.box == (0.0, 0.5)
    np.testing.assert_allclose(problem.constraint.box[1].numpy(), 0.5 - saved.x, atol=1e-15)
    assert problem.clean.length == pytest.approx(2 * np.linalg.norm(saved.x))


@pytest.mark.parametrize("change", ["without", "short", "nan", "narrow", "unasked"])
def test_a_recording_whose_box_cannot_be_is_refused(tmp_path: Path, change: str) -> None:
    run(SMALL.replace("ascent.box", None if change == "unasked" else "pixels")).save(tmp_path / "run.npz")
    arrays = dict(np.load(tmp_path / "run.npz"))
    boxes = {"short": np.zeros(1), "nan": np.array([0.0, np.nan]), "narrow": np.array([0.0, 1e-3])}
    arrays["box"] = boxes.get(change, np.array([0.0, 9.0]))
    if change == "without":
        del arrays["box"]
    np.savez(tmp_path / "run.npz", **arrays)
    with pytest.raises(FileProblem, match="box"):
        load(tmp_path / "run.npz")


def test_the_box_of_pixels_is_refused_for_what_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="a random direction is no image") as caught:
        Experiment().replace("ascent.box", "pixels")
    assert caught.value.key == "ascent.box"
    for array, words in ((np.ones(3), "is no image"), (np.full((1, 2, 2), 1.5), "not between 0 and 1")):
        (tmp_path / "x.npy").write_bytes(npy(array))
        with pytest.raises(ExperimentError, match=words) as caught:
            prepare(of(tmp_path / "x.npy", **{"ascent.box": "pixels"}))
        assert caught.value.key == "ascent.box"


@pytest.mark.parametrize("value", ["1e300", "1e-300", "1e10"])
def test_a_vector_of_no_sensible_length_is_refused_in_its_own_unit(tmp_path: Path, value: str) -> None:
    (tmp_path / "x.csv").write_text(f"{value},{value}")
    assert np.linalg.norm(load_input(of(tmp_path / "x.csv")).x) == pytest.approx(1)
    with pytest.raises(ExperimentError, match="must lie between 1e-09 and 1e") as caught:
        load_input(of(tmp_path / "x.csv", **{"input.unit": "file"}))
    assert caught.value.key == "input.scale"


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        ({"input.array": "x"}, "input.array", r"holds one array \(x.npy\)"),
        ({"input.size": (2, 2)}, "input.size", "this file holds vectors"),
        ({"input.index": 2}, "input.index", "below 2"),
    ],
)
def test_what_a_file_cannot_give_is_refused_beside_its_setting(
    tmp_path: Path, settings: dict[str, object], key: str, words: str
) -> None:
    (tmp_path / "x.npy").write_bytes(npy(np.eye(2)))
    with pytest.raises(ExperimentError, match=words) as caught:
        load_input(of(tmp_path / "x.npy", **settings))
    assert caught.value.key == key


def test_an_image_that_is_too_large_says_that_it_can_be_resized(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(image(photograph(200, 200)))
    with pytest.raises(ExperimentError, match=r"120000 coordinates, .* resize its images by input\.size"):
        load_input(of(tmp_path / "x.png"))
    clean = load_input(of(tmp_path / "x.png", **{"input.size": "10 x 12", "input.grey": True}))
    assert clean.image_shape == (10, 12)


def test_the_label_of_a_row_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", X=np.eye(3), y=[4, 5, 6])
    clean = load_input(of(tmp_path / "x.npz", **{"input.index": 2}))
    assert (clean.true_label, clean.label) == (6, "row 2 of x.npz, labelled 6")
    assert load_input(SMALL).true_label == 0


@pytest.mark.parametrize(
    ("written", "meant"),
    [("28, 20", (28, 20)), ("28x20", (28, 20)), ("[28 × 20]", (28, 20)), ("", None), ([28, 20], (28, 20))],
)
def test_a_size_is_read_as_it_is_typed(written: object, meant: object) -> None:
    assert Experiment().replace("input.size", written).input.size == meant


@pytest.mark.parametrize("written", ["28", "0, 3", "5000, 3", "a, b", [1.5, 2]])
def test_a_size_that_cannot_be_is_refused(written: object) -> None:
    with pytest.raises(ExperimentError, match=r"two whole numbers .* from 1 to 4096") as caught:
        Experiment().replace("input.size", written)
    assert caught.value.key == "input.size"


def test_the_certified_scale_is_a_gamma_in_the_unit_of_the_input() -> None:
    tall = SMALL.changed({"network.width": 64, "ascent.steps": 5})
    length = load_input(tall.replace("input.unit", "file")).length
    assert length > 2
    in_lengths = run(tall.replace("input.scale", 0.1 * length)).verdict()["ball"]
    in_files = run(tall.changed({"input.scale": 0.1, "input.unit": "file"})).verdict()["ball"]
    assert in_files["q"] == pytest.approx(in_lengths["q"], rel=1e-9)
    assert in_files["certified_scale"] == pytest.approx(in_lengths["certified_scale"] / length, rel=1e-2)


def test_starts_set_by_hand_follow_the_radius_in_either_unit() -> None:
    starts, file = np.full((1, 64), 0.1), SMALL.replace("input.unit", "file")
    found = given_starts(starts, file)
    assert found is not None
    np.testing.assert_allclose(found, 0.1 * load_input(file).epsilon)


def test_a_training_is_in_lengths(tmp_path: Path) -> None:
    in_files = SMALL.changed({"input.unit": "file", "ascent.box": "pixels"})
    with pytest.raises(ExperimentError) as caught:
        Training(in_files.replace("ascent.box", None))
    assert caught.value.key == "input.unit"
    base = TrainingDraft(SMALL, TrainingSection()).on(in_files).base
    assert (base.input.unit, base.ascent.box) == ("length", None)


def test_a_figure_shows_a_photograph_in_colour_and_says_how_long_the_input_is(tmp_path: Path) -> None:
    pixels = photograph(6, 8)
    (tmp_path / "x.png").write_bytes(image(pixels))
    chosen = {"input.unit": "file", "input.scale": 0.5, "ascent.box": "pixels", "view.grid": 21}
    seen = observe(of(tmp_path / "x.png", **chosen))
    drawn = draw(seen)
    check_page(texts_of(drawn), SIZE)
    words = " ".join(text.get_text() for text, _ in texts_of(drawn))
    assert f"γ = 0.5 (|x| = {np.linalg.norm(seen.recording.x):.4g})" in words and "in the box of its pixels" in words
    assert "δ, mean of its colours" in words
    images = [
        shown.get_array() for axes in drawn.axes for shown in axes.images if shown.get_array().shape[:2] == (6, 8)
    ]
    assert [one.shape for one in images] == [(6, 8, 3), (6, 8), (6, 8, 3)]
    span = max(float(seen.recording.x.max()), float((seen.recording.x + seen.recording.delta[-1, seen.focus]).max()))
    np.testing.assert_allclose(images[0], pixels * 0.5 / span, atol=1)
