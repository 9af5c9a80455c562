"""What `K.shape` returns: sizes that are computed with one by one, as with the tensor that Keras 2 had there."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

from keras_torch.backend.tensors import tensor
from keras_torch.symbolic import KerasTensor, Shape


class Sizes(Shape):
    """A tuple of sizes, known or symbolic. Numbers, tensors and equally long lists are combined with each of them.

    Only `+` with a tuple or a list appends, as to any tuple.
    """

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        item = tuple.__getitem__(self, index)
        return Sizes(item) if isinstance(index, slice) else item

    def __add__(self, other: Any) -> Any:
        if isinstance(other, (list, tuple)):
            return Sizes((*self, *other))
        return _combined(operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        if isinstance(other, (list, tuple)):
            return Sizes((*other, *self))
        return _combined(operator.add, other, self)


def _combined(function: Callable[[Any, Any], Any], first: Any, second: Any) -> Any:
    if any(isinstance(item, (torch.Tensor, KerasTensor)) and item.ndim for item in (first, second)):
        return function(tensor(first), tensor(second))
    count = len(first) if isinstance(first, Sizes) else len(second)
    spread = [list(item) if isinstance(item, (list, tuple)) else [item] * count for item in (first, second)]
    found = [function(*pair) for pair in zip(*spread, strict=True)]
    return tensor(found) if any(isinstance(item, float) for item in found) else Sizes(found)


def _operator(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    function = getattr(operator, name)
    return lambda self, other: _combined(function, self, other), lambda self, other: _combined(function, other, self)


for _name in ("sub", "mul", "floordiv", "mod", "truediv"):
    _forward, _reflected = _operator(_name)
    setattr(Sizes, f"__{_name}__", _forward)
    setattr(Sizes, f"__r{_name}__", _reflected)
