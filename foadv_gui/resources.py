"""Where the files that come with the program are: in a checkout, a wheel and a frozen bundle."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path


@cache
def _root() -> Path:
    package = Path(__file__).resolve().parent
    bundle = getattr(sys, "_MEIPASS", None)
    places = [package / "_resources", package.parent / "resources"]
    if bundle is not None:
        places = [Path(bundle) / "resources", Path(bundle) / "foadv_gui" / "_resources", *places]
    return next((place for place in places if place.is_dir()), places[-1])


def resource(*parts: str) -> Path:
    """Return the path of a file or folder that comes with the program: ``resource("data", "digits.npz")``."""
    return _root().joinpath(*parts)
