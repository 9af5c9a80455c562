"""What the backend's functions do with their arguments: numbers and arrays become tensors, axes become tuples."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend import devices
from keras_torch.backend.array_types import from_bfloat16
from keras_torch.backend.variable import WeightView
from keras_torch.symbolic import KerasTensor, SymbolicSize, record_function

F = TypeVar("F", bound=Callable[..., Any])


def tensor(x: Any, dtype: Any = None) -> Any:
    """Return `x` as a real or symbolic tensor; Python's and numpy's floats get the type `floatx`."""
    if isinstance(x, WeightView):
        x = x.value
    if isinstance(x, SymbolicSize):
        x = record_function(torch.scalar_tensor, (x,), {"dtype": torch.int32, "device": config.default_device()})
    if not isinstance(x, (torch.Tensor, KerasTensor)):
        x = _from_data(x, dtype)
    if dtype is not None and x.dtype != dtype and config.torch_dtype(x.dtype) != config.torch_dtype(dtype):
        x = x.to(config.torch_dtype(dtype))
    return x


def as_tensor(x: Any) -> Any:
    """Return tensors as they are; arrays, lists and numbers as tensors."""
    return x if isinstance(x, torch.Tensor) else tensor(x)


def _from_data(data: Any, wanted: Any = None) -> Any:
    """Return data as a tensor. Numbers keep all their digits where `wanted` has room for them."""
    if isinstance(data, (list, tuple)) and any(isinstance(item, (torch.Tensor, KerasTensor)) for item in data):
        return torch.stack([tensor(item) for item in data])
    if hasattr(data, "coordinates"):
        # A SparseTensor of TensorFlow's.
        return data.coordinates()
    array = np.asarray(data)
    if array.dtype.name == "bfloat16":
        return from_bfloat16(array).to(config.default_device())
    if any(stride < 0 for stride in array.strides):
        array = array.copy()
    if array.dtype.kind not in "fiubc":
        raise TypeError(f"Expected a tensor, an array or numbers. Received: {data!r} of type {type(data).__name__}")
    dtype = None
    if wanted is not None:
        dtype = config.torch_dtype(wanted)
    elif array.dtype == np.float64:
        dtype = config.torch_dtype(None)
    elif array.dtype == np.complex128 and not isinstance(data, np.ndarray):
        dtype = torch.promote_types(config.torch_dtype(None), torch.complex64)
    elif array.dtype == np.int64 and not isinstance(data, (np.ndarray, np.generic)) and _fits_int32(array):
        dtype = torch.int32
    return torch.as_tensor(array, dtype=dtype, device=config.default_device())


def _fits_int32(array: np.ndarray) -> bool:
    limits = np.iinfo(np.int32)
    return not array.size or (limits.min <= array.min() and array.max() <= limits.max)


def pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Return both as tensors. A number beside a tensor takes the tensor's dtype, as in TensorFlow."""
    if isinstance(x, (bool, int, float)) and not isinstance(y, (bool, int, float)):
        y = tensor(y)
        return _number_like(x, y), y
    x = tensor(x)
    return x, _number_like(y, x) if isinstance(y, (bool, int, float)) else tensor(y)


def _number_like(value: Any, like: Any) -> torch.Tensor:
    dtype = config.torch_dtype(like.dtype)
    # On the CPU, where a tensor of one number mixes with tensors of every device.
    if isinstance(value, float) and not dtype.is_floating_point:
        dtype = config.torch_dtype(None)
    return torch.tensor(value, dtype=dtype, device="meta" if torch.get_default_device().type == "meta" else "cpu")


def floating(x: Any) -> Any:
    """Return `x` as a tensor, booleans and integers converted to `floatx`."""
    x = tensor(x)
    dtype = config.torch_dtype(x.dtype)
    return x if dtype.is_floating_point or dtype.is_complex else x.to(config.torch_dtype(None))


def axes_of(x: Any, axis: Any) -> tuple[int, ...]:
    """Return the axes of a reduction as non-negative ints; None means all of them. ValueError for one too large."""
    rank = len(x.shape)
    if axis is None:
        return tuple(range(rank))
    axes = tuple(axis) if isinstance(axis, (list, tuple)) or getattr(axis, "ndim", 0) == 1 else (axis,)
    for item in axes:
        if not -rank <= int(item) < rank:
            raise ValueError(f"`axis` must be in [{-rank}, {rank}) for a tensor of {rank} axes. Received: {axis!r}")
    return tuple(int(item) % rank for item in axes)


def is_symbolic(item: Any) -> bool:
    """Whether an argument is a symbolic tensor, or a list, tuple or slice that holds one."""
    if isinstance(item, (list, tuple)):
        return any(map(is_symbolic, item))
    if isinstance(item, slice):
        return is_symbolic((item.start, item.stop, item.step))
    return isinstance(item, KerasTensor)


def recorded(function: F) -> F:
    """Function decorator: a call with symbolic tensors becomes one node, whose code sees real sizes when it runs.

    Real tensors that lie on different devices are brought together once torch has refused them.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(map(is_symbolic, args)) or (kwargs and any(map(is_symbolic, kwargs.values()))):
            return record_function(function, args, kwargs)
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            return devices.again(function, args, kwargs, error)

    return call  # type: ignore[return-value]
