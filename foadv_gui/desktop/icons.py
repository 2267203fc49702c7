"""Icons by what they mean, from one icon font."""

from __future__ import annotations

from typing import cast

import qtawesome
from PySide6.QtGui import QIcon

from foadv_gui.resources import resource

_GLYPHS = {
    "first": "mdi6.skip-backward",
    "back": "mdi6.step-backward",
    "play": "mdi6.play",
    "pause": "mdi6.pause",
    "forward": "mdi6.step-forward",
    "last": "mdi6.skip-forward",
    "loop": "mdi6.repeat",
    "undo": "mdi6.undo",
    "redo": "mdi6.redo",
    "theme": "mdi6.theme-light-dark",
    "help": "mdi6.help-circle-outline",
    "open": "mdi6.folder-open-outline",
    "save": "mdi6.content-save-outline",
    "export": "mdi6.export-variant",
    "cancel": "mdi6.stop-circle-outline",
    "fit": "mdi6.fit-to-page-outline",
    "line": "mdi6.vector-line",
    "more": "mdi6.fast-forward",
    "again": "mdi6.restart",
    "plus": "mdi6.plus",
    "add": "mdi6.table-column-plus-after",
    "remove": "mdi6.close",
    "larger": "mdi6.arrow-expand",
    "smaller": "mdi6.arrow-collapse",
    "warning": "mdi6.alert",
    "yes": "mdi6.check-circle",
    "no": "mdi6.close-circle",
    "unsure": "mdi6.help-circle",
    "note": "mdi6.information",
    "pin": "mdi6.pin-outline",
    "pinned": "mdi6.pin",
    "left": "mdi6.arrow-left",
    "explore": "mdi6.magnify-expand",
    "take": "mdi6.application-import",
    "one plane": "mdi6.link-variant",
    "one scale": "mdi6.palette-outline",
    "ghost": "mdi6.ghost-outline",
}


def icon(name: str, colour: str) -> QIcon:
    """The icon that means `name`, in a colour."""
    return cast("QIcon", qtawesome.icon(_GLYPHS[name], color=colour))


def application_icon() -> QIcon:
    """The program's own icon in all sizes."""
    found = QIcon()
    for path in sorted(resource("icons").glob("*.png")):
        found.addFile(str(path))
    return found
