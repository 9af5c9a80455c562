"""What the functions of `keras.ops` do with their arguments: conversion, dtype promotion, one node a call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.array_types import widened
from keras_torch.backend.tensors import recorded, tensor
from keras_torch.symbolic import KerasTensor, Shape

F = TypeVar("F", bound=Callable[..., Any])

_UNSIGNED = {torch.uint8: 8, torch.uint16: 16, torch.uint32: 32, torch.uint64: 64}
_SIGNED = {8: torch.int16, 16: torch.int32, 32: torch.int64}
_SIZES = {torch.int8: 8, torch.int16: 16, torch.int32: 32, torch.int64: 64}
# `recorded function -> its public name`: how a file names the nodes of a graph.
names: dict[Callable[..., Any], str] = {}


def operation(function: F, sized_by_values: tuple[type, ...] = ()) -> F:
    """Function decorator: a call with symbolic tensors becomes one node; `names` knows what it is called.

    Vectors in results of the types `sized_by_values` are as long as the values decide, so nobody knows before.
    """
    names[function] = function.__name__.strip("_")
    call = recorded(function)
    if not sized_by_values:
        return call

    @functools.wraps(function)
    def sized(*args: Any, **kwargs: Any) -> Any:
        found = call(*args, **kwargs)
        return _of_unknown_size(found) if isinstance(found, sized_by_values) else found

    return sized  # type: ignore[return-value]


def _of_unknown_size(found: Any) -> Any:
    for item in found if isinstance(found, (list, tuple)) else [found]:
        if isinstance(item, KerasTensor) and item.ndim == 1:
            item.shape = Shape((None,))
    return found


def convert(x: Any, dtype: Any = None) -> Any:
    """Return `x` as a tensor. Python's floats, and so `np.float64`, get `floatx`, its integers int32.

    Arrays keep their dtype, as far as torch can compute with it: that of wide unsigned numbers becomes a signed one.
    """
    if isinstance(x, (torch.Tensor, KerasTensor)) and dtype is None:
        return x
    if isinstance(x, (np.ndarray, np.generic)) and dtype is None:
        return tensor(x, "float64") if x.dtype == np.float64 and not isinstance(x, float) else tensor(widened(x))
    return tensor(x, dtype)


def promoted(first: torch.dtype, second: torch.dtype) -> torch.dtype:
    """Return the dtype that both fit in, by Keras 3's rules: torch's, and JAX's for the unsigned types."""
    if first is second:
        return first
    if first not in _UNSIGNED and second in _UNSIGNED:
        first, second = second, first
    if first not in _UNSIGNED or (first is torch.uint8 and second not in _UNSIGNED):
        return torch.promote_types(first, second)
    if second in _UNSIGNED:
        return first if _UNSIGNED[first] > _UNSIGNED[second] else second
    if second in _SIZES:
        own, other = _UNSIGNED[first], _SIZES[second]
        return second if other > own else _SIGNED.get(own, config.torch_dtype(None))
    return first if second is torch.bool else second


def result_dtype(*items: Any) -> torch.dtype:
    """Return the common dtype of tensors and Python numbers; a number decides no more than the kind."""
    # `np.float64` is one of Python's floats.
    numbers = [item for item in items if isinstance(item, float) or not hasattr(item, "dtype")]
    known = [config.torch_dtype(item.dtype) for item in items if hasattr(item, "dtype") and not isinstance(item, float)]
    result = functools.reduce(promoted, known) if known else torch.bool
    if any(isinstance(item, complex) for item in numbers):
        return promoted(result, torch.complex64)
    if any(isinstance(item, float) for item in numbers) and not (result.is_floating_point or result.is_complex):
        return config.torch_dtype(None)
    if result is torch.bool and any(isinstance(item, int) and not isinstance(item, bool) for item in numbers):
        return torch.int32
    return result


def together(*items: Any) -> list[Any]:
    """Return tensors of the common dtype."""
    items = tuple(item if isinstance(item, (bool, int, float, complex)) else convert(item) for item in items)
    dtype = result_dtype(*items)
    return [as_dtype(item, dtype) for item in items]


def as_dtype(x: Any, dtype: torch.dtype) -> Any:
    """Return a tensor, or a tensor of a Python number, in a dtype."""
    if isinstance(x, (bool, int, float, complex)):
        # On the CPU, where a tensor of one number mixes with tensors of every device.
        device = "meta" if torch.get_default_device().type == "meta" else "cpu"
        return torch.tensor(x, dtype=dtype, device=device)
    return x if x.dtype is dtype else x.to(dtype)


def floating(x: Any) -> Any:
    """Return `x` as a tensor, booleans and integers converted to `floatx`."""
    x = convert(x)
    return x if x.dtype.is_floating_point or x.dtype.is_complex else x.to(config.torch_dtype(None))


def floats(*items: Any) -> list[Any]:
    """Return tensors of the common float dtype; `floatx` for integers."""
    found = together(*items)
    return [floating(item) for item in found]


def axes(x: Any, axis: Any, name: str = "axis", added: int = 0) -> tuple[int, ...]:
    """Return axes as non-negative ints, all of them for None. ValueError for one that `x` does not have.

    They are those of `x` with `added` more.
    """
    rank = x.dim() + added
    if axis is None:
        return tuple(range(rank))
    given = tuple(axis) if isinstance(axis, Iterable) else (axis,)
    for item in given:
        if not -rank <= int(item) < rank:
            raise ValueError(f"`{name}` must be in [{-rank}, {rank}) for a tensor of {rank} axes. Received: {axis!r}")
    return tuple(int(item) % rank for item in given)


def sizes(shape: Any) -> tuple[int, ...]:
    """Return a shape, given as a number, numbers or a tensor, as ints."""
    if isinstance(shape, (torch.Tensor, np.ndarray)):
        shape = shape.tolist()
    return tuple(int(item) for item in shape) if isinstance(shape, (list, tuple)) else (int(shape),)
