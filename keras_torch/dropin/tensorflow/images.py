"""`tf.image` beyond what files of tf.keras hold: random changes, colours, boxes, measures of likeness."""

from __future__ import annotations

import enum
import math
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import ops
from keras_torch.backend.image_quality import similarity, sobel
from keras_torch.backend.tensors import recorded
from keras_torch.dropin.tensorflow import random
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import as_dtype, is_integer
from keras_torch.dropin.tensorflow.sizes import ints
from keras_torch.models.operations import tensorflow_images as images
from keras_torch.models.operations.tensorflow_images import RESIZE_METHODS


class ResizeMethod(str, enum.Enum):
    """How `tf.image.resize` computes new pixels."""

    AREA = "area"
    BICUBIC = "bicubic"
    BILINEAR = "bilinear"
    GAUSSIAN = "gaussian"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    MITCHELLCUBIC = "mitchellcubic"
    NEAREST_NEIGHBOR = "nearest"


def resize(
    images: Any,
    size: Any,
    method: Any = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    align_corners: bool = False,
) -> Any:
    """Return images of another height and width, float32 unless `method` is nearest."""
    if align_corners:
        raise ValueError("`tf.image.resize` has no `align_corners` here. Use `torch.nn.functional.interpolate`.")
    images = convert_to_tensor(images)
    name = method.value if isinstance(method, ResizeMethod) else RESIZE_METHODS.get(method, method)
    height, width = ints(size)
    if preserve_aspect_ratio:
        rows, columns = images.shape[-3:-1]
        scale = min(height / rows, width / columns)
        height, width = round(rows * scale), round(columns * scale)
    if name == "area":
        return _area(images, height, width)
    if name != "nearest":
        images = ops.cast(images, "float32")
    return ops.image.resize(images, (height, width), name, antialias, data_format="channels_last")


@recorded
def _area(images: Any, height: int, width: int) -> Any:
    rows, columns = (_shares(n, m).to(images.device) for n, m in zip(images.shape[-3:-1], (height, width), strict=True))
    return torch.einsum("...hwc,ih,jw->...ijc", images.float(), rows, columns)


def _shares(size: int, wanted: int) -> torch.Tensor:
    """Which share of each new pixel each old one covers. (torch's mode "area" takes whole pixels.)"""
    edges = torch.arange(wanted + 1, dtype=torch.float64) * size / wanted
    low = torch.arange(size, dtype=torch.float64)
    covered = torch.minimum(edges[1:, None], low + 1) - torch.maximum(edges[:-1, None], low)
    return (covered.clamp(min=0) * wanted / size).float()


def resize_with_pad(
    image: Any, target_height: Any, target_width: Any, method: Any = "bilinear", antialias: bool = False
) -> Any:
    """Resize so that the image fits in, keeping its proportions, and pad with zeros."""
    image = convert_to_tensor(image)
    target_height, target_width = int(target_height), int(target_width)
    height, width = image.shape[-3:-1]
    ratio = max(width / target_width, height / target_height)
    found = resize(image, (int(height / ratio), int(width / ratio)), method, antialias=antialias)
    top, left = int((target_height - height / ratio) / 2), int((target_width - width / ratio) / 2)
    return images.pad_to_bounding_box(found, top, left, target_height, target_width)


def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False) -> Any:
    """Return an image in another type, scaled so that [0, 1] of floats is the whole range of integers."""
    image, dtype = convert_to_tensor(image), as_dtype(dtype)
    own = as_dtype(image.dtype)
    if own is dtype:
        return image
    if is_integer(own) and is_integer(dtype):
        return _between_integers(image, own, dtype)
    if is_integer(own):
        return ops.multiply(ops.cast(image, dtype), 1.0 / torch.iinfo(own).max)
    if not is_integer(dtype):
        return ops.cast(image, dtype)
    scaled = ops.multiply(image, torch.iinfo(dtype).max + 0.5)
    return ops.saturate_cast(scaled, dtype) if saturate else ops.cast(scaled, dtype)


