"""The tensors of a PyTorch state dict, from the zip archive in which ``torch.save`` puts them, without PyTorch.

The archive holds one folder: ``data.pkl`` says which tensors there are (read by `inert`), ``data/0``, ``data/1``, ...
hold their numbers as they lie in memory, uncompressed, and ``byteorder`` in which order their bytes are.
"""

from __future__ import annotations

import math
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from foadv_gui.lab.archive import open_archive, table_problem
from foadv_gui.lab.files import DAMAGE, FileProblem, damage_told, mib, open_file, size_of
from foadv_gui.lab.inert import Other, Stored, Unfit, read_pickle
from foadv_gui.lab.rawnumbers import Entry, item_size, real_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

_MEMBERS = 10_000
_PICKLE = 2**19  # some three thousand tensors
_NESTS = ("state_dict", "model_state_dict", "model")
INSTEAD = "save the weights alone: torch.save(model.state_dict(), ...)"
_WHAT = "is not an undamaged PyTorch file"


def read_tensors(
    path: str | Path, names: Iterable[str], limit: int
) -> tuple[tuple[Entry, ...], dict[str, NDArray[np.float64]]]:
    """Return what a state dict holds, in its order, and the numbers of the tensors called `names`.

    A state dict that lies in another dict under "state_dict", "model_state_dict" or "model" is found there.

    Raises
    ------
    FileProblem
        If it is no such file, is damaged or forged, or the storages that are needed take more than `limit` bytes.
    """
    with open_file(path) as stream, damage_told(path, _WHAT, DAMAGE), open_archive(stream) as archive:
        members, root = _checked(path, archive, size_of(stream))
        tensors = _found(path, _described(path, archive, members, f"{root}/data.pkl"))
        order = _byte_order(path, archive, members.get(f"{root}/byteorder"))
        held = {name: _holder(path, members, root, name, tensors[name]) for name in names}
        size = sum({info.filename: info.file_size for _, info in held.values()}.values())
        if size > limit:
            raise FileProblem(path, f"would take {mib(size)} of memory, more than the {mib(limit)} allowed")
        storages: dict[str, NDArray[np.uint8]] = {}  # several tensors may share one
        read = {}
        for name, (stored, info) in held.items():
            if info.filename not in storages:
                storages[info.filename] = _bytes(archive, info)
            read[name] = _numbers(storages[info.filename], stored, order)
        return tuple(_entry(name, stored) for name, stored in tensors.items()), read


def _entry(name: str, stored: Stored | Other) -> Entry:
    return Entry(name, (), stored.what) if isinstance(stored, Other) else Entry(name, stored.shape, stored.dtype)


def _checked(path: str | Path, archive: zipfile.ZipFile, on_disk: int) -> tuple[dict[str, zipfile.ZipInfo], str]:
    """Return the members by name and the folder that they are in, having checked the whole table of contents."""
    if any("/code/" in name or name.endswith("/constants.pkl") for name in archive.namelist()):
        raise FileProblem(path, f"holds a TorchScript program, which is not run; {INSTEAD}")
    problem = table_problem(archive, on_disk, _MEMBERS, "PyTorch", _no_member, (zipfile.ZIP_STORED,))
    if problem:
        raise FileProblem(path, problem)
    found = {info.filename: info for info in archive.infolist()}
    roots = {name.split("/")[0] for name in found}
    root = next(iter(roots)) if len(roots) == 1 else ""
    if f"{root}/data.pkl" not in found:
        raise FileProblem(path, f"holds no state dict as PyTorch writes it (no data.pkl); {INSTEAD}")
    return found, root


def _no_member(name: str) -> str:
    strange = not name.isprintable() or "\\" in name or any(part in ("", ".", "..") for part in name.split("/"))
    return "which is no name in a PyTorch file" if strange else ""


