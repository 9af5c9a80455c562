"""Sizes that are known only when a model runs, such as the batch size, as numbers to compute with."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

from keras_torch.symbolic.keras_tensor import KerasTensor
from keras_torch.symbolic.node import FunctionOp, Node, producer


class SymbolicSize(KerasTensor):
    """An integer that depends on a symbolic shape. In the running model it is a Python int, so nothing waits for it."""

    def __init__(self) -> None:
        super().__init__((), "int32", name="size")

    def at(self, size: int) -> int:
        """Return its value when every unknown size is `size`; shape inference asks for it."""
        node = producer(self)
        if node.operation.target is size_of:
            x, axis = node.args
            return size if x.shape[axis] is None else x.shape[axis]
        return node.operation.target(*(item.at(size) if isinstance(item, SymbolicSize) else item for item in node.args))


class SizeOp(FunctionOp):
    """A recorded look at a size, or a computation with sizes."""

    def __call__(self, *args: Any) -> Any:
        """Compute the size, or record it."""
        is_symbolic = any(isinstance(item, KerasTensor) for item in args)
        return _record(self.target, *args) if is_symbolic else self.target(*args)


def size_of(x: torch.Tensor, axis: int) -> int:
    """Return one size of a tensor."""
    return x.shape[axis]


def symbolic_size(x: KerasTensor, axis: int) -> SymbolicSize:
    """Record the look at a size of a symbolic tensor."""
    return _record(size_of, x, axis)


def _record(function: Callable[..., Any], *args: Any) -> SymbolicSize:
    result = SymbolicSize()
    Node(SizeOp(function), args, {}, result)
    return result


def _computes_size(*items: Any) -> bool:
    return all(isinstance(item, (SymbolicSize, int)) for item in items)


def _operator(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    function = getattr(operator, name)
    forward_fallback = getattr(KerasTensor, f"__{name}__")
    reflected_fallback = getattr(KerasTensor, f"__r{name}__")

    def forward(self: SymbolicSize, other: Any) -> Any:
        return _record(function, self, other) if _computes_size(other) else forward_fallback(self, other)

    def reflected(self: SymbolicSize, other: Any) -> Any:
        return _record(function, other, self) if _computes_size(other) else reflected_fallback(self, other)

    return forward, reflected


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    _forward, _reflected = _operator(_name)
    setattr(SymbolicSize, f"__{_name}__", _forward)
    setattr(SymbolicSize, f"__r{_name}__", _reflected)
