"""Tensors that lie on different devices, brought together: as in Keras, functions and layers take them anyway."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
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
    target = _meeting_place((args, kwargs), own)
    if target is None:
        raise error
    return function(*moved(args, target), **moved(kwargs, target))


def joined(tree: Any) -> Any:
    """Return a structure with tensors that lie apart on one device, the one that `again` takes them to."""
    target = _meeting_place(tree) if len({tensor.device for tensor in _tensors(tree)}) > 1 else None
    return tree if target is None else moved(tree, target)


def _meeting_place(tree: Any, own: Iterable[torch.Tensor] = ()) -> torch.device | None:
    """Return the device that the tensors of a structure have to go to; None if all are there."""
    given = [tensor for tensor in _tensors(tree) if not tensor.is_meta]
    away = sorted((tensor.device for tensor in (*own, *given) if tensor.device.type not in ("cpu", "meta")), key=str)
    target = away[0] if away else config.default_device()
    return None if target.type == "meta" or all(tensor.device == target for tensor in given) else target


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
