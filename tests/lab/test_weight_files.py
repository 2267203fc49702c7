"""The layers of a network are read from every format exactly as they were written, whoever wrote them."""

from __future__ import annotations

import copy
import itertools
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from classifier import digits_classifier, pixels
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from two_layers import load_weights
from weight_files import FORMATS, Storage, Tensor, forged, network, write

from foadv_gui.lab.config import Experiment, ExperimentError
from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.models import load_layers
from foadv_gui.lab.weights import Entry, Layer, WrongLayers, entries, read_layers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LIMIT = 2**24
STYLES = {
    "torch": ("{prefix}{k}.weight", "{prefix}{k}.bias"),
    "fc": ("{prefix}fc{k}.weight", "{prefix}fc{k}.bias"),
    "paper": ("W{k}", "b{k}"),
    "keras": ("{prefix}dense_{k}.kernel", "{prefix}dense_{k}.bias"),
}


def of_file(path: Path, **more: Any) -> Experiment:
    return Experiment().changed({"network.source": "file", "network.file": str(path), **more})


def equal(found: Sequence[Layer], written: Sequence[tuple[Any, Any]]) -> bool:
    return len(found) == len(written) and all(
        np.array_equal(layer.W, W) and (layer.b is None) == (b is None) and (b is None or np.array_equal(layer.b, b))
        for layer, (W, b) in zip(found, written, strict=True)
    )


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("depth", [2, 3, 5])
def test_a_network_comes_back_from_every_format_and_style(tmp_path: Path, form: str, depth: int) -> None:
    sizes = [5, 12, 7, 12, 9, 3][: depth + 1]
    ways = itertools.product(STYLES, ("", "module.", "net.model."), (True, False), (True, False))
    for number, (style, prefix, biases, shuffled) in enumerate(ways):
        layers, first = network(sizes, biases, number), 8  # numbers of one and two digits
        weight, bias = STYLES[style]
        arrays: dict[str, Any] = {}
        for k, (W, b) in enumerate(layers, first):
            arrays[weight.format(prefix=prefix, k=k)] = W.T if style == "keras" else W
            if b is not None:
                arrays[bias.format(prefix=prefix, k=k)] = b
        order = np.random.default_rng(number).permutation(list(arrays)) if shuffled else list(arrays)
        path = write(tmp_path / f"{number}.{form}", {str(name): arrays[name] for name in order})
        found = read_layers(path, None, LIMIT)
        assert equal(found, layers), (style, prefix, biases, shuffled)
        assert [layer.name for layer in found] == [weight.format(prefix=prefix, k=k) for k in range(8, 8 + depth)]
        assert equal(read_layers(path, tuple(layer.name for layer in found), LIMIT), layers)


@pytest.mark.parametrize("form", FORMATS)
def test_a_two_layer_network_may_have_biases_and_wins_over_others(tmp_path: Path, form: str) -> None:
    (W, b), (a, c) = network([4, 6, 1])
    assert b is not None and c is not None
    other = {"fc1.weight": np.ones((3, 4)), "fc2.weight": np.ones((2, 3))}
    for number, more in enumerate(({}, {"b": b}, {"c": c[0]}, {"b": b, "c": c[0], **other})):
        path = write(tmp_path / f"{number}.{form}", {"W": W, "a": a[0], **more})
        expected = [(W, more.get("b")), (a, c if "c" in more else None)]
        assert equal(read_layers(path, None, LIMIT), expected)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("nest", ["state_dict", "model", "model_state_dict"])
def test_a_checkpoint_is_searched_for_its_state_dict(tmp_path: Path, nest: str, protocol: int) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    averages = {k: {"step": torch.tensor(9.0), "exp_avg": torch.ones(4, 3)} for k in range(4)}
    groups = [{"lr": 1e-3, "betas": (0.9, 0.999), "amsgrad": False, "decay": None, "params": [0, 1, 2, 3]}]
    optimiser = {"state": averages, "param_groups": groups}
    kept = {"epoch": 3, "loss": 0.5, "optimiser": optimiser, "device": torch.device("cpu"), "shape": torch.Size([3])}
    torch.save({**kept, nest: model.state_dict()}, tmp_path / "checkpoint.bin", pickle_protocol=protocol)
    found = read_layers(tmp_path / "checkpoint.bin", None, LIMIT)
    torch.save(dict(model.named_parameters()), tmp_path / "parameters.pth", pickle_protocol=protocol)
    for layers in (found, read_layers(tmp_path / "parameters.pth", None, LIMIT)):
        assert [layer.name for layer in layers] == ["0.weight", "2.weight"]
        for layer, linear in zip(layers, (model[0], model[2]), strict=True):
            assert np.array_equal(layer.W, linear.weight.detach().double().numpy())
            assert layer.b is not None and np.array_equal(layer.b, linear.bias.detach().double().numpy())


