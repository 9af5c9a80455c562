"""Augmented assignments (`x += y`) of code that was written for TensorFlow or Theano, where they make a new tensor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from keras_torch import config

_NEW: dict[Any, Callable[..., Any]] = {
    torch.Tensor.add_: torch.add,
    torch.Tensor.sub_: torch.sub,
    torch.Tensor.mul_: torch.mul,
    torch.Tensor.div_: torch.div,
    torch.Tensor.pow_: torch.pow,
    torch.Tensor.floor_divide_: torch.floor_divide,
}
_OURS = ("keras_torch", "torch")


class Rebinding(TorchFunctionMode):
    """Let `x /= y` in code of the user bind `x` to a new tensor, where torch would change the tensor itself.

    On torch the other names of that tensor, and the backward pass that needs it as it was, would see the change.
    Code of torch and of this package, which means what it says, is left alone.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        new = _NEW.get(func)
        if new is not None and sys._getframe(1).f_globals.get("__name__", "").partition(".")[0] not in _OURS:
            func = new
        return func(*args, **(kwargs or {}))


def call_rebinding(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function of the user's so that its `x /= y` leaves the arguments as they are, before Keras 3."""
    if config.dialect() not in ("1", "2", "tf") or torch.compiler.is_compiling():
        return function(*args)
    with Rebinding():
        return function(*args)
