"""The Explore workspace: settings, landscape, traces, spectrum, verdict, playback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QSplitter, QTabWidget, QVBoxLayout

from foadv_gui.desktop.panels.browser import InputBrowser
from foadv_gui.desktop.panels.card import card
from foadv_gui.desktop.panels.landscape import LandscapePanel
from foadv_gui.desktop.panels.playback import PlaybackBar
from foadv_gui.desktop.panels.regularity import RegularityCard
from foadv_gui.desktop.panels.setup import SetupPanel
from foadv_gui.desktop.panels.verdict import VerdictPanel
from foadv_gui.desktop.plots.cut import CutPlot
from foadv_gui.desktop.plots.extremes import ExtremesPlot
from foadv_gui.desktop.plots.input import InputPlot
from foadv_gui.desktop.plots.reason import PlotOrReason
from foadv_gui.desktop.plots.restarts import RestartsPlot
from foadv_gui.desktop.plots.spectrum import SpectrumPlot
from foadv_gui.desktop.plots.traces import TracesPlot
from foadv_gui.desktop.status import Pace, doing, shown
from foadv_gui.desktop.workspaces.workspace import Ready, Workspace
from foadv_gui.lab.presets import load_preset, preset_names, preset_of, what_to_watch

if TYPE_CHECKING:
    from foadv_gui.desktop.actions import Actions
    from foadv_gui.desktop.player import Player
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.config import Experiment
    from foadv_gui.lab.documents import Found

_NO_LINE = "No line yet: on the plane, press C (or hold Shift) and drag to see the loss along the way."


class ExploreWorkspace(Workspace):
    """Arranges the panels; knows nothing of what they show."""

    title = "Explore"
    help = "One run from all sides: landscape, paths, curvature and verdict, with every setting at hand"

    def __init__(self, session: Session, player: Player, theme: ThemeKeeper, actions: Actions) -> None:
        super().__init__(player, session.undo_stack)
        self._session, self._theme = session, theme
        self._browser: InputBrowser | None = None
        self._pace = Pace()
        self._line: tuple[float, ...] | None = None
        self.waiting: tuple[str, Found] | None = None
        """What to open when the page first comes to the front."""
        self.setup = SetupPanel(session)
        self.landscape = LandscapePanel(session, theme, actions)
        self.traces = TracesPlot(session, player, theme)
        self.cut = CutPlot(session, theme)
        self.restarts = RestartsPlot(session, theme)
        self.spectrum = SpectrumPlot(session, player, theme)
        self.extremes = ExtremesPlot(session, player, theme)
        self.input = InputPlot(session, theme)
        self.regularity = RegularityCard(session)
        self.verdict = VerdictPanel(session, theme)
        self.playback = PlaybackBar(session, player, actions, theme)

        self.below = QTabWidget()
        self.below.setDocumentMode(True)
        self.trace_pages = PlotOrReason(self.traces)
        self.trace_pages.say("No path yet")
        self.below.addTab(self.trace_pages, "Traces")
        self.cut_pages = PlotOrReason(self.cut)
        self.cut_pages.say(_NO_LINE)
        self.below.addTab(self.cut_pages, "Cut")
        self.below.addTab(self.restarts, "Restarts")
        self.below.setTabToolTip(0, "Loss, stationarity, alignment and radius over the steps")
        self.below.setTabToolTip(1, "The loss along a line: press C (or hold Shift) and drag on the landscape")
        self.below.setTabToolTip(
            2, "How all paths ended: losses, steps, angles between their ends, and the way between two"
        )
        centre = QSplitter(Qt.Orientation.Vertical)
        centre.addWidget(self.landscape)
        centre.addWidget(card(self.below))
        centre.setStretchFactor(0, 3)
        centre.setStretchFactor(1, 1)
        centre.setSizes([430, 170])

        spectra = QSplitter(Qt.Orientation.Vertical)
        spectra.addWidget(self.spectrum)
        spectra.addWidget(self.extremes)
        spectra.setSizes([200, 190])
        spectra.setStretchFactor(0, 1)
        spectra.setStretchFactor(1, 1)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(spectra, "Curvature")
        self.tabs.addTab(card(self.input), "Input")
        self.tabs.addTab(card(self.regularity), "Regularity")
        self.tabs.setTabToolTip(0, "Eigenvalues of the Hessian at the cursor and along the path")
        self.tabs.setTabToolTip(1, "Clean input, perturbation and adversary at the cursor")
        self.tabs.setTabToolTip(2, "How regular the landscape is: linearity, alignment, concavity and reach")
        right = QSplitter(Qt.Orientation.Vertical)
        right.addWidget(self.tabs)
        right.addWidget(self.verdict)
        right.setSizes([350, 240])
        right.setStretchFactor(0, 3)
        right.setStretchFactor(1, 2)

        self.columns = QSplitter(Qt.Orientation.Horizontal)
        for part in (self.setup, centre, right):
            self.columns.addWidget(part)
        self.columns.setSizes([300, 620, 344])
        self.columns.setStretchFactor(0, 0)
        self.columns.setStretchFactor(1, 3)
        self.columns.setStretchFactor(2, 1)
        for splitter in (centre, spectra, right, self.columns):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(6)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 0, 6, 0)
        column.setSpacing(2)
        column.addWidget(self.columns, 1)
        column.addWidget(self.playback)
        # Back from a field, where Space, the arrows and Ctrl+Z are its own.
        self.setup.entered.connect(self.landscape.take_focus)
        self.setup.browseWanted.connect(self.browse)
        self.setup.told.connect(self.told)
        session.cutChanged.connect(self._on_cut)
        session.recordingChanged.connect(self._on_recording)
        for told in (session.statusChanged, session.recordingChanged, session.prepared, session.progressChanged):
            told.connect(self.statusChanged)
        session.experimentChanged.connect(self.titleChanged)

    @property
    def experiment(self) -> Experiment:
        """The experiment on show, or the one that will be when the page first comes to the front."""
        return self._session.experiment if self.waiting is None else self.waiting[1].experiment

    @property
    def browser(self) -> InputBrowser:
        """Where the input is chosen by its picture."""
        if self._browser is None:
            self._browser = InputBrowser(self._session, self._theme, self)
        return self._browser

    @Slot()
    def browse(self) -> None:
        """Choose the input by its picture, where there are several."""
        if self._session.experiment.input.source in ("digits", "file"):
            self.browser.browse()
        else:
            self.told.emit("A random direction has no others to choose from: take the digits or a file as the input")

    @property
    def computing(self) -> bool:
        """Whether the picture is being computed: before torch is there, nothing is."""
        return self._session.computing and bool(self._session.torch_version)

    @property
    def busy(self) -> bool:
        """Whether anything is on its way."""
        return self._session.busy

    @property
    def doing(self) -> str:
        """What the session does."""
        return doing(self._session, self._pace)

    @property
    def showing(self) -> str:
        """What the session shows."""
        return shown(self._session)

    @property
    def name(self) -> str:
        """The experiment's title."""
        return self._session.experiment.title

    @property
    def preset(self) -> str:
        """The preset that the experiment still has the title of."""
        return preset_of(self._session.experiment)

    @property
    def watch(self) -> str:
        """What the preset shows, or that it was changed."""
        return what_to_watch(self._session.experiment)

    def ready(self) -> list[Ready]:
        """The presets."""
        presets = [(name, load_preset(name)) for name in preset_names()]
        return [Ready(name, experiment.title or name, experiment.watch) for name, experiment in presets]

    def enter(self) -> None:
        """Come to the front: with something to see."""
        super().enter()
        if self.waiting is not None:
            self.open(*self.waiting)

    def accepts(self, found: Found) -> bool:
        """Single experiments and recordings."""
        return True

    def open(self, name: str, found: Found) -> None:
        """Show an experiment from its beginning, or a saved run."""
        self.waiting = None
        self._session.open(found.experiment, recording=found.recording, starts=found.starts, name=name)

    def take_focus(self) -> None:
        """Give the keyboard to the landscape."""
        self.landscape.take_focus()

    def fit(self) -> None:
        """Show the whole landscape."""
        self.landscape.fit()

    def cancel(self) -> None:
        """Stop the run and what is found out about it."""
        self._session.cancel()

    def pin(self) -> None:
        """Make the run on show a column of the compare page."""
        self.pinned.emit()

    def close_down(self) -> None:
        """Stop the timers."""
        if self._browser is not None:
            self._browser.close_down()
        self._session.close()

    @Slot()
    def _on_recording(self) -> None:
        self.trace_pages.say("")

    @Slot()
    def _on_cut(self) -> None:
        cut = self._session.cut
        line = None if cut is None else (*cut.start, *cut.end)
        self.cut_pages.say("" if line is not None else _NO_LINE)
        if line != self._line:  # the same line over a changed landscape is no reason to turn the page
            self._line = line
            self.below.setCurrentWidget(self.trace_pages if line is None else self.cut_pages)
