"""A small experiment and its scene, which several tests look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foadv_gui.lab.config import Experiment
from foadv_gui.lab.picture import Request

if TYPE_CHECKING:
    from foadv_gui.lab.scene import Scene

SMALL = Experiment.model_validate(
    {
        "network": {"width": 24, "dimension": 6},
        "input": {"scale": 0.5, "ratio": 0.5},
        "ascent": {"steps": 100, "restarts": 3},
        "view": {"grid": 31},
    }
)


def show(scene: Scene, experiment: Experiment, **more: Any) -> list[Any]:
    return list(scene.stages(Request(experiment, **more)))


def of_kind(stages: list[Any], kind: type) -> list[Any]:
    return [stage for stage in stages if isinstance(stage, kind)]


def kinds(stages: list[Any]) -> list[type]:
    return [type(stage) for stage in stages]
