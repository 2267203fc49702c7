"""What the command line refuses, and in which words: one line that says what and how to mend it, and status 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import call, foadv, refused

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("command", ["run", "render", "open"])
@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("one-hil", "did you mean one-hill?"),
        ("/none/at/all.toml", "/none/at/all.toml: cannot be read: No such file"),
        ("/none/at/all", "/none/at/all: there is no such file"),
        ("none.npz", "none.npz: "),
    ],
)
def test_what_is_not_there_is_named(command: str, target: str, words: str, tmp_path: Path) -> None:
    picture = ("-o", str(tmp_path / "a.png")) if command == "render" else ()
    assert words in refused(command, target, *picture)


@pytest.mark.parametrize("command", ["run", "render"])
def test_a_comparison_is_several_runs_to_be_looked_at(command: str, tmp_path: Path) -> None:
    picture = ("-o", str(tmp_path / "a.png")) if command == "render" else ()
    assert "look at it with foadv open scales" in refused(command, "scales", *picture)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.toml", b"[input]\nscale = -1\n", "input.scale = -1: must be a number between 0.0001 and 10000"),
        ("a.toml", b"[input]\nscal = 1\n", "input.scal: there is no such setting; did you mean input.scale?"),
        ("a.toml", b"[input\n", "is not valid TOML"),
        ("a.toml", b"\xff\xfe", "is not a text file in UTF-8"),
        ("a.npz", b"junk", "is not an undamaged .npz archive"),
        ("a.npz", b"", "a.npz: "),
        ("a.toml", b"[input]\nsource = 'file'\nfile = 'gone.npy'\n", "gone.npy"),
        ("a.toml", b"[network]\nsource = 'file'\nfile = 'gone.npz'\n", "gone.npz"),
    ],
)
def test_an_unreadable_file_is_refused_by_name(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    line = refused("run", str(tmp_path / name))
    assert words in line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("input.scale=-1", "input.scale = -1: must be a number between 0.0001 and 10000"),
        ("input.scale=much", "input.scale = 'much': must be a number between"),
        ("input.scale=nan", "input.scale = nan: must be a number"),
        ("input.scal=1", "input.scal: there is no such setting; did you mean input.scale?"),
        ("scale=1", "did you mean input.scale?"),
        ("ascent.steps=1.5", "ascent.steps = 1.5: must be a whole number between 1 and 100000"),
        ("network.activation=tahn", "did you mean tanh?"),
        ("ascent.box=[1, 0]", "must have its lower end below its upper end"),
        ("ascent.box=[0, 0.001]", "must contain the clean input"),
        ("network.width=60000", "network.width = 60000"),
        ("input.scale", "--set input.scale: must be KEY=VALUE, as in --set input.scale=0.1"),
        ("=1", "must be KEY=VALUE"),
        ("", "must be KEY=VALUE"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_what_can(change: str, words: str) -> None:
    changes = ("--set", change)
    if change == "network.width=60000":
        changes += ("--set", "compute.memory_mib=64", "--set", "network.dimension=1000")
    assert words in refused("run", "one-hill", *changes)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("frobnicate",), "No such command 'frobnicate'; see foadv --help"),
        (("run",), "Missing argument 'FILE|PRESET'; see foadv run --help"),
        (("run", "one-hill", "--jason"), "see foadv run --help"),
        (("render", "one-hill"), "see foadv render --help"),
        (("render", "one-hill", "-o", "a.gif"), "a.gif: the name must end in .png or .svg"),
        (("render", "one-hill", "-o", "/none/a.png"), "there is no folder /none; make it first"),
        (("render", "one-hill", "-o", "a.png", "--size", "big"), "must be WIDTHxHEIGHT in pixels"),
        (("render", "one-hill", "-o", "a.png", "--size", "1x1"), "each from 320 to 8192"),
        (("render", "one-hill", "-o", "a.png", "--size", "99999x99999"), "each from 320 to 8192"),
        (("render", "one-hill", "-o", "a.png", "--theme", "blue"), "theme"),
        (("run", "one-hill", "-o", "a.txt"), "a.txt: the name must end in .npz"),
        (("run", "one-hill", "-o", "/none/a.npz"), "there is no folder /none"),
        (("open", "one-hill", "--at", "3"), "add --screenshot FILE"),
        (("open", "one-hill", "--screenshot", "a.bmp"), "must end in .png"),
        (("open", "one-hill", "--screenshot", "a.png", "--size", "3"), "must be WIDTHxHEIGHT"),
        (("open", "one-hill", "--at", "-3", "--screenshot", "a.png"), "'--at'"),
    ],
)
def test_a_mistake_on_the_line_is_told_in_one(arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(*arguments)


def test_a_folder_cannot_be_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.npz").mkdir()
    assert "is a folder" in refused("run", "one-hill", "-o", str(tmp_path / "a.npz"))


def test_an_unexpected_error_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the first line\nand the second")

    monkeypatch.setattr("foadv_gui.lab.experiment.prepare", broken)
    line = refused("run", "one-hill")
    assert line == (
        "foadv: unexpected RuntimeError: the first line and the second; run it again with --debug for the details"
    )


@pytest.mark.parametrize("error", [MemoryError(), ImportError("no libEGL"), OSError(28, "No space left", "/a.npz")])
def test_known_trouble_says_what_to_do(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("foadv_gui.lab.experiment.prepare", broken)
    line = refused("run", "one-hill")
    assert "unexpected" not in line
    assert {MemoryError: "make network.width", ImportError: "foadv doctor", OSError: "/a.npz: No space left"}[
        type(error)
    ] in line


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_shows_the_traceback_wherever_it_is_written(place: int) -> None:
    arguments = ["run", "nothing"]
    arguments.insert(place, "--debug")
    done = call(*arguments)
    assert type(done.exception).__name__ == "ExperimentError"


def test_a_screenshot_of_what_cannot_be_shown_is_refused_by_name(tmp_path: Path) -> None:
    damaged, picture = tmp_path / "a.npz", tmp_path / "a.png"
    damaged.write_bytes(b"PK junk")
    assert f"{damaged}: " in refused("open", str(damaged), "--screenshot", str(picture))
    assert not picture.exists()


def test_a_user_sees_one_line_and_status_two() -> None:
    done = foadv("run", "nothing")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("foadv: nothing: ")
