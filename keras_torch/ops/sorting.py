"""Order, search, counting and sets."""

from __future__ import annotations

import functools
from typing import Any

import torch

from keras_torch import backend, config
from keras_torch.ops.arguments import F, axes, convert, floating, operation, sizes, together
from keras_torch.symbolic import KerasTensor, Shape


@operation
def sort(x: Any, axis: int | None = -1) -> Any:
    """Sort along an axis; flattened first for None."""
    x = convert(x)
    x, axis = (x.flatten(), 0) if axis is None else (x, *axes(x, axis))
    if x.dtype is torch.bool:
        return torch.sort(x.to(torch.uint8), axis).values.to(torch.bool)
    return torch.sort(x, axis).values


@operation
def argsort(x: Any, axis: int | None = -1) -> Any:
    """The indices, as int32, that sort along an axis; equal values keep their order."""
    x = convert(x)
    x, axis = (x.flatten(), 0) if axis is None else (x, *axes(x, axis))
    return torch.argsort(x.to(torch.uint8) if x.dtype is torch.bool else x, dim=axis, stable=True).to(torch.int32)


@operation
def argpartition(x: Any, kth: int, axis: int | None = -1) -> Any:
    """Indices, as int32, that put the value of rank `kth` in its place and smaller ones before it."""
    return argsort(x, axis)


@operation
def top_k(x: Any, k: int, sorted: bool = True) -> Any:  # noqa: A002 - the name in Keras
    """The `k` largest values along the last axis, and their indices as int32."""
    x = convert(x)
    if x.dtype is torch.bool:
        values, indices = torch.topk(x.to(torch.uint8), k, sorted=sorted)
        return values.to(torch.bool), indices.to(torch.int32)
    values, indices = torch.topk(x, k, sorted=sorted)
    return values, indices.to(torch.int32)


@operation
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether at most `k - 1` predictions of a row exceed that of the target class."""
    return backend.in_top_k(convert(predictions), convert(targets), k)


@operation
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Where values would stand in a sorted vector, as int32."""
    sequence, values = convert(sorted_sequence), convert(values)
    if sequence.dim() != 1:
        raise ValueError(f"`sorted_sequence` must have 1 axis. Received: shape {tuple(sequence.shape)}")
    sequence, values = together(sequence, values)
    return torch.searchsorted(sequence, values.contiguous(), side=side, out_int32=True)


@operation
def digitize(x: Any, bins: Any) -> Any:
    """In which bin each value lies, as int32; `bins` are the increasing edges."""
    x, bins = convert(x), convert(bins)
    return torch.bucketize(x, bins.to(x.device), right=True).to(torch.int32)


@operation
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each integer occurs, or the sum of its weights; of each row of a matrix."""
    if sparse:
        raise ValueError("Tensors of torch are dense here. Received: sparse=True")
    x = convert(x).long()
    weights = None if weights is None else convert(weights)
    dtype = torch.int32 if weights is None else weights.dtype
    weights = weights if weights is None or weights.dtype.is_floating_point else weights.to(torch.float64)
    if x.dim() < 2:
        return torch.bincount(x, weights, minlength).to(dtype)
    count = max(minlength, int(x.max()) + 1) if x.numel() else minlength
    rows = x.reshape(-1, x.shape[-1])
    shifted = rows + count * torch.arange(len(rows), device=x.device)[:, None]
    flat = None if weights is None else weights.flatten()
    counts = torch.bincount(shifted.flatten(), flat, count * len(rows))
    return counts.reshape(*x.shape[:-1], count).to(dtype)


@operation
def histogram(x: Any, bins: Any = 10, range: Any = None) -> Any:  # noqa: A002 - the name in Keras
    """How many values, in their dtype, lie in each of `bins` bins of equal width, and their edges."""
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"`bins` must be a positive integer. Received: bins={bins!r}")
    if range is not None and (len(range) != 2 or range[1] < range[0]):
        raise ValueError(f"`range` must be the lowest and the highest edge. Received: range={range!r}")
    x = floating(x).flatten()
    low, high = (x.min(), x.max()) if range is None else range
    edges = torch.linspace(float(low), float(high), bins + 1, device=x.device, dtype=x.dtype)
    inside = x[(x >= edges[0]) & (x <= edges[-1])]
    places = torch.bucketize(inside, edges, right=True).clamp(max=bins) - 1
    return torch.bincount(places, minlength=bins).to(x.dtype), edges


@functools.partial(operation, sized_by_values=(tuple,))
def nonzero(x: Any) -> Any:
    """The indices, one int32 vector an axis, of what is other than 0."""
    return tuple(item.to(torch.int32) for item in torch.nonzero(convert(x), as_tuple=True))


@operation
def unravel_index(indices: Any, shape: Any) -> Any:
    """Turn indices into the flattened tensor into one index an axis."""
    indices = convert(indices)
    return tuple(item.to(indices.dtype) for item in torch.unravel_index(indices.long(), sizes(shape)))


@operation
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each value of `x1` occurs in `x2`, or does not."""
    x1, x2 = together(x1, x2)
    if x1.dtype is torch.bool:
        x1, x2 = x1.to(torch.uint8), x2.to(torch.uint8)
    return torch.isin(x1, x2.to(x1.device), assume_unique=assume_unique, invert=invert)


