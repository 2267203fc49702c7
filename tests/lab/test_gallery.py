"""Inputs of every format are read as they were written, row by row, with their labels and as small pictures."""

from __future__ import annotations

import os
import tracemalloc
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from input_files import idx, image, npy, npz, packed, photograph, table
from PIL import Image

from foadv_gui.lab.files import FileProblem
from foadv_gui.lab.gallery import InputProblem, digits_gallery, gallery_at_hand, open_gallery
from foadv_gui.lab.images import pixels_of, thumbnail

if TYPE_CHECKING:
    from pathlib import Path

DRAW = np.random.default_rng(5)
TABLE, BYTES = DRAW.standard_normal((4, 6)), DRAW.integers(0, 256, (5, 4, 3), dtype=np.uint8)
PHOTO = photograph()


def put(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


# -- round trips -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.npy", npy(TABLE), TABLE),
        ("x.npy", npy(np.asfortranarray(TABLE)), TABLE),
        ("x.npy", npy(TABLE[0]), TABLE[:1]),
        ("x.npy", npy(BYTES), BYTES / 255),
        ("x.npy", npy(BYTES.astype(">u2") * 257), BYTES / 255),
        ("x.npy", npy(BYTES.astype(float)), BYTES.astype(float)),
        ("x.npy", npy(np.stack([PHOTO, PHOTO[::-1]])), np.stack([PHOTO, PHOTO[::-1]]) / 255),
        ("x.npz", npz(x=TABLE), TABLE),
        ("x.npz", npz(True, images=BYTES, other=TABLE), BYTES / 255),
        ("x.csv", table(TABLE), TABLE),
        ("x.csv", table(TABLE, "a,b,c,d,e,f"), TABLE),
        ("x.csv", b"\xef\xbb\xbf# told\r\n" + table(TABLE, mark=";").replace(b"\n", b"\r\n") + b"\r\n\r\n", TABLE),
        ("x.txt", table(TABLE, mark="  "), TABLE),
        ("x.tsv", table(TABLE[:, :1]), TABLE[:, :1].T),
        ("x.csv", table(TABLE[:, :1], "value"), TABLE[:, :1].T),
        ("x.png", image(PHOTO), PHOTO[None] / 255),
        ("x.png", image(PHOTO[:, :, 0]), PHOTO[None, :, :, 0] / 255),
        ("x.png", image(PHOTO[:, :, 0].astype(np.uint16) * 257), PHOTO[None, :, :, 0] / 255),
        ("called.otherwise", image(PHOTO), PHOTO[None] / 255),
        ("x-idx3-ubyte", idx(BYTES), BYTES / 255),
        ("x-idx3-ubyte.gz", packed(idx(BYTES)), BYTES / 255),
        ("x.idx", idx(TABLE), TABLE),
        ("x.idx", idx(TABLE.astype("f4")), TABLE.astype("f4").astype(float)),
        ("x.idx", idx((100 * TABLE).astype("i2")), (100 * TABLE).astype("i2").astype(float)),
        ("x.idx", idx(np.stack([PHOTO, PHOTO])), np.stack([PHOTO, PHOTO]) / 255),
    ],
)
def test_what_was_written_is_read(tmp_path: Path, name: str, content: bytes, expected: Any) -> None:
    gallery = open_gallery(put(tmp_path, name, content))
    assert (gallery.count, gallery.shape) == (len(expected), expected.shape[1:])
    assert gallery.is_images == (expected.ndim > 2) and gallery.labels is None
    for index in range(gallery.count):
        row = gallery.row(index)
        assert row.dtype == np.float64
        np.testing.assert_array_equal(row, expected[index])
    with pytest.raises(IndexError):
        gallery.row(gallery.count)


@pytest.mark.parametrize("mode", [None, "L"])
def test_a_jpeg_is_read_within_what_it_loses(tmp_path: Path, mode: str | None) -> None:
    gallery = open_gallery(put(tmp_path, "x.jpeg", image(PHOTO, "JPEG", mode, quality=98, subsampling=0)))
    expected = np.asarray(Image.fromarray(PHOTO).convert(mode or "RGB")) / 255
    assert gallery.shape == expected.shape
    np.testing.assert_allclose(gallery.row(0), expected, atol=0.03)


