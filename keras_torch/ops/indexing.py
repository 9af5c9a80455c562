"""Parts of tensors: taking them out and putting them in."""

from __future__ import annotations

import builtins
from typing import Any

import torch

from keras_torch import backend
from keras_torch.ops.arguments import axes, convert, operation, sizes
from keras_torch.symbolic.inference import check_indices


@operation
def get_item(x: Any, key: Any) -> Any:
    """`x[key]`, with ints, slices, None, Ellipsis and integer or boolean tensors."""
    x = convert(x)
    key = (
        tuple(key)
        if isinstance(key, list) and any(isinstance(item, (builtins.slice, type(None))) for item in key)
        else key
    )
    parts = key if isinstance(key, tuple) else (key,)
    return _indexed(x, tuple(_index(item) for item in parts))


def _index(item: Any) -> Any:
    if isinstance(item, builtins.slice):
        return builtins.slice(*(None if part is None else int(part) for part in (item.start, item.stop, item.step)))
    if isinstance(item, torch.Tensor) and item.dtype not in (torch.bool, torch.uint8):
        return item.long()
    return item


def _indexed(x: Any, key: tuple[Any, ...]) -> Any:
    """Index; slices with a negative step, which torch lacks, are cut forwards and reversed."""
    backwards = [item for item in key if isinstance(item, builtins.slice) and (item.step or 1) < 0]
    if not backwards:
        return x[key]
    if any(isinstance(item, torch.Tensor) for item in key):
        raise ValueError(f"A slice with a negative step cannot stand beside a tensor in an index. Received: {key!r}")
    used = sum(item is not None and item is not Ellipsis for item in key)
    axis = place = 0
    forwards, reverse = [], []
    for item in key:
        if item is Ellipsis:
            axis, place = axis + x.dim() - used, place + x.dim() - used
        elif item is None:
            place += 1
        else:
            if isinstance(item, builtins.slice) and (item.step or 1) < 0:
                picked = range(*item.indices(x.shape[axis]))
                item = builtins.slice(picked[-1], picked[0] + 1, -item.step) if picked else builtins.slice(0, 0)
                reverse.append(place)
            axis, place = axis + 1, place + isinstance(item, builtins.slice)
        forwards.append(item)
    return torch.flip(x[tuple(forwards)], reverse)


@operation
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The entries along an axis that integers name, negative ones from the end; of all values without `axis`."""
    x = convert(x)
    indices = convert(indices).to(x.device).long()
    x, axis = (x.flatten(), 0) if axis is None else (x, *axes(x, axis))
    indices = torch.where(indices < 0, indices + x.shape[axis], indices)
    check_indices(indices, x.shape[axis])
    picked = torch.index_select(x, axis, indices.flatten())
    return picked.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


@operation
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """The entries along an axis that the integers at each place name; sizes of 1 fit any."""
    x = convert(x)
    indices = convert(indices).to(x.device).long()
    if axis is None:
        x, indices, axis = x.flatten(), indices.flatten(), 0
    indices = torch.where(indices < 0, indices + x.shape[axis], indices)
    return torch.take_along_dim(x, indices, axis)


@operation
def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:  # noqa: A001
    """The box of `shape` that begins at `start_indices`; a size of -1 is the rest."""
    return backend.slice(convert(inputs), sizes(start_indices), sizes(shape))


@operation
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """Return `inputs` with `updates` in the box that begins at `start_indices`."""
    inputs = convert(inputs)
    updates = convert(updates).to(inputs.dtype)
    result = inputs.clone()
    box = result
    for axis, (start, count) in enumerate(zip(sizes(start_indices), updates.shape, strict=True)):
        box = box.narrow(axis, start, count)
    box.copy_(updates)
    return result


@operation
def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Zeros of a shape with `values` added at `indices`, whose last axis is a place."""
    values = convert(values)
    zeros = torch.zeros(sizes(shape), dtype=values.dtype, device=values.device)
    return _put(zeros, indices, values, "add")


@operation
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """Return `inputs` with `updates` at `indices`: instead of the values, or "add", "max", "min", "mul" to them."""
    inputs = convert(inputs)
    return _put(inputs.clone(), indices, convert(updates).to(inputs.dtype), reduction)


_REDUCTIONS = {"max": "amax", "min": "amin", "mul": "prod"}


def _put(target: Any, indices: Any, values: Any, reduction: str | None) -> Any:
    places = convert(indices).to(target.device).long()
    key = tuple(places.unbind(-1))
    if reduction in (None, "add"):
        return target.index_put_(key, values, accumulate=reduction == "add")
    if reduction not in _REDUCTIONS:
        raise ValueError(f"`reduction` must be None, 'add', 'max', 'min' or 'mul'. Received: reduction={reduction!r}")
    depth = len(key)
    flat = torch.zeros_like(key[0])
    for place, count in zip(key, target.shape[:depth], strict=True):
        flat = flat * count + torch.where(place < 0, place + count, place)
    rows = target.reshape(-1, *target.shape[depth:])
    values = values.reshape(-1, *target.shape[depth:])
    index = flat.reshape(-1, *[1] * (rows.dim() - 1)).expand_as(values)
    return rows.scatter_reduce(0, index, values, _REDUCTIONS[reduction]).reshape(target.shape)
