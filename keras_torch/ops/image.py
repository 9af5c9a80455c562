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
from keras_torch.ops.image_layout import back, check, first
from keras_torch.ops.image_sampling import elastic_transform, map_coordinates, scale_and_translate, sobel_edges, ssim


@operation
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """The luma of red, green and blue, as one channel."""
    x, last = first(convert(images), data_format)
    return back(image_colors.rgb_to_grayscale(x), last)


@operation
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Hue, saturation and value of red, green and blue."""
    x, last = first(_fractions(images), data_format)
    return back(image_colors.rgb_to_hsv(x), last)


@operation
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Red, green and blue of hue, saturation and value."""
    x, last = first(_fractions(images), data_format)
    return back(image_colors.hsv_to_rgb(x), last)


def _fractions(images: Any) -> Any:
    """Colours of this kind lie between 0 and 1, so that whole numbers would be a mistake."""
    x = convert(images)
    if not x.dtype.is_floating_point:
        raise ValueError(f"`images` must be floats between 0 and 1. Received: dtype {config.dtype_name(x.dtype)}")
    return x


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
    x, last = first(convert(images), data_format)
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
    return back(resize_by(x, (rows, columns), name, antialias, "channels_first"), last)


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
    check(interpolation, image_transforms.SAMPLINGS, "interpolation")
    check(fill_mode, (*image_transforms.FILL_MODES, "mirror"), "fill_mode")
    x, last = first(convert(images), data_format)
    batch = x if x.dim() == 4 else x[None]
    transform = floating(transform).to(batch.device)
    maps = (transform if transform.dim() == 2 else transform[None]).expand(len(batch), -1)
    found = image_transforms.affine_transform(batch, maps, interpolation, fill_mode, fill_value)
    return back(found if x.dim() == 4 else found[0], last)


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
    check(interpolation, image_transforms.SAMPLINGS, "interpolation")
    x, last = first(convert(images), data_format)
    batch = x if x.dim() == 4 else x[None]
    points = [floating(item).to(batch.device).reshape(-1, 4, 2) for item in (start_points, end_points)]
    maps = image_transforms.homography(*points).expand(len(batch), -1)
    columns, rows = image_transforms.projected(maps, batch.shape[-2], batch.shape[-1], affine=False)
    found = image_transforms.sample(batch, columns, rows, interpolation, "constant", fill_value)
    return back(found if x.dim() == 4 else found[0], last)


@operation
def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The windows of images as vectors of (rows, columns, channels) each: (..., places down, places across, values).

    With three numbers in `size` those of volumes, as `extract_patches_3d` returns them.
    """
    rank = 3 if isinstance(size, (list, tuple)) and len(size) == 3 else 2
    return _patches(images, rank, size, strides, dilation_rate, padding, data_format)


@operation
def extract_patches_3d(
    volumes: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The windows of volumes as vectors of (depth, rows, columns, channels) each."""
    return _patches(volumes, 3, size, strides, dilation_rate, padding, data_format)


def _patches(x: Any, rank: int, size: Any, strides: Any, dilation: Any, padding: str, data_format: str | None) -> Any:
    x = floating(x)
    if x.dim() not in (rank + 1, rank + 2):
        raise ValueError(f"Patches of {rank} axes need {rank + 1} axes, or one more. Received: shape {tuple(x.shape)}")
    last = config.standardize_data_format(data_format) == "channels_last"
    single, channels = x.dim() == rank + 1, -1 if last else -rank - 1
    batch = (x[None] if single else x).movedim(channels, 1)
    if isinstance(size, (list, tuple)) and len(size) != rank:
        raise ValueError(f"`size` must be a number or one for each of the {rank} axes. Received: size={size!r}")
    numbers = [(item,) * rank if isinstance(item, int) else tuple(item) for item in (size, strides or size, dilation)]
    windows = list(zip(*numbers, strict=True))
    pairs = padding_pairs(batch.shape[2:], windows, padding.lower())
    batch = F.pad(batch, [amount for pair in reversed(pairs) for amount in pair])
    for axis, (width, stride, step) in enumerate(windows, 2):
        batch = batch.unfold(axis, (width - 1) * step + 1, stride)[..., ::step]
    # (N, C, places, windows) as (N, windows and C, places).
    found = batch.permute(0, *range(rank + 2, 2 * rank + 2), 1, *range(2, rank + 2)).flatten(1, -rank - 1)
    found = found.movedim(1, channels) if last else found
    return found[0] if single else found


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
    x, last = first(convert(images), data_format)
    top, bottom = _amounts(x.shape[-2], top_padding, bottom_padding, target_height, -1, "top, bottom, target_height")
    left, right = _amounts(x.shape[-1], left_padding, right_padding, target_width, -1, "left, right, target_width")
    return back(F.pad(x, (left, right, top, bottom)), last)


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
    x, last = first(convert(images), data_format)
    top, bottom = _amounts(x.shape[-2], top_cropping, bottom_cropping, target_height, 1, "top, bottom, target_height")
    left, right = _amounts(x.shape[-1], left_cropping, right_cropping, target_width, 1, "left, right, target_width")
    return back(x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right], last)


def _amounts(
    size: int, before: int | None, after: int | None, target: int | None, sign: int, names: str
) -> tuple[int, int]:
    """Work out the third of amount before, amount after and target size; `sign` is 1 for cutting."""
    if [before, after, target].count(None) != 1:
        raise ValueError(f"Exactly two of ({names}) must be given. Received: {before}, {after}, {target}")
    if target is not None and target < 0:
        raise ValueError(f"The target of ({names}) must not be negative. Received: {target}")
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
    """Blur with a Gaussian of so many pixels and such widths (across, down)."""
    x, last = first(floating(images), data_format)
    batch = x if x.dim() == 4 else x[None]
    kernels = [
        image_transforms.gaussian_kernel(size, convert(width).to(x.device, torch.float32))
        for size, width in zip(kernel_size, sigma, strict=True)
    ]
    found = image_transforms.blur(batch, kernels)
    return back(found if x.dim() == 4 else found[0], last)


__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]
