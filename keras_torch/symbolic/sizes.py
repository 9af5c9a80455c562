"""Sizes that are known only when a model runs, such as the batch size, as numbers to compute with."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

from keras_torch.symbolic.keras_tensor import KerasTensor
from keras_torch.symbolic.node import FunctionOp, Node


class SymbolicSize(KerasTensor):
    """An integer that depends on a symbolic shape. In the running model it is a Python int, so nothing waits for it.

    `at(size)` is its value when every unknown size is `size`; shape inference asks for it.
    """

    def __init__(self, at: Callable[[int], int]) -> None:
        super().__init__((), "int32", name="size")
        self.at = at


def size_of(x: torch.Tensor, axis: int) -> int:
    """Return one size of a tensor."""
    return x.shape[axis]


def symbolic_size(x: KerasTensor, axis: int) -> SymbolicSize:
    """Record the look at a size of a symbolic tensor."""
    known = x.shape[axis]
    return _record(size_of, (x, axis), lambda size: size if known is None else known)


def _record(function: Callable[..., Any], args: tuple[Any, ...], at: Callable[[int], int]) -> SymbolicSize:
    result = SymbolicSize(at)
    Node(FunctionOp(function), args, {}, result)
    return result


def _value(item: Any, size: int) -> Any:
    return item.at(size) if isinstance(item, SymbolicSize) else item


def _computes_size(*items: Any) -> bool:
    return all(isinstance(item, (SymbolicSize, int)) for item in items)


def _operator(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    function = getattr(operator, name)
    forward_fallback = getattr(KerasTensor, f"__{name}__")
    reflected_fallback = getattr(KerasTensor, f"__r{name}__")

    def forward(self: SymbolicSize, other: Any) -> Any:
        if not _computes_size(other):
            return forward_fallback(self, other)
        return _record(function, (self, other), lambda size: function(self.at(size), _value(other, size)))

    def reflected(self: SymbolicSize, other: Any) -> Any:
        if not _computes_size(other):
            return reflected_fallback(self, other)
        return _record(function, (other, self), lambda size: function(_value(other, size), self.at(size)))

    return forward, reflected


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    _forward, _reflected = _operator(_name)
    setattr(SymbolicSize, f"__{_name}__", _forward)
    setattr(SymbolicSize, f"__r{_name}__", _reflected)