def _segments(data: Any, segment_ids: Any, num_segments: int | None, reduction: str) -> Any:
    data, ids = convert(data), convert(segment_ids).long()
    if ids.dim() != 1 or ids.shape[0] != data.shape[0]:
        raise ValueError(
            f"`segment_ids` must hold one number for each of the {data.shape[0]} entries of `data`. "
            f"Received: shape {tuple(ids.shape)}"
        )
    count = int(ids.max()) + 1 if num_segments is None else num_segments
    limits = torch.finfo(data.dtype) if data.dtype.is_floating_point else torch.iinfo(data.dtype)
    lowest = float("-inf") if data.dtype.is_floating_point else limits.min
    highest = float("inf") if data.dtype.is_floating_point else limits.max
    start = {"sum": 0, "prod": 1, "amax": lowest, "amin": highest}[reduction]
    # One segment more takes the entries that belong to none.
    ids = torch.where((ids < 0) | (ids >= count), count, ids)
    result = torch.full((count + 1, *data.shape[1:]), start, dtype=data.dtype, device=data.device)
    index = ids.reshape(-1, *[1] * (data.dim() - 1)).expand_as(data)
    return result.scatter_reduce(0, index, data, reduction)[:count]


def _segmented(function: F) -> F:
    """Function decorator: an operation with as many results as `num_segments` says, or else as the values decide."""
    call = operation(function)

    @functools.wraps(function)
    def sized(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
        found = call(data, segment_ids, num_segments, sorted)
        if num_segments is None and isinstance(found, KerasTensor):
            found.shape = Shape((None, *found.shape[1:]))
        return found

    return sized  # type: ignore[return-value]


@_segmented
def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The sum of the entries of each segment."""
    return _segments(data, segment_ids, num_segments, "sum")


@_segmented
def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The product of the entries of each segment."""
    return _segments(data, segment_ids, num_segments, "prod")


@_segmented
def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The largest entry of each segment; minus infinity for an empty one."""
    return _segments(data, segment_ids, num_segments, "amax")


@_segmented
def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """The smallest entry of each segment; infinity for an empty one."""
    return _segments(data, segment_ids, num_segments, "amin")


@operation
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """A 1 at each index along a new axis; only zeros for an index outside."""
    if sparse:
        raise ValueError("Tensors of torch are dense here. Received: sparse=True")
    x = convert(x)
    hot = torch.eq(x.unsqueeze(-1), torch.arange(num_classes, device=x.device))
    hot = hot.to(config.torch_dtype(dtype))
    return hot if axis == -1 else hot.movedim(-1, axis)


@operation
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """A 1 for each class that occurs along the second axis (the first of a vector)."""
    inputs = convert(inputs)
    if num_classes is None:
        raise ValueError("`multi_hot` needs `num_classes`.")
    reduced = 1 if inputs.dim() > 1 else 0
    return torch.amax(one_hot(inputs, num_classes, axis, dtype, sparse), reduced)


@functools.partial(operation, sized_by_values=(tuple, KerasTensor))
def unique(
    x: Any,
    sorted: bool = True,  # noqa: A002 - the name in Keras
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different values, or slices along an axis (`torch.unique`), sorted.

    Then, as int64, where each occurs first, which of them each value is, and how often each occurs. `size` cuts them
    off or fills them up with `fill_value`.
    """
    x = convert(x)
    values, inverse, counts = torch.unique(x, sorted=sorted, return_inverse=True, return_counts=True, dim=axis)
    places = torch.arange(inverse.numel(), device=x.device)
    index = torch.full_like(counts, inverse.numel()).scatter_reduce(0, inverse.flatten(), places, "amin")
    found = [_fitted(values, axis or 0, size, 0 if fill_value is None else fill_value)]
    found += [_fitted(index, 0, size, 1)] if return_index else []
    found += [inverse] if return_inverse else []
    found += [_fitted(counts, 0, size, 0)] if return_counts else []
    return tuple(found) if len(found) > 1 else found[0]


def _fitted(x: Any, axis: int, size: int | None, fill: Any) -> Any:
    """Cut off or fill up an axis to a size."""
    missing = 0 if size is None else size - x.shape[axis]
    if missing <= 0:
        return x if size is None else x.narrow(axis, 0, size)
    shape = list(x.shape)
    shape[axis] = missing
    return torch.cat((x, x.new_full(shape, fill)), axis)
