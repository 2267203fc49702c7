"""A figure is the size that was asked for, says the verdict in words, and is the same bytes each time."""

from __future__ import annotations

import inspect
import re
import struct
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from foadv_gui.core.chart import FRONT
from foadv_gui.lab import figure_globe, figure_panels, figures
from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.experiment import run
from foadv_gui.lab.figures import draw, render, save
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.observation import Observation, observe
from foadv_gui.lab.palette import THEMES
from foadv_gui.lab.presets import load_preset, preset_names, what_to_watch
from foadv_gui.lab.ranges import number
from foadv_gui.lab.sections import View

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Experiment.model_validate(
    {
        "title": "A small one",
        "network": {"width": 24, "dimension": 6},
        "input": {"scale": 0.5, "ratio": 0.5},
        "ascent": {"steps": 100, "restarts": 3},
        "view": {"grid": 41},
    }
)


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def small() -> Observation:
    return observe(SMALL)


def size_of(path: Path) -> tuple[int, int]:
    header = path.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", header[16:24])
    return width, height


def text_of(path: Path) -> str:
    """All text of an svg, in the order in which it is drawn."""
    words = [element.text or "" for element in ElementTree.parse(path).iter() if element.tag.endswith("}text")]
    return " ".join(" ".join(words).split())


@pytest.mark.parametrize("size", [(1920, 1080), (800, 1000), (320, 320), (1001, 563)])
def test_a_picture_has_the_size_that_was_asked_for(small: Observation, tmp_path: Path, size: tuple[int, int]) -> None:
    save(small, tmp_path / "a.png", size=size)
    assert size_of(tmp_path / "a.png") == size


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_drawn_with_its_verdict_in_words(name: str, tmp_path: Path) -> None:
    experiment = load_preset(name)
    if name == "mnist-size":  # its sixteen Hessians take seconds, and two look the same
        experiment = experiment.replace("ascent.restarts", 2)
    path = tmp_path / "a.svg"
    seen = render(experiment, path)
    text = text_of(path)
    assert seen.experiment.title in text
    assert seen.summary in text
    assert all(clause.words in text for clause in seen.clauses)
    assert " ".join(what_to_watch(seen.experiment).split()) in text
    assert not outside_the_paper(seen, (1280, 720))


def outside_the_paper(seen: Observation, size: tuple[int, int]) -> list[str]:
    """The words of a figure that are cut off at its edge."""
    figure = draw(seen, size=size)
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    return [words for words, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > size[0] or box.y1 > size[1]]


@pytest.mark.parametrize("plane", ["path-components", "endpoint-components", "hessian-eigenvectors"])
def test_a_figure_says_what_the_plane_holds(plane: str, tmp_path: Path) -> None:
    seen = render(SMALL.replace("view.plane", plane), tmp_path / "a.svg")
    held = seen.plane.explained
    assert (held is None) == (plane == "hessian-eigenvectors")
    if held is not None:
        assert f"({held:.1%} of the squared distances of the {plane.split('-')[0]}" in text_of(tmp_path / "a.svg")
    assert not outside_the_paper(seen, (1280, 720))


@pytest.mark.parametrize(
    ("chart", "words"), [("globe", "Globe of the sphere"), ("map", "Equal-area map of the sphere")]
)
def test_a_figure_on_a_sphere_says_what_it_is_and_how_far_off_the_paths_are(
    chart: str, words: str, tmp_path: Path
) -> None:
    changes = {"view.subspace": "endpoint-components", "view.quantity": "residual", "ascent.box": [-0.45, 0.45]}
    seen = render(SMALL.replace("view.chart", chart, **changes), tmp_path / "a.svg")
    assert seen.sphere is not None and seen.surface.values.shape == (63, 63)
    text = text_of(tmp_path / "a.svg")
    off = seen.sphere.off[:, 0]
    assert words in text and f"({seen.sphere.explained:.1%} of the squared lengths of the endpoints)" in text
    assert f"{off[0]:.0%} at its start, {off[-1]:.0%} at its end" in text
    assert ("Faint: its far side." in text) == (chart == "globe")
    assert "clean input" not in text and "cut of the" not in text  # which are not on the sphere
    assert not outside_the_paper(seen, (1280, 720))


def test_many_ends_at_one_place_of_the_far_side_are_one_faint_mark(tmp_path: Path) -> None:
    seen = render(load_preset("two-poles").replace("view.chart", "globe"), tmp_path / "a.png", size=(640, 360))
    lines = [line for axes in draw(seen, size=(800, 600)).axes for line in axes.lines if line.get_marker() == "*"]
    faint = [tuple(np.round(line.get_xydata()[0], 1)) for line in lines if line.get_alpha() < 1]
    behind = sum(1 for k in range(16) if seen.sphere.directions(k)[-1] @ FRONT[2] < 0)
    assert 0 < len(faint) == len(set(faint)) < behind


