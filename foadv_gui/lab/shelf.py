"""A folder of files that come with the program, and which of them is meant by a name."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foadv_gui.lab.config import ExperimentError
from foadv_gui.resources import resource

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Shelf:
    """The TOML files of a `folder` of resources, each a `kind` of thing.

    A number in front of a file's name ("10-one-hill.toml") only sets the order.
    """

    folder: str
    kind: str

    @property
    def files(self) -> dict[str, Path]:
        """The files by name, in the order in which they should be shown."""
        found = sorted(resource(self.folder).glob("*.toml"))
        return {re.sub(r"^\d+-", "", file.stem): file for file in found}

    def file(self, name: str) -> Path:
        """The file of a name; `ExperimentError` names the nearest one if there is none of that name."""
        files = self.files
        if name in files:
            return files[name]
        close = difflib.get_close_matches(name, files, n=1, cutoff=0.0)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ExperimentError("", f"there is no {self.kind} of that name{hint}", source=name)
