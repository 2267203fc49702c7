"""Questions asked of a computed scene are answered with the true numbers, by independent formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scenes import SMALL, of_kind, show

from foadv_gui.lab import lookup
from foadv_gui.lab.picture import ExtremesPicture, PlanePicture
from foadv_gui.lab.scene import Scene

if TYPE_CHECKING:
    from foadv_gui.lab.recording import Recording

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def shown() -> Scene:
    scene = Scene()
    show(scene, SMALL.replace("ascent.tolerance", 1e-10))
    return scene


def hessian(recording: Recording, delta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian of the loss of a tanh network, from the formulas."""
    hidden = np.tanh(recording.W @ (recording.x + delta))
    residual = recording.a @ hidden - recording.y
    slope = recording.W.T @ (recording.a * (1 - hidden**2))
    bend = recording.a * -2 * hidden * (1 - hidden**2)
    return residual * slope, residual * (recording.W.T * bend) @ recording.W + np.outer(slope, slope)


@pytest.mark.parametrize("kind", ["tangent", "euclidean"])
def test_the_spectrum_at_an_iterate_is_that_of_its_hessian(shown: Scene, kind: Any) -> None:
    recording = shown.recording
    assert recording is not None
    t = recording.steps
    picture = shown.spectrum(t, 1, kind)
    delta = recording.delta[-1, 1]
    g, H = hessian(recording, delta)
    if kind == "tangent":
        basis = np.linalg.svd(delta[None])[2][1:]
        H = basis @ H @ basis.T
    np.testing.assert_allclose(picture.eigenvalues, np.linalg.eigvalsh(H), rtol=1e-8, atol=1e-10)
    assert picture.multiplier == pytest.approx(delta @ g / recording.epsilon**2)
    assert (picture.t, picture.k, picture.kind, picture.exact) == (t, 1, kind, True)


def test_a_spectrum_is_computed_once_for_a_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    show(scene, SMALL)
    monkeypatch.setattr(lookup, "_MOST_SPECTRA", 2)
    first = scene.spectrum(3, 0, "tangent")
    assert scene.spectrum(3, 0, "tangent") is first
    others = [scene.spectrum(4, 0, "tangent"), scene.spectrum(3, 1, "tangent"), scene.spectrum(3, 0, "euclidean")]
    assert [(other.t, other.k, other.kind) for other in others] == [
        (4, 0, "tangent"),
        (3, 1, "tangent"),
        (3, 0, "euclidean"),
    ]
    again = scene.spectrum(3, 0, "tangent")  # only the last few are kept
    assert again is not first
    np.testing.assert_array_equal(again.eigenvalues, first.eigenvalues)
    show(scene, SMALL.replace("input.scale", 0.6))
    assert not np.array_equal(scene.spectrum(3, 0, "tangent").eigenvalues, first.eigenvalues)


def test_an_eigenvalue_has_its_direction(shown: Scene) -> None:
    recording, plane = shown.recording, shown.plane
    assert recording is not None and plane is not None
    picture = shown.spectrum(5, 0, "euclidean")
    found = shown.direction(5, 0, "euclidean", 2, float(picture.eigenvalues[2]))
    _, H = hessian(recording, recording.delta[5, 0])
    np.testing.assert_allclose(H @ found.vector, picture.eigenvalues[2] * found.vector, atol=1e-9)
    assert np.linalg.norm(found.vector) == pytest.approx(1)
    np.testing.assert_allclose(found.in_plane, [found.vector @ plane.u.numpy(), found.vector @ plane.v.numpy()])
    assert found.share == pytest.approx(np.linalg.norm(found.in_plane))


def test_a_probe_and_a_cut_read_the_true_loss(shown: Scene) -> None:
    recording, plane = shown.recording, shown.plane
    assert recording is not None and plane is not None

    def loss(point: np.ndarray) -> float:
        delta = plane.origin.numpy() + recording.epsilon * (point[0] * plane.u.numpy() + point[1] * plane.v.numpy())
        return float((np.tanh(recording.W @ (recording.x + delta)) @ recording.a - recording.y) ** 2 / 2)

    assert shown.probe((0.3, -0.7)).loss == pytest.approx(loss(np.array([0.3, -0.7])), rel=1e-12)
    cut = shown.cut((-1.0, 0.5), (0.5, -1.5), count=11)
    assert cut.position[-1] == pytest.approx(2.5)
    for i in (0, 3, 10):
        point = cut.start + cut.position[i] / 2.5 * (cut.end - cut.start)
        assert cut.loss[i] == pytest.approx(loss(point), rel=1e-10)


def test_a_dragged_start_moves_along_the_plane_or_onto_it() -> None:
    picture = of_kind(show(Scene(), SMALL), PlanePicture)[-1]
    start = np.arange(6.0) / 10
    onto = picture.moved(start, (0.2, -0.4), keep_off_plane=False)
    np.testing.assert_allclose([onto @ picture.u, onto @ picture.v], [0.2, -0.4], atol=1e-12)
    along = picture.moved(start, (0.2, -0.4), keep_off_plane=True)
    np.testing.assert_allclose([along @ picture.u, along @ picture.v], [0.2, -0.4], atol=1e-12)
    change = along - start
    in_plane = (change @ picture.u) * picture.u + (change @ picture.v) * picture.v
    np.testing.assert_allclose(change, in_plane, atol=1e-12)


def test_extremes_along_the_path_are_the_ends_of_its_spectra() -> None:
    scene = Scene()
    found = of_kind(show(scene, SMALL), ExtremesPicture)[-1]
    assert found.t[0] == 0 and found.t[-1] == scene.recording.steps  # type: ignore[union-attr]
    for i in (0, len(found.t) // 2, -1):
        spectrum = scene.spectrum(int(found.t[i]), 0, "tangent")
        assert found.smallest[i] == pytest.approx(spectrum.eigenvalues.min(), rel=1e-6)
        assert found.largest[i] == pytest.approx(spectrum.eigenvalues.max(), rel=1e-6)
        assert found.multiplier[i] == pytest.approx(spectrum.multiplier, rel=1e-6)
