"""The left side of the Sweep page: what varies, who computes it, where the rows go, and the button that starts it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.panels.card import card
from foadv_gui.desktop.panels.sweep_axes import AxesEditor
from foadv_gui.desktop.panels.sweep_run import RunCard
from foadv_gui.desktop.status import duration
from foadv_gui.desktop.theme import hover
from foadv_gui.lab.sweep.draft import summary_of

if TYPE_CHECKING:
    from foadv_gui.desktop.sweep_desk import SweepDesk
    from foadv_gui.desktop.theme import ThemeKeeper

_MOST_PROCESSES = 256
_KINDS = "Table (*.parquet);;Text (*.csv)"
_BASE = "What all points have in common: every setting that does not vary is as in this experiment."
_WHERE = (
    "This machine: one process for each core, so that the points do not wait for each other.",
    "Dask: the processes of a cluster, through its scheduler; foadv must be installed there in the same version.",
)
_OUTPUT = (
    "Where the rows go as they arrive, as a table: .parquet or .csv. Without a file they are kept until the window "
    "closes, and can be saved with Ctrl+S."
)
_RESUME = "Compute only what the file does not have yet, and what failed; without this, a file that exists is refused."


class SweepSetup(QWidget):
    """All that is chosen before a sweep starts; `exploreWanted` asks for the experiment of the Explore page."""

    exploreWanted = Signal()
    entered = Signal()
    """Enter was pressed in a field."""

    def __init__(self, desk: SweepDesk, theme: ThemeKeeper) -> None:
        super().__init__()
        self._desk, self._theme = desk, theme
        self.axes = AxesEditor(desk, theme)
        self.axes.entered.connect(self.entered)
        self.form = QWidget()
        self.form.setObjectName("form")
        cards = QVBoxLayout(self.form)
        cards.setContentsMargins(2, 2, 8, 2)
        cards.setSpacing(4)
        cards.addWidget(self._base_card())
        cards.addWidget(_titled("What varies", self.axes, self._total()))
        cards.addWidget(self._where_card())
        cards.addWidget(self._output_card())
        cards.addStretch(1)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(self.form)
        self.run = RunCard(desk, theme)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.area, 1)
        low = QVBoxLayout()
        low.setContentsMargins(2, 0, 8, 2)
        low.addWidget(self.run)
        column.addLayout(low)
        desk.planChanged.connect(self._show)
        desk.stateChanged.connect(self._show)
        desk.progressChanged.connect(self._show_total)
        theme.changed.connect(self._paint)
        self._paint()
        self._show()

    def sizeHint(self) -> QSize:
        """As wide as Explore's settings."""
        return QSize(310, 600)

    # -- building ------------------------------------------------------------------------------------------------

    def _base_card(self) -> QFrame:
        self.title = QElidingLabel()
        self.base = QLabel()
        self.base.setObjectName("faint")
        self.base.setWordWrap(True)
        self.base.setToolTip(hover(_BASE))
        self.from_explore = QPushButton("Take from Explore")
        self.from_explore.setToolTip(hover("Vary the experiment that the Explore page shows, as it is set there now"))
        self.from_explore.clicked.connect(self.exploreWanted)
        return _titled("Base experiment", self.title, self.base, self.from_explore)

    def _total(self) -> QWidget:
        self.total = QLabel()
        self.total.setObjectName("heading")
        self.total.setWordWrap(True)
        self.total.setToolTip(hover("Every value of each axis with every value of the others: an experiment each"))
        self.problem = QLabel()
        self.problem.setObjectName("refusal")
        self.problem.setWordWrap(True)
        both = QWidget()
        column = QVBoxLayout(both)
        column.setContentsMargins(0, 2, 0, 0)
        column.addWidget(self.total)
        column.addWidget(self.problem)
        return both

    def _where_card(self) -> QFrame:
        self.where = QComboBox()
        self.where.addItem("This machine", False)
        self.where.addItem("Dask cluster", True)
        self.where.setAccessibleName("Where to compute")
        self.where.setToolTip(hover(*_WHERE))
        self.where.activated.connect(self._on_where)
        self.processes = QSpinBox()
        self.processes.setRange(1, _MOST_PROCESSES)
        self.processes.setKeyboardTracking(False)
        self.processes.setAccessibleName("Processes")
        self.processes.setToolTip(
            hover("How many processes compute, each one point at a time: at best one for each core")
        )
        self.processes.valueChanged.connect(self._on_processes)
        self.address = QLineEdit()
        self.address.setPlaceholderText("tcp://host:8786")
        self.address.setAccessibleName("Address of the Dask scheduler")
        self.address.setToolTip(hover("The address that the scheduler printed when it began; it is tried at the start"))
        self.address.textEdited.connect(self._on_address)
        self.address.returnPressed.connect(self.entered)
        row = QHBoxLayout()
        row.addWidget(self.where, 1)
        row.addWidget(self.processes)
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.address)
        return _titled("Who computes", box)

    def _output_card(self) -> QFrame:
        self.output = QElidingLabel()
        self.output.setObjectName("faint")
        self.output.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.output.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.choose = QPushButton("Choose…")
        self.choose.setToolTip(hover(_OUTPUT))
        self.choose.clicked.connect(self._on_choose)
        self.forget = QToolButton()
        self.forget.setAutoRaise(True)
        self.forget.setToolTip(hover("No file: keep the rows until the window closes"))
        self.forget.setAccessibleName("No output file")
        self.forget.clicked.connect(self._on_forget)
        self.resume = QCheckBox("Resume: go on with what the file has")
        self.resume.setToolTip(hover(_RESUME))
        self.resume.toggled.connect(self._on_resume)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.choose, 1)
        row.addWidget(self.forget)
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.output)
        column.addLayout(row)
        column.addWidget(self.resume)
        return _titled("Output file", box)

    # -- showing -------------------------------------------------------------------------------------------------

    @Slot()
    def _paint(self) -> None:
        self.forget.setIcon(icon("remove", self._theme.theme.text))

    @Slot()
    def _show(self) -> None:
        plan, base = self._desk.plan, self._desk.draft.base
        self.title.setText(base.title)
        self.title.setToolTip(hover(base.title))
        self.title.setVisible(bool(base.title))
        self.base.setText(summary_of(base))
        with QSignalBlocker(self.where), QSignalBlocker(self.processes), QSignalBlocker(self.resume):
            self.where.setCurrentIndex(int(plan.cluster))
            self.processes.setValue(plan.processes)
            self.resume.setChecked(plan.resume)
        self.processes.setSuffix(" process" if plan.processes == 1 else " processes")
        self.processes.setVisible(not plan.cluster)
        self.address.setVisible(plan.cluster)
        if self.address.text().strip() != plan.address:
            self.address.setText(plan.address)
        self.output.setText(plan.output.name if plan.output else "None: kept until the window closes")
        self.output.setToolTip(hover(str(plan.output)) if plan.output else hover(_OUTPUT))
        self.forget.setVisible(plan.output is not None)
        self.resume.setVisible(plan.output is not None)
        idle = not self._desk.running
        self.form.setEnabled(idle)
        self._show_total()

    @Slot()
    def _show_total(self) -> None:
        desk = self._desk
        seconds = None if desk.running else desk.seconds
        self.total.setText(desk.draft.words + (f", about {duration(seconds)}" if seconds else ""))
        self.total.setVisible(bool(desk.draft.words))
        said = {f"⚠ {remark.words}" for remark in desk.draft.remarks if remark.wrong}
        self.problem.setText(f"⚠ {desk.draft.problem}")
        self.problem.setVisible(bool(desk.draft.problem) and not said)

    # -- choosing ------------------------------------------------------------------------------------------------

    @Slot(int)
    def _on_where(self, index: int) -> None:
        self._desk.edit("who computes", cluster=bool(self.where.itemData(index)))

    @Slot(int)
    def _on_processes(self, count: int) -> None:
        self._desk.edit("processes", live="processes", processes=count)

    @Slot(str)
    def _on_address(self, text: str) -> None:
        self._desk.edit("scheduler", live="address", address=text.strip())

    @Slot(bool)
    def _on_resume(self, on: bool) -> None:
        self._desk.edit("resume", resume=on)

    @Slot()
    def _on_choose(self) -> None:
        options = QFileDialog.Option.DontConfirmOverwrite  # a table that is there is never replaced, only gone on with
        path, _ = QFileDialog.getSaveFileName(self, "Output file", "sweep.parquet", _KINDS, options=options)
        if path:
            self.take_output(Path(path))

    def take_output(self, path: Path) -> None:
        """Use a file for the rows."""
        path = path if path.suffix.lower() in (".parquet", ".csv") else path.with_name(f"{path.name}.parquet")
        self._desk.edit("output file", output=path)

    @Slot()
    def _on_forget(self) -> None:
        self._desk.edit("no output file", output=None, resume=False)


def _titled(title: str, *parts: QWidget) -> QFrame:
    return card(*parts, title=title, margins=(8, 4, 8, 8))
