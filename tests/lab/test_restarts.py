"""All restarts together, the way between two, and the regularity card: against the recording, by other formulas."""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scenes import SMALL, of_kind, show

from foadv_gui.core.interruption import Interrupted
from foadv_gui.lab import survey
from foadv_gui.lab.experiment import run
from foadv_gui.lab.presets import load_preset
from foadv_gui.lab.restarts import BetweenPicture, RegularityPicture, RestartsPicture
from foadv_gui.lab.scene import Scene

if TYPE_CHECKING:
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.recording import Recording

pytestmark = pytest.mark.usefixtures("one_torch_thread")

SUMMITS = SMALL.replace(
    "input.scale",
    8.0,
    **{"network.dimension": 3, "network.seed": 11, "ascent.restarts": 12, "ascent.steps": 800, "ascent.step": 0.1},
)


@cache
def shown(experiment: Experiment) -> tuple[Scene, list[Any]]:
    scene = Scene()
    return scene, show(scene, experiment)


def seen(experiment: Experiment, kind: type) -> Any:
    return of_kind(shown(experiment)[1], kind)[-1]


def recording_of(experiment: Experiment) -> Recording:
    recording = shown(experiment)[0].recording
    assert recording is not None
    return recording


def row(experiment: Experiment, name: str) -> Any:
    group, _ = seen(experiment, RegularityPicture).groups
    return next(row for row in group.rows if name in row.name)


def some(losses: Any, converged_at: Any, cluster: Any, **more: Any) -> RestartsPicture:
    """Restarts with these losses, steps and maxima."""
    cluster = np.array(cluster)
    found = [np.nonzero(cluster == i)[0] for i in range(cluster.max() + 1)]
    sizes, first = np.array([len(group) for group in found]), np.array([group[0] for group in found])
    count = len(cluster)
    picture = RestartsPicture(
        losses=np.array(losses, float),
        converged_at=np.array(converged_at),
        steps=100,
        cluster=cluster,
        representatives=first,
        sizes=sizes,
        order=np.arange(count),
        angles=np.zeros((count, count)),
        tolerance=1e-6,
    )
    return dataclasses.replace(picture, **more)


# ---- endpoints ----------------------------------------


def test_maxima_are_those_that_a_sign_tells_apart() -> None:
    # At the two poles f lies above or below y, and nothing else does.
    experiment = load_preset("two-poles")
    picture, recording = seen(experiment, RestartsPicture), recording_of(experiment)
    side = np.sign(recording.value[-1] - recording.y)
    assert picture.distinct_maxima == 2
    assert sorted(picture.sizes) == sorted([int((side > 0).sum()), int((side < 0).sum())])
    best = recording.loss[-1].argmax()
    np.testing.assert_array_equal(picture.cluster == 0, side == side[best])
    assert recording.loss[-1, picture.representatives[0]] >= recording.loss[-1, picture.representatives[1]]
    # One block after the other, the better one first.
    assert (np.diff(picture.cluster[picture.order]) != 0).sum() == 1
    assert sorted(picture.order) == list(range(recording.restarts))
    sizes = " and ".join(str(size) for size in picture.sizes)
    assert picture.maxima_words == f"2 distinct maxima among 16 endpoints: {sizes} paths"


def test_angles_losses_and_steps_are_those_of_the_recording() -> None:
    picture, recording = seen(SUMMITS, RestartsPicture), recording_of(SUMMITS)
    ends = recording.delta[-1][picture.order]
    units = ends / np.linalg.norm(ends, axis=1, keepdims=True)
    np.testing.assert_allclose(np.cos(picture.angles), units @ units.T, atol=1e-12)
    np.testing.assert_array_equal(picture.losses, recording.loss[-1])
    np.testing.assert_array_equal(picture.converged_at, recording.converged_at)
    assert [picture.place(int(k)) for k in picture.order] == list(range(12))


def test_a_restart_that_is_no_maximum_is_none_of_them() -> None:
    scene, _ = shown(SUMMITS)
    picture = seen(SUMMITS, RestartsPicture)
    tests = [scene.judge.verdict(k).test.local_maximum for k in range(12)]
    np.testing.assert_array_equal(picture.cluster >= 0, np.array(tests, bool))
    assert picture.sizes.sum() == sum(map(bool, tests)) > picture.distinct_maxima > 1


