"""What every test shares: no screen, one thread, reproducible random examples, and honest skips.

Torch takes seconds to import, so nothing here imports it before a test that needs a device asks.
"""

from __future__ import annotations

import functools
import os
import warnings

import pytest
from hypothesis import HealthCheck, settings

# Set before Qt or torch can be imported; whoever wants a real screen or more threads says so in the environment.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Two threads wait for each other as soon as another process is busy: small steps then take up to sixty times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

# No deadline and no "too slow": on a shared machine they measure the neighbours.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

SCREENLESS = ("offscreen", "minimal", "vnc")


@functools.cache
def accelerator() -> str | None:
    """The name of the device beside the CPU, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a CUDA build of torch may complain about a machine without a driver
        import torch

        if torch.cuda.is_available():
            return "cuda"
        if torch.backends.mps.is_available():
            return "mps"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot do, and say why."""
    if item.get_closest_marker("window") and os.environ["QT_QPA_PLATFORM"].startswith(SCREENLESS):
        pytest.skip("needs a real window system: set QT_QPA_PLATFORM, for example to xcb")
    if item.get_closest_marker("gpu") and accelerator() is None:
        pytest.skip("needs a CUDA or MPS device")
    if item.get_closest_marker("fuzz") and not os.environ.get("FOADV_FUZZ"):
        pytest.skip("set FOADV_FUZZ to the number of mutated files of each format, for example 10000")


@pytest.fixture
def device() -> str:
    """The accelerator's name, for tests marked ``gpu``."""
    name = accelerator()
    assert name is not None, "mark the test with @pytest.mark.gpu"
    return name
