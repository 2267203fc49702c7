"""Running the benchmarks of a source checkout, one topic a process, and telling their rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = "row: "


def topics() -> dict[str, Path]:
    """The benchmarks by name: tests/benchmarks/bench_NAME.py; empty where there is no checkout."""
    folder = Path(__file__).resolve().parent.parent / "tests" / "benchmarks"
    return {path.stem.removeprefix("bench_"): path for path in sorted(folder.glob("bench_*.py"))}


def measure(script: Path) -> Iterator[dict[str, Any]]:
    """Run one topic and hand out its rows as they come; RuntimeError says why it ended early."""
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=script.parent
    )
    said = "it said nothing"
    with process:
        for line in process.stdout or ():
            if line.startswith(_MARK):
                yield json.loads(line.removeprefix(_MARK))
            elif line.strip():
                said = line.strip()
    if process.returncode != 0:
        raise RuntimeError(f"{script.name} ended early: {said}")