def test_a_verdict_counts_the_maxima_or_says_why_it_cannot() -> None:
    assert recording_of(SUMMITS).verdict()["distinct_maxima"] == seen(SUMMITS, RestartsPicture).distinct_maxima
    relu = SMALL.replace("network.activation", "relu")
    known = run(relu).verdict()
    assert known["distinct_maxima"] is None and "distinct_maxima: " in known["why"]
    assert "piecewise linear" in known["why"]
    picture = seen(relu, RestartsPicture)
    assert picture.distinct_maxima is None and "not counted" in picture.words and picture.why in known["why"]
    assert picture.angles.shape == (3, 3)


def test_of_very_many_endpoints_the_matrix_shows_some_and_each_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, _ = shown(SUMMITS)
    full = seen(SUMMITS, RestartsPicture)
    monkeypatch.setattr(survey, "_MOST_ROWS", full.distinct_maxima + 1)
    tests = [scene.judge.verdict(k).test for k in range(12)]
    picture = survey.restarts_picture(recording_of(SUMMITS), tests)
    assert len(picture.order) == len(picture.angles) == full.distinct_maxima + 1
    assert set(picture.representatives) <= set(picture.order)
    np.testing.assert_array_equal(picture.cluster, full.cluster)
    left_out = next(k for k in range(12) if k not in picture.order)
    assert picture.place(left_out) is None


# ---- histograms and words ----------------------------------------


def test_every_finite_loss_is_in_one_bar() -> None:
    picture = some([1.0, 2.0, 2.0, 5.0, np.inf], [1] * 5, [0, 1, 1, 2, -1])
    counts, edges = picture.loss_histogram(4)
    assert counts.tolist() == [1, 2, 0, 1]
    np.testing.assert_allclose(edges, [1, 2, 3, 4, 5])


@pytest.mark.parametrize("loss", [0.0, 3e-9, 2.0, 5e11])
def test_round_off_fills_one_bar(loss: float) -> None:
    counts, edges = some(loss * (1 + 1e-7 * np.arange(6)), [1] * 6, [0] * 6).loss_histogram()
    assert counts.max() == counts.sum() == 6
    assert edges[0] < loss < edges[-1] and edges[-1] - edges[0] >= 0.1 * loss
    assert some([np.nan, np.inf], [-1, -1], [-1, -1]).loss_histogram()[0].sum() == 0


def test_steps_are_counted_in_bars_of_whole_steps_and_the_unconverged_apart() -> None:
    picture = some(np.ones(7), [4, 4, 6, 30, -1, 43, -1], [0] * 7)
    counts, edges = picture.steps_histogram(20)
    assert (np.diff(edges) == 2).all() and edges[0] == 3.5 and len(counts) <= 20
    assert counts.sum() == 5 and counts[0] == 2 and counts[1] == 1
    assert picture.unconverged == 2
    assert picture.convergence_words == "5 of 7 converged; median 6 steps, quartiles 4–30"
    assert some([1.0], [9], [0]).steps_histogram()[0].tolist() == [1]
    assert some([1.0], [9], [0]).convergence_words == "1 of 1 converged; median 9 steps"


def test_who_has_not_converged_is_said() -> None:
    none = some([1.0, 2.0], [-1, -1], [-1, -1])
    assert none.convergence_words == "0 of 2 converged"
    assert none.maxima_words == "No strict local maximum among 2 endpoints"
    assert len(none.steps_histogram()[0]) == 0
    assert "tolerance 0" in dataclasses.replace(none, tolerance=0.0).convergence_words


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ([0], "1 distinct maximum among 1 endpoint: 1 path"),
        ([0, 0, -1], "1 distinct maximum among 3 endpoints: 2 paths, 1 at none"),
        ([0, 1, 1, 2, 2, 2], "3 distinct maxima among 6 endpoints: 1, 2 and 3 paths"),
        ([0, 1, 2, 3, 4, 5], "6 distinct maxima among 6 endpoints: 1, 1, 1, 1, … paths"),
    ],
)
def test_maxima_are_told_with_the_paths_of_each(cluster: list[int], words: str) -> None:
    assert some(np.ones(len(cluster)), [5] * len(cluster), cluster).maxima_words == words


