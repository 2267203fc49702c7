"""What is on show: the latest result of each kind, and the cursor over them."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from foadv_gui.lab.bulk import BulkPicture
from foadv_gui.lab.findings import CertifiedScale, Progress, VerdictPicture
from foadv_gui.lab.ghost import GhostsPicture
from foadv_gui.lab.globe import SpherePicture, SphereSurface
from foadv_gui.lab.picture import (
    CutPicture,
    DirectionPicture,
    ExtremesPicture,
    FocusRun,
    PathPicture,
    PlanePicture,
    Prepared,
    ProbePicture,
    SpectrumPicture,
    Surface,
)
from foadv_gui.lab.recording import Recording
from foadv_gui.lab.restarts import BetweenPicture, RegularityPicture, RestartsPicture

_KEPT: dict[type, str] = {
    PlanePicture: "plane",
    GhostsPicture: "ghosts",
    Surface: "surface",
    SpherePicture: "sphere",
    SphereSurface: "globe",
    SpectrumPicture: "spectrum",
    BulkPicture: "bulk",
    ExtremesPicture: "extremes",
    DirectionPicture: "direction",
    ProbePicture: "probe",
    CutPicture: "cut",
    CertifiedScale: "certified",
    Progress: "progress",
    RestartsPicture: "restarts",
    BetweenPicture: "between",
    RegularityPicture: "regularity",
}
"""Results that are only kept and announced: under which name."""


class Shown(QObject):
    """Holds results and tells the views when one changes."""

    prepared = Signal()
    recordingChanged = Signal()
    pathChanged = Signal()
    planeChanged = Signal()
    ghostsChanged = Signal()
    surfaceChanged = Signal()
    sphereChanged = Signal()
    globeChanged = Signal()
    cursorChanged = Signal()
    spectrumChanged = Signal()
    bulkChanged = Signal()
    extremesChanged = Signal()
    verdictChanged = Signal()
    directionChanged = Signal()
    probeChanged = Signal()
    cutChanged = Signal()
    certifiedChanged = Signal()
    progressChanged = Signal()
    restartsChanged = Signal()
    betweenChanged = Signal()
    regularityChanged = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.info: Prepared | None = None
        self.recording: Recording | None = None
        self.path: PathPicture | None = None
        self.focus_run: PathPicture | None = None
        self.plane: PlanePicture | None = None
        self.ghosts: GhostsPicture | None = None
        self.surface: Surface | None = None
        self.sphere: SpherePicture | None = None
        self.globe: SphereSurface | None = None
        self.spectrum: SpectrumPicture | None = None
        self.bulk: BulkPicture | None = None
        self.extremes: ExtremesPicture | None = None
        self.direction: DirectionPicture | None = None
        self.probe: ProbePicture | None = None
        self.cut: CutPicture | None = None
        self.certified: CertifiedScale | None = None
        self.progress = Progress("")
        self.restarts: RestartsPicture | None = None
        self.between: BetweenPicture | None = None
        self.regularity: RegularityPicture | None = None
        self.verdicts: dict[int, VerdictPicture] = {}
        self.position = 0.0

    @property
    def steps(self) -> int:
        """The last step that there is."""
        return self.recording.steps if self.recording is not None else 0

    @property
    def t(self) -> int:
        """The iterate that the cursor is on."""
        return min(int(self.position), self.steps)

    @property
    def finished(self) -> bool:
        """Whether there is a recording to which no more iterates will come."""
        return self.recording is not None and self.recording.finished

    @property
    def still_from(self) -> int:
        """The step from which no path moves visibly any more."""
        return self.path.still_from if self.path is not None else self.steps

    def set_position(self, position: float) -> None:
        """Move the cursor; between two iterates only the marker on the path follows."""
        position = min(max(position, 0.0), float(self.steps))
        if position != self.position:
            self.position = position
            self.cursorChanged.emit()

    def clear_direction(self) -> None:
        """Take the eigenvector away: the mouse left the spectrum."""
        if self.direction is not None:
            self.direction = None
            self.directionChanged.emit()

    def clear_probe(self) -> None:
        """Take the value under the mouse away: the mouse left the landscape."""
        if self.probe is not None:
            self.probe = None
            self.probeChanged.emit()

    def clear_cut(self) -> None:
        """Remove the 1-D cut."""
        self.cut = None
        self.cutChanged.emit()

    def apply(self, value: object) -> None:
        """Take one result over and tell the views."""
        name = _KEPT.get(type(value))
        if isinstance(value, SpectrumPicture):
            self.bulk = None  # it belonged to the spectrum before
        if isinstance(value, BulkPicture) and not value.is_beside(self.spectrum):
            return
        if name is not None:
            setattr(self, name, value)
            getattr(self, f"{name}Changed").emit()
        elif isinstance(value, Recording):
            self._take_recording(value)
        elif isinstance(value, PathPicture):
            self.path, self.focus_run = value, None
            self.pathChanged.emit()
        elif isinstance(value, FocusRun):
            self.focus_run = value.path
            self.pathChanged.emit()
        elif isinstance(value, VerdictPicture):
            self.verdicts = {**self.verdicts, value.k: value}
            self.verdictChanged.emit()
        elif isinstance(value, Prepared):
            self.info = value
            self.prepared.emit()

    def _take_recording(self, recording: Recording) -> None:
        if recording is self.recording:
            return
        at_end = self.recording is not None and self.t >= self.recording.steps > 0
        self.recording = recording
        self.spectrum = self.bulk = self.restarts = self.between = self.regularity = None
        self.clear_direction()
        self.verdicts = {}
        self.verdictChanged.emit()
        if recording.finished and (at_end or self.position > recording.steps):
            self.position = float(recording.steps)
        self.recordingChanged.emit()
        self.cursorChanged.emit()
