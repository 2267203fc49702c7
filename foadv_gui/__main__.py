"""``python -m foadv_gui``, and the command ``foadv``."""

from __future__ import annotations

import sys
from multiprocessing import freeze_support

from foadv_gui.cli import app


def main() -> None:
    """Run the command line."""
    freeze_support()  # in a frozen bundle this is also how a process of a pool begins
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot show a Greek letter shows a question mark, and goes on.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    app(prog_name="foadv")


if __name__ == "__main__":
    main()
