"""A file becomes the input or the network of an experiment: whatever was on show, what comes out can be run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from foadv_gui import Experiment
from foadv_gui.lab.adoption import label_at, with_input, with_weights
from foadv_gui.lab.experiment import prepare
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.gallery import digits_gallery

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from foadv_gui.lab.adoption import Adopted
    from foadv_gui.lab.experiment import Problem

RNG = np.random.default_rng(0)


def small(**changes: object) -> Experiment:
    base = {"network.width": 8, "network.dimension": 6, "ascent.restarts": 2, "ascent.steps": 3}
    return Experiment().changed(base | {key.replace("__", "."): value for key, value in changes.items()})


def image(path: Path, *shape: int) -> Path:
    Image.fromarray(RNG.integers(1, 256, shape, np.uint8)).save(path)
    return path


def weights(path: Path, dimension: int) -> Path:
    np.savez(path, W=RNG.standard_normal((5, dimension)), a=RNG.standard_normal(5))
    return path


def applied(experiment: Experiment, adopted: Adopted) -> tuple[Experiment, Problem]:
    changed = experiment.changed(adopted.changes)
    return changed, prepare(changed)


def test_an_image_goes_with_random_weights_at_the_scale_on_show(tmp_path: Path) -> None:
    path = image(tmp_path / "cat.png", 6, 5)
    adopted = with_input(small(input__scale=0.25, input__index=7, input__source="digits"), path)
    changed, problem = applied(small(input__scale=0.25), adopted)
    assert problem.clean.image_shape == (6, 5)
    assert np.linalg.norm(problem.clean.x) == pytest.approx(0.25)
    assert problem.constraint.box is not None
    assert changed.input.index == 0
    assert adopted.words == "cat.png is the input now"


def test_a_large_image_is_made_smaller_in_its_proportions(tmp_path: Path) -> None:
    path = image(tmp_path / "photo.jpg", 300, 400, 3)
    adopted = with_input(small(), path)
    _, problem = applied(small(), adopted)
    height, width = problem.clean.image_shape[:2]
    assert 1800 < problem.clean.dimension == 3 * height * width <= 2048
    assert width / height == pytest.approx(4 / 3, rel=0.05)
    assert f"resized to {height} × {width}" in adopted.words


@pytest.mark.parametrize(
    ("shape", "takes", "size", "grey"),
    [
        ((8, 8), 64, None, False),
        ((16, 16), 64, (8, 8), False),
        ((16, 12, 3), 64, (8, 8), True),
        ((8, 8, 3), 64, None, True),
        ((16, 12, 3), 192, (8, 8), False),
        ((4, 16), 64, None, False),  # as many coordinates already
    ],
)
def test_an_image_is_given_to_a_network_as_it_takes_it(
    tmp_path: Path, shape: tuple[int, ...], takes: int, size: tuple[int, int] | None, grey: bool
) -> None:
    net = with_weights(small(), weights(tmp_path / "net.npz", takes))
    before = small().changed(net.changes)
    changed, problem = applied(before, with_input(before, image(tmp_path / "cat.png", *shape)))
    assert (changed.input.size, changed.input.grey) == (size, grey)
    assert changed.network == before.network
    assert problem.clean.dimension == takes
    assert problem.clean.x.max() <= 1  # as it is in the file, from black to white
    assert problem.clean.x.max() > 0.5


@pytest.mark.parametrize("shape", [(20, 30, 3), (8, 8, 3), (8, 8)])
def test_the_order_of_network_and_image_does_not_matter(tmp_path: Path, shape: tuple[int, ...]) -> None:
    net, cat = weights(tmp_path / "net.npz", 64), image(tmp_path / "cat.png", *shape)
    first = small().changed(with_weights(small(), net).changes)
    first = first.changed(with_input(first, cat).changes)
    second = small().changed(with_input(small(), cat).changes)
    second = second.changed(with_weights(second, net).changes)
    second = second.changed({"network.dimension": first.network.dimension})  # which an image does not use
    assert first == second


def test_what_a_network_cannot_take_gets_a_random_one(tmp_path: Path) -> None:
    before = small().changed(with_weights(small(), weights(tmp_path / "net.npz", 64)).changes)
    np.save(tmp_path / "rows.npy", RNG.standard_normal((3, 5)))
    adopted = with_input(before, tmp_path / "rows.npy")
    changed, problem = applied(before, adopted)
    assert changed.network.source == "random"
    assert problem.clean.dimension == 5
    assert "rows.npy is the input now (row 0 of 3" in adopted.words
    assert "net.npz takes 64 coordinates, not 5" in adopted.words


@pytest.mark.parametrize(("box", "left"), [((-1.0, 1.0), (-1.0, 1.0)), ((0.0, 1e-3), None)])
def test_a_box_stays_where_it_holds_the_new_input(
    tmp_path: Path, box: tuple[float, float], left: tuple[float, float] | None
) -> None:
    np.save(tmp_path / "x.npy", [3.0, -4.0])
    before = small().changed({"ascent.box": box}) if left else small(ascent__box=box)
    changed, _ = applied(before, with_input(before, tmp_path / "x.npy"))
    assert changed.ascent.box == left


@pytest.mark.parametrize(("ratio", "box"), [(0.3, "pixels"), (2.0, None)])
def test_no_box_is_put_inside_of_a_sphere(tmp_path: Path, ratio: float, box: str | None) -> None:
    before = small(ascent__constraint="l2-sphere", ascent__start="sphere", input__ratio=ratio)
    changed, _ = applied(before, with_input(before, image(tmp_path / "cat.png", 6, 5)))
    assert changed.ascent.box == box


def test_a_single_column_is_one_vector_and_that_is_said(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "one.csv", RNG.standard_normal(64))
    adopted = with_input(small(), tmp_path / "one.csv")
    _, problem = applied(small(), adopted)
    assert problem.clean.dimension == 64
    assert adopted.words == "one.csv is the input now (one vector, d = 64)"


def test_an_image_of_other_numbers_has_no_black_and_white(tmp_path: Path) -> None:
    np.save(tmp_path / "field.npy", RNG.standard_normal((2, 6, 5)))
    changed, problem = applied(small(), with_input(small(), tmp_path / "field.npy"))
    assert changed.ascent.box is None
    assert problem.clean.image_shape == (6, 5)


def test_the_named_array_of_an_archive_is_the_input(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", one=RNG.standard_normal((3, 5)), two=RNG.standard_normal((4, 7)))
    _, problem = applied(small(), with_input(small(), tmp_path / "two.npz", "two"))
    assert problem.clean.dimension == 7


@pytest.mark.parametrize("source", ["sphere", "digits"])
def test_weights_bring_the_dimension_or_fit_the_input(tmp_path: Path, source: str) -> None:
    before = small(network__weight_scale=3.0, input__source=source)
    adopted = with_weights(before, weights(tmp_path / "net.npz", 64))
    changed, problem = applied(before, adopted)
    with np.load(tmp_path / "net.npz") as arrays:
        np.testing.assert_allclose(problem.objective.exact.network.W, arrays["W"])  # as they are
    assert changed.input.source == source
    assert source == "sphere" or problem.clean.x.max() == 15 / 16  # as it is in its file
    assert adopted.words.startswith("net.npz is the network now, 64-5-1, with tanh")


def test_an_input_that_the_network_does_not_take_gives_way_to_a_random_direction(tmp_path: Path) -> None:
    before = small(input__source="digits", input__index=3)
    adopted = with_weights(before, weights(tmp_path / "net.npz", 10))
    changed, problem = applied(before, adopted)
    assert changed.input.source == "sphere"
    assert problem.clean.dimension == 10
    assert "takes 10 coordinates, not 64" in adopted.words


# -- the right class --------------------------------------------------------------------------------------------------


def classifier(path: Path, dimension: int, seed: int = 0) -> tuple[Path, Callable[[np.ndarray], int]]:
    """Weights of a classifier of five classes, and what it decides for."""
    rng = np.random.default_rng(seed)
    W1, b1, W2 = rng.standard_normal((7, dimension)), rng.standard_normal(7), rng.standard_normal((5, 7))
    np.savez(path, W1=W1, b1=b1, W2=W2)
    return path, lambda x: int((W2 @ np.tanh(W1 @ x + b1)).argmax())


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("source", ["sphere", "digits"])
def test_where_nobody_knows_the_right_class_it_is_what_the_network_decides_for(
    tmp_path: Path, seed: int, source: str
) -> None:
    path, decides = classifier(tmp_path / "net.npz", 10, seed)
    before = small(input__source=source, network__loss="quadratic" if source == "sphere" else "cross-entropy")
    adopted = with_weights(before, path)  # it takes no digits: a random direction takes their place
    changed, problem = applied(before, adopted)
    assert changed.input.label == problem.clean.y == decides(problem.clean.x)
    assert f"the right class is y = {problem.clean.y:g}, as the network itself decides" in adopted.words


def test_the_label_of_an_image_is_its_right_class_and_one_that_was_chosen_stays(tmp_path: Path) -> None:
    path, _ = classifier(tmp_path / "net.npz", 64)
    adopted = with_weights(small(input__source="digits", input__index=3), path)
    assert adopted.changes["input.label"] == 3.0
    assert "y = 3, as its label says" in adopted.words
    before = small(input__source="digits", input__index=3)
    before = before.changed(with_weights(before, path).changes)
    nine = before.replace("input.index", 9)  # of which there is no class
    assert with_weights(nine, path).changes["input.label"] == 3.0
    sphere = small(network__dimension=64)
    sphere = sphere.changed(with_weights(sphere, path).changes)
    other = (int(sphere.input.label) + 1) % 5
    assert with_weights(sphere.replace("input.label", other), path).changes["input.label"] == other


def test_the_label_follows_the_index_as_long_as_it_is_the_right_one() -> None:
    digits, labels = digits_gallery(), digits_gallery().labels
    assert labels is not None
    of_classes = small(input__source="digits", input__index=12, network__loss="cross-entropy", input__label=labels[12])
    for index in (0, 13, 1796):
        assert label_at(of_classes, digits, index) == {"input.label": labels[index]}
    changed = of_classes.replace("input.label", labels[12] + 1)
    for experiment, gallery, index in [
        (changed, digits, 13),
        (of_classes.replace("network.loss", "quadratic"), digits, 13),
        (of_classes.replace("input.source", "sphere"), digits, 13),
        (of_classes, replace(digits, labels=None), 13),
        (of_classes, None, 13),
        (of_classes, digits, 1797),
        (of_classes, digits, -1),
        (of_classes, digits, "13"),
    ]:
        assert label_at(experiment, gallery, index) == {}


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_text("meow")
    for adopt in (with_input, with_weights):
        with pytest.raises(FileProblem, match=r"cat\.png"):
            adopt(small(), tmp_path / "cat.png")
