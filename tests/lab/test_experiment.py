"""A run is what its formula says, the same each time, and ends where independent arithmetic finds a maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.experiment import climb, given_starts, own_starts, prepare, problem_of, run
from foadv_gui.lab.presets import load_preset
from foadv_gui.lab.recording import MEASURES, Recording, load

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Experiment.model_validate(
    {
        "network": {"width": 24, "dimension": 6},
        "input": {"scale": 0.5, "ratio": 0.5},
        "ascent": {"steps": 30, "restarts": 3, "tolerance": 0},
    }
)


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    torch.set_num_threads(1)


def same_bits(first: Recording, second: Recording) -> bool:
    one, other = first.arrays, second.arrays
    return one.keys() == other.keys() and all(
        one[name].tobytes() == other[name].tobytes() and one[name].dtype == other[name].dtype for name in one
    )


# ---- an independent loop in NumPy -----------------------------------------------------------------------------------


def step_in_numpy(delta: np.ndarray, saved: Any, rule: str, constraint: str) -> np.ndarray:
    """One step of projected gradient ascent for a tanh network, written down from its definition."""
    W, a, epsilon = saved["W"], saved["a"], float(saved["epsilon"])
    hidden = np.tanh(W @ (saved["x"] + delta))
    gradient = (a @ hidden - float(saved["y"])) * (W.T @ (a * (1 - hidden**2)))
    if rule == "normalized":
        gradient = gradient / np.sqrt((gradient**2).sum())
    if rule == "sign":
        gradient = np.sign(gradient)
    moved = delta + float(saved["eta"]) * gradient
    if constraint == "linf-ball":
        return np.clip(moved, -epsilon, epsilon)
    length = np.sqrt((moved**2).sum())
    return moved * (epsilon / length) if constraint == "l2-sphere" or length > epsilon else moved


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The saved recording of the preset `digits`, as NumPy alone reads it."""
    path = tmp_path_factory.mktemp("digits") / "d.npz"
    run(load_preset("digits")).save(path)
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def test_the_preset_digits_is_a_plain_ascent_on_a_real_digit() -> None:
    e = load_preset("digits")
    assert (e.input.source, e.network.activation, e.compute.dtype) == ("digits", "tanh", "float64")
    assert (e.ascent.constraint, e.ascent.rule, e.ascent.box) == ("l2-ball", "gradient", None)


def test_a_loop_in_numpy_reproduces_every_iterate_of_digits(digits: Any) -> None:
    assert list(digits["steps_kept"]) == list(range(len(digits["loss"])))
    for k in range(digits["delta"].shape[1]):
        delta = digits["delta"][0, k]
        for t in range(1, len(digits["delta"])):
            delta = step_in_numpy(delta, digits, "gradient", "l2-ball")
            assert np.abs(delta - digits["delta"][t, k]).max() <= 1e-9
    assert np.sqrt((digits["delta"] ** 2).sum(-1)).max() <= digits["epsilon"] * (1 + 1e-12)


