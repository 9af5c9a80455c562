"""Tensors that lie on different devices, brought together: as in Keras, functions and layers take them anyway."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch.utils import _pytree as pytree

from keras_torch import config

F = TypeVar("F", bound=Callable[..., Any])

_CARRIED = ("_keras_mask", "_keras_logits", "_keras_activation")


def to(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor on a device. A copy to the processor is waited for."""
    return tensor.to(device, non_blocking=device.type == "cuda")


def moved(tree: Any, device: torch.device) -> Any:
    """Return a structure with its tensors, and the masks and logits that they carry, on a device (`Tensor.to`)."""

    def move(item: Any) -> Any:
        if not isinstance(item, torch.Tensor) or item.device == device:
            return item
        found = to(item, device)
        for name in _CARRIED:
            value = getattr(item, name, None)
            if value is not None:
                setattr(found, name, move(value))
        return found

    return pytree.tree_map(move, tree)


def again(function: Callable[..., Any], args: Any, kwargs: Any, error: RuntimeError, *own: torch.Tensor) -> Any:
    """Call a function again, with its tensors on one device, after torch refused them because they lay apart.

    That is the device of the first of them, or of the function's `own` tensors, that is not in the processor's memory;
    else the default one. Raises `error` again if no argument lies elsewhere: calls whose tensors lie together cost
    nothing, and nothing runs twice in vain.
    """
    given = [tensor for tensor in _tensors((args, kwargs)) if not tensor.is_meta]
    away = sorted((tensor.device for tensor in (*own, *given) if tensor.device.type not in ("cpu", "meta")), key=str)
    target = away[0] if away else config.default_device()
    if target.type == "meta" or all(tensor.device == target for tensor in given):
        raise error
    return function(*moved(args, target), **moved(kwargs, target))


def together(function: F) -> F:
    """Function decorator: tensors that torch refuses because they lie apart are brought together."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            return again(function, args, kwargs, error)

    return call  # type: ignore[return-value]


def _tensors(tree: Any) -> Iterator[torch.Tensor]:
    return (item for item in pytree.tree_leaves(tree) if isinstance(item, torch.Tensor))
