"""Python's cyclic garbage, collected when and where the window can bear it."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot

from foadv_gui.desktop.worker import torch_is_loaded

if TYPE_CHECKING:
    from foadv_gui.desktop.session import Session

_YOUNG_MS = 1000
_ALL_EACH = 60


class Collector(QObject):
    """Collects in the window's thread, in place of Python.

    Python collects in whichever thread allocates: on the compute thread that would destroy Qt's objects, which may
    only die in theirs. And with torch loaded one full collection stops every thread for an eighth of a second: what
    has been loaded stays to the end, and is set aside.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        gc.disable()
        self._session = session
        self._turn = 0
        self._aside = False
        self._timer = QTimer(self)
        self._timer.setInterval(_YOUNG_MS)
        self._timer.timeout.connect(self._collect)
        self._timer.start()

    @Slot()
    def _collect(self) -> None:
        if torch_is_loaded() and not self._aside:
            self._aside = True
            gc.freeze()
        self._turn += 1
        everything = self._turn >= _ALL_EACH and not self._session.busy
        gc.collect(2 if everything else 1)
        if everything:
            self._turn = 0
