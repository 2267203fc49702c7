"""An experiment is a value that survives a file; what cannot be is refused with its name and what is valid."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from foadv_gui.lab.config import SECTIONS, SETTINGS, Experiment, ExperimentError, Setting, memory_problem, setting

PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def values(entry: Setting) -> st.SearchStrategy[Any]:
    """Every value that a setting accepts on its own."""
    if entry.kind == "choice":
        return st.sampled_from(entry.choices)
    if entry.kind == "bool":
        return st.booleans()
    if entry.kind == "int":
        return st.integers(int(entry.low or 0), int(entry.high or 0))
    if entry.kind == "float":
        return st.floats(entry.low, entry.high)
    if entry.kind == "box":
        pair = st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
        return st.none() | st.just("pixels") | pair.filter(lambda box: box[0] < box[1])
    if entry.kind == "size":
        return st.none() | st.tuples(st.integers(1, 4096), st.integers(1, 4096))
    if entry.kind == "names":
        return st.none() | st.lists(PLAIN_TEXT.filter(bool), min_size=1, max_size=4).map(tuple)
    assert entry.kind in ("path", "text")
    return st.none() | PLAIN_TEXT.filter(bool)


@given(data=st.data(), title=PLAIN_TEXT, watch=PLAIN_TEXT)
def test_an_experiment_survives_toml_and_json(data: st.DataObject, title: str, watch: str) -> None:
    tables: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    for entry in data.draw(st.lists(st.sampled_from(SETTINGS), unique_by=lambda entry: entry.key)):
        tables[entry.section][entry.name] = data.draw(values(entry), label=entry.key)
    try:
        experiment = Experiment.model_validate({"title": title, "watch": watch, **tables})
    except ExperimentError:
        assume(False)
    assert Experiment.from_toml_text(experiment.to_toml()) == experiment
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment


def test_the_defaults_are_a_possible_experiment_that_is_hashable_and_frozen() -> None:
    experiment = Experiment()
    assert hash(experiment) == hash(Experiment.from_toml_text(""))
    with pytest.raises(ValidationError):
        experiment.input.scale = 2.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("input.scal", "input.scale"),
        ("network.widht", "network.width"),
        ("ascent.tolerence", "ascent.tolerance"),
        ("compute.memory", "compute.memory_mib"),
        ("network.rho", "network.source"),
        ("ascent.label", "input.label"),
        ("scale", "input.scale"),
        ("inputs", "input"),
        ("titel", "title"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(written: str, meant: str) -> None:
    section, _, name = written.rpartition(".")
    text = f"[{section}]\n{name} = 1\n" if section else f"{name} = 1\n"
    with pytest.raises(ExperimentError) as caught:
        Experiment.from_toml_text(text, "mine.toml")
    assert caught.value.key == written
    assert str(caught.value).startswith(f"mine.toml: {written}: ")
    if written != "network.rho":  # nothing is like it; any name will do
        assert f"did you mean {meant}?" in str(caught.value)


@pytest.mark.parametrize("key", ["input.scal", "", "input.scale.x", "scale"])
def test_get_and_replace_refuse_an_unknown_key(key: str) -> None:
    with pytest.raises(ExperimentError, match="did you mean"):
        Experiment().get(key)
    with pytest.raises(ExperimentError, match="did you mean"):
        Experiment().replace(key, 1)


@pytest.mark.parametrize(("key", "first"), [("view", "view.plane"), ("input", "input.source")])
def test_a_section_is_no_setting(key: str, first: str) -> None:
    with pytest.raises(ExperimentError, match=f"is a section: name one of its settings, as {first}"):
        Experiment().get(key)
    with pytest.raises(ExperimentError, match="is a section"):
        Experiment().replace(key, 1)


@pytest.mark.parametrize(
    ("key", "value", "valid"),
    [
        ("input.scale", -1, "a number between 0.0001 and 10000"),
        ("input.scale", float("nan"), "a number between 0.0001 and 10000"),
        ("input.scale", float("inf"), "a number between 0.0001 and 10000"),
        ("input.scale", True, "a number between"),
        ("input.scale", "big", "a number between"),
        ("network.width", 1.5, "a whole number between 1 and 65536"),
        ("network.width", 0, "a whole number between 1 and 65536"),
        ("network.activation", "tahn", "did you mean tanh"),
        ("ascent.box", [1.0], "two numbers [lo, hi]"),
        ("ascent.box", [0.0, float("nan")], "two numbers [lo, hi]"),
        ("view.contours", "perhaps", "true or false"),
        ("network.file", 3, "the name of a file"),
        ("title", 3, "text"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_value_and_valid_range(key: str, value: object, valid: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        Experiment().replace(key, value)
    assert caught.value.key == key
    message = str(caught.value)
    assert message.startswith(key) and valid in message and "\n" not in message


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"network.width": 65536, "network.dimension": 4096}, "network.width", "2,048 MiB.*512 MiB"),
        ({"ascent.restarts": 4096, "network.dimension": 10_000, "network.width": 8}, "ascent.restarts", "MiB"),
        ({"ascent.restarts": 4096, "ascent.steps": 100_000, "network.dimension": 8}, "ascent.steps", "MiB"),
        ({"ascent.constraint": "l2-sphere", "ascent.start": "zero"}, "ascent.start", "l2-sphere"),
        ({"ascent.box": [1.0, 0.0]}, "ascent.box", "lower"),
        ({"ascent.box": [1.0, 1.0]}, "ascent.box", "lower"),
        ({"ascent.start": "file"}, "ascent.start_file", "name a file"),
        ({"network.source": "file"}, "network.file", "name a file"),
        ({"input.source": "file"}, "input.file", "name a file"),
        ({"input.source": "digits", "input.index": 1797}, "input.index", "1796"),
        ({"view.plane": "two-pixels", "view.pixel_u": 1}, "view.pixel_v", "another pixel"),
        ({"view.plane": "two-pixels", "view.pixel_u": 64}, "view.pixel_u", "64"),
    ],
)
def test_values_that_cannot_go_together_are_refused_beside_one_of_them(
    changes: dict[str, Any], key: str, words: str
) -> None:
    (first, value), *rest = changes.items()
    with pytest.raises(ExperimentError, match=words) as caught:
        Experiment().replace(first, value, **dict(rest))
    assert caught.value.key == key


def test_the_width_that_a_memory_error_recommends_is_accepted_and_one_more_is_not() -> None:
    most = 512 * 2**20 // (8 * 3072)
    fits = Experiment().replace("network.dimension", 3072, **{"network.width": most})
    assert fits.network.width == most
    with pytest.raises(ExperimentError, match=f"make it {most} or less"):
        fits.replace("network.width", most + 1)


def test_the_memory_is_checked_again_when_a_file_tells_the_dimension() -> None:
    experiment = Experiment().replace("input.source", "file", **{"input.file": "x.npy", "network.width": 60_000})
    assert experiment.dimension is None
    problem = memory_problem(experiment, 50_000)
    assert problem is not None and problem.key == "network.width"
    assert memory_problem(experiment, 100) is None


def test_the_dimension_is_that_of_the_input() -> None:
    experiment = Experiment().replace("network.dimension", 100)
    assert experiment.dimension == 100
    assert experiment.replace("input.source", "digits").dimension == 64


def test_replace_changes_only_what_it_names() -> None:
    before = Experiment()
    after = before.replace("input.scale", 0.1, **{"ascent.seed": 3})
    assert (after.get("input.scale"), after.get("ascent.seed")) == (0.1, 3)
    assert before == Experiment()
    assert after.replace("input.scale", 1.0, **{"ascent.seed": 0}) == before


def test_what_people_type_and_what_numpy_computes_is_understood() -> None:
    experiment = Experiment().replace("ascent.steps", np.int64(7), **{"input.scale": np.float64(0.5)})
    assert (experiment.ascent.steps, experiment.input.scale) == (7, 0.5)
    assert experiment.replace("ascent.box", "0, 1").ascent.box == (0.0, 1.0)
    assert experiment.replace("ascent.box", "[-1 2]").ascent.box == (-1.0, 2.0)
    assert experiment.replace("ascent.box", "").ascent.box is None
    assert experiment.replace("network.file", "").network.file is None


def test_files_are_looked_for_beside_the_experiment(tmp_path: Any) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[network]\nsource = "file"\nfile = "w.npz"\n', encoding="utf-8")
    assert Experiment.from_toml(path).network.file == str(tmp_path / "w.npz")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x93NUMPY\xff\xfe", "UTF-8"),
        (b"[input\nscale = 1", "not valid TOML"),
        (b"#" * (2**20 + 1), "larger than 1 MiB"),
        (b"a = " + b"[" * 100_000, "not valid TOML"),
        (b"input = 3\n", "must be a table"),
    ],
)
def test_a_file_that_is_no_experiment_is_refused_on_one_line_that_names_it(
    tmp_path: Any, content: bytes, words: str
) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ExperimentError, match=words) as caught:
        Experiment.from_toml(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Any) -> None:
    for path, words in ((tmp_path / "none.toml", "cannot be read"), (tmp_path, "is not a file")):
        with pytest.raises(ExperimentError, match=words):
            Experiment.from_toml(path)


def test_every_setting_explains_itself() -> None:
    assert len({entry.key for entry in SETTINGS}) == len(SETTINGS)
    for entry in SETTINGS:
        assert entry.title and entry.help.endswith("."), entry.key
        assert Experiment().get(entry.key) == entry.default
        assert set(entry.labels) == set(entry.choices)
        assert setting(entry.key) is entry
        if entry.kind in ("int", "float"):
            assert entry.low is not None and entry.high is not None
            assert entry.low <= entry.default <= entry.high
        if entry.slider is not None:
            assert entry.low is not None and entry.high is not None
            assert entry.low <= entry.slider[0] < entry.slider[1] <= entry.high
            assert entry.slider[0] > 0 or not entry.log


def test_the_symbols_are_those_of_the_mathematics() -> None:
    symbols = {entry.key: entry.symbol for entry in SETTINGS if entry.symbol}
    assert symbols == {
        "network.width": "m",
        "network.dimension": "d",
        "network.activation": "σ",
        "network.weight_scale": "κ",
        "input.scale": "γ",
        "input.ratio": "ρ",
        "input.label": "y",
        "ascent.step": "η",
        "ascent.steps": "T",
        "ascent.restarts": "K",
        "ascent.tolerance": "tol",
    }


def test_an_unknown_setting_is_a_key_error_with_the_nearest_name() -> None:
    with pytest.raises(KeyError, match=r"did you mean 'input\.scale'"):
        setting("input.scal")


def test_the_light_modules_import_neither_torch_nor_qt() -> None:
    """The window is painted, and `--help` printed, before torch is imported."""
    code = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "PySide6", "pyqtgraph", "superqt", "qtpy"):
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocked())
import foadv_gui.resources
from foadv_gui.lab import config, files, inputs, models, presets, recording
experiment = config.Experiment()
clean = inputs.load_input(experiment)
first, second = models.load_layers(experiment, clean.dimension)
assert "torch" not in sys.modules and first.W.shape == (512, 64)
print("light")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("light", "")


def test_every_choice_of_mathematics_is_one_that_the_mathematics_knows() -> None:
    from foadv_gui.core.activations import ACTIVATIONS
    from foadv_gui.core.chart import CHARTS
    from foadv_gui.core.constraint import CONSTRAINTS
    from foadv_gui.core.plane import PLANES
    from foadv_gui.core.sphere import SUBSPACES

    assert setting("network.activation").choices == tuple(ACTIVATIONS)
    assert set(setting("ascent.constraint").choices) == set(CONSTRAINTS)
    assert set(setting("view.plane").choices) == set(PLANES)
    assert set(setting("view.chart").choices) == {"plane", *CHARTS}
    assert set(setting("view.subspace").choices) == set(SUBSPACES)
