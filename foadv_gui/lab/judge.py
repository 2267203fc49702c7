"""What is found out about one finished run, each finding computed once and only when asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from foadv_gui.core.interruption import never
from foadv_gui.lab.ball import ball_verdict, find_certified_scale
from foadv_gui.lab.ball_card import ball_group
from foadv_gui.lab.restart_verdict import restart_verdict
from foadv_gui.lab.restarts import RegularityPicture
from foadv_gui.lab.survey import regularity_picture, restarts_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from foadv_gui.lab.ball import BallVerdict
    from foadv_gui.lab.experiment import Problem
    from foadv_gui.lab.findings import CertifiedScale
    from foadv_gui.lab.recording import Recording
    from foadv_gui.lab.restart_verdict import RestartVerdict
    from foadv_gui.lab.restarts import RestartsPicture


class Judge:
    """Verdicts on a recording of a problem.

    Each of the methods may take long: `Interrupted` is raised when `interrupted()` becomes true, and what was found
    before is kept. A certified scale that is known already may be given: it depends neither on gamma nor on the label.
    """

    def __init__(self, problem: Problem, recording: Recording, scale: CertifiedScale | None = None) -> None:
        self.problem, self.recording = problem, recording
        self._restarts: dict[int, RestartVerdict] = {}
        self._ball: BallVerdict | None = None
        self._scale = scale
        self._together: RestartsPicture | None = None
        self._regularity: RegularityPicture | None = None

    def verdict(self, k: int, interrupted: Callable[[], bool] = never) -> RestartVerdict:
        """The verdict on restart k, with what is known by now of the whole ball."""
        if k not in self._restarts:
            self._restarts[k] = restart_verdict(self.problem, self.recording, k, interrupted)
        return replace(self._restarts[k], ball=self._ball, scale=self._scale)

    def ball(self, interrupted: Callable[[], bool] = never) -> BallVerdict:
        """What is proven of the whole ball."""
        if self._ball is None:
            self._ball = ball_verdict(self.problem, interrupted)
        return self._ball

    def scale(self, interrupted: Callable[[], bool] = never) -> CertifiedScale:
        """The certified scale."""
        if self._scale is None:
            self._scale = find_certified_scale(self.problem, self.ball(interrupted), interrupted)
        return self._scale

    def restarts(self, interrupted: Callable[[], bool] = never) -> RestartsPicture:
        """What the ends of all restarts have in common."""
        if self._together is None:
            tests = [self.verdict(k, interrupted).test for k in range(self.recording.restarts)]
            self._together = restarts_picture(self.recording, tests, interrupted)
        return self._together

    def regularity(self, interrupted: Callable[[], bool] = never) -> RegularityPicture:
        """How regular the landscape is, measured and proven."""
        if self._regularity is None:
            ball, scale = self.ball(interrupted), self.scale(interrupted)
            best = self.verdict(self.recording.best, interrupted).test.loss
            measured = regularity_picture(self.problem, self.recording, interrupted)
            self._regularity = RegularityPicture((*measured.groups, ball_group(ball, scale, best)))
        return self._regularity
