"""Operators between tensors and numpy's arrays or lists, which torch refuses or gives to numpy, and backward slices.

As in TensorFlow, the array becomes a tensor of the other's type, on either side of the operator, so that gradients
flow and float32 stays float32; of lists of floats beside integers the result is float32. `x += y` in a script makes
another tensor, which others that are `x`, and the graph of gradients, do not notice.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from keras_torch import ops
from keras_torch.backend import devices
from keras_torch.backend.string_array import StringArray

_ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")


def _beside(tensor: torch.Tensor, other: Any) -> Any:
    """Return an array or a list as a tensor to be combined with `tensor`."""
    if isinstance(other, StringArray):
        return other
    found = ops.convert_to_tensor(other)
    is_list = not isinstance(other, np.ndarray)
    wider = tensor.dtype is torch.bool or (is_list and found.is_floating_point() and not tensor.is_floating_point())
    return found.to(tensor.device) if wider else found.to(tensor)


def _operator(name: str) -> Callable[[Any, Any], Any]:
    original = getattr(torch.Tensor, name)

    def call(self: Any, other: Any) -> Any:
        try:
            return original(self, _beside(self, other) if isinstance(other, (np.ndarray, list, tuple)) else other)
        except RuntimeError as error:
            return devices.again(original, (self, other), {}, error)

    call.__name__ = name
    return call


def array_wrap(self: torch.Tensor, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Any:
    """What numpy's functions return of a tensor: an array."""
    return array[()] if return_scalar else array


_take = torch.Tensor.__getitem__


def _getitem(self: torch.Tensor, index: Any) -> Any:
    if type(index) is list and any(part is None or part is Ellipsis or type(part) is slice for part in index):
        # In TensorFlow a list is as good as a tuple. One of numbers alone may come from torch's own code.
        index = tuple(index)
    try:
        return _take(self, index)
    except ValueError:
        parts = list(index) if isinstance(index, tuple) else [index]
        if not any(_is_backward(part) for part in parts):
            raise
    axis = 0
    for place, part in enumerate(parts):
        if _is_backward(part):
            steps = range(self.shape[axis])[part]
            self = self.index_select(axis, torch.tensor(steps, dtype=torch.long, device=self.device))
            parts[place] = slice(None)
        if part is Ellipsis:
            axis = self.dim() - sum(map(_axes, parts[place + 1 :]))
        else:
            axis += _axes(part)
    return _take(self, tuple(parts))


def _is_backward(part: Any) -> bool:
    return isinstance(part, slice) and part.step is not None and part.step < 0


def _axes(part: Any) -> int:
    """Return how many axes a part of an index is about."""
    if part is None or isinstance(part, bool):
        return 0
    is_mask = getattr(part, "dtype", None) in (torch.bool, np.bool_)
    return part.ndim if is_mask else 1


def _out_of_place(name: str) -> Callable[[Any, Any], Any]:
    changing, making = getattr(torch.Tensor, f"__i{name}__"), getattr(operator, name)

    def call(self: Any, other: Any) -> Any:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        # torch counts steps of optimizers by `step += 1`.
        if caller.partition(".")[0] in ("keras_torch", "torch"):
            return changing(self, other)
        return making(self, other)

    return call


METHODS: dict[str, Any] = {
    **{f"__i{name}__": _out_of_place(name) for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")},
    **{name: _operator(name) for item in _ARITHMETIC for name in (f"__{item}__", f"__r{item}__")},
    **{f"__{name}__": _operator(f"__{name}__") for name in _COMPARISONS},
    "__array_wrap__": array_wrap,
    "__getitem__": _getitem,
}