def test_a_pair_is_told_by_its_paths_angle_losses_and_maxima() -> None:
    angles = np.array([[0, 2.0, np.nan], [2.0, 0, np.nan], [np.nan, np.nan, 0]])
    picture = some([3.0, 2.0, 1.0], [5, 5, 5], [0, 1, -1], order=np.array([2, 0, 1]), angles=np.roll(angles, 1, (0, 1)))
    assert picture.pair_words(1, 2) == "Paths 1 and 2: 114.6° apart; losses 3 and 2; maximum 1 and maximum 2."
    assert "no angle" in picture.pair_words(0, 1) and "no maximum" in picture.pair_words(0, 1)
    assert picture.pair_words(0, 0).startswith("Path 3 itself: loss 1")
    same = some([3.0, 3.0], [5, 5], [0, 0])
    assert same.pair_words(0, 1).endswith("both maximum 1.")


# ---- between two ----------------------------------------


def loss(recording: Recording, deltas: np.ndarray) -> np.ndarray:
    return 0.5 * (np.tanh((recording.x + deltas) @ recording.W.T) @ recording.a - recording.y) ** 2


def test_the_two_best_maxima_come_first_and_any_other_pair_on_request() -> None:
    scene = Scene()
    stages = show(scene, SUMMITS)
    picture, between = of_kind(stages, RestartsPicture)[-1], of_kind(stages, BetweenPicture)[-1]
    assert (between.i, between.j) == tuple(picture.representatives[:2])
    recording = scene.recording
    assert recording is not None
    j, i = (int(k) for k in picture.representatives[1:3])
    asked = scene.between(i, j)
    one, other = recording.delta[-1, i], recording.delta[-1, j]
    straight = one + asked.shares[:, None] * (other - one)
    np.testing.assert_allclose(asked.segment, loss(recording, straight), rtol=1e-9)
    assert asked.arc is not None and asked.angle is not None
    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
    assert math.cos(asked.angle) == pytest.approx(cosine)
    theta, s = asked.angle, asked.shares[:, None]
    sphere = (np.sin((1 - s) * theta) * one + np.sin(s * theta) * other) / np.sin(theta)
    np.testing.assert_allclose(asked.arc, loss(recording, sphere), rtol=1e-7)
    assert asked.dip(asked.segment) == min(asked.segment[0], asked.segment[-1]) - asked.segment.min() > 0
    assert f"dips by {asked.dip(asked.segment):.3g} straight" in asked.words
    # The pair stays when something else of the same run is looked at, and goes with the run.
    stays = of_kind(show(scene, SUMMITS.replace("view.focus", 2)), BetweenPicture)[-1]
    assert (stays.i, stays.j) == (i, j)
    gone = show(scene, SUMMITS.replace("ascent.seed", 3))
    goes = of_kind(gone, BetweenPicture)[-1]
    assert (goes.i, goes.j) == tuple(of_kind(gone, RestartsPicture)[-1].representatives[:2]) != (i, j)


def test_without_two_maxima_the_focus_is_paired_with_the_end_farthest_from_it() -> None:
    recording = recording_of(SMALL)
    assert seen(SMALL, RestartsPicture).distinct_maxima == 1
    ends = recording.delta[-1]
    between = seen(SMALL, BetweenPicture)
    assert between.i == 0 and between.j == np.linalg.norm(ends - ends[0], axis=1).argmax()
    assert between.words.startswith(f"From path 1 to {between.j + 1} the loss dips not at all straight")


def test_round_off_between_two_ends_of_one_maximum_is_no_slope() -> None:
    shares = np.linspace(0, 1, 3)
    flat = BetweenPicture(0, 1, shares, 2.0 + 1e-7 * shares, 2.0 - 1e-7 * shares, 1e-6)
    low, high = flat.span()
    assert low <= 1.9 and high >= 2.1
    dip = BetweenPicture(0, 1, shares, np.array([2.0, 1.5, 1.9]), np.array([2.0, np.inf, 1.9]), 1.0)
    assert dip.span() == pytest.approx((1.5, 2.0), abs=0.04) and dip.span()[0] < 1.5


