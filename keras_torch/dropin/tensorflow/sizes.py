"""Shapes as values: `tf.shape` gives a tensor of integers, and for a symbolic tensor numbers to compute with."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from keras_torch import ops
from keras_torch.backend.variable import WeightView
from keras_torch.models.operations import sizes
from keras_torch.symbolic import KerasTensor, SymbolicSize


class Sizes(tuple):
    """The shape of a symbolic tensor, known sizes as ints: arithmetic works on each, slices are shapes again."""

    __slots__ = ()
    dtype = "int32"

    @property
    def shape(self) -> tuple[int]:
        """The number of sizes."""
        return (len(self),)

    def get_shape(self) -> tuple[int]:
        """The number of sizes."""
        return self.shape

    def __truediv__(self, other: Any) -> Any:
        return ops.true_divide(sizes.as_tensor(tuple(self)), other)

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Sizes(found) if isinstance(index, slice) else found

    __hash__ = tuple.__hash__


def _operator(function: Callable[[Any, Any], Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    compute = sizes.on_sizes(function, function)

    def forward(self: Sizes, other: Any) -> Any:
        found = compute(tuple(self), _plain(other))
        return Sizes(found) if isinstance(found, tuple) else found

    def reflected(self: Sizes, other: Any) -> Any:
        found = compute(_plain(other), tuple(self))
        return Sizes(found) if isinstance(found, tuple) else found

    return forward, reflected


def _plain(other: Any) -> Any:
    return ints(other) if isinstance(other, (np.ndarray, torch.Tensor, list, tuple)) else other


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    _forward, _reflected = _operator(getattr(operator, _name))
    setattr(Sizes, f"__{_name}__", _forward)
    setattr(Sizes, f"__r{_name}__", _reflected)


def ints(value: Any) -> Any:
    """Return a shape, given as a number, a tensor or a list of either, as a list of ints and symbolic sizes."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        value = value.tolist()
    if isinstance(value, KerasTensor):
        return [value] if isinstance(value, SymbolicSize) else value
    return [_size(item) for item in value] if isinstance(value, (list, tuple)) else [_size(value)]


def _size(item: Any) -> Any:
    if item is None:
        return -1
    return item if isinstance(item, KerasTensor) else int(item)


def values(item: Any) -> Any:
    """Return what may be a shape of a symbolic tensor as something to compute with: a tensor."""
    return sizes.as_tensor(tuple(item)) if isinstance(item, Sizes) else item


def shape(input: Any, out_type: Any = "int32") -> Any:  # noqa: A002 - TensorFlow's name
    """The shape: a tensor of integers on the CPU; of a symbolic tensor, its sizes as numbers, some of them symbolic."""
    if isinstance(input, (KerasTensor, Sizes)):
        return Sizes(sizes.shape_of(input))
    found = input.shape if isinstance(input, (torch.Tensor, WeightView)) else ops.convert_to_tensor(input).shape
    return torch.tensor(tuple(found), dtype=torch.int64 if "64" in str(out_type) else torch.int32, device="cpu")


def size(input: Any, out_type: Any = "int32") -> Any:  # noqa: A002
    """The number of values."""
    if isinstance(input, (KerasTensor, Sizes)):
        return sizes.product(shape(input))
    return torch.prod(shape(input, out_type).long()).to(shape(input, out_type).dtype)


def rank(input: Any) -> Any:  # noqa: A002
    """The number of axes."""
    if isinstance(input, (KerasTensor, Sizes)):
        return len(input.shape)
    return torch.tensor(len(shape(input)), dtype=torch.int32, device="cpu")


NAMES = {"rank": rank, "shape shape_v2": shape, "size": size}
