"""What this installation consists of and finds: versions, devices, screen, resources."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import subprocess
import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

PARTS = (
    *("numpy", "scipy", "torch", "threadpoolctl", "pydantic"),
    *("matplotlib", "contourpy", "safetensors", "PySide6", "pyqtgraph"),
)
_ASK_QT = "from PySide6.QtGui import QGuiApplication as A; a = A([]); print(a.platformName())"
_BAD_QT = {"6.8.0": "pyqtgraph", "6.9.1": "pyqtgraph", "6.9.2": "pyqtgraph", "6.10.1": "signals"}

Row = tuple[str, str, bool]
"""What it is, what was found, and whether that is well."""


def examine() -> int:
    """Print the findings as a table; returns 0 if everything that is needed is there, else 2."""
    rows = [*_program(), *_parts(), *_devices(), _screen(), *_resources()]
    terminal = sys.stdout.isatty()
    console = Console(highlight=False, width=None if terminal else 1000)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, found, well in rows:
        table.add_row("✓" if well else "✗", name, escape(found))
    console.print(table)
    return 0 if all(well for _, _, well in rows) else 2


def _program() -> list[Row]:
    from foadv_gui import __version__

    python = f"{platform.python_version()} at {sys.executable}"
    return [
        ("foadv", __version__, True),
        ("Python", python, sys.version_info >= (3, 11)),
        ("system", platform.platform(), True),
    ]


def _parts() -> list[Row]:
    rows = []
    for name in PARTS:
        try:
            version = str(getattr(importlib.import_module(name), "__version__", "")) or importlib.metadata.version(name)
        except Exception as error:
            # A damaged package can raise anything at all.
            rows.append((name, f"cannot be imported: {_line(error)}", False))
            continue
        rows.append((name, version, True) if name != "PySide6" else (name, *_qt_version(version)))
    return rows


def _qt_version(version: str) -> tuple[str, bool]:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if version in _BAD_QT:
        return f"{version}: known to break {_BAD_QT[version]}; install 6.11", False
    if numbers >= (6, 12) and sys.version_info < (3, 12):
        return f"{version}: aborts on Python 3.11; install a version below 6.12", False
    return version, True


def _devices() -> list[Row]:
    try:
        import torch
    except Exception as error:
        return [("devices", f"unknown: {_line(error)}", False)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows = [("CPU", f"{cores} cores", True)]
    if torch.cuda.is_available():
        rows += [(f"CUDA {i}", torch.cuda.get_device_name(i), True) for i in range(torch.cuda.device_count())]
    elif torch.version.cuda:
        rows.append(("CUDA", f"torch is built for CUDA {torch.version.cuda}, but there is no such device", True))
    if torch.backends.mps.is_available():
        rows.append(("MPS", "Apple GPU (float32 only)", True))
    return rows


def _screen() -> Row:
    """Ask Qt in a process of its own, since it aborts where there is no screen."""
    chosen = os.environ.get("QT_QPA_PLATFORM")
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    asked = f"QT_QPA_PLATFORM={chosen}" if chosen else f"display {display}" if display else "no display is set"
    if getattr(sys, "frozen", False):
        return "Qt platform", asked, True
    try:
        done = subprocess.run([sys.executable, "-c", _ASK_QT], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "Qt platform", f"{asked}; {_line(error)}", False
    if done.returncode == 0:
        return "Qt platform", f"{done.stdout.strip()} ({asked})", True
    complaint = next((line for line in done.stderr.splitlines() if line.strip()), "Qt does not start")
    # Without a screen there is no window, and nothing is wrong: run and render need none.
    return "Qt platform", f"none ({asked}): {complaint.strip()}", not (chosen or display)


def _resources() -> list[Row]:
    from foadv_gui.lab.presets import preset_names
    from foadv_gui.resources import resource

    rows = []
    for parts in (("data", "digits.npz"), ("icons", "foadv.svg")):
        path = resource(*parts)
        rows.append((parts[-1], str(path) if path.is_file() else f"missing: {path}", path.is_file()))
    names = preset_names()
    rows.append(("presets", f"{len(names)} in {resource('presets')}", bool(names)))
    return rows


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
