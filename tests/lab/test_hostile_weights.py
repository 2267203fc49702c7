"""A file of weights that is damaged, forged or meant to do harm is refused in one line, before it can do any."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from weight_files import FORMATS, Storage, Tensor, archive, forged, network, pickled, write

from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.weights import entries, read_layers

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 2**26


class Mark:
    """Unpickling it makes a file."""

    def __init__(self, path: Path, call: Any = os.system) -> None:
        self.path, self.call = path, call

    def __reduce__(self) -> Any:
        if self.call is os.system:
            return os.system, (f"touch '{self.path}'",)
        return self.call, (f"__import__('pathlib').Path({str(self.path)!r}).touch()",)


def refused(path: Path, words: str, limit: int = LIMIT) -> None:
    """Telling what is in it or reading it must fail with one line that names the file, at once and in little memory."""
    before = time.perf_counter()
    tracemalloc.start()
    try:
        with pytest.raises(FileProblem, match=words) as caught:
            read_layers(path, None, limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert len(caught.value.problem) < 400
    assert peak < 20 * 2**20
    assert time.perf_counter() - before < 5


def tensors(shape: Any, stride: Any, offset: Any = 0, length: Any = 6) -> dict[str, Any]:
    return {"fc.weight": Tensor(Storage("0", length), offset, shape, stride)}


SIX = np.arange(6, dtype=np.float32).tobytes()

# ---- code ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [os.system, eval, exec])
@pytest.mark.parametrize("name", ["w.pt", "w.npz", "w.safetensors", "w.bin"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_in_disguise_does_not_run(tmp_path: Path, name: str, call: Any, protocol: int) -> None:
    """As the file itself, and where a PyTorch file and an array have their pickles."""
    mark, path = tmp_path / "pwned", tmp_path / name
    evil = pickle.dumps({"W": Mark(mark, call)}, protocol)
    path.write_bytes(evil)
    refused(path, r"bare pickle, which could run code|is no \.npz archive, safetensors file or PyTorch state dict")
    archive(path, {"data.pkl": evil, "version": b"3\n"})
    refused(path, r"holds a pickled \S+(system|eval|exec), which could run code|does not write into a state dict")
    archive(path, {"data.pkl": pickled({"state_dict": {"W": Mark(mark, call)}}), "version": b"3\n"})
    refused(path, r"holds a pickled \S+(system|eval|exec), which could run code when it is loaded; save the weights")
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117) + b"\n"
    archive(path, {"W.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + evil}, root="")
    refused(path, "holds Python objects, which could run code")
    path.write_bytes(struct.pack("<Q", len(evil)) + evil)
    refused(path, r"\w")
    assert not mark.exists()
    if protocol:
        pickle.loads(evil)  # the mark would have been seen
        assert mark.exists()


@pytest.mark.parametrize("what", [bytearray, torch.Tensor, torch.FloatTensor, torch.UntypedStorage, complex, print])
def test_nothing_is_called_by_a_state_dict(tmp_path: Path, what: Any) -> None:
    """PyTorch itself would call the first four, and allocate what they ask for."""

    class Called:
        def __reduce__(self) -> Any:
            return what, (2**50,)

    archive(tmp_path / "w.pt", {"data.pkl": pickle.dumps({"W": Called()}, 2)})
    refused(tmp_path / "w.pt", "which could run code|holds no state dict")


def test_modules_programs_and_the_old_format_are_refused_with_what_to_save_instead(tmp_path: Path) -> None:
    path, linear = tmp_path / "w.pt", torch.nn.Linear(2, 2)
    torch.save(linear, path)
    refused(path, r"holds a pickled torch\.nn\.modules\.linear\.Linear, .*torch\.save\(model\.state_dict\(\)")
    torch.save(linear.state_dict(), path, _use_new_zipfile_serialization=False)
    refused(path, "was saved in PyTorch's format from before 1.6: save it again with torch.save")
    for program in ("constants.pkl", "code/__torch__/net.py"):
        archive(path, {"data.pkl": pickled({}), program: b"", "version": b"3"})
        refused(path, r"holds a TorchScript program, which is not run; save the weights alone")


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    mark = tmp_path / "pwned"
    objects = np.empty(1, object)
    objects[0] = Mark(mark)
    np.savez(tmp_path / "w.npz", allow_pickle=True, W=np.ones((2, 3)), a=np.ones(2), more=objects)
    refused(tmp_path / "w.npz", "more holds Python objects, which could run code")
    assert not mark.exists()


# ---- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "stride", "offset", "length"),
    [
        ((10**6, 10**6), (0, 0), 0, 6),  # terabytes of one number
        ((3, 3), (0, 1), 0, 6),
        ((2, 3), (3, 1), 1, 6),
        ((2, 3), (3, 1), -1, 6),
        ((2, 3), (-3, 1), 3, 6),
        ((-2, -3), (3, 1), 0, 6),
        ((2, 3), (2**62, 2**62), 0, 6),
        ((2**200, 1), (1, 1), 0, 6),
        ((2, 3), (3, 1), 2**62, 6),
        ((2, 3), (3, 1), 0, 7),
        ((2, 3), (3, 1), 0, 2**61 + 6),
        ((2, 3), (3, 1), 0, -6),
    ],
)
def test_a_tensor_outside_of_its_storage_is_refused(
    tmp_path: Path, shape: Any, stride: Any, offset: int, length: int
) -> None:
    path = forged(tmp_path / "w.pt", tensors(shape, stride, offset, length), _0=SIX)
    refused(path, "does not lie within its storage|numbers of its storage|layers take|is empty|another gives")
    # Where its shape is believed it is refused as well.
    wrong = {"W": Tensor(Storage("0", length), offset, (2, 3), stride), "a": Tensor(Storage("1", 2), 0, (2,), (1,))}
    if (shape, stride, offset, length) != ((2, 3), (3, 1), 0, 6) and shape == (2, 3):
        refused(forged(path, wrong, _0=SIX, _1=SIX[:8]), "W (of shape|needs)")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (tensors((2, 3), (3,)), "a tensor has no shape"),
        (tensors((2.0, 3), (3, 1)), "a tensor has no shape"),
        (tensors((True, 3), (3, 1)), "a tensor has no shape"),
        (tensors("23", "31"), "a tensor has no shape"),
        (tensors(7, 7), "not an undamaged PyTorch file"),
        (tensors((2, 3), (3, 1), length="6"), "names no storage"),
        ({"fc.weight": Tensor(Storage("9", 6), 0, (2, 3), (3, 1))}, "which has none bytes"),
        ({"fc.weight": Tensor(Storage("../data.pkl", 6), 0, (2, 3), (3, 1))}, "which has none bytes"),
        ({"fc.weight": Tensor(Storage("0", 6, torch.ComplexFloatStorage), 0, (2, 3), (3, 1))}, "complex64, not real"),
        (Tensor(Storage("0", 6), 0, (2, 3), (3, 1)), "holds no state dict but a single tensor"),
        ([1, 2], "holds no state dict but a list"),
        ({}, "holds no state dict; it holds nothing"),
        ({"weights": {"deep": tensors((2, 3), (3, 1))}, "epoch": 1}, "holds no state dict; it holds weights, epoch"),
        ({"model": tensors((2, 3), (3, 1)), "state_dict": tensors((2, 3), (3, 1))}, "several state dicts"),
        ({"fc\nweight": Tensor(Storage("0", 6), 0, (2, 3), (3, 1))}, "is no name of an array"),
        ({"\ud800": Tensor(Storage("0", 6), 0, (2, 3), (3, 1))}, "is no name of an array"),
        ({"x" * 10**5: Tensor(Storage("0", 6), 0, (2, 3), (3, 1))}, "is no name of an array"),
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path: Path, value: Any, words: str) -> None:
    refused(forged(tmp_path / "w.pt", value, _0=SIX), words)


def test_tensors_of_other_kinds_are_refused_by_name(tmp_path: Path) -> None:
    matrix = torch.ones(2, 3)
    for tensor, words in (
        (matrix.to_sparse(), "a sparse tensor"),
        (matrix.to(torch.complex64), "complex64"),
        (matrix.to("meta"), "a meta tensor"),
        (matrix.to(torch.uint32), "a tensor of an unusual type"),
    ):
        torch.save({"fc.weight": tensor}, tmp_path / "w.pt")
        refused(tmp_path / "w.pt", f"fc.weight holds {words}.*, not real numbers")

    class Quantised:
        def __reduce__(self) -> Any:
            storage = Storage("0", 6, torch.QInt8Storage)
            return torch._utils._rebuild_qtensor, (storage, 0, (2, 3), (3, 1), (torch.per_tensor_affine, 0.1, 0))

    forged(tmp_path / "w.pt", {"fc.weight": Quantised()}, _0=bytes(6))
    refused(tmp_path / "w.pt", "fc.weight holds a quantised tensor, not real numbers")


def safetensors(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def placed(shape: Any, offsets: Any, dtype: Any = "F32") -> dict[str, Any]:
    return {"fc.weight": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (safetensors(placed([10**6, 10**6], [0, 4 * 10**12])), "is it cut off"),
        (safetensors(placed([10**6, 10**6], [0, 24]), SIX), "has 24 bytes"),
        (safetensors(placed([2, 3], [0, 24]), SIX, 2**31), "its header would have"),
        (safetensors(placed([2, 3], [0, 24]), SIX + b"."), "should have"),
        (safetensors(placed([2, 3], [4, 28]), SIX + SIX), "does not begin where"),
        (safetensors(placed([2, 3], [-24, 0]), SIX), "no place"),
        (safetensors(placed([2, 3], [24, 0]), SIX), "bytes"),
        (safetensors(placed([2.0, 3], [0, 24]), SIX), "no place"),
        (safetensors(placed("23", [0, 24]), SIX), "no shape"),
        (safetensors(placed([2] * 20, [0, 24]), SIX), "no shape"),
        (safetensors(placed([2, 3], [0, 24], "F8_E4M3"), SIX), "holds the type 'F8_E4M3', not real numbers"),
        (safetensors(placed([2, 3], [0, 24], "float32"), SIX), "holds the type 'float32', not real numbers"),
        (safetensors(placed([2, 3], [0, 24], ["F32"]), SIX), "not real numbers"),
        (safetensors(placed([2, 3], [0, 24], "BOOL"), SIX), "bytes"),
        (safetensors({"fc.weight": 3}), "holds what is no tensor"),
        (safetensors({"fc.weight": {}}), "not an undamaged safetensors file"),
        (safetensors(b'{"a": NaN}'), "its header holds NaN"),
        (safetensors(b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,0]},"a":1}'), "something twice"),
        (safetensors(b'{"a":' + b"[" * 10**5), "not an undamaged safetensors file"),
        (safetensors(b'{"a":' + b"9" * 10**5 + b"}"), "not an undamaged safetensors file"),
        (safetensors(b"{" + b" " * 2**20 + b"}"), "more than the 1048576 allowed"),
        (safetensors(b"{\xff}"), "not an undamaged safetensors file"),
        (safetensors({}), "holds no weights"),
    ],
)
def test_a_forged_header_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    refused(tmp_path / "w.safetensors", words)


def test_a_header_of_numpy_that_claims_terabytes_takes_no_memory(tmp_path: Path) -> None:
    for shape, words in (
        ("(1000000, 1000000)", "is it cut off"),
        ("(-1, 3)", "impossible shape"),
        ("(" * 500, "not an undamaged"),
    ):
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(700) + b"\n"
        content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(48)
        refused(archive(tmp_path / "w.npz", {"W.npy": content}, root=""), words)


@pytest.mark.parametrize("name", ["w.npz", "w.pt"])
def test_a_bomb_is_refused_by_its_table_of_contents(tmp_path: Path, name: str) -> None:
    zeros, stream = np.zeros((1000, 2000)), io.BytesIO()
    np.save(stream, zeros)
    members = {"W.npy": stream.getvalue()}
    if name == "w.pt":
        value = {"W": Tensor(Storage("0", zeros.size, torch.DoubleStorage), 0, (1000, 2000), (2000, 1))}
        members = {"data.pkl": pickled(value), "data/0": zeros.tobytes()}
    root = "archive/" if name == "w.pt" else ""
    path = archive(tmp_path / name, members, zipfile.ZIP_DEFLATED, root)
    assert path.stat().st_size < 2**16
    refused(path, "more than|in a way that PyTorch does not", 2**20)


def contents_of(count: int) -> bytes:
    """An archive of so many empty members of one name, quickly."""
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 5, 0) + b"W.npy"
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0) + b"W.npy"
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, count * len(entry), len(local), 0)
    return local + entry * count + end


def test_an_archive_of_a_hundred_thousand_members_is_not_listed(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(contents_of(100_000))
    refused(path, "its table of contents is too large")
    path.write_bytes(contents_of(11_000))
    refused(path, "holds 11000 members, more than the 10000 allowed")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../x", "a//x", "a/./x", "a\\x", "a\nx", "a/"])
def test_a_member_that_names_a_path_is_refused(tmp_path: Path, name: str) -> None:
    refused(archive(tmp_path / "w.pt", {"data.pkl": pickled({}), name: b""}), "no name in a PyTorch file")


def test_a_forged_table_of_contents_is_refused(tmp_path: Path) -> None:
    path = forged(tmp_path / "w.pt", tensors((2, 3), (3, 1)), _0=SIX)
    good = path.read_bytes()
    place = good.rindex(b"PK\1\2")
    for at, words in ((20, "claims more bytes"), (24, "impossible size"), (10, "in a way that PyTorch does not")):
        content = bytearray(good)
        content[place + at : place + at + 4] = struct.pack("<I", 8 if at == 10 else 2**31 - 1)
        path.write_bytes(content)
        refused(path, words)
    content = bytearray(good)
    at = content.index(SIX)
    content[at] ^= 1
    path.write_bytes(content)
    refused(path, "Bad CRC-32")


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = forged(tmp_path / "w.pt", tensors((2, 3), (3, 1)), _0=SIX)
    with zipfile.ZipFile(path, "a") as stream, pytest.warns(UserWarning, match="Duplicate"):
        stream.writestr("archive/data/0", SIX)
    refused(path, "holds 'archive/data/0' twice")


# ---- pickles that are a burden ---------------------------------------------------------------------------------------

MANY = 20_000


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x02" + b"]" * MANY + b"a" * (MANY - 1) + b".", "holds no state dict but a list"),
        (b"\x80\x02)" + b"\x85" * MANY + b".", "holds no state dict but a tuple"),
        (b"\x80\x02}" + b")" + b"\x85" * MANY + b"K\x01s.", "holds no state dict; it holds nothing"),  # a key
        (b"\x80\x02}(" + b"(" * MANY + b"t" * MANY + b"K\x01u.", "holds no state dict; it holds nothing"),
        (b"\x80\x02)" + b"q\x00h\x00\x86" * 60 + b"X\x01\x00\x00\x00a\x93.", "names no global"),  # 2^60 in words
        (b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b".", "not an undamaged PyTorch file"),
        (b"\x80\x02X" + struct.pack("<I", 2**32 - 1) + b".", "not an undamaged PyTorch file"),
        (b"\x80\x02" + b"I" + b"9" * 10**5 + b"\n.", "not an undamaged PyTorch file"),
        (b"\x80\x02}}R.", "calls what is no function"),
        (b"\x80\x02K\x01h\x07.", "not an undamaged PyTorch file"),
        (b"\x80\x02.", "not an undamaged PyTorch file"),
        (b"\x80\x02u.", "not an undamaged PyTorch file"),
        (b"\x80\x02}", "not an undamaged PyTorch file"),
        (b"", "not an undamaged PyTorch file"),
        (b"\x80\x02c__main__\nNet\n)\x81.", "holds a pickled __main__.Net, which could run code"),
        (b"\x80\x02cos\x1b[2J\nsystem\n.", r"holds a pickled 'os\\x1b\[2J\.system'"),
        (b"\x80\x02" + b"N" * 2**19, "more than 512 KiB"),
    ],
)
def test_a_pickle_that_nests_or_claims_without_end_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    refused(archive(tmp_path / "w.pt", {"data.pkl": content}), words)


def test_numbers_that_collide_are_no_keys(tmp_path: Path) -> None:
    """Python finds a place for n of them in n^2 comparisons: minutes for these."""
    keys = b"".join(b"\x8a\x0b" + (k * (2**61 - 1)).to_bytes(11, "little") + b"N" for k in range(1, 30_000))
    refused(archive(tmp_path / "w.pt", {"data.pkl": b"\x80\x02}(" + keys + b"u."}), "holds no state dict")


# ---- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path: Path, form: str) -> None:
    arrays = {f"fc{k}.weight": W.astype(np.float32) for k, (W, _) in enumerate(network([3, 4, 2]))}
    path = write(tmp_path / f"w.{form}", arrays)
    content = path.read_bytes()
    for length in {*range(0, len(content), 29), len(content) - 1}:
        path.write_bytes(content[:length])
        with pytest.raises(FileProblem) as caught:
            read_layers(path, None, LIMIT)
        assert "\n" not in str(caught.value)
    path.write_bytes(content)
    assert len(read_layers(path, None, LIMIT)) == 2


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_key(tmp_path: Path, form: str, value: float) -> None:
    (W1, b1), (W2, _) = network([3, 4, 2])
    assert b1 is not None
    for name in ("fc1.weight", "fc1.bias", "fc2.weight"):
        arrays = {"fc1.weight": W1.copy(), "fc1.bias": b1.copy(), "fc2.weight": W2.copy()}
        arrays[name].flat[1] = value
        refused(write(tmp_path / f"w.{form}", arrays), f"{name} holds a value that is not finite")


def test_what_is_no_file_of_weights_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"PK", b"\x80", b"{}", b"\x93NUMPY\x01\x00", bytes(100), b"PK\5\6" + bytes(18)):
        (tmp_path / "w").write_bytes(content)
        refused(tmp_path / "w", r"\w")
    np.save(tmp_path / "w.npy", np.ones((2, 3)))
    refused(tmp_path / "w.npy", "holds a single array; the layers of a network are several")
    for path in (tmp_path, tmp_path / "gone.pt"):
        with pytest.raises(FileProblem):
            entries(path, LIMIT)
