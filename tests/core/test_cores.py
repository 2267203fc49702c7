"""What is computed on one core: in the caller's own thread, with the same numbers on any machine."""

from __future__ import annotations

import sys
import threading

import pytest
import torch

from foadv_gui.core import cores as module
from foadv_gui.core.cores import cores, one_core
from foadv_gui.core.objective import weighted_gram
from foadv_gui.core.threads import abandonable, in_parallel, use_one_thread


def test_within_one_core_pieces_stay_on_the_thread_that_asked() -> None:
    with one_core():
        assert cores() == 1
        assert set(in_parallel(lambda _: threading.get_ident(), range(5))) == {threading.get_ident()}
        # Also where the work was put on a thread of its own, so as to be left behind.
        assert abandonable(cores, lambda: False) == 1
        assert in_parallel(lambda _: torch.is_inference_mode_enabled(), [0]) == [True]
    assert not module.on_one_core()


def test_numbers_of_one_core_do_not_depend_on_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = torch.Generator().manual_seed(0)
    B = torch.randn(500, 460, generator=draw, dtype=torch.float64)
    weights = torch.randn(500, generator=draw, dtype=torch.float64)
    found = []
    for count in (2, 7):
        monkeypatch.setattr(
            "foadv_gui.core.cores.os.sched_getaffinity", lambda _, n=count: set(range(n)), raising=False
        )
        assert cores() == count
        with one_core():
            found.append(weighted_gram(B, weights))
    assert torch.equal(*found)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")
def test_what_a_loop_frees_is_there_for_its_next_step() -> None:
    import resource  # not on Windows

    use_one_thread()

    def step() -> None:
        arrays = [torch.ones(2_000_000) for _ in range(3)]
        del arrays

    def faults() -> int:
        return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt

    for _ in range(3):
        step()
    before = faults()
    for _ in range(10):
        step()
    assert faults() - before < 1000  # of 60,000 pages
