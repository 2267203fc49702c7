"""The architecture, as facts: what may import what, how long a file may be, what may be committed."""

from __future__ import annotations

import ast
import json
import struct
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "foadv_gui"
FLOORS = ("core", "lab", "desktop")  # each may import itself and what stands before it
QT = ("PySide6", "shiboken6", "PyQt6", "PyQt5", "PySide2", "qtpy", "pyqtgraph", "superqt", "qtawesome", "pytestqt")
LONGEST_FILE = 400
FEWEST_PRESETS = 7

MODULES = sorted(PACKAGE.rglob("*.py"))
FLOOR_MODULES = [path for path in MODULES if path.relative_to(PACKAGE).parts[0] in FLOORS]
HEADLESS_MODULES = [path for path in FLOOR_MODULES if path.relative_to(PACKAGE).parts[0] != "desktop"]
WITHOUT_TORCH = (
    *("foadv_gui", "foadv_gui.cli", "foadv_gui.resources"),
    *(f"foadv_gui.lab.{name}" for name in ("config", "files", "inputs", "presets", "recording")),
    *(f"foadv_gui.lab.sweep.{name}" for name in ("reading", "study", "table")),
    *(f"foadv_gui.lab.training.{name}" for name in ("curves", "draft", "files", "reading", "ready")),
    "foadv_gui.desktop.main_window",
)
PRESETS = sorted((ROOT / "resources" / "presets").glob("*.toml"))


def imported(path: Path) -> set[str]:
    """The absolute names that a file imports, anywhere in it, also inside functions and under TYPE_CHECKING."""
    package = path.relative_to(ROOT).parent.parts
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names


def shipped_files() -> list[Path]:
    """Files that are committed, or would be by the next ``git add``."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def run_in_fresh_python(script: str, *arguments: str) -> None:
    """Run a script in an interpreter that has imported nothing yet."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", HEADLESS_MODULES, ids=name_of)
def test_core_and_lab_know_no_screen(path: Path) -> None:
    assert not {name for name in imported(path) if name.split(".")[0] in QT}


@pytest.mark.parametrize("path", FLOOR_MODULES, ids=name_of)
def test_imports_point_down_only(path: Path) -> None:
    own_floor = path.relative_to(PACKAGE).parts[0]
    above = tuple(f"foadv_gui.{floor}" for floor in FLOORS[FLOORS.index(own_floor) + 1 :])
    assert not {name for name in imported(path) if above and name.startswith(above)}


@pytest.mark.parametrize("path", [p for p in HEADLESS_MODULES if "core" in p.parts], ids=name_of)
def test_core_uses_nothing_of_the_package_but_core(path: Path) -> None:
    ours = {name for name in imported(path) if name.split(".")[0] == "foadv_gui"}
    assert all(name.startswith("foadv_gui.core.") for name in ours), ours


def test_the_window_and_the_help_do_not_wait_for_torch_and_core_and_lab_run_with_qt_blocked() -> None:
    script = """
import importlib, json, sys

class NoQt:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ImportError(f"{name} is blocked")

light, names, blocked = map(json.loads, sys.argv[1:])
for name in light:
    importlib.import_module(name)
    assert "torch" not in sys.modules, f"{name} imports torch"

# Once more from the start, without Qt; what has loaded it is kept, for Qt may not be unloaded.
kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in (*blocked, "foadv_gui")}
assert "PySide6.QtWidgets" in kept and "foadv_gui.lab.config" in kept
sys.meta_path.insert(0, NoQt())
for name in names:
    importlib.import_module(name)
from foadv_gui import Experiment, run
small = {"network": {"width": 8, "dimension": 3}, "ascent": {"steps": 4, "restarts": 2}}
recording = run(Experiment.model_validate(small))
assert recording.delta.shape[1:] == (2, 3), recording.delta.shape
recording.verdict()
"""
    headless = [dotted(path) for path in HEADLESS_MODULES]
    run_in_fresh_python(script, *map(json.dumps, (WITHOUT_TORCH, headless, QT)))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_is_one_idea(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_no_lock_file_is_committed() -> None:
    locks = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "package-lock.json", "conda-lock.yml")
    assert not [path for path in shipped_files() if path.name in locks]


def test_no_package_registry_is_named() -> None:
    # Joined here, since this file is read too.
    hosts = [
        ".".join(parts).encode()
        for parts in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("download", "pytorch", "org"),
            ("anaconda", "org"),
            ("deb", "debian", "org"),
            ("archive", "ubuntu", "com"),
            ("npmjs", "org"),
            ("crates", "io"),
        )
    ]
    naming = {name_of(path): host for path in shipped_files() for host in hosts if host in path.read_bytes()}
    assert not naming


def test_there_are_enough_presets() -> None:
    assert len(PRESETS) >= FEWEST_PRESETS


@pytest.mark.parametrize("path", PRESETS, ids=name_of)
def test_a_preset_says_its_title_and_what_to_watch(path: Path) -> None:
    preset = tomllib.loads(path.read_text(encoding="utf-8"))
    assert preset["title"].strip()
    assert preset["watch"].strip()


@pytest.mark.parametrize("size", [16, 32, 48, 128, 256])
def test_the_icon_is_there_in_the_size_its_name_says(size: int) -> None:
    header = (ROOT / "resources" / "icons" / f"foadv-{size}.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", header[16:24]) == (size, size)
