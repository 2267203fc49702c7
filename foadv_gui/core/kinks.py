"""Which operations of somebody else's function have no second derivative somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAMES = (
    "abs adaptive_max_pool2d adaptive_max_pool3d amax amin aminmax cdist_forward ceil celu clamp clamp_max "
    "clamp_min copysign cummax cummax_helper cummin cummin_helper dist elu floor floor_divide fmax fmin fmod frac "
    "fractional_max_pool2d fractional_max_pool3d grid_sampler_2d grid_sampler_3d hardshrink hardsigmoid hardswish "
    "hardtanh heaviside huber_loss kthvalue leaky_relu max max_pool2d_with_indices max_pool3d_with_indices maximum "
    "median min minimum mkldnn_max_pool2d mkldnn_max_pool3d mode multi_margin_loss multilabel_margin_loss_forward "
    "nan_to_num nanmedian pdist_forward prelu_kernel relu relu6 remainder renorm round rrelu rrelu_with_noise "
    "rrelu_with_noise_functional selu sgn sign smooth_l1_loss softshrink sort threshold topk trunc"
)
_KINKED = frozenset(_NAMES.split())
"""Operations of torch (without the underscores around them) whose result has kinks, or jumps.

Not those that choose, as torch.where: what depends on the input in their choice has been noted before.
"""


class KinkWatch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is entered, notes the operations with kinks on what depends on a tensor; `found` names them.

    It sees what torch computes in the end, whatever was called for it: modules, functions, methods, under vmap too.
    What an operation makes of the input, its result, depends on it, and so does all that shares its memory. Besides the
    operations that are known to have kinks, each that makes truth values or whole numbers of it is noted: comparisons,
    positions, casts, by which something can be chosen. A function that has the same operations wherever it is
    evaluated (no other goes through vmap) and of which nothing is noted has second derivatives, but where a root, a
    logarithm or a quotient has none.
    """

    def __init__(self, start: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: set[str] = set()
        self._places: set[int] = set()
        self._kept: list[torch.Tensor] = []
        self._note([start])

    def _note(self, tensors: Sequence[torch.Tensor]) -> None:
        # They are kept so that nothing else comes to lie where they are.
        self._kept += tensors
        self._places |= {tensor.untyped_storage().data_ptr() for tensor in tensors}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Compute as ever, and note what is computed."""
        results = func(*args, **(kwargs or {}))
        if any(tensor.untyped_storage().data_ptr() in self._places for tensor in _tensors((args, kwargs))):
            made, name = _tensors(results), func.overloadpacket.__name__.strip("_")
            self._note(made)
            # Of the lengths only the Euclidean one, and those with even powers, are smooth (but at 0).
            power = args[1] if name == "linalg_vector_norm" and len(args) > 1 else 2
            if made and not (made[0].is_floating_point() or made[0].is_complex()):
                self.found.add(f"a choice by its input ({name})")
            elif name in _KINKED or power % 2 != 0 or "rounding_mode" in (kwargs or {}):
                self.found.add(name)
        return results

    @property
    def reason(self) -> str:
        """Why nothing of second order can be said; empty where nothing was noted."""
        if not self.found:
            return ""
        return (
            f"{min(self.found)} has kinks: no second derivative is defined there, and nothing of second order can be "
            "said"
        )


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
