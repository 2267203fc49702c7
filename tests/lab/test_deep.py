"""A classifier that somebody trained elsewhere: opened, attacked, seen, judged, and saved with its attack."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from classifier import digits_classifier
from safetensors.torch import save_file
from scenes import of_kind, show

from foadv_gui.core.module import ModuleAdversary
from foadv_gui.core.objective import QuadraticAdversary
from foadv_gui.lab import modules
from foadv_gui.lab.adoption import at_random
from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.experiment import prepare, problem_of, run
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.findings import VerdictPicture
from foadv_gui.lab.globe import SpherePicture
from foadv_gui.lab.modules import FactoryError, give, load_factory
from foadv_gui.lab.picture import ExtremesPicture, PathPicture, Request, Surface
from foadv_gui.lab.recording import Recording, load
from foadv_gui.lab.restarts import RegularityPicture, RestartsPicture
from foadv_gui.lab.scene import Scene
from foadv_gui.lab.stored_network import layers_of
from foadv_gui.lab.sweep.grid import Sweep
from foadv_gui.lab.sweep.reading import read
from foadv_gui.lab.sweep.row import measure
from foadv_gui.lab.sweep.table import SweepTable
from foadv_gui.lab.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INDEX, RIGHT = 3, 3


@pytest.fixture
def attacked(tmp_path: Path) -> Experiment:
    """Digit 3 as it is in its file, attacked in a saved classifier by its cross-entropy."""
    save_file(digits_classifier().state_dict(), tmp_path / "digits.safetensors")
    return Experiment.model_validate(
        {
            "network": {"source": "file", "file": str(tmp_path / "digits.safetensors"), "loss": "cross-entropy"},
            "input": {"source": "digits", "index": INDEX, "unit": "file", "label": RIGHT, "ratio": 0.2},
            "ascent": {"restarts": 3, "steps": 400, "tolerance": 1e-9},
            "view": {"grid": 31},
        }
    )


def own_loss(recording: Recording) -> Callable[[torch.Tensor], torch.Tensor]:
    """The cross-entropy of the module itself, in double precision."""
    module, x = copy.deepcopy(digits_classifier()).double(), torch.tensor(recording.x)
    return lambda delta: torch.nn.functional.cross_entropy(module((x + delta).unsqueeze(0)), torch.tensor([RIGHT]))


def test_it_is_at_a_local_maximum_of_its_cross_entropy(attacked: Experiment) -> None:
    recording = run(attacked)
    end, truth = torch.tensor(recording.delta[-1, 0]), own_loss(recording)
    assert recording.loss[-1, 0] == pytest.approx(float(truth(end)), rel=1e-10)
    g, H = torch.autograd.functional.jacobian(truth, end), torch.autograd.functional.hessian(truth, end)
    normal = end / end.norm()
    multiplier = float(end @ g) / recording.epsilon**2
    P = torch.eye(64, dtype=torch.float64) - torch.outer(normal, normal)
    spread = torch.linalg.eigvalsh(P @ H @ P - 1e6 * torch.outer(normal, normal))
    told = verdict(recording)["restarts"][0]
    assert float((P @ g).norm() / g.norm()) < 1e-8 and float(spread[-1]) < multiplier, "the truth"
    assert told["local_maximum"] is True
    assert told["multiplier"] == pytest.approx(multiplier, rel=1e-8)
    assert told["tangent_eigenvalue_max"] == pytest.approx(float(spread[-1]), rel=1e-6)
    assert told["rate_observed"] == pytest.approx(told["rate_predicted"], rel=0.05)
    assert told["decision"] == int(digits_classifier()((torch.tensor(recording.x) + end).float()).argmax()) != RIGHT
    assert told["margin"] < 0


def test_all_that_can_be_said_is_shown_and_why_the_rest_cannot(attacked: Experiment) -> None:
    scene = Scene()
    stages = show(scene, attacked.changed({"view.chart": "globe", "view.arrows": True}))
    words = " · ".join(clause.words for clause in of_kind(stages, VerdictPicture)[-1].clauses)
    assert "fools the network: class" in words and "strict local maximum" in words
    assert "nothing is proven on the whole set: the proofs are for two layers" in words
    for kind in (SpherePicture, ExtremesPicture, RestartsPicture, RegularityPicture):
        assert of_kind(stages, kind), kind
    bulk = scene.bulk(5, 0, "tangent")
    assert bulk.predicted is None and "two layers of random weights" in bulk.why
    for quantity, title in (
        ("loss", "log Σ exp(z) − z_y"),
        ("residual", "a decision at 0"),
        ("curvature", "top eigen"),
    ):
        surface = of_kind(show(scene, attacked.changed({"view.quantity": quantity})), Surface)[-1]
        assert title in surface.title and np.isfinite(surface.shown()).all()


def test_the_landscape_is_the_loss_of_the_module(attacked: Experiment) -> None:
    scene = Scene()
    surface = of_kind(show(scene, attacked), Surface)[-1]
    truth, plane = own_loss(scene.recording), scene.plane
    for row, column in ((0, 0), (7, 20), (30, 3)):
        at = torch.tensor([surface.alpha[column], surface.beta[row]]) * scene.problem.constraint.epsilon
        assert surface.shown()[row, column] == pytest.approx(float(truth(plane.lift(at))), rel=1e-10)
    probe = scene.probe((0.3, -0.2))
    assert probe.loss == pytest.approx(
        float(truth(plane.lift(torch.tensor([0.3, -0.2]) * scene.problem.constraint.epsilon)))
    )


def test_a_recording_holds_as_many_layers_as_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"{name}{i}": rng.standard_normal((2, 2) if name == "W" else 2) for i in range(1, 103) for name in "Wb"}
    np.savez(tmp_path / "w.npz", **arrays)
    network = {"source": "file", "file": str(tmp_path / "w.npz"), "dimension": 2, "output": "0"}
    recording = run(Experiment.model_validate({"network": network, "ascent": {"steps": 2, "restarts": 1}}))
    recording.save(tmp_path / "run.npz")
    again = load(tmp_path / "run.npz")
    assert list(again.weights) == list(arrays)
    np.testing.assert_array_equal(again.weights["W102"], arrays["W102"])


def test_a_recording_holds_the_layers_and_is_judged_without_the_file(attacked: Experiment, tmp_path: Path) -> None:
    recording = run(attacked)
    recording.save(tmp_path / "run.npz")
    (tmp_path / "digits.safetensors").unlink()
    again = load(tmp_path / "run.npz")
    assert list(again.weights) == ["W1", "b1", "W2", "b2", "W3", "b3"]
    parts = [part.numpy() for part in digits_classifier().state_dict().values()]
    np.testing.assert_array_equal(
        np.concatenate([p.ravel() for W, b in layers_of(again.weights) for p in (W, b)]),
        np.concatenate([p.ravel() for p in parts]),
    )
    told, before = (verdict(one)["restarts"] for one in (again, recording))
    assert told == before
    with np.load(tmp_path / "run.npz") as stored:
        arrays = dict(stored)
    for change, words in (
        ({"W2": np.ones((128, 7))}, r"W2 has the shape \(128, 7\) where \(n, 128\) fits"),
        ({"W4": np.ones((2, 10, 1))}, "W4 has the shape"),
        ({"b1": np.ones(3)}, "b1 has the shape"),
        ({"W5": np.ones((2, 2))}, "which are not the layers"),
        ({"W": np.ones((2, 64))}, "which are not the arrays W, a, b and c"),
        ({"b2": np.full(128, np.nan)}, "b2 holds a value that is not finite"),
    ):
        np.savez(tmp_path / "bad.npz", **{**arrays, **change})
        with pytest.raises(FileProblem, match=words):
            load(tmp_path / "bad.npz")


def test_two_layers_of_a_classifier_are_followed_in_closed_form_and_proven(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    W, b, A, c = (generator.standard_normal(shape) for shape in ((9, 5), (9,), (4, 9), (4,)))
    np.savez(tmp_path / "two.npz", W1=W, b1=b, W2=A, b2=c)
    base = Experiment.model_validate(
        {
            "network": {"source": "file", "file": str(tmp_path / "two.npz"), "dimension": 5, "output": "2 - 0"},
            "input": {"scale": 0.05, "ratio": 0.2},
            "ascent": {"steps": 200, "restarts": 2, "tolerance": 1e-9},
        }
    )
    problem = prepare(base)
    assert isinstance(problem.objective, QuadraticAdversary)
    x = problem.clean.x
    hidden = np.tanh(W @ x + b)
    value, _ = problem.objective.value_and_slope(torch.zeros(5, dtype=torch.float64))
    assert float(value) == pytest.approx(float((A[2] - A[0]) @ hidden + c[2] - c[0]), rel=1e-12)
    told = verdict(run(base))
    assert told["ball"]["unique"] is True, "biases are no obstacle to the proofs"
    generic = prepare(base.changed({"network.loss": "logistic"}))
    assert isinstance(generic.objective, ModuleAdversary)
    with pytest.raises(ExperimentError, match=r"network\.output = '': must name one of the 4 outputs"):
        prepare(base.replace("network.output", ""))
    with pytest.raises(ExperimentError, match=r"network\.output = '9': must be from 0 to 3"):
        prepare(base.replace("network.output", 9))
    with pytest.raises(ExperimentError, match=r"input\.label = 0\.5: must be a whole number from 0 to 3"):
        prepare(base.changed({"network.loss": "cross-entropy", "network.output": "", "input.label": 0.5}))


@pytest.mark.parametrize(
    ("text", "kept"), [("3", "3"), (" 3-5 ", "3 - 5"), ("3 − 5", "3 - 5"), (2, "2"), (None, ""), ("", "")]
)
def test_an_output_is_a_number_or_a_difference(text: Any, kept: str) -> None:
    assert Experiment().replace("network.output", text).network.output == kept


@pytest.mark.parametrize("text", ["a", "1-2-3", "-1", "1.5", True, "99999999999"])
def test_other_outputs_are_refused(text: Any) -> None:
    with pytest.raises(ExperimentError, match=r"network\.output"):
        Experiment().replace("network.output", text)


# -- modules from Python ---------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "_given", {})


@pytest.mark.usefixtures("nothing_given")
def test_the_module_itself_gives_the_same_run(attacked: Experiment, tmp_path: Path) -> None:
    module = copy.deepcopy(digits_classifier()).double()
    from_file = run(attacked)
    recording = run(attacked, model=module)
    np.testing.assert_allclose(recording.delta, from_file.delta, rtol=0, atol=1e-12)
    assert not recording.weights
    recording.save(tmp_path / "run.npz")
    again = load(tmp_path / "run.npz")
    assert verdict(again)["restarts"][0]["local_maximum"] is True
    modules._given.clear()  # as in another process
    with pytest.raises(ExperimentError, match=r"network\.model: is a module from Python .*--model"):
        problem_of(again)
    own = run(attacked, model=module, loss=lambda z: -z[..., RIGHT])
    assert own.loss[-1].max() > -module(torch.tensor(own.x))[RIGHT]
    with pytest.raises(ExperimentError, match="own model only"):
        run(attacked, loss=lambda z: -z[..., RIGHT])


@pytest.mark.usefixtures("nothing_given")
def test_images_come_in_the_shape_that_a_convolution_takes(attacked: Experiment) -> None:
    torch.manual_seed(0)
    module = (
        torch.nn.Sequential(
            torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(192, 10)
        )
        .double()
        .requires_grad_(False)
    )
    recording = run(attacked, model=module)
    z = torch.tensor(recording.x + recording.delta[-1, 0]).reshape(1, 1, 8, 8)
    expected = torch.nn.functional.cross_entropy(module(z), torch.tensor([RIGHT]))
    assert recording.loss[-1, 0] == pytest.approx(float(expected), rel=1e-10)


def made() -> tuple[torch.nn.Module, Callable[[torch.Tensor], torch.Tensor]]:
    return copy.deepcopy(digits_classifier()), lambda z: z.square().sum(-1)


def not_made() -> None:
    raise RuntimeError("no such checkpoint")


@pytest.mark.usefixtures("nothing_given")
def test_a_factory_is_called_only_when_it_is_asked_for(attacked: Experiment) -> None:
    named = attacked.changed({"network.source": "model", "network.model": "test_deep:made"})
    with pytest.raises(ExperimentError, match="give it by --model"):
        prepare(named)
    assert load_factory("test_deep:made") == "test_deep:made"
    assert prepare(named).objective.loss_name == "own"
    for name, why in (
        ("nowhere.at.all:made", "No module named"),
        ("test_deep:missing", "no attribute 'missing'"),
        ("test_deep:not_made", "failed: RuntimeError: no such checkpoint"),
        ("test_deep:INDEX", "failed|returned"),
        ("test_deep", "must be package"),
    ):
        with pytest.raises(FactoryError, match=why):
            load_factory(name)


@pytest.mark.usefixtures("nothing_given")
def test_a_module_that_does_not_fit_is_refused(attacked: Experiment) -> None:
    name = give(torch.nn.Linear(7, 2))
    assert give(torch.nn.Linear(7, 2)) == f"{name}#2", "another module has another name"
    with pytest.raises(ExperimentError, match=r"network\.model = .*: a batch of shape \(1, 1, 8, 8\) cannot be sent"):
        prepare(attacked.changed({"network.source": "model", "network.model": name}))


def test_what_is_decided_for_is_known_at_every_place(attacked: Experiment) -> None:
    scene = Scene()
    stages = {type(stage): stage for stage in scene.stages(Request(attacked), lambda: False)}
    path, recording = stages[PathPicture], stages[Recording]
    assert isinstance(path, PathPicture) and isinstance(recording, Recording) and path.decided is not None
    outputs = digits_classifier()((torch.tensor(recording.x + recording.delta[:, path.focus])).float())
    assert path.decided.tolist() == [
        f"class {chosen} {'✓' if chosen == RIGHT else '✗'}" for chosen in outputs.argmax(1).tolist()
    ]
    assert scene.probe((0.0, 0.0)).decided == f"class {RIGHT} ✓"


def test_a_random_network_that_takes_a_classifiers_place_has_a_loss_of_one_number(attacked: Experiment) -> None:
    assert with_input_of_any_length(attacked).network.loss == "quadratic"
    sided = attacked.replace("network.loss", "logistic", **{"network.output": "3 - 5", "input.label": -1.0})
    experiment = with_input_of_any_length(sided)
    assert (experiment.network.loss, experiment.network.output, experiment.input.label) == ("logistic", "", -1.0)


def with_input_of_any_length(experiment: Experiment) -> Experiment:
    changed = experiment.changed({"input.source": "sphere", "network.dimension": 63, **at_random(experiment)})
    prepare(changed)
    return changed


def test_a_hinge_that_is_flat_at_the_start_is_told_as_such(attacked: Experiment) -> None:
    met = attacked.changed({"network.loss": "hinge", "input.ratio": 0.001, "ascent.step_units": "absolute"})
    words = [clause["words"] for clause in run(met).verdict()["clauses"]]
    assert "the hinge is flat here: the margin is above 1, so L = 0 and there is no gradient" in words
    assert "no step is taken: from its start no direction leads uphill" in words
    sweep = Sweep.of(met, ["input.ratio=0.001,0.002"])
    told = read(SweepTable.of(sweep, [measure(point) for point in sweep.points()]))
    assert "at 2 of 2 points every path ends at L = 0, where the margin is above 1 and the hinge is flat" in told
    with pytest.raises(ExperimentError, match=r"hinge is flat there: the margin is above 1, so L = 0 .* another loss"):
        prepare(attacked.changed({"network.loss": "hinge", "input.ratio": 0.001}))
