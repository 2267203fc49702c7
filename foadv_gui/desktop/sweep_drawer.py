"""Drawing the pictures of a sweep beside the window, as its rows come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foadv_gui.desktop.drawer import Drawer

if TYPE_CHECKING:
    import polars
    from PySide6.QtCore import QObject

    from foadv_gui.desktop.drawer import Mailbox
    from foadv_gui.lab.sweep.columns import Row
    from foadv_gui.lab.sweep.grid import Sweep
    from foadv_gui.lab.sweep.overview import Look
    from foadv_gui.lab.sweep.table import SweepTable


class SweepDrawer(Drawer):
    """Makes pictures of a table that grows."""

    def __init__(self, mail: Mailbox, parent: QObject | None = None) -> None:
        super().__init__(mail, parent)
        self._sweep: Sweep | None = None
        self._table: SweepTable | None = None
        self._fresh: list[polars.DataFrame] = []
        self._look: Look | None = None

    def begin(self, sweep: Sweep) -> None:
        """Forget what there was: rows of another sweep follow."""
        with self._condition:
            self._sweep, self._table, self._fresh = sweep, None, []

    def add(self, rows: list[Row]) -> None:
        """Some more rows have been computed; called on the sweep's thread, which makes columns of them."""
        from polars import DataFrame

        from foadv_gui.lab.sweep.table import schema

        assert self._sweep is not None
        frame = DataFrame(rows, schema=schema(self._sweep.axes))
        with self._condition:
            self._fresh.append(frame)
            self._wake()

    def show(self, table: SweepTable) -> None:
        """Draw this table, in place of what was added before."""
        with self._condition:
            self._sweep, self._table, self._fresh = table.sweep, table, []
            self._wake()

    def look(self, look: Look) -> None:
        """Draw what somebody wants to see."""
        with self._condition:
            self._look = look
            self._wake(at_once=True)

    def _prepare(self) -> None:
        import foadv_gui.lab.sweep.overview  # noqa: F401 - with polars, before the first picture is timed

    def _draw(self) -> None:
        with self._condition:
            sweep, before, fresh, look = self._sweep, self._table, self._fresh, self._look
            self._fresh = []
        if sweep is None or look is None:
            return
        from polars import DataFrame, concat

        from foadv_gui.lab.sweep.overview import overview
        from foadv_gui.lab.sweep.table import SweepTable, schema

        table = before
        if fresh or table is None:  # of a point that was computed again the latest row holds
            known = [] if before is None else [before.frame]
            table = SweepTable.of(sweep, concat([DataFrame(schema=schema(sweep.axes)), *known, *fresh]))
        with self._condition:
            if self._table is not before or self._sweep is not sweep:
                return  # something else is shown by now
            self._table = table
        self._mail.post(overview(table, look))
