"""Functions that move values without changing them. Sizes may be ints or symbolic; None is the size that fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from keras_torch import config
from keras_torch.ops.arguments import as_dtype, axes, convert, operation, promoted, result_dtype, sizes
from keras_torch.symbolic import KerasTensor, symbolic_size


def shape(x: Any) -> tuple[Any, ...]:
    """Return the sizes; those of a symbolic tensor that are not known yet are symbolic numbers."""
    x = convert(x)
    if not isinstance(x, KerasTensor):
        return tuple(x.shape)
    return tuple(symbolic_size(x, axis) if size is None else size for axis, size in enumerate(x.shape))


def ndim(x: Any) -> int:
    """Return the number of axes."""
    return convert(x).ndim


def dtype(x: Any) -> str:
    """Return the name of the dtype."""
    return config.dtype_name(convert(x).dtype)


@operation
def size(x: Any) -> Any:
    """The number of values."""
    return torch.tensor(convert(x).numel())


@operation
def reshape(x: Any, newshape: Any) -> Any:
    """Return `x` with another shape; one size may be -1 or None: what is left."""
    if isinstance(newshape, (list, tuple)):
        newshape = [-1 if item is None else item for item in newshape]
    return torch.reshape(convert(x), sizes(newshape))


@operation
def ravel(x: Any) -> Any:
    """Return the values in one axis."""
    return torch.flatten(convert(x))


@operation
def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """Reorder the axes, or reverse their order."""
    x = convert(x)
    return torch.permute(x, tuple(reversed(range(x.dim()))) if axes is None else tuple(axes))


@operation
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Move axes to other places."""
    return torch.movedim(convert(x), _ints(source), _ints(destination))


