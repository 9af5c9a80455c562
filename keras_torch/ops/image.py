"""`keras.ops.image`: resizing, colours, padding, patches and maps of images, by `keras_torch.backend`."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.backend import image_colors, image_transforms
from keras_torch.backend.conv import padding_pairs
from keras_torch.backend.images import check_interpolation
from keras_torch.backend.images import resize as resize_by
from keras_torch.ops.arguments import convert, floating, operation


def _first(images: Any, data_format: str | None) -> tuple[Any, bool]:
    """Return images with the channels before rows and columns, and whether they were last."""
    last = config.standardize_data_format(data_format) == "channels_last"
    if images.dim() not in (3, 4):
        raise ValueError(f"`images` must have 3 axes, or 4 with a batch. Received: shape {tuple(images.shape)}")
    return (images.movedim(-1, -3) if last else images), last


def _back(images: Any, last: bool) -> Any:
    return images.movedim(-3, -1) if last else images


@operation
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """The luma of red, green and blue, as one channel."""
    x, last = _first(convert(images), data_format)
    return _back(image_colors.rgb_to_grayscale(x), last)


@operation
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Hue, saturation and value of red, green and blue."""
    x, last = _first(floating(images), data_format)
    return _back(image_colors.rgb_to_hsv(x), last)


@operation
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Red, green and blue of hue, saturation and value."""
    x, last = _first(floating(images), data_format)
    return _back(image_colors.hsv_to_rgb(x), last)


@operation
def resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Resize to (height, width); to keep the aspect ratio, cut off or fill up the longer side first."""
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("Only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True.")
    if fill_mode != "constant":
        raise ValueError(f"`fill_mode` must be 'constant'. Received: fill_mode={fill_mode!r}")
    x, last = _first(convert(images), data_format)
    height, width = x.shape[-2:]
    rows, columns = (int(item) for item in size)
    if crop_to_aspect_ratio:
        kept = min(height, max(1, width * rows // columns)), min(width, max(1, height * columns // rows))
        top, left = (height - kept[0]) // 2, (width - kept[1]) // 2
        x = x[..., top : top + kept[0], left : left + kept[1]]
    elif pad_to_aspect_ratio:
        full = max(height, width * rows // columns), max(width, height * columns // rows)
        top, left = (full[0] - height) // 2, (full[1] - width) // 2
        amounts = (left, full[1] - width - left, top, full[0] - height - top)
        x = F.pad(x, amounts, value=fill_value)
    name = check_interpolation(interpolation, "`resize`")
    return _back(resize_by(x, (rows, columns), name, antialias, "channels_first"), last)


@operation
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Apply the map of 8 numbers that takes places in the result to places in the image."""
    _check(interpolation, image_transforms.SAMPLINGS, "interpolation")
    _check(fill_mode, image_transforms.FILL_MODES, "fill_mode")
    x, last = _first(convert(images), data_format)
    batch = x if x.dim() == 4 else x[None]
    transform = floating(transform).to(batch.device)
    maps = (transform if transform.dim() == 2 else transform[None]).expand(len(batch), -1)
    found = image_transforms.affine_transform(batch, maps, interpolation, fill_mode, fill_value)
    return _back(found if x.dim() == 4 else found[0], last)


def _check(value: str, allowed: Any, argument: str) -> None:
    if value not in allowed:
        raise ValueError(f"`{argument}` must be one of {tuple(allowed)}. Received: {argument}={value!r}")


@operation
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Apply the projective map that takes four points of the image to four others."""
    _check(interpolation, image_transforms.SAMPLINGS, "interpolation")
    x, last = _first(convert(images), data_format)
    batch = x if x.dim() == 4 else x[None]
    points = [floating(item).to(batch.device).reshape(-1, 4, 2) for item in (start_points, end_points)]
    maps = image_transforms.homography(*points).expand(len(batch), -1)
    columns, rows = image_transforms.projected(maps, batch.shape[-2], batch.shape[-1], affine=False)
    found = image_transforms.sample(batch, columns, rows, interpolation, "constant", fill_value)
    return _back(found if x.dim() == 4 else found[0], last)


@operation
def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The windows of images as vectors of (rows, columns, channels) each: (..., places down, places across, values)."""
    x, last = _first(floating(images), data_format)
    batch = x if x.dim() == 4 else x[None]
    size = (size, size) if isinstance(size, int) else tuple(size)
    strides = size if strides is None else strides
    strides = (strides, strides) if isinstance(strides, int) else tuple(strides)
    dilation = (dilation_rate, dilation_rate) if isinstance(dilation_rate, int) else tuple(dilation_rate)
    windows = list(zip(size, strides, dilation, strict=True))
    (top, bottom), (left, right) = padding_pairs(batch.shape[-2:], windows, padding.lower())
    batch = F.pad(batch, (left, right, top, bottom))
    places = [
        (n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(batch.shape[-2:], size, strides, dilation, strict=True)
    ]
    columns = F.unfold(batch, size, dilation=dilation, stride=strides)
    columns = columns.unflatten(1, (batch.shape[1], -1)).transpose(1, 2).flatten(1, 2)
    found = columns.unflatten(2, places)
    return _back(found if x.dim() == 4 else found[0], last)


@operation
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Put zeros around images; of amount before, amount after and target size, two are given for each side."""
    x, last = _first(convert(images), data_format)
    top, bottom = _amounts(x.shape[-2], top_padding, bottom_padding, target_height, -1, "top, bottom, target_height")
    left, right = _amounts(x.shape[-1], left_padding, right_padding, target_width, -1, "left, right, target_width")
    return _back(F.pad(x, (left, right, top, bottom)), last)


@operation
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Cut images; of amount before, amount after and target size, two are given for each side."""
    x, last = _first(convert(images), data_format)
    top, bottom = _amounts(x.shape[-2], top_cropping, bottom_cropping, target_height, 1, "top, bottom, target_height")
    left, right = _amounts(x.shape[-1], left_cropping, right_cropping, target_width, 1, "left, right, target_width")
    return _back(x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right], last)


def _amounts(
    size: int, before: int | None, after: int | None, target: int | None, sign: int, names: str
) -> tuple[int, int]:
    """Work out the third of amount before, amount after and target size; `sign` is 1 for cutting."""
    if [before, after, target].count(None) != 1:
        raise ValueError(f"Exactly two of ({names}) must be given. Received: {before}, {after}, {target}")
    if before is None:
        before = sign * (size - (target or 0)) - (after or 0)
    if after is None:
        after = sign * (size - (target or 0)) - before
    if before < 0 or after < 0:
        raise ValueError(f"({names}) do not fit the size {size}. Received: {before}, {after}, {target}")
    return before, after


@operation
def gaussian_blur(
    images: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> Any:
    """Blur with a Gaussian of so many pixels and widths (rows, columns)."""
    x, last = _first(floating(images), data_format)
    batch = x if x.dim() == 4 else x[None]
    kernels = [
        image_transforms.gaussian_kernel(size, torch.as_tensor(float(width), device=x.device))
        for size, width in zip(reversed(tuple(kernel_size)), reversed(tuple(sigma)), strict=True)
    ]
    found = image_transforms.blur(batch, kernels)
    return _back(found if x.dim() == 4 else found[0], last)
