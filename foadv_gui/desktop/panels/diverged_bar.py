"""Why a training diverged, and the smaller learning rate with which it can be done again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy

from foadv_gui.desktop.icons import icon
from foadv_gui.desktop.theme import hover

if TYPE_CHECKING:
    from foadv_gui.desktop.theme import ThemeKeeper
    from foadv_gui.desktop.training_desk import TrainingDesk

_ICON_PX = 18
_HOVER = (
    "Gradient descent diverges where its rate is above 2/s, with s the sharpness: the largest curvature of the mean "
    "loss over all weights. The rate that is offered is at most 1/s of the untrained network."
)


class DivergedBar(QFrame):
    """On show while some network of the record on show has diverged."""

    againWanted = Signal()
    """It is to be trained again at the rate that is offered."""

    def __init__(self, desk: TrainingDesk, theme: ThemeKeeper) -> None:
        super().__init__()
        self.setObjectName("card")
        self._desk, self._theme = desk, theme
        self.sign = QLabel()
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button = QPushButton()
        self.button.clicked.connect(self.againWanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 8, 4)
        row.addWidget(self.sign)
        row.addWidget(self.words, 1)
        row.addWidget(self.button)
        for told in (desk.picturesChanged, desk.stateChanged, theme.changed):
            told.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        shown, theme = self._desk.pictures, self._theme.theme
        why = "" if shown is None else shown.why
        self.setVisible(bool(why))
        self.sign.setPixmap(icon("warning", theme.unsure).pixmap(QSize(_ICON_PX, _ICON_PX)))
        self.words.setText(why)
        rate = None if shown is None else shown.remedy
        self.button.setVisible(rate is not None)
        self.button.setEnabled(not self._desk.running)
        self.button.setIcon(icon("again", theme.text))
        if rate is not None:
            self.button.setText(f"Train again with c = {rate:g}")
            wait = "Pause or cancel the training first." if self._desk.running else ""
            self.button.setToolTip(hover(_HOVER, wait))
