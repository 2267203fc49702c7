"""Modules from Python: handed over by whoever runs an experiment, never by a file.

An experiment only names its module. What a name stands for is told by `give`, or by `load_factory`, which runs code and
is called for nothing but the command line's own --model: a name in a file is looked up, and that is all.
"""

from __future__ import annotations

import functools
import importlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from foadv_gui.core.models import ModuleError, ModuleModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_given: dict[str, Given] = {}
_called: list[str] = []


@dataclass(frozen=True, eq=False)
class Given:
    """A module, or a function of a batch of inputs, and perhaps a loss of its outputs (..., C); and what made it."""

    module: Callable[[Tensor], Tensor]
    loss: Callable[..., Tensor] | None = None
    factory: Callable[[], Any] | None = None


class FactoryError(ValueError):
    """A factory that cannot be called; the text says why."""


def give(
    module: Callable[[Tensor], Tensor],
    loss: Callable[..., Tensor] | None = None,
    name: str = "",
    factory: Callable[[], Any] | None = None,
) -> str:
    """Hand over a module, and perhaps what made it, and return the name that an experiment calls it by."""
    source = factory or module
    for known, given in _given.items():
        if (given.factory or given.module) is source and given.loss is loss and name in ("", known):
            return known
    kind = source if hasattr(source, "__qualname__") else type(source)
    wanted = name or f"{kind.__module__}:{kind.__qualname__}"
    free = wanted
    if not name:
        free = next(
            n for n in itertools.chain([wanted], (f"{wanted}#{i}" for i in itertools.count(2))) if n not in _given
        )
    _given[free] = Given(module, loss, factory)
    return free


def given(name: str) -> Given | None:
    """What a name stands for, if it was handed over."""
    return _given.get(name)


def give_trained(
    model: torch.nn.Module | Callable[[], Any], loss: Callable[..., Tensor] | None = None, name: str = ""
) -> str:
    """Hand over a module that is to be trained, or a function without arguments that makes one (or one and a loss).

    Raises
    ------
    FactoryError
        If the function fails, or makes something else.
    """
    if isinstance(model, torch.nn.Module):
        return give(model, loss, name)
    module, own = _made(getattr(model, "__qualname__", "the function"), model, 0)
    return give(module, own if loss is None else loss, name, model)


@functools.lru_cache(maxsize=16)
def fresh(given: Given, seed: int) -> Callable[[Tensor], Tensor]:
    """The module of one network that is trained, which is not to be changed.

    Made anew with PyTorch's generator seeded; or, where nothing makes it, as it was given.

    Raises
    ------
    FactoryError
        If it cannot be made.
    """
    return given.module if given.factory is None else _made("the factory", given.factory, seed)[0]


def load_factory(name: str) -> str:
    """Call "package.module:factory" and hand over what it returns: a module, or a module and a loss.

    PyTorch's generator is seeded while it is called, so that each process and each day has the same random weights.

    Raises
    ------
    FactoryError
        If there is no such factory, or it fails.
    """
    package, _, attribute = name.partition(":")
    if not package or not attribute:
        raise FactoryError(f"{name} must be package.module:factory")
    try:
        factory: Any = importlib.import_module(package)
        for part in attribute.split("."):
            factory = getattr(factory, part)
    except (ImportError, AttributeError) as error:
        raise FactoryError(f"{name}: {error}") from error
    except (Exception, SystemExit) as error:  # what is imported is somebody's script
        raise FactoryError(f"{name} cannot be imported: {_told(error)}") from error
    module, loss = _made(name, factory, 0)
    _called.append(name)
    return give(module, loss, name, None if isinstance(factory, torch.nn.Module) else factory)


def _made(name: str, factory: Any, seed: int) -> tuple[Callable[[Tensor], Tensor], Callable[..., Tensor] | None]:
    """What a factory makes with this seed; a module stands for itself."""
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = factory if isinstance(factory, torch.nn.Module) else factory()
    except (Exception, SystemExit) as error:
        raise FactoryError(f"{name} failed: {_told(error)}") from error
    module, loss = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not callable(module) or not (loss is None or callable(loss)):
        raise FactoryError(f"{name} returned {type(made).__name__}, not a module, or a module and a loss")
    return module, loss


def called_factory() -> str | None:
    """The factory that was called by --model, if one was: the only one that the processes of a pool call, too."""
    return _called[-1] if _called else None


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def model_of(
    module: Callable[[Tensor], Tensor], dimension: int, image_shape: tuple[int, ...] | None, dtype: torch.dtype
) -> ModuleModel:
    """The model of a module for inputs of some shape: grey images as (1, h, w), colour ones as (3, h, w).

    Otherwise inputs are given as (h, w) or (h, w, 3), or as vectors (d,): whatever is taken first.

    Raises
    ------
    ModuleError
        If the module takes none of these.
    """
    colours_first = None
    if image_shape is not None and len(image_shape) == 3:
        colours_first = torch.arange(dimension).reshape(image_shape).permute(2, 0, 1).reshape(-1)
    shapes: list[tuple[tuple[int, ...], Tensor | None]] = [((dimension,), None)]
    if image_shape is not None:
        shapes.insert(0, (tuple(image_shape), None))
        first = (1, *image_shape) if colours_first is None else (image_shape[2], *image_shape[:2])
        shapes.insert(0, (first, colours_first))
    if isinstance(module, torch.nn.Module):
        try:
            with torch.inference_mode(False):
                module = _in_dtype(module, dtype)
        except Exception as error:
            raise ModuleError(f"no copy can be made of the module: {_told(error)}") from error
    problems = []
    for shape, order in shapes:
        try:
            model = ModuleModel(module, shape, order, dtype)
            # Both types are needed, one for pictures and one for what is stated: better refused now than on the way.
            model.to(dtype=torch.float32 if dtype == torch.float64 else torch.float64)
            return model
        except ModuleError as problem:
            problems.append(problem)
    raise problems[0]


def _in_dtype(module: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    import copy

    return copy.deepcopy(module).to(torch.device("cpu"), dtype)