def test_a_sphere_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="flat faces") as refused:
        render(SMALL.replace("view.chart", "map", **{"ascent.constraint": "linf-ball"}), tmp_path / "a.png")
    assert refused.value.key == "view.chart"


def test_a_figure_says_in_which_units_and_how_far_off_the_plane(small: Observation, tmp_path: Path) -> None:
    save(small, tmp_path / "a.svg")
    text = text_of(tmp_path / "a.svg")
    off = small.path.off_plane[:, 0]
    assert text.count("in units of ε") == 2
    assert f"{off[0]:.0%} at its start, {off[-1]:.0%} at its end" in text
    true, shadow = small.recording.loss[-1, 0], small.path.shadow_loss[-1]
    assert f"Loss at its end {true:.4g}, at its shadow on the plane {shadow:.4g}" in text
    assert "loss L = (f − y)²/2" in text
    assert "γ = 0.5, ρ = 0.5, y = 1" in text and "d = 6, m = 24" in text
    assert f"λ = {number(small.spectrum.multiplier)}" in text
    assert "predicted rate" in text


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_run_is_the_same_bytes(kind: str, tmp_path: Path) -> None:
    for name in "ab":
        render(SMALL, tmp_path / f"{name}.{kind}", size=(640, 360))
    first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in "ab")
    assert first == second
    assert not re.search(rb"20\d\d-\d\d-\d\d", first)


def test_the_users_own_style_changes_nothing(small: Observation, tmp_path: Path) -> None:
    save(small, tmp_path / "a.png", size=(640, 360))
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        save(small, tmp_path / "b.png", size=(640, 360))
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_light_is_light_and_dark_is_dark(small: Observation, tmp_path: Path) -> None:
    brightness = {}
    for theme in ("light", "dark"):
        save(small, tmp_path / f"{theme}.png", size=(640, 360), theme=theme)  # type: ignore[arg-type]
        pixels = np.asarray(Image.open(tmp_path / f"{theme}.png").convert("L"))
        brightness[theme] = int(np.median(pixels))
    assert brightness["light"] > 230
    assert brightness["dark"] < 50


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_the_paper(theme: str) -> None:
    palette = THEMES[theme]
    for name in ("text", "faint_text", "yes", "no", "unsure", "note", "multiplier", "prediction"):
        assert contrast(getattr(palette, name), palette.panel) >= 4.5, name


@pytest.mark.parametrize(
    "change",
    [
        *({"view.plane": plane} for plane in View.model_fields["plane"].annotation.__args__),
        *({"view.quantity": quantity} for quantity in ("log-loss", "residual", "curvature")),
        {"view.arrows": True, "view.clip": True, "view.contours": False, "view.spectrum": "euclidean"},
        {"network.activation": "relu"},
        {"ascent.restarts": 1, "ascent.steps": 1, "ascent.tolerance": 0.0, "compute.dtype": "float32"},
        {"ascent.start": "zero", "network.activation": "linear", "network.width": 1},
        {"ascent.constraint": "linf-ball"},
        {"network.dimension": 1},
        {"network.dimension": 2},
        {"view.extent": 0.01},
        {"ascent.step": 1e6},
    ],
    ids=lambda change: ",".join(f"{key}={value}" for key, value in change.items()),
)
def test_whatever_is_chosen_can_be_drawn(change: dict[str, Any], tmp_path: Path) -> None:
    (key, value), *more = change.items()
    render(SMALL.replace(key, value, **dict(more)), tmp_path / "a.png", size=(640, 360))
    assert np.asarray(Image.open(tmp_path / "a.png").convert("L")).std() > 10


def test_relu_is_told_in_the_figure(tmp_path: Path) -> None:
    render(SMALL.replace("network.activation", "relu"), tmp_path / "a.svg")
    text = text_of(tmp_path / "a.svg")
    assert "relu is piecewise linear" in text
    assert "end, not tested" in text and "strict local maximum" not in text


def test_a_saved_recording_is_drawn_as_it_was() -> None:
    recording = run(SMALL)
    assert observe(SMALL, recording).recording is recording


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.jpeg", "png"])
def test_another_kind_of_file_is_refused_before_anything_is_computed(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"must end in \.png or \.svg"):
        render(SMALL, tmp_path / name)


def test_a_folder_that_is_not_there_is_named(small: Observation, tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="none"):
        save(small, tmp_path / "none" / "a.png")


def test_figures_leave_no_global_state() -> None:
    for module in (figures, figure_panels, figure_globe):
        assert "pyplot" not in inspect.getsource(module)


def test_numbers_have_three_digits_and_exponents_only_where_they_are_needed() -> None:
    assert (number(1057.3), number(0.00428), number(27.24), number(1e9)) == ("1057", "0.00428", "27.2", "1e+09")
