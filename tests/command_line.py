"""The command line, for tests: called in this process, or as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from typer.testing import CliRunner

from foadv_gui.cli import app


def call(*arguments: str) -> Any:
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(arguments))


def foadv(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    return subprocess.run([sys.executable, "-m", "foadv_gui", *arguments], capture_output=True, text=True, **more)


def refused(*arguments: str) -> str:
    """The one line with which a command is refused."""
    done = call(*arguments)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("foadv: ")
    assert "Traceback" not in line
    return str(line)


def strict(text: str) -> Any:
    """Parse JSON that has no NaN and no Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)
