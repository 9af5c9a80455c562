"""Padding and resizing of sequences, images and volumes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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


def repeated(x: Any, factors: Sequence[int], first: int) -> Any:
    """Repeat each element `factors` times along the axes from `first` on."""
    for axis, factor in enumerate(factors, first):
        x = torch.repeat_interleave(x, factor, axis)
    return x


@translated("backend.resize_images")
@recorded
def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str | None = None, interpolation: str = "nearest"
) -> Any:
    """Enlarge images by whole factors, by repetition or with one of TensorFlow's kernels (see `resize`).

    Bilinear interpolation takes pixels as areas, since tf.keras; in dialect 2 as points, which moves the image.
    """
    x, first, factors = tensor(x), _first_axis(data_format), (height_factor, width_factor)
    interpolation = check_interpolation(interpolation, "`resize_images`")
    if interpolation == "nearest":
        return repeated(x, factors, first)
    if interpolation == "bilinear" and config.is_classic():
        return between_points(between_points(x, height_factor, first), width_factor, first + 1)
    size = (x.shape[first] * height_factor, x.shape[first + 1] * width_factor)
    return resize(x, size, interpolation, data_format=data_format)


@translated("backend.resize_volumes")
@recorded
def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str | None = None
) -> Any:
    """Enlarge volumes by repeating each element."""
    return repeated(tensor(x), (depth_factor, height_factor, width_factor), _first_axis(data_format))


def _linear(x: torch.Tensor) -> torch.Tensor:
    return (1.0 - x).clamp(min=0.0)


def _keys(x: torch.Tensor) -> torch.Tensor:
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return torch.where(x < 1.0, near, torch.where(x < 2.0, far, 0.0))


def _mitchell(x: torch.Tensor) -> torch.Tensor:
    near = (7.0 / 6.0 * x - 2.0) * x * x + 8.0 / 9.0
    far = ((-7.0 / 18.0 * x + 2.0) * x - 10.0 / 3.0) * x + 16.0 / 9.0
    return torch.where(x < 1.0, near, torch.where(x < 2.0, far, 0.0))


def _gaussian(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x < 1.5, torch.exp(-2.0 * x * x), 0.0)


def _lanczos(radius: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def kernel(x: torch.Tensor) -> torch.Tensor:
        return torch.where(x <= radius, torch.sinc(x) * torch.sinc(x / radius), 0.0)

    return kernel


# Mitchell and Netravali's cubic has B = C = 1/3; the Gaussian ends at three standard deviations.
_KERNELS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "bilinear": _linear,
    "bicubic": _keys,
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
    "gaussian": _gaussian,
    "mitchellcubic": _mitchell,
}
INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
# TensorFlow's cubic resizing without antialias looks its weights up in a table of so many steps between two pixels.
_CUBIC_STEPS = 1024


def _area_weights(size: int, new_size: int, like: torch.Tensor) -> torch.Tensor:
    """Which share of each new element (rows) the old ones cover."""
    step = size / new_size
    start = torch.arange(new_size, device=like.device, dtype=like.dtype)[:, None] * step
    old = torch.arange(size, device=like.device, dtype=like.dtype)
    overlap = torch.minimum(start + step, old + 1) - torch.maximum(start, old)
    return overlap.clamp(min=0.0) / step


def _kernel_weights(size: int, new_size: int, interpolation: str, antialias: bool, like: torch.Tensor) -> torch.Tensor:
    """The weights of the old elements (columns) in the new ones (rows); elements are areas, and rows sum to one."""
    step = size / new_size
    centre = (torch.arange(new_size, device=like.device, dtype=like.dtype) + 0.5) * step - 0.5
    if interpolation == "bicubic" and not antialias:
        below = centre.floor()
        centre = below + ((centre - below) * _CUBIC_STEPS).round() / _CUBIC_STEPS
    distance = (torch.arange(size, device=like.device, dtype=like.dtype) - centre[:, None]).abs()
    weights = _KERNELS[interpolation](distance * (min(1.0 / step, 1.0) if antialias else 1.0))
    return weights / weights.sum(1, keepdim=True)


def placed_weights(
    size: int, new_size: int, scale: torch.Tensor, translation: torch.Tensor, kernel: str, antialias: bool
) -> torch.Tensor:
    """Return the weights of old elements (columns) in new ones (rows), enlarged by `scale`, then moved.

    New elements whose centres lie outside the old ones are 0.
    """
    places = torch.arange(new_size, device=scale.device, dtype=scale.dtype)
    centre = (places + 0.5 - translation) / scale - 0.5
    distance = (torch.arange(size, device=scale.device, dtype=scale.dtype) - centre[:, None]).abs()
    weights = _KERNELS[kernel](distance * scale.clamp(max=1.0) if antialias else distance)
    total = weights.sum(1, keepdim=True)
    inside = (centre >= -0.5) & (centre <= size - 0.5)
    return torch.where(inside[:, None] & (total.abs() > 1e-4), weights / total, 0.0)


def _weighted(x: torch.Tensor, size: Sequence[int], interpolation: str, antialias: bool) -> torch.Tensor:
    """Resize (..., height, width) by one product with a matrix of weights for each of the two axes."""
    if interpolation == "area":
        rows, columns = (_area_weights(x.shape[axis], size[axis], x) for axis in (-2, -1))
    else:
        rows, columns = (_kernel_weights(x.shape[axis], size[axis], interpolation, antialias, x) for axis in (-2, -1))
    return rows @ (x @ columns.t())


def _nearest(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    if x.dtype in (torch.float32, torch.float64):
        return F.interpolate(x, tuple(size), mode="nearest-exact")
    for axis in (-2, -1):
        index = (torch.arange(size[axis], device=x.device) + 0.5) * (x.shape[axis] / size[axis])
        x = x.index_select(axis, index.long().clamp(max=x.shape[axis] - 1))
    return x


def check_interpolation(interpolation: Any, owner: str) -> str:
    """Return the name of a way to resize in lower case. ValueError for an unknown one."""
    name = str(interpolation).lower()
    if name not in INTERPOLATIONS:
        raise ValueError(f"{owner}: `interpolation` must be one of {INTERPOLATIONS}. Received: {interpolation!r}")
    return name


def resize(
    x: torch.Tensor,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    data_format: str | None = None,
) -> torch.Tensor:
    """Resize images, a batch or a single one, to (height, width) with the kernels of `tf.image.resize`.

    `F.interpolate` where torch has the kernel, else a product with weights for each axis. `antialias` widens the kernel
    where the image shrinks. Computed in float32 at least; other types come back rounded or as they are for "nearest".
    """
    channels_last = config.standardize_data_format(data_format) == "channels_last"
    images = torch.movedim(x, -1, -3) if channels_last else x
    single = images.dim() == 3
    images = images[None] if single else images
    if tuple(images.shape[-2:]) == tuple(size):
        return x
    if math.prod(images.shape) == 0:
        images = images.new_zeros((*images.shape[:-2], *size))
    elif interpolation == "nearest":
        images = _nearest(images, size)
    else:
        images = _smooth(images, size, interpolation, antialias)
    images = images[0] if single else images
    return torch.movedim(images, -3, -1) if channels_last else images


def _smooth(images: torch.Tensor, size: Sequence[int], interpolation: str, antialias: bool) -> torch.Tensor:
    dtype = images.dtype
    working = images if dtype in (torch.float32, torch.float64) else images.float()
    if interpolation == "bilinear" or (interpolation == "bicubic" and antialias):
        # With antialias torch's cubic kernel is TensorFlow's, and weights at the border are renormalized alike.
        working = F.interpolate(working, tuple(size), mode=interpolation, antialias=antialias)
    else:
        working = _weighted(working, size, interpolation, antialias)
    if dtype.is_floating_point:
        return working.to(dtype)
    limits = torch.iinfo(dtype)
    return working.round().clamp(limits.min, limits.max).to(dtype)