def _between_integers(image: Any, own: torch.dtype, dtype: torch.dtype) -> Any:
    first, second = torch.iinfo(own).max, torch.iinfo(dtype).max
    if first > second:
        return ops.cast(ops.floor_divide(image, (first + 1) // (second + 1)), dtype)
    return ops.multiply(ops.cast(image, dtype), (second + 1) // (first + 1))


def _in_float(change: Any) -> Any:
    """Let a change of colours compute in float32 between [0, 1], and return the image's own type."""

    def call(image: Any, *args: Any, **kwargs: Any) -> Any:
        image = convert_to_tensor(image)
        found = change(convert_image_dtype(image, "float32"), *args, **kwargs)
        return convert_image_dtype(found, image.dtype, saturate=True)

    call.__name__ = change.__name__
    return call


@_in_float
def adjust_brightness(image: Any, delta: Any) -> Any:
    """Add to the values, of an image in [0, 1]."""
    return image + delta


def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """Move values away from the mean of their channel, or towards it."""
    return _adjust_contrast(images, contrast_factor=contrast_factor)


@_in_float
def _adjust_contrast(image: Any, contrast_factor: Any) -> Any:
    mean = ops.mean(image, (-3, -2), True)
    return (image - mean) * contrast_factor + mean


@_in_float
def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Any:
    """`gain * image**gamma`."""
    return gain * image**gamma


@_in_float
def adjust_hue(image: Any, delta: Any) -> Any:
    """Turn the hue, by a share of the circle."""
    hsv = ops.image.rgb_to_hsv(image, "channels_last")
    hue, rest = hsv[..., :1], hsv[..., 1:]
    return ops.image.hsv_to_rgb(ops.concatenate([ops.mod(hue + delta, 1.0), rest], -1), "channels_last")


@_in_float
def adjust_saturation(image: Any, saturation_factor: Any) -> Any:
    """Multiply the saturation."""
    hsv = ops.image.rgb_to_hsv(image, "channels_last")
    hue, saturation, value = hsv[..., :1], hsv[..., 1:2], hsv[..., 2:]
    saturation = ops.clip(saturation * saturation_factor, 0.0, 1.0)
    return ops.image.hsv_to_rgb(ops.concatenate([hue, saturation, value], -1), "channels_last")


def _draw(low: float, high: float, seed: Any) -> float:
    return float(random.uniform((), low, high, seed=seed))


def random_brightness(image: Any, max_delta: float, seed: Any = None) -> Any:
    """`adjust_brightness` by a random number in [-max_delta, max_delta)."""
    return adjust_brightness(image, _draw(-max_delta, max_delta, seed))


def random_contrast(image: Any, lower: float, upper: float, seed: Any = None) -> Any:
    """`adjust_contrast` by a random factor in [lower, upper)."""
    return adjust_contrast(image, _draw(lower, upper, seed))


def random_hue(image: Any, max_delta: float, seed: Any = None) -> Any:
    """`adjust_hue` by a random number in [-max_delta, max_delta)."""
    return adjust_hue(image, _draw(-max_delta, max_delta, seed))


def random_saturation(image: Any, lower: float, upper: float, seed: Any = None) -> Any:
    """`adjust_saturation` by a random factor in [lower, upper)."""
    return adjust_saturation(image, _draw(lower, upper, seed))


def _random_flip(axis: int) -> Any:
    def call(image: Any, seed: Any = None) -> Any:
        image = convert_to_tensor(image)
        if len(image.shape) == 3:
            return ops.flip(image, axis) if _draw(0.0, 1.0, seed) < 0.5 else image
        chosen = random.uniform((len(image), 1, 1, 1), seed=seed) < 0.5
        return torch.where(chosen, torch.flip(image, (axis,)), image)

    return call


def random_crop(value: Any, size: Any, seed: Any = None) -> Any:
    """A box of `size` at a random place; -1 is the whole axis."""
    value = convert_to_tensor(value)
    wanted = [have if n == -1 else n for n, have in zip(ints(size), value.shape, strict=True)]
    if any(n > have for n, have in zip(wanted, value.shape, strict=True)):
        raise ValueError(
            f"`random_crop` needs a tensor as large as the crop. Received: {tuple(value.shape)} and {wanted}"
        )
    spans = [have - n + 1 for n, have in zip(wanted, value.shape, strict=True)]
    drawn = random.uniform((len(spans),), seed=seed).tolist()
    starts = [min(int(share * span), span - 1) for share, span in zip(drawn, spans, strict=True)]
    return value[tuple(slice(start, start + n) for start, n in zip(starts, wanted, strict=True))]


def grayscale_to_rgb(images: Any) -> Any:
    """Repeat the one channel three times."""
    return ops.repeat(convert_to_tensor(images), 3, -1)


@recorded
def rgb_to_grayscale(images: Any) -> Any:
    """The weighted sum of the channels, in the type of the image."""
    image = convert_to_tensor(images)
    own = image.dtype
    floats = convert_image_dtype(image, "float32")
    weights = torch.tensor([0.2989, 0.587, 0.114], device=image.device)
    return convert_image_dtype((floats @ weights)[..., None], own, saturate=True)


def psnr(a: Any, b: Any, max_val: Any) -> Any:
    """The peak signal-to-noise ratio of pairs of images, in decibels."""
    limit = _limit(a, max_val)
    a, b = (convert_image_dtype(item, "float32") for item in (a, b))
    mse = ops.mean(ops.square(a - b), (-3, -2, -1))
    return 20 * math.log10(limit) - 10 * torch.log10(mse)


def _limit(image: Any, max_val: Any) -> float:
    """Return the largest value that an image may have once it is one of floats."""
    dtype = as_dtype(convert_to_tensor(image).dtype)
    return float(max_val) / torch.iinfo(dtype).max if is_integer(dtype) else float(max_val)


def ssim(
    img1: Any,
    img2: Any,
    max_val: Any,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    return_index_map: bool = False,
) -> Any:
    """The structural similarity of pairs of images (Wang et al., 2004)."""
    first, second = (convert_to_tensor(item) for item in (img1, img2))
    limit = _limit(first, max_val)
    first, second = (convert_image_dtype(item, "float32") for item in (first, second))
    batch = first.shape[:-3]
    first, second = (item.reshape(-1, *item.shape[-3:]).permute(0, 3, 1, 2) for item in (first, second))
    luminance, structure = similarity(first, second, limit, filter_size, filter_sigma, k1, k2)
    found = (luminance * structure).unflatten(0, batch)
    return found.mean(1) if return_index_map else found.mean((-2, -1)).mean(-1)


def total_variation(images: Any) -> Any:
    """The sum of the absolute differences of neighbouring pixels."""
    x = convert_to_tensor(images)
    down = torch.abs(x[..., 1:, :, :] - x[..., :-1, :, :]).sum((-3, -2, -1))
    return down + torch.abs(x[..., :, 1:, :] - x[..., :, :-1, :]).sum((-3, -2, -1))


def image_gradients(image: Any) -> Any:
    """The differences to the next pixel below and to the right, zeros at the end."""
    x = convert_to_tensor(image)
    down = F.pad(x[:, 1:] - x[:, :-1], (0, 0, 0, 0, 0, 1))
    return down, F.pad(x[:, :, 1:] - x[:, :, :-1], (0, 0, 0, 1))


def sobel_edges(image: Any) -> Any:
    """The derivatives by Sobel's kernels along height and width, as a last axis."""
    return sobel(convert_to_tensor(image).permute(0, 3, 1, 2), "reflect").permute(0, 3, 4, 1, 2)


def crop_and_resize(
    image: Any,
    boxes: Any,
    box_indices: Any,
    crop_size: Any,
    method: str = "bilinear",
    extrapolation_value: float = 0.0,
) -> Any:
    """Boxes of images, in shares of height and width (y1, x1, y2, x2), at one size."""
    image, boxes = convert_to_tensor(image).float(), convert_to_tensor(boxes).float()
    height, width = ints(crop_size)
    rows, columns = image.shape[1:3]

    def places(first: Any, last: Any, count: int, total: int) -> Any:
        if count == 1:
            return 0.5 * (first + last)[:, None] * (total - 1)
        steps = torch.arange(count, device=image.device) / (count - 1)
        return (first[:, None] + (last - first)[:, None] * steps) * (total - 1)

    y, x = places(boxes[:, 0], boxes[:, 2], height, rows), places(boxes[:, 1], boxes[:, 3], width, columns)
    picked = image[convert_to_tensor(box_indices).long()].permute(0, 3, 1, 2)
    grid_y, grid_x = y * 2 / max(rows - 1, 1) - 1, x * 2 / max(columns - 1, 1) - 1
    grid = torch.stack([grid_x[:, None].expand(-1, height, -1), grid_y[:, :, None].expand(-1, -1, width)], -1)
    found = F.grid_sample(picked, grid, method, "border", align_corners=True).permute(0, 2, 3, 1)
    outside = ((y < 0) | (y > rows - 1))[:, :, None] | ((x < 0) | (x > columns - 1))[:, None]
    return torch.where(outside[..., None], torch.as_tensor(extrapolation_value), found)


def draw_bounding_boxes(images: Any, boxes: Any, colors: Any = None) -> Any:
    """Draw frames around boxes (y1, x1, y2, x2 in shares of the image) of images in [0, 1]."""
    found = convert_to_tensor(images).clone()
    height, width = found.shape[1:3]
    palette = torch.as_tensor([[1.0, 1.0, 0.0]] if colors is None else colors, dtype=found.dtype, device=found.device)
    for picture, own in zip(found, convert_to_tensor(boxes), strict=True):
        for number, box in enumerate(own):
            top, left, bottom, right = (
                int(share * (n - 1)) for share, n in zip(box.tolist(), (height, width) * 2, strict=True)
            )
            color = palette[number % len(palette)][: picture.shape[-1]]
            for line in (picture[top : bottom + 1, left], picture[top : bottom + 1, right]):
                line[:] = color
            for line in (picture[top, left : right + 1], picture[bottom, left : right + 1]):
                line[:] = color
    return found


_YUV = [[0.299, -0.14714119, 0.61497538], [0.587, -0.28886916, -0.51496512], [0.114, 0.43601035, -0.10001026]]
_YIQ = [[0.299, 0.59590059, 0.21153661], [0.587, -0.27455667, -0.52273617], [0.114, -0.32134392, 0.31119955]]

# TensorFlow rounds one number on the way to YIQ only.
_TO_YIQ = [[0.299, 0.59590059, 0.2115], *_YIQ[1:]]


def _colours(matrix: list[list[float]], back: bool) -> Any:
    """Return the function that multiplies each pixel with a matrix, or with its inverse."""
    kernel = torch.tensor(matrix, dtype=torch.float64)
    kernel = torch.linalg.inv(kernel) if back else kernel

    def call(images: Any) -> Any:
        x = convert_to_tensor(images)
        return x @ kernel.to(x.device, x.dtype)

    return recorded(call)


NAMES = {
    "image.ResizeMethod": ResizeMethod,
    "image.adjust_brightness": adjust_brightness,
    "image.adjust_contrast": adjust_contrast,
    "image.adjust_gamma": adjust_gamma,
    "image.adjust_hue": adjust_hue,
    "image.adjust_saturation": adjust_saturation,
    "image.convert_image_dtype": convert_image_dtype,
    "image.crop_and_resize": crop_and_resize,
    "image.draw_bounding_boxes": draw_bounding_boxes,
    "image.grayscale_to_rgb": grayscale_to_rgb,
    "image.image_gradients": image_gradients,
    "image.psnr": psnr,
    "image.random_brightness": random_brightness,
    "image.random_contrast": random_contrast,
    "image.random_crop": random_crop,
    "image.random_flip_left_right": _random_flip(-2),
    "image.random_flip_up_down": _random_flip(-3),
    "image.random_hue": random_hue,
    "image.random_saturation": random_saturation,
    "image.resize": resize,
    "image.resize_with_pad": resize_with_pad,
    "image.rgb_to_grayscale": rgb_to_grayscale,
    "image.sobel_edges": sobel_edges,
    "image.rgb_to_yiq": _colours(_TO_YIQ, False),
    "image.rgb_to_yuv": _colours(_YUV, False),
    "image.ssim": ssim,
    "image.stateless_random_brightness": random.stateless(random_brightness, 2),
    "image.stateless_random_contrast": random.stateless(random_contrast, 3),
    "image.stateless_random_crop": random.stateless(random_crop, 2),
    "image.stateless_random_flip_left_right": random.stateless(_random_flip(-2), 1),
    "image.stateless_random_flip_up_down": random.stateless(_random_flip(-3), 1),
    "image.stateless_random_hue": random.stateless(random_hue, 2),
    "image.stateless_random_saturation": random.stateless(random_saturation, 3),
    "image.total_variation": total_variation,
    "image.yiq_to_rgb": _colours(_YIQ, True),
    "image.yuv_to_rgb": _colours(_YUV, True),
}
VERSION_1 = {
    "image.resize_image_with_crop_or_pad": images.resize_with_crop_or_pad,
    "image.resize_image_with_pad": resize_with_pad,
    "random_crop": random_crop,
}
