"""The command line takes what somebody brings: an image, weights, a module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command_line import call, refused, strict
from PIL import Image

from foadv_gui.lab import modules

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ("--set", "ascent.steps=5", "--set", "ascent.restarts=2")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "ramp.png")
    return tmp_path / "ramp.png"


def told(*arguments: object) -> dict[str, Any]:
    result = call("run", *map(str, arguments), "--json", *QUICK)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = strict(result.stdout)
    return found


def test_who_names_a_file_wants_it(image: Path) -> None:
    assert told("one-hill", "--set", f"input.file={image}")["experiment"]["input"]["source"] == "file"
    assert (
        told("one-hill", "--set", f"input.file={image}", "--set", "input.source=digits")["experiment"]["input"][
            "source"
        ]
        == "digits"
    ), "unless the source is named, too"


def test_an_image_by_itself_is_attacked(image: Path) -> None:
    known = told(image)["experiment"]
    assert known["input"]["file"] == str(image)
    assert known["ascent"]["box"] == "pixels"
    result = call("run", str(image), *QUICK)
    assert result.stderr.strip() == "ramp.png is the input now"


def test_weights_by_themselves_are_attacked(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "net.npz", W1=generator.normal(size=(9, 5)), W2=generator.normal(size=(4, 9)))
    known = told(tmp_path / "net.npz", "--set", "input.label=2")
    assert (known["experiment"]["network"]["loss"], known["experiment"]["input"]["label"]) == ("cross-entropy", 2.0)
    assert "decision" in known["restarts"][0]


def test_the_right_class_goes_with_an_index_unless_it_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "net.npz", W1=rng.normal(size=(9, 64)), W2=rng.normal(size=(10, 9)))
    (tmp_path / "zero.toml").write_text(
        '[network]\nsource = "file"\nfile = "net.npz"\nloss = "cross-entropy"\n'
        '[input]\nsource = "digits"\nindex = 0\nlabel = 0\n'
    )
    followed = told(tmp_path / "zero.toml", "--set", "input.index=7")["experiment"]["input"]
    assert (followed["index"], followed["label"]) == (7, 7.0)
    named = told(tmp_path / "zero.toml", "--set", "input.index=7", "--set", "input.label=0")["experiment"]["input"]
    assert (named["index"], named["label"]) == (7, 0.0)


def test_a_module_is_made_by_a_function_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "_given", {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "brought.py").write_text(
        "import torch\n\ndef net():\n    torch.manual_seed(0)\n    return torch.nn.Linear(6, 3)\n"
    )
    line = ("one-hill", "--set", "network.dimension=6", "--set", "network.loss=cross-entropy", "--set", "input.label=0")
    known = told(*line, "--model", "brought:net", "-o", "run.npz")
    assert known["experiment"]["network"]["model"] == "brought:net"
    modules._given.clear()
    assert "give it by --model" in refused("run", "run.npz")
    assert call("run", "run.npz", "--model", "brought:net").exit_code == 0
    for wrong, why in (("brought:no", "no attribute"), ("brought", "module:factory"), ("no.such:f", "No module")):
        assert why in refused("run", "one-hill", "--model", wrong)
