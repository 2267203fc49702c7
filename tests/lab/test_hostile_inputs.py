"""Hostile and damaged input files are refused in one line, before they run code or take memory."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tracemalloc
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from input_files import idx, image, npy, npz, packed, photograph, table

from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.gallery import open_gallery

if TYPE_CHECKING:
    from pathlib import Path

PHOTO, BYTES = photograph(), np.arange(60, dtype=np.uint8).reshape(5, 4, 3)
LABELS = idx(np.arange(5, dtype=np.uint8))


class Bomb:
    """Unpickling it would leave a mark."""

    def __reduce__(self) -> Any:
        return (exec, ("import os; os.environ['FOADV_TEST_PWNED'] = '1'",))


def header(*sizes: int, kind: int = 8, dimensions: int | None = None) -> bytes:
    """The header of an IDX file."""
    return bytes((0, 0, kind, len(sizes) if dimensions is None else dimensions)) + struct.pack(
        f">{len(sizes)}I", *sizes
    )


def png(height: int, width: int, data: bytes = b"", kind: int = 2) -> bytes:
    """A PNG that says how large it is."""
    parts = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)), (b"IDAT", data), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpeg_of_size(height: int, width: int) -> bytes:
    content = image(PHOTO, "JPEG")
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def many_scans() -> bytes:
    """A progressive JPEG that asks for its last pass a thousand times over many pixels."""
    content = image(PHOTO, "JPEG", progressive=True)
    at, last = content.index(b"\xff\xc2") + 5, content.rindex(b"\xff\xda")
    large = content[:at] + struct.pack(">HH", 4000, 4000) + content[at + 4 :]
    return large[:-2] + 1000 * content[last:-2] + content[-2:]


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def refused(path: Path, words: str, limit: int = 2**26, peak: int = 20 * 2**20) -> None:
    """Opening it, or reading its last row, fails with one line that names the file, before it allocates much."""
    tracemalloc.start()
    try:
        with pytest.raises(FileProblem, match=words) as caught:
            gallery = open_gallery(path, limit=limit)
            gallery.row(gallery.count - 1)
        assert tracemalloc.get_traced_memory()[1] < peak
    finally:
        tracemalloc.stop()
    assert str(path.parent) in str(caught.value) and "\n" not in str(caught.value)
    assert "FOADV_TEST_PWNED" not in os.environ


NAN, HUGE = np.array([[1.0, 2.0], [3.0, np.nan]]), 2**32 - 1
HOSTILE: list[tuple[str, bytes, str]] = [
    # what they are not
    *((f"x{ending}", pickle.dumps(Bomb()), "none of the formats") for ending in (".npy", ".npz", "-idx3-ubyte", ".gz")),
    *((f"x{ending}", pickle.dumps(Bomb()), "plain text|no row|number") for ending in (".csv", ".txt")),
    *((f"x{ending}", pickle.dumps(Bomb()), "not a PNG or JPEG") for ending in (".png", ".jpg", ".jpeg")),
    *((f"x{ending}", b"1,2,3\n4,5,6\n", "not a PNG or JPEG") for ending in (".png", ".jpg")),
    *((f"x{ending}", b"", "is empty|nothing|no row") for ending in (".npy", ".npz", ".csv", ".png", ".gz", "-ubyte")),
    ("x.dat", b"1,2,3", "none of the formats"),
    ("x.gif", b"GIF89a" + bytes(20), "none of the formats"),
    # NumPy's
    ("x.npy", npy(np.array([Bomb()], object), allow_pickle=True), "Python objects"),
    ("x.npz", zipped(**{"x.npy": npy(np.array([Bomb()], object), allow_pickle=True)}), "Python objects"),
    ("x.npz", zipped(**{"../x.npy": npy(BYTES)}), "not the name of an array"),
    ("x.npz", zipped(**{"/etc/x.npy": npy(BYTES), "x.npy": npy(BYTES)}), "not the name of an array"),
    ("x.npz", zipped(**{"data.pkl": pickle.dumps(Bomb())}), "not the name of an array"),
    ("x.npz", npz(True, x=np.zeros(2**24)), "would take"),
    ("x.npz", npz(a=BYTES, b=BYTES), "must name one of its arrays"),
    ("x.npz", npz(x=BYTES, labels=np.arange(4)), r"labels must have the shape \(5,\)"),
    ("x.npz", npz(x=BYTES)[:-40], "undamaged"),
    ("x.npy", npy(BYTES)[:-1], "cut off"),
    ("x.npy", npy(BYTES) + b"!", "cut off"),
    ("x.npy", npy(np.zeros(1)).replace(b"(1,), }" + 9 * b" ", b"(2, 1099511627776), }"[:16]), "undamaged|impossible"),
    ("x.npy", npy(np.zeros((1, 2, 3, 4))), "must hold numbers"),
    ("x.npy", npy(np.array(["text"])), "must hold numbers"),
    ("x.npy", npy(NAN), "row 1 holds a value that is not finite: nan at coordinate 1"),
    # text
    ("x.csv", b"a,b\n1,2\n3\n", "line 3 has 1 columns where the first one has 2"),
    ("x.csv", b"a,b\n1,2\n3,x\n", "line 3, column 2 holds 'x', which is no number"),
    ("x.csv", b"y,b\n1,2\n3,\n", "line 3, column 2 holds ''"),
    ("x.csv", b"a,b\n", "no row of numbers below its first line"),
    ("x.csv", b"# only this\n\n", "no row of numbers"),
    ("x.csv", b"label,y,b\n1,2,3\n", "2 columns of labels"),
    ("x.csv", b"label\n1\n", "labels and no coordinates"),
    ("x.csv", b"1,2\n1_0,2\n", "no number"),
    ("x.csv", b"1,inf", "not finite: inf at coordinate 1"),
    ("x.csv", b"1\n2\n\n3 4\n", "line 4 has 2 columns where the first one has 1"),
    ("x.csv", b"value\n1\nnan", "row 0 holds a value that is not finite: nan at coordinate 1"),
    ("x.csv", "1,2\n3,4".encode("utf-16"), "plain text"),
    ("x.csv", b"1\n" * 2_000_001, "more than 1,000,000 lines"),
    ("x.csv", b"1," * 2_200_000, "line 1 has 4,400,000 characters"),
    # images
    ("x.png", image(PHOTO)[:-30], "undamaged"),
    ("x.png", image(PHOTO)[:40], "undamaged"),
    ("x.jpg", image(PHOTO, "JPEG")[:300], "undamaged"),
    ("x.png", png(7071, 7073), "7071 x 7073 pixels, more than the 50,000,000"),
    ("x.png", png(10_000, 10_000), "10000 x 10000 pixels, more than the 50,000,000"),
    ("x.png", png(2**31 - 1, 2**31 - 1), "more than the 50,000,000 pixels"),
    ("x.png", png(0, 5), "undamaged"),
    ("x.png", png(3000, 3000), "would take 137.3 MiB to decode"),
    ("x.png", png(100, 100, zlib.compress(bytes(10))), "undamaged"),
    ("x.jpg", jpeg_of_size(65_535, 65_535), "more than the 50,000,000 pixels"),
    ("x.png", image(PHOTO).replace(b"IHDR", b"iCCP"), "undamaged"),
    *(("x.jpg", b"\xff\xd8\xff" + fill * 2**22, "pixels do not begin") for fill in (b"\0", b"\xff", b"\xe5\0\2\xff")),
    # IDX
    ("x-idx3-ubyte", header(5, 4, 3), "should have 76 bytes by its header but has 16"),
    ("x-idx3-ubyte", header(5, 4, 3) + bytes(61), "should have 76 bytes"),
    ("x-idx3-ubyte", header(HUGE, HUGE, HUGE), "should have"),
    ("x-idx3-ubyte", header(dimensions=255), "255 dimensions"),
    ("x-idx3-ubyte", header(dimensions=0), "0 dimensions"),
    ("x-idx3-ubyte", header(5, dimensions=3), "ends within its header"),
    ("x-idx3-ubyte", header(1, 2, kind=7) + bytes(2), "none of the formats"),
    ("x-idx3-ubyte", header(0, 4, 3), "must hold numbers"),
    ("x-idx3-ubyte", header(1, 2, 2, 2) + bytes(8), "must hold numbers"),
    ("x-idx1-ubyte", LABELS, "one dimension, as labels have"),
    ("x-idx2", idx(NAN), "not finite"),
    ("x.gz", packed(b"hello world"), "is not an IDX file"),
    ("x.gz", packed(header(5, 4, 3) + bytes(59)), "ends after 59 of 60 bytes"),
    ("x.gz", packed(header(5, 4, 3) + bytes(61)), "more than the 60 bytes"),
    ("x.gz", packed(header(HUGE, HUGE, HUGE)), "would take"),
    ("x.gz", packed(header(2**22) + bytes(2**22)), "one dimension"),
    ("x.gz", packed(header(1, 60_000_000)), "ends after 0 of 60000000"),
    ("x.gz", packed(idx(BYTES))[:-9], "undamaged gzip"),
    ("x.gz", packed(idx(BYTES))[:-8] + bytes(8), "undamaged gzip"),
]


@pytest.mark.parametrize(("name", "content", "words"), HOSTILE)
def test_a_hostile_file_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, words)
    assert os.listdir(tmp_path) == [name]


def test_a_photograph_of_a_thousand_passes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(many_scans())
    refused(tmp_path / "x.jpg", r"asks for 10\d\d passes over 4000 x 4000 pixels", limit=2**30)


def test_a_large_gzip_bomb_is_unpacked_no_further_than_it_may_be(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(packed(header(2, 2) + bytes(2**27)))
    refused(tmp_path / "x.gz", "more than the 4 bytes", peak=2**20)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (idx(np.arange(4, dtype=np.uint8)), "holds 4 labels, but there are 5 images"),
        (idx(BYTES), r"whole numbers of shape \(n,\)"),
        (idx(np.arange(5.0)), "whole numbers"),
        (LABELS[:-1], "cut off"),
        (b"", "not an IDX file"),
        (packed(LABELS)[:-3], "undamaged gzip"),
        (header(HUGE), "cut off"),
        (packed(header(HUGE)), "would take"),
    ],
)
def test_labels_that_do_not_fit_are_told(tmp_path: Path, labels: bytes, words: str) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(BYTES))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(labels)
    refused(tmp_path / "train-images-idx3-ubyte", f"train-labels-idx1-ubyte: .*{words}")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkdir(tmp_path / "x.png")
    for name in ("x.png", "none.csv", "nul\0.npy"):
        with pytest.raises(FileProblem):
            open_gallery(tmp_path / name)


@pytest.mark.parametrize("content", [table(np.ones((400, 300))), packed(idx(np.zeros((40, 50, 60), np.uint8)))])
def test_a_limit_is_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ("x.csv" if content[:1] == b"1" else "x.gz")
    path.write_bytes(content)
    assert open_gallery(path, limit=2**24).count in (400, 40)
    refused(path, "more than the 0.1 MiB allowed", limit=100_000)
