"""What is proven of the whole ball, as JSON, in words and in the order in which a window learns of it."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scenes import SMALL, kinds, of_kind, show

from foadv_gui.core.ball import prove
from foadv_gui.lab.clauses import clauses
from foadv_gui.lab.config import Experiment
from foadv_gui.lab.experiment import problem_of, run
from foadv_gui.lab.findings import CertifiedScale, Clause, Progress, VerdictPicture
from foadv_gui.lab.judge import Judge
from foadv_gui.lab.presets import load_preset
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.scene import Scene

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@cache
def judged(name: str, **changes: object) -> Judge:
    experiment = load_preset(name)
    for key, value in changes.items():
        experiment = experiment.replace(key.replace("__", "."), value)
    recording = run(experiment)
    judge = Judge(problem_of(recording), recording)
    judge.ball(), judge.scale()
    return judge


def about(judge: Judge, topic: str, k: int = 0) -> Clause:
    (clause,) = [clause for clause in clauses(judge.verdict(k)) if clause.topic == topic]
    return clause


def test_the_json_holds_the_proof_and_the_gap_of_the_best_restart() -> None:
    judge = judged("one-hill")
    known = judge.recording.verdict()
    objective, epsilon = judge.problem.objective, judge.problem.constraint.epsilon
    proof, ball = prove(objective, epsilon), known["ball"]
    for name in ("M2", "M3", "g_min", "q", "unique", "maxima_of_loss", "upper_bound"):
        assert ball[name] == getattr(proof, name), name
    best = float(judge.recording.loss[-1].max())
    assert ball["gap"] == pytest.approx(1 - best / proof.upper_bound, rel=1e-9)
    assert best <= ball["strongest_loss"] <= ball["upper_bound"]
    assert ball["strongest_loss"] == pytest.approx(best, rel=1e-8)
    assert ball["certified_scale"] == pytest.approx(0.2613, rel=0.01)
    assert ball["why"] is None


def test_one_hill_is_proven_to_be_one_in_words_with_its_numbers() -> None:
    judge = judged("one-hill")
    unique, gap = about(judge, "unique"), about(judge, "gap")
    assert (unique.tone, gap.tone) == ("yes", "yes")
    assert unique.words == "the only one in the ball (proven, q = 0.2)"
    proof = judge.ball().proof
    assert proof is not None
    for number in (f"{proof.M2:.4g}", f"{proof.M3:.4g}", f"{proof.g_min:.4g}", f"{proof.q:.4g}", "0.261"):
        assert number in unique.detail
    assert gap.words == "no adversary in the ball is stronger (proven)"
    assert f"{proof.upper_bound:.6g}" in gap.detail and "Conn" in gap.source


def test_two_poles_are_proven_to_be_two_and_the_weaker_one_is_told_so() -> None:
    judge = judged("one-hill", input__label=-0.15)
    ends = judge.recording.value[-1]
    assert ends.min() < -0.15 < ends.max()
    strong, weak = int(judge.recording.loss[-1].argmax()), int(judge.recording.loss[-1].argmin())
    assert about(judge, "unique", strong).words.startswith("one of exactly two in the ball (proven")
    assert about(judge, "gap", strong).words == "no adversary in the ball is stronger (proven)"
    share = 1 - judge.recording.loss[-1, weak] / judge.recording.loss[-1, strong]
    assert about(judge, "gap", weak).words == f"weaker than the strongest possible by {share:.0%} (proven)"


def test_where_nothing_is_proven_the_words_say_up_to_where_it_would_be() -> None:
    judge = judged("digits")
    unique, gap = about(judge, "unique"), about(judge, "gap")
    assert unique.tone == "unsure" and "the proof ends at γ = 0.418" in unique.words
    assert "may vanish" in unique.detail
    assert gap.words == "at least 18% of the strongest possible (proven)"
    assert "the bound is far above" in about(judged("many-summits"), "gap").words


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"network__activation": "relu"}, "relu is piecewise linear"),
        ({"ascent__constraint": "linf-ball"}, "the proofs are for ℓ₂ balls"),
    ],
)
def test_where_no_proof_applies_the_reason_is_given(changes: dict[str, object], why: str) -> None:
    judge = judged("one-hill", ascent__restarts=2, **changes)
    known = judge.recording.verdict()["ball"]
    assert all(value is None for key, value in known.items() if key != "why")
    assert why in known["why"] and why in about(judge, "unique").words
    scale = judge.scale()
    assert scale.value is None and why in scale.words


def test_on_the_cube_each_coordinate_is_accounted_for() -> None:
    judge = judged("l-infinity")
    clause = about(judge, "coordinates")
    assert clause.tone == "yes" and "all 64 coordinates" in clause.words and "FOSC" in clause.detail
    assert judge.verdict(0).as_dict()["coordinates_held"] == 64
    short = judged("l-infinity", ascent__steps=1)
    delta, recording = short.recording.delta[-1, 0], short.recording
    gradient = (recording.value[-1, 0] - recording.y) * (
        recording.W.T @ (recording.a * (1 - np.tanh(recording.W @ (recording.x + delta)) ** 2))
    )
    pushed = (delta == np.sign(gradient) * recording.epsilon).sum()
    assert pushed < 64
    assert f"{64 - pushed} of 64 coordinates could still move uphill" in about(short, "coordinates").words


def test_a_box_keeps_the_bounds_and_says_that_maxima_are_not_counted() -> None:
    judge = judged("digits", ascent__box=(0.0, 1.0), ascent__restarts=2, input__scale=0.1)
    known = judge.recording.verdict()["ball"]
    assert known["q"] < 1 and known["upper_bound"] > 0 and 0 <= known["gap"] < 1
    assert known["unique"] is None and known["maxima_of_loss"] is None and known["certified_scale"] is None
    assert "a box cuts the ball" in known["why"] and "a box cuts the ball" in about(judge, "unique").words


def test_a_linear_network_is_certified_everywhere() -> None:
    judge = judged("one-hill", network__activation="linear", ascent__restarts=2)
    assert judge.scale().value == math.inf and judge.scale().words == "certified at every γ"
    known = judge.recording.verdict()["ball"]
    assert known["q"] == 0 and known["certified_scale"] is None and "every γ is certified" in known["why"]


def test_every_clause_says_where_its_formula_comes_from() -> None:
    for name in ("one-hill", "digits", "l-infinity", "step-too-large"):
        judge = judged(name)
        for clause in clauses(judge.verdict(0)):
            assert clause.source and clause.detail, clause.words
        topics = [clause.topic for clause in clauses(judge.verdict(0))]
        assert len(set(topics)) == len(topics)


@pytest.mark.parametrize(
    ("units", "rule"), [("relative", "gradient"), ("absolute", "gradient"), ("relative", "normalized")]
)
def test_the_steps_that_are_offered_do_what_they_say(units: str, rule: str) -> None:
    experiment = load_preset("step-too-large").replace(
        "ascent.rule", rule, **{"ascent.step": 0.3 if rule == "normalized" else 0.1}
    )
    if units == "absolute":
        experiment = experiment.replace("ascent.step_units", units, **{"ascent.step": run(experiment).eta})
    experiment = experiment.replace("ascent.steps", 400)
    recording = run(experiment)
    picture = Judge(problem_of(recording), recording).verdict(0).picture
    assert picture.local_maximum and picture.step_largest is not None and picture.step_fastest is not None
    fast = run(experiment.replace("ascent.step", picture.step_fastest))
    assert fast.converged_at[0] < recording.converged_at[0]
    beyond = run(experiment.replace("ascent.step", 1.02 * picture.step_largest))
    known = Judge(problem_of(beyond), beyond).verdict(0)
    assert known.test.step_max is not None and known.eta > known.test.step_max
    again = Judge(problem_of(fast), fast).verdict(0).picture.step_fastest
    assert again == pytest.approx(picture.step_fastest, rel=0.01)


def test_a_step_is_offered_only_where_the_setting_takes_it_and_never_rounded_up() -> None:
    known = judged("one-hill").verdict(0)
    unit = known.eta / known.ascent.step
    assert known.as_setting(0.123999 * unit) == 0.123
    assert known.as_setting(5e6 * unit) is None and known.as_setting(1e-7 * unit) is None
    # Beyond what float64 holds, or below it.
    assert replace(known, eta=1e-300).as_setting(1e300) is None
    assert replace(known, eta=1e300).as_setting(1e-300) is None


def test_where_every_step_is_stable_that_is_said() -> None:
    judge = judged("one-hill")
    picture = judge.verdict(0).picture
    assert picture.step_largest is None and "every step is stable here" in picture.step_why


def test_the_card_holds_the_numbers_of_the_proof() -> None:
    judge = judged("one-hill")
    proof = judge.ball().proof
    group = judge.regularity().groups[1]
    assert proof is not None and group.title == "Proven on the whole ball"
    shown = {row.symbol: row.value for row in group.rows}
    for symbol, number in (("M₂", proof.M2), ("M₃", proof.M3), ("g_min", proof.g_min), ("q", proof.q)):
        assert shown[symbol] == f"{number:.4g}"
    assert shown["γ*"] == f"γ = {judge.scale().value:.4g}"
    best = float(judge.recording.loss[-1].max())
    assert float(shown["1 − L/U"]) == pytest.approx(1 - best / proof.upper_bound, rel=0.01)
    (row,) = judged("one-hill", ascent__restarts=2, network__activation="relu").regularity().groups[1].rows
    assert row.value == "relu is piecewise linear"


# ---- as a window learns of it ----------------------------------------------------------------------------------


def test_the_focused_summit_comes_first_then_the_ball_then_the_scale() -> None:
    stages = show(Scene(), SMALL.replace("view.focus", 1))
    verdicts = [stage for stage in stages if isinstance(stage, VerdictPicture)]
    assert [verdict.k for verdict in verdicts] == [1, 1, 1, 0, 1, 2]
    topics = [[clause.topic for clause in verdict.clauses] for verdict in verdicts]
    assert "unique" not in topics[0] and all("unique" in more for more in topics[1:])
    (scale,) = of_kind(stages, CertifiedScale)
    assert not scale.pending
    told = [stage.words for stage in of_kind(stages, Progress)]
    assert told[0] == "Testing the summit" and "Proving on the whole ball" in told and "Testing path 3 of 3" in told
    assert kinds(stages).index(Progress) > kinds(stages).index(Recording)


def test_the_certified_scale_is_kept_while_gamma_and_the_label_move(counted: dict[str, int]) -> None:
    scene = Scene()
    (first,) = of_kind(show(scene, SMALL), CertifiedScale)
    for change in ({"input.scale": 0.7}, {"input.label": -2.0}, {"ascent.step": 0.2}):
        ((key, value),) = change.items()
        assert of_kind(show(scene, SMALL.replace(key, value)), CertifiedScale) == [first]
    moved = of_kind(show(scene, SMALL.replace("input.ratio", 0.25)), CertifiedScale)
    assert moved[0].pending and not moved[1].pending and moved[1].value > first.value
    assert counted["ball_verdict"] == 5


def test_the_proof_waits_while_a_control_of_a_large_problem_moves(counted: dict[str, int]) -> None:
    large = Experiment.model_validate(
        {"network": {"width": 300, "dimension": 210}, "ascent": {"steps": 5, "restarts": 2}, "view": {"grid": 31}}
    )
    scene = Scene()
    assert not of_kind(show(scene, large, live=True), Progress)
    assert counted["ball_verdict"] == 0
    assert of_kind(show(scene, large), CertifiedScale)
    assert counted["ball_verdict"] == 1