def _ints(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value


@operation
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes."""
    return torch.swapaxes(convert(x), axis1, axis2)


@operation
def expand_dims(x: Any, axis: Any) -> Any:
    """Add axes of size 1 at places of the result."""
    x = convert(x)
    places = axes(x, axis, added=len(axis) if isinstance(axis, (list, tuple)) else 1)
    if len(set(places)) < len(places):
        raise ValueError(f"`axis` names a place twice. Received: axis={axis}")
    for place in sorted(places):
        x = torch.unsqueeze(x, place)
    return x


def squeeze(x: Any, axis: Any = None) -> Any:
    """Remove axes of size 1, all that are known to have it without `axis`. ValueError for one of another size."""
    x = convert(x)
    places = tuple(place for place, n in enumerate(x.shape) if n == 1) if axis is None else axes(x, axis)
    if any(x.shape[place] not in (1, None) for place in places):
        raise ValueError(f"`squeeze` removes axes of size 1. Received: axis={axis} of shape {tuple(x.shape)}")
    return _squeeze(x, axis if axis is not None else list(places))


@operation
def _squeeze(x: Any, axis: Any) -> Any:
    for place in sorted(axes(convert(x), axis), reverse=True):
        x = torch.select(x, place, 0)
    return x


@operation
def broadcast_to(x: Any, shape: Any) -> Any:
    """Repeat axes of size 1, without copying, up to a shape; None keeps the size."""
    wanted = [-1 if item is None else item for item in shape] if isinstance(shape, (list, tuple)) else shape
    return torch.broadcast_to(convert(x), sizes(wanted))


def _joined(xs: Sequence[Any]) -> list[Any]:
    found = [convert(item) for item in xs]
    wanted = result_dtype(*found)
    return [as_dtype(item, wanted) for item in found]


@operation
def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Any:
    """Join tensors along an axis; flattened first for None."""
    found = _joined(xs)
    return torch.cat([item.flatten() for item in found]) if axis is None else torch.cat(found, axis)


@operation
def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Join tensors along a new axis."""
    return torch.stack(_joined(x), axis)


@operation
def hstack(xs: Sequence[Any]) -> Any:
    """Join tensors along the second axis, or the first of tensors of one."""
    return torch.hstack(_joined(xs))


@operation
def vstack(xs: Sequence[Any]) -> Any:
    """Join tensors along the first axis; those of one axis become rows."""
    return torch.vstack(_joined(xs))


@operation
def dstack(xs: Sequence[Any]) -> Any:
    """Join tensors along the third axis."""
    return torch.dstack(_joined(xs))


@operation
def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """Join two tensors along an axis; flattened first for None."""
    first, second = _joined((x1, x2))
    return torch.cat((first.flatten(), second.flatten())) if axis is None else torch.cat((first, second), axis)


@operation
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Cut into so many equal parts, or before the given indices."""
    return list(_split(convert(x), indices_or_sections, axis))


def _split(x: Any, where: Any, axis: int) -> Any:
    if isinstance(where, int):
        if x.shape[axis] % where:
            raise ValueError(
                f"`split` makes parts of the same size: axis {axis} of shape {tuple(x.shape)} cannot be cut into "
                f"{where}. Received: indices_or_sections={where}"
            )
        return torch.tensor_split(x, where, axis)
    return torch.tensor_split(x, sizes(where), axis)


@operation
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Cut into parts that differ by at most one in size."""
    where = indices_or_sections
    return list(torch.tensor_split(convert(x), where if isinstance(where, int) else sizes(where), axis))


@operation
def hsplit(x: Any, indices_or_sections: Any) -> Any:
    """Cut along the second axis, or the first of a tensor of one."""
    x = convert(x)
    return list(_split(x, indices_or_sections, 0 if x.dim() == 1 else 1))


@operation
def vsplit(x: Any, indices_or_sections: Any) -> Any:
    """Cut along the first axis."""
    return list(_split(convert(x), indices_or_sections, 0))


@operation
def dsplit(x: Any, indices_or_sections: Any) -> Any:
    """Cut along the third axis."""
    return list(_split(convert(x), indices_or_sections, 2))


def unstack(x: Any, num: int | None = None, axis: int = 0) -> Any:
    """Return the slices along an axis. ValueError if there are not `num`, which a symbolic axis may need."""
    if isinstance(x, KerasTensor) and num is not None and x.shape[axis] is None:
        return [torch.select(x, axis, index) for index in range(num)]  # type: ignore[arg-type]
    return _unstack(x, num, axis)


@operation
def _unstack(x: Any, num: int | None = None, axis: int = 0) -> Any:
    parts = list(torch.unbind(convert(x), axis))
    if num is not None and num != len(parts):
        raise ValueError(f"`unstack` found {len(parts)} slices along axis {axis}. Received: num={num}")
    return parts


@operation
def flip(x: Any, axis: Any = None) -> Any:
    """Reverse the order of the values along axes."""
    x = convert(x)
    return torch.flip(x, axes(x, axis))


@operation
def fliplr(x: Any) -> Any:
    """Reverse the second axis."""
    return torch.fliplr(convert(x))


@operation
def flipud(x: Any) -> Any:
    """Reverse the first axis."""
    return torch.flipud(convert(x))


@operation
def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Rotate by 90 degrees, `k` times, from the first of two axes towards the second."""
    return torch.rot90(convert(array), k, tuple(axes))


@operation
def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Move values along axes; what falls off comes in at the other end."""
    shift = shift.tolist() if isinstance(shift, torch.Tensor) else shift
    shifts, places = _ints(shift), _ints(axis)
    if isinstance(places, (list, tuple)) and isinstance(shifts, int):
        shifts = (shifts,) * len(places)
    return torch.roll(convert(x), shifts, places)


@operation
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each value, one number of times or a number for each."""
    x = convert(x)
    count = repeats if isinstance(repeats, int) else convert(repeats).to(x.device)
    count = int(count) if isinstance(count, torch.Tensor) and count.numel() == 1 else count
    return torch.repeat_interleave(x, count, axis)


@operation
def tile(x: Any, repeats: Any) -> Any:
    """Repeat the whole tensor, so many times along each axis."""
    return torch.tile(convert(x), sizes(repeats))


_PAD_MODES = {"constant": "constant", "reflect": "reflect", "symmetric": "symmetric", "edge": "replicate"}


@operation
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """Add values before and after along each axis: a constant, or the tensor's own mirrored or repeated."""
    x = convert(x)
    pairs = _pairs(pad_width, x.dim())
    if mode == "constant":
        flat = [amount for pair in reversed(pairs) for amount in pair]
        return torch.nn.functional.pad(x, flat, value=0 if constant_values is None else constant_values)
    if constant_values is not None:
        raise ValueError(f"`constant_values` goes with mode='constant'. Received: mode={mode!r}")
    if mode not in _PAD_MODES:
        raise ValueError(f"`mode` must be one of {sorted(_PAD_MODES)}. Received: {mode!r}")
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            index = inside(torch.arange(-before, x.shape[axis] + after, device="cpu"), x.shape[axis], mode)
            x = torch.index_select(x, axis, index.to(x.device))
    return x


def inside(index: torch.Tensor, count: int, mode: str) -> torch.Tensor:
    """Return the place, of `count` along an axis, that each index stands for which may lie outside."""
    if mode == "edge":
        return index.clamp(0, count - 1)
    if mode == "wrap":
        return index.remainder(count)
    period = max(2 * count - 2, 1) if mode == "reflect" else 2 * count
    index = index.remainder(period)
    return torch.where(index < count, index, (period if mode == "reflect" else period - 1) - index)


def _pairs(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    if isinstance(pad_width, int):
        return [(pad_width, pad_width)] * rank
    given = [(item, item) if isinstance(item, int) else sizes(item) for item in _nested(pad_width)]
    if len(given) == 2 and all(isinstance(item, int) for item in pad_width):
        given = [tuple(pad_width)]
    given = [item * 2 if len(item) == 1 else item for item in given]
    return given * rank if len(given) == 1 else given  # type: ignore[return-value]


def _nested(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


@operation
def tril(x: Any, k: int = 0) -> Any:
    """Zeros above the diagonal `k`."""
    return torch.tril(convert(x), k)


@operation
def triu(x: Any, k: int = 0) -> Any:
    """Zeros below the diagonal `k`."""
    return torch.triu(convert(x), k)


@operation
def diag(x: Any, k: int = 0) -> Any:
    """A matrix with the vector on diagonal `k`, or that diagonal of a matrix."""
    return torch.diag(convert(x), k)


@operation
def diagflat(x: Any, k: int = 0) -> Any:
    """A matrix with the flattened values on diagonal `k`."""
    return torch.diagflat(convert(x), k)


@operation
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals of the matrices in two axes, as the last axis."""
    return torch.diagonal(convert(x), offset, axis1, axis2)


@operation
def cast(x: Any, dtype: Any) -> Any:
    """Return `x` in another dtype."""
    return convert(x, config.torch_dtype(dtype))


@operation
def saturate_cast(x: Any, dtype: Any) -> Any:
    """Return `x` in another dtype, limited to what that can hold."""
    x, wanted = convert(x), config.torch_dtype(dtype)
    if wanted is torch.bool:
        return x.to(wanted)
    limits = torch.finfo(wanted) if wanted.is_floating_point else torch.iinfo(wanted)
    if x.dtype.is_floating_point or promoted(x.dtype, wanted) is not wanted:
        own = torch.finfo(x.dtype) if x.dtype.is_floating_point else torch.iinfo(torch.uint8)
        own = own if x.dtype.is_floating_point or x.dtype is torch.bool else torch.iinfo(x.dtype)
        x = torch.clamp(x, max(limits.min, own.min), min(limits.max, own.max)) if x.dtype is not torch.bool else x
    return x.to(wanted)


@operation
def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """Return `x` as a dense tensor."""
    if sparse or ragged:
        raise ValueError(f"Tensors of torch are dense here. Received: sparse={sparse}, ragged={ragged}")
    return convert(x, None if dtype is None else config.torch_dtype(dtype))


@operation
def array(x: Any, dtype: Any = None) -> Any:
    """Return `x` as a tensor."""
    return convert(x, None if dtype is None else config.torch_dtype(dtype))


@operation
def copy(x: Any) -> Any:
    """Return a copy."""
    return torch.clone(convert(x))


@operation
def view(x: Any, dtype: Any = None) -> Any:
    """Return the bits of `x` as numbers of another dtype."""
    x = convert(x)
    return x.view(x.dtype if dtype is None else config.torch_dtype(dtype))


@operation
def stop_gradient(variable: Any) -> Any:
    """Return the values as a constant for the gradient."""
    return convert(variable).detach()


def _check_block(block_size: int) -> None:
    if block_size < 2:
        raise ValueError(f"`block_size` must be at least 2. Received: block_size={block_size!r}")


@operation
def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Spread channels over blocks of pixels; with the channels first it is `F.pixel_shuffle`."""
    x = convert(x)
    _check_block(block_size)
    if data_format == "channels_first":
        return torch.nn.functional.pixel_shuffle(x, block_size)
    count, height, width, depth = x.shape
    b = block_size
    x = x.reshape(count, height, width, b, b, depth // (b * b)).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(count, height * b, width * b, depth // (b * b))


@operation
def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Gather blocks of pixels into channels; with the channels first it is `F.pixel_unshuffle`."""
    x = convert(x)
    _check_block(block_size)
    if data_format == "channels_first":
        return torch.nn.functional.pixel_unshuffle(x, block_size)
    count, height, width, depth = x.shape
    b = block_size
    x = x.reshape(count, height // b, b, width // b, b, depth).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(count, height // b, width // b, depth * b * b)
