"""Padding and resizing of sequences, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.backend.tensors import recorded, tensor
from keras_torch.legacy import translated


def _padded(x: Any, padding: Any, rank: int, data_format: str | None) -> Any:
    pairs = [(item, item) if isinstance(item, int) else tuple(item) for item in padding]
    if len(pairs) != rank or any(len(item) != 2 for item in pairs):
        raise ValueError(f"`padding` must be {rank} integers or {rank} pairs of integers. Received: {padding!r}")
    flat = [amount for item in reversed(pairs) for amount in item]
    channels_last = config.standardize_data_format(data_format) == "channels_last"
    return F.pad(tensor(x), [0, 0, *flat] if channels_last else flat)


def temporal_padding(x: Any, padding: Any = (1, 1)) -> Any:
    """Put zeros before and after a sequence (batch, time, features)."""
    return _padded(x, (padding,), 1, "channels_last")


@translated("backend.spatial_2d_padding")
def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: str | None = None) -> Any:
    """Put zeros around images; `padding` holds (before, after), or one number for both, for rows and columns."""
    return _padded(x, padding, 2, data_format)


@translated("backend.spatial_3d_padding")
def spatial_3d_padding(x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None) -> Any:
    """Put zeros around volumes; `padding` holds (before, after), or one number for both, for each axis."""
    return _padded(x, padding, 3, data_format)


def asymmetric_temporal_padding(x: Any, left_pad: int = 1, right_pad: int = 1) -> Any:
    """`temporal_padding` of Keras 1 with two amounts."""
    return temporal_padding(x, (left_pad, right_pad))


@translated("backend.asymmetric_spatial_2d_padding")
def asymmetric_spatial_2d_padding(
    x: Any,
    top_pad: int = 1,
    bottom_pad: int = 1,
    left_pad: int = 1,
    right_pad: int = 1,
    data_format: str | None = None,
) -> Any:
    """`spatial_2d_padding` of Keras 1 with four amounts."""
    return spatial_2d_padding(x, ((top_pad, bottom_pad), (left_pad, right_pad)), data_format)


def between_points(x: Any, factor: int, axis: int) -> Any:
    """Put `factor - 1` interpolated elements behind each element of an axis; the last one has no next and repeats."""
    count = x.shape[axis]
    following = torch.cat((x.narrow(axis, 1, count - 1), x.narrow(axis, count - 1, 1)), axis)
    steps = [torch.lerp(x, following, step / factor) for step in range(factor)]
    return torch.stack(steps, axis + 1).flatten(axis, axis + 1)


def _first_axis(data_format: str | None) -> int:
    return 1 if config.standardize_data_format(data_format) == "channels_last" else 2


def _repeated(x: Any, factors: Sequence[int], first: int) -> Any:
    for axis, factor in enumerate(factors, first):
        x = torch.repeat_interleave(x, factor, axis)
    return x


@translated("backend.resize_images")
@recorded
def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str | None = None, interpolation: str = "nearest"
) -> Any:
    """Enlarge images by whole factors, by repetition or by "bilinear" or "bicubic" interpolation.

    Bilinear interpolation takes pixels as areas, since tf.keras; in dialect 2 as points, which moves the image.
    """
    x, first, factors = tensor(x), _first_axis(data_format), (height_factor, width_factor)
    if interpolation == "nearest":
        return _repeated(x, factors, first)
    if interpolation not in ("bilinear", "bicubic"):
        raise ValueError(f"`interpolation` must be 'nearest', 'bilinear' or 'bicubic'. Received: {interpolation!r}")
    if interpolation == "bilinear" and config.is_classic():
        return between_points(between_points(x, height_factor, first), width_factor, first + 1)
    size = [x.shape[first] * height_factor, x.shape[first + 1] * width_factor]
    x = torch.movedim(x, -1, 1) if first == 1 else x
    x = F.interpolate(x, size, mode=interpolation, antialias=interpolation == "bicubic")
    return torch.movedim(x, 1, -1) if first == 1 else x


@translated("backend.resize_volumes")
@recorded
def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str | None = None
) -> Any:
    """Enlarge volumes by repeating each element."""
    return _repeated(tensor(x), (depth_factor, height_factor, width_factor), _first_axis(data_format))