def _described(path: str | Path, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str) -> Any:
    if members[name].file_size > _PICKLE:
        raise FileProblem(path, f"describes its tensors in more than {_PICKLE // 2**10} KiB; {INSTEAD}")
    try:
        return read_pickle(_bytes(archive, members[name]).tobytes())
    except Unfit as error:
        raise FileProblem(path, str(error)) from None


def _found(path: str | Path, top: Any) -> dict[str, Stored | Other]:
    """The tensors of the state dict that is the top value, or lies one level below it."""
    if type(top) is not dict:
        raise FileProblem(path, f"holds no state dict but {_kind(top)}; {INSTEAD}")
    nested = {nest: found for nest in _NESTS if type(top.get(nest)) is dict and (found := _tensors(top[nest]))}
    tensors = _tensors(top)
    if not tensors and len(nested) > 1:
        raise FileProblem(path, f"holds several state dicts ({', '.join(nested)}); save one of them alone")
    if not tensors and not nested:
        names = ", ".join(name[:40] for name in list(top)[:8] if name.isprintable())
        raise FileProblem(path, f"holds no state dict; it holds {names or 'nothing'}; {INSTEAD}")
    return tensors or next(iter(nested.values()))


def _tensors(values: dict[str, Any]) -> dict[str, Stored | Other]:
    """The tensors of a dict by name, those of no plain kind among them."""
    return {name: value for name, value in values.items() if isinstance(value, Stored | Other)}


def _kind(value: Any) -> str:
    return "a single tensor" if isinstance(value, Stored) else f"a {type(value).__name__.lower()}"


def _byte_order(path: str | Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo | None) -> str:
    if info is None:
        return sys.byteorder
    order = _bytes(archive, info).tobytes() if info.file_size <= 8 else b""
    if order not in (b"little", b"big"):
        raise FileProblem(path, "says of its bytes neither that they are little nor big first")
    return order.decode()


def _holder(
    path: str | Path, members: dict[str, zipfile.ZipInfo], root: str, name: str, stored: Stored | Other
) -> tuple[Stored, zipfile.ZipInfo]:
    """The member in which the numbers of a tensor lie, having checked that all of them are within it."""
    each = None if isinstance(stored, Other) else item_size(stored.dtype)
    if isinstance(stored, Other) or each is None:
        raise FileProblem(path, f"{name} holds {_entry(name, stored).dtype}, not real numbers")
    info = members.get(f"{root}/data/{stored.storage}")
    if info is None or stored.length < 0 or stored.length * each != info.file_size:
        has = "none" if info is None else info.file_size
        raise FileProblem(path, f"{name} needs {str(stored.length)[:30]} numbers of its storage, which has {has} bytes")
    count = math.prod(stored.shape)
    last = stored.offset + sum((n - 1) * step for n, step in zip(stored.shape, stored.stride, strict=True))
    positive = min(stored.offset, *stored.shape, *stored.stride, 0) == 0
    # More numbers than the storage has would be the same ones again and again: a stride of 0.
    if not positive or not 0 < count <= stored.length or last >= stored.length:
        raise FileProblem(path, f"{name} of shape {str(stored.shape)[:60]} does not lie within its storage")
    return stored, info


def _numbers(storage: NDArray[np.uint8], stored: Stored, order: str) -> NDArray[np.float64]:
    """Copy a tensor out of its storage."""
    each = storage.size // stored.length
    words = storage.view(f"V{each}")[stored.offset :]
    view = np.ndarray(stored.shape, words.dtype, words.data, 0, [step * each for step in stored.stride])
    return real_numbers(np.ascontiguousarray(view), stored.dtype, order).reshape(stored.shape)


def _bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[np.uint8]:
    """The content of a member, whose checksum is compared at its end."""
    content = np.empty(info.file_size, np.uint8)
    done = 0
    with archive.open(info) as stream:
        while block := stream.read(2**19):
            content[done : done + len(block)] = np.frombuffer(block, np.uint8)
            done += len(block)
    if done != len(content):
        raise EOFError(f"{info.filename} is cut off")
    return content
