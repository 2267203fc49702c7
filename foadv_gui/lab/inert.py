"""What a pickled PyTorch state dict says, read as inert values: nothing that it names is imported, called or built.

A pickle is a program for a small stack machine. Here its instructions are followed with descriptions in the place of
objects: a tensor is where its numbers lie in the archive, and a name that has no place in a state dict is refused. So
no code can run and nothing is allocated that the file claims, which holds for ``torch.load(weights_only=True)`` only in
part: that calls ``bytearray(n)`` or ``torch.Tensor(n)`` for any n that a file asks for.
"""

from __future__ import annotations

import pickletools
import re
from dataclasses import dataclass
from typing import Any

_NESTED = 8  # the dimensions of a tensor
_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "QInt8Storage": "a quantised type",
    "QUInt8Storage": "a quantised type",
    "QInt32Storage": "a quantised type",
    "QUInt4x2Storage": "a quantised type",
    "QUInt2x4Storage": "a quantised type",
    "UntypedStorage": "untyped bytes",
}
_REBUILT = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
_WRAPPED = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
_OTHER_TENSORS = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_qtensor": "a quantised tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "a meta tensor, which has no numbers",
    "torch._utils._rebuild_tensor_v3": "a tensor of an unusual type",
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a class of its own",
    "torch._tensor._rebuild_from_type_v2": "a tensor of a class of its own",
    "torch._utils._rebuild_device_tensor_from_numpy": "a tensor of another device",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "a tensor of another device",
}
_HARMLESS = ("torch.Size", "torch.device", "torch.serialization._get_layout", "collections.Counter", "_codecs.encode")
_KINDS = re.compile(r"(b?float|complex|q?u?int)[0-9]\w*|bool|per_(tensor|channel)_\w+")
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": object}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_GIVEN = (
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"),
    *("SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES"),
)


class Unfit(ValueError):
    """A pickle that is no state dict; the text says why, and what to save instead."""


@dataclass(frozen=True)
class Stored:
    """A dense tensor: where in which storage its numbers lie, counted in numbers, as the file claims."""

    storage: str
    dtype: str
    length: int
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class Other:
    """A value that is no dense tensor: what it is, in words."""

    what: str


@dataclass(frozen=True)
class _Global:
    name: str


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    length: int


def read_pickle(content: bytes) -> Any:
    """The value that a pickle builds: numbers, text, tuples, lists, dicts with text as keys, `Stored` and `Other`.

    Raises
    ------
    Unfit
        If it names anything that has no place in a state dict.
    ValueError, LookupError, TypeError
        If it is damaged.
    """
    return _Machine().run(content)


class _Machine:
    """The stack machine of pickle, protocols 2 to 4."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []  # the stacks below each mark
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        for code, argument, _ in pickletools.genops(content):
            if code.name == "STOP":
                return self.stack.pop()
            self._follow(code.name, argument)
        raise ValueError("it has no end")

    def _follow(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _GIVEN:
            stack.append(argument)
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name == "MARK":
            self.outer.append(stack)
            self.stack = []
        elif name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"):
            items = self._marked() if name == "TUPLE" else [stack.pop() for _ in range(int(name[-1]))][::-1]
            self.stack.append(tuple(items))
        elif name in ("APPEND", "APPENDS", "SETITEM", "SETITEMS"):
            items = self._marked() if name.endswith("S") else [stack.pop() for _ in range(1 + ("SET" in name))][::-1]
            _extend(self.stack[-1], items, name)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            module, called = argument.split(" ", 1) if name == "GLOBAL" else (stack.pop(-2), stack.pop())
            if type(module) is not str or type(called) is not str:
                raise ValueError("it names no global")
            stack.append(_known(f"{module}.{called}"))
        elif name in ("REDUCE", "NEWOBJ"):
            given, what = stack.pop(), stack.pop()
            stack.append(_called(what, given))
        elif name == "BUILD":
            stack.pop()  # attributes, such as the versions that a state dict notes beside its tensors
        elif name == "BINPERSID":
            stack.append(_storage(stack.pop()))
        elif name not in ("PROTO", "FRAME"):
            raise Unfit(f"uses the instruction {name}, which PyTorch does not write into a state dict")

    def _marked(self) -> list[Any]:
        items, self.stack = self.stack, self.outer.pop()
        return items


def _extend(target: Any, items: list[Any], name: str) -> None:
    if name.startswith("APPEND"):
        if type(target) is not list:
            raise ValueError("it appends to what is no list")
        target.extend(items)
        return
    if type(target) is not dict:
        if type(target) is _Global:  # a counter
            return
        raise ValueError("it sets an entry of what is no dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
        # An optimiser counts its parameters; what is not called anything is no weight. (A tuple that nests without end
        # could not be hashed, and numbers can be made to collide.)
        if type(key) is str:
            target[key] = value


def _known(name: str) -> _Global:
    """The global of a name; refused unless it is one that a state dict needs."""
    kind, _, last = name.rpartition(".")
    if (
        name in (*_REBUILT, *_WRAPPED, *_OTHER_TENSORS, *_HARMLESS, "collections.OrderedDict")
        or (kind in ("torch", "torch.storage") and last in _STORAGES)
        or (kind == "torch" and _KINDS.fullmatch(last))
    ):
        return _Global(name)
    shown = name if name.isprintable() else ascii(name)
    raise Unfit(
        f"holds a pickled {shown[:80]}, which could run code when it is loaded; "
        "save the weights alone: torch.save(model.state_dict(), ...)"
    )


def _called(what: Any, given: Any) -> Any:
    """What a call would return, described."""
    if type(what) is not _Global or type(given) is not tuple:
        raise ValueError("it calls what is no function")
    if what.name == "collections.OrderedDict":
        if given:
            raise ValueError("it makes a dict of something")
        return {}
    if what.name in _REBUILT:
        return _tensor(*given[:4])
    if what.name in _WRAPPED:
        return given[0]
    return Other(_OTHER_TENSORS[what.name]) if what.name in _OTHER_TENSORS else what


def _storage(given: Any) -> _Storage:
    """The storage that a persistent id ("storage", type, key, device, length) names."""
    word, kind, key, _, length = given
    if word != "storage" or type(kind) is not _Global or type(key) is not str or type(length) is not int:
        raise ValueError("it names no storage")
    return _Storage(key, _STORAGES[kind.name.rpartition(".")[2]], length)


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any) -> Stored:
    if type(storage) is not _Storage:
        raise ValueError("a tensor has no storage")
    lengths = (offset, *shape, *stride)
    if len(shape) != len(stride) or len(shape) > _NESTED or any(type(number) is not int for number in lengths):
        raise ValueError("a tensor has no shape")
    return Stored(storage.key, storage.dtype, storage.length, offset, tuple(shape), tuple(stride))
