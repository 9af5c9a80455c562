"""Parts of tensors: gather, scatter, masks, where."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from keras_torch import ops
from keras_torch.backend.tensors import axes_of, is_symbolic, recorded
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.sizes import Sizes, ints, values
from keras_torch.models.operations import tensorflow_arrays as arrays
from keras_torch.symbolic import SymbolicSize, record_function


def gather(params: Any, indices: Any, axis: Any = None, batch_dims: int = 0, validate_indices: Any = None) -> Any:
    """The entries along `axis` that `indices` name; the first `batch_dims` axes of both go together."""
    if isinstance(params, Sizes):
        found = arrays.gather(tuple(params), indices if isinstance(indices, list) else int(indices))
        return Sizes(found) if isinstance(found, tuple) else found
    params, indices = convert_to_tensor(params), convert_to_tensor(indices)
    if isinstance(params, np.ndarray):
        return params.take(np.asarray(indices), 0 if axis is None else int(axis))
    batch_dims = int(batch_dims) + len(indices.shape) if batch_dims < 0 else int(batch_dims)
    axis = batch_dims if axis is None else int(axis)
    if not batch_dims:
        return ops.take(params, indices, axis)
    return _gather_batched(params, indices, axes_of(params, axis)[0], batch_dims)


@recorded
def _gather_batched(params: Any, indices: Any, axis: int, batch_dims: int) -> Any:
    """Move the gathered axis next to those of the batch, pick along it, and put the result where the axis was."""
    moved = params.movedim(axis, batch_dims)
    picked_shape = indices.shape[batch_dims:]
    rest = moved.shape[batch_dims + 1 :]
    flat = indices.long().reshape(*indices.shape[:batch_dims], -1, *[1] * len(rest))
    flat = flat.expand(*flat.shape[: batch_dims + 1], *rest)
    found = torch.gather(moved, batch_dims, flat)
    found = found.reshape(*indices.shape[:batch_dims], *picked_shape, *rest)
    places = list(range(batch_dims, batch_dims + len(picked_shape)))
    return found.movedim(places, [axis + offset for offset in range(len(places))])


@recorded
def _gather_nd(params: Any, indices: Any, batch_dims: int) -> Any:
    depth = indices.shape[-1]
    places = list(indices.long().unbind(-1))
    for axis in reversed(range(batch_dims)):
        count = params.shape[axis]
        steps = torch.arange(count, device=params.device)
        places.insert(0, steps.reshape(*[1] * axis, -1, *[1] * (indices.dim() - 2 - axis)))
    return params[tuple(places)] if depth or batch_dims else params.expand(*indices.shape[:-1], *params.shape)


def gather_nd(params: Any, indices: Any, batch_dims: int = 0) -> Any:
    """The entries at places whose coordinates lie along the last axis of `indices`."""
    return _gather_nd(convert_to_tensor(params), convert_to_tensor(indices), int(batch_dims))


def slice_(input_: Any, begin: Any, size: Any) -> Any:
    """The box of `size` that begins at `begin`; a size of -1 is the rest."""
    begin, size = ints(begin), ints(size)
    if isinstance(input_, Sizes):
        return Sizes(arrays.slice_(tuple(input_), begin, size))
    if any(isinstance(part, SymbolicSize) for part in (*begin, *size)):
        return record_function(arrays.slice_, (convert_to_tensor(input_), list(begin), list(size)), {})
    return arrays.slice_(convert_to_tensor(input_), begin, size)


def strided_slice(input_: Any, begin: Any, end: Any, strides: Any = None, **masks: Any) -> Any:
    """Index with slices whose ends stand in lists; the bits of masks say what holds for an axis instead."""
    strides = None if strides is None else ints(strides)
    return arrays.strided_slice(convert_to_tensor(input_), ints(begin), ints(end), strides, **masks)


def boolean_mask(tensor: Any, mask: Any, axis: Any = None) -> Any:
    """The entries where the mask holds."""
    return arrays.boolean_mask(convert_to_tensor(tensor), ops.cast(mask, "bool"), None if axis is None else int(axis))


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """`x` where the condition holds, else `y`; with the condition alone the coordinates, one row a place, as int64."""
    condition = ops.cast(condition, "bool")
    if x is not None or y is not None:
        return ops.where(condition, values(x), values(y))
    if is_symbolic(condition):
        raise ValueError(
            "`tf.where(condition)` of a symbolic tensor has no known number of rows. Put it into the `call` of a layer."
        )
    return torch.stack(ops.where(condition), -1).to(torch.int64)


def _scatter(reduction: str | None) -> Any:
    def call(tensor: Any, indices: Any, updates: Any) -> Any:
        return ops.scatter_update(convert_to_tensor(tensor), indices, updates, reduction)

    call.__name__ = f"tensor_scatter_nd_{reduction or 'update'}"
    return call


@recorded
def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any) -> Any:
    """Return the tensor with the updates subtracted at the places."""
    return ops.scatter_update(convert_to_tensor(tensor), indices, -convert_to_tensor(updates), "add")


def scatter_nd(indices: Any, updates: Any, shape: Any) -> Any:
    """Zeros of a shape with the updates added at the places."""
    return ops.scatter(indices, convert_to_tensor(updates), ints(shape))


def dynamic_partition(data: Any, partitions: Any, num_partitions: int) -> Any:
    """Deal the entries out to lists by number."""
    data, partitions = convert_to_tensor(data), convert_to_tensor(partitions)
    return [data[partitions == number] for number in range(num_partitions)]


def dynamic_stitch(indices: Any, data: Any) -> Any:
    """Put entries at places, the last one winning: the reverse of `dynamic_partition`."""
    places = torch.cat([convert_to_tensor(item).long().flatten() for item in indices])
    shapes = [convert_to_tensor(item).shape for item in indices]
    parts = [convert_to_tensor(item) for item in data]
    rows = torch.cat([p.reshape(-1, *p.shape[len(s) :]) for p, s in zip(parts, shapes, strict=True)])
    found = torch.zeros(int(places.max()) + 1, *rows.shape[1:], dtype=rows.dtype, device=rows.device)
    return found.index_put((places,), rows)


class Unique(NamedTuple):
    """The different values, and the number of each entry's value."""

    y: torch.Tensor
    idx: torch.Tensor


