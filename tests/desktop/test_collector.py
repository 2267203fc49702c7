"""Cyclic garbage is collected in the window's thread, whichever thread made it."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING

import pytest

from foadv_gui.desktop import collector
from foadv_gui.desktop.collector import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hands import Hands


class Ring:
    """An object that only the cyclic collection can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def python_collects_again() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("python_collects_again")
def test_garbage_of_another_thread_is_freed_in_the_windows_own(
    open_window: Callable[..., Hands], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "_YOUNG_MS", 20)
    hands = open_window()
    freed_in: list[threading.Thread] = []
    before = gc.get_freeze_count()
    Collector(hands.session)
    assert not gc.isenabled()
    hands.qtbot.waitUntil(lambda: gc.get_freeze_count() > before)  # what has been loaded is set aside

    def litter() -> None:
        for _ in range(5000):  # far more than what makes Python collect by itself
            weakref.finalize(Ring(), lambda: freed_in.append(threading.current_thread()))

    other = threading.Thread(target=litter)
    other.start()
    other.join()
    assert not freed_in
    hands.qtbot.waitUntil(lambda: len(freed_in) == 5000)
    assert set(freed_in) == {threading.main_thread()}
