"""What stands beside a spectrum: its prediction, or why there is none, and the estimate of a large one's density."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scenes import SMALL, show

from foadv_gui.core.interruption import Interrupted
from foadv_gui.lab.bulk import BulkPicture, Curve
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.figures import draw
from foadv_gui.lab.observation import observe
from foadv_gui.lab.picture import SpectrumPicture
from foadv_gui.lab.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_torch_thread")

WIDE = Experiment.model_validate(
    {
        "network": {"width": 200, "dimension": 120, "weight_scale": 1.5},
        "input": {"scale": 0.7},
        "ascent": {"steps": 40, "restarts": 1},
        "view": {"grid": 11},
    }
)


@pytest.fixture(scope="module")
def wide() -> Scene:
    scene = Scene()
    show(scene, WIDE)
    return scene


def scene_of(settings: dict[str, Any]) -> Scene:
    scene = Scene()
    (key, value), *more = settings.items()
    show(scene, WIDE.replace(key, value, **dict(more)))
    return scene


@pytest.mark.parametrize("kind", ["tangent", "euclidean"])
def test_the_prediction_is_near_the_exact_spectrum_and_its_distance_is_the_largest_gap(wide: Scene, kind: Any) -> None:
    assert wide.recording is not None
    t = wide.recording.steps
    shown, bulk = wide.spectrum(t, 0, kind), wide.bulk(t, 0, kind)
    assert bulk.is_beside(shown) and not bulk.is_beside(wide.spectrum(0, 0, kind)) and not bulk.is_beside(None)
    assert bulk.predicted is not None and bulk.distance is not None and not bulk.why
    assert bulk.distance < 0.03
    n = len(shown.eigenvalues)
    assert bulk.predicted.below[-1] == pytest.approx(n) == pytest.approx(120 - (kind == "tangent"))
    below = np.interp(shown.eigenvalues, bulk.predicted.energies, bulk.predicted.below) / n
    ranks = np.arange(n + 1) / n
    gap = max(np.abs(below - ranks[1:]).max(), np.abs(below - ranks[:-1]).max())
    assert bulk.distance == pytest.approx(gap)
    # At a maximum on the sphere the gradient has no tangent part.
    assert (bulk.outlier is None) == (kind == "tangent")
    if bulk.outlier is not None:
        assert bulk.outlier == pytest.approx(shown.eigenvalues[-1], rel=0.05)
    assert f"Kolmogorov distance {bulk.distance:.2g}" in bulk.words
    assert f"{bulk.distance:.2g}" in bulk.explanation and "Marchenko" in bulk.explanation


def test_it_is_computed_once_for_a_spectrum_and_gives_way(wide: Scene) -> None:
    with pytest.raises(Interrupted):
        wide.bulk(2, 0, "tangent", lambda: True)
    found = wide.bulk(2, 0, "tangent")
    assert wide.bulk(2, 0, "tangent", lambda: True) is found
    assert wide.bulk(3, 0, "tangent") is not found


def test_a_narrow_network_is_predicted_its_zeros() -> None:
    scene = scene_of({"network.width": 50})
    bulk, shown = scene.bulk(0, 0, "euclidean"), scene.spectrum(0, 0, "euclidean")
    assert bulk.zeros == shown.zeros == 70
    assert bulk.predicted is not None and bulk.predicted.below[-1] == pytest.approx(50)
    assert "70 eigenvalues are exactly zero" in bulk.explanation
    assert bulk.distance is not None and bulk.distance < 0.05


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"ascent.constraint": "linf-ball"}, "flat faces"),
        ({"ascent.box": (-1.0, 1.0)}, "flat faces"),
        ({"network.width": 9}, "so small"),
        ({"network.dimension": 9}, "so small"),
    ],
)
def test_where_the_law_does_not_hold_no_curve_is_drawn_and_it_is_said_why(
    settings: dict[str, Any], reason: str
) -> None:
    scene = scene_of(settings)
    bulk = scene.bulk(0, 0, "tangent")
    assert bulk.predicted is None and bulk.outlier is None and bulk.distance is None and not bulk.words
    assert reason in bulk.explanation
    if reason == "flat faces":  # of which the whole space knows nothing
        assert scene.bulk(0, 0, "euclidean").predicted is not None


def test_weights_from_a_file_are_no_random_ones(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "w.npz", W=generator.normal(size=(30, 120)), a=generator.choice([-0.2, 0.2], 30))
    scene = scene_of({"network.source": "file", "network.file": str(tmp_path / "w.npz")})
    for kind in ("tangent", "euclidean"):
        bulk = scene.bulk(0, 0, kind)
        assert bulk.predicted is None and "from a file" in bulk.explanation


def test_without_a_spectrum_there_is_nothing_beside_it() -> None:
    scene = scene_of({"network.activation": "relu"})
    assert scene.spectrum(0, 0, "tangent").problem
    bulk = scene.bulk(0, 0, "tangent")
    assert bulk.predicted is bulk.estimated is None


@pytest.mark.parametrize(("kind", "width"), [("tangent", 200), ("euclidean", 200), ("tangent", 90)])
def test_of_a_large_spectrum_the_density_is_estimated(kind: Any, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = scene_of({"network.width": width}).spectrum(40, 0, kind)
    monkeypatch.setattr("foadv_gui.core.spectrum.DENSE_LIMIT", 60)
    scene = scene_of({"network.width": width})
    shown, bulk = scene.spectrum(40, 0, kind), scene.bulk(40, 0, kind)
    assert not shown.exact and len(shown.eigenvalues) == 20
    assert bulk.distance is None  # the whole spectrum is not known
    assert bulk.estimated is not None and (bulk.probes, bulk.steps) == (8, 64)
    assert bulk.estimated.below[-1] == pytest.approx(len(exact.eigenvalues))
    edges = np.linspace(*exact.axis(), 9)
    counts = np.histogram(exact.eigenvalues, edges)[0]
    heights = bulk.estimated.heights((edges[1:] + edges[:-1]) / 2, float(edges[1] - edges[0]))
    assert np.abs(heights - counts).max() < 6
    assert "filled: SLQ, 8 probes, 64 steps" in bulk.words and "SLQ" in bulk.explanation
    assert bulk.predicted is not None


def test_a_peak_is_no_higher_than_the_bar_that_holds_it() -> None:
    peak = Curve(np.array([1.0, 1.0 + 1e-9]), np.array([0.0, 7.0]))
    np.testing.assert_allclose(peak.heights(np.array([-1.0, 0.8, 1.0, 1.2, 2.0]), 0.5), [0, 7, 7, 7, 0], atol=1e-12)
    flat = Curve(np.array([0.0, 10.0]), np.array([0.0, 20.0]))  # two eigenvalues to each unit
    np.testing.assert_allclose(flat.heights(np.array([0.0, 5.0, 10.0]), 0.5), [0.5, 1.0, 0.5])


def spectrum_of(eigenvalues: list[float], multiplier: float = 0.0) -> SpectrumPicture:
    return SpectrumPicture(0, 0, "tangent", np.array(eigenvalues), 0, 9, multiplier, True, 0.0)


def test_an_axis_holds_a_predicted_outlier_unless_that_squeezes_the_bulk_flat() -> None:
    shown = spectrum_of([0.0, 1.0, 2.0])
    low, high = shown.axis(4.0)
    assert low < 0 and high > 4
    assert shown.histogram(4.0)[0].sum() == 3
    assert shown.histogram(4.0)[1][-1] == high
    assert shown.axis(100.0) == shown.axis() == shown.axis(1.0)


def test_the_figure_draws_the_curve_in_the_colour_of_predictions() -> None:
    seen = observe(WIDE.replace("view.spectrum", "euclidean"))
    assert seen.bulk.predicted is not None and seen.bulk.outlier is not None
    figure = draw(seen)
    words = ", ".join(seen.bulk.words)
    (axes,) = [axes for axes in figure.axes if axes.get_xlabel() == words]
    curve, triangle = [line for line in axes.lines if line.get_color() == "#0f766e"]
    places, heights = curve.get_data()
    edges = seen.spectrum.histogram(seen.bulk.outlier)[1]
    width = edges[1] - edges[0]
    assert np.trapezoid(heights, places) / width == pytest.approx(120, rel=0.02)
    assert triangle.get_xdata() == [seen.bulk.outlier]


def test_a_small_figure_needs_no_curve() -> None:
    seen = observe(SMALL)
    assert isinstance(seen.bulk, BulkPicture) and seen.bulk.predicted is None
    assert draw(seen) is not None
