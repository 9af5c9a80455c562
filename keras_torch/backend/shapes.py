"""Functions that move values without changing them. Sizes may be ints or symbolic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.devices import together
from keras_torch.backend.tensors import axes_of, recorded, tensor
from keras_torch.legacy import translated
from keras_torch.symbolic.inference import check_indices


@recorded
def reshape(x: Any, shape: Sequence[Any]) -> Any:
    """Return `x` with another shape; one size may be -1."""
    return torch.reshape(tensor(x), _ints(shape))


def _ints(sizes: Any) -> tuple[int, ...]:
    """Return a number, numbers or a tensor of sizes as ints."""
    sizes = sizes.tolist() if isinstance(sizes, (torch.Tensor, np.ndarray)) else sizes
    return tuple(int(size) for size in sizes) if isinstance(sizes, (list, tuple)) else (int(sizes),)


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Any:
    """Reorder the axes; `pattern` lists the old axes in their new order."""
    return torch.permute(tensor(x), tuple(pattern))


def transpose(x: Any) -> Any:
    """Reverse the order of the axes."""
    x = tensor(x)
    return torch.permute(x, tuple(reversed(range(len(x.shape)))))


@translated("backend.expand_dims")
def expand_dims(x: Any, axis: int = -1) -> Any:
    """Add an axis of size 1."""
    return torch.unsqueeze(tensor(x), axis)


def squeeze(x: Any, axis: int) -> Any:
    """Remove an axis of size 1. ValueError if its size is another."""
    x = tensor(x)
    size = x.shape[axes_of(x, axis)[0]]
    if size not in (1, None):
        raise ValueError(f"`squeeze` removes axes of size 1. Received: axis={axis} of shape {tuple(x.shape)}")
    return torch.squeeze(x, axis)


def flatten(x: Any) -> Any:
    """Return the values in one axis."""
    return torch.reshape(tensor(x), (-1,))


def batch_flatten(x: Any) -> Any:
    """Keep the first axis and put all others into one."""
    x = tensor(x)
    return torch.flatten(x, 1) if len(x.shape) > 1 else torch.unsqueeze(x, 1)


@together
def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Join tensors along an axis."""
    return torch.cat([tensor(item) for item in tensors], axis)


@together
def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Join tensors along a new axis."""
    return torch.stack([tensor(item) for item in x], axis)


@recorded
def repeat(x: Any, n: Any) -> Any:
    """Turn (samples, features) into (samples, n, features), the same features n times."""
    x = tensor(x)
    if len(x.shape) != 2:
        raise ValueError(f"`repeat` expects a tensor of 2 axes. Received: shape {tuple(x.shape)}")
    return x.unsqueeze(1).expand(-1, n, -1)


@recorded
def repeat_elements(x: Any, rep: Any, axis: int) -> Any:
    """Repeat each element along an axis, as `numpy.repeat`."""
    return torch.repeat_interleave(tensor(x), rep, axis)


@recorded
def tile(x: Any, n: Any) -> Any:
    """Repeat the whole tensor `n[i]` times along axis `i`."""
    return torch.tile(tensor(x), _ints(n))


def reverse(x: Any, axes: Any) -> Any:
    """Reverse the order of the values along one or several axes."""
    x = tensor(x)
    return torch.flip(x, axes_of(x, axes))


@recorded
def slice(x: Any, start: Sequence[Any], size: Sequence[Any]) -> Any:
    """Cut out `size[i]` values from `start[i]` on along axis `i`; a size of -1 is the rest."""
    x = tensor(x)
    for axis, (first, count) in enumerate(zip(start, size, strict=True)):
        first = int(first)
        x = torch.narrow(x, axis, first, x.shape[axis] - first if count == -1 else int(count))
    return x


@together
def gather(reference: Any, indices: Any) -> Any:
    """Return the entries of the first axis that the integer tensor `indices` names."""
    table, indices = tensor(reference), tensor(indices, "int64")
    check_indices(indices, table.shape[0])
    return table[indices]


@translated("backend.one_hot")
@recorded
def one_hot(indices: Any, num_classes: Any) -> Any:
    """Return `floatx` zeros of shape (..., num_classes) with a 1 at each index; all zeros for an index outside."""
    indices = tensor(indices)
    classes = torch.arange(num_classes, device=indices.device)
    return torch.eq(indices.unsqueeze(-1), classes).to(config.torch_dtype(None))


@recorded
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = "int32") -> Any:
    """Return evenly spaced values as `numpy.arange`; a single negative argument gives none.

    With the default for `dtype` floats give floats.
    """
    if stop is None:
        start, stop = 0, max(start, 0)
    given = None if dtype == "int32" and any(isinstance(item, float) for item in (start, stop, step)) else dtype
    return torch.arange(start, stop, step, dtype=config.torch_dtype(given), device=config.default_device())
