"""Checks that a wheel works away from the checkout: ``uv run python packaging/check_wheel.py dist/foadv-*.whl``.

The wheel is unpacked into an empty folder and asked there for its resources and its presets.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

RESOURCES = Path(__file__).resolve().parents[1] / "resources"
INSIDE = "foadv_gui/_resources"


def resources_of_the_checkout() -> set[str]:
    return {
        path.relative_to(RESOURCES).as_posix()
        for path in RESOURCES.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def ask(unpacked: Path, *arguments: str) -> str:
    """What the unpacked package prints; its folder comes before the environment's own copy."""
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=unpacked, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed in the unpacked wheel:\n{done.stderr}")
    return done.stdout


def main() -> None:
    wheel = Path(sys.argv[1])
    wanted = resources_of_the_checkout()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        unpacked = Path(folder).resolve()
        archive.extractall(unpacked)
        missing = {name for name in wanted if not (unpacked / INSIDE / name).is_file()}
        if missing:
            raise SystemExit(f"{wheel.name} lacks {', '.join(sorted(missing))}")

        found = ask(unpacked, "-c", "from foadv_gui.resources import resource; print(resource('icons', 'foadv.svg'))")
        if not Path(found.strip()).resolve().is_relative_to(unpacked):
            raise SystemExit(f"the unpacked wheel takes its resources from elsewhere: {found.strip()}")

        listed = ask(unpacked, "-m", "foadv_gui", "presets")
        # A number in front of a file's name only sets the order.
        names = [re.sub(r"^\d+-", "", path.stem) for path in (RESOURCES / "presets").glob("*.toml")]
        unlisted = [name for name in names if name not in listed]
        if unlisted:
            raise SystemExit(f"`foadv presets` in the unpacked wheel does not list {', '.join(sorted(unlisted))}")
    print(f"{wheel.name}: {len(wanted)} resources, found and listed")


if __name__ == "__main__":
    main()
