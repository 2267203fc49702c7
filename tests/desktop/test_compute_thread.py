"""The compute thread: latest wins, old results are dropped, errors arrive as values, and it always ends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from hands import Hands, small
from PySide6.QtWidgets import QMessageBox

from foadv_gui.desktop.worker import SCENE, ComputeThread, Done, Failure, Ready, Refusal
from foadv_gui.lab.config import ExperimentError
from foadv_gui.lab.experiment import run
from foadv_gui.lab.findings import VerdictPicture
from foadv_gui.lab.picture import ProbePicture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot


@pytest.fixture
def thread(qtbot: QtBot) -> Iterator[ComputeThread]:
    """A running thread with torch loaded."""
    made = ComputeThread()
    made.start()
    qtbot.waitUntil(made.busy, timeout=60_000)
    assert any(isinstance(value, Ready) for _, value in made.take())
    yield made
    made.close()
    assert made.isFinished()


class Gate:
    """A job that reports when it has begun, and goes on when it is let."""

    def __init__(self, *values: object) -> None:
        self.values = values
        self.begun, self.go = threading.Event(), threading.Event()
        self.stopped = False

    def __call__(self, _scene: Any, interrupted: Callable[[], bool], _cancelled: Callable[[], bool]) -> Any:
        from foadv_gui.core.interruption import Interrupted

        self.begun.set()
        assert self.go.wait(10)
        for value in self.values:
            if interrupted():
                self.stopped = True
                raise Interrupted
            yield value

    def run(self) -> Gate:
        self.go.set()
        return self


def mail(thread: ComputeThread, qtbot: QtBot) -> list[tuple[int, object]]:
    """Everything posted until the thread has nothing more to do."""
    found: list[tuple[int, object]] = []

    def idle() -> bool:
        found.extend(thread.take())
        return not thread.busy()

    qtbot.waitUntil(idle, timeout=10_000)
    return found


def test_a_newer_job_takes_the_place_of_one_that_waits(thread: ComputeThread, qtbot: QtBot) -> None:
    first = Gate("first")
    running = thread.submit(SCENE, first)
    assert first.begun.wait(10)
    waiting = [Gate(i).run() for i in range(5)]
    jobs = [thread.submit("probe", gate) for gate in waiting]
    first.run()
    found = mail(thread, qtbot)
    assert (running, "first") in found
    assert [gate.begun.is_set() for gate in waiting] == [False, False, False, False, True]
    assert (jobs[-1], 4) in found
    assert not {job for job, _ in found} & set(jobs[:-1])


def test_a_newer_job_of_its_lane_stops_the_running_one(thread: ComputeThread, qtbot: QtBot) -> None:
    old, new = Gate("old"), Gate("new").run()
    old_job = thread.submit(SCENE, old)
    assert old.begun.wait(10)
    new_job = thread.submit(SCENE, new)
    old.run()
    found = mail(thread, qtbot)
    assert old.stopped
    assert [(job, value) for job, value in found if not isinstance(value, Done)] == [(new_job, "new")]
    assert [job for job, value in found if isinstance(value, Done)] == [new_job]
    assert old_job < new_job


def test_a_job_of_another_lane_does_not_stop_it(thread: ComputeThread, qtbot: QtBot) -> None:
    scene, probe = Gate("scene"), Gate(1).run()
    thread.submit(SCENE, scene)
    assert scene.begun.wait(10)
    thread.submit("probe", probe)
    scene.run()
    assert {"scene", 1} <= {value for _, value in mail(thread, qtbot)}
    assert not scene.stopped
    assert probe.begun.is_set()


def test_a_question_that_gave_way_to_the_scene_ends_while_that_runs(thread: ComputeThread, qtbot: QtBot) -> None:
    asked, scene = Gate(1), Gate("scene")
    thread.submit("bulk", asked)
    assert asked.begun.wait(10)
    thread.submit(SCENE, scene)
    assert scene.begun.wait(10)
    asked.run()  # it looks up only now, when the scene no longer waits
    qtbot.waitUntil(lambda: asked.stopped, timeout=10_000)
    scene.run()
    assert {"scene", 1} <= {value for _, value in mail(thread, qtbot)}  # asked again, and answered


def test_the_mailbox_keeps_the_latest_of_each_kind(thread: ComputeThread, qtbot: QtBot) -> None:
    probes = [ProbePicture(point, 0.0, 0.0) for point in ((0.0, 0.0), (1.0, 1.0))]  # type: ignore[arg-type]
    verdicts = [VerdictPicture(k, "converged", True, (), None, None, None, "") for k in (0, 1, 1)]
    gate = Gate(*(1, probes[0], 2, *verdicts, 3, probes[1]))
    thread.submit(SCENE, gate)
    assert gate.begun.wait(10)
    gate.run()
    qtbot.waitUntil(lambda: not thread._running, timeout=10_000)
    values = [value for _, value in thread.take()]
    assert values == [verdicts[0], verdicts[2], 3, probes[1], Done(SCENE, False)]
    assert thread.take() == []
    assert not thread.busy()


def test_cancel_stops_the_running_job_and_forgets_the_waiting_ones(thread: ComputeThread, qtbot: QtBot) -> None:
    running, waiting = Gate("running"), Gate("waiting").run()
    thread.submit(SCENE, running)
    assert running.begun.wait(10)
    thread.submit("probe", waiting)
    thread.cancel()
    running.run()
    found = [value for _, value in mail(thread, qtbot)]
    assert found == [Done("probe", cancelled=True), Done(SCENE, cancelled=True)]
    assert running.stopped
    assert not waiting.begun.is_set()


def test_what_a_cancelled_job_has_is_shown_though_a_newer_one_waited(thread: ComputeThread, qtbot: QtBot) -> None:
    begun, go = threading.Event(), threading.Event()
    so_far = run(small(), interrupted=lambda: True)
    assert set(so_far.stop_reason) == {"cancelled"}

    def climb(_scene: Any, *_stop: Any) -> Iterator[object]:
        begun.set()
        assert go.wait(10)
        yield so_far

    thread.submit(SCENE, climb)
    assert begun.wait(10)
    thread.submit(SCENE, Gate("never"))
    thread.cancel()
    assert [value for _, value in thread.take()] == [Done(SCENE, cancelled=True)]
    go.set()
    assert [value for _, value in mail(thread, qtbot)] == [so_far, Done(SCENE, cancelled=True)]


def test_errors_are_values_and_the_thread_goes_on(thread: ComputeThread, qtbot: QtBot) -> None:
    def raising(error: Exception) -> Any:
        def work(_scene: Any, *_stop: Any) -> Iterator[object]:
            raise error
            yield

        return work

    for error, expected in (
        (ExperimentError("ascent.box", "must be wider", (0, 1)), Refusal("ascent.box", "must be wider")),
        (MemoryError(), "not enough memory"),
        (ZeroDivisionError("by nothing"), "ZeroDivisionError: by nothing"),
    ):
        thread.submit(SCENE, raising(error))
        first, done = [value for _, value in mail(thread, qtbot)]
        assert isinstance(done, Done)
        if isinstance(expected, Refusal):
            assert first == expected
        else:
            assert isinstance(first, Failure)
            assert expected in first.message
            assert "Traceback" in first.details
            assert "raise error" in first.details
    thread.submit(SCENE, Gate("well").run())
    assert "well" in [value for _, value in mail(thread, qtbot)]


def test_closing_ends_a_job_that_is_running(qtbot: QtBot) -> None:
    thread = ComputeThread()
    thread.start()

    def endless(_scene: Any, interrupted: Callable[[], bool], _cancelled: Callable[[], bool]) -> Iterator[object]:
        while not interrupted():
            yield threading.get_ident()

    thread.submit(SCENE, endless)
    qtbot.waitUntil(lambda: any(isinstance(value, int) for _, value in thread.take()), timeout=60_000)
    thread.close()
    assert thread.isFinished()


def test_closing_a_thread_that_never_started(qtbot: QtBot) -> None:
    thread = ComputeThread()
    thread.submit(SCENE, Gate("never"))
    thread.close()
    assert not thread.isRunning()


def test_an_unexpected_error_is_a_dialog_with_details_and_the_window_goes_on(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = hands.session

    def breaking(_scene: Any, _point: Any) -> ProbePicture:
        raise RuntimeError("the tensor is in two minds")

    with monkeypatch.context() as broken:
        broken.setattr("foadv_gui.lab.scene.Scene.probe", breaking)
        for x in (0.1, 0.2, 0.3):
            hands.hover(hands.landscape.viewport(), hands.on_landscape((x, 0.1)))
        hands.until(lambda: hands.window.findChild(QMessageBox) is not None and not session.busy)
    (box,) = hands.window.findChildren(QMessageBox)
    assert "the tensor is in two minds" in box.text()
    assert "Traceback" in box.detailedText()
    assert "breaking" in box.detailedText()
    box.accept()
    hands.until(lambda: hands.window.findChild(QMessageBox) is None)
    hands.failures.clear()
    hands.activate()
    hands.type(hands.field("input.scale").editor.box, "2")
    hands.rest()
    assert session.recording.experiment.input.scale == 2


def test_results_of_the_old_experiment_are_dropped_after_another_is_opened(hands: Hands) -> None:
    session, gate = hands.session, Gate(ProbePicture((0.0, 0.0), 1.0, 1.0))  # type: ignore[arg-type]
    hands.window._thread.submit("probe", gate)
    assert gate.begun.wait(10)
    session.open(small(input={"scale": 0.5}))
    gate.run()
    hands.rest()
    assert session.probe is None
    assert session.recording.experiment.input.scale == 0.5


def test_threads_that_share_a_turn_never_compute_at_once(qtbot: QtBot) -> None:
    turn = threading.BoundedSemaphore(1)
    threads = [ComputeThread(at_once=turn) for _ in range(2)]
    first, second = Gate("first"), Gate("second")
    try:
        for thread in threads:
            thread.start()
            qtbot.waitUntil(thread.busy, timeout=60_000)
            thread.take()
        threads[0].submit(SCENE, first)
        assert first.begun.wait(10)
        threads[1].submit(SCENE, second)
        assert not second.begun.wait(0.05), "the first one is still at it"
        threads[1].cancel()
        qtbot.waitUntil(lambda: (mail(threads[1], qtbot) or [(0, None)])[-1][1] == Done(SCENE, cancelled=True))
        assert not second.begun.is_set(), "who waits can be stopped"
        third = Gate("third")
        threads[1].submit(SCENE, third)
        first.run()
        assert third.begun.wait(10), "the turn was given back"
        third.run()
        qtbot.waitUntil(lambda: not any(thread.occupied(thread._last_id) for thread in threads))
        assert ("third", Done(SCENE)) == tuple(value for _, value in mail(threads[1], qtbot))
    finally:
        for gate in (first, second):
            gate.run()
        for thread in threads:
            thread.close()
