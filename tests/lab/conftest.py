"""What several tests of the lab share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def one_torch_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often the expensive parts were computed."""
    from foadv_gui.lab import backdrop, judge, scene

    counts = dict.fromkeys(("climbing", "heights_on_grid", "restart_verdict", "ball_verdict", "prepare"), 0)

    def counting(module: Any, name: str) -> Callable[..., Any]:
        original = getattr(module, name)

        def call(*args: Any, **more: Any) -> Any:
            counts[name] += 1
            return original(*args, **more)

        return call

    for name in counts:
        module = {"heights_on_grid": backdrop, "restart_verdict": judge, "ball_verdict": judge}.get(name, scene)
        monkeypatch.setattr(module, name, counting(module, name))
    return counts


@pytest.fixture
def no_run_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foadv_gui.lab.scene._QUICK", 0.0)
