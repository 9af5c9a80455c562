"""Torch modules that are called on symbolic tensors outside of any layer: what of them must follow the model's mode.

Their functions are recorded one by one. Most are the same in training and inference; those that take `training` were
called with the mode that the module had then, and must see the mode that the model is in when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn import functional as F


class InMode(nn.Module):
    """A torch function whose argument `training` is this module's mode, which follows the model's."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.__name__ = function.__name__
        self.eval()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.function(*args, training=self.training, **kwargs)


def recorded_call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """Return what to record for a call of a function: itself, or a module that follows the mode, and the arguments."""
    if not isinstance(kwargs.get("training"), bool):
        return function, args, kwargs
    frame = _module_call()
    if frame is None:
        return function, args, kwargs
    module = frame["self"]
    if function is F.batch_norm and isinstance(module, nn.modules.batchnorm._NormBase):
        return module, frame["args"], frame["kwargs"]
    if kwargs["training"] is not module.training:
        return function, args, kwargs
    return InMode(function), args, {key: value for key, value in kwargs.items() if key != "training"}


def _module_call() -> dict[str, Any] | None:
    """The local variables of the innermost running `nn.Module.__call__`, unless that is a layer's."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code is nn.Module._call_impl.__code__:
            found = frame.f_locals
            return None if hasattr(found["self"], "_inbound_nodes") else found
        frame = frame.f_back  # type: ignore[assignment]
    return None