def test_digits_ends_at_strict_local_maxima_by_the_hessian_of_autograd(digits: Any) -> None:
    W, a, x = (torch.tensor(digits[name]) for name in ("W", "a", "x"))
    y, epsilon = float(digits["y"]), float(digits["epsilon"])

    def loss(delta: torch.Tensor) -> torch.Tensor:
        return (torch.tanh(W @ (x + delta)) @ a - y) ** 2 / 2

    assert set(digits["stop_reason"]) == {"converged"}
    for end in torch.tensor(digits["delta"][-1]):
        g, H = torch.autograd.functional.jacobian(loss, end), torch.autograd.functional.hessian(loss, end)
        multiplier = (end @ g) / epsilon**2
        assert multiplier > 0
        assert (g - multiplier * end).norm() <= 1e-6 * g.norm()
        tangent = torch.linalg.svd(end[None]).Vh[1:]  # (d - 1, d), orthonormal and orthogonal to delta
        mu = torch.linalg.eigvalsh(tangent @ H @ tangent.T)
        assert float(mu.max()) < float(multiplier)
        # No point nearby on the sphere is higher.
        directions = torch.randn(50, len(end), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        for size in (1e-1, 1e-2, 1e-3):
            near = end + size * epsilon * directions / directions.norm(dim=1, keepdim=True)
            near = near * (epsilon / near.norm(dim=1, keepdim=True))
            assert max(float(loss(point)) for point in near) < float(loss(end)) + 1e-14


@pytest.mark.parametrize("constraint", ["l2-ball", "l2-sphere", "linf-ball"])
@pytest.mark.parametrize("rule", ["gradient", "normalized", "sign"])
def test_a_loop_in_numpy_reproduces_every_rule_on_every_set(rule: str, constraint: str) -> None:
    # A small step: a large one makes the iteration chaotic, and round-off grows with it.
    experiment = SMALL.replace("ascent.rule", rule, **{"ascent.constraint": constraint, "ascent.step": 0.1})
    recording = run(experiment)
    saved = recording.arrays
    for k in range(recording.restarts):
        delta = saved["delta"][0, k]
        for t in range(1, len(saved["delta"])):
            delta = step_in_numpy(delta, saved, rule, constraint)
            np.testing.assert_allclose(delta, saved["delta"][t, k], rtol=0, atol=1e-9)


def test_measures_are_those_of_the_iterates() -> None:
    saved = run(SMALL).arrays
    value = np.tanh((saved["x"] + saved["delta"]) @ saved["W"].T) @ saved["a"]
    np.testing.assert_allclose(saved["value"], value, rtol=1e-12)
    np.testing.assert_allclose(saved["loss"], (value - saved["y"]) ** 2 / 2, rtol=1e-12)
    np.testing.assert_allclose(saved["radius"], np.linalg.norm(saved["delta"], axis=-1) / saved["epsilon"], rtol=1e-12)


# ---- what does not change a run -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits", "many-summits", "l-infinity", "mnist-size"])
def test_the_same_experiment_gives_the_same_bits(name: str, tmp_path: Path) -> None:
    first, second = run(load_preset(name)), run(load_preset(name))
    assert same_bits(first, second)
    first.save(tmp_path / "a.npz")
    assert same_bits(load(tmp_path / "a.npz"), second)


def test_watching_a_run_does_not_change_it() -> None:
    seen: list[Recording] = []
    experiment = load_preset("many-summits")
    watched = run(experiment, seen.append)
    assert same_bits(watched, run(experiment))
    assert [r.finished for r in seen] == [False] * len(seen) and len(seen) > 2
    assert [r.steps for r in seen] == sorted({r.steps for r in seen})


@pytest.mark.parametrize("c", [2.0, 0.25, 3.7, 0.01])
@pytest.mark.parametrize("constraint", ["l2-ball", "l2-sphere", "linf-ball"])
def test_only_kappa_times_gamma_matters(c: float, constraint: str) -> None:
    base = SMALL.replace("ascent.constraint", constraint)
    scaled = base.replace("network.weight_scale", 1 / c, **{"input.scale": c * base.input.scale})
    one, other = run(base), run(scaled)
    np.testing.assert_allclose(other.delta, c * one.delta, rtol=1e-7, atol=1e-9 * c)
    for name in ("loss", "value", "radius", "cosine"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(other.grad_norm, one.grad_norm / c, rtol=1e-8, atol=1e-10 / c)
    assert other.epsilon == pytest.approx(c * one.epsilon)


def test_more_restarts_keep_those_that_there_were() -> None:
    few, many = prepare(SMALL), prepare(SMALL.replace("ascent.restarts", 7))
    assert torch.equal(many.starts[:3], few.starts)


def test_one_seed_is_one_network_and_one_start_in_either_precision() -> None:
    double, single = prepare(SMALL), prepare(SMALL.replace("compute.dtype", "float32"))
    assert single.starts.dtype == torch.float32
    np.testing.assert_allclose(single.starts, double.starts, rtol=1e-6, atol=1e-9)
    assert torch.equal(single.objective.network.W, double.objective.network.W.float())


def test_the_network_is_taken_over_from_a_problem_that_has_the_same() -> None:
    first = prepare(SMALL)
    moved = prepare(SMALL.replace("input.scale", 0.1), previous=first)
    assert moved.objective.network is first.objective.network
    other = prepare(SMALL.replace("network.seed", 1), previous=first)
    assert not torch.equal(other.objective.network.W, first.objective.network.W)


# ---- starts ---------------------------------------------------------------------------------------------------------


def test_starts_given_by_hand_are_projected_and_used() -> None:
    starts = np.zeros((2, 6))
    starts[0, 0] = 100.0
    recording = run(SMALL, starts=starts)
    assert recording.restarts == 2
    np.testing.assert_allclose(recording.delta[0, 0], [recording.epsilon, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(recording.delta[0, 1], np.zeros(6))


def test_from_the_clean_input_there_is_one_path() -> None:
    recording = run(SMALL.replace("ascent.start", "zero"))
    assert recording.delta.shape[1:] == (1, 6)
    assert not recording.delta[0].any()


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        (np.zeros((2, 5)), r"shape \(K, 6\)"),
        (np.zeros((0, 6)), r"shape \(K, 6\), one start a row, not float64 of shape 0x6"),
        (np.zeros((2, 3, 6)), "not float64 of shape 2x3x6"),
        (np.zeros(5), "not float64 of shape 5"),
        (np.float64(1), "not float64 of shape a single value"),
        (np.full((2, 6), "a"), "not <U1 of shape 2x6"),
        (np.zeros((2, 6), bool), "not bool"),
        (np.zeros((2, 6), complex), "not real numbers"),
        (np.full((2, 6), np.finfo(np.longdouble).max), "not finite"),
        (np.full((2, 6), np.nan), "not finite"),
        (None, "no such file|cannot be read|No such file"),
        (np.zeros((60_000, 6)), "more than the .* MiB"),
    ],
)
def test_a_file_of_starts_is_checked(tmp_path: Path, starts: np.ndarray | None, words: str) -> None:
    path = tmp_path / "d0.npy"
    if starts is not None:
        np.save(path, starts)
    experiment = SMALL.replace(
        "ascent.start", "file", **{"ascent.start_file": str(path), "compute.memory_mib": 64, "ascent.steps": 1}
    )
    with pytest.raises(ExperimentError, match=words) as caught:
        prepare(experiment)
    assert str(path) in str(caught.value) or "MiB" in words


@pytest.mark.parametrize("kind", ["<f8", ">f8", ">f4", "f2", np.longdouble, ">i8", "u1"])
def test_starts_come_from_a_file(tmp_path: Path, kind: Any) -> None:
    given = np.arange(12.0).reshape(2, 6) / (1 if np.dtype(kind).kind in "iu" else 128)
    experiment = SMALL.replace("ascent.start", "file", **{"ascent.start_file": str(tmp_path / "d0.npy")})
    experiment = experiment.replace("input.scale", 100.0)
    np.save(tmp_path / "d0.npy", given.astype(kind))
    np.testing.assert_array_equal(run(experiment).delta[0], given)
    np.save(tmp_path / "d0.npy", given[1].astype(kind))
    np.testing.assert_array_equal(run(experiment).delta[0], given[1:])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("constraint", ["l2-ball", "l2-sphere", "linf-ball"])
@pytest.mark.parametrize("box", [None, (-0.4, 0.4)])
def test_a_run_from_starts_of_its_own_is_repeated_bit_for_bit_from_its_recording(
    tmp_path: Path, dtype: str, constraint: str, box: tuple[float, float] | None
) -> None:
    change = {"ascent.box": box, "compute.dtype": dtype, "ascent.start": "sphere"}
    experiment = SMALL.replace("ascent.constraint", constraint, **change)
    assert own_starts(run(experiment)) is None
    first = run(experiment, starts=0.3 * np.random.default_rng(1).standard_normal((5, 6)))
    first.save(tmp_path / "hand.npz")
    saved = load(tmp_path / "hand.npz")
    again = run(saved.experiment, starts=given_starts(saved, saved.experiment))
    for name in ("delta", "loss", "eta", "config"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name), err_msg=name)
    twice = saved.experiment.replace("input.ratio", 2 * saved.experiment.input.ratio, **{"ascent.box": None})
    larger = given_starts(saved, twice)
    assert larger is not None
    np.testing.assert_allclose(larger, 2.0 * saved.delta[0], rtol=1e-6)


def test_a_recording_keeps_the_starts_of_a_file_that_has_changed_or_gone(tmp_path: Path) -> None:
    file = tmp_path / "d0.npy"
    np.save(file, 0.01 * np.arange(12.0).reshape(2, 6))
    recording = run(SMALL.replace("ascent.start", "file", **{"ascent.start_file": str(file)}))
    assert own_starts(recording) is None
    np.save(file, np.zeros((3, 6)))
    np.testing.assert_array_equal(own_starts(recording), recording.delta[0])
    file.unlink()
    np.testing.assert_array_equal(own_starts(recording), recording.delta[0])


# ---- the reach -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("constraint", ["l2-ball", "l2-sphere", "linf-ball"])
@pytest.mark.parametrize("label", [-3.0, 3.0])
@pytest.mark.parametrize("box", [None, (-0.25, 0.4)])
def test_the_reach_is_how_far_the_set_lowers_the_residual(constraint: str, label: float, box: Any) -> None:
    start = {"ascent.start": "sphere", "input.label": label, "ascent.box": box}
    problem = prepare(SMALL.replace("ascent.constraint", constraint, **start))
    W, a, x = problem.objective.network.W.numpy(), problem.objective.network.a.numpy(), problem.clean.x
    gradient = W.T @ (a * (1 - np.tanh(W @ x) ** 2))
    residual = float(a @ np.tanh(W @ x)) - label
    epsilon = problem.constraint.epsilon
    order = {"linf-ball": 1}.get(constraint, 2)
    if box is None:
        assert problem.reach == pytest.approx(epsilon * np.linalg.norm(gradient, order) / abs(residual), rel=1e-12)
        return
    # The linear programme over ball and box, by many feasible points and by its own maximiser.
    points = problem.constraint.project(
        3 * epsilon * torch.from_numpy(np.random.default_rng(0).standard_normal((4000, 6)))
    )
    lowered = -np.sign(residual) * points.numpy() @ gradient / abs(residual)
    assert 0.9 * problem.reach < lowered.max() <= problem.reach * (1 + 1e-12)


def test_the_cube_of_the_preset_reaches_the_level() -> None:
    assert prepare(load_preset("l-infinity")).reach == pytest.approx(6.14, abs=0.01)


def test_on_the_level_itself_the_reach_has_no_bound() -> None:
    f0 = prepare(SMALL).objective.evaluate(torch.zeros(6, dtype=torch.float64)).value
    assert prepare(SMALL.replace("input.label", float(f0))).reach == np.inf


# ---- what cannot be -------------------------------------------------------------------------------------------------


def test_a_gradient_that_vanishes_at_the_start_has_no_relative_step() -> None:
    f0 = prepare(SMALL).objective.evaluate(torch.zeros(1, 6, dtype=torch.float64)).value
    experiment = SMALL.replace("input.label", float(f0), **{"ascent.start": "zero"})
    with pytest.raises(ExperimentError, match=r"ascent\.start.*random start or an absolute step"):
        prepare(experiment)
    assert run(experiment.replace("ascent.step_units", "absolute")).steps == 30


def test_a_box_must_hold_the_clean_input() -> None:
    with pytest.raises(ExperimentError, match=r"ascent\.box.*coordinates range from"):
        prepare(SMALL.replace("ascent.box", [0.0, 0.001]))


def test_a_box_inside_the_sphere_is_refused() -> None:
    x = prepare(SMALL).clean.x
    change = {"ascent.constraint": "l2-sphere", "input.ratio": 10.0}
    with pytest.raises(ExperimentError, match=r"ascent\.box.*inside the sphere"):
        prepare(SMALL.replace("ascent.box", [float(x.min()), float(x.max())], **change))


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(device: str) -> None:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if there[device]:
        pytest.skip("this machine has it")
    with pytest.raises(ExperimentError, match=rf"compute\.device = '{device}'.*it has cpu"):
        prepare(SMALL.replace("compute.device", device, **{"compute.dtype": "float32"}))


# ---- the way out ----------------------------------------------------------------------------------------------------


def test_an_interrupted_run_keeps_what_it_has() -> None:
    long = SMALL.replace("ascent.steps", 5000)
    calls = iter(range(10**9))
    recording = run(long, interrupted=lambda: next(calls) > 100)
    assert set(recording.stop_reason) == {"cancelled"}
    assert recording.finished and 30 < recording.steps < 5000
    assert len(recording.delta) == recording.steps + 1
    whole = run(long)
    np.testing.assert_array_equal(recording.delta, whole.delta[: recording.steps + 1])


def test_a_recording_is_a_problem_again_without_its_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(1.0, 7.0))
    given = {"input.file": str(tmp_path / "x.npy")}
    experiment = SMALL.replace("input.source", "file", **given)
    recording = run(experiment)
    (tmp_path / "x.npy").unlink()
    again = problem_of(recording)
    np.testing.assert_array_equal(again.clean.x, recording.x)
    assert again.eta == recording.eta
    np.testing.assert_array_equal(climb(again).delta, recording.delta)


def test_the_package_runs_in_a_notebook_without_a_window() -> None:
    import foadv_gui

    recording = foadv_gui.run(foadv_gui.Experiment.model_validate(SMALL))
    assert recording.delta.shape == (31, 3, 6)
    assert all(getattr(recording, name).shape == (31, 3) for name in MEASURES)
    assert recording.verdict()["best"] == recording.best
