"""The problem of the speed table: d = 784, m = 1000, 16 restarts, float32."""

from __future__ import annotations

from dataclasses import dataclass

from foadv_gui.lab.config import Experiment


@dataclass(frozen=True)
class Size:
    """How large a benchmark is; the tests use tiny ones."""

    width: int = 1000
    dimension: int = 784
    restarts: int = 16
    steps: int = 200
    grid: int = 201
    rounds: int = 25
    seconds: float = 5.0


FULL = Size()
TINY = Size(width=12, dimension=5, restarts=2, steps=8, grid=11, rounds=2, seconds=0.3)


def experiment(size: Size, **ascent: object) -> Experiment:
    """The experiment of a size; `ascent` replaces settings of that section."""
    return Experiment.model_validate(
        {
            "network": {"width": size.width, "dimension": size.dimension},
            "input": {"scale": 0.3, "ratio": 0.3},
            "ascent": {"restarts": size.restarts, "steps": size.steps, "step": 0.2, "tolerance": 5e-7, **ascent},
            "compute": {"dtype": "float32"},
            "view": {"grid": size.grid},
        }
    )
