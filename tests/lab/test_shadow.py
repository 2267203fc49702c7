"""A run's shadow on a plane: the same whether the run is seen whole or as it grows and is thinned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from foadv_gui.core.places import to_exact
from foadv_gui.core.plane import PathContext, make_plane
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.experiment import climbing, prepare
from foadv_gui.lab.shadow import Shadow

SMALL = Experiment.model_validate(
    {"network": {"width": 12, "dimension": 6}, "ascent": {"steps": 150, "restarts": 3, "tolerance": 0, "step": 0.05}}
)


def laid(experiment: Experiment):
    problem = prepare(experiment)
    starts = to_exact(problem.starts)
    return problem, make_plane("two-random", PathContext(problem.objective, problem.constraint, starts, starts))


@pytest.mark.parametrize("rule", ["gradient", "sign"])
def test_a_shadow_that_grew_is_that_of_the_whole_run(rule: str) -> None:
    problem, plane = laid(SMALL.replace("ascent.rule", rule))
    growing = Shadow(problem, plane, 1)
    for recording in climbing(problem):
        grown = growing.picture(recording)
    whole = Shadow(problem, plane, 1).picture(recording)
    for name in ("steps", "points", "off_plane", "shadow_loss", "proposals"):
        np.testing.assert_allclose(getattr(grown, name), getattr(whole, name), rtol=1e-12, atol=1e-12)
    points = np.stack([recording.delta @ plane.u.numpy(), recording.delta @ plane.v.numpy()], -1) / recording.epsilon
    np.testing.assert_allclose(whole.points, points, atol=1e-13)
    off = np.sqrt(1 - (points**2).sum(-1) * recording.epsilon**2 / (recording.delta**2).sum(-1))
    np.testing.assert_allclose(whole.off_plane, off, atol=1e-7)
    assert whole.focus == 1 and whole.proposals.shape == (151, 2)


def test_the_loss_on_the_plane_is_that_of_the_nearest_point_in_double_precision() -> None:
    problem, plane = laid(SMALL.replace("compute.dtype", "float32"))
    *_, recording = climbing(problem)
    picture = Shadow(problem, plane, 2).picture(recording)
    frame = np.stack([plane.u.numpy(), plane.v.numpy()])
    shadow = recording.delta[:, 2].astype(float) @ frame.T @ frame  # the plane passes through the clean point
    value = np.tanh((recording.x + shadow) @ recording.W.T) @ recording.a
    # The run's own network and input are rounded to single precision.
    np.testing.assert_allclose(picture.shadow_loss, 0.5 * (value - recording.y) ** 2, rtol=1e-5)
    assert picture.shadow_loss.dtype == np.float64
    assert abs(picture.shadow_loss[-1] - recording.loss[-1, 2]) > 0.01


def test_a_shadow_on_a_plane_that_holds_the_iterate_has_its_loss() -> None:
    problem, _ = laid(SMALL)
    *_, recording = climbing(problem)
    path = to_exact(torch.tensor(recording.delta[:, 1]))
    plane = make_plane("clean-start-end", PathContext(problem.objective, problem.constraint, path, path[-1:]))
    picture = Shadow(problem, plane, 1).picture(recording)
    np.testing.assert_allclose(picture.shadow_loss[[0, -1]], recording.loss[[0, -1], 1], rtol=1e-10)


def test_a_thinned_recording_keeps_its_shadow() -> None:
    problem, plane = laid(SMALL)
    *_, recording = climbing(problem)
    thinned = type(recording)(
        **{**vars(recording), "delta": recording.delta[::2], "steps_kept": recording.steps_kept[::2]}
    )
    shadow = Shadow(problem, plane, 0)
    whole, half = shadow.picture(recording), shadow.picture(thinned)
    assert np.array_equal(half.steps, whole.steps[::2])
    assert np.array_equal(half.points, whole.points[::2])
    assert np.array_equal(half.proposals, whole.proposals[::2])