def test_a_photograph_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter, as a telephone that was held upright says
    gallery = open_gallery(put(tmp_path, "x.png", image(PHOTO, exif=exif)))
    assert gallery.shape == (16, 12, 3)
    np.testing.assert_array_equal(gallery.row(0), np.rot90(PHOTO, -1) / 255)


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(tmp_path: Path, kind: str) -> None:
    if kind == "P":
        content = image(np.zeros((2, 2), np.uint8), mode="P", transparency=0)
    else:
        stored = np.array([[[9, 9, 9, 0], [9, 9, 9, 255]], [[0, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
        content = image(stored, mode=None if kind == "RGBA" else "LA")
    row = open_gallery(put(tmp_path, "x.png", content)).row(0)
    expected = np.ones((2, 2)) if kind == "P" else np.array([[255, 9], [255, 204]]) / 255
    np.testing.assert_array_equal(row if row.ndim == 2 else row[:, :, 0], expected)


# -- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["label", "y", "class", "Label", '"y"'])
@pytest.mark.parametrize("column", [0, 2])
def test_a_column_of_labels_is_no_coordinate(tmp_path: Path, name: str, column: int) -> None:
    names, rows = ["p", "q", "r"], np.insert(TABLE[:, :3], column, [3, 1, 4, 1], axis=1)
    names.insert(column, name)
    gallery = open_gallery(put(tmp_path, "x.csv", table(rows, ",".join(names))))
    assert gallery.labels is not None and gallery.labels.tolist() == [3, 1, 4, 1]
    np.testing.assert_array_equal([gallery.row(i) for i in range(4)], TABLE[:, :3])


def test_a_column_beside_one_of_labels_is_many_inputs(tmp_path: Path) -> None:
    gallery = open_gallery(put(tmp_path, "x.csv", b"label,p\n1,0.5\n0,-2\n"))
    assert (gallery.count, gallery.shape) == (2, (1,))
    assert gallery.row(1).tolist() == [-2.0]


def test_a_column_of_other_values_gives_no_labels(tmp_path: Path) -> None:
    gallery = open_gallery(put(tmp_path, "x.csv", table(TABLE, "y,b,c,d,e,f")))
    assert gallery.labels is None and gallery.shape == (5,)
    np.testing.assert_array_equal(gallery.row(1), TABLE[1, 1:])


@pytest.mark.parametrize("labels", [[7, 2, 1, 0], [1.0, -1.0, 1.0, -1.0]])
@pytest.mark.parametrize("name", ["y", "labels"])
def test_an_archive_brings_its_labels(tmp_path: Path, labels: list[float], name: str) -> None:
    gallery = open_gallery(put(tmp_path, "x.npz", npz(X=TABLE, **{name: labels})))
    assert gallery.labels is not None and gallery.labels.tolist() == labels


def test_values_of_a_regression_are_no_labels(tmp_path: Path) -> None:
    assert open_gallery(put(tmp_path, "x.npz", npz(x=TABLE, y=TABLE[:, 0]))).labels is None
    assert open_gallery(put(tmp_path, "one.npz", npz(x=TABLE[0], y=0.5))).labels is None


@pytest.mark.parametrize("of_images", ["train-images-idx3-ubyte", "t10k-images.idx3-ubyte", "images"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_labels_of_mnist_stand_beside_its_images(tmp_path: Path, of_images: str, ending: str) -> None:
    path = put(tmp_path, of_images + ending, packed(idx(BYTES)) if ending else idx(BYTES))
    assert open_gallery(path).labels is None
    beside = of_images.replace("images", "labels").replace("idx3", "idx1")
    labels = put(tmp_path, f"{beside}.gz", packed(idx(np.array([5, 0, 4, 1, 9], np.uint8))))
    found = open_gallery(path).labels
    assert found is not None and found.tolist() == [5, 0, 4, 1, 9]
    labels.unlink()
    assert open_gallery(path).labels is None


# -- which array, which size -----------------------------------------------------------------------------------------


def test_an_array_of_an_archive_is_named(tmp_path: Path) -> None:
    path = put(tmp_path, "x.npz", npz(x=TABLE, more=BYTES))
    assert open_gallery(path).shape == (6,)
    assert open_gallery(path, array="more").shape == (4, 3)
    for other, words in ((put(tmp_path, "two.npz", npz(a=TABLE, b=TABLE)), "a, b"), (path, "more, x")):
        with pytest.raises(InputProblem, match=words) as caught:
            open_gallery(other, array=None if other != path else "none")
        assert caught.value.setting == "array"
    with pytest.raises(InputProblem, match="holds one array"):
        open_gallery(put(tmp_path, "x.npy", npy(TABLE)), array="x")


def test_images_are_resized_and_made_grey(tmp_path: Path) -> None:
    path = put(tmp_path, "x.png", image(PHOTO))
    assert open_gallery(path, size=(6, 8)).row(0).shape == (6, 8, 3)
    grey = open_gallery(path, grey=True)
    np.testing.assert_allclose(grey.row(0), PHOTO @ [0.299, 0.587, 0.114] / 255, rtol=1e-12)
    both = open_gallery(path, size=(3, 2), grey=True)
    assert both.shape == both.row(0).shape == (3, 2)
    with pytest.raises(InputProblem, match="holds vectors") as caught:
        open_gallery(put(tmp_path, "x.npy", npy(TABLE)), size=(2, 3))
    assert caught.value.setting == "size"
    assert open_gallery(tmp_path / "x.npy", grey=True).shape == (6,)


def test_halving_an_image_takes_the_weighted_means_of_its_pixels() -> None:
    """Pillow's bilinear filter at half the size weighs four neighbours on each side by 1, 3, 3, 1."""
    line = DRAW.random(16)
    small = pixels_of(np.tile(line, (2, 1)), (2, 8))[0]
    for i in range(1, 7):
        expected = line[2 * i - 1 : 2 * i + 3] @ [1, 3, 3, 1] / 8
        assert small[i] == pytest.approx(expected, abs=1e-6)


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    to=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    scale=st.sampled_from([1e-300, 1e-3, 1.0, 1e300]),
    seed=st.integers(0, 99),
)
def test_no_resized_pixel_is_beyond_the_others(
    height: int, width: int, to: tuple[int, int], scale: float, seed: int
) -> None:
    pixels = scale * np.random.default_rng(seed).standard_normal((height, width))
    found = pixels_of(pixels, to)
    assert found.shape == to and found.min() >= pixels.min() and found.max() <= pixels.max()


# -- pictures --------------------------------------------------------------------------------------------------------


def test_thumbnails_are_small_and_their_contrast_is_stretched(tmp_path: Path) -> None:
    pixels = np.stack([photograph(40, 20) // 4 + 100] * 3)
    gallery = open_gallery(put(tmp_path, "x.npy", npy(pixels)))
    found = gallery.thumbnails(1, 5, 16)
    assert [one.shape for one in found] == [(16, 8, 3)] * 2
    assert all(one.dtype == np.uint8 and one.min() == 0 and one.max() == 255 for one in found)
    assert gallery.thumbnails(0, 1, 64)[0].shape == (40, 20, 3)
    assert open_gallery(put(tmp_path, "v.npy", npy(TABLE))).thumbnails(0, 2, 16) == []


def test_a_thumbnail_of_what_cannot_be_stretched_is_drawn() -> None:
    assert thumbnail(np.full((3, 3), 7.0), 8).tolist() == np.zeros((3, 3)).tolist()
    assert thumbnail(np.array([[np.nan, 0.0], [1.0, np.inf]]), 8).tolist() == [[0, 0], [255, 0]]
    assert thumbnail(np.array([[-1.7e308, 1.7e308]]), 8).tolist() == [[0, 255]]
    assert thumbnail(np.full((9, 9), np.nan), 4).shape == (4, 4)


def test_the_digits_are_a_gallery() -> None:
    digits = digits_gallery()
    assert (digits.count, digits.shape, digits.is_images) == (1797, (8, 8), True)
    assert digits.labels is not None and digits.labels[:4].tolist() == [0, 1, 2, 3]
    assert max(digits.row(i).max() for i in range(50)) == 1.0


# -- large files, and files that change ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.npy", "x-idx3-ubyte"])
def test_a_row_of_a_large_file_is_read_alone(tmp_path: Path, name: str) -> None:
    rows = 40_000
    stored = np.zeros((rows, 28, 28), np.uint8)
    stored[-1] = 255
    path = put(tmp_path, name, npy(stored) if name == "x.npy" else idx(stored))
    del stored
    tracemalloc.start()
    try:
        gallery = open_gallery(path)
        assert gallery.row(rows - 1).min() == 1 and gallery.row(0).max() == 0
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_photograph_takes_little_more_than_its_bytes_on_the_way_to_a_small_one(tmp_path: Path) -> None:
    path = put(tmp_path, "x.png", image(photograph(3000, 3000), compress_level=1))
    tracemalloc.start()
    try:
        small = open_gallery(path, size=(12, 12)).row(0)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * 3 * 3000**2  # of bytes, without Pillow's own
    finally:
        tracemalloc.stop()
    means = photograph(3000, 3000).reshape(12, 250, 12, 250, 3).mean((1, 3)) / 255
    np.testing.assert_allclose(small[1:-1, 1:-1], means[1:-1, 1:-1], atol=0.02)


def test_odd_exif_data_is_passed_over_in_silence(tmp_path: Path) -> None:
    odd = b"Exif\0\0II*\0\x08\0\0\0\5\0\x12\x01\3\0\1\0\0\0\6\0"  # five entries, and it ends within the first
    path = put(tmp_path, "x.jpg", image(PHOTO, "JPEG", exif=odd))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert open_gallery(path).row(0).shape == PHOTO.shape
    assert not told


def test_a_file_that_is_open_is_at_hand(tmp_path: Path) -> None:
    path = put(tmp_path, "x.npz", npz(x=BYTES, y=np.arange(5)))
    assert gallery_at_hand(path) is None
    small = open_gallery(path, size=(2, 2))
    found = gallery_at_hand(path)
    assert found is not None and small.labels is not None
    np.testing.assert_array_equal(found.labels, small.labels)
    assert gallery_at_hand(path, "x") is None  # asked for by another name


def test_a_file_is_opened_once_until_it_changes(tmp_path: Path) -> None:
    path = put(tmp_path, "x.csv", table(TABLE))
    first = open_gallery(path)
    assert open_gallery(path) is first
    put(tmp_path, "x.csv", table(TABLE[:2]))
    os.utime(path, ns=(1, 1))
    assert open_gallery(path).count == 2


def test_a_row_that_has_gone_is_told(tmp_path: Path) -> None:
    for name, content in (("x.npy", npy(TABLE)), ("x.idx", idx(TABLE))):
        gallery = open_gallery(put(tmp_path, name, content))
        put(tmp_path, name, content[:-8])
        with pytest.raises(FileProblem, match="changed while it was read, or has gone"):
            gallery.row(3)
