"""The Train workspace: networks that are trained side by side, their curves, and what each epoch looks like."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from foadv_gui.desktop.frame_turns import FrameTurns
from foadv_gui.desktop.panels.diverged_bar import DivergedBar
from foadv_gui.desktop.panels.epoch_row import EpochRow
from foadv_gui.desktop.panels.invite import Invite, Offer
from foadv_gui.desktop.panels.playback import EPOCHS, PlaybackBar
from foadv_gui.desktop.panels.said import Said
from foadv_gui.desktop.panels.train_plots import TrainPlots
from foadv_gui.desktop.panels.train_run import progress_words
from foadv_gui.desktop.panels.train_setup import TrainSetup
from foadv_gui.desktop.player import Player
from foadv_gui.desktop.playhead import EpochPlayhead
from foadv_gui.desktop.replacing import Replacing
from foadv_gui.desktop.theme import hover
from foadv_gui.desktop.training_desk import State, TrainingDesk
from foadv_gui.desktop.training_saving import KINDS, TrainingSaving
from foadv_gui.desktop.workspaces.workspace import Ready, Workspace
from foadv_gui.lab.summary import counted
from foadv_gui.lab.training.draft import TrainingDraft
from foadv_gui.lab.training.ready import load_training, training_names

if TYPE_CHECKING:
    from pathlib import Path

    from foadv_gui.desktop.actions import Actions
    from foadv_gui.desktop.filing import Filing
    from foadv_gui.desktop.rendering import Rendering
    from foadv_gui.desktop.session import Session
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.lab.documents import Found
    from foadv_gui.lab.training.plan import Training

_PLAYED_SECONDS = 6.0
"""How long all epochs take at 1x."""


class TrainWorkspace(Workspace):
    """Arranges the panels, and passes on what concerns the window."""

    title = "Train"
    help = "Adversarial training at several input scales side by side: watch how it begins, epoch by epoch"
    step = "epoch"

    exploreWanted = Signal(object)
    """A choice to open in Explore: the network of an epoch, attacked at one of its points."""

    def __init__(
        self, session: Session, theme: ThemeKeeper, filing: Filing, rendering: Rendering, actions: Actions
    ) -> None:
        self.desk = TrainingDesk(_first_plan(session))
        self.playhead = EpochPlayhead(self.desk, self.desk)
        super().__init__(Player(self.playhead, self.desk, seconds=_PLAYED_SECONDS), self.desk.undo_stack)
        self.desk.setParent(self)
        self._session, self.theme, self._actions = session, theme, actions
        self._built = False
        self._saving = TrainingSaving(self.desk, theme, filing, rendering)
        self._saving.refused.connect(self.warned)
        self._saving.told.connect(self.told)
        self._to_play: int | None = None
        """The epoch from which a training is to be played that has ended while another page was in front."""
        for told in (self.desk.planChanged, self.desk.stateChanged):
            told.connect(self.titleChanged)
        for told in (self.desk.stateChanged, self.desk.recordChanged):
            told.connect(self.statusChanged)
        self._replacing = Replacing(self, self.desk)
        self.desk.failed.connect(self.failed)
        self.desk.finished.connect(self._on_finished)

    def _build(self) -> None:
        """Make the panels when somebody first looks: half a second that a launch does without."""
        if self._built:
            return
        self._built = True
        desk, theme, player = self.desk, self.theme, self.player
        assert player is not None
        self.setup = TrainSetup(desk, theme)
        self.invite = _invite(theme)
        self._turns = FrameTurns(self)
        self.plots = TrainPlots(desk, player, theme, self._turns)
        self.diverged = DivergedBar(desk, theme)
        self.epochs = EpochRow(desk, player, theme, self._turns)
        self.playback = PlaybackBar(self.playhead, player, self._actions, theme, EPOCHS)
        self.said = Said(hover("What the epochs so far say, read off the curves"))
        top = QWidget()
        upper = QVBoxLayout(top)
        upper.setContentsMargins(0, 0, 0, 0)
        upper.setSpacing(4)
        upper.addWidget(self.diverged)
        upper.addWidget(self.plots, 1)
        upper.addWidget(self.said)
        self.rows = QSplitter(Qt.Orientation.Vertical)
        self.rows.addWidget(top)
        self.rows.addWidget(self.epochs)
        self.rows.setSizes([290, 330])
        self.rows.setStretchFactor(0, 1)
        self.rows.setStretchFactor(1, 1)
        self.rows.setChildrenCollapsible(False)
        self.rows.setHandleWidth(6)
        results = QWidget()
        column = QVBoxLayout(results)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.rows, 1)
        column.addWidget(self.playback)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.invite)
        self.pages.addWidget(results)
        self.columns = QSplitter(Qt.Orientation.Horizontal)
        self.columns.addWidget(self.setup)
        self.columns.addWidget(self.pages)
        self.columns.setSizes([310, 950])
        self.columns.setStretchFactor(0, 0)
        self.columns.setStretchFactor(1, 1)
        self.columns.setChildrenCollapsible(False)
        self.columns.setHandleWidth(6)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(6, 0, 6, 4)
        whole.addWidget(self.columns)
        self.setup.exploreWanted.connect(self._take_from_explore)
        self.setup.entered.connect(self._on_entered)
        self.setup.run.startWanted.connect(self.start)
        self.invite.chosen.connect(self._on_ready)
        self.diverged.againWanted.connect(self._train_again)
        self.epochs.exploreWanted.connect(self.exploreWanted)
        self.epochs.failed.connect(self.failed)
        self.epochs.told.connect(self.told)
        for told in (desk.stateChanged, desk.recordChanged, desk.picturesChanged):
            told.connect(self._show)
        self._show()

    # -- what the window asks ------------------------------------------------------------------------------------

    @property
    def computing(self) -> bool:
        """Whether something is being trained."""
        return self.desk.running and not self.desk.stopping

    @property
    def busy(self) -> bool:
        """Whether epochs or pictures are on their way."""
        return self.desk.busy or (self._built and (self.plots.busy or self.epochs.busy))

    @property
    def doing(self) -> str:
        """How far the training is."""
        if self.desk.stopping:
            return "Stopping after this epoch"
        return f"Training: {progress_words(self.desk).lower()}" if self.desk.running else "Ready"

    @property
    def showing(self) -> str:
        """What is on show, on which data, and where it is kept."""
        record = self.desk.record
        if record is None:
            return ""
        where = self.desk.source or ("" if self.desk.saved else "not saved")
        data = record.data[0].label if record.data else ""
        parts = (counted(len(record.tracks), "network"), data, record.training.base.compute.dtype, where)
        return "   ".join(part for part in parts if part) + " "

    @property
    def name(self) -> str:
        """The training's title."""
        return self.desk.plan.base.title

    @property
    def preset(self) -> str:
        """The ready training that is set up, unchanged but for its epochs."""
        planned = self.desk.plan.training
        if planned is None or not self.name:
            return ""
        same = (name for name, ready in _ready_trainings().items() if ready.title == planned.title)
        return next((name for name in same if _ready_trainings()[name].identity == planned.identity), "")

    @property
    def watch(self) -> str:
        """What to look at in a ready training, or what the page is for."""
        return self.desk.plan.base.watch if self.preset else self.help

    @property
    def unsaved(self) -> str:
        """The epochs that are in no file that somebody chose."""
        record = self.desk.record
        if record is None or self.desk.saved or not self.desk.steps:
            return ""
        return f"{counted(self.desk.steps, 'epoch')} of training"

    def ready(self) -> list[Ready]:
        """The ready trainings."""
        found = _ready_trainings().items()
        return [Ready(name, f"Training: {one.title or name}", one.watch) for name, one in found]

    def accepts(self, found: Found) -> bool:
        """Trainings and their records."""
        return found.training is not None

    def open(self, name: str, found: Found) -> None:
        """Set a training up, and show what there is of it."""
        assert found.training is not None
        if self.desk.running:
            self.warned.emit("This cannot be opened", f"{name}: a training is running; pause or cancel it first (Esc)")
            return
        source = name if found.trained is not None else ""
        self._replacing.ask(partial(self.desk.open, found.training, found.trained, source))

    def enter(self) -> None:
        """Come to the front."""
        self._build()
        super().enter()
        if self._to_play is not None:
            self._on_finished(self._to_play)

    def take_focus(self) -> None:
        """Give the keyboard to the button that starts."""
        self.setup.run.button.setFocus(Qt.FocusReason.OtherFocusReason)

    def fit(self) -> None:
        """Show the whole of all landscapes again."""
        self.epochs.fit()

    def cancel(self) -> None:
        """Stop after the present epoch; nothing is lost, and the next start goes on."""
        self.desk.pause()

    def close_down(self) -> None:
        """Stop the training and all threads, and wait for them."""
        self.desk.close()
        if self._built:
            self._turns.close()
            self.epochs.close_down()

    # -- starting ------------------------------------------------------------------------------------------------

    @Slot()
    def start(self) -> None:
        """Start the training, or go on with it."""
        if self.desk.resumable:
            self.desk.start()
        else:
            self._replacing.ask(self.desk.start)

    @Slot()
    def _train_again(self) -> None:
        self._replacing.ask(self.desk.train_again)

    @Slot()
    def _on_entered(self) -> None:
        if self.desk.plan.training is not None:
            self.take_focus()

    @Slot()
    def _take_from_explore(self) -> None:
        base = self._session.experiment
        self.desk.edit("base experiment", self.desk.plan.on(base))
        if base.ascent.constraint == "l2-sphere" or base.ascent.box is not None:
            self.told.emit("Points are trained on in a ball around them, without a box: the constraint was changed")

    @Slot(str, bool)
    def _on_ready(self, name: str, at_once: bool) -> None:
        self.desk.open(load_training(name))
        if at_once:
            self.desk.start()
        self.take_focus()

    @Slot(int)
    def _on_finished(self, first: int) -> None:
        """Play a training that has ended once, unless somebody looks at something else than its last epoch."""
        player, desk = self.player, self.desk
        assert player is not None
        self._to_play = None
        looking = self.plots.underMouse() or self.epochs.underMouse()
        if player.playing or looking or desk.running or desk.steps == first or desk.position < desk.steps:
            return
        if self.isVisible():
            player.play_once(first)
        else:
            self._to_play = first

    # -- what comes back -----------------------------------------------------------------------------------------

    @Slot()
    def _show(self) -> None:
        desk = self.desk
        empty = desk.state is State.EMPTY
        if self.pages.currentIndex() != int(not empty):
            self.pages.setCurrentIndex(int(not empty))
        shown = desk.pictures
        if shown is not None and shown.sentence:
            self.said.say(shown.sentence)
        elif desk.state is State.FAILED:
            self.said.say(f"The training did not start: {desk.trouble}")
        else:
            self.said.say("The first epochs are on their way." if desk.running else "Nothing has been trained.")

    # -- saving --------------------------------------------------------------------------------------------------

    def ask_save(self) -> None:
        """Choose a file for the training as far as it has come, an animation or a figure of it, or its settings."""
        path = self.ask_where("training.npz", KINDS)
        if path:
            self.save_to(path)

    def save_to(self, path: Path) -> None:
        """Save by the file's ending: the record, an animation or a figure of it, or the training without it."""
        self._saving.save(path)


def _invite(theme: ThemeKeeper) -> Invite:
    return Invite(
        "Watch training begin",
        "Adversarial training takes turns: an adversary moves every point to where the loss is highest nearby, then "
        "the weights step to lower the loss there. See how the first epochs go at several input scales at once, and "
        "how the landscape around each point changes with them.",
        [
            Offer(name, training.title, training.watch, TrainingDraft.of(training).words)
            for name, training in _ready_trainings().items()
        ],
        verb="Train",
        takes="less than a minute",
        others="Or take one of these, look at its settings on the left, and press Start:",
        theme=theme,
    )


@cache
def _ready_trainings() -> dict[str, Training]:
    """The trainings that come with the program by name, read once."""
    return {name: load_training(name) for name in training_names()}


def _first_plan(session: Session) -> TrainingDraft:
    """What is set up before anybody chose: the first ready training."""
    ready = next(iter(_ready_trainings().values()), None)
    return TrainingDraft(session.experiment) if ready is None else TrainingDraft.of(ready)
