"""The engine: every point once, whoever loses it; batches of the right size; honest progress; a stop that stops."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from crews import Clock, alike, many, patient, plain, rows, simple, slow, small

from foadv_gui.lab.sweep.batch import LONGEST_SECONDS, rows_of
from foadv_gui.lab.sweep.engine import Alone, CrewError, Lost, Progress, compute
from foadv_gui.lab.sweep.progress import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.grid import Point


class Scripted:
    """A crew that does what a test says, in order, on no thread at all."""

    name = "a script"

    def __init__(self, answer: Callable[[list[Point]], list[Row]], capacity: int = 2) -> None:
        self.answer, self.capacity = answer, capacity
        self.batches: list[list[int]] = []
        self.cancelled = 0

    def submit(self, points: list[Point]) -> Future[list[Row]]:
        self.batches.append([point.index for point in points])
        future: Future[list[Row]] = Future()
        try:
            future.set_result(self.answer(points))
        except Exception as error:
            future.set_exception(error)
        return future

    def cancel(self) -> None:
        self.cancelled += 1

    def close(self) -> None:
        pass


def done(points: list[Point], seconds: float = 0.01) -> list[Row]:
    return [{"point": point.index, "seconds": seconds, "error": None} for point in points]


def computed(crew: Scripted, count: int) -> list[Row]:
    got: list[Row] = []
    progress = compute(many(count).points(), count, crew, on_rows=got.extend)
    assert progress.done == len(got)
    assert sorted(int(row["point"] or 0) for row in got) == list(range(count))
    return sorted(got, key=lambda row: int(row["point"] or 0))


# ------------------------------------------------------------------------------------------- rows


def test_a_loop_on_its_own_thread_gives_the_rows_of_a_plain_one() -> None:
    got: list[Row] = []
    where: set[int] = set()
    with closing(Alone()) as crew:
        final = compute(
            small().points(),
            24,
            crew,
            on_rows=lambda some: (got.extend(some), where.add(threading.get_ident())),
        )
    assert alike(got) == plain()
    assert where == {threading.get_ident()}
    failed = sum(row["error"] is not None for row in plain())
    assert 0 < failed < 24
    assert (final.done, final.failed, final.total, final.left) == (24, failed, 24, 0.0)


def test_points_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []
    ahead: list[int] = []

    def points() -> Iterator[Point]:
        for point in many(3000).points():
            taken.append(point.index)
            yield point

    crew = Scripted(lambda some: done(some, 0.3 / 40))
    got: list[Row] = []

    def on_rows(some: list[Row]) -> None:
        got.extend(some)
        ahead.append(len(taken) - len(got))

    compute(points(), 3000, crew, on_rows=on_rows)
    assert len(got) == 3000
    assert max(ahead) <= 2 * crew.capacity * 40


# ------------------------------------------------------------------------------------------- batches


def test_a_batch_takes_a_third_of_a_second_and_the_last_ones_less() -> None:
    crew = Scripted(lambda some: done(some, 0.01))
    computed(crew, 1000)
    sizes = [len(batch) for batch in crew.batches]
    assert sizes[:4] == [1, 1, 1, 1]  # nobody knows yet
    middle = sizes[4 : len(sizes) // 2]
    assert set(middle) == {30}
    assert sizes[-1] == 1
    assert sizes[4:] == sorted(sizes[4:], reverse=True)


def test_slow_points_travel_alone() -> None:
    crew = Scripted(lambda some: done(some, 2.0))
    computed(crew, 50)
    assert {len(batch) for batch in crew.batches} == {1}


def test_what_a_batch_had_no_time_for_is_computed_by_another_one() -> None:
    crew = Scripted(lambda some: done(some[:3], 0.01))
    computed(crew, 200)
    assert max(len(batch) for batch in crew.batches) > 3


def test_a_batch_of_points_that_are_slower_than_expected_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("foadv_gui.lab.sweep.batch.time.monotonic", clock)

    def slower(point: Point, interrupted: Callable[[], bool]) -> Row:
        clock.now += 0.4 * LONGEST_SECONDS
        return simple(point, interrupted)

    assert [row["point"] for row in rows_of(list(many(9).points()), measure=slower)] == [0, 1, 2]


# ------------------------------------------------------------------------------------------- losses


def test_a_point_that_kills_its_process_is_a_row_and_all_others_are_computed() -> None:
    killed: list[int] = []

    def answer(points: list[Point]) -> list[Row]:
        if any(point.index == 77 for point in points):
            killed.append(len(points))
            raise Lost
        return done(points)

    (bad,) = [row for row in computed(Scripted(answer), 200) if row["error"]]
    assert bad["point"] == bad["input.seed"] == 77
    assert bad["error"] == "the process that computed it died 3 times"
    assert killed[:2] == [killed[0]] * 2
    assert killed[0] > 1
    assert killed[2:] == [1]


def test_a_batch_whose_process_dies_once_is_computed_again() -> None:
    lost: list[int] = []

    def answer(points: list[Point]) -> list[Row]:
        if len(lost) < 2 and len(points) > 10:
            lost.append(points[0].index)
            raise Lost
        return done(points)

    assert not any(row["error"] for row in computed(Scripted(answer), 300))
    assert len(lost) == 2


def test_what_a_batch_raises_becomes_the_row_of_the_point_that_raised_it() -> None:
    def answer(points: list[Point]) -> list[Row]:
        if any(point.index == 7 for point in points):
            raise ValueError("seven\nis too many")
        return done(points)

    assert [row["error"] for row in computed(Scripted(answer), 30) if row["error"]] == ["ValueError: seven is too many"]


def test_a_crew_that_cannot_go_on_ends_the_sweep_after_the_rows_that_arrived() -> None:
    def answer(points: list[Point]) -> list[Row]:
        if len(crew.batches) > 5:
            raise CrewError("nobody is left")
        return done(points)

    crew, got = Scripted(answer), []
    with pytest.raises(CrewError, match="nobody is left"):
        compute(many(900).points(), 900, crew, on_rows=got.extend)
    assert len(got) == sum(len(batch) for batch in crew.batches[:5])


def test_a_caller_that_cannot_take_rows_stops_the_crew() -> None:
    def full(some: list[Row]) -> None:
        raise OSError("no space left on device")

    crew = Scripted(done)
    with pytest.raises(OSError, match="no space"):
        compute(many(50).points(), 50, crew, on_rows=full)
    assert crew.cancelled == 1


# ------------------------------------------------------------------------------------------- stopping


def test_a_stop_keeps_the_rows_of_a_batch_that_were_done() -> None:
    began = threading.Event()

    def endless(point: Point, interrupted: Callable[[], bool]) -> Row:
        if point.index < 12:
            return simple(point, interrupted)
        began.set()
        return patient(point, interrupted)

    got: list[Row] = []
    with closing(Alone(endless)) as crew:
        final = compute(many(100).points(), 100, crew, on_rows=got.extend, interrupted=began.is_set)
        assert [row["point"] for row in got] == list(range(12))
        assert (final.done, final.total) == (12, 100)
        # The same crew goes on with what is missing.
        began.clear()
        compute([many(100).point(3)], 1, crew, on_rows=got.extend)
    assert got[-1]["point"] == 3


def test_a_stop_does_not_wait_for_what_nobody_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    class Starting(Scripted):
        """Its processes start, which takes for ever."""

        def submit(self, points: list[Point]) -> Future[list[Row]]:
            handed.append(Future())
            return handed[-1]

        def cancel(self) -> None:
            for future in handed:
                future.cancel()

    handed: list[Future[list[Row]]] = []
    monkeypatch.setattr("foadv_gui.lab.sweep.engine._STOP_SECONDS", 60)
    began = time.monotonic()
    compute(
        many(9).points(), 9, Starting(done), on_rows=lambda _: None, interrupted=lambda: time.monotonic() - began > 0.05
    )
    assert handed and time.monotonic() - began < 30


def test_slow_points_stop_within_a_second() -> None:
    from foadv_gui.lab.sweep.batch import load

    load()
    began = time.monotonic()
    with closing(Alone()) as crew:
        final = compute(
            slow().points(), 10, crew, on_rows=lambda _: None, interrupted=lambda: time.monotonic() - began > 0.8
        )
        assert time.monotonic() - began < 1.8
        assert final.done == 0


# ------------------------------------------------------------------------------------------- progress


def test_the_rate_is_that_of_the_last_while() -> None:
    clock = Clock()
    pace = Pace(1000, clock)
    assert pace.progress() == Progress(0, 0, 1000, None, None)
    clock.now += 30  # processes start
    for _ in range(40):
        clock.now += 0.5
        pace.arrived(rows(5), 0.5)
    assert pace.progress() == Progress(200, 0, 1000, pytest.approx(10), pytest.approx(80))
    for _ in range(40):  # slower points
        clock.now += 0.5
        pace.arrived(rows(1), 0.5)
    assert pace.progress() == Progress(240, 0, 1000, pytest.approx(2), pytest.approx(380))


def test_the_first_point_counts_from_when_it_was_begun() -> None:
    clock = Clock()
    pace = Pace(10, clock)
    clock.now += 60
    pace.arrived(rows(1), 2.0)
    assert pace.progress().rate is None  # one point is no rate
    pace.arrived(rows(1, error="no"), 2.0)
    assert pace.progress() == Progress(2, 1, 10, pytest.approx(1), pytest.approx(8))


def test_a_standstill_is_told() -> None:
    clock = Clock()
    pace = Pace(100, clock)
    for _ in range(20):
        clock.now += 1
        pace.arrived(rows(1), 1.0)
    lefts = []
    for _ in range(3):
        clock.now += 20
        lefts.append(pace.progress().left)
    assert lefts[0] > 80
    assert lefts == sorted(lefts)


def test_slow_points_are_counted_over_more_than_a_window() -> None:
    clock = Clock()
    pace = Pace(100, clock)
    for _ in range(30):
        clock.now += 60
        pace.arrived(rows(1), 60.0)
    assert pace.progress().rate == pytest.approx(1 / 60)


def test_progress_is_told_at_most_ten_times_a_second_and_at_the_end() -> None:
    def napping(point: Point, interrupted: Callable[[], bool]) -> Row:
        time.sleep(0.004)
        return {**simple(point, interrupted), "seconds": 0.3}  # so that each point travels alone

    told: list[tuple[float, Progress]] = []
    with closing(Alone(napping)) as crew:
        compute(
            many(100).points(),
            100,
            crew,
            on_rows=lambda _: None,
            on_progress=lambda progress: told.append((time.monotonic(), progress)),
        )
    assert len(told) >= 3
    assert min(later - earlier for (earlier, _), (later, _) in pairwise(told[:-1])) >= 0.1
    assert told[-1][1].done == 100
    assert told[-1][1].left == 0
