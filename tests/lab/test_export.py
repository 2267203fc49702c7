"""What leaves the program as arrays, tables and pictures says the same as the run, recomputed from W and a."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars
import pytest
import torch
from PIL import Image
from scenes import SMALL, of_kind, show

from foadv_gui.lab.experiment import run
from foadv_gui.lab.export import (
    EXPORTS,
    Adversary,
    save_adversary,
    save_perturbation,
    save_spectrum,
    save_traces,
    save_weights,
)
from foadv_gui.lab.export_image import save_triptych
from foadv_gui.lab.export_slice import Slice, look, save_slice
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.picture import Surface
from foadv_gui.lab.recording import MEASURES, Recording
from foadv_gui.lab.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.lab.config import Experiment

EXACT = SMALL.changed({"compute.dtype": "float64", "compute.device": "cpu"})


@pytest.fixture(scope="module")
def recording() -> Recording:
    return run(SMALL)


def loss(recording: Any, z: Any) -> Any:
    """(f(z) - y)^2 / 2 of tanh neurons, from the arrays alone."""
    return 0.5 * (np.tanh(z @ recording.W.T) @ recording.a - recording.y) ** 2


def arrays(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


# -- adversary and weights ---------------------------------------------------------------------------------------


def test_an_adversary_is_the_point_whose_loss_it_states(recording: Recording, tmp_path: Path) -> None:
    t, k = recording.steps // 2, 1
    seen = Adversary(recording, t, k)
    save_adversary(tmp_path / "a.npy", seen)
    save_adversary(tmp_path / "a.npz", seen)
    save_perturbation(tmp_path / "d.npy", seen)
    z, all_of_it = np.load(tmp_path / "a.npy"), arrays(tmp_path / "a.npz")
    np.testing.assert_array_equal(z, recording.x + recording.delta[t, k].astype(float))
    np.testing.assert_array_equal(z, all_of_it["adversary"])
    np.testing.assert_array_equal(all_of_it["x"], recording.x)
    np.testing.assert_array_equal(np.load(tmp_path / "d.npy"), all_of_it["delta"])
    assert loss(recording, z) == pytest.approx(float(all_of_it["loss"]), rel=1e-4)  # a float32 run
    assert (all_of_it["t"], all_of_it["restart"]) == (t, k)
    assert all_of_it["config"] == recording.config


def test_of_a_thinned_run_the_iterate_before_is_taken_with_its_own_loss(tmp_path: Path) -> None:
    thin = run(SMALL.changed({"ascent.tolerance": 0.0}))
    kept = np.arange(0, thin.steps + 1, 10)
    parts = {name: getattr(thin, name) for name in Recording.__dataclass_fields__}
    thinned = Recording(**{**parts, "delta": thin.delta[kept], "steps_kept": kept})
    save_adversary(tmp_path / "a.npz", Adversary(thinned, 17, 0))
    found = arrays(tmp_path / "a.npz")
    assert found["t"] == 10
    np.testing.assert_array_equal(found["delta"], thin.delta[10, 0])
    assert found["loss"] == thin.loss[10, 0]


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_exported_weights_are_a_network_that_runs_alike(recording: Recording, ending: str, tmp_path: Path) -> None:
    scaled = SMALL.replace("network.weight_scale", 0.7)
    path = tmp_path / f"w{ending}"
    before = run(scaled)
    save_weights(path, before)
    own = {"network.source": "file", "network.file": str(path), "network.weight_scale": 1.0}
    again = run(scaled.changed(own))
    np.testing.assert_array_equal(again.delta, before.delta)
    np.testing.assert_array_equal(again.W, before.W)
    assert not np.array_equal(again.delta, recording.delta)


# -- slices ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plane", ["clean-gradient-random", "endpoint-components"])
def test_a_slice_can_be_recomputed_from_its_basis(plane: str, tmp_path: Path) -> None:
    shown = look(EXACT.changed({"view.plane": plane}))
    save_slice(tmp_path / "s.npz", shown)
    s = arrays(tmp_path / "s.npz")
    assert s["values"].shape == (len(s["beta"]), len(s["alpha"])) == (31, 31)
    across, up = np.meshgrid(s["alpha_absolute"], s["beta_absolute"])
    z = s["x"] + s["origin"] + across[..., None] * s["u"] + up[..., None] * s["v"]
    np.testing.assert_allclose(s["values"], loss(shown.recording, z), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(s["alpha"] * s["epsilon"], s["alpha_absolute"])
    inside = np.linalg.norm(z - s["x"], axis=-1) <= s["epsilon"]
    np.testing.assert_array_equal(s["inside"], inside)
    assert (str(s["quantity"]), str(s["plane"]), len(s["axes"])) == ("loss", plane, 2)


@pytest.mark.parametrize("chart", ["globe", "map"])
def test_a_slice_of_the_sphere_can_be_recomputed_too(chart: str, tmp_path: Path) -> None:
    shown = look(EXACT.changed({"view.chart": chart, "view.quantity": "residual"}))
    save_slice(tmp_path / "s.npz", shown)
    s = arrays(tmp_path / "s.npz")
    drawn = np.isfinite(s["values"])
    assert 0.7 < drawn.mean() < 0.8  # a disc in its square
    z = s["x"] + s["epsilon"] * s["c"] @ s["E"]
    np.testing.assert_allclose(np.linalg.norm(z - s["x"], axis=-1)[drawn], s["epsilon"])
    np.testing.assert_allclose(0.5 * s["values"][drawn] ** 2, loss(shown.recording, z)[drawn], rtol=1e-9, atol=1e-13)
    assert str(s["chart"]) == chart


def test_a_surface_without_its_plane_is_no_slice() -> None:
    stages = show(Scene(), SMALL)
    with pytest.raises(ValueError, match="needs the plane"):
        Slice(of_kind(stages, Surface)[-1], of_kind(stages, Recording)[-1])


# -- tables ------------------------------------------------------------------------------------------------------


def hessian(recording: Any, delta: Any) -> Any:
    """The Hessian of the loss by autograd, (d, d)."""
    W, a, x = (torch.tensor(part) for part in (recording.W, recording.a, recording.x))

    def objective(z: torch.Tensor) -> torch.Tensor:
        return 0.5 * (torch.tanh(W @ z) @ a - recording.y) ** 2

    return torch.autograd.functional.hessian(objective, x + torch.tensor(delta)).numpy()


def spectrum_rows(experiment: Experiment, kind: str, path: Path) -> tuple[Recording, polars.DataFrame, list[str]]:
    scene = Scene()
    shown = of_kind(show(scene, experiment), Recording)[-1]
    save_spectrum(path, scene.spectrum(shown.steps, 0, kind), shown)
    lines = [line for line in path.read_text().splitlines() if line.startswith("#")]
    return shown, polars.read_csv(path, comment_prefix="#"), lines


def test_a_spectrum_is_that_of_the_hessian_by_autograd(tmp_path: Path) -> None:
    shown, table, lines = spectrum_rows(EXACT, "euclidean", tmp_path / "s.csv")
    expected = np.linalg.eigvalsh(hessian(shown, shown.delta[-1, 0]))
    np.testing.assert_allclose(table["eigenvalue"], expected, atol=1e-12 * np.abs(expected).max())
    assert set(table["multiplicity"]) == {1}
    assert f"# t: {shown.steps}" in lines
    assert json.loads(lines[-1].removeprefix("# experiment: ")) == json.loads(shown.config)


def test_exact_zeros_are_one_row_with_their_multiplicity(tmp_path: Path) -> None:
    narrow = EXACT.changed({"network.width": 4, "network.dimension": 12})
    shown, table, lines = spectrum_rows(narrow, "tangent", tmp_path / "s.csv")
    delta = shown.delta[-1, 0]
    normal = delta / np.linalg.norm(delta)
    P = np.eye(12) - np.outer(normal, normal)
    basis = np.linalg.svd(P)[0][:, :11]  # of the tangent space
    expected = np.linalg.eigvalsh(basis.T @ hessian(shown, delta) @ basis)
    every = np.repeat(table["eigenvalue"], table["multiplicity"])
    np.testing.assert_allclose(np.sort(every), expected, atol=1e-10 * np.abs(expected).max())
    (zeros,) = table.filter(polars.col("multiplicity") > 1).rows()
    assert zeros == (0.0, 11 - 4)  # H has no more dimensions than there are neurons
    said = next(line for line in lines if line.startswith("# multiplier: ")).removeprefix("# multiplier: ")
    gradient = (np.tanh(shown.W @ (shown.x + delta)) @ shown.a - shown.y) * (
        (shown.a / np.cosh(shown.W @ (shown.x + delta)) ** 2) @ shown.W
    )
    assert float(said.split(",")[0]) == pytest.approx(delta @ gradient / shown.epsilon**2, rel=1e-9)


def test_traces_are_read_back_to_the_last_bit(recording: Recording, tmp_path: Path) -> None:
    save_traces(tmp_path / "all.csv", recording)
    table = polars.read_csv(tmp_path / "all.csv", comment_prefix="#")
    assert table.height == (recording.steps + 1) * recording.restarts
    for name in MEASURES:
        for k in range(recording.restarts):
            values = table.filter(polars.col("restart") == k).sort("t")[name].to_numpy()
            np.testing.assert_array_equal(values, getattr(recording, name)[:, k], err_msg=name)
    save_traces(tmp_path / "one.csv", recording, 2)
    one = polars.read_csv(tmp_path / "one.csv", comment_prefix="#")
    assert one.equals(table.filter(polars.col("restart") == 2))


# -- pictures ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, Recording]:
    """An image of 8 bits, attacked from itself in the box [0, 1]."""
    pixels = np.random.default_rng(3).integers(0, 256, (5, 7), dtype=np.uint8)
    file = tmp_path_factory.mktemp("image") / "image.npy"
    np.save(file, pixels[None] / 255)
    length = float(np.linalg.norm(pixels / 255))
    changes = {
        "input.source": "file",
        "input.file": str(file),
        "input.scale": length,  # so that x is the image itself
        "ascent.box": (0.0, 1.0),
        "ascent.start": "zero",
        "ascent.steps": 20,
    }
    return pixels, run(SMALL.changed(changes))


def test_an_image_in_the_box_is_exact_and_its_adversary_is_rounded_once(image_run: Any, tmp_path: Path) -> None:
    pixels, attacked = image_run
    save_adversary(tmp_path / "clean.png", Adversary(attacked, 0, 0, (5, 7)))
    with Image.open(tmp_path / "clean.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels)
    seen = Adversary(attacked, attacked.steps, 0, (5, 7))
    save_adversary(tmp_path / "a.png", seen)
    with Image.open(tmp_path / "a.png") as picture:
        read = np.asarray(picture)
    assert np.abs(read.ravel() / 255 - seen.adversary).max() <= 0.5 / 255 + 1e-6  # a float32 run may round out of it
    assert not np.array_equal(read, pixels)


def test_the_perturbation_is_grey_where_it_is_zero(image_run: Any, tmp_path: Path) -> None:
    _, attacked = image_run
    seen = Adversary(attacked, attacked.steps, 0, (5, 7))
    save_perturbation(tmp_path / "d.png", seen)
    with Image.open(tmp_path / "d.png") as picture:
        read = np.asarray(picture).ravel().astype(float)
    limit = np.abs(seen.delta).max()
    np.testing.assert_allclose(read, 127.5 * (1 + seen.delta / limit), atol=0.5)
    assert {0.0, 255.0} & set(read)


def test_a_triptych_is_the_three_images_enlarged(image_run: Any, tmp_path: Path) -> None:
    pixels, attacked = image_run
    seen = Adversary(attacked, attacked.steps, 0, (5, 7))
    save_triptych(tmp_path / "t.png", seen)
    save_perturbation(tmp_path / "d.png", seen)
    save_adversary(tmp_path / "a.png", seen)
    with Image.open(tmp_path / "t.png") as picture:
        whole = np.asarray(picture)
    height = whole.shape[0]
    assert height >= 256
    large, width = height // 5, 7 * (height // 5)
    first, last = whole[:, :width], whole[:, -width:]
    middle = whole[:, (whole.shape[1] - width) // 2 :][:, :width]
    np.testing.assert_array_equal(first[::large, ::large], pixels)
    for part, file in ((middle, "d.png"), (last, "a.png")):
        with Image.open(tmp_path / file) as picture:
            np.testing.assert_array_equal(part[::large, ::large], np.asarray(picture))


def test_a_colour_image_keeps_its_colours(image_run: Any, tmp_path: Path) -> None:
    _, attacked = image_run
    parts = {name: getattr(attacked, name) for name in Recording.__dataclass_fields__}
    colours = np.arange(36) / 255  # 3 by 4 pixels in red, green and blue
    seen = Adversary(Recording(**{**parts, "x": colours, "delta": np.zeros((1, 1, 36))}), 0, 0, (3, 4, 3))
    save_adversary(tmp_path / "a.png", seen)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(picture), np.arange(36).reshape(3, 4, 3))


# -- what cannot be written --------------------------------------------------------------------------------------


def test_what_is_no_image_has_no_picture(recording: Recording, tmp_path: Path) -> None:
    seen = Adversary(recording, 0, 0)
    for save in (save_adversary, save_perturbation, save_triptych):
        with pytest.raises(FileProblem, match="no image"):
            save(tmp_path / "a.png", seen)
    assert not list(tmp_path.iterdir())


def test_a_relu_network_has_no_spectrum_to_write(tmp_path: Path) -> None:
    scene = Scene()
    shown = of_kind(show(scene, SMALL.replace("network.activation", "relu")), Recording)[-1]
    with pytest.raises(FileProblem, match="relu"):
        save_spectrum(tmp_path / "s.csv", scene.spectrum(0, 0, "tangent"), shown)


@pytest.mark.parametrize("what", EXPORTS)
def test_another_kind_of_file_is_refused_by_its_ending(what: str, tmp_path: Path) -> None:
    entry = EXPORTS[what]
    for ending in entry.endings:
        assert entry.check(tmp_path / f"a{ending.upper()}") == ending
    with pytest.raises(FileProblem, match=f"must end in {next(iter(entry.endings))}"):
        entry.check(tmp_path / "a.exe")