@given(data=st.data())
@settings(max_examples=25)
def test_views_and_types_are_read_as_torch_does(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Slices, steps and transposes of one storage, of each type of real numbers."""
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8]
    dtype = data.draw(st.sampled_from(kinds))
    whole = torch.arange(144).reshape(12, 12).to(dtype)
    m, d = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    first, across = data.draw(st.integers(0, 2)), data.draw(st.integers(1, 2))
    W = whole[first : first + 2 * m : 2, first : first + across * d : across]
    W = W.T if data.draw(st.booleans()) else W
    folder = tmp_path_factory.mktemp("views")
    torch.save({"W": W, "a": whole[: len(W), 3], "whole": whole}, folder / "w.pt")
    save_file({"W": W.clone().contiguous(), "a": whole[: len(W), 3].clone()}, folder / "w.safetensors")
    truth = torch.load(folder / "w.pt", weights_only=True)
    for name in ("w.pt", "w.safetensors"):
        found = read_layers(folder / name, None, LIMIT)
        assert np.array_equal(found[0].W, truth["W"].double().numpy())
        assert np.array_equal(found[1].W[0], truth["a"].double().numpy())
        assert found[0].W.dtype == np.float64 and found[0].W.flags.c_contiguous and not found[0].W.flags.writeable


def test_bytes_may_be_in_the_other_order(tmp_path: Path) -> None:
    tensors = {"W": Tensor(Storage("0", 6), 0, (2, 3), (3, 1)), "a": Tensor(Storage("1", 2), 0, (2,), (1,))}
    W, a = np.arange(6, dtype=">f4"), np.ones(2, ">f4")
    path = forged(tmp_path / "w.pt", tensors, b"big", _0=W.tobytes(), _1=a.tobytes())
    assert np.array_equal(read_layers(path, None, LIMIT)[0].W, W.reshape(2, 3))


def test_what_a_file_holds_is_told_unread_and_in_its_order(tmp_path: Path) -> None:
    arrays = {"fc10.weight": np.ones((2, 3)), "fc2.weight": np.ones((3, 4), np.float32), "conv": np.ones((1, 1, 2))}
    for form in ("npz", "pt"):
        assert entries(write(tmp_path / f"w.{form}", arrays), LIMIT) == (
            Entry("fc10.weight", (2, 3), "float64"),
            Entry("fc2.weight", (3, 4), "float32"),
            Entry("conv", (1, 1, 2), "float64"),
        )
    assert len(entries(write(tmp_path / "w.safetensors", arrays), 8)) == 3


def test_named_layers_are_taken_as_they_are_named(tmp_path: Path) -> None:
    layers = network([3, 3, 3, 1])
    (W1, b1), (W2, b2), (W3, _) = layers
    arrays = {"x": W1, "y": W2, "z": W3[0], "conv": np.ones((2, 2, 2)), "w": W1, "b": b1, "long": W2[:, :2]}
    path = write(tmp_path / "w.npz", arrays)
    assert equal(read_layers(path, ("y", "x", "z"), LIMIT), [(W2, None), (W1, None), (W3, None)])
    assert equal(read_layers(path, ("w", "y"), LIMIT), [(W1, b1), (W2, None)])
    for keys, words in (
        (("x", "q"), "holds no array called q; it holds x, y, z, conv, w, b, long"),
        (("conv", "x"), r"holds conv of shape \(2, 2, 2\), which is no linear layer; give such a network from Python"),
        (("z", "x"), r"holds z of shape \(3,\), which is no linear layer"),
        (("long", "long"), r"none takes what another gives \(long \(3, 2\), long \(3, 2\)\)"),
    ):
        with pytest.raises(WrongLayers, match=words):
            read_layers(path, keys, LIMIT)
    assert b2 is not None
    with pytest.raises(WrongLayers, match="b of shape"):
        read_layers(write(tmp_path / "b.npz", {"w": W1, "b": b2[:2]}), ("w",), LIMIT)


@pytest.mark.parametrize("form", FORMATS)
def test_what_takes_too_much_memory_is_refused_before_it_is_read(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / f"w.{form}", {"W": np.ones((50, 40)), "a": np.ones(50)})
    with pytest.raises(FileProblem, match="MiB"):
        read_layers(path, None, 8 * 50 * 41 - 1)
    assert len(read_layers(path, None, 8 * 50 * 41)) == 2


def test_an_experiment_gets_its_layers_with_kappa_in_the_first(tmp_path: Path) -> None:
    layers = network([4, 6, 5, 3])
    arrays = {f"fc{k}.{word}": array for k, layer in enumerate(layers) for word, array in zip("wb", layer, strict=True)}
    experiment = of_file(write(tmp_path / "w.npz", arrays), **{"network.weight_scale": 0.5, "network.dimension": 4})
    (W1, b1), second, third = layers
    assert equal(load_layers(experiment, 4), [(0.5 * W1, b1), second, third])
    assert equal(load_layers(experiment.replace("network.layers", "fc0.w,  fc1.w"), 4), [(0.5 * W1, b1), second])
    with pytest.raises(ExperimentError, match="no array called fc7") as caught:
        load_layers(experiment.replace("network.layers", ["fc7"]), 4)
    assert caught.value.key == "network.layers"
    with pytest.raises(ExperimentError, match=r"must be 4, the columns of fc0\.w in w\.npz") as caught:
        load_layers(experiment, 5)
    assert caught.value.key == "network.dimension"


def test_biases_are_never_dropped_in_silence(tmp_path: Path) -> None:
    arrays = {"W": np.ones((2, 3)), "a": np.ones(2), "b": np.zeros(2)}
    biased = of_file(write(tmp_path / "one.npz", {**arrays, "b": np.array([0.0, 1.0])}))
    assert equal(load_layers(biased, 3), [(np.ones((2, 3)), np.array([0.0, 1.0])), (np.ones((1, 2)), None)])


def test_random_weights_are_layers_too() -> None:
    first, second = load_layers(Experiment(), 64)
    W, a = load_weights(Experiment(), 64)
    assert first.W is W and np.array_equal(second.W, a[None]) and first.b is second.b is None


@pytest.mark.parametrize("text", ["fc1.weight, fc2.weight", ["fc1.weight", "fc2.weight"], "fc1.weight,fc2.weight"])
def test_layers_are_written_as_a_list_or_with_commas(text: Any) -> None:
    experiment = Experiment().replace("network.layers", text)
    assert experiment.network.layers == ("fc1.weight", "fc2.weight")
    assert Experiment.from_toml_text(experiment.to_toml()) == experiment
    for empty in ("", ",", [], None):
        assert experiment.replace("network.layers", empty).network.layers is None
    for wrong in ("a,,b", 3, [1, 2], [""]):
        with pytest.raises(ExperimentError, match=r"network\.layers = .*: must be names, separated by commas"):
            experiment.replace("network.layers", wrong)


def test_a_classifier_trained_elsewhere_gives_its_own_logits(tmp_path: Path) -> None:
    model, (X, _) = digits_classifier(), pixels()
    torch.save(model.state_dict(), tmp_path / "digits.pt")
    save_file(model.state_dict(), tmp_path / "digits.safetensors")
    logits = copy.deepcopy(model).double()(X).numpy()
    for name in ("digits.pt", "digits.safetensors"):
        z: Any = X.numpy()
        *hidden, last = read_layers(tmp_path / name, None, LIMIT)
        for layer in hidden:
            z = np.tanh(z @ layer.W.T + layer.b)
        np.testing.assert_allclose(z @ last.W.T + last.b, logits, atol=1e-6)
        assert [layer.W.shape for layer in (*hidden, last)] == [(128, 64), (128, 128), (10, 128)]


def test_a_storage_that_many_layers_share_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage("0", 2**16)
    layers = {f"fc{k}.weight": Tensor(storage, k, (1, 1), (1, 1)) for k in range(200)}
    path = forged(tmp_path / "w.pt", layers, _0=np.arange(2**16, dtype=np.float32).tobytes())
    opened: list[str] = []
    plain = zipfile.ZipFile.open

    def counted(archive: zipfile.ZipFile, member: Any, *more: Any, **options: Any) -> Any:
        opened.append(getattr(member, "filename", member))
        return plain(archive, member, *more, **options)

    monkeypatch.setattr(zipfile.ZipFile, "open", counted)
    assert [layer.W[0, 0] for layer in read_layers(path, None, LIMIT)] == list(range(200))
    assert opened.count("archive/data/0") == 1
    with pytest.raises(FileProblem, match=r"would take 0\.2 MiB of memory, more than"):
        read_layers(path, None, 2**17)