class UniqueWithCounts(NamedTuple):
    """The different values, the number of each entry's value, and how often each occurs."""

    y: torch.Tensor
    idx: torch.Tensor
    count: torch.Tensor  # type: ignore[assignment]


def unique(x: Any, out_idx: Any = "int32") -> Any:
    """The different values of a vector in the order of their first places, and the number of each entry's value."""
    found = unique_with_counts(x, out_idx)
    return Unique(found.y, found.idx)


def unique_with_counts(x: Any, out_idx: Any = "int32") -> Any:
    """`unique`, and how often each value occurs."""
    x = convert_to_tensor(x)
    found, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    first = torch.full((len(found),), len(x), device=x.device)
    first = first.scatter_reduce(0, inverse, torch.arange(len(x), device=x.device), "amin")
    order = torch.argsort(first)
    number = torch.argsort(order)
    dtype = torch.int64 if "64" in str(out_idx) else torch.int32
    return UniqueWithCounts(found[order], number[inverse].to(dtype), counts[order].to(dtype))


def reverse_sequence(
    input: Any,  # noqa: A002
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    seq_dim: int | None = None,
    batch_dim: int | None = None,
) -> Any:
    """Reverse the first so many entries along one axis, a number for each entry of another."""
    axis = seq_dim if seq_axis is None else seq_axis
    batch = (batch_dim if batch_axis is None else batch_axis) or 0
    return _reverse_sequence(convert_to_tensor(input), convert_to_tensor(seq_lengths), axis, batch)


@recorded
def _reverse_sequence(x: Any, lengths: Any, axis: Any, batch: int) -> Any:
    moved = x.movedim((batch, axis), (0, 1))
    steps = torch.arange(moved.shape[1], device=x.device)
    lengths = lengths.to(x.device).long()[:, None]
    index = torch.where(steps < lengths, lengths - 1 - steps, steps)
    found = moved[torch.arange(len(moved), device=x.device)[:, None], index]
    return found.movedim((0, 1), (batch, axis))


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool") -> Any:
    """Whether a place lies before the length, for each length."""
    lengths = convert_to_tensor(lengths)
    if maxlen is not None and isinstance(maxlen, torch.Tensor):
        maxlen = int(maxlen)
    return arrays.sequence_mask(lengths, maxlen, dtype)


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = "int32") -> Any:  # noqa: F811
    """Where values go into sorted rows so that these stay sorted."""
    found = torch.searchsorted(convert_to_tensor(sorted_sequence), convert_to_tensor(values), side=side)
    return found.to(torch.int64 if "64" in str(out_type) else torch.int32)


def guarantee_const(input: Any) -> Any:  # noqa: A002
    """Return the tensor."""
    return convert_to_tensor(input)


NAMES = {
    "boolean_mask": boolean_mask,
    "dynamic_partition": dynamic_partition,
    "dynamic_stitch": dynamic_stitch,
    "gather": gather,
    "gather_nd": gather_nd,
    "guarantee_const": guarantee_const,
    "reverse_sequence": reverse_sequence,
    "scatter_nd": scatter_nd,
    "searchsorted": searchsorted,
    "sequence_mask": sequence_mask,
    "slice": slice_,
    "strided_slice": strided_slice,
    "tensor_scatter_nd_add": _scatter("add"),
    "tensor_scatter_nd_max": _scatter("max"),
    "tensor_scatter_nd_min": _scatter("min"),
    "tensor_scatter_nd_sub": tensor_scatter_nd_sub,
    "tensor_scatter_nd_update": _scatter(None),
    "unique": unique,
    "unique_with_counts": unique_with_counts,
    "where where_v2": where,
}
VERSION_1 = {
    "batch_gather": gather,
    "tensor_scatter_add": _scatter("add"),
    "tensor_scatter_update": _scatter(None),
}
