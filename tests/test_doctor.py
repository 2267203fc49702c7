"""The doctor finds what an installation has, and names what it lacks."""

from __future__ import annotations

import sys

import pytest
from command_line import call

from foadv_gui.lab.presets import preset_names


def test_the_doctor_finds_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    done = call("doctor")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    for part in ("foadv", "Python", "torch", "PySide6", "numpy", "CPU", "Qt platform", "digits.npz", "presets"):
        (line,) = [line for line in lines if line.split()[1:2] == part.split()[:1] or f" {part} " in line[:20]]
        assert line.startswith("✓")
    assert "offscreen (QT_QPA_PLATFORM=offscreen)" in done.stdout
    assert f"{len(preset_names())} in " in done.stdout


def test_the_doctor_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from foadv_gui import doctor

    monkeypatch.setattr(doctor, "PARTS", ("numpy", "no_such_part"))
    monkeypatch.setattr(doctor, "_screen", lambda: ("Qt platform", "[bold]none[/bold]", True))
    assert doctor.examine() == 2
    out = capsys.readouterr().out
    assert "✗  no_such_part  cannot be imported" in " ".join(out.split("\n"))
    assert "[bold]none[/bold]" in out


@pytest.mark.parametrize(
    ("version", "well"), [("6.11.3", True), ("6.10.1", False), ("6.12.0", sys.version_info >= (3, 12))]
)
def test_the_doctor_knows_bad_versions_of_qt(version: str, well: bool) -> None:
    from foadv_gui.doctor import _qt_version

    assert _qt_version(version)[1] is well