def test_one_path_has_no_pair() -> None:
    stages = show(Scene(), SMALL.replace("ascent.restarts", 1))
    assert not of_kind(stages, BetweenPicture)
    assert of_kind(stages, RestartsPicture)[-1].maxima_words == "1 distinct maximum among 1 endpoint: 1 path"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ascent.constraint": "linf-ball"}, "cube"),
        ({"ascent.box": [-3.0, 3.0]}, "box"),
        ({"ascent.steps": 1, "ascent.step": 0.01}, "not both on the sphere"),
    ],
)
def test_where_no_great_circle_leads_the_reason_is_said(change: dict[str, Any], why: str) -> None:
    (key, value), *rest = change.items()
    between = seen(SMALL.replace(key, value, **dict(rest)), BetweenPicture)
    assert between.arc is None and between.angle is None
    assert why in between.why and between.why in between.words
    assert np.isfinite(between.segment).all()


# ---- regularity ----------------------------------------


def test_the_card_says_what_the_landscape_does() -> None:
    recording = recording_of(SMALL)
    hidden = np.tanh(recording.W @ recording.x)
    r, slope = hidden @ recording.a - recording.y, recording.W.T @ (recording.a * (1 - hidden**2))
    k = recording.epsilon * np.linalg.norm(slope) / abs(r)
    assert row(SMALL, "Reach").value == f"{k:.3g}"
    # At least what the ends of the run show.
    ends = recording.delta[-1]
    remainder = np.abs(loss(recording, ends) - loss(recording, 0 * ends) - ends @ (r * slope)).max()
    told = row(SMALL, "Local linearity").value
    assert float(told.split()[1]) >= remainder * 0.999
    assert "of ε|∇L(0)|" in told
    assert "±" in row(SMALL, "misalignment").value
    assert "of 64)" in row(SMALL, "Concave").value
    for measure in seen(SMALL, RegularityPicture).groups[0].rows:
        assert measure.symbol and measure.hover.endswith(").")


def test_the_card_says_why_where_a_measure_means_nothing() -> None:
    cube = SMALL.replace("ascent.constraint", "linf-ball")
    assert "cube" in row(cube, "Concave").value
    assert "ε|∇L(0)|" not in row(cube, "Local linearity").hover
    assert "piecewise linear" in row(SMALL.replace("network.activation", "relu"), "Concave").value
    line = SMALL.replace("network.dimension", 1)
    assert "two points" in row(line, "Concave").value


def test_a_flat_start_is_told(tmp_path: Any) -> None:
    np.savez(tmp_path / "w.npz", W=np.eye(3), a=np.array([1.0, -1.0, 0.0]))
    np.save(tmp_path / "x.npy", np.ones(3))
    network = {"network.file": str(tmp_path / "w.npz"), "input.source": "file", "input.file": str(tmp_path / "x.npy")}
    flat = SMALL.replace("network.source", "file", **network, **{"input.label": 0.0, "ascent.step_units": "absolute"})
    assert row(flat, "Reach").value.startswith("∞")
    assert "∇L(0) = 0" in row(flat, "Local linearity").value
    assert "no direction" in row(flat, "misalignment").value


def test_pictures_are_computed_once_for_a_run_and_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    first = show(scene, SMALL)
    again = show(scene, SMALL.replace("view.colormap", "magma"))
    for kind in (RestartsPicture, RegularityPicture):
        assert of_kind(again, kind)[-1] is of_kind(first, kind)[-1]
    other = show(scene, SMALL.replace("ascent.seed", 5))
    assert of_kind(other, RegularityPicture)[-1] is not of_kind(first, RegularityPicture)[-1]
    problem, recording = scene.problem, scene.recording
    assert problem is not None and recording is not None
    with pytest.raises(Interrupted):
        survey.regularity_picture(problem, recording, lambda: True)
    with pytest.raises(Interrupted):
        survey.restarts_picture(recording, [scene.judge.verdict(k).test for k in range(3)], lambda: True)
