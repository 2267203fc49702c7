"""A hostile or damaged file is refused before it can run code or take memory; a failed save changes nothing."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import tracemalloc
import zipfile
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from foadv_gui.lab.files import FileProblem, Limits, atomic_write, read_array, read_npz

if TYPE_CHECKING:
    from pathlib import Path


class Bomb:
    """Unpickling it would leave a mark."""

    def __reduce__(self) -> Any:
        return (exec, ("import os; os.environ['FOADV_TEST_PWNED'] = '1'",))


def npy(array: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def header(shape: str, descr: str = "<f8") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def archive(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as stream:
        for name, content in members.items():
            stream.writestr(name, content)
    return path


def refused(path: Path, words: str, limits: Limits | None = None) -> None:
    """Reading must fail with one line that names the file, before it allocates much."""
    tracemalloc.start()
    try:
        with pytest.raises(FileProblem, match=words) as caught:
            read_array(path, limits or Limits())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert peak < 20 * 2**20
    assert "FOADV_TEST_PWNED" not in os.environ


@given(hnp.arrays(st.sampled_from(["<f8", ">f4", "<i8", "u1", "<U3"]), hnp.array_shapes(min_dims=0, min_side=0)))
def test_what_numpy_saves_is_read_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, array: Any) -> None:
    folder = tmp_path_factory.mktemp("npz")
    np.savez(folder / "plain.npz", x=array)
    np.savez_compressed(folder / "packed.npz", x=np.asarray(array, order="F"))
    np.save(folder / "one.npy", array)
    found = [
        read_npz(folder / "plain.npz")["x"],
        read_npz(folder / "packed.npz")["x"],
        read_array(folder / "packed.npz"),
        read_array(folder / "one.npy"),
    ]
    for other in found:
        assert (other.dtype, other.shape, other.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_only_the_arrays_asked_for_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", small=np.arange(3), large=np.zeros(1000))
    found = read_npz(tmp_path / "two.npz", Limits(size=1000), names=("small", "absent"))
    assert list(found) == ["small"] and found["small"].tolist() == [0, 1, 2]
    with pytest.raises(FileProblem, match="more than"):
        read_npz(tmp_path / "two.npz", Limits(size=1000))


def test_one_array_is_meant_or_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", x=np.arange(3), y=np.arange(4))
    assert read_array(tmp_path / "two.npz", name="x").tolist() == [0, 1, 2]
    with pytest.raises(FileProblem, match="must hold one array, or one called z; it holds x, y"):
        read_array(tmp_path / "two.npz", name="z")


@pytest.mark.parametrize("name", ["evil.npy", "evil.npz"])
def test_a_pickle_in_disguise_is_not_run(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    refused(tmp_path / name, "is not a NumPy file")


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    content = npy(np.array([Bomb()], dtype=object), allow_pickle=True)
    (tmp_path / "objects.npy").write_bytes(content)
    refused(tmp_path / "objects.npy", "Python objects")
    refused(archive(tmp_path / "objects.npz", {"x.npy": content}), "Python objects")


def test_a_torch_checkpoint_is_refused(tmp_path: Path) -> None:
    refused(archive(tmp_path / "w.npz", {"archive/data.pkl": pickle.dumps(Bomb())}), "not the name of an array")


@pytest.mark.parametrize("name", ["../x.npy", "/etc/x.npy", "a/../x.npy", "..\\x.npy", "C:x.npy", "x.py", "x"])
def test_a_member_that_names_a_path_or_no_array_is_refused(tmp_path: Path, name: str) -> None:
    refused(archive(tmp_path / "paths.npz", {name: npy(np.zeros(2))}), "not the name of an array")
    assert sorted(os.listdir(tmp_path)) == ["paths.npz"]


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ("(1099511627776,)", "impossible shape"),
        ("(1000000, 1000000)", "more than"),
        ("(1000000, 1000000, 1000000, 1000000)", "more than"),
        ("(-1,)", "impossible shape"),
        ("(-2, -2)", "impossible shape"),
        ("(1, 1, 1, 1, 1)", "impossible shape"),
        ("(1000000,)", "cut off"),
        ("('a',)", "undamaged"),
        ("(" * 90, "undamaged"),
    ],
)
def test_a_header_that_claims_what_is_not_there_takes_no_memory(tmp_path: Path, shape: str, words: str) -> None:
    (tmp_path / "claim.npy").write_bytes(header(shape))
    refused(tmp_path / "claim.npy", words)
    refused(archive(tmp_path / "claim.npz", {"x.npy": header(shape)}), words)


@pytest.mark.parametrize("descr", ["|O", "<c16", "<M8[s]", "|V8", "|S8", "<zz"])
def test_only_real_numbers_and_text_are_read(tmp_path: Path, descr: str) -> None:
    (tmp_path / "kind.npy").write_bytes(header("(1,)", descr) + bytes(16))
    refused(tmp_path / "kind.npy", "objects|not real numbers|undamaged")


def test_a_zip_bomb_is_refused_by_its_table_of_contents(tmp_path: Path) -> None:
    zeros = header("(33554432,)") + bytes(2**28)
    path = archive(tmp_path / "bomb.npz", {"x.npy": zeros})
    del zeros
    assert path.stat().st_size < 2**19
    refused(path, "would take", Limits(size=2**27))


def test_a_forged_table_of_contents_is_refused(tmp_path: Path) -> None:
    """The sizes in the table are raised without any bytes to go with them."""
    content = npy(np.zeros(4))
    for field, words in ((20, "more bytes than it has"), (24, "impossible size")):
        data = bytearray(archive(tmp_path / "forged.npz", {"x.npy": content}).read_bytes())
        at = data.rindex(b"PK\x01\x02") + field
        data[at : at + 4] = struct.pack("<I", 2**29)
        (tmp_path / "forged.npz").write_bytes(data)
        refused(tmp_path / "forged.npz", words)


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.npz"
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "w") as stream:
        stream.writestr("x.npy", npy(np.zeros(2)))
        stream.writestr("x.npy", npy(np.ones(2)))
    refused(path, "twice")


def test_thousands_of_members_are_refused(tmp_path: Path) -> None:
    refused(archive(tmp_path / "many.npz", {f"x{i}.npy": npy(np.zeros(1)) for i in range(65)}), "65 members")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_numpy_does_not_use_is_refused(tmp_path: Path, compression: int) -> None:
    refused(archive(tmp_path / "odd.npz", {"x.npy": npy(np.zeros(2))}, compression), "in a way that NumPy does not")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed, np.save])
def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path: Path, save: Any) -> None:
    stream = io.BytesIO()
    save(stream, np.arange(100.0))
    content = stream.getvalue()
    for length in range(0, len(content) - 1, 7):
        (tmp_path / "cut.npz").write_bytes(content[:length])
        with pytest.raises(FileProblem):
            read_array(tmp_path / "cut.npz")


def test_a_flipped_bit_in_the_numbers_is_noticed(tmp_path: Path) -> None:
    np.savez(tmp_path / "bit.npz", x=np.arange(100.0))
    data = bytearray((tmp_path / "bit.npz").read_bytes())
    data[600] ^= 1
    (tmp_path / "bit.npz").write_bytes(data)
    refused(tmp_path / "bit.npz", "CRC")


@given(st.binary(max_size=300), st.integers(0, 5))
def test_any_bytes_are_either_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, where: int
) -> None:
    start = (b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00", b"PK\x03\x04", header("(2,)")[:60], npy(np.zeros(2))[:-4])[where]
    path = tmp_path_factory.mktemp("noise") / "noise.npz"
    path.write_bytes(start + noise)
    for read in (read_array, read_npz):
        try:
            found = read(path)
        except FileProblem as problem:
            assert "\n" not in str(problem)
        else:
            assert isinstance(found, np.ndarray)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    places = [tmp_path, tmp_path / "none.npy", tmp_path / "nul\0.npy"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.npy")
        places.append(tmp_path / "pipe.npy")
    for place in places:
        with pytest.raises(FileProblem):
            read_array(place)


def test_a_save_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.bin"
    for content in (b"first", b"second"):
        atomic_write(path, lambda stream, content=content: stream.write(content))
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["run.bin"]


@pytest.mark.parametrize(
    "error", [RuntimeError("stopped"), KeyboardInterrupt(), OSError(28, "No space left on device")]
)
def test_a_save_that_fails_half_way_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "run.bin"
    path.write_bytes(b"precious")

    def half(stream: IO[bytes]) -> None:
        stream.write(b"half")
        raise error

    with pytest.raises(FileProblem if isinstance(error, OSError) else type(error)):
        atomic_write(path, half)
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["run.bin"]


def test_a_save_into_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="cannot be written"):
        atomic_write(tmp_path / "none" / "run.bin", lambda stream: stream.write(b"x"))


@pytest.mark.skipif(sys.platform == "win32", reason="permissions and links are those of POSIX")
def test_a_save_keeps_permissions_and_links(tmp_path: Path) -> None:
    (tmp_path / "real.bin").write_bytes(b"old")
    (tmp_path / "real.bin").chmod(0o640)
    (tmp_path / "link.bin").symlink_to(tmp_path / "real.bin")
    atomic_write(tmp_path / "link.bin", lambda stream: stream.write(b"new"))
    assert (tmp_path / "link.bin").is_symlink()
    assert (tmp_path / "real.bin").read_bytes() == b"new"
    assert (tmp_path / "real.bin").stat().st_mode & 0o777 == 0o640
